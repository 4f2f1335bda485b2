"""What a run of a block gave: its receipts, its final state and its figures, decoded only when looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, SupportsIndex, overload

from blockstm.errors import UsageError, counted, shown, type_shown
from blockstm.results.predicates import Predicate, decode_predicates
from blockstm.results.receipts import STATUSES, Receipt, Receipts, Status, receipt_at
from blockstm.results.timeline import Timeline
from blockstm.results.transaction_result import TransactionResult
from blockstm.results.verify import DIFFERENCES_MAX, differences
from blockstm.tables.html import ROWS_SHOWN, HtmlTable, html_of
from blockstm.trees.binary import state_root

if TYPE_CHECKING:
    from blockstm.native._core import Snapshot

__all__ = [
    "STATUSES",
    "Receipt",
    "Receipts",
    "Result",
    "Stats",
    "Status",
    "TransactionResult",
    "nearest_rank",
    "percentiles",
    "receipt_at",
    "snapshot_of",
]


def nearest_rank(ordered: Sequence[float], percent: int) -> float:
    """Return a percentile by the nearest-rank definition: always a value that was observed, never in between.

    The p-th percentile of n values in ascending order is the value at rank ceil(p / 100 * n), counted from 1:
    the smallest value such that at least p per cent of all values are no greater.

    Arguments:
        ordered: at least one value, ascending.
        percent: 1 to 100; 100 asks for the greatest value.
    """
    # In whole numbers: ceil(0.99 * 100) in floating point may round to 100 instead of 99.
    rank = -(-percent * len(ordered) // 100)
    return ordered[rank - 1]


def percentiles(values: Iterable[float]) -> Mapping[str, float]:
    """Return ``p50``, ``p99`` and ``max`` of values (see `nearest_rank`); empty for none."""
    ordered = sorted(values)
    if not ordered:
        return MappingProxyType({})
    return MappingProxyType(
        {"p50": nearest_rank(ordered, 50), "p99": nearest_rank(ordered, 99), "max": ordered[-1]}
    )


class Stats:
    """Figures of one run of a block; the counts are totals over the block. For the arguments see Result."""

    def __init__(self, snapshot: Snapshot, *, model: str, workers: int, active_workers: int) -> None:
        """Stand for the figures of a run; reads none."""
        self._snapshot = snapshot
        self.model = model
        """The execution model: ``block-stm`` or ``sequential``."""
        self.workers = workers
        """Worker processes in the pool."""
        self.active_workers = active_workers
        """Workers that took part in this block."""

    @property
    def wall_seconds(self) -> float:
        """Time of the run itself: from the start of the block to its last commit, without loading."""
        return self._snapshot.wall_seconds

    @property
    def arena_bytes(self) -> int:
        """Memory of the arena that the block and its run took."""
        return self._snapshot.arena_bytes

    @cached_property
    def _counters(self) -> Mapping[str, int]:
        return self._snapshot.counters()

    @property
    def executions(self) -> int:
        """Incarnations that were begun and reached an end; at least one a transaction."""
        return self._counters["executions"]

    @property
    def validations(self) -> int:
        """Read sets that were compared with the multi-version memory."""
        return self._counters["validations"]

    @property
    def aborts(self) -> int:
        """Incarnations given up because what they had read was stale."""
        return self._counters["aborts"]

    @property
    def suspensions(self) -> int:
        """Times that an incarnation met an ESTIMATE and waited for the transaction that will write it."""
        return self._counters["suspensions"]

    @cached_property
    def commit_latency_seconds(self) -> Mapping[str, float]:
        """``p50``, ``p99`` and ``max`` over all transactions of the time from the block's start to commit.

        Percentiles are nearest-rank (see nearest_rank). Empty for a block without transactions.
        """
        snapshot = self._snapshot
        return percentiles(map(snapshot.commit_seconds, range(len(snapshot))))

    def __repr__(self) -> str:
        """Sum up the run."""
        return (
            f"<Stats {self.model}, {self.workers} workers: {self.wall_seconds:.6f} s, "
            f"{self.executions} executions, {self.validations} validations, {self.aborts} aborts>"
        )


class Result(Sequence[TransactionResult]):
    """The outcome of executing a block. Making one costs the same for any block: nothing is decoded yet.

    It is a sequence of what it tells of each transaction: `result[txn_idx].reads`. Two results are equal when
    `diff` finds no difference: same final state, receipts and reads, whatever the model and the times were. A
    result has no hash.

    It is a view of the engine's memory until the engine needs that for another block, or is closed. A result that
    is in use then is kept in memory of its own: what it tells, in about 100 bytes for a small transaction, and of
    the state before the block a reference to that of the block.

    It cannot be pickled or copied (UsageError), as it is a view of the engine's memory; what it tells can be.

    Arguments:
        snapshot: the core's view of the finished run.
        model: the execution model's name.
        workers: how many worker processes the pool has.
        active_workers: how many of them took part in the run.
    """

    def __init__(self, snapshot: Snapshot, *, model: str, workers: int, active_workers: int) -> None:
        """Wrap what the core left in the arena."""
        self._snapshot = snapshot
        self.receipts = Receipts(snapshot)
        """The outcome of each transaction, in the preset order."""
        self.stats = Stats(snapshot, model=model, workers=workers, active_workers=active_workers)
        """Times and counts of the run."""

    def __len__(self) -> int:
        """Tell the number of transactions."""
        return len(self._snapshot)

    @overload
    def __getitem__(self, index: SupportsIndex) -> TransactionResult: ...
    @overload
    def __getitem__(self, index: slice) -> list[TransactionResult]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> TransactionResult | list[TransactionResult]:
        """Return what the run tells of one transaction, or for a slice a list of that.

        Raises:
            IndexError: there is no such transaction.
        """
        if isinstance(index, slice):
            return [TransactionResult(self._snapshot, txn_idx) for txn_idx in range(len(self))[index]]
        return TransactionResult(self._snapshot, range(len(self))[index])

    @property
    def order(self) -> tuple[int, ...] | None:
        """The order in which the transactions became final, of which the result is that of sequential execution.

        None stands for the preset order, which most models keep.
        """
        order = self._snapshot.order()
        return None if order is None else tuple(order)

    def receipt_at(self, place: int) -> Receipt:
        """Return the receipt of the transaction that became final as the one at a place, from 0."""
        return self.receipts[self._snapshot.txn_at(place)]

    def diff(self, other: Result, limit: int = DIFFERENCES_MAX) -> list[str]:
        """Return where this run and another differ, in messages of one line each; an empty list if they agree.

        Compared are the final state, every receipt (not the time of its commit), every read and every predicate.

        Arguments:
            other: the run to compare with, as of the same block under another model: "instead of" in a message
                names what that one has.
            limit: the most messages.

        Raises:
            UsageError: `other` is not a result.
        """
        if not isinstance(other, Result):
            raise UsageError(f"other is {shown(other)}, {type_shown(other)}; give a result of Engine.execute")
        return differences(self, other, limit)

    def __eq__(self, other: object) -> bool:
        """Tell whether two runs came to the same: see `diff`."""
        if not isinstance(other, Result):
            return NotImplemented
        return not differences(self, other, 1)

    __hash__ = None  # type: ignore[assignment]

    @cached_property
    def state(self) -> Mapping[bytes, bytes]:
        """The state after the block: every key that holds a value, read-only."""
        return MappingProxyType(self._snapshot.state())

    @cached_property
    def changes(self) -> Mapping[bytes, bytes | None]:
        """What the block has changed in the state: the final value of each key that it has written, read-only.

        None stands for a key that was deleted. A key whose value after the block is the one before it is among
        them, too, where a transaction has written or deleted it, or added to it.
        """
        return MappingProxyType(self._snapshot.changes())

    @cached_property
    def state_root(self) -> bytes:
        """The 32-byte root of the binary tree over the final state, as docs/reference/state-root.md defines it."""
        return state_root(self.state)

    @cached_property
    def gas_used(self) -> int:
        """Gas of all transactions together."""
        return sum(map(self._snapshot.gas_used, range(len(self))))

    @cached_property
    def timeline(self) -> Timeline | None:
        """What each worker did when; None where the block was executed without `timeline`."""
        return Timeline(self._snapshot) if self._snapshot.has_timeline else None

    def reads(self, txn_idx: SupportsIndex) -> list[tuple[bytes, bytes | None]]:
        """Return what a transaction's final incarnation read: keys, in the order first read, and values.

        What it only asked about a key, without its value, is among the `predicates`.

        Arguments:
            txn_idx: the transaction's place in the preset order.

        Raises:
            IndexError: there is no such transaction.
        """
        return self._snapshot.reads(range(len(self))[txn_idx])

    def predicates(self, txn_idx: SupportsIndex) -> list[Predicate]:
        """Return what a transaction's final incarnation asked about keys without reading them, in order.

        An answer that followed from what the transaction had read, or had done to the key itself, is not among
        them, nor is the same `exists` asked again. The items are of the classes of `blockstm.results.predicates`:
        Existence, Checked and Scanned.

        Arguments:
            txn_idx: the transaction's place in the preset order.

        Raises:
            IndexError: there is no such transaction.
        """
        return decode_predicates(self._snapshot.predicates(range(len(self))[txn_idx]))

    def writes(self, txn_idx: SupportsIndex) -> list[tuple[bytes, bytes | None]]:
        """Return what a transaction wrote: keys, in the order first written, and values, None for deleted.

        A write of the value that was there already is among them. A transaction that was reverted or failed
        has written nothing.

        Arguments:
            txn_idx: the transaction's place in the preset order.

        Raises:
            IndexError: there is no such transaction.
        """
        return self._snapshot.writes(range(len(self))[txn_idx])

    def adds(self, txn_idx: SupportsIndex) -> list[tuple[bytes, int]]:
        """Return what a transaction added to numbers: keys, in the order first added to, and signed sums.

        These are the keys that it has not written. An add to a key that the transaction has written, or has
        read by then, is a write of the sum, and so is one to a key that it reads afterwards. Only where that
        read was in a nested program that failed is a key both among the reads and here.

        Arguments:
            txn_idx: the transaction's place in the preset order.

        Raises:
            IndexError: there is no such transaction.
        """
        return self._snapshot.adds(range(len(self))[txn_idx])

    def execution_seconds(self, txn_idx: SupportsIndex) -> float | None:
        """Return how long the program of a transaction's final incarnation ran.

        Incarnations that were given up do not count, nor does waiting, nor publishing, validating and
        committing what came of the run. None where the block was executed without `timed`.

        Arguments:
            txn_idx: the transaction's place in the preset order.

        Raises:
            IndexError: there is no such transaction.
        """
        return self._snapshot.execution_seconds(range(len(self))[txn_idx])

    def __repr__(self) -> str:
        """Sum up the result."""
        return f"<Result of {counted(len(self), 'transaction')}, {self.stats!r}>"

    def _repr_html_(self) -> str:
        """Show the figures and the first receipts in a notebook."""
        ended = Counter(map(self._snapshot.status, range(len(self))))
        stats = self.stats
        figures: dict[str, object] = {
            "model": stats.model,
            "workers": f"{stats.active_workers} of {stats.workers}",
            "seconds": stats.wall_seconds,
            "executions": stats.executions,
            "validations": stats.validations,
            "aborts": stats.aborts,
            **{status: ended[number] for number, status in enumerate(STATUSES)},
        }
        receipts = [
            (receipt.txn_idx, receipt.status, receipt.gas_used, receipt.error, len(receipt.events))
            for receipt in self.receipts[:ROWS_SHOWN]
        ]
        caption = f"The first {ROWS_SHOWN} receipts:" if len(self) > ROWS_SHOWN else ""
        return html_of(
            f"Result of {counted(len(self), 'transaction')}",
            HtmlTable(tuple(figures), [tuple(figures.values())]),
            HtmlTable(("transaction", "status", "gas used", "error", "events"), receipts, caption),
        )


def snapshot_of(result: Result) -> Snapshot:
    """Return the core's undecoded view of a run, for the modules of this package that go through whole runs."""
    return result._snapshot
