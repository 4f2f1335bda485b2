"""Runs that are measured start warm: every worker has run the whole block, and neither way is always first."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from blockstm import Block, program
from blockstm.engine import Engine
from blockstm.measure import measure, steps_of
from blockstm.sweep import execution, read_sweep, runs_of
from tests.support.sweeps import SMALL, written

WORKERS = 3
TRANSACTIONS = 4


@program
def leave_a_trace(ctx, folder: str):
    Path(folder, f"{os.getpid()} {ctx.txn_idx}").touch()
    ctx.write(b"%d" % ctx.txn_idx, b"1")


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def block(traces: Path) -> Block:
    return Block([leave_a_trace.txn(str(traces))] * TRANSACTIONS)


def who_ran(traces: Path) -> set[tuple[int, int]]:
    """The processes, and the transactions that each has run."""
    names = (path.name.split() for path in traces.iterdir())
    return {(int(pid), int(txn_idx)) for pid, txn_idx in names}


def test_every_worker_runs_every_transaction(shared_engine: Engine, block: Block, traces: Path) -> None:
    shared_engine.warm_up(block)
    pids = shared_engine.worker_pids
    assert len(pids) == WORKERS
    assert who_ran(traces) == {(pid, txn_idx) for pid in pids for txn_idx in range(TRANSACTIONS)}
    # It is an engine as before.
    assert len(shared_engine.execute(block).state) == TRANSACTIONS


def test_the_sequential_model_is_warm_where_it_runs(
    shared_engine: Engine, block: Block, traces: Path
) -> None:
    shared_engine.warm_up(block, "sequential")
    warm = who_ran(traces)
    assert warm == {(shared_engine.worker_pids[0], txn_idx) for txn_idx in range(TRANSACTIONS)}
    shared_engine.execute(block, "sequential")
    assert who_ran(traces) == warm  # the same worker


def test_warming_up_an_empty_block(shared_engine: Engine) -> None:
    shared_engine.warm_up(Block([]))


def test_it_ends_in_time(shared_engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("blockstm.engine.engine.WARM_UP_SECONDS", 0.0)
    (tmp_path / "one").mkdir()
    block = Block([leave_a_trace.txn(str(tmp_path / "one"))])
    shared_engine.warm_up(block)
    # Together, and the first worker alone; no more.
    assert 1 <= len(who_ran(tmp_path / "one")) <= 2


class Spy:
    """An engine that notes what is asked of it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.calls: list[str] = []

    def warm_up(self, block: Block, model: str = "block-stm") -> None:
        self.calls.append(f"warm up {model}")
        self._engine.warm_up(block, model)

    def execute(self, block: Block, model: str = "block-stm", *, timed: bool = False, timeline: bool = False):
        self.calls.append(f"{model}{' timed' if timed else ''}{' timeline' if timeline else ''}")
        return self._engine.execute(block, model, timed=timed, timeline=timeline)

    def __enter__(self) -> Spy:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("timeline", [False, True])
def test_measuring_warms_up_and_takes_turns(shared_engine: Engine, block: Block, timeline: bool) -> None:
    spy = Spy(shared_engine)
    steps: list[str] = []

    @contextmanager
    def step(name: str) -> Iterator[None]:
        steps.append(name)
        yield

    measured = measure(
        block,
        spy,  # type: ignore[arg-type]
        repeat=3,
        timeline=timeline,
        step=step,
    )
    last = ["block-stm timeline"] * timeline
    turns = ["sequential", "block-stm", "block-stm", "sequential", "sequential", "block-stm"]
    assert spy.calls == ["warm up block-stm", *turns, *last]
    assert steps == ["warming up", *turns, *["timeline"] * timeline]
    assert len(steps) == steps_of(3, timeline=timeline)
    assert measured.verified
    assert measured.runs == 3
    assert (measured.result.timeline is not None) == timeline


def test_a_sweep_warms_up_and_takes_turns(
    shared_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = Spy(shared_engine)
    monkeypatch.setattr(execution, "Engine", lambda *_, **__: spy)
    definition = 'clock = "real"\nrepeats = 2\n' + SMALL.replace("[1, 3]", "[1]")
    runs = runs_of(read_sweep(written(tmp_path, definition)))
    of_first_block = [run for run in runs if run.scenario_text == runs[0].scenario_text]
    rows: Iterator[object] = execution.execute(of_first_block, 1 << 28)
    assert len(list(rows)) == 2
    assert spy.calls == [
        "warm up block-stm", "sequential timed", "sequential", "block-stm", "block-stm", "sequential",
    ]  # fmt: skip


@pytest.fixture
def slow_at_first() -> Block:
    return Block([slow_the_first_time.txn(b"%d" % number) for number in range(20)])


FIRST_SECONDS = 0.5
seen: set[int] = set()


@program
def slow_the_first_time(ctx, key: bytes):
    """What imports and caches do: the first transaction of a process takes long."""
    if os.getpid() not in seen:
        seen.add(os.getpid())
        time.sleep(FIRST_SECONDS)
    ctx.write(key, b"1")


def test_no_transaction_pays_for_its_process(shared_engine: Engine, slow_at_first: Block) -> None:
    shared_engine.warm_up(slow_at_first)
    for model in ("sequential", "block-stm"):
        result = shared_engine.execute(slow_at_first, model, timed=True)
        assert max(result.execution_seconds(txn_idx) or 0 for txn_idx in range(20)) < FIRST_SECONDS
