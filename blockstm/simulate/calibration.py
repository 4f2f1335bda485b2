"""Measuring the cost model from the real engine on this machine.

With one worker nothing depends on chance: the simulation tells how often each kind of work is done in a block,
the engine how long the block takes, so the prices are the solution of linear equations (least squares, no price
below zero). What only two workers show is measured by itself (waking up) or fitted: the price of a cache line is
that with which two simulated workers come closest to two real ones. The price of gas depends on the program and is
not measured.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

from blockstm.blocks.block import Block
from blockstm.engine import Engine
from blockstm.models import BlockStm, Model, Sequential
from blockstm.native._core import WakeUpTimer, pause_ns
from blockstm.programs.built_in import trace, transfer
from blockstm.simulate.costmodel import CostModel, default_model
from blockstm.simulate.simulation import Simulation

__all__ = ["Calibration", "calibrate"]

TRANSFERS: Final = 4000
ROUNDS_COMPARED: Final = (5000, 20_000)
TRACES: Final = 1000
TRACED_KEYS: Final = 500
"""Few enough that keys get trees of writers, which still fit in a core's cache."""
SWEEPS: Final = 1000
FITTINGS: Final = 4
PRIOR_WEIGHT: Final = 0.03
ONE_WORKER: Final = ("task", "execution", "read", "write", "validation", "validated_read", "commit", "atomic",
                     "look", "poll", "in_order", "read_in_order", "write_in_order", "tree",
                     "first_touch")  # fmt: skip
"""The prices that one worker shows, beside that of a round."""
FALL_ASLEEP_SECONDS: Final = 0.005
LINE_PRICES_NS: Final = (0.0, 20.0, 40.0, 60.0, 80.0, 100.0, 130.0, 160.0, 200.0, 250.0, 300.0)


@dataclass(frozen=True)
class Fit:
    """How close the model comes to one of the runs that it was measured from."""

    name: str
    measured_seconds: float
    predicted_seconds: float

    @property
    def error(self) -> float:
        """Predicted over measured time, less 1."""
        return self.predicted_seconds / self.measured_seconds - 1


@dataclass(frozen=True)
class Calibration:
    """A cost model, and how close it comes to the runs that it was measured from."""

    model: CostModel
    fits: Sequence[Fit]


@dataclass(frozen=True)
class _Run:
    name: str
    block: Block
    model: Model
    workers: int


def calibrate(repeat: int = 15, note: Callable[[str], None] = lambda label: None) -> Calibration:
    """Measure the cost model of this machine; it wants the machine to itself for about a minute.

    Arguments:
        repeat: how often each block is run; the runs take turns, and the least time of each counts: whatever else
            the machine does only adds to it.
        note: called with what is being done.
    """
    runs = list(_runs())
    with Engine(1) as one, Engine(2, active_workers=2) as two:
        engines = {1: one, 2: two}
        seconds: list[list[float]] = [[] for _ in runs]
        for turn in range(repeat + 1):
            note(f"measuring, round {turn + 1} of {repeat + 1}")
            for run, seen in zip(runs, seconds, strict=True):
                seen.append(engines[run.workers].execute(run.block, run.model).stats.wall_seconds)
    times = [min(seen[1:]) for seen in seconds]  # the first run pays for memory that is new
    note("measuring how long waking up takes")
    wake_call, wake_up = wake_ns(2 * repeat + 1)
    model = replace(
        default_model(), pause=pause_ns(), wake_call=wake_call, wake_up=wake_up, line_transfer=0.0
    )
    note("fitting")
    model = _with_one_worker_prices(_with_round_price(model, runs, times), runs, times)
    model = _with_line_price(model, runs, times, note)
    fits = [
        Fit(run.name, measured, _predicted(run, model)) for run, measured in zip(runs, times, strict=True)
    ]
    return Calibration(model, fits)


def _runs() -> Iterator[_Run]:
    """Yield runs that differ in what they are made of."""
    blocks = {
        _transfers_name(accounts, work): _transfers(accounts, work)
        for accounts, work in ((100, 0), (10_000, 0), (1000, 1000), (1000, 5000), (1000, 20_000))
    }
    blocks |= {
        f"traces, {reads} reads, {writes} writes": _traces(reads, writes)
        for reads, writes in ((0, 0), (8, 0), (0, 8), (8, 8), (24, 4))
    }
    blocks |= {f"traces, {reads} reads of fresh keys": _fresh_traces(reads) for reads in (2, 8)}
    for name, block in blocks.items():
        yield _Run(f"{name}, sequential", block, Sequential(), 1)
        yield _Run(f"{name}, 1 worker", block, BlockStm(), 1)
        yield _Run(f"{name}, 2 workers", block, BlockStm(), 2)


def _transfers_name(accounts: int, work: int) -> str:
    return f"transfers, {accounts:,} accounts, work {work:,}"


def _transfers(accounts: int, work: int) -> Block:
    chance = random.Random(1)
    keys = [b"account-%06d" % index for index in range(accounts)]
    pairs = [chance.sample(keys, 2) for _ in range(TRANSFERS)]
    return Block([transfer.txn(*pair, 1, work) for pair in pairs], {key: b"\x0f\xff\xff" for key in keys})


def _traces(reads: int, writes: int) -> Block:
    chance = random.Random(2)
    keys = [b"key-%06d" % index for index in range(TRACED_KEYS)]
    transactions = []
    for _ in range(TRACES):
        chosen = chance.sample(keys, max(reads, writes, 1))
        transactions.append(trace.txn(chosen[:reads], chosen[:writes], {}, 0))
    return Block(transactions, {key: bytes(32) for key in keys})


def _fresh_traces(reads: int) -> Block:
    """Traces of keys that no transaction has touched, one after the other as they lie in memory."""
    keys = [b"key-%06d" % index for index in range(TRACES * reads)]
    chosen = [keys[index : index + reads] for index in range(0, len(keys), reads)]
    return Block([trace.txn(each, [], {}, 0) for each in chosen], {key: bytes(32) for key in keys})


def wake_ns(repeat: int) -> tuple[float, float]:
    """Return how long waking a sleeping thread takes the one that wakes it, and from there until it runs, in ns."""
    calls, wakes = [], []
    for _ in range(repeat):
        timer = WakeUpTimer()
        sleeper = threading.Thread(target=timer.sleep)
        sleeper.start()
        time.sleep(FALL_ASLEEP_SECONDS)
        timer.wake()
        sleeper.join()
        calls.append(float(timer.returned_ns - timer.called_ns))
        wakes.append(float(max(0, timer.woken_ns - timer.returned_ns)))
    return median(calls), median(wakes)


def _counts(run: _Run, model: CostModel) -> dict[str, float]:
    with Simulation(run.block, model, run.workers, model=run.model) as simulation:
        simulation.run(run.workers)
        return simulation.counts()


def _predicted(run: _Run, model: CostModel) -> float:
    with Simulation(run.block, model, run.workers, model=run.model) as simulation:
        result = simulation.run(run.workers)
        return result.stats.wall_seconds


def _with_round_price(model: CostModel, runs: Sequence[_Run], times: Sequence[float]) -> CostModel:
    """Take the price of a round from two blocks that differ in nothing but their rounds."""
    seconds = {run.name: time for run, time in zip(runs, times, strict=True)}
    less, more = (f"{_transfers_name(1000, rounds)}, sequential" for rounds in ROUNDS_COMPARED)
    rounds = TRANSFERS * (ROUNDS_COMPARED[1] - ROUNDS_COMPARED[0])
    return replace(model, round=max(0.0, seconds[more] - seconds[less]) * 1e9 / rounds)


def _with_one_worker_prices(model: CostModel, runs: Sequence[_Run], times: Sequence[float]) -> CostModel:
    """Solve for what one worker shows; more than once, as how many tasks it takes at once depends on them."""
    usual = default_model()
    priors = [max(1.0, getattr(usual, name)) for name in ONE_WORKER]
    for _ in range(FITTINGS):
        equations, wanted = [], []
        for run, seconds in zip(runs, times, strict=True):
            if run.workers == 1:
                counts = _counts(run, model)
                # Relative errors count, so each equation is divided by its time.
                known_ns = model.wake_call + model.wake_up + counts["round"] * model.round
                equations.append([counts[name] / (seconds * 1e9) for name in ONE_WORKER])
                wanted.append(1.0 - known_ns / (seconds * 1e9))
        # What these blocks do not tell apart stays near the usual prices.
        for unknown, prior in enumerate(priors):
            row = [0.0] * len(priors)
            row[unknown] = PRIOR_WEIGHT / prior
            equations.append(row)
            wanted.append(PRIOR_WEIGHT)
        prices = least_squares(equations, wanted)
        model = replace(model, **dict(zip(ONE_WORKER, prices, strict=True)))
    return model


def _with_line_price(
    model: CostModel, runs: Sequence[_Run], times: Sequence[float], note: Callable[[str], None]
) -> CostModel:
    chosen = [(run, seconds) for run, seconds in zip(runs, times, strict=True) if run.workers == 2]

    def error(price: float) -> float:
        note(f"fitting the price of a cache line: {price:.0f} ns")
        tried = replace(model, line_transfer=price)
        return sum(abs(_predicted(run, tried) / seconds - 1) for run, seconds in chosen)

    return replace(model, line_transfer=min(LINE_PRICES_NS, key=error))


def least_squares(equations: Sequence[Sequence[float]], wanted: Sequence[float]) -> list[float]:
    """Solve linear equations as well as can be with unknowns that are not negative.

    By coordinate descent (Franc, Hlavac and Navara 2005): each unknown in turn is set to what suits the others
    best.

    Arguments:
        equations: the coefficients.
        wanted: the right-hand sides.
    """
    count = len(equations[0])
    scales = [max(abs(row[unknown]) for row in equations) or 1.0 for unknown in range(count)]
    rows = [[value / scale for value, scale in zip(row, scales, strict=True)] for row in equations]
    products = [[sum(row[a] * row[b] for row in rows) for b in range(count)] for a in range(count)]
    targets = [
        sum(row[unknown] * want for row, want in zip(rows, wanted, strict=True)) for unknown in range(count)
    ]
    solution = [0.0] * count
    for _ in range(SWEEPS):
        for unknown in range(count):
            if products[unknown][unknown] > 0:
                slope = sum(map(float.__mul__, products[unknown], solution)) - targets[unknown]
                solution[unknown] = max(0.0, solution[unknown] - slope / products[unknown][unknown])
    return [value / scale for value, scale in zip(solution, scales, strict=True)]
