"""The commands that repeat what the report shows."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import PurePath

from blockstm.report.inputs import Inputs
from blockstm.report.options import words_of
from blockstm.report.parts import Commands, Part, Section
from blockstm.report.results import Comparison, Inspection, Replay, Simulation
from blockstm.report.timelines import Timeline
from blockstm.schema.replay import BlockEntry
from blockstm.schema.settlement import StoreEntry

__all__ = ["commands"]


def commands(inputs: Inputs, output: str) -> Section:
    """Return the section: what to type to get the same again."""
    lines = [
        *(line for replay in inputs.replays for line in _replay(replay)),
        *(_simulate(simulation) for simulation in inputs.simulations),
        *(_compare(comparison) for comparison in inputs.comparisons),
        *(_inspect(inspection) for inspection in inputs.inspections),
        *(_line("sweep", str(PurePath(sweep.source) / "sweep.toml"), "-o", sweep.source)
          for sweep in inputs.sweeps),
        *(line for timeline in inputs.timelines for line in _timeline(timeline)),
        _line("report", *inputs.paths, "-o", output),
    ]  # fmt: skip
    parts: list[Part] = [Commands("Commands", "\n".join(lines))]
    parts += [
        Commands(f"{PurePath(sweep.source) / 'sweep.toml'}", sweep.definition, is_folded=True)
        for sweep in inputs.sweeps
        if sweep.definition is not None
    ]
    return Section(
        "commands",
        "Repeat it",
        "The commands that made what this page shows. A timeline does not record every option, such as "
        "--rounds-per-gas or a cost model: add those that were used. Measured times differ from run to run.",
        parts,
    )


def _line(*words: str) -> str:
    return shlex.join(["blockstm", *words])


def _to(line: str, target: str) -> str:
    return f"{line} > {shlex.quote(target)}"


def _replay(replay: Replay) -> Iterator[str]:
    """Yield one command for each group of blocks that were run alike; together they are what the file holds."""
    groups: dict[tuple[str, int, int | None, bool], list[BlockEntry]] = {}
    for told in (block.told for block in replay.blocks):
        groups.setdefault((told.model, told.workers, told.runs, told.verified is not None), []).append(told)
    for (model, workers, runs, verified), blocks in groups.items():
        words = ["replay", *(block.file for block in blocks), "--workers", str(workers), "--model", model]
        words += ["--repeat", str(runs)] if runs not in (None, 1) else []
        words += ["--verify"] if verified else []
        words += _words_of_store(replay.store)
        words += words_of(replay.options)
        yield _to(_line(*words, "--json"), replay.source)


def _words_of_store(store: StoreEntry | None) -> list[str]:
    if store is None:
        return []
    words = ["--store", store.file, "--tree", store.tree, "--settle", store.settle]
    words += ["--in-flight", str(store.in_flight), "--tree-workers", str(store.tree_workers)]
    return [*words, "--resume"] if store.resumed else words


def _simulate(simulation: Simulation) -> str:
    cores = ",".join(str(run.cores) for run in simulation.runs)
    words = ["simulate", simulation.told.file, "--cores", cores, *words_of(simulation.told.options)]
    return _to(_line(*words, "--json"), simulation.source)


def _compare(comparison: Comparison) -> str:
    told = comparison.told
    # A model that uses one core has one run, whatever was asked for.
    by_model: dict[tuple[str, str], list[str]] = {}
    for block in told.blocks:
        for run in block.results:
            by_model.setdefault((block.file, run.model), []).append(str(run.cores))
    cores = max(by_model.values(), key=len, default=["1"])
    words = ["compare", *(block.file for block in told.blocks), "--models", ",".join(told.models)]
    words += ["--workers" if told.clock == "real" else "--cores", ",".join(cores)]
    words += ["--repeat", str(told.runs)] if told.runs is not None else []
    words += ["--verify"] if told.verified is not None else []
    return _to(_line(*words, *words_of(told.options), "--json"), comparison.source)


def _inspect(inspection: Inspection) -> str:
    words = ["inspect", inspection.told.file]
    words += ["--rules", inspection.told.rules] if inspection.told.rules else []
    words += ["--weight", inspection.told.weight] if inspection.told.weight else []
    return _to(_line(*words, *words_of(inspection.told.options), "--json"), inspection.source)


def _timeline(timeline: Timeline) -> Iterator[str]:
    files = [run.file for run in timeline.runs if run.file is not None]
    if timeline.command is None or not files:
        return
    workers = {run.workers for run in timeline.runs if run.workers is not None}
    words = [timeline.command, *dict.fromkeys(files)]
    if timeline.command == "replay":
        words += ["--model", timeline.model] if timeline.model else []
        words += ["--workers", str(workers.pop())] if len(workers) == 1 else []
    elif workers:
        words += ["--cores", ",".join(map(str, sorted(workers)))]
    yield _line(*words, "--timeline", timeline.source)
