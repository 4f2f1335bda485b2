"""The receipts of a block: how each transaction ended, decoded only when looked at."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, SupportsIndex, overload

from blockstm.errors import counted
from blockstm.tables.arrow import ArrowTable, Column

if TYPE_CHECKING:
    from blockstm.native._core import Snapshot

__all__ = ["STATUSES", "Events", "Receipt", "Receipts", "Status", "receipt_at"]

Status = Literal["success", "reverted", "failed"]

# In the order of the core's status numbers.
STATUSES: tuple[Status, ...] = ("success", "reverted", "failed")

_COLUMNS: Final = {
    "txn_idx": Column("uint32"),
    "status": Column("string"),
    "gas_used": Column("uint64"),
    "error": Column("string", True),
    "events": Column("list<large_binary>"),
    "commit_seconds": Column("double"),
    "traceback": Column("string", True),
}


class Events(tuple[bytes, ...]):
    """The events of one transaction, in order: a tuple that is also equal to a list of the same events.

    A receipt does not change, so it holds a tuple; that ``receipt.events == [b"paid"]`` holds is what callers
    that knew a list rely on.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        """Compare with a tuple or a list."""
        return tuple.__eq__(self, tuple(other) if isinstance(other, list) else other)

    def __ne__(self, other: object) -> bool:
        """Compare with a tuple or a list."""
        return not self == other

    __hash__ = tuple.__hash__

    def __repr__(self) -> str:
        """Show them as a list, as callers print them."""
        return repr(list(self))


@dataclass(frozen=True, slots=True)
class Receipt:
    """The outcome of one transaction. It does not change, and can be a member of a set.

    Two receipts are equal if the outcomes are; when they were committed is a measurement and does not count.
    """

    txn_idx: int
    """The transaction's place in the preset order, from 0."""
    status: Status
    """``success``, ``reverted`` (the program said so) or ``failed`` (exception, out of gas, ...)."""
    gas_used: int
    """Gas that it charged."""
    error: str | None
    """Why it was reverted or failed; None on success."""
    events: Sequence[bytes]
    """What the program emitted, in order; kept as `Events`."""
    commit_seconds: float = field(compare=False)
    """Time from the start of the block to this transaction's commit."""
    traceback: str | None = field(default=None, compare=False, repr=False)
    """Where a Python program failed, of the execution that counts, at most 4,000 characters; else None."""

    def __post_init__(self) -> None:
        """Keep the events as they cannot be changed."""
        if type(self.events) is not Events:
            object.__setattr__(self, "events", Events(self.events))


def receipt_at(snapshot: Snapshot, txn_idx: int) -> Receipt:
    """Return the receipt of one transaction, and decode no other.

    Arguments:
        snapshot: the core's view of the run.
        txn_idx: from 0, below the number of transactions.
    """
    return Receipt(
        txn_idx,
        STATUSES[snapshot.status(txn_idx)],
        snapshot.gas_used(txn_idx),
        snapshot.error(txn_idx),
        snapshot.events(txn_idx),
        snapshot.commit_seconds(txn_idx),
        snapshot.traceback(txn_idx),
    )


class Receipts(Sequence[Receipt], ArrowTable):
    """All receipts of a block in the preset order; each is decoded when it is looked at.

    It is a table for data tools, too (``receipts.to_arrow()``, ``polars.DataFrame(receipts)``):

    | column | type | what |
    |---|---|---|
    | ``txn_idx`` | uint32 | the transaction's place in the preset order, from 0 |
    | ``status`` | string | ``success``, ``reverted`` or ``failed`` |
    | ``gas_used`` | uint64 | |
    | ``error`` | string | null on success |
    | ``events`` | list of large_binary | in order |
    | ``commit_seconds`` | double | from the start of the block |
    | ``traceback`` | string | null where no Python program failed |

    Arguments:
        snapshot: the core's view of the run.
    """

    __slots__ = ("_snapshot",)

    def __init__(self, snapshot: Snapshot) -> None:
        """Stand for the receipts; decodes none."""
        self._snapshot = snapshot

    def __len__(self) -> int:
        """Tell the number of transactions."""
        return len(self._snapshot)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Receipt: ...
    @overload
    def __getitem__(self, index: slice) -> list[Receipt]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Receipt | list[Receipt]:
        """Return one receipt, or for a slice a list of them.

        Raises:
            IndexError: there is no such transaction.
        """
        if isinstance(index, slice):
            return [receipt_at(self._snapshot, txn_idx) for txn_idx in range(len(self))[index]]
        return receipt_at(self._snapshot, range(len(self))[index])

    def __eq__(self, other: object) -> bool:
        """Compare with any sequence of receipts, such as those of another run or a list."""
        if not isinstance(other, Sequence) or isinstance(other, str | bytes):
            return NotImplemented
        return len(self) == len(other) and all(map(operator.eq, self, other))

    __hash__ = None  # type: ignore[assignment]

    def _arrow_columns(self) -> Mapping[str, Column]:
        return _COLUMNS

    def _arrow_rows(self) -> Iterator[tuple[object, ...]]:
        for receipt in self:
            yield tuple([getattr(receipt, name) for name in _COLUMNS])

    def __reduce__(self) -> tuple[type, tuple[list[Receipt]]]:
        """Pickle and copy as a list: all of them, decoded."""
        return list, (list(self),)

    def __repr__(self) -> str:
        """Say how many there are."""
        return f"<{counted(len(self), 'receipt')}>"
