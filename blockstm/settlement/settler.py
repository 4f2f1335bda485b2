"""Making one block after the other durable: its values, the root of its state, its record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import monotonic_ns

from blockstm.settlement.events import Announced, Durable
from blockstm.store.record import Outcome, StoredBlock, encode_outcomes
from blockstm.store.store import Store
from blockstm.trees.state_tree import StateTree

__all__ = ["Settler"]


class Settler:
    """Settles blocks on a store, one after the other.

    Arguments:
        store: the store.
        tree: commits to its state; None for none.
        step: called at each step with its name; an exception that it raises breaks off there.
    """

    def __init__(
        self, store: Store, tree: StateTree | None, step: Callable[[str], object] | None = None
    ) -> None:
        """Settle nothing yet."""
        self._store = store
        self._tree = tree
        self._step = step

    def begin(self, block: Announced) -> None:
        """Begin with a block."""
        self._block = block
        self._values: dict[bytes, bytes | None] = {}
        self._updating_ns = 0
        if block.given:
            self.add(block.given)

    def add(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Take changes of the block, in the order in which they have become final; None: deleted."""
        self._values.update(changes)
        if self._tree is not None:
            began_ns = monotonic_ns()
            self._tree.update(changes)
            self._updating_ns += monotonic_ns() - began_ns

    def end(self, outcomes: Sequence[Outcome]) -> Durable:
        """Make the block durable.

        Arguments:
            outcomes: how its transactions ended, in the preset order.

        Raises:
            StoreError: it cannot be stored; then nothing of it is.
        """
        drained_ns = monotonic_ns()
        root, nodes = (None, {}) if self._tree is None else self._tree.commit()
        rooted_ns = monotonic_ns()
        if self._step is not None:
            self._step("rooted")
        block = self._block
        record = StoredBlock(block.number, root, len(outcomes), block.digest, encode_outcomes(outcomes))
        self._store.append(record, self._values, nodes, self._step)
        if self._tree is not None:
            self._tree.forget()
        return Durable(
            block.number,
            root,
            len(outcomes),
            len(self._values),
            len(nodes),
            drained_ns,
            rooted_ns,
            monotonic_ns(),
            self._updating_ns,
        )
