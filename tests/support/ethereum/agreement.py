"""Ethereum blocks in the engine against the execution specifications: state, gas, status, logs and headers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blockstm import Block, Engine
from blockstm.ethereum import accounts_after
from blockstm.ethereum.block import EthereumBlock
from blockstm.ethereum.checking.checks import HEADER_CHECKS, ExecutedBlock
from blockstm.ethereum.node.prestate import Account as FinalAccount
from blockstm.ethereum.recording.record import read_ethereum
from blockstm.ethereum.rules.outcome import Outcome
from blockstm.ethereum.virtual_machine import has_native
from blockstm.results.accesses import net_accesses
from blockstm.results.result import Result
from blockstm.results.verify import differences
from tests.ethereum_synthetic.builder import SyntheticBlock
from tests.support.engines import run as run_speculatively
from tests.support.ethereum.native import assert_native_agrees
from tests.support.ethereum.oracle import FORKS, Account, OracleResult
from tests.support.ethereum.state import assert_same_state

WORKERS = 2


def recorded(folder: Path) -> Block:
    """The block of a folder, as it is recorded."""
    hashes = folder / "blockhashes.json.zst"
    return read_ethereum(
        folder / "block.json.zst",
        folder / "prestate.json.zst",
        block_hashes_path=hashes if hashes.exists() else None,
    )


def rewarded(accounts: Mapping[bytes, Account], told: Mapping[str, Any]) -> dict[bytes, Account]:
    """Accounts with what the miner gets, which the oracle leaves out (Yellow Paper 11.3, EIP-649, EIP-1234)."""
    number, difficulty = int(told["number"], 16), int(told["difficulty"], 16)
    ether = 5 if number < 4_370_000 else 3 if number < 7_280_000 else 2
    reward = ether * 10**18 * (32 + len(told["uncles"])) // 32 if difficulty else 0
    miner = bytes.fromhex(told["miner"][2:])
    before = accounts.get(miner, Account(0, 0, b"", {}))
    return {**accounts, miner: before._replace(balance=before.balance + reward)} if reward else {**accounts}


def assert_agrees(engine: Engine, block: Block, told: Mapping[str, Any], oracle: OracleResult) -> Result:
    """Run a block both ways; compare all that the oracle knows. Return the parallel run."""
    result = run_speculatively(engine, block, WORKERS)
    sequential = engine.execute(block, "sequential")
    assert differences(result, sequential) == []
    executed = ExecutedBlock(EthereumBlock.of(block), result)
    executed.check_senders()
    assert_same_state(result.state, oracle.accounts)
    after = rewarded(oracle.accounts_after_block, told)
    assert_same_state(executed.state_after, after)
    assert_same_accounts(accounts_after(block, result), after)
    assert_same_receipts(block, executed, oracle)
    assert False not in executed.header_checks().values()
    assert [name for name, is_equal in executed.header_checks().items() if is_equal] == checks_of(
        oracle, told
    )
    # The trace and so the critical path are the same however the block was run.
    assert list(net_accesses(block, result)) == list(net_accesses(block, sequential))
    if has_native() and executed.environment.fork != "constantinople":
        assert_native_agrees(engine, block, sequential, WORKERS)
    return result


def assert_same_accounts(
    ours: Mapping[bytes, FinalAccount], oracle_accounts: Mapping[bytes, Account]
) -> None:
    """Compare what the product gives as the accounts after a block with the oracle's, but for slots of zero."""
    assert list(ours) == sorted(oracle_accounts)
    for address, account in ours.items():
        expected = oracle_accounts[address]
        storage = {slot: value for slot, value in expected.storage.items() if value}
        assert (account.nonce, account.balance, account.code, account.storage) == (*expected[:3], storage)


def assert_synthetic_agrees(engine: Engine, made: SyntheticBlock, folder: Path) -> None:
    """The same for a made-up block, which is stored in a folder and recorded from there."""
    made.write(folder)
    assert_agrees(engine, recorded(folder), made.block, made.result)


def assert_same_receipts(block: Block, executed: ExecutedBlock, oracle: OracleResult) -> None:
    assert len(block) == len(oracle.receipts)
    gas = 0
    for receipt, expected in zip(executed.result.receipts, oracle.receipts, strict=True):
        gas += receipt.gas_used
        outcome = Outcome.of_events(receipt.events)
        assert gas == expected.cumulative_gas_used
        assert expected.succeeded in (outcome.succeeded, None)
        assert [(address, list(topics), data) for address, topics, data in outcome.logs] == expected.logs
    assert gas == oracle.gas_used == executed.result.gas_used
    assert executed.receipts.logs_bloom == oracle.logs_bloom


def checks_of(oracle: OracleResult, told: Mapping[str, Any]) -> list[str]:
    """The names of the checks that can be made of a block, in their order."""
    since_paris = oracle.fork in FORKS[FORKS.index("paris") :] or None
    known = {
        "uncles_hash": not told["uncles"] or None,
        "difficulty": since_paris,
        "nonce": since_paris,
        "blob_gas_limit": oracle.blob_gas_used,
        "withdrawals_root": oracle.withdrawals_root,
        "blob_gas_used": oracle.blob_gas_used,
        "receipts_root": oracle.receipts_root,
        "requests_hash": oracle.requests_hash,
        **dict.fromkeys(("parent", "base_fee", "excess_blob_gas")),  # the parent's header is not known
        "block_size": oracle.fork in FORKS[FORKS.index("osaka") :] or None,
        "state_root": None,  # the state is not whole
    }
    return [name for name in HEADER_CHECKS if name not in known or known[name] is not None]
