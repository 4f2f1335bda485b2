"""What a block asks of each stage: what it reads first where, what it changes last where, and how much that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from blake3 import blake3

from blockstm.analysis.conventions import Conventions
from blockstm.blocks.block import Block
from blockstm.pipeline.definition import BlockFigures
from blockstm.results.accesses import net_accesses
from blockstm.results.result import Result

__all__ = ["NIBBLES", "BlockWork", "ChangedAccount", "work_of_figures", "work_of_run"]

NIBBLES: Final = 16
"""The parts of the tree of all accounts: by the first four bits of an account's hash."""


@dataclass(frozen=True)
class ChangedAccount:
    """An account that has changed.

    Arguments:
        nibble: the part of the tree in which it is.
        last: the last transaction that has changed anything of it.
        slots: how many of its slots have changed.
        slots_last: the last transaction that has changed one of those.
    """

    nibble: int
    last: int
    slots: int = 0
    slots_last: int = 0


@dataclass(frozen=True)
class BlockWork:
    """What a block asks of each stage. Make it with `work_of_run` or `work_of_figures`.

    Arguments:
        name: of the block.
        transactions, gas: of the block.
        first_reads: for each entry of the state that is read, in the order of the first touches, the transaction
            that touches it first.
        entries: by key, which of these it is in; empty for a block that is given by figures.
        accounts: those that have changed.
        changed_keys: how many keys have changed.
        written_bytes: by transaction, keys and values of what it is the last to change.
    """

    name: str
    transactions: int
    gas: int
    first_reads: tuple[int, ...]
    entries: Mapping[bytes, int]
    accounts: tuple[ChangedAccount, ...]
    changed_keys: int
    written_bytes: tuple[float, ...]


def work_of_run(name: str, block: Block, result: Result, conventions: Conventions) -> BlockWork:
    """Return what a block asks for, by what came of running it.

    Arguments:
        name: what to call it.
        block: the block.
        result: what came of it, in any model that keeps its order.
        conventions: what its chain knows of its keys.

    Raises:
        UsageError: the result is not that of the block.
    """
    first_reads: list[int] = []
    entries: dict[bytes, int] = {}
    numbers: dict[bytes, int] = {}
    last: dict[bytes, int] = {}
    for txn_idx, accesses in enumerate(net_accesses(block, result)):
        for key in chain(accesses.reads, accesses.adds):
            place = conventions.state_place(key)
            if place is None or key in last or key in entries:
                continue
            if place.entry not in numbers:
                numbers[place.entry] = len(first_reads)
                first_reads.append(txn_idx)
            entries[key] = numbers[place.entry]
        for key in chain(accesses.writes, accesses.adds):
            last[key] = txn_idx
    changed = {key: value for key, value in result.changes.items() if block.state.get(key) != value}
    written = [0.0] * len(block)
    for key, value in changed.items():
        written[last[key]] += len(key) + len(value or b"")
    return BlockWork(
        name=name,
        transactions=len(block),
        gas=result.gas_used,
        first_reads=tuple(first_reads),
        entries=entries,
        accounts=tuple(_changed_accounts(changed, last, conventions)),
        changed_keys=len(changed),
        written_bytes=tuple(written),
    )


def _changed_accounts(
    changed: Mapping[bytes, bytes | None], last: Mapping[bytes, int], conventions: Conventions
) -> list[ChangedAccount]:
    fields: dict[bytes, int] = {}
    slots: dict[bytes, list[int]] = {}
    for key in changed:
        place = conventions.state_place(key)
        if place is not None:
            fields[place.account] = max(fields.get(place.account, 0), last[key])
            if place.is_slot:
                slots.setdefault(place.account, []).append(last[key])
    return [
        ChangedAccount(
            nibble=blake3(account).digest(1)[0] // NIBBLES,
            last=txn_idx,
            slots=len(slots.get(account, ())),
            slots_last=max(slots.get(account, (0,))),
        )
        for account, txn_idx in fields.items()
    ]


def work_of_figures(name: str, figures: BlockFigures) -> BlockWork:
    """Return what a block asks for that is known by its figures: all is spread evenly over its transactions."""
    count = figures.transactions
    accounts = figures.accounts
    changed = []
    for index in range(accounts):
        slots = _share(figures.keys, accounts, index)
        last = (index + 1) * count // accounts - 1 if accounts <= count else index * count // accounts
        changed.append(ChangedAccount(index % NIBBLES, last, slots, last))
    return BlockWork(
        name=name,
        transactions=count,
        gas=figures.gas,
        first_reads=tuple(read * count // figures.reads for read in range(figures.reads)),
        entries={},
        accounts=tuple(changed),
        changed_keys=accounts + figures.keys,
        written_bytes=tuple(figures.value_bytes / count for _ in range(count)),
    )


def _share(whole: int, parts: int, index: int) -> int:
    """Return a part of a whole that is cut into equal parts, near enough."""
    return (index + 1) * whole // parts - index * whole // parts


def reads_of(work: BlockWork) -> Sequence[Sequence[int]]:
    """Return for each transaction the entries that it is the first to read."""
    reads: list[list[int]] = [[] for _ in range(work.transactions)]
    for entry, txn_idx in enumerate(work.first_reads):
        reads[txn_idx].append(entry)
    return reads
