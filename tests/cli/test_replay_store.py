"""`replay --store`, `generate --blocks`, `state` and `prove` of a store, as a user meets them."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blockstm import Block, Store
from blockstm.trees.binary import state_root
from tests.support.oracle import run_in_order

Command = Callable[..., subprocess.CompletedProcess[str]]
Refused = Callable[..., str]

pytestmark = pytest.mark.usefixtures("one_engine")
SCENARIO = """
workload = "transfers"
transactions = 60
[transfers]
accounts = 20
"""


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from blockstm.cli import main

    folder = tmp_path_factory.mktemp("made")
    (folder / "chain.toml").write_text(SCENARIO)
    assert main(["generate", str(folder / "chain.toml"), "-o", str(folder / "chain"), "--blocks", "11"]) == 0
    return folder / "chain"


def state_after(chain: Path, blocks: int) -> dict[bytes, bytes]:
    state: dict[bytes, bytes] = {}
    for number in range(1, blocks + 1):
        block = Block.load(chain / f"{number:02}.block")
        state = dict(run_in_order(Block(block.transactions, {**state, **block.state})).state)
    return state


def test_a_folder_of_blocks_is_stored_and_resumed(
    told: Callable[..., Any], refused: Refused, chain: Path, tmp_path: Path
) -> None:
    first = [chain / f"{number:02}.block" for number in range(1, 5)]
    part = told("replay", *first, "--store", "state.lmdb", "--settle", "sync", "--verify")
    assert [block["settlement"]["number"] for block in part["blocks"]] == [1, 2, 3, 4]
    assert all(block["verified"] for block in part["blocks"])
    assert part["store"]["head"] == 4
    assert part["store"]["state_root"] == f"0x{state_root(state_after(chain, 4)).hex()}"

    message = refused("replay", chain, "--store", "state.lmdb")
    assert "state.lmdb: holds blocks up to 4 already; add --resume to go on after that one" in message

    rest = told(
        "replay", chain, "--store", "state.lmdb", "--resume", "--in-flight", "3", "--tree-workers", "2"
    )
    assert [block["settlement"]["number"] for block in rest["blocks"]] == [5, 6, 7, 8, 9, 10, 11]
    assert (rest["store"]["resumed"], rest["store"]["head"]) == (4, 11)
    assert (rest["store"]["in_flight"], rest["store"]["tree_workers"]) == (3, 2)
    after = state_after(chain, 11)
    assert rest["blocks"][-1]["state_root"] == f"0x{state_root(after).hex()}"
    for block in rest["blocks"]:
        times = block["settlement"]
        assert 0 < times["confirmed_seconds"] < times["durable_seconds"]
    stages = rest["store"]["stages"]
    assert stages["wall_seconds"] >= stages["execution_seconds"] > 0
    with Store(tmp_path / "state.lmdb") as store:
        assert dict(store.items()) == after

    nothing = told("replay", chain, "--store", "state.lmdb", "--resume")
    assert (nothing["blocks"], nothing["store"]["resumed"]) == ([], 11)


def test_what_a_person_sees(command: Command, chain: Path) -> None:
    shown = command("replay", chain, "--store", "state.lmdb").stdout
    assert re.search(r"^11\.block +11 +60 ", shown, re.M)
    assert "settled          async, at most 2 blocks in flight" in shown
    assert "confirmed after  p50 " in shown
    assert "blocks           up to 11" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_a_timeline_has_workers_and_settlement_in_one_time(
    told: Callable[..., Any], chain: Path, tmp_path: Path
) -> None:
    files = [chain / "01.block", chain / "02.block"]
    output = told("replay", *files, "--store", "state.lmdb", "--timeline", "timeline.json")
    content = json.loads((tmp_path / "timeline.json").read_text())
    names = {
        event["pid"]: event["args"]["name"]
        for event in content["traceEvents"]
        if event["name"] == "process_name"
    }
    assert names == {1: "01.block", 2: "02.block", 3: "settlement"}
    spans = [event for event in content["traceEvents"] if event["ph"] == "X"]
    settled = {(span["cat"], span["name"]): span for span in spans if span["pid"] == 3}
    assert set(settled) == {
        (lane, f"block {number}") for lane in ("execution", "root", "storing") for number in (1, 2)
    }
    for number, block in enumerate(output["blocks"], 1):
        execution, storing = settled["execution", f"block {number}"], settled["storing", f"block {number}"]
        assert execution["dur"] == pytest.approx(block["settlement"]["confirmed_seconds"] * 1e6)
        stored = storing["ts"] + storing["dur"] - execution["ts"]
        assert stored == pytest.approx(block["settlement"]["durable_seconds"] * 1e6)
        of_workers = [span for span in spans if span["pid"] == number and span["cat"] == "commit"]
        assert len(of_workers) == 60
        end = max(span["ts"] + span["dur"] for span in of_workers)
        assert execution["ts"] < end <= execution["ts"] + execution["dur"] + 1


def test_options_that_do_not_fit_are_refused(refused: Refused, chain: Path, tmp_path: Path) -> None:
    one = chain / "01.block"
    for option in (["--resume"], ["--settle", "sync"], ["--in-flight", "2"], ["--tree", "none"]):
        assert f"{option[0]} says how blocks are stored, and they are not: add --store" in refused(
            "replay", one, *option
        )
    for option in (["--repeat", "2"], ["--receipts", "x"]):
        message = refused("replay", one, "--store", "state.lmdb", *option)
        assert f"{option[0]} does not go with --store" in message
    assert "nothing to resume" in refused("replay", one, "--store", "state.lmdb", "--resume")
    ethereum = Path(__file__).parents[2] / "scenarios" / "mainnet-116525.block"
    message = refused("replay", ethereum, "--store", "state.lmdb")
    assert "mainnet-116525.block changes its state beside its transactions" in message
    (tmp_path / "empty").mkdir()
    assert "empty: has no file that ends in .block" in refused("replay", "empty")
    assert list(tmp_path.iterdir()) == [tmp_path / "empty"]


def test_a_store_of_another_chain_or_of_other_blocks_is_refused(
    command: Command, refused: Refused, chain: Path, tmp_path: Path
) -> None:
    files = [chain / f"{number:02}.block" for number in (1, 2, 3)]
    command("replay", *files[:2], "--store", "state.lmdb")
    block = Block.load(files[2])
    Block(block.transactions, chain="paper", number=3).save(tmp_path / "other.block")
    message = refused("replay", "other.block", "--store", "state.lmdb", "--resume")
    assert "state.lmdb: is of chain scenario, the blocks of paper" in message
    Block(block.transactions, chain="scenario", number=2).save(tmp_path / "other.block")
    message = refused("replay", files[0], "other.block", "--store", "state.lmdb", "--resume")
    assert "its block 2 is another one than other.block" in message
    message = refused("replay", chain / "05.block", "--store", "state.lmdb", "--resume")
    assert "block 5 does not follow block 2" in message
    with Store(tmp_path / "state.lmdb") as store:
        assert store.head == 2


def test_snapshots_changes_and_proofs_of_a_store(
    told: Callable[..., Any], command: Command, refused: Refused, chain: Path, tmp_path: Path
) -> None:
    files = [chain / f"{number:02}.block" for number in (1, 2, 3)]
    told("replay", *files[:2], "--store", "state.lmdb")
    whole = told("state", "snapshot", "state.lmdb", "-o", "2.snapshot")
    told("replay", *files, "--store", "state.lmdb", "--resume")
    changes = told("state", "snapshot", "state.lmdb", "-o", "3.snapshot", "--since", "2.snapshot")
    assert (whole["kind"], whole["head"], changes["kind"], changes["head"], changes["base"]) == (
        "snapshot", 2, "changes", 3, 2,
    )  # fmt: skip
    restored = told("state", "restore", "2.snapshot", "3.snapshot", "-o", "restored.lmdb")
    info = told("state", "info", "state.lmdb", "--verify")
    root = state_root(state_after(chain, 3))
    assert restored["state_root"] == info["state_root"] == changes["state_root"] == f"0x{root.hex()}"
    assert (info["verified"], info["first"], info["head"], restored["first"]) == (True, 1, 3, 3)
    for name in ("2.snapshot", "state.lmdb"):
        shown = command("state", "info", name).stdout
        assert f"0x{root.hex()}" in shown or "block       2" in shown
    key = next(iter(state_after(chain, 3)))
    proof = told("prove", "state.lmdb", f"0x{key.hex()}", "nobody", "-o", "x.proof")
    assert (proof["is_store"], proof["state_root"]) == (True, f"0x{root.hex()}")
    assert told("verify-proof", "x.proof", "--root", f"0x{root.hex()}")["keys"]
    assert "is a store, which has one state" in refused(
        "prove", "state.lmdb", "a", "-o", "y.proof", "--after"
    )
    told("replay", *files[:1], "--store", "none.lmdb", "--tree", "none")
    assert "its tree is 'none', and proofs are of a binary one" in refused(
        "prove", "none.lmdb", "a", "-o", "y.proof"
    )


def test_a_store_whose_values_are_not_what_its_root_says(
    command: Command, chain: Path, tmp_path: Path
) -> None:
    command("replay", chain / "01.block", "--store", "state.lmdb")
    with Store(tmp_path / "state.lmdb") as store:
        environment = store._environment
        with environment.lmdb.begin(write=True, db=environment.state) as transaction:
            transaction.put(b"kadded", b"\x01value")
    done = command("state", "info", "state.lmdb", "--verify")
    assert (done.returncode, "verified    NO" in done.stdout) == (1, True)


def test_what_generate_refuses(refused: Refused, chain: Path, tmp_path: Path) -> None:
    scenario = chain.parent / "chain.toml"
    assert "has block files already" in refused("generate", scenario, "-o", chain, "--blocks", "2")
    assert "is no folder; with --blocks name one" in refused(
        "generate", scenario, "-o", scenario, "--blocks", "2"
    )
    message = refused("generate", scenario, "-o", "x", "--blocks", "2000", "--set", "transactions=1000")
    assert "2000 blocks of 1000 transactions are over the limit" in message
    assert not (tmp_path / "x").exists()
