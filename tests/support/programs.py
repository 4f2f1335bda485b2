"""Python programs for blocks made at random.

`script` interprets a list of operations. What it does depends on what it reads: everything read goes into an
accumulator, and keys, values, branches and failures are chosen by the accumulator. So one stale read changes
what comes after it.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from typing import Any

from blockstm.errors import BoundsError, OutOfGas, ProgramException
from blockstm.programs.built_in import trace, transfer
from blockstm.programs.program import program

KEYS = [b"a", b"b", b"c", b"d", b"e", b"key of sixty-four bytes".ljust(64, b".")]
"""The keys that most operations are about; few, so that they conflict."""

U256 = (1 << 256) - 1


def absorb(acc: int, value: bytes | None) -> int:
    return zlib.crc32(b"absent" if value is None else b"=" + value, acc)


def key_of(choice: int, acc: int, txn_idx: int) -> bytes:
    """0..5: that key; 6..11: one chosen by the accumulator; 12..: a key that few transactions use."""
    if choice < len(KEYS):
        return KEYS[choice]
    if choice < 2 * len(KEYS):
        return KEYS[(acc + choice) % len(KEYS)]
    return b"new %d %d" % (choice, acc % 3 if choice % 2 else txn_idx)


class Script:
    """One run of a list of operations."""

    def __init__(self, ctx: Any, acc: int) -> None:
        self.ctx = ctx
        self.acc = acc
        self.last: bytes | None = None

    def key(self, choice: int) -> bytes:
        return key_of(choice, self.acc, self.ctx.txn_idx)

    def run(self, operations: Sequence[Sequence[Any]]) -> None:
        for name, *arguments in operations:
            os.sched_yield()  # let another worker come in between, however few cores there are
            getattr(self, f"do_{name}")(*arguments)

    def do_read(self, key: int) -> None:
        self.last = self.ctx.read(self.key(key))
        self.acc = absorb(self.acc, self.last)

    def do_exists(self, key: int) -> None:
        self.acc = absorb(self.acc, b"%d" % self.ctx.exists(self.key(key)))

    def do_check(self, key: int, minimum: int, maximum: int) -> None:
        self.acc = absorb(self.acc, b"%d" % self.ctx.check(self.key(key), minimum, maximum))

    def do_scan(self, prefix: bytes, limit: int, start: int, end: int | None) -> None:
        """Scan, and read the last key that was found."""
        found = self.ctx.scan(prefix, limit, self.key(start), None if end is None else self.key(end))
        self.acc = absorb(self.acc, b" ".join(found))
        if found:
            self.acc = absorb(self.acc, self.ctx.read(found[-1]))

    def do_write(self, key: int, value: bytes | None) -> None:
        """Write that value, or one that depends on all that was read."""
        if value is None:
            value = self.acc.to_bytes(4, "big").lstrip(b"\0")
        self.ctx.write(self.key(key), value)

    def do_copy(self, key: int) -> None:
        self.ctx.write(self.key(key), self.last or b"")

    def do_delete(self, key: int) -> None:
        self.ctx.delete(self.key(key))

    def do_add(self, key: int, delta: int | None, minimum: int, maximum: int, catch: bool) -> None:
        """Add; without a delta, one that depends on all that was read."""
        if delta is None:
            delta = self.acc % 11 - 5
        try:
            self.ctx.add(self.key(key), delta, minimum, maximum)
        except BoundsError as error:
            if not catch:
                raise
            self.acc = absorb(self.acc, str(error).encode())

    def do_emit(self) -> None:
        self.ctx.emit(b"%d" % self.acc)

    def do_charge(self, gas: int | None, catch: bool) -> None:
        try:
            self.ctx.charge(self.acc % 50 if gas is None else gas)
        except OutOfGas:
            if not catch:
                raise
            self.acc += 1

    def do_revert_if(self, modulus: int) -> None:
        if self.acc % modulus == 0:
            self.ctx.revert(f"it came to {self.acc}")

    def do_raise_if(self, modulus: int) -> None:
        if self.acc % modulus == 0:
            raise LookupError(f"it came to {self.acc}")

    def do_branch(self, modulus: int, then: Sequence[Any], otherwise: Sequence[Any]) -> None:
        self.run(then if self.acc % modulus == 0 else otherwise)

    def do_loop(self, operations: Sequence[Any]) -> None:
        for _ in range(self.acc % 4):
            self.run(operations)

    def do_call(self, operations: Sequence[Any], catch: bool) -> None:
        self._call(catch, script, operations, self.acc)

    def do_transfer(self, sender: int, receiver: int, amount: int, catch: bool) -> None:
        self._call(catch, transfer, self.key(sender), self.key(receiver), amount)

    def do_trace(self, reads: list[int], writes: list[int], adds: list[int], gas: int, catch: bool) -> None:
        amounts = {self.key(key): self.acc % 5 for key in adds}
        self._call(catch, trace, list(map(self.key, reads)), list(map(self.key, writes)), amounts, gas)

    def _call(self, catch: bool, called: Any, *arguments: Any) -> None:
        try:
            result = self.ctx.call(called, *arguments)
        except (ProgramException, LookupError) as error:
            if not catch:
                raise
            self.acc = absorb(self.acc, f"{type(error).__name__}: {error}".encode())
        else:
            self.acc = absorb(self.acc, b"%d" % (result or 0))

    def do_swallow(self, operations: Sequence[Any]) -> None:
        """Catch what no program should catch: an incarnation that is given up must end all the same."""
        try:
            self.run(operations)
        except BaseException:
            self.acc = absorb(self.acc, b"swallowed")


@program
def script(ctx, operations, acc: int = 0):
    run = Script(ctx, acc)
    run.run(operations)
    return run.acc


@program
def change_or_ask(ctx, changes, asks, teller: bytes | None):
    """Change keys, and write what is told of others to a key.

    Arguments:
        ctx: the context.
        changes: by key its new value, None to delete it, or a number to add to it.
        asks: keys to ask about: is there one, is its number 2 or 3; of None: which keys are there.
        teller: where to write what was told; None: nowhere.
    """
    for key, change in changes:
        if change is None:
            ctx.delete(key)
        elif isinstance(change, int):
            ctx.add(key, change)
        else:
            ctx.write(key, change)
    told = [
        ctx.scan(b"", 2, b"x") if key is None else [ctx.exists(key), ctx.check(key, 2, 3)] for key in asks
    ]
    if teller is not None:
        ctx.write(teller, repr(told).encode())
