"""How programs travel to other processes: cloudpickle, with what it leaves out.

cloudpickle sends a function as its code. What becomes of the name of the code's file is cloudpickle's own affair:
some versions keep it, others put a stand-in there. Here the name goes beside the code, and is put back at the other
end; so tracebacks, and reports of what is wrong with a program, name the program's file whatever cloudpickle does.
"""

from __future__ import annotations

import ast
import io
import itertools
import pickle
from collections import ChainMap
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from types import CodeType, ModuleType
from typing import Any, ClassVar

import cloudpickle

from blockstm.programs.program import PythonProgram

__all__ = ["dumps", "loads"]


def dumps(value: object, by_value: Iterable[ModuleType] = ()) -> bytes:
    """Return a value as bytes for `loads`, in this process or another one.

    Arguments:
        value: the value; programs in it are sent as their functions' code.
        by_value: modules whose functions and classes are sent whole, as the other process cannot import them.

    Raises:
        Exception: whatever the pickling of something in it raises, where it cannot be pickled.
    """
    registered = cloudpickle.list_registry_pickle_by_value()
    with ExitStack() as undo, io.BytesIO() as file:
        for module in by_value:
            if module.__name__ not in registered:
                cloudpickle.register_pickle_by_value(module)
                undo.callback(cloudpickle.unregister_pickle_by_value, module)
        _Pickler(file).dump(value)
        return file.getvalue()


def loads(pickled: bytes) -> Any:
    """Return the value that `dumps` made bytes of.

    Raises:
        Exception: whatever the import of a module that it refers to raises.
    """
    return pickle.loads(pickled)


def _code_reduced(code: CodeType) -> tuple[object, ...]:
    """Reduce code as cloudpickle does, with the name of its file; code within it comes here, too."""
    make, arguments, *rest = cloudpickle.CloudPickler.dispatch_table[CodeType](code)
    # A string of its own: what is pickled must not depend on which strings happen to be one object.
    return _code_restored, ("".join(code.co_filename), make, arguments), *rest


def _code_restored(file: str, make: Callable[..., CodeType], arguments: tuple[Any, ...]) -> CodeType:
    return make(*arguments).replace(co_filename=file)


def _count_reduced(count: itertools.count[Any]) -> str | tuple[object, ...]:
    """Reduce a counter, which Python pickles with a warning since 3.12 and not at all since 3.14.

    Counters are a common hidden state. Only the repr tells how far one is without moving it on.
    """
    try:
        return itertools.count, tuple(ast.literal_eval(f"[{repr(count)[len('count(') : -1]}]"))
    except (SyntaxError, ValueError):  # it counts in something other than plain numbers
        return count.__reduce__()


def _program_reduced(program: PythonProgram[..., object]) -> tuple[object, ...]:
    return PythonProgram, (program.function,)


class _Pickler(cloudpickle.CloudPickler):  # type: ignore[misc] # it comes without types
    dispatch_table: ClassVar = ChainMap(
        {CodeType: _code_reduced, itertools.count: _count_reduced}, cloudpickle.CloudPickler.dispatch_table
    )


# Plain pickle names a program's module; cloudpickle is used where there may be none that can be imported.
cloudpickle.CloudPickler.dispatch_table[PythonProgram] = _program_reduced
