"""A block's transactions executed one after the other in this process, to find out what its state does not hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from eth_typing import Address

from blockstm.blocks.block import Block
from blockstm.ethereum.py_evm.machine import decode_transaction, machine_for
from blockstm.ethereum.py_evm.mappingcontext import MappingContext
from blockstm.ethereum.rules.keys import block_hash_key, code_key
from blockstm.native._trees import keccak_256

__all__ = ["Accesses", "DryRun", "dry_run", "missing_block_hashes"]

_HASH_KEY: Final = block_hash_key(0)
_ASKABLE: Final = 256
"""How far back BLOCKHASH reaches, in blocks."""
_CODE: Final = code_key(b"")
_HASH_BYTES: Final = 32
_PUSHES: Final = b"|".join(b"%b.{%d}" % (re.escape(bytes([0x5F + count])), count) for count in range(1, 33))
_ASKS: Final = re.compile(b"(?:[^\\x40\\x60-\\x7f]++|" + _PUSHES + b")*+\\x40", re.DOTALL)
"""A code with the opcode BLOCKHASH: instructions other than it and PUSH, or a PUSH with its data, and then it."""


@dataclass(frozen=True, slots=True)
class Accesses:
    """What a transaction accessed; nothing where it cannot be executed.

    Arguments:
        reads: what it found at each key that it read.
        changed: the keys that it wrote, deleted or added to.
    """

    reads: Mapping[bytes, bytes | None]
    changed: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a block's transactions met.

    Arguments:
        missing_block_hashes: the numbers of the blocks whose hashes they ask for and the state does not hold, in
            ascending order.
        collisions: contracts that they create where there is a nonce or code already: transaction and address, in
            the order in which they were met.
        accesses: of each transaction.
    """

    missing_block_hashes: tuple[int, ...]
    collisions: tuple[tuple[int, bytes], ...]
    accesses: tuple[Accesses, ...]


def dry_run(block: Block) -> DryRun:
    """Execute all transactions of a block that `record ethereum` made, on a copy of its state.

    A hash that is missing is made up, so that all are met. A transaction that cannot be executed is passed over.

    Arguments:
        block: one for which `blockstm.ethereum.block.EthereumBlock.of` raises nothing.
    """
    context = _Context(dict(block.state))
    machine = machine_for(context)
    collisions: list[tuple[int, bytes]] = []
    accesses: list[Accesses] = []
    for txn_idx, transaction in enumerate(block.transactions):
        raw, sender = transaction.arguments
        assert isinstance(raw, bytes) and isinstance(sender, bytes)
        state = machine.state(context)
        state.has_code_or_nonce = _noting(state.has_code_or_nonce, txn_idx, collisions)
        context.begin()
        try:
            state.apply_transaction(decode_transaction(machine.vm, raw, sender))
        except Exception:  # whatever a worker would make a failed receipt of; nothing is written yet
            context.begin()
        else:
            state._account_db.flush()
        accesses.append(context.accesses())
    return DryRun(tuple(sorted(context.missing_block_hashes)), tuple(collisions), tuple(accesses))


def missing_block_hashes(block: Block) -> tuple[int, ...]:
    """Return the numbers of the blocks whose hashes a block's transactions ask for and its state does not hold.

    Where no contract of the state can ask for one, nothing is executed.

    Arguments:
        block: as of `dry_run`.
    """
    number = block.number or 0
    askable = range(max(0, number - _ASKABLE), number)
    if all(block_hash_key(earlier) in block.state for earlier in askable):
        return ()
    codes = (value[_HASH_BYTES:] for key, value in block.state.items() if key.startswith(_CODE))
    return dry_run(block).missing_block_hashes if any(map(_ASKS.match, codes)) else ()


class _Context(MappingContext):
    """A context over a dict that makes up hashes of blocks, and notes which; and what is accessed."""

    def __init__(self, state: dict[bytes, bytes]) -> None:
        super().__init__(state)
        self.missing_block_hashes: set[int] = set()
        self.begin()

    def begin(self) -> None:
        """Forget what was accessed."""
        self._reads: dict[bytes, bytes | None] = {}
        self._changed: set[bytes] = set()

    def accesses(self) -> Accesses:
        """Return what was accessed since `begin`."""
        return Accesses(self._reads, frozenset(self._changed))

    def write(self, key: bytes, value: bytes, /) -> None:
        """Write a value."""
        self._changed.add(key)
        super().write(key, value)

    def delete(self, key: bytes, /) -> None:
        """Delete a key."""
        self._changed.add(key)
        super().delete(key)

    def add(self, key: bytes, delta: int, /) -> None:
        """Add to a number; that is no read."""
        was_read = key in self._reads
        super().add(key, delta)
        if not was_read:
            del self._reads[key]

    def read(self, key: bytes, /) -> bytes | None:
        """Return the value of a key."""
        value = super().read(key)
        self._reads.setdefault(key, value)
        if value is None and key[:1] == _HASH_KEY[:1] and len(key) == len(_HASH_KEY):
            self.missing_block_hashes.add(int.from_bytes(key[1:], "big"))
            return keccak_256(key)
        return value


def _noting(has_code_or_nonce: Any, txn_idx: int, collisions: list[tuple[int, bytes]]) -> Any:
    """Return py-evm's check of the address of a new contract, which notes what is in the way."""

    def check(address: Address) -> bool:
        found: bool = has_code_or_nonce(address)
        if found:
            collisions.append((txn_idx, address))
        return found

    return check
