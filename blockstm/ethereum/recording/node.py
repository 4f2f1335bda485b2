"""A block that is asked of a node and recorded: itself, parent, uncles, the state before it, block hashes."""

from __future__ import annotations

import os
from typing import Any, Final

from blockstm.blocks.block import Block
from blockstm.errors import shown
from blockstm.ethereum.node.jsonrpc import AnswerError, Node
from blockstm.ethereum.node.nodejson import named, quantity
from blockstm.ethereum.node.parent import parent_header_of
from blockstm.ethereum.node.prestate import accounts_of, read_accounts
from blockstm.ethereum.node.rpc import NodeBlock, block_of, earlier_block
from blockstm.ethereum.node.uncles import uncle_headers_of
from blockstm.ethereum.py_evm.dryrun import missing_block_hashes
from blockstm.ethereum.recording.record import check_fork, check_rules, check_senders, fork_of, make_block
from blockstm.files.content import ContentError

__all__ = ["record_from_node"]

_TRACE: Final = "debug_traceBlockByNumber"
_TRACER: Final = {"tracer": "prestateTracer"}
_WITH_EMPTY: Final = {**_TRACER, "tracerConfig": {"includeEmpty": True}}
_TRACE_FIX: Final = (
    "ask a node that serves the namespace debug and has the state before the block, or give files (--block)"
)
_INVALID_PARAMETERS: Final = -32602
"""What a node that does not know an option answers (JSON-RPC 2.0, section 5.1)."""
_GUESSED: Final = (
    "the node does not know the tracer's option includeEmpty, so whether an account that the block itself makes "
    "was there before is guessed"
)


def record_from_node(
    node: Node,
    number: int,
    output_path: str | os.PathLike[str],
    *,
    accounts_path: str | os.PathLike[str] | None = None,
    fork: str | None = None,
) -> tuple[Block, list[str]]:
    """Make a .block file of what a node answers, whole or not at all.

    Where the transactions may ask for the hashes of earlier blocks, they are executed to find out which, and these
    are asked for, too.

    Arguments:
        node: the node.
        number: that of the block.
        output_path: the .block file; an existing one is replaced.
        accounts_path: as of `record_ethereum`.
        fork: as of `record_ethereum`.

    Returns:
        the block, and sentences that its user should know, none for most.

    Raises:
        EthereumInputError: the node cannot be reached, refuses, or its answers are malformed or do not belong
            together; or so for the file of accounts.
        BlockFileError: the block file cannot be written.
        UsageError: the fork is unknown.
    """
    check_fork(fork)
    stated = {} if accounts_path is None else read_accounts(accounts_path)
    with named(node.name):
        told = _block(node, number)
        fork = fork_of(told, fork)
        parent = _parent(node, told)
        traced, with_empty = _traced(node, told)
        accounts = accounts_of(traced, told)
        check_rules(told, accounts | stated, fork)
        check_senders(told, accounts | stated, fork)
        uncles = uncle_headers_of(_uncles(node, told), told) if told.uncles else None
        hashes: dict[int, bytes] = {}
        while True:
            block = make_block(
                told, accounts, hashes, fork, stated=stated, uncle_headers=uncles, parent_header=parent
            )
            # A hash that was made up may have led a transaction elsewhere than the right one does.
            missing = missing_block_hashes(block)
            if not missing:
                break
            hashes |= {earlier: _hash(node, earlier) for earlier in missing}
    block.save(output_path)
    return block, [] if with_empty else [_GUESSED]


def _block(node: Node, number: int) -> NodeBlock:
    chain = node.ask("eth_chainId")
    try:
        chain_id = quantity(chain, 64)
    except ValueError as error:
        raise ContentError(f"eth_chainId: the answer is {shown(chain)}, which is not {error}") from None
    answer = node.ask("eth_getBlockByNumber", hex(number), True)
    if answer is None:
        raise ContentError(f"the node does not know block {number}; choose one that it has")
    return block_of(answer, number, chain_id)


def _parent(node: Node, block: NodeBlock) -> dict[str, str] | None:
    """Return the header of a block's parent; None where there is none, or the node does not know it."""
    answer = node.ask("eth_getBlockByNumber", hex(block.number - 1), False) if block.number else None
    return None if answer is None else parent_header_of(answer, block)


def _traced(node: Node, block: NodeBlock) -> tuple[Any, bool]:
    """Return what the tracer tells, and whether accounts that were empty are among it."""
    try:
        return node.ask(_TRACE, hex(block.number), _WITH_EMPTY, fix=_TRACE_FIX), True
    except AnswerError as error:
        if error.code != _INVALID_PARAMETERS:
            raise
    return node.ask(_TRACE, hex(block.number), _TRACER, fix=_TRACE_FIX), False


def _uncles(node: Node, block: NodeBlock) -> list[Any]:
    indexes = range(len(block.uncles))
    return [
        node.ask("eth_getUncleByBlockHashAndIndex", block.fields["hash"], hex(index)) for index in indexes
    ]


def _hash(node: Node, number: int) -> bytes:
    answer = node.ask("eth_getBlockByNumber", hex(number), False)
    if answer is None:
        raise ContentError(
            f"the node does not know block {number}, for whose hash a transaction asks; "
            "ask one that keeps older blocks"
        )
    found, block_hash = earlier_block(answer)
    if found != number:
        raise ContentError(f"the node answered with block {found}, not {number}; ask another node")
    return block_hash
