"""--evm: which virtual machine executes an Ethereum block, and what is told of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from blockstm.ethereum import virtual_machine
from tests.cli.conftest import Command
from tests.support.ethereum.native import needs_native

ROOT = Path(__file__).parents[2]
SMALL = ROOT / "scenarios" / "mainnet-116525.block"
TRACE = ROOT / "scenarios" / "ethereum-116525.block"


TIMES = {"commit_seconds": 0}


def lines_of(file: Path) -> list[dict[str, object]]:
    """The objects of a file of JSON Lines."""
    return [json.loads(line) for line in file.read_text().splitlines()]


def refusal(ended: object) -> str:
    """The one line of a command that has refused."""
    assert (ended.returncode, ended.stdout) == (2, "")  # type: ignore[attr-defined]
    (line,) = ended.stderr.splitlines()  # type: ignore[attr-defined]
    return str(line)


@needs_native
@pytest.mark.usefixtures("one_engine")
@pytest.mark.parametrize(("options", "told"), [((), "native (revm "), (("--evm", "py-evm"), "py-evm ")])
def test_replay_tells_which_ran(command: Command, options: tuple[str, ...], told: str) -> None:
    ended = command("replay", SMALL, "--verify", *options)
    assert ended.returncode == 0
    (line,) = [line for line in ended.stdout.splitlines() if line.startswith("virtual machine")]
    assert line.removeprefix("virtual machine").strip().startswith(told)
    output = json.loads(command("replay", SMALL, "--json", *options).stdout)
    (block,) = output["blocks"]
    assert block["virtual_machine"].startswith(told)
    assert output.get("options", {}) == ({"evm": "py-evm"} if options else {})


@needs_native
@pytest.mark.usefixtures("one_engine")
def test_receipts_and_accounts_are_those_of_py_evm(command: Command, tmp_path: Path) -> None:
    for evm in ("native", "py-evm"):
        files = ("--receipts", f"{evm}.jsonl", "--accounts", f"{evm}.json")
        assert command("replay", SMALL, "--evm", evm, *files).returncode == 0
    accounts, expected = ((tmp_path / f"{evm}.json").read_bytes() for evm in ("native", "py-evm"))
    assert len(accounts) > 1000 and accounts == expected
    receipts, expected = (lines_of(tmp_path / f"{evm}.jsonl") for evm in ("native", "py-evm"))
    for ours, theirs in zip(receipts, expected, strict=True):
        assert {**ours, **TIMES} == {**theirs, **TIMES}


@needs_native
@pytest.mark.usefixtures("one_engine")
def test_simulate_explore_and_record_trace_take_it(command: Command, tmp_path: Path) -> None:
    told = {}
    for evm in ("native", "py-evm"):
        output = json.loads(command("simulate", SMALL, "--cores", "2", "--json", "--evm", evm).stdout)
        told[evm] = output["virtual_machine"], output["header_checks"]["gas_used"]
        assert command("record", "trace", "--from", SMALL, "-o", f"{evm}.jsonl", "--evm", evm).returncode == 0
    assert told["native"] != told["py-evm"]
    ours, theirs = (lines_of(tmp_path / f"{evm}.jsonl") for evm in told)
    assert ours[0] == theirs[0] and len(ours) == len(theirs)
    assert [line.get("gas_used") for line in ours] == [line.get("gas_used") for line in theirs]
    explored = json.loads(command("explore", SMALL, "--schedules", "2", "--json").stdout)
    assert (explored["virtual_machine"], explored["failures"]) == (told["native"][0], [])


@pytest.mark.parametrize(
    "arguments",
    [
        ("replay", SMALL),
        ("simulate", SMALL),
        ("compare", SMALL),
        ("explore", SMALL),
        ("record", "trace", "-o", "x", "--from", SMALL),
    ],
)
def test_the_native_one_is_refused_where_it_is_not_installed(
    command: Command, monkeypatch: pytest.MonkeyPatch, arguments: tuple[object, ...]
) -> None:
    monkeypatch.setattr(virtual_machine, "has_native", lambda: False)
    line = refusal(command(*arguments, "--evm", "native"))
    assert (
        line.startswith(f"error: {SMALL}: the native EVM is not installed; ") and "pip install ./evm" in line
    )


def test_it_is_for_blocks_with_a_choice(command: Command) -> None:
    assert refusal(command("replay", TRACE, "--evm", "native")).endswith(
        "there is no virtual machine to choose for this block, but 'native' is asked for; leave it out"
    )
    assert "'native', 'py-evm'" in refusal(command("replay", SMALL, "--evm", "evmone"))
    assert "--evm is for making a trace of a block" in refusal(
        command("record", "trace", TRACE, "-o", "x", "--evm", "native")
    )
