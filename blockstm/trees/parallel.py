"""A tree whose parts are kept by several processes, so that they are hashed in parallel, and while a block runs."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import compress, islice
from typing import Any, Final, NoReturn, Self

import msgpack

from blockstm.errors import EngineError, UsageError, shown
from blockstm.processes.connected import ConnectedProcess
from blockstm.processes.messages import receive, send
from blockstm.processes.pickling import dumps
from blockstm.trees.state_tree import DividedTree, TreeChanges
from blockstm.trees.tree_worker import Order, answered, message_of

__all__ = ["TREE_WORKERS_MAX", "ParallelTree"]

TREE_WORKERS_MAX: Final = 16
"""As many as there are first nibbles."""
KEYS_AT_ONCE: Final = 256
"""So many changes are sent together: to hand them over one by one would take longer than to apply them."""
KEYS_AT_MOST: Final = 4096
"""And so many at most: while the first are applied, the next are being sent."""
END_SECONDS: Final = 2.0
"""How long a process whose connection is closed may take to end."""

# What forked children of this process must let go of.
_open: weakref.WeakSet[ParallelTree] = weakref.WeakSet()


class ParallelTree:
    """A `StateTree` whose parts, by first nibble, are kept by processes of their own.

    Changes are sent to them as they come, and applied while this process does other things; a commit waits for what
    is left. Close it, or use it in a `with` statement; it ends with this process.

    Arguments:
        open_tree: opens the tree, in each of the processes and in this one; it can be pickled. Of the binary tree:
            ``functools.partial(BinaryTree, nodes, root)``.
        workers: how many processes, 1 to TREE_WORKERS_MAX.

    Raises:
        UsageError: there cannot be so many.
        EngineError: the operating system does not let them start.
        TreeError: the tree cannot be opened.
    """

    def __init__(self, open_tree: Callable[[], DividedTree], workers: int) -> None:
        """Start the processes, and wait until each has opened the tree."""
        if not 1 <= workers <= TREE_WORKERS_MAX:
            raise UsageError(f"workers is {shown(workers)}; a tree has 1 to {TREE_WORKERS_MAX}")
        self._top = open_tree()
        self._workers: list[ConnectedProcess] = []
        self._waiting: dict[bytes, bytes | None] = {}
        self._nodes: dict[bytes, bytes | None] = {}
        self._has_nodes_to_come = False
        # Whether a part, by its nibble, is that of a worker, for each worker.
        self._owned = [
            bytes(nibble * workers // TREE_WORKERS_MAX == number for nibble in range(TREE_WORKERS_MAX)).ljust(
                256
            )
            for number in range(workers)
        ]
        with self._closed_by_errors():
            for _ in range(workers):
                self._workers.append(
                    ConnectedProcess("blockstm.trees.tree_worker", imports=[], environment=os.environ)
                )
            _open.add(self)
            self._tell_all(message_of(Order.OPEN, dumps(open_tree)))
            _ = [*self._answers()]

    @property
    def root(self) -> bytes:
        """The root at the last commit."""
        return self._top.root

    def update(self, changes: Mapping[bytes, bytes | None], /) -> None:
        """Give state keys values; None: no value. What is wrong with them is told at the next commit at the latest.

        Raises:
            EngineError: a process has ended, or this was closed.
        """
        self._waiting.update(changes)
        if len(self._waiting) >= KEYS_AT_ONCE:
            with self._closed_by_errors():
                self._hand_over()

    def _hand_over(self) -> None:
        """Send each worker what it is to know of the changes that wait, piece by piece, so that all can begin."""
        waiting, self._waiting = self._waiting, {}
        all_keys, all_values = iter(waiting), iter(waiting.values())
        while keys := [*islice(all_keys, KEYS_AT_MOST)]:
            values = [*islice(all_values, KEYS_AT_MOST)]
            nibbles = self._top.nibbles(keys)
            for number, owned in enumerate(self._owned):
                mask = nibbles.translate(owned)
                changes = [[*compress(keys, mask)], [*compress(values, mask)]]
                if changes[0]:
                    self._tell(number, message_of(Order.UPDATE, msgpack.packb(changes)))

    def commit(self) -> TreeChanges:
        """Return the root of the state as it is now, and the nodes that have changed.

        Raises:
            TreeError: a node that was needed is missing, or is not what its parent says.
            EngineError: a process has ended, or this was closed.
            BlockstmError: keys or values were none.

        After each of these it is closed; open another one at the last root that was stored.
        """
        return TreeChanges(self.commit_root(), self.changed_nodes())

    def commit_root(self) -> bytes:
        """Return the root only, as soon as it is known; it raises as `commit` does."""
        with self._closed_by_errors():
            self._hand_over()
            self._tell_all(message_of(Order.COMMIT))
            parts: dict[int, bytes] = {}
            for answer in self._answers():
                parts |= answer
            self._has_nodes_to_come = True
            joined = self._top.join(parts)
            self._nodes |= joined.nodes
            return joined.root

    def changed_nodes(self) -> dict[bytes, bytes | None]:
        """Return the nodes that have changed up to the last `commit_root`; it raises as `commit` does."""
        with self._closed_by_errors():
            self._take_nodes()
            nodes, self._nodes = self._nodes, {}
            return nodes

    def _take_nodes(self) -> None:
        """Take the nodes that workers still have to say; until then they listen to nothing."""
        if self._has_nodes_to_come:
            self._has_nodes_to_come = False
            for answer in self._answers():
                self._nodes |= answer

    def forget(self) -> None:
        """Let go of nodes: all that have been handed out are stored now, where they can be read again.

        Raises:
            EngineError: a process has ended, or this was closed.
        """
        with self._closed_by_errors():
            self._tell_all(message_of(Order.FORGET))
            self._top.forget()

    def _tell_all(self, message: bytes) -> None:
        for number in range(len(self._owned)):
            self._tell(number, message)

    def _tell(self, number: int, message: bytes) -> None:
        if not self._workers:
            raise EngineError("this tree is closed; open another one")
        self._take_nodes()
        try:
            send(self._workers[number].connection, message)
        except OSError:
            self._report_end(number)

    def _answers(self) -> Iterator[Any]:
        """Yield what each worker answers; they work at the same time."""
        for number in range(len(self._workers)):
            yield answered(self._answer(number))

    def _answer(self, number: int) -> bytes:
        try:
            return receive(self._workers[number].connection)[0]
        except EOFError:
            self._report_end(number)

    def _report_end(self, number: int) -> NoReturn:
        ending = self._workers.pop(number).end(END_SECONDS)
        raise EngineError(
            f"a process that keeps a part of the state tree {ending}; open the tree again at the last root stored"
        )

    @contextmanager
    def _closed_by_errors(self) -> Iterator[None]:
        """Close this where something raises inside: what the processes know is not known then."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the processes. May be called again."""
        workers, self._workers = self._workers, []
        _open.discard(self)
        for worker in workers:
            worker.end()

    def __enter__(self) -> Self:
        """Return the tree; it is closed at the end of the `with` statement."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close it."""
        self.close()

    def _disown(self) -> None:
        for worker in self._workers:
            worker.disown()
        self._workers = []


def _disown_all() -> None:
    for tree in list(_open):
        tree._disown()


os.register_at_fork(after_in_child=_disown_all)
