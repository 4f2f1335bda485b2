"""Diagnosis: what it comes from that an execution parted from its tape though it had the same reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from blockstm.testing.faults import Fault, Kind
from blockstm.testing.fork_server import FreshProcesses
from blockstm.testing.fork_tasks import Alone, Change, changes, outside_call, repeat_alone
from blockstm.testing.sites import Site
from blockstm.testing.tape import Divergence, Tape

__all__ = ["AGAIN", "HASH_SEEDS", "Calls", "Diagnosis", "fault_of"]

HASH_SEEDS: Final = (1, 2, 3)
CHANGES_SHOWN_MAX: Final = 4

AGAIN: Final = "differs when it is executed again with the same reads"
AFTER_GIVING_UP: Final = "differs after an execution that was given up in the middle"
IN_A_FRESH_PROCESS: Final = "differs in a process that has executed nothing before"

Calls = dict[str, tuple[str, Site]]
"""What an execution has asked of the world outside: of each kind of thing, the first call and its line."""


class Diagnosis:
    """Finds the causes of divergences in one block. Executes nothing itself: fresh processes do.

    Arguments:
        packed: the block as bytes.
        modules: what fresh processes import.
        fresh: the fresh processes.
        tapes: what the transactions did.
        calls: what each execution on a tape has called.
    """

    def __init__(
        self,
        packed: bytes,
        modules: list[str],
        fresh: FreshProcesses,
        tapes: list[Tape],
        calls: list[Calls],
    ) -> None:
        """Find nothing yet."""
        self._packed = packed
        self._fresh = fresh
        self._modules = modules
        self._tapes = tapes
        self._calls = calls

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
        outside = self._outside_call(number)
        if outside is not None:
            return fault_of("outside world", tape, divergence, *outside)
        if alone and "identity" not in calls:
            cause = "something outside of contexts that was set before the check"
            return fault_of("hidden state", tape, divergence, cause, None, IN_A_FRESH_PROCESS)
        return identity_fault(tape, divergence, calls)

    def of_fresh_processes(self) -> Fault | None:
        """Execute every transaction in processes that have executed nothing; say why one differs, if one does."""
        numbers = range(len(self._tapes))
        by_seed = [self._alone(seed, numbers) for seed in HASH_SEEDS]
        for number in numbers:
            results = [alone[number] for alone in by_seed]
            divergence = next(
                (result.divergence for result in results if result.divergence is not None), None
            )
            if divergence is not None:
                return self._of_fresh_process(number, divergence, results)
        return None

    def _of_fresh_process(self, number: int, divergence: Divergence, results: list[Alone]) -> Fault:
        """Say why a transaction differs in processes that have executed nothing.

        Arguments:
            number: the number of the tape.
            divergence: how it differs in the first process in which it does.
            results: what came of it with each of the hash seeds.
        """
        if all(result.divergence == divergence for result in results):
            return self.of_memory(number, divergence, alone=True)
        again = self._alone(HASH_SEEDS[0], [number], process=1)[0]
        tape = self._tapes[number]
        if "identity" in again.calls:
            return identity_fault(tape, divergence, again.calls)
        if again.divergence != results[0].divergence:
            outside = self._outside_call(number)
            if outside is not None:
                return fault_of("outside world", tape, divergence, *outside)
            return identity_fault(tape, divergence, again.calls)
        cause = "a set of str or bytes, or something made from one: its order differs from process to process"
        return fault_of("hash order", tape, divergence, cause, None)

    def _alone(self, hash_seed: int, numbers: Sequence[int], process: int = 0) -> list[Alone]:
        """Execute transactions, each in a process that has executed nothing; see `fork_tasks.repeat_alone`."""
        alone: list[Alone] = self._fresh.get(hash_seed, process).call(
            self._modules, repeat_alone, self._packed, self._tapes, numbers
        )
        return alone

    def _changes(self, tape: Tape, give_up: tuple[int, int] | None) -> list[Change]:
        changed: list[Change] = self._fresh.get(HASH_SEEDS[0]).call(
            self._modules, changes, self._packed, self._tapes, tape.program, give_up
        )
        return changed

    def _outside_call(self, number: int) -> tuple[str, Site] | None:
        called: tuple[str, Site] | None = self._fresh.get(HASH_SEEDS[0]).call(
            self._modules, outside_call, self._packed, self._tapes, number
        )
        return called

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
