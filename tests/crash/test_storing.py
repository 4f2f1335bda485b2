"""A store that is killed while it stores: no durable block is lost, and no half block is seen.

The same, as many times as one likes: ``python -m tests.crash.storing random FOLDER TIMES SEED``
and ``python -m tests.crash.power_loss FOLDER BLOCKS``.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from blockstm import BlockstmError, Store
from blockstm.store.snapshot import is_sound
from tests.crash import power_loss
from tests.crash.storing import faults_of, in_child, store_blocks

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


def test_a_flipped_bit_is_found_wherever_it_counts(tmp_path: Path) -> None:
    path, flipped = tmp_path / "good.lmdb", tmp_path / "flipped.lmdb"
    Store.create(path, tree="binary").close()
    store_blocks(path, 1, 6, lambda name: None, lambda number: None)
    good = path.read_bytes()
    chance = random.Random(1)

    def look(write: int) -> None:
        for _ in range(120):
            content = bytearray(good)
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            flipped.write_bytes(content)
            try:
                with Store(flipped) as store:
                    verdict = "same" if is_sound(store) else "unsound"
                if verdict == "same" and faults_of(flipped, 5):
                    verdict = "missed"
            except BlockstmError:
                verdict = "refused"
            os.write(write, f"{verdict} ".encode())

    ended, told = in_child(look)  # what is flipped may kill whoever reads it
    assert ended == 0
    verdicts = Counter(told.decode().split())
    # Most of a file is pages that are free, or old.
    assert {"same", "unsound"} <= set(verdicts) <= {"same", "unsound", "refused"}, verdicts
