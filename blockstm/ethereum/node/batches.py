"""Batches of JSON-RPC answers: what a node answers to several requests at once (JSON-RPC 2.0, section 6)."""

from __future__ import annotations

from typing import Any, Final

from blockstm.errors import shown
from blockstm.ethereum.node.nodejson import Fields, quantity
from blockstm.files.content import ContentError
from blockstm.files.json_answers import ENVELOPE

__all__ = ["batch_of", "is_block", "only_block"]

_FIX: Final = "save again what the node answers to the batch"


def batch_of(answer: object) -> list[object] | None:
    """Return the results of a batch in the order of their ids; None of an answer that is not a batch.

    A node may answer in any order, so the ids must tell it.

    Arguments:
        answer: what a file holds.

    Raises:
        ContentError: an answer of the batch is an error or malformed, or its id is not a whole number of its own.
    """
    if not isinstance(answer, list) or not any(isinstance(one, dict) and "jsonrpc" in one for one in answer):
        return None
    results: dict[int, Any] = {}
    for index, value in enumerate(answer):
        one = Fields(value, f"answer {index} of the batch", _FIX)
        identifier = one["id"]
        if type(identifier) is not int:
            one.refuse(f"its id is {shown(identifier)}, not a whole number, so that its place is not known")
        one.place = f"the answer with id {identifier} of the batch"
        if identifier in results:
            one.refuse("it comes twice")
        if one.has("error"):
            one.refuse(f"the node answered with an error, {shown(one['error'])}")
        for name in sorted(one.values.keys() - ENVELOPE):
            one.refuse(f"field {shown(name)} is unknown")
        results[identifier] = one["result"]
    return [results[identifier] for identifier in sorted(results)]


def is_block(result: object) -> bool:
    """Tell whether one result of a batch is a block."""
    return isinstance(result, dict) and "transactionsRoot" in result


def only_block(results: list[object], number: int | None) -> object:
    """Return the block that is among the results of a batch.

    Arguments:
        results: all of them.
        number: that of the block; None where it can be only one.

    Raises:
        ContentError: there is none, or there are several, or none of that number.
    """
    blocks = [result for result in results if is_block(result)]
    if number is not None:
        blocks = [block for block in blocks if _number(block) == number]
    if len(blocks) == 1:
        return blocks[0]
    which = "" if number is None else f" {number}"
    if not blocks:
        raise ContentError(f"block{which} is not in this batch; name the file that holds it")
    if number is None:
        raise ContentError(f"the batch holds {len(blocks)} blocks; choose one with --number")
    raise ContentError(f"block{which} is in this batch {len(blocks)} times; leave one")


def _number(block: object) -> int | None:
    """Return the number that a block states; None where it states none, as then it is not the one looked for."""
    try:
        return quantity(block.get("number"), 64) if isinstance(block, dict) else None
    except ValueError:
        return None
