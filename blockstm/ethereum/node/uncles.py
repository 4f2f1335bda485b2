"""The headers of a block's uncles, as a node answers when it is asked for each; checked against the block."""

from __future__ import annotations

import os
from typing import Final

from blockstm.ethereum.node.header import read_header
from blockstm.ethereum.node.nodejson import HASH_BYTES, Fields, data, named, read_json
from blockstm.ethereum.node.rpc import NodeBlock
from blockstm.ethereum.node.tries import encode_rlp
from blockstm.files.content import ContentError
from blockstm.native._trees import keccak_256

__all__ = ["read_uncle_headers", "uncle_headers_of"]

_FIX: Final = "write a list of what eth_getUncleByBlockHashAndIndex(hash, index) answers for each index"


def read_uncle_headers(path: str | os.PathLike[str], block: NodeBlock) -> list[dict[str, str]]:
    """Return the headers of a block's uncles: the fields of each as the node gave them, in the block's order.

    Arguments:
        path: a list of what a node answers to `eth_getUncleByBlockHashAndIndex`, for all uncles in their order,
            each bare or with its JSON-RPC envelope; plain or zstd-compressed.
        block: the block that they are for.

    Raises:
        EthereumInputError: the file cannot be read, a header is malformed, or they are not those of the block's
            uncles; names the file, the uncle and the fix.
    """
    answer = read_json(path)
    with named(path):
        return uncle_headers_of(answer, block)


def uncle_headers_of(answer: object, block: NodeBlock) -> list[dict[str, str]]:
    """Return the headers of a block's uncles, of which a node has told each; see `read_uncle_headers`.

    Raises:
        ContentError: a header is malformed, or they are not those of the block's uncles.
    """
    if not isinstance(answer, list) or len(answer) != len(block.uncles):
        count = f"{len(answer)} headers" if isinstance(answer, list) else "no list"
        raise ContentError(f"it holds {count}, and the block has {len(block.uncles)} uncles; {_FIX}")
    pairs = zip(answer, block.uncles, strict=True)
    return [_header(value, index, stated) for index, (value, stated) in enumerate(pairs)]


def _header(value: object, index: int, stated: str) -> dict[str, str]:
    fields = Fields(value, f"uncle {index}", _FIX)
    if fields.has("result"):
        fields = Fields(fields["result"], fields.place, _FIX)
    header = read_header(fields)
    found = keccak_256(encode_rlp([*header.values()]))
    if found != data(stated, HASH_BYTES):
        fields.refuse(f"its fields give the hash 0x{found.hex()}, and the block's uncle is {stated}")
    return {name: fields[name] for name in header}
