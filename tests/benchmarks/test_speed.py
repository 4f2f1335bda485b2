"""How fast the engine is: every row of the table in docs/explanation/benchmarks.md. Run with `make bench`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import blockstm
from blockstm.blocks.access_trace import read_access_trace
from blockstm.engine.block_run import lay_out
from blockstm.native._core import Arena
from blockstm.programs.built_in import trace
from blockstm.programs.table import ProgramTable
from tests.benchmarks.workloads import (
    ROOT,
    TXNS,
    interleaved,
    least_gas_of_two_cores,
    transfers,
    wall_seconds,
)

Engines = Callable[[int], blockstm.Engine]
Note = Callable[[str, str, str], None]
ROUNDS = 41


BUSY = """
import time
begin = time.perf_counter()
for _ in range(4_000_000):
    pass
print(time.perf_counter() - begin)
"""


def busy_seconds(processes: int) -> float:
    """How long the slowest of so many processes takes for the same work, each on a core of its own."""
    cores = sorted(os.sched_getaffinity(0))
    command = [sys.executable, "-c", BUSY]
    running = [
        subprocess.Popen(["taskset", "-c", str(cores[index % len(cores)]), *command], stdout=subprocess.PIPE)
        for index in range(processes)
    ]
    return max(float(process.communicate()[0]) for process in running)


def test_what_the_machine_gives_two_busy_processes(
    benchmark: Any, figure: Note, when: str = "before"
) -> None:
    """The most that two workers can gain: below 2 where cores are shared, throttled or siblings."""
    runs = [partial(busy_seconds, processes) for processes in (1, 2)]
    one, two = benchmark.pedantic(interleaved, (runs, 9), rounds=1)
    figure(f"ceiling: two independent busy processes against one ({when})", f"{2 * one / two:.2f} x", "-")


def test_overhead_of_one_worker(benchmark: Any, engines: Engines, figure: Note) -> None:
    run = partial(wall_seconds, engines(1), transfers(10_000, 0))
    (seconds,) = benchmark.pedantic(interleaved, ([run], ROUNDS), rounds=1)
    figure(
        "overhead per transaction, 1 worker, no work, 10,000 accounts",
        f"{seconds / TXNS * 1e9:.0f} ns",
        "<= 300 ns",
    )


@pytest.mark.parametrize("accounts", [100, 1_000, 10_000])
def test_two_workers_against_one_without_work(
    benchmark: Any, engines: Engines, figure: Note, accounts: int
) -> None:
    block = transfers(accounts, 0)
    runs = [partial(wall_seconds, engines(workers), block) for workers in (1, 2)]
    one, two = benchmark.pedantic(interleaved, (runs, ROUNDS), rounds=1)
    figure(f"2 workers against 1, no work, {accounts:,} accounts", f"{one / two:.2f} x", "> 1 x")


@pytest.mark.parametrize(
    ("accounts", "work", "target"), [(10_000, 20_000, ">= 1.85 x"), (2, 5_000, ">= 0.9 x")]
)
def test_two_workers_against_sequential(
    benchmark: Any, engines: Engines, figure: Note, accounts: int, work: int, target: str
) -> None:
    block = transfers(accounts, work)
    runs = [
        partial(wall_seconds, engines(2), block, "sequential"),
        partial(wall_seconds, engines(2), block),
    ]
    sequential, two = benchmark.pedantic(interleaved, (runs, 11), rounds=1)
    what = f"2 workers against sequential, {work:,} rounds, {accounts:,} accounts"
    figure(what, f"{sequential / two:.2f} x", target)


@pytest.mark.parametrize("work", [0, 5_000])
@pytest.mark.parametrize("accounts", [2, 10, 100, 10_000])
def test_eight_workers_against_two(
    benchmark: Any, engines: Engines, figure: Note, accounts: int, work: int
) -> None:
    block = transfers(accounts, work)
    runs = [partial(wall_seconds, engines(workers), block) for workers in (2, 8)]
    two, eight = benchmark.pedantic(interleaved, (runs, ROUNDS if work == 0 else 9), rounds=1)
    what = f"time of 8 workers over that of 2, {work:,} rounds, {accounts:,} accounts"
    figure(what, f"{eight / two:.2f} x", "<= 1.2 x")


def test_read_below_many_writers_of_one_key(benchmark: Any, engines: Engines, figure: Note) -> None:
    """Readers behind 10,000 writers of one key, against readers behind one writer each."""
    readers = 20_000

    def block(hot: bool) -> blockstm.Block:
        keys = [b"hot" if hot else b"cold-%05d" % index for index in range(10_000)]
        writes = [trace.txn((), (key,), {}, 0) for key in keys]
        return blockstm.Block(writes + [trace.txn((keys[i % 10_000],), (), {}, 0) for i in range(readers)])

    def read_seconds(engine: blockstm.Engine, read: blockstm.Block) -> float:
        receipts = engine.execute(read).receipts
        return receipts[-1].commit_seconds - receipts[9_999].commit_seconds

    runs = [partial(read_seconds, engines(1), block(hot)) for hot in (True, False)]
    hot, cold = benchmark.pedantic(interleaved, (runs, ROUNDS), rounds=1)
    # Each reader looks the key up twice: to execute and to validate. All else about it is in both.
    whole = hot / readers * 1e9
    extra = (hot - cold) / readers / 2 * 1e9
    figure("whole transaction that reads below 10,000 writers of its key", f"{whole:.0f} ns", "-")
    figure("... the look-up: more than below one writer of each key", f"{extra:.0f} ns", "< 200 ns")


def test_recorded_blocks_together(benchmark: Any, engines: Engines, figure: Note) -> None:
    paths = sorted((ROOT.parent / "shared" / "ethereum").glob("*/trace.jsonl.zst"))
    if not paths:
        pytest.skip("the recorded traces are not beside the checkout (../shared/ethereum)")
    blocks = [read_access_trace(path) for path in paths]

    def all_of_them(model: str) -> float:
        return sum(wall_seconds(engines(2), block, model) for block in blocks)

    runs = [partial(all_of_them, model) for model in ("sequential", "block-stm")]
    sequential, two = benchmark.pedantic(interleaved, (runs, 7), rounds=1)
    gas = sum(txn.arguments[3] for block in blocks for txn in block.transactions)
    bound = gas / sum(map(least_gas_of_two_cores, blocks))
    figure(f"{len(blocks)} recorded blocks, the most that any schedule by gas allows", f"{bound:.2f} x", "-")
    figure(
        f"{len(blocks)} recorded blocks, 2 workers against sequential",
        f"{sequential / two:.2f} x",
        ">= 1.55 x",
    )


VERBS = 20_000


@blockstm.program
def time_verbs(ctx: blockstm.Context) -> None:
    """Emit nanoseconds for an empty call, a read of a known key, a first read, a write."""

    def empty(key: bytes) -> None:
        return None

    keys = [b"key-%05d" % index for index in range(VERBS)]
    value = b"12345678"
    for verb in (empty, ctx.read, ctx.read, lambda key: ctx.write(key, value)):
        begin = time.perf_counter_ns()
        for key in keys:
            verb(key)
        ctx.emit(str(time.perf_counter_ns() - begin).encode())


def test_verbs_of_python_programs(benchmark: Any, engines: Engines, figure: Note) -> None:
    block = blockstm.Block([time_verbs.txn()])

    def nanoseconds(place: int) -> float:
        return int(engines(1).execute(block).receipts[0].events[place]) / VERBS

    runs = [partial(nanoseconds, place) for place in range(4)]
    empty, first, again, write = benchmark.pedantic(interleaved, (runs, 9), rounds=1)
    for name, each in (("first ctx.read of a key", first), ("another ctx.read", again), ("ctx.write", write)):
        figure(f"Python program, {name}, over an empty call", f"{each - empty:.0f} ns", "<= 1,000 ns")


def test_arena_memory(benchmark: Any, engines: Engines, figure: Note) -> None:
    result = benchmark.pedantic(engines(2).execute, (transfers(10_000, 0),), rounds=1)
    figure("arena memory for 10,000 transfers", f"{result.stats.arena_bytes / 1e6:.1f} MB", "<= 12 MB")


def test_loading(benchmark: Any, tmp_path: Path, figure: Note) -> None:
    block = transfers(10_000, 0)
    path = tmp_path / "transfers.block"
    block.save(path)
    arena, programs = Arena(1 << 28, 2), ProgramTable(block.programs)

    def load(get: Callable[[], blockstm.Block]) -> float:
        begin = time.perf_counter()
        lay_out(arena, get(), programs)
        return time.perf_counter() - begin

    runs = [partial(load, partial(blockstm.Block.load, path)), partial(load, lambda: block)]
    from_file, from_objects = benchmark.pedantic(interleaved, (runs, ROUNDS), rounds=1)
    arena.close()
    figure("loading 10,000 transfers from a .block file", f"{from_file * 1e3:.1f} ms", "<= 15 ms")
    figure("loading 10,000 transfers from Python objects", f"{from_objects * 1e3:.1f} ms", "<= 30 ms")


def test_what_the_machine_gives_two_busy_processes_at_the_end(benchmark: Any, figure: Note) -> None:
    test_what_the_machine_gives_two_busy_processes(benchmark, figure, "after")
