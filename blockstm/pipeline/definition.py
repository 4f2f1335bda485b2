"""What a pipeline file says: in which modes a chain of blocks is processed, and what each stage costs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from blockstm.errors import PipelineError, shown_path
from blockstm.files.content import read_text
from blockstm.files.strict_toml import decode_toml
from blockstm.limits import TRANSACTIONS_MAX, WORKERS_MAX
from blockstm.pipeline.fields import Fields
from blockstm.pipeline.latency import Constant, Latency

__all__ = [
    "MODES",
    "STAGES",
    "BlockFigures",
    "ExecuteStage",
    "OtherStage",
    "PersistStage",
    "Pipeline",
    "ReadStage",
    "RootStage",
    "SenderStage",
    "read_pipeline",
]

MODES: Final = ("serial", "overlapped", "prefetched")
STAGES: Final = ("read", "senders", "execute", "root", "other", "persist")
ROOT_STARTS: Final = ("committed", "executed", "listed")
BLOCKS_MAX: Final = 10_000
FIGURE_MAX: Final = 10_000_000
_FILE_BYTES_MAX: Final = 1 << 22
_BYTES_MAX: Final = 1e15


@dataclass(frozen=True)
class ReadStage:
    """Reading the state before the block.

    Arguments:
        latency: how long a read takes that is not answered from memory.
        queue_depth: how many reads the device has under way at once.
        reads_per_second: how many it begins at most; None for no bound.
        cached: the share of the reads that memory answers, at once.
    """

    latency: Latency = Constant(0.0)  # noqa: RUF009 - it is frozen
    queue_depth: int = 1
    reads_per_second: float | None = None
    cached: float = 0.0

    @property
    def gap_seconds(self) -> float:
        """The least time between the beginnings of two reads."""
        return 0.0 if self.reads_per_second is None else 1 / self.reads_per_second


@dataclass(frozen=True)
class SenderStage:
    """Recovering who has signed each transaction, on cores of its own."""

    seconds_per_transaction: float = 0.0
    cores: int = 1


@dataclass(frozen=True)
class ExecuteStage:
    """Executing transactions.

    Arguments:
        cores: on how many. A block that is given by figures is executed on one, unless its access list is known.
        seconds: on one core, of a block that is given by figures; None for blocks that the engine executes.
    """

    cores: int = 1
    seconds: float | None = None


@dataclass(frozen=True)
class RootStage:
    """Hashing what has changed.

    Arguments:
        seconds_per_key: of a slot, in the tree of its account, which one worker has at a time.
        seconds_per_account: of an account, in the tree of all accounts, once its slots are done; one worker at a
            time has those with the same first nibble.
        seconds: of a block, beside that: what joins the parts.
        workers: how many parts are hashed at once.
        start: when a part may be hashed: once its last change is ``committed``, once the block is ``executed``, or
            where the access list is known at once, as it says what is written (``listed``).
    """

    seconds_per_key: float = 0.0
    seconds_per_account: float = 0.0
    seconds: float = 0.0
    workers: int = 1
    start: str = "committed"


@dataclass(frozen=True)
class OtherStage:
    """What a block takes beside the other stages, after its execution and its root."""

    seconds: float = 0.0


@dataclass(frozen=True)
class PersistStage:
    """Writing a block to disk, by one writer.

    Arguments:
        seconds: of a block, beside what follows.
        sync_seconds: until the disk says that all is there.
        bytes_per_second: what it writes; None if that takes no time.
        node_bytes_per_key: what is written of the tree for each key that has changed.
        block_bytes: what is written of a block beside values and nodes.
    """

    seconds: float = 0.0
    sync_seconds: float = 0.0
    bytes_per_second: float | None = None
    node_bytes_per_key: float = 0.0
    block_bytes: float = 0.0

    def write_seconds(self, size: float) -> float:
        """Return how long it takes to write so many bytes."""
        return 0.0 if self.bytes_per_second is None else size / self.bytes_per_second


@dataclass(frozen=True)
class BlockFigures:
    """A block that is known by its figures only; transactions are alike, and touch as many keys each.

    Arguments:
        transactions, gas: of the block.
        reads: of the state before it.
        accounts: that have changed.
        keys: of their slots, that have changed.
        value_bytes: of all that has changed, keys and values.
    """

    transactions: int
    gas: int = 0
    reads: int = 0
    accounts: int = 0
    keys: int = 0
    value_bytes: int = 0


@dataclass(frozen=True)
class Pipeline:
    """A pipeline. Make it with `read_pipeline`.

    Arguments:
        name: of the file.
        modes: in which modes the chain is processed: see docs/explanation/pipeline.md.
        blocks: how many blocks the chain has; those that are given follow each other, over and over. None: as
            many as are given.
        in_flight: how many blocks may have begun and not be durable yet.
        root_delay: how many blocks later a root is wanted: block n is executed once the root of the block
            `root_delay` before its parent is known.
        interval_seconds: the time from one block's arrival to the next one's; 0: all wait from the beginning.
        seed: of what is drawn.
        block: the block of the chain, by figures; None where block files are given.
        read, senders, execute, root, other, persist: the stages.
    """

    name: str
    modes: tuple[str, ...]
    blocks: int | None
    in_flight: int
    root_delay: int
    interval_seconds: float
    seed: int
    block: BlockFigures | None
    read: ReadStage
    senders: SenderStage
    execute: ExecuteStage
    root: RootStage
    other: OtherStage
    persist: PersistStage


def read_pipeline(path: str | os.PathLike[str]) -> Pipeline:
    """Return the pipeline that a file defines.

    Raises:
        PipelineError: the file is missing, or a field is missing, unknown, or has a value that it cannot have; the
            message names the file, the field, and what is allowed.
    """
    place = shown_path(path)
    text = read_text(
        path, _FILE_BYTES_MAX, PipelineError, "name a pipeline, such as scenarios/pipelines/ethereum.toml"
    )
    try:
        content = decode_toml(text)
    except ValueError as error:
        raise PipelineError(f"{place}: {error}") from error
    fields = Fields(content, place)
    pipeline = Pipeline(
        name=place,
        modes=fields.choices("modes", MODES, MODES),
        blocks=fields.whole("blocks", None, 1, BLOCKS_MAX) if fields.has("blocks") else None,
        in_flight=fields.whole("in_flight", 1, 1, BLOCKS_MAX),
        root_delay=fields.whole("root_delay", 0, 0, BLOCKS_MAX),
        interval_seconds=fields.seconds("interval_seconds"),
        seed=fields.whole("seed", 0, 0, (1 << 63) - 1),
        block=_block(fields.nested("block")) if fields.has("block") else None,
        read=_read(fields.nested("read")) if fields.has("read") else ReadStage(),
        senders=_senders(fields.nested("senders")),
        execute=_execute(fields.nested("execute")),
        root=_root(fields.nested("root")),
        other=_other(fields.nested("other")),
        persist=_persist(fields.nested("persist")),
    )
    fields.end()
    if (pipeline.block is None) != (pipeline.execute.seconds is None):
        missing, there = (
            ("block", "execute.seconds") if pipeline.block is None else ("execute.seconds", "block")
        )
        raise PipelineError(
            f"{place}: {missing} is missing; a block by figures needs both, and block files neither: add it, or "
            f"leave out {there}"
        )
    return pipeline


def _block(fields: Fields) -> BlockFigures:
    found = BlockFigures(
        transactions=fields.whole("transactions", None, 1, TRANSACTIONS_MAX),
        gas=fields.whole("gas", 0, 0, (1 << 63) - 1),
        reads=fields.whole("reads", 0, 0, FIGURE_MAX),
        accounts=fields.whole("accounts", 0, 0, FIGURE_MAX),
        keys=fields.whole("keys", 0, 0, FIGURE_MAX),
        value_bytes=fields.whole("value_bytes", 0, 0, int(_BYTES_MAX)),
    )
    fields.end()
    if found.keys and not found.accounts:
        fields.refuse("accounts", "is 0", "each of the keys is of an account: give how many there are")
    return found


def _read(fields: Fields) -> ReadStage:
    found = ReadStage(
        latency=fields.latency("latency"),
        queue_depth=fields.whole("queue_depth", 1, 1, 65_536),
        reads_per_second=fields.number("reads_per_second", 0.0, 1e12) or None,
        cached=fields.number("cached", 0.0, 1.0),
    )
    fields.end()
    return found


def _senders(fields: Fields) -> SenderStage:
    found = SenderStage(fields.seconds("seconds_per_transaction"), fields.whole("cores", 1, 1, WORKERS_MAX))
    fields.end()
    return found


def _execute(fields: Fields) -> ExecuteStage:
    seconds = fields.seconds("seconds") if fields.has("seconds") else None
    found = ExecuteStage(fields.whole("cores", 1, 1, WORKERS_MAX), seconds)
    fields.end()
    return found


def _root(fields: Fields) -> RootStage:
    found = RootStage(
        seconds_per_key=fields.seconds("seconds_per_key"),
        seconds_per_account=fields.seconds("seconds_per_account"),
        seconds=fields.seconds("seconds"),
        workers=fields.whole("workers", 1, 1, WORKERS_MAX),
        start=fields.choice("start", ROOT_STARTS, ROOT_STARTS[0]),
    )
    fields.end()
    return found


def _other(fields: Fields) -> OtherStage:
    found = OtherStage(fields.seconds("seconds"))
    fields.end()
    return found


def _persist(fields: Fields) -> PersistStage:
    found = PersistStage(
        seconds=fields.seconds("seconds"),
        sync_seconds=fields.seconds("sync_seconds"),
        bytes_per_second=fields.number("bytes_per_second", 0.0, _BYTES_MAX) or None,
        node_bytes_per_key=fields.number("node_bytes_per_key", 0.0, 1e9),
        block_bytes=fields.number("block_bytes", 0.0, _BYTES_MAX),
    )
    fields.end()
    return found
