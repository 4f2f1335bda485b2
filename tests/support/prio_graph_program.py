"""The public crate `prio-graph` as a program (prio_graph/), and a graph that keeps what it was asked."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

from blockstm.models.lock_scheduling.conflict_graph import ConflictGraph

ROOT = Path(__file__).parents[2]
CRATE = Path(__file__).parent / "prio_graph"
TARGET = ROOT / "build" / "prio_graph"


@cache
def _program() -> Path | str:
    """The program; where it cannot be built, why."""
    if shutil.which("cargo") is None:
        return "cargo is not here: the crate prio-graph did not run"
    command = ["cargo", "build", "--quiet", "--locked", "--target-dir", str(TARGET)]
    built = subprocess.run(
        [*command, "--manifest-path", str(CRATE / "Cargo.toml")], capture_output=True, text=True, check=False
    )
    if built.returncode:
        return f"the crate prio-graph could not be built, so it did not run: {' '.join(built.stderr.split())[:300]}"
    return TARGET / "debug" / "prio_graph_decisions"


def crate_answers(operations: Iterable[str]) -> list[str]:
    """What the crate answers to operations, each a line; skips the test where it cannot be built."""
    program = _program()
    if isinstance(program, str):
        pytest.skip(program)
    done = subprocess.run(
        [program],
        input="".join(f"{each}\n" for each in operations),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


class RecordedGraph(ConflictGraph):
    """A graph of conflicts that writes down what it is asked, and what it answers, as the program does."""

    log: list[tuple[str, str]]

    def __init__(self) -> None:
        super().__init__()
        self.log.append(("new", "ok"))

    def insert(self, place: int, reads: Iterable[int], writes: Iterable[int]) -> None:
        super().insert(place, reads, writes)
        accesses = [f" w{key}" for key in writes] + [f" r{key}" for key in reads]
        self.log.append((f"insert {place}{''.join(accesses)}", "ok"))

    def pop(self) -> int | None:
        place = super().pop()
        self.log.append(("pop", "-" if place is None else str(place)))
        return place

    def unblock(self, place: int) -> list[int]:
        following = super().unblock(place)
        self.log.append((f"unblock {place}", " ".join(map(str, following))))
        return following
