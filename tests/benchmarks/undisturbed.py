"""Measuring models by turns on a machine that others use, too: only runs count whose workers had their cores.

Linux says of each process how long it has been ready to run without a core (/proc/PID/schedstat). If one of
two workers is kept off its core, any model looks as if it had one worker, and a median over such runs compares
what else the machine did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

import blockstm
from blockstm.errors import UsageError
from blockstm.models import Model, model_of, reference_of
from blockstm.results.verify import differences

WAITED_SHARE_MAX: Final = 0.01
"""Runs in which workers waited for a core for a longer share of the time do not count."""
TURNS_MAX: Final = 8
"""So many times the turns that are wanted are taken at most; a model that then has too few is left out."""


@dataclass
class Undisturbed:
    """The runs of one model, the time that each took, and the share of it that workers waited for a core."""

    seconds: list[float] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    @property
    def counting(self) -> list[float]:
        """The times of the runs that count."""
        runs = zip(self.seconds, self.waited, strict=True)
        return [seconds for seconds, share in runs if share <= WAITED_SHARE_MAX]


def waiting_ns(engine: blockstm.Engine) -> int:
    """Return how long the workers have been ready to run without a core."""
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) for pid in engine.worker_pids)


def measure_undisturbed(
    engine: blockstm.Engine, block: blockstm.Block, models: Sequence[Model | str], rounds: int
) -> Mapping[str, float]:
    """Return the median time of sequential execution, and of each model that can run a block.

    Every model's first run is compared with the sequential one that it must agree with. Models take turns, and
    which is first changes, until each has `rounds` runs that count. Those that the machine did not let have so many
    are left out: all figures are of runs that can be compared.

    Raises:
        SystemExit: a run disagrees with sequential execution.
    """
    runs = {}
    for model in map(model_of, ["sequential", *models]):
        try:
            engine.warm_up(block, model)
        except UsageError:
            continue  # it needs what the block does not say
        check(engine, block, model)
        runs[model] = Undisturbed()
    order = list(runs)
    for _ in range(rounds * TURNS_MAX):
        for model in order:
            before = waiting_ns(engine)
            seconds = engine.execute(block, model).stats.wall_seconds
            runs[model].seconds.append(seconds)
            runs[model].waited.append((waiting_ns(engine) - before) / (seconds * 1e9))
        if all(len(each.counting) >= rounds for each in runs.values()):
            break
        order = [*order[1:], order[0]]
    return {str(model): median(each.counting) for model, each in runs.items() if len(each.counting) >= rounds}


def check(engine: blockstm.Engine, block: blockstm.Block, model: Model) -> None:
    """Compare a run with the sequential one that it must agree with."""
    result = engine.execute(block, model)
    wrong = differences(result, engine.execute(block, reference_of(model, result.order)))
    if wrong:
        raise SystemExit(f"{model}: {wrong[0]}")
