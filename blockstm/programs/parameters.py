"""The kinds of parameters that native programs have, and the checks of their values."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from blockstm.errors import LimitError, ProgramError, shown, type_shown
from blockstm.limits import ACCESSES_MAX, BYTES_ARGUMENT_BYTES_MAX, KEY_BYTES_MAX, U64_MAX, U256_MAX

Kind = Literal["key", "keys", "u64", "u256", "adds", "bytes"]


class _Required:
    """The type of REQUIRED."""

    def __repr__(self) -> str:
        return "REQUIRED"

    def __reduce__(self) -> str:
        return "REQUIRED"


REQUIRED: Final = _Required()
"""The default of a parameter that has none."""


def check_key(value: object, what: str) -> bytes:
    """Return a key after checking it.

    Arguments:
        value: the key, bytes.
        what: what the key is, for the message.

    Raises:
        ProgramError: it is not bytes.
        LimitError: it is longer than KEY_BYTES_MAX.
    """
    if type(value) is not bytes:
        raise ProgramError(f"{what} is {shown(value)}, {type_shown(value)}; a key is bytes")
    if len(value) > KEY_BYTES_MAX:
        raise LimitError(
            f"{what} {shown(value)} is {len(value)} bytes long; "
            f"a key has at most {KEY_BYTES_MAX} bytes: use a hash of it"
        )
    return value


def check_keys(value: object, what: str) -> tuple[bytes, ...]:
    """Return several keys as a tuple after checking them; raises like `check_key`.

    Arguments:
        value: a list or tuple of keys.
        what: what they are, for the message.
    """
    if not isinstance(value, list | tuple):
        raise ProgramError(f"{what} is {shown(value)}, {type_shown(value)}; give a list of keys (bytes)")
    _check_count(len(value), what)
    for key in value:
        if type(key) is not bytes or len(key) > KEY_BYTES_MAX:
            check_key(key, f"a key of {what}")
    return tuple(value)


class Amounts(Mapping[bytes, int]):
    """Amounts by key, read-only; equal to any mapping of the same. It can be pickled, as a MappingProxyType cannot.

    Arguments:
        amounts: the amounts, which nobody else may change.
    """

    __slots__ = ("_amounts",)

    def __init__(self, amounts: dict[bytes, int]) -> None:
        """Wrap the amounts."""
        self._amounts = amounts

    def __getitem__(self, key: bytes) -> int:
        """Return the amount of a key."""
        return self._amounts[key]

    def __iter__(self) -> Iterator[bytes]:
        """Iterate over the keys."""
        return iter(self._amounts)

    def __len__(self) -> int:
        """Return the number of keys."""
        return len(self._amounts)

    def items(self) -> ItemsView[bytes, int]:
        """Return the pairs of keys and amounts: those of the dict, as blocks hold tens of thousands of these."""
        return self._amounts.items()

    def __reduce__(self) -> tuple[type[Amounts], tuple[dict[bytes, int]]]:
        """Pickle and copy as a dict."""
        return Amounts, (dict(self._amounts),)

    def __repr__(self) -> str:
        """Show them as a dict."""
        return repr(self._amounts)


def check_adds(value: object, what: str) -> Amounts:
    """Return amounts by key, in the same order, after checking them.

    Arguments:
        value: a mapping of keys to unsigned 256-bit numbers.
        what: what they are, for the message.

    Raises:
        ProgramError: something is of the wrong type.
        LimitError: a key is too long, or an amount does not fit 256 bits.
    """
    if not isinstance(value, Mapping):
        raise ProgramError(
            f"{what} is {shown(value)}, {type_shown(value)}; give a dict of keys (bytes) and amounts"
        )
    _check_count(len(value), what)
    return Amounts(
        {
            check_key(key, f"a key of {what}"): check_integer(amount, U256_MAX, f"an amount of {what}")
            for key, amount in value.items()
        }
    )


def check_bytes(value: object, what: str) -> bytes:
    """Return a byte string after checking it.

    Arguments:
        value: the byte string.
        what: what it is, for the message.

    Raises:
        ProgramError: it is not bytes.
        LimitError: it is longer than BYTES_ARGUMENT_BYTES_MAX.
    """
    if type(value) is not bytes:
        raise ProgramError(f"{what} is {shown(value)}, {type_shown(value)}; give bytes")
    if len(value) > BYTES_ARGUMENT_BYTES_MAX:
        raise LimitError(
            f"{what} is {len(value)} bytes long; the limit is {BYTES_ARGUMENT_BYTES_MAX}: "
            "put large data into the state"
        )
    return value


def check_integer(value: object, largest: int, what: str) -> int:
    """Return an unsigned number after checking it.

    Arguments:
        value: the number.
        largest: the largest allowed.
        what: what it is, for the message.

    Raises:
        ProgramError: it is not an int (a bool is not one).
        LimitError: it is negative or larger than `largest`.
    """
    integer = as_integer(value)
    if integer is None:
        raise ProgramError(f"{what} is {shown(value)}, {type_shown(value)}; give an int")
    if not 0 <= integer <= largest:
        raise LimitError(f"{what} is {shown(integer)}; it must be from 0 to 2**{largest.bit_length()} - 1")
    return integer


def as_integer(value: object) -> int | None:
    """Return what counts as a whole number, as an int; None for all else.

    Only an int counts, also one of a subclass such as an IntEnum. A bool does not, nor does what would have to be
    rounded (a float, a Decimal, a Fraction), nor what only can be turned into an int (a numpy integer).

    Arguments:
        value: anything.
    """
    if type(value) is int:
        return value
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _check_count(count: int, what: str) -> None:
    if count > ACCESSES_MAX:
        raise LimitError(f"{what} has {count} entries; the limit is {ACCESSES_MAX}: split the transaction")


def _check_u64(value: object, what: str) -> int:
    return check_integer(value, U64_MAX, what)


def _check_u256(value: object, what: str) -> int:
    return check_integer(value, U256_MAX, what)


_CHECKS: Final[dict[str, Callable[[object, str], object]]] = {
    "key": check_key,
    "keys": check_keys,
    "u64": _check_u64,
    "u256": _check_u256,
    "adds": check_adds,
    "bytes": check_bytes,
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a native program.

    Arguments:
        name: its name.
        kind: "key" (bytes), "keys" (a list of keys), "u64", "u256" (unsigned numbers),
            "adds" (a mapping of keys to unsigned 256-bit amounts), or "bytes" (any byte string).
        default: its value where none is given, kept as a copy; REQUIRED for none.

    Raises:
        ProgramError: the kind is unknown, or the default is not of that kind.
    """

    name: str
    kind: Kind
    default: object = field(default=REQUIRED, hash=False)

    def __post_init__(self) -> None:
        """Check the kind and the default."""
        check = _CHECKS.get(self.kind)
        if check is None:
            raise ProgramError(
                f"parameter {shown(self.name)} is of kind {shown(self.kind)}; use one of {', '.join(_CHECKS)}"
            )
        if self.default is not REQUIRED:
            object.__setattr__(self, "default", check(self.default, f"the default of {self.name}"))

    def __str__(self) -> str:
        """Return it as one would declare it."""
        text = f"{self.name}: {self.kind}"
        return text if self.default is REQUIRED else f"{text} = {shown(self.default)}"

    @property
    def check(self) -> Callable[[object, str], object]:
        """The function of a value and of a name for messages that returns the canonical form of this kind.

        It raises ProgramError where the value is of the wrong type, and LimitError where it is over a limit.
        """
        return _CHECKS[self.kind]
