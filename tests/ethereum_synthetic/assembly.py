"""EVM code put together from bytes: `asm` joins mnemonics, numbers to push, and code.

All of it is independent of the place where it ends up, as jumps are relative.
"""

from __future__ import annotations

from ethereum.forks.osaka.vm.instructions import Ops


def asm(*parts: str | int | bytes) -> bytes:
    """Code from mnemonics (one or several in a text), numbers to push, and code as it is."""
    return b"".join(_assembled(part) for part in parts)


def _assembled(part: str | int | bytes) -> bytes:
    if isinstance(part, bytes):
        return part
    if isinstance(part, int):
        size = max(1, (part.bit_length() + 7) // 8)
        return bytes([Ops.PUSH1.value + size - 1]) + part.to_bytes(size, "big")
    return bytes(Ops[name].value for name in part.split())


def push(address: bytes) -> bytes:
    """Code that pushes an address."""
    return asm(int.from_bytes(address, "big"))


def unless(condition: bytes, body: bytes) -> bytes:
    """Code that runs `body`, which must leave the stack as it is, if what `condition` pushes is zero."""
    jump = asm("PC", bytes([Ops.PUSH2.value]) + (6 + len(body)).to_bytes(2, "big"), "ADD JUMPI")
    return condition + jump + body + asm("JUMPDEST")


def in_memory(data: bytes) -> bytes:
    """Code that puts `data` at the beginning of the memory."""
    words = [(start, data[start : start + 32].ljust(32, b"\x00")) for start in range(0, len(data), 32)]
    return b"".join(asm(int.from_bytes(word, "big"), start, "MSTORE") for start, word in words)


def deployer(runtime: bytes, constructor: bytes = b"") -> bytes:
    """Init code that runs `constructor` and deploys `runtime`."""
    return constructor + in_memory(runtime) + asm(len(runtime), 0, "RETURN")


def create(init_code: bytes, value: int = 0, salt: int | None = None) -> bytes:
    """Code that creates a contract, by CREATE2 if there is a salt, and leaves its address on the stack."""
    start = in_memory(init_code)
    if salt is None:
        return start + asm(len(init_code), 0, value, "CREATE")
    return start + asm(salt, len(init_code), 0, value, "CREATE2")


def call(to: bytes, gas: bytes, value: int = 0, input_size: int = 0, kind: str = "CALL") -> bytes:
    """Code that calls what the code `to` pushes, and leaves the outcome on the stack."""
    amount = asm(value) if kind in ("CALL", "CALLCODE") else b""
    return asm(32, 0, input_size, 0) + amount + to + gas + asm(kind)


CHILD_RUNTIME = unless(asm("CALLDATASIZE"), asm("CALLER SELFDESTRUCT")) + asm(
    0, "SLOAD", 1, "ADD", 0, "SSTORE"
)
CHILD_INIT = deployer(CHILD_RUNTIME, asm(0, "SLOAD", 100, "ADD", 7, "SSTORE"))
"""A contract that destroys itself when called without data, and counts its other calls in slot 0. Slot 7 says what
was in slot 0 when it was deployed."""
CHILD_SALT = 5

FACTORY_CODE = create(CHILD_INIT, salt=CHILD_SALT) + asm("DUP1", 1, "SSTORE", 0, "MSTORE", 32, 0, "RETURN")
"""Deploys the child, and keeps its address, or zero, in slot 1."""
