"""Probes: executions of each transaction again, with the same reads, in worlds that differ in one thing at a time.

The first that parts from the tape names what its program depends on. From the cheapest to the dearest:

1. again in the same process, in order and in reverse order: hidden state;
2. with another clock, other random numbers, another process number, where the program has asked for them;
3. with objects at other addresses: object identity;
4. given up at each verb in turn: swallowed aborts, and what an execution that was given up leaves behind;
5. alone in fresh processes with other hash seeds: hidden state once more, and hash order.

All the time it is noted who uses a context where its program is not running.
"""

from __future__ import annotations

import gc
import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from blockstm.block import Block
from blockstm.testing.faults import Fault, Kind
from blockstm.testing.fresh import FreshProcesses, modules_of
from blockstm.testing.freshrun import Alone, Change, changes, programs_of, repeat_alone
from blockstm.testing.reach import reach
from blockstm.testing.recording import Recording, record
from blockstm.testing.sites import Site, swallowing_clause
from blockstm.testing.tape import Divergence, Misuse, Tape, Watch
from blockstm.testing.world import PINNED, VARIANTS, Settings, World

__all__ = ["Found", "Probes"]

HASH_SEEDS: Final = (1, 2, 3)
SHUFFLES: Final = 8
PLACES_AT_LINE_MAX: Final = 3
"""At how many verbs of one line of a program executions are given up; more would show no more."""
THREAD_SECONDS_MAX: Final = 0.5
"""How long to wait for threads that outlive their program."""

AGAIN: Final = "differs when it is executed again with the same reads"
KIND_NAMES: Final[dict[str, Kind]] = {"clock": "clock", "randomness": "randomness", "process": "process number"}


class Found(Exception):  # noqa: N818 - a finding, not an error
    """A probe has found a fault."""

    def __init__(self, fault: Fault) -> None:
        """Keep the fault."""
        super().__init__(str(fault))
        self.fault = fault


class Probes:
    """The probes of one block.

    Arguments:
        block: the block.
        packed: the block as bytes, from before anything was executed.
        fresh: the fresh processes.
    """

    def __init__(self, block: Block, packed: bytes, fresh: FreshProcesses) -> None:
        """Execute nothing yet."""
        self._block = block
        self._packed = packed
        self._fresh = fresh
        self._modules = modules_of(block)
        self._watch = Watch()
        self._world = World(reach(programs_of(block)).namespaces)
        self._calls: list[dict[str, tuple[str, Site]]] = []
        self._threads = set(threading.enumerate())

    def run(self) -> None:
        """Run all probes.

        Raises:
            Found: there is a fault.
            MemoryLimitError: the block does not fit.
        """
        self._world.install()
        try:
            self._recording = record(self._block, self._watch, self._noting)
            self._tapes = self._recording.tapes
            self._look_for_misuse()
            for tape in [*self._tapes, *reversed(self._tapes)]:
                self._repeat(tape)
            self._look_for_misuse()
            for tape, calls in zip(self._tapes, self._calls, strict=True):
                for kind in VARIANTS.keys() & calls.keys():
                    self._vary(tape, kind, *calls[kind])
            self._shuffle_memory()
            self._give_up()
            self._look_for_misuse()
        finally:
            self._world.remove()
        if self._tapes:
            self._start_afresh()

    @contextmanager
    def _noting(self) -> Iterator[None]:
        with self._world.running():
            yield
        self._calls.append(self._world.calls)

    def _divergence(self, tape: Tape, settings: Settings = PINNED) -> Divergence | None:
        with self._world.running(settings):
            return self._recording.repeat(tape, self._watch).divergence

    def _repeat(self, tape: Tape) -> None:
        divergence = self._divergence(tape)
        if divergence is not None:
            raise Found(self._diagnosis(tape, divergence))

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

    def _vary(self, tape: Tape, kind: str, name: str, site: Site) -> None:
        for settings in VARIANTS[kind]:
            divergence = self._divergence(tape, settings)
            if divergence is None:
                continue
            self._repeat(tape)  # in the pinned world it does what it did before
            raise Found(fault_of(KIND_NAMES[kind], tape, divergence, f"{name}()", site))

    # --- addresses ---------------------------------------------------------------------------------

    def _shuffle_memory(self) -> None:
        for number in range(SHUFFLES):
            for tape in self._tapes:
                held = scattered(number)
                divergence = self._divergence(tape)
                del held
                if divergence is not None:
                    raise Found(self._diagnosis(tape, divergence, by_address=True))

    # --- giving up -----------------------------------------------------------------------------------

    def _give_up(self) -> None:
        tried: Counter[tuple[str, Site]] = Counter()
        for number, tape in enumerate(self._tapes):
            for place, entry in enumerate(tape.entries):
                where = tape.program, entry.site
                if entry.verb != "revert" and tried[where] < PLACES_AT_LINE_MAX:
                    tried[where] += 1
                    self._give_up_at(number, place)

    def _give_up_at(self, number: int, place: int) -> None:
        tape = self._tapes[number]
        entry = tape.entries[place]
        with self._world.running():
            repeated = self._recording.repeat(tape, self._watch, place)
        if repeated.divergence is not None:
            raise Found(self._diagnosis(tape, repeated.divergence))
        if not repeated.unwound:
            what = "catches the internal exception that ends an execution in vain, and goes on"
            clause = swallowing_clause(repeated.stack)
            effect = f"ctx.{entry.verb} raised it"
            raise Found(
                Fault(
                    "swallowed abort", tape.program, tape.txn_idx, what, "this catches it", clause, effect, entry.site
                )
            )
        for later in self._tapes:
            divergence = self._divergence(later)
            if divergence is not None:
                raise Found(self._diagnosis(later, divergence, give_up=(number, place)))

    # --- fresh processes -------------------------------------------------------------------------------

    def _start_afresh(self) -> None:
        numbers = range(len(self._tapes))
        by_seed = [self._alone(seed, numbers) for seed in HASH_SEEDS]
        for number in numbers:
            results = [alone[number] for alone in by_seed]
            divergence = next((result.divergence for result in results if result.divergence is not None), None)
            if divergence is not None:
                raise Found(self._fresh_diagnosis(number, divergence, results))

    def _alone(self, hash_seed: int, numbers: Sequence[int], process: int = 0) -> list[Alone]:
        alone: list[Alone] = self._fresh.get(hash_seed, process).call(
            self._modules, repeat_alone, self._packed, self._tapes, self._world.base_ns, numbers
        )
        return alone

    def _fresh_diagnosis(self, number: int, divergence: Divergence, results: list[Alone]) -> Fault:
        """Say why a transaction differs in a fresh process."""
        tape = self._tapes[number]
        if all(result.divergence == divergence for result in results):
            return self._diagnosis(tape, divergence, alone=True)
        again = self._alone(HASH_SEEDS[0], [number], process=1)[0]
        if "identity" in again.calls or again.divergence != results[0].divergence:
            return identity_fault(tape, divergence, again.calls)
        cause = "a set of str or bytes, or something made from one: its order differs from process to process"
        return fault_of("hash order", tape, divergence, cause, None)

    # --- what a divergence comes from ------------------------------------------------------------------

    def _diagnosis(
        self,
        tape: Tape,
        divergence: Divergence,
        *,
        by_address: bool = False,
        alone: bool = False,
        give_up: tuple[int, int] | None = None,
    ) -> Fault:
        """Say why a transaction differs where nothing but memory does.

        Arguments:
            tape: the transaction.
            divergence: how it differs.
            by_address: whether it was only seen to where objects lie elsewhere.
            alone: whether it was only seen to in fresh processes, whatever the hash seed.
            give_up: the number of the tape and of the verb after whose giving up it was seen.
        """
        first = self._fresh.get(HASH_SEEDS[0])
        arguments = self._packed, self._tapes, self._world.base_ns, tape.program, give_up
        changed: list[Change] = first.call(self._modules, changes, *arguments)
        self._look_for_misuse()
        calls = self._calls[self._tapes.index(tape)]
        if changed and not (by_address and "identity" in calls):
            return self._hidden_state(tape, divergence, changed, give_up)
        if by_address or "identity" in calls:
            return identity_fault(tape, divergence, calls)
        if alone:
            what = "differs in a process that has executed nothing before"
            return fault_of("hidden state", tape, divergence, "something that was set before the check", None, what)
        number = self._tapes.index(tape)
        twins = [self._alone(HASH_SEEDS[0], [number])[0].divergence for _ in range(2)]
        if twins[0] == twins[1]:  # forks of one process: their objects have the same addresses
            return identity_fault(tape, divergence, calls)
        cause = "neither clock, random or os.urandom, process number nor variables: something else from outside"
        return fault_of("outside world", tape, divergence, cause, None)

    def _hidden_state(
        self, tape: Tape, divergence: Divergence, changed: list[Change], give_up: tuple[int, int] | None
    ) -> Fault:
        change = changed[0]
        others = [other.label for other in changed[1:4]]
        cause = f"{change.label} was {change.before} before transaction {change.txn_idx} and is {change.after} after"
        if give_up is not None:
            entry = self._tapes[give_up[0]].entries[give_up[1]]
            cause += f" it was given up at ctx.{entry.verb} ({entry.site})"
        if others:
            cause += f"; changed, too: {', '.join(others)}"
        what = AGAIN if give_up is None else "differs after an execution that was given up in the middle"
        return fault_of("hidden state", tape, divergence, cause, change.site, what)


def fault_of(
    kind: Kind, tape: Tape, divergence: Divergence, cause: str, causing: Site | None, what: str = AGAIN
) -> Fault:
    """Return the fault that a divergence shows."""
    return Fault(kind, tape.program, tape.txn_idx, what, cause, causing, divergence.text, divergence.site)


def identity_fault(tape: Tape, divergence: Divergence, calls: dict[str, tuple[str, Site]]) -> Fault:
    """Return the fault of a program that depends on where its objects lie."""
    if "identity" in calls:
        return fault_of("object identity", tape, divergence, "id()", calls["identity"][1])
    cause = "the order of a set or dict of objects hashed by address, or a text with an address"
    return fault_of("object identity", tape, divergence, cause, None)


def misuse_fault(misuse: Misuse) -> Fault:
    """Return the fault of a program whose context is used where it must not be."""
    tape = misuse.tape
    if misuse.kind == "thread":
        what, kind = "has its ctx used in another thread while it runs", "other thread"
    else:
        what, kind = "has its ctx used after it returned", "late use"
    return Fault(
        "other thread" if kind == "other thread" else "late use",
        tape.program,
        tape.txn_idx,
        what,
        f"ctx.{misuse.verb} by {misuse.by}",
        misuse.site,
    )


def scattered(seed: int) -> list[bytearray | bytes | list[int]]:
    """Leave holes at random in the allocator's pools, so that new objects do not lie in the order of their making."""
    chance = random.Random(seed)
    held = [bytes(size) for size in range(16, 384, 16) for _ in range(24)]
    chance.shuffle(held)
    kept = held[: len(held) // 2]
    del held
    return list(kept)
