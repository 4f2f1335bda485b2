"""Ethereum blocks: recorded from what a node says about them, and executed by revm or by py-evm.

- `rules`: what Ethereum is: keys, forks, networks, what transactions see and leave.
- `state_trie`: the tries of a state, and its root.
- `native`, `senders`: what is done in compiled code: the EVM; who has signed transactions.
- `node`: what nodes tell, in JSON and RLP, read strictly.
- `block`: what a recorded block says of itself, checked without py-evm.
- `py_evm`, `program`: py-evm, with its accounts in the multi-version memory; the program `evm`.
- `virtual_machine`: which virtual machine executes a block.
- `recording`: block files of what nodes tell.
- `checking`: whether what came of a block is what its header says.
- `conventions`, `chain_block`, `support`: all of it as one chain's support.

The parts that need more than blockstm itself (py-evm and others) come with the extra `ethereum`
(``pip install -e '.[ethereum]'`` in the checkout). Importing this package alone imports none of them.
"""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from blockstm.blocks.block import Block
    from blockstm.ethereum.node.prestate import Account
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
    from blockstm.ethereum.checking.checks import ExecutedBlock

    return ExecutedBlock(EthereumBlock.of(block), result).accounts_after
