"""Payouts in the native virtual machine: one sender's transactions are believed, and so depend on nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from blockstm import Block, Engine
from blockstm.results.verify import differences
from blockstm.simulate import Simulation, default_model
from tests.ethereum_synthetic.builder import ETHER, SENDERS, BlockBuilder, address_of
from tests.support.engines import run
from tests.support.ethereum.agreement import recorded
from tests.support.ethereum.native import assert_native_agrees, native_block, needs_native, py_evm_block

pytestmark = needs_native

PAYOUTS = 80
CORES = 8
PAYER = SENDERS[0]


def recipient(number: int) -> bytes:
    return b"\xaa" * 18 + number.to_bytes(2, "big")


def payouts(fork: str, folder: Path) -> Block:
    """One sender pays many, among them those who pay as well, and at the end gives away all that is left."""
    builder = BlockBuilder(fork, [])
    for number in range(PAYOUTS):
        to = address_of(SENDERS[1 + number % 3]) if number % 10 == 9 else recipient(number)
        assert builder.send(PAYER, to, value=ETHER // 100, gas=21_000, kind=2 if number % 2 else 0)
        if number % 20 == 19:
            assert builder.send(SENDERS[1], recipient(number), value=ETHER, gas=30_000)
    rest = builder.balance(address_of(PAYER)) - 21_000 * (builder.base_fee + 10**9)
    assert builder.send(PAYER, recipient(PAYOUTS), value=rest, gas=21_000)
    assert builder.balance(address_of(PAYER)) == 0
    builder.finish().write(folder)
    return recorded(folder)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_payouts_come_to_what_py_evm_says(shared_engine: Engine, workers: int, tmp_path: Path) -> None:
    block = payouts("london", tmp_path)
    expected = shared_engine.execute(py_evm_block(block), "sequential")
    assert_native_agrees(shared_engine, block, expected, workers)


def test_payouts_depend_on_nobody(tmp_path: Path) -> None:
    """Only the last one reads the balance, of which it leaves nothing."""
    block = native_block(payouts("prague", tmp_path))
    with Simulation(block, default_model(), CORES) as simulation:
        figures, result = simulation.figures_and_result(CORES)
    assert all(receipt.status == "success" for receipt in result.receipts)
    assert figures.executions <= len(block) + 2
    assert figures.validations <= 2 * len(block)
    sender = address_of(PAYER)
    reading = [
        txn_idx
        for txn_idx in range(len(block))
        if dict(result.reads(txn_idx)).keys() & {b"n" + sender, b"b" + sender}
    ]
    assert reading == [len(block) - 1]


@pytest.mark.parametrize("cores", [1, 2, CORES])
def test_after_a_gap_in_the_nonces_each_says_so(shared_engine: Engine, cores: int, tmp_path: Path) -> None:
    whole = payouts("london", tmp_path)
    gap = PAYOUTS // 2
    assert whole.transactions[gap].arguments[1] == address_of(PAYER)
    block = native_block(
        Block([*whole.transactions[:gap], *whole.transactions[gap + 1 :]], whole.state, meta=whole.meta)
    )
    sequential = shared_engine.execute(block, "sequential")
    with Simulation(block, default_model(), CORES) as simulation:
        for result in (simulation.run(cores), run(shared_engine, block, min(cores, 3))):
            assert differences(result, sequential) == []
    for transaction, receipt in zip(block.transactions[gap:], sequential.receipts[gap:], strict=True):
        is_payer = address_of(PAYER) in transaction.arguments
        assert receipt.status == ("failed" if is_payer else "success")
        assert not is_payer or "nonce" in str(receipt.error)
