"""Blocks in RLP, one after the other, as nodes export them (`geth export`); told as a node tells them in JSON.

Yellow Paper, section 4.4 (blocks); EIP-2718 (typed transactions stand in a block as bytes), EIP-4895 (withdrawals).
What is told is then read as a node's JSON is: bounds are checked there, and as the fields of a transaction must
give the hash of its bytes, nothing gets lost on the way.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, Final

from blockstm.errors import shown
from blockstm.ethereum.node.header import HEADER_FIELDS, LATER_FIELDS
from blockstm.ethereum.node.rlp_items import Item, concatenated, decode_rlp, first_of_list
from blockstm.ethereum.node.transactions import CONTENTS
from blockstm.ethereum.node.tries import encode_rlp
from blockstm.files.content import ContentError, DamagedError, TooLargeError, content_pieces
from blockstm.files.json_answers import problems_told
from blockstm.limits import ETHEREUM_EXPORT_BYTES_MAX, ETHEREUM_RLP_BLOCK_BYTES_MAX
from blockstm.native._trees import keccak_256

__all__ = ["EXPORT_FIX", "exported_block", "is_rlp", "told_header", "told_transaction"]

EXPORT_FIX: Final = "export the block again"
_STARTS: Final = (b"\xf9", b"\xfa", b"\xfb")
"""Lists with a length of two to four bytes, as blocks are: a header alone takes 500 bytes. No text begins so."""
_HEADER_FIELDS: Final = (*HEADER_FIELDS, *((name, length) for name, length, _ in LATER_FIELDS))
_WITHDRAWAL: Final = ("index", "validatorIndex", "address", "amount")
_AUTHORIZATION: Final = ("chainId", "address", "nonce", "yParity", "r", "s")
_SIGNATURE: Final = ("v", "r", "s")
_TYPED_SIGNATURE: Final = ("yParity", "r", "s")
_NUMBER: Final = [name for name, _ in HEADER_FIELDS].index("number")
_NUMBER_BYTES_MAX: Final = 32
_FIRST_OF_NO_TYPE: Final = 0x80
_FIRST_OF_LIST: Final = b"\xc0"


def is_rlp(file: BinaryIO) -> bool:
    """Tell whether a file holds blocks in RLP rather than JSON, and leave it at its start.

    Raises:
        ContentError: it is compressed, and damaged.
    """
    with problems_told(EXPORT_FIX):
        first = next(content_pieces(file, sys.maxsize), b"")
        file.seek(0)
        return first.startswith(_STARTS)


def exported_block(file: BinaryIO, number: int | None) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """Return a block of a file as a node tells it in JSON, but without senders; and its uncles' headers.

    Arguments:
        file: blocks in RLP, plain or compressed with zstd or gzip; at most ETHEREUM_EXPORT_BYTES_MAX bytes.
        number: that of the block; None where the file must hold only one.

    Raises:
        ContentError: it is damaged, it holds no such block, or several where it must hold one.
    """
    with problems_told(EXPORT_FIX):
        try:
            pieces = content_pieces(file, ETHEREUM_EXPORT_BYTES_MAX)
            return _chosen(concatenated(pieces, ETHEREUM_RLP_BLOCK_BYTES_MAX), number)
        except TooLargeError:
            raise ContentError(
                f"the blocks take more than {ETHEREUM_EXPORT_BYTES_MAX} bytes, which is the limit; "
                "export fewer of them (geth export FILE FIRST LAST)"
            ) from None


def _chosen(raw_blocks: Iterator[bytes], number: int | None) -> tuple[dict[str, Any], list[dict[str, str]]]:
    first: int | None = None
    found = last = None
    for index in itertools.count():
        with _placed(f"the block at index {index} of the file"):
            raw = next(raw_blocks, None)
            if raw is None:
                break
            last = _number_of(raw)
        first = last if first is None else first
        if number in (None, last):
            if found is not None:
                raise ContentError("it holds several blocks; choose one with --number")
            found = raw
            if number is not None:
                break
    if found is None:
        raise ContentError(f"block {number} is not in it: it holds blocks {first} to {last}")
    with _placed("the block"):
        return _told(decode_rlp(found))


@contextmanager
def _placed(place: str) -> Iterator[None]:
    """Say in a `ContentError` where in the file something is wrong, and what to do."""
    try:
        yield
    except (TooLargeError, DamagedError):
        raise
    except ContentError as error:
        raise ContentError(f"{place}: {error}; {EXPORT_FIX}") from None


def _number_of(raw: bytes) -> int:
    header = first_of_list(raw)
    if not isinstance(header, list) or len(header) < len(HEADER_FIELDS):
        raise ContentError("it does not begin with a header")
    number = header[_NUMBER]
    if not isinstance(number, bytes) or len(number) > 8:
        raise ContentError("its number is no number of 64 bits")
    return int.from_bytes(number, "big")


def _told(block: Item) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """Return a block as a node tells it, and its uncles' headers in the same way."""
    if not isinstance(block, list) or len(block) not in (3, 4):
        raise ContentError(
            "it is not a list of header, transactions, uncles and, from Shanghai on, withdrawals"
        )
    told: dict[str, Any] = {**_header(block[0], "its header"), "hash": _hash(block[0])}
    transactions = _list(block[1], "its transactions")
    told["transactions"] = [_transaction(item, index) for index, item in enumerate(transactions)]
    uncles = _list(block[2], "its uncles")
    told["uncles"] = [_hash(uncle) for uncle in uncles]
    if len(block) == 4:
        listed = enumerate(_list(block[3], "its withdrawals"))
        told["withdrawals"] = [_fields(item, _WITHDRAWAL, f"withdrawal {index}") for index, item in listed]
    if ("withdrawalsRoot" in told) != ("withdrawals" in told):
        raise ContentError("of its withdrawals and their root in the header, one is missing")
    return told, [_header(uncle, f"uncle {index}") for index, uncle in enumerate(uncles)]


def told_header(raw: bytes, place: str) -> dict[str, str]:
    """Return the header whose RLP this is, as a node tells it in JSON.

    Arguments:
        raw: the RLP.
        place: what messages call it.

    Raises:
        ContentError: it is damaged, or not that of a header.
    """
    with _within(place):
        item = decode_rlp(raw)
    return {**_header(item, place), "hash": _hash(item)}


def told_transaction(raw: bytes, index: int) -> dict[str, Any]:
    """Return a transaction as a node tells it in JSON, but without its sender.

    Arguments:
        raw: the transaction as EIP-2718 encodes it.
        index: its place in the block.

    Raises:
        ContentError: it is damaged, or no transaction.
    """
    with _within(f"transaction {index}"):
        item: Item = decode_rlp(raw) if raw[:1] >= _FIRST_OF_LIST else raw
    return _transaction(item, index)


def _header(item: Item, place: str) -> dict[str, str]:
    fields = _list(item, place)
    if not len(HEADER_FIELDS) <= len(fields) <= len(_HEADER_FIELDS):
        raise ContentError(
            f"{place} has {len(fields)} fields, and known are {len(HEADER_FIELDS)} to {len(_HEADER_FIELDS)}"
        )
    return {
        name: _number(value, f"{place}: {name}") if length is None else _data(value, f"{place}: {name}")
        for (name, length), value in zip(_HEADER_FIELDS, fields, strict=False)
    }


def _transaction(item: Item, index: int) -> dict[str, Any]:
    place = f"transaction {index}"
    if isinstance(item, list):
        kind, raw, values = 0, encode_rlp(item), item
    else:
        kind, raw = item[0] if item else 0, item
        if kind == 0 or kind >= _FIRST_OF_NO_TYPE:
            raise ContentError(f"{place}: it is bytes that begin with no type from 0x1 to 0x7f (EIP-2718)")
        if kind not in CONTENTS:  # read_transaction says more of it
            return {"hash": _data(keccak_256(raw), place), "type": hex(kind)}
        with _within(place):
            values = _list(decode_rlp(raw[1:]), "what follows its type")
    names = (*CONTENTS[kind], *(_SIGNATURE if kind == 0 else _TYPED_SIGNATURE))
    return {**_fields(values, names, place), "hash": _data(keccak_256(raw), place), "type": hex(kind)}


@contextmanager
def _within(place: str) -> Iterator[None]:
    try:
        yield
    except ContentError as error:
        raise ContentError(f"{place}: {error}") from None


def _fields(item: Item, names: Sequence[str], place: str) -> dict[str, Any]:
    values = _list(item, place)
    if len(values) != len(names):
        raise ContentError(
            f"{place} has {len(values)} fields, and must have {len(names)}: {', '.join(names)}"
        )
    return {
        name: _TELLERS.get(name, _number)(value, f"{place}: {name}")
        for name, value in zip(names, values, strict=True)
    }


def _list(item: Item, place: str) -> list[Item]:
    if not isinstance(item, list):
        raise ContentError(f"{place}: it is bytes, not a list")
    return item


def _data(item: Item, place: str) -> str:
    if not isinstance(item, bytes):
        raise ContentError(f"{place}: it is a list, not bytes")
    return f"0x{item.hex()}"


def _number(item: Item, place: str) -> str:
    if not isinstance(item, bytes):
        raise ContentError(f"{place}: it is a list, not a number")
    if item[:1] == b"\0" or len(item) > _NUMBER_BYTES_MAX:
        raise ContentError(
            f"{place}: {shown(item)} is not a number without leading zeros of at most 256 bits"
        )
    return hex(int.from_bytes(item, "big"))


def _recipient(item: Item, place: str) -> str | None:
    return _data(item, place) if item != b"" else None


def _hashes(item: Item, place: str) -> list[str]:
    return [_data(value, f"{place} {index}") for index, value in enumerate(_list(item, place))]


def _access_list(item: Item, place: str) -> list[dict[str, Any]]:
    entries = enumerate(_list(item, place))
    return [_fields(entry, ("address", "storageKeys"), f"{place} {index}") for index, entry in entries]


def _authorizations(item: Item, place: str) -> list[dict[str, Any]]:
    entries = enumerate(_list(item, place))
    return [_fields(entry, _AUTHORIZATION, f"{place} {index}") for index, entry in entries]


def _hash(item: Item) -> str:
    return f"0x{keccak_256(encode_rlp(item)).hex()}"


_TELLERS: Final[dict[str, Callable[[Item, str], Any]]] = {
    "address": _data,
    "to": _recipient,
    "input": _data,
    "storageKeys": _hashes,
    "accessList": _access_list,
    "blobVersionedHashes": _hashes,
    "authorizationList": _authorizations,
}
"""How the fields that are no numbers are told."""
