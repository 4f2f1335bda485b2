"""Where models pay against the one that was named first, over all blocks of a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from blockstm.compare.figures import ComparedRun, Comparison, is_slower
from blockstm.schema.compare import GainEntry

__all__ = ["Gain", "gains_of"]


@dataclass(frozen=True)
class Gain:
    """What a model gains or costs against another on the most cores.

    Arguments:
        model, against: the two.
        cores: how many.
        faster, slower, same: on how many blocks it is clearly faster or slower, or neither.
        times_first: the time of all these blocks in the other model, over that in this one.
        least, greatest: the same of the block on which it does worst, and best.
    """

    model: str
    against: str
    cores: int
    faster: int
    slower: int
    same: int
    times_first: float
    least: float
    greatest: float

    def entry(self) -> GainEntry:
        """Return what the JSON output says."""
        return GainEntry(**vars(self))


def gains_of(comparisons: Sequence[Comparison]) -> list[Gain]:
    """Return what each parallel model but the first gains over the first, on the blocks that both can run.

    Arguments:
        comparisons: of the same models on the same numbers of cores, a block each.
    """
    models = list(dict.fromkeys(model for each in comparisons for model in each.models))
    found = (_gain(model, models[0], comparisons) for model in models[1:])
    return [gain for gain in found if gain is not None]


def _gain(model: str, against: str, comparisons: Sequence[Comparison]) -> Gain | None:
    pairs = list(_pairs(model, against, comparisons))
    ratios = [first.seconds / run.seconds for first, run in pairs]
    if not pairs:
        return None
    faster = sum(is_slower(first, run) for first, run in pairs)
    slower = sum(is_slower(run, first) for first, run in pairs)
    return Gain(
        model=model,
        against=against,
        cores=max(max(run.cores, first.cores) for first, run in pairs),
        faster=faster,
        slower=slower,
        same=len(pairs) - faster - slower,
        times_first=sum(first.seconds for first, _ in pairs) / sum(run.seconds for _, run in pairs),
        least=min(ratios),
        greatest=max(ratios),
    )


def _pairs(
    model: str, against: str, comparisons: Sequence[Comparison]
) -> Iterator[tuple[ComparedRun, ComparedRun]]:
    """Yield the run of the other model and of this one, of each block that takes any time."""
    for comparison in comparisons:
        cores = max(comparison.cores, default=1)
        first, run = comparison.run(against, cores), comparison.run(model, cores)
        if first is not None and run is not None and run.is_parallel and first.seconds and run.seconds:
            yield first, run
