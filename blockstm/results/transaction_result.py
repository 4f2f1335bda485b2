"""What a run of a block tells of one of its transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blockstm.results.predicates import Predicate, decode_predicates
from blockstm.results.receipts import Receipt, receipt_at

if TYPE_CHECKING:
    from blockstm.native._core import Snapshot

__all__ = ["TransactionResult"]


class TransactionResult:
    """What a run tells of one transaction, decoded when looked at; `Result` is a sequence of these.

    Two are equal when receipt, reads, predicates, writes and adds are; what was measured does not count. It
    cannot be pickled, as it is a view of the run; what it tells can be.

    Arguments:
        snapshot: the core's view of the run.
        txn_idx: from 0, below the number of transactions.
    """

    __slots__ = ("_snapshot", "txn_idx")

    def __init__(self, snapshot: Snapshot, txn_idx: int) -> None:
        """Stand for the transaction; decodes nothing."""
        self._snapshot = snapshot
        self.txn_idx = txn_idx
        """The transaction's place in the preset order, from 0."""

    @property
    def receipt(self) -> Receipt:
        """Its receipt."""
        return receipt_at(self._snapshot, self.txn_idx)

    @property
    def reads(self) -> list[tuple[bytes, bytes | None]]:
        """What its final incarnation read: see `Result.reads`."""
        return self._snapshot.reads(self.txn_idx)

    @property
    def predicates(self) -> list[Predicate]:
        """What it asked about keys without reading them: see `Result.predicates`."""
        return decode_predicates(self._snapshot.predicates(self.txn_idx))

    @property
    def writes(self) -> list[tuple[bytes, bytes | None]]:
        """What it wrote: see `Result.writes`."""
        return self._snapshot.writes(self.txn_idx)

    @property
    def adds(self) -> list[tuple[bytes, int]]:
        """What it added to numbers: see `Result.adds`."""
        return self._snapshot.adds(self.txn_idx)

    @property
    def execution_seconds(self) -> float | None:
        """How long the program of its final incarnation ran, in seconds: see `Result.execution_seconds`."""
        return self._snapshot.execution_seconds(self.txn_idx)

    @property
    def incarnations(self) -> int:
        """How many incarnations it had, those that were given up included: at least 1."""
        return self._snapshot.incarnations(self.txn_idx)

    def __eq__(self, other: object) -> bool:
        """Compare outcomes, not measurements."""
        if not isinstance(other, TransactionResult):
            return NotImplemented
        return (self.receipt, self.reads, self.predicates, self.writes, self.adds) == (
            other.receipt,
            other.reads,
            other.predicates,
            other.writes,
            other.adds,
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """Say how it ended."""
        receipt = self.receipt
        error = "" if receipt.error is None else f" ({receipt.error})"
        return f"<transaction {self.txn_idx}: {receipt.status}{error}, gas used {receipt.gas_used:,}>"
