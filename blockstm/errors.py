"""Every exception that blockstm raises, and how values and paths are shown in their messages.

A message is one line that says what is wrong, where, and the fix. Whatever a caller or a file can cause is
a `BlockstmError`; what a program meets while it runs is a `ProgramException`. An error that means what one of
Python's own means derives from that, too: a bad value or file from ValueError, a program that is not known from
LookupError, a memory limit from MemoryError, an engine that is closed or busy from RuntimeError. Where the system
refused a file, its OSError is the `__cause__`. Errors can be pickled, so they travel between processes.
"""

from __future__ import annotations

import os
import reprlib

_SHOWN_CHARACTERS_MAX = 96
TRACEBACK_CHARACTERS_MAX = 4_000
_PROGRAM_FILE = os.path.join(os.path.dirname(__file__), "programs", "program.py")
_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _SHOWN_CHARACTERS_MAX


class BlockstmError(Exception):
    """Base of every error that a caller or an input can cause."""


class BlockFileError(BlockstmError, ValueError):
    """A .block file cannot be read or written: missing, damaged, foreign, of another version, or hostile."""


class AccessTraceError(BlockstmError, ValueError):
    """An access trace cannot be read or written; the message names the file and, where there is one, the line."""


class EthereumInputError(BlockstmError, ValueError):
    """What a node said about an Ethereum block is missing, damaged or does not fit together.

    The message names the file and, where there is one, the transaction, the address and the field.
    """


class SolanaInputError(BlockstmError, ValueError):
    """What a node said about a Solana block is missing, damaged or does not fit together.

    The message names the file and, where there is one, the transaction and the field.
    """


class CostModelError(BlockstmError, ValueError):
    """A cost model cannot be read; the message names the file, the field and what is allowed."""


class ScenarioError(BlockstmError, ValueError):
    """A scenario cannot be read; the message names the file, the field and what is allowed."""


class SweepError(BlockstmError):
    """A sweep cannot be read or carried out as asked; the message names the file or folder, and the field."""


class ReportError(BlockstmError, ValueError):
    """An input of a report cannot be read; the message names the file, the field and the fix."""


class LimitError(BlockstmError, ValueError):
    """A key, a value, a number or a count is over a limit of `blockstm.limits`."""


class UnknownProgramError(BlockstmError, LookupError):
    """A program is named that no imported module has defined."""


class ProgramError(BlockstmError):
    """A program cannot be used as it is: wrong arguments, a bad definition, or it does not reach a worker."""


class UsageError(BlockstmError, ValueError):
    """An argument or an option has a value that it cannot have."""


class ScheduleError(BlockstmError, ValueError):
    """A schedule string cannot be read, or does not fit the block with which it is replayed."""


class MemoryLimitError(MemoryError, BlockstmError):  # in this order, as MemoryError has a __new__ of its own
    """A block does not fit into the memory limit that the user has set."""


class StateSourceError(BlockstmError):
    """The source of a block's state cannot tell what a key holds, or does not reach a worker; names key and fix."""


class TreeError(BlockstmError, ValueError):
    """A node of a state tree is missing, damaged or not what its parent says; names its path, and the fix."""


class UndeclaredAccessError(BlockstmError):
    """A transaction has touched a key that it had not declared, for which the block fails; names both."""


class UnsupportedPlatformError(BlockstmError, ImportError):
    """The operating system is not one on which blockstm runs."""


class EngineError(BlockstmError, RuntimeError):
    """The engine cannot do this: it is closed, busy, or has failed inside."""


class DeterminismError(BlockstmError, AssertionError):
    """The result of a block depends on more than its state and arguments; the text is the whole report."""


class ProgramException(Exception):  # noqa: N818 - a program's way to end, not an error of the library
    """Base of the exceptions that programs meet, may catch, and may let out: then the transaction fails."""


class Revert(ProgramException):
    """The transaction takes back what it wrote, and its receipt says why.

    Arguments:
        reason: the text that goes into the receipt.
    """

    def __init__(self, reason: str = "") -> None:
        """Keep the reason."""
        super().__init__(reason)
        self.reason = reason


class BoundsError(ProgramException):
    """A `ctx.add` would take a number out of its bounds."""


class OutOfGas(ProgramException):
    """The gas that was charged is over the transaction's gas limit."""


RAISE_MEMORY_LIMIT = "raise memory_limit_bytes (on the command line: --memory-limit)"


def over_memory_limit(what: str, limit_bytes: int, fix: str = RAISE_MEMORY_LIMIT) -> str:
    """Return the message of a MemoryLimitError.

    Arguments:
        what: what takes too much.
        limit_bytes: the memory limit.
        fix: what the user can do about it.
    """
    return f"{what} takes more than the memory limit of {limit_bytes} bytes; {fix}"


def install_extra(extra: str) -> str:
    """Return what a message says to do where the libraries of an extra are not installed.

    It names the checkout, never the bare name: blockstm is on no package index, where anybody may take the name.

    Arguments:
        extra: one of the optional dependencies of pyproject.toml.
    """
    return f"install it in the checkout of blockstm: pip install -e '.[{extra}]'"


def shown(value: object) -> str:
    """Return `value` as bounded, printable, one-line text for a message (bytes as hex)."""
    if isinstance(value, bytes):
        return one_line("0x" + value[:_SHOWN_CHARACTERS_MAX].hex())
    if isinstance(value, int) and abs(value) >= 1 << 256:
        return f"an integer of {value.bit_length()} bits"
    try:
        return one_line(_REPR.repr(value))
    except Exception:  # a foreign __repr__ may fail in any way; the message must not
        return type_shown(value)


def counted(count: int, one: str, several: str = "") -> str:
    """Return a count and its noun: "1 key", "2 keys", "2 processes" where that is given as `several`."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def type_shown(value: object) -> str:
    """Return the type of `value` with its article: "an int", "a str"."""
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeio' else 'a'} {name}"


def one_line(text: str, characters_max: int = _SHOWN_CHARACTERS_MAX) -> str:
    """Return a text bounded, and without line ends and other characters that do not print."""
    start = text[: characters_max + 1]
    start = "".join(character if character.isprintable() else "?" for character in start)
    return start if len(start) <= characters_max else start[:-4] + "..."


def traceback_text(error: BaseException) -> str:
    """Return where a program failed, as Python prints it, without what stands between programs in this package.

    Of a longer one the end is returned, which names the line that raised.
    """
    import traceback  # only where a program has failed

    told = traceback.TracebackException.from_exception(error)
    chained = [told]
    while chained:
        one = chained.pop()
        own = [frame for frame in one.stack if not _is_between_programs(frame.filename, frame.name)]
        one.stack = traceback.StackSummary.from_list(own)
        chained += filter(None, (one.__cause__, one.__context__, *(one.exceptions or ())))
    text = "".join(told.format()).rstrip("\n")
    if len(text) > TRACEBACK_CHARACTERS_MAX:
        text = "..." + text[3 - TRACEBACK_CHARACTERS_MAX :]
    return text


def _is_between_programs(file: str, function: str) -> bool:
    """Tell whether a frame is the core's, which calls programs and is called by them, or a program's own call."""
    return function.startswith("blockstm.native._core.") or file == _PROGRAM_FILE


def printable(text: str) -> str:
    """Return a text of a user's for a terminal: what does not print is escaped, ESC as ``\\x1b``."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def field_name(name: str) -> str:
    """Return the name of a field that a file gives, for a message: as it is if it is a plain word, else quoted."""
    return name if name.isidentifier() and len(name) <= _SHOWN_CHARACTERS_MAX else shown(name)


def shown_path(path: str | bytes | os.PathLike[str]) -> str:
    """Return a file's path as one printable line for a message."""
    text = os.fsdecode(path)
    return text if text.isprintable() else ascii(text)
