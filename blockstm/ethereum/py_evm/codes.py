"""What a worker keeps of the contracts' code from one transaction to the next, so that each is decoded once.

It is a cache of pure functions of the code's bytes: nothing of it can be seen in a result.
"""

from __future__ import annotations

from typing import Final

from eth_typing import Hash32
from lru import LRU

from blockstm.errors import EthereumInputError
from blockstm.native._trees import keccak_256

__all__ = ["jump_positions", "known_code"]

_HASH_BYTES: Final = 32
_CODES_MAX: Final = 4096
"""About 100 MiB of the largest codes."""

_codes: LRU[bytes, tuple[Hash32, bytes]] = LRU(_CODES_MAX)
_positions: LRU[bytes, tuple[set[int], set[int]]] = LRU(_CODES_MAX)


def known_code(value: bytes) -> tuple[Hash32, bytes]:
    """Return the hash and the code that the value of a code key holds; equal codes are one object.

    Arguments:
        value: the Keccak-256 hash (32 bytes), then the code.

    Raises:
        EthereumInputError: the hash is that of another code. Were it believed, the code would also be that of other
            blocks, for as long as it is kept.
    """
    code_hash = value[:_HASH_BYTES]
    known = _codes.get(code_hash)
    if known is None:
        code = value[_HASH_BYTES:]
        if keccak_256(code) == code_hash:
            known = _codes[code_hash] = (Hash32(code_hash), code)
            return known
    elif len(value) == _HASH_BYTES + len(known[1]) and value.endswith(known[1]):
        return known
    raise EthereumInputError(
        f"the state has a code with the hash 0x{code_hash.hex()}, which is not its own; record the block again"
    )


def jump_positions(code: bytes) -> tuple[set[int], set[int]]:
    """Return the positions in a code that are known to be instructions, and those known to be data of a push.

    py-evm finds them as it meets them, and adds them to these sets.
    """
    positions = _positions.get(code)
    if positions is None:
        positions = _positions[code] = (set(), set())
    return positions
