"""The worker processes of an engine: starting them, talking with them, noticing their deaths, ending them."""

from __future__ import annotations

import os
import selectors
import signal
import sys
import time
import weakref
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from blockstm.engine.catalogue import Catalogue
from blockstm.engine.process import WorkerProcess
from blockstm.errors import EngineError
from blockstm.files.descriptors import above_standard, pipe_above_standard
from blockstm.native._core import Arena
from blockstm.processes.interpreter import describe_end, interrupts_held
from blockstm.processes.logs import handle_record

__all__ = ["Pool"]

# How long workers may take to end by themselves before they are killed.
CLOSE_SECONDS: Final = 1.0
# How often in a row the worker of one slot may die before it is ready. One that ends by itself would do so
# again. One that is killed may have been unlucky: this limit is only for systems on which no worker ever comes up.
STARTS_MAX: Final = 3
KILLED_STARTS_MAX: Final = 100

# What forked children of this process must let go of.
_pools: weakref.WeakSet[Pool] = weakref.WeakSet()


class Pool:
    """Worker processes, one for each slot of the arena. They outlive blocks, and the dead can be replaced.

    Arguments:
        arena: what the workers attach to.
        workers: how many.
        processors: those to spread the workers over, each staying on its own; none for the operating
            system to choose.

    Raises:
        EngineError: the operating system does not let them start.
    """

    def __init__(self, arena: Arena, workers: int, processors: Sequence[int] = ()) -> None:
        """Start the processes; they are ready a little later."""
        if not sys.executable:
            raise EngineError("this interpreter does not know its own path; set sys.executable")
        self.catalogue = Catalogue()
        """What the workers must hold; `send_catalogue` after a change."""
        self.dead: set[int] = set()
        """The slots whose workers have died and have not been replaced."""
        self.is_closed = False
        self.owner = os.getpid()
        """The process whose workers these are."""
        self._arena = arena
        self._processors = processors
        self._has_ever_answered = False
        self._workers: dict[int, WorkerProcess] = {}
        self._early_deaths: Counter[tuple[int, bool]] = Counter()
        self._selector = selectors.PollSelector()
        self._events = self._lifeline = self._lifeline_held = -1
        try:
            self._events = above_standard(os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK))
            self._lifeline, self._lifeline_held = pipe_above_standard()
        except OSError as error:
            self._close_descriptors()
            raise EngineError(
                f"the engine cannot be started: {error.strerror or error}; allow more open files (ulimit -n)"
            ) from error
        self._selector.register(self._events, selectors.EVENT_READ, self._clear_events)
        _pools.add(self)
        arena.program_version = self.catalogue.version
        try:
            for slot in range(workers):
                self._start(slot)
        except BaseException:
            self.close()
            raise

    @property
    def pids(self) -> list[int]:
        """The process ids of the workers, by slot."""
        return [self._workers[slot].pid for slot in sorted(self._workers)]

    @property
    def size(self) -> int:
        """How many workers there are."""
        return len(self._workers)

    def has_answered(self, slot: int) -> bool:
        """Tell whether the worker of this slot is up and has been through all of the catalogue."""
        return slot not in self.dead and self._workers[slot].version == self.catalogue.version

    def failures(self, slot: int) -> dict[str, str]:
        """Return what went wrong where the worker of this slot could not load a program, by name (or SOURCE)."""
        return {name: why for name, why in self._workers[slot].failures.items() if name in self.catalogue}

    def forget_news(self, since: int) -> list[str]:
        """Drop the programs that are new since that version of the catalogue, and return their names.

        For when workers die of them. They did not if no worker has ever been up: then nothing is dropped.
        """
        if not self._has_ever_answered:
            return []
        names = self.catalogue.names_since(since)
        for name in names:
            self.catalogue.forget(name)
        return names

    def send_catalogue(self) -> None:
        """Send every worker what it lacks of the catalogue; `has_answered` tells which have got it.

        Only between blocks: workers are called as to a block, for them to look at what they were sent. They
        must have left (`Arena.is_idle`) before a block is loaded.
        """
        self._arena.program_version = self.catalogue.version
        for worker in self._workers.values():
            self._send_catalogue(worker)
            # One that is still starting has not come to waiting for blocks: it will be called when it has.
            if 0 < worker.version < self.catalogue.version and worker.version_called < self.catalogue.version:
                self._arena.activate(worker.worker)
                # After the call, which an interrupt may prevent: to be called twice does a worker no harm.
                worker.version_called = self.catalogue.version

    def wake(self) -> None:
        """Have `wait`, in whatever thread, return at once."""
        if not self.is_closed:
            os.eventfd_write(self._events, 1)

    def wait(self, timeout_seconds: float) -> None:
        """Wait until a worker has something to tell, has died, or has signalled the event counter.

        Log records are handled in the calling thread.
        """
        for key, events in self._selector.select(timeout_seconds):
            key.data(events)

    def kill(self, slot: int) -> None:
        """Kill the worker of a slot; returns when it is dead."""
        worker = self._workers[slot]
        worker.kill()
        worker.reap()
        if slot not in self.dead:
            self._died(worker)

    def reap(self, slot: int) -> str:
        """Reap the dead worker of a slot, handle what it logged to the last, and say how it ended."""
        worker = self._workers[slot]
        returncode = worker.reap()
        while worker.channel.is_open and self._talk(worker):
            pass
        return describe_end(returncode)

    def replace(self, slot: int) -> None:
        """Start a new worker in the slot of a dead one that has been reaped and recovered from.

        Raises:
            EngineError: it cannot be started, or workers keep dying in this slot before they are ready.
        """
        worker = self._workers[slot]
        if worker.version == 0:
            self._count_early_death(worker)
        self._let_go(worker)
        self._start(slot)

    def close(self) -> None:
        """End all workers and let go of everything. May be called again."""
        if self.is_closed:
            return
        self.is_closed = True
        _pools.discard(self)
        try:
            self._arena.stop()
            self._arena.shutdown()
            for worker in self._workers.values():
                if worker.version == 0:
                    worker.kill()
            deadline = time.monotonic() + CLOSE_SECONDS
            while len(self.dead) < len(self._workers) and (left := deadline - time.monotonic()) > 0:
                self.wait(left)
            for slot in self.dead:
                self.reap(slot)
        finally:
            for worker in self._workers.values():
                worker.kill()
            for worker in self._workers.values():
                worker.reap()
                self._let_go(worker)
            self._close_descriptors()

    def disown(self) -> None:
        """Let go of everything in a forked child, where these workers are none of its business."""
        self.is_closed = True
        for worker in self._workers.values():
            worker.disown()
        self._close_descriptors()

    def _start(self, slot: int) -> None:
        processors = self._processors
        try:
            with interrupts_held():
                worker = WorkerProcess(
                    slot,
                    arena=self._arena.fd,
                    events=self._events,
                    lifeline=self._lifeline,
                    processor=processors[slot % len(processors)] if processors else None,
                )
                self._workers[slot] = worker
                self._selector.register(worker.pidfd, selectors.EVENT_READ, partial(self._died, worker))
                self._selector.register(worker.channel, selectors.EVENT_READ, partial(self._talk, worker))
                self._send_catalogue(worker)
                self.dead.discard(slot)
        except OSError as error:
            raise EngineError(
                f"worker process {slot} cannot be started: {error.strerror or error}; "
                "use fewer workers, or allow more processes, memory or open files"
            ) from error

    def _send_catalogue(self, worker: WorkerProcess) -> None:
        if worker.version_sent < self.catalogue.version:
            worker.channel.send(self.catalogue.message(worker.version_sent))
            worker.version_sent = self.catalogue.version
            self._watch(worker)

    def _watch(self, worker: WorkerProcess) -> None:
        """Have `wait` look at the connection for what it is needed for."""
        if worker.channel.is_open:
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if worker.channel.has_unsent else 0)
            self._selector.modify(worker.channel, wanted, partial(self._talk, worker))

    def _talk(self, worker: WorkerProcess, events: int = selectors.EVENT_READ) -> bool:
        """Send and receive what can be without waiting; return whether anything came."""
        if events & selectors.EVENT_WRITE:
            worker.channel.flush()
            self._watch(worker)
        messages = worker.channel.receive()
        if not worker.channel.is_open:
            self._selector.unregister(worker.channel)
        # Acknowledgements first: an interrupt may come while log records are handled.
        for kind, *content in sorted(messages, key=lambda message: message[0] == "log"):
            if kind == "log":
                handle_record(*content)
            else:
                self._note_loaded(worker, *content)
        return bool(messages)

    def _note_loaded(self, worker: WorkerProcess, version: int, failures: dict[str, str]) -> None:
        worker.version = version
        worker.failures = failures
        self._has_ever_answered = True
        for killed in (False, True):
            del self._early_deaths[worker.worker, killed]

    def _died(self, worker: WorkerProcess, events: int = selectors.EVENT_READ) -> None:
        self.dead.add(worker.worker)
        self._selector.unregister(worker.pidfd)

    def _count_early_death(self, worker: WorkerProcess) -> None:
        returncode = worker.reap()
        killed = returncode == -signal.SIGKILL
        if killed and self._has_ever_answered:
            return  # workers do come up here, so that one will, too, once nobody kills it
        self._early_deaths[worker.worker, killed] += 1
        if self._early_deaths[worker.worker, killed] >= (KILLED_STARTS_MAX if killed else STARTS_MAX):
            self._early_deaths.clear()
            raise EngineError(
                f"worker process {worker.worker} {describe_end(returncode)} each time before it was ready; "
                "see what it wrote to standard error"
            )

    def _let_go(self, worker: WorkerProcess) -> None:
        """Close what belongs to a worker that has been reaped."""
        for watched in (worker.channel, worker.pidfd):
            with suppress(KeyError, ValueError):
                self._selector.unregister(watched)
        worker.close()

    def _clear_events(self, events: int) -> None:
        with suppress(BlockingIOError):
            os.eventfd_read(self._events)

    def _close_descriptors(self) -> None:
        self._selector.close()
        for descriptor in (self._events, self._lifeline, self._lifeline_held):
            if descriptor >= 0:
                os.close(descriptor)


def _disown_all() -> None:
    for pool in list(_pools):
        pool.disown()


os.register_at_fork(after_in_child=_disown_all)
