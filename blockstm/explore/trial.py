"""One trial: the block under one schedule, with everything checked.

Virtual workers are greenlets of one process, and what they run is the core that worker processes run, function
for function. At each step point a virtual worker hands over, and a strategy says which goes on. So a trial is a
function of the block, the number of workers and the strategy.

Workers may die. A dead worker's greenlet is never resumed: it would go on with the core's code. Even to let go of
it would resume it (greenlet raises GreenletExit in what it collects, which the core's step hook cannot let
through), so it is kept, and its memory with it, until the process ends. A search with many deaths
therefore works in a process that is thrown away (see `batches`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final

import greenlet

from blockstm.blocks.block import Block
from blockstm.engine.block_run import InProcessRun
from blockstm.errors import MemoryLimitError, StateSourceError, UsageError
from blockstm.explore.schedules import IDLE, SLEEP, Decision, Schedule, death_of
from blockstm.explore.strategies import Strategy
from blockstm.limits import MEMORY_LIMIT_BYTES_EXPLORED
from blockstm.models import BlockStm, Model, reference_of
from blockstm.native._core import (
    INVARIANTS,
    MUTANTS,
    Observer,
    VirtualWorker,
)
from blockstm.results.result import Result, snapshot_of
from blockstm.results.verify import differences

__all__ = ["Finding", "Step", "Trials"]

BLOCK_STM: Final = BlockStm()
STEPS_MAX: Final = 20_000
STEPS_A_TXN_MAX: Final = 2_000

Step = tuple[int, int, int]
"""Worker (as a decision), kind of the step, what it touches."""

QUIET: Final = (IDLE, SLEEP)
"""Steps before which a worker holds no task."""

_dead: Final[list[greenlet.greenlet]] = []
"""Greenlets that must never run again, nor be collected."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a schedule."""

    schedule: Schedule
    check: str
    """Which check failed: invariant, deadlock, livelock, sequential, memory."""
    message: str


class Trials:
    """Runs a block under one schedule after the other, and checks each.

    Arguments:
        block: the block.
        workers: how many virtual workers, 1 to 16.
        model: the model of execution that is explored.
        mutant: which mutant of the protocol to run, a key of `blockstm.native._core.MUTANTS`; None for none.
        invariants: whether to check the protocol's invariants at every step.
        steps_max: the most steps of a schedule, more are a livelock; None for far more than any block needs.
        memory_limit_bytes: the most memory that a run may take.
        states: whether to tell states apart, for a strategy that asks for `state()`. Nobody may die then.

    Raises:
        MemoryLimitError: the block does not fit, or not even its sequential execution does.
        StateSourceError: the source of its state cannot tell what a key holds that a transaction touches.
        UsageError: the model takes one worker only.
    """

    runs_in_forks: ClassVar[bool] = False
    """Whether forks of this process run trials."""

    def __init__(
        self,
        block: Block,
        workers: int,
        *,
        model: Model = BLOCK_STM,
        mutant: str | None = None,
        invariants: bool = True,
        steps_max: int | None = None,
        memory_limit_bytes: int = MEMORY_LIMIT_BYTES_EXPLORED,
        states: bool = False,
    ) -> None:
        """Make the workers, and run the block sequentially for comparison."""
        if workers > 1 and not model.is_parallel:
            raise UsageError(f"model {model} runs on one worker, not {workers}; explore it with one")
        self.block = block
        self.workers = workers
        self._model = model
        self._mutant = 0 if mutant is None else MUTANTS[mutant]
        self._invariants = invariants
        self._states = states
        self._steps_max = steps_max or STEPS_MAX + STEPS_A_TXN_MAX * len(block.transactions)
        self._host = InProcessRun(block, workers, memory_limit_bytes, fix="try a smaller block")
        self._arena = self._host.arena
        if not self.runs_in_forks:
            self._arena.keep_from_forks()  # those that a program makes, which would go on with the trial
        self.observer = Observer(self._arena)
        self._controller = greenlet.getcurrent()
        self._virtual = [self._make_worker(slot) for slot in range(workers)]
        self._references: dict[tuple[int, ...] | None, tuple[list[object], Result]] = {}
        if model.keeps_order:
            self._refer_to(None)

    def _make_worker(self, slot: int) -> VirtualWorker:
        virtual = VirtualWorker(self._host.worker(slot), self._yield_control)
        virtual.mutant = self._mutant
        return virtual

    def _yield_control(self) -> None:
        self._controller.switch()

    def run(self, strategy: Strategy, steps: list[Step] | None = None) -> tuple[Schedule, Finding | None]:
        """Run the block under the next schedule of a strategy; return the schedule and what is wrong with it.

        Where the strategy gives the schedule up, nothing is wrong so far.

        Arguments:
            strategy: the strategy.
            steps: where to note each step, if wanted.

        Raises:
            ScheduleError: the strategy replays a schedule that does not fit.
        """
        self._controller = greenlet.getcurrent()
        if self._states:
            self.observer.clear()
        self._host.start(self._model, self.workers)
        if self._states:
            self.observer.separate()
        self.observer.begin()
        strategy.begin()
        run = self._run = Run(self, strategy, steps)
        try:
            failed = run.to_the_end()
        finally:
            run.abandon()
        schedule = Schedule(self.workers, tuple(run.decisions))
        if failed is None and not run.is_given_up:
            strategy.end(len(run.decisions))
            failed = self._compare()
        return schedule, None if failed is None else Finding(schedule, *failed)

    def state(self) -> int:
        """Return a number for the state in which the strategy decides: equal numbers mean that the same can follow.

        Known only after `go_on_from` in the same trial, or at its first step.
        """
        return self.observer.state(self._run.workers)

    def histories(self) -> list[int]:
        """Return what the workers have seen, for `go_on_from` in a trial that comes to the same state."""
        return [virtual.history for virtual in self._virtual]

    def go_on_from(self, histories: list[int] | None) -> None:
        """Tell states apart from the step on about which the strategy decides; None: not now, which is faster."""
        for slot, virtual in enumerate(self._virtual):
            virtual.remembers = histories is not None
            if histories is not None:
                virtual.history = histories[slot]
        self._run.tells_states = histories is not None
        if histories is not None:
            self.observer.remember()

    def result(self) -> Result:
        """Return what came of the block in the last trial, which must have come to its end."""
        return self._host.result("the run")

    def _compare(self) -> tuple[str, str] | None:
        """Compare what came of the block with sequential execution."""
        result = self.result()
        seen, order = observed(result), None if self._model.keeps_order else result.order
        seen_right, reference = self._references.get(order) or self._refer_to(order)
        if seen == seen_right:
            return None
        messages = differences(result, reference, 1) or ["what was written differs"]
        return "sequential", messages[0]

    def _refer_to(self, order: tuple[int, ...] | None) -> tuple[list[object], Result]:
        """Execute the block sequentially in an order; return what is seen of the result, and the result."""
        reference = self._host.in_order(reference_of(self._model, order))
        return self._references.setdefault(order, (observed(reference), reference))

    def close(self) -> None:
        """Free the memory."""
        self._host.close()


def observed(result: Result) -> list[object]:
    """Return all of a result that must not depend on the schedule."""
    snapshot = snapshot_of(result)
    seen: list[object] = [snapshot.changes()]
    for txn_idx in range(len(snapshot)):
        seen.append((snapshot.status(txn_idx), snapshot.gas_used(txn_idx), snapshot.error(txn_idx)))
        seen.append((snapshot.events(txn_idx), snapshot.reads(txn_idx), snapshot.predicates(txn_idx)))
        seen.append((snapshot.writes(txn_idx), snapshot.adds(txn_idx)))
    return seen


class Run:
    """The workers of one trial while it goes on."""

    def __init__(self, trials: Trials, strategy: Strategy, steps: list[Step] | None) -> None:
        """Let every worker stand before its first step."""
        self._trials = trials
        self._strategy = strategy
        self._steps = steps
        self.decisions: list[Decision] = []
        self.is_given_up = False
        """Whether the strategy gave the schedule up."""
        self.tells_states = trials._states
        self._running: dict[VirtualWorker, greenlet.greenlet] = {}
        for virtual in trials._virtual:
            virtual.begin()
            virtual.remembers = trials._states
            self._running[virtual] = greenlet.greenlet(virtual.run, trials._controller)

    @property
    def workers(self) -> Iterable[VirtualWorker]:
        """Those that have not left the block."""
        return self._running

    def to_the_end(self) -> tuple[str, str] | None:
        """Run until the block is done; return the check that failed, and why."""
        decide, running, observer = self._strategy.decide, self._running, self._trials.observer
        invariants, steps = self._trials._invariants, self._steps
        while running:
            able = self._able()
            if not able:
                return self._stuck()
            if len(self.decisions) == self._trials._steps_max:
                return "livelock", f"the block is not done after {len(self.decisions)} steps"
            if self.tells_states:
                observer.remember()
            decision = decide(able)
            if decision is None:
                self.is_given_up = True
                return None
            self.decisions.append(decision)
            if decision < 0:
                self._kill(death_of(decision))
                continue
            chosen = next(virtual for virtual in able if virtual.index == decision)
            if steps is not None:
                steps.append((decision, chosen.kind, chosen.what))
            if self.tells_states:
                observer.show(chosen)
            running[chosen].switch()
            if running[chosen].dead:
                del running[chosen]
            if invariants and (broken := observer.look() or self._look_when_quiet(chosen)) != 0:
                return "invariant", f"transaction {observer.culprit}: {INVARIANTS[broken]}"
        return self._out_of_memory()

    def _look_when_quiet(self, last: VirtualWorker) -> int:
        """Look for a forgotten waiter where the last of all workers has just nothing more to do."""
        if last.kind not in QUIET or not all(virtual.kind in QUIET for virtual in self._running):
            return 0
        return self._trials.observer.look_at_waiters()

    def _out_of_memory(self) -> tuple[str, str] | None:
        try:
            self._trials._host.check_failure("the run")
        except MemoryLimitError as error:
            return "memory", str(error)
        except StateSourceError as error:  # sequentially nobody asks for that
            return "sequential", str(error)
        return None

    def _able(self) -> list[VirtualWorker]:
        """Return the workers that can go on. Recoveries follow each other, as there is one supervisor."""
        able = [virtual for virtual in self._running if virtual.kind != SLEEP or virtual.may_wake]
        later = [virtual for virtual in self._running if virtual.recovering][1:]
        return [virtual for virtual in able if virtual not in later] if later else able

    def _stuck(self) -> tuple[str, str]:
        """Say why no worker can go on."""
        trials = self._trials
        # A worker that runs out of memory leaves the sleepers to the supervisor (see fail_block).
        if (failed := self._out_of_memory()) is not None:
            return failed
        where = f"{trials._arena.committed()} of {len(trials.block.transactions)} transactions are committed"
        if trials._arena.is_done():
            where = "the block is done, and nobody woke them"
        return "deadlock", f"all {len(self._running)} workers sleep; {where}"

    def _kill(self, slot: int) -> None:
        """Let the worker of a slot never run again, and a fresh one recover from its death."""
        trials = self._trials
        old = trials._virtual[slot]
        if self._steps is not None:
            self._steps.append((death_of(slot), old.kind, old.what))
        _dead.append(self._running.pop(old))
        virtual = trials._virtual[slot] = trials._make_worker(slot)
        virtual.begin()
        virtual.recovering = True
        self._running[virtual] = greenlet.greenlet(virtual.recover_and_run, trials._controller)

    def abandon(self) -> None:
        """Let the workers of a trial that is given up leave the block."""
        if not self._running:
            return
        self._trials._arena.stop()
        for virtual, running in self._running.items():
            virtual.leaves = True
            running.switch()
        self._running.clear()
