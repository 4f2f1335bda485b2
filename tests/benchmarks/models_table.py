"""What each model of execution comes to: the tables of docs/explanation/which-model.md.

    python -m tests.benchmarks.models_table SHARED [--only NAME,NAME,...] [-o docs/explanation/which-model.md]

SHARED/ethereum holds the recorded access traces. Every model is compared with sequential execution. A model that
joins `blockstm.models.MODELS` joins the tables. With -o the tables of that page are replaced, all or those that
--only names. Tables in real time (traces, push-real, scenarios-real) are made only where --only names them: models
take turns, and times are medians of the runs that nothing disturbed.
"""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import geometric_mean, median
from typing import Final

from blockstm.compare import Comparison
from blockstm.models import BlockStm, Hinted, Model
from tests.benchmarks.models_runs import (
    MODELS_COMPARED,
    Named,
    contended,
    measured,
    named_scenarios,
    named_traces,
    simulated,
    sweep_blocks,
    times_of,
)
from tests.benchmarks.workloads import least_gas_of_two_cores

PAGE_TABLE: Final = "<!-- table: {} -->\n"
PAGE_WIDTH: Final = 119
PAGE_END: Final = "<!-- end of table -->"
FIRST: Final = "block-stm"
DECLARED: Final = "declared:observed"

SHARE_WANTED: Final = 0.97
SHARE_CORES: Final = (2, 4, 8, 16)
MEASURED_SECONDS_MIN: Final = 2e-3
"""Shorter blocks are over before two workers are awake."""
CHAINED: Final = 1.1
"""In a block that no schedule on two cores makes that much faster, everything conflicts."""
TOLERANCE: Final = 0.02
"""Times that differ by a smaller share count as the same."""

KNOWN_PERCENT: Final = (0, 25, 50, 75, 90, 100)
FALSE_PERCENT: Final = 50
HINTS_CORES: Final = 16
SWEEP_CORES: Final = (1, 2, 4, 8, 16, 32, 64)
SCENARIO_CORES: Final = (1, 2, 4, 8, 16, 32)
SHOWN_CORES: Final = (16, 32)


def grid(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a table whose first column has names and whose others have figures."""
    yield f"| {' | '.join(headings)} |"
    yield "|---|" + "---:|" * (len(headings) - 1)
    for row in rows:
        yield f"| {' | '.join(row)} |"


def sentence(text: str) -> str:
    """Return a sentence of the page, in lines as long as those around it."""
    return textwrap.fill(text, PAGE_WIDTH, break_long_words=False, break_on_hyphens=False)


def each_of(names: Sequence[str]) -> str:
    """Return names as a list in a sentence, or that there is none."""
    return ", ".join(names) or "none"


def shares_of_bound(shared: Path, rounds: int) -> Iterator[str]:
    """Yield how near the models come to the greedy bound on recorded Ethereum blocks, by work and cores."""
    for work, recorded in (("recorded times", True), ("a round for each unit of gas", False)):
        comparisons = {
            named.name: simulated(named, MODELS_COMPARED, SHARE_CORES, recorded)
            for named in named_traces(shared)
        }
        headings = (f"{work}: model", "executions", "aborts", *(f"{cores} cores" for cores in SHARE_CORES))
        yield from grid(headings, [share_row(model, comparisons) for model in MODELS_COMPARED])
        yield ""
        below = [
            f"{name} ({share:.3f} on {cores})"
            for name, comparison in comparisons.items()
            for cores in SHARE_CORES
            if (share := share_of_bound(comparison, DECLARED, cores)) < SHARE_WANTED
        ]
        blocks = len({entry.split(" (")[0] for entry in below})
        told = f": {each_of(below)}" if recorded else ""
        yield sentence(
            f"`{DECLARED}` is below {SHARE_WANTED} on {blocks} of {len(comparisons)} blocks{told}."
        )
        yield ""


def share_of_bound(comparison: Comparison, model: str, cores: int) -> float:
    """Return a run's speed-up over the greedy bound."""
    run = comparison.run(model, cores)
    assert run is not None and run.speedup is not None and run.bound_greedy is not None
    return run.speedup / run.bound_greedy


def share_row(model: str, comparisons: dict[str, Comparison]) -> list[str]:
    """Return executions a transaction and aborts, the most of any block, and the shares by cores."""
    runs = [run for each in comparisons.values() for run in each.runs if run.model == model]
    if len(runs) < len(comparisons) * len(SHARE_CORES):
        return [f"`{model}`", *["-"] * (2 + len(SHARE_CORES))]
    cells = []
    for cores in SHARE_CORES:
        shares = [share_of_bound(each, model, cores) for each in comparisons.values()]
        below = sum(share < SHARE_WANTED for share in shares)
        cells.append(f"{median(shares):.3f}, {min(shares):.3f}, {below}")
    executions = max(run.executions_per_transaction for run in runs)
    return [f"`{model}`", f"{executions:.2f}", f"{sum(run.aborts for run in runs):,}", *cells]


def traces_measured(shared: Path, rounds: int) -> Iterator[str]:
    """Yield what the models gain in real time with two workers on recorded Ethereum blocks."""
    blocks = list(named_traces(shared))
    seconds = measured(blocks, MODELS_COMPARED, 2, rounds)
    long = {
        name: each for name, each in seconds.items() if each.get("sequential", 0.0) >= MEASURED_SECONDS_MIN
    }
    yield from gain_lines(list(long.values()))
    yield ""
    yield left_out(list(seconds.values()))
    yield ""
    times = {
        name: each[FIRST] / each[DECLARED] for name, each in long.items() if {FIRST, DECLARED} <= {*each}
    }
    behind = [f"{name} ({each:.2f})" for name, each in times.items() if each < 1 - TOLERANCE]
    yield sentence(f"`{DECLARED}` takes more than 2 % longer than `{FIRST}` on: {each_of(behind)}.")
    yield ""
    chained = [
        f"{named.name} ({times[named.name]:.2f})"
        for named in blocks
        if named.name in times and bound_on_two_cores(named) < CHAINED
    ]
    yield sentence(
        f"Where no schedule on two cores gains {CHAINED - 1:.0%}, it comes to: {each_of(chained)}."
    )


def left_out(seconds: Sequence[Mapping[str, float]]) -> str:
    """Return on how many blocks too few runs of block-stm had their cores to compare anything with it."""
    disturbed = sum(FIRST not in each for each in seconds)
    return sentence(f"Other work on the machine disturbed `{FIRST}` on {disturbed} of {len(seconds)} blocks.")


def ratio(seconds: Mapping[str, float], model: str, of: str = FIRST) -> str:
    """Return the time of one model over that of another; "-" where either was not measured."""
    return f"{seconds[of] / seconds[model]:.2f} x" if {model, of} <= {*seconds} else "-"


def bound_on_two_cores(named: Named) -> float:
    """Return the most that any schedule gains by gas, which is what the trace program works by."""
    gas: int = sum(transaction.arguments[-1] for transaction in named.block.transactions)  # type: ignore[misc]
    return gas / least_gas_of_two_cores(named.block)


def gain_lines(seconds: Sequence[Mapping[str, float]]) -> Iterator[str]:
    """Yield what models gain against the first over several blocks that were measured."""
    rows = []
    for model in MODELS_COMPARED[1:]:
        both = [each for each in seconds if {FIRST, model} <= {*each}]
        times = [each[FIRST] / each[model] for each in both]
        if not times:
            continue
        faster = sum(each > 1 + TOLERANCE for each in times)
        slower = sum(each < 1 - TOLERANCE for each in times)
        together = sum(each[FIRST] for each in both) / sum(each[model] for each in both)
        counts = (faster, len(times) - faster - slower, slower)
        figures = (together, median(times), min(times), max(times))
        rows.append([f"`{model}`", *map(str, counts), *(f"{figure:.2f} x" for figure in figures)])
    headings = ("model", "faster", "same", "slower", "all blocks together", "median", "worst", "best")
    yield from grid(headings, rows)


def hints_known(shared: Path, rounds: int) -> Iterator[str]:
    """Yield what hints are worth by how much is known: aborts a transaction, and speed against no hints."""
    return hint_lines(KNOWN_PERCENT, lambda known: Hinted(known_percent=known), BlockStm())


def hints_false(shared: Path, rounds: int) -> Iterator[str]:
    """Yield the same where half of the hints are false."""
    return hint_lines(
        KNOWN_PERCENT[1:],
        lambda known: Hinted(known_percent=known, false_percent=FALSE_PERCENT),
        BlockStm(),
    )


def hints_without_intents(shared: Path, rounds: int) -> Iterator[str]:
    """Yield the same for the paper's Block-STM, in which transactions announce nothing while they run."""
    return hint_lines(
        KNOWN_PERCENT, lambda known: Hinted(known_percent=known, intents=False), BlockStm(intents=False)
    )


def hint_lines(percentages: Sequence[int], hinted: Callable[[int], Model], against: Model) -> Iterator[str]:
    """Yield a table of hints: a row for each contended block, a column for each share that is known."""
    rows = []
    for named in contended():
        compared = simulated(named, [against, *map(hinted, percentages)], [HINTS_CORES])
        first, *runs = compared.runs
        cells = [f"{run.aborts / run.transactions:.2f}, {first.seconds / run.seconds:.2f} x" for run in runs]
        rows.append([named.name, f"{first.speedup:.2f} x", *cells])
    yield from grid(("block", "no hints", *(f"{known} %" for known in percentages)), rows)


def push_modelled(shared: Path, rounds: int) -> Iterator[str]:
    """Yield the contention sweep: the time of block-stm over that of push, in modelled time."""
    rows, ratios = [], []
    for named in sweep_blocks():
        compared = simulated(named, [FIRST, "push"], SWEEP_CORES)
        times = [times_of(compared, "push", FIRST, cores) or 0.0 for cores in SWEEP_CORES]
        ratios += times
        rows.append([named.name, *(f"{each:.2f} x" for each in times)])
    yield from grid(("accounts", *(f"{c} core{'s' * (c > 1)}" for c in SWEEP_CORES)), rows)
    yield ""
    ahead, behind = sum(each > 1 + TOLERANCE for each in ratios), sum(each < 1 - TOLERANCE for each in ratios)
    yield sentence(
        f"Of {len(ratios)} cells, `push` is ahead by more than 2 % in {ahead}, and behind by as much in {behind}."
    )


def push_measured(shared: Path, rounds: int) -> Iterator[str]:
    """Yield the same sweep in real time."""
    by_workers = [measured(sweep_blocks(), [FIRST, "push"], workers, rounds) for workers in (1, 2)]
    rows = [[name, *(ratio(seconds[name], "push") for seconds in by_workers)] for name in by_workers[0]]
    yield from grid(("accounts", "1 worker", "2 workers"), rows)
    yield ""
    yield left_out([each for seconds in by_workers for each in seconds.values()])


def scenarios_modelled(shared: Path, rounds: int) -> Iterator[str]:
    """Yield the speed-up of every model on every shipped block on many cores, and the mean of all by cores."""
    compared = {named.name: simulated(named, MODELS_COMPARED, SCENARIO_CORES) for named in named_scenarios()}
    last = max(SHOWN_CORES)
    rows = []
    for name, each in compared.items():
        bounds = [each.run(FIRST, cores) for cores in SHOWN_CORES]
        cells = [speedups(each, model, SHOWN_CORES) for model in MODELS_COMPARED]
        rows.append([f"`{name}`", *cells, " / ".join(f"{run.bound_greedy:.2f}" for run in bounds if run)])
    yield from grid(
        ("block", *(f"`{model}`" for model in MODELS_COMPARED), f"bound, {SHOWN_CORES[0]} / {last}"), rows
    )
    yield ""
    means = [
        [f"`{model}`", *(mean_of(list(compared.values()), model, cores) for cores in SCENARIO_CORES)]
        for model in MODELS_COMPARED
    ]
    cores = (f"{count} core{'s' * (count > 1)}" for count in SCENARIO_CORES)
    yield from grid(("geometric mean", *cores), means)


def speedups(comparison: Comparison, model: str, cores: Sequence[int]) -> str:
    """Return a model's speed-ups on some numbers of cores; "-" where it cannot run the block."""
    runs = [comparison.run(model, count) for count in cores]
    return " / ".join(f"{run.speedup:.2f}" for run in runs if run is not None) or "-"


def mean_of(comparisons: Sequence[Comparison], model: str, cores: int) -> str:
    """Return the mean speed-up of a model over the blocks that it can run."""
    runs = [run for each in comparisons if (run := each.run(model, cores)) is not None]
    found = [run.speedup for run in runs if run.speedup is not None]
    return f"{geometric_mean(found):.2f} x" if found else "-"


def scenarios_measured(shared: Path, rounds: int) -> Iterator[str]:
    """Yield what each model gains or costs against Block-STM in real time with two workers."""
    seconds = measured(named_scenarios(), MODELS_COMPARED, 2, rounds)
    rows = [
        [
            f"`{name}`",
            ratio(each, FIRST, of="sequential"),
            *(ratio(each, model) for model in MODELS_COMPARED[1:]),
        ]
        for name, each in seconds.items()
    ]
    headings = (f"`{FIRST}` over sequential", *(f"`{model}`" for model in MODELS_COMPARED[1:]))
    yield from grid(("block", *headings), rows)
    yield ""
    yield from gain_lines(list(seconds.values()))
    yield ""
    yield left_out(list(seconds.values()))


TABLES: Final[dict[str, Callable[[Path, int], Iterator[str]]]] = {
    "bound": shares_of_bound,
    "traces": traces_measured,
    "hints": hints_known,
    "false-hints": hints_false,
    "hints-without-intents": hints_without_intents,
    "push": push_modelled,
    "push-real": push_measured,
    "scenarios": scenarios_modelled,
    "scenarios-real": scenarios_measured,
}


MEASURED: Final = ("traces", "push-real", "scenarios-real")
"""Those in real time, which want a quiet machine: they are printed when asked for, and not on the page."""


def replaced(page: str, name: str, table: str) -> str:
    """Return a page with another table between the marks of one.

    Raises:
        SystemExit: the page does not have these marks exactly once.
    """
    begin = PAGE_TABLE.format(name)
    marked = re.compile(f"({re.escape(begin)}).*?({re.escape(PAGE_END)})", re.DOTALL)
    page, count = marked.subn(lambda found: f"{found[1]}\n{table.strip()}\n\n{found[2]}", page)
    if count != 1:
        raise SystemExit(f"the page has the table {name} {count} times instead of once")
    return page


def main() -> None:
    """Make the tables, and print them or write them into the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shared", type=Path)
    modelled = [name for name in TABLES if name not in MEASURED]
    parser.add_argument("--only", type=partial(str.split, sep=","), default=modelled, metavar="NAME,...")
    parser.add_argument("--rounds", type=int, default=9, help="runs of each model that is measured")
    parser.add_argument("-o", "--output", type=Path, help="the page whose tables to replace")
    arguments = parser.parse_args()
    for unknown in sorted(set(arguments.only) - set(TABLES)):
        parser.error(f"there is no table {unknown}; choose from {', '.join(TABLES)}")
    for name in arguments.only:
        table = "\n".join(TABLES[name](arguments.shared, arguments.rounds))
        if arguments.output is None:
            print(f"{name}\n\n{table}\n")
        else:
            arguments.output.write_text(replaced(arguments.output.read_text("utf-8"), name, table), "utf-8")


if __name__ == "__main__":
    main()
