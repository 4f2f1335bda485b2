"""What a section of the page is made of. The template knows how each is shown, by its `kind`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, Final

__all__ = [
    "Cell", "Chart", "Charts", "Column", "Commands", "Figure", "Figures", "Note", "Part", "Section", "Symbol",
    "Table", "cell", "table", "text_cell",
]  # fmt: skip

ROWS_MAX: Final = 2000
"""Of one table; the page's data has all."""
ROWS_OPEN_MAX: Final = 40
"""Longer tables are folded."""


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Arguments:
        text: as it is shown.
        value: the number exactly as in the data, in JSON; None for text and for what is not known.
        heat: from 1 to 6, where the table is a heat map.
    """

    text: str
    value: str | None = None
    heat: int | None = None


def cell(value: float | None, written: Callable[[Any], str]) -> Cell:
    """Return the cell of a number, or of one that is not known."""
    return Cell(written(value), None if value is None else repr(value))


def text_cell(text: str) -> Cell:
    """Return a cell of text."""
    return Cell(text)


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading with the unit, and whether it holds numbers."""

    heading: str
    is_number: bool = True


@dataclass(frozen=True)
class Table:
    """A table; its first column names the rows.

    Arguments:
        caption: what it shows.
        columns: their headings.
        rows: as many cells as there are columns each.
        left_out: how many rows are not shown.
        heat_legend: of a heat map, what the six classes mean, from the lowest.
    """

    kind: ClassVar = "table"
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    left_out: int = 0
    heat_legend: Sequence[str] = ()

    @property
    def is_folded(self) -> bool:
        """Whether a person must unfold it to see it."""
        return len(self.rows) > ROWS_OPEN_MAX


def table(caption: str, columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> Table:
    """Return a table of the first ROWS_MAX rows."""
    further = iter(rows)
    shown = list(islice(further, ROWS_MAX))
    return Table(caption, columns, shown, sum(1 for _ in further))


@dataclass(frozen=True)
class Symbol:
    """An entry of a legend.

    Arguments:
        label: what it stands for.
        shape: the character, or the kind of line (solid, dashed, dotted), that is drawn.
        colour: the name of a colour of the style sheet.
    """

    label: str
    shape: str
    colour: str


@dataclass(frozen=True)
class Chart:
    """A chart.

    Arguments:
        identifier: unique on the page.
        title: what it shows, with the unit.
        specification: in Vega-Lite.
    """

    identifier: str
    title: str
    specification: Mapping[str, Any]


@dataclass(frozen=True)
class Charts:
    """Charts that share a legend.

    Arguments:
        charts: side by side, where there is room.
        legend: what the colours and lines mean.
        note: what is not drawn, or else to be known.
    """

    kind: ClassVar = "charts"
    charts: Sequence[Chart]
    legend: Sequence[Symbol] = ()
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """A main figure: its name, its cell, and what it is of."""

    name: str
    cell: Cell
    detail: str = ""


@dataclass(frozen=True)
class Figures:
    """The main figures."""

    kind: ClassVar = "figures"
    figures: Sequence[Figure]


@dataclass(frozen=True)
class Note:
    """A paragraph."""

    kind: ClassVar = "note"
    text: str


@dataclass(frozen=True)
class Commands:
    """Commands, or the text of a file.

    Arguments:
        title: what they do.
        text: line by line.
        is_folded: whether a person must unfold it to see it.
    """

    kind: ClassVar = "commands"
    title: str
    text: str
    is_folded: bool = False


Part = Table | Charts | Figures | Note | Commands


@dataclass(frozen=True)
class Section:
    """A section of the page.

    Arguments:
        identifier: of its heading, for links.
        title: its heading.
        introduction: how to read it.
        parts: what is in it.
    """

    identifier: str
    title: str
    introduction: str
    parts: Sequence[Part]
