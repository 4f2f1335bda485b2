"""What a user should know of a block that was just recorded: what was decided, and what it will lack."""

from __future__ import annotations

import re
from typing import Final

from blockstm.blocks.block import Block
from blockstm.ethereum.block import EthereumBlock
from blockstm.ethereum.dryrun import dry_run
from blockstm.ethereum.forks import SPURIOUS_DRAGON, is_at_least
from blockstm.ethereum.invalid import missing_hashes_message
from blockstm.ethereum.keys import block_hash_key, code_key

__all__ = ["notes_of"]

_ASKABLE: Final = 256
"""How far back BLOCKHASH reaches, in blocks."""
_CODE: Final = code_key(b"")
_HASH_BYTES: Final = 32


def notes_of(block: Block) -> list[str]:
    """Return sentences about a block, none for most.

    Where a contract of its state can ask for the hash of a block that is not there, the transactions are executed
    to find out whether one does: that takes about as long as replaying it sequentially.

    Arguments:
        block: one that `record ethereum` made.
    """
    ethereum = EthereumBlock.of(block)
    environment = ethereum.environment
    notes = []
    if not ethereum.has_whole_state and not is_at_least(environment.fork, SPURIOUS_DRAGON):
        notes.append(
            "accounts that the pre-state lists without balance, nonce and code are taken for absent, and the "
            "precompiled contracts 1 to 4 for existing; --accounts FILE says otherwise"
        )
    if _may_ask(block, environment.number) and (numbers := dry_run(block).missing_block_hashes):
        notes.append(f"replay will refuse the block: {missing_hashes_message(numbers)}")
    return notes


def _may_ask(block: Block, number: int) -> bool:
    askable = range(max(0, number - _ASKABLE), number)
    if all(block_hash_key(earlier) in block.state for earlier in askable):
        return False
    codes = (value[_HASH_BYTES:] for key, value in block.state.items() if key.startswith(_CODE))
    return any(map(_ASKS.match, codes))


_PUSHES: Final = b"|".join(b"%b.{%d}" % (re.escape(bytes([0x5F + count])), count) for count in range(1, 33))
_ASKS: Final = re.compile(b"(?:[^\\x40\\x60-\\x7f]++|" + _PUSHES + b")*+\\x40", re.DOTALL)
"""A code with the opcode BLOCKHASH: instructions other than it and PUSH, or a PUSH with its data, and then it."""
