"""Hinted: Block-STM that knows some of the accesses before, without believing them."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from blockstm.blocks.block import Block
from blockstm.errors import UsageError, shown
from blockstm.models.model import Model
from blockstm.models.preparation import Accesses, KnownBefore, Preparation, told_accesses

__all__ = ["Hinted"]

PERCENT = 100


@dataclass(frozen=True, slots=True)
class Hinted(Model):
    """Block-STM, with some of each transaction's accesses known before the block: hints, which are never believed.

    A hinted write is an ESTIMATE from the beginning, so readers wait for it; a transaction whose hinted reads
    would have to wait does so before it runs. A wrong hint costs time only. Engines have hints from
    declarations and access lists, or from what a program has touched before (go-block-stm, Aptos).

    Arguments:
        source: where the hints come from: `"observed"`, a share of what a sequential run before has accessed,
            to see what knowledge is worth (as NEMO's simulation does, arXiv 2510.15122); `"hints"` or
            `"declared"`, what the block's transactions carry (`Transaction.hints`, `Transaction.declared`).
        known_percent: of what is observed, how many per cent of the keys are known, each by chance. The keys
            known at one percentage are known at each higher one, too.
        false_percent: how many per cent of the hints name keys that the transaction does not touch, below 100.
        seed: of the chances.
        intents: as for `BlockStm`; without, hints are all that transactions know of each other's writes.
    """

    name: ClassVar[str] = "hinted"
    entry: ClassVar[str] = "blockstm.native._core:block_stm"
    is_parallel: ClassVar[bool] = True
    text_options: ClassVar[str] = (
        "the per cent of the accesses that are known and of the hints that are false, as in hinted:60:20; or "
        "hints, or declared, for what the transactions carry"
    )

    source: Literal["observed", "hints", "declared"] = "observed"
    known_percent: int = PERCENT
    false_percent: int = 0
    seed: int = 0
    intents: bool = True

    def __post_init__(self) -> None:
        """Check the percentages."""
        if not 0 <= self.known_percent <= PERCENT:
            raise UsageError(
                f"known_percent is {shown(self.known_percent)}; give a whole number from 0 to 100"
            )
        if not 0 <= self.false_percent < PERCENT:
            raise UsageError(
                f"false_percent is {shown(self.false_percent)}; give a whole number from 0 to 99"
            )

    def options(self) -> tuple[int, ...]:
        """Return the options as the core gets them, those of `BlockStm`; see `Model.options`."""
        return (int(self.intents),)

    def prepare(self, block: Block, workers: int, known: KnownBefore) -> Preparation:
        """Return the hints; see `Model.prepare`."""
        if self.source == "observed":
            return Preparation(accesses=self.observed_hints(known().accesses))
        return Preparation(accesses=told_accesses(block, self.source, self.name))

    def observed_hints(self, accesses: Sequence[Accesses]) -> list[Accesses]:
        """Return the known share of these accesses, and false ones beside it.

        Arguments:
            accesses: for each transaction what it accesses.
        """
        keys = sorted({key for each in accesses for kind in each for key in kind})
        return [self._hints_of(txn_idx, each, keys) for txn_idx, each in enumerate(accesses)]

    def _hints_of(self, txn_idx: int, accesses: Accesses, keys: Sequence[bytes]) -> Accesses:
        """Return the hints of one transaction."""
        kinds: dict[bytes, list[int]] = {}
        for kind, touched in enumerate(accesses):
            for key in touched:
                kinds.setdefault(key, []).append(kind)
        hints: tuple[list[bytes], list[bytes], list[bytes]] = ([], [], [])
        known = [key for key in kinds if self._is_known(txn_idx, key)]
        for key in known:
            for kind in kinds[key]:
                hints[kind].append(key)
        for key in self._false_keys(txn_idx, len(known), kinds.keys(), keys):
            hints[0].append(key)
            hints[1].append(key)
        return hints

    def _is_known(self, txn_idx: int, key: bytes) -> bool:
        chance = hashlib.blake2b(b"%d %d %b" % (self.seed, txn_idx, key), digest_size=4).digest()
        return int.from_bytes(chance) * PERCENT < self.known_percent << 32

    def _false_keys(
        self, txn_idx: int, known: int, touched: Set[bytes], keys: Sequence[bytes]
    ) -> list[bytes]:
        """Choose keys of the block that the transaction does not touch, so many that their share is as wanted."""
        wanted = round(known * self.false_percent / (PERCENT - self.false_percent))
        if not wanted:
            return []
        others = [key for key in keys if key not in touched]
        return random.Random(f"{self.seed} {txn_idx} false").sample(others, min(wanted, len(others)))

    @classmethod
    def from_text_options(cls, options: Sequence[str]) -> Self:
        """Return the model with these options; see `Model.from_text_options`."""
        if list(options) == ["observed"]:
            return cls()
        if options in (["hints"], ["declared"]):
            return cls(source=options[0])
        if len(options) > 2 or not all(option.isascii() and option.isdigit() for option in options):
            return super(Hinted, cls).from_text_options(options)
        known, false = map(int, [*options, "0"][:2])
        return cls("observed", known, false)

    def __str__(self) -> str:
        """Return its name with the options that differ from the default ones."""
        if self.source != "observed":
            return f"{self.name}:{self.source}"
        shown_false = [str(self.false_percent)] if self.false_percent else []
        if not shown_false and self.known_percent == PERCENT:
            return self.name
        return ":".join([self.name, str(self.known_percent), *shown_false])
