"""What a loss of power can leave of a store: recorded writes and syncs, and all images of the file that they allow.

After ALICE (Pillai et al., OSDI 2014): what was written before a sync that has returned is there; of what was
written since, any part may be, in any order, page by page.

    python -m tests.crash.power_loss FOLDER BLOCKS [--fault no-sync|sync-before-write|meta-first]

says how many images there were, and how many of them are bad.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import random
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import chain, combinations
from pathlib import Path
from typing import Final, NamedTuple

from blockstm.errors import StoreError, TreeError
from blockstm.store.store import Store
from tests.crash.storing import faults_of, in_child, store_blocks

PAGE_BYTES: Final = 4096
META_PAGES: Final = 2
SUBSETS_OF_MAX: Final = 12
"""Of so many unsynced writes every subset is tried; of more, random ones."""
RANDOM_SUBSETS: Final = 64
IMAGES_AT_ONCE: Final = 50
SOURCE: Final = Path(__file__).with_name("recorded_writes.c")
FAULTS: Final = ("no-sync", "sync-before-write", "meta-first")


class Write(NamedTuple):
    """A page, or a part of one, that was written."""

    offset: int
    data: bytes


class Sync(NamedTuple):
    """All that was written before is there from now on."""


class Mark(NamedTuple):
    """A block was said to be durable."""

    number: int


Event = Write | Sync | Mark


def compiled(folder: Path) -> Path:
    """Compile the library that records."""
    library = folder / "recorded_writes.so"
    compiler = os.environ.get("CC", "gcc")
    flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([compiler, *flags, "-o", str(library), str(SOURCE), "-ldl"], check=True)
    return library


def recorded(folder: Path, blocks: int) -> tuple[bytes, list[Event]]:
    """Store blocks in a process of its own; return the file before, and what was written to it."""
    path, log = folder / "recorded.lmdb", folder / "recorded.log"
    Store.create(path, tree="binary").close()
    before = path.read_bytes()
    library = compiled(folder)
    subprocess.run(
        [sys.executable, "-m", "tests.crash.power_loss", str(folder), str(blocks), "--record"],
        env={**os.environ, "LD_PRELOAD": str(library), "RECORDED_FILE": str(path), "RECORDED_LOG": str(log)},
        check=True,
    )
    return before, list(events_of(log.read_bytes()))


def record(folder: Path, blocks: int) -> None:
    """Store blocks; run with the library preloaded."""
    mark = ctypes.CDLL(None).recorded_mark
    mark.argtypes = [ctypes.c_uint64]
    store_blocks(folder / "recorded.lmdb", 1, blocks + 1, lambda name: None, mark)


def events_of(log: bytes) -> Iterator[Event]:
    """Decode the record; a write of several pages is one of each."""
    place = 0
    while place < len(log):
        kind, number = struct.unpack_from("<QQ", log, place)
        place += 16
        if kind == 1:
            (length,) = struct.unpack_from("<Q", log, place)
            place += 8
            for begin in range(0, length, PAGE_BYTES):
                data = log[place + begin : place + min(length, begin + PAGE_BYTES)]
                yield Write(number + begin, data)
            place += length
        else:
            yield Sync() if kind == 2 else Mark(number)


def with_fault(events: Sequence[Event], fault: str | None) -> list[Event]:
    """Return what a store with a fault would have written."""
    if fault is None:
        return list(events)
    if fault == "no-sync":
        return [event for event in events if not isinstance(event, Sync)]
    changed: list[Event] = []
    batch: list[Event] = []
    for event in events:  # up to each mark: pages, a sync, a meta page, a sync
        batch.append(event)
        if isinstance(event, Mark):
            changed += reordered(batch, fault)
            batch = []
    return changed + batch


def reordered(batch: Sequence[Event], fault: str) -> list[Event]:
    """Return what is written for one block in another order."""
    writes = [event for event in batch if isinstance(event, Write)]
    metas = [write for write in writes if write.offset < META_PAGES * PAGE_BYTES]
    pages = [write for write in writes if write not in metas]
    if fault == "sync-before-write":
        return [Sync(), *pages, *metas, Sync(), batch[-1]]
    return [*metas, Sync(), *pages, Sync(), batch[-1]]


def images(before: bytes, events: Sequence[Event], chance: random.Random) -> Iterator[tuple[bytes, int]]:
    """Yield each image that a loss of power may leave, and how many blocks were durable then."""
    synced, unsynced, durable = bytearray(before), list[Write](), 0
    yield bytes(synced), durable
    for event in events:
        if isinstance(event, Mark):
            durable = event.number
            yield from ((image, durable) for image in allowed(synced, unsynced, [], chance))
        elif isinstance(event, Sync):
            for write in unsynced:
                put(synced, write)
            unsynced = []
            yield bytes(synced), durable
        else:
            # Those without this write were there before it came.
            yield from ((image, durable) for image in allowed(synced, unsynced, [event], chance))
            unsynced.append(event)


def allowed(
    synced: bytearray, some: Sequence[Write], all_of: Sequence[Write], chance: random.Random
) -> Iterator[bytes]:
    """Yield what is there with all of some writes, and any of others."""
    if len(some) <= SUBSETS_OF_MAX:
        subsets: Iterator[tuple[Write, ...]] = chain.from_iterable(
            combinations(some, count) for count in range(len(some) + 1)
        )
    else:
        subsets = (tuple(write for write in some if chance.random() < 0.5) for _ in range(RANDOM_SUBSETS))
    for subset in subsets:
        image = bytearray(synced)
        for write in (*subset, *all_of):
            put(image, write)
        yield bytes(image)


def put(image: bytearray, write: Write) -> None:
    end = write.offset + len(write.data)
    if len(image) < end:
        image.extend(bytes(end - len(image)))
    image[write.offset : end] = write.data


def bad_images(
    folder: Path, before: bytes, events: Sequence[Event], *, stop_at: int | None = None
) -> tuple[int, list[str]]:
    """Return how many different images there are, and what is wrong with bad ones.

    Arguments:
        folder: where images are put.
        before, events: the record.
        stop_at: how many bad ones are enough.
    """
    different = list(dict.fromkeys(images(before, events, random.Random(0))))
    found: list[str] = []
    begin = 0
    while begin < len(different) and (stop_at is None or len(found) < stop_at):
        looked_at, faults = faults_in(folder, different[begin : begin + IMAGES_AT_ONCE])
        begin += looked_at
        found += faults
    return len(different), found


def faults_in(folder: Path, some: Sequence[tuple[bytes, int]]) -> tuple[int, list[str]]:
    """Look at images in a fork, as a bad one may kill whoever reads it; return how many, and what is wrong."""
    path, lock = folder / "image.lmdb", folder / "image.lmdb-lock"

    def look(write: int) -> None:
        for image, durable in some:
            path.write_bytes(image)
            lock.unlink(missing_ok=True)
            try:
                faults = faults_of(path, durable)
            except (StoreError, TreeError) as error:
                faults = [str(error)]
            os.write(write, "".join(faults[:1]).encode() + b"\0")

    ended, told = in_child(look)
    each = told.decode().split("\0")[:-1]
    faults = list(filter(None, each))
    if len(each) == len(some):
        return len(some), faults
    return len(each) + 1, [*faults, f"whoever reads it is killed ({ended})"]


def main() -> int:
    parser = argparse.ArgumentParser(description="Try what a loss of power can leave of a store.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("blocks", type=int)
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--record", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.record:
        record(options.folder, options.blocks)
        return 0
    before, events = recorded(options.folder, options.blocks)
    count, found = bad_images(options.folder, before, with_fault(events, options.fault))
    print(f"{len(events)} events, {count:,} images, {len(found):,} bad")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
