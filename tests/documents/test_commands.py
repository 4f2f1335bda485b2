"""Every command in README and docs can be typed as it stands, in the order of its page."""

from __future__ import annotations

import gzip
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tests.support.ethereum.exports import exported
from tests.support.ethereum.serving import ServedNode, send, serving

ROOT = Path(__file__).parents[2]
# test_tutorial.py types the tutorial's commands, and compares what they print.
PAGES = [
    ROOT / "README.md",
    *sorted(page for page in (ROOT / "docs").rglob("*.md") if page.parent.name != "tutorial"),
]
NODE_DATA = ROOT.parent / "shared" / "ethereum" / "116525"
WITNESS = ROOT.parent / "shared" / "witness" / "22615247.json.zst"
SOLANA_BLOCK = ROOT.parent / "shared" / "solana" / "254170887.json.zst"
# Synopses have words in capitals for what a reader puts there, and say beside the command what it does. The sweep
# of mine.toml takes half a minute; tests/unit/test_sweep_definition.py reads that sample.
SYNOPSIS = re.compile(r" [A-Z]{2,}\b|\w {3,}\w| mine\.toml ")
SWEEP = "blockstm sweep scenarios/sweeps/contention.toml -o contention"
"""Several pages show it; a sweep whose folder is there goes on where it stopped."""


def commands_of(page: Path) -> list[str]:
    """The commands in a page's blocks of code that call blockstm, or ask a node for what it then reads."""
    code, fence = [], ""
    for line in page.read_text().splitlines():
        if line.startswith("```"):
            fence = "" if fence else line[3:] or "text"
        elif fence == "sh" or (not fence and line.startswith("    ")):
            code.append(line.strip().removeprefix("$ "))
    commands: list[str] = []
    for line in code:
        if commands and is_unfinished(commands[-1]):
            commands[-1] += f"\n{line}"
        elif re.match(r"blockstm \w|curl ", line) and not SYNOPSIS.search(line):
            commands.append(line)
    return commands


def is_unfinished(command: str) -> bool:
    """Tell whether a shell would wait for more."""
    try:
        shlex.split(command)
    except ValueError:
        return True
    return command.endswith("\\")


def stored(name: str) -> dict[str, Any]:
    """What a node has answered."""
    return stored_in(NODE_DATA / f"{name}.json.zst")


def stored_in(file: Path) -> dict[str, Any]:
    with zstandard.open(file, "rb") as opened:
        answer: dict[str, Any] = json.load(opened)
    return answer


def only_of_block(name: str) -> Callable[..., Any]:
    def answer(number: str, _: object) -> object:
        if name == "block" and number == hex(int(NODE_DATA.name) - 1):
            return None  # the parent was not recorded
        assert number == hex(int(NODE_DATA.name))
        told = stored(name)
        # A node lists a state for each transaction; what stands in the whole block's is right for the first.
        return told if name == "block" else by_transaction(told)

    return answer


def solana_block(slot: int, options: dict[str, Any]) -> object:
    assert (f"{slot}.json.zst", options["encoding"]) == (SOLANA_BLOCK.name, "base64")
    return stored_in(SOLANA_BLOCK)


def by_transaction(state: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"txHash": txn["hash"], "result": state} for txn in stored("block")["transactions"]]


def respond(handler: BaseHTTPRequestHandler, node: ServedNode, request: Any) -> None:
    """Answer as a node does, batches, too."""
    answer = [*map(node.answer, request)] if isinstance(request, list) else node.answer(request)
    send(handler, json.dumps(answer).encode())


@pytest.fixture
def node_address() -> Iterator[str]:
    answers = {
        "eth_chainId": lambda: "0x1",
        "eth_getBlockByNumber": only_of_block("block"),
        "debug_traceBlockByNumber": only_of_block("prestate"),
        "getBlock": solana_block,
    }
    with serving(answers, respond) as node:
        yield node.url


@pytest.fixture
def environment(tmp_path: Path, node_address: str) -> dict[str, str]:
    """An environment in which `blockstm` is this checkout's, in a folder with a folder scenarios/."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "blockstm"
    script.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m blockstm "$@"\n')
    script.chmod(0o755)
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
    if NODE_DATA.is_dir():
        # What geth would export, which a page uses.
        (tmp_path / "chain.rlp.gz").write_bytes(gzip.compress(exported(stored("block"))))
    if WITNESS.exists():
        shutil.copy(WITNESS, tmp_path / "witness.json.zst")
    return {
        "no_proxy": "127.0.0.1",
        **os.environ,
        "PATH": f"{folder}:{os.environ['PATH']}",
        "NODE": node_address,
        "COLUMNS": "80",
    }


def test_pages_have_commands() -> None:
    assert sum(len(commands_of(page)) for page in PAGES) > 30


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the folder of the sweep is kept from page to page."""
    return tmp_path_factory.mktemp("swept") / "contention"


def parameter_of(page: Path) -> Any:
    """A page, by its name; pages with the sweep go to one process, which keeps what came of it."""
    marks = [pytest.mark.xdist_group("sweep")] if SWEEP in commands_of(page) else []
    return pytest.param(page, marks=marks, id=str(page.relative_to(ROOT)))


@pytest.mark.own_engine
@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", [parameter_of(page) for page in PAGES if commands_of(page)])
def test_commands_of_a_page_work_as_they_stand(
    page: Path, tmp_path: Path, environment: dict[str, str], swept: Path
) -> None:
    commands = commands_of(page)
    if any("$NODE" in command for command in commands) and not all(
        path.exists() for path in (NODE_DATA, SOLANA_BLOCK, WITNESS)
    ):
        pytest.skip("../shared, from which the test's node answers, is absent")
    for command in commands:
        if command == SWEEP and swept.is_dir():
            shutil.copytree(swept, tmp_path / "contention")
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr, f"{command}\n{done.stderr}"
        if command == SWEEP and not swept.is_dir():
            shutil.copytree(tmp_path / "contention", swept)
