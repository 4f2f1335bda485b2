"""Trees that commit to a state: from changes to the next root, and the nodes that have changed.

- `nodes`: where a tree's nodes are kept, by place.
- `state_tree`: what every tree can do, and what one that falls into parts can do besides.
- `binary`: the project's own tree, a binary one over hashes of keys.
- `pages`: its stored nodes, read one by one.
- `proofs`, `proof_files`: what a state holds at some keys, proved by its root; such proofs as bytes.
- `tree_worker`, `parallel`: a process that keeps some parts of a tree; a tree whose parts are kept by several.
"""
