"""Programs that crash while they are simulated, explored or checked end a process of ours, and not the user's."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blockstm import Block, EngineError, ProgramError, program
from blockstm.explore import batches
from blockstm.explore.explorer import Plan
from blockstm.explore.schedules import Schedule
from blockstm.processes import host
from blockstm.programs.built_in import transfer
from blockstm.simulate import Simulation, default_model
from blockstm.testing import check
from tests.conftest import children_of

ROOT = Path(__file__).parents[2]

PROGRAMS = """
import ctypes, os, signal, blockstm

@blockstm.program
def fine(ctx, key: bytes):
    ctx.write(key, b"1")

@blockstm.program
def crashes(ctx):
    ctypes.string_at(0)
"""


@program
def counting(ctx: Any, key: bytes) -> None:
    ctx.write(key, bytes([(ctx.read(key) or b"\0")[0] + 1]))
    logging.getLogger("counted").warning("transaction %d", ctx.txn_idx)
    print("printed")


@program
def crashing(ctx: Any) -> None:
    ctypes.string_at(0)


@program
def signalled(ctx: Any) -> None:
    os.kill(os.getpid(), signal.SIGFPE)


@program
def exiting(ctx: Any) -> None:
    os._exit(0)


@program
def forking(ctx: Any, key: bytes) -> None:
    with pytest.raises(RuntimeError, match=r"os\.fork: a program cannot fork the process"):
        os.fork()
    pid = ctypes.CDLL(None).fork()
    ctx.write(key, b"child" if pid == 0 else b"parent")
    if pid:
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGSEGV


@program
def crashing_on_what_is_stale(ctx: Any, key: bytes) -> None:
    value = (ctx.read(key) or b"\0")[0]
    if value != ctx.txn_idx:
        ctypes.string_at(0)
    ctx.write(key, bytes([value + 1]))


ENDINGS = [
    (crashing, "was killed by SIGSEGV"),
    (signalled, "was killed by SIGFPE"),
    (exiting, "exited with status 0"),
]


def block_with(deadly: Any) -> Block:
    return Block([counting.txn(b"a"), counting.txn(b"b"), deadly.txn(), counting.txn(b"a")])


@pytest.mark.parametrize(("deadly", "ending"), ENDINGS)
def test_a_crash_in_a_simulation_names_transaction_and_signal(deadly: Any, ending: str) -> None:
    where = rf"transaction 2 \(program .*{deadly.function.__name__}\): .* {ending}; correct the program"
    with Simulation(block_with(deadly), default_model(), 2) as simulation:
        for run in (simulation.run, simulation.figures):  # the second time in another process
            with pytest.raises(ProgramError, match=where):
                run(2)


@pytest.mark.parametrize(("deadly", "ending"), ENDINGS)
def test_a_crash_in_a_check_names_transaction_and_signal(deadly: Any, ending: str) -> None:
    with pytest.raises(ProgramError, match=rf"transaction 2 \(program .*\): .* {ending}"):
        check(block_with(deadly))


@pytest.mark.parametrize("kills", [0, 1])
def test_a_crash_in_an_exploration_names_transaction_and_signal(kills: int) -> None:
    with pytest.raises(ProgramError, match=r"transaction 2 \(program .*crashing\): .* was killed by SIGSEGV"):
        batches.explore(block_with(crashing), Plan(schedules=3, kills=kills))


def test_a_crash_under_a_recorded_schedule() -> None:
    with pytest.raises(ProgramError, match="transaction 2 "):
        batches.repeat(block_with(crashing), Schedule.parse("1.2.a9"))


def test_forks_have_no_part_in_an_exploration() -> None:
    """Neither those of Python, which fail, nor those of native code, which end when they return into the core."""
    block = Block([forking.txn(b"a"), forking.txn(b"b"), forking.txn(b"a")])
    report = batches.explore(block, Plan(schedules=5))
    assert (report.schedules, report.failures) == (5, [])


def test_a_crash_on_stale_reads_is_told_as_one() -> None:
    block = Block([crashing_on_what_is_stale.txn(b"k")] * 3)
    with pytest.raises(ProgramError, match=r"killed by SIGSEGV, though sequential execution does not end it"):
        batches.explore(block, Plan(schedules=200))


def test_what_a_simulation_leaves(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs reach the handlers here, prints standard error; a process that ran users' programs is ended."""
    logged: list[str] = []
    monkeypatch.setattr(
        logging.getLogger("counted"), "handle", lambda record: logged.append(record.getMessage())
    )
    host.close_idle()
    before = children_of(os.getpid())
    with Simulation(Block([counting.txn(b"a")] * 2), default_model(), 2) as simulation:
        result = simulation.run(2)
        assert len(children_of(os.getpid())) == len(before) + 1
    assert result.state == {b"a": b"\2"}
    assert children_of(os.getpid()) == before
    assert {"transaction 0", "transaction 1"} <= set(logged)
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "printed" in printed.err


def test_one_process_is_kept_for_the_simulations_of_our_own_programs() -> None:
    block = Block([transfer.txn(b"a", b"b", 1)], {b"a": b"\5"})
    seen = set()
    for _ in range(3):
        with Simulation(block, default_model(), 2) as simulation:
            simulation.run(2)
            seen.add(simulation._hosted._hosts[0].pid)
    assert len(seen) == 1
    with Simulation(block, default_model(), 2) as one, Simulation(block, default_model(), 2) as other:
        assert one.run(2).state == other.run(2).state == {b"a": b"\4", b"b": b"\1"}


def test_a_simulation_that_is_forgotten_ends_its_process(leaves_nothing: None) -> None:
    simulation = Simulation(Block([counting.txn(b"a")]), default_model(), 2)
    simulation.run(1)


def test_a_host_that_dies_while_nobody_uses_it_is_replaced() -> None:
    kept = host.take("blockstm.processes.host")
    host.give_back(kept)
    assert kept.pid is not None
    os.kill(kept.pid, signal.SIGKILL)
    os.waitid(os.P_PID, kept.pid, os.WEXITED | os.WNOWAIT)
    fresh = host.take("blockstm.processes.host")
    assert fresh is not kept
    assert fresh.call(len, "four") == 4
    fresh.close()


def test_an_interrupt_ends_a_program_that_does_not_end(leaves_nothing: None) -> None:
    @program
    def endless(ctx: Any) -> None:
        while True:
            pass

    main_thread = threading.get_ident()
    with Simulation(Block([endless.txn()]), default_model(), 1) as simulation:
        for _ in range(2):  # a second time, in another process
            threading.Timer(0.7, lambda: signal.pthread_kill(main_thread, signal.SIGINT)).start()
            with pytest.raises(KeyboardInterrupt):
                simulation.run(1)


def test_a_fork_of_the_caller_has_no_part_in_the_simulation() -> None:
    with Simulation(Block([counting.txn(b"a")]), default_model(), 1) as simulation:
        simulation.run(1)
        if (pid := os.fork()) == 0:
            try:
                with pytest.raises(
                    EngineError, match=r"belongs to process .*, from which this one was forked"
                ):
                    simulation.run(1)
                with Simulation(Block([counting.txn(b"b")]), default_model(), 1) as own:
                    assert own.run(1).state == {b"b": b"\1"}
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0
        assert simulation.run(1).state == {b"a": b"\1"}


def test_a_program_of_a_main_module_that_nobody_can_import(run_script: Callable[..., Any]) -> None:
    code = f"""{PROGRAMS}
from blockstm.simulate import Simulation, default_model
from blockstm.explore.batches import explore
from blockstm.explore.explorer import Plan

if __name__ == "__main__":
    block = blockstm.Block([fine.txn(b"a"), fine.txn(b"b")])
    with Simulation(block, default_model(), 2) as simulation:
        print(simulation.run(2).state)
    print(explore(block, Plan(schedules=2)).schedules)
    try:
        Simulation(blockstm.Block([crashes.txn()]), default_model(), 1).run(1)
    except blockstm.ProgramError as error:
        print(error)
"""
    done = run_script(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:2] == ["{b'a': b'1', b'b': b'1'}", "2"]
    assert "transaction 0 (program __main__.crashes)" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [("simulate", "--cores", "1,2"), ("compare", "--cores", "1,2"), ("explore", "--schedules", "5")],
)
def test_a_crash_is_one_line_of_the_command(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "shop.py").write_text(PROGRAMS)
    make = "import shop, blockstm; blockstm.Block([shop.fine.txn(b'a'), shop.crashes.txn()]).save('x.block')"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])}

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    assert run("-c", make).returncode == 0
    command, *options = arguments
    done = run("-m", "blockstm", command, "x.block", "--programs", "shop", *options)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: x.block: transaction 1 (program shop.crashes): ")
    assert "SIGSEGV" in done.stderr
