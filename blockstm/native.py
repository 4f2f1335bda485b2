"""Where the core's headers are, for compiling native programs against them (docs/native-programs.md)."""

from pathlib import Path

__all__ = ["include_directory"]


def include_directory() -> str:
    """Return the directory of the core's .pxd files and headers, for Cython's and the compiler's include path."""
    package = Path(__file__).parent
    installed = package / "include"
    return str(installed if installed.is_dir() else package.parent / "ext")
