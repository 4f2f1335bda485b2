"""RLP of unknown origin, read strictly, in time and memory that grow with its length (Yellow Paper, appendix B)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from rlp.codec import consume_length_prefix
from rlp.exceptions import DecodingError

from blockstm.files.content import ContentError

__all__ = ["Item", "concatenated", "decode_rlp", "first_of_list"]

Item: TypeAlias = "bytes | list[Item]"

_PREFIX_BYTES_MAX: Final = 9
_DEPTH_MAX: Final = 8
"""In a block, a key of an access list lies deepest: in 6 lists."""


def decode_rlp(data: bytes) -> Item:
    """Return what one item in RLP holds.

    Raises:
        ContentError: it is damaged, not in the one form that RLP allows, nested too deep, or something follows it.
    """
    item, end = _item(data, 0, len(data), 0)
    if end != len(data):
        raise ContentError(f"{len(data) - end} bytes follow its end")
    return item


def first_of_list(data: bytes) -> Item:
    """Return what the first item of a list in RLP holds; the others are not looked into.

    Raises:
        ContentError: there is none, or it is damaged.
    """
    kind, payload, end = _prefix(data, 0)
    if kind is not list or payload == end:
        raise ContentError("it is no list, or an empty one")
    return _item(data, payload, min(end, len(data)), 0)[0]


def concatenated(pieces: Iterator[bytes], item_bytes_max: int) -> Iterator[bytes]:
    """Yield the bytes of each of several items in RLP that stand one after the other; they are not looked into.

    Arguments:
        pieces: what holds them, cut anywhere.
        item_bytes_max: the most that one may take.

    Raises:
        ContentError: the last one is cut short, or one is longer or no list.
    """
    held = b""
    while True:
        held = _filled(held, pieces, _PREFIX_BYTES_MAX)
        if not held:
            return
        kind, _, end = _prefix(held, 0)
        if kind is not list:
            raise ContentError("it is no list")
        if end > item_bytes_max:
            raise ContentError(f"it takes {end} bytes, and the limit is {item_bytes_max}")
        held = _filled(held, pieces, end)
        if len(held) < end:
            raise ContentError("the file ends within it")
        yield held[:end]
        held = held[end:]


def _filled(held: bytes, pieces: Iterator[bytes], length: int) -> bytes:
    if len(held) >= length:
        return held
    parts, filled = [held], len(held)
    while filled < length and (piece := next(pieces, b"")):
        parts.append(piece)
        filled += len(piece)
    return b"".join(parts)


def _prefix(data: bytes, start: int) -> tuple[type, int, int]:
    """Return the kind of an item, bytes or list, and where its payload begins and ends."""
    try:
        _, kind, length, payload = consume_length_prefix(data, start)
    except IndexError:
        raise ContentError("it is cut short") from None
    except DecodingError as error:
        raise ContentError(f"it is not RLP: {error}") from None
    return kind, payload, payload + length


def _item(data: bytes, start: int, limit: int, depth: int) -> tuple[Item, int]:
    kind, payload, end = _prefix(data, start)
    if end > limit:
        raise ContentError("it is cut short, or a length in it is wrong")
    if kind is bytes:
        return data[payload:end], end
    if depth == _DEPTH_MAX:
        raise ContentError("it is nested too deep")
    items: list[Item] = []
    while payload < end:
        item, payload = _item(data, payload, end, depth + 1)
        items.append(item)
    return items, end
