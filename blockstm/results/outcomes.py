"""How many transactions of a block succeeded, were reverted and failed, and the commonest reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from blockstm.errors import one_line
from blockstm.results.result import STATUSES, Receipt, Result, Status, snapshot_of
from blockstm.schema.common import OutcomesEntry, ReasonEntry

__all__ = ["ChainOutcomes", "Outcomes"]

REASONS_MAX: Final = 5
REASON_CHARACTERS_MAX: Final = 200
_SUCCESS: Final = STATUSES.index("success")


class ChainOutcomes(Protocol):
    """Knows how transactions ended on their chain: there one may have failed though its program came to its end."""

    def outcome(self, receipt: Receipt) -> tuple[Status, str | None]:
        """Return how the transaction of a receipt ended, and why if it did not succeed."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How the transactions of a block ended. Make it with `of`.

    Arguments:
        succeeded, reverted, failed: how many.
        reasons: the commonest, most transactions first.
        other_reasons: how many transactions have a reason that is not among these.
    """

    succeeded: int
    reverted: int
    failed: int
    reasons: tuple[ReasonEntry, ...]
    other_reasons: int

    @staticmethod
    def of(result: Result, chain: ChainOutcomes | None = None) -> Outcomes:
        """Count what came of a block.

        Arguments:
            result: its run.
            chain: what its chain knows of it, if anything.
        """
        endings = Counter(_endings(result, chain))
        counts = Counter[Status]()
        for (status, _), count in endings.items():
            counts[status] += count
        of_reasons = {ending: count for ending, count in endings.items() if ending[0] != "success"}
        commonest = sorted(of_reasons.items(), key=lambda entry: (-entry[1], entry[0]))[:REASONS_MAX]
        reasons = tuple(ReasonEntry(reason, status, count) for (status, reason), count in commonest)
        return Outcomes(
            succeeded=counts["success"],
            reverted=counts["reverted"],
            failed=counts["failed"],
            reasons=reasons,
            other_reasons=sum(of_reasons.values()) - sum(reason.count for reason in reasons),
        )

    def entry(self) -> OutcomesEntry:
        """Return what the JSON output says."""
        return OutcomesEntry(self.succeeded, self.reverted, self.failed, self.reasons)


def _endings(result: Result, chain: ChainOutcomes | None) -> Iterator[tuple[Status, str]]:
    """Yield of each transaction how it ended, and why if it did not succeed."""
    if chain is not None:
        for receipt in result.receipts:
            status, error = chain.outcome(receipt)
            yield status, one_line(error or "", REASON_CHARACTERS_MAX)
        return
    snapshot = snapshot_of(result)
    for txn_idx in range(len(result)):
        status_number = snapshot.status(txn_idx)
        if status_number == _SUCCESS:
            yield "success", ""  # no more of it is decoded: most of a long block are such
        else:
            yield STATUSES[status_number], one_line(snapshot.error(txn_idx) or "", REASON_CHARACTERS_MAX)
