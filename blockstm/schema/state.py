"""What ``blockstm state snapshot|restore|info --json`` print.

docs/reference/command-line.md says the same to users.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from blockstm.schema.entry import Output

__all__ = ["StateOutput"]


@dataclass(frozen=True, kw_only=True)
class StateOutput(Output):
    """A store or a snapshot.

    Arguments:
        file: the file.
        kind: ``store``, ``snapshot``, or ``changes`` for a snapshot that tells what has changed since another one.
        chain: the chain of the state.
        tree: the kind of tree that commits to it.
        first, head: the first and the last block of a store; of a snapshot the block after which it is.
        base: the block of the snapshot since which it tells the changes.
        state_root: of the state, 0x and hex digits.
        keys: how many the state has; of changes, how many have changed.
        bytes: the size of the file.
        state_bytes, nodes_bytes, blocks_bytes: of a store, what the content of each kind takes.
        verified: whether the store holds the root, the tree and the blocks that it says, where that was asked for.
        seconds: how long making or verifying it took.
    """

    command: ClassVar[str] = "state"

    file: str
    kind: str
    chain: str | None = None
    tree: str
    first: int | None = None
    head: int | None = None
    base: int | None = None
    state_root: str | None = None
    keys: int
    bytes: int
    state_bytes: int | None = None
    nodes_bytes: int | None = None
    blocks_bytes: int | None = None
    verified: bool | None = None
    seconds: float | None = None
