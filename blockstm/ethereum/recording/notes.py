"""What a user should know of a block that was just recorded: what was decided, and what it will lack."""

from __future__ import annotations

from blockstm.blocks.block import Block
from blockstm.ethereum.block import EthereumBlock
from blockstm.ethereum.py_evm.dryrun import missing_block_hashes
from blockstm.ethereum.py_evm.invalid import missing_hashes_message
from blockstm.ethereum.rules.forks import SPURIOUS_DRAGON, is_at_least

__all__ = ["notes_of"]


def notes_of(block: Block, *, hashes_known: bool = False) -> list[str]:
    """Return sentences about a block, none for most.

    Where a contract of its state can ask for the hash of a block that is not there, the transactions are executed
    to find out whether one does: that takes about as long as replaying it sequentially.

    Arguments:
        block: one that `record ethereum` made.
        hashes_known: this was found out before, and it has all of them.
    """
    ethereum = EthereumBlock.of(block)
    environment = ethereum.environment
    notes = []
    if not ethereum.has_whole_state and not is_at_least(environment.fork, SPURIOUS_DRAGON):
        notes.append(
            "accounts that the pre-state lists without balance, nonce and code are taken for absent, and the "
            "precompiled contracts 1 to 4 for existing; --accounts FILE says otherwise"
        )
    if not hashes_known and (numbers := missing_block_hashes(block)):
        notes.append(f"replay will refuse the block: {missing_hashes_message(numbers)}")
    return notes
