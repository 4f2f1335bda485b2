"""What ``blockstm prove --json`` and ``blockstm verify-proof --json`` print.

docs/reference/command-line.md says the same to users.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from blockstm.schema.entry import Entry, Output, Whole

__all__ = ["ProveOutput", "ProvedEntry", "VerifyProofOutput"]


@dataclass(frozen=True, kw_only=True)
class ProveOutput(Output):
    """What a proof was made of.

    Arguments:
        file: the proof's.
        block: the block's file, or the store.
        is_store: true where it is a store.
        after: whether the state is the one after the block.
        state_root: of that state, 0x and hex digits.
        keys: how many the proof is of.
        absent: how many of these have no value.
        bytes: the size of the proof's file.
    """

    command: ClassVar[str] = "prove"

    file: str
    block: str
    is_store: bool | None = None
    after: bool
    state_root: str
    keys: int
    absent: int
    bytes: int


@dataclass(frozen=True)
class ProvedEntry(Entry):
    """What a state holds at a key.

    Arguments:
        key: 0x and hex digits.
        value: likewise; left out where there is none.
    """

    key: Whole
    value: Whole | None = None


@dataclass(frozen=True, kw_only=True)
class VerifyProofOutput(Output):
    """What a proof that is right proves.

    Arguments:
        file: the proof's.
        state_root: of the state, 0x and hex digits.
        keys: what it holds at each key.
    """

    command: ClassVar[str] = "verify-proof"

    file: str
    state_root: str
    keys: tuple[ProvedEntry, ...]
