"""Probes: executions of each transaction again, with the same reads, in worlds that differ in one thing at a time.

The first that parts from the tape names what its program depends on. From the cheapest to the dearest:

1. again in the same process, in order and in reverse order: hidden state;
2. with another clock, other random numbers, another process number or environment, where it has asked for them;
3. with objects at other addresses: object identity;
4. given up at each verb in turn: swallowed aborts, and what an execution that was given up leaves behind.

All of them run in a process that has executed nothing before, so what they find depends on the block only. There
follow executions of each transaction alone, in fresh processes with other hash seeds (see `diagnosis`).

All the time it is noted what uses a context where its program is not running.
"""

from __future__ import annotations

import gc
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, NoReturn

from blockstm.blocks.block import Block
from blockstm.processes.pickling import loads
from blockstm.testing.diagnosis import Calls, fault_of
from blockstm.testing.faults import Fault, Kind
from blockstm.testing.reach import python_programs, reach
from blockstm.testing.recording import record
from blockstm.testing.sites import Site, swallowing_clause
from blockstm.testing.tape import Divergence, Misuse, Tape, Watch
from blockstm.testing.world import PINNED, VARIANTS, Settings, World

__all__ = ["Probed", "Suspicion", "probe"]

SHUFFLES: Final = 8
PLACES_AT_LINE_MAX: Final = 3
"""At how many verbs of one line of a program executions are given up; more would show no more."""
THREAD_SECONDS_MAX: Final = 0.5
"""How long to wait for threads that outlive their program."""

KIND_NAMES: Final[dict[str, Kind]] = {
    "clock": "clock",
    "randomness": "randomness",
    "process": "process number",
    "environment": "outside world",
}


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A transaction differs where nothing does but memory; see `Diagnosis.of_memory`."""

    number: int
    divergence: Divergence
    by_address: bool = False
    give_up: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Probed:
    """What came of the probes."""

    tapes: list[Tape]
    calls: list[Calls]
    found: Fault | Suspicion | None


def probe(packed: bytes) -> Probed:
    """Run all probes on a block; in a fresh process.

    Arguments:
        packed: the block.

    Raises:
        MemoryLimitError: the block does not fit.
    """
    probes = Probes(loads(packed))
    try:
        probes.run()
    except Found as found:
        return Probed(probes.tapes, probes.calls, found.what)
    return Probed(probes.tapes, probes.calls, None)


class Found(Exception):  # noqa: N818 - a finding, not an error
    """A probe has found something."""

    def __init__(self, what: Fault | Suspicion) -> None:
        """Keep what it found."""
        super().__init__()
        self.what = what


class Probes:
    """The probes of one block.

    Arguments:
        block: the block.
    """

    def __init__(self, block: Block) -> None:
        """Execute nothing yet."""
        self._block = block
        self._watch = Watch()
        self._world = World(reach(python_programs(block)).namespaces)
        self._threads = set(threading.enumerate())
        self.tapes: list[Tape] = []
        """What the transactions did."""
        self.calls: list[Calls] = []
        """What each of them has called."""

    def run(self) -> None:
        """Run all probes.

        Raises:
            Found: there is a fault, or something that looks like one.
            MemoryLimitError: the block does not fit.
        """
        self._world.install()
        self._recording = record(self._block, self._watch, self._noting)
        self.tapes = self._recording.tapes
        self._look_for_misuse()
        numbers = range(len(self.tapes))
        for number in [*numbers, *reversed(numbers)]:
            self._repeat(number)
        self._look_for_misuse()
        for number, calls in enumerate(self.calls):
            for kind in [kind for kind in VARIANTS if kind in calls]:
                self._vary(number, kind, *calls[kind])
        self._shuffle_memory()
        self._give_up()
        self._look_for_misuse()

    @contextmanager
    def _noting(self) -> Iterator[None]:
        with self._world.running():
            yield
        self.calls.append(self._world.calls)

    def _divergence(self, number: int, settings: Settings = PINNED) -> Divergence | None:
        with self._world.running(settings):
            return self._recording.repeat(self.tapes[number], self._watch).divergence

    def _repeat(self, number: int) -> None:
        divergence = self._divergence(number)
        if divergence is not None:
            self._suspect(Suspicion(number, divergence))

    def _suspect(self, suspicion: Suspicion) -> NoReturn:
        """Report a divergence, unless it comes of the misuse of a context."""
        self._look_for_misuse()
        raise Found(suspicion)

    # --- contexts used where their programs do not run ------------------------------------------

    def _look_for_misuse(self) -> None:
        """Let threads and unreachable generators of the programs come to their end, and report misuses."""
        for thread in set(threading.enumerate()) - self._threads:
            thread.join(THREAD_SECONDS_MAX)
            self._threads.add(thread)
        gc.collect(1)
        if self._watch.misuses:
            raise Found(misuse_fault(self._watch.misuses[0]))

    # --- clock, random numbers, process number ---------------------------------------------------

    def _vary(self, number: int, kind: str, name: str, site: Site) -> None:
        for settings in VARIANTS[kind]:
            divergence = self._divergence(number, settings)
            if divergence is None:
                continue
            self._repeat(number)  # in the pinned world it does what it did before
            raise Found(fault_of(KIND_NAMES[kind], self.tapes[number], divergence, name, site))

    # --- addresses ---------------------------------------------------------------------------------

    def _shuffle_memory(self) -> None:
        for seed in range(SHUFFLES):
            for number in range(len(self.tapes)):
                held = scattered(seed)
                divergence = self._divergence(number)
                del held
                if divergence is not None:
                    self._suspect(Suspicion(number, divergence, by_address=True))

    # --- giving up -----------------------------------------------------------------------------------

    def _give_up(self) -> None:
        tried: Counter[tuple[str, Site]] = Counter()
        for number, tape in enumerate(self.tapes):
            for place, entry in enumerate(tape.entries):
                where = tape.program, entry.site
                if entry.verb != "revert" and tried[where] < PLACES_AT_LINE_MAX:
                    tried[where] += 1
                    self._give_up_at(number, place)

    def _give_up_at(self, number: int, place: int) -> None:
        tape = self.tapes[number]
        entry = tape.entries[place]
        with self._world.running():
            repeated = self._recording.repeat(tape, self._watch, place)
        if repeated.divergence is not None:
            self._suspect(Suspicion(number, repeated.divergence))
        if not repeated.unwound or repeated.first_after is not None:
            what = (
                "catches the internal exception that ends an execution given up, and does not raise it again"
            )
            clause, raised = swallowing_clause(repeated.stack), f"ctx.{entry.verb} raised it"
            where = tape.program, tape.txn_idx
            raise Found(Fault("swallowed abort", *where, what, "this catches it", clause, raised, entry.site))
        for later in range(len(self.tapes)):
            divergence = self._divergence(later)
            if divergence is not None:
                self._suspect(Suspicion(later, divergence, give_up=(number, place)))


def misuse_fault(misuse: Misuse) -> Fault:
    """Return the fault of a program whose context is used where it must not be."""
    tape, used = misuse.tape, f"ctx.{misuse.verb} by {misuse.by}"
    kind: Kind = "other thread" if misuse.kind == "thread" else "late use"
    what = "has its ctx used after it returned"
    if misuse.kind == "thread":
        what = "has its ctx used in another thread while it runs"
    return Fault(kind, tape.program, tape.txn_idx, what, used, misuse.site)


def scattered(seed: int) -> list[bytes]:
    """Leave holes at random in the allocator's pools: new objects will not lie in the order of their making.

    Arguments:
        seed: which holes.

    Returns: what lies between the holes, to be held as long as they are needed.
    """
    chance = random.Random(seed)
    held = [bytes(size) for size in range(16, 384, 16) for _ in range(12)]
    chance.shuffle(held)
    return held[::2]
