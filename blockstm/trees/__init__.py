"""Trees that commit to a state: from changes to the next root, and the nodes that have changed.

- `nodes`: where a tree's nodes are kept, by place.
- `state_tree`: what every tree can do, and what one that falls into parts can do besides.
- `patricia`: Ethereum's Merkle Patricia trie.
"""
