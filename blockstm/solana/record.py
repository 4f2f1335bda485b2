"""Block files of what a node told of a Solana block.

The node tells no values, so a transaction does what its locks allow: it reads every account that it locks, and
writes to those that are writable, with work in proportion to its compute units (the program `trace`).
"""

from __future__ import annotations

import os
from typing import Final

from blockstm.blocks.block import Block
from blockstm.chains.support import RecordedBlock
from blockstm.errors import LimitError, SolanaInputError, UsageError, counted, shown_path
from blockstm.programs.built_in import trace
from blockstm.programs.declared import Declared
from blockstm.programs.transaction import Recorded, Transaction
from blockstm.solana.about import meta_of
from blockstm.solana.answer import NodeBlock, read_block
from blockstm.solana.locks import AccountLocks, locks_of

__all__ = ["record_solana"]

_CHAIN: Final = "solana"


def record_solana(
    input_path: str | os.PathLike[str],
    output_path: str | os.PathLike[str],
    *,
    slot: int | None = None,
    as_requested: bool = False,
) -> RecordedBlock:
    """Make a .block file of what `getBlock` answered, whole or not at all; return the block, with notes about it.

    Arguments:
        input_path: the answer, as `read_block` takes it.
        output_path: the .block file; an existing one is replaced.
        slot: the block's slot, which becomes its number; the answer does not say it.
        as_requested: lock what the messages want, also where validators never grant it.

    Raises:
        SolanaInputError: the answer is missing, damaged or malformed, the slot is not after that of the parent, or
            the answer does not tell what the messages want.
        BlockFileError: the block file cannot be written.
        LimitError: the block is larger than a file may be.
        UsageError: both paths name one file.
    """
    told, name = read_block(input_path), shown_path(input_path)
    if slot is not None and slot <= told.parent_slot:
        raise SolanaInputError(
            f"{name}: slot {slot} is not after that of the block's parent, {told.parent_slot}; give the block's own"
        )
    if as_requested and any(each.message.is_demoted for each in told.transactions):
        raise SolanaInputError(
            f"{name}: the encoding jsonParsed does not tell which locks were requested, only which are taken; "
            "ask the node again with encoding base64"
        )
    if os.path.exists(output_path) and os.path.samefile(input_path, output_path):
        raise UsageError(f"{shown_path(output_path)}: is the node's answer itself; name another output file")
    locks = [locks_of(each.message, as_requested=as_requested) for each in told.transactions]
    try:
        block = _block(told, locks, slot)
    except LimitError as error:
        raise SolanaInputError(f"{name}: {error}") from error
    block.save(output_path)
    return RecordedBlock(block, tuple(_notes(told, locks)))


def _block(told: NodeBlock, locks: list[AccountLocks], slot: int | None) -> Block:
    transactions = [
        _transaction(locked, each.compute_units)
        for locked, each in zip(locks, told.transactions, strict=True)
    ]
    return Block(transactions, chain=_CHAIN, number=slot, meta=meta_of(told, locks))


def _transaction(locks: AccountLocks, compute_units: int) -> Transaction:
    reads, writes = locks.writable + locks.readonly, locks.writable
    return trace.txn(reads, writes, {}, compute_units).replace(
        declared=Declared(reads, writes),
        recorded=Recorded(gas_used=compute_units, reads=reads, writes=writes, adds={}),
    )


def _notes(told: NodeBlock, locks: list[AccountLocks]) -> list[str]:
    votes = sum([each.is_vote for each in locks])
    failed = sum([each.failure is not None for each in told.transactions])
    used = sum([each.compute_units for each in told.transactions])
    notes = [
        f"{counted(votes, 'vote')}, {failed:,} failed, {used:,} compute units; the values of accounts are not "
        "known, so each is read, and written to where its lock allows it"
    ]
    if demoted := sum([each.demoted for each in locks]):
        notes.append(
            f"{counted(demoted, 'lock')} for writing that messages request, but that validators take for reading "
            "only; --requested-locks takes them as requested"
        )
    return notes
