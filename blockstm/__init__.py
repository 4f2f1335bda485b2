"""A laboratory for parallel transaction execution: Block-STM in worker processes over shared memory.

import blockstm

@blockstm.program
def transfer(ctx, sender: bytes, receiver: bytes, amount: int): ...

block = blockstm.Block([transfer.txn(b"a", b"b", 5)], state={b"a": b"\\x09"})
with blockstm.Engine(workers=2) as engine:
    result = engine.execute(block)
"""

from blockstm._core import Context
from blockstm.block import Block
from blockstm.engine import Engine
from blockstm.errors import (
    AccessTraceError,
    BlockFileError,
    BlockstmError,
    BoundsError,
    EngineError,
    EthereumInputError,
    LimitError,
    MemoryLimitError,
    OutOfGas,
    ProgramError,
    ProgramException,
    Revert,
    ScenarioError,
    UnknownProgramError,
    UsageError,
)
from blockstm.native import include_directory
from blockstm.parameters import Parameter
from blockstm.program import NativeProgram, Program, PythonProgram, program
from blockstm.result import Receipt, Result, Stats
from blockstm.transaction import Recorded, Transaction

__all__ = [
    "AccessTraceError",
    "Block",
    "BlockFileError",
    "BlockstmError",
    "BoundsError",
    "Context",
    "Engine",
    "EngineError",
    "EthereumInputError",
    "LimitError",
    "MemoryLimitError",
    "NativeProgram",
    "OutOfGas",
    "Parameter",
    "Program",
    "ProgramError",
    "ProgramException",
    "PythonProgram",
    "Receipt",
    "Recorded",
    "Result",
    "Revert",
    "ScenarioError",
    "Stats",
    "Transaction",
    "UnknownProgramError",
    "UsageError",
    "__version__",
    "include_directory",
    "program",
]


def __getattr__(name: str) -> str:
    """Look the version up when it is asked for: workers start sooner without."""
    if name != "__version__":
        raise AttributeError(f"module 'blockstm' has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("blockstm")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "0"
