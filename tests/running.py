"""Running blocks as tests want it: any number of workers, and random delays at the core's step points."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from blockstm.blocks.block import Block
from blockstm.engine import Engine
from blockstm.results.result import Result

WORKERS_MAX = 8


@contextmanager
def settings(engine: Engine, workers: int, delay_seed: int) -> Iterator[None]:
    """Let so many of the engine's workers take part, and delay themselves at random where the seed is not 0.

    Neither can be changed from outside: an engine of eight workers stands for eight engines here.
    """
    before = engine._active_workers
    engine._active_workers = workers
    engine._arena.delay_seed = delay_seed
    try:
        yield
    finally:
        engine._active_workers = before
        engine._arena.delay_seed = 0


def run(engine: Engine, block: Block, workers: int = WORKERS_MAX, delay_seed: int = 0) -> Result:
    """Execute a block speculatively with so many workers at once, however few cores there are."""
    with settings(engine, workers, delay_seed):
        return engine.execute(block)


class SharedEngine:
    """What the command takes for an engine of its own: one whose workers have py-evm already, and keep it.

    Arguments:
        engine: the one that is shared.
    """

    def __init__(self, engine: Engine) -> None:
        self.execute = engine.execute
        self.warm_up = engine.warm_up

    def __enter__(self) -> SharedEngine:
        return self

    def __exit__(self, *_: object) -> None:
        pass
