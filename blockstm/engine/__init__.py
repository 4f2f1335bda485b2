"""The engine: a pool of worker processes that execute blocks over shared memory.

- `block_run`: how a block gets into an arena, and what its end means.
- `catalogue`: what every worker must hold before it takes part in a block: programs, levels of loggers.
- `hosted`: a block whose workers live in a host.
- `channel`: the connection between the engine and one worker.
- `worker_main`: the main function of a worker process.
- `process`, `pool`: one worker process, as the engine holds it; all of them.
- `supervisor`: deaths and time limits while a block runs.
- `running`: a block in execution.
- `blocks_ahead`: blocks that are laid out while the workers execute the one before.
- `settings`: what an engine is made with.
- `engine`: the engine.
- `stress`: an engine under stress, for tests.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blockstm.engine.engine import Engine

__all__ = ["Engine"]


def __getattr__(name: str) -> Any:
    """Import the class when it is asked for: workers start sooner without."""
    if name != "Engine":
        raise AttributeError(f"module 'blockstm.engine' has no attribute {name!r}")
    from blockstm.engine.engine import Engine

    return Engine
