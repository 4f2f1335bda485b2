"""Blocks of the official tests and after public bug reports, in ../shared, that had come out wrong once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from ethereum.forks.byzantium import state as spec
from ethereum.forks.byzantium.fork_types import Account as SpecAccount
from ethereum_types.bytes import Bytes20, Bytes32
from ethereum_types.numeric import U256, Uint

from blockstm import Engine
from blockstm.errors import EthereumInputError
from blockstm.ethereum.block import EthereumBlock
from blockstm.ethereum.chain_block import EthereumChainBlock
from blockstm.ethereum.checking.checks import ExecutedBlock
from blockstm.ethereum.recording.record import read_ethereum
from blockstm.ethereum.rules.keys import balance_key
from tests.support.ethereum.oracle import execute

SHARED = Path(__file__).resolve().parents[3] / "shared"
REPORTED, OFFICIAL = SHARED / "reported", SHARED / "official-tests" / "cases"
pytestmark = pytest.mark.skipif(
    not (REPORTED.is_dir() and OFFICIAL.is_dir()), reason="the inputs of ../shared are not here"
)

Json = dict[str, Any]


class Case:
    """One folder of inputs, read and executed with what a test adds."""

    def __init__(self, engine: Engine, folder: Path, tmp_path: Path) -> None:
        self._engine = engine
        self._folder = folder
        self._extra = tmp_path / "accounts.json"
        self.block: Json = json.loads((folder / "block.json").read_text())
        self.block = self.block.get("result", self.block)
        self.prestate: Any = json.loads((folder / "prestate.json").read_text())

    def run(
        self,
        accounts: object = None,
        fork: str | None = None,
        *,
        whole_state: bool = False,
        dao_fork: bool | None = None,
    ) -> tuple[ExecutedBlock, set[str]]:
        """Execute it; return it with the names of the checks that differ."""
        self._extra.write_text(json.dumps(accounts))
        hashes = self._folder / "h.json"
        block = read_ethereum(
            self._folder / "block.json",
            self._folder / "prestate.json",
            block_hashes_path=hashes if hashes.exists() else None,
            accounts_path=None if accounts is None else self._extra,
            fork=fork,
            whole_state=whole_state,
            dao_fork=dao_fork,
        )
        ethereum = EthereumBlock.of(block)
        result = self._engine.execute(block)
        checks = EthereumChainBlock(block).header_checks(result)
        return ExecutedBlock(ethereum, result), {name for name, holds in checks.items() if holds is False}

    def refusal(self, fork: str | None = None) -> str:
        """Check that it is refused, and return the message."""
        with pytest.raises(EthereumInputError) as caught:
            self.run(fork=fork)
        message = str(caught.value)
        assert message.isprintable() and "b'" not in message
        return message


@pytest.fixture
def reported(shared_engine: Engine, tmp_path: Path) -> Callable[[str], Case]:
    return lambda name: Case(shared_engine, REPORTED / name, tmp_path)


@pytest.fixture
def official(shared_engine: Engine, tmp_path: Path) -> Callable[[str], Case]:
    return lambda name: Case(shared_engine, OFFICIAL / name, tmp_path)


# After public reports


@pytest.mark.parametrize(
    "name",
    [
        "access_missing",
        "access_null",
        "create2_full",
        "create_nonce1_cancun",
        "deposit_sepolia",
        "fork_early_floor",
        "miner_unlisted_london",
        "queue_full",
        "to_missing",
    ],
)
def test_a_reported_block_comes_to_its_header(reported: Callable[[str], Case], name: str) -> None:
    assert reported(name).run()[1] == set()


def test_the_reported_gas_limits_are_allowed(reported: Callable[[str], Case]) -> None:
    # Two limits of 60,000 in a block of 100,000: what counts is what the first has left (Yellow Paper, 6.2).
    case = reported("gas_limit")
    assert execute(case.block, case.prestate, {}).receipts[-1].cumulative_gas_used == 42_000
    assert case.run()[1] == set()


def test_a_beneficiary_that_the_tracer_lists_late_was_there(reported: Callable[[str], Case]) -> None:
    executed, _ = reported("miner_unlisted_london").run()
    assert executed.block.state[b"n" + executed.environment.coinbase] == b"\x29"
    assert balance_key(executed.environment.coinbase) in executed.block.state


def test_a_fork_earlier_than_the_header(reported: Callable[[str], Case]) -> None:
    message = reported("fork_early_floor").refusal(fork="cancun")
    assert "block.json: the block: it has the field requestsHash, which came with fork prague" in message


def test_the_error_of_a_node_is_shown(reported: Callable[[str], Case]) -> None:
    message = reported("err_zero_txhash").refusal()
    assert "could not trace it: TypeError: cannot read property 'x' of null" in message
    assert "another transaction" not in message


def test_a_contract_that_create2_makes_is_named(reported: Callable[[str], Case]) -> None:
    case, made = reported("create2_default"), "0xe389e39cd0a3bf4313aacf07919699f13a90719d"
    message = case.refusal()
    assert f"transaction 0 ({case.block['transactions'][0]['hash']})" in message
    assert f"creates a contract at {made}, where the pre-state has a nonce or code" in message
    assert "includeEmpty" in message and f'--accounts FILE that holds {{"{made}": null}}' in message
    assert case.run({made: None})[1] == set()


def test_a_system_contract_that_is_not_there_is_named(reported: Callable[[str], Case]) -> None:
    contracts = [
        "0x00000961ef480eb55e80d19ad83579a64c007002",
        "0x0000bbddc7ce488642fb579f8b00f3a590007251",
    ]
    case = reported("queue_geth")
    message = case.refusal()
    assert all(contract in message for contract in contracts) and "--accounts" in message
    assert (
        case.run({contract: reported("queue_full").prestate[contract] for contract in contracts})[1] == set()
    )


@pytest.mark.parametrize(
    ("name", "delegate"),
    [
        ("7702_geth_self", "0x63c0c19a282a1b52b07dd5a65b58948a07dae32b"),
        ("small_delegate", "0x000000000000000000000000000000000000c0de"),
    ],
)
def test_a_delegate_that_the_tracer_leaves_out_is_named(
    reported: Callable[[str], Case], name: str, delegate: str
) -> None:
    case = reported(name)
    message = case.refusal()
    assert f"looks for code at {delegate}, of which the pre-state has no account" in message
    assert "--accounts" in message
    # Any code is found; whether it is the right one, the header tells.
    executed, _ = case.run({delegate: {"balance": "0x0", "nonce": 1, "code": "0x00"}})
    read = dict(executed.result.reads(0))
    assert read[b"c" + bytes.fromhex(delegate[2:])] is not None


def test_zero_to_the_power_of_zero_is_one(reported: Callable[[str], Case]) -> None:
    case = reported("modexp_0_0_2_cancun")
    executed, differing = case.run()
    assert differing == set()
    contract = bytes.fromhex(case.block["transactions"][0]["to"][2:])
    assert executed.accounts_after[contract].storage == {
        0: 1 << 248
    }  # one byte of output, at the word's begin


# Official tests


@pytest.mark.parametrize(
    ("name", "fork"),
    [
        ("modexp-empty-base", "istanbul"),
        ("creation-over-storage-eip7610", "istanbul"),
        ("dao-fork-block", "homestead"),
        ("precompile-not-yet-existing", "tangerine_whistle"),
        ("empty-account-before-eip158", "tangerine_whistle"),
        ("empty-account-forgotten", "byzantium"),
        ("empty-account-after-eip158", "berlin"),
    ],
)
def test_the_state_root_is_right_where_the_state_is_whole(
    official: Callable[[str], Case], name: str, fork: str
) -> None:
    case = official(name)
    executed, differing = case.run(fork=fork, whole_state=True, dao_fork=name == "dao-fork-block")
    assert differing == set()
    assert EthereumChainBlock(executed.block).header_checks(executed.result)["state_root"] is True
    assert state_root(executed) == case.block["stateRoot"]


@pytest.mark.parametrize(
    ("name", "fork", "differing"),
    [
        ("ExtraDataTooBig", "byzantium", "extra_data"),
        ("GAS_USED_OVERFLOW", "cancun", "gas_limit"),
        ("IMPORT_IMPOSSIBLE_UNCLES_OVER_PARIS", "cancun", "uncles_hash"),
        ("InvalidUnclesHash", "byzantium", "uncles_hash"),
        ("PostParisDifficultyIsNot0", "shanghai", "difficulty"),
        ("PostParisUncleHashIsNotEmpty", "shanghai", "uncles_hash"),
        # These cannot be told from the block alone: base fee and the uncle's gas, and roots of the whole state.
        ("1559BlockImportImpossible_BaseFeeWrong", "london", None),
        ("TooMuchGasUsed", "petersburg", None),
        ("InvalidStateRoot", "byzantium", None),
        ("wrongReceiptTrie-before-Byzantium", "tangerine_whistle", None),
    ],
)
def test_invalid_headers(
    official: Callable[[str], Case], name: str, fork: str, differing: str | None
) -> None:
    assert official(f"invalid-accepted-{name}").run(fork=fork)[1] == ({differing} if differing else set())


def test_fields_of_a_later_fork(official: Callable[[str], Case]) -> None:
    message = official("invalid-accepted-blob-fields-in-shanghai").refusal(fork="shanghai")
    assert "the block: it has the field blobGasUsed, which came with fork cancun, after shanghai" in message


def test_transactions_that_are_not_those_of_the_header(official: Callable[[str], Case]) -> None:
    # The JSON has other transactions than the invalid block, so their root tells; the pre-state is not blamed.
    _, differing = official("invalid-executed-tip-over-fee-cap").run(fork="paris")
    assert "transactions_root" in differing


def test_a_sender_that_cannot_pay(official: Callable[[str], Case]) -> None:
    message = official("invalid-refused-nofunds").refusal(fork="paris")
    assert (
        "of sender 0xa94f5374fce5edbc8e2a8697c15331677e6ebf0b cannot be executed: its sender has " in message
    )
    assert "has 1000000000000000000 wei, but it may cost 400000000000000000000000 wei; " in message
    assert "either the block is invalid, or the pre-state is not whole" in message


def state_root(executed: ExecutedBlock) -> str:
    """The root of the state after a block, in which all accounts are whole, by the official specifications."""
    whole = spec.State()
    for address, account in executed.accounts_after.items():
        nonce, balance = Uint(account.nonce), U256(account.balance)
        spec.set_account(whole, Bytes20(address), SpecAccount(nonce, balance, account.code))
        for slot, value in account.storage.items():
            spec.set_storage(whole, Bytes20(address), Bytes32(slot.to_bytes(32, "big")), U256(value))
    return f"0x{spec.state_root(whole).hex()}"


def empty_accounts(prestate: Mapping[str, Json]) -> dict[str, Json]:
    """The accounts of a pre-state that have nothing."""
    return {
        address: account
        for address, account in prestate.items()
        if int(account["balance"], 16) == 0 and not account.get("nonce") and account.get("code", "0x") == "0x"
    }


PRECOMPILES = {f"0x{number:040x}": None for number in range(1, 5)}


@pytest.mark.parametrize(
    ("name", "fork", "differing"),
    [
        ("precompile-not-yet-existing", "tangerine_whistle", {"gas_used"}),
        ("empty-account-before-eip158", "tangerine_whistle", {"gas_used"}),
        ("empty-account-forgotten", "byzantium", set()),
        ("empty-account-after-eip158", "berlin", set()),
    ],
)
def test_what_exists_is_as_the_user_says(
    official: Callable[[str], Case], name: str, fork: str, differing: set[str]
) -> None:
    case = official(name)
    executed, found = case.run(fork=fork)
    assert found == differing
    assert state_root(executed) != case.block["stateRoot"]
    stated: Json = {**(PRECOMPILES if fork == "tangerine_whistle" else {}), **empty_accounts(case.prestate)}
    executed, found = case.run(stated, fork=fork)
    assert found == set()
    assert state_root(executed) == case.block["stateRoot"]
