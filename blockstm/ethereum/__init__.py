"""Ethereum blocks: recorded from what a node says about them, and executed by revm or by py-evm.

- `keys`: how Ethereum's state is laid out in the keys of a block.
- `forks`, `networks`: the rules of each fork, and which fork came when on which network.
- `blobs`: how many blobs a block may have, and what they cost.
- `environment`: what the transactions of a block see of it.
- `tries`: roots of tries: of lists and of whole states.
- `nodejson`, `batches`, `header`: strict reading of a node's JSON; batches of it; header, uncles and withdrawals.
- `block`: what a recorded block says of itself, checked without py-evm.
- `native`, `senders`: what is done in compiled code: the EVM; who has signed transactions.
- `virtual_machine`: which virtual machine executes a block.
- `transactions`, `rlp_items`, `exports`: transactions from a node; blocks that it has exported in RLP.
- `rpc`, `prestate`, `uncles`: the block, the state before and uncles, from a node.
- `validity`: what no transaction may be, whatever the state is.
- `codes`, `accounts`, `precompiles`, `osaka`, `machine`: py-evm, with its accounts in the multi-version memory.
- `outcome`, `receipts`: what `evm` puts into a receipt; the receipts as the chain writes them.
- `encoding`: headers, withdrawals and blocks in RLP.
- `parent`: the header of a block's parent, from a node, and what follows from it.
- `execution`, `program`: a transaction in py-evm; the program `evm`.
- `mappingcontext`, `system`, `closing`: what the protocol itself does before the first transaction and after all.
- `dryrun`, `invalid`: the block executed here, to find what its state lacks; why a transaction cannot be executed.
- `record`: block files from what a node says.
- `jsonrpc`, `node`: a node that is asked over HTTP; block files from its answers.
- `finalaccounts`: the accounts that a state holds.
- `checks`: whether what came of a block is what its header says.
- `lacks`, `notes`: what the state before seems to lack; what a user is told of a recorded block.
- `conventions`, `chain_block`, `recorder`, `support`: all of it as one chain's support.

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
