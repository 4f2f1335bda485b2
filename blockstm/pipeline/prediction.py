"""A chain of blocks in each mode of a pipeline: how long it takes, what holds it up, and when what is known."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Final

import simpy

from blockstm.errors import UsageError
from blockstm.pipeline.definition import STAGES, Pipeline
from blockstm.pipeline.latency import draw
from blockstm.pipeline.schedule import Executor, Reads
from blockstm.pipeline.stages import PREFETCHED, SERIAL, BlockRun, ChainBlock, Machine, Process
from blockstm.pipeline.work import BlockWork

__all__ = ["ChainBlockTimes", "Prediction", "StageFigures", "predict"]

TRANSACTIONS_MAX: Final = 2_000_000
"""Of a whole chain."""


@dataclass(frozen=True)
class StageFigures:
    """A stage of a chain.

    Arguments:
        seconds: what it takes by itself, for a block, on average. For reading: where the state is read on first
            touch, by how much that lengthens execution; where it is prefetched, from the first read to the last
            answer.
        utilisation: the share of the chain's time in which what it has (cores, places in a queue, the writer) is in
            use.
    """

    seconds: float
    utilisation: float


@dataclass(frozen=True)
class ChainBlockTimes:
    """When what was known of a block, in seconds from the beginning of the chain.

    Arguments:
        name: of the block.
        arrived: when it was there.
        begun: when its first stage began.
        confirmed: when its last transaction was final in order.
        valid: when its root was known, too.
        durable: when it was on disk.
    """

    name: str
    arrived: float
    begun: float
    confirmed: float
    valid: float
    durable: float


@dataclass(frozen=True)
class Prediction:
    """A chain of blocks in a mode.

    Arguments:
        mode: the mode.
        blocks: of the chain, in order.
        transactions, gas: of all blocks.
        seconds: from the beginning to the last block's being durable.
        stages: by name.
        confirmed_latency_seconds, durable_latency_seconds: p50, p99 and max over all transactions, from when their
            block had arrived (where all wait from the beginning: from when it had begun) until they were final in
            order, and until their block was durable; empty for a chain without transactions.
    """

    mode: str
    blocks: tuple[ChainBlockTimes, ...]
    transactions: int
    gas: int
    seconds: float
    stages: Mapping[str, StageFigures]
    confirmed_latency_seconds: Mapping[str, float]
    durable_latency_seconds: Mapping[str, float]

    @property
    def bottleneck(self) -> str | None:
        """The stage that takes longest by itself; None where none takes any time."""
        name = max(self.stages, key=lambda stage: self.stages[stage].seconds)
        return name if self.stages[name].seconds else None

    @property
    def seconds_per_block(self) -> float:
        """The time of the chain for each of its blocks."""
        return self.seconds / len(self.blocks)

    def per_second(self, amount: int) -> float | None:
        """Return how much of something the chain does in a second; None if it takes no time."""
        return amount / self.seconds if self.seconds else None


def predict(pipeline: Pipeline, blocks: Sequence[tuple[BlockWork, Executor]]) -> list[Prediction]:
    """Return what becomes of a chain of blocks in each mode of a pipeline.

    Arguments:
        pipeline: what the stages cost.
        blocks: what each block asks for, and what executes it; at least one. They follow each other, over and over
            if the chain has more blocks.

    Raises:
        UsageError: the chain has too many transactions.
    """
    length = pipeline.blocks or len(blocks)
    chain_blocks = [
        ChainBlock(work, cache(executor), _reads(pipeline, work, number))
        for number, (work, executor) in enumerate(blocks)
    ]
    chain = [chain_blocks[number % len(chain_blocks)] for number in range(length)]
    transactions = sum(block.work.transactions for block in chain)
    if transactions > TRANSACTIONS_MAX:
        raise UsageError(
            f"{pipeline.name}: the chain has {transactions:,} transactions; at most {TRANSACTIONS_MAX:,} are "
            "allowed: give fewer blocks"
        )
    return [_Chain(pipeline, mode, chain).prediction() for mode in pipeline.modes]


def _reads(pipeline: Pipeline, work: BlockWork, number: int) -> Reads:
    """Return how a block's entries are read: which are in memory, and how long each of the others takes."""
    stage = pipeline.read
    chance = Random(f"{pipeline.seed} {number}")
    latencies = tuple(
        0.0 if chance.random() < stage.cached else draw(stage.latency, chance) for _ in work.first_reads
    )
    return Reads(latencies, stage.queue_depth, stage.gap_seconds)


class _Chain:
    """A chain of blocks in one mode."""

    def __init__(self, pipeline: Pipeline, mode: str, blocks: Sequence[ChainBlock]) -> None:
        self._pipeline = pipeline
        self._mode = mode
        self._blocks = blocks
        self._machine = Machine(simpy.Environment(), pipeline, mode)
        self._times: list[ChainBlockTimes] = []
        self._confirmed: list[float] = []
        self._durable: list[float] = []

    def prediction(self) -> Prediction:
        """Run the chain."""
        self._machine.start(self._conduct())
        self._machine.environment.run()
        return Prediction(
            mode=self._mode,
            blocks=tuple(self._times),
            transactions=sum(block.work.transactions for block in self._blocks),
            gas=sum(block.work.gas for block in self._blocks),
            seconds=self._times[-1].durable,
            stages=self._stages(),
            confirmed_latency_seconds=_percentiles(self._confirmed),
            durable_latency_seconds=_percentiles(self._durable),
        )

    def _conduct(self) -> Process:
        """Let each block begin as soon as it has arrived, and few enough others are under way."""
        machine, pipeline = self._machine, self._pipeline
        delay = pipeline.root_delay
        window = 1 if self._mode == SERIAL else pipeline.in_flight
        recent: deque[BlockRun] = deque(maxlen=max(window, delay + 1))
        for number, block in enumerate(self._blocks):
            arrived = number * pipeline.interval_seconds
            if arrived > machine.now:
                yield machine.environment.timeout(arrived - machine.now)
            if number >= window:
                yield recent[-window].durable
            run = BlockRun(machine, block, recent[-1] if recent else None)
            if self._mode == SERIAL:
                machine.start(run.in_turn())
            else:
                after = recent[-1 - delay].valid if number > delay else machine.passed()
                machine.start(run.at_once(after))
            machine.start(self._note(run, arrived))
            recent.append(run)

    def _note(self, run: BlockRun, arrived: float) -> Process:
        """Note when what was known of a block, and let go of what is not needed any more."""
        durable = yield run.durable
        origin = arrived if self._pipeline.interval_seconds else run.begun_at
        self._confirmed += [float(event.value or 0.0) - origin for event in run.committed]
        self._durable += [durable - origin] * len(run.committed)
        self._times.append(
            ChainBlockTimes(
                name=run.block.work.name,
                arrived=arrived,
                begun=run.begun_at,
                confirmed=float(run.executed.value or 0.0),
                valid=float(run.valid.value or 0.0),
                durable=durable,
            )
        )
        run.forget()

    def _stages(self) -> dict[str, StageFigures]:
        seconds = dict.fromkeys(STAGES, 0.0)
        different = {id(block): block for block in self._blocks}
        times = {key: _seconds_alone(self._pipeline, self._mode, block) for key, block in different.items()}
        for block in self._blocks:
            for stage, taken in times[id(block)].items():
                seconds[stage] += taken / len(self._blocks)
        return {stage: StageFigures(seconds[stage], self._utilisation(stage)) for stage in STAGES}

    def _utilisation(self, stage: str) -> float:
        pipeline, machine, whole = self._pipeline, self._machine, self._times[-1].durable
        places = {
            "read": pipeline.read.queue_depth,
            "senders": pipeline.senders.cores,
            "root": pipeline.root.workers,
        }
        busy = machine.busy[stage] / places.get(stage, 1)
        if stage == "read":
            busy = max(busy, machine.reads * pipeline.read.gap_seconds)
        return min(1.0, busy / whole) if whole else 0.0


def _seconds_alone(pipeline: Pipeline, mode: str, block: ChainBlock) -> dict[str, float]:
    """Return how long each stage of a block takes with nothing else under way."""
    machine = Machine(simpy.Environment(), pipeline, SERIAL)
    run = BlockRun(machine, block, None)
    machine.start(run.in_turn())
    machine.environment.run()
    in_memory = block.executor(None, mode == PREFETCHED).seconds
    reading = _prefetch_seconds(pipeline, block) if mode == PREFETCHED else run.spans["execute"] - in_memory
    return run.spans | {"execute": in_memory, "read": reading}


def _prefetch_seconds(pipeline: Pipeline, block: ChainBlock) -> float:
    machine = Machine(simpy.Environment(), pipeline, PREFETCHED)
    machine.start(BlockRun(machine, block, None).prefetch())
    machine.environment.run()
    return machine.now


def _percentiles(latencies: Sequence[float]) -> dict[str, float]:
    """Return p50, p99 and max, by nearest rank."""
    if not latencies:
        return {}
    ordered = sorted(latencies)
    shares = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {name: ordered[math.ceil(share * len(ordered)) - 1] for name, share in shares.items()}
