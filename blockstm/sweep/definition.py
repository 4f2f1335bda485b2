"""Sweep definitions: TOML files that say what is run, in which models, on how many cores, and which fields vary."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Final, Literal

from blockstm.errors import ScenarioError, SweepError, UsageError, field_name, shown, shown_path
from blockstm.files.content import read_text
from blockstm.files.strict_toml import decode_toml
from blockstm.limits import WORKERS_MAX
from blockstm.models import BlockStm, model_of
from blockstm.simulate import CostModel, default_model, model_from_text, model_text, read_model
from blockstm.sweep.sources import RecordedBlock, is_recorded, recorded_blocks
from blockstm.workloads import Scenario, read_scenario, scenario_from_text
from blockstm.workloads.catalogue import WORKLOADS

__all__ = ["CLOCKS", "RUNS_MAX", "Clock", "Sweep", "read_sweep"]

Clock = Literal["real", "virtual"]

CLOCKS: Final[tuple[Clock, ...]] = ("virtual", "real")
RUNS_MAX: Final = 100_000
REPEATS_MAX: Final = 1_000
SEED_MAX: Final = (1 << 63) - 1

_FILE_BYTES_MAX: Final = 1 << 16
_FIELDS: Final = ("scenario", "models", "clock", "cores", "seeds", "repeats", "cost_model", "grid")


@dataclass(frozen=True)
class Sweep:
    """A sweep. Make it with `read_sweep`.

    Arguments:
        name: of the file, without its ending.
        text: the file, TOML.
        scenario: what the blocks are made of; None for recorded ones.
        recorded: the recorded blocks; empty for those of a scenario.
        models: the texts of the execution models.
        clock: whether it is executed, or simulated in modelled time.
        cores: the numbers of cores; under the real clock, of workers.
        seeds: the seeds of the scenario's random draws; empty for recorded blocks.
        repeats: how often each run is repeated.
        grids: of each grid, by dotted field of the scenario, the values that it takes.
        cost_model: what work costs under the virtual clock; None under the real one.
    """

    name: str
    text: str
    scenario: Scenario | None
    recorded: Sequence[RecordedBlock]
    models: Sequence[str]
    clock: Clock
    cores: Sequence[int]
    seeds: Sequence[int]
    repeats: int
    grids: Sequence[Mapping[str, Sequence[object]]]
    cost_model: CostModel | None

    @property
    def run_count(self) -> int:
        """How many runs it has, where no two of its grids overlap."""
        combinations = len(self.recorded) or sum(prod(map(len, grid.values())) for grid in self.grids)
        return combinations * len(self.models) * len(self.cores) * self.runs_of_a_point

    @property
    def runs_of_a_point(self) -> int:
        """How many runs differ in seed and repeat only."""
        return max(1, len(self.seeds)) * self.repeats

    @property
    def varied(self) -> Sequence[str]:
        """The fields that its grids name, in their order."""
        return list(dict.fromkeys(field for grid in self.grids for field in grid))


def read_sweep(path: str | os.PathLike[str], models: Sequence[str] | None = None) -> Sweep:
    """Return the sweep that a file defines, its scenario, blocks and cost model read from where it says.

    Arguments:
        path: the file.
        models: the texts of the execution models, where the file does not name them; None to leave it to the file.

    Raises:
        SweepError: the file is missing, or a field is missing, unknown, or has a value that it cannot have.
        ScenarioError, BlockFileError: its scenario or a block cannot be read.
        CostModelError: its cost model cannot be read.
    """
    place = shown_path(path)
    text = read_text(path, _FILE_BYTES_MAX, SweepError, "name a sweep")
    try:
        content = decode_toml(text)
    except ValueError as error:
        raise SweepError(f"{place}: {error}") from error
    if models is not None:
        if "models" in content:
            raise SweepError(f"{place}: models is given in the file and for this run; leave out one of them")
        content["models"] = list(models)
        text = f"models = {json.dumps(content['models'])}\n{text}"
    for name in content:
        if name not in _FIELDS:
            raise SweepError(f"{place}: {field_name(name)} is unknown; allowed are {', '.join(_FIELDS)}")
    folder = Path(path).parent
    scenario, recorded = _blocks(content, folder, Path(path).stem, place)
    clock = _clock(content.get("clock", CLOCKS[0]), place)
    sweep = Sweep(
        name=Path(path).stem,
        text=text,
        scenario=scenario,
        recorded=recorded,
        models=_models(content.get("models", [BlockStm.name]), place),
        clock=clock,
        cores=_whole_numbers(content, "cores", 1, WORKERS_MAX, place),
        seeds=_seeds(content, scenario, place),
        repeats=_whole(content.get("repeats", 1), "repeats", 1, REPEATS_MAX, place),
        grids=_grids(content.get("grid", {}), place),
        cost_model=_cost_model(content.get("cost_model"), clock, folder, place),
    )
    if sweep.run_count > RUNS_MAX:
        raise SweepError(
            f"{place}: it has {sweep.run_count:,} runs; at most {RUNS_MAX:,} are allowed: split it"
        )
    return sweep


def _blocks(
    content: Mapping[str, object], folder: Path, name: str, place: str
) -> tuple[Scenario | None, Sequence[RecordedBlock]]:
    """Return the scenario that blocks are made of, or the recorded blocks."""
    value = content.get("scenario")
    if not isinstance(value, str) or not is_recorded(folder / value):
        return _scenario(value, folder, name, place), ()
    for field in ("seeds", "grid"):
        if field in content:
            raise SweepError(
                f"{place}: {field} does not go with recorded blocks, which are as they are; leave it out"
            )
    return None, recorded_blocks(folder / value, place)


def _models(value: object, place: str) -> list[str]:
    allowed = "give a list of execution models, with their options"
    texts = _values(value, "models", allowed, place)
    try:
        models = [str(model_of(each)) for each in texts if isinstance(each, str)]
    except UsageError as error:
        raise SweepError(f"{place}: models: {error}") from error
    if len(models) < len(texts):
        raise SweepError(f"{place}: models is {shown(value)}; {allowed}")
    return list(dict.fromkeys(models))


def _seeds(content: Mapping[str, object], scenario: Scenario | None, place: str) -> Sequence[int]:
    if scenario is None:
        return ()
    seed = scenario.parameters["seed"]
    return _whole_numbers({"seeds": [seed], **content}, "seeds", 0, SEED_MAX, place)


def _scenario(value: object, folder: Path, name: str, place: str) -> Scenario:
    if isinstance(value, str):
        return read_scenario(folder / value)
    if not isinstance(value, dict):
        given = "missing" if value is None else shown(value)
        raise SweepError(
            f"{place}: scenario is {given}; give the path of a scenario, of a block file or of a folder of them, "
            "from the sweep's folder, or a table [scenario]"
        )
    try:
        if "workload" not in value:
            return scenario_from_text("", name)  # says that it is missing, and what is allowed
        # The fields go in as values and not as text; any workload will do to begin with.
        return scenario_from_text(f'workload = "{next(iter(WORKLOADS))}"', name).with_parameters(
            dict(_flat(value))
        )
    except ScenarioError as error:
        raise SweepError(f"{place}: in the table scenario: {error}") from error


def _flat(table: Mapping[str, Any]) -> list[tuple[str, object]]:
    """Return the fields of a table, and those of the tables in it by dotted name."""
    flat: list[tuple[str, object]] = []
    for name, value in table.items():
        if isinstance(value, dict):
            flat += [(f"{name}.{inner}", entry) for inner, entry in value.items()]
        else:
            flat.append((name, value))
    return flat


def _clock(value: object, place: str) -> Clock:
    for clock in CLOCKS:
        if value == clock:
            return clock
    raise SweepError(f"{place}: clock is {shown(value)}; allowed are {', '.join(map(repr, CLOCKS))}")


def _whole(value: object, field: str, least: int, greatest: int, place: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= greatest:
        raise SweepError(
            f"{place}: {field} is {shown(value)}; allowed are whole numbers from {least:,} to {greatest:,}"
        )
    return value


def _whole_numbers(
    content: Mapping[str, object], field: str, least: int, greatest: int, place: str
) -> list[int]:
    allowed = f"give a list of whole numbers from {least:,} to {greatest:,}"
    if field not in content:
        raise SweepError(f"{place}: {field} is missing; {allowed}")
    values = _values(content[field], field, allowed, place)
    return [_whole(value, field, least, greatest, place) for value in values]


def _values(value: object, field: str, allowed: str, place: str) -> list[object]:
    """Return a list from a file, which is not empty and repeats nothing."""
    if not isinstance(value, list) or not value:
        raise SweepError(f"{place}: {field} is {shown(value)}; {allowed}")
    for index, each in enumerate(value):
        if each in value[:index]:
            raise SweepError(f"{place}: {field} names {shown(each)} twice; leave one out")
    return value


def _grids(value: object, place: str) -> list[Mapping[str, Sequence[object]]]:
    grids = []
    for table in value if isinstance(value, list) else [value]:
        if not isinstance(table, dict):
            raise SweepError(f"{place}: grid is {shown(table)}; give a table [grid], or several [[grid]]")
        grids.append(_grid(table, place))
    return grids or [{}]


def _grid(table: Mapping[str, object], place: str) -> Mapping[str, Sequence[object]]:
    grid: dict[str, Sequence[object]] = {}
    for field, value in _flat(table):
        name = ".".join(["grid", *map(field_name, field.split("."))])
        if field == "seed":
            raise SweepError(f"{place}: {name} is not allowed; the field seeds names the seeds of all points")
        if field in grid:
            raise SweepError(f"{place}: {name} comes twice; leave one out")
        grid[field] = _values(value, name, "give a list of values for the field", place)
    return grid


def _cost_model(value: object, clock: Clock, folder: Path, place: str) -> CostModel | None:
    if clock == "real":
        if value is not None:
            raise SweepError(f'{place}: cost_model does not go with clock = "real"; leave it out')
        return None
    if value is None:
        return default_model()
    if not isinstance(value, str):
        raise SweepError(
            f"{place}: cost_model is {shown(value)}; give a file's path, from the sweep's folder"
        )
    # The very prices that a row will state: a text holds six digits of each.
    return model_from_text(model_text(read_model(folder / value)), value)
