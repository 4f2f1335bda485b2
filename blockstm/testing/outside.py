"""Calls of compiled functions that bring something in from outside, as the interpreter's profiler sees them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

from blockstm.testing.sites import Site, caller, is_checker

__all__ = ["OutsideCalls"]

OUTSIDE: Final = frozenset(
    (
        "_io",
        "io",
        "posix",
        "_socket",
        "select",
        "mmap",
        "_posixsubprocess",
        "_ssl",
        "_thread",
        "resource",
        "fcntl",
    )
)
"""Modules whose functions talk to the operating system."""
LOCKS: Final = frozenset(
    f"{lock}.{name}"
    for lock in ("lock", "RLock")
    for name in ("acquire", "release", "locked", "__enter__", "__exit__", "_is_owned")
)
INSIDE: Final = LOCKS | {"allocate_lock", "fspath", "get_ident"}
"""Those of their functions that bring nothing in; importing a module calls some of them."""


class OutsideCalls:
    """Notes the first such call of a program."""

    def __init__(self) -> None:
        """Start with none."""
        self.first: tuple[str, Site] | None = None
        """What was called, and where."""

    def noting(self, function: Callable[..., object]) -> Callable[..., object]:
        """Return a function that does the same, and is watched."""

        def watched(*arguments: object) -> object:
            before = sys.getprofile()
            sys.setprofile(self._see)
            try:
                return function(*arguments)
            finally:
                sys.setprofile(before)

        return watched

    def _see(self, frame: FrameType, event: str, called: Any) -> None:
        if event != "c_call" or self.first is not None or is_checker(frame.f_code.co_filename):
            return
        owner = getattr(called, "__self__", None)
        module = getattr(called, "__module__", None) or type(owner).__module__
        site = caller()
        name = getattr(called, "__qualname__", str(called))
        if (
            (module in OUTSIDE or "random" in module)
            and name not in INSIDE
            and not site.file.startswith("<frozen")
        ):
            self.first = f"{name}() of {module}", site
