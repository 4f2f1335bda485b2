"""The oracle: list scheduling with perfect knowledge, as a bound that executes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from blockstm.blocks.block import Block
from blockstm.models.model import Model
from blockstm.models.preparation import Accesses, Foreseen, KnownBefore, Preparation

__all__ = ["Oracle"]


@dataclass(frozen=True, slots=True)
class Oracle(Model):
    """Knows what each transaction accesses and how long it runs, and executes each once, the most urgent first.

    It is list scheduling by the longest path that is left behind a transaction (Graham, 1969; Hu, 1961), on the
    dependencies between writers and readers alone: what no engine can know, as it takes a run before to find out.
    """

    name: ClassVar[str] = "oracle"
    entry: ClassVar[str] = "blockstm.native._core:promises"
    is_parallel: ClassVar[bool] = True

    def options(self) -> tuple[int, ...]:
        """Return none; see `Model.options`."""
        return ()

    def prepare(self, block: Block, workers: int, known: KnownBefore) -> Preparation:
        """Return all accesses, and the transactions by the time that is left behind each; see `Model.prepare`."""
        foreseen = known()
        left = seconds_left(foreseen)
        ranks = sorted(range(len(left)), key=lambda txn_idx: (-left[txn_idx], txn_idx))
        return Preparation(accesses=foreseen.accesses, ranks=ranks)


def seconds_left(foreseen: Foreseen) -> list[float]:
    """Return for each transaction how long the longest path of transactions takes that begins with it."""
    left = list(foreseen.seconds)
    writers = awaited_writers(foreseen.accesses)
    for txn_idx in reversed(range(len(left))):
        for writer in writers[txn_idx]:
            left[writer] = max(left[writer], foreseen.seconds[writer] + left[txn_idx])
    return left


def awaited_writers(accesses: Sequence[Accesses]) -> list[set[int]]:
    """Return for each transaction those whose writes it reads: a writer, and the adders since."""
    newest: dict[bytes, list[int]] = {}
    awaited = []
    for txn_idx, (reads, writes, adds) in enumerate(accesses):
        awaited.append({writer for key in reads for writer in newest.get(key, ())})
        for key in writes:
            newest[key] = [txn_idx]
        for key in adds:
            newest.setdefault(key, []).append(txn_idx)
    return awaited
