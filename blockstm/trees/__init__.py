"""Trees that commit to a state: from changes to the next root, and the nodes that have changed.

- `nodes`: where a tree's nodes are kept, by place.
- `state_tree`: what every tree can do, and what one that falls into parts can do besides.
- `binary`: the project's own tree, a binary one over hashes of keys.
- `pages`: its stored nodes, read one by one.
- `patricia`: Ethereum's Merkle Patricia trie.
- `proofs`, `proof_files`: what a state holds at some keys, proved by its root; such proofs as bytes.
- `tree_worker`, `parallel`: a process that keeps some parts of a tree; a tree whose parts are kept by several.
"""

from blockstm.trees.binary import EMPTY_ROOT, BinaryTree, state_root
from blockstm.trees.nodes import MemoryNodes, Nodes
from blockstm.trees.parallel import ParallelTree
from blockstm.trees.proof_files import decode_proof, encode_proof, read_proof, write_proof
from blockstm.trees.proofs import MappingState, Proof, ProvableState, prove
from blockstm.trees.state_tree import DividedTree, PartChanges, StateTree, TreeChanges

__all__ = [
    "EMPTY_ROOT",
    "BinaryTree",
    "DividedTree",
    "MappingState",
    "MemoryNodes",
    "Nodes",
    "ParallelTree",
    "PartChanges",
    "Proof",
    "ProvableState",
    "StateTree",
    "TreeChanges",
    "decode_proof",
    "encode_proof",
    "prove",
    "read_proof",
    "state_root",
    "write_proof",
]
