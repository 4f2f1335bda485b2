"""How parallel each inspected block is by the definitions that are in use, beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from blockstm.report.inputs import Inputs
from blockstm.report.numbers import NONE, count, share
from blockstm.report.parts import Cell, Column, Part, Section, table, text_cell
from blockstm.report.series import short_names
from blockstm.schema.inspect import DefinitionEntry, InspectOutput

__all__ = ["definitions"]

COUNTED: Final = ("transactions", "pairs")
"""Of these units a figure shows how many there are, too; of a weight only the share says something."""


def definitions(inputs: Inputs) -> Section | None:
    """Return the section: the figures of each inspected block, a column for each relation."""
    inspections = [each.told for each in inputs.inspections if each.told.definitions]
    if not inspections:
        return None
    names = short_names(inspection.file for inspection in inspections)
    relations = list(dict.fromkeys(entry.relation for each in inspections for entry in each.definitions))
    columns = [
        Column("block", is_number=False), Column("rules", is_number=False), Column("definition", is_number=False),
        Column("unit", is_number=False), *(Column(relation) for relation in relations),
    ]  # fmt: skip
    rows = (
        [text_cell(names[each.file]), text_cell(each.rules or NONE), *cells]
        for each in inspections
        for cells in _rows(each, relations)
    )
    sources = {name: source for each in inspections for name, source in (each.sources or {}).items()}
    source_columns = (
        Column("relation or definition", is_number=False),
        Column("who uses it", is_number=False),
    )
    parts: list[Part] = [table("Definitions in use", columns, rows)]
    if sources:
        source_rows = ([text_cell(name), text_cell(source)] for name, source in sources.items())
        parts.append(table("Who uses which", source_columns, source_rows))
    return Section(
        "definitions",
        "Definitions in use",
        "Published figures differ by definition as much as by block. Each column is a relation: what makes one "
        "transaction depend on another, or conflict with it. Each row is a figure under these relations.",
        parts,
    )


def _rows(inspection: InspectOutput, relations: Sequence[str]) -> Iterator[list[Cell]]:
    by_definition: dict[tuple[str, str], dict[str, DefinitionEntry]] = {}
    for entry in inspection.definitions:
        by_definition.setdefault((entry.definition, entry.unit), {})[entry.relation] = entry
    for (definition, unit), entries in by_definition.items():
        cells = [_cell(entries[relation]) if relation in entries else Cell(NONE) for relation in relations]
        yield [text_cell(definition), text_cell(unit), *cells]


def _cell(entry: DefinitionEntry) -> Cell:
    if entry.unit in COUNTED:
        value = int(entry.value) if entry.value.is_integer() else entry.value
        return Cell(f"{count(value)} ({share(entry.share)})", repr(value))
    return Cell(share(entry.share), None if entry.share is None else repr(entry.share))
