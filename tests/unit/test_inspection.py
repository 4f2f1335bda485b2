"""What is told of a block: where accesses come from, what keys mean, and which rules cannot be told apart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from blockstm import Block, Engine, EthereumInputError, Recorded, Transaction, UsageError
from blockstm.analysis import AccessSet
from blockstm.analysis.bounds import CORES
from blockstm.analysis.conventions import Conventions, Fees, Unknown
from blockstm.analysis.definitions import DefinedFigures
from blockstm.analysis.inspection import Inspection, inspect_block
from blockstm.analysis.profile import executed_profile, recorded_profile
from blockstm.analysis.rules import Rules
from blockstm.blocks.access_trace import read_access_trace
from blockstm.chains import conventions_of, register_conventions
from blockstm.ethereum.rules.environment import Environment
from blockstm.ethereum.rules.keys import (
    ENVIRONMENT_KEY,
    balance_key,
    block_hash_key,
    code_key,
    nonce_key,
    storage_key,
)
from blockstm.programs.built_in import trace, transfer

ROOT = Path(__file__).parent.parent.parent
SHARED = ROOT.parent / "shared" / "ethereum"
A, B, MINER = (letter * 20 for letter in (b"\xaa", b"\xbb", b"\xcc"))
GAS = 21_000


def traced(reads: list[bytes], writes: list[bytes], adds: list[bytes], gas: int = GAS) -> Transaction:
    return Transaction(trace, (reads, writes, dict.fromkeys(adds, 1), gas), None, Recorded(gas, gas * 1e-8))


def payment(sender: bytes, receiver: bytes, *, gas: int = GAS, fee: bool = True) -> Transaction:
    own = [nonce_key(sender), balance_key(sender)]
    return traced(own, own, [balance_key(receiver), *([balance_key(MINER)] if fee else [])], gas)


def inspected(block: Block, **options: object) -> Inspection:
    profile = recorded_profile(block)
    assert profile is not None
    return inspect_block(block, profile, conventions_of(block.chain), **options)  # type: ignore[arg-type]


def chain_lengths(inspection: Inspection) -> dict[str, int]:
    return {str(rules): outcome.longest_chain for rules, outcome in inspection.outcomes.items()}


def test_what_each_optimisation_is_worth() -> None:
    """Ten pay one receiver, who pays another in the end: by hand."""
    senders = [bytes([number]) * 20 for number in range(1, 11)]
    block = Block([*(payment(sender, A) for sender in senders), payment(A, B)], chain="ethereum")
    inspection = inspected(block)
    assert chain_lengths(inspection) == {
        "fees-as-dependencies": 11,
        "fees-commutative": 11,  # each credit reads the receiver's balance
        "credits-commutative": 2,
        "lazy-transfers": 1,
    }
    unlimited = {rules: outcome.bounds["gas"].unlimited for rules, outcome in inspection.outcomes.items()}
    assert list(unlimited.values()) == [1, 1, 5.5, 11]
    assert inspection.outcome.bounds["gas"].cores[4] == 11 / 4
    assert inspection.fees == Fees(
        frozenset([balance_key(MINER)]), "11 of 11 transactions change it", all_settle=True
    )
    assert inspection.conflicts["read-after-add"] == 1
    assert inspection.conflicts["add-after-add"] == 9 + 10
    assert [(hot.key, hot.transactions, hot.bound.unlimited) for hot in inspection.hot_keys] == [
        (balance_key(A), 1, 11)
    ]


def test_nonces_stay_where_transfers_are_lazy_and_other_transactions_read() -> None:
    block = Block([payment(A, B), payment(A, B), payment(B, A, gas=50_000)], chain="ethereum")
    outcomes = inspected(block).outcomes
    graph = outcomes[Rules.LAZY_TRANSFERS].graph
    assert [graph.direct(txn_idx) for txn_idx in range(3)] == [set(), {0}, {0, 1}]


def test_a_fee_of_zero_is_settled_too_where_anybody_pays() -> None:
    senders = [bytes([number]) * 20 for number in range(1, 6)]
    payments = [payment(sender, b"\xdd" * 19 + sender[:1], fee=sender != senders[2]) for sender in senders]
    assert chain_lengths(inspected(Block(payments, chain="ethereum")))["fees-as-dependencies"] == 5
    # On a chain that is not known only those that touch the key do.
    lengths = chain_lengths(inspected(Block(payments), fee_keys=frozenset([balance_key(MINER)])))
    assert lengths["fees-as-dependencies"] == 4


def test_of_an_unknown_chain_it_says_what_it_cannot_tell() -> None:
    block = Block([payment(A, B), payment(B, A)])
    inspection = inspected(block)
    assert list(inspection.outcomes) == [Rules.CREDITS_COMMUTATIVE]
    assert list(inspection.not_told) == [
        Rules.FEES_AS_DEPENDENCIES,
        Rules.FEES_COMMUTATIVE,
        Rules.LAZY_TRANSFERS,
    ]
    found = inspection.output("x.block").as_json()
    assert {entry["rules"] for entry in found["bounds"]} == {"credits-commutative"}
    assert "--fee-key" in found["not_told"][0]["reason"]
    assert "fees" not in found
    with pytest.raises(UsageError, match=r"^rules fees-commutative: .*--fee-key"):
        inspected(block, rules=Rules.FEES_COMMUTATIVE)


def test_who_is_paid_is_not_guessed_from_a_tie() -> None:
    conventions = conventions_of("ethereum")
    tie = [AccessSet(adds=frozenset([balance_key(A), balance_key(B)]))] * 3
    few = [*tie[:1], *[AccessSet(writes=frozenset([nonce_key(A)]))] * 2]
    for accesses in (tie, few):
        found = conventions.fees(Block([]), accesses)
        assert isinstance(found, Unknown)
        assert "--fee-key" in found.reason
    nobody = conventions.fees(Block([]), [AccessSet(writes=frozenset([balance_key(A)]))])
    assert isinstance(nobody, Fees)
    assert nobody.keys == frozenset()


def test_the_environment_names_who_is_paid() -> None:
    environment = Environment("cancun", 1, 7, A, 1, 0, bytes(32), 30_000_000, 7, 0)
    conventions = conventions_of("ethereum")
    accesses = [
        AccessSet(adds=frozenset([balance_key(A)])),
        *[AccessSet(adds=frozenset([balance_key(B)]))] * 3,
    ]
    for state, key in (({ENVIRONMENT_KEY: environment.encoded()}, balance_key(A)), ({}, balance_key(B))):
        fees = conventions.fees(Block([], state), accesses)
        assert isinstance(fees, Fees)
        assert fees.keys == {key}
    with pytest.raises(EthereumInputError, match="environment"):
        conventions.fees(Block([], {ENVIRONMENT_KEY: b"\xc1"}), accesses)


@pytest.mark.parametrize(
    ("chain", "key", "name"),
    [
        ("ethereum", balance_key(A), f"balance of 0x{'aa' * 20}"),
        ("eip155:10", nonce_key(A), f"nonce of 0x{'aa' * 20}"),
        ("ethereum", code_key(B), f"code of 0x{'bb' * 20}"),
        ("ethereum", storage_key(A, 258), f"slot 0x102 of 0x{'aa' * 20}"),
        ("ethereum", storage_key(A, 0, 3), f"slot 0x0 of 0x{'aa' * 20} (storage 3)"),
        ("ethereum", block_hash_key(7), "hash of block 7"),
        ("ethereum", ENVIRONMENT_KEY, "the block's environment"),
        ("ethereum", b"s12", "s12"),
        (None, b"shop", "shop"),
        ("other", b"\x00\xff", "0x00ff"),
        (None, b"", "0x"),
        (None, b"a\nb", "0x610a62"),
    ],
)
def test_names_of_keys(chain: str | None, key: bytes, name: str) -> None:
    assert conventions_of(chain).key_name(key) == name


def test_other_chains_can_name_their_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    class Shop(Conventions):
        def key_name(self, key: bytes) -> str:
            return f"shelf {key[0]}"

    monkeypatch.setattr("blockstm.chains.registry._registered", {})
    register_conventions("shop", Shop())
    assert conventions_of("shop").key_name(b"\x07") == "shelf 7"


def test_where_accesses_and_weights_come_from(shared_engine: Engine) -> None:
    keys = [b"a", b"b"]
    full = Recorded(7, 0.5, reads=(b"x",), writes=(b"y",), adds={b"z": 1, b"x": 2})
    move = Transaction(transfer, (*keys, 1), None, full)
    recorded = recorded_profile(Block([move]))
    assert recorded is not None
    assert recorded.accesses == [AccessSet(frozenset([b"x"]), frozenset([b"x", b"y"]), frozenset([b"z"]))]
    assert dict(recorded.weights) == {"gas": [7], "seconds": [0.5]}

    partly = Block([move, transfer.txn(*keys, 1)], {b"a": b"\x09"})
    assert recorded_profile(partly) is None
    result = shared_engine.execute(partly, "sequential", timed=True)
    executed = executed_profile(partly, result, measured=False)
    assert executed.accesses == [AccessSet(frozenset(keys), frozenset(keys))] * 2
    assert executed.gas_used == [21_000, 21_000]
    assert (executed.source, executed.seconds_source) == ("executed", "executed")

    timed = Block([Transaction(transfer, (*keys, 1), None, Recorded(3, 4.0))], {b"a": b"\x09"})
    result = shared_engine.execute(timed, "sequential", timed=True)
    assert executed_profile(timed, result, measured=False).weights == {"gas": [3], "seconds": [4.0]}
    measured = executed_profile(timed, result, measured=True)
    assert measured.gas_used == [21_000]
    assert measured.seconds != [4.0]


def test_the_program_transfer_is_a_plain_transfer(shared_engine: Engine) -> None:
    block = Block(
        [transfer.txn(b"a", b"b", 1), transfer.txn(b"a", b"c", 1), transfer.txn(b"x", b"a", 1)],
        {b"a": b"\x09"},
    )
    profile = executed_profile(block, shared_engine.execute(block, "sequential", timed=True), measured=True)
    inspection = inspect_block(block, profile, conventions_of(None))
    lazy = inspection.outcomes[Rules.LAZY_TRANSFERS].graph
    assert [lazy.direct(txn_idx) for txn_idx in range(2)] == [set(), set()]
    assert lazy.direct(2) == {0, 1}  # it was reverted, for what it read
    assert inspection.outcome.longest_chain == 3


def test_blocks_of_nothing() -> None:
    for block in (
        Block([]),
        Block([], chain="ethereum"),
        Block([traced([], [], [], gas=0)], chain="ethereum"),
    ):
        found = json.loads(json.dumps(inspected(block).output("x.block").as_json()))
        assert found["transactions"] == len(block)
        assert found["longest_chain"] == len(block)
        assert found["hot_keys"] == []


def test_weights_that_are_not_known_are_refused() -> None:
    block = Block([Transaction(trace, ([], [], {}, 0), None, None)])
    assert [entry.weight for entry in inspected(block).output("x.block").bounds] == ["transactions"]
    with pytest.raises(UsageError, match="seconds is not known for every transaction; known: transactions"):
        inspected(block, weight="seconds")


def real_blocks() -> Iterator[Block]:
    for folder in sorted(SHARED.iterdir()):
        if folder.name.isdigit():
            yield read_access_trace(folder / "trace.jsonl.zst")


@pytest.mark.skipif(
    not SHARED.is_dir(), reason=f"{SHARED} with recorded blocks of Ethereum's main network is not here"
)
def test_46_real_blocks_are_one_chain_if_fees_are_dependencies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other figures are those found with the sets of rules applied by hand (docs/how-to/ethereum.md)."""
    # Not looked at here, and most of what takes time; tests/property/test_definitions.py is about them.
    monkeypatch.setattr(DefinedFigures, "figures", lambda _: [])
    total: dict[Rules, float] = dict.fromkeys(Rules, 0)
    on_two_cores, paths, count = dict(total), dict(total), 0
    for block in real_blocks():
        count += 1
        inspection = inspected(block, top=0)
        assert list(inspection.outcomes) == list(Rules)
        for rules, outcome in inspection.outcomes.items():
            bound = outcome.bounds.get("gas")
            if bound is None or bound.unlimited is None:
                continue
            gas = sum(inspection.profile.weights["gas"])
            total[rules] += gas
            paths[rules] += bound.critical_path
            on_two_cores[rules] += gas / bound.cores[2]
            if rules == Rules.FEES_AS_DEPENDENCIES and paid(inspection) > 1:
                assert bound.unlimited == 1
                assert list(bound.cores.values()) == [1] * len(CORES)
                assert outcome.longest_chain == len(block)
    assert count == 46
    speedups = {
        rules: (round(total[rules] / on_two_cores[rules], 3), round(total[rules] / paths[rules], 3))
        for rules in Rules
    }
    assert speedups[Rules.CREDITS_COMMUTATIVE] == (1.540, 2.540)
    assert speedups[Rules.LAZY_TRANSFERS] == (1.544, 2.559)


def paid(inspection: Inspection) -> int:
    """How many transactions pay a fee."""
    assert isinstance(inspection.fees, Fees)
    return sum(bool(access.changes & inspection.fees.keys) for access in inspection.profile.accesses)


def test_a_recorded_and_an_executed_block_tell_the_same_bounds() -> None:
    """Block 116,525, as a trace and with its transactions."""
    recorded = inspected(Block.load(ROOT / "scenarios" / "ethereum-116525.block"))
    block = Block.load(ROOT / "scenarios" / "mainnet-116525.block")
    with Engine(1) as engine:
        profile = executed_profile(block, engine.execute(block, "sequential", timed=True), measured=False)
    executed = inspect_block(block, profile, conventions_of(block.chain))
    assert isinstance(recorded.fees, Fees)
    assert isinstance(executed.fees, Fees)
    assert recorded.fees.keys == executed.fees.keys
    for rules in Rules:
        assert executed.outcomes[rules].bounds["gas"] == recorded.outcomes[rules].bounds["gas"], rules
