"""The figures by each definition, on small random blocks: all pairs, all chains and all components are tried."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from blockstm.analysis.accesses import AccessSet
from blockstm.analysis.definitions import BusiestKey, DefinedFigures, Definition
from blockstm.analysis.relations import ConflictKind, Relation, conflict_graph, degrees, related

KEYS = (b"a", b"b", b"c", b"d")
keys = st.frozensets(st.sampled_from(KEYS), max_size=2)
blocks = st.lists(
    st.builds(lambda reads, writes, adds: AccessSet.of(AccessSet(reads, writes, adds)), keys, keys, keys),
    max_size=7,
)
Pairs = set[tuple[int, int]]


def conflict_kinds(earlier: AccessSet, later: AccessSet) -> set[ConflictKind]:
    """In which ways two transactions conflict, key by key."""
    found = set()
    for key in KEYS:
        both_add = key in earlier.adds and key in later.adds
        if key in earlier.changes and key in later.reads:
            found.add(ConflictKind.WRITE_READ)
        if key in earlier.changes and key in later.changes and not both_add:
            found.add(ConflictKind.WRITE_WRITE)
        if key in earlier.reads and key in later.changes:
            found.add(ConflictKind.READ_WRITE)
    return found


def pairs_of(block: Sequence[AccessSet], relation: Relation) -> Pairs:
    """The pairs that a relation relates, by its definition."""
    match relation:
        case Relation.TRUE_DEPENDENCY:
            return {
                (i, j)
                for i, j in combinations(range(len(block)), 2)
                for key in block[i].changes & block[j].reads
                if not any(key in block[between].writes for between in range(i + 1, j))
            }
        case Relation.ACCESS_AFTER_WRITE:
            counted = {ConflictKind.WRITE_READ, ConflictKind.WRITE_WRITE}
        case Relation.CONFLICT:
            counted = set(ConflictKind)
    return {
        (i, j) for i, j in combinations(range(len(block)), 2) if conflict_kinds(block[i], block[j]) & counted
    }


def heaviest_chain(found: Pairs, weights: Sequence[int]) -> int:
    """Of all sets of transactions of which each is related to the one before, the heaviest."""
    everybody = range(len(weights))
    return max(
        sum(weights[txn_idx] for txn_idx in chain)
        for size in range(len(weights) + 1)
        for chain in combinations(everybody, size)
        if all(pair in found for pair in pairwise(chain))
    )


def heaviest_component(found: Pairs, weights: Sequence[int]) -> int:
    """Of all sets of transactions that no pair leads out of, but for which it is so of no smaller part."""
    everybody = range(len(weights))
    closed = [
        set(chosen)
        for size in range(1, len(weights) + 1)
        for chosen in combinations(everybody, size)
        if all((i in chosen) == (j in chosen) for i, j in found)
    ]
    smallest = [each for each in closed if not any(other < each for other in closed)]
    return max((sum(weights[txn_idx] for txn_idx in each) for each in smallest), default=0)


def expected_figures(
    block: Sequence[AccessSet], weights: Sequence[int]
) -> dict[tuple[Definition, Relation, str], int]:
    count = len(block)
    found: dict[tuple[Definition, Relation, str], int] = {}
    for relation in Relation:
        related_pairs = pairs_of(block, relation)
        degree = [sum(txn_idx in pair for pair in related_pairs) for txn_idx in range(count)]
        found[Definition.LONGEST_CHAIN, relation, "transactions"] = heaviest_chain(related_pairs, [1] * count)
        found[Definition.HEAVIEST_CHAIN, relation, "gas"] = heaviest_chain(related_pairs, weights)
        for unit, each in (("transactions", [1] * count), ("gas", weights)):
            found[Definition.LARGEST_COMPONENT, relation, unit] = heaviest_component(related_pairs, each)
            found[Definition.INDEPENDENT, relation, unit] = sum(
                weight for weight, partners in zip(each, degree, strict=True) if not partners
            )
        found[Definition.PAIRS, relation, "pairs"] = len(related_pairs)
        found[Definition.HUB, relation, "pairs"] = max(degree, default=0)
    for definition, kind in (
        (Definition.WRITE_READ, ConflictKind.WRITE_READ),
        (Definition.WRITE_WRITE, ConflictKind.WRITE_WRITE),
        (Definition.READ_WRITE, ConflictKind.READ_WRITE),
    ):
        found[definition, Relation.CONFLICT, "pairs"] = sum(
            kind in conflict_kinds(earlier, later) for earlier, later in combinations(block, 2)
        )
    writers = {key: [idx for idx, access in enumerate(block) if key in access.writes] for key in KEYS}
    weighed = [(sum(weights[idx] for idx in each), len(each)) for each in writers.values() if each]
    if weighed:
        weight, transactions = max(weighed)
        found[Definition.BUSIEST_KEY, Relation.CONFLICT, "transactions"] = transactions
        found[Definition.BUSIEST_KEY, Relation.CONFLICT, "gas"] = weight
    return found


@settings(deadline=None)
@given(blocks, st.data())
def test_each_figure_is_that_of_its_definition(block: list[AccessSet], data: st.DataObject) -> None:
    weights = data.draw(st.lists(st.integers(0, 9), min_size=len(block), max_size=len(block)))
    figures = list(DefinedFigures(block, weights, "gas").figures())
    found = {(each.definition, each.relation, each.unit): each.value for each in figures}
    assert len(found) == len(figures)
    expected = expected_figures(block, weights)
    assert found == expected
    wholes = {"transactions": len(block), "gas": sum(weights)}
    for each in figures:
        match each.definition:
            case Definition.PAIRS:
                whole = len(list(combinations(block, 2)))
            case Definition.HUB:
                whole = expected[Definition.PAIRS, each.relation, "pairs"]
            case Definition.WRITE_READ | Definition.WRITE_WRITE | Definition.READ_WRITE:
                whole = expected[Definition.PAIRS, Relation.CONFLICT, "pairs"]
            case _:
                whole = wholes[each.unit]
        assert each.share == (each.value / whole if whole else None)


@settings(deadline=None)
@given(blocks)
def test_graphs_say_who_is_related_to_whom(block: list[AccessSet]) -> None:
    everybody = range(len(block))
    for relation in Relation:
        graph, expected = related(block, relation), pairs_of(block, relation)
        assert {(i, j) for j in everybody for i in graph.direct(j)} == expected
        assert degrees(graph) == [sum(txn_idx in pair for pair in expected) for txn_idx in everybody]
    for kind in ConflictKind:
        graph = conflict_graph(block, [kind])
        assert {(i, j) for j in everybody for i in graph.direct(j)} == {
            (i, j) for i, j in combinations(everybody, 2) if kind in conflict_kinds(block[i], block[j])
        }


@settings(deadline=None)
@given(blocks)
def test_each_relation_relates_at_least_those_of_the_one_before(block: list[AccessSet]) -> None:
    few, more, all_conflicts = (pairs_of(block, relation) for relation in Relation)
    assert few <= more <= all_conflicts
    figures = {
        (each.definition, each.relation): each.value
        for each in DefinedFigures(block, [1] * len(block), "transactions").figures()
    }
    for stricter, looser in pairwise(Relation):
        for definition in (Definition.LONGEST_CHAIN, Definition.LARGEST_COMPONENT):
            assert figures[definition, stricter] <= figures[definition, looser]
        assert figures[Definition.INDEPENDENT, stricter] >= figures[Definition.INDEPENDENT, looser]
    # The writers of a key are a chain where writes exclude each other.
    busiest = figures.get((Definition.BUSIEST_KEY, Relation.CONFLICT), 0)
    assert busiest <= figures[Definition.LONGEST_CHAIN, Relation.ACCESS_AFTER_WRITE]


@settings(deadline=None)
@given(blocks)
def test_the_busiest_key_does_not_depend_on_the_order(block: list[AccessSet]) -> None:
    weights = [1 + place % 3 for place in range(len(block))]
    found = BusiestKey.of(block, weights)
    assert found == BusiestKey.of(block[::-1], weights[::-1])
