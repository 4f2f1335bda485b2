"""What is said of a transaction's accesses before it runs: declared accesses, a promise, and hints, a guess.

Neither is a measurement: what a transaction accessed when it ran for real is `Recorded`.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import ClassVar, Final

from blockstm.programs.parameters import check_keys

__all__ = ["ACCESS_KINDS", "Declared", "Hints"]

ACCESS_KINDS: Final = ("reads", "writes", "adds")
"""The parts of declared accesses and of hints."""

Keys = Sequence[bytes] | Set[bytes]


@dataclass(frozen=True, slots=True, init=False)
class _KeysByAccess:
    """Keys by the kind of access, each kind ascending and without repetition."""

    reads: tuple[bytes, ...]
    writes: tuple[bytes, ...]
    adds: tuple[bytes, ...]

    _what: ClassVar[str]

    def __init__(self, reads: Keys = (), writes: Keys = (), adds: Keys = ()) -> None:
        """Check the keys, and keep each once, in ascending order."""
        for name, keys in zip(ACCESS_KINDS, (reads, writes, adds), strict=True):
            listed = list(keys) if isinstance(keys, set | frozenset) else keys
            checked = check_keys(listed, f"{self._what} {name}")
            object.__setattr__(self, name, tuple(sorted(set(checked))))


@dataclass(frozen=True, slots=True, init=False)
class Declared(_KeysByAccess):
    """The accesses that a transaction declares: it promises to make no others.

    It may read the keys in `reads`, write and delete those in `writes`, and add to those in `adds` and to those in
    both `reads` and `writes`, as an add does nothing that reading and writing could not. What it reads of its own
    writes is no access. A key that may be read and written stands in both: one that is only in `writes` is
    written without regard to its value, so its writer has no one to wait for.

    A declaration may name more than is accessed; that costs parallelism, but never changes a result. An access
    that was not declared breaks the promise, and what follows is for the execution model to define.

    Similar elsewhere: the read and write sets of Calvin (Thomson et al., SIGMOD 2012), and the writable and
    read-only accounts of a Solana transaction (a writable one is in both `reads` and `writes`).

    Arguments:
        reads: keys that it may read; a list, tuple or set.
        writes: keys that it may write or delete.
        adds: keys that it may add to without reading them.

    Raises:
        LimitError: a key is too long, or there are too many.
        ProgramError: a key is not bytes, or the keys are not a list, tuple or set.
    """

    _what: ClassVar[str] = "declared"


@dataclass(frozen=True, slots=True, init=False)
class Hints(_KeysByAccess):
    """The keys that a transaction is likely to access. It promises nothing: hints may be incomplete and wrong.

    An execution model may order transactions by them and have readers wait for a hinted write. It must not believe
    them, so they cost or save time, and never change a result. The access list of an Ethereum transaction
    (EIP-2930) is such a hint: it names keys that need not be accessed, and is not binding.

    Arguments:
        reads: keys that it is likely to read; a list, tuple or set.
        writes: keys that it is likely to write or delete.
        adds: keys that it is likely to add to without reading them.

    Raises:
        LimitError: a key is too long, or there are too many.
        ProgramError: a key is not bytes, or the keys are not a list, tuple or set.
    """

    _what: ClassVar[str] = "hinted"
