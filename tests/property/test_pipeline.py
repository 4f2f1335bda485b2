"""What must hold of chains of blocks whatever they cost."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockstm.pipeline import Pipeline, Prediction
from blockstm.pipeline.definition import (
    BlockFigures,
    ExecuteStage,
    OtherStage,
    PersistStage,
    ReadStage,
    RootStage,
    SenderStage,
)
from blockstm.pipeline.latency import Constant, Lognormal, Measured
from tests.support.pipelines import EXAMPLE, all_predicted, predicted

SLACK = 1 + 1e-9
SECONDS = st.floats(0.0, 5.0, allow_subnormal=False).map(lambda value: round(value, 3))
RATES = st.none() | st.floats(0.1, 100.0)
LATENCIES = st.one_of(
    SECONDS.map(Constant),
    st.builds(Lognormal, st.just(0.5), st.floats(0.5, 9.0)),
    st.lists(SECONDS, min_size=1, max_size=4).map(lambda values: Measured(tuple(values))),
)


@st.composite
def pipelines(draw: st.DrawFn, *, places_max: int = 4) -> Pipeline:
    """A short chain; `places_max` bounds the places of stages that do several things at once."""
    places = st.integers(1, places_max)
    accounts = draw(st.integers(0, 6))
    return replace(
        EXAMPLE,
        blocks=draw(st.integers(1, 4)),
        in_flight=draw(st.integers(1, 4)),
        root_delay=draw(st.integers(0, 3)),
        interval_seconds=draw(st.just(0.0) | SECONDS),
        seed=draw(st.integers(0, 9)),
        block=BlockFigures(
            transactions=draw(st.integers(1, 5)),
            gas=7,
            reads=draw(st.integers(0, 8)),
            accounts=accounts,
            keys=draw(st.integers(0, 9)) if accounts else 0,
            value_bytes=draw(st.integers(0, 50)),
        ),
        read=ReadStage(draw(LATENCIES), draw(places), draw(RATES), draw(st.sampled_from([0.0, 0.5, 1.0]))),
        senders=SenderStage(draw(SECONDS), draw(places)),
        execute=ExecuteStage(draw(places), draw(SECONDS)),
        root=RootStage(
            draw(SECONDS), draw(SECONDS), draw(SECONDS), draw(places),
            draw(st.sampled_from(["committed", "executed", "listed"])),
        ),
        other=OtherStage(draw(SECONDS)),
        persist=PersistStage(draw(SECONDS), draw(SECONDS), draw(RATES), 3.0, 11.0),
    )  # fmt: skip


def with_mode(pipeline: Pipeline, mode: str) -> Prediction:
    return predicted(replace(pipeline, modes=(mode,)))


@settings(max_examples=40)
@given(pipelines())
def test_the_same_pipeline_comes_to_the_same(pipeline: Pipeline) -> None:
    chain = replace(pipeline, modes=("serial", "overlapped", "prefetched"))
    assert all_predicted(chain) == all_predicted(chain)


@settings(max_examples=40)
@given(pipelines())
def test_serial_is_the_sum_of_its_stages(pipeline: Pipeline) -> None:
    found = with_mode(replace(pipeline, interval_seconds=0.0), "serial")
    alone = sum(stage.seconds for stage in found.stages.values())
    assert found.seconds == pytest.approx(len(found.blocks) * alone)


@settings(max_examples=40)
@given(pipelines(), st.sampled_from(["serial", "overlapped", "prefetched"]))
def test_no_chain_is_faster_than_a_stage_that_takes_one_block_at_a_time(
    pipeline: Pipeline, mode: str
) -> None:
    found = with_mode(pipeline, mode)
    for stage in ("execute", "root", "other", "persist"):
        assert found.seconds * SLACK >= len(found.blocks) * found.stages[stage].seconds


@settings(max_examples=40)
@given(pipelines(), st.sampled_from(["serial", "overlapped", "prefetched"]))
def test_nothing_is_in_use_for_longer_than_there_is_time(pipeline: Pipeline, mode: str) -> None:
    """Work is neither lost nor done twice: what stages were in use for is the same in each mode."""
    found = with_mode(pipeline, mode)
    assert all(0 <= stage.utilisation <= 1 for stage in found.stages.values())
    senders, block = pipeline.senders, pipeline.block
    assert block is not None
    used = found.stages["senders"].utilisation * found.seconds * senders.cores
    recovered = len(found.blocks) * block.transactions * senders.seconds_per_transaction
    assert used == pytest.approx(recovered, abs=1e-6)
    hashed = (
        block.keys * pipeline.root.seconds_per_key
        + block.accounts * pipeline.root.seconds_per_account
        + pipeline.root.seconds
    )
    used = found.stages["root"].utilisation * found.seconds * pipeline.root.workers
    assert used == pytest.approx(len(found.blocks) * hashed, abs=1e-6)


@settings(max_examples=40)
@given(pipelines(), st.sampled_from(["serial", "overlapped", "prefetched"]))
def test_a_block_is_confirmed_then_valid_then_durable(pipeline: Pipeline, mode: str) -> None:
    found = with_mode(pipeline, mode)
    blocks = found.blocks
    for block in blocks:
        assert block.arrived <= block.begun <= block.confirmed <= block.valid <= block.durable
    for before, block in pairwise(blocks):
        assert before.confirmed <= block.confirmed
        assert before.valid <= block.valid
        assert before.durable <= block.durable
    assert found.seconds == blocks[-1].durable


# With several workers, or several places of a device whose answers take unlike times, what comes earlier may be
# packed worse (Graham 1966), so these three hold for one place only.


@settings(max_examples=40)
@given(pipelines(places_max=1))
def test_overlapping_never_takes_longer(pipeline: Pipeline) -> None:
    serial, overlapped, prefetched = all_predicted(
        replace(pipeline, modes=("serial", "overlapped", "prefetched"))
    )
    assert overlapped.seconds <= serial.seconds * SLACK
    # Where reads are not prefetched, each block finds the device as if nothing had been read before.
    gaps = len(overlapped.blocks) * pipeline.read.gap_seconds
    assert prefetched.seconds <= overlapped.seconds * SLACK + gaps


@settings(max_examples=40)
@given(pipelines(places_max=1), st.sampled_from(["overlapped", "prefetched"]))
def test_more_blocks_in_flight_never_take_longer(pipeline: Pipeline, mode: str) -> None:
    times = [with_mode(replace(pipeline, in_flight=count), mode).seconds for count in (1, 2, 3, 4)]
    assert all(more <= fewer * SLACK for fewer, more in pairwise(times))


@settings(max_examples=40)
@given(pipelines(places_max=1), st.sampled_from(["overlapped", "prefetched"]))
def test_a_root_that_is_wanted_later_never_takes_longer(pipeline: Pipeline, mode: str) -> None:
    times = [with_mode(replace(pipeline, root_delay=count), mode).seconds for count in (0, 1, 2, 3)]
    assert all(later <= sooner * SLACK for sooner, later in pairwise(times))
