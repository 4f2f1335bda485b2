"""Series: one block, or one point of a sweep, under one model and clock, on several numbers of cores."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Final

from blockstm.measure.spread import spread_of
from blockstm.report.inputs import Inputs
from blockstm.report.numbers import compact
from blockstm.report.results import Run
from blockstm.report.sweeps import Sweep, SweepRun

__all__ = ["Series", "all_series", "by_group", "short_names"]

REAL: Final = "real"
VIRTUAL: Final = "virtual"
SEED: Final = "seed"


@dataclass(frozen=True)
class Series:
    """Runs that differ in the number of cores only.

    Arguments:
        name: what tells it from the others of the report.
        group: what it belongs to; series of one group are drawn together.
        clock: real or virtual.
        model: the execution model.
        runs: by ascending number of cores; one of each, which stands for all that had as many.
    """

    name: str
    group: str
    clock: str
    model: str
    runs: tuple[Run, ...]

    @property
    def best(self) -> Run | None:
        """The run with the highest speed-up."""
        return max(
            (run for run in self.runs if run.speedup is not None),
            key=lambda run: run.speedup or 0.0,
            default=None,
        )


def all_series(inputs: Inputs) -> list[Series]:
    """Return the series of simulations, sweeps, and blocks that were replayed with several numbers of workers."""
    found = _of_simulations(inputs) + _of_replays(inputs)
    for sweep in inputs.sweeps:
        found += _of_sweep(sweep)
    return _told_apart(found)


def by_group(series: Iterable[Series]) -> dict[str, list[Series]]:
    """Return the series of each group, in order."""
    groups: dict[str, list[Series]] = {}
    for each in series:
        groups.setdefault(each.group, []).append(each)
    return groups


def short_names(files: Iterable[str]) -> dict[str, str]:
    """Return for each file its name without folders, or with them, where names alone do not tell files apart."""
    files = list(dict.fromkeys(files))
    names = [PurePath(file).name for file in files]
    count = Counter(names)
    return {
        file: name if name and count[name] == 1 else file for file, name in zip(files, names, strict=True)
    }


def _of_simulations(inputs: Inputs) -> list[Series]:
    names = short_names(simulation.told.file for simulation in inputs.simulations)
    return [
        Series(
            names[simulation.told.file],
            "Simulated blocks",
            VIRTUAL,
            simulation.told.model,
            _by_cores(simulation.runs),
        )
        for simulation in inputs.simulations
    ]


def _of_replays(inputs: Inputs) -> list[Series]:
    blocks = [block for replay in inputs.replays for block in replay.blocks]
    names = short_names(block.told.file for block in blocks)
    groups: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for block in blocks:
        groups[block.told.file, block.told.model].append(block.run)
    found = [
        Series(names[file], "Replayed blocks", REAL, model, _by_cores(runs))
        for (file, model), runs in groups.items()
    ]
    return [series for series in found if len(series.runs) > 1]


def _of_sweep(sweep: Sweep) -> list[Series]:
    groups: dict[tuple[str, str, str, tuple[tuple[str, str | float], ...]], list[Run]] = defaultdict(list)
    varying = _varying(sweep.runs)
    for each in sweep.runs:
        chosen = tuple(
            (name, each.parameters[name]) for name in varying[each.scenario] if name in each.parameters
        )
        groups[each.clock, each.model, each.scenario, chosen].append(each.run)

    def place(group: tuple[str, str, str, tuple[tuple[str, str | float], ...]]) -> tuple[object, ...]:
        clock, model, scenario, chosen = group
        values = [(0, value, "") if not isinstance(value, str) else (1, 0, value) for _, value in chosen]
        return clock, model, scenario, values

    return [
        Series(_name(scenario, chosen), f"Sweep {sweep.source}", clock, model, _by_cores(groups[group]))
        for group in sorted(groups, key=place)
        for clock, model, scenario, chosen in [group]
    ]


def _varying(runs: Iterable[SweepRun]) -> dict[str, list[str]]:
    """Return for each scenario the parameters, but for the seed, that are not the same in all its runs."""
    values: dict[str, dict[str, set[str | float]]] = defaultdict(lambda: defaultdict(set))
    for each in runs:
        of_scenario = values[each.scenario]
        for name, value in each.parameters.items():
            if name.rpartition(".")[2] != SEED:
                of_scenario[name].add(value)
    return {
        scenario: sorted(name for name, found in parameters.items() if len(found) > 1)
        for scenario, parameters in values.items()
    } | {each.scenario: [] for each in runs if each.scenario not in values}


def _name(scenario: str, chosen: Sequence[tuple[str, str | float]]) -> str:
    values = ", ".join(
        f"{name.rpartition('.')[2]} {value if isinstance(value, str) else compact(value)}"
        for name, value in chosen
    )
    return f"{scenario}: {values}" if values else scenario


def _by_cores(runs: Iterable[Run]) -> tuple[Run, ...]:
    """Return for each number of cores the medians of its runs.

    The chain bound is a property of the blocks, so it is the median over all runs: it is the same for all numbers
    of cores, even where an interrupted sweep has not run every seed on each.
    """
    groups: Mapping[int, list[Run]] = defaultdict(list)
    for run in runs:
        groups[run.cores].append(run)
    medians = [Run.median_of(group) for _, group in sorted(groups.items())]
    chain = spread_of(run.bound_critical_path for group in groups.values() for run in group)
    return tuple(run if chain is None else replace(run, bound_critical_path=chain.median) for run in medians)


def _told_apart(found: Sequence[Series]) -> list[Series]:
    """Add model and clock to the names of series that would not be told apart without."""
    named = []
    models: dict[str, set[str]] = defaultdict(set)
    clocks: dict[str, set[str]] = defaultdict(set)
    for series in found:
        models[series.group].add(series.model)
        clocks[series.group].add(series.clock)
    for series in found:
        details = [series.model] * (len(models[series.group]) > 1)
        details += [f"{series.clock} time"] * (len(clocks[series.group]) > 1)
        name = f"{series.name} ({', '.join(details)})" if details else series.name
        named.append(replace(series, name=name))
    names = [series.name for series in named]
    count = Counter(names)
    seen: dict[str, int] = defaultdict(int)
    for place, name in enumerate(names):
        seen[name] += 1
        if count[name] > 1:
            named[place] = replace(named[place], name=f"{name} #{seen[name]}")
    return named
