"""The engine: a pool of worker processes that execute blocks over shared memory.

Modules: `engine` (the public class), `supervisor` (deaths and time limits while a block runs), `pool` (all
worker processes), `process` (one of them), `catalogue` (what workers must hold), `channel` (talking with
them), `logs` (their log records), `worker_main` (their main function).
"""

from blockstm.engine.engine import Engine

__all__ = ["Engine"]
