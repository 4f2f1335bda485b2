"""The core, in Cython, compiled as C++20: everything that runs while a block runs.

It lies in storeys, each on those before it: memory, instruments, versions, verbs, programs, workloads, models,
faces (docs/architecture.md). Native programs of users cimport from here, as from `blockstm.native.verbs.context`;
`include_directory` says where a compiler finds that (docs/how-to/native-programs.md).
"""

from pathlib import Path

__all__ = ["include_directory"]


def include_directory() -> str:
    """Return the directory that holds `blockstm/native`, for the include paths of Cython and of the C compiler."""
    return str(Path(__file__).parents[2])
