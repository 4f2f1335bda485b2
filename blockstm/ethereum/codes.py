"""What a worker keeps of the contracts' code from one transaction to the next, so that each is decoded once.

It is a cache of pure functions of the code's bytes: nothing of it can be seen in a result.
"""

from __future__ import annotations

from typing import Final

from eth_typing import Hash32
from lru import LRU

__all__ = ["jump_positions", "known_code"]

_CODES_MAX: Final = 4096
"""About 100 MiB of the largest codes."""

_codes: LRU[bytes, tuple[Hash32, bytes]] = LRU(_CODES_MAX)
_positions: LRU[bytes, tuple[set[int], set[int]]] = LRU(_CODES_MAX)


def known_code(value: bytes) -> tuple[Hash32, bytes]:
    """Return the hash and the code that the value of a code key holds; equal codes are one object.

    Arguments:
        value: the Keccak-256 hash (32 bytes), then the code.
    """
    code_hash = value[:32]
    code = _codes.get(code_hash)
    if code is None:
        code = _codes[code_hash] = (Hash32(code_hash), value[32:])
    return code


def jump_positions(code: bytes) -> tuple[set[int], set[int]]:
    """Return the positions in a code that are known to be instructions, and those known to be data of a push.

    py-evm finds them as it meets them, and adds them to these sets.
    """
    positions = _positions.get(code)
    if positions is None:
        positions = _positions[code] = (set(), set())
    return positions
