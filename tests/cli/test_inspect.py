"""blockstm inspect as a user meets it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from blockstm import Block, BlockAccessList, Declared, Hints, KeyAccesses, Recorded, Transaction
from blockstm.programs.built_in import trace

Command = Callable[..., subprocess.CompletedProcess[str]]
Refused = Callable[..., str]

MINER = b"\x00\xff"


@pytest.fixture
def recorded_block(tmp_path: Path) -> Path:
    """Thirty recorded transactions in three chains, all of which add to one key."""
    transactions = [
        Transaction(
            trace,
            ([b"chain %d" % (i % 3)], [b"chain %d" % (i % 3)], {MINER: 1}, 100),
            None,
            Recorded(100, 0.25),
        )
        for i in range(30)
    ]
    path = tmp_path / "recorded.block"
    Block(transactions, chain="test", number=7).save(path)
    return path


def test_what_a_block_says_beside_what_was_recorded_is_told(
    command: Command, recorded_block: Path, tmp_path: Path
) -> None:
    block = Block.load(recorded_block)
    first, second, *others = block.transactions
    declared = [txn.replace(declared=Declared(), arrival_nanoseconds=0) for txn in (first, second)]
    hinted = others.pop().replace(hints=Hints(writes=[b"a"]))
    listed = BlockAccessList({b"a": KeyAccesses(), b"b": KeyAccesses()})
    block = Block([*declared, *others, hinted], chain="test", number=7, access_list=listed)
    block.save(tmp_path / "said.block")
    plain, said = (command("inspect", path, "--json") for path in (recorded_block, tmp_path / "said.block"))
    expected = {
        "declared": {"transactions": 2},
        "hints": {"transactions": 1},
        "arrival_nanoseconds": {"transactions": 2},
        "access_list": {"keys": 2},
    }
    told = json.loads(said.stdout)
    assert told.pop("sections") == expected
    assert told | {"file": str(recorded_block)} == json.loads(plain.stdout)
    text = " ".join(command("inspect", tmp_path / "said.block").stdout.split())
    assert (
        "also stated declared accesses of 2 transactions, hints of 1 transaction, arrival times of 2 transactions, "
        "an access list of 2 keys keys "
    ) in text


def test_the_text(command: Command, recorded_block: Path) -> None:
    completed = command("inspect", recorded_block, "--fee-key", "0x00ff", "--top", 2)
    assert (completed.returncode, completed.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in completed.stdout.splitlines()]
    assert "outcome" not in completed.stdout  # nothing was executed
    for expected in (
        "transactions 30",
        "accesses recorded",
        "fees 0x00ff (as given)",
        "independent 0 transactions (0.0 %)",
        "longest chain 10 transactions",
        "read-after-write 27 waits",
        "add-after-add 29 does not wait",
        "2 to 3 before 27",
        "Bounds on the speed-up, transactions weighed by gas:",
        "fees-as-dependencies 0.0 % 30 3,000 7.5 s",
        "fees-commutative 0.0 % 10 1,000 2.5 s",
        "fees-as-dependencies 1.00 x 1.00 x 1.00 x 1.00 x 1.00 x 1.00 x",
        "fees-commutative 3.00 x 2.00 x 3.00 x 3.00 x 3.00 x 3.00 x",
        "Definitions in use, credits-commutative:",
        "longest-chain transactions 10 (33.3 %) 10 (33.3 %) 10 (33.3 %)",
        "heaviest-chain gas 33.3 % 33.3 % 33.3 %",
        "related-pairs pairs 27 (6.2 %) 135 (31.0 %) 135 (31.0 %)",
        "hub pairs 2 (7.4 %) 9 (6.7 %) 9 (6.7 %)",
        "write-write pairs - - 135 (100.0 %)",
        "busiest-key gas - - 33.3 %",
        "busiest-key: chain 0",
        "chain 0",
        "9 10 3.00 x 2.00 x 3.00 x 3.00 x 3.00 x 3.00 x",
    ):
        assert expected in lines
    words = " ".join(completed.stdout.split())  # long lines are wrapped
    for expected in (
        "per transaction 1.00 reads (at most 1), 1.00 writes (at most 1), 1.00 adds (at most 1) fees",
        "lazy-transfers: left out, as it is not known which transactions of this chain are plain transfers",
    ):
        assert expected in words
    assert "chain 2" not in completed.stdout


def test_the_json(command: Command, recorded_block: Path) -> None:
    completed = command("inspect", recorded_block, "--json", "--weight", "seconds")
    assert (completed.returncode, completed.stderr) == (0, "")
    found = json.loads(completed.stdout)
    assert (found["schema"], found["command"], found["file"]) == (1, "inspect", str(recorded_block))
    assert (found["transactions"], found["keys"], found["weight"]) == (30, 4, "seconds")
    assert (found["independent_share"], found["longest_chain"]) == (0, 10)
    assert [(entry["rules"], entry["weight"]) for entry in found["bounds"]] == [
        ("credits-commutative", "gas"),
        ("credits-commutative", "seconds"),
    ]
    cores = {"2": 2.0, "4": 3.0, "8": 3.0, "16": 3.0, "32": 3.0}
    assert found["bounds"][1]["unlimited"] == 3
    assert found["bounds"][1]["cores"] == cores
    assert found["bounds"][1]["critical_path"] == 2.5
    assert found["distances"] == [
        {"from": 1, "to": 1, "transactions": 0},
        {"from": 2, "to": 3, "transactions": 27},
    ]
    assert [entry["rules"] for entry in found["not_told"]] == [
        "fees-as-dependencies",
        "fees-commutative",
        "lazy-transfers",
    ]
    assert found["definitions"][:2] == [
        {
            "definition": "longest-chain",
            "relation": relation,
            "unit": "transactions",
            "value": 10,
            "share": 1 / 3,
        }
        for relation in ("true-dependency", "access-after-write")
    ]
    weighed = [entry for entry in found["definitions"] if entry["definition"] == "heaviest-chain"]
    assert [(entry["unit"], entry["value"]) for entry in weighed] == [("seconds", 2.5)] * 3
    names = {entry[part] for entry in found["definitions"] for part in ("definition", "relation")}
    assert names - found["sources"].keys() == {"write-write", "read-write"}
    assert found["busiest_key"] == {
        "key": "0x" + b"chain 0".hex(),
        "name": "chain 0",
        "transactions": 10,
        "weight": 2.5,
    }
    first = found["hot_keys"][0]
    assert (first["key"], first["name"], first["transactions"]) == ("0x" + b"chain 0".hex(), "chain 0", 9)


def test_a_block_without_recorded_accesses_is_executed(command: Command, small_block: Path) -> None:
    found = json.loads(command("inspect", small_block, "--json").stdout)
    assert (found["accesses"], found["seconds"], found["transactions"]) == ("executed", "executed", 20)
    assert {entry["rules"] for entry in found["bounds"]} == {"credits-commutative", "lazy-transfers"}
    assert found["longest_chain"] == 18  # the first moves nothing, the last is reverted


def test_execute_measures_anew(command: Command, recorded_block: Path) -> None:
    found = json.loads(command("inspect", recorded_block, "--execute", "--json").stdout)
    assert (found["accesses"], found["seconds"], found["longest_chain"]) == ("executed", "executed", 10)
    seconds = [entry["critical_path"] for entry in found["bounds"] if entry["weight"] == "seconds"]
    assert 0 < seconds[0] < 2.5


DOT_LINE = re.compile(
    r'digraph dependencies \{|  label="(?:[^"\\]|\\.)*";|  node \[shape=box\];'
    r'|  t\d+ \[label="\d+: [\d.e+-]+ [a-z]+"(?:, style=bold)?\];|  t\d+ -> t\d+;|\}'
)


def dot_graph(text: str) -> tuple[set[str], set[tuple[str, str]]]:
    """The nodes and edges of a DOT text, each line of which must be one that we know to be right."""
    lines = text.splitlines()
    for line in lines:
        assert DOT_LINE.fullmatch(line), line
    assert lines[0] == "digraph dependencies {"
    assert lines[-1] == "}"
    nodes = {line.split()[0] for line in lines if "[label" in line}
    edges = {
        (parts[0], parts[2].rstrip(";")) for line in lines if len(parts := line.split()) == 3 and "->" in line
    }
    assert {node for edge in edges for node in edge} <= nodes
    return nodes, edges


def test_the_graph(command: Command, recorded_block: Path, tmp_path: Path) -> None:
    shown = command("inspect", recorded_block, "--dot", "-")
    assert (shown.returncode, shown.stderr) == (0, "")
    nodes, edges = dot_graph(shown.stdout)
    assert nodes == {f"t{i}" for i in range(30)}
    assert edges == {(f"t{i}", f"t{i + 3}") for i in range(27)}
    path = tmp_path / 'a "quoted".dot'
    written = command("inspect", recorded_block, "--dot", path, "--json")
    assert path.read_text() == shown.stdout
    assert json.loads(written.stdout)["transactions"] == 30


def test_a_large_graph_is_cut_and_says_so(command: Command, recorded_block: Path) -> None:
    shown = command("inspect", recorded_block, "--dot", "-", "--dot-nodes", "5")
    nodes, _ = dot_graph(shown.stdout)
    assert len(nodes) == 5
    assert shown.stderr.startswith("the graph shows 5 of the 30 transactions that take part")


def test_what_is_refused(refused: Refused, recorded_block: Path, tmp_path: Path) -> None:
    assert "nowhere.block: " in refused("inspect", "nowhere.block")
    assert "is not a key; give pairs of hex digits" in refused(
        "inspect", recorded_block, "--fee-key", "0x123"
    )
    assert "has 65 bytes; a key has at most 64" in refused("inspect", recorded_block, "--fee-key", "00" * 65)
    assert "--dot - and --json both write" in refused("inspect", recorded_block, "--dot", "-", "--json")
    assert "is an input of this command; name another file" in refused(
        "inspect", recorded_block, "--dot", recorded_block
    )
    assert "its folder does not exist" in refused(
        "inspect", recorded_block, "--dot", tmp_path / "x" / "y.dot"
    )
    assert f"{recorded_block}: rules fees-commutative: " in refused(
        "inspect", recorded_block, "--rules", "fees-commutative"
    )
    assert "transactions is not known" in refused("inspect", recorded_block, "--weight", "transactions")
    assert "--rules" in refused("inspect", recorded_block, "--rules", "none")
