"""Block files of Ethereum blocks: real ones, what is in them, and what does not fit together."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import zstandard
from eth_hash.auto import keccak

from blockstm.blocks.block import Block
from blockstm.errors import EthereumInputError, UsageError
from blockstm.ethereum.node.prestate import read_prestate
from blockstm.ethereum.node.rpc import read_block
from blockstm.ethereum.recording.record import read_ethereum, record_ethereum
from blockstm.ethereum.rules.environment import Environment
from blockstm.ethereum.rules.forks import FORKS
from blockstm.ethereum.rules.keys import (
    ENVIRONMENT_KEY,
    balance_key,
    block_hash_key,
    code_key,
    decode_number,
    encode_number,
    existence_key,
    incarnation_key,
    nonce_key,
    storage_key,
)
from blockstm.ethereum.rules.system import BEACON_ROOTS_ADDRESS, HISTORY_ADDRESS, before_transactions
from tests.support.ethereum.node import CONTRACT, ETHEREUM, MINER, TIMES, account, address, block, transaction

FOLDERS = sorted((folder for folder in ETHEREUM.glob("[0-9]*")), key=lambda folder: int(folder.name))
real_blocks = pytest.mark.skipif(not FOLDERS, reason="the recorded blocks of ../shared are not here")
Read = Callable[..., Block]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read a block from what a node tells; ... for a state that fits it."""

    def run(told: object, state: object = ..., fork: str | None = None, hashes: object = None) -> Block:
        (tmp_path / "block.json").write_text(json.dumps(told))
        default = {address(0): account(), CONTRACT: account(5, 1, "0x6001")}
        (tmp_path / "prestate.json").write_text(json.dumps(default if state is ... else state))
        (tmp_path / "hashes.json").write_text(json.dumps(hashes))
        return read_ethereum(
            tmp_path / "block.json",
            tmp_path / "prestate.json",
            block_hashes_path=None if hashes is None else tmp_path / "hashes.json",
            fork=fork,
        )

    return run


def refused(read: Callable[[], object], *expected: str) -> None:
    with pytest.raises(EthereumInputError) as caught:
        read()
    for text in expected:
        assert text in str(caught.value)
    assert str(caught.value).isprintable()


def load(path: Path) -> Any:
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as reader:
        return json.loads(reader.read())


def test_keys() -> None:
    where = bytes(range(20))
    assert nonce_key(where) == b"n" + where
    assert incarnation_key(where) == b"w" + where
    assert storage_key(where, 258) == b"s" + where + bytes(30) + b"\1\2"
    assert storage_key(where, 1, 3) == b"s" + where + bytes(31) + b"\1\0\3"
    assert block_hash_key(258) == b"h" + bytes(6) + b"\1\2"
    for number in (0, 1, 255, 256, 2**256 - 1):
        assert decode_number(encode_number(number)) == number
    assert (encode_number(0), decode_number(None)) == (b"", 0)


def test_importing_the_package_does_not_import_py_evm(run_script: Callable[..., Any]) -> None:
    code = "import sys, blockstm.ethereum.block; print({'eth', 'rlp', 'eth_hash'} & set(sys.modules))"
    assert run_script(code).stdout == "set()\n"


def test_what_is_in_a_block(read: Read) -> None:
    signed = transaction(2)
    told = block(signed)
    contract = account(5, 1, "0x6001", **{"0x01": "0x0100", "0x02": "0x0"})
    made = read(told, {address(0): account(7), CONTRACT: contract, MINER: account(0)})
    sender, target = bytes.fromhex(address(0)[2:]), b"\xc0" * 20
    number = int(told["number"], 16)
    state = dict(made.state)
    assert len(state.pop(ENVIRONMENT_KEY)) > 0
    assert state == {
        balance_key(sender): b"\7",
        existence_key(sender): b"\1",
        balance_key(target): b"\5",
        nonce_key(target): b"\1",
        code_key(target): keccak(b"\x60\1") + b"\x60\1",
        existence_key(target): b"\1",
        storage_key(target, 1): b"\1\0",
        block_hash_key(number - 1): b"\xaa" * 32,
    }
    assert (made.chain, made.number) == ("ethereum", number)
    (run,) = made.transactions
    assert (run.program.name, run.arguments) == ("blockstm.ethereum.program.evm", (signed[1], sender))
    about = made.meta["ethereum"]
    assert about["fork"] == "cancun"
    assert about["header"] == {name: value for name, value in told.items() if isinstance(value, str)}
    assert about["uncles"] == []
    assert about["withdrawals"] == told["withdrawals"]


def test_block_hashes_are_kept(read: Read) -> None:
    made = read(block(transaction(2)), hashes={"5": "0x" + "11" * 32})
    assert made.state[block_hash_key(5)] == b"\x11" * 32


def header_like(fork: str) -> str:
    """The fork of those whose headers can be made that has the same fields."""
    earlier = [name for name in TIMES if FORKS.index(name) <= FORKS.index(fork)]
    return earlier[-1] if earlier else "istanbul"


@pytest.mark.parametrize("fork", FORKS)
def test_precompiles_exist_until_eip_161(read: Read, fork: str) -> None:
    old = fork in ("frontier", "homestead", "tangerine_whistle")
    made = read(block(transaction(0, chain_id=None), fork=header_like(fork)), fork=fork)
    assert [existence_key(bytes(19) + bytes([n])) in made.state for n in range(6)] == [
        False,
        *[old] * 4,
        False,
    ]
    assert ("withdrawals" in made.meta["ethereum"]) == (fork in FORKS[FORKS.index("shanghai") :])


def environment(fork: str, number: int = 22_431_090, timestamp: int = 1_746_612_335) -> Environment:
    return Environment(fork, 1, number, bytes(20), timestamp, 0, bytes(32), 0, 7, 0)


HEADER: Mapping[str, str] = {"parentHash": "0x00" + "aa" * 31, "parentBeaconBlockRoot": "0x" + "ee" * 32}


@pytest.mark.parametrize(("fork", "writes"), [("shanghai", 0), ("cancun", 2), ("prague", 3)])
def test_what_the_protocol_writes_first(fork: str, writes: int) -> None:
    codes = {code_key(BEACON_ROOTS_ADDRESS): b"code", code_key(HISTORY_ADDRESS): b"code"}
    state = dict(codes)
    before_transactions(environment(fork), HEADER, state)
    beacon = 1_746_612_335 % 8191
    expected = {
        storage_key(BEACON_ROOTS_ADDRESS, beacon): encode_number(1_746_612_335),
        storage_key(BEACON_ROOTS_ADDRESS, beacon + 8191): b"\xee" * 32,
        storage_key(HISTORY_ADDRESS, (22_431_090 - 1) % 8191): b"\xaa" * 31,
    }
    assert state == codes | dict(list(expected.items())[:writes])


def test_what_the_protocol_writes_first_replaces_and_clears() -> None:
    state = {code_key(BEACON_ROOTS_ADDRESS): b"code", storage_key(BEACON_ROOTS_ADDRESS, 8): b"old"}
    state[storage_key(BEACON_ROOTS_ADDRESS, 8 + 8191)] = b"old"
    before_transactions(environment("cancun", 1, 8), {"parentBeaconBlockRoot": "0x" + "00" * 32}, state)
    assert state[storage_key(BEACON_ROOTS_ADDRESS, 8)] == b"\x08"
    assert storage_key(BEACON_ROOTS_ADDRESS, 8 + 8191) not in state


def test_contracts_without_code_are_not_called() -> None:
    state: dict[bytes, bytes] = {}
    before_transactions(environment("prague"), HEADER, state)
    assert state == {}


def test_another_chain_needs_a_fork(read: Read) -> None:
    told = block(transaction(2, chain_id=5))
    refused(lambda: read(told), "block.json: ", "chain 5", "--fork", "cancun")
    assert read(told, fork="cancun").chain == "eip155:5"


def test_a_fork_that_is_not_known(read: Read) -> None:
    with pytest.raises(UsageError, match=r"fork 'olympic' is not known; known are frontier, .*, prague"):
        read(block(transaction(2)), fork="olympic")


def test_a_fork_that_the_header_does_not_fit(read: Read) -> None:
    told = block(transaction(0), fork="istanbul")
    refused(lambda: read(told, fork="london"), "block.json: the block: field baseFeePerGas is missing")
    london, prague = block(transaction(2), fork="london"), block(transaction(2), fork="prague")
    refused(lambda: read(london, fork="cancun"), "field withdrawalsRoot is missing, which fork cancun needs")
    refused(
        lambda: read(london, fork="berlin"), "it has the field baseFeePerGas, which came with fork london"
    )
    refused(
        lambda: read(prague, fork="cancun"),
        "block.json: the block: it has the field requestsHash, which came with fork prague, after cancun; "
        "name the header's own fork with --fork",
    )


def test_a_block_of_the_future(read: Read) -> None:
    refused(lambda: read(block(transaction(2), number=hex(10**9), timestamp=hex(2**40))), "block.json: ")


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({}, f"account {address(0)}, is not there; give the state before block"),
        ({address(0): account(1, 3)}, f"account {address(0)}, has nonce 3"),
        ({address(0): account(1, 8)}, f"account {address(0)}, has nonce 8"),
    ],
)
def test_a_state_of_another_block(read: Read, state: object, expected: str) -> None:
    told = block(transaction(2, nonce=7), transaction(2, nonce=8))
    refused(
        lambda: read(told, state),
        f"transaction 0 ({told['transactions'][0]['hash']}): its nonce is 7",
        expected,
    )


def test_from_prague_on_others_may_raise_a_nonce(read: Read) -> None:
    told = block(transaction(2, nonce=7), fork="prague")
    assert len(read(told, {address(0): account(1, 3)})) == 1
    refused(lambda: read(told, {address(0): account(1, 8)}), "has nonce 8")


def test_a_code_that_is_too_long_for_a_block_file(read: Read) -> None:
    state = {address(0): account(), CONTRACT: account(0, 1, "0x" + "00" * 65_536)}
    refused(lambda: read(block(transaction(2)), state), "block.json: cannot be kept in a block file", "65536")


@pytest.mark.parametrize("name", ["block.json", "prestate.json", "hashes.json"])
def test_an_input_is_not_overwritten(read: Read, tmp_path: Path, name: str) -> None:
    read(block(transaction(2)), hashes={})
    before = (tmp_path / name).read_bytes()
    with pytest.raises(UsageError, match="is one of the inputs"):
        record_ethereum(
            tmp_path / "block.json",
            tmp_path / "prestate.json",
            tmp_path / name,
            block_hashes_path=tmp_path / "hashes.json",
        )
    assert (tmp_path / name).read_bytes() == before


@real_blocks
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_real_block(folder: Path, tmp_path: Path) -> None:
    hashes = folder / "blockhashes.json.zst"
    made = record_ethereum(
        folder / "block.json.zst",
        folder / "prestate.json.zst",
        tmp_path / "out.block",
        block_hashes_path=hashes if hashes.exists() else None,
    )
    assert Block.load(tmp_path / "out.block") == made
    told = load(folder / "block.json.zst")
    senders = [transaction["from"] for transaction in told["transactions"]]
    assert ["0x" + run.arguments[1].hex() for run in made.transactions] == senders
    assert (made.chain, made.number) == ("ethereum", int(folder.name))
    balances = {
        address: int(account["balance"], 16)
        for address, account in load(folder / "prestate.json.zst").items()
    }
    for where, balance in balances.items():
        assert decode_number(made.state.get(balance_key(bytes.fromhex(where[2:])))) == balance


@real_blocks
@pytest.mark.parametrize("number", [2_641_321, 12_520_364, 19_932_148])
def test_both_forms_of_a_real_state_are_the_same(number: int, tmp_path: Path) -> None:
    folder = ETHEREUM / str(number)
    told = read_block(folder / "block.json.zst")
    merged = load(folder / "prestate.json.zst")
    listed: list[dict[str, Any]] = [{} for _ in told.transactions]
    for index, (where, whole) in enumerate(merged.items()):
        # The account is seen first by the first transaction that must touch it, and changed in the last.
        first = min(
            (i for i, txn in enumerate(told.transactions) if where in touched(txn, told)),
            default=index % len(listed),
        )
        slots = list(whole.get("storage", {}).items())
        listed[first][where] = whole | {"storage": dict(slots[::2])}
        later = {
            "balance": "0x1",
            "nonce": 99,
            "code": "0x00",
            "storage": {slot: "0x7" for slot, _ in slots[::2]},
        }
        listed[-1].setdefault(where, later)["storage"].update(slots[1::2])
    (tmp_path / "list.json").write_text(json.dumps({"jsonrpc": "2.0", "id": 1, "result": listed}))
    assert read_prestate(tmp_path / "list.json", told) == read_prestate(folder / "prestate.json.zst", told)


def touched(txn: Any, told: Any) -> set[str]:
    return {"0x" + where.hex() for where in (txn.sender, txn.target, told.values["miner"])}
