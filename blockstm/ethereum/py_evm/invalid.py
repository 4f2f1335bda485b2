"""Why a transaction of a block cannot be executed, and what can be done about it."""

from __future__ import annotations

import re
from ast import literal_eval
from typing import Any, Final

from blockstm.blocks.block import Block
from blockstm.errors import EthereumInputError, one_line
from blockstm.ethereum.py_evm.dryrun import dry_run
from blockstm.ethereum.py_evm.machine import decode_transaction
from blockstm.ethereum.rules.blobs import GAS_PER_BLOB
from blockstm.ethereum.rules.environment import Environment
from blockstm.ethereum.rules.forks import vm_class
from blockstm.ethereum.rules.keys import ENVIRONMENT_KEY, balance_key, decode_number, existence_key, nonce_key
from blockstm.results.result import Result

__all__ = ["missing_hashes_message", "why_not_executed"]

_REASON_CHARACTERS_MAX: Final = 1000
_INVALID: Final = "ValidationError"
_NATIVE_FAULT: Final = "NativeEvmError"
_BYTES: Final = re.compile(r"""\bb('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")
_BLOB_TYPE: Final = 3


def why_not_executed(block: Block, result: Result, txn_idx: int) -> str:
    """Return what is wrong with a transaction that failed, and the fix.

    Arguments:
        block: the block, one that `record ethereum` made.
        result: what came of it.
        txn_idx: the transaction's place in it.
    """
    kind, _, reason = str(result.receipts[txn_idx].error).partition(": ")
    if kind == EthereumInputError.__name__:
        numbers = dry_run(block).missing_block_hashes
        return missing_hashes_message(numbers) if numbers else one_line(reason, _REASON_CHARACTERS_MAX)
    if kind == _INVALID:
        return _why_invalid(block, result, txn_idx, reason)
    if kind == _NATIVE_FAULT:
        return (
            f"the native EVM is at fault, {one_line(reason, _REASON_CHARACTERS_MAX)}; "
            "choose --evm py-evm, and report it"
        )
    return (
        f"{one_line(f'{kind}: {reason}', _REASON_CHARACTERS_MAX)}; give its transactions the time and memory that "
        "they need"
    )


def missing_hashes_message(numbers: tuple[int, ...]) -> str:
    """Return words for the hashes of blocks that transactions ask for and the state does not hold."""
    listed = ", ".join(map(str, numbers))
    asked = (
        f"the hash of block {listed}, which was"
        if len(numbers) == 1
        else f"the hashes of blocks {listed}, which were"
    )
    return (
        f"the transactions ask for {asked} not recorded; record the block again with --blockhashes FILE, "
        'which is {"number": "0xhash", ...}'
    )


def _why_invalid(block: Block, result: Result, txn_idx: int, reason: str) -> str:
    """Return what makes a transaction invalid: its sender's balance, its nonce, or something else."""
    raw, sender = block.transactions[txn_idx].arguments
    assert isinstance(raw, bytes) and isinstance(sender, bytes)
    environment = Environment.decoded(block.state[ENVIRONMENT_KEY])
    txn = decode_transaction(vm_class(environment.fork), raw, sender)
    found = dict(result.reads(txn_idx))
    # Of an account that does not exist nothing else need be read.
    is_absent = found.get(existence_key(sender), b"") is None
    balance, cost = decode_number(found.get(balance_key(sender))), _highest_cost(txn)
    if (is_absent or balance_key(sender) in found) and balance < cost:
        return f"its sender has {balance} wei, but it may cost {cost} wei; {_fix(block, sender)}"
    nonce = decode_number(found.get(nonce_key(sender)))
    if (is_absent or nonce_key(sender) in found) and nonce != txn.nonce:
        return f"its nonce is {txn.nonce}, but its sender's is then {nonce}; {_fix(block, sender)}"
    return (
        f"{one_line(_plain(reason), _REASON_CHARACTERS_MAX)}; the block is invalid, and no pre-state can help"
    )


def _highest_cost(txn: Any) -> int:
    """Return the wei that a transaction's sender must have: value, and gas at the highest price that it allows."""
    price = txn.gas_price if txn.type_id in (None, 0, 1) else txn.max_fee_per_gas
    cost: int = txn.value + txn.gas * price
    if txn.type_id == _BLOB_TYPE:
        cost += GAS_PER_BLOB * len(txn.blob_versioned_hashes) * txn.max_fee_per_blob_gas
    return cost


def _fix(block: Block, sender: bytes) -> str:
    if existence_key(sender) not in block.state:
        lack = "the pre-state does not have that account"
    else:
        lack = "the pre-state is not whole"
    return (
        f"either the block is invalid, or {lack}: record the block again, with --accounts FILE for what "
        "the pre-state does not have"
    )


def _plain(reason: str) -> str:
    """Return a reason with bytes, which it holds in Python's notation, as 0x and hex digits."""
    return _BYTES.sub(lambda found: f"0x{literal_eval(found[0]).hex()}", reason)
