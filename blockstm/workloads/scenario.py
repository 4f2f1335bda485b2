"""Scenarios: TOML files that say which workload to make a block of, how large, and from which seed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from blockstm.blocks.block import Block
from blockstm.errors import ScenarioError, shown, shown_path
from blockstm.files.content import read_text
from blockstm.files.strict_toml import decode_toml
from blockstm.limits import TRANSACTIONS_MAX
from blockstm.workloads.catalogue import WORKLOADS, parts_of
from blockstm.workloads.chance import Chance
from blockstm.workloads.records import State
from blockstm.workloads.schema import allowed_values, checked_table, choice, whole
from blockstm.workloads.workload import Made, Workload

__all__ = ["General", "Scenario", "read_scenario", "scenario_from_text"]

_FILE_BYTES_MAX: Final = 1 << 16
_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})


@dataclass(frozen=True)
class General:
    """The fields of every scenario, above its tables."""

    workload: str = choice(tuple(WORKLOADS), "which workload")
    transactions: int = whole(1_000, 0, 1_000_000, "how many transactions the block has")
    seed: int = whole(0, 0, (1 << 63) - 1, "the seed of all random draws")


@dataclass(frozen=True)
class Scenario:
    """A scenario. Make it with `read_scenario` or `scenario_from_text`.

    Arguments:
        name: of the file, without its ending.
        text: the file, TOML.
        changes: what `with_parameters` has changed since, by dotted field.
        general: the fields above the tables.
        tables: the tables by name, the workload's own and, of a mixed one, those of its parts.
    """

    name: str
    text: str
    changes: Mapping[str, object]
    general: General
    tables: Mapping[str, Any] = field(compare=False)

    @property
    def parameters(self) -> Mapping[str, object]:
        """All fields by dotted name, including those that the file leaves to their defaults."""
        flat: dict[str, object] = asdict(self.general)
        for name, table in self.tables.items():
            flat |= {f"{name}.{key}": value for key, value in asdict(table).items()}
        return flat

    def with_parameters(self, parameters: Mapping[str, object]) -> Scenario:
        """Return the same scenario with other values of some fields, by dotted name.

        Raises:
            ScenarioError: a field is unknown, or has a value that it cannot have.
        """
        return _scenario(self.name, self.text, {**self.changes, **parameters}, self.name)

    def block(self) -> Block:
        """Make the block: the same on every machine. Its meta says under "scenario" how to repeat it."""
        made = self._made(1)
        return Block(list(made.transactions), made.state, chain="scenario", meta={"scenario": self._repeat()})

    def chain(self, blocks: int) -> Iterator[Block]:
        """Make blocks that follow each other: the first has the state, each of the others that which one has left.

        They have numbers from 1. Together they are the block of so many times as many transactions.

        Arguments:
            blocks: how many, 1 or more.

        Raises:
            ScenarioError: together they have more transactions than a block may have.
        """
        made = self._made(blocks)  # now, not when the first block is asked for
        transactions = list(made.transactions)
        count = self.general.transactions
        meta = {"scenario": {**self._repeat(), "blocks": blocks}}
        return (
            Block(
                transactions[place * count : (place + 1) * count],
                {} if place else made.state,
                chain="scenario",
                number=place + 1,
                meta=meta,
            )
            for place in range(blocks)
        )

    def _made(self, times: int) -> Made:
        workload = WORKLOADS[self.general.workload]
        count = self.general.transactions * times
        if count > TRANSACTIONS_MAX:
            raise ScenarioError(
                f"{self.name}: {times} blocks of {self.general.transactions} transactions are over the limit of "
                f"{TRANSACTIONS_MAX} transactions; make fewer or shorter ones"
            )
        return workload.make(_own(workload, self.tables), count, Chance(self.general.seed))

    def _repeat(self) -> dict[str, object]:
        return {"name": self.name, "text": self.text, "parameters": dict(self.changes)}

    def invariant_failures(self, initial_state: State, final_state: State) -> list[str]:
        """Return which of the workload's invariants do not hold between two states; empty if all do."""
        return WORKLOADS[self.general.workload].failures(initial_state, final_state)


def read_scenario(path: str | os.PathLike[str]) -> Scenario:
    """Return the scenario that a file describes.

    Raises:
        ScenarioError: the file is missing, or a field is unknown or has a value that it cannot have.
    """
    text = read_text(path, _FILE_BYTES_MAX, ScenarioError, "name a scenario")
    return scenario_from_text(text, shown_path(path))


def scenario_from_text(text: str, place: str) -> Scenario:
    """Return the scenario that a text describes.

    Arguments:
        text: TOML.
        place: where it comes from, for messages; the last part of it without its ending is the scenario's name.

    Raises:
        ScenarioError: it is not TOML, or a field is unknown or has a value that it cannot have.
    """
    return _scenario(Path(place).stem, text, _NOTHING, place)


def _scenario(name: str, text: str, changes: Mapping[str, object], place: str) -> Scenario:
    try:
        content = decode_toml(text)
    except ValueError as error:
        raise ScenarioError(f"{place}: {error}") from error
    for dotted, value in changes.items():
        _change(content, dotted, value, place)
    flat = {key: value for key, value in content.items() if not isinstance(value, dict)}
    tables = {key: value for key, value in content.items() if isinstance(value, dict)}
    if "workload" not in flat:
        allowed, _ = allowed_values(General)["workload"]
        raise ScenarioError(f"{place}: workload is missing; allowed are {allowed}")
    for misplaced in sorted(set(tables) & set(allowed_values(General))):
        raise ScenarioError(
            f"{place}: {misplaced} is a table; allowed are {allowed_values(General)[misplaced][0]}"
        )
    for misplaced in sorted(set(flat) & set(WORKLOADS)):
        raise ScenarioError(f"{place}: {misplaced} is {shown(flat[misplaced])}; it must be a table")
    general = checked_table(General, flat, place, "")
    own = [workload.name for workload in _tables_of(WORKLOADS[general.workload])]
    for unknown in sorted(set(tables) - set(own)):
        raise ScenarioError(
            f"{place}: the table {shown(unknown)} does not go with workload = "
            f'"{general.workload}"; allowed are {", ".join(own)}'
        )
    checked: dict[str, Any] = {
        name: checked_table(WORKLOADS[name].fields, tables.get(name, {}), place, f"{name}.") for name in own
    }
    return Scenario(name, text, dict(changes), general, checked)


def _change(content: dict[str, Any], dotted: str, value: object, place: str) -> None:
    table, dot, name = dotted.partition(".")
    if not dot:
        content[table] = value
        return
    inner = content.setdefault(table, {})
    if not isinstance(inner, dict):
        raise ScenarioError(f"{place}: {table} is {shown(inner)}; it must be a table")
    inner[name] = value


def _tables_of(workload: Workload) -> Iterator[Workload]:
    yield workload
    yield from parts_of(workload)


def _own(workload: Workload, tables: Mapping[str, Any]) -> Any:
    return tables if list(parts_of(workload)) else tables[workload.name]
