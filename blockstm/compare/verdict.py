"""Which model suits a block, and why, in one sentence: said of nothing but the figures of a comparison.

A difference in time is explained by the figures that make it up: what was executed again, how much of the cores'
time went into work, and, where both are alike, what is left: the bookkeeping of the model. What no model can exceed
follows from the dependencies between the transactions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from blockstm.compare.figures import TOLERANCE, ComparedRun, Comparison, is_slower

__all__ = ["Verdict", "verdict_of"]

EXECUTIONS_DIFFERENCE: Final = 0.05
"""Executions for each transaction that differ by less explain nothing."""
REACHED_SHARE: Final = 0.9
"""What reaches this share of the greedy bound needs no further explanation."""
ROOM_SHARE: Final = 0.9
"""A greedy bound of this share of the cores leaves room for all of them."""
CHAIN_SHARE: Final = 1.1
"""Where the chain bound is at most this many times the greedy bound, it is the chain that limits a block."""


@dataclass(frozen=True)
class Verdict:
    """Which model suits a block.

    Arguments:
        cores: on how many cores: the most that were compared.
        suits: the models that do best there, the fastest first; none where sequential execution is as fast.
        why: one sentence.
    """

    cores: int
    suits: tuple[str, ...]
    why: str


def verdict_of(comparison: Comparison) -> Verdict:
    """Return which of the compared models suits the block, and why."""
    cores = max(comparison.cores, default=1)
    candidates = [run for run in comparison.on(cores) if run.is_parallel]
    if not comparison.transactions:
        return Verdict(cores, (), "The block has no transactions, so there is nothing to gain.")
    if not candidates:
        return Verdict(cores, (), f"No parallel model was compared on {_cores(cores)}.")
    ranked = sorted(candidates, key=lambda run: run.seconds)
    fastest = ranked[0]
    limit = _limit(comparison, fastest)
    if _gains_nothing(fastest):
        return Verdict(
            cores,
            (),
            f"No model gains on {_cores(cores)}: the fastest, {_name(fastest)}, comes to {_times(fastest.speedup)}"
            f"{_lost(fastest)}; {limit}.",
        )
    equals = [run for run in ranked if not is_slower(run, fastest)]
    behind = next((run for run in ranked if run not in equals), None)
    parts = [_subject(equals, cores, is_alone=len(candidates) == 1) + _share(fastest)]
    if behind is not None:
        parts.append(_against(behind, fastest))
    parts += [limit, *_elsewhere(comparison, equals, cores)]
    return Verdict(cores, tuple(run.model for run in equals), f"{'; '.join(parts)}.")


def _gains_nothing(fastest: ComparedRun) -> bool:
    return fastest.speedup is not None and fastest.speedup <= 1 + TOLERANCE


def _subject(equals: Sequence[ComparedRun], cores: int, *, is_alone: bool) -> str:
    names = _listed([_name(run) for run in equals])
    gained = f"{_times(equals[0].speedup)} on {_cores(cores)}"
    if is_alone:
        return f"{names} comes to {gained}"
    return f"{names} suits it best: {gained}" if len(equals) == 1 else f"{names} do equally well: {gained}"


def _name(run: ComparedRun) -> str:
    return run.model if run.order == "preset" else f"{run.model} (in an order of its own)"


def _share(fastest: ComparedRun) -> str:
    """Say how near a run comes to the greedy bound, and where it does not, what takes the rest."""
    if not fastest.bound_greedy or fastest.speedup is None:
        return ""
    share = fastest.speedup / fastest.bound_greedy
    reached = f", {_per_cent(share)} of what list scheduling with perfect knowledge reaches"
    if share >= REACHED_SHARE or fastest.utilisation is None:
        return reached + (_lost(fastest) if share < REACHED_SHARE else "")
    busy_seconds = fastest.utilisation * fastest.cores * fastest.seconds
    # What the cores do beyond sequential execution, against the core time that the bound would not have taken.
    beyond = busy_seconds - fastest.sequential_seconds
    missed = fastest.cores * (fastest.seconds - fastest.sequential_seconds / fastest.bound_greedy)
    if beyond >= missed / 2:
        return f"{reached}{_lost(fastest) or ', as its bookkeeping takes time'}"
    return f"{reached}, as its cores wait more than need be{_lost(fastest)}"


def _lost(run: ComparedRun) -> str:
    """Say what a run did in vain, if that is worth a word."""
    executions = run.executions_per_transaction
    if executions < 1 + EXECUTIONS_DIFFERENCE:
        return ""
    return f", executing a transaction {executions:.2f} times"


def _against(behind: ComparedRun, fastest: ComparedRun) -> str:
    """Say why the next model is behind: by what makes up the core time that it takes beyond the fastest."""
    more = behind.executions_per_transaction - fastest.executions_per_transaction
    executed = f"executes a transaction {behind.executions_per_transaction:.2f} times, not "
    executed += f"{fastest.executions_per_transaction:.2f}"
    comes_to = f"{_name(behind)} comes to {_times(behind.speedup)}"
    idler = _idler(behind, fastest)
    if more >= EXECUTIONS_DIFFERENCE:
        return f"{comes_to}, as it {executed}{f', and {idler}' if idler else ''}"
    if more <= -EXECUTIONS_DIFFERENCE:
        return f"{comes_to}, although it {executed}: {idler or 'what that takes costs more than it saves'}"
    return f"{comes_to}, as {idler or 'its bookkeeping takes longer'}"


def _idler(behind: ComparedRun, fastest: ComparedRun) -> str | None:
    """Say that the cores of a run do nothing for longer, where that is most of what it takes beyond the fastest."""
    ours, theirs = behind.utilisation, fastest.utilisation
    if ours is None or theirs is None:
        return None
    idle_seconds = (1 - ours) * behind.seconds - (1 - theirs) * fastest.seconds
    if idle_seconds < (behind.seconds - fastest.seconds) / 2:
        return None
    return f"its cores work {_per_cent(ours)} of the time, not {_per_cent(theirs)}"


def _limit(comparison: Comparison, fastest: ComparedRun) -> str:
    """Say what the block's dependencies allow on as many cores, and on any number."""
    ordered = "in the preset order, " if any(run.order != "preset" for run in comparison.runs) else ""
    greedy, chain = fastest.bound_greedy, comparison.bound_critical_path
    share = comparison.independent_share or 0.0
    about = (
        f"{_per_cent(share)} of its transactions are independent, and its longest chain has "
        f"{comparison.longest_chain:,} of {comparison.transactions:,}"
    )
    if greedy is None or chain is None:
        return about
    if greedy >= ROOM_SHARE * fastest.cores:
        return f"{ordered}its dependencies leave room for {_cores(fastest.cores)} ({about})"
    if chain <= CHAIN_SHARE * greedy:
        return f"{ordered}its heaviest chain allows no more than {_times(chain)} on any number of cores ({about})"
    return (
        f"{ordered}its dependencies allow {_times(greedy)} on {_cores(fastest.cores)} and {_times(chain)} on any "
        f"number ({about})"
    )


def _elsewhere(comparison: Comparison, equals: Sequence[ComparedRun], most: int) -> list[str]:
    """Say on which smaller numbers of cores other models are faster than all that do best on the most."""
    names = {run.model for run in equals}
    better: dict[str, list[int]] = {}
    for cores in comparison.cores:
        runs = [run for run in comparison.on(cores) if run.is_parallel]
        ours = [run for run in runs if run.model in names]
        fastest = min(runs, key=lambda run: run.seconds, default=None)
        if cores < most and fastest is not None and ours and all(is_slower(run, fastest) for run in ours):
            better.setdefault(fastest.model, []).append(cores)
    return [
        f"on {_listed([str(each) for each in found])} core{'s' * (found != [1])}, {model} is faster"
        for model, found in better.items()
    ]


def _cores(count: int) -> str:
    return "1 core" if count == 1 else f"{count} cores"


def _times(speedup: float | None) -> str:
    return "nothing" if speedup is None else f"{speedup:.2f} x"


def _per_cent(share: float) -> str:
    return f"{share * 100:.0f} %"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
