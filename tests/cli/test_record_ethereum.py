"""`blockstm record ethereum`: what a node tells into block files, and what is wrong with bad input."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eth_hash.auto import keccak

from blockstm import Block
from blockstm.ethereum.program import evm
from blockstm.ethereum.rules.keys import (
    EXISTS,
    EXISTS_EMPTY,
    balance_key,
    code_key,
    existence_key,
    storage_key,
)
from tests.support.ethereum.node import CONTRACT, ETHEREUM, account, address, block, transaction

Command = Callable[..., subprocess.CompletedProcess[str]]
Refused = Callable[..., str]

ARGUMENTS = ("record", "ethereum", "--block", "block.json", "--prestate", "prestate.json", "-o", "out.block")
TOLD = block(transaction(2), transaction(0, who=1, nonce=4))
STATE = {address(0): account(), address(1): account(10**18, 4), CONTRACT: account(0, 1, "0x00")}


@pytest.fixture(autouse=True)
def inputs(tmp_path: Path) -> None:
    """Sound inputs, which each test changes as it likes."""
    write(tmp_path, TOLD, STATE)


def write(folder: Path, told: object, state: object) -> None:
    (folder / "block.json").write_text(json.dumps(told))
    (folder / "prestate.json").write_text(json.dumps(state))


def test_what_follows_from_the_parent_is_compared(command: Command, refused: Refused, tmp_path: Path) -> None:
    number, time = (int(TOLD[name], 16) for name in ("number", "timestamp"))
    parent = block(number=hex(number - 1), timestamp=hex(time - 12))
    write(tmp_path, block(transaction(2), parentHash=parent["hash"]), STATE)
    (tmp_path / "parent.json").write_text(json.dumps({"result": parent}))
    assert command(*ARGUMENTS, "--parent", "parent.json").returncode == 0
    (entry,) = json.loads(command("replay", "out.block", "--json").stdout)["blocks"]
    names = ("parent", "base_fee", "excess_blob_gas")
    assert [entry["header_checks"][name] for name in names] == [True, True, True]
    (tmp_path / "parent.json").write_text(json.dumps(TOLD))
    assert "parent.json: the parent: its fields give the hash 0x" in refused(
        *ARGUMENTS, "--parent", "parent.json"
    )


def changed(index: int, **changes: object) -> dict[str, Any]:
    """TOLD with fields of one of its transactions changed."""
    told = json.loads(json.dumps(TOLD))
    told["transactions"][index].update(changes)
    return told


def test_a_block_is_recorded(command: Command, tmp_path: Path) -> None:
    (tmp_path / "hashes.json").write_text('{"5": "0x' + "11" * 32 + '"}')
    completed = command(*ARGUMENTS, "--blockhashes", "hashes.json", "--fork", "cancun")
    assert (completed.returncode, completed.stderr) == (0, "")
    assert completed.stdout.startswith("out.block: 2 transactions, ")
    made = Block.load(tmp_path / "out.block")
    assert {run.program for run in made.transactions} == {evm}


def test_accounts_are_as_the_user_says(command: Command, tmp_path: Path) -> None:
    empty, absent, replaced = ("0x" + digit * 40 for digit in "123")
    state = STATE | {absent: account(5, 1, "0x00", **{"0x1": "0x2"}), replaced: account(6, 2, "0x00")}
    accounts = {empty: {"balance": "0x0"}, absent: None, replaced: account(7, 0, "0x60", **{"0x3": "0x4"})}
    write(tmp_path, TOLD, state)
    (tmp_path / "accounts.json").write_text(json.dumps(accounts))
    completed = command(*ARGUMENTS, "--accounts", "accounts.json")
    assert (completed.returncode, completed.stderr) == (0, "")
    found = {
        key: value for key, value in Block.load(tmp_path / "out.block").state.items() if key[:1] in b"nbces"
    }
    of = {name: bytes.fromhex(name[2:]) for name in accounts}
    assert {key: value for key, value in found.items() if key[1:21] in of.values()} == {
        existence_key(of[empty]): EXISTS_EMPTY,
        existence_key(of[replaced]): EXISTS,
        balance_key(of[replaced]): b"\x07",
        code_key(of[replaced]): keccak(b"\x60") + b"\x60",
        storage_key(of[replaced], 3): b"\x04",
    }


@pytest.mark.parametrize(
    ("accounts", "expected"),
    [
        ([], "accounts.json: the accounts: it is [], not a JSON object"),
        ({"0x12": None}, "'0x12' is not the address of an account"),
        ({"0x" + "aa" * 20: None, "0x" + "AA" * 20: {"balance": "0x0"}}, "comes twice"),
        ({"0x" + "aa" * 20: {}}, f'account 0x{"aa" * 20}: field balance is missing; write {{"0xaddress"'),
        ({address(0): None}, f"account {address(0)}, is not there; give the state before block"),
    ],
)
def test_bad_accounts(refused: Refused, tmp_path: Path, accounts: object, expected: str) -> None:
    told = changed(0) if accounts != {address(0): None} else block(transaction(2, nonce=1))
    write(tmp_path, told, STATE)
    (tmp_path / "accounts.json").write_text(json.dumps(accounts))
    assert expected in refused(*ARGUMENTS, "--accounts", "accounts.json")
    assert not (tmp_path / "out.block").exists()


def test_what_is_decided_before_spurious_dragon_is_told(command: Command, tmp_path: Path) -> None:
    write(tmp_path, block(transaction(0, chain_id=None), fork="istanbul"), {address(0): account()})
    old = command(*ARGUMENTS, "--fork", "homestead").stdout
    assert (
        "note: accounts that the pre-state lists without balance, nonce and code are taken for absent" in old
    )
    assert "precompiled contracts 1 to 4 for existing; --accounts FILE says otherwise" in old
    assert "note" not in command(*ARGUMENTS, "--fork", "spurious_dragon").stdout
    assert "note" not in command(*ARGUMENTS, "--fork", "homestead", "--whole-state").stdout


@pytest.mark.parametrize("chain_id", [11_155_111, 17_000, 560_048])
def test_test_networks_need_no_fork(command: Command, tmp_path: Path, chain_id: int) -> None:
    write(tmp_path, block(transaction(2, chain_id=chain_id), fork="prague"), {address(0): account()})
    assert command(*ARGUMENTS).returncode == 0
    made = Block.load(tmp_path / "out.block")
    assert made.chain == f"eip155:{chain_id}"
    assert made.meta["ethereum"]["fork"] == "prague"  # type: ignore[index]


@pytest.mark.skipif(not ETHEREUM.is_dir(), reason="the recorded blocks of ../shared are not here")
@pytest.mark.parametrize("number", [46_147, 13_287_210, 19_932_148])
def test_real_blocks(command: Command, tmp_path: Path, number: int) -> None:
    folder = ETHEREUM / str(number)
    inputs = ("--block", folder / "block.json.zst", "--prestate", folder / "prestate.json.zst")
    completed = command("record", "ethereum", *inputs, "--output", "out.block")
    assert (completed.returncode, completed.stderr) == (0, "")
    assert Block.load(tmp_path / "out.block").number == number


@pytest.mark.parametrize(
    ("index", "changes", "expected"),
    [
        (1, {"r": "0x5"}, "its fields give the hash"),
        (1, {"from": "0x" + "11" * 20}, f"but {address(1)} has signed it"),
        (0, {"input": "0xzz"}, "field input is '0xzz'"),
        (0, {"type": "0x9"}, "type 0x9 is not known"),
    ],
)
def test_a_bad_transaction_is_named(
    refused: Refused, tmp_path: Path, index: int, changes: dict[str, object], expected: str
) -> None:
    write(tmp_path, changed(index, **changes), STATE)
    message = refused(*ARGUMENTS)
    assert f"block.json: transaction {index} ({TOLD['transactions'][index]['hash']}): " in message
    assert expected in message
    assert not (tmp_path / "out.block").exists()


@pytest.mark.parametrize(
    ("told", "state", "expected"),
    [
        (
            TOLD,
            STATE | {CONTRACT: {"nonce": 1}},
            f"prestate.json: account {CONTRACT}: field balance is missing",
        ),
        (
            TOLD,
            STATE | {address(1): account()},
            f"account {address(1)}, has nonce 0; give the state before block",
        ),
        (TOLD, TOLD, "prestate.json: this is the block, not the state before it"),
        (STATE, STATE, "block.json: the block: field hash is missing"),
        (TOLD, [], "prestate.json: it lists 0 transactions"),
        (block(transaction(2), number="0x3b9aca00", timestamp="0xffffffff"), STATE, "block.json: "),
        (block(transaction(2, chain_id=99)), STATE, "signed for chain 99"),
    ],
)
def test_what_does_not_fit_is_named(
    refused: Refused, tmp_path: Path, told: object, state: object, expected: str
) -> None:
    write(tmp_path, told, state)
    assert expected in refused(*ARGUMENTS)
    assert not (tmp_path / "out.block").exists()


@pytest.mark.parametrize("name", ["block.json", "prestate.json"])
@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_a_file_that_is_cut_off(refused: Refused, tmp_path: Path, name: str, share: float) -> None:
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(len(content) * share)])
    assert f"{name}: not JSON" in refused(*ARGUMENTS)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--fork", "olympic"), "fork 'olympic' is not known; known are frontier"),
        (("--blockhashes", "nowhere.json"), "nowhere.json: no such file"),
        (("--blockhashes", "block.json"), "block.json: the block hashes: "),
        (("--block", "nowhere.json"), "nowhere.json: no such file"),
        (("--accounts", "nowhere.json"), "nowhere.json: no such file"),
        (("-o", "nowhere/out.block"), "nowhere/out.block: "),
        (("-o", "prestate.json"), "prestate.json: is one of the inputs"),
    ],
)
def test_a_bad_option(refused: Refused, options: tuple[str, ...], expected: str) -> None:
    assert expected in refused(*ARGUMENTS, *options)


@pytest.mark.parametrize("option", ["--block", "--prestate", "-o"])
def test_an_option_that_is_missing(refused: Refused, option: str) -> None:
    place = ARGUMENTS.index(option)
    assert "--help" in refused(*ARGUMENTS[:place], *ARGUMENTS[place + 2 :])


@pytest.mark.parametrize("missing", ["eth", "coincurve", "rlp"])
def test_without_py_evm_the_fix_is_told(
    process_refused: Refused, tmp_path: Path, environment: dict[str, str], missing: str
) -> None:
    (tmp_path / missing).mkdir()
    (tmp_path / missing / "__init__.py").write_text(f"raise ModuleNotFoundError(name={missing!r})")
    environment["PYTHONPATH"] = f"{tmp_path}:{environment['PYTHONPATH']}"
    assert "pip install -e '.[ethereum]'" in process_refused(*ARGUMENTS)
    assert not (tmp_path / "out.block").exists()
