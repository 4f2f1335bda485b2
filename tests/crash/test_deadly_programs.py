"""Transactions that kill their worker, or never end: they fail for themselves only, and the block goes on."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from blockstm.blocks.block import Block
from blockstm.engine import Engine
from blockstm.programs.program import program
from blockstm.results.verify import differences

MODELS = ("block-stm", "sequential")


@program
def count(ctx, seconds: float = 0.0):
    value = int.from_bytes(ctx.read(b"n") or b"", "big")
    if seconds:
        time.sleep(seconds)
    ctx.write(b"n", (value + 1).to_bytes(4, "big"))


@program
def killed(ctx):
    ctx.write(b"lost", ctx.read(b"n") or b"")
    ctx.emit(b"lost")
    os.kill(os.getpid(), signal.SIGKILL)


@program
def exits(ctx):
    os._exit(3)


@program
def crashes(ctx):
    ctx.read(b"n")
    ctypes.string_at(0)


@program
def leaves(ctx):
    raise SystemExit(3)


@program
def loops(ctx):
    ctx.write(b"lost", b"1")
    while True:
        pass


@program
def sleeps(ctx, seconds: float):
    time.sleep(seconds)
    ctx.write(b"slept", b"1")


@program
def dies_unless_set(ctx):
    if ctx.read(b"flag") is None:
        os._exit(1)
    ctx.write(b"saw", b"1")


@program
def loops_unless_set(ctx):
    if ctx.read(b"flag") is None:
        while True:
            pass
    ctx.write(b"saw", b"1")


@program
def sets(ctx, seconds: float):
    time.sleep(seconds)
    ctx.write(b"flag", b"1")


@pytest.fixture(scope="module")
def engine(module_leaves_nothing: None) -> Iterator[Engine]:
    with Engine(2, active_workers=2) as engine:
        yield engine


@pytest.mark.usefixtures("leaves_nothing")
@pytest.mark.parametrize("deadly", [killed, exits, crashes], ids=lambda program: program.function.__name__)
def test_transaction_that_kills_its_worker_fails(deadly) -> None:
    block = Block([count.txn(), count.txn(), deadly.txn(), count.txn(), count.txn()])
    with Engine(3, active_workers=2) as engine:
        for model in MODELS:
            result = engine.execute(block, model)
            statuses = [receipt.status for receipt in result.receipts]
            assert statuses == ["success", "success", "failed", "success", "success"]
            assert result.receipts[2].error == "worker died"
            assert result.receipts[2].events == []
            assert result.state == {b"n": b"\0\0\0\4"}
            assert engine.execute(Block([count.txn()] * 5)).state == {b"n": b"\0\0\0\5"}


def test_models_agree_on_deadly_transactions(engine: Engine) -> None:
    block = Block([exits.txn(), count.txn(), killed.txn(), count.txn(), exits.txn()])
    assert differences(engine.execute(block), engine.execute(block, "sequential")) == []


@pytest.mark.usefixtures("leaves_nothing")
def test_block_of_nothing_but_deadly_transactions() -> None:
    with Engine(4, active_workers=4) as engine:
        result = engine.execute(Block([exits.txn()] * 4))
    assert [receipt.error for receipt in result.receipts] == ["worker died"] * 4


def test_deadly_transactions_in_a_stream(engine: Engine) -> None:
    receipts = list(engine.stream(Block([count.txn(), exits.txn(), count.txn()])))
    assert [receipt.error for receipt in receipts] == [None, "worker died", None]


@pytest.mark.usefixtures("leaves_nothing")
def test_leaving_python_is_a_failure_like_any_other() -> None:
    with Engine(1) as engine:
        pids = engine.worker_pids
        result = engine.execute(Block([leaves.txn(), count.txn()]))
        assert [receipt.error for receipt in result.receipts] == ["SystemExit: 3", None]
        assert engine.worker_pids == pids


@pytest.mark.usefixtures("leaves_nothing")
def test_time_limit() -> None:
    block = Block(
        [count.txn(), loops.txn(), count.txn(), sleeps.txn(3600.0), count.txn(0.05), sleeps.txn(0.1)]
    )
    late = "time limit: ran past 0.5 s"
    with Engine(2, time_limit_seconds=0.5) as engine:
        for model in MODELS:
            result = engine.execute(block, model)
            assert [receipt.error for receipt in result.receipts] == [None, late, None, late, None, None]
            assert result.state == {b"n": b"\0\0\0\3", b"slept": b"1"}
            assert engine.execute(Block([count.txn()] * 5)).state == {b"n": b"\0\0\0\5"}


@pytest.mark.usefixtures("leaves_nothing")
def test_time_limit_does_not_count_what_was_speculation() -> None:
    """It would loop for good on what it reads at first, and is not late when it reads what is final."""
    with Engine(2, active_workers=2, time_limit_seconds=1.0) as engine:
        for _ in range(2):
            result = engine.execute(Block([sets.txn(0.5), loops_unless_set.txn()]))
            assert [receipt.error for receipt in result.receipts] == [None, None]
            assert result.state == {b"flag": b"1", b"saw": b"1"}


@pytest.mark.parametrize("speculation", [loops_unless_set, dies_unless_set], ids=["loops", "dies"])
def test_misfortune_on_stale_reads_does_not_count(engine: Engine, speculation) -> None:
    for _ in range(2):
        block = Block([sets.txn(0.4), speculation.txn(), count.txn(), speculation.txn()])
        result = engine.execute(block)
        assert [receipt.error for receipt in result.receipts] == [None] * 4
        assert result.state == {b"flag": b"1", b"saw": b"1", b"n": b"\0\0\0\1"}


@program
def forks(ctx, key: bytes):
    if os.fork() == 0:
        ctx.write(key, b"child")
    ctx.write(key, b"parent")


@program
def forks_natively(ctx, key: bytes):
    """As native code can, behind the interpreter's back: the fork returns into the core, too."""
    pid = ctypes.CDLL(None).fork()
    ctx.write(key, b"child" if pid == 0 else b"parent")
    if pid:
        _, status = os.waitpid(pid, 0)
        assert os.WIFSIGNALED(status)
        assert os.WTERMSIG(status) == signal.SIGSEGV


@program
def forks_to_run_another(ctx, key: bytes):
    """Another program is no second worker."""
    ctx.write(key, subprocess.run(["echo", "hello"], capture_output=True, check=True).stdout)


@pytest.mark.parametrize("model", MODELS)
def test_a_program_that_forks_makes_no_second_worker(engine: Engine, model: str) -> None:
    keys = [b"a", b"b", b"a", b"c"]
    result = engine.execute(Block([forks.txn(key) for key in keys]), model)
    assert {receipt.status for receipt in result.receipts} == {"failed"}
    assert all(
        receipt.error == "RuntimeError: os.fork: a program cannot fork the process that it runs in; "
        "have it do its work itself"
        for receipt in result.receipts
    )
    assert result.state == {}
    pids = set(engine.worker_pids)
    result = engine.execute(Block([forks_natively.txn(key) for key in keys]), model)
    assert [receipt.error for receipt in result.receipts] == [None] * 4
    assert result.state == dict.fromkeys(keys, b"parent")
    assert set(engine.worker_pids) == pids
    result = engine.execute(Block([forks_to_run_another.txn(b"a")]), model)
    assert result.state == {b"a": b"hello\n"}
