"""How the command line tells how many transactions succeeded, were reverted and failed, and why."""

from __future__ import annotations

from collections.abc import Iterable

from blockstm.results.outcomes import Outcomes

__all__ = ["outcome_values", "reason_lines", "virtual_machine_values"]


def outcome_values(outcomes: Outcomes) -> dict[str, str | list[str]]:
    """Return what is told of a block's transactions, by name, for `print_values`."""
    counts = f"{outcomes.succeeded:,} succeeded, {outcomes.reverted:,} reverted, {outcomes.failed:,} failed"
    reasons = list(reason_lines([outcomes]))
    return {"outcome": counts, **({"reasons": reasons} if reasons else {})}


def virtual_machine_values(virtual_machine: str | None) -> dict[str, str]:
    """Return what is told of what executed the transactions, where their chain has several, for `print_values`."""
    return {} if virtual_machine is None else {"virtual machine": virtual_machine}


def reason_lines(blocks: Iterable[Outcomes]) -> list[str]:
    """Return a line for each of the commonest reasons, of all blocks together."""
    counts: dict[tuple[str, str], int] = {}
    others = 0
    for outcomes in blocks:
        others += outcomes.other_reasons
        for reason in outcomes.reasons:
            key = (reason.status, reason.reason)
            counts[key] = counts.get(key, 0) + reason.count
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    lines = [f"{count:,} {status}: {reason or '(no reason given)'}" for (status, reason), count in ordered]
    return [*lines, f"{others:,} with other reasons"] if others else lines
