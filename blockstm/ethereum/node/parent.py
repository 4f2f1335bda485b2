"""The header of a block's parent, as a node answers, and what must follow from it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from blockstm.ethereum.node.encoding import header_hash
from blockstm.ethereum.node.header import read_header
from blockstm.ethereum.node.nodejson import Fields, named, read_json
from blockstm.ethereum.node.rpc import NodeBlock
from blockstm.ethereum.rules.keys import decode_number

__all__ = ["base_fee_after", "can_follow", "parent_header_of", "read_parent_header"]

_FIX: Final = "save what eth_getBlockByNumber(number, false) answers for the number before the block's"

_GAS_LIMIT_STEPS: Final = 1024
"""A block's gas limit differs from its parent's by less than one part in so many."""
_ELASTICITY: Final = 2
"""How many times its target a block's gas may be, from London on (EIP-1559)."""
_BASE_FEE_STEPS: Final = 8
"""The base fee changes by at most one part in so many."""
_FIRST_BASE_FEE: Final = 10**9


def read_parent_header(path: str | os.PathLike[str], block: NodeBlock) -> dict[str, str]:
    """Return the header of a block's parent: its fields as the node gave them.

    Arguments:
        path: what a node answers to `eth_getBlockByNumber` for the number before the block's, bare or with its
            JSON-RPC envelope; plain or compressed.
        block: the block whose parent it is.

    Raises:
        EthereumInputError: the file cannot be read, the header is malformed, or it is not that of the block's
            parent; names the file and the fix.
    """
    answer = read_json(path)
    with named(path):
        return parent_header_of(answer, block)


def parent_header_of(answer: object, block: NodeBlock) -> dict[str, str]:
    """Return the header of a block's parent, of which a node has told; see `read_parent_header`.

    Raises:
        ContentError: the header is malformed, or it is not that of the block's parent.
    """
    fields = Fields(answer, "the parent", _FIX)
    if fields.has("result"):
        fields = Fields(fields["result"], fields.place, _FIX)
    header = read_header(fields)
    found, expected = header_hash(header), block.values["parentHash"]
    if found != expected:
        fields.refuse(
            f"its fields give the hash 0x{found.hex()}, and the block's parent is 0x{expected.hex()}"
        )
    return {name: fields[name] for name in header}


def can_follow(parent: Mapping[str, bytes], header: Mapping[str, bytes]) -> bool:
    """Tell whether a header's number, time and gas limit can follow its parent's (Yellow Paper, 4.4.4; EIP-1559).

    Arguments:
        parent: the header of the block before it, as `read_header` returns it.
        header: in the same form.
    """
    before, after = (
        {name: decode_number(fields[name]) for name in ("number", "timestamp", "gasLimit")}
        for fields in (parent, header)
    )
    limit = before["gasLimit"]
    if "baseFeePerGas" in header and "baseFeePerGas" not in parent:
        limit *= _ELASTICITY  # in London's first block
    return (
        after["number"] == before["number"] + 1
        and after["timestamp"] > before["timestamp"]
        and abs(after["gasLimit"] - limit) < limit // _GAS_LIMIT_STEPS
    )


def base_fee_after(parent: Mapping[str, bytes]) -> int:
    """Return the base fee per gas, in wei, that the header after another one must have (EIP-1559).

    Arguments:
        parent: the header of the block before it, as `read_header` returns it.
    """
    if "baseFeePerGas" not in parent:
        return _FIRST_BASE_FEE
    fee, used, limit = (decode_number(parent[name]) for name in ("baseFeePerGas", "gasUsed", "gasLimit"))
    target = max(1, limit // _ELASTICITY)  # no valid header has a gas limit so low
    change = fee * abs(used - target) // target // _BASE_FEE_STEPS
    if used > target:
        return fee + max(change, 1)
    return fee - change
