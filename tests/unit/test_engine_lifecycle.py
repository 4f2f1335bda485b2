"""An engine's processes come and go with it: however it is used, and however its process ends."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blockstm.blocks.block import Block
from blockstm.engine import Engine, pool, process
from blockstm.errors import EngineError
from blockstm.programs.program import program

pytestmark = pytest.mark.usefixtures("leaves_nothing")

Run = Callable[..., "subprocess.CompletedProcess[str]"]

# The beginning of scripts that define a program themselves.
DEFINES = """
import os, signal, sys, time
from blockstm.blocks.block import Block
from blockstm.engine import Engine, pool, process
from blockstm.programs.program import program

def plus(value, step):
    return bytes([value[0] + step])

@program
def count(ctx, step=1):
    ctx.write(b"n", plus(ctx.read(b"n") or b"\\0", step))

@program
def forever(ctx):
    while True:
        pass

@program
def nap(ctx, seconds):
    time.sleep(seconds)

def check(engine):
    result = engine.execute(Block([count.txn(step) for step in (1, 2, 3)]))
    assert result.state == {b"n": b"\\6"}, result.receipts[0]
"""


@program
def nap(ctx, seconds: float):
    time.sleep(seconds)
    ctx.write(b"%d" % ctx.txn_idx, b"1")


@program
def forever(ctx):
    while True:
        pass


def expect_quiet(completed: subprocess.CompletedProcess[str], output: str = "") -> None:
    assert (completed.returncode, completed.stderr, completed.stdout) == (0, "", output)


@pytest.mark.parametrize(
    "use",
    [
        "with Engine(2) as engine:\n    check(engine)",
        "engine = Engine(2)\ncheck(engine)",  # not closed: ends with the interpreter
        "Engine(2)",
        "check(Engine(2))",
        "engine = Engine(2)\ncheck(engine)\nengine.itself = engine\ndel engine",
        "engine = Engine(2)\nreceipts = engine.stream(Block([count.txn()] * 3))\nnext(receipts)",
    ],
    ids=["with", "not closed", "not used", "forgotten", "in a cycle", "stream not read"],
)
def test_script(run_script: Run, use: str) -> None:
    expect_quiet(run_script(DEFINES + use))


def test_script_from_standard_input(run_script: Run) -> None:
    expect_quiet(run_script(DEFINES + "with Engine(2) as engine:\n    check(engine)", stdin=True))
    expect_quiet(run_script(DEFINES + "engine = Engine(2)\ncheck(engine)", stdin=True))


def test_script_without_main_guard(tmp_path: Path, run_script: Run) -> None:
    script = tmp_path / "script.py"
    script.write_text(DEFINES + "with Engine(2) as engine:\n    check(engine)\nprint('once')\n")
    expect_quiet(run_script(f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')"), "once\n")
    completed = subprocess.run(
        [sys.executable, "-X", "dev", script.name],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    expect_quiet(completed, "once\n")


def test_cells_of_a_notebook(run_script: Run) -> None:
    code = f"""
    import __main__
    cells = [{DEFINES!r}, "engine = Engine(2)", "check(engine)", "engine.close()"]
    for cell in cells:
        exec(compile(cell, "<cell>", "exec"), __main__.__dict__)
    """
    expect_quiet(run_script(textwrap.dedent(code)))


def test_script_that_raises(run_script: Run) -> None:
    completed = run_script(DEFINES + "engine = Engine(2)\ncheck(engine)\nraise SystemExit(3)")
    assert (completed.returncode, completed.stderr) == (3, "")
    completed = run_script(DEFINES + "with Engine(2) as engine:\n    check(engine)\n    1 / 0")
    assert completed.stderr.rstrip().endswith("ZeroDivisionError: division by zero")
    assert completed.returncode == 1


def test_what_programs_print_goes_to_standard_error(run_script: Run) -> None:
    code = """
    @program
    def prints(ctx):
        print("hello", flush=True)
    with Engine(1) as engine:
        engine.execute(Block([prints.txn()]))
    """
    completed = run_script(DEFINES + textwrap.dedent(code))
    assert (completed.returncode, completed.stdout, completed.stderr) == (0, "", "hello\n")


def test_forgotten_engine_ends_its_workers() -> None:
    engine = Engine(2)
    engine.execute(Block([nap.txn(0)]))
    pidfds = [os.pidfd_open(pid) for pid in engine.worker_pids]
    try:
        del engine
        for pidfd in pidfds:
            assert select.select([pidfd], [], [], 2)[0]
    finally:
        for pidfd in pidfds:
            os.close(pidfd)


def test_fork_of_the_process_has_no_part_in_the_engine(run_script: Run) -> None:
    code = """
    engine = Engine(2)
    check(engine)
    child = os.fork()
    if child == 0:
        try:
            check(engine)
        except Exception as error:
            print(type(error).__name__, str(error).replace(str(os.getppid()), "PARENT"), flush=True)
        engine.close()
        with Engine(1) as own:
            check(own)
        sys.exit(0)  # the interpreter's whole end, too, must not touch the workers
    assert os.waitpid(child, 0)[1] == 0
    check(engine)
    """
    message = "EngineError the engine belongs to process PARENT, from which this one was forked; "
    message += "make a new one here\n"
    # Python warns of forking a process with threads; there are none.
    expect_quiet(run_script(DEFINES + textwrap.dedent(code)), message)


def interrupt_soon(seconds: float) -> None:
    signal.setitimer(signal.ITIMER_REAL, seconds)


@pytest.fixture
def alarm_interrupts() -> object:
    """Have the alarm signal raise KeyboardInterrupt, as Ctrl-C does."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("alarm_interrupts")
@pytest.mark.parametrize("model", ["block-stm", "sequential"])
@pytest.mark.parametrize("name", ["nap", "forever"])
def test_interrupt_stops_the_block_and_leaves_the_engine_usable(name: str, model: str) -> None:
    endless = {"nap": [nap.txn(0.01)] * 100_000, "forever": [forever.txn()] * 1000}[name]
    with Engine(2) as engine:
        for _ in range(2):
            engine.execute(Block([nap.txn(0)]))
            interrupt_soon(0.2)
            with pytest.raises(KeyboardInterrupt):
                engine.execute(Block(endless), model)
        assert len(engine.execute(Block([nap.txn(0)] * 20)).state) == 20


@pytest.mark.usefixtures("alarm_interrupts")
def test_interrupts_at_any_moment() -> None:
    block = Block([nap.txn(0.0005)] * 20)
    interrupted = 0
    with Engine(2) as engine:
        for number in range(60):
            interrupt_soon(0.0003 + number * 0.0003)
            try:
                result = engine.execute(block)
                signal.setitimer(signal.ITIMER_REAL, 0)
                assert len(result.state) == 20
            except KeyboardInterrupt:
                interrupted += 1
        assert len(engine.execute(block).state) == 20
    assert interrupted > 5


class InterruptedArena:
    """An arena in which the first call of a worker is interrupted."""

    def __init__(self, arena: Any) -> None:
        self._arena = arena
        self.interrupts = 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._arena, name)

    def activate(self, worker: int) -> None:
        if self.interrupts:
            self.interrupts = 0
            raise KeyboardInterrupt
        self._arena.activate(worker)


def test_an_interrupt_while_a_worker_is_called_loses_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    with Engine(2) as engine:
        engine.execute(Block([nap.txn(0)]))
        interrupted = InterruptedArena(engine._pool._arena)
        monkeypatch.setattr(engine._pool, "_arena", interrupted)
        with pytest.raises(KeyboardInterrupt):
            engine.execute(Block([forever.txn()]))  # a program that the workers do not have yet
        assert interrupted.interrupts == 0
        monkeypatch.undo()
        assert len(engine.execute(Block([nap.txn(0)] * 3)).state) == 3


def test_ctrl_c_in_a_terminal(tmp_path: Path) -> None:
    """The signal goes to the workers, too, whatever they do at that moment; they let it pass."""
    code = """
    with Engine(2) as engine:
        check(engine)
        pids = engine.worker_pids
        print("ready", flush=True)
        try:
            engine.execute(Block([nap.txn(0.01)] * 1000))
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        assert engine.worker_pids == pids
        check(engine)
    """
    process = subprocess.Popen(
        [sys.executable, "-X", "dev", "-W", "error", "-c", DEFINES + textwrap.dedent(code)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)  # the group that was started just now
        output, errors = process.communicate(timeout=30)
    assert (process.returncode, output, errors) == (0, "interrupted\n", "")


@pytest.mark.parametrize("doing", ["waiting", "starting", "running", "holding the interpreter's lock"])
def test_workers_vanish_with_a_killed_parent(tmp_path: Path, doing: str) -> None:
    code = {
        "waiting": "check(engine); show()",
        "starting": "show()",
        "running": "check(engine); show(); engine.execute(Block([forever.txn()] * 2))",
        "holding the interpreter's lock": "check(engine); show(); engine.execute(Block([backtrack.txn()]))",
    }[doing]
    script = DEFINES + textwrap.dedent(
        f"""
        import re

        @program
        def backtrack(ctx):
            re.match("(a+)+$", "a" * 64 + "b")

        def show():
            print(*engine.worker_pids, flush=True)

        engine = Engine(2)
        {code}
        time.sleep(60)
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        text=True,
    )
    pidfds = []
    with process:
        assert process.stdout is not None
        pidfds = [os.pidfd_open(int(pid)) for pid in process.stdout.readline().split()]
        if doing in ("running", "holding the interpreter's lock"):
            time.sleep(0.3)
        process.kill()
        for pidfd in pidfds:
            # An exited process is readable, even one that nobody reaps.
            assert select.select([pidfd], [], [], 30)[0]
    for pidfd in pidfds:
        os.close(pidfd)
    assert len(pidfds) == 2


def test_no_room_for_more_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    popen = subprocess.Popen

    def refuse_the_third(*arguments, **options):
        if len(started) == 2:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        started.append(popen(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", refuse_the_third)
    message = "worker process 2 cannot be started: Resource temporarily unavailable; use fewer workers"
    with pytest.raises(EngineError, match=message):
        Engine(4)
    assert [process.poll() for process in started] == [-signal.SIGKILL, -signal.SIGKILL]


def test_workers_of_another_build(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """After an upgrade under a running program, new workers would not understand the old one's memory."""
    with Engine(1) as engine:
        engine.execute(Block([nap.txn(0)]))
        monkeypatch.setattr(process, "CORE_IDENTITY", [1, 2, 3, 4])
        engine._pool.kill(0)
        with pytest.raises(
            EngineError, match="each time before it was ready; see what it wrote to standard err"
        ):
            engine.execute(Block([nap.txn(0)]))
    assert "start the program anew" in capfd.readouterr().err


def test_workers_that_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with (
        Engine(1) as engine,
        pytest.raises(EngineError, match="exited with status 1 each time before it was"),
    ):
        engine.execute(Block([nap.txn(0)]))
    monkeypatch.setattr(sys, "executable", None)
    with pytest.raises(EngineError, match=r"set sys\.executable"):
        Engine(1)


def test_a_limit_on_file_sizes_is_told(run_script: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = run_script(
        "import blockstm, resource\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "try:\n    blockstm.Engine(1)\n"
        "except blockstm.EngineError as error:\n    print(error)\n"
        "with blockstm.Engine(1, memory_limit_bytes=1 << 20) as engine:\n    print(engine)\n"
    )
    first, second = done.stdout.splitlines()
    assert first == (
        "the system gives no memory file of 1073741824 bytes: File too large; lower the memory limit, "
        "or raise the limits on file sizes (ulimit -f) and on open files (ulimit -n)"
    )
    assert second == "<Engine of 1 workers, 1 at a time>"
    assert done.stderr == ""


def test_a_limit_on_open_files_is_told(run_script: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """However many are left: an error of ours, and nothing stays open."""
    done = run_script(
        """
import os, resource
import blockstm
from blockstm.programs.built_in import transfer
from blockstm.simulate import Simulation, default_model

block, model = blockstm.Block([transfer.txn(b"a", b"b", 1)]), default_model()

def run_engine():
    blockstm.Engine(1).close()

def simulate():
    with Simulation(block, model, 1) as simulation:
        simulation.run(1)

def limit(most):
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, 4096))

run_engine()
before = os.listdir("/proc/self/fd")
for use in (run_engine, simulate):
    told = set()
    for most in range(len(before) - 1, len(before) + 12):
        limit(most)
        try:
            use()
            break
        except blockstm.EngineError as error:
            told.add(str(error))
        finally:
            limit(1024)
        assert os.listdir("/proc/self/fd") == before
    print(*sorted(told), sep="\\n")
"""
    )
    assert done.returncode == 0, done.stderr
    assert "the system gives no memory file" in done.stdout
    assert "ulimit -n" in done.stdout
    assert "worker process 0 cannot be started" in done.stdout
    assert "a process for programs cannot be started" in done.stdout


def test_a_worker_may_be_killed_any_number_of_times_before_it_is_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool, "KILLED_STARTS_MAX", 3)
    with Engine(1) as engine:
        engine.execute(Block([nap.txn(0)]))
        start, left = engine._pool._start, 8

        def start_and_kill(slot: int) -> None:
            nonlocal left
            start(slot)
            if left:
                left -= 1
                os.kill(engine.worker_pids[slot], signal.SIGKILL)

        monkeypatch.setattr(engine._pool, "_start", start_and_kill)
        os.kill(engine.worker_pids[0], signal.SIGKILL)
        result = engine.execute(Block([nap.txn(0)]))
        assert left == 0
        assert result.receipts[0].status == "success"


def test_workers_that_are_all_killed_before_any_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "KILLED_STARTS_MAX", 3)
    start = pool.Pool._start

    def start_and_kill(self: pool.Pool, slot: int) -> None:
        start(self, slot)
        os.kill(self.pids[slot], signal.SIGKILL)

    monkeypatch.setattr(pool.Pool, "_start", start_and_kill)
    with (
        Engine(1) as engine,
        pytest.raises(EngineError, match="was killed by SIGKILL each time before it was"),
    ):
        engine.execute(Block([nap.txn(0)]))
