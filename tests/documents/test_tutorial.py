"""The tutorial does what it says: its files are written, its commands typed, and their output compared.

A block of code whose fence names a file (```python shop.py) is appended to that file. An indented block that begins
with `$ ` is a command with the output that it prints, in which a line `...` stands for any lines. Of the lines that
`replay` measures only the words are compared, and a traceback may have more of a file's path.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("tutorial")

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial" / "ten-minutes.md"
CODE = r"^```python (?P<file>\S+)\n(?P<code>(?s:.*?))^```$"
COMMAND = r"^    \$ (?P<command>.*)\n(?P<shown>(?:    .*\n|\n(?=    ))*)"
STEP = re.compile(f"{CODE}|{COMMAND}", re.MULTILINE)
FIGURE = re.compile(r"[\d,.]+(?: (?:ns|us|ms|s)\b)?")


@dataclass(frozen=True)
class Typed:
    """A command of the page, what it shall print, and what it has printed."""

    command: str
    shown: str
    printed: str


def steps() -> Iterator[re.Match[str]]:
    """Yield what a reader does, in the order of the page."""
    return STEP.finditer(PAGE.read_text())


def pattern_of(line: str) -> str:
    """Return the pattern of a line that is printed."""
    if line == "...":
        return r"(?:.*\n)*?"
    if re.match(r"(?:sequential )?time  |speed-up  |per transaction  |commit latency  ", line):
        words = FIGURE.split(line)
        return FIGURE.pattern.join(re.escape(text) for text in words) + r"\n"
    return re.escape(line).replace('File\\ "', 'File\\ ".*') + r"\n"


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> list[Typed]:
    """Do all that the page says, in an empty folder, with commands that are this checkout's."""
    home = tmp_path_factory.mktemp("tutorial")
    for name, arguments in (("blockstm", "-P -m blockstm "), ("python", "")):
        script = home / "bin" / name
        script.parent.mkdir(exist_ok=True)
        script.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" {arguments}"$@"\n')
        script.chmod(0o755)
    folder = home / "shop"
    folder.mkdir()
    environment = {**os.environ, "PATH": f"{home / 'bin'}:{os.environ['PATH']}", "COLUMNS": "80"}
    done = []
    for step in steps():
        if step["file"]:
            path = folder / step["file"]
            path.write_text((path.read_text() + "\n\n" if path.exists() else "") + step["code"])
            continue
        run = subprocess.run(
            ["sh", "-c", step["command"]],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert run.returncode == 0, f"{step['command']}\n{run.stdout}{run.stderr}"
        assert run.stderr == ""
        done.append(
            Typed(step["command"], re.sub(r"^    ", "", step["shown"], flags=re.MULTILINE), run.stdout)
        )
    return done


def test_the_page_goes_through_what_it_promises(typed: list[Typed]) -> None:
    commands = " ".join(entry.command for entry in typed)
    for word in ("python first.py", "replay", "inspect", "simulate", "explore"):
        assert word in commands


@pytest.mark.parametrize("number", range(sum(1 for step in steps() if step["command"])))
def test_a_command_prints_what_the_page_shows(number: int, typed: list[Typed]) -> None:
    entry = typed[number]
    pattern = "".join(map(pattern_of, entry.shown.rstrip("\n").splitlines()))
    assert re.fullmatch(pattern, entry.printed), f"{entry.command}\n{entry.printed}\nis not as\n{entry.shown}"


def test_a_wrong_output_would_be_noticed() -> None:
    assert re.fullmatch(pattern_of("time             239.8 us"), "time             1.2 ms\n")
    assert not re.fullmatch(pattern_of("time             239.8 us"), "time             never\n")
    assert not re.fullmatch(pattern_of("sold 2"), "sold 3\n")
