"""Virtual workers as greenlets of one process, and the loop that resumes one after the other.

What they run is the core that worker processes run, function for function. At each step point a virtual worker
hands over; a *strategy* says who goes on. So a run is a function of the block, the number of workers and the
strategy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import greenlet

from blockstm._core import MODEL_BLOCK_STM, STEP_SLEEP, Arena, VirtualWorker, Worker
from blockstm.block import Block
from blockstm.engine.catalogue import BUILT_IN, FIRST_PROGRAM_ID
from blockstm.result import Result

__all__ = ["Deadlock", "Runtime", "StepLimit", "Strategy"]

MEMORY_LIMIT_BYTES: Final = 64 << 20
STEPS_MAX: Final = 1_000_000
HASH_SEED: Final = 1
"""Where keys lie in the core's table must not differ from run to run."""

Strategy = Callable[[Sequence[VirtualWorker]], VirtualWorker]
"""Chooses who goes on, among those that can."""


class Deadlock(Exception):  # noqa: N818 - a finding about a schedule, not an error of its caller
    """All virtual workers sleep, and the block is not done: somebody was not woken."""


class StepLimit(Exception):  # noqa: N818 - as above
    """A schedule took more steps than it may: the workers are going round in circles."""


class Runtime:
    """Virtual workers over an arena of their own; runs one block at a time, any number of times.

    Arguments:
        block: the block.
        workers: how many virtual workers.
        memory_limit_bytes: the most memory that a run may take.

    Raises:
        MemoryLimitError: the block does not fit.
    """

    def __init__(self, block: Block, workers: int, *, memory_limit_bytes: int = MEMORY_LIMIT_BYTES) -> None:
        """Make the workers, and let them know the programs."""
        self._block = block
        self._workers = workers
        self._arena = Arena(memory_limit_bytes, workers, HASH_SEED)
        programs = {transaction.program.name: transaction.program for transaction in block.transactions}
        self._program_ids = dict(BUILT_IN)
        own = [Worker(self._arena, slot, -1) for slot in range(workers)]
        for name, program in sorted(programs.items()):
            if name not in BUILT_IN:
                program_id = self._program_ids[name] = (
                    FIRST_PROGRAM_ID + len(self._program_ids) - len(BUILT_IN)
                )
                for worker in own:
                    worker.set_program(program_id, program)
        self._controller = greenlet.getcurrent()
        self._virtual = [VirtualWorker(worker, self._yield_control) for worker in own]

    def run(self, choose: Strategy, *, steps_max: int = STEPS_MAX) -> Result:
        """Run the block under a strategy, and return what came of it.

        Arguments:
            choose: the strategy.
            steps_max: the most steps.

        Raises:
            Deadlock: all workers sleep, and the block is not done.
            StepLimit: there were more steps than that.
            MemoryLimitError: the run takes more memory than the limit.
        """
        self._controller = greenlet.getcurrent()
        self._arena.load(self._block, self._program_ids, 0.0)
        self._arena.start(MODEL_BLOCK_STM, self._workers, False, 1)
        for virtual in self._virtual:
            virtual.begin()
        running = {virtual: greenlet.greenlet(virtual.run, self._controller) for virtual in self._virtual}
        steps = 0
        try:
            while running:
                able = [virtual for virtual in running if virtual.kind != STEP_SLEEP or virtual.may_wake]
                if not able and not self._arena.is_done():
                    raise Deadlock(f"after {steps} steps all {len(running)} workers sleep")
                if steps == steps_max:
                    raise StepLimit(f"the block is not done after {steps} steps")
                chosen = choose(able or list(running))
                steps += 1
                running[chosen].switch()
                if running[chosen].dead:
                    del running[chosen]
        finally:
            self._abandon(running)
        return Result(
            self._arena.snapshot(), model="block-stm", workers=self._workers, active_workers=self._workers
        )

    def _yield_control(self) -> None:
        self._controller.switch()

    def _abandon(self, running: dict[VirtualWorker, greenlet.greenlet]) -> None:
        """Let the workers of a schedule that is given up leave the block."""
        if not running:
            return
        self._arena.stop()
        while running:
            for virtual in list(running):
                running[virtual].switch()
                if running[virtual].dead:
                    del running[virtual]

    def close(self) -> None:
        """Free the memory; results stay readable."""
        self._arena.close()
