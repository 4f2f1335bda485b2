"""The engine: a pool of worker processes that execute blocks over shared memory.

Modules: `engine` (the public class), `running` (a block in execution), `supervisor` (deaths and time limits
while a block runs), `pool` (all worker processes), `process` (one of them), `catalogue` (what workers must hold),
`channel` (talking with them), `worker_main` (their main function), `hosted` (an arena whose workers all live in
one other process).
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
