"""What nodes tell: JSON and RLP, read strictly, and the node itself, asked over HTTP.

- `nodejson`, `batches`, `header`: a node's JSON; batches of it; header, uncles and withdrawals.
- `tries`: RLP, and roots of tries of lists.
- `transactions`, `rlp_items`, `exports`: transactions; blocks that a node has exported in RLP.
- `rpc`, `prestate`, `uncles`: the block, the state before it, its uncles.
- `compact_witness`, `witness`: nodes of tries that prove the state before a block.
- `encoding`: headers, withdrawals and blocks in RLP.
- `parent`: the header of a block's parent, and what follows from it.
- `jsonrpc`: a node that is asked over HTTP.
"""
