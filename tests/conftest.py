"""Fixtures for all tests: engines that are shared, and a check that nothing is left behind."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from blockstm.engine import Engine
from blockstm.processes.host import close_idle

ROOT = Path(__file__).parent.parent

# On a busy machine any example may take long, and no test asserts a speed. Tests that want more than 50 say so.
settings.register_profile("untimed", deadline=None, max_examples=50)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def shared_engine() -> Iterator[Engine]:
    """An engine of three workers for tests that leave it as it was."""
    with Engine(3, active_workers=3) as engine:
        yield engine


@pytest.fixture
def leaves_nothing() -> Iterator[None]:
    """Fails a test after which this process has other children, open files or threads than before."""
    yield from nothing_is_left()


@pytest.fixture(scope="module")
def module_leaves_nothing() -> Iterator[None]:
    """The same for a module, whose tests share an engine: for the fixture of that engine to ask for."""
    yield from nothing_is_left()


def nothing_is_left() -> Iterator[None]:
    """Compare what this process holds before and after."""
    close_idle()
    before = footprint()
    yield
    close_idle()
    deadline = time.monotonic() + 2
    # A thread that was joined may take a moment to vanish from the system's lists.
    while (after := footprint()) != before and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.01)
    assert after == before


def footprint() -> dict[str, object]:
    """What a process holds of the system's resources."""
    return {
        "children": children_of(os.getpid()),
        "files": open_files(),
        "threads": sorted(thread.name for thread in threading.enumerate()),
    }


def open_files() -> list[str]:
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            found.append(f"{descriptor}: {os.readlink(f'/proc/self/fd/{descriptor}')}")
        except FileNotFoundError:  # the listing's own
            continue
    return sorted(found)


def children_of(pid: int) -> list[int]:
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            stat = Path("/proc", entry, "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(stat.rpartition(")")[2].split()[1]) == pid:
            found.append(int(entry))
    return sorted(found)


@pytest.fixture
def run_script(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Python code in a process of its own, as `python -c` does; warnings are errors there."""

    def run(code: str, *, stdin: bool = False, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        arguments = ["-"] if stdin else ["-c", code]
        return subprocess.run(
            [sys.executable, "-X", "dev", "-W", "error", *arguments],
            input=code if stdin else None,
            stdin=None if stdin else subprocess.DEVNULL,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run
