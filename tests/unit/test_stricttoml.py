"""TOML that Python's parser does not survive: one line of ours, whoever reads it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blockstm.errors import CostModelError, ScenarioError, SweepError
from blockstm.files.strict_toml import decode_toml
from blockstm.simulate import default_model, model_from_text, model_text
from blockstm.sweep import read_sweep, runs_of
from blockstm.workloads import scenario_from_text
from tests.support.sweeps import SMALL, written

LONG = "1" * 5000
"""Python's `int` raises a plain ValueError for it."""
TOO_LARGE_FOR_A_FLOAT = "1" + "0" * 400


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"a = {LONG}", "a has too many digits; give a smaller number"),
        (f"[b]\nc = [1, [-{LONG}]]", "b.c[1][0] has too many digits; give a smaller number"),
        (f"d = {{'e\\u001b f' = {LONG}}}", "d.'e\\\\u001b f' has too many digits; give a smaller number"),
        (f'd = {{"\\u001b" = {LONG}}}', "d.'\\x1b' has too many digits; give a smaller number"),
        (f"a = {LONG}\nb = ", "a whole number has too many digits; give a smaller number"),
        ("a = " + "[" * 60_000, "is not TOML: it is nested too deep to be read; use fewer brackets"),
        ("a = \x1b", "is not TOML: Invalid value (at line 1, column 5); correct it there"),
    ],
)
def test_what_is_refused_and_how(text: str, told: str) -> None:
    with pytest.raises(ValueError) as refusal:
        decode_toml(text)
    assert str(refusal.value) == told


def test_long_numbers_that_can_be_read_are_read() -> None:
    text = f"a = {'9' * 4300}\nb = {LONG}.5\nc = '{LONG}'\n{LONG} = 0x{LONG}"
    assert decode_toml(text) == tomllib.loads(text)


NUMBERS = st.sampled_from([
    LONG, f"-{LONG}", "1_" * 4300 + "1", TOO_LARGE_FOR_A_FLOAT, f"0x{'f' * 5000}", "1e400", "-1e400", "nan", "-inf",
    "1e-400", "-1", "0.5", "0", "7", str(1 << 63), "1979-05-27", "07:32:00", "true", '"7"', "[]", "{}", "[[1]]",
])  # fmt: skip
COSTS = model_text(default_model())


def scenario(number: str) -> None:
    scenario_from_text(f'workload = "transfers"\ntransactions = {number}', "x.toml")


def cost_model(number: str) -> None:
    model_from_text(COSTS.replace("\nread = ", f"\nread = {number} # "), "x.toml")


@pytest.mark.parametrize(("read", "error"), [(scenario, ScenarioError), (cost_model, CostModelError)])
@given(number=NUMBERS)
@example(number=LONG)
@example(number=TOO_LARGE_FOR_A_FLOAT)
def test_any_number_is_read_or_refused_in_one_line(
    read: Callable[[str], None], error: type[Exception], number: str
) -> None:
    try:
        read(number)
    except error as refusal:
        message = str(refusal)
        assert message.startswith("x.toml: ")
        assert "transactions" in message or "ns.read" in message
        assert message.isprintable() and len(message) < 1000


@pytest.mark.parametrize(
    ("field", "line"),
    [("cores", "cores = [1, 3]"), ("seeds", "seeds = [1, 2]"), ("transactions", "transactions = 40"),
     ("transfers.work", "work = 100"), ("grid.transfers.accounts", "transfers.accounts = [2, 50]")],
)  # fmt: skip
@pytest.mark.parametrize("number", [LONG, TOO_LARGE_FOR_A_FLOAT, "1e400", "nan", "1979-05-27"])
def test_numbers_of_a_sweep(tmp_path: Path, field: str, line: str, number: str) -> None:
    name, _, value = line.partition(" = ")
    changed = f"{name} = [{number}]" if value.startswith("[") else f"{name} = {number}"
    path = written(tmp_path, SMALL.replace(line, changed))
    with pytest.raises(SweepError) as refusal:
        runs_of(read_sweep(path))
    message = str(refusal.value)
    assert field.removeprefix("grid.") in message
    assert message.isprintable() and len(message) < 1000


FRAGMENTS = st.lists(
    st.sampled_from([
        "[", "]", "[[", "]]", "{", "}", "=", ".", ",", "\n", '"', "'", '"""', "'''", "#", "\\u001b", "\x1b", "\x00",
        "\ud800", "grid", "cores", "scenario", "workload", "transfers", "ns", "1", "e9", "_", "0x", "-", "nan", " ",
        LONG, "[" * 2000, "a.b.c",
    ]), max_size=40,
).map("".join)  # fmt: skip


@given(text=FRAGMENTS)
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    try:
        decode_toml(text)
    except ValueError as refusal:
        assert type(refusal) is ValueError
        assert str(refusal).isprintable() and len(str(refusal)) < 1000


def test_hostile_names_of_fields_are_escaped(tmp_path: Path) -> None:
    hostile = r"\u001b[31mRED\u0007"
    for text in (
        SMALL.replace("transfers.accounts", f'"{hostile}"'),
        SMALL.replace("transfers.accounts", f'transfers."{hostile}"'),
        SMALL.replace("[2, 50]", f'["{hostile}"]'),
        SMALL.replace("[2, 50]", f'"{hostile}"'),
        SMALL.replace("cores = [1, 3]", f'cores = [1, 3]\n"{hostile}" = 1'),
        SMALL.replace("work = 100", f'"{hostile}" = 1'),
        SMALL.replace('"transfers"', f'"{hostile}"'),
    ):
        with pytest.raises(SweepError) as refusal:
            runs_of(read_sweep(written(tmp_path, text)))
        assert str(refusal.value).isprintable()
        assert r"\x1b[31mRED\x07" in str(refusal.value)
