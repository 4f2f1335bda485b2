"""What a recorded Solana block says of itself in its meta: where it stands, its votes, and what has failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from blockstm.blocks.block import Block
from blockstm.errors import SolanaInputError, one_line
from blockstm.files.content import ContentError
from blockstm.files.json_answers import JsonFields
from blockstm.solana.answer import NodeBlock
from blockstm.solana.locks import AccountLocks

__all__ = ["SolanaAbout", "is_solana", "meta_of"]

_META_KEY: Final = "solana"
_FIX: Final = "record the block again"
_FAILURE_CHARACTERS_MAX: Final = 200
_REASONS_MAX: Final = 256
_OTHER_REASON: Final = "another reason"


@dataclass(frozen=True, slots=True)
class SolanaAbout:
    """What a block says of itself, checked.

    Arguments:
        votes: the places of the votes of validators.
        failures: why a transaction failed on the chain, by its place.
    """

    votes: frozenset[int]
    failures: Mapping[int, str]

    @staticmethod
    def of(block: Block) -> SolanaAbout:
        """Return what a block says of itself.

        Arguments:
            block: one for which `is_solana` holds.

        Raises:
            SolanaInputError: it is not as `record solana` writes it.
        """
        try:
            about = JsonFields(block.meta[_META_KEY], f"meta {_META_KEY}", _FIX)
            votes = _places(about, "votes", len(block))
            told, failures = about.inner("failures"), {}
            for reason in told.values:
                failures.update(dict.fromkeys(_places(told, reason, len(block)), reason))
        except ContentError as error:
            raise SolanaInputError(str(error)) from error
        return SolanaAbout(frozenset(votes), failures)


def is_solana(block: Block) -> bool:
    """Tell whether a block says that `record solana` made it."""
    return _META_KEY in block.meta


def meta_of(block: NodeBlock, locks: Sequence[AccountLocks]) -> dict[str, object]:
    """Return the meta of a block's file, from which `SolanaAbout.of` reads it again.

    It has one key, `solana`: a dict of `block_hash` (base58), `parent_slot`, `block_height` (or None), `votes`
    (places in the block, ascending) and `failures` (for each reason the places of those that failed for it).

    Arguments:
        block: what the node told.
        locks: of each of its transactions.
    """
    failures: dict[str, list[int]] = {}
    for txn_idx, transaction in enumerate(block.transactions):
        if transaction.failure is not None:
            reason = one_line(transaction.failure, _FAILURE_CHARACTERS_MAX)
            if reason not in failures and len(failures) >= _REASONS_MAX:
                reason = _OTHER_REASON
            failures.setdefault(reason, []).append(txn_idx)
    about: dict[str, Any] = {
        "block_hash": block.block_hash,
        "parent_slot": block.parent_slot,
        "block_height": block.block_height,
        "votes": [place for place, each in enumerate(locks) if each.is_vote],
        "failures": failures,
    }
    return {_META_KEY: about}


def _places(about: JsonFields, name: str, count: int) -> list[int]:
    places = about.array(name)
    for place in places:
        if type(place) is not int or not 0 <= place < count:
            about.refuse(f"field {name} names transaction {place}, but the block has {count}")
    return places
