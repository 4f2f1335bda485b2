"""The main figures, and what was run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from blockstm.report.inputs import Inputs
from blockstm.report.numbers import NONE, count, milliseconds, share, three_digits, two_digits
from blockstm.report.parts import Cell, Column, Figure, Figures, Part, Section, cell, table, text_cell
from blockstm.report.results import BlockReplay, Inspection
from blockstm.report.series import Series, short_names
from blockstm.report.sweeps import Sweep

__all__ = ["summary"]

COLUMNS: Final = (
    Column("input", is_number=False),
    Column("what", is_number=False),
    Column("details", is_number=False),
)


def summary(inputs: Inputs, series: Sequence[Series]) -> Section:
    """Return the section: the main figures first, then what they are of."""
    figures = [*_of_replays(inputs), *_of_series(inputs, series), *_of_inspections(inputs)]
    parts: list[Part] = [Figures(figures)] if figures else []
    parts.append(table("What was run", COLUMNS, _inputs(inputs)))
    return Section("summary", "Main figures", "", parts)


def verdict(is_equal: bool | None, good: str, bad: str) -> str:
    """Write whether a comparison held; a dash if nothing was compared."""
    return NONE if is_equal is None else good if is_equal else bad


def _of_replays(inputs: Inputs) -> Iterator[Figure]:
    blocks = [block for replay in inputs.replays for block in replay.blocks]
    if not blocks:
        return
    runs = [block.run for block in blocks]
    transactions = sum(run.transactions or 0 for run in runs)
    seconds, sequential = sum(run.seconds for run in runs), sum(run.sequential_seconds or 0 for run in runs)
    of_blocks = (
        short_names([blocks[0].told.file])[blocks[0].told.file]
        if len(blocks) == 1
        else f"{len(blocks)} replayed blocks"
    )
    workers = "–".join(f"{each}" for each in sorted({min(_workers(blocks)), max(_workers(blocks))}))  # noqa: RUF001
    yield Figure(
        "speed-up (x)",
        cell(sequential / seconds if seconds and sequential else None, two_digits),
        f"{of_blocks}, {workers} workers, real time",
    )
    yield Figure("time (ms)", cell(seconds, milliseconds), f"sequential: {milliseconds(sequential)} ms")
    yield Figure("transactions", cell(transactions, count), of_blocks)
    yield from _of_endings(blocks, of_blocks)
    counted = [run for run in runs if run.aborts is not None]
    if counted and transactions:
        lost = sum(run.aborts or 0 for run in counted) / max(1, sum(run.transactions or 0 for run in counted))
        yield Figure("aborts per transaction", cell(lost, three_digits), of_blocks)
    checks = [block.told.verified for block in blocks]
    if any(check is not None for check in checks):
        right = sum(check is True for check in checks)
        wrong = sum(check is False for check in checks)
        yield Figure(
            "equal to sequential",
            text_cell(f"{right} of {len(blocks)}"),
            f"{wrong} disagree" if wrong else "state, receipts and all values read",
        )
    headers = [block.told.has_header_equal for block in blocks if block.told.has_header_equal is not None]
    if headers:
        yield Figure(
            "equal to their headers",
            text_cell(f"{sum(headers)} of {len(headers)}"),
            "gas used, logs bloom, receipts root",
        )


def _of_endings(blocks: Sequence[BlockReplay], of_blocks: str) -> Iterator[Figure]:
    """Yield how many transactions succeeded, where some did not: an outcome that times do not show."""
    known = [block.told.outcomes for block in blocks if block.told.outcomes is not None]
    succeeded, reverted, failed = (
        sum(getattr(each, name) for each in known) for name in ("succeeded", "reverted", "failed")
    )
    if reverted or failed:
        yield Figure(
            "succeeded",
            text_cell(f"{count(succeeded)} of {count(succeeded + reverted + failed)}"),
            f"{of_blocks}: {count(reverted)} reverted, {count(failed)} failed",
        )


def _workers(blocks: Sequence[BlockReplay]) -> list[int]:
    return [block.run.cores for block in blocks]


def _of_series(inputs: Inputs, series: Sequence[Series]) -> Iterator[Figure]:
    best = max(
        ((each, run) for each in series if (run := each.best) is not None),
        key=lambda found: found[1].speedup or 0,
        default=None,
    )
    if best is not None:
        each, run = best
        where = (
            f"{each.name}, {run.cores:,} cores, {'modelled' if each.clock == 'virtual' else each.clock} time"
        )
        if run.speedups is not None:
            where += f", median of {run.speedups.runs:,} runs"
        yield Figure("highest speed-up (x)", cell(run.speedup, two_digits), where)
        if run.bound_greedy and run.speedup is not None:
            yield Figure(
                "of the greedy bound",
                cell(run.speedup / run.bound_greedy, share),
                f"{two_digits(run.bound_greedy)} x, same {'run' if run.speedups is None else 'runs'}",
            )
    for sweep in inputs.sweeps:
        yield Figure("runs in the sweep", cell(len(sweep.runs), count), sweep.source)


def _of_inspections(inputs: Inputs) -> Iterator[Figure]:
    inspections = [each for each in inputs.inspections if _bound(each) is not None]
    bounds = [bound for each in inspections if (bound := _bound(each)) is not None]
    if len(bounds) == 1:
        each = inspections[0]
        yield Figure(
            "bound on the speed-up (x)",
            cell(bounds[0], two_digits),
            f"{_file(inputs, each)}, any number of cores",
        )
    elif bounds:
        text = f"{two_digits(min(bounds))} – {two_digits(max(bounds))}"  # noqa: RUF001 - from one to the other
        yield Figure(
            "bounds on the speed-up (x)",
            text_cell(text),
            f"{len(bounds)} inspected blocks, any number of cores",
        )
    if len(inputs.inspections) == 1 and inputs.inspections[0].told.independent_share is not None:
        each = inputs.inspections[0]
        yield Figure(
            "independent", cell(each.told.independent_share, share), f"transactions of {_file(inputs, each)}"
        )


def _file(inputs: Inputs, inspection: Inspection) -> str:
    return short_names(each.told.file for each in inputs.inspections)[inspection.told.file]


def _bound(inspection: Inspection) -> float | None:
    """Return the bound on any number of cores under the rules and the weight that the inspection is told of."""
    chosen = [
        bound
        for bound in inspection.told.bounds
        if inspection.told.rules in (None, bound.rules) and inspection.told.weight in (None, bound.weight)
    ]
    return chosen[0].unlimited if chosen else None


def _inputs(inputs: Inputs) -> Iterator[Sequence[Cell]]:
    for replay in inputs.replays:
        models = ", ".join(sorted({block.told.model for block in replay.blocks}))
        yield _line(replay.source, "replay", f"{_blocks(len(replay.blocks))}, {models}, real time")
    for simulation in inputs.simulations:
        cores = ", ".join(f"{run.cores:,}" for run in simulation.runs)
        yield _line(
            simulation.source,
            "simulation",
            f"{simulation.told.file}, {simulation.told.model} on {cores} cores, modelled time",
        )
    for comparison in inputs.comparisons:
        yield _line(
            comparison.source,
            "comparison",
            f"{_blocks(len(comparison.blocks))} in {', '.join(comparison.told.models)}, "
            f"{'modelled' if comparison.told.clock == 'virtual' else 'real'} time",
        )
    for inspection in inputs.inspections:
        told = inspection.told
        yield _line(inspection.source, "inspection", f"{told.file}, {told.transactions:,} transactions")
    for sweep in inputs.sweeps:
        yield _line(sweep.source, "sweep", _sweep(sweep))
    for timeline in inputs.timelines:
        spans = sum(run.spans for run in timeline.runs)
        yield _line(timeline.source, "timeline", f"{_blocks(len(timeline.runs))}, {spans:,} spans")


def _blocks(number: int) -> str:
    return f"{number:,} block{'' if number == 1 else 's'}"


def _sweep(sweep: Sweep) -> str:
    scenarios = {run.scenario for run in sweep.runs}
    clocks = {run.clock for run in sweep.runs}
    details = [
        f"{len(sweep.runs):,} runs",
        f"{len(scenarios)} scenario{'' if len(scenarios) == 1 else 's'}",
        f"{' and '.join(sorted(clocks))} clock",
    ]
    details += [
        f"{name.replace('_', ' ')} {', '.join(values)}" for name, values in sweep.machines.items() if values
    ]
    if sweep.started is not None:
        first, last = sweep.started
        details.append(f"run {first}" if first == last else f"run {first} to {last}")
    return "; ".join(details)


def _line(source: str, what: str, details: str) -> list[Cell]:
    return [text_cell(source), text_cell(what), text_cell(details)]
