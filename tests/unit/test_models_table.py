"""The tables of the page on models: where they go, and which runs count where others use the machine, too."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from blockstm.engine import Engine
from tests.benchmarks import undisturbed
from tests.benchmarks.models_table import MEASURED, TABLES, replaced
from tests.benchmarks.undisturbed import Undisturbed, measure_undisturbed
from tests.benchmarks.workloads import transfers

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "which-model.md"


def test_the_page_has_each_table_once_and_another_one_takes_its_place_alone() -> None:
    page = PAGE.read_text("utf-8")
    for name in [name for name in TABLES if name not in MEASURED]:
        changed = replaced(page, name, "| new |\n")
        assert changed.count("| new |") == 1
        assert replaced(changed, name, "| new |") == changed
        others = (part for part in page.split("<!-- ") if not part.startswith(f"table: {name} "))
        assert all(part in changed for part in others)
    with pytest.raises(SystemExit, match="the page has the table no-such 0 times instead of once"):
        replaced(page, "no-such", "")


def test_only_runs_that_had_their_cores_count() -> None:
    runs = Undisturbed([1.0, 9.0, 2.0, 8.0, 3.0], [0.0, 0.5, 0.01, 0.02, 0.005])
    assert runs.counting == [1.0, 2.0, 3.0]


def test_what_is_measured_is_the_time_of_runs_that_agree_with_sequential_execution(
    shared_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = transfers(50, 1_000, 200)
    monkeypatch.setattr(undisturbed, "waiting_ns", lambda engine: 0)
    seconds = measure_undisturbed(shared_engine, block, ["block-stm", "declared", "push"], 2)
    assert list(seconds) == ["sequential", "block-stm", "push"]  # nothing is declared
    assert min(seconds.values()) > 200 * 1_000 * 0.1e-9
    ticks = count(0, 10**9)
    monkeypatch.setattr(undisturbed, "waiting_ns", lambda engine: next(ticks))
    assert measure_undisturbed(shared_engine, block, ["block-stm"], 1) == {}
    monkeypatch.setattr(undisturbed, "differences", lambda *results: ["balance"])
    with pytest.raises(SystemExit, match="sequential: balance"):
        measure_undisturbed(shared_engine, block, ["block-stm"], 1)
