"""Diagnosis: what it comes from that an execution parted from its tape though it had the same reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from blockstm.block import Block
from blockstm.testing.faults import Fault, Kind
from blockstm.testing.fresh import FreshProcesses, modules_of
from blockstm.testing.freshrun import Alone, Change, changes, repeat_alone
from blockstm.testing.outside import OutsideCalls
from blockstm.testing.recording import Recording
from blockstm.testing.sites import Site
from blockstm.testing.tape import Divergence, Tape, Watch
from blockstm.testing.world import World

__all__ = ["AGAIN", "HASH_SEEDS", "Calls", "Diagnosis", "fault_of"]

HASH_SEEDS: Final = (1, 2, 3)
CHANGES_SHOWN_MAX: Final = 4

AGAIN: Final = "differs when it is executed again with the same reads"
AFTER_GIVING_UP: Final = "differs after an execution that was given up in the middle"
IN_A_FRESH_PROCESS: Final = "differs in a process that has executed nothing before"

Calls = dict[str, tuple[str, Site]]
"""What an execution has asked of the world outside: of each kind of thing, the first call and its line."""


class Diagnosis:
    """Finds the causes of divergences in one block.

    Arguments:
        packed: the block as bytes, from before anything was executed.
        fresh: the fresh processes.
        recording: its tapes.
        calls: what each execution on a tape has called.
        world: the pinned world.
    """

    def __init__(
        self, packed: bytes, fresh: FreshProcesses, recording: Recording, calls: list[Calls], world: World
    ) -> None:
        """Find nothing yet."""
        self._packed = packed
        self._fresh = fresh
        self._modules = modules_of(recording.block)
        self._recording = recording
        self._tapes = recording.tapes
        self._calls = calls
        self._world = world

    @property
    def block(self) -> Block:
        """The block."""
        return self._recording.block

    def of_memory(
        self,
        number: int,
        divergence: Divergence,
        *,
        by_address: bool = False,
        alone: bool = False,
        give_up: tuple[int, int] | None = None,
    ) -> Fault:
        """Say why an execution differs in a world that is the same but for memory, and what cannot be pinned.

        Arguments:
            number: the number of the tape.
            divergence: how it differs.
            by_address: whether it was seen only where objects lie elsewhere.
            alone: whether it was seen only in fresh processes, whatever their hash seeds.
            give_up: the numbers of the tape and of the verb after whose giving up it was seen.
        """
        tape = self._tapes[number]
        changed = self._changes(tape, give_up)
        calls = self._calls[number]
        if changed and not (by_address and "identity" in calls):
            return self._hidden_state(tape, divergence, changed, give_up)
        outside = self._outside_call(tape)
        if outside is not None:
            return fault_of("outside world", tape, divergence, *outside)
        if alone and "identity" not in calls:
            cause = "something outside of contexts that was set before the check"
            return fault_of("hidden state", tape, divergence, cause, None, IN_A_FRESH_PROCESS)
        return identity_fault(tape, divergence, calls)

    def of_fresh_processes(self, number: int, divergence: Divergence, results: list[Alone]) -> Fault:
        """Say why a transaction differs in processes that had executed nothing.

        Arguments:
            number: the number of the tape.
            divergence: how it differs in the first process in which it does.
            results: what came of it with each of the hash seeds.
        """
        if all(result.divergence == divergence for result in results):
            return self.of_memory(number, divergence, alone=True)
        again = self.alone(HASH_SEEDS[0], [number], process=1)[0]
        tape = self._tapes[number]
        if "identity" in again.calls or again.divergence != results[0].divergence:
            return identity_fault(tape, divergence, again.calls)
        cause = "a set of str or bytes, or something made from one: its order differs from process to process"
        return fault_of("hash order", tape, divergence, cause, None)

    def alone(self, hash_seed: int, numbers: Sequence[int], process: int = 0) -> list[Alone]:
        """Execute transactions again, each in a process that has executed nothing; see `freshrun.repeat_alone`."""
        alone: list[Alone] = self._fresh.get(hash_seed, process).call(
            self._modules, repeat_alone, self._packed, self._tapes, self._world.base_ns, numbers
        )
        return alone

    def _changes(self, tape: Tape, give_up: tuple[int, int] | None) -> list[Change]:
        arguments = self._packed, self._tapes, self._world.base_ns, tape.program, give_up
        changed: list[Change] = self._fresh.get(HASH_SEEDS[0]).call(self._modules, changes, *arguments)
        return changed

    def _outside_call(self, tape: Tape) -> tuple[str, Site] | None:
        """Return the first call with which the program asks the operating system for something."""
        outside = OutsideCalls()
        with self._world.running():
            self._recording.repeat(tape, Watch(), wrap=outside.noting)
        return outside.first

    def _hidden_state(
        self, tape: Tape, divergence: Divergence, changed: list[Change], give_up: tuple[int, int] | None
    ) -> Fault:
        first = changed[0]
        cause = (
            f"{first.label} was {first.before} before transaction {first.txn_idx} and is {first.after} after"
        )
        if give_up is not None:
            entry = self._tapes[give_up[0]].entries[give_up[1]]
            cause += f" it was given up at ctx.{entry.verb} ({entry.site})"
        others = [other.label for other in changed[1:CHANGES_SHOWN_MAX]]
        if others:
            cause += f"; changed, too: {', '.join(others)}"
        what = AGAIN if give_up is None else AFTER_GIVING_UP
        return fault_of("hidden state", tape, divergence, cause, first.site, what)


def fault_of(
    kind: Kind, tape: Tape, divergence: Divergence, cause: str, causing: Site | None, what: str = AGAIN
) -> Fault:
    """Return the fault that a divergence shows."""
    return Fault(kind, tape.program, tape.txn_idx, what, cause, causing, divergence.text, divergence.site)


def identity_fault(tape: Tape, divergence: Divergence, calls: Calls) -> Fault:
    """Return the fault of a program that depends on where its objects lie."""
    if "identity" in calls:
        return fault_of("object identity", tape, divergence, "id()", calls["identity"][1])
    cause = "the order of a set of objects hashed by address, or a text with an address (found by exclusion)"
    return fault_of("object identity", tape, divergence, cause, None)
