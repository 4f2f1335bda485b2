"""Dependencies, critical paths, conflicts and graphs of small random blocks: all orders and schedules are tried.

The truth here is what transactions read. They execute in any order on a multi-version memory: one reads of each key
the newest version below it that is there, and the adds to it since. Every value is unlike any other, so an order is
right just if everybody reads what they read in the preset order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockstm.analysis import AccessSet, critical_path, dependencies
from blockstm.analysis.bounds import Bound
from blockstm.analysis.conflicts import CONFLICT_KINDS, conflicts, distances, independent_transactions
from blockstm.analysis.conventions import Fees, Unknown
from blockstm.analysis.graphviz import dot_lines, drawn_transactions
from blockstm.analysis.hot_keys import hot_keys
from blockstm.analysis.rules import AccessRules, Rules

FEE = b"fee"
KEYS = (FEE, b"a", b"b")


@dataclass(frozen=True)
class Txn:
    """What a transaction means to do. It pays a fee if it adds to FEE."""

    reads: frozenset[bytes]
    writes: frozenset[bytes]
    credits: frozenset[bytes]
    moves: tuple[bytes, bytes] | None = None
    """From and to: a plain transfer reads and writes the one balance, and adds to the other."""

    def accesses(self) -> AccessSet:
        moved = frozenset(self.moves or ())
        known = moved & frozenset((self.moves or ())[:1])
        added = self.credits | (moved - known)
        return AccessSet.of(AccessSet(self.reads | known, self.writes | known, added))


keys = st.frozensets(st.sampled_from(KEYS), max_size=2)
moves = st.none() | st.permutations(KEYS).map(lambda order: (order[0], order[1]))
plain = st.builds(
    Txn, st.just(frozenset()), st.just(frozenset()), st.sampled_from([frozenset(), frozenset([FEE])]), moves
)
txns = st.builds(Txn, keys, keys, keys) | plain


def blocks(size: int) -> st.SearchStrategy[list[Txn]]:
    return st.lists(txns, max_size=size)


def commutes(rules: Rules, txn: Txn, key: bytes) -> bool:
    """Whether a credit to a key is made without reading it."""
    match rules:
        case Rules.FEES_AS_DEPENDENCIES:
            return False
        case Rules.FEES_COMMUTATIVE:
            return key == FEE
        case _:
            return True


def operations(txn: Txn, rules: Rules) -> tuple[set[bytes], set[bytes], set[bytes]]:
    """What an engine of that kind reads, writes and adds to when it executes a transaction."""
    reads, writes, adds = set(txn.reads), set(txn.writes), set()
    credited = set(txn.credits - txn.writes)  # after a write of its own it knows the value
    if txn.moves is not None:
        sender, receiver = txn.moves
        credited.add(receiver)
        if rules == Rules.LAZY_TRANSFERS:
            credited.add(sender)
        else:
            reads.add(sender)
            writes.add(sender)
    if rules == Rules.FEES_AS_DEPENDENCIES:
        credited.add(FEE)  # also a fee of zero is settled
    for key in credited:
        if commutes(rules, txn, key):
            adds.add(key)
        else:
            reads.add(key)
            writes.add(key)
    return reads, writes, adds


class Memory:
    """A multi-version memory of one block."""

    def __init__(self, block: Sequence[Txn], rules: Rules) -> None:
        self.operations = [operations(txn, rules) for txn in block]

    def read(self, txn_idx: int, done: Iterable[int]) -> list[object]:
        """What a transaction reads after those that are done."""
        below = [other for other in done if other < txn_idx]
        found: list[object] = []
        for key in sorted(self.operations[txn_idx][0]):
            version = max((other for other in below if key in self.operations[other][1]), default=-1)
            sum_of = sorted(other for other in below if other > version and key in self.operations[other][2])
            found.append((key, version, sum_of))
        return found

    def right_orders(self) -> set[tuple[int, ...]]:
        preset = range(len(self.operations))
        expected = [self.read(txn_idx, preset) for txn_idx in preset]
        return {
            order
            for order in permutations(preset)
            if all(
                self.read(txn_idx, order[:place]) == expected[txn_idx] for place, txn_idx in enumerate(order)
            )
        }

    def least_makespan(self, weights: Sequence[int]) -> int:
        """The shortest of all schedules whose reads are right, with whole starting times, on unlimited cores."""
        preset = range(len(self.operations))
        expected = [self.read(txn_idx, preset) for txn_idx in preset]
        lengths = []
        for starts in product(range(sum(weights)), repeat=len(weights)):
            ends = [start + weight for start, weight in zip(starts, weights, strict=True)]
            if all(
                self.read(txn_idx, [other for other in preset if ends[other] <= starts[txn_idx]])
                == expected[txn_idx]
                for txn_idx in preset
            ):
                lengths.append(max(ends, default=0))
        return min(lengths)


def accesses_under(block: Sequence[Txn], rules: Rules) -> Sequence[AccessSet]:
    balances = [frozenset(txn.moves or ()) for txn in block]
    fees = Fees(frozenset([FEE]), "", all_settle=True)
    # What else a transaction does with the balances that it moves value between is no part of a transfer.
    accesses = AccessRules([txn.accesses() for txn in block], fees, balances).under(rules)
    assert not isinstance(accesses, Unknown)
    return accesses


@pytest.mark.parametrize("rules", Rules)
@settings(max_examples=30, deadline=None)
@given(block=blocks(5))
def test_the_right_orders_are_those_that_keep_to_the_graph(rules: Rules, block: list[Txn]) -> None:
    graph = dependencies(accesses_under(block, rules))
    allowed = {
        order
        for order in permutations(range(len(block)))
        if all(graph.direct(txn_idx) <= set(order[:place]) for place, txn_idx in enumerate(order))
    }
    assert allowed == Memory(block, rules).right_orders()


@pytest.mark.parametrize("rules", Rules)
@settings(max_examples=12, deadline=None)
@given(data=st.data(), block=blocks(4))
def test_the_critical_path_is_the_shortest_right_schedule(
    rules: Rules, data: st.DataObject, block: list[Txn]
) -> None:
    weights = data.draw(st.lists(st.integers(1, 2), min_size=len(block), max_size=len(block)))
    graph = dependencies(accesses_under(block, rules))
    if block:
        assert critical_path(graph, weights) == Memory(block, rules).least_makespan(weights)
    else:
        assert critical_path(graph, weights) == 0


@settings(max_examples=40, deadline=None)
@given(blocks(8))
def test_each_set_of_rules_leaves_less_to_wait_for(block: list[Txn]) -> None:
    waits = [ancestors(accesses_under(block, rules)) for rules in Rules]
    for stricter, looser in pairwise(waits):
        assert all(few <= many for few, many in zip(looser, stricter, strict=True))


def ancestors(accesses: Sequence[AccessSet]) -> list[set[int]]:
    graph = dependencies(accesses)
    found: list[set[int]] = []
    for txn_idx in range(len(accesses)):
        direct = graph.direct(txn_idx)
        found.append(direct.union(*(found[earlier] for earlier in direct)))
    return found


random_accesses = st.lists(
    st.builds(lambda reads, writes, adds: AccessSet.of(AccessSet(reads, writes, adds)), keys, keys, keys),
    max_size=8,
)


@settings(deadline=None)
@given(random_accesses)
def test_conflicts_are_counted_as_defined(block: list[AccessSet]) -> None:
    def keys_of(access: AccessSet, kind: str) -> frozenset[bytes]:
        return {"read": access.reads, "write": access.writes, "add": access.adds}[kind]

    def met(later: int, key: bytes, kind: str) -> bool:
        return any(
            key in keys_of(block[earlier], kind)
            and (kind == "write" or key not in block[earlier].writes)
            and (kind == "write" or not any(key in block[i].writes for i in range(earlier + 1, later)))
            for earlier in range(later)
        )

    expected = dict.fromkeys(CONFLICT_KINDS, 0)
    for later, access in enumerate(block):
        for key in KEYS:
            for kind in CONFLICT_KINDS:
                does, _, found = kind.split("-")
                expected[kind] += key in keys_of(access, does) and met(later, key, found)
    assert conflicts(block) == expected


@settings(deadline=None)
@given(random_accesses)
def test_distances_and_independence_are_those_of_the_graph(block: list[AccessSet]) -> None:
    graph = dependencies(block)
    direct = [graph.direct(txn_idx) for txn_idx in range(len(block))]
    nearest = [txn_idx - max(waits) for txn_idx, waits in enumerate(direct) if waits]
    ranges = {low: sum(low <= distance < 2 * low for distance in nearest) for low in (1, 2, 4)}
    found = distances(graph)
    assert {low: found.get(low, 0) for low in (1, 2, 4)} == ranges
    assert sum(found.values()) == len(nearest)
    awaited = set().union(*direct)
    assert independent_transactions(graph) == sum(
        not waits and txn_idx not in awaited for txn_idx, waits in enumerate(direct)
    )


@settings(deadline=None)
@given(random_accesses, st.integers(0, 3))
def test_hot_keys_are_those_that_most_wait_for(block: list[AccessSet], count: int) -> None:
    weights = [place + 1 for place in range(len(block))]
    chained = {
        key: sum(
            key in access.reads and any(key in earlier.changes for earlier in block[:place])
            for place, access in enumerate(block)
        )
        for key in KEYS
    }
    found = hot_keys(block, weights, count)
    assert [hot.transactions for hot in found] == sorted(filter(None, chained.values()), reverse=True)[:count]
    for hot in found:
        assert chained[hot.key] == hot.transactions
        others = [
            AccessSet(access.reads - {hot.key}, access.writes - {hot.key}, access.adds - {hot.key})
            for access in block
        ]
        assert hot.bound == Bound.of(dependencies(others), weights)
        alone = ancestors([access.only(hot.key) for access in block])
        assert hot.longest_chain == longest_chain(alone)


def longest_chain(waits: Sequence[set[int]]) -> int:
    lengths: list[int] = []
    for waits_for in waits:
        lengths.append(1 + max((lengths[earlier] for earlier in waits_for), default=0))
    return max(lengths, default=0)


@settings(deadline=None)
@given(random_accesses, st.integers(1, 8))
def test_a_drawn_graph_says_just_who_waits_for_whom(block: list[AccessSet], nodes_max: int) -> None:
    graph = dependencies(block)
    weights = [1 + place % 3 for place in range(len(block))]
    drawn = drawn_transactions(graph, weights, nodes_max)
    edges = [
        tuple(int(node.strip(" t;")) for node in line.split("->"))
        for line in dot_lines(graph, weights, "gas", drawn, "title")
        if "->" in line
    ]
    waits = ancestors(block)
    reached = closure(edges, drawn)
    assert reached == {later: waits[later] & set(drawn) for later in drawn}
    for edge in edges:  # none follows from the others
        assert closure([other for other in edges if other != edge], drawn) != reached
    awaited = set().union(*waits)
    dependent = [txn_idx for txn_idx in range(len(block)) if waits[txn_idx] or txn_idx in awaited]
    assert len(drawn) == min(nodes_max, len(dependent))
    assert set(drawn) <= set(dependent)


def closure(edges: Sequence[tuple[int, ...]], nodes: Sequence[int]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for node in nodes:
        direct = {earlier for earlier, later in edges if later == node}
        found[node] = direct.union(*(found[earlier] for earlier in direct))
    return found
