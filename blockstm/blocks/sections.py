"""The optional sections of a packed block: what is said of its accesses and arrivals beside what was measured.

docs/reference/block-file.md specifies them; only version 2 of the format has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from blockstm.blocks.access_list import BlockAccessList, KeyAccesses
from blockstm.programs.declared import ACCESS_KINDS, Declared, Hints
from blockstm.programs.transaction import Transaction

__all__ = [
    "NO_SECTIONS",
    "PER_TRANSACTION",
    "SECTIONS",
    "PackedSections",
    "pack_sections",
    "unpack_access_list",
    "with_sections",
]

PER_TRANSACTION: Final = ("declared", "hints", "arrival_nanoseconds")
"""The sections with one entry for each transaction, None where nothing is said of it. Each is an attribute of
`Transaction` of the same name."""

SECTIONS: Final = (*PER_TRANSACTION, "access_list")
"""All of them, in the order in which they stand in a file."""

Entries = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class PackedSections:
    """The optional sections of a block, each None where the block has none of it.

    Arguments:
        declared: for each transaction three tuples of ascending key indexes (reads, writes, adds), or None.
        hints: the same.
        arrival_nanoseconds: for each transaction an int, or None.
        access_list: for each key, in ascending order of the indexes, a tuple of its index, its changes (a flat
            tuple: block access index, value or None, ...) and the block access indexes that read it.
    """

    declared: Entries | None = None
    hints: Entries | None = None
    arrival_nanoseconds: Entries | None = None
    access_list: Entries | None = None

    def entries(self) -> dict[str, Entries]:
        """Return the sections that are there, by name, in the order in which they stand in a file."""
        named = [(name, getattr(self, name)) for name in SECTIONS]
        return {name: entries for name, entries in named if entries is not None}


NO_SECTIONS: Final = PackedSections()


def pack_sections(
    transactions: Sequence[Transaction], access_list: BlockAccessList | None, indexes: Mapping[bytes, int]
) -> PackedSections:
    """Return the optional sections of a block.

    Arguments:
        transactions: the block's.
        access_list: the block's.
        indexes: of the keys; those that it does not hold yet, it numbers when they are looked up.
    """

    def ascending(keys: Iterable[bytes]) -> tuple[int, ...]:
        return tuple(sorted([indexes[key] for key in keys]))

    def by_access(said: Declared | Hints) -> Entries:
        return ascending(said.reads), ascending(said.writes), ascending(said.adds)

    packers: dict[str, Callable[[Any], object]] = {"declared": by_access, "hints": by_access}
    sections: dict[str, Entries] = {}
    for name in PER_TRANSACTION:
        column = [getattr(transaction, name) for transaction in transactions]
        if column.count(None) != len(column):
            pack = packers.get(name, int)
            sections[name] = tuple([None if said is None else pack(said) for said in column])
    if access_list is not None:
        entries = [
            (indexes[key], tuple(chain.from_iterable(entry.changes)), entry.reads)
            for key, entry in access_list.items()
        ]
        sections["access_list"] = tuple(sorted(entries, key=lambda entry: entry[0]))
    return PackedSections(**sections) if sections else NO_SECTIONS


def with_sections(
    transactions: Sequence[Transaction], sections: PackedSections, keys: tuple[bytes, ...]
) -> Sequence[Transaction]:
    """Return transactions with what the sections of their block, which have been checked, say of them.

    Arguments:
        transactions: the block's, without that.
        sections: the block's.
        keys: what the sections name by index.
    """

    def by_access(kind: type[Declared | Hints], said: Entries) -> Declared | Hints:
        listed = ([keys[index] for index in indexes] for indexes in said)
        return kind(**dict(zip(ACCESS_KINDS, listed, strict=True)))

    unpackers: dict[str, Callable[[Any], Any]] = {
        "declared": lambda said: by_access(Declared, said),
        "hints": lambda said: by_access(Hints, said),
    }
    columns = [(name, getattr(sections, name)) for name in PER_TRANSACTION]
    there = [(name, unpackers.get(name, int), column) for name, column in columns if column is not None]
    if not there:
        return transactions
    made = []
    for txn_idx, transaction in enumerate(transactions):
        said: Any = {
            name: unpack(column[txn_idx]) for name, unpack, column in there if column[txn_idx] is not None
        }
        made.append(transaction.replace(**said) if said else transaction)
    return made


def unpack_access_list(sections: PackedSections, keys: tuple[bytes, ...]) -> BlockAccessList | None:
    """Return the access list of a block whose sections have been checked; None where it has none.

    Arguments:
        sections: the block's.
        keys: what the sections name by index.
    """
    if sections.access_list is None:
        return None
    return BlockAccessList(
        {
            keys[index]: KeyAccesses(zip(changes[::2], changes[1::2], strict=True), reads)
            for index, changes, reads in sections.access_list
        }
    )
