"""The main function of the settlement process: drain committed changes, and settle them block by block.

One thread drains, so that the engine gets its memory back at once; another settles, and may be blocks behind. How
many the engine's process bounds (`Ledger`).
"""

from __future__ import annotations

import os
import select
import socket
import threading
import traceback
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from queue import SimpleQueue
from typing import Final, TypeAlias

from blockstm.errors import BlockstmError
from blockstm.processes import child
from blockstm.processes.connected import Settings
from blockstm.processes.messages import receive, send
from blockstm.processes.pickling import dumps, loads
from blockstm.settlement.events import Announced
from blockstm.settlement.settler import Settler
from blockstm.state.drain import Drain, DrainedBlock
from blockstm.store.record import Outcome
from blockstm.store.state_trees import open_tree, tree_opener
from blockstm.store.store import Store
from blockstm.trees.parallel import ParallelTree
from blockstm.trees.state_tree import StateTree

__all__ = ["main"]

PAUSE_SECONDS: Final = 0.002
"""A block becomes durable that much later at the most."""
NICENESS: Final = 10
"""Where both want a core, workers have it: what is stored late catches up, what is confirmed late does not."""

Drained: TypeAlias = "Announced | Mapping[bytes, bytes | None] | Sequence[Outcome] | Exception | None"
"""A block, its changes, and at its end how its transactions ended; why there will be no more, or None."""


def main(settings: Settings) -> None:
    """Settle blocks until the parent closes the connection, or one cannot be settled."""
    child.begin(settings["lifeline"], settings["core"])
    os.nice(NICENESS)
    connection = socket.socket(fileno=settings["channel"])
    message, (descriptor,) = receive(connection)
    try:
        # Attached before it is said to be: the next block is one for it.
        path, tree_workers = loads(message)
        with ExitStack() as stack:
            store = stack.enter_context(Store(path))
            tree: StateTree | None
            if tree_workers > 1 and (opener := tree_opener(store)) is not None:
                tree = stack.enter_context(ParallelTree(opener, tree_workers))
            else:
                tree = open_tree(store)
            drain = stack.enter_context(Drain(descriptor, outcomes=True))
            send(connection, dumps("ready"))
            _settle(connection, drain, Settler(store, tree))
    except BlockstmError as error:
        send(connection, dumps(error))
    except BaseException:
        send(connection, dumps(f"the settlement failed: report this as a bug\n{traceback.format_exc()}"))
    os._exit(0)


def _settle(connection: socket.socket, drain: Drain, settler: Settler) -> None:
    drained: SimpleQueue[Drained] = SimpleQueue()
    threading.Thread(target=_drain, args=(connection, drain, drained), daemon=True).start()
    while (each := drained.get()) is not None:
        if isinstance(each, Exception):
            raise each
        if isinstance(each, Announced):
            settler.begin(each)
        elif isinstance(each, Mapping):
            settler.add(each)
        else:
            send(connection, dumps(settler.end(each)))


def _drain(connection: socket.socket, drain: Drain, drained: SimpleQueue[Drained]) -> None:
    """Put the blocks that are announced in the queue, and let go of all others."""
    announced: deque[Announced] = deque()
    try:
        while True:
            is_open = _hear(connection, announced)
            block = drain.look()
            if block is None:
                if not is_open:
                    return
                drain.wait()
                continue
            # What is announced is announced before the block starts, so it is known by now.
            _hear(connection, announced)
            while announced and announced[0].drained_as < block.number:
                announced.popleft()  # it has not started after all
            if not announced or announced[0].drained_as > block.number:
                block.let_go()
            elif not _hand_over(block, announced.popleft(), drained):
                return
    except Exception as error:
        drained.put(error)
    finally:
        drained.put(None)


def _hear(connection: socket.socket, announced: deque[Announced]) -> bool:
    """Take what the parent has announced so far; return whether there may be more."""
    while select.select([connection], [], [], 0)[0]:
        try:
            announced.append(loads(receive(connection)[0]))
        except (EOFError, OSError):
            return False
    return True


def _hand_over(block: DrainedBlock, announced: Announced, drained: SimpleQueue[Drained]) -> bool:
    """Put a block in the queue; return whether it has come to its end."""
    drained.put(announced)
    for changes in block.merged(PAUSE_SECONDS):
        drained.put(changes)
    if block.is_complete:
        drained.put(block.outcomes)
    return block.is_complete
