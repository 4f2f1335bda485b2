"""Short tables in HTML, as notebooks show them. Whatever stands in a cell is escaped; nothing is fetched or run."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from blockstm.errors import one_line

__all__ = ["ROWS_SHOWN", "HtmlTable", "html_of"]

ROWS_SHOWN: Final = 10
"""How many rows of a long table are shown."""


class HtmlTable(NamedTuple):
    """A table.

    Arguments:
        columns: their names.
        rows: the cells of each row; a number is written with its thousands parted and stands to the right, None is
            a dash, anything else is its text, cut to a line.
        caption: what stands above the table; empty for nothing.
    """

    columns: Sequence[str]
    rows: Iterable[Sequence[object]]
    caption: str = ""


def html_of(title: str, *tables: HtmlTable) -> str:
    """Return tables as a piece of HTML.

    Arguments:
        title: what stands above them.
        tables: the tables, at most ROWS_SHOWN rows of each being sensible.
    """
    return "".join(
        ("<div>", f"<strong>{_escaped(title, 200)}</strong>", *(_table(table) for table in tables), "</div>")
    )


def _table(table: HtmlTable) -> str:
    caption = (
        f'<caption style="text-align: left">{_escaped(table.caption)}</caption>' if table.caption else ""
    )
    head = "".join(f'<th style="text-align: left">{_escaped(name)}</th>' for name in table.columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in table.rows)
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        text = f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"
        return f'<td style="text-align: right">{text}</td>'
    return f'<td style="text-align: left">{"-" if value is None else _escaped(str(value))}</td>'


def _escaped(text: str, characters_max: int = 96) -> str:
    return html.escape(one_line(text, characters_max))
