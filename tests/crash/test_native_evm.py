"""Workers killed in the midst of native transactions of Ethereum: the result is that of sequential execution.

BLOCKSTM_STRESS=10 kills ten times as many.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from blockstm.blocks.block import Block
from blockstm.engine import Engine
from blockstm.ethereum.block import EthereumBlock
from blockstm.ethereum.checking.checks import ExecutedBlock
from blockstm.results.verify import differences
from tests.crash.killing import killer
from tests.support.ethereum.native import native_block, needs_native

SCALE = float(os.environ.get("BLOCKSTM_STRESS", "1"))
ROOT = Path(__file__).parents[2]

pytestmark = [needs_native, pytest.mark.usefixtures("leaves_nothing"), pytest.mark.timeout(120 + 60 * SCALE)]


@pytest.mark.parametrize("name", ["mainnet-4864590", "mainnet-19932148"])
def test_killed_while_blocks_run(name: str) -> None:
    recorded = Block.load(ROOT / "scenarios" / f"{name}.block")
    ethereum, block = EthereumBlock.of(recorded), native_block(recorded)
    killed_in_blocks = 0
    with Engine(2, active_workers=2) as engine:
        engine.warm_up(block)
        reference = engine.execute(block, "sequential")
        for seed in range(round(12 * SCALE)):
            seconds = engine.execute(block).stats.wall_seconds
            with killer(engine, seed, kills=1, within_seconds=0.9 * seconds) as killed:
                result = engine.execute(block)
                killed_in_blocks += len(killed)
            assert differences(result, reference) == []
        assert False not in ExecutedBlock(ethereum, result).header_checks().values()
    assert killed_in_blocks >= 6 * SCALE
