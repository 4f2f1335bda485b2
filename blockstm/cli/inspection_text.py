"""What ``blockstm inspect`` shows to a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.table import Table

from blockstm.analysis.bounds import CORES, Bound
from blockstm.analysis.conflicts import DEPENDENCY_KINDS, independent_transactions
from blockstm.analysis.conventions import Fees
from blockstm.analysis.inspection import Inspection
from blockstm.analysis.profile import Weight
from blockstm.cli.tables import NONE, duration, print_wide, times
from blockstm.errors import shown_path

__all__ = ["print_inspection"]

WEIGHED: Mapping[Weight, str] = {
    "gas": "transactions weighed by gas",
    "seconds": "transactions weighed by seconds",
    "transactions": "all transactions weighing the same, as neither gas nor seconds are known",
}
CORE_HEADINGS = ("unlimited", *(f"{cores} cores" for cores in CORES))


def print_inspection(file: Path, inspection: Inspection) -> None:
    """Print all about a block."""
    print_summary(file, inspection)
    print_conflicts(inspection)
    print_distances(inspection)
    for weight in inspection.profile.weights:
        print_bounds(inspection, weight)
    if inspection.not_told:
        print()
    for rules, reason in inspection.not_told.items():
        print(f"{rules}: not told: {reason}")
    print_hot_keys(inspection)


def print_summary(file: Path, inspection: Inspection) -> None:
    """Print a name and its value on each line."""
    rows = summary(file, inspection)
    width = max(map(len, rows))
    for name, value in rows.items():
        print(f"{name:<{width}}  {value}")


def summary(file: Path, inspection: Inspection) -> dict[str, str]:
    """Return what is told in one line each, by name."""
    block, outcome = inspection.block, inspection.outcome
    count = len(block)
    independent = independent_transactions(outcome.graph)
    accesses = [
        f"{each['mean']:.2f} {name} (at most {each['max']:,})"
        for name, each in inspection.per_transaction().items()
    ]
    return {
        "block": shown_path(file),
        "chain": block.chain or NONE,
        "number": NONE if block.number is None else str(block.number),
        "transactions": f"{count:,}",
        "accesses": inspection.profile.source,
        "seconds": NONE if inspection.profile.seconds is None else inspection.profile.seconds_source,
        "keys": f"{inspection.keys:,}",
        "per transaction": ", ".join(accesses) or NONE,
        "fees": fees_text(inspection),
        "rules": str(inspection.rules),
        "independent": f"{independent:,} transactions ({per_cent(outcome.independent_share)})",
        "longest chain": f"{outcome.longest_chain:,} transactions",
    }


def fees_text(inspection: Inspection) -> str:
    """Tell where fees go, and how that is known."""
    fees = inspection.fees
    if not isinstance(fees, Fees):
        return f"{NONE} ({fees.reason})"
    names = ", ".join(inspection.conventions.key_name(key) for key in sorted(fees.keys))
    return f"{names or NONE} ({fees.source})"


def print_conflicts(inspection: Inspection) -> None:
    """Print how many conflicts there are of each kind."""
    table = new_table([("conflicts", False), ("", True), ("", False)])
    for kind, count in inspection.conflicts.items():
        if count:
            table.add_row(kind, f"{count:,}", "waits" if kind in DEPENDENCY_KINDS else "does not wait")
    if table.row_count:
        print()
        print_wide(table)


def print_distances(inspection: Inspection) -> None:
    """Print how far back the nearest of those is that transactions wait for."""
    table = new_table([("nearest that it waits for", True), ("transactions", True)])
    for low, count in inspection.distances.items():
        table.add_row("1 before" if low == 1 else f"{low:,} to {2 * low - 1:,} before", f"{count:,}")
    if table.row_count:
        print()
        print_wide(table)


def print_bounds(inspection: Inspection, weight: Weight) -> None:
    """Print the speed-up that each set of rules allows."""
    headings = [("rules", False), ("independent", True), ("longest\nchain", True), ("critical\npath", True)]
    table = new_table([*headings, *((heading, True) for heading in CORE_HEADINGS)])
    for rules, outcome in inspection.outcomes.items():
        table.add_row(
            str(rules),
            per_cent(outcome.independent_share),
            f"{outcome.longest_chain:,}",
            weight_text(weight, outcome.bounds[weight].critical_path),
            *bound_cells(outcome.bounds[weight]),
        )
    print(f"\nBounds on the speed-up, {WEIGHED[weight]}:")
    print_wide(table)


def print_hot_keys(inspection: Inspection) -> None:
    """Print the keys that most transactions wait for, and the bound without each."""
    if not inspection.hot_keys:
        return
    headings = [("transactions\nthat wait", True), ("longest\nchain", True)]
    # Names are long, so they come last.
    table = new_table([*headings, *((heading, True) for heading in CORE_HEADINGS), ("hot key", False)])
    for hot in inspection.hot_keys:
        cells = (f"{hot.transactions:,}", f"{hot.longest_chain:,}", *bound_cells(hot.bound))
        table.add_row(*cells, inspection.name(hot.key))
    table.add_row("", "", *bound_cells(inspection.outcome.bounds[inspection.weight]), "(with all keys)")
    print(f"\nHot keys, and the bounds without each, by {inspection.weight}, {inspection.rules}:")
    print_wide(table)


def new_table(columns: Iterable[tuple[str, bool]]) -> Table:
    """Return a table with these headings; true: a number."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading, is_number in columns:
        table.add_column(heading, justify="right" if is_number else "left", no_wrap=True)
    return table


def bound_cells(bound: Bound) -> Sequence[str]:
    """Return the cells of a bound's columns."""
    return [times(bound.unlimited), *(times(bound.cores.get(cores)) for cores in CORES)]


def weight_text(weight: Weight, value: float) -> str:
    """Write what transactions weigh."""
    return duration(value) if weight == "seconds" else f"{value:,}"


def per_cent(share: float | None) -> str:
    """Write a share of 1."""
    return NONE if share is None else f"{share * 100:.1f} %"
