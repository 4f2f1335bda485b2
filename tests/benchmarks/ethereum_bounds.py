"""Inspect recorded traces of real Ethereum blocks, and print the tables of docs/explanation/inspect.md.

    python -m tests.benchmarks.ethereum_bounds FOLDER

FOLDER holds a folder a block, with trace.jsonl.zst. The tables have medians over the blocks; below the first stands
what all blocks together would gain by gas.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from blockstm.analysis.bounds import CORES, Bound
from blockstm.analysis.definitions import Definition
from blockstm.analysis.inspection import Inspection, inspect_block
from blockstm.analysis.profile import Weight, recorded_profile
from blockstm.analysis.relations import Relation
from blockstm.analysis.rules import Rules
from blockstm.blocks.access_trace import read_access_trace
from blockstm.chains import conventions_of

TOTAL_CORES = 2
"""How many cores all blocks together are told of, beside any number."""


def inspections(folder: Path) -> Iterator[Inspection]:
    """Inspect each block of a folder."""
    for path in sorted(folder.glob("*/trace.jsonl.zst")):
        block = read_access_trace(path)
        profile = recorded_profile(block)
        assert profile is not None
        yield inspect_block(block, profile, conventions_of(block.chain), top=0)


def bounds(inspected: Sequence[Inspection], rules: Rules, weight: Weight) -> list[Bound]:
    """Return the bounds of all blocks in which there is anything to do."""
    found = [one.outcomes[rules].bounds.get(weight) for one in inspected]
    return [bound for bound in found if bound is not None and bound.unlimited is not None]


def speedup_of_all(each: Sequence[Bound], cores: int | None) -> float:
    """Return what all blocks together would gain; None: on any number of cores."""
    total = sum((bound.unlimited or 0) * bound.critical_path for bound in each)
    if cores is None:
        return total / sum(bound.critical_path for bound in each)
    return total / sum((bound.unlimited or 0) * bound.critical_path / bound.cores[cores] for bound in each)


def lines(inspected: Sequence[Inspection]) -> Iterator[str]:
    """Yield the table and the totals."""
    headings = ["rules", "weighed by", "unlimited", *(f"{cores} cores" for cores in CORES)]
    yield "| " + " | ".join(headings) + " |"
    yield "|" + " --- |" * 2 + " ---: |" * (len(headings) - 2)
    weights: tuple[Weight, ...] = ("gas", "seconds")
    for rules in Rules:
        for weight in weights:
            each = bounds(inspected, rules, weight)
            columns = [[bound.unlimited or 0 for bound in each]]
            columns += [[bound.cores[cores] for bound in each] for cores in CORES]
            yield (
                f"| `{rules}` | {weight} | "
                + " | ".join(f"{median(column):.2f}" for column in columns)
                + " |"
            )
    yield ""
    for rules in Rules:
        each = bounds(inspected, rules, "gas")
        few, many = speedup_of_all(each, TOTAL_CORES), speedup_of_all(each, None)
        yield f"- {rules}: {len(each)} blocks together {few:.3f} on {TOTAL_CORES} cores, {many:.3f} on any number."


def definition_lines(inspected: Sequence[Inspection]) -> Iterator[str]:
    """Yield the table of the figures by definition, as shares."""
    shares: dict[tuple[Definition, str], dict[Relation, list[float]]] = {}
    for one in inspected:
        for figure in one.figures:
            by_relation = shares.setdefault((figure.definition, figure.unit), {})
            if figure.share is not None:
                by_relation.setdefault(figure.relation, []).append(figure.share)
    yield "| " + " | ".join(["definition", "unit", *Relation]) + " |"
    yield "|" + " --- |" * 2 + " ---: |" * len(Relation)
    for (definition, unit), by_relation in shares.items():
        medians = [
            f"{median(by_relation[relation]) * 100:.1f} %" if relation in by_relation else "-"
            for relation in Relation
        ]
        yield "| " + " | ".join([f"`{definition}`", unit, *medians]) + " |"


def main() -> None:
    """Inspect all blocks of a folder."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    inspected = list(inspections(Path(sys.argv[1])))
    print("\n".join([*lines(inspected), "", *definition_lines(inspected)]))


if __name__ == "__main__":
    main()
