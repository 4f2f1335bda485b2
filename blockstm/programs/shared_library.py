"""Shared libraries that hold native programs (docs/how-to/native-programs.md)."""

from __future__ import annotations

import ctypes
import os

from blockstm.errors import ProgramError, one_line, shown

__all__ = ["address_of", "split_entry"]


def split_entry(entry: str) -> tuple[str, str] | None:
    """Return the absolute path and the symbol that an entry names; None where it names a Python module.

    Arguments:
        entry: `path:symbol`, where the path has a slash in it or ends with .so, or `package.module:attribute`.
    """
    path, _, symbol = entry.rpartition(":")
    return (os.path.abspath(path), symbol) if "/" in path or path.endswith(".so") else None


def address_of(path: str, symbol: str) -> int:
    """Return where a library, once it is loaded, has what it exports by a name. It stays loaded.

    Arguments:
        path: the library's absolute path.
        symbol: the name.

    Raises:
        ProgramError: the library cannot be loaded, or exports nothing of that name.
    """
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        why = one_line(str(error).removeprefix(f"{path}: "))
        raise ProgramError(
            f"the shared library {shown(path)} cannot be loaded: {why}; compile it for this machine"
        ) from error
    try:
        return ctypes.addressof(ctypes.c_char.in_dll(library, symbol))
    except ValueError:
        raise ProgramError(
            f"the shared library {shown(path)} exports no {shown(symbol)}: "
            "export it with BLOCKSTM_PROGRAM of blockstm.h, and compile it again"
        ) from None
