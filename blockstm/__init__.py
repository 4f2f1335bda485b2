"""A laboratory for parallel transaction execution: Block-STM in worker processes over shared memory.

import blockstm

@blockstm.program
def transfer(ctx, sender: bytes, receiver: bytes, amount: int): ...

block = blockstm.Block([transfer.txn(b"a", b"b", 5)], state={b"a": b"\\x09"})
with blockstm.Engine(workers=2) as engine:
    result = engine.execute(block)
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from blockstm.errors import UnsupportedPlatformError

if sys.platform != "linux":
    raise UnsupportedPlatformError(
        f"blockstm runs on Linux only (memory files, futexes, event counters), and this is {sys.platform}; "
        "use a Linux machine, a virtual one or a container"
    )

from blockstm.programs.program import program

if TYPE_CHECKING:
    from blockstm.blocks.access_list import BlockAccessList, KeyAccesses, KeyChange
    from blockstm.blocks.block import Block
    from blockstm.engine import Engine
    from blockstm.engine.running import Running
    from blockstm.errors import (
        AccessTraceError,
        BlockFileError,
        BlockstmError,
        BoundsError,
        CostModelError,
        DeterminismError,
        EngineError,
        EthereumInputError,
        LimitError,
        MemoryLimitError,
        OutOfGas,
        ProgramError,
        ProgramException,
        ReportError,
        Revert,
        ScenarioError,
        ScheduleError,
        SolanaInputError,
        StateSourceError,
        SweepError,
        TreeError,
        UndeclaredAccessError,
        UnknownProgramError,
        UsageError,
    )
    from blockstm.models import (
        Auto,
        BlockStm,
        DeclaredAccesses,
        Hinted,
        Locks,
        Model,
        Oracle,
        Push,
        Sequential,
        SnapshotBatches,
    )
    from blockstm.native import include_directory
    from blockstm.native._core import Context
    from blockstm.programs.declared import Declared, Hints
    from blockstm.programs.parameters import Parameter
    from blockstm.programs.program import NativeProgram, Program, PythonProgram
    from blockstm.programs.transaction import Recorded, Transaction
    from blockstm.results.receipts import Receipt
    from blockstm.results.result import Result, Stats
    from blockstm.results.timeline import Span, Timeline
    from blockstm.results.transaction_result import TransactionResult
    from blockstm.state.source import StateSource

    __version__: str

__all__ = [
    "AccessTraceError",
    "Auto",
    "Block",
    "BlockAccessList",
    "BlockFileError",
    "BlockStm",
    "BlockstmError",
    "BoundsError",
    "Context",
    "CostModelError",
    "Declared",
    "DeclaredAccesses",
    "DeterminismError",
    "Engine",
    "EngineError",
    "EthereumInputError",
    "Hinted",
    "Hints",
    "KeyAccesses",
    "KeyChange",
    "LimitError",
    "Locks",
    "MemoryLimitError",
    "Model",
    "NativeProgram",
    "Oracle",
    "OutOfGas",
    "Parameter",
    "Program",
    "ProgramError",
    "ProgramException",
    "Push",
    "PythonProgram",
    "Receipt",
    "Recorded",
    "ReportError",
    "Result",
    "Revert",
    "Running",
    "ScenarioError",
    "ScheduleError",
    "Sequential",
    "SnapshotBatches",
    "SolanaInputError",
    "Span",
    "StateSource",
    "StateSourceError",
    "Stats",
    "SweepError",
    "Timeline",
    "Transaction",
    "TransactionResult",
    "TreeError",
    "UndeclaredAccessError",
    "UnknownProgramError",
    "UnsupportedPlatformError",
    "UsageError",
    "__version__",
    "include_directory",
    "program",
]

_MODULES: Final = {
    "Auto": "models",
    "Block": "blocks.block",
    "BlockAccessList": "blocks.access_list",
    "BlockStm": "models",
    "DeclaredAccesses": "models",
    "Context": "native._core",
    "Declared": "programs.declared",
    "Engine": "engine",
    "Hints": "programs.declared",
    "KeyAccesses": "blocks.access_list",
    "KeyChange": "blocks.access_list",
    "Hinted": "models",
    "Locks": "models",
    "Model": "models",
    "Oracle": "models",
    "Push": "models",
    "NativeProgram": "programs.program",
    "Parameter": "programs.parameters",
    "Program": "programs.program",
    "PythonProgram": "programs.program",
    "Receipt": "results.receipts",
    "Recorded": "programs.transaction",
    "Result": "results.result",
    "Running": "engine.running",
    "Sequential": "models",
    "SnapshotBatches": "models",
    "Span": "results.timeline",
    "StateSource": "state.source",
    "Stats": "results.result",
    "Timeline": "results.timeline",
    "Transaction": "programs.transaction",
    "TransactionResult": "results.transaction_result",
    "include_directory": "native",
}
"""The module of each name; those that are not here are exceptions."""


def __getattr__(name: str) -> Any:
    """Look a name up when it is first asked for: workers, which need few of them, start sooner."""
    if name not in __all__:
        raise AttributeError(f"module 'blockstm' has no attribute {name!r}")
    if name == "__version__":
        value: object = _version()
    else:
        value = getattr(import_module(f"blockstm.{_MODULES.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the names, including those that have not been asked for yet."""
    return sorted({*globals(), *__all__})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("blockstm")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "0"
