"""Blocks as bytes for another process, with their programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from blockstm.blocks.block import Block
from blockstm.errors import ProgramError
from blockstm.processes.pickling import dumps, loads
from blockstm.programs.program import PythonProgram

__all__ = ["can_load", "modules_of", "pickled"]


def modules_of(block: Block) -> list[str]:
    """Return the modules that define a block's programs."""
    names = {each.function.__module__ for each in block.programs if isinstance(each, PythonProgram)}
    return sorted(names - {"__main__"})


def pickled(block: Block, by_value: Iterable[str] = ()) -> bytes:
    """Return a block with its programs as bytes.

    Arguments:
        block: the block.
        by_value: the modules whose functions are to be sent whole, as no other process can import them.

    Raises:
        ProgramError: a program cannot be pickled.
    """
    modules = [sys.modules[name] for name in by_value if name in sys.modules]
    try:
        return dumps(block, modules)
    except Exception as error:  # what a foreign __reduce__ raises may be anything
        raise ProgramError(
            f"the block's programs cannot be sent to another process: {type(error).__name__}: {error}; "
            "what they refer to must be picklable"
        ) from error


def can_load(packed: bytes) -> str | None:
    """Say why a block cannot be unpacked here; None if it can."""
    try:
        loads(packed)
    except (Exception, SystemExit) as error:  # importing a module may raise anything
        return f"{type(error).__name__}: {error}"
    return None
