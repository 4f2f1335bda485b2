"""Engines to measure, and the table of figures at the end of the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

import blockstm
from tests.benchmarks.targets import verdict

_figures: list[tuple[str, str, str, str]] = []


@pytest.fixture
def figure(benchmark: object) -> Callable[[str, str, str], None]:
    """Note a row of the table: what was measured, what came out, the target."""

    def note(what: str, value: str, target: str) -> None:
        _figures.append((what, value, target, verdict(value, target)))
        benchmark.extra_info[what] = value  # type: ignore[attr-defined]

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _figures:
        return
    terminalreporter.section("figures (medians of interleaved runs)")
    width = max(len(what) for what, *_ in _figures)
    for what, value, target, met in _figures:
        terminalreporter.write_line(f"{what:{width}}  {value:>16}  target {target:<12}  {met}".rstrip())
    verdicts = [met for *_, met in _figures if met]
    terminalreporter.write_line(f"{verdicts.count('met')} of {len(verdicts)} targets met")


@pytest.fixture(scope="session")
def engines() -> Iterator[Callable[[int], blockstm.Engine]]:
    """Engines by worker count, started once."""
    made: dict[int, blockstm.Engine] = {}

    def engine(workers: int) -> blockstm.Engine:
        if workers not in made:
            made[workers] = blockstm.Engine(workers)
        return made[workers]

    yield engine
    for each in made.values():
        each.close()
