"""What ``blockstm compare`` shows to a person: one block in full, or a line for each model of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from blockstm.cli.columns import Column, print_columns, print_values, print_wrapped
from blockstm.cli.figures_text import NONE, duration, milliseconds, per_cent, times
from blockstm.cli.outcomes_text import outcome_values, virtual_machine_values
from blockstm.compare import ComparedRun, Comparison, Gain, Verdict
from blockstm.errors import shown_path

__all__ = ["ComparedFile", "print_comparisons"]

RUN_COLUMNS = (Column("cores"), Column("model", is_number=False))
SPEED_COLUMNS = (
    Column("time\nms"), Column("speed-up"), Column("bound:\ngreedy"), Column("efficiency"), Column("utilised"),
)  # fmt: skip
WORK_COLUMNS = (
    Column("exec.\n/ txn"), Column("valid.\n/ txn"), Column("aborts\n/ txn"), Column("commit\np50 ms"),
    Column("commit\np99 ms"),
)  # fmt: skip
BLOCK_COLUMNS = (Column("block", is_number=False), Column("model", is_number=False))
GREEDY = "greedy"
"""Stands among the models: what list scheduling with perfect knowledge reaches."""


@dataclass(frozen=True)
class ComparedFile:
    """A block that was compared: where it comes from, its models side by side, and which suits it."""

    file: Path
    comparison: Comparison
    verdict: Verdict


def print_comparisons(compared: Sequence[ComparedFile], gains: Sequence[Gain]) -> None:
    """Print the tables, why which model suits each block, and where the models pay.

    Arguments:
        compared: the blocks; one is shown in full.
        gains: of the models but the first.
    """
    if len(compared) == 1:
        _print_block(compared[0])
    else:
        _print_blocks(compared)
    for gain in gains:
        print()
        print_wrapped(gain_text(gain))
    for each in compared:
        for refused in each.comparison.refused:
            print()
            print_wrapped(f"{shown_path(each.file)}: {refused.model} was not run: {refused.reason}")


def _print_block(compared: ComparedFile) -> None:
    comparison = compared.comparison
    several = len(comparison.models) > 1
    runs = [run for cores in comparison.cores for run in comparison.runs if run.cores == cores]
    runs = [*(run for run in comparison.runs if run.cores not in comparison.cores), *runs]
    against = (Column(f"against\n{comparison.models[0]}"),) * several
    for columns, cells in (
        ((*SPEED_COLUMNS, *against), lambda run: speed_cells(comparison, run)),
        (WORK_COLUMNS, work_cells),
    ):
        rows = ([str(run.cores), model_text(run), *cells(run)] for run in runs)
        print_columns((*RUN_COLUMNS, *columns), rows, keys=len(RUN_COLUMNS))
        print()
    print_values(
        {
            "block": shown_path(compared.file),
            "transactions": f"{comparison.transactions:,}",
            **virtual_machine_values(comparison.virtual_machine),
            **outcome_values(comparison.outcomes),
            "independent": per_cent(comparison.independent_share, 0),
            "longest chain": f"{comparison.longest_chain:,}",
            "bound: chain": times(comparison.bound_critical_path),
            "sequential": f"{duration(comparison.sequential_seconds)}; {clock_text(comparison)}",
            **({} if comparison.verified is None else {"verified": "yes" if comparison.verified else "NO"}),
            "verdict": compared.verdict.why,
        }
    )


def _print_blocks(compared: Sequence[ComparedFile]) -> None:
    first = compared[0].comparison
    cores = first.cores
    # Names are enough, if they tell the blocks apart.
    short = len({each.file.name for each in compared}) == len(compared)
    names = [shown_path(each.file.name if short else each.file) for each in compared]
    columns = [Column(f"{count}\ncore{'s' * (count > 1)}") for count in cores]
    rows = [
        [name, *cells]
        for name, each in zip(names, compared, strict=True)
        for cells in block_rows(each.comparison, cores)
    ]
    print_columns((*BLOCK_COLUMNS, *columns), rows, keys=len(BLOCK_COLUMNS))
    print()
    print_wrapped(f"speed-up over sequential execution; {clock_text(first)}")
    print()
    most = max(cores)
    work = [
        [name, model_text(run), *work_cells(run)]
        for name, each in zip(names, compared, strict=True)
        for run in each.comparison.on(most)
    ]
    print_columns((*BLOCK_COLUMNS, *WORK_COLUMNS), work, keys=len(BLOCK_COLUMNS))
    print(f"\non {most} core{'s' * (most > 1)}")
    for name, each in zip(names, compared, strict=True):
        print()
        print_wrapped(f"{name}: {each.verdict.why}")


def block_rows(comparison: Comparison, cores: Sequence[int]) -> list[list[str]]:
    """Return for each model its name and its speed-up on each number of cores, and the same of the greedy bound."""
    models = dict.fromkeys(run.model for run in comparison.runs)
    rows = []
    for model in models:
        runs = [comparison.run(model, count) for count in cores]
        rows.append([model, *(NONE if run is None else times(run.speedup) for run in runs)])
    by_cores = {run.cores: run.bound_greedy for run in comparison.runs}
    if rows:
        rows.append([GREEDY, *(times(by_cores.get(count)) for count in cores)])
    return rows


def model_text(run: ComparedRun) -> str:
    """Return the name of a run's model, with a word where it changes the order."""
    return run.model if run.order == "preset" else f"{run.model} (order changed)"


def clock_text(comparison: Comparison) -> str:
    """Say what the times are."""
    if comparison.clock == "virtual":
        return "all times are modelled time"
    runs = max((len(run.seconds_by_turn) for run in comparison.runs), default=1)
    return f"times are medians of {runs} runs" if runs > 1 else "all times are real time"


def speed_cells(comparison: Comparison, run: ComparedRun) -> list[str]:
    """Return the cells of a line about times."""
    cells = [
        milliseconds(run.seconds),
        times(run.speedup),
        times(run.bound_greedy),
        per_cent(run.efficiency, 0),
        per_cent(run.utilisation, 0),
    ]
    if len(comparison.models) > 1:
        cells.append(change_text(run.times(comparison.first_for(run))))
    return cells


def work_cells(run: ComparedRun) -> list[str]:
    """Return the cells of a line about executions and commits."""
    counts = (run.executions, run.validations, run.aborts)
    latency = run.commit_latency_seconds
    return [
        *(f"{count / run.transactions:.2f}" if run.transactions else NONE for count in counts),
        *(milliseconds(latency.get(name)) for name in ("p50", "p99")),
    ]


def change_text(ratio: float | None) -> str:
    """Write how much faster (+) or slower (-) something is."""
    if ratio is None:
        return NONE
    change = round((ratio - 1) * 100, 1)
    return f"{change or 0.0:+.1f} %"  # "or": there is a -0.0


def gain_text(gain: Gain) -> str:
    """Say where a model pays."""
    blocks = gain.faster + gain.slower + gain.same
    cores = "1 core" if gain.cores == 1 else f"{gain.cores} cores"
    if blocks == 1:
        clear = "faster" if gain.faster else "slower" if gain.slower else "as fast, near enough"
        return f"{gain.model} against {gain.against} on {cores}: {change_text(gain.times_first)}, {clear}"
    return (
        f"{gain.model} against {gain.against} on {cores}: faster on {gain.faster} of {blocks} blocks, slower on "
        f"{gain.slower}, the same on {gain.same}; from {change_text(gain.least)} to {change_text(gain.greatest)}, "
        f"{change_text(gain.times_first)} over all"
    )
