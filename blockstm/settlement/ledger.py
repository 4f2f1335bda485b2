"""A ledger: blocks that an engine executes one after the other on the state of a store."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from time import monotonic_ns
from typing import Final, Literal, NamedTuple, Self

from blockstm.blocks.block import Block
from blockstm.engine.engine import Engine, OnStart
from blockstm.engine.settings import whole_number
from blockstm.errors import BlockstmError, StoreError, UsageError, shown, shown_path
from blockstm.models import BlockStm, Model, model_of, reference_of
from blockstm.results.result import Receipt, Result
from blockstm.settlement.events import Announced, Confirmed, Durable
from blockstm.settlement.read_ahead import ReadAhead, Values
from blockstm.settlement.settlement import Settlement
from blockstm.store.store import Store
from blockstm.trees.parallel import TREE_WORKERS_MAX

__all__ = ["IN_FLIGHT_DEFAULT", "IN_FLIGHT_MAX", "Ledger", "Settle"]

Settle = Literal["sync", "async"]
BLOCK_STM: Final = BlockStm()
IN_FLIGHT_DEFAULT: Final = 2
FIRST_NUMBER: Final = 1
"""Of the first block of a store, where that says none; 0 is the state before it."""
IN_FLIGHT_MAX: Final = 64
"""Changes of so many blocks may be on their way to the store; each of them is in memory twice."""


class _Begun(NamedTuple):
    """A block that may start."""

    placed: Block
    """On the state that the last block has left."""
    announced: Announced
    """What settlement is told of it, but for the number that drains know it by."""
    reference: Result | None
    """What came of executing it sequentially."""
    waited_ns: int
    began_ns: int


class Ledger:
    """An engine and a store together: each block starts from what the ones before it have left.

    A block is *confirmed* when it has been executed: all of its transactions are final, in their order. It is
    *durable* when its changes, its root and its record are on disk, of which a process of its own takes care, while
    the block runs and after it. Close a ledger, or use it in a `with` statement: then all that is confirmed becomes
    durable first.

    A block's own state is what it says of the state before it: keys that the store does not know are taken from it,
    and all others must agree with the store.

    Arguments:
        engine: executes the blocks; nothing else uses it meanwhile.
        store: where they are stored; no other ledger uses it meanwhile.
        settle: "async": a block is handed out when it is confirmed, and the next one may begin; "sync": when it is
            durable.
        in_flight: how many blocks may be executed or confirmed and not durable; the next one waits. From 1, which
            means that a block begins when the one before it is durable.
        tree_workers: how many processes share the tree of the state, from 1, which means that the settlement
            process keeps it itself, to TREE_WORKERS_MAX.

    Raises:
        UsageError: an argument has a value that it cannot have.
        EngineError: the engine is closed, or the process for settlement cannot be started.
        StoreError: the store is damaged.
    """

    def __init__(
        self,
        engine: Engine,
        store: Store,
        *,
        settle: Settle = "async",
        in_flight: int = IN_FLIGHT_DEFAULT,
        tree_workers: int = 1,
    ) -> None:
        """Start the settlement process."""
        if settle not in ("sync", "async"):
            raise UsageError(f'settle is {shown(settle)}; give "sync" or "async"')
        whole_number("in_flight", in_flight, 1, IN_FLIGHT_MAX)
        whole_number("tree_workers", tree_workers, 1, TREE_WORKERS_MAX)
        self._engine = engine
        self._store = store
        self._is_sync = settle == "sync"
        self._in_flight_max = in_flight
        self._head = store.head
        self._in_flight: deque[tuple[int, Values]] = deque()
        self._durable: deque[Durable] = deque()
        self._settlement = Settlement(store, engine.drain_descriptor, tree_workers)
        self._read_ahead = ReadAhead(store)

    @property
    def head(self) -> int | None:
        """The number of the last block that is confirmed; None where there is none."""
        return self._head

    @property
    def settlement_pid(self) -> int | None:
        """The process id of the settlement process; None once it has ended."""
        return self._settlement.pid

    def execute(
        self,
        block: Block,
        model: Model | str = BLOCK_STM,
        *,
        digest: bytes | None = None,
        verify: bool = False,
        timed: bool = False,
        timeline: bool = False,
    ) -> Confirmed:
        """Execute the next block, and return when it is confirmed; with settle="sync", when it is durable.

        Arguments:
            block: the block. Its chain is that of the store, and its number, if it has one, the next one.
            model, timed, timeline: as for `Engine.execute`.
            digest: what tells its content from that of other blocks, to be kept with it.
            verify: whether to execute it sequentially, too, before, and to compare.

        Raises:
            UsageError: the state of the block is asked of a source, or it cannot be verified, as the model chooses
                an order of its own.
            StoreError: it is of another chain, or does not follow the last block, or says something else of the
                state than the store does; or a block cannot be made durable, and then this one is not confirmed.
            as `Engine.execute` does; afterwards the ledger takes no more blocks.
        """
        begun = self._begin(block, model_of(model), digest, verify=verify)
        with self._executing(begun) as on_start:
            result = self._engine.execute(
                begun.placed, model, timed=timed, timeline=timeline, on_start=on_start
            )
        return self._confirmed(begun, result)

    def stream(
        self, block: Block, model: Model | str = BLOCK_STM, *, digest: bytes | None = None
    ) -> Iterator[Receipt | Confirmed]:
        """Execute the next block, and hand out its receipts, each as soon as it is final, and at last the block.

        Once a receipt is handed out its outcome cannot change, but it is not durable yet. An iterator that is
        closed before its end stops the block, and the ledger takes no more; if all of its transactions were final
        by then, it is stored nevertheless.

        Arguments:
            block, model, digest: as for `execute`.

        Raises:
            as `execute` does.
        """
        begun = self._begin(block, model_of(model), digest, verify=False)
        with (
            self._executing(begun) as on_start,
            self._engine.stream(begun.placed, model, on_start=on_start) as running,
        ):
            yield from running
            result = running.result()
        yield self._confirmed(begun, result)

    def _begin(self, block: Block, model: Model, digest: bytes | None, *, verify: bool) -> _Begun:
        """Wait until the next block may begin, and put it on the state that the last one has left."""
        number = self.number_of(block)
        waits_ns = monotonic_ns()
        while len(self._in_flight) >= self._in_flight_max:
            self._hear(None)
        waited_ns = monotonic_ns() - waits_ns
        while self._hear(0.0):
            pass
        began_ns = monotonic_ns()
        below = self._changes_in_flight()
        given = self._given(block, below)
        read = {} if self._head is None else self._read_ahead.take(block)
        placed = block._on(self._store.source, {**read, **below, **given})
        reference = None
        if verify:
            verifies_ns = monotonic_ns()
            reference = self._reference(placed, model)
            began_ns += monotonic_ns() - verifies_ns  # that is none of what a block takes
        return _Begun(placed, Announced(0, number, digest, given), reference, waited_ns, began_ns)

    @contextmanager
    def _executing(self, begun: _Begun) -> Iterator[OnStart]:
        """Yield what is called when the block starts. If it comes to no end, the ledger takes no more blocks."""
        is_announced = False

        def announce(drained_as: int) -> None:
            nonlocal is_announced
            self._settlement.announce(begun.announced._replace(drained_as=drained_as))
            is_announced = True
            self._read_ahead.begin()

        try:
            yield announce
        except BaseException:
            if is_announced:  # the settlement waits for its end in vain
                self._end()
            raise

    def _confirmed(self, begun: _Begun, result: Result) -> Confirmed:
        """Take note of a block that has been executed; with settle="sync", wait until it is durable."""
        number, given = begun.announced.number, begun.announced.given
        differences = None if begun.reference is None else tuple(result.diff(begun.reference))
        self._in_flight.append((number, {**given, **result.changes}))
        while self._hear(0.0):  # where an earlier block cannot be stored, this one is not confirmed
            pass
        while self._is_sync and self._in_flight:
            self._hear(None)
        self._head = number
        return Confirmed(
            number, result, begun.waited_ns, begun.began_ns, result._snapshot.end_ns, differences
        )

    def read_ahead(self, block: Block) -> None:
        """Have read from the store what a block names that comes after the next one, while that one runs.

        Blocks that are executed without that are read for before they begin.

        Arguments:
            block: the very object that `execute` will be given.
        """
        if self._head is not None:
            self._read_ahead.want(block)

    def run(self, blocks: Iterable[Block], model: Model | str = BLOCK_STM) -> Iterator[Confirmed | Durable]:
        """Execute blocks, and hand out of each that it is confirmed, and that it is durable, as that happens.

        Arguments:
            blocks: the blocks, in their order.
            model: as for `Engine.execute`.

        Raises:
            as `execute` does.
        """
        coming = iter(blocks)
        block = next(coming, None)
        while block is not None:
            following = next(coming, None)
            if following is not None:
                self.read_ahead(following)
            yield self.execute(block, model)
            yield from self.durable()
            block = following
        self.settle()
        yield from self.durable()

    def durable(self) -> Iterator[Durable]:
        """Hand out the blocks that have become durable since this was called last; waits for none."""
        while self._durable:
            yield self._durable.popleft()

    def settle(self) -> None:
        """Wait until all that is confirmed is durable.

        Raises:
            StoreError: a block cannot be made durable.
        """
        while self._in_flight:
            self._hear(None)

    def number_of(self, block: Block) -> int:
        """Return the number that a block would have as the next one.

        Raises:
            StoreError: it is of another chain, or does not follow the last block.
        """
        path = shown_path(self._store.path)
        if block.chain != self._store.chain:
            raise StoreError(
                f"{path}: is of chain {shown(self._store.chain)}, but the block is of chain {shown(block.chain)}; "
                "use the store of that chain"
            )
        number = block.number
        if number is None:
            return FIRST_NUMBER if self._head is None else self._head + 1
        if self._head is not None and number != self._head + 1:
            raise StoreError(
                f"{path}: block {number} does not follow block {self._head}, the last one; go on with block "
                f"{self._head + 1}"
            )
        return number

    def close(self) -> None:
        """Wait until all that is confirmed is durable, and end the settlement process. May be called again.

        Raises:
            StoreError: a block cannot be made durable.
        """
        try:
            if self._settlement.pid is not None:
                self.settle()
        finally:
            self._end()

    def _end(self) -> None:
        """Make durable what is confirmed, as far as that can be, and end the settlement process."""
        self._read_ahead.close()
        with suppress(BlockstmError):
            self.settle()
        self._settlement.close()

    def __enter__(self) -> Self:
        """Return the ledger; it is closed at the end of the `with` statement."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        """Close it; after an exception, no other is raised."""
        if kind is None:
            self.close()
        else:
            self._end()

    def __repr__(self) -> str:
        """Say how far it is."""
        return f"<Ledger of {self._store!r}, block {self._head}, {len(self._in_flight)} not durable>"

    def _reference(self, block: Block, model: Model) -> Result:
        """Execute a block sequentially, before anything of it is on its way to the store.

        Raises:
            UsageError: it cannot be known in which order, before the model has chosen one.
        """
        if not model.keeps_order:
            raise UsageError(
                f"a block of a store cannot be verified in model {model}, which chooses an order of its own: when "
                "that is known, the state before the block is gone; leave one of them out"
            )
        return self._engine.execute(block, reference_of(model, None))

    def _hear(self, timeout_seconds: float | None) -> bool:
        """Take the next block that has become durable; return whether there was one in that time."""
        durable = self._settlement.next(timeout_seconds)
        if durable is None:
            return False
        number, changes = self._in_flight.popleft()
        assert number == durable.number
        self._read_ahead.note_durable(changes)
        self._durable.append(durable)
        return True

    def _changes_in_flight(self) -> dict[bytes, bytes | None]:
        """Return what the blocks have changed that the store may not have yet."""
        changes: dict[bytes, bytes | None] = {}
        for _, of_block in self._in_flight:
            changes.update(of_block)
        return changes

    def _given(self, block: Block, below: Mapping[bytes, bytes | None]) -> dict[bytes, bytes | None]:
        """Return what a block says of the state before it that nothing before it has said.

        Raises:
            StoreError: it says something else than what is there.
        """
        if block.source is not None:
            raise UsageError(
                "the state of this block is asked of a source; here that is the store: give a dict"
            )
        if self._head is None and not below:
            return dict(block.state)
        given: dict[bytes, bytes | None] = {}
        for key, value in block.state.items():
            is_told, there = (True, below[key]) if key in below else self._store.told(key)
            if not is_told:
                given[key] = value
            elif there != value:
                raise StoreError(
                    f"{shown_path(self._store.path)}: the block says that key {shown(key)} holds {shown(value)} "
                    f"before it, but after block {self._head} it holds {shown(there)}; give the block that follows"
                )
        return given
