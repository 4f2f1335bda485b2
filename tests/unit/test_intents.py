"""What transactions are foreseen to write, and so wait for, in modelled time (multi_version/intents.pxd).

The truth is list scheduling with perfect knowledge: it knows the dependencies of sequential execution, and nothing
of intents. Where a key is announced in vain, those that only read it run one after the other.
"""

from pathlib import Path

import pytest

import blockstm
from blockstm import Block, Context
from blockstm.models import model_of
from blockstm.results.result import Result
from blockstm.simulate import Figures, Simulation, default_model
from blockstm.workloads import read_scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"
CORES = 16
TRANSACTIONS = 400
GAS = 500
"""10 us in the cost model."""
HOT = b"price"


@blockstm.program
def set_price(ctx: Context, number: int) -> None:
    """Set a price that follows the last one."""
    last = int.from_bytes(ctx.read(HOT) or b"", "big")
    ctx.charge(GAS)
    ctx.write(HOT, (last + number).to_bytes(8, "big"))


@blockstm.program
def trade(ctx: Context, number: int) -> None:
    """Trade at the price."""
    price = ctx.read(HOT) or b""
    ctx.charge(GAS)
    ctx.write(b"of %d" % number, price)


@blockstm.program
def trade_or_set(ctx: Context, number: int, sets: bool) -> None:
    """One program for both."""
    last = int.from_bytes(ctx.read(HOT) or b"", "big")
    ctx.charge(GAS)
    ctx.write(HOT if sets else b"of %d" % number, (last + 1).to_bytes(8, "big"))


def simulated(block: Block, model: str = "block-stm") -> tuple[Figures, Result]:
    """A block's figures, and what came of it, which is as in sequential execution."""
    with Simulation(block, default_model(), CORES) as simulation:
        figures, result = simulation.figures_and_result(CORES, model=model_of(model))
        assert result.diff(simulation.run_sequentially()) == []
        return figures, result


def share_of_bound(figures: Figures) -> float:
    """How near a block comes to list scheduling with perfect knowledge."""
    assert figures.speedup is not None
    assert figures.bound_greedy is not None
    return figures.speedup / figures.bound_greedy


@pytest.mark.parametrize("model", ["block-stm", "push"])
def test_what_one_program_writes_is_not_announced_by_another(model: str) -> None:
    transactions = [(trade if n % 50 else set_price).txn(n) for n in range(TRANSACTIONS)]
    figures, _ = simulated(Block(transactions), model)
    assert share_of_bound(figures) > 0.5


@pytest.mark.parametrize("model", ["block-stm", "push"])
def test_what_a_program_has_ceased_to_write_is_not_announced_any_more(model: str) -> None:
    """Those that have queued up in vain meanwhile do not run one after the other, either."""
    figures, _ = simulated(Block([trade_or_set.txn(n, n in (0, 3)) for n in range(TRANSACTIONS)]), model)
    assert share_of_bound(figures) > 0.5


def test_what_a_program_always_writes_is_announced() -> None:
    """A chain computes nearly nothing in vain: each waits once, and is executed once."""
    figures, result = simulated(Block([trade_or_set.txn(n, True) for n in range(TRANSACTIONS)]))
    assert figures.executions < 1.1 * TRANSACTIONS
    assert result.stats.suspensions > TRANSACTIONS / 2


def test_a_chain_costs_each_transaction_one_wait() -> None:
    scenario = read_scenario(SCENARIOS / "mint-counter.toml").with_parameters({"transactions": TRANSACTIONS})
    figures, result = simulated(scenario.block())
    assert result.stats.suspensions < 1.1 * TRANSACTIONS
    assert figures.executions < 1.05 * TRANSACTIONS
    assert share_of_bound(figures) > 0.65


@pytest.mark.parametrize(
    ("name", "share"), [("options", 0.7), ("orderbook", 0.7), ("perpetual", 0.65), ("perpetual-crash", 0.25)]
)
def test_keys_that_programs_compute_are_foreseen(name: str, share: float) -> None:
    figures, _ = simulated(read_scenario(SCENARIOS / f"{name}.toml").block())
    assert share_of_bound(figures) > share
