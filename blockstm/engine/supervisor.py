"""What the engine's process does while workers run a block: replace the dead, end what runs for too long."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, NoReturn

from blockstm.engine.catalogue import SOURCE, listed, refusal
from blockstm.engine.pool import Pool
from blockstm.errors import EngineError, ProgramError
from blockstm.models import Model, Preparation
from blockstm.native._core import Arena
from blockstm.programs.program import Program
from blockstm.state.source import StateSource

__all__ = ["CANCELLED", "Supervisor"]

CANCELLED: Final = "the block was cancelled before its end; execute it again"

logger = logging.getLogger(__name__)

# How often running transactions are looked at, at least.
TICK_SECONDS: Final = 0.1
# An incarnation that runs for longer is killed once something that it has read is stale: it may never look
# at the world again.
DOOMED_SECONDS: Final = 0.25
# How long workers may take to leave a block that is over before those that still run a program are killed,
# and before all are.
LEAVE_SECONDS: Final = 0.25
LEAVE_IDLE_SECONDS: Final = 1.0
# Workers usually leave a finished block within microseconds, too soon to sleep meanwhile.
YIELDS: Final = 200
LOOK_SECONDS: Final = 0.001


class Supervisor:
    """Looks after the workers of one engine.

    Arguments:
        arena: where they work.
        pool: the worker processes.
        time_limit_seconds: how long an incarnation that has read nothing but what is final may run, or None.
    """

    def __init__(self, arena: Arena, pool: Pool, time_limit_seconds: float | None) -> None:
        """Supervise no block yet."""
        self.is_closing = False
        """Set (from any thread) to have whatever goes on end with an EngineError at its next step."""
        self._cancellation: threading.Event | None = None
        self._arena = arena
        self._pool = pool
        self._time_limit_seconds = time_limit_seconds
        limit = TICK_SECONDS if time_limit_seconds is None else time_limit_seconds / 4
        self._tick_seconds = min(TICK_SECONDS, max(limit, 0.001))
        self._next_look = 0.0
        # The newest version of the catalogue that is known not to kill workers.
        self._survived_version = pool.catalogue.version  # what is built in does not
        self._wanted = 0
        self._active: set[int] = set()

    @contextmanager
    def heeding(self, cancellation: threading.Event) -> Iterator[None]:
        """Have what goes on within end with an EngineError at its next step, once the event is set."""
        self._cancellation = cancellation
        try:
            yield
        finally:
            self._cancellation = None

    def make_ready(self, programs: Iterable[Program], source: StateSource | None, workers: int) -> None:
        """Wait until the first `workers` workers are up and hold these programs and this source as they are now.

        Raises:
            ProgramError: a program cannot be pickled, or workers cannot load it.
            StateSourceError: the source cannot.
            EngineError: workers die before they are ready.
        """
        catalogue = self._pool.catalogue
        by_name = {program.name: program for program in programs}
        catalogue.bring_up_to_date(by_name.values())
        catalogue.set_source(source)
        failures = self._answers(workers)

        def send_by_value(name: str) -> bool:
            if name == SOURCE:
                return catalogue.send_source_by_value(source)
            return name in by_name and catalogue.send_by_value(by_name[name])

        # What a worker cannot import may be such as only this process has. (A list: all are to be tried.)
        while any([send_by_value(name) for name in failures]):
            failures = self._answers(workers)
        if failures:
            self._refuse(failures)

    def start(
        self,
        model: Model,
        workers: int,
        preparation: Preparation | None,
        *,
        first: int = 0,
        timed: bool,
        timeline: bool,
    ) -> None:
        """Start the loaded block with `workers` workers.

        Arguments:
            model: the model of execution.
            workers: how many.
            preparation: what the model may know of the block before; None for nothing.
            first: the slot of the first of them; those of the others follow.
            timed: whether to measure each transaction.
            timeline: whether workers note what they do when.

        Raises:
            MemoryLimitError: there is no room for the times.
        """
        self._active = set(range(first, first + workers))
        self._wanted = workers
        self._next_look = time.monotonic() + self._tick_seconds
        self._arena.start(
            model, workers, timed, timeline=timeline, first_worker=first, preparation=preparation
        )

    def step(self) -> None:
        """Wait for something to happen, a tick at most, and see to what needs it.

        Raises:
            EngineError: workers cannot be replaced, or the engine is being closed.
            ProgramError: a worker started anew cannot load a program.
        """
        self.check_open()
        self._wait(self._tick_seconds)
        self._call_others()
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + self._tick_seconds
            for slot in sorted(self._active):
                self._look_at(slot)

    def leave(self) -> None:
        """Return when all workers are out of a block that is done, or is stopped hereby, and all is quiet."""
        self._wanted = 0
        if self._pool.is_closed:
            return
        if not self._arena.is_done():
            self._arena.stop()
        began = time.monotonic()
        for _ in self._until_idle():
            seconds = time.monotonic() - began
            for slot in range(self._pool.size):
                runs_program = self._arena.running(slot) is not None
                if seconds > (LEAVE_SECONDS if runs_program else LEAVE_IDLE_SECONDS):
                    self._end(slot, "did not leave the block")
        self._active.clear()
        self._wait(0)

    def _until_idle(self) -> Iterator[None]:
        """Return when no worker is in a block; yield now and then meanwhile."""
        for _ in range(YIELDS):
            if self._arena.is_idle():
                return
            os.sched_yield()
        while not self._arena.is_idle():
            self._wait(LOOK_SECONDS)
            yield

    def _answers(self, workers: int) -> Mapping[str, str]:
        """Send the catalogue; return what went wrong where workers could not load a program of it."""
        try:
            self._pool.send_catalogue()
            while not all(map(self._pool.has_answered, range(workers))):
                self.step()
                self._pool.send_catalogue()
            for _ in self._until_idle():
                self.check_open()
        except EngineError as error:
            from_outside = self.is_closing or self._is_cancelled
            suspects = [] if from_outside else self._pool.forget_news(self._survived_version)
            if not suspects:
                raise
            raise ProgramError(
                f"workers do not survive loading {listed(suspects)}: {error}; "
                "import its modules in a process of their own to see why"
            ) from error
        self._survived_version = self._pool.catalogue.version
        return {name: why for slot in range(workers) for name, why in self._pool.failures(slot).items()}

    @property
    def _is_cancelled(self) -> bool:
        return self._cancellation is not None and self._cancellation.is_set()

    def check_open(self) -> None:
        """Check that the engine is not being closed, nor the block cancelled.

        Raises:
            EngineError: one of the two is so.
        """
        if self.is_closing or self._pool.is_closed:
            raise EngineError("the engine was closed while it ran a block; make a new one")
        if self._is_cancelled:
            raise EngineError(CANCELLED)

    def _refuse(self, failures: Mapping[str, str]) -> NoReturn:
        for name in failures:
            self._pool.catalogue.forget(name)
        name, why = next(iter(failures.items()))
        raise refusal(name, why, "a worker process")

    def _wait(self, timeout_seconds: float) -> None:
        """Wait for news from the workers, and replace those that have died."""
        self._pool.wait(timeout_seconds)
        for slot in sorted(self._pool.dead):
            running = self._arena.running(slot)
            ending = self._pool.reap(slot)
            logger.warning(
                "worker %d %s %s; it is being replaced",
                slot,
                ending,
                "while it ran no transaction"
                if running is None
                else f"while it ran transaction {running[0]}",
            )
            self._arena.recover(slot)
            self._replace(slot)

    def _replace(self, slot: int) -> None:
        self._active.discard(slot)
        self._pool.replace(slot)

    def _call_others(self) -> None:
        """Have others take part in the block instead of those that died, as soon as there are any."""
        standing_by = (slot for slot in range(self._pool.size) if slot not in self._active)
        while len(self._active) < self._wanted:
            slot = next(filter(self._pool.has_answered, standing_by), None)
            if slot is None:
                return
            if failures := self._pool.failures(slot):
                self._refuse(failures)
            self._active.add(slot)
            self._arena.activate(slot)

    def _look_at(self, slot: int) -> None:
        """End what the worker of this slot runs if that has gone on for too long."""
        running = self._arena.running(slot)
        if running is None:
            return
        txn_idx, incarnation, seconds, reads_are_final = running
        limit = self._time_limit_seconds
        overran = limit is not None and seconds > limit
        if overran and reads_are_final:
            reason = f"time limit: ran past {limit} s"
            self._end(slot, f"was stopped in transaction {txn_idx}: {reason}", (txn_idx, incarnation), reason)
        elif (seconds > DOOMED_SECONDS and self._arena.is_doomed(slot)) or (
            # It began when not all before it was final, and now all is: it shall start anew, and be timed.
            overran and self._arena.committed() == txn_idx
        ):
            self._end(slot, f"was stopped in transaction {txn_idx}, which has read what is stale")

    def _end(self, slot: int, message: str, expired: tuple[int, int] | None = None, reason: str = "") -> None:
        """Kill and replace a worker; if it still runs the incarnation `expired`, fail that for `reason`."""
        logger.info("worker %d %s; it is being replaced", slot, message)
        self._pool.kill(slot)
        running = self._arena.running(slot)
        if expired is not None and running is not None and running[:2] == expired:
            self._arena.expire(slot, reason)
        else:
            self._arena.recover(slot)
        self._replace(slot)
