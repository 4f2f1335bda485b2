"""Guesses about adds: what payments by nonce cost, in modelled time (multi_version/guesses.pxd)."""

import random

import pytest

import blockstm
from blockstm import Block, Context
from blockstm.simulate import Figures, Simulation, default_model

PAYMENTS = 600
CORES = 8
AMOUNT = 3


@blockstm.program
def pay(ctx: Context, sender: bytes, to: bytes, nonce: int) -> None:
    """Pay, where the nonce is the sender's; nothing is read. A program takes 20 us (20 ns a unit of gas)."""
    ctx.add(b"n" + sender, 1, minimum=nonce + 1, maximum=nonce + 1)
    ctx.add(b"b" + sender, -AMOUNT)
    ctx.charge(1_000)
    ctx.add(b"b" + to, AMOUNT)


def payments(senders: int, share_wrong: float, funded: bool = True) -> Block:
    """Payments by the nonces of their senders, some of which are wrong, and so change nothing."""
    chance = random.Random(1)
    nonces = [0] * senders
    transactions = []
    for number in range(PAYMENTS):
        sender = chance.randrange(senders)
        wrong = chance.random() < share_wrong
        nonce = nonces[sender] + (chance.choice([1, 5]) if wrong else 0)
        nonces[sender] += not wrong
        transactions.append(pay.txn(b"%d" % sender, b"to%d" % number, nonce))
    state = {b"b%d" % sender: b"\xff" * 8 for sender in range(senders)} if funded else {}
    return Block(transactions, state=state)


def simulated(block: Block) -> tuple[Figures, list[tuple[str, str | None]]]:
    """A block's figures on eight cores, and how its transactions ended, which is as in sequential execution."""
    with Simulation(block, default_model(), CORES) as simulation:
        sequential = simulation.run_sequentially()
        figures, result = simulation.figures_and_result(CORES)
        assert result.diff(sequential) == []
        return figures, [(receipt.status, receipt.error) for receipt in result.receipts]


@pytest.mark.parametrize("senders", [1, 40])
def test_a_chain_of_payments_by_nonce_depends_on_nobody(senders: int) -> None:
    figures, outcomes = simulated(payments(senders, 0))
    assert {status for status, _ in outcomes} == {"success"}
    assert figures.executions == PAYMENTS
    assert figures.validations <= 1.1 * PAYMENTS
    assert figures.speedup is not None
    assert figures.speedup > 7


@pytest.mark.parametrize("senders", [1, 40])
@pytest.mark.parametrize("share_wrong", [0.01, 0.1])
def test_wrong_nonces_fail_and_cost_the_others_little(senders: int, share_wrong: float) -> None:
    figures, outcomes = simulated(payments(senders, share_wrong))
    failed = [error for status, error in outcomes if status == "failed"]
    assert len(failed) >= PAYMENTS * share_wrong / 2
    assert all(error is not None and error.startswith("BoundsError: adding 1 to ") for error in failed)
    assert figures.validations <= 2 * PAYMENTS
    assert figures.executions <= 1.3 * PAYMENTS
    assert figures.speedup is not None
    assert figures.speedup > 5


def test_payments_from_an_empty_account_fail_by_sight() -> None:
    """Belief is wrong three times, and is then given up: the rest is executed once."""
    figures, outcomes = simulated(payments(1, 0, funded=False))
    assert {status for status, _ in outcomes} == {"failed"}
    assert figures.executions <= PAYMENTS + 3 * CORES
    assert figures.validations <= 2 * PAYMENTS
