"""What each worker did when: the timeline of a run that was asked for one, decoded as it is looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal

from blockstm.errors import counted
from blockstm.tables.arrow import ArrowTable, Column
from blockstm.tables.html import HtmlTable, html_of

if TYPE_CHECKING:
    from blockstm.native._core import Snapshot

__all__ = ["Kind", "Span", "Timeline", "Why"]

Kind = Literal[
    "execution", "aborted", "doomed", "suspended", "validation", "abort", "overtaken", "commit", "refusal", "sleep"
]  # fmt: skip
Why = Literal["version", "gone", "estimate"]

# By the core's numbers (memory/layout.pxd). Whether an execution was aborted later is found out when all is over.
KINDS: Final[tuple[Kind, ...]] = (
    "execution", "doomed", "suspended", "validation", "abort", "overtaken", "commit", "refusal", "sleep",
)  # fmt: skip
KIND_FIRST: Final = 1
EXECUTION: Final = 1
COMMIT: Final = 7
WHYS: Final[tuple[Why | None, ...]] = (None, "version", "gone", "estimate")

_COLUMNS: Final = {
    "kind": Column("string"),
    "worker": Column("uint16"),
    "begin_ns": Column("int64"),
    "end_ns": Column("int64"),
    "txn_idx": Column("uint32", True),
    "incarnation": Column("uint32", True),
    "cause": Column("uint32", True),
    "why": Column("string", True),
}

_Raw = tuple[int, int, int, int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Span:
    """What a worker did from one moment to another.

    | kind | meaning |
    |---|---|
    | ``execution`` | an incarnation ran to its end and was published; it is the final one |
    | ``aborted`` | the same, but it was aborted later |
    | ``doomed`` | an incarnation was given up midway: something that it had read was stale by then |
    | ``suspended`` | an incarnation met an ESTIMATE; its transaction waits for the `cause` |
    | ``validation`` | a validation passed |
    | ``abort`` | a validation failed, and aborted the incarnation |
    | ``overtaken`` | a validation failed, and another had aborted the incarnation already |
    | ``commit`` | the worker, as the collector, made a transaction final |
    | ``refusal`` | the collector found a guess about an add's bounds wrong, and aborted the incarnation |
    | ``sleep`` | the worker had no task, and slept |
    """

    kind: Kind
    """What it did: see the table."""
    worker: int
    """The worker's slot, from 0."""
    begin_ns: int
    """From the start of the block."""
    end_ns: int
    """From the start of the block, too."""
    txn_idx: int | None
    """The transaction that it was about; None for a sleep."""
    incarnation: int | None
    """Which incarnation of the transaction, from 0; None for a sleep."""
    cause: int | None
    """The transaction because of which the incarnation came to nothing; None where it did not, and where it is not
    known which it was: for a sum of adds, and for bounds."""
    why: Why | None
    """What the cause has done to a key that the incarnation read: published a ``version`` that was not there;
    taken back the version read (``gone``); left an ``estimate``: marked its version as it was aborted, or announced
    a write, which need not have come."""


class Timeline(ArrowTable):
    """What each worker did when. Iterate over it for the spans: worker by worker, each worker's in order.

    It is a table for data tools, too (``timeline.to_arrow()``, ``polars.DataFrame(timeline)``), with the fields of
    `Span` for columns: ``kind`` and ``why`` string, ``worker`` uint16, ``begin_ns`` and ``end_ns`` int64 (from the
    start of the block), ``txn_idx``, ``incarnation`` and ``cause`` uint32; null where a span has None.

    A worker's spans do not overlap. Where there is none it looked for a task, or the system gave its core to
    others. What a worker was doing when it was killed is not among them. Under the sequential model there are only
    executions: a transaction is final once it has run.

    Arguments:
        snapshot: the core's view of the run.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        """Stand for the spans; decodes none."""
        self._snapshot = snapshot

    @cached_property
    def dropped(self) -> int:
        """How many spans were not kept, since all took an eighth of the memory limit."""
        return self._snapshot.spans_dropped()

    @cached_property
    def _final(self) -> dict[tuple[int, int], int]:
        """When the span ended that tells of what stayed, by its kind and transaction.

        One commit is noted twice where a collector died over it, and under the sequential model all begins anew
        when the worker has died.
        """
        final: dict[tuple[int, int], int] = {}
        for kind, _, _, end_ns, txn_idx, incarnation, _, _ in self._snapshot.spans():
            if kind == COMMIT or (
                kind == EXECUTION and incarnation == self._snapshot.incarnations(txn_idx) - 1
            ):
                final[kind, txn_idx] = max(end_ns, final.get((kind, txn_idx), 0))
        return final

    def __iter__(self) -> Iterator[Span]:
        """Decode one span after the other."""
        for raw in self._snapshot.spans():
            kind, _, _, end_ns, txn_idx, *_ = raw
            is_final = kind in (COMMIT, EXECUTION) and self._final.get((kind, txn_idx)) == end_ns
            if kind == EXECUTION and not is_final:
                yield _decoded(raw, "aborted")
            elif kind != COMMIT or is_final:
                yield _decoded(raw, KINDS[kind - KIND_FIRST])

    @cached_property
    def _count(self) -> int:
        return sum(1 for _ in self)

    def __len__(self) -> int:
        """Tell the number of spans; they are counted once, when first asked for."""
        return self._count

    def __bool__(self) -> bool:
        """Be true, though there may be no span: it is there, where a result without one has None."""
        return True

    def _arrow_columns(self) -> Mapping[str, Column]:
        return _COLUMNS

    def _arrow_rows(self) -> Iterator[tuple[object, ...]]:
        for span in self:
            yield tuple([getattr(span, name) for name in _COLUMNS])

    def __repr__(self) -> str:
        """Say how much there is."""
        spans, transactions = counted(len(self), "span"), counted(len(self._snapshot), "transaction")
        return f"<Timeline of {transactions}, {spans}>"

    def _repr_html_(self) -> str:
        """Show in a notebook how many spans there are of each kind, and how long they took."""
        counts: Counter[str] = Counter()
        ns: Counter[str] = Counter()
        for span in self:
            counts[span.kind] += 1
            ns[span.kind] += span.end_ns - span.begin_ns
        rows = [(kind, count, ns[kind] / 1e6) for kind, count in counts.most_common()]
        return html_of(repr(self)[1:-1], HtmlTable(("kind", "spans", "milliseconds"), rows))


def _decoded(raw: _Raw, kind: Kind) -> Span:
    _, worker, begin_ns, end_ns, txn_idx, incarnation, why, cause = raw
    has_txn = kind != "sleep"
    return Span(
        kind,
        worker,
        begin_ns,
        end_ns,
        txn_idx if has_txn else None,
        incarnation if has_txn else None,
        cause if why else None,
        WHYS[why],
    )
