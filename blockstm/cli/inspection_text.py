"""What ``blockstm inspect`` shows to a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from blockstm.analysis.bounds import CORES, Bound
from blockstm.analysis.conflicts import DEPENDENCY_KINDS, independent_transactions
from blockstm.analysis.conventions import Fees
from blockstm.analysis.definitions import SOURCES, Definition, Figure
from blockstm.analysis.inspection import Inspection
from blockstm.analysis.profile import Weight
from blockstm.analysis.relations import Relation
from blockstm.cli.columns import Column, print_columns, print_values, print_wrapped
from blockstm.cli.figures_text import NONE, duration, per_cent, times
from blockstm.cli.outcomes_text import outcome_values
from blockstm.errors import counted, shown_path
from blockstm.results.outcomes import Outcomes

__all__ = ["print_inspection"]

WEIGHED: Mapping[Weight, str] = {
    "gas": "transactions weighed by gas",
    "seconds": "transactions weighed by seconds",
    "transactions": "all transactions weighing the same, as neither gas nor seconds are known",
}
CORE_COLUMNS = (Column("unlimited"), *(Column(f"{cores} cores") for cores in CORES))
RULES = Column("rules", is_number=False)
RELATION_HEADINGS: Mapping[Relation, str] = {
    Relation.TRUE_DEPENDENCY: "true-\ndependency",
    Relation.ACCESS_AFTER_WRITE: "access-\nafter-write",
    Relation.CONFLICT: "conflict",
}


def print_inspection(file: Path, inspection: Inspection, outcomes: Outcomes | None) -> None:
    """Print all about a block.

    Arguments:
        file: where it comes from.
        inspection: what limits it.
        outcomes: how its transactions ended, if it was executed.
    """
    print_values(summary(file, inspection, outcomes))
    print_conflicts(inspection)
    print_distances(inspection)
    print_chains(inspection)
    for weight in inspection.profile.weights:
        print_bounds(inspection, weight)
    if inspection.not_told:
        print()
    for rules, reason in inspection.not_told.items():
        print_wrapped(f"{rules}: left out, as {reason}")
    print_definitions(inspection)
    print_hot_keys(inspection)


def summary(file: Path, inspection: Inspection, outcomes: Outcomes | None) -> dict[str, str | Sequence[str]]:
    """Return what is told in one line each, by name."""
    block, outcome = inspection.block, inspection.outcome
    count = len(block)
    independent = independent_transactions(outcome.graph)
    accesses = [
        f"{each.mean:.2f} {name} (at most {each.max:,})"
        for name, each in inspection.per_transaction().items()
    ]
    return {
        "block": shown_path(file),
        "chain": block.chain or NONE,
        "number": NONE if block.number is None else str(block.number),
        "transactions": f"{count:,}",
        **({} if outcomes is None else outcome_values(outcomes)),
        "accesses": inspection.profile.source,
        "seconds": NONE if inspection.profile.seconds is None else inspection.profile.seconds_source,
        **sections_values(inspection),
        "keys": f"{inspection.keys:,}",
        "per transaction": ", ".join(accesses) or NONE,
        "fees": fees_text(inspection),
        "rules": str(inspection.rules),
        "independent": f"{counted(independent, 'transaction')} ({per_cent(outcome.independent_share)})",
        "longest chain": counted(outcome.longest_chain, "transaction"),
    }


def sections_values(inspection: Inspection) -> dict[str, str]:
    """Tell what the block says beside what was recorded, if anything."""
    names = {
        "declared": "declared accesses",
        "hints": "hints",
        "arrival_nanoseconds": "arrival times",
        "access_list": "an access list",
    }
    told = [
        f"{names[section]} of {count:,} {what if count != 1 else what.removesuffix('s')}"
        for section, counts in inspection.sections.items()
        for what, count in counts.items()
    ]
    return {"also stated": ", ".join(told)} if told else {}


def fees_text(inspection: Inspection) -> str:
    """Tell where fees go, and how that is known."""
    fees = inspection.fees
    if not isinstance(fees, Fees):
        return f"{NONE} ({fees.reason})"
    names = ", ".join(inspection.conventions.key_name(key) for key in sorted(fees.keys))
    return f"{names or NONE} ({fees.source})"


def print_conflicts(inspection: Inspection) -> None:
    """Print how many conflicts there are of each kind."""
    rows = [
        (kind, f"{count:,}", "waits" if kind in DEPENDENCY_KINDS else "does not wait")
        for kind, count in inspection.conflicts.items()
        if count
    ]
    if rows:
        print()
        print_columns((Column("conflicts", False), Column(""), Column("", False)), rows)


def print_distances(inspection: Inspection) -> None:
    """Print how far back the nearest of those is that transactions wait for."""
    rows = [
        ("1 before" if low == 1 else f"{low:,} to {2 * low - 1:,} before", f"{count:,}")
        for low, count in inspection.distances.items()
    ]
    if rows:
        print()
        print_columns((Column("nearest that it waits for"), Column("transactions")), rows)


def print_chains(inspection: Inspection) -> None:
    """Print what each set of rules makes wait, and the critical path by each weight."""
    weights = list(inspection.profile.weights)
    paths = [Column(f"critical path,\n{weight}") for weight in weights]
    rows = [
        [
            str(rules),
            per_cent(outcome.independent_share),
            f"{outcome.longest_chain:,}",
            *(weight_text(weight, outcome.bounds[weight].critical_path) for weight in weights),
        ]
        for rules, outcome in inspection.outcomes.items()
    ]
    print()
    print_columns((RULES, Column("independent"), Column("longest\nchain"), *paths), rows)


def print_bounds(inspection: Inspection, weight: Weight) -> None:
    """Print the speed-up that each set of rules allows."""
    print()
    print_wrapped(f"Bounds on the speed-up, {WEIGHED[weight]}:")
    print_columns(
        (RULES, *CORE_COLUMNS),
        (
            [str(rules), *bound_cells(outcome.bounds[weight])]
            for rules, outcome in inspection.outcomes.items()
        ),
    )


def print_definitions(inspection: Inspection) -> None:
    """Print how parallel the block is by each definition, a column for each relation, and who uses which."""
    rows: dict[tuple[Definition, str], dict[Relation, str]] = {}
    for figure in inspection.figures:
        rows.setdefault((figure.definition, figure.unit), {})[figure.relation] = figure_text(figure)
    if not rows:
        return
    print()
    print_wrapped(f"Definitions in use, {inspection.rules}:")
    print_columns(
        (
            Column("definition", is_number=False),
            Column("unit", is_number=False),
            *(Column(RELATION_HEADINGS[each]) for each in Relation),
        ),
        (
            [definition, unit, *(cells.get(relation, NONE) for relation in Relation)]
            for (definition, unit), cells in rows.items()
        ),
        keys=2,
    )
    if inspection.busiest_key is not None:
        print_wrapped(f"busiest-key: {inspection.name(inspection.busiest_key.key)}")
    print()
    print_values(SOURCES)


def figure_text(figure: Figure) -> str:
    """Write a figure: how many and what share, or only the share of a weight."""
    share = per_cent(figure.share)
    return f"{figure.value:,} ({share})" if figure.unit in ("transactions", "pairs") else share


def print_hot_keys(inspection: Inspection) -> None:
    """Print the keys that most transactions wait for, each above its figures: the bound without it, and more."""
    if not inspection.hot_keys:
        return
    print()
    print_wrapped(f"Hot keys, and the bounds without each, by {inspection.weight}, {inspection.rules}:")
    rows = [
        (f"{hot.transactions:,}", f"{hot.longest_chain:,}", *bound_cells(hot.bound))
        for hot in inspection.hot_keys
    ]
    rows.append((NONE, NONE, *bound_cells(inspection.outcome.bounds[inspection.weight])))
    columns = (Column("waiting\ntxns"), Column("longest\nchain"), *CORE_COLUMNS)
    names = [*(inspection.name(hot.key) for hot in inspection.hot_keys), "(with all keys)"]
    print_columns(columns, rows, titles=names)


def bound_cells(bound: Bound) -> Sequence[str]:
    """Return the cells of a bound's columns."""
    return [times(bound.unlimited), *(times(bound.cores.get(cores)) for cores in CORES)]


def weight_text(weight: Weight, value: float) -> str:
    """Write what transactions weigh."""
    return duration(value) if weight == "seconds" else f"{value:,}"
