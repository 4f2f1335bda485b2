"""The check: probes first, which name what is wrong, then exploration under adversarial schedules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Self

from blockstm.blocks.block import Block
from blockstm.blocks.pickled import can_load, modules_of, pickled
from blockstm.engine.hosted import transaction_that_ends
from blockstm.errors import DeterminismError, ProgramError, UsageError, counted, shown, type_shown
from blockstm.explore.explorer import Plan
from blockstm.explore.schedules import WORKERS_MAX
from blockstm.explore.trial import Finding
from blockstm.limits import MEMORY_LIMIT_BYTES_EXPLORED
from blockstm.programs.program import PythonProgram
from blockstm.testing.diagnosis import HASH_SEEDS, Diagnosis
from blockstm.testing.faults import Fault
from blockstm.testing.fork_server import FreshProcess, FreshProcesses, ProgramEndedError
from blockstm.testing.fork_tasks import Explained, Explored, explain, explore
from blockstm.testing.probes import Probed, Suspicion, probe
from blockstm.testing.reach import python_programs

__all__ = ["SCHEDULES_DEFAULT", "STRATEGIES", "Checked", "Checker", "StrategyName", "check"]

StrategyName = Literal["random", "pct", "exhaustive"]
STRATEGIES: Final = ("random", "pct", "exhaustive")
SCHEDULES_DEFAULT: Final = 100


@dataclass(frozen=True, slots=True)
class Checked:
    """What was tried without finding anything."""

    schedules: int
    steps: int


class Checker:
    """Checks one block after the other; keeps its processes between them. A context manager.

    In tests, the fixture `blockstm_check` stands for a checker of the whole session.
    """

    def __init__(self) -> None:
        """Start no process before it is needed."""
        self._fresh = FreshProcesses([__name__])
        self._by_value: set[str] = set()
        self._loadable: set[PythonProgram[..., object]] = set()

    def check(
        self,
        block: Block,
        *,
        workers: int = 2,
        schedules: int = SCHEDULES_DEFAULT,
        seed: int = 0,
        strategies: Sequence[StrategyName] = ("random", "pct"),
    ) -> Checked:
        """Check that the result of a block depends on its state and arguments only.

        Arguments:
            block: the block; a few transactions say as much as many, and sooner.
            workers: how many virtual workers, 1 to 16.
            schedules: the most schedules of all strategies together; 0: none, only the programs are probed.
            seed: where the chances of the schedules start.
            strategies: the strategies, which share the schedules between them; see docs/explanation/explore.md.

        Raises:
            DeterminismError: it does not; the text is the report.
            MemoryLimitError: the block does not fit.
            ProgramError: its programs do not reach another process, or one of them ends it.
            UsageError: an argument has a value that it cannot have.
        """
        check_arguments(block, workers, schedules, seed, strategies)
        try:
            return self._check(block, workers, schedules, seed, strategies)
        except ProgramEndedError as error:
            blamed = transaction_that_ends(block, MEMORY_LIMIT_BYTES_EXPLORED)
            raise ProgramError(blamed or str(error)) from None

    def _check(
        self, block: Block, workers: int, schedules: int, seed: int, strategies: Sequence[StrategyName]
    ) -> Checked:
        packed, modules = self._packed(block), modules_of(block)
        fault = self._probe(packed, modules)
        if fault is None:
            plans = [
                Plan(
                    name,
                    workers,
                    schedules * (number + 1) // len(strategies) - schedules * number // len(strategies),
                    seed,
                )
                for number, name in enumerate(strategies)
            ]
            explored: Explored = self._first.call(modules, explore, packed, plans)
            if explored.failing is None:
                return Checked(explored.schedules, explored.steps)
            fault = self._schedule_fault(packed, modules, workers, explored.failing)
        raise DeterminismError(str(fault))

    @property
    def _first(self) -> FreshProcess:
        return self._fresh.get(HASH_SEEDS[0])

    def _packed(self, block: Block) -> bytes:
        """Return the block in a form that a fresh process can read."""
        packed = pickled(block, self._by_value)
        programs = python_programs(block)
        if self._loadable.issuperset(programs):
            return packed
        modules = modules_of(block)
        if self._first.call(modules, can_load, packed) is not None:
            # The module was made at run time, or lies where another process does not look.
            self._by_value.update(modules)
            packed = pickled(block, self._by_value)
            problem = self._first.call(modules, can_load, packed)
            if problem is not None:
                raise ProgramError(f"the block's programs cannot be loaded in another process: {problem}")
        self._loadable.update(programs)
        return packed

    def _probe(self, packed: bytes, modules: list[str]) -> Fault | None:
        """Look for a fault in the block's programs."""
        probed: Probed = self._first.call(modules, probe, packed)
        diagnosis = Diagnosis(packed, modules, self._fresh, probed.tapes, probed.calls)
        if isinstance(probed.found, Suspicion):
            found = probed.found
            return diagnosis.of_memory(
                found.number, found.divergence, by_address=found.by_address, give_up=found.give_up
            )
        if probed.found is not None or not probed.tapes:
            return probed.found
        return diagnosis.of_fresh_processes()

    def _schedule_fault(self, packed: bytes, modules: list[str], workers: int, finding: Finding) -> Fault:
        """Say what is known of a schedule that fails."""
        what = f"the result of the block is different under a schedule ({finding.check}: {finding.message})"
        explained: Explained | None = self._first.call(modules, explain, packed, workers, finding.schedule)
        lines, left = ["", f"schedule  {finding.schedule}"], None
        if explained is None:
            lines.append(
                "          it fails only after the schedules before it: they have left something behind"
            )
        else:
            shortest = explained.shortest
            lines += [f"shortest  {shortest.schedule}", f"          {shortest.check}: {shortest.message}", ""]
            lines += explained.lines
            left = "; ".join(explained.left) or None
        return Fault("schedule", None, None, what, left, lines=tuple(lines))

    def __repr__(self) -> str:
        """Say how many processes it has."""
        return f"<Checker with {counted(len(self._fresh), 'fresh process', 'fresh processes')}>"

    def close(self) -> None:
        """End the processes."""
        self._fresh.close()

    def __enter__(self) -> Self:
        """Return the checker."""
        return self

    def __exit__(self, *exception: object) -> None:
        """End the processes."""
        self.close()


def check(
    block: Block,
    *,
    workers: int = 2,
    schedules: int = SCHEDULES_DEFAULT,
    seed: int = 0,
    strategies: Sequence[StrategyName] = ("random", "pct"),
) -> Checked:
    """Check one block with a checker of its own; see `Checker.check`."""
    with Checker() as checker:
        return checker.check(block, workers=workers, schedules=schedules, seed=seed, strategies=strategies)


def check_arguments(
    block: object, workers: object, schedules: object, seed: object, strategies: Sequence[object]
) -> None:
    """Check the arguments of `check`.

    Raises:
        UsageError: one has a value that it cannot have.
    """
    if not isinstance(block, Block):
        raise UsageError(f"block is {shown(block)}, {type_shown(block)}; give a blockstm.Block")
    for name, value, smallest, largest in (
        ("workers", workers, 1, WORKERS_MAX),
        ("schedules", schedules, 0, 10**9),
        ("seed", seed, 0, 2**64 - 1),
    ):
        if type(value) is not int or not smallest <= value <= largest:
            raise UsageError(f"{name} is {shown(value)}; give a whole number, {smallest} to {largest}")
    if isinstance(strategies, str) or not strategies or any(name not in STRATEGIES for name in strategies):
        raise UsageError(f"strategies is {shown(strategies)}; give a list of some of {', '.join(STRATEGIES)}")
