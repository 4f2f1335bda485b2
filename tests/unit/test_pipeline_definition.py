"""Pipeline files: what they may say, and that whatever else they say is refused with its place and the fix."""

from __future__ import annotations

import math
import re
from pathlib import Path
from random import Random
from statistics import median

import pytest

from blockstm.errors import PipelineError
from blockstm.pipeline import MODES, read_pipeline
from blockstm.pipeline.latency import Constant, Lognormal, Measured, draw

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "scenarios" / "pipelines").glob("*.toml"))


def written(folder: Path, text: str) -> Path:
    path = folder / "pipeline.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_those_that_ship_can_be_read(path: Path) -> None:
    assert set(read_pipeline(path).modes) <= set(MODES)


def test_an_empty_file_is_a_pipeline_of_engine_and_nothing_else(tmp_path: Path) -> None:
    found = read_pipeline(written(tmp_path, ""))
    assert (found.modes, found.in_flight, found.root_delay, found.block) == (MODES, 1, 0, None)
    assert found.read.latency == Constant(0.0)
    assert found.execute.cores == 1


@pytest.mark.parametrize(
    ("text", "latency"),
    [
        ("80e-6", Constant(80e-6)),
        ("{ median = 80e-6, p99 = 400e-6 }", Lognormal(80e-6, 400e-6)),
        ("[1e-6, 2, 0]", Measured((1e-6, 2.0, 0.0))),
    ],
)
def test_latencies(tmp_path: Path, text: str, latency: object) -> None:
    assert read_pipeline(written(tmp_path, f"[read]\nlatency = {text}")).read.latency == latency


def test_drawn_latencies_have_their_median_and_their_p99() -> None:
    chance = Random(5)
    drawn = sorted(draw(Lognormal(80e-6, 400e-6), chance) for _ in range(20_000))
    assert median(drawn) == pytest.approx(80e-6, rel=0.03)
    assert drawn[math.ceil(0.99 * len(drawn))] == pytest.approx(400e-6, rel=0.08)


def test_measured_latencies_are_drawn_as_they_are() -> None:
    chance = Random(6)
    drawn = [draw(Measured((1.0, 2.0, 2.0)), chance) for _ in range(3000)]
    assert set(drawn) == {1.0, 2.0}
    assert drawn.count(2.0) == pytest.approx(2000, rel=0.06)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("modes = []", "modes is []; give a list of 'serial', 'overlapped', 'prefetched'"),
        ('modes = ["serial", "fast"]', "modes names 'fast'; give a list of"),
        ('modes = ["serial", "serial"]', "modes names 'serial' twice; leave one out"),
        ("modes = 3", "modes is 3; give a list of"),
        ("in_flight = 0", "in_flight is 0; give a whole number from 1 to 10,000"),
        ("root_delay = true", "root_delay is True; give a whole number from 0"),
        ("blocks = 1.5", "blocks is 1.5; give a whole number from 1 to 10,000"),
        ("interval_seconds = nan", "interval_seconds is nan; give a number from 0 to 10000"),
        ("depth = 3", "depth is unknown; allowed are modes, blocks"),
        ('"in flight" = 3', "'in flight' is unknown; allowed are"),
        ("read = 3", "read is 3; give a table [read]"),
        ("[read]", "read.latency is missing; give seconds, as in 80e-6"),
        ("[read]\nlatency = -1", "read.latency is -1; give seconds"),
        ("[read]\nlatency = true", "read.latency is True; give seconds"),
        ("[read]\nlatency = []", "read.latency is []; give 1 to 100,000 measured times"),
        ("[read]\nlatency = [1, 'x']", "read.latency is [1, 'x']; give 1 to"),
        ("[read]\nlatency = { median = 1 }", "read.latency.p99 is missing; give a number from 1 to 10000"),
        ("[read]\nlatency = { median = 2, p99 = 1 }", "read.latency.p99 is 1; give a number from 2"),
        ("[read]\nlatency = { median = 0, p99 = 1 }", "read.latency.median is 0; give a number from 1e-09"),
        (
            "[read]\nlatency = { median = 1, p99 = 2, p50 = 1 }",
            "read.latency.p50 is unknown; allowed are median",
        ),
        ("[read]\nlatency = 1\ncached = 1.1", "read.cached is 1.1; give a number from 0 to 1"),
        ("[read]\nlatency = 1\nqueue_depth = 0", "read.queue_depth is 0; give a whole number from 1"),
        ("[senders]\ncores = 300", "senders.cores is 300; give a whole number from 1 to 256"),
        ("[root]\nstart = 'late'", "root.start is 'late'; allowed are 'committed', 'executed', 'listed'"),
        ("[persist]\nbytes_per_second = -1", "persist.bytes_per_second is -1; give a number"),
        ("[block]\ntransactions = 0", "block.transactions is 0; give a whole number from 1"),
        ("[block]\ntransactions = 1\nkeys = 3", "block.accounts is 0; each of the keys is of an account"),
        ("[block]\ntransactions = 1", "execute.seconds is missing; a block by figures needs both"),
        ("[execute]\nseconds = 1", "block is missing; a block by figures needs both"),
        ("x = ", "is not TOML: "),
        (f"blocks = {'9' * 5000}", "blocks has too many digits"),
    ],
)
def test_what_else_it_says_is_refused(tmp_path: Path, text: str, told: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(PipelineError, match=re.escape(f"{path}: {told}")) as refused:
        read_pipeline(path)
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"nowhere\.toml: no such file; check the path"):
        read_pipeline(tmp_path / "nowhere.toml")
