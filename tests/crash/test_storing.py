"""A store that is killed while it stores: no durable block is lost, and no half block is seen.

The same, as many times as one likes: ``python -m tests.crash.storing random FOLDER TIMES SEED``
and ``python -m tests.crash.power_loss FOLDER BLOCKS``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash import power_loss

pytestmark = pytest.mark.timeout(120)
ROOT = Path(__file__).parents[2]


def storing(*arguments: str) -> int:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.crash.storing", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return int(ended.stdout)


def test_killed_at_every_step_of_storing(tmp_path: Path) -> None:
    assert storing("steps", str(tmp_path), "4") == 4 * 6


def test_killed_at_random(tmp_path: Path) -> None:
    assert storing("random", str(tmp_path), "100", "1") > 20


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[power_loss.Event]]:
    if not shutil.which(os.environ.get("CC", "gcc")):
        pytest.skip("there is no C compiler, which the recording of writes needs")
    return power_loss.recorded(tmp_path_factory.mktemp("recorded"), 5)


def test_a_loss_of_power_leaves_no_bad_state(
    tmp_path: Path, record: tuple[bytes, list[power_loss.Event]]
) -> None:
    before, events = record
    assert [event.number for event in events if isinstance(event, power_loss.Mark)] == [1, 2, 3, 4, 5]
    overwritten = [event.offset for event in events if isinstance(event, power_loss.Write)]
    assert len(set(overwritten)) < len(overwritten) - 5  # old pages are used again
    count, found = power_loss.bad_images(tmp_path, before, events)
    assert (count > 300, found) == (True, [])


@pytest.mark.parametrize("fault", power_loss.FAULTS)
def test_a_planted_fault_is_found(
    tmp_path: Path, record: tuple[bytes, list[power_loss.Event]], fault: str
) -> None:
    before, events = record
    _, found = power_loss.bad_images(tmp_path, before, power_loss.with_fault(events, fault), stop_at=1)
    assert found
