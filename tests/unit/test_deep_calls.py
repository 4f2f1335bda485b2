"""Programs that nest their calls deep, through C as well: every supported version of Python takes them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from blockstm import Block, Engine, program
from blockstm.ethereum.block import EthereumBlock
from blockstm.ethereum.checking.checks import ExecutedBlock
from blockstm.ethereum.recording.record import read_ethereum
from blockstm.results.verify import differences

REPORTED = Path(__file__).parents[3] / "shared" / "reported"
DEPTH = 1_024  # what an Ethereum transaction may nest


@program
def nested_through_c(ctx: Any, depth: int) -> None:
    def below(level: int) -> int:
        return max([level], key=lambda each: 1 + below(each - 1)) if level else 0

    before = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)
    try:
        below(depth)
    finally:
        sys.setrecursionlimit(before)
    ctx.write(b"depth", depth.to_bytes(2, "big"))


def test_calls_nest_deep_through_c(shared_engine: Engine) -> None:
    """Python 3.12.1 takes some 500 by itself (cpython issue 112215)."""
    block = Block([nested_through_c.txn(DEPTH)] * 3)
    for model in ("block-stm", "sequential"):
        result = shared_engine.execute(block, model)  # type: ignore[arg-type]
        assert [receipt.error for receipt in result.receipts] == [None] * 3
        assert result.state == {b"depth": DEPTH.to_bytes(2, "big")}


@pytest.mark.skipif(not REPORTED.is_dir(), reason=f"the inputs after public reports are not in {REPORTED}")
def test_an_ethereum_transaction_nests_its_calls_as_deep_as_it_may(shared_engine: Engine) -> None:
    folder = REPORTED / "deep_homestead"
    block = read_ethereum(folder / "block.json", folder / "prestate.json")
    result = shared_engine.execute(block)
    assert differences(result, shared_engine.execute(block, "sequential")) == []
    checks = ExecutedBlock(EthereumBlock.of(block), result).header_checks()
    assert checks["gas_used"] and checks["logs_bloom"] and False not in checks.values()
