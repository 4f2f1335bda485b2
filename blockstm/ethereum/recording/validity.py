"""What no transaction of a block may be, as far as the transaction, the header and the sender's code tell.

There is no saying what a transaction that breaks one of these rules does, so a block with one is refused when it is
recorded. What else makes a transaction invalid, its nonce or a balance that is too low, shows when it is executed;
whether its gas fits into what is left of the block's is a check of the header.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from blockstm.ethereum.node.transactions import SignedTransaction
from blockstm.ethereum.rules.blobs import blob_base_fee
from blockstm.ethereum.rules.forks import (
    CANCUN,
    HOMESTEAD,
    ISTANBUL,
    LONDON,
    OSAKA,
    PRAGUE,
    SHANGHAI,
    SPURIOUS_DRAGON,
    is_at_least,
)
from blockstm.ethereum.rules.keys import decode_number

__all__ = ["broken_rule"]

_TYPE_SINCE: Final = {1: "berlin", 2: LONDON, 3: CANCUN, 4: PRAGUE}
_NONCE_MAX: Final = 2**64 - 2
_HALF_CURVE_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_GAS_MAX: Final = 1 << 24
_INIT_CODE_BYTES_MAX: Final = 49_152
_BLOB, _SET_CODE = 3, 4
_BLOB_HASH_VERSION: Final = b"\x01"
_BLOBS_MAX: Final = 6
"""How many blobs a transaction has at most from Osaka on; before, only the block's number is bounded."""
_DELEGATION: Final = b"\xef\x01\x00"
_DELEGATION_BYTES: Final = 23


def broken_rule(
    txn: SignedTransaction, fork: str, header: Mapping[str, bytes], sender_code: bytes
) -> str | None:
    """Return words for the first rule that a transaction breaks, with its EIP; None if it breaks none.

    Arguments:
        txn: the transaction, whose hash and signature are right.
        fork: whose rules hold.
        header: the header's fields, as `read_header` returns them.
        sender_code: the code of its sender before the block.
    """
    since = _TYPE_SINCE.get(txn.kind)
    if since is not None and not is_at_least(fork, since):
        return f"it is of type {txn.kind}, which came with fork {since}, after {fork}"
    for rule in _RULES:
        problem = rule(txn, fork, header)
        if problem is not None:
            return problem
    is_delegation = len(sender_code) == _DELEGATION_BYTES and sender_code.startswith(_DELEGATION)
    if sender_code and not (is_delegation and is_at_least(fork, PRAGUE)):
        return f"its sender, account 0x{txn.sender.hex()}, has code before the block (EIP-3607)"
    return None


def _signature(txn: SignedTransaction, fork: str, header: Mapping[str, bytes]) -> str | None:
    if is_at_least(fork, HOMESTEAD) and decode_number(txn.contents["s"]) > _HALF_CURVE_ORDER:
        return "s of its signature is above half of the curve's order (EIP-2)"
    if txn.kind == 0 and txn.chain_id is not None and not is_at_least(fork, SPURIOUS_DRAGON):
        return f"it is signed for a chain, which came with fork {SPURIOUS_DRAGON}, after {fork} (EIP-155)"
    return None


def _nonce(txn: SignedTransaction, fork: str, header: Mapping[str, bytes]) -> str | None:
    return f"its nonce is over {_NONCE_MAX} (EIP-2681)" if txn.nonce > _NONCE_MAX else None


def _fees(txn: SignedTransaction, fork: str, header: Mapping[str, bytes]) -> str | None:
    if not is_at_least(fork, LONDON):
        return None
    base_fee = decode_number(header["baseFeePerGas"])
    if "maxFeePerGas" in txn.contents:
        fee, tip = (decode_number(txn.contents[name]) for name in ("maxFeePerGas", "maxPriorityFeePerGas"))
        if tip > fee:
            return f"its priority fee per gas, {tip} wei, is above its highest fee, {fee} wei (EIP-1559)"
    else:
        fee = decode_number(txn.contents["gasPrice"])
    if fee < base_fee:
        return f"it pays {fee} wei for gas at most, below the block's base fee, {base_fee} wei (EIP-1559)"
    return None


def _gas(txn: SignedTransaction, fork: str, header: Mapping[str, bytes]) -> str | None:
    gas, intrinsic = decode_number(txn.contents["gas"]), _intrinsic_gas(txn, fork)
    if is_at_least(fork, OSAKA) and gas > _GAS_MAX:
        return f"its gas limit, {gas}, is above {_GAS_MAX} (EIP-7825)"
    if gas < intrinsic:
        return f"its gas limit, {gas}, is below its intrinsic gas, {intrinsic}"
    if is_at_least(fork, PRAGUE) and gas < (floor := 21_000 + 10 * _tokens(txn, 4)):
        return f"its gas limit, {gas}, is below the floor for its input, {floor} (EIP-7623)"
    return None


def _intrinsic_gas(txn: SignedTransaction, fork: str) -> int:
    """Return the gas that a transaction takes before it does anything.

    Yellow Paper, 6.2; EIP-2 (creations), EIP-2028 (input), EIP-2930 (access lists), EIP-3860 (init code), EIP-7702.
    """
    gas = 21_000 + 4 * _tokens(txn, 4 if is_at_least(fork, ISTANBUL) else 17)
    if txn.to is None and is_at_least(fork, HOMESTEAD):
        gas += 32_000
        if is_at_least(fork, SHANGHAI):
            gas += 2 * ((len(txn.contents["input"]) + 31) // 32)
    for _, slots in txn.contents.get("accessList", ()):
        gas += 2_400 + 1_900 * len(slots)
    gas += 25_000 * len(txn.contents.get("authorizationList", ()))
    return gas


def _tokens(txn: SignedTransaction, of_other_byte: int) -> int:
    """Return the price of a transaction's input in that of a byte of zeros."""
    data: bytes = txn.contents["input"]
    zeros = data.count(0)
    return zeros + of_other_byte * (len(data) - zeros)


def _init_code(txn: SignedTransaction, fork: str, header: Mapping[str, bytes]) -> str | None:
    length = len(txn.contents["input"])
    if txn.to is None and is_at_least(fork, SHANGHAI) and length > _INIT_CODE_BYTES_MAX:
        return f"its init code has {length} bytes, more than {_INIT_CODE_BYTES_MAX} (EIP-3860)"
    return None


def _blobs(txn: SignedTransaction, fork: str, header: Mapping[str, bytes]) -> str | None:
    if txn.kind != _BLOB:
        return None
    hashes = txn.contents["blobVersionedHashes"]
    if txn.to is None:
        return "it carries blobs and creates a contract (EIP-4844)"
    if not hashes:
        return "it is of the type that carries blobs, and carries none (EIP-4844)"
    for blob_hash in hashes:
        if not blob_hash.startswith(_BLOB_HASH_VERSION):
            return f"its blob hash 0x{blob_hash.hex()} is not of version 1 (EIP-4844)"
    if is_at_least(fork, OSAKA) and len(hashes) > _BLOBS_MAX:
        return f"it carries {len(hashes)} blobs, more than {_BLOBS_MAX} (EIP-7594)"
    fee = decode_number(txn.contents["maxFeePerBlobGas"])
    base_fee = blob_base_fee(fork, decode_number(header["excessBlobGas"]))
    if fee < base_fee:
        return f"it pays {fee} wei for blob gas at most, below the block's fee, {base_fee} wei (EIP-4844)"
    return None


def _authorizations(txn: SignedTransaction, fork: str, header: Mapping[str, bytes]) -> str | None:
    if txn.kind != _SET_CODE:
        return None
    if txn.to is None:
        return "it has authorizations and creates a contract (EIP-7702)"
    return None if txn.contents["authorizationList"] else "its list of authorizations is empty (EIP-7702)"


_RULES: Final[tuple[Callable[[SignedTransaction, str, Mapping[str, bytes]], str | None], ...]] = (
    _signature,
    _nonce,
    _fees,
    _gas,
    _init_code,
    _blobs,
    _authorizations,
)
