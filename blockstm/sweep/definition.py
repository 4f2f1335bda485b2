"""Sweep definitions: TOML files that say which scenario is run, on how many cores, and which of its fields vary."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Final, Literal

from blockstm.errors import ScenarioError, SweepError, field_name, shown, shown_path
from blockstm.files.content import read_text
from blockstm.files.strict_toml import decode_toml
from blockstm.limits import WORKERS_MAX
from blockstm.simulate import CostModel, default_model, model_from_text, model_text, read_model
from blockstm.workloads import Scenario, read_scenario, scenario_from_text
from blockstm.workloads.catalogue import WORKLOADS

__all__ = ["CLOCKS", "RUNS_MAX", "Clock", "Sweep", "read_sweep"]

Clock = Literal["real", "virtual"]

CLOCKS: Final[tuple[Clock, ...]] = ("virtual", "real")
RUNS_MAX: Final = 100_000
REPEATS_MAX: Final = 1_000
SEED_MAX: Final = (1 << 63) - 1

_FILE_BYTES_MAX: Final = 1 << 16
_FIELDS: Final = ("scenario", "clock", "cores", "seeds", "repeats", "cost_model", "grid")


@dataclass(frozen=True)
class Sweep:
    """A sweep. Make it with `read_sweep`.

    Arguments:
        name: of the file, without its ending.
        text: the file, TOML.
        scenario: what is run.
        clock: whether it is executed, or simulated in modelled time.
        cores: the numbers of cores; under the real clock, of workers.
        seeds: the seeds of the scenario's random draws.
        repeats: how often each run is repeated.
        grids: of each grid, by dotted field of the scenario, the values that it takes.
        cost_model: what work costs under the virtual clock; None under the real one.
    """

    name: str
    text: str
    scenario: Scenario
    clock: Clock
    cores: Sequence[int]
    seeds: Sequence[int]
    repeats: int
    grids: Sequence[Mapping[str, Sequence[object]]]
    cost_model: CostModel | None

    @property
    def run_count(self) -> int:
        """How many runs it has, where no two of its grids overlap."""
        combinations = sum(prod(map(len, grid.values())) for grid in self.grids)
        return combinations * len(self.cores) * len(self.seeds) * self.repeats

    @property
    def varied(self) -> Sequence[str]:
        """The fields that its grids name, in their order."""
        return list(dict.fromkeys(field for grid in self.grids for field in grid))


def read_sweep(path: str | os.PathLike[str]) -> Sweep:
    """Return the sweep that a file defines, its scenario and its cost model read from where it says.

    Raises:
        SweepError: the file is missing, or a field is missing, unknown, or has a value that it cannot have.
        ScenarioError: its scenario cannot be read.
        CostModelError: its cost model cannot be read.
    """
    place = shown_path(path)
    text = read_text(path, _FILE_BYTES_MAX, SweepError, "name a sweep")
    try:
        content = decode_toml(text)
    except ValueError as error:
        raise SweepError(f"{place}: {error}") from error
    for name in content:
        if name not in _FIELDS:
            raise SweepError(f"{place}: {field_name(name)} is unknown; allowed are {', '.join(_FIELDS)}")
    folder = Path(path).parent
    scenario = _scenario(content.get("scenario"), folder, Path(path).stem, place)
    clock = _clock(content.get("clock", CLOCKS[0]), place)
    seed = scenario.parameters["seed"]
    sweep = Sweep(
        name=Path(path).stem,
        text=text,
        scenario=scenario,
        clock=clock,
        cores=_whole_numbers(content, "cores", 1, WORKERS_MAX, place),
        seeds=_whole_numbers({"seeds": [seed], **content}, "seeds", 0, SEED_MAX, place),
        repeats=_whole(content.get("repeats", 1), "repeats", 1, REPEATS_MAX, place),
        grids=_grids(content.get("grid", {}), place),
        cost_model=_cost_model(content.get("cost_model"), clock, folder, place),
    )
    if sweep.run_count > RUNS_MAX:
        raise SweepError(
            f"{place}: it has {sweep.run_count:,} runs; at most {RUNS_MAX:,} are allowed: split it"
        )
    return sweep


def _scenario(value: object, folder: Path, name: str, place: str) -> Scenario:
    if isinstance(value, str):
        return read_scenario(folder / value)
    if not isinstance(value, dict):
        given = "missing" if value is None else shown(value)
        raise SweepError(
            f"{place}: scenario is {given}; give a file's path, from the sweep's folder, or a table [scenario]"
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
