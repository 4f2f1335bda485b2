"""A source of state under the virtual clock: each entry is waited for once, through the queue of a device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import pytest

from blockstm import Block
from blockstm.programs.built_in import trace, transfer
from blockstm.results.verify import differences
from blockstm.simulate import Simulation, Source, SourceUse, default_model
from blockstm.simulate.source import key_hash

PAIRS = 60
LATENCY = 100e-6
KEYS = [name + b"%d" % index for index in range(PAIRS) for name in (b"from", b"to")]
Slower: TypeAlias = Callable[[Source], float]


def payments() -> Block:
    pairs = zip(KEYS[::2], KEYS[1::2], strict=True)
    return Block([transfer.txn(*pair, 1, 2000) for pair in pairs], dict.fromkeys(KEYS, b"\xff\xff"))


def source(latency: float = LATENCY, depth: int = 64, gap: float = 0.0) -> Source:
    return Source([latency] * len(KEYS), {key: entry for entry, key in enumerate(KEYS)}, depth, gap)


@contextmanager
def simulated(cores: int, model: str) -> Iterator[tuple[Simulation, Slower]]:
    """A simulation of payments, and by how many seconds it takes longer with a source."""
    with Simulation(payments(), default_model(), cores, model=model) as simulation:
        in_memory = simulation.run(cores).stats.wall_seconds
        yield simulation, lambda read: simulation.run(cores, source=read).stats.wall_seconds - in_memory


# These are the published test vectors of the hash.
@pytest.mark.parametrize(
    ("key", "digest"),
    [(b"", 0xCBF29CE484222325), (b"a", 0xAF63DC4C8601EC8C), (b"foobar", 0x85944171F73967E8)],
)
def test_keys_are_hashed_as_fnv_1a_does(key: bytes, digest: int) -> None:
    assert key_hash(key) == digest


def test_one_core_waits_for_each_read() -> None:
    with simulated(1, "sequential") as (simulation, slower):
        assert slower(source()) == pytest.approx(len(KEYS) * LATENCY, abs=1e-9)
        waited = len(KEYS) * LATENCY
        assert simulation.source_use == SourceUse(len(KEYS), pytest.approx(waited), pytest.approx(waited))


@pytest.mark.parametrize("model", ["block-stm", "push", "snapshot", "locks:observed", "oracle"])
@pytest.mark.parametrize("cores", [1, 4])
def test_each_core_has_a_read_under_way(cores: int, model: str) -> None:
    with simulated(cores, model) as (_, slower):
        fastest = len(KEYS) * LATENCY / cores
        assert fastest <= slower(source()) + 1e-4 <= 1.2 * fastest + 1e-4


@pytest.mark.parametrize("model", ["block-stm", "locks:observed"])
def test_a_queue_of_one_takes_one_read_after_the_other(model: str) -> None:
    with simulated(8, model) as (_, slower):
        assert slower(source(depth=1)) == pytest.approx(len(KEYS) * LATENCY, rel=0.02)


def test_reads_begin_no_faster_than_the_device_allows() -> None:
    with simulated(8, "block-stm") as (_, slower):
        assert slower(source(gap=1e-3)) == pytest.approx((len(KEYS) - 1) * 1e-3 + LATENCY, rel=0.01)


def test_keys_of_one_entry_are_read_once() -> None:
    pairs = Source([LATENCY] * PAIRS, {key: index // 2 for index, key in enumerate(KEYS)}, 64)
    with simulated(1, "sequential") as (simulation, slower):
        assert slower(pairs) == pytest.approx(PAIRS * LATENCY, abs=1e-9)
        assert simulation.source_use.reads == PAIRS


def test_each_entry_takes_its_own_time() -> None:
    times = [index * 1e-6 for index in range(len(KEYS))]
    own = Source(times, {key: entry for entry, key in enumerate(KEYS)}, 64)
    with simulated(1, "sequential") as (simulation, slower):
        assert slower(own) == pytest.approx(sum(times), abs=1e-9)
        assert simulation.source_use.reads == len(KEYS) - 1, "the first is in memory"


def test_a_source_in_memory_changes_nothing() -> None:
    with Simulation(payments(), default_model(), 4) as simulation:
        times = [
            [receipt.commit_seconds for receipt in simulation.run(4, source=read).receipts]
            for read in (None, source(latency=0.0), None)
        ]
    assert times[0] == times[1] == times[2]


def test_a_write_asks_for_nothing() -> None:
    block = Block([trace.txn([], [key], {}, 0) for key in KEYS], dict.fromkeys(KEYS, bytes(32)))
    with Simulation(block, default_model(), 2) as simulation:
        simulation.run(2, source=source())
        assert simulation.source_use.reads == 0


def test_keys_that_were_not_foreseen_are_read_by_themselves() -> None:
    with simulated(1, "sequential") as (simulation, slower):
        assert slower(Source([LATENCY], {}, 1)) == pytest.approx(len(KEYS) * LATENCY, abs=1e-9)
        assert simulation.source_use.reads == len(KEYS)


@pytest.mark.parametrize("cores", [2, 16])
def test_the_result_does_not_depend_on_how_long_reads_take(cores: int) -> None:
    hot = [b"a", b"b", b"c"]
    block = Block(
        [transfer.txn(hot[index % 3], hot[(index + 1) % 3], 1, 50) for index in range(90)],
        dict.fromkeys(hot, b"\xff\xff"),
    )
    with Simulation(block, default_model(), cores) as simulation:
        read = Source([2e-6, 0.0, 300e-6], {key: entry for entry, key in enumerate(hot)}, 2)
        assert differences(simulation.run(cores, source=read), simulation.run_sequentially(), 10) == []
