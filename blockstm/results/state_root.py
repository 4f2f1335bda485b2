"""The state root: one hash of a whole state, which anyone can recompute (docs/reference/state-root.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from blake3 import blake3

from blockstm.programs.parameters import check_key

_EMPTY: Final = b"\x00"
_LEAF: Final = b"\x01"
_NODE: Final = b"\x02"


def state_root(state: Mapping[bytes, bytes]) -> bytes:
    """Return the root of the binary Merkle tree over the pairs of a state, sorted by key; 32 bytes.

    Arguments:
        state: values by key; keys of at most 64 bytes.

    Raises:
        ProgramError: a key is not bytes.
        LimitError: a key is longer than 64 bytes.
    """
    if not state:
        return blake3(_EMPTY).digest()
    level = [
        # The key's length comes first, so that no other key and value make the same bytes.
        blake3(_LEAF + bytes([len(check_key(key, "state key"))]) + key + value).digest()
        for key, value in sorted(state.items())
    ]
    while len(level) > 1:
        parents = [
            blake3(_NODE + left + right).digest()
            for left, right in zip(level[::2], level[1::2], strict=False)
        ]
        if len(level) % 2:
            parents.append(level[-1])  # the odd one out moves up as it is
        level = parents
    return level[0]
