"""Tapes: what a transaction asked of its context and what it was told, and executions that are told it again.

A *tape* is recorded in a sequential run of the block on the core itself. A *replay* runs the program again without
the core: its context answers each verb from the tape, so the execution has exactly the same reads, and any other
verb than the one on the tape is a *divergence*.
"""

from __future__ import annotations

import contextvars
import sys
import threading
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, Final, NoReturn

import greenlet

from blockstm.errors import EngineError, Revert, one_line, shown
from blockstm.limits import U256_MAX
from blockstm.native._core import Context
from blockstm.native.speculation import SpeculationAborted
from blockstm.programs.program import NativeProgram
from blockstm.testing.sites import Site, caller, callers

__all__ = ["Divergence", "Entry", "Misuse", "Recorder", "Replay", "Tape", "Watch", "replay"]

VERBS_AFTER_MAX: Final = 100
"""A program that calls more verbs than this once it should have ended is taken to go on for ever."""

ANSWERING_VERBS: Final = frozenset(("read", "exists", "check", "scan", "call", "revert"))
"""Verbs from which a program does not go on as if nothing had come of them."""

_stuck: Final[list[greenlet.greenlet]] = []
"""Executions that went on for ever: never resumed, nor collected, which would resume them."""

Outcome = tuple[str, str | None]


@dataclass(slots=True)
class Entry:
    """One verb: what was asked, where, and what came of it."""

    verb: str
    arguments: tuple[object, ...]
    site: Site
    answer: Any = None
    raised: Exception | None = None


@dataclass(slots=True)
class Tape:
    """One execution of a transaction."""

    txn_idx: int
    program: str
    entries: list[Entry] = field(default_factory=list)
    outcome: Outcome = ("success", None)


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where an execution parted from the tape."""

    place: int
    """The number of the verb."""
    text: str
    site: Site | None
    """The line of the verb; None where the program ended."""


@dataclass(frozen=True, slots=True)
class Misuse:
    """A use of a context where its program is not running: after it returned, or in another thread."""

    kind: str
    """`late` or `thread`."""
    verb: str
    tape: Tape
    """Of the transaction whose context it is."""
    site: Site
    by: str
    """What used it."""


class Watch:
    """Notes misuses of contexts, and what is running."""

    def __init__(self) -> None:
        """Start with nothing noted."""
        self.misuses: list[Misuse] = []
        self.running: Tape | None = None

    def note(self, kind: str, verb: str, tape: Tape) -> None:
        """Note that a context was used where it must not be."""
        thread = threading.current_thread()
        by = "the same transaction" if self.running is tape else "code outside of programs"
        if self.running is not None and self.running is not tape:
            by = f"transaction {self.running.txn_idx} ({self.running.program})"
        if thread is not threading.main_thread():
            by = f"thread {thread.name}"
        self.misuses.append(Misuse(kind, verb, tape, caller(), by))


class Diverged(BaseException):
    """Unwinds a program that has parted from its tape."""


class TapedContext:
    """What a program sees of its transaction, with the verbs of `blockstm.Context`."""

    def __init__(self, tape: Tape, watch: Watch) -> None:
        """Belong to the execution that runs in this thread."""
        self._tape = tape
        self._watch = watch
        self._thread = threading.get_ident()
        self._closed = False

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """Pass for a Context where programs ask."""
        return Context

    def __repr__(self) -> str:
        """Name the transaction, as a Context does."""
        return f"<context of transaction {self._tape.txn_idx}>"

    @property
    def txn_idx(self) -> int:
        """The transaction's place in the preset order."""
        self._open("txn_idx")
        return self._tape.txn_idx

    def read(self, key: bytes) -> bytes | None:
        """See Context."""
        value: bytes | None = self._verb("read", key)
        return value

    def exists(self, key: bytes) -> bool:
        """See Context."""
        return bool(self._verb("exists", key))

    def check(self, key: bytes, minimum: int = 0, maximum: int = U256_MAX) -> bool:
        """See Context."""
        return bool(self._verb("check", key, minimum, maximum))

    def scan(self, prefix: bytes, limit: int, start: bytes = b"", end: bytes | None = None) -> list[bytes]:
        """See Context."""
        return list(self._verb("scan", prefix, limit, start, end))

    def write(self, key: bytes, value: bytes) -> None:
        """See Context."""
        self._verb("write", key, value)

    def delete(self, key: bytes) -> None:
        """See Context."""
        self._verb("delete", key)

    def add(self, key: bytes, delta: int, minimum: int = 0, maximum: int = U256_MAX) -> None:
        """See Context."""
        self._verb("add", key, delta, minimum, maximum)

    def emit(self, data: bytes) -> None:
        """See Context."""
        self._verb("emit", data)

    def charge(self, gas: int) -> None:
        """See Context."""
        self._verb("charge", gas)

    def poll(self) -> None:
        """See Context."""
        self._verb("poll")

    def revert(self, reason: str = "") -> None:
        """See Context."""
        self._verb("revert", reason)

    def call(self, program: Callable[..., object], *arguments: object) -> object:
        """See Context."""
        self._open("call")
        return self._call(program, arguments)

    def _open(self, verb: str) -> None:
        """Check that the program runs, in this thread.

        Raises:
            EngineError: it does not.
        """
        if self._closed:
            self._watch.note("late", verb, self._tape)
            raise EngineError("the context is used after its program has returned: keep no ctx around")
        if threading.get_ident() != self._thread:
            self._watch.note("thread", verb, self._tape)
            raise EngineError(
                "the context is used in a thread other than that of its program: hand it to none"
            )

    def _verb(self, name: str, *arguments: object) -> Any:
        self._open(name)
        return self._perform(name, arguments)

    def _perform(self, verb: str, arguments: tuple[object, ...]) -> Any:
        raise NotImplementedError

    def _call(self, program: Any, arguments: tuple[object, ...]) -> object:
        raise NotImplementedError

    def close(self) -> None:
        """The program has returned."""
        self._closed = True


class Recorder(TapedContext):
    """Hands every verb on to a real context, and puts it on the tape.

    Arguments:
        context: the real one.
        tape: where to note the verbs.
        watch: where to note misuses.
    """

    def __init__(self, context: Context, tape: Tape, watch: Watch) -> None:
        """Wrap the context."""
        super().__init__(tape, watch)
        self._context = context

    def _perform(self, verb: str, arguments: tuple[object, ...]) -> Any:
        entry = Entry(verb, frozen_all(arguments), caller())
        self._tape.entries.append(entry)
        try:
            entry.answer = getattr(self._context, verb)(*arguments)
        except Exception as error:
            entry.raised = copy(error)
            raise
        return entry.answer

    def _call(self, program: Any, arguments: tuple[object, ...]) -> object:
        if isinstance(program, NativeProgram):
            return self._perform_native(program, arguments)
        entry = Entry("call", (name_of(program), *frozen_all(arguments)), caller())
        self._tape.entries.append(entry)
        entered = False

        def nested(_: object, *given: object) -> object:
            nonlocal entered
            entered = True
            return program(self, *given)

        try:
            return self._context.call(nested, *arguments)  # type: ignore[call-overload]
        except Exception as error:
            if not entered:  # it was refused
                entry.raised = copy(error)
            raise

    def _perform_native(self, program: NativeProgram, arguments: tuple[object, ...]) -> object:
        entry = Entry("call", (program.name, *frozen_all(arguments)), caller())
        self._tape.entries.append(entry)
        try:
            self._context.call(program, *arguments)
        except Exception as error:
            entry.raised = copy(error)
            raise
        return None


class Replayer(TapedContext):
    """Answers every verb from the tape.

    Arguments:
        tape: the tape.
        watch: where to note misuses.
        give_up_at: the number of the verb at which the execution is given up, as if a read were found stale.
    """

    def __init__(self, tape: Tape, watch: Watch, give_up_at: int | None = None) -> None:
        """Stand before the first verb."""
        super().__init__(tape, watch)
        self._controller = greenlet.getcurrent()
        self._give_up_at = give_up_at
        self._over = False
        self._raised: list[BaseException] = []
        self._verbs_after = 0
        self._place = 0
        self.divergence: Divergence | None = None
        self.stack: list[tuple[CodeType, int]] = []
        self.first_after: Site | None = None

    def _perform(self, verb: str, arguments: tuple[object, ...]) -> Any:
        entry = self._next(verb, frozen_all(arguments))
        if entry.raised is not None:
            raise copy(entry.raised)
        return entry.answer

    def _call(self, program: Any, arguments: tuple[object, ...]) -> object:
        entry = self._next("call", (name_of(program), *frozen_all(arguments)))
        if entry.raised is not None:
            raise copy(entry.raised)
        return None if isinstance(program, NativeProgram) else program(self, *arguments)

    def _next(self, verb: str, arguments: tuple[object, ...]) -> Entry:
        """Return the next entry, which must be of this verb.

        Raises:
            SpeculationAborted: the execution is given up here.
            Diverged: it is another one.
        """
        if self._over:
            self._go_on_after()
            if self.divergence is None and self.first_after is None and verb not in ANSWERING_VERBS:
                return Entry(
                    verb, arguments, caller()
                )  # as if it went well: will what is handled be raised again?
            self._end(Diverged() if self.divergence else SpeculationAborted())
        entries = self._tape.entries
        entry = entries[self._place] if self._place < len(entries) else None
        if entry is None or (entry.verb, entry.arguments) != (verb, arguments):
            before = "the end" if entry is None else described(entry.verb, entry.arguments)
            text = f"{described(verb, arguments)} instead of {before}"
            self.divergence = Divergence(self._place, text, caller())
            self._end(Diverged())
        if self._place == self._give_up_at:
            self.stack = [(frame.f_code, frame.f_lineno) for frame in callers()]
            self._end(SpeculationAborted())
        self._place += 1
        return entry

    def _end(self, unwinding: BaseException) -> NoReturn:
        """Raise what unwinds the program, and is raised by every later verb."""
        self._over = True
        self._raised.append(unwinding)
        raise unwinding

    def _go_on_after(self) -> None:
        """Note a verb after the end, unless it is one of a clause that the program is unwound through."""
        handled = sys.exception()
        while handled is not None and handled not in self._raised:
            handled = handled.__context__
        if handled is None:
            self.first_after = self.first_after or caller()
        self._verbs_after += 1
        if self._verbs_after > VERBS_AFTER_MAX:
            self._controller.switch()

    def end(self, outcome: Outcome) -> None:
        """Compare the end with that of the tape."""
        entries = self._tape.entries
        if self._over or self._give_up_at is not None:
            return
        if self._place < len(entries):
            entry = entries[self._place]
            text = f"the end ({ended(outcome)}) instead of {described(entry.verb, entry.arguments)}"
            self.divergence = Divergence(self._place, text, entry.site)
        elif outcome != self._tape.outcome:
            text = f"{ended(outcome)} instead of {ended(self._tape.outcome)}"
            self.divergence = Divergence(self._place, text, None)


@dataclass(slots=True)
class Replay:
    """What came of executing a transaction again."""

    divergence: Divergence | None
    unwound: bool
    """Whether it ended by the exception with which it was given up."""
    first_after: Site | None
    """The first verb after it was given up, other than those of clauses that it was unwound through."""
    stack: list[tuple[CodeType, int]]
    """The program's frames when it was given up, innermost first."""


def replay(
    tape: Tape,
    function: Callable[..., object],
    arguments: Sequence[object],
    watch: Watch,
    give_up_at: int | None = None,
) -> Replay:
    """Execute a transaction again with the same reads.

    Arguments:
        tape: what it did.
        function: its program.
        arguments: its arguments.
        watch: where to note misuses of its context.
        give_up_at: the number of the verb at which to give it up; None: not at all.
    """
    context = Replayer(tape, watch, give_up_at)
    unwound = False

    def execute() -> None:
        nonlocal unwound
        watch.running = tape
        try:
            context.end(outcome_of(function, context, arguments))
        except Diverged:
            pass
        except SpeculationAborted:
            unwound = True
        finally:
            context.close()
            watch.running = None

    running = greenlet.greenlet(execute)
    running.gr_context = contextvars.copy_context()
    running.switch()
    if not running.dead:
        context.close()
        watch.running = None
        _stuck.append(running)
    return Replay(context.divergence, unwound, context.first_after, context.stack)


def outcome_of(function: Callable[..., object], context: object, arguments: Sequence[object]) -> Outcome:
    """Run a program and return what its receipt would say; what unwinds it passes."""
    try:
        function(context, *arguments)
    except Revert as revert:
        return "reverted", str(revert.reason)
    except (Diverged, SpeculationAborted, KeyboardInterrupt):
        raise
    except BaseException as error:
        text = str(error)
        return "failed", f"{type(error).__name__}: {text}" if text else type(error).__name__
    return "success", None


def name_of(program: object) -> str:
    """Return what to call a program, or a function that serves as one."""
    name = getattr(program, "name", None) or getattr(program, "__qualname__", type(program).__name__)
    return str(name)


def frozen_all(arguments: Sequence[object]) -> tuple[object, ...]:
    """Return arguments as they are compared and kept; see `frozen`."""
    return tuple(map(frozen, arguments))


def frozen(value: object) -> object:
    """Return what of a value counts for comparison, whatever becomes of the value; else the type."""
    if value is None or isinstance(value, bytes | str | int | float):
        return value
    if isinstance(value, list | tuple):
        return tuple(map(frozen, value))
    if isinstance(value, dict):
        return frozenset((frozen(key), frozen(item)) for key, item in value.items())
    if isinstance(value, set | frozenset):
        return frozenset(map(frozen, value))
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    return type(value).__qualname__


def described(verb: str, arguments: tuple[object, ...]) -> str:
    """Write a verb as the program calls it."""
    if verb == "add" and arguments[2:] == (0, U256_MAX):
        arguments = arguments[:2]
    return f"ctx.{verb}({', '.join(map(shown, arguments))})"


def ended(outcome: Outcome) -> str:
    """Write an outcome."""
    status, error = outcome
    return status if error is None else f"{status}: {one_line(error)}"
