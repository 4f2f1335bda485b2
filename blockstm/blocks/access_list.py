"""Block-level access lists: which keys a block changes, where and to what, and which it only reads (EIP-7928)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from blockstm.errors import LimitError, UsageError, shown, type_shown
from blockstm.limits import KEYS_MAX, TRANSACTIONS_MAX, VALUE_BYTES_MAX
from blockstm.programs.parameters import as_integer, check_key

__all__ = ["BlockAccessList", "KeyAccesses", "KeyChange"]

_INDEX_MAX: Final = TRANSACTIONS_MAX + 1


class KeyChange(NamedTuple):
    """A change of a key, as a block access list tells it.

    Arguments:
        block_access_index: where in the block: 0 before the first transaction, txn_idx + 1 for a transaction, and
            the number of transactions + 1 after the last.
        value: what the key holds after that; None where it is absent.
    """

    block_access_index: int
    value: bytes | None


@dataclass(frozen=True, slots=True, init=False)
class KeyAccesses:
    """What a block does to one key. Without changes and reads, it is only known that the block accesses the key.

    Arguments:
        changes: pairs of a block access index and the value after it; in any order, each index once.
        reads: the block access indexes that read the key, where the list says so. EIP-7928 does not: there an
            entry without changes says that the key was read.

    Raises:
        LimitError: an index or a value is over its limit.
        UsageError: something is of the wrong type, or an index has two values.
    """

    changes: tuple[KeyChange, ...]
    reads: tuple[int, ...]

    def __init__(self, changes: Iterable[tuple[int, bytes | None]] = (), reads: Iterable[int] = ()) -> None:
        """Check everything, and keep changes and reads in ascending order of their indexes."""
        by_index: dict[int, bytes | None] = {}
        for pair in _listed(changes, "changes"):
            index, value = _checked_change(pair)
            if index in by_index:
                raise UsageError(f"index {index} of an access list has two changes of one key; give the last")
            by_index[index] = value
        ascending = tuple([KeyChange(index, by_index[index]) for index in sorted(by_index)])
        object.__setattr__(self, "changes", ascending)
        indexes = {_checked_index(index) for index in _listed(reads, "reads")}
        object.__setattr__(self, "reads", tuple(sorted(indexes)))

    @property
    def index_max(self) -> int:
        """The highest block access index that is named; 0 where none is."""
        return max([0, *self.reads[-1:], *(change.block_access_index for change in self.changes[-1:])])


class BlockAccessList(Mapping[bytes, KeyAccesses]):
    """A block-level access list: a read-only mapping, in ascending order of the keys.

    It has the shape of the list of EIP-7928, with keys in the place of an account's balance, nonce, code and
    storage slots: for each key that the block accesses, the value after each index that changes it. So the state at
    every index is known without executing anything. Whatever uses a list has to check whether it is true.

    Arguments:
        accesses: what the block does to each key, by key.

    Raises:
        LimitError: a key is too long, or there are too many.
        UsageError: something is of the wrong type.
    """

    __slots__ = ("_accesses",)

    def __init__(self, accesses: Mapping[bytes, KeyAccesses]) -> None:
        """Check everything, and copy the mapping."""
        if not isinstance(accesses, Mapping):
            raise UsageError(
                f"an access list is made of {shown(accesses)}; give a dict of keys and KeyAccesses"
            )
        if len(accesses) > KEYS_MAX:
            raise LimitError(
                f"an access list has {len(accesses)} keys; the limit is {KEYS_MAX}: split the block"
            )
        for key, entry in accesses.items():
            if type(key) is not bytes:
                raise UsageError(f"key {shown(key)} of an access list is {type_shown(key)}; give bytes")
            check_key(key, "a key of an access list")
            if type(entry) is not KeyAccesses:
                raise UsageError(
                    f"key {shown(key)} of an access list has {shown(entry)}, {type_shown(entry)}; "
                    "give KeyAccesses"
                )
        self._accesses: dict[bytes, KeyAccesses] = {key: accesses[key] for key in sorted(accesses)}

    def __getitem__(self, key: bytes) -> KeyAccesses:
        """Return what the block does to a key."""
        return self._accesses[key]

    def __iter__(self) -> Iterator[bytes]:
        """Iterate over the keys, in ascending order."""
        return iter(self._accesses)

    def __len__(self) -> int:
        """Return the number of keys."""
        return len(self._accesses)

    def __eq__(self, other: object) -> bool:
        """Two lists are equal when they say the same."""
        return self._accesses == other._accesses if isinstance(other, BlockAccessList) else NotImplemented

    def __hash__(self) -> int:
        """Hash what it says."""
        return hash(tuple(self._accesses.items()))

    def __repr__(self) -> str:
        """Tell how much it says."""
        changes = sum(len(entry.changes) for entry in self._accesses.values())
        return f"<BlockAccessList of {len(self)} keys with {changes} changes>"


def check_indexes(access_list: BlockAccessList, transactions: int) -> None:
    """Check that an access list names no place that a block does not have.

    Arguments:
        access_list: the list.
        transactions: how many transactions the block has.

    Raises:
        UsageError: it does.
    """
    for key, entry in access_list.items():
        if entry.index_max > transactions + 1:
            raise UsageError(
                f"the access list names index {entry.index_max} for key {shown(key)}; of a block of {transactions} "
                f"transactions the last is {transactions + 1}: give the list of this block"
            )


def _listed(values: object, what: str) -> list[object]:
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise UsageError(f"{what} of an access list are {shown(values)}; give a list")
    return list(values)


def _checked_index(index: object) -> int:
    number = as_integer(index)
    if number is None:
        raise UsageError(f"index {shown(index)} of an access list is {type_shown(index)}; give an int")
    if not 0 <= number <= _INDEX_MAX:
        raise LimitError(f"index {shown(number)} of an access list must be from 0 to {_INDEX_MAX}")
    return number


def _checked_change(pair: object) -> tuple[int, bytes | None]:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise UsageError(f"a change of an access list is {shown(pair)}; give a pair of index and value")
    index, value = pair
    if value is not None and type(value) is not bytes:
        raise UsageError(
            f"a value of an access list is {shown(value)}, {type_shown(value)}; give bytes or None"
        )
    if value is not None and len(value) > VALUE_BYTES_MAX:
        raise LimitError(
            f"a value of an access list is {len(value)} bytes long; the limit is {VALUE_BYTES_MAX}: split it"
        )
    return _checked_index(index), value
