"""Models of execution: one list, options that reach the core, and a model of a few lines that no list names."""

from __future__ import annotations

import copy
import os
import pickle
import signal
from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path
from typing import ClassVar

import pytest

import blockstm
from blockstm.blocks.block import Block
from blockstm.engine import Engine
from blockstm.explore.strategies import RandomStrategy
from blockstm.explore.trial import Trials
from blockstm.models import MODELS, Auto, BlockStm, Hinted, Model, Sequential, model_of
from blockstm.programs import transfer
from blockstm.results.verify import differences
from blockstm.simulate import Simulation, default_model
from tests.crash.killing import transfers


@dataclass(frozen=True, slots=True)
class Twice(Model):
    """Executes each transaction twice; its code stands in native/_coretest.pyx, and no list names it."""

    name: ClassVar[str] = "twice"
    entry: ClassVar[str] = "blockstm.native._coretest:twice_model"
    is_parallel: ClassVar[bool] = False

    def options(self) -> tuple[int, ...]:
        return ()


@blockstm.program
def crashes_once(ctx: blockstm.Context, marker: str) -> None:
    """Kills its worker the first time."""
    if not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    ctx.write(b"survived", b"1")


def payments(count: int) -> Block:
    keys = [b"account %d" % place for place in range(10)]
    transactions = [
        transfer.txn(keys[place % 10], keys[(place * 7 + 1) % 10], place % 13) for place in range(count)
    ]
    return Block(transactions, state=dict.fromkeys(keys, b"\x40"))


def test_names_and_models_are_told_apart() -> None:
    assert list(MODELS) == [
        "block-stm",
        "sequential",
        "auto",
        "declared",
        "locks",
        "hinted",
        "push",
        "snapshot",
        "oracle",
    ]
    assert [str(model_of(name)) for name in MODELS] == list(MODELS)
    assert model_of("block-stm") == BlockStm()
    assert model_of(BlockStm(intents=False)) != BlockStm()
    assert str(Sequential()) == "sequential"
    for wrong in ("blockstm", "", None, BlockStm):
        with pytest.raises(blockstm.UsageError, match="is unknown; choose one of block-stm, sequential, "):
            model_of(wrong)  # type: ignore[arg-type]
    with pytest.raises(blockstm.UsageError, match=r"model 'sequential:2': sequential takes no options here"):
        model_of("sequential:2")


@pytest.mark.parametrize("model", [BlockStm(), BlockStm(intents=False), Auto(switches_every=2), Sequential()])
def test_models_are_values(model: Model) -> None:
    assert pickle.loads(pickle.dumps(model)) == copy.deepcopy(model) == model
    assert len({model, copy.copy(model)}) == 1
    with pytest.raises((FrozenInstanceError, AttributeError, TypeError)):
        model.name = "other"  # type: ignore[misc]


def test_what_is_executed_is_the_same_in_every_model(shared_engine: Engine) -> None:
    block = payments(300)
    reference = shared_engine.execute(block, Sequential())
    assert reference.stats.model == "sequential"
    for model in (BlockStm(), BlockStm(intents=False), Auto(), Auto(switches_every=7), Twice()):
        result = shared_engine.execute(block, model)
        assert result.stats.model == str(model)
        assert differences(result, reference) == []


def test_auto_is_named_with_its_option() -> None:
    assert str(model_of("auto:3")) == "auto:3"
    assert model_of("auto:3") == Auto(switches_every=3) != model_of("auto")
    for wrong in ("auto:0", "auto:-1", "auto:1000001", "auto:x", "auto:1:2"):
        with pytest.raises(blockstm.UsageError, match=r"switches_every is|auto takes after how many commits"):
            model_of(wrong)


def test_auto_takes_one_worker_where_nothing_is_gained_and_all_where_much_is() -> None:
    chain = transfers(1, 4000, 2, 0)
    apart = transfers(1, 1000, 10_000, 4000)
    with Simulation(chain, default_model(), 16) as simulation:
        sequential = simulation.run_sequentially().stats.wall_seconds
        assert simulation.run(16, model="auto").stats.wall_seconds < 1.3 * sequential
        assert simulation.run(16, model="block-stm").stats.wall_seconds > 3 * sequential
    with Simulation(apart, default_model(), 16) as simulation:
        together = simulation.run(16, model="block-stm").stats.wall_seconds
        assert simulation.run(16, model="auto").stats.wall_seconds < 1.1 * together


def test_an_option_reaches_the_core() -> None:
    """Every transaction of a chain reads and writes one key; without intents, more of them compute in vain."""
    chain = Block(
        [transfer.txn(b"a", b"b%d" % place, 1, work=20_000) for place in range(200)],
        state={b"a": b"\xff\xff"},
    )
    executions = {}
    for intents in (True, False):
        with Simulation(chain, default_model(), 8, model=BlockStm(intents=intents)) as simulation:
            executions[intents] = simulation.run(8).stats.executions
    assert executions[False] > executions[True] * 1.1


def test_aborts_fall_with_what_is_known_where_transactions_announce_nothing() -> None:
    """All payments of a block move money of a few accounts: what is known of them takes the place of intents."""
    block = Block(
        [transfer.txn(b"a%d" % (place % 3), b"b%d" % (place % 5), 1, work=20_000) for place in range(200)],
        state={b"a%d" % place: b"\xff\xff" for place in range(3)},
    )
    with Simulation(block, default_model(), 8) as simulation:
        aborts = [
            simulation.run(8, model=Hinted(known_percent=known, intents=False)).stats.aborts
            for known in (0, 50, 100)
        ]
        assert aborts[0] == simulation.run(8, model=BlockStm(intents=False)).stats.aborts
        assert simulation.run(8, model=BlockStm()).stats.aborts < aborts[0]
    assert aborts[0] > aborts[1] > aborts[2] == 0


def test_a_model_that_no_list_names_is_executed(shared_engine: Engine) -> None:
    block = payments(50)
    result = shared_engine.execute(block, Twice(), timed=True, timeline=True)
    assert result.stats.executions == 2 * 50
    assert result.stats.active_workers == 1
    assert [receipt.status for receipt in result.receipts] == [
        receipt.status for receipt in shared_engine.execute(block).receipts
    ]
    assert list(shared_engine.stream(block, Twice())) == list(result.receipts)


def test_a_model_that_no_list_names_survives_its_worker(shared_engine: Engine, tmp_path: Path) -> None:
    block = Block(
        [*payments(5).transactions, crashes_once.txn(str(tmp_path / "crashed"))], state=payments(5).state
    )
    assert shared_engine.execute(block, Twice()).receipts[5].status == "success"


def test_a_model_that_no_list_names_is_simulated_and_explored() -> None:
    block = payments(20)
    with Simulation(block, default_model(), 4, model=Twice()) as simulation:
        for cores in (1, 4):
            assert simulation.run(cores).stats.executions == 40
    with pytest.raises(blockstm.UsageError, match="model twice runs on one worker, not 2"):
        Trials(block, 2, model=Twice())
    trials = Trials(block, 1, model=Twice())
    try:
        assert trials.run(RandomStrategy(1))[1] is None
        assert trials.result().stats.executions == 40
    finally:
        trials.close()


def test_a_model_that_is_not_there_is_named(shared_engine: Engine) -> None:
    @dataclass(frozen=True)
    class Missing(Twice):
        entry: ClassVar[str] = "blockstm.native._coretest:TOMBSTONE"

    with pytest.raises(blockstm.EngineError, match="holds no model of execution for this version"):
        shared_engine.execute(payments(3), Missing())
    assert len(shared_engine.execute(payments(3))) == 3
