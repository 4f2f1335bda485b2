"""Random blocks of every workload: parallel and sequential runs come to what the models in tests/models come to.

BLOCKSTM_STRESS=10 tries ten times as many.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blockstm.blocks.block import Block
from blockstm.engine import Engine
from blockstm.programs.built_in import transfer
from blockstm.programs.transaction import Transaction
from blockstm.results.result import Result
from blockstm.results.verify import differences
from blockstm.workloads import Scenario, scenario_from_text
from blockstm.workloads.chance import Chance
from blockstm.workloads.orderbook import BOOK_TAGS
from blockstm.workloads.programs import payment
from blockstm.workloads.records import encode_amount
from tests.models.programs import PROGRAMS
from tests.models.world import RECORDS, Outcome, World, run_in_order
from tests.support.engines import run

SCALE = float(os.environ.get("BLOCKSTM_STRESS", "1"))
WORKERS = 3
SETTINGS = settings(
    deadline=None,
    print_blob=True,
    max_examples=max(1, round(12 * SCALE)),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
pytestmark = pytest.mark.timeout(60 + 120 * SCALE)

# Numbers at and beyond the limits that the programs state.
EDGES = [
    0,
    1,
    2,
    3,
    20,
    4095,
    4096,
    1 << 20,
    1 << 30,
    (1 << 30) + 1,
    1 << 32,
    (1 << 32) + 1,
    1 << 50,
    (1 << 50) + 1,
]
EDGES += [1 << 56, 1 << 60, 1 << 62, (1 << 62) + 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]

# Few accounts, markets and pools, so that everything meets everything; and little, so that it runs out.
SMALL: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "transfers": {
        "shape": st.sampled_from(["plain", "diem", "aptos"]),
        "accounts": st.integers(2, 6),
        "balance": st.sampled_from([0, 300, 10**15]),
        "distribution": st.sampled_from(["uniform", "zipf", "hotspot"]),
    },
    "counter": {
        "mode": st.sampled_from(["write", "add"]),
        "minters": st.integers(1, 4),
        "supply": st.sampled_from([0, 10, 1000]),
        "balance": st.sampled_from([100, 10**6]),
    },
    "amm": {
        "pools": st.integers(1, 4),
        "accounts": st.integers(1, 4),
        "balance": st.sampled_from([20_000, 10**12]),
        "reserve": st.sampled_from([10**6, 10**15]),
        "amount": st.sampled_from([5, 10_000, 10**11]),
        "fee_millionths": st.sampled_from([0, 3_000, 999_999]),
        "hops": st.integers(1, 8),
        "slippage_millionths": st.sampled_from([0, 10_000, 10**6]),
        "liquidity_percent": st.sampled_from([10, 60]),
    },
    "orderbook": {
        "markets": st.integers(1, 2),
        "accounts": st.integers(1, 4),
        "base": st.sampled_from([200, 10**9]),
        "quote": st.sampled_from([400_000, 10**12]),
        "quantity": st.sampled_from([3, 100]),
        "depth": st.sampled_from([1, 3, 80]),
        "resting": st.sampled_from([0, 5, 40]),
        "aggressive_percent": st.sampled_from([10, 50, 90]),
        "cancel_percent": st.sampled_from([0, 30]),
        "fee_millionths": st.sampled_from([0, 500, 33_333]),
    },
    "perpetual": {
        "markets": st.integers(1, 2),
        "accounts": st.integers(2, 7),
        "keepers": st.integers(1, 2),
        "price": st.sampled_from([101, 10_000]),
        "collateral": st.sampled_from([10_007, 10**9]),
        "insurance": st.sampled_from([0, 5_000, 10**12]),
        "leverage": st.sampled_from([3, 20, 60]),
        "price_percent": st.sampled_from([0, 10]),
        "crash_drop_percent": st.sampled_from([0, 30, 80]),
        "crash_at_percent": st.sampled_from([0, 50]),
    },
    "options": {
        "accounts": st.integers(1, 4),
        "makers": st.integers(1, 2),
        "strikes": st.integers(4, 5),
        "cash": st.sampled_from([0, 20_000, 10**9]),
        "maker_cash": st.sampled_from([10**6, 10**12]),
        "quote_percent": st.sampled_from([0, 20]),
        "expire_at_percent": st.sampled_from([10, 50, 100]),
    },
    "mixed": {
        "adversary": st.sampled_from([0, 30]),
        "slow": st.sampled_from([0, 2]),
        "slow_work": st.just(3_000),
        "burst_percent": st.sampled_from([0, 20]),
    },
}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(WORKERS, active_workers=WORKERS) as engine:
        yield engine


@st.composite
def scenarios(draw: st.DrawFn, workload: str) -> Scenario:
    """A small scenario of a workload."""
    parts = [*SMALL] if workload == "mixed" else [workload]
    parameters: dict[str, object] = {
        f"{part}.{name}": draw(values) for part in parts for name, values in SMALL[part].items()
    }
    parameters |= {f"{part}.work": draw(st.sampled_from([0, 40])) for part in parts}
    parameters["transactions"] = draw(st.integers(1, 120))
    parameters["seed"] = draw(st.integers(0, 1 << 40))
    return scenario_from_text(f'workload = "{workload}"', "small").with_parameters(parameters)


def bent(block: Block, seed: int, parts_per_million: int) -> Block:
    """The block with some arguments at the limits or beyond, or taken from other transactions."""
    chance = Chance(seed)
    seen: dict[tuple[str, str], list[object]] = {}
    transactions = []
    for transaction in block.transactions:
        arguments = list(transaction.arguments)
        for place, parameter in enumerate(transaction.program.parameters):  # type: ignore[attr-defined]
            others = seen.setdefault((transaction.program.name, parameter.name), [])
            others.append(arguments[place])
            # How much is counted is agreed between caller and program, and not checked by it.
            fixed = parameter.name in ("work", "sender_counts", "receiver_counts")
            if fixed or not chance.happens(parts_per_million):
                continue
            if parameter.kind == "u64" and chance.below(3):
                arguments[place] = chance.one_of(EDGES)
            elif parameter.kind == "keys" and chance.below(2):
                keys = list(arguments[place])
                arguments[place] = (keys + keys)[chance.below(len(keys) + 1) :]
            else:
                arguments[place] = chance.one_of(others)
        transactions.append(Transaction(transaction.program, tuple(arguments)))
    return Block(transactions, block.state)


def bent_value(chance: Chance, key: bytes, value: bytes) -> bytes:
    """A value that is not what it should be, or at its limits."""
    if key[:4] not in RECORDS and key[:4] not in BOOK_TAGS:
        number = chance.one_of(EDGES)
        shortest = encode_amount(number)
        return chance.one_of(
            [shortest, bytes(2) + shortest, number.to_bytes(9, "big"), bytes(33), b"\1" * 32]
        )
    if chance.below(4) == 0:
        return chance.one_of([b"", value[:-1], value + b"\0", value + bytes(8), value[8:]])
    place = 8 * chance.below(len(value) // 8)
    field = chance.one_of([0, 0, 10**6, *EDGES]) * chance.one_of([1, -1])
    return value[:place] + (field % (1 << 64)).to_bytes(8, "big") + value[place + 8 :]


def bent_state(block: Block, seed: int, parts_per_million: int, books: bool = False) -> Block:
    """The block with some values of its state bent; those that make up order books only where asked for."""
    chance = Chance(seed)
    state = dict(block.state)
    for key, value in block.state.items():
        if (books or key[:4] not in BOOK_TAGS) and chance.happens(parts_per_million):
            state[key] = bent_value(chance, key, value)
    return Block(block.transactions, state)


def outcomes(result: Result) -> list[Outcome]:
    return [
        Outcome(receipt.status, receipt.error, receipt.gas_used, receipt.events)
        for receipt in result.receipts
    ]


@pytest.mark.parametrize("workload", SMALL)
def test_every_run_comes_to_what_the_model_comes_to(engine: Engine, workload: str) -> None:
    @SETTINGS
    @given(
        scenarios(workload),
        st.integers(0, 1 << 30),
        st.sampled_from([0, 60_000]),
        st.sampled_from([0, 100_000, 400_000]),
    )
    def check(scenario: Scenario, seed: int, bending: int, bending_state: int) -> None:
        block = bent(scenario.block(), seed, bending) if bending else scenario.block()
        if bending_state:
            block = bent_state(block, seed, bending_state)
        world = World.of(dict(block.state))
        expected = run_in_order(world, block.transactions, PROGRAMS)
        in_order = engine.execute(block, "sequential")
        assert outcomes(in_order) == expected
        assert {key: value for key, value in in_order.state.items() if value} == world.state()
        if not bending_state:
            assert scenario.invariant_failures(block.state, in_order.state) == []
        assert differences(engine.execute(block), in_order) == []
        assert differences(run(engine, block, WORKERS, 1 + seed), in_order) == []

    check()


@pytest.mark.parametrize("value", [b"\1" * 32, b"\xff" * 8, bytes(9), b"\1" + bytes(8)])
def test_what_is_no_amount_may_be_none_after_a_transfer(engine: Engine, value: bytes) -> None:
    """`transfer` adds to numbers of any size; what a payment says of one goes by its length then."""
    pay = payment.txn(b"pay.odd", b"pay.other", [], [], [], 0, 0)
    block = Block(
        [pay, transfer.txn(b"pay.rich", b"pay.odd", 1), pay], {b"pay.rich": b"\5", b"pay.odd": value}
    )
    world = World.of(dict(block.state))
    expected = run_in_order(world, block.transactions, PROGRAMS)
    assert outcomes(engine.execute(block, "sequential")) == outcomes(engine.execute(block)) == expected


def test_books_that_contradict_themselves_harm_nobody(engine: Engine) -> None:
    """No program dies of them, and both models agree; what comes of such a book is nobody's promise."""

    @SETTINGS
    @given(scenarios("orderbook"), st.integers(0, 1 << 30), st.sampled_from([50_000, 400_000]))
    def check(scenario: Scenario, seed: int, bending: int) -> None:
        block = bent_state(bent(scenario.block(), seed, 60_000), seed, bending, books=True)
        in_order = engine.execute(block, "sequential")
        assert "worker died" not in [receipt.error for receipt in in_order.receipts]
        assert differences(run(engine, block, WORKERS, 1 + seed), in_order) == []

    check()
