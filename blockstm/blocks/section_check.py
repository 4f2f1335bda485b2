"""The check of the optional sections of a packed block: every type, every index, every order, every limit."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from operator import lt
from typing import Final

from blockstm.blocks.columns import (
    Broken,
    Column,
    all_below,
    check_batch,
    check_lists,
    check_u64,
    columns,
    named,
)
from blockstm.limits import ACCESSES_MAX
from blockstm.programs.declared import ACCESS_KINDS

__all__ = ["SectionChecker"]

_ACCESS_LIST_FIELDS: Final = ("key", "changes", "reads")


class SectionChecker:
    """Checks batches of entries of optional sections.

    Arguments:
        key_count: how many keys the block has.
        transaction_count: how many transactions the block has.
    """

    def __init__(self, key_count: int, transaction_count: int) -> None:
        """Keep what entries refer to."""
        self._key_count = key_count
        self._index_count = transaction_count + 2
        self._checks: dict[str, tuple[str, Callable[[Column], None]]] = {
            "declared": ("declared: transaction", self._check_accesses),
            "hints": ("hints: transaction", self._check_accesses),
            "arrival_nanoseconds": ("arrival_nanoseconds: transaction", _check_arrivals),
            "access_list": ("access_list: entry", self._check_access_list),
        }

    def check(self, name: str, entries: Column, first: int) -> None:
        """Check a batch of entries.

        Arguments:
            name: of their section.
            entries: the entries.
            first: the place of the first of them in the section, for messages.

        Raises:
            ContentError: an entry breaks a rule; names the first such entry.
        """
        what, check = self._checks[name]
        check_batch(check, entries, first, what)

    def _check_accesses(self, entries: Column) -> None:
        said = [entry for entry in entries if entry is not None]
        if not said:
            return
        check_lists(said)
        for kind, column in zip(ACCESS_KINDS, columns(said, ACCESS_KINDS, "it"), strict=True):
            named(kind, self._check_keys, column)

    def _check_keys(self, column: Column) -> None:
        check_lists(column)
        if max(map(len, column)) > ACCESSES_MAX:
            raise Broken(f"has more than {ACCESSES_MAX} entries")
        self._check_key_indexes(list(chain.from_iterable(column)))
        _check_ascending(column)

    def _check_access_list(self, entries: Column) -> None:
        if not entries:
            return
        check_lists(entries)
        key_indexes, changes, reads = columns(entries, _ACCESS_LIST_FIELDS, "it")
        named("key", self._check_key_indexes, key_indexes)
        named("changes", self._check_changes, changes)
        named("reads", self._check_indexes, reads)

    def _check_changes(self, column: Column) -> None:
        check_lists(column)
        if any(len(flat) % 2 for flat in column):
            raise Broken("has an odd number of elements; they come in pairs of index and value")
        self._check_indexes([flat[::2] for flat in column])
        for kind in set(map(type, chain.from_iterable(flat[1::2] for flat in column))):
            if kind not in (bytes, type(None)):
                raise Broken("a value is neither bytes nor nil")

    def _check_indexes(self, column: Column) -> None:
        check_lists(column)
        if not all_below(list(chain.from_iterable(column)), self._index_count):
            raise Broken(f"holds something other than block access indexes from 0 to {self._index_count - 1}")
        _check_ascending(column)

    def _check_key_indexes(self, column: Column) -> None:
        if not all_below(column, self._key_count):
            raise Broken(f"it is not the index of one of {self._key_count} keys")


def _check_ascending(column: Column) -> None:
    """Check that each list of ints is in ascending order, each once."""
    if not all(all(map(lt, indexes, indexes[1:])) for indexes in column):
        raise Broken("is not in ascending order, each once")


def _check_arrivals(entries: Column) -> None:
    check_u64([arrival for arrival in entries if arrival is not None])
