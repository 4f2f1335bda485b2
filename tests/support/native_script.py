"""Scripts of verbs: native_script.c runs them, and the same program in Python, which comes to the same."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import blockstm
from blockstm.programs import transfer

COMPILER = shutil.which("cc")
STRICT = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-O1"]
SOURCE = Path(__file__).with_suffix(".c")


def compiled(folder: Path, source: Path, *options: str) -> Path:
    """Compile a shared library against blockstm.h; skips the test where there is no compiler for C."""
    if COMPILER is None:
        pytest.skip("needs a C compiler, cc, which is not installed")
    library = folder / f"lib{source.stem}.so"
    include = f"-I{blockstm.include_directory()}"
    command = [
        COMPILER,
        "-std=c99",
        *STRICT,
        "-shared",
        "-fPIC",
        include,
        *options,
        str(source),
        "-o",
        str(library),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return library


def in_c(library: Path) -> blockstm.NativeProgram:
    """The program in C."""
    parameters = (blockstm.Parameter("keys", "keys"), blockstm.Parameter("code", "bytes"))
    return blockstm.NativeProgram("tests.script_in_c", parameters, f"{library}:run_verbs", calls=(transfer,))


class Script:
    """What is left of a script."""

    def __init__(self, code: bytes) -> None:
        self.code = code

    def byte(self) -> int:
        first, self.code = self.code[:1], self.code[1:]
        return first[0] if first else 0

    def part(self) -> bytes:
        length = self.byte()
        part, self.code = self.code[:length], self.code[length:]
        return part

    def number(self) -> int:
        return int.from_bytes(self.part()[:32], "big")


class Gas:
    """What is left of the gas, which Python programs are not told."""

    def __init__(self, limit: int) -> None:
        self.left = limit

    def take(self, gas: int) -> None:
        self.left = max(self.left - gas, 0)


@blockstm.program
def in_python(ctx: Any, keys: list[bytes], code: bytes, gas_limit: int) -> None:
    """The program in Python."""
    if keys:
        run_script(ctx, keys, code, Gas(gas_limit))


@blockstm.program
def run_script(ctx: Any, keys: list[bytes], code: bytes, gas: Gas) -> None:
    """A script; called where it is nested."""
    script = Script(code)
    while script.code:
        run_verb(ctx, keys, script, gas)


def run_verb(ctx: Any, keys: list[bytes], script: Script, gas: Gas) -> None:
    def key() -> bytes:
        return keys[script.byte() % len(keys)]

    match script.byte() % 16:
        case 0:
            read(ctx, key())
        case 1:
            ctx.write(key(), script.part())
        case 2:
            ctx.delete(key())
        case 3:
            add(ctx, key(), script)
        case 4:
            charge(ctx, script.byte(), gas)
        case 5:
            ctx.emit(as_bytes(gas.left))
        case 6:
            ctx.emit(as_bytes(ctx.txn_idx))
        case 7:
            nested(ctx, keys, script.part(), gas)
        case 8:
            call_transfer(ctx, key(), key(), script.number(), script.byte(), gas)
        case 9:
            ctx.write(script.part(), script.part())
        case 10:
            ctx.revert(script.part().decode(errors="replace"))
        case 11:
            script.byte()  # modelled work: nothing under the real clock
        case 12:
            ctx.emit(as_bytes(ctx.exists(key())))
        case 13:
            check(ctx, key(), script)
        case 14:
            scan(ctx, script)
        case _:
            ctx.poll()


def as_bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def read(ctx: Any, key: bytes) -> None:
    value = ctx.read(key)
    if value is None:
        ctx.emit(b"absent")
        return
    ctx.emit(value)
    ctx.delete(key)
    assert ctx.read(key) is None
    ctx.emit(key)
    ctx.write(key, value)


def charge(ctx: Any, amount: int, gas: Gas) -> None:
    gas.take(amount)
    ctx.charge(amount)


def add(ctx: Any, key: bytes, script: Script) -> None:
    flags, delta, minimum, maximum = script.byte(), script.number(), script.number(), script.number()
    minimum = minimum if flags & 2 else 0
    maximum = maximum if flags & 4 else (1 << 256) - 1
    if minimum > maximum:  # which Python programs may not ask for
        ctx.emit(b"out")
        return
    try:
        ctx.add(key, -delta if flags & 1 else delta, minimum, maximum)
    except blockstm.BoundsError:
        ctx.emit(b"out")


def check(ctx: Any, key: bytes, script: Script) -> None:
    flags, minimum, maximum = script.byte(), script.number(), script.number()
    minimum = minimum if flags & 2 else 0
    maximum = maximum if flags & 4 else (1 << 256) - 1
    if minimum > maximum:  # which Python programs may not ask for; in C nothing lies within
        minimum = maximum = None
    ctx.emit(as_bytes(minimum is not None and ctx.check(key, minimum, maximum)))


def scan(ctx: Any, script: Script) -> None:
    start, end, flags, limit = script.part(), script.part(), script.byte(), script.byte() % 4
    found = ctx.scan(b"", limit, start, end if flags & 1 else None)
    ctx.emit(as_bytes(len(found)))
    for key in found:
        ctx.emit(key)


def nested(ctx: Any, keys: list[bytes], code: bytes, gas: Gas) -> None:
    try:
        ctx.call(run_script, keys, code, gas)
    except (blockstm.ProgramException, blockstm.LimitError):
        ctx.emit(b"taken back")
    else:
        ctx.emit(b"kept")


def call_transfer(ctx: Any, sender: bytes, receiver: bytes, amount: int, work: int, gas: Gas) -> None:
    gas.take(21_000 + work)
    try:
        ctx.call(transfer, sender, receiver, amount, work)
    except blockstm.Revert as revert:
        ctx.emit(str(revert.reason).encode())
    except blockstm.ProgramException:
        ctx.emit(b"failed")
    else:
        ctx.emit(b"called")
