"""The stages of a block as processes of a discrete-event simulation; each stage takes blocks in their order.

A process waits for events of its block (a transaction is committed, the root is known) and of blocks before it,
takes what its stage has (cores, places in a queue, the one writer), and lets modelled time pass.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import simpy

from blockstm.pipeline.definition import Pipeline
from blockstm.pipeline.schedule import Executor, Reads
from blockstm.pipeline.work import NIBBLES, BlockWork, ChangedAccount

__all__ = ["BlockRun", "ChainBlock", "Machine", "Process"]

Process: TypeAlias = Generator[simpy.Event, Any, None]
SERIAL: Final = "serial"
PREFETCHED: Final = "prefetched"


@dataclass(frozen=True)
class ChainBlock:
    """A block of the chain: what it asks for, what executes it, and how its state is read."""

    work: BlockWork
    executor: Executor
    reads: Reads


@dataclass
class Machine:
    """What the stages have, and how long each was in use, in seconds of one place of it.

    Arguments:
        environment: the simulation.
        pipeline: what the stages cost.
        mode: how they overlap.
    """

    environment: simpy.Environment
    pipeline: Pipeline
    mode: str
    busy: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    reads: int = 0

    def __post_init__(self) -> None:
        """Make the resources."""
        stages = self.pipeline
        self.device = simpy.Resource(self.environment, stages.read.queue_depth)
        self.sender_cores = simpy.Resource(self.environment, stages.senders.cores)
        self.root_workers = simpy.Resource(self.environment, stages.root.workers)
        self.next_read = 0.0

    @property
    def now(self) -> float:
        """The modelled time."""
        return float(self.environment.now)

    def start(self, process: Process) -> simpy.Process:
        """Start a process."""
        return self.environment.process(process)

    def event(self) -> simpy.Event:
        """Return an event that has not come yet. Its value will be the time at which it came."""
        return self.environment.event()

    def passed(self) -> simpy.Event:
        """Return an event that has come."""
        return self.environment.event().succeed(self.now)

    def take(self, stage: str, seconds: float) -> Process:
        """Let time pass in which one place of a stage is in use."""
        self.busy[stage] += seconds
        if seconds:
            yield self.environment.timeout(seconds)

    def task(self, stage: str, resource: simpy.Resource, seconds: float) -> Process:
        """Do something that takes one place of a resource."""
        with resource.request() as place:
            yield place
            yield from self.take(stage, seconds)


class BlockRun:
    """A block on its way through the stages.

    Arguments:
        machine: what the stages have.
        block: the block.
        before: the block before it; None for the first.
    """

    def __init__(self, machine: Machine, block: ChainBlock, before: BlockRun | None) -> None:
        """Make its events."""
        self.machine = machine
        self.block = block
        self.before = before
        count = block.work.transactions
        self.begun = machine.event()
        # What costs nothing is there from the beginning, for all transactions at once.
        signs = machine.pipeline.senders.seconds_per_transaction > 0
        self.signed = [machine.event() for _ in range(count)] if signs else [machine.passed()] * count
        is_read_ahead = machine.mode == PREFETCHED and any(block.reads.latencies)
        self.read = [machine.event() for _ in range(count)] if is_read_ahead else [machine.passed()] * count
        self.asked = machine.event()
        self.committed = [machine.event() for _ in range(count)]
        self.executed = machine.event()
        self.rooted = machine.event()
        self.valid = machine.event()
        self.durable = machine.event()
        self.begun_at = 0.0
        self.spans: dict[str, float] = {}

    def begin(self) -> None:
        """Say that the block has begun."""
        self.begun_at = self.machine.now
        self.begun.succeed(self.begun_at)

    def in_turn(self) -> Process:
        """One stage after the other; `spans` says how long each took."""
        self.begin()
        stages = {
            "senders": self.recover_senders(),
            "execute": self.execute(),
            "root": self.hash(),
            "other": self.do_other(),
            "persist": self.persist(),
        }
        for name, stage in stages.items():
            begin = self.machine.now
            yield self.machine.start(stage)
            self.spans[name] = self.machine.now - begin

    def at_once(self, execute_after: simpy.Event) -> Process:
        """All stages, each as far as its data is there.

        Arguments:
            execute_after: what execution waits for, beside what it needs of this block and the one before.
        """
        self.begin()
        start = self.machine.start
        stages = [
            start(self.recover_senders()),
            start(self.hash()),
            start(self.do_other()),
            start(self.persist()),
        ]
        if self.machine.mode == PREFETCHED:
            stages.append(start(self.prefetch()))
        yield execute_after
        if self.before is not None:
            yield self.before.executed
        yield start(self.execute())
        yield self.machine.environment.all_of(stages)

    def forget(self) -> None:
        """Let go of what nobody wants of a block that is durable."""
        self.before = None
        self.signed = self.read = self.committed = []

    # --- the stages -----------------------------------------------------------------------------

    def recover_senders(self) -> Process:
        """Recover the sender of each transaction; those of the first are there first."""
        machine = self.machine
        seconds = machine.pipeline.senders.seconds_per_transaction

        def recover(signed: simpy.Event) -> Process:
            yield from machine.task("senders", machine.sender_cores, seconds)
            signed.succeed(machine.now)

        if seconds:
            yield machine.environment.all_of([machine.start(recover(signed)) for signed in self.signed])

    def prefetch(self) -> Process:
        """Read all that the block reads, in the order of the first touches, as much at once as the device takes."""
        machine, reads = self.machine, self.block.reads
        missing = Counter(self.block.work.first_reads)

        def answered(txn_idx: int) -> None:
            missing[txn_idx] -= 1
            if missing[txn_idx] <= 0 and not self.read[txn_idx].triggered:
                self.read[txn_idx].succeed(machine.now)

        def answer(place: Any, txn_idx: int, latency: float) -> Process:
            yield from machine.take("read", latency)
            machine.device.release(place)
            answered(txn_idx)

        if self.before is not None:
            yield self.before.asked
        for txn_idx in range(self.block.work.transactions):
            if not missing[txn_idx]:
                answered(txn_idx)
        answers = []
        for txn_idx, latency in zip(self.block.work.first_reads, reads.latencies, strict=True):
            if not latency:
                answered(txn_idx)
                continue
            place = machine.device.request()
            yield place
            if machine.next_read > machine.now:
                yield machine.environment.timeout(machine.next_read - machine.now)
            machine.next_read = machine.now + reads.gap_seconds
            machine.reads += 1
            answers.append(machine.start(answer(place, txn_idx, latency)))
        self.asked.succeed(machine.now)
        yield machine.environment.all_of(answers)

    def execute(self) -> Process:
        """Execute the block; what comes late holds up its transaction and all that follow."""
        machine = self.machine
        prefetched = machine.mode == PREFETCHED
        schedule = self.block.executor(None if prefetched else self.block.reads, prefetched)
        begin = machine.now
        lag = 0.0
        for txn_idx, committed in enumerate(self.committed):
            there = yield self.signed[txn_idx]
            if prefetched:
                there = max(there, (yield self.read[txn_idx]))
            lag = max(lag, there - (begin + schedule.begins[txn_idx]))
            due = begin + schedule.commits[txn_idx] + lag
            if due > machine.now:
                yield machine.environment.timeout(due - machine.now)
            committed.succeed(machine.now)
        machine.busy["execute"] += schedule.seconds
        machine.busy["read"] += schedule.read_seconds
        machine.reads += schedule.reads
        self.executed.succeed(machine.now)

    def hash(self) -> Process:
        """Bring the tree of the block before up to date: each account after its slots, in its nibble's part."""
        machine, stage = self.machine, self.machine.pipeline.root
        if self.before is not None:
            yield self.before.rooted
        parts = [simpy.Resource(machine.environment) for _ in range(NIBBLES)]

        def hash_account(account: ChangedAccount) -> Process:
            yield self._changed(account.slots_last)
            yield from machine.task("root", machine.root_workers, account.slots * stage.seconds_per_key)
            yield self._changed(account.last)
            with parts[account.nibble].request() as turn:
                yield turn
                yield from machine.task("root", machine.root_workers, stage.seconds_per_account)

        accounts = [machine.start(hash_account(account)) for account in self.block.work.accounts]
        yield machine.environment.all_of(accounts)
        # Without a list, nobody knows before the end that there are no more changes.
        if not self._is_listed:
            yield self.executed
        yield from machine.task("root", machine.root_workers, stage.seconds)
        self.rooted.succeed(machine.now)

    def do_other(self) -> Process:
        """What follows execution and root: with it the block is known to be valid."""
        machine = self.machine
        yield self.executed & self.rooted
        if self.before is not None:
            yield self.before.valid
        yield from machine.take("other", machine.pipeline.other.seconds)
        self.valid.succeed(machine.now)

    def persist(self) -> Process:
        """Write values as they are committed, then the nodes of the tree, and wait for the disk."""
        machine, stage, work = self.machine, self.machine.pipeline.persist, self.block.work
        if self.before is not None:
            yield self.before.durable
        if stage.bytes_per_second is not None:
            for committed, size in zip(self.committed, work.written_bytes, strict=True):
                yield committed
                yield from machine.take("persist", stage.write_seconds(size))
        yield self.valid
        rest = stage.write_seconds(stage.block_bytes + stage.node_bytes_per_key * work.changed_keys)
        yield from machine.take("persist", rest + stage.seconds + stage.sync_seconds)
        self.durable.succeed(machine.now)

    @property
    def _is_listed(self) -> bool:
        return self.machine.mode == PREFETCHED and self.machine.pipeline.root.start == "listed"

    def _changed(self, txn_idx: int) -> simpy.Event:
        """Return the event upon which what a transaction is the last to change may be hashed."""
        if self._is_listed:
            return self.begun
        start = self.machine.pipeline.root.start
        return self.executed if start == "executed" else self.committed[txn_idx]
