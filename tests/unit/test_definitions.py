"""Figures by definition: shapes that tell the definitions apart, and a real block with figures of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from blockstm.analysis.accesses import AccessSet
from blockstm.analysis.definitions import (
    PAIRS_TRANSACTIONS_MAX,
    SOURCES,
    BusiestKey,
    DefinedFigures,
    Definition,
    Figure,
)
from blockstm.analysis.relations import Relation
from tests.support.solana_locks import locked_transactions

SLOT = Path(__file__).parents[3] / "shared" / "solana" / "254170887.json.zst"


def access(reads: str = "", writes: str = "", adds: str = "") -> AccessSet:
    return AccessSet(*(frozenset(key.encode() for key in each.split()) for each in (reads, writes, adds)))


def figures_of(block: list[AccessSet]) -> dict[tuple[Definition, Relation], Figure]:
    found = DefinedFigures(block, [1] * len(block), "transactions").figures()
    return {(each.definition, each.relation): each for each in found}


def test_a_component_is_not_a_chain() -> None:
    """Ten writers, and nine readers of the keys of two neighbours each: nobody waits for more than one other."""
    block = [access(writes=f"k{i}") for i in range(10)] + [access(reads=f"k{i} k{i + 1}") for i in range(9)]
    figures = figures_of(block)
    for relation in Relation:
        assert figures[Definition.LONGEST_CHAIN, relation].value == 2
        assert figures[Definition.LARGEST_COMPONENT, relation].share == 1
        assert figures[Definition.INDEPENDENT, relation].value == 0


def test_blind_writers_wait_under_locks_only() -> None:
    figures = figures_of([access(writes="k")] * 5)
    chains = [figures[Definition.LONGEST_CHAIN, relation].value for relation in Relation]
    assert chains == [1, 5, 5]
    assert [figures[Definition.INDEPENDENT, relation].share for relation in Relation] == [1, 0, 0]
    assert figures[Definition.WRITE_WRITE, Relation.CONFLICT].share == 1
    assert figures[Definition.BUSIEST_KEY, Relation.CONFLICT].share == 1


def test_a_writer_after_readers_is_a_conflict_and_no_more() -> None:
    figures = figures_of([access(reads="k"), access(reads="k"), access(writes="k")])
    assert [figures[Definition.PAIRS, relation].value for relation in Relation] == [0, 0, 2]
    assert figures[Definition.READ_WRITE, Relation.CONFLICT].share == 1
    assert figures[Definition.PAIRS, Relation.CONFLICT].share == 2 / 3


def test_the_hub_of_a_star_has_all_pairs() -> None:
    figures = figures_of([access(writes="k"), *[access(reads="k")] * 6])
    hub = figures[Definition.HUB, Relation.CONFLICT]
    assert (hub.value, hub.share) == (6, 1)
    apart = figures_of([access(writes="k"), access(reads="k"), access(writes="l"), access(reads="l")])
    assert apart[Definition.HUB, Relation.CONFLICT].share == 0.5


def test_adds_commute_with_each_other_alone() -> None:
    figures = figures_of([*[access(adds="k")] * 3, access(writes="k"), access(adds="k")])
    assert figures[Definition.PAIRS, Relation.CONFLICT].value == 4
    assert figures[Definition.WRITE_WRITE, Relation.CONFLICT].value == 4
    assert figures[Definition.BUSIEST_KEY, Relation.CONFLICT].value == 1


def test_of_keys_that_weigh_the_same_the_busiest_has_more_writers() -> None:
    block = [access(writes="a"), access(writes="b"), access(writes="b"), access(reads="c")]
    assert BusiestKey.of(block, [6, 3, 3, 9]) == BusiestKey(b"b", 2, 6)
    assert BusiestKey.of(block, [7, 3, 3, 9]) == BusiestKey(b"a", 1, 7)
    assert BusiestKey.of([access(reads="a", adds="b")], [1]) is None


def test_pairs_of_long_blocks_are_not_counted() -> None:
    long, longest = ([access()] * count for count in (PAIRS_TRANSACTIONS_MAX + 1, PAIRS_TRANSACTIONS_MAX))
    assert (Definition.PAIRS, Relation.CONFLICT) not in figures_of(long)
    assert figures_of(longest)[Definition.PAIRS, Relation.CONFLICT].value == 0


def test_all_relations_and_definitions_have_a_source() -> None:
    kinds = {Definition.WRITE_WRITE, Definition.READ_WRITE}  # as write-read
    assert set(SOURCES) == {*Relation, *Definition} - kinds


@pytest.mark.skipif(not SLOT.is_file(), reason=f"{SLOT}, a block of Solana's main network, is not here")
def test_a_solana_block_has_the_figures_that_others_computed() -> None:
    """The expected ones stand in the folder's README; they were computed with `solders`, not with this decoder."""
    block = locked_transactions(SLOT)
    assert (len(block), sum(each.failed for each in block)) == (602, 305)
    compute_units = [each.compute_units for each in block]
    assert sum(compute_units) == 44_915_082
    assert round(sum(len(each.writable) for each in block) / 602, 1) == 11.0
    assert round(sum(len(each.read_only) for each in block) / 602, 1) == 6.9
    accesses = [AccessSet(each.read_only | each.writable, each.writable) for each in block]
    found = {
        (each.definition, each.unit): each
        for each in DefinedFigures(accesses, compute_units, "gas").figures()
        if each.relation == Relation.CONFLICT
    }
    assert found[Definition.LONGEST_CHAIN, "transactions"].value == 29
    assert found[Definition.LARGEST_COMPONENT, "transactions"].value == 402
    assert round(found[Definition.INDEPENDENT, "transactions"].share or 0, 2) == 0.27
    assert round(1 / (found[Definition.HEAVIEST_CHAIN, "gas"].share or 1), 1) == 7.9
