"""The runs of a sweep: what determines each of them, and the name that follows from it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from blake3 import blake3

from blockstm.errors import ScenarioError, SweepError, field_name, printable, shown, shown_path
from blockstm.simulate import model_text
from blockstm.sweep.definition import Clock, Sweep
from blockstm.sweep.sources import MadeBlock, Source
from blockstm.workloads import Scenario

__all__ = ["Run", "runs_of", "whole_text"]

_ID_CHARACTERS: Final = 32
# What a run costs beside its cores and its work, in units of those: found by trying, and good enough to tell how
# much of a sweep is still to come.
_VIRTUAL_OVERHEAD_CORES: Final = 4
_REAL_OVERHEAD_ROUNDS: Final = 2_000


@dataclass(frozen=True)
class Run:
    """One run: everything that determines what comes of it, but for the machine and the version of blockstm.

    Arguments:
        point: which point of the grid it is, from 0; runs of a point differ in seed and repeat only.
        source: where its block comes from.
        model: the text of the execution model.
        clock: whether it is executed, or simulated.
        cores: on how many cores.
        repeat: from 0.
        cost_model_text: the cost model under the virtual clock; None under the real one.
    """

    point: int
    source: Source
    model: str
    clock: Clock
    cores: int
    repeat: int
    cost_model_text: str | None

    @property
    def scenario_name(self) -> str:
        """The name of the scenario's or the block's file, without its ending."""
        return self.source.name

    @property
    def scenario_text(self) -> str | None:
        """The scenario as it is run: TOML with all fields, the seed too; None for a recorded block."""
        return self.source.text if isinstance(self.source, MadeBlock) else None

    @property
    def block_digest(self) -> str | None:
        """The digest of a recorded block's content; None for one that is made of a scenario."""
        return None if isinstance(self.source, MadeBlock) else self.source.digest

    @property
    def parameters(self) -> Mapping[str, int | str]:
        """The fields of the scenario by dotted name; none for a recorded block."""
        return self.source.parameters if isinstance(self.source, MadeBlock) else {}

    @property
    def seed(self) -> int | None:
        """The seed of the scenario's random draws; None for a recorded block."""
        return self.source.seed if isinstance(self.source, MadeBlock) else None

    @property
    def run_id(self) -> str:
        """A name that is the same whenever the same is run, on every machine."""
        determined = [
            self.model,
            self.source.identity,
            self.clock,
            self.cores,
            self.repeat,
            self.cost_model_text,
        ]
        return blake3(json.dumps(determined).encode()).hexdigest()[:_ID_CHARACTERS]

    @property
    def cost(self) -> int:
        """About how long it takes, in a unit that is the same for all runs under one clock."""
        transactions = self.source.transactions
        if self.clock == "virtual":
            return transactions * (self.cores + _VIRTUAL_OVERHEAD_CORES)
        work = [int(value) for field, value in self.parameters.items() if field.endswith(".work")]
        return transactions * (max(work, default=0) + _REAL_OVERHEAD_ROUNDS)


def runs_of(sweep: Sweep) -> list[Run]:
    """Return the runs of a sweep, each once, those of one block together.

    Repeats take turns over the models and the numbers of cores, so that all of these meet the same machine.

    Raises:
        SweepError: a point is not a scenario.
    """
    return list({run.run_id: run for run in _all_runs(sweep)}.values())


def _all_runs(sweep: Sweep) -> Iterator[Run]:
    cost_model_text = None if sweep.cost_model is None else model_text(sweep.cost_model)
    points: dict[tuple[str, str, int], int] = {}
    for combination, sources in _sources(sweep):
        places = list(product(sweep.models, sweep.cores))
        numbers = [points.setdefault((combination, *place), len(points)) for place in places]
        for source in sources:
            for repeat in range(sweep.repeats):
                for point, (model, cores) in zip(numbers, places, strict=True):
                    yield Run(point, source, model, sweep.clock, cores, repeat, cost_model_text)


def _sources(sweep: Sweep) -> Iterator[tuple[str, Sequence[Source]]]:
    """Yield for each combination of the grid what tells it from the others, and its blocks, one for each seed."""
    for recorded in sweep.recorded:
        yield recorded.identity, [recorded]
    if sweep.scenario is not None:
        for scenario in _scenarios(sweep.scenario, sweep):
            yield whole_text(scenario), [_made(scenario, seed) for seed in sweep.seeds]


def _made(scenario: Scenario, seed: int) -> MadeBlock:
    seeded = scenario.with_parameters({"seed": seed})
    # A file may be called anything, and this is text.
    return MadeBlock(printable(scenario.name), whole_text(seeded), _parameters(seeded), seed)


def _scenarios(scenario: Scenario, sweep: Sweep) -> Iterator[Scenario]:
    for grid in sweep.grids:
        for values in product(*grid.values()):
            try:
                yield scenario.with_parameters(dict(zip(grid, values, strict=True)))
            except ScenarioError as error:
                raise SweepError(f"{shown_path(sweep.name)}: in the grid: {error}") from error


def whole_text(scenario: Scenario) -> str:
    """Return a scenario as TOML with all its fields, those too that were changed or left to their defaults."""
    flat: list[str] = []
    tables: dict[str, list[str]] = {}
    for field, value in _parameters(scenario).items():
        table, dot, name = field.rpartition(".")
        # A field's text is one of a few plain words, which JSON writes as TOML does.
        (tables.setdefault(table, []) if dot else flat).append(f"{name} = {json.dumps(value)}\n")
    return "".join(flat) + "".join(f"\n[{table}]\n{''.join(lines)}" for table, lines in tables.items())


def _parameters(scenario: Scenario) -> Mapping[str, int | str]:
    parameters: dict[str, int | str] = {}
    for field, value in scenario.parameters.items():
        if not isinstance(value, int | str):
            raise SweepError(
                f"{field_name(field)} is {shown(value)}; a sweep holds whole numbers and texts only"
            )
        parameters[field] = value
    return parameters
