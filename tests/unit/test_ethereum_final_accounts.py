"""The accounts after a block, their JSON, the root of a whole state, uncles' headers, and the DAO's ether."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from eth_hash.auto import keccak
from ethereum.forks.dao_fork.dao import DAO_ACCOUNTS, DAO_RECOVERY
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trie import HexaryTrie

from blockstm import Engine
from blockstm.errors import EthereumInputError
from blockstm.ethereum import accounts_after
from blockstm.ethereum.checking.closing import Closing, close_block
from blockstm.ethereum.checking.finalaccounts import accounts_json, accounts_of
from blockstm.ethereum.node.prestate import Account, read_prestate
from blockstm.ethereum.node.rpc import read_block
from blockstm.ethereum.node.tries import encode_rlp
from blockstm.ethereum.py_evm.accounts import ContextAccounts
from blockstm.ethereum.py_evm.mappingcontext import MappingContext
from blockstm.ethereum.recording.account_keys import add_account
from blockstm.ethereum.recording.record import read_ethereum
from blockstm.ethereum.rules.environment import Environment
from blockstm.ethereum.rules.forks import LONDON
from blockstm.ethereum.rules.keys import (
    ENVIRONMENT_KEY,
    EXISTS,
    EXISTS_EMPTY,
    STORAGE_WITHOUT_CODE,
    balance_key,
    code_key,
    existence_key,
    incarnation_key,
    nonce_key,
    storage_key,
)
from blockstm.ethereum.rules.system import DAO_FORK_EXTRA_DATA, DAO_FORK_NUMBER, is_dao_fork, move_dao_ether
from blockstm.ethereum.state_trie import state_root
from tests.blockchain_tests.synthetic import state_root_of
from tests.support.ethereum.node import account, address, block, transaction
from tests.support.ethereum.oracle import Account as SpecifiedAccount

ONE, TWO, THREE = (bytes([number]) * 20 for number in (1, 2, 3))

numbers = st.integers(0, 2**256 - 1) | st.integers(0, 2)
accounts_found = st.dictionaries(
    st.binary(min_size=20, max_size=20),
    st.builds(
        Account,
        balance=numbers,
        nonce=st.integers(0, 2**64 - 1),
        code=st.binary(max_size=40),
        storage=st.dictionaries(numbers, st.integers(1, 2**256 - 1), max_size=12),
    ),
    max_size=20,
)


def test_accounts_are_read_from_keys() -> None:
    state = {
        ENVIRONMENT_KEY: b"environment",
        existence_key(TWO): EXISTS,
        nonce_key(TWO): b"\x01\x00",
        balance_key(TWO): b"\x07",
        code_key(TWO): keccak(b"code") + b"code",
        incarnation_key(TWO): b"\x01",
        storage_key(TWO, 1): b"\x05",  # wiped
        storage_key(TWO, 2, 1): b"\x06",
        existence_key(ONE): EXISTS_EMPTY,
        code_key(ONE): STORAGE_WITHOUT_CODE,
        storage_key(ONE, 3): b"\x04",
        incarnation_key(THREE): b"\x01",  # gone
        storage_key(THREE, 3): b"\x04",
    }
    found = accounts_of(state)
    assert list(found) == [ONE, TWO]
    assert found == {ONE: Account(0, 0, b"", {3: 4}), TWO: Account(7, 256, b"code", {2: 6})}


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(accounts_found)
def test_accounts_are_written_as_a_pre_state(tmp_path: Path, accounts: dict[bytes, Account]) -> None:
    written = accounts_json(accounts)
    assert list(json.loads(written)) == [f"0x{name.hex()}" for name in sorted(accounts)]
    (tmp_path / "block.json").write_text(json.dumps(block()))
    (tmp_path / "accounts.json").write_bytes(written)
    assert read_prestate(tmp_path / "accounts.json", read_block(tmp_path / "block.json")) == accounts


def root_by_library(accounts: dict[bytes, Account]) -> bytes:
    """The root by the library that py-evm uses."""
    trie = HexaryTrie({})
    for name, found in accounts.items():
        storage = HexaryTrie({})
        for slot, value in found.storage.items():
            storage[keccak(slot.to_bytes(32, "big"))] = encode_rlp(minimal(value))
        fields = [minimal(found.nonce), minimal(found.balance), storage.root_hash, keccak(found.code)]
        trie[keccak(name)] = encode_rlp(fields)
    return trie.root_hash


def state_of(accounts: dict[bytes, Account]) -> dict[bytes, bytes]:
    """A block's state that has these accounts."""
    state: dict[bytes, bytes] = {}
    for name, found in accounts.items():
        add_account(state, name, found, LONDON, exists=True)
    return state


def minimal(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


@settings(max_examples=50, deadline=None)
@given(accounts_found)
def test_the_root_of_a_state_is_that_of_others(accounts: dict[bytes, Account]) -> None:
    specified = {
        name: SpecifiedAccount(found.nonce, found.balance, found.code, found.storage)
        for name, found in accounts.items()
    }
    assert state_root(state_of(accounts)) == root_by_library(accounts) == state_root_of("london", specified)


def test_slots_of_zero_are_not_in_the_root() -> None:
    with_zero, without = {ONE: Account(1, 0, b"", {1: 0})}, {ONE: Account(1, 0, b"")}
    assert state_root(state_of(with_zero)) == state_root(state_of(without)) == root_by_library(without)
    assert state_root({}) == keccak(b"\x80")


# --- uncles ---------------------------------------------------------------------------------------


def with_uncles(*numbers: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A block before Paris, and the headers of its uncles, which have these numbers."""
    plain = block(transaction(0), fork="istanbul", difficulty=hex(10**13))
    uncles = [
        block(
            fork="istanbul",
            difficulty=hex(10**13),
            number=hex(number),
            miner=f"0x{bytes([index + 1] * 20).hex()}",
        )
        for index, number in enumerate(numbers)
    ]
    header_hash = keccak(encode_rlp([encode_header(uncle) for uncle in uncles]))
    told = block(
        transaction(0), fork="istanbul", difficulty=plain["difficulty"], sha3Uncles=f"0x{header_hash.hex()}"
    )
    return told | {"uncles": [uncle["hash"] for uncle in uncles]}, uncles


def encode_header(told: dict[str, Any]) -> list[bytes]:
    names = list(told)[: list(told).index("hash")]
    plain = ("difficulty", "number", "gasLimit", "gasUsed", "timestamp")
    return [
        minimal(int(told[name], 16)) if name in plain else bytes.fromhex(told[name][2:]) for name in names
    ]


class Folder:
    """A block with uncles, recorded from files."""

    def __init__(self, tmp_path: Path) -> None:
        self._folder = tmp_path
        self.number = int(block(fork="istanbul")["number"], 16)

    def read(self, told: dict[str, Any], uncles: object) -> Any:
        contents = {"block": told, "prestate": {address(0): account()}, "uncles": uncles}
        for name, content in contents.items():
            (self._folder / f"{name}.json").write_text(json.dumps(content))
        return read_ethereum(
            self._folder / "block.json",
            self._folder / "prestate.json",
            uncles_path=None if uncles is None else self._folder / "uncles.json",
        )


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_the_miners_of_uncles_are_paid_where_their_headers_are_given(
    folder: Folder, shared_engine: Engine
) -> None:
    told, uncles = with_uncles(folder.number - 1, folder.number - 6)
    reward = 2 * 10**18
    for answers in (uncles, [{"jsonrpc": "2.0", "id": 1, "result": uncle} for uncle in uncles]):
        made = folder.read(told, answers)
        accounts = accounts_after(made, shared_engine.execute(made))
        assert accounts[ONE].balance == reward * 7 // 8
        assert accounts[TWO].balance == reward * 2 // 8
    made = folder.read(told, None)
    without = accounts_after(made, shared_engine.execute(made))
    assert not {ONE, TWO} & without.keys()
    miner = bytes.fromhex(told["miner"][2:])
    assert without[miner] == accounts[miner] and without[miner].balance > reward + 2 * reward // 32


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda uncles: uncles[:1], "it holds 1 headers, and the block has 2 uncles; write a list of what"),
        (lambda uncles: {"0": uncles[0]}, "it holds no list, and the block has 2 uncles"),
        (lambda uncles: uncles[::-1], "uncle 0: its fields give the hash 0x"),
        (
            lambda uncles: [uncles[0], uncles[1] | {"miner": "0x" + "00" * 20}],
            "uncle 1: its fields give the hash 0x",
        ),
        (lambda uncles: [uncles[0], {}], "uncle 1: field parentHash is missing"),
        (lambda uncles: [None, uncles[1]], "uncle 0: it is None, not a JSON object"),
    ],
)
def test_headers_that_are_not_those_of_the_uncles_are_refused(
    folder: Folder, change: Any, expected: str
) -> None:
    told, uncles = with_uncles(folder.number - 1, folder.number - 6)
    with pytest.raises(EthereumInputError, match=r"uncles\.json: ") as caught:
        folder.read(told, change(uncles))
    assert expected in str(caught.value)


@pytest.mark.parametrize("age", [-1, 0, 7])
def test_an_uncle_of_an_impossible_height_is_refused(age: int) -> None:
    environment = Environment("istanbul", 1, 9_100_000, THREE, 1, 1, bytes(32), 30_000_000, None, None)
    closing = Closing(uncle_count=1, uncles=((ONE, 9_100_000 - age),))
    with pytest.raises(
        EthereumInputError, match=f"number {9_100_000 - age}, which no uncle of block 9100000 can"
    ):
        close_block({ENVIRONMENT_KEY: environment.encoded()}, environment, closing, ())


@pytest.mark.parametrize("fork", ["prague", "osaka"])
def test_a_whole_state_without_a_system_contract_is_that_of_no_block(fork: str) -> None:
    environment = Environment(fork, 1, 9, THREE, 1, 0, bytes(32), 30_000_000, 7, 0)
    state = {ENVIRONMENT_KEY: environment.encoded()}
    with pytest.raises(EthereumInputError, match=r"system contract 0x00000961ef480e.* has no code"):
        close_block(state, environment, Closing(has_whole_state=True), ())
    # Where the state is not whole, the node has left it out because nobody has touched it.
    assert close_block(state, environment, Closing(), ())[1] is not None


# --- the DAO --------------------------------------------------------------------------------------


def test_the_ether_of_the_dao_is_moved() -> None:
    first, second = bytes(DAO_ACCOUNTS[0]), bytes(DAO_ACCOUNTS[-1])
    recovery = bytes(DAO_RECOVERY)
    state = {
        balance_key(first): b"\x05",
        balance_key(second): b"\x01\x00",
        balance_key(recovery): b"\x02",
        balance_key(ONE): b"\x09",
    }
    move_dao_ether(state)
    assert {key: value for key, value in state.items() if key[:1] == b"b"} == {
        balance_key(recovery): b"\x01\x07",
        balance_key(ONE): b"\x09",
    }
    existing = {key[1:] for key in state if key[:1] == b"e"}
    assert existing == {recovery, *map(bytes, DAO_ACCOUNTS)}


@pytest.mark.parametrize(
    ("chain_id", "number", "extra_data", "expected"),
    [
        (1, DAO_FORK_NUMBER, DAO_FORK_EXTRA_DATA, True),
        (1, DAO_FORK_NUMBER, b"", False),  # the chain that did not fork
        (1, DAO_FORK_NUMBER + 1, DAO_FORK_EXTRA_DATA, False),
        (2, DAO_FORK_NUMBER, DAO_FORK_EXTRA_DATA, False),
    ],
)
def test_the_block_of_the_dao_fork_is_known(
    chain_id: int, number: int, extra_data: bytes, expected: bool
) -> None:
    environment = Environment("homestead", chain_id, number, ONE, 1, 1, bytes(32), 30_000_000, None, None)
    assert is_dao_fork(environment, extra_data) is expected


# --- the state of the whole chain -----------------------------------------------------------------


def test_a_list_by_transactions_is_no_whole_state(tmp_path: Path) -> None:
    (tmp_path / "block.json").write_text(json.dumps(block(transaction())))
    (tmp_path / "prestate.json").write_text(json.dumps([{address(0): account()}]))
    with pytest.raises(
        EthereumInputError, match=r"prestate\.json: it lists what each transaction touches, which is not"
    ):
        read_ethereum(tmp_path / "block.json", tmp_path / "prestate.json", whole_state=True)


def empty_existing(balance: bytes = b"") -> MappingContext:
    state = {
        existence_key(ONE): EXISTS_EMPTY,
        code_key(ONE): STORAGE_WITHOUT_CODE,
        storage_key(ONE, 1): b"\x02",
    }
    return MappingContext(state | ({balance_key(ONE): balance} if balance else {}))


def test_an_account_that_is_there_though_empty_goes_or_is_there_for_good() -> None:
    context = empty_existing()
    accounts = ContextAccounts(context)
    assert accounts.account_exists(ONE) and accounts.account_is_empty(ONE)
    assert accounts.is_taken(ONE) and not accounts.account_has_code_or_nonce(ONE)
    accounts.delete_account(ONE)
    assert not accounts.is_taken(ONE)
    accounts.flush()
    assert accounts_of(context._state) == {}
    later = ContextAccounts(context)
    later.delta_balance(ONE, 3)
    later.flush()
    assert accounts_of(context._state) == {ONE: Account(3, 0, b"")}

    context = empty_existing()
    accounts = ContextAccounts(context)
    accounts.delta_balance(ONE, 3)
    accounts.flush()
    assert accounts_of(context._state) == {ONE: Account(3, 0, b"", {1: 2})}
    assert not ContextAccounts(context).account_is_empty(ONE)
