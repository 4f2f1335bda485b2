"""Tables and named values as plain text that fits the terminal: never wrapped within a word, no trailing blanks.

Tables are laid out for 80 columns. What does not fit (a narrow terminal, a long name) is shortened in the middle,
and columns that still find no room follow in a table of their own below; `--json` has everything at full length.
Texts may be a user's: what does not print is escaped, so that nothing in a file gives the terminal orders.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len

from blockstm.errors import printable

__all__ = ["Column", "print_columns", "print_values", "print_wrapped", "shortened", "width_columns"]

WIDTH_COLUMNS_DEFAULT: Final = 80
"""The width where standard output is not a terminal."""
WIDTH_COLUMNS_MIN: Final = 40
TEXT_COLUMNS_MIN: Final = 11
"""No text is shortened to less."""
GAP: Final = "  "
ELLIPSIS: Final = "..."


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Arguments:
        heading: what stands above it; may have several lines.
        is_number: whether its cells stand at the right, and are never shortened.
    """

    heading: str
    is_number: bool = True


def width_columns() -> int:
    """Return how many columns a line may have: those of the terminal, or of the variable COLUMNS."""
    return max(WIDTH_COLUMNS_MIN, shutil.get_terminal_size((WIDTH_COLUMNS_DEFAULT, 24)).columns)


def shortened(text: str, columns: int) -> str:
    """Return a text of at most a number of columns, with an ellipsis in the middle where it is longer."""
    if cell_len(text) <= columns:
        return text
    kept = max(0, columns - len(ELLIPSIS))
    head, tail = (kept + 1) // 2, kept // 2
    # Wide characters take two columns, so both ends are cut by what they show, not by their number.
    start, end = "", ""
    for character in text:
        if cell_len(start + character) > head:
            break
        start += character
    for character in reversed(text):
        if cell_len(character + end) > tail:
            break
        end = character + end
    return start + ELLIPSIS + end


def print_columns(
    columns: Sequence[Column],
    rows: Iterable[Sequence[str]],
    keys: int = 1,
    titles: Sequence[str] | None = None,
) -> None:
    """Print a table.

    Arguments:
        columns: its columns.
        rows: of each the cells.
        keys: how many columns, from the left, say what a row is of; they are repeated where the table is continued.
        titles: of each row what stands on lines of its own above it, for names that are too long for a column.
    """
    cells = [list(map(printable, row)) for row in rows]
    widths = _fitting(columns, _widths(columns, cells), width_columns())
    for place, chosen in enumerate(_groups(widths, keys, width_columns())):
        if place:
            print()
        headings, lines = _lines(columns, cells, widths, chosen)
        for line in headings:
            print(line)
        for number, line in enumerate(lines):
            if titles is not None:
                print_wrapped(titles[number])
            print(line)


def print_values(values: Mapping[str, str | Sequence[str]]) -> None:
    """Print a name and its value on each line; a value of several texts takes a line for each.

    Values are wrapped between words; a longer word is shortened in the middle.
    """
    names = max(map(cell_len, values), default=0)
    room = width_columns() - names - len(GAP)
    for name, value in values.items():
        texts = [value] if isinstance(value, str) else value
        lines = [line for text in texts for line in _wrapped(printable(text), room)]
        for place, line in enumerate(lines or [""]):
            print(f"{_padded('' if place else name, names, False)}{GAP}{line}".rstrip())


def print_wrapped(text: str, *, indent: str = "") -> None:
    """Print a text, wrapped between words; a longer word is shortened in the middle.

    Arguments:
        text: its line ends are kept.
        indent: stands before each line.
    """
    room = width_columns() - len(indent)
    for given in text.split("\n"):
        for line in _wrapped(printable(given), room):
            print(f"{indent}{line}".rstrip())


def _wrapped(text: str, room: int) -> list[str]:
    """Return the lines of a text, broken between words."""
    lines: list[str] = []
    for word in re.findall(r"\s*\S+", text):
        if lines and cell_len(lines[-1] + word) <= room:
            lines[-1] += word
        else:
            lines.append(word if not lines and cell_len(word) <= room else word.lstrip())
    return [shortened(line, room) for line in lines]


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[int]:
    return [
        max(map(cell_len, [*column.heading.split("\n"), *(row[place] for row in rows)]))
        for place, column in enumerate(columns)
    ]


def _fitting(columns: Sequence[Column], widths: list[int], room: int) -> list[int]:
    """Return widths with which a table fits, as far as shortening texts can do it: the longest first."""
    widths = list(widths)
    texts = [place for place, column in enumerate(columns) if not column.is_number]
    while sum(widths) + len(GAP) * (len(widths) - 1) > room:
        longest = max(texts, key=lambda place: widths[place], default=None)
        if longest is None or widths[longest] <= TEXT_COLUMNS_MIN:
            break
        widths[longest] -= 1
    return widths


def _groups(widths: Sequence[int], keys: int, room: int) -> list[list[int]]:
    """Return the columns of each part of a table: the keys, and as many others as there is room for."""
    fixed = list(range(min(keys, len(widths))))
    groups: list[list[int]] = []
    for place in range(len(fixed), len(widths)):
        tried = [*(groups[-1] if groups else fixed), place]
        if groups and sum(widths[each] + len(GAP) for each in tried) - len(GAP) > room:
            groups.append([*fixed, place])
        elif groups:
            groups[-1] = tried
        else:
            groups.append(tried)
    return groups or [fixed]


def _lines(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], widths: Sequence[int], chosen: Sequence[int]
) -> tuple[list[str], list[str]]:
    """Return the lines of a part of a table: of the headings, which stand as low as they can, and of the rows."""
    headings = {place: columns[place].heading.split("\n") for place in chosen}
    height = max(map(len, headings.values()))
    above = {place: [""] * (height - len(lines)) + lines for place, lines in headings.items()}

    def joined(cells: Iterable[str]) -> str:
        padded = (
            _padded(cell, widths[place], columns[place].is_number)
            for cell, place in zip(cells, chosen, strict=True)
        )
        return GAP.join(padded).rstrip()

    return (
        [joined(above[place][line] for place in chosen) for line in range(height)],
        [joined(shortened(row[place], widths[place]) for place in chosen) for row in rows],
    )


def _padded(text: str, columns: int, is_number: bool) -> str:
    blanks = " " * (columns - cell_len(text))
    return blanks + text if is_number else text + blanks
