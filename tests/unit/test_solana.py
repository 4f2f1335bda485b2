"""Solana blocks: a made-up one in every encoding of a node's, and a real one with independent figures."""

from __future__ import annotations

import base64
import copy
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from blockstm import Block, Engine
from blockstm.chains import chain_block_of, conventions_of
from blockstm.errors import SolanaInputError
from blockstm.models.lock_scheduling import GraphScheduler, GreedyScheduler, LockSet, schedule_locks
from blockstm.models.lock_scheduling.conflict_graph import ConflictGraph
from blockstm.models.lock_scheduling.locks import numbered_locks
from blockstm.programs import trace
from blockstm.results.outcomes import Outcomes
from blockstm.results.verify import differences
from blockstm.solana.base58 import decoded_base58, encoded_base58
from blockstm.solana.record import record_solana
from tests.support.lock_reference import conflicts
from tests.support.prio_graph_program import RecordedGraph, crate_answers
from tests.support.solana import (
    COMPUTE_UNITS,
    ENCODINGS,
    REQUESTED,
    SYSTEM,
    TAKEN,
    Pubkey,
    VersionedTransaction,
    told_block,
)

REAL = Path(__file__).resolve().parents[3] / "shared" / "solana" / "254170887.json.zst"


def recorded(told: object, folder: Path, **options: Any) -> Block:
    source, target = folder / "block.json", folder / "made.block"
    source.write_text(json.dumps(told))
    record_solana(source, target, **options)
    return Block.load(target)


def locks(block: Block) -> list[tuple[set[Pubkey], set[Pubkey]]]:
    """What each transaction declares: the accounts that it may write to, and those that it may only read."""
    found = []
    for transaction in block:
        assert transaction.declared is not None and transaction.recorded is not None
        assert transaction.declared.adds == ()
        assert set(transaction.declared.writes) <= set(transaction.declared.reads)
        assert set(transaction.recorded.reads or ()) == set(transaction.declared.reads)
        assert set(transaction.recorded.writes or ()) == set(transaction.declared.writes)
        writable = set(map(Pubkey.from_bytes, transaction.declared.writes))
        found.append((writable, set(map(Pubkey.from_bytes, transaction.declared.reads)) - writable))
    return found


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_tells_the_same_locks(encoding: str, tmp_path: Path) -> None:
    block = recorded(told_block(encoding), tmp_path, slot=43)
    assert (block.chain, block.number) == ("solana", 43)
    assert locks(block) == TAKEN
    assert [transaction.program for transaction in block] == [trace] * len(block)
    assert [transaction.arguments[3] for transaction in block] == COMPUTE_UNITS
    assert [each.recorded and each.recorded.gas_used for each in block] == COMPUTE_UNITS
    about: Any = block.meta["solana"]
    assert about["votes"] == [0]
    assert about["failures"] == {"InstructionError 2 Custom 30": [1], "AccountInUse": [3]}
    assert (about["parent_slot"], about["block_height"]) == (41, 30)


@pytest.mark.parametrize("encoding", ENCODINGS[:-1])
def test_locks_as_they_are_requested(encoding: str, tmp_path: Path) -> None:
    assert locks(recorded(told_block(encoding), tmp_path, as_requested=True)) == REQUESTED


def test_parsed_accounts_do_not_tell_what_was_requested(tmp_path: Path) -> None:
    with pytest.raises(SolanaInputError, match="jsonParsed does not tell which locks were requested"):
        recorded(told_block("jsonParsed"), tmp_path, as_requested=True)


def test_a_block_without_its_slot_has_no_number(tmp_path: Path) -> None:
    told = {"jsonrpc": "2.0", "id": 1, "result": told_block("base64") | {"blockHeight": None}}
    block = recorded(told, tmp_path)
    assert block.number is None
    assert block.meta["solana"]["block_height"] is None  # type: ignore[index]


def test_what_commands_know_of_a_run(tmp_path: Path, shared_engine: Engine) -> None:
    block = recorded(told_block("json"), tmp_path)
    chain = chain_block_of(block)
    assert chain is not None
    result = shared_engine.execute(block)
    outcomes = Outcomes.of(result, chain)
    assert (outcomes.succeeded, outcomes.reverted, outcomes.failed) == (3, 0, 2)
    assert [chain.receipt_outcome(receipt) for receipt in result.receipts][:2] == [
        {"vote": True, "err": None},
        {"vote": False, "err": "InstructionError 2 Custom 30"},
    ]
    assert conventions_of("solana").key_name(bytes(SYSTEM)) == str(SYSTEM)
    assert conventions_of("solana").key_name(b"short") == "short"


@pytest.mark.parametrize(
    ("about", "message"),
    [
        (5, "meta solana: it is 5, not a JSON object"),
        ({"votes": [], "failures": []}, "failures: it is .*, not a JSON object"),
        ({"failures": {}}, "field votes is missing"),
        ({"votes": [7], "failures": {}}, "field votes names transaction 7, but the block has 0"),
        ({"votes": [], "failures": {"x": [True]}}, "field x names transaction True"),
    ],
)
def test_a_block_that_says_something_odd_is_refused(about: Any, message: str) -> None:
    with pytest.raises(SolanaInputError, match=f"{message}.*; record the block again$"):
        chain_block_of(Block([], meta={"solana": about}))


def places(told: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in JSON."""
    inside = told.items() if isinstance(told, dict) else enumerate(told) if isinstance(told, list) else ()
    for name, value in inside:
        yield (*place, name)
        yield from places(value, (*place, name))


some_json = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 300),
    st.text(max_size=3),
    st.just([]),
    st.just({}),
    st.just([[]]),
)
TOLD = {encoding: told_block(encoding) for encoding in ENCODINGS}


@settings(max_examples=300)
@given(st.sampled_from(ENCODINGS), st.data())
def test_whatever_is_told_is_taken_or_refused(encoding: str, data: st.DataObject) -> None:
    told = copy.deepcopy(TOLD[encoding])
    *outer, name = data.draw(st.sampled_from(list(places(told))))
    inside = told
    for each in outer:
        inside = inside[each]
    if data.draw(st.booleans()):
        del inside[name]
    else:
        inside[name] = data.draw(some_json)
    with TemporaryDirectory() as folder, suppress(SolanaInputError):
        # A list without transactions is a block without any.
        assert len(recorded(told, Path(folder))) in ((4, 5) if told.get("transactions") else (0,))


@given(st.binary(max_size=64))
def test_base58_comes_back(data: bytes) -> None:
    assert decoded_base58(encoded_base58(data)) == data


@given(st.binary(min_size=32, max_size=32))
def test_accounts_are_written_as_solana_writes_them(data: bytes) -> None:
    assert encoded_base58(data) == str(Pubkey.from_bytes(data))


@pytest.mark.parametrize("text", ["0", "O", "I", "l", "é", " 1", "1" * 2049, None, b"1"])
def test_other_text_is_not_base58(text: object) -> None:
    with pytest.raises(ValueError, match="a text in base58"):
        decoded_base58(text)


@pytest.fixture(scope="module")
def told() -> Any:
    if not REAL.exists():
        pytest.skip(f"the recorded block is not at {REAL}")
    with zstandard.open(REAL, "rb") as file:
        return json.load(file)


@pytest.fixture(scope="module", params=[False, True], ids=["taken", "requested"])
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Block, bool]:
    if not REAL.exists():
        pytest.skip(f"the recorded block is not at {REAL}")
    target = tmp_path_factory.mktemp("solana") / "made.block"
    record_solana(REAL, target, slot=254_170_887, as_requested=request.param)
    return Block.load(target), request.param


def lock_sets(block: Block) -> list[LockSet]:
    return [LockSet.of(each.declared) for each in block if each.declared is not None]


def waits_for(accesses: Sequence[LockSet]) -> list[list[int]]:
    """For each transaction all before it with which it conflicts."""
    return [
        [earlier for earlier in range(later) if conflicts(accesses[earlier], accesses[later])]
        for later in range(len(accesses))
    ]


def test_a_real_block_has_the_figures_that_others_have_found(real: tuple[Block, bool]) -> None:
    """The figures of shared/solana/README.md, computed with solders, are of the locks as they are requested.

    Three transactions request to write to the System program, which none may; all that read it would wait.
    """
    block, as_requested = real
    about: Any = block.meta["solana"]
    costs = [each.recorded.gas_used or 0 for each in block if each.recorded is not None]
    assert (len(block), len(about["votes"]), sum(map(len, about["failures"].values()))) == (602, 158, 305)
    assert (sum(costs), block.number) == (44_915_082, 254_170_887)
    accesses = lock_sets(block)
    written, read = (sum(len(getattr(each, kind)) for each in accesses) for kind in ("writes", "reads"))
    assert (round(written / 602, 1), round(read / 602, 1)) == (11.0, 6.9 if as_requested else 7.0)

    waits = waits_for(accesses)
    longest, heaviest, groups = [0] * 602, [0] * 602, list(range(602))
    for txn, earlier in enumerate(waits):
        longest[txn] = 1 + max((longest[each] for each in earlier), default=0)
        heaviest[txn] = costs[txn] + max((heaviest[each] for each in earlier), default=0)
        joined = {groups[each] for each in earlier}
        groups = [txn if group in joined else group for group in groups]
    component = Counter(groups).most_common(1)[0][1]
    assert (max(longest), component) == ((29, 402) if as_requested else (21, 256))
    assert round(sum(costs) / max(heaviest), 1) == 7.9


@pytest.mark.parametrize("real", [True], ids=["requested"], indirect=True)
def test_a_real_block_locks_what_solders_says(real: tuple[Block, bool], told: Any) -> None:
    block, _ = real
    for (writable, readonly), entry in zip(locks(block), told["transactions"], strict=True):
        message = VersionedTransaction.from_bytes(base64.b64decode(entry["transaction"][0])).message
        loaded = {
            kind: {Pubkey.from_string(each) for each in entry["meta"]["loadedAddresses"][kind]}
            for kind in ("writable", "readonly")
        }
        named = set(message.account_keys)
        assert writable | readonly == named | loaded["writable"] | loaded["readonly"]
        assert loaded["writable"] <= writable
        if entry["version"] == 0:
            keys = enumerate(message.account_keys)
            assert writable & named == {key for place, key in keys if message.is_maybe_writable(place)}


def test_a_real_block_runs_as_well_as_any(real: tuple[Block, bool], shared_engine: Engine) -> None:
    block, _ = real
    first = shared_engine.execute(block, "sequential")
    assert differences(first, shared_engine.execute(block)) == []
    chain = chain_block_of(block)
    assert chain is not None and Outcomes.of(first, chain).failed == 305


def test_the_scheduler_decides_on_a_real_block_as_the_crate_does(
    real: tuple[Block, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    block, _ = real
    log: list[tuple[str, str]] = []
    monkeypatch.setattr(RecordedGraph, "log", log, raising=False)
    monkeypatch.setattr("blockstm.models.lock_scheduling.graph.ConflictGraph", RecordedGraph)
    costs = [each.recorded.gas_used or 0 for each in block if each.recorded is not None]
    for scheduler in (GraphScheduler(), GraphScheduler(look_ahead=64)):
        schedule_locks(lock_sets(block), costs, 4, scheduler)
    assert len(log) > 4 * len(block)
    assert crate_answers(operation for operation, _ in log) == [answer for _, answer in log]


def test_levels_of_a_real_block_are_its_longest_chain(real: tuple[Block, bool]) -> None:
    block, as_requested = real
    graph, levels = ConflictGraph(), 0
    for place, needed in enumerate(numbered_locks(lock_sets(block))[0]):
        graph.insert(place, needed.reads, needed.writes)
    while level := list(iter(graph.pop, None)):
        levels += 1
        for place in level:
            graph.unblock(place)
    assert levels == (29 if as_requested else 21)


@pytest.mark.parametrize("real", [False], ids=["taken"], indirect=True)
@pytest.mark.parametrize("budget", [1_000_000, 60_000_000])
def test_a_real_block_is_scheduled_within_its_bounds(real: tuple[Block, bool], budget: int) -> None:
    """The graph keeps the order of those that conflict, so the heaviest chain is a bound; greedy may beat that."""
    block, _ = real
    accesses, costs = lock_sets(block), [int(each.arguments[3]) for each in block]  # type: ignore[call-overload]
    for workers in (1, 4, 16):
        for scheduler, bound in (
            (GreedyScheduler(budget_compute_units=budget), workers),
            (GraphScheduler(budget_compute_units=budget), min(workers, 7.9)),
        ):
            made = schedule_locks(accesses, costs, workers, scheduler)
            assert sorted(made.order) == list(range(602))
            gained = sum(costs) / made.makespan_compute_units
            assert gained == 1 if workers == 1 else 1.2 < gained <= bound
