"""Ethereum blocks: made from what a node says about them, and executed by py-evm.

The parts that need more than blockstm itself (py-evm and others) come with the extra `ethereum`
(``pip install -e '.[ethereum]'`` in the checkout). Importing this package alone imports none of them.
"""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from blockstm.blocks.block import Block
    from blockstm.ethereum.prestate import Account
    from blockstm.results.result import Result

__all__ = ["accounts_after"]

if importlib.util.find_spec("sha3") is not None:
    # py-evm hashes with what eth-hash chooses, which by itself is a backend that takes eight times as long.
    os.environ.setdefault("ETH_HASH_BACKEND", "pysha3")


def accounts_after(block: Block, result: Result) -> dict[bytes, Account]:
    """Return the accounts after an Ethereum block: after its transactions, requests, withdrawals and rewards.

    What the miners of uncles get is among it only where the block was recorded with the uncles' headers.

    Arguments:
        block: one that `record ethereum` made.
        result: what came of it.

    Returns:
        The accounts that exist, of those that the block's state holds or its transactions made, by address (20
        bytes), in the order of the addresses: `nonce`, `balance` (wei), `code`, `storage` (slots to values).

    Raises:
        EthereumInputError: the block is malformed, or a transaction or the call of a system contract cannot be
            executed: it was not recorded whole.
    """
    from blockstm.ethereum.block import EthereumBlock
    from blockstm.ethereum.checks import ExecutedBlock

    return ExecutedBlock(EthereumBlock.of(block), result).accounts_after
