"""`replay --accounts` and `record ethereum --whole-state`: accounts after a block, and state roots."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.blockchain_tests.nodeanswers import block_of
from tests.blockchain_tests.synthetic import test_of as official_test
from tests.ethereum_synthetic.assembly import asm
from tests.ethereum_synthetic.builder import BlockBuilder, Contract, header_hash
from tests.ethereum_synthetic.chain import SENDERS, hex_of, named

Command = Callable[..., subprocess.CompletedProcess[str]]
Refused = Callable[..., str]

ARGUMENTS = ("record", "ethereum", "--block", "block.json", "--prestate", "prestate.json", "-o", "x.block")


pytestmark = pytest.mark.usefixtures("one_engine")


def uncle_of(block: dict[str, Any]) -> dict[str, Any]:
    header = {name: text for name, text in block.items() if name not in ("uncles", "transactions", "hash")}
    header |= {"number": hex(int(block["number"], 16) - 1), "miner": hex_of(named("uncle"))}
    return {**header, "hash": hex_of(header_hash(header))}


@pytest.fixture
def expected(tmp_path: Path) -> dict[str, Any]:
    """Write what a node tells of a block with an uncle, whose pre-state is whole; return the accounts after it."""
    contract = Contract(named("counts"), asm(0, "SLOAD", 1, "ADD", 0, "SSTORE"), storage={0: 3, 5: 6})
    builder = BlockBuilder("london", [contract])
    assert builder.send(SENDERS[0], contract.address)
    assert builder.send(SENDERS[1], named("nobody yet"), value=7)
    made = builder.finish()
    test = official_test(made, [uncle_of(made.block)])
    block, uncles = block_of(bytes.fromhex(test["blocks"][0]["rlp"][2:]))
    for name, content in (("block", block), ("prestate", test["pre"]), ("uncles", uncles)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    accounts: dict[str, Any] = test["postState"]
    return accounts


def plain(accounts: dict[str, Any]) -> dict[str, Any]:
    """Accounts with numbers for slots, however they are written."""
    return {
        name: fields | {"storage": {int(slot, 16): int(text, 16) for slot, text in fields["storage"].items()}}
        for name, fields in accounts.items()
    }


def test_the_accounts_after_a_block_are_written(
    command: Command, tmp_path: Path, expected: dict[str, Any]
) -> None:
    assert command(*ARGUMENTS, "--uncles", "uncles.json", "--whole-state").returncode == 0
    completed = command("replay", "x.block", "--json", "--accounts", "out.json")
    assert (completed.returncode, completed.stderr) == (0, "")
    (entry,) = json.loads(completed.stdout)["blocks"]
    assert entry["header_checks"]["state_root"] is entry["header_checks"]["uncles_hash"] is True
    written = json.loads((tmp_path / "out.json").read_text())
    assert list(written) == sorted(expected)
    assert plain(written) == plain(expected)


def test_rewards_of_unknown_uncles_are_said_to_lack(
    command: Command, tmp_path: Path, expected: dict[str, Any]
) -> None:
    assert command(*ARGUMENTS, "--whole-state").returncode == 0
    completed = command("replay", "x.block", "--json", "--accounts", "out.json")
    assert completed.returncode == 0
    assert completed.stderr == (
        "note: x.block: the accounts lack what the miners of the block's uncles get; record it with --uncles\n"
    )
    (entry,) = json.loads(completed.stdout)["blocks"]
    assert entry["header_checks"]["state_root"] is entry["header_checks"]["uncles_hash"] is None
    written = json.loads((tmp_path / "out.json").read_text())
    assert expected.keys() - written.keys() == {hex_of(named("uncle"))}


def test_a_state_that_is_not_whole_differs_in_its_root(
    command: Command, tmp_path: Path, expected: dict[str, Any]
) -> None:
    prestate = json.loads((tmp_path / "prestate.json").read_text())
    prestate[hex_of(named("counts"))]["storage"].pop("0x5")  # which no transaction touches
    (tmp_path / "prestate.json").write_text(json.dumps(prestate))
    assert command(*ARGUMENTS, "--uncles", "uncles.json", "--whole-state").returncode == 0
    completed = command("replay", "x.block", "--accounts", "out.json")
    assert completed.returncode == 1
    assert completed.stderr == "disagrees with the header: x.block: state root\n"
    assert not (tmp_path / "out.json").exists()


def test_what_has_no_accounts_is_refused(
    command: Command, refused: Refused, expected: dict[str, Any]
) -> None:
    assert command(*ARGUMENTS, "--whole-state").returncode == 0
    assert "--accounts is for one block, and there are 2" in refused(
        "replay", "x.block", "x.block", "--accounts", "out.json"
    )
    assert "is written by another option, too" in refused(
        "replay", "x.block", "--accounts", "out.json", "--receipts", "out.json"
    )
    assert "--accounts" in refused("replay", "x.block", "--accounts", "x.block")
    assert "cannot be" not in refused("replay", "x.block", "--accounts", "nowhere/out.json")
    trace = Path(__file__).parents[2] / "scenarios" / "ethereum-116525.block"
    assert "has no accounts; name a block of 'record ethereum'" in refused(
        "replay", trace, "--accounts", "out.json"
    )
