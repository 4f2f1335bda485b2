"""Real Ethereum blocks in the engine against the execution specifications, those against the chain, and the traces.

The oracle is slow, so each block goes through it once, for all that is asked of it here, and blocks that it takes
seconds for are compared with their headers only. `make ethereum` runs all recorded blocks through it, and many more
that are made up.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from blockstm import Block, Engine
from blockstm.analysis import critical_path, dependencies
from blockstm.ethereum.block import EthereumBlock
from blockstm.ethereum.checking.checks import ExecutedBlock
from blockstm.results.accesses import net_accesses
from blockstm.results.result import Result
from tests.support.ethereum.access_traces import differences, read_trace
from tests.support.ethereum.agreement import assert_agrees, recorded
from tests.support.ethereum.oracle import read_json, run

SHARED = Path(__file__).parents[3] / "shared"

BLOCKS = (
    (46147, "frontier"),
    (1150000, "homestead"),
    (2462997, "dao_fork"),  # deletes accounts that never had code
    (2674998, "tangerine_whistle"),  # calls precompiled contracts, which exist although they are empty
    (2688148, "spurious_dragon"),
    (5891667, "byzantium"),
    (9068998, "constantinople"),
    (19910734, "cancun"),  # has no transactions
    (19933122, "cancun"),  # has a transaction with blobs
)
"""Of each fork the block that costs the oracle least, if that is not much, and some more."""

LONG_BLOCKS = (
    (11114732, "muir_glacier"),  # wipes storage and reads it later
    (18426253, "shanghai"),
)
"""Two blocks of other forks; make ethereum has them all."""

needs_blocks = pytest.mark.skipif(
    not (SHARED / "ethereum").is_dir(), reason=f"the recorded blocks are not in {SHARED}"
)


@needs_blocks
@pytest.mark.parametrize(("number", "fork"), BLOCKS, ids=str)
def test_a_block_comes_to_what_the_specifications_say(shared_engine: Engine, number: int, fork: str) -> None:
    folder = SHARED / "ethereum" / str(number)
    told = read_json(folder / "block.json.zst")
    oracle = run(number, SHARED)
    # The oracle itself, against the chain.
    assert oracle.fork == fork
    assert oracle.differences(told) == {}
    assert (oracle.receipts_root is None) == (number < 4_370_000)
    assert (oracle.withdrawals_root is None) == (number < 17_034_870)
    assert (oracle.blob_gas_used is None) == (number < 19_426_587)
    block = recorded(folder)
    result = assert_agrees(shared_engine, block, told, oracle)
    assert_same_accesses(block, result, folder)


@needs_blocks
@pytest.mark.parametrize(("number", "fork"), LONG_BLOCKS, ids=str)
def test_a_long_block_comes_to_what_its_header_says(shared_engine: Engine, number: int, fork: str) -> None:
    folder = SHARED / "ethereum" / str(number)
    block = recorded(folder)
    ethereum = EthereumBlock.of(block)
    assert ethereum.environment.fork == fork
    result = shared_engine.execute(block)
    executed = ExecutedBlock(ethereum, result)
    executed.check_senders()
    checks = executed.header_checks()
    assert False not in checks.values()
    assert checks["gas_used"] and checks["receipts_root"] and checks["logs_bloom"]
    if number == 11114732:
        assert any(key[:1] == b"w" for key in result.state), "no storage was wiped"
    assert_same_accesses(block, result, folder)


def assert_same_accesses(block: Block, result: Result, folder: Path) -> None:
    """What a block accessed, against the recorded trace."""
    trace = read_trace(folder / "trace.jsonl.zst")
    assert list(differences(block, result, trace)) == []
    gas = [line.gas_used for line in trace]
    ours, theirs = (dependencies(accesses) for accesses in (net_accesses(block, result), trace))
    assert critical_path(ours, gas) == critical_path(theirs, gas)
