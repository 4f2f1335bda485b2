"""`blockstm replay` on good blocks: what it prints, writes and returns."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blockstm import Block
from blockstm.trees.binary import state_root
from tests.support.timelines import check_trace

Command = Callable[..., subprocess.CompletedProcess[str]]

BLOCK_FIELDS = {
    "file": str,
    "transactions": int,
    "gas_used": int,
    "model": str,
    "workers": int,
    "active_workers": int,
    "runs": int,
    "wall_seconds": float,
    "sequential_seconds": float,
    "speedup": float,
    "executions": int,
    "validations": int,
    "aborts": int,
    "commit_latency_seconds": dict,
    "succeeded": int,
    "reverted": int,
    "failed": int,
    "reasons": list,
    "state_root": str,
}
TOTALS_FIELDS = {
    "transactions": int,
    "gas_used": int,
    "wall_seconds": float,
    "sequential_seconds": float,
    "speedup": float,
    "succeeded": int,
    "reverted": int,
    "failed": int,
}


@pytest.fixture
def empty_block(tmp_path: Path) -> Path:
    path = tmp_path / "empty.block"
    Block([], {b"key": b"value"}).save(path)
    return path


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A block of Python programs, next to the module that defines them."""
    (tmp_path / "counting.py").write_text(
        "import os\n"
        "import blockstm\n"
        "@blockstm.program\n"
        "def count(ctx, key):\n"
        "    ctx.write(key, bytes([(ctx.read(key) or b'\\0')[0] + 1]))\n"
        "    ctx.emit(b'counted')\n"
        "@blockstm.program\n"
        "def guess(ctx):\n"
        "    ctx.write(b'guess', os.urandom(8))\n"
        "@blockstm.program\n"
        "def fail(ctx):\n"
        "    raise ValueError('two\\nlines')\n"
        "def save():\n"
        "    once = [count.txn(b'a'), count.txn(b'a'), fail.txn()]\n"
        "    blockstm.Block(once).save('counting.block')\n"
        "    blockstm.Block([guess.txn()]).save('guessing.block')\n"
    )
    return tmp_path


def of_json(completed: subprocess.CompletedProcess[str], status: int = 0) -> dict[str, Any]:
    """Check that standard output is one JSON object, and nothing is on standard error; return the object."""
    assert completed.returncode == status, completed.stderr
    parsed = json.loads(completed.stdout)
    assert isinstance(parsed, dict)
    assert (parsed["schema"], parsed["command"]) == (1, "replay")
    return parsed


def assert_fields(entry: dict[str, Any], fields: dict[str, type]) -> None:
    for name, kind in fields.items():
        assert type(entry[name]) is kind, name


def test_json_of_one_block(command: Command, small_block: Path) -> None:
    completed = command("replay", small_block, "--json", "--verify", "--workers", 2, "--repeat", 3)
    assert completed.stderr == ""
    parsed = of_json(completed)
    (entry,) = parsed["blocks"]
    assert_fields(entry, BLOCK_FIELDS)
    assert_fields(parsed["totals"], TOTALS_FIELDS)
    assert entry["file"] == str(small_block)
    assert (entry["chain"], entry["number"], entry["transactions"]) == ("test", 7, 20)
    assert (entry["model"], entry["workers"], entry["runs"]) == ("block-stm", 2, 3)
    assert entry["executions"] >= 20
    assert entry["speedup"] == pytest.approx(entry["sequential_seconds"] / entry["wall_seconds"])
    latency = entry["commit_latency_seconds"]
    assert 0 < latency["p50"] <= latency["p99"] <= latency["max"]
    assert entry["verified"] is parsed["totals"]["verified"] is True
    assert len(bytes.fromhex(entry["state_root"].removeprefix("0x"))) == 32


@pytest.mark.usefixtures("one_engine")
def test_what_is_not_known_is_left_out_of_json(command: Command, empty_block: Path) -> None:
    parsed = of_json(command("replay", empty_block, "--json"))
    (entry,) = parsed["blocks"]
    assert not {"chain", "number", "verified", "differences"} & entry.keys()
    assert "verified" not in parsed["totals"]
    assert entry["commit_latency_seconds"] == {}
    assert entry["state_root"] == f"0x{state_root({b'key': b'value'}).hex()}"


def test_models_and_workers_agree_on_the_state_root(command: Command, small_block: Path) -> None:
    roots = set()
    for options in (
        ("--model", "sequential"),
        ("--workers", 1),
        ("--workers", 5),
        ("--memory-limit", "64MiB"),
    ):
        (entry,) = of_json(command("replay", small_block, "--json", *options))["blocks"]
        roots.add(entry["state_root"])
    assert len(roots) == 1


@pytest.mark.usefixtures("one_engine")
def test_summary_of_one_block(command: Command, small_block: Path) -> None:
    completed = command("replay", small_block, "--verify")
    assert (completed.returncode, completed.stderr) == (0, "")
    lines = dict(line.split("  ", 1) for line in completed.stdout.splitlines())
    shown = {name: value.strip() for name, value in lines.items()}
    assert shown["chain"] == "test"
    assert shown["number"] == "7"
    assert shown["transactions"] == "20"
    assert shown["verified"] == "yes"
    assert shown["speed-up"].endswith(" x")
    assert {"time", "sequential time", "per transaction", "commit latency", "state digest"} <= shown.keys()
    assert "state root" not in shown  # what a header calls so is another root
    assert shown["outcome"] == "19 succeeded, 1 reverted, 0 failed"
    assert shown["reasons"] == "1 reverted: insufficient funds"


@pytest.mark.usefixtures("one_engine")
def test_table_of_several_blocks(command: Command, small_block: Path, empty_block: Path) -> None:
    completed = command("replay", small_block, empty_block, "--verify", "--repeat", 2)
    assert (completed.returncode, completed.stderr) == (0, "")
    lines = completed.stdout.splitlines()
    small, small_outcome = (line.split() for line in lines if line.startswith("small.block"))
    empty, empty_outcome = (line.split() for line in lines if line.startswith("empty.block"))
    totals, total_outcome = (line.split() for line in lines if line.startswith("2 blocks"))
    assert (small[1], empty[1], totals[2]) == ("20", "0", "20")
    assert small_outcome[1:] == total_outcome[2:] == ["19", "1", "0", "yes"]
    assert empty_outcome[1:] == ["0", "0", "0", "yes"]
    assert "1 reverted: insufficient funds" in lines
    assert "medians of 2 runs" in lines[-1]


@pytest.mark.usefixtures("one_engine")
def test_receipts(command: Command, small_block: Path, empty_block: Path, tmp_path: Path) -> None:
    completed = command("replay", small_block, empty_block, "--receipts", "receipts.jsonl")
    assert completed.returncode == 0, completed.stderr
    path = tmp_path / "receipts.jsonl"
    receipts = [json.loads(line) for line in path.read_text().splitlines()]
    assert [receipt["txn_idx"] for receipt in receipts] == list(range(20))
    assert {receipt["file"] for receipt in receipts} == {str(small_block)}
    assert [receipt["status"] for receipt in receipts] == ["success"] * 19 + ["reverted"]
    assert [bool(receipt.get("error")) for receipt in receipts] == [False] * 19 + [True]
    assert all(receipt["commit_seconds"] > 0 for receipt in receipts)
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    assert {entry.name for entry in tmp_path.iterdir()} == {"small.block", "empty.block", "receipts.jsonl"}


@pytest.mark.usefixtures("one_engine")
def test_receipts_replace_a_file_through_a_link(command: Command, small_block: Path, tmp_path: Path) -> None:
    (tmp_path / "old.jsonl").write_text("old")
    (tmp_path / "link.jsonl").symlink_to("old.jsonl")
    assert command("replay", small_block, "--receipts", "link.jsonl").returncode == 0
    assert (tmp_path / "link.jsonl").is_symlink()
    assert len((tmp_path / "old.jsonl").read_text().splitlines()) == 20


def test_timeline(command: Command, small_block: Path, empty_block: Path, tmp_path: Path) -> None:
    completed = command("replay", small_block, empty_block, "--repeat", 2, "--json", "--timeline", "out.json")
    assert completed.returncode == 0, completed.stderr
    assert completed.stderr == ""
    assert [block["runs"] for block in json.loads(completed.stdout)["blocks"]] == [2, 2]
    document = check_trace((tmp_path / "out.json").read_text())
    told = document["otherData"]
    assert (told["command"], told["model"]) == ("replay", "block-stm")
    assert [run["file"] for run in told["runs"]] == [str(small_block), str(empty_block)]
    assert [run["spans_dropped"] for run in told["runs"]] == [0, 0]
    commits = [event["pid"] for event in document["traceEvents"] if event.get("cat") == "commit"]
    assert commits == [1] * 20


def test_timeline_of_the_sequential_model(command: Command, small_block: Path, tmp_path: Path) -> None:
    command("replay", small_block, "--model", "sequential", "--timeline", "out.json")
    events = check_trace((tmp_path / "out.json").read_text())["traceEvents"]
    assert [event["args"]["name"] for event in events if event["name"] == "thread_name"] == ["worker 0"]
    assert sum(event.get("cat") == "execution" for event in events) == 20


def test_one_file_for_two_options(command: Command, small_block: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "out")
    completed = command("replay", small_block, "--receipts", "out", "--timeline", "link")
    assert completed.returncode == 2
    assert completed.stderr == "error: --timeline link: is the file of --receipts; name another\n"


def test_python_programs(process: Command, programs: Path, environment: dict[str, str]) -> None:
    save_programs(programs, environment)
    completed = process(
        "replay", "counting.block", "--programs", "counting", "--verify", "--receipts", "out.jsonl"
    )
    assert completed.returncode == 0, completed.stderr
    first, second, failed = (json.loads(line) for line in (programs / "out.jsonl").read_text().splitlines())
    assert first["events"] == second["events"] == [f"0x{b'counted'.hex()}"]
    assert failed["status"] == "failed"
    assert "ValueError" in failed["error"]
    assert "two" in failed["error"]


def test_a_run_that_disagrees_is_stated_and_leaves_no_receipts(
    process: Command, programs: Path, environment: dict[str, str]
) -> None:
    save_programs(programs, environment)
    arguments = ("replay", "guessing.block", "--programs", "counting", "--verify", "--receipts", "out.jsonl")
    completed = process(*arguments, "--json")
    parsed = of_json(completed, status=1)
    assert parsed["blocks"][0]["verified"] is parsed["totals"]["verified"] is False
    (difference,) = parsed["blocks"][0]["differences"]
    assert difference.startswith(f"state: key 0x{b'guess'.hex()} holds 0x")
    assert completed.stderr == f"disagrees with sequential: guessing.block: {difference}\n"
    assert not (programs / "out.jsonl").exists()

    completed = process(*arguments, "--timeline", "out.json")
    assert completed.returncode == 1
    assert "\nverified         NO\n" in completed.stdout
    assert not (programs / "out.json").exists()


def save_programs(folder: Path, environment: dict[str, str]) -> None:
    """Save the blocks with the module under the name that --programs will give it."""
    subprocess.run(
        [sys.executable, "-c", "import counting; counting.save()"],
        cwd=folder,
        env=environment,
        check=True,
        timeout=60,
    )


def test_a_block_that_a_script_saved_while_it_was_the_main_program(
    process: Command, tmp_path: Path, environment: dict[str, str]
) -> None:
    (tmp_path / "shop.py").write_text(
        "import blockstm\n@blockstm.program\ndef buy(ctx, buyer: bytes):\n    ctx.write(buyer, b'1')\n"
        "if __name__ == '__main__':\n    blockstm.Block([buy.txn(b'a')]).save('shop.block')\n"
    )
    subprocess.run([sys.executable, "shop.py"], cwd=tmp_path, env=environment, check=True)
    done = process("replay", "shop.block", "--programs", "shop", "--verify")
    assert (done.returncode, done.stderr) == (0, "")
    refused = process("replay", "shop.block")
    assert refused.returncode == 2
    assert (
        "'__main__.buy' was saved by a script that defined it while it ran as the main program"
        in refused.stderr
    )
