"""The oracle: what a block must come to, worked out in plain Python, one transaction after the other.

It shares no code with the core: state is a dict, a savepoint is a copy, and the native programs are written
down again from their specification. Only the exceptions that programs may catch are the library's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from blockstm.blocks.block import Block
from blockstm.errors import BoundsError, LimitError, OutOfGas, ProgramException, Revert
from blockstm.programs.program import NativeProgram, Program, PythonProgram
from blockstm.programs.transaction import Transaction
from blockstm.results.predicates import Checked, Existence, Predicate, Scanned
from blockstm.results.result import Result

U64 = (1 << 64) - 1
U256 = (1 << 256) - 1
KEY_BYTES_MAX = 64
VALUE_BYTES_MAX = 65_536
REASON_BYTES_MAX = 4096
CALL_DEPTH_MAX = 64

Read = tuple[bytes, bytes | None]


@dataclass
class Outcome:
    """What a transaction came to."""

    status: str
    gas_used: int
    error: str | None
    events: list[bytes]
    reads: list[Read]
    writes: list[Read]
    adds: list[tuple[bytes, int]]
    predicates: list[Predicate] = field(default_factory=list)
    changed: list[bytes] = field(default_factory=list, compare=False)
    """The keys whose value is another than before: what a result says only together with the state."""


@dataclass
class Expected:
    """What a block comes to."""

    state: dict[bytes, bytes]
    outcomes: list[Outcome]


class NativeEnd(Exception):  # noqa: N818 - the way in which a native program ends early
    """A native program says that it is over."""

    def __init__(self, status: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass
class Saved:
    """What a savepoint takes back."""

    own: dict[bytes, bytes | None]
    decided: set[bytes]
    deltas: dict[bytes, int]
    events: list[bytes]


@dataclass
class OracleContext:
    """What a program sees of its transaction.

    Arguments:
        below: the state that earlier transactions left.
        txn_idx: the transaction's place in the preset order.
        gas_limit: the most gas that it may charge.
    """

    below: dict[bytes, bytes]
    txn_idx: int
    gas_limit: int
    gas_used: int = 0
    depth: int = 0
    own: dict[bytes, bytes | None] = field(default_factory=dict)
    """What the transaction has made of the keys that it changed; None: deleted."""
    decided: set[bytes] = field(default_factory=set)
    """The changed keys whose value does not depend on what is below: written, not only added to."""
    deltas: dict[bytes, int] = field(default_factory=dict)
    """The sums added to keys that the transaction knew nothing of, as long as it does not ask for their value."""
    events: list[bytes] = field(default_factory=list)
    reads: dict[bytes, bytes | None] = field(default_factory=dict)
    predicates: list[Predicate] = field(default_factory=list)

    def read(self, key: bytes) -> bytes | None:
        check_key(key)
        if key not in self.decided and key not in self.reads:
            self.reads[key] = self.below.get(key)
        self.deltas.pop(key, None)
        return self._current(key)

    def _current(self, key: bytes) -> bytes | None:
        return self.own[key] if key in self.own else self.below.get(key)

    def exists(self, key: bytes) -> bool:
        check_key(key)
        holds = self._current(key) is not None
        if key not in self.own and key not in self.reads and Existence(key, holds) not in self.predicates:
            self.predicates.append(Existence(key, holds))
        return holds

    def check(self, key: bytes, minimum: int = 0, maximum: int = U256) -> bool:
        check_key(key)
        check_bounds(minimum, maximum)
        holds = is_within(self._current(key), minimum, maximum)
        if key not in self.decided and key not in self.reads:
            delta = self.deltas.get(key, 0)
            lowest, highest = max(minimum - delta, 0), min(maximum - delta, U256)
            if lowest <= highest:  # else the answer depends on nothing
                self.predicates.append(Checked(key, holds, lowest, highest))
        return holds

    def scan(self, prefix: bytes, limit: int, start: bytes = b"", end: bytes | None = None) -> list[bytes]:
        inside = {
            key
            for key in {*self.below, *self.own}
            if key.startswith(prefix) and key >= start and (end is None or key < end)
        }
        found = sorted(key for key in inside if self._current(key) is not None)[:limit]
        last = found[-1] if len(found) == limit else None
        seen = sorted(key for key in inside - self.own.keys() if last is None or key <= last)
        lowest, after = max(start, prefix), least_after(prefix, end)
        if after is None or lowest < after:
            self.predicates.append(Scanned(lowest, after, last, tuple(seen)))
        return found

    def write(self, key: bytes, value: bytes) -> None:
        check_key(key)
        if type(value) is not bytes:
            raise TypeError(f"a value is {type(value).__name__}, not bytes")
        if len(value) > VALUE_BYTES_MAX:
            raise LimitError(f"a value has {len(value)} bytes; the limit is {VALUE_BYTES_MAX}: split it")
        self.own[key] = value
        self.decided.add(key)
        self.deltas.pop(key, None)

    def delete(self, key: bytes) -> None:
        check_key(key)
        self.own[key] = None
        self.decided.add(key)
        self.deltas.pop(key, None)

    def add(self, key: bytes, delta: int, minimum: int = 0, maximum: int = U256) -> None:
        check_key(key)
        check_bounds(minimum, maximum)
        value = self._current(key) or b""
        total = int.from_bytes(value, "big") + delta
        if len(value) > 32 or not minimum <= total <= maximum:
            raise BoundsError(f"adding {delta} to {shown(key)} would leave {minimum}..{maximum}")
        if key in self.deltas or (key not in self.own and key not in self.reads):
            self.deltas[key] = self.deltas.get(key, 0) + delta
        self.own[key] = encode_number(total)

    def emit(self, data: bytes) -> None:
        self.events.append(data)

    def charge(self, gas: int) -> None:
        if self.gas_used + gas > self.gas_limit:
            self.gas_used = self.gas_limit
            raise OutOfGas(f"the gas limit of {self.gas_limit} is used up")
        self.gas_used += gas

    def revert(self, reason: str = "") -> None:
        raise Revert(reason)

    def call(self, program: Program, *arguments: object) -> object:
        if self.depth >= CALL_DEPTH_MAX:
            raise LimitError(f"calls are nested deeper than {CALL_DEPTH_MAX}: use a loop")
        saved = Saved(dict(self.own), set(self.decided), dict(self.deltas), list(self.events))
        self.depth += 1
        try:
            return self._run_nested(program, arguments)
        except BaseException:
            self.own, self.decided, self.events = saved.own, saved.decided, saved.events
            self.deltas = saved.deltas
            raise
        finally:
            self.depth -= 1

    def _run_nested(self, program: Program, arguments: Sequence[object]) -> object:
        if not isinstance(program, NativeProgram):
            return function_of(program)(self, *arguments)
        try:
            run_native(self, program.name, arguments)
        except NativeEnd as end:
            raise Revert(end.text) if end.status == "reverted" else ProgramException(end.text) from None
        return None


def function_of(program: Program) -> Callable[..., object]:
    assert isinstance(program, PythonProgram)
    return program.function


def check_key(key: bytes) -> None:
    if type(key) is not bytes:
        raise TypeError(f"a key is {type(key).__name__}, not bytes")
    if len(key) > KEY_BYTES_MAX:
        raise LimitError(f"a key has {len(key)} bytes; the limit is {KEY_BYTES_MAX}: hash it")


def check_bounds(minimum: int, maximum: int) -> None:
    if minimum < 0 or maximum < minimum:
        raise LimitError(f"bounds {minimum}..{maximum} are not within 0..2**256 - 1")


def is_within(value: bytes | None, minimum: int, maximum: int) -> bool:
    value = value or b""
    return len(value) <= 32 and minimum <= int.from_bytes(value, "big") <= maximum


def least_after(prefix: bytes, end: bytes | None) -> bytes | None:
    """The first key after all that begin with a prefix and are below an end: the lower one of two."""
    number = int.from_bytes(prefix, "big") + 1
    if not prefix or number >= 1 << 8 * len(prefix):
        return end
    after = number.to_bytes(len(prefix), "big").rstrip(b"\0")
    return after if end is None else min(after, end)


def shown(key: bytes) -> str:
    text = f"0x{key.hex()}"
    return text if len(text) <= 96 else f"{text[:93]}..."


def encode_number(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


# --- the native programs --------------------------------------------------------------------------


def run_native(ctx: OracleContext, name: str, arguments: Sequence[Any]) -> None:
    """Run `transfer` or `trace`.

    Raises:
        NativeEnd: it is reverted or fails.
    """
    if name == "transfer":
        run_transfer(ctx, *arguments)
    else:
        assert name == "trace"
        run_trace(ctx, *arguments)


def charge_native(ctx: OracleContext, gas: int) -> None:
    try:
        ctx.charge(gas)
    except OutOfGas:
        raise NativeEnd("failed", "OutOfGas: the gas limit is used up") from None


def read_balance(ctx: OracleContext, key: bytes) -> int:
    value = ctx.read(key) or b""
    if len(value) > 32:
        raise NativeEnd("failed", "NotANumber: a balance is longer than 32 bytes")
    return int.from_bytes(value, "big")


def run_transfer(ctx: OracleContext, sender: bytes, receiver: bytes, amount: int, work: int = 0) -> None:
    charge_native(ctx, 21_000 + work)
    balance = read_balance(ctx, sender)
    read_balance(ctx, receiver)
    if balance < amount:
        raise NativeEnd("reverted", "insufficient funds")
    ctx.write(sender, encode_number(balance - amount))
    received = read_balance(ctx, receiver) + amount
    if received > U256:
        raise NativeEnd("reverted", "balance overflow")
    ctx.write(receiver, encode_number(received))


def mix(word: int) -> int:
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & U64
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & U64
    return word ^ (word >> 31)


def absorb(digest: int, data: bytes) -> int:
    digest = mix(digest ^ len(data))
    for start in range(0, len(data), 8):
        digest = mix((digest + int.from_bytes(data[start : start + 8], "little")) & U64)
    return digest


def derived(digest: int, key: bytes) -> bytes:
    seed = absorb(digest, key)
    return b"".join(
        mix((seed + 0x9E3779B97F4A7C15 * place) & U64).to_bytes(8, "little") for place in range(1, 5)
    )


def run_trace(
    ctx: OracleContext, reads: Iterable[bytes], writes: Iterable[bytes], adds: dict[bytes, int], gas: int
) -> None:
    charge_native(ctx, gas)
    digest = mix(ctx.txn_idx + 1)
    for key in reads:
        value = ctx.read(key)
        digest = mix((digest + (value is not None)) & U64)
        if value is not None:
            digest = absorb(digest, value)
    for key in writes:
        ctx.write(key, derived(digest, key))
    for key, amount in adds.items():
        try:
            ctx.add(key, amount)
        except BoundsError:
            raise NativeEnd("failed", "BoundsError: an add would pass 2**256 - 1") from None


# --- transactions and blocks ----------------------------------------------------------------------


def described(error: BaseException) -> str:
    name, text = type(error).__name__, str(error)
    return f"{name}: {text}" if text else name


def cut(text: str) -> str:
    return text.encode("utf-8", "backslashreplace")[:REASON_BYTES_MAX].decode("utf-8", "replace")


def run_transaction(below: dict[bytes, bytes], txn_idx: int, transaction: Transaction) -> Outcome:
    """Run one transaction on a state, and change the state where it succeeds."""
    limit = U64 if transaction.gas_limit is None else transaction.gas_limit
    ctx = OracleContext(below, txn_idx, limit)
    program = transaction.program
    status, error = "success", None
    try:
        if isinstance(program, NativeProgram):
            run_native(ctx, program.name, transaction.arguments)
        else:
            function_of(program)(ctx, *transaction.arguments)
    except Revert as revert:
        status, error = "reverted", cut(str(revert.reason))
    except NativeEnd as end:
        status, error = end.status, end.text
    except Exception as failure:
        status, error = "failed", cut(described(failure))
    reads = list(ctx.reads.items())
    if status != "success":
        return Outcome(status, ctx.gas_used, error, [], reads, [], [], ctx.predicates)
    writes = [(key, value) for key, value in ctx.own.items() if key not in ctx.deltas]
    adds = [(key, ctx.deltas[key]) for key in ctx.own if key in ctx.deltas]
    changed = [key for key, value in ctx.own.items() if value != below.get(key)]
    apply(below, ctx.own)
    return Outcome(status, ctx.gas_used, error, ctx.events, reads, writes, adds, ctx.predicates, changed)


def apply(state: dict[bytes, bytes], changes: dict[bytes, bytes | None]) -> None:
    for key, value in changes.items():
        if value is None:
            state.pop(key, None)
        else:
            state[key] = value


def run_in_order(block: Block) -> Expected:
    """Run a block one transaction after the other."""
    state = dict(block.state)
    outcomes = [
        run_transaction(state, idx, transaction) for idx, transaction in enumerate(block.transactions)
    ]
    return Expected(state, outcomes)


def outcomes_of(result: Result) -> list[Outcome]:
    """What the engine says of each transaction, in the oracle's words."""
    return [
        Outcome(
            r.status,
            r.gas_used,
            r.error,
            r.events,
            result.reads(r.txn_idx),
            result.writes(r.txn_idx),
            result.adds(r.txn_idx),
            result.predicates(r.txn_idx),
        )
        for r in result.receipts
    ]


def assert_equal(result: Result, expected: Expected, how: str = "") -> None:
    """Check state, and every receipt, read, write and add of a run against the oracle."""
    for txn_idx, (ours, theirs) in enumerate(zip(outcomes_of(result), expected.outcomes, strict=True)):
        assert ours == theirs, f"transaction {txn_idx} {how}"
    assert dict(result.state) == expected.state, how
