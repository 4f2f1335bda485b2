"""What an engine takes and refuses."""

from __future__ import annotations

import math
import os
import re
from typing import Any

import pytest

from blockstm.blocks.block import Block
from blockstm.engine import Engine
from blockstm.errors import EngineError, MemoryLimitError, UsageError
from blockstm.limits import WORKERS_MAX
from blockstm.programs.built_in import transfer

pytestmark = pytest.mark.usefixtures("leaves_nothing")

BLOCK = Block([transfer.txn(b"a", b"b", 1)], {b"a": b"\x05"})


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"workers": 0}, "workers is 0; give a whole number from 1 to 256"),
        ({"workers": -1}, "workers is -1"),
        ({"workers": 10_000}, "workers is 10000; give a whole number from 1 to 256"),
        ({"workers": True}, "workers is True"),
        ({"workers": 2.0}, "workers is 2.0"),
        ({"workers": "2"}, "workers is '2'"),
        ({"workers": 2, "active_workers": 3}, "active_workers is 3; give a whole number from 1 to 2"),
        ({"workers": 2, "active_workers": 0}, "active_workers is 0"),
        ({"time_limit_seconds": 0}, "time_limit_seconds is 0"),
        ({"time_limit_seconds": -1.0}, "time_limit_seconds is -1.0"),
        ({"time_limit_seconds": math.inf}, "time_limit_seconds is inf"),
        ({"time_limit_seconds": math.nan}, "time_limit_seconds is nan"),
        ({"time_limit_seconds": True}, "time_limit_seconds is True"),
        ({"rounds_per_gas": -0.5}, "rounds_per_gas is -0.5"),
        ({"rounds_per_gas": math.nan}, "rounds_per_gas is nan"),
        ({"memory_limit_bytes": 0}, "memory_limit_bytes is 0"),
        ({"memory_limit_bytes": 1 << 60}, "memory_limit_bytes is 1152921504606846976"),
        ({"memory_limit_bytes": 1e9}, "memory_limit_bytes is 1000000000.0"),
    ],
)
def test_refuses_option(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(complaint)}") as caught:
        Engine(**options)
    assert "\n" not in str(caught.value)


def test_defaults_to_usable_cores() -> None:
    cores = len(os.sched_getaffinity(0))
    with Engine() as engine:
        assert engine.workers == engine.active_workers == len(engine.worker_pids) == min(cores, WORKERS_MAX)


def test_more_workers_than_cores_stand_by() -> None:
    cores = len(os.sched_getaffinity(0))
    with Engine(cores + 2) as engine:
        assert (engine.workers, engine.active_workers) == (cores + 2, cores)
        assert len(engine.execute(BLOCK).receipts) == 1
        assert engine.execute(BLOCK).stats.active_workers == cores


def test_refuses_foreign_block_and_model() -> None:
    with Engine(1) as engine:
        with pytest.raises(UsageError, match=r"is a list; give a blockstm\.Block"):
            engine.execute([])  # type: ignore[arg-type]
        with pytest.raises(
            UsageError, match="model 'parallel' is unknown; choose one of block-stm, sequential"
        ):
            engine.execute(BLOCK, "parallel")
        with pytest.raises(UsageError, match="model"):
            engine.stream(BLOCK, 1)  # type: ignore[arg-type]
        assert engine.execute(BLOCK).receipts[0].status == "success"


def test_memory_limit_too_small_for_the_block() -> None:
    big = Block([transfer.txn(b"%d" % i, b"x", 1) for i in range(20_000)], {})
    with Engine(2, memory_limit_bytes=1 << 20) as engine:
        with pytest.raises(MemoryLimitError):
            engine.execute(big)
        assert engine.execute(BLOCK).state == {b"a": b"\x04", b"b": b"\x01"}


def test_closed_engine_says_so() -> None:
    engine = Engine(1)
    result = engine.execute(BLOCK)
    engine.close()
    engine.close()
    assert engine.worker_pids == []
    assert repr(engine) == "<Engine of 1 workers, 1 at a time, closed>"
    assert result.state == {b"a": b"\x04", b"b": b"\x01"}
    with pytest.raises(EngineError, match="the engine is closed; make a new one"):
        engine.execute(BLOCK)
    with pytest.raises(EngineError, match="the engine is closed; make a new one"):
        next(engine.stream(BLOCK))
    with pytest.raises(EngineError, match="the engine is closed; make a new one"), engine:
        engine.execute(BLOCK)
