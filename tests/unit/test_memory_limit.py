"""An arena goes on with small blocks after one that was too large for it, whatever its limit."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

import blockstm
from blockstm.engine.block_run import lay_out
from blockstm.errors import EngineError, MemoryLimitError
from blockstm.native._core import Arena
from blockstm.programs.built_in import transfer
from blockstm.programs.table import ProgramTable

RETAINED_BYTES = 64 << 20
"""What an arena keeps of its memory from block to block (native/faces/arena.pxi)."""
VALUE = bytes(65_536)
SMALL = blockstm.Block([transfer.txn(b"a", b"b", 1)], {b"a": b"\x05"})
PROGRAMS = ProgramTable([transfer])


@blockstm.program
def write_large(ctx: blockstm.Context, count: int) -> None:
    for index in range(count):
        ctx.write(b"%d %d" % (ctx.txn_idx, index), VALUE)


@pytest.mark.parametrize("over_bytes", [-(1 << 20), 0, 4096, 1 << 20])
def test_small_block_after_one_that_was_too_large(over_bytes: int) -> None:
    with blockstm.Engine(1, memory_limit_bytes=RETAINED_BYTES + over_bytes) as engine:
        with pytest.raises(MemoryLimitError):
            engine.execute(blockstm.Block([write_large.txn(1_100)]))
        for _ in range(2):
            assert engine.execute(SMALL).state == {b"a": b"\x04", b"b": b"\x01"}


@pytest.mark.parametrize("limit_bytes", [1 << 20, RETAINED_BYTES, RETAINED_BYTES + (4 << 20)])
def test_small_block_after_one_that_could_not_be_loaded(limit_bytes: int) -> None:
    arena = Arena(limit_bytes, 1)
    for _ in range(2):
        with pytest.raises(MemoryLimitError):
            # The hash table alone takes more than what an arena keeps.
            arena.lay_out(0, [], (b"k",) * 4_300_000, {}, [])
        assert arena.is_done()
        lay_out(arena, SMALL, PROGRAMS)
    arena.close()


def test_block_whose_loading_ends_otherwise_leaves_the_arena_usable() -> None:
    def rows() -> Iterator[tuple[object, ...]]:
        raise KeyboardInterrupt
        yield

    arena = Arena(1 << 20, 1)
    with pytest.raises(KeyboardInterrupt):
        arena.lay_out(1, [], None, {}, rows())
    assert arena.is_done()
    lay_out(arena, SMALL, PROGRAMS)
    arena.close()


def test_engine_whose_memory_the_system_does_not_take_back_goes_on() -> None:
    """As on a system that cannot: the arena's descriptor is read-only for a while."""
    with blockstm.Engine(1, memory_limit_bytes=RETAINED_BYTES * 2) as engine:
        engine.execute(blockstm.Block([write_large.txn(1_100)]))
        arena = engine._arena
        assert arena.used_bytes > RETAINED_BYTES
        writable, read_only = os.dup(arena.fd), os.open(f"/proc/self/fd/{arena.fd}", os.O_RDONLY)
        try:
            os.dup2(read_only, arena.fd, inheritable=False)
            with pytest.raises(EngineError, match="use a new engine for small blocks"):
                engine.execute(SMALL)
        finally:
            os.dup2(writable, arena.fd, inheritable=False)
            os.close(writable)
            os.close(read_only)
        assert arena.is_done()
        assert engine.execute(SMALL).state == {b"a": b"\x04", b"b": b"\x01"}
