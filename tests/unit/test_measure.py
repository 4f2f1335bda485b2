"""Measuring a block: what is summed up, what is compared, what is refused."""

from __future__ import annotations

import doctest
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest

from blockstm import Block, Engine
from blockstm.chains import ChainBlock, ChainSupport, register_chain, registry
from blockstm.errors import UsageError
from blockstm.measure import Measurement, measure
from blockstm.models import Model, Sequential
from blockstm.programs import transfer
from blockstm.results.result import Result

GUIDES = Path(__file__).parents[2] / "docs" / "how-to"


@pytest.fixture
def block() -> Block:
    return Block([transfer.txn(b"a", b"b", 1)] * 4, {b"a": b"\x03"})


@dataclass
class Stats:
    wall_seconds: float
    aborts: int
    executions: int = 4
    validations: int = 4
    workers: int = 2
    active_workers: int = 2

    @property
    def commit_latency_seconds(self) -> Mapping[str, float]:
        return MappingProxyType({"p50": self.wall_seconds / 2})


class Timed:
    """Runs as an engine has done them, which took what is said here."""

    def __init__(self, engine: Engine, seconds: Mapping[str, list[float]]) -> None:
        self._engine = engine
        self._seconds = {model: list(each) for model, each in seconds.items()}
        self.aborts = 0

    def warm_up(self, block: Block, model: Model) -> None:
        pass

    def execute(self, block: Block, model: Model, *, timeline: bool = False) -> Result:
        result = self._engine.execute(block, model)
        self.aborts += model != Sequential()
        result.stats = Stats(self._seconds[model.name].pop(0), self.aborts)  # type: ignore[assignment]
        return result


def timed(engine: Engine, block: Block, seconds: list[float], sequential: list[float]) -> Measurement:
    runs: Any = Timed(engine, {"block-stm": seconds, "sequential": sequential})
    return measure(block, runs, repeat=len(seconds))


def test_times_are_medians_and_counts_of_the_run_in_the_middle(shared_engine: Engine, block: Block) -> None:
    measured = timed(shared_engine, block, [0.5, 0.25, 1.0], [2.0, 4.0, 3.0])
    assert (measured.wall_seconds, measured.wall.least, measured.wall.greatest) == (0.5, 0.25, 1.0)
    assert (measured.sequential_seconds, measured.speedup) == (3.0, 6.0)
    assert measured.aborts == 1  # of the first, which took the median time
    assert measured.commit_latency_seconds == {"p50": 0.25}
    even = timed(shared_engine, block, [1.0, 0.5, 0.25, 0.75], [1.0] * 4)
    assert even.wall_seconds == 0.625
    assert even.aborts == 2  # of two in the middle the faster
    assert even.commit_latency_seconds == {"p50": 0.25}


def test_what_took_no_time_has_no_speedup(shared_engine: Engine, block: Block) -> None:
    measured = timed(shared_engine, block, [0.0], [0.0])
    assert (measured.speedup, measured.mgas_per_second, measured.sequential_mgas_per_second) == (None,) * 3
    assert repr(measured) == (
        "<Measurement of 4 transactions, block-stm on 2 workers: 0.000000 s, sequential 0.000000 s, "
        "medians of 1, verified>"
    )


def test_outcomes_and_result(shared_engine: Engine, block: Block) -> None:
    measured = measure(block, shared_engine, repeat=1, verify=False)
    assert (measured.outcomes.succeeded, measured.outcomes.reverted) == (3, 1)
    assert measured.result.state == {b"a": b"", b"b": b"\x03"}
    assert (measured.verified, measured.header_checks, measured.disagrees) == (None, None, False)
    figures = measured.without_result()
    assert (figures.wall, figures.outcomes) == (measured.wall, measured.outcomes)
    with pytest.raises(UsageError, match="was released; use"):
        _ = figures.result


def test_sequential_execution_is_a_model_too(shared_engine: Engine, block: Block) -> None:
    measured = measure(block, shared_engine, model="sequential", repeat=2)
    assert (measured.model, measured.verified, measured.active_workers) == ("sequential", True, 1)


class Forgetful(Timed):
    """An engine whose runs in a model start without the state."""

    def execute(self, block: Block, model: Model, *, timeline: bool = False) -> Result:
        if model != Sequential():
            block = Block(block.transactions)
        return super().execute(block, model)


def test_runs_that_differ_are_told(shared_engine: Engine, block: Block) -> None:
    runs: Any = Forgetful(shared_engine, {"block-stm": [1.0] * 9, "sequential": [1.0] * 9})
    measured = measure(block, runs, repeat=9)
    assert measured.verified is False
    assert measured.disagrees
    assert measured.differences is not None
    assert len(measured.differences) == 10
    assert measured.differences[0] == "state: key 0x61 holds nothing instead of 0x"


def test_the_chain_is_asked_of_each_run(
    shared_engine: Engine, block: Block, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    class Asked(ChainBlock):
        def header_checks(
            self, result: Result, earlier: Mapping[str, bool | None] | None = None
        ) -> dict[str, bool | None]:
            asked.append(earlier)
            return {"number of runs": len(asked) < 2}

    monkeypatch.setattr(registry, "_registered", {})
    register_chain("asking", ChainSupport(chain_block=lambda block: Asked()))
    of_chain = Block(block.transactions, block.state, chain="asking")
    measured = measure(of_chain, shared_engine, repeat=2)
    assert asked == [None, {"number of runs": True}]
    assert measured.header_checks == {"number of runs": False}
    assert (measured.has_header_equal, measured.verified, measured.disagrees) == (False, True, True)


@pytest.mark.parametrize("repeat", [0, -1, 1.5, True, None])
def test_it_is_repeated_at_least_once(shared_engine: Engine, block: Block, repeat: Any) -> None:
    with pytest.raises(UsageError, match=r"^repeat is .*give a whole number, 1 or more"):
        measure(block, shared_engine, repeat=repeat)


def test_an_engine_has_its_own_workers(shared_engine: Engine, block: Block) -> None:
    with pytest.raises(UsageError, match="workers does not go with an engine"):
        measure(block, shared_engine, workers=2)


def test_an_engine_of_its_own(block: Block) -> None:
    measured = measure(block, workers=1, repeat=1)
    assert (measured.workers, measured.active_workers, measured.verified) == (1, 1, True)
    assert measured.result.receipts[3].status == "reverted"


def test_the_examples_of_its_page() -> None:
    """Each block of code is one session with those before it."""
    text = "\n".join(re.findall(r"```python\n(.*?)```", (GUIDES / "measuring.md").read_text(), re.DOTALL))
    session = doctest.DocTestParser().get_doctest(text, {}, "measuring.md", None, 0)
    assert len(session.examples) > 10
    outcome = doctest.DocTestRunner(verbose=False).run(session, out=pytest.fail)
    assert outcome.failed == 0


def test_the_example_of_the_chains_page(
    shared_engine: Engine, block: Block, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_registered", {})
    (code,) = re.findall(r"```python\n(.*?)```", (GUIDES / "chains.md").read_text(), re.DOTALL)
    exec(code, SimpleNamespace().__dict__)
    for sold in (3, 4):
        of_shop = Block(block.transactions, block.state, chain="shop", meta={"shop": {"sold": sold}})
        measured = measure(of_shop, shared_engine, repeat=2)
        assert measured.header_checks == {"sold": sold == 3}
