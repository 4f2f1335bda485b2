"""Random blocks of random programs, as Hypothesis draws them; BLOCKSTM_STRESS=10 has ten times as many drawn."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from blockstm.blocks.block import Block
from blockstm.programs.built_in import trace, transfer
from blockstm.programs.transaction import Transaction
from tests.support.programs import KEYS, U256, script

SETTINGS = settings(
    deadline=None,  # workers share the cores with whatever else runs
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
SCALE = float(os.environ.get("BLOCKSTM_STRESS", "1"))


def examples(count: int) -> int:
    return max(1, round(count * SCALE))


VALUES = [b"", b"\1", b"\x0a", b"\0\0\7", b"\xff" * 32, b"\xff" * 31 + b"\xf0", b"no number".ljust(40)]
BOUNDS = [(0, U256), (0, 10), (0, 10), (3, 8), (5, 5), (0, U256 - 20), (U256 - 20, U256)]
DELTAS = [None, None, 1, 2, -1, -3, 0, 7, -7, U256, -U256, U256 - 5]

choices = st.integers(0, 14)
key_lists = st.lists(choices, max_size=3)
scans = st.tuples(
    st.just("scan"),
    st.sampled_from([b"", b"", b"new", b"b", b"\xff"]),
    st.sampled_from([1, 2, 3, 1024]),
    choices,
    st.none() | choices,
)
operations_on_keys = st.one_of(
    st.tuples(st.just("read"), choices),
    st.tuples(st.just("exists"), choices),
    st.builds(
        lambda key, bounds: ("check", key, *bounds), choices, st.sampled_from([*BOUNDS, (1, U256), (2, 3)])
    ),
    st.tuples(st.just("write"), choices, st.sampled_from([None, *VALUES])),
    st.tuples(st.just("copy"), choices),
    st.tuples(st.just("delete"), choices),
    st.builds(
        lambda key, delta, bounds, catch: ("add", key, delta, *bounds, catch),
        choices,
        st.sampled_from(DELTAS),
        st.sampled_from(BOUNDS),
        st.booleans(),
    ),
    st.tuples(st.just("emit")),
    st.tuples(st.just("charge"), st.sampled_from([None, 0, 7]), st.booleans()),
    st.tuples(st.just("revert_if"), st.integers(1, 5)),
    st.tuples(st.just("raise_if"), st.integers(1, 5)),
    st.tuples(st.just("transfer"), choices, choices, st.integers(0, 9), st.booleans()),
    st.tuples(st.just("trace"), key_lists, key_lists, key_lists, st.integers(0, 9), st.booleans()),
)
simple_operations = st.one_of(operations_on_keys, scans)


def nested(simple: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Lists of operations: of these, and of those that are made of others."""
    return st.recursive(
        st.lists(simple, max_size=5),
        lambda inner: st.lists(
            st.one_of(
                simple,
                st.tuples(st.just("read"), choices),
                st.tuples(st.just("branch"), st.integers(2, 3), inner, inner),
                st.tuples(st.just("loop"), inner),
                st.tuples(st.just("call"), inner, st.booleans()),
                st.tuples(st.just("swallow"), inner),
            ),
            max_size=6,
        ),
        max_leaves=4,
    )


operations = nested(simple_operations)
operations_without_scans = nested(operations_on_keys)
# Keys that the state may hold, and new ones.
native_keys = st.integers(0, 8).map(lambda n: ([*KEYS, b"new", b"other", b""])[n])
native_transactions = st.one_of(
    st.builds(
        lambda sender, receiver, amount, limit: transfer.txn(sender, receiver, amount, gas_limit=limit),
        native_keys,
        native_keys,
        st.sampled_from([0, 1, 1, 3, U256]),
        st.sampled_from([None, None, 21_000, 20_999]),
    ),
    st.builds(
        lambda reads, writes, adds, gas: trace.txn(reads, writes, adds, gas),
        st.lists(native_keys, max_size=4),
        st.lists(native_keys, max_size=3),
        st.dictionaries(native_keys, st.sampled_from([0, 1, 200, U256]), max_size=2),
        st.integers(0, 50),
    ),
)
states = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES))
seeds = st.integers(1, 1 << 20)


@st.composite
def blocks(draw: st.DrawFn, length_max: int, bodies: st.SearchStrategy[list[Any]] = operations) -> Block:
    """A block of transactions that are drawn from a few, so that large ones cost little to draw."""
    scripts = draw(st.lists(bodies, min_size=1, max_size=4))
    natives = draw(st.lists(native_transactions, max_size=4))
    picks = draw(st.lists(st.integers(0, 63), max_size=12)) * draw(st.sampled_from([1, 4, 8, 16]))
    return Block([pick_transaction(scripts, natives, pick) for pick in picks[:length_max]], draw(states))


def pick_transaction(bodies: list[list[Any]], natives: list[Transaction], pick: int) -> Transaction:
    kind, variant = divmod(pick, 8)
    if kind < len(natives):
        return natives[kind]
    gas_limit = [None, None, None, 40][variant % 4]
    return script.txn(bodies[kind % len(bodies)], variant, gas_limit=gas_limit)
