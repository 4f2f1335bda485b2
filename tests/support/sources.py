"""Sources of state for tests, and programs on them: what workers import, so nothing that takes long to import."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blockstm.programs.program import program


class Silent:
    """A source that cannot list its keys; for some it raises. Pickled, as any source is."""

    def __init__(self, values: Mapping[bytes, bytes], broken: frozenset[bytes] = frozenset()) -> None:
        self.values = dict(values)
        self.broken = broken

    def get(self, key: bytes) -> bytes | None:
        if key in self.broken:
            raise LookupError(f"no answer for {key!r}")
        return self.values.get(key)


class Wrong:
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def get(self, key: bytes) -> Any:
        return self.answer


class Noting:
    """Writes down where it is loaded, and what it is asked for."""

    def __init__(self, log: Path, values: Mapping[bytes, bytes]) -> None:
        self.log = log
        self.values = dict(values)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = state
        self.note(b"loaded %d" % os.getpid())

    def note(self, line: bytes) -> None:
        with self.log.open("ab") as file:
            file.write(line + b"\n")

    def get(self, key: bytes) -> bytes | None:
        self.note(key)
        return self.values.get(key)


class Deadly:
    """Kills its process the first time that it is asked in each of three places."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: bytes) -> bytes | None:
        if key in (b"1", b"3", b"5"):
            try:
                os.close(os.open(self.folder / key.decode(), os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        return b"\x40"


@program
def take(ctx: Any, amount: int) -> None:
    """An add whose bounds are guessed before the source is asked."""
    try:
        ctx.add(b"stock", -amount, 0, 10)
    except Exception:
        ctx.revert("sold out")
    if ctx.txn_idx % 2:
        ctx.read(b"other")


@program
def both(ctx: Any) -> None:
    """Keeps two keys equal. Only who reads one of them stale asks for a key that the source cannot tell."""
    if ctx.read(b"one") != ctx.read(b"two"):
        ctx.read(b"hole")
    ctx.write(b"one", b"%d" % ctx.txn_idx)
    ctx.write(b"two", b"%d" % ctx.txn_idx)


class LoadedNowhere:
    def get(self, key: bytes) -> bytes | None:
        return None

    def __reduce__(self) -> tuple[object, ...]:
        return _raise, ()


def _raise() -> None:
    raise OSError("no such disk")


@program
def deep(ctx: Any, calls_left: int) -> None:
    """Read a key from where so few more nested calls are allowed."""
    depth = sys.getrecursionlimit() - calls_left
    frame: Any = sys._getframe()
    while frame is not None:
        depth, frame = depth - 1, frame.f_back

    def nested(left: int) -> None:
        if left:
            nested(left - 1)
        else:
            ctx.read(b"a")

    nested(depth)


class Nested:
    def get(self, key: bytes) -> bytes | None:
        return b"1" if self.depth(200) else None

    def depth(self, left: int) -> int:
        return 1 + self.depth(left - 1) if left else 0


@program
def catches(ctx: Any, key: bytes) -> None:
    try:
        ctx.read(key)
    except BaseException:
        ctx.write(b"caught", b"1")


@program
def remove(ctx: Any, key: bytes) -> None:
    ctx.delete(key)
