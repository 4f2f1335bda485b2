"""The core's parts, one by one, against the same in plain Python: numbers, keys, versions, the ready set, memory.

`_coretest` (native/_coretest.pyx) hands them out on an arena of their own, without processes.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from blockstm.native import _coretest as core

U256 = (1 << 256) - 1
SETTINGS = settings(deadline=None, print_blob=True, max_examples=100)
# Every size at which a carry, a borrow or a limb begins or ends, and its neighbours.
EDGES = sorted({0, 1, U256} | {(1 << bits) + near for bits in (63, 64, 128, 192, 255) for near in (-1, 0, 1)})
numbers = st.one_of(st.sampled_from(EDGES), st.integers(0, U256), st.integers(0, 300))
signed = st.builds(lambda number, sign: number * sign, numbers, st.sampled_from([1, -1]))


# --- numbers --------------------------------------------------------------------------------------


@given(numbers, numbers)
@SETTINGS
def test_sums_differences_and_order_are_those_of_integers(first: int, second: int) -> None:
    assert core.add(first, second) == ((first + second) % (1 << 256), first + second > U256)
    assert core.subtract(first, second) == ((first - second) % (1 << 256), first < second)
    assert core.compare(first, second) == (first > second) - (first < second)


@given(signed, signed)
@SETTINGS
def test_signed_sums_are_those_of_integers(first: int, second: int) -> None:
    total = first + second
    assert core.add_signed(first, second) == (total if abs(total) <= U256 else None)
    if first >= 0 and 0 <= total <= U256:
        assert core.apply(first, second) == total


@given(st.one_of(numbers.map(lambda number: number.to_bytes(32, "big")), st.binary(max_size=40)))
@SETTINGS
def test_bytes_are_big_endian_numbers_of_up_to_32_bytes(data: bytes) -> None:
    assert core.decode(data) == (int.from_bytes(data, "big") if len(data) <= 32 else None)


@given(numbers)
@SETTINGS
def test_numbers_are_written_without_leading_zeros(number: int) -> None:
    assert core.encode(number) == number.to_bytes((number.bit_length() + 7) // 8, "big")


@given(signed, st.tuples(numbers, numbers).map(sorted), st.lists(numbers, min_size=1, max_size=8))
@SETTINGS
def test_allowed_below_holds_just_what_the_sum_may_start_from(
    delta: int, bounds: list[int], befores: list[int]
) -> None:
    minimum, maximum = bounds
    allowed = core.allowed_below(delta, minimum, maximum)
    # What the allowed range has to be tried against: its own ends, and what leads to the bounds.
    befores += [end + near for end in (minimum - delta, maximum - delta) for near in (-1, 0, 1)]
    befores += [end + near for end in allowed or () for near in (-1, 0, 1)]
    for before in filter(range(1 << 256).__contains__, befores):
        is_right = minimum <= before + delta <= maximum
        assert (allowed is not None and allowed[0] <= before <= allowed[1]) == is_right


@given(st.floats(allow_nan=True, allow_infinity=True))
@SETTINGS
def test_any_number_of_units_is_a_whole_one(units: float) -> None:
    if not units > 0:
        assert core.whole_units(units) == 0
    elif units >= 2.0**64:
        assert core.whole_units(units) == (1 << 64) - 1
    else:
        assert core.whole_units(units) == int(units)


# --- keys -----------------------------------------------------------------------------------------

keys = st.binary(max_size=64)


@given(st.lists(st.tuples(st.integers(0, 2), keys), max_size=60))
@SETTINGS
def test_each_key_has_one_location_whoever_asks(asked: list[tuple[int, bytes]]) -> None:
    memory = core.Memory(txn_count=1, workers=3)
    found: dict[bytes, int] = {}
    for worker, key in asked:
        location = memory.find(worker, key)
        assert location != 0
        assert found.setdefault(key, location) == location
        assert memory.key(location) == key
    assert len(set(found.values())) == len(found)


@given(st.sets(keys, max_size=40), st.lists(st.tuples(st.integers(1, 60), keys), max_size=20), keys)
@SETTINGS
def test_keys_stand_in_order_whatever_is_inserted_meanwhile(
    first: set[bytes], others: list[tuple[int, bytes]], start: bytes
) -> None:
    """Worker 0 orders the keys; worker 1 inserts others between its steps, and finds them in order at once."""
    memory = core.Memory(txn_count=1, workers=3, limit_bytes=1 << 21)
    for key in first:
        memory.find(2, key)
    inserted: set[bytes] = set()

    def insert(key: bytes) -> None:
        memory.find(1, key)
        inserted.add(key)
        in_order = memory.keys_from(b"")
        assert in_order is None or key in in_order

    for step, key in others:
        memory.interruptions.setdefault(step, []).append(lambda key=key: insert(key))
    memory.begin_steps()
    assert memory.order(0)
    memory.interruptions.clear()
    expected = sorted(first | inserted)
    assert memory.keys_from(b"") == expected
    assert memory.keys_from(start) == [key for key in expected if key >= start]
    assert memory.order(1)
    assert memory.keys_from(b"") == expected


prefixes = st.sampled_from([b"", b"a", b"ab", b"b", b"b\xff", b"\xff"])
near_keys = st.builds(lambda prefix, rest: prefix + rest, prefixes, st.binary(max_size=3))


@given(
    st.sets(near_keys, max_size=30),
    st.lists(st.tuples(st.integers(1, 60), prefixes), max_size=4),
    st.lists(st.tuples(st.integers(1, 60), near_keys), max_size=15),
    prefixes,
)
@SETTINGS
def test_what_stands_in_order_is_a_range_that_grows_with_what_is_wanted(
    first: set[bytes], wanted: list[tuple[int, bytes]], others: list[tuple[int, bytes]], prefix: bytes
) -> None:
    """Worker 0 orders the keys with a prefix; worker 1 those with others, and worker 2 inserts, in between."""
    memory = core.Memory(txn_count=1, workers=3, limit_bytes=1 << 21)
    for key in first:
        memory.find(2, key)
    in_order: list[bytes] = []
    present = set(first)

    def order(worker: int, prefix: bytes) -> None:
        assert memory.order(worker, prefix)
        in_order.append(prefix)

    def insert(key: bytes) -> None:
        memory.find(2, key)
        present.add(key)

    for step, other in wanted:
        memory.interruptions.setdefault(step, []).append(lambda other=other: order(1, other))
    for step, key in others:
        memory.interruptions.setdefault(step, []).append(lambda key=key: insert(key))
    memory.begin_steps()
    order(0, prefix)
    start, end = memory.ordered()
    expected = sorted(key for key in present if key >= start and (end is None or key < end))
    assert memory.keys_from(b"") == expected
    assert {key for key in present if key.startswith(tuple(in_order))} <= set(expected)


@given(st.sets(keys, min_size=1, max_size=30), keys, st.integers(1, 60))
@SETTINGS
def test_a_worker_that_stops_while_it_orders_keys_holds_nobody_up(
    first: set[bytes], new: bytes, stop: int
) -> None:
    """Worker 0 stands still at some step, as one that has died: the others order all keys, and insert."""
    memory = core.Memory(txn_count=1, workers=3, limit_bytes=1 << 21)
    for key in first:
        memory.find(2, key)
    seen = []

    def go_on_without() -> None:
        assert memory.order(1)
        memory.find(2, new)
        seen.append(memory.keys_from(b""))

    memory.interruptions[stop] = [go_on_without]
    memory.begin_steps()
    assert memory.order(0)
    assert seen in ([], [sorted({*first, new})])
    assert seen or memory.steps < stop
    assert memory.keys_from(b"") == sorted({*first, *([new] if seen else [])})


def test_more_keys_than_a_table_holds_make_larger_tables() -> None:
    memory = core.Memory(txn_count=1, table_capacity=16, limit_bytes=8 << 20)
    wanted = [b"key %d" % index for index in range(5_000)]
    locations = [memory.find(0, key) for key in wanted]
    assert [memory.key(location) for location in locations] == wanted
    assert [memory.find(0, key) for key in wanted] == locations
    tables = memory.tables
    assert len(tables) > 3
    assert tables == [16 * 4**level for level in range(len(tables))]


def test_an_arena_without_room_for_a_key_says_so() -> None:
    memory = core.Memory(txn_count=1, table_capacity=16, limit_bytes=128 << 10)
    assert not memory.has_failed
    assert 0 in [memory.find(0, b"key %d" % index) for index in range(5_000)]
    assert memory.has_failed


# --- versions -------------------------------------------------------------------------------------

# What a place holds: a value, or what is not to be read.
words = st.sampled_from([core.VALUE, core.TOMBSTONE])


@given(
    st.sampled_from([1, 9, 511, 512, 513, 32_767, 32_768, 40_000, 1_000_000]),
    st.data(),
    st.booleans(),
)
@SETTINGS
def test_newest_version_is_the_last_live_one_below(
    txn_count: int, data: st.DataObject, in_tree: bool
) -> None:
    # Transactions that lie together, and anywhere; the ends of leaves and of nodes.
    near = st.integers(0, 40).map(lambda index: min(index, txn_count - 1))
    edges = [place for edge in (8, 512, 32_768) for place in (edge - 1, edge, edge + 1) if place < txn_count]
    indexes = st.one_of(near, st.integers(0, txn_count - 1), *([st.sampled_from(edges)] if edges else []))
    memory = core.Memory(txn_count=txn_count, workers=2, limit_bytes=4 << 20)
    location = memory.find(0, b"key")
    held: dict[int, int] = {}
    places: dict[int, int] = {}
    for worker, txn_idx, kind in data.draw(
        st.lists(st.tuples(st.integers(0, 1), indexes, words), max_size=24)
    ):
        place = memory.write(worker, location, txn_idx, kind, in_tree)
        assert places.setdefault(txn_idx, place) == place
        held[txn_idx] = kind
    assert len(set(places.values())) == len(places)
    live = sorted(txn_idx for txn_idx, kind in held.items() if kind == core.VALUE)
    asked = [
        txn_count,
        *(txn_idx + near for txn_idx in held for near in (0, 1)),
        *data.draw(st.lists(indexes)),
    ]
    for below in asked:
        place = bisect_left(live, below)
        expected = (live[place - 1], core.VALUE) if place else None
        assert memory.newest(location, below, in_tree) == expected


# --- the ready set --------------------------------------------------------------------------------


@given(st.sampled_from([1, 63, 64, 65, 4_096, 4_097, 262_144, 262_145]), st.data())
@SETTINGS
def test_ready_set_gives_its_lowest(txn_count: int, data: st.DataObject) -> None:
    edges = [edge for edge in (0, 63, 64, 4_095, 4_096, 262_143, txn_count - 1) if edge < txn_count]
    indexes = st.one_of(st.sampled_from(edges), st.integers(0, txn_count - 1))
    memory = core.Memory(txn_count=txn_count, workers=2)
    members: set[int] = set()
    for worker, adds, txn_idx in data.draw(
        st.lists(st.tuples(st.integers(0, 1), st.booleans(), indexes), max_size=40)
    ):
        if adds:
            memory.ready_add(worker, txn_idx)
            members.add(txn_idx)
        elif txn_idx in members:
            memory.ready_remove(worker, txn_idx)
            members.remove(txn_idx)
        assert memory.ready_lowest(1 - worker) == min(members, default=None)


# --- memory ---------------------------------------------------------------------------------------

# Larger ones are taken from the arena itself.
sizes = st.one_of(st.integers(1, 200), st.sampled_from([8, 64, 8_192, 16_384]))


@given(st.lists(st.tuples(st.integers(0, 1), sizes, st.sampled_from([8, 64])), max_size=60))
@SETTINGS
def test_no_byte_is_handed_out_twice(wanted: list[tuple[int, int, int]]) -> None:
    memory = core.Memory(txn_count=1, workers=2, limit_bytes=8 << 20)
    taken: list[tuple[int, int]] = []
    for worker, size, alignment in wanted:
        size = (size + 7) // 8 * 8
        begin = memory.allocate(worker, size, alignment)
        assert begin != 0
        assert begin % alignment == 0
        taken.append((begin, begin + size))
    taken.sort()
    assert all(end <= begin for (_, end), (begin, _) in pairwise(taken))
    assert not taken or taken[-1][1] <= memory.used_bytes


def full_of_keys(**options: int) -> core.Memory:
    """An arena whose first hash table has no room in the window of the key that is asked for next."""
    memory = core.Memory(txn_count=1, table_capacity=16, workers=2, **options)
    for index in range(16):
        memory.find(1, b"key %d" % index)
    assert memory.tables == [16]
    return memory


def step_of_the_table(**options: int) -> int:
    """The step of worker 0 at which it has made a table, and not shown it."""
    memory = full_of_keys(**options)
    seen: dict[int, list[int]] = {}
    memory.interruptions = {
        step: [lambda step=step: seen.setdefault(step, memory.tables)] for step in range(1, 20)
    }
    memory.begin_steps()
    assert memory.find(0, b"another key") != 0
    return max(step for step, tables in seen.items() if tables == [16])


def test_worker_that_makes_a_table_too_late_hands_out_of_its_memory() -> None:
    step = step_of_the_table()
    memory = full_of_keys()
    found = {}
    memory.interruptions = {step: [lambda: found.update(location=memory.find(1, b"another key"))]}
    before = memory.used_bytes
    memory.begin_steps()
    assert memory.find(0, b"another key") == found["location"]
    assert memory.tables == [16, 64]
    begin, end = memory.chunk(0)
    # Both made one; that of the one who was late is now what it hands out of: nothing is lost.
    assert end - begin == 64 * 8
    assert before <= begin
    assert end <= memory.used_bytes
    assert memory.allocate(0, 64, 8) == begin


def test_table_that_does_not_fit_takes_nothing() -> None:
    small = full_of_keys()
    memory = full_of_keys(limit_bytes=small.used_bytes + 64 * 8 - 8)
    before = memory.used_bytes
    assert memory.find(1, b"another key") == 0
    assert memory.has_failed
    assert memory.used_bytes == before


# --- layout ---------------------------------------------------------------------------------------


def test_structures_that_workers_share_fill_whole_cache_lines() -> None:
    assert core.SIZES["Header"] % 128 == core.SIZES["WorkerSlot"] % 128 == 0
    assert core.SIZES["Leaf"] == 64
