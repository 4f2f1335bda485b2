"""Committed changes that leave the engine while it runs: all of them, in order, whatever dies meanwhile."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import pytest

from blockstm import Block, Engine, EngineError, StateSourceError, UsageError
from blockstm.programs import trace, transfer
from blockstm.results.result import Result
from blockstm.state import Drain, MappingSource
from tests.crash.killing import killer, traces, transfers
from tests.support.oracle import run_in_order
from tests.support.sources import Silent, remove

pytestmark = [pytest.mark.usefixtures("leaves_nothing"), pytest.mark.timeout(120)]

Drained = list[tuple[int, bool, list[tuple[int, dict[bytes, bytes | None]]]]]


def drain_all(drain: Drain, into: Drained, blocks: int) -> None:
    for block in drain:
        drained = [(txn_idx, dict(changes)) for txn_idx, changes in block]
        into.append((block.number, block.is_complete, drained))
        if len(into) == blocks:
            return


@contextmanager
def draining(engine: Engine, into: Drained, blocks: int) -> Iterator[None]:
    """Drain so many blocks in a thread."""
    with Drain(engine.drain_descriptor) as drain:
        thread = threading.Thread(target=drain_all, args=(drain, into, blocks))
        thread.start()
        try:
            yield
        finally:
            thread.join()


def check(drained: list[tuple[int, dict[bytes, bytes | None]]], block: Block, result: Result) -> None:
    """Each transaction's changes are its writes and the sums of its adds; all together make the state."""
    assert [txn_idx for txn_idx, _ in drained] == list(range(len(block)))
    before = dict(block.state) if block.source is None else dict(block.source.items())  # type: ignore[attr-defined]
    state = dict(before)
    for txn_idx, changes in drained:
        expected: dict[bytes, bytes | None] = dict(result.writes(txn_idx))
        for key, amount in result.adds(txn_idx):
            total = int.from_bytes(state.get(key, b""), "big") + amount
            expected[key] = total.to_bytes((total.bit_length() + 7) // 8, "big")
        assert changes == expected
        for key, value in changes.items():
            state.pop(key, None)
            if value is not None:
                state[key] = value
    assert state == run_in_order(Block(block.transactions, before)).state == result.state


@pytest.mark.parametrize("model", ["block-stm", "sequential", "auto:3"])
def test_changes_are_drained_merged_while_workers_are_killed(model: str) -> None:
    block = traces(1, 1500, 12, 2000)
    merged: dict[bytes, bytes | None] = {}
    outcomes = []

    def drain_merged(drain: Drain) -> None:
        for drained in drain:
            for changes in drained.merged():
                merged.update(changes)
            assert (drained.is_complete, drained.drained) == (True, len(block))
            outcomes.extend(drained.outcomes)
            return

    with Engine(3, active_workers=3) as engine, Drain(engine.drain_descriptor, outcomes=True) as drain:
        thread = threading.Thread(target=drain_merged, args=(drain,))
        thread.start()
        with killer(engine, 5, kills=2, within_seconds=0.05):
            result = engine.execute(block, model)
        thread.join()
    assert merged == dict(result.changes)
    statuses = ("success", "reverted", "failed")
    assert [(statuses[status], gas, error, list(events)) for status, gas, error, events in outcomes] == [
        (each.status, each.gas_used, each.error, list(each.events)) for each in result.receipts
    ]


@pytest.mark.parametrize("model", ["block-stm", "sequential"])
def test_a_thread_drains_blocks_while_they_run_and_workers_are_killed(model: str) -> None:
    blocks = [traces(1, 1500, 12, 2000), transfers(2, 1500, 10, 2000), traces(3, 800, 5, 3000)]
    into: Drained = []
    with Engine(3, active_workers=3) as engine, draining(engine, into, len(blocks)):
        results = []
        for seed, block in enumerate(blocks):
            with killer(engine, seed, kills=2, within_seconds=0.05):
                results.append(engine.execute(block, model))
    assert [(number, complete) for number, complete, _ in into] == [(1, True), (2, True), (3, True)]
    for (_, _, drained), block, result in zip(into, blocks, results, strict=True):
        check(drained, block, result)


def test_adds_deletions_and_transactions_that_fail(shared_engine: Engine) -> None:
    transactions = [
        trace.txn([b"a"], [b"b"], {b"sum": 5}, 0),
        remove.txn(b"b"),
        transfer.txn(b"poor", b"a", 1),
        trace.txn([b"sum"], [b"a"], {b"sum": 7, b"new": 1}, 0),
        trace.txn([], [], {b"sum": 2}, 0),
    ]
    for model in ("block-stm", "sequential"):
        for state in ({b"sum": b"\3", b"b": b"9"}, MappingSource({b"sum": b"\3", b"b": b"9"})):
            block = Block(transactions, state)
            result = shared_engine.execute(block, model)
            with Drain(shared_engine.drain_descriptor) as drain:
                drained = [(txn_idx, dict(changes)) for txn_idx, changes in next(iter(drain))]
            check(drained, block, result)
            assert drained[1] == (1, {b"b": None})
            assert drained[2] == (2, {})
            assert drained[4] == (4, {b"sum": b"\x11"})


def unpickled(file: IO[bytes]) -> Iterator[Any]:
    with suppress(EOFError):
        while True:
            yield pickle.load(file)


@contextmanager
def child(engine: Engine, path: Path, behaviour: str) -> Iterator[subprocess.Popen[bytes]]:
    descriptor = engine.drain_descriptor
    arguments = [sys.executable, "-m", "tests.crash.draining", str(descriptor), str(path), behaviour]
    with subprocess.Popen(arguments, pass_fds=[descriptor], stdin=subprocess.PIPE) as process:
        try:
            deadline = time.monotonic() + 60
            while not path.exists() and time.monotonic() < deadline:  # it opens the file once it is attached
                time.sleep(0.01)
            yield process
        finally:
            if behaviour == "hangs":
                process.kill()


def test_a_process_drains_blocks_to_the_last_one_of_an_engine_that_closes(tmp_path: Path) -> None:
    blocks = [traces(4, 1000, 12, 1000), transfers(5, 1000, 10, 1000)]
    with Engine(2, active_workers=2) as engine, child(engine, tmp_path / "out", "ends") as process:
        with killer(engine, 1, kills=1, within_seconds=0.02):
            results = [engine.execute(block) for block in blocks]
        engine.close()
        assert process.wait() == 0
    with (tmp_path / "out").open("rb") as file:
        into = list(unpickled(file))
    assert [(number, complete) for number, complete, _ in into] == [(1, True), (2, True)]
    for (_, _, drained), block, result in zip(into, blocks, results, strict=True):
        check(drained, block, result)


def test_the_next_block_waits_for_who_drains_the_last_one_and_not_for_the_dead(tmp_path: Path) -> None:
    block = transfers(6, 200, 10, 0)
    with Engine(1) as engine, child(engine, tmp_path / "out", "hangs") as process:
        expected = engine.execute(block)
        started = threading.Event()
        results: list[Result] = []

        def execute() -> None:
            started.set()
            results.append(engine.execute(block))

        thread = threading.Thread(target=execute)
        thread.start()
        started.wait()
        thread.join(0.3)
        assert thread.is_alive()
        process.kill()
        thread.join(60)
        assert results[0].receipts == expected.receipts


def test_an_engine_that_waits_for_a_drain_can_be_closed() -> None:
    block = transfers(7, 50, 10, 0)
    errors: list[EngineError] = []
    with Engine(1) as engine, Drain(engine.drain_descriptor) as drain:
        engine.execute(block)
        held = next(iter(drain))

        def execute() -> None:
            try:
                engine.execute(block)
            except EngineError as error:
                errors.append(error)

        thread = threading.Thread(target=execute)
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
        engine.close()
        thread.join(30)
        assert "was closed while it ran a block" in str(errors[0])
        assert [txn_idx for txn_idx, _ in held] == list(range(50))
        assert held.is_complete
        assert list(drain) == []


def test_a_block_that_is_given_up_ends_for_its_drain_too() -> None:
    block = Block(
        [transfer.txn(b"a", b"b", 1)] * 20 + [trace.txn([b"hole"], [], {}, 0)],
        Silent({}, frozenset([b"hole"])),
    )
    into: Drained = []
    with Engine(2) as engine, draining(engine, into, 2):
        with pytest.raises(StateSourceError):
            engine.execute(block)
        engine.execute(Block(block.transactions[:5]))
    assert [(complete, len(drained)) for _, complete, drained in into] == [(False, 20), (True, 5)]


def test_letting_go_of_a_block(shared_engine: Engine) -> None:
    block = transfers(8, 500, 10, 0)
    shared_engine.execute(block)
    with Drain(shared_engine.drain_descriptor) as drain:
        for count, held in enumerate(drain):
            for txn_idx, _ in held:
                if txn_idx == 3:
                    held.let_go()
            assert not held.is_complete and held.drained == 4
            if count == 2:
                break
            shared_engine.execute(block)
        with pytest.raises(StopIteration):
            next(iter(held))
    assert len(shared_engine.execute(block)) == 500


def test_what_is_no_descriptor_of_an_engine(tmp_path: Path, shared_engine: Engine) -> None:
    for wrong in (-1, True, "3", None):
        with pytest.raises(UsageError, match="give the drain_descriptor of an engine"):
            Drain(wrong)  # type: ignore[arg-type]
    with pytest.raises(EngineError, match="is not open here"):
        Drain(987_654)
    with (tmp_path / "file").open("wb+") as file:
        for content in (b"", bytes(100_000)):
            file.write(content)
            file.flush()
            with pytest.raises(EngineError, match="drain_descriptor"):
                Drain(file.fileno())
    drains = [Drain(shared_engine.drain_descriptor) for _ in range(8)]
    with pytest.raises(EngineError, match="8 drains are attached to this engine already"):
        Drain(shared_engine.drain_descriptor)
    for drain in drains:
        drain.close()
        drain.close()
    with pytest.raises(EngineError, match="the drain is closed"):
        next(iter(drains[0]))
    with Engine(1) as engine:
        pass
    with pytest.raises(EngineError, match="closed"):
        _ = engine.drain_descriptor
