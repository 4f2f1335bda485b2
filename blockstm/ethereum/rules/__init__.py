"""What Ethereum is: its state in the keys of a block, its forks and networks, what transactions see and leave.

- `keys`: how Ethereum's state is laid out in the keys of a block.
- `forks`, `networks`: the rules of each fork, and which fork came when on which network.
- `blobs`: how many blobs a block may have, and what they cost.
- `environment`: what the transactions of a block see of it.
- `outcome`, `receipts`: what `evm` puts into a receipt; the receipts as the chain writes them.
- `system`: what the protocol itself does before the first transaction.
"""
