"""The native EVM of blockstm: where its library is. `blockstm` uses it where it is installed.

The library is compiled code without anything of Python's: there is nothing else to import here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

__all__ = ["ABI_VERSION", "LIBRARY", "REVM_VERSION", "__version__"]

__version__: Final = "0.1.0"
REVM_VERSION: Final = "43.0.3"
"""The version of revm in it."""
ABI_VERSION: Final = 1
"""The version of blockstm's verb interface that it was compiled against (blockstm.h)."""
LIBRARY: Final = Path(__file__).parent / "_library" / "lib_library.so"
"""The shared library. It exports the program `evm`."""
