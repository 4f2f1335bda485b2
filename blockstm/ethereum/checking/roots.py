"""The root of the state after a block."""

from __future__ import annotations

from collections.abc import Mapping

from blockstm.errors import EthereumInputError, TreeError
from blockstm.ethereum.block import EthereumBlock, StateWitness
from blockstm.ethereum.state_trie import EthereumStateTree, state_root

__all__ = ["root_after"]


def root_after(ethereum: EthereumBlock, after: Mapping[bytes, bytes]) -> bytes | None:
    """Return the root hash of the state after a block; None where the state is neither whole nor has a witness.

    Arguments:
        ethereum: the block.
        after: its state after all that belongs to it, values by key.

    Raises:
        EthereumInputError: the witness lacks a node, or one is damaged.
    """
    if ethereum.has_whole_state:
        return state_root(after)
    if ethereum.witness is None:
        return None
    try:
        return _by_witness(ethereum.witness, ethereum.block.state, after)
    except TreeError as error:
        raise EthereumInputError(
            f"the witness of the state: {error}; record the block again with a witness that has it"
        ) from error


def _by_witness(witness: StateWitness, before: Mapping[bytes, bytes], after: Mapping[bytes, bytes]) -> bytes:
    # The block's state has what is written before the first transaction, so a difference from it would not be all
    # that has changed: everything that is known is set.
    tree = EthereumStateTree(witness, witness.root, is_found_by_hash=True)
    tree.update({**after, **dict.fromkeys(before.keys() - after.keys())})
    return tree.commit().root
