"""Tables and values fit whatever room there is, and lose no number."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from unittest import mock

from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from blockstm.cli.columns import Column, print_columns, print_values, shortened

words = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z", "M"]), max_size=60)
sentences = st.lists(words, max_size=8).map(" ".join)
numbers = st.integers(0, 10**9).map(lambda number: f"{number:,}")


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[Column], list[list[str]], int]:
    keys = draw(st.integers(1, 2))
    columns = [Column("name", is_number=False)] + [Column(f"c{place}\nms") for place in range(11)]
    rows = draw(st.lists(st.tuples(words, *[numbers] * 11).map(list), max_size=5))
    return columns, rows, keys


def printed(columns: int, show: object, *arguments: object) -> list[str]:
    output = io.StringIO()
    with redirect_stdout(output), mock.patch.dict("os.environ", {"COLUMNS": str(columns)}):
        show(*arguments)  # type: ignore[operator]
    return output.getvalue().split("\n")[:-1]


@settings(max_examples=50)
@given(tables(), st.integers(40, 200))
def test_a_table_fits_and_has_every_number(
    table: tuple[list[Column], list[list[str]], int], columns: int
) -> None:
    lines = printed(columns, print_columns, *table)
    assert all(cell_len(line) <= columns and line == line.rstrip() for line in lines)
    shown = " ".join(lines).split()
    for row in table[1]:
        for number in row[1:]:
            assert number in shown
    assert {f"c{place}" for place in range(11)} <= set(shown)


@settings(max_examples=50)
@example(values={"block": "  " + "0" * 32}, columns=40)
@given(st.dictionaries(st.sampled_from(["block", "header block hash"]), sentences), st.integers(40, 120))
def test_values_fit_and_words_stay_whole(values: dict[str, str], columns: int) -> None:
    lines = printed(columns, print_values, values)
    assert all(cell_len(line) <= columns and line == line.rstrip() for line in lines)
    room = columns - max(map(len, values), default=0) - 2
    shown = "\n".join(lines).split()
    for value in values.values():
        for word in value.split():
            assert word in shown or cell_len(word) > room


@settings(max_examples=50)
@given(words, st.integers(3, 80))
def test_a_shortened_text_keeps_its_ends(text: str, columns: int) -> None:
    short = shortened(text, columns)
    assert cell_len(short) <= columns
    if short != text:
        start, _, end = short.partition("...")
        assert text.startswith(start) and text.endswith(end)
