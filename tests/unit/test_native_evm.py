"""The native virtual machine in the engine: against py-evm and headers, and where something goes wrong in it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from blockstm import Block, Engine, Transaction
from blockstm.chains.checked import CheckedBlock
from blockstm.errors import EthereumInputError, UsageError
from blockstm.ethereum import virtual_machine
from blockstm.ethereum.block import EthereumBlock
from blockstm.ethereum.checking.checks import ExecutedBlock
from blockstm.ethereum.rules.environment import Environment
from blockstm.ethereum.rules.keys import ENVIRONMENT_KEY, balance_key, code_key
from blockstm.ethereum.senders import senders_confirmed
from blockstm.explore.batches import explore
from blockstm.explore.explorer import Plan
from blockstm.measure import measure
from blockstm.programs.program import program
from blockstm.results.verify import differences
from tests.ethereum_synthetic.randomblocks import random_block
from tests.support.engines import run
from tests.support.ethereum.agreement import recorded
from tests.support.ethereum.native import assert_native_agrees, native_block, needs_native, py_evm_block

pytestmark = needs_native

ROOT = Path(__file__).parents[2]
MAINNET = sorted((ROOT / "scenarios").glob("mainnet-*.block"))
WORKERS = 2


def arguments_of(transaction: Transaction) -> tuple[bytes, bytes]:
    raw, sender = transaction.arguments
    assert isinstance(raw, bytes) and isinstance(sender, bytes)
    return raw, sender


@pytest.fixture(scope="module")
def small() -> Block:
    """A block of the mainnet."""
    return Block.load(MAINNET[0])


@pytest.mark.parametrize("file", MAINNET, ids=lambda file: file.stem)
def test_blocks_of_the_mainnet_come_to_their_headers_and_to_what_py_evm_says(
    shared_engine: Engine, file: Path
) -> None:
    block = Block.load(file)
    expected = shared_engine.execute(py_evm_block(block), "sequential")
    result = assert_native_agrees(shared_engine, block, expected, WORKERS)
    executed = ExecutedBlock(EthereumBlock.of(block), result)
    executed.check_senders()
    checks = executed.header_checks()
    assert checks["gas_used"] and checks["logs_bloom"] and False not in checks.values()


@pytest.mark.parametrize("fork", ["frontier", "tangerine_whistle", "byzantium", "berlin", "london", "prague"])
def test_random_blocks_come_to_what_py_evm_says(shared_engine: Engine, fork: str, tmp_path: Path) -> None:
    for seed in range(20, 23):
        random_block(fork, seed).write(tmp_path)
        block = recorded(tmp_path)
        expected = shared_engine.execute(py_evm_block(block), "sequential")
        assert_native_agrees(shared_engine, block, expected, WORKERS)


@pytest.mark.parametrize("strategy", ["random", "pct"])
def test_explored_blocks_come_to_what_sequential_execution_says(strategy: str, tmp_path: Path) -> None:
    """Several transactions are then in the midst of a verb in one thread, and workers die there."""
    random_block("cancun", 5).write(tmp_path)
    block = native_block(recorded(tmp_path))
    kills = 2 if strategy == "pct" else 0
    report = explore(block, Plan(strategy, 3, 12, 1, 3, 2, kills))
    assert (report.schedules, report.failures) == (12, [])


# Something goes wrong.


def with_state(block: Block, **changes: bytes | None) -> Block:
    """A block with values that no Ethereum block has; keys in hex, None takes one away."""
    state = dict(block.state)
    for name, value in changes.items():
        key = bytes.fromhex(name)
        if value is None:
            del state[key]
        else:
            state[key] = value
    return Block(block.transactions, state, chain=block.chain, number=block.number, meta=block.meta)


def test_a_panic_fails_its_transaction_alone(shared_engine: Engine, small: Block) -> None:
    made = native_block(small)
    victim = arguments_of(small.transactions[-1])[1]
    broken = with_state(made, **{balance_key(victim).hex(): b"\x01" * 33})
    sequential = shared_engine.execute(broken, "sequential")
    failed = {
        receipt.txn_idx: receipt.error for receipt in sequential.receipts if receipt.status != "success"
    }
    expected = "NativeEvmError: it panicked: a number in the state has 33 bytes"
    assert len(made) - 1 in failed and set(failed.values()) == {expected}
    assert all(arguments_of(small.transactions[txn_idx])[1] == victim for txn_idx in failed)
    assert differences(run(shared_engine, broken, WORKERS), sequential) == []
    # The workers go on as if nothing had been.
    whole = shared_engine.execute(made)
    assert {receipt.status for receipt in whole.receipts} == {"success"}
    with pytest.raises(EthereumInputError, match=r"cannot be executed: .*it panicked: .*--evm py-evm"):
        ExecutedBlock(EthereumBlock.of(small), sequential)


@program
def repair(ctx, key: bytes, value: bytes):
    """Write what a stale read does not find yet."""
    ctx.write(key, value)


def test_stale_state_that_makes_it_panic_comes_to_nothing(shared_engine: Engine, small: Block) -> None:
    """The first transaction repairs what the others panic on, if they read it too early."""
    made = native_block(small)
    sender = arguments_of(small.transactions[0])[1]
    whole = {
        ENVIRONMENT_KEY: made.state[ENVIRONMENT_KEY],
        balance_key(sender): made.state[balance_key(sender)],
    }
    broken = {key.hex(): b"\xc1" * 33 for key in whole}
    repairs = [repair.txn(key, value) for key, value in whole.items()]
    block = with_state(Block([*repairs, *made.transactions[:8]], made.state), **broken)
    sequential = shared_engine.execute(block, "sequential")
    assert {receipt.status for receipt in sequential.receipts} == {"success"}
    for _ in range(20):
        assert differences(run(shared_engine, block, WORKERS), sequential) == []
    report = explore(block, Plan("random", 3, 60, 7, 3, 2, 0))
    assert report.failures == []


def test_what_was_not_recorded_is_told_as_of_py_evm(shared_engine: Engine, tmp_path: Path) -> None:
    sender = arguments_of(Block.load(MAINNET[0]).transactions[0])[1]
    block = Block.load(MAINNET[0])
    lacking = with_state(block, **{balance_key(sender).hex(): None})
    told = []
    for made in (native_block(lacking), py_evm_block(lacking)):
        result = shared_engine.execute(made)
        assert str(result.receipts[0].error).startswith("ValidationError: ")
        with pytest.raises(EthereumInputError, match=r"its sender has 0 wei, but it may cost") as refused:
            ExecutedBlock(EthereumBlock.of(lacking), result)
        told.append(str(refused.value))
    assert told[0] == told[1]


def test_a_code_with_the_hash_of_another_is_refused_before_the_block_runs() -> None:
    block = Block.load(MAINNET[-1])
    key = next(key for key in block.state if key[:1] == code_key(b"")[:1])
    wrong = with_state(block, **{key.hex(): block.state[key] + b"\0"})
    with pytest.raises(
        EthereumInputError, match=f"hash 0x{block.state[key][:32].hex()}, which is not its own"
    ):
        native_block(wrong)


# Senders.


def test_senders_are_found_for_what_they_are(tmp_path: Path) -> None:
    blocks = [Block.load(file) for file in MAINNET]
    for seed in range(4):  # with transactions of all types
        random_block("prague", seed).write(tmp_path)
        blocks.append(recorded(tmp_path))
    signed = [arguments_of(transaction) for block in blocks for transaction in block.transactions]
    assert {raw[0] for raw, _ in signed} >= {1, 2, 3, 4, 0xF8}
    assert senders_confirmed(signed) == [True] * len(signed)
    others = [(raw, sender[::-1]) for raw, sender in signed]
    assert senders_confirmed(others) == [False] * len(signed)
    cut = [(raw[: length % len(raw)], sender) for length, (raw, sender) in enumerate(signed)]
    assert senders_confirmed(cut) == [False] * len(signed)
    assert senders_confirmed([]) == []


# Which virtual machine.


def test_the_native_one_is_preferred(small: Block) -> None:
    chosen = CheckedBlock.of(small).executable
    assert chosen == CheckedBlock.of(small, "native").executable
    assert str(chosen.virtual_machine).startswith("native (revm ")
    assert {transaction.program.name for transaction in chosen.block} == {"blockstm.ethereum.native.evm"}
    assert (chosen.block.state, chosen.block.meta) == (small.state, small.meta)
    other = CheckedBlock.of(small, "py-evm").executable
    assert other.block is small and str(other.virtual_machine).startswith("py-evm ")


def test_what_is_told_of_transactions_stays(small: Block) -> None:
    told = [
        transaction.replace(gas_limit=10**9 + place, arrival_nanoseconds=place)
        for place, transaction in enumerate(small.transactions)
    ]
    made = native_block(Block(told, small.state, chain=small.chain, number=small.number, meta=small.meta))
    assert [(each.gas_limit, each.arrival_nanoseconds) for each in made] == [
        (each.gas_limit, each.arrival_nanoseconds) for each in told
    ]


def test_a_measurement_tells_which_ran(small: Block, shared_engine: Engine) -> None:
    for wanted in ("native", "py-evm"):
        measured = measure(small, shared_engine, virtual_machine=wanted, repeat=1)
        assert str(measured.virtual_machine).startswith(wanted) and measured.has_header_equal
    with pytest.raises(UsageError, match="has its virtual machine already"):
        measure(CheckedBlock.of(small), shared_engine, virtual_machine="native")


def test_what_cannot_be_chosen_is_refused(small: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="the EVM 'evmone' is not known; choose one of native, py-evm"):
        _ = CheckedBlock.of(small, "evmone").executable
    with pytest.raises(UsageError, match="there is no virtual machine to choose for this block"):
        _ = CheckedBlock.of(Block([]), "native").executable
    monkeypatch.setattr(virtual_machine, "has_native", lambda: False)
    with pytest.raises(UsageError, match=r"native EVM is not installed; .*pip install \./evm"):
        _ = CheckedBlock.of(small, "native").executable
    assert CheckedBlock.of(small).executable.block is small
    monkeypatch.setattr(virtual_machine, "has_py_evm", lambda: False)
    with pytest.raises(UsageError, match="py-evm is not installed"):
        _ = CheckedBlock.of(small).executable


def test_a_fork_that_it_does_not_have_is_left_to_py_evm(small: Block) -> None:
    ethereum = EthereumBlock.of(small)
    other = replace(ethereum, environment=replace(ethereum.environment, fork="constantinople"))
    assert virtual_machine.executable(other, None).block is small
    with pytest.raises(
        EthereumInputError, match="does not have the fork constantinople; choose the EVM py-evm"
    ):
        virtual_machine.executable(other, "native")


def test_an_environment_that_is_none_fails_with_a_reason(shared_engine: Engine, small: Block) -> None:
    made = native_block(small)
    wrong = replace(Environment.decoded(made.state[ENVIRONMENT_KEY]), fork="gone").encoded()
    for value, reason in (
        (wrong, "does not have the fork gone"),
        (b"\xc1", "not msgpack"),
        (None, "no environment"),
    ):
        result = shared_engine.execute(with_state(made, **{ENVIRONMENT_KEY.hex(): value}))
        assert all(reason in str(receipt.error) for receipt in result.receipts)


def test_the_package_says_what_is_in_it() -> None:
    import blockstm_evm

    crate = tomllib.loads((ROOT / "evm" / "Cargo.toml").read_text())
    header = (ROOT / "blockstm" / "native" / "blockstm.h").read_text()
    versions = re.findall(
        r"ABI_VERSION (\d+)u|ABI_VERSION: u32 = (\d+);", header + (ROOT / "evm/src/verbs.rs").read_text()
    )
    assert blockstm_evm.__version__ == crate["package"]["version"]
    assert crate["dependencies"]["revm"]["version"] == f"={blockstm_evm.REVM_VERSION}"
    assert {int(one or other) for one, other in versions} == {blockstm_evm.ABI_VERSION}
    assert blockstm_evm.LIBRARY.is_file()


def test_blocks_run_without_py_evm(run_script, tmp_path: Path) -> None:
    """Only the comparison with the header needs it."""
    ended = run_script(
        f"""
import sys
for name in ("eth", "eth_hash", "eth_keys", "eth_utils", "rlp", "coincurve", "lru"):
    sys.modules[name] = None
import blockstm
from blockstm.measure import measure

measured = measure(blockstm.Block.load({str(MAINNET[0])!r}), workers=1, repeat=1)
print(measured.virtual_machine, measured.header_checks, measured.gas_used, measured.outcomes.succeeded)
""",
    )
    assert ended.stderr == ""
    assert ended.stdout.startswith("native (revm ") and ended.stdout.endswith(" None 2625335 83\n")
