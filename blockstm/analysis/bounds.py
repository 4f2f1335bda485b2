"""What a block's dependencies allow: what parallel execution can gain, on cores without limit and on few."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from blockstm.analysis.dependencies import Dependencies
from blockstm.analysis.schedules import critical_path, greedy_schedule

__all__ = ["CORES", "Bound"]

CORES: Final = (2, 4, 8, 16, 32)


@dataclass(frozen=True)
class Bound:
    """How many times as fast as one by one a block can be.

    Arguments:
        unlimited: on any number of cores: all that there is to do over the critical path. None where there is
            nothing to do.
        cores: by number of cores, under greedy list scheduling in the preset order with perfect knowledge.
        critical_path: the weight of the heaviest chain of dependent transactions.
    """

    unlimited: float | None
    cores: Mapping[int, float]
    critical_path: float

    @classmethod
    def of(cls, graph: Dependencies, weights: Sequence[float]) -> Bound:
        """Return the bound that a graph sets, each transaction with its weight."""
        total, path = sum(weights), critical_path(graph, weights)
        if not path:
            return cls(None, {}, path)
        speedups = {cores: total / greedy_schedule(graph, weights, cores) for cores in CORES}
        return cls(total / path, speedups, path)
