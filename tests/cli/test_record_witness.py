"""`blockstm record ethereum --witness`, and what `replay` then says of the state root."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eth_hash.auto import keccak

from tests.blockchain_tests.nodeanswers import block_of
from tests.blockchain_tests.synthetic import test_of
from tests.ethereum_synthetic.assembly import asm
from tests.ethereum_synthetic.builder import BlockBuilder, Contract
from tests.ethereum_synthetic.chain import SENDERS, hex_of, named
from tests.support.ethereum.witnesses import execution_witness, tries_of

test_of.__test__ = False  # type: ignore[attr-defined]

Command = Callable[..., subprocess.CompletedProcess[str]]
Refused = Callable[..., str]
Json = dict[str, Any]

FORK = "cancun"
CLEARS = named("clears")
RECORD = ("record", "ethereum", "--block", "block.json", "--witness", "witness.json", "--fork", FORK)
OUTPUT = ("-o", "made.block")


@pytest.fixture(autouse=True)
def same_engine(one_engine: None) -> None:
    """Have all commands use one engine."""


@pytest.fixture(scope="module")
def answers() -> tuple[Json, Json]:
    """A block in which a contract clears all of its slots but one, and its witness."""
    code = asm(0, 1, "SSTORE", 0, 2, "SSTORE")
    builder = BlockBuilder(FORK, [Contract(CLEARS, code, storage={1: 5, 2: 6, 3: 7})])
    assert builder.send(SENDERS[0], CLEARS)
    test = test_of(builder.finish())
    block, _ = block_of(bytes.fromhex(test["blocks"][0]["rlp"][2:]))
    return block, execution_witness(tries_of(test["pre"]), test["genesisBlockHeader"])


@pytest.fixture
def write(answers: tuple[Json, Json], tmp_path: Path) -> Callable[[Json], None]:
    """Write the block, and its witness with some fields replaced."""

    def written(changes: Json) -> None:
        (tmp_path / "block.json").write_text(json.dumps(answers[0]))
        (tmp_path / "witness.json").write_text(json.dumps({**answers[1], **changes}))

    return written


def test_the_state_root_is_compared(command: Command, write: Callable[[Json], None]) -> None:
    write({})
    completed = command(*RECORD, *OUTPUT)
    assert (completed.returncode, completed.stderr) == (0, "")
    shown = command("replay", "made.block", "--verify")
    assert shown.returncode == 0
    assert "header state root         equal\n" in shown.stdout
    (entry,) = json.loads(command("replay", "made.block", "--json").stdout)["blocks"]
    assert entry["header_checks"]["state_root"] is True


def test_a_witness_that_lacks_a_node_is_refused_by_path(
    refused: Refused,
    command: Command,
    write: Callable[[Json], None],
    answers: tuple[Json, Json],
    tmp_path: Path,
) -> None:
    """Where the state before the block needs it, by `record`; where only the state after it does, by `replay`."""
    nodes: list[str] = answers[1]["state"]
    left = keccak((3).to_bytes(32, "big"))
    sibling = next(node for node in nodes if left.hex()[1:] in node or left.hex()[2:] in node)
    write({"state": [node for node in nodes if node != sibling]})
    assert command(*RECORD, *OUTPUT).returncode == 0
    message = refused("replay", "made.block")
    assert (
        f"the witness of the state: the storage of account {hex_of(CLEARS)}: the node at path 0x{left.hex()[0]}"
        in message
    )
    assert message.endswith("; record the block again with a witness that has it\n")
    write({"state": []})
    (tmp_path / "made.block").unlink()
    message = refused(*RECORD, *OUTPUT)
    assert "witness.json: the trie of accounts: the node at path the root is missing" in message
    assert not (tmp_path / "made.block").exists()


def test_options_that_do_not_go_with_a_witness_are_refused(
    refused: Refused, write: Callable[[Json], None]
) -> None:
    write({})
    assert "leave one of --whole-state and --witness out" in refused(*RECORD, "--whole-state", *OUTPUT)
    asked = (
        "record",
        "ethereum",
        "--rpc",
        "http://localhost:1",
        "--number",
        "1",
        "--witness",
        "witness.json",
    )
    assert "--witness does not go with --rpc" in refused(*asked, *OUTPUT)
