"""The settlement process, as the engine's process holds it."""

from __future__ import annotations

import os
import select
from typing import Final

from blockstm.errors import BlockstmError, EngineError, StoreError, shown_path
from blockstm.processes.connected import ConnectedProcess
from blockstm.processes.interpreter import HASH_SEED
from blockstm.processes.messages import receive, send
from blockstm.processes.pickling import dumps, loads
from blockstm.settlement.events import Announced, Durable
from blockstm.store.store import Store

__all__ = ["Settlement"]

END_SECONDS: Final = 5.0
"""How long the process may take to end by itself once nothing is left for it to do."""


class Settlement:
    """The process that makes the blocks of an engine durable. Close it; it ends with this process, too.

    Arguments:
        store: where.
        descriptor: `Engine.drain_descriptor`.
        tree_workers: how many processes share the tree; 1: the settlement process keeps it itself.

    Raises:
        EngineError: the operating system does not let it start.
        StoreError: it cannot open the store.
    """

    def __init__(self, store: Store, descriptor: int, tree_workers: int = 1) -> None:
        """Start it, and wait until it has the store open."""
        self._path = store.path
        self._head = store.head
        self._process: ConnectedProcess | None = ConnectedProcess(
            "blockstm.settlement.settlement_main", imports=[], environment=HASH_SEED | os.environ
        )
        try:
            send(self._process.connection, dumps((store.path, tree_workers)), [descriptor])
            self._receive()
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int | None:
        """The process's id; None once it has been ended."""
        return None if self._process is None else self._process.pid

    def announce(self, block: Announced) -> None:
        """Have a block settled that starts next.

        Raises:
            StoreError: the process has ended.
        """
        try:
            send(self._connected().connection, dumps(block))
        except OSError:
            self._receive()  # says why it has ended

    def next(self, timeout_seconds: float | None = None) -> Durable | None:
        """Return the next block that has become durable; None where none has in that time.

        Arguments:
            timeout_seconds: how long to wait; None for as long as it takes.

        Raises:
            StoreError: a block cannot be made durable, or the process has ended.
        """
        connection = self._connected().connection
        if not select.select([connection], [], [], timeout_seconds)[0]:
            return None
        durable = self._receive()
        assert isinstance(durable, Durable)
        self._head = durable.number
        return durable

    def close(self) -> None:
        """End the process; what it has not made durable yet will not be. May be called again."""
        if self._process is not None:
            self._process.end()
            self._process = None

    def _connected(self) -> ConnectedProcess:
        if self._process is None:
            raise EngineError("the settlement has ended: make a new ledger")
        return self._process

    def _receive(self) -> object:
        """Return what the process says next.

        Raises:
            StoreError: it cannot go on.
        """
        try:
            told = loads(receive(self._connected().connection)[0])
        except (EOFError, OSError):
            process, self._process = self._connected(), None
            raise StoreError(
                f"{shown_path(self._path)}: the process that stores blocks {process.end(END_SECONDS)}; "
                f"{self._so_far()}"
            ) from None
        if isinstance(told, BlockstmError):
            self.close()
            raise StoreError(f"{told}; {self._so_far()}") from told
        if isinstance(told, str) and told != "ready":
            self.close()
            raise EngineError(told)
        return told

    def _so_far(self) -> str:
        if self._head is None:
            return "no block is durable"
        return f"durable up to block {self._head}: go on after that one"
