"""``blockstm replay --store``: execute blocks one after the other on the state of a store."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from blockstm.blocks.block_file import content_digest
from blockstm.cli.blocks import LoadedBlock
from blockstm.cli.options import named_in_errors
from blockstm.cli.progress import Progress
from blockstm.cli.store_timeline import StoreTimeline
from blockstm.engine import Engine
from blockstm.errors import StoreError, UsageError, shown_path
from blockstm.results.outcomes import Outcomes
from blockstm.results.result import percentiles
from blockstm.schema.common import LatencyEntry
from blockstm.schema.replay import BlockEntry
from blockstm.schema.settlement import SettledEntry, StagesEntry, StoreEntry
from blockstm.settlement.events import Confirmed, Durable
from blockstm.settlement.figures import BlockTimes, stages_of
from blockstm.settlement.ledger import FIRST_NUMBER, Ledger, Settle
from blockstm.store.store import Store

__all__ = ["ChainRun", "StoreOptions", "StoredFigures", "open_store", "run_chain"]


@dataclass(frozen=True)
class StoreOptions:
    """How blocks are stored.

    Arguments:
        path: the store's file.
        tree: the kind of tree of a store that is made.
        settle, in_flight, tree_workers: as of a `Ledger`.
        resume: whether blocks that are durable already are left out.
    """

    path: Path
    tree: str
    settle: Settle
    in_flight: int
    tree_workers: int
    resume: bool


@dataclass(frozen=True)
class StoredFigures:
    """What is reported of a block; its result is let go.

    Arguments:
        loaded: the block.
        times: what it took.
        outcomes: how its transactions ended.
        entry: what the JSON output says.
    """

    loaded: LoadedBlock
    times: BlockTimes
    outcomes: Outcomes
    entry: BlockEntry


@dataclass(frozen=True)
class ChainRun:
    """What is reported of blocks that were stored.

    Arguments:
        blocks: each of them.
        store: what the JSON output says of the store.
    """

    blocks: tuple[StoredFigures, ...]
    store: StoreEntry

    @property
    def disagrees(self) -> bool:
        """Whether the result of a run is not what it must be."""
        return any(
            each.entry.verified is False or each.entry.has_header_equal is False for each in self.blocks
        )


def open_store(options: StoreOptions, chain: str | None) -> Store:
    """Open the store, or make it where there is none.

    Raises:
        StoreError: it cannot be opened, or is of another chain; or nothing is there to resume.
    """
    path = options.path
    if not os.path.lexists(path):
        if options.resume:
            raise StoreError(
                f"{shown_path(path)}: is not there, so there is nothing to resume; leave out --resume"
            )
        return Store.create(path, chain=chain, tree=options.tree)
    store = Store(path)
    if store.chain != chain:
        raise StoreError(
            f"{shown_path(path)}: is of chain {store.chain or 'none'}, the blocks of {chain or 'none'}; "
            "use a store of its own for each chain"
        )
    if store.head is not None and not options.resume:
        raise StoreError(
            f"{shown_path(path)}: holds blocks up to {store.head} already; add --resume to go on after that one, "
            "or name another file"
        )
    return store


def left_to_do(store: Store, loaded: Sequence[LoadedBlock], digests: Sequence[bytes]) -> int:
    """Return how many of the files are durable already.

    Raises:
        StoreError: one of them is not the block that is stored under its number.
    """
    head, expected = store.head, FIRST_NUMBER
    for place, (each, digest) in enumerate(zip(loaded, digests, strict=True)):
        number = expected if each.block.number is None else each.block.number
        if head is None or number > head:
            return place
        stored = store.block(number)
        if stored.digest != digest:
            raise StoreError(
                f"{shown_path(store.path)}: its block {number} is another one than {shown_path(each.file)}; give "
                "the blocks that it was made of, or name another store"
            )
        expected = number + 1
    return len(loaded)


def run_chain(
    loaded: Sequence[LoadedBlock],
    engine: Engine,
    options: StoreOptions,
    *,
    model: str,
    verify: bool,
    progress: Progress,
    timeline: StoreTimeline | None = None,
) -> ChainRun:
    """Execute blocks one after the other, and store them.

    Arguments:
        loaded: the blocks, in their order.
        engine: executes them.
        options: how they are stored.
        model: the model of execution.
        verify: whether each is compared with sequential execution.
        progress: what shows how far it is.
        timeline: takes what workers and settlement did when; None for nobody.

    Raises:
        UsageError: a block changes its state beside its transactions.
        StoreError: the store cannot be used, or a block does not follow, or cannot be stored.
        BlockstmError: a block cannot be executed.
    """
    for each in loaded:
        if each.chain_block is not None and each.chain_block.changes_state_itself:
            raise UsageError(
                f"--store: {shown_path(each.file)} changes its state beside its transactions (withdrawals, "
                "rewards, calls of the system), and a store takes what transactions change; leave out --store"
            )
    digests = [bytes.fromhex(content_digest(each.file)) for each in loaded]
    with open_store(options, loaded[0].block.chain) as store:
        first = left_to_do(store, loaded, digests)
        run = _Run(store, model, timeline)
        with Ledger(
            engine,
            store,
            settle=options.settle,
            in_flight=options.in_flight,
            tree_workers=options.tree_workers,
        ) as ledger:
            for place in range(first, len(loaded)):
                each = loaded[place]
                if place + 1 < len(loaded):
                    ledger.read_ahead(loaded[place + 1].executable.block)
                with progress.step(each.file.name), named_in_errors(each.file):
                    run.execute(ledger, each, digests[place], verify)
                if run.disagrees:
                    break  # what follows would start from a wrong state
            ledger.settle()
            run.hear(ledger)
        return ChainRun(tuple(run.done), run.store_entry(options, first))


class _Run:
    """What is known while blocks are executed."""

    def __init__(self, store: Store, model: str, timeline: StoreTimeline | None) -> None:
        self._store = store
        self._model = model
        self._timeline = timeline
        self._confirmed: dict[int, tuple[LoadedBlock, Confirmed]] = {}
        self.done: list[StoredFigures] = []
        self.disagrees = False

    def execute(self, ledger: Ledger, each: LoadedBlock, digest: bytes, verify: bool) -> None:
        confirmed = ledger.execute(
            each.executable.block,
            self._model,
            digest=digest,
            verify=verify,
            timeline=self._timeline is not None,
        )
        if self._timeline is not None:
            self._timeline.add_block(each.file, confirmed)
        each.check(confirmed.result)
        self.disagrees = self.disagrees or bool(confirmed.differences) or each.has_header_equal is False
        self._confirmed[confirmed.number] = each, confirmed
        self.hear(ledger)

    def hear(self, ledger: Ledger) -> None:
        for durable in ledger.durable():
            each, confirmed = self._confirmed.pop(durable.number)
            if self._timeline is not None:
                self._timeline.add_durable(durable)
            times = BlockTimes.of(confirmed, durable)
            outcomes = each.outcomes(confirmed.result)
            self.done.append(
                StoredFigures(each, times, outcomes, self._entry(each, confirmed, durable, times, outcomes))
            )

    def _entry(
        self, each: LoadedBlock, confirmed: Confirmed, durable: Durable, times: BlockTimes, outcomes: Outcomes
    ) -> BlockEntry:
        stats = confirmed.result.stats
        return BlockEntry(
            file=str(each.file),
            chain=each.block.chain,
            number=each.block.number,
            transactions=durable.transactions,
            gas_used=confirmed.result.gas_used,
            virtual_machine=each.executable.virtual_machine,
            model=self._model,
            workers=stats.workers,
            active_workers=stats.active_workers,
            runs=1,
            wall_seconds=stats.wall_seconds,
            executions=stats.executions,
            validations=stats.validations,
            aborts=stats.aborts,
            commit_latency_seconds=LatencyEntry(**stats.commit_latency_seconds),
            outcomes=outcomes.entry(),
            state_root=None if durable.root is None else f"0x{durable.root.hex()}",
            verified=None if confirmed.differences is None else not confirmed.differences,
            differences=confirmed.differences or (),
            header_checks=each.header_checks,
            settlement=SettledEntry(
                number=durable.number,
                waited_seconds=times.waited_seconds,
                confirmed_seconds=times.confirmed_seconds,
                durable_seconds=times.durable_seconds,
                root_seconds=times.root_seconds,
                store_seconds=times.store_seconds,
                keys=durable.keys,
                nodes=durable.nodes,
            ),
        )

    def store_entry(self, options: StoreOptions, resumed: int) -> StoreEntry:
        times = [each.times for each in self.done]
        root = self._store.root
        return StoreEntry(
            file=str(options.path),
            tree=self._store.tree,
            settle=options.settle,
            in_flight=options.in_flight,
            tree_workers=options.tree_workers,
            resumed=resumed,
            head=self._store.head,
            state_root=None if root is None else f"0x{root.hex()}",
            confirmed_latency_seconds=LatencyEntry(**percentiles([each.confirmed_seconds for each in times])),
            durable_latency_seconds=LatencyEntry(**percentiles([each.durable_seconds for each in times])),
            stages=StagesEntry(**stages_of(times)._asdict()) if times else None,
            **{f"{name}_bytes": size for name, size in self._store.sizes_bytes().items()},
        )
