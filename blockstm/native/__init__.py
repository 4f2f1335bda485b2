"""The core, in Cython, compiled as C++20: everything that runs while a block runs, in storeys, each on those before it.

memory, instruments, versions, verbs, programs, models; faces are what Python sees. Native programs of users cimport from
here, as from `blockstm.native.verbs.context`; `include_directory` says where a compiler finds that
(docs/native-programs.md).
"""

from pathlib import Path

__all__ = ["include_directory"]


def include_directory() -> str:
    """Return the directory in which `blockstm/native` lies, for the include paths of Cython and of the C compiler."""
    return str(Path(__file__).parents[2])
