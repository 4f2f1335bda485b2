"""What nodes of any chain answer in JSON, read from files strictly; whatever is wrong is a `ContentError`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, Final, NoReturn, Self

from blockstm.errors import shown
from blockstm.files.content import ContentError, TooLargeError, content_pieces, reason_of
from blockstm.files.strict_json import decode_json

__all__ = ["ENVELOPE", "JsonFields", "json_answer", "problems_told"]

ENVELOPE: Final = frozenset(("jsonrpc", "id", "result"))
"""The fields of a JSON-RPC answer, in which a node wraps what it was asked for."""
_SAVE_AGAIN: Final = "save the node's answer again"


@contextmanager
def problems_told(fix: str) -> Iterator[None]:
    """Turn what may go wrong while a file's content is read into a `ContentError` that ends with the fix."""
    try:
        yield
        return
    except ContentError:
        raise
    except UnicodeDecodeError as error:
        problem = f"byte {error.start} is not text in UTF-8"
    except ValueError as error:
        problem = str(error)
    except MemoryError:
        problem = "no memory is left to read it"
    except OSError as error:
        problem = f"cannot be read: {reason_of(error)}"
    raise ContentError(f"{problem}; {fix}")


def json_answer(file: BinaryIO, bytes_max: int, fix_large: str) -> object:
    """Return what a node answered, without the JSON-RPC envelope that may be around it.

    Arguments:
        file: JSON text in UTF-8, plain or compressed with zstd or gzip (the content tells).
        bytes_max: the most that the text may be.
        fix_large: what to do about text that is longer.

    Raises:
        ContentError: it is too large, damaged or not JSON, an object in it names a key twice, or it is a node's
            report of an error.
    """
    with problems_told(_SAVE_AGAIN):
        try:
            text = b"".join(content_pieces(file, bytes_max)).decode()
        except TooLargeError:
            raise ContentError(
                f"it takes more than {bytes_max} bytes, which is the limit; {fix_large}"
            ) from None
        return _without_envelope(decode_json(text))


def _without_envelope(answer: object) -> object:
    if not isinstance(answer, dict):
        return answer
    if "jsonrpc" in answer and "error" in answer:
        raise ValueError(f"the node answered with an error, {shown(answer['error'])}")
    return answer["result"] if "result" in answer and answer.keys() <= ENVELOPE else answer


class JsonFields:
    """The fields of one JSON object.

    Arguments:
        value: what should be the object.
        place: where it stands, such as "transaction 3".
        fix: what to do when it is not as it must be.

    Raises:
        ContentError: it is not an object. The methods raise it when a field is missing or not what it must be.
    """

    def __init__(self, value: object, place: str, fix: str) -> None:
        """Check that it is an object."""
        self.place = place
        self.fix = fix
        if not isinstance(value, dict):
            self.refuse(f"it is {shown(value)}, not a JSON object")
        self.values: Mapping[str, Any] = value

    def refuse(self, problem: str) -> NoReturn:
        """Raise a `ContentError` that says where, what and the fix."""
        raise ContentError(f"{self.place}: {problem}; {self.fix}")

    def has(self, name: str) -> bool:
        """Tell whether a field is there and not null."""
        return self.values.get(name) is not None

    def __getitem__(self, name: str) -> Any:
        """Return a field's JSON value, which must be there."""
        try:
            return self.values[name]
        except KeyError:
            self.refuse(f"field {name} is missing")

    def integer(self, name: str, maximum: int) -> int:
        """Return a field that is a whole number from 0 to the maximum."""
        value = self[name]
        if type(value) is not int or not 0 <= value <= maximum:
            self.refuse(f"field {name} is {shown(value)}, not a whole number from 0 to {maximum}")
        return value

    def array(self, name: str) -> list[Any]:
        """Return a field that is a list."""
        value = self[name]
        if not isinstance(value, list):
            self.refuse(f"field {name} is {shown(value)}, not a list")
        return value

    def inner(self, name: str) -> Self:
        """Return the fields of a field that is an object."""
        return type(self)(self[name], f"{self.place}: {name}", self.fix)

    def items(self, name: str, singular: str) -> Iterator[Self]:
        """Yield the objects of a field that is a list of objects."""
        for index, value in enumerate(self.array(name)):
            yield type(self)(value, f"{self.place}: {singular} {index}", self.fix)
