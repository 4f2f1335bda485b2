"""A store that is killed while it stores: no durable block is lost, and no half block is seen.

The same, as many times as one likes: ``python -m tests.crash.storing random FOLDER TIMES SEED``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(120)
ROOT = Path(__file__).parents[2]


def storing(*arguments: str) -> int:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.crash.storing", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return int(ended.stdout)


def test_killed_at_every_step_of_storing(tmp_path: Path) -> None:
    assert storing("steps", str(tmp_path), "4") == 4 * 6


def test_killed_at_random(tmp_path: Path) -> None:
    assert storing("random", str(tmp_path), "100", "1") > 20
