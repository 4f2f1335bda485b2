"""What happens to a block's state after its last transaction: withdrawals, requests, rewards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import SimpleNamespace
from typing import Any, Final

from eth.vm.message import Message
from eth_typing import Address

from blockstm.errors import EthereumInputError, one_line
from blockstm.ethereum.node.header import Withdrawal
from blockstm.ethereum.py_evm.machine import machine_for
from blockstm.ethereum.py_evm.mappingcontext import MappingContext
from blockstm.ethereum.rules.environment import Environment
from blockstm.ethereum.rules.forks import PRAGUE, is_at_least
from blockstm.ethereum.rules.networks import deposit_contract
from blockstm.ethereum.rules.outcome import Log
from blockstm.ethereum.rules.system import REQUEST_CONTRACTS

__all__ = ["Closing", "close_block"]

_WEI_PER_GWEI: Final = 10**9
_UNCLE_AGE_MAX: Final = 6
"""How many blocks an uncle may be earlier than the block that includes it (Yellow Paper, 11.1)."""
_SYSTEM_ADDRESS: Final = Address(bytes.fromhex("fffffffffffffffffffffffffffffffffffffffe"))
_SYSTEM_CALL_GAS: Final = 30_000_000
_DEPOSIT_TOPIC: Final = bytes.fromhex("649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5")
_DEPOSIT_FIELDS: Final = ((192, 240), (288, 320), (352, 360), (416, 512), (544, 552))
"""Where the data of a deposit's log holds key, withdrawal credentials, amount, signature and index (EIP-6110)."""


@dataclass(frozen=True, slots=True)
class Closing:
    """What comes after a block's transactions.

    Arguments:
        withdrawals: none before Shanghai.
        uncle_count: how many uncles the block includes; its miner is rewarded for each.
        uncles: the miner of each, and its number; empty where that is not known, as a block's JSON does not
            tell. What they get is then left out.
        has_whole_state: the state holds all accounts of the chain: a system contract that it lacks is not there.
    """

    withdrawals: tuple[Withdrawal, ...] = ()
    uncle_count: int = 0
    uncles: tuple[tuple[bytes, int], ...] = ()
    has_whole_state: bool = False


def close_block(
    state: Mapping[bytes, bytes], environment: Environment, closing: Closing, logs: Iterable[Log]
) -> tuple[dict[bytes, bytes], bytes | None]:
    """Return the state after a block, and the hash of its requests (None before Prague).

    Arguments:
        state: as the transactions left it.
        environment: the block's.
        closing: what comes after them.
        logs: of all transactions, in order.

    Raises:
        EthereumInputError: a system contract is missing, or its call fails, or an uncle is of no height that it
            can have.
    """
    after = dict(state)
    context = MappingContext(after)
    machine = machine_for(context)
    requests_hash = None
    if is_at_least(environment.fork, PRAGUE):
        requests = [b"\x00" + _deposits(logs, deposit_contract(environment.chain_id))]
        for kind, contract in REQUEST_CONTRACTS:
            if closing.has_whole_state and not machine.state(context).get_code(Address(contract)):
                raise EthereumInputError(
                    f"system contract 0x{contract.hex()} has no code after the last transaction, with which no "
                    "block is valid (EIP-7002, EIP-7251); choose a valid block"
                )
            requests.append(kind + _system_call(machine.state(context), Address(contract)))
        requests_hash = _hash_of_requests(requests)
    final = machine.state(context)
    for withdrawal in closing.withdrawals:
        final.delta_balance(Address(withdrawal.address), withdrawal.amount_gwei * _WEI_PER_GWEI)
    vm: Any = machine.vm
    reward = vm.get_block_reward() + closing.uncle_count * vm.get_nephew_reward()
    if reward:
        final.delta_balance(Address(environment.coinbase), reward)
    for miner, number in closing.uncles:
        if not 0 < environment.number - number <= _UNCLE_AGE_MAX:
            raise EthereumInputError(
                f"an uncle of the block has number {number}, which no uncle of block {environment.number} can "
                "have; choose a valid block"
            )
        uncle_reward = vm.get_uncle_reward(environment.number, SimpleNamespace(block_number=number))
        final.delta_balance(Address(miner), uncle_reward)
    for withdrawal in closing.withdrawals:
        address = Address(withdrawal.address)
        if final.account_is_empty(address):
            final.delete_account(address)
    final._account_db.flush()
    return after, requests_hash


def _hash_of_requests(requests: Iterable[bytes]) -> bytes:
    """Return the hash of the requests, each of which begins with its kind; empty ones are left out (EIP-7685)."""
    return sha256(b"".join(sha256(request).digest() for request in requests if len(request) > 1)).digest()


def _deposits(logs: Iterable[Log], contract: bytes) -> bytes:
    return b"".join(
        b"".join(data[start:end] for start, end in _DEPOSIT_FIELDS)
        for address, topics, data in logs
        if address == contract and topics[:1] == (_DEPOSIT_TOPIC,)
    )


def _system_call(state: Any, contract: Address) -> bytes:
    """Call a system contract as EIP-7002 and EIP-7251 have it; return what it returns.

    Raises:
        EthereumInputError: the call fails, with which no block is valid.
    """
    code = state.get_code(contract)
    if not code:
        # On the chain the contract is there; a node tells of it only where a transaction touches it, and where none
        # does, there is mostly nothing to ask for.
        return b""
    message = Message(gas=_SYSTEM_CALL_GAS, to=contract, sender=_SYSTEM_ADDRESS, value=0, data=b"", code=code)
    context = state.get_transaction_context_class()(gas_price=0, origin=_SYSTEM_ADDRESS)
    computation = state.computation_class.apply_computation(state, message, context)
    if computation.is_error:
        raise EthereumInputError(
            f"the call of system contract 0x{contract.hex()} after the last transaction fails, "
            f"{one_line(repr(computation.error))}; record the block again, with a pre-state that has all of it"
        )
    state._account_db.flush()
    output: bytes = computation.output
    return output
