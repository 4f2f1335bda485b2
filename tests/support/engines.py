"""Running blocks as tests want it: any number of workers, and random delays at the core's step points."""

from __future__ import annotations

from blockstm.blocks.block import Block
from blockstm.engine import Engine
from blockstm.engine.stress import stressed
from blockstm.results.result import Result

WORKERS_MAX = 8


def run(engine: Engine, block: Block, workers: int = WORKERS_MAX, delay_seed: int = 0) -> Result:
    """Execute a block speculatively with so many workers at once, however few cores there are."""
    with stressed(engine, active_workers=workers, delay_seed=delay_seed):
        return engine.execute(block)


class SharedEngine:
    """What the command takes for an engine of its own: one whose workers have py-evm already, and keep it.

    Arguments:
        engine: the one that is shared.
    """

    def __init__(self, engine: Engine) -> None:
        self.execute = engine.execute
        self.warm_up = engine.warm_up
        self._engine = engine

    @property
    def drain_descriptor(self) -> int:
        return self._engine.drain_descriptor

    def __enter__(self) -> SharedEngine:
        return self

    def __exit__(self, *_: object) -> None:
        pass
