"""A block that `record ethereum` made: what it says of itself beside its transactions and accounts.

A .block file may hold anything. All of what is here is checked once, when the file has been read, so that nobody
has to look again. It takes no more than blockstm itself: the libraries of the extra `ethereum` are not imported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from blockstm.blocks.block import Block
from blockstm.errors import EthereumInputError, shown
from blockstm.ethereum.node.header import (
    Withdrawal,
    contradiction,
    read_header,
    read_uncles,
    read_withdrawals,
)
from blockstm.ethereum.node.nodejson import ADDRESS_BYTES, HASH_BYTES, Fields
from blockstm.ethereum.rules.environment import Environment
from blockstm.ethereum.rules.keys import ENVIRONMENT_KEY, check_entry, trie_node_key
from blockstm.files.content import ContentError
from blockstm.native._trees import keccak_256_many

if TYPE_CHECKING:
    from blockstm.ethereum.node.rpc import NodeBlock

__all__ = ["EthereumBlock", "StateWitness", "is_ethereum", "meta_of"]

_META_KEY: Final = "ethereum"
_PROGRAM: Final = "blockstm.ethereum.program.evm"
_FIX: Final = "record the block again"


@dataclass(frozen=True, slots=True)
class StateWitness:
    """What proves a part of the state before a block; the `Nodes` of its tries.

    Arguments:
        root: the root hash of the state, 32 bytes.
        nodes: of the tries of accounts and of storages, by hash.
    """

    root: bytes
    nodes: Mapping[bytes, bytes]

    def get(self, place: bytes, digest: bytes, /) -> bytes | None:
        """Return a node by its hash."""
        return self.nodes.get(digest)


@dataclass(frozen=True, slots=True)
class EthereumBlock:
    """An Ethereum block, checked.

    Arguments:
        block: its transactions, all of the program `evm`, and its state.
        hash: what it says is the hash of its header, 32 bytes.
        header: the header's fields in the order of its RLP, as `read_header` returns them.
        uncle_count: how many uncles it includes.
        withdrawals: none before Shanghai.
        environment: what its transactions see of it.
        uncles: the headers of its uncles, as `read_header` returns them; None where it has some and does not tell.
        has_whole_state: whether the state holds all accounts of the chain.
        parent: the header of its parent, as `read_header` returns it; None where the block does not tell it.
        witness: of the state before it; None where it has none.
    """

    block: Block
    hash: bytes
    header: Mapping[str, bytes]
    uncle_count: int
    withdrawals: tuple[Withdrawal, ...]
    environment: Environment
    uncles: tuple[Mapping[str, bytes], ...] | None
    has_whole_state: bool
    parent: Mapping[str, bytes] | None
    witness: StateWitness | None

    @staticmethod
    def of(block: Block) -> EthereumBlock:
        """Return a block with what it says of itself.

        Arguments:
            block: one for which `is_ethereum` holds.

        Raises:
            EthereumInputError: something is missing or malformed, or the header is not that of the environment;
                names the field, the transaction or the key, and the fix.
        """
        for key, value in block.state.items():
            check_entry(key, value)
        try:
            about = Fields(block.meta[_META_KEY], f"meta {_META_KEY}", _FIX)
            stated = Fields(about["header"], f"{about.place}: the header", _FIX)
            header = read_header(stated)
            uncle_count = len(read_uncles(about))
            made = EthereumBlock(
                block,
                stated.data("hash", HASH_BYTES),
                header,
                uncle_count,
                _withdrawals(about, header),
                _environment(block, about, header),
                _uncles(about, uncle_count),
                _has_whole_state(about),
                (parent := _parent(about)),
                _witness(block, about, parent),
            )
        except ContentError as error:
            raise EthereumInputError(str(error)) from error
        _check_transactions(block)
        return made


def is_ethereum(block: Block) -> bool:
    """Tell whether a block says that `record ethereum` made it."""
    return _META_KEY in block.meta


def meta_of(
    block: NodeBlock,
    fork: str,
    uncle_headers: Sequence[Mapping[str, str]] | None = None,
    parent_header: Mapping[str, str] | None = None,
    *,
    whole_state: bool = False,
    witness_root: bytes | None = None,
) -> dict[str, object]:
    """Return the meta of a block's file, from which `EthereumBlock.of` reads it again.

    It has one key, `ethereum`: a dict of `fork`, `header` (every field of the block that is hex text, as the node
    gave it), `uncles` (hashes) and, from Shanghai on, `withdrawals`; where they are known, `uncle_headers` (one for
    each of the uncles, in the same form) and `parent_header`; `whole_state`, true, where the state holds all
    accounts of the chain; `witness_root`, the root hash of the state before the block, where nodes of its tries are
    in the state.
    """
    about: dict[str, object] = {"fork": fork, "header": dict(block.fields), "uncles": list(block.uncles)}
    if block.withdrawals is not None:
        about["withdrawals"] = [withdrawal.as_node_gives() for withdrawal in block.withdrawals]
    if uncle_headers is not None:
        about["uncle_headers"] = [dict(header) for header in uncle_headers]
    if parent_header is not None:
        about["parent_header"] = dict(parent_header)
    if whole_state:
        about["whole_state"] = True
    if witness_root is not None:
        about["witness_root"] = f"0x{witness_root.hex()}"
    return {_META_KEY: about}


def _uncles(about: Fields, count: int) -> tuple[Mapping[str, bytes], ...] | None:
    if not about.has("uncle_headers"):
        return () if count == 0 else None
    headers = tuple(read_header(header) for header in about.items("uncle_headers", "uncle"))
    if len(headers) != count:
        about.refuse(f"field uncle_headers has {len(headers)} headers, and the block has {count} uncles")
    return headers


def _parent(about: Fields) -> Mapping[str, bytes] | None:
    if not about.has("parent_header"):
        return None
    return read_header(Fields(about["parent_header"], f"{about.place}: the header of the parent", _FIX))


def _witness(block: Block, about: Fields, parent: Mapping[str, bytes] | None) -> StateWitness | None:
    if not about.has("witness_root"):
        return None
    root = about.data("witness_root", HASH_BYTES)
    if parent is not None and parent["stateRoot"] != root:
        about.refuse(f"field witness_root is not the state root of the parent, 0x{parent['stateRoot'].hex()}")
    prefix = trie_node_key(b"")
    nodes = {key[len(prefix) :]: node for key, node in block.state.items() if key.startswith(prefix)}
    for digest, found in zip(nodes, keccak_256_many(nodes.values()), strict=True):
        if digest != found:
            about.refuse(
                f"the state has a node with the hash 0x{digest.hex()}, and its own is 0x{found.hex()}"
            )
    return StateWitness(root, nodes)


def _has_whole_state(about: Fields) -> bool:
    flag = about.values.get("whole_state", False)
    if not isinstance(flag, bool):
        about.refuse(f"field whole_state is {shown(flag)}, not true or false")
    return flag


def _withdrawals(about: Fields, header: Mapping[str, bytes]) -> tuple[Withdrawal, ...]:
    if "withdrawalsRoot" in header:
        return read_withdrawals(about)
    if about.has("withdrawals"):
        about.refuse("field withdrawals is there, but the header has no withdrawalsRoot")
    return ()


def _environment(block: Block, about: Fields, header: Mapping[str, bytes]) -> Environment:
    encoded = block.state.get(ENVIRONMENT_KEY)
    if encoded is None:
        raise EthereumInputError(
            f"the block's state has no environment (key {shown(ENVIRONMENT_KEY)}); {_FIX}"
        )
    environment = Environment.decoded(encoded)
    if about["fork"] != environment.fork:
        about.refuse(
            f"field fork is {shown(about['fork'])}, and the state's environment is of {environment.fork}"
        )
    if (problem := contradiction(header, environment.fork)) is not None:
        about.refuse(f"the header: {problem}")
    if environment != Environment.of_header(environment.fork, environment.chain_id, header):
        about.refuse("the header is not that of the state's environment")
    return environment


def _check_transactions(block: Block) -> None:
    for txn_idx, transaction in enumerate(block.transactions):
        if transaction.program.name != _PROGRAM:
            raise EthereumInputError(
                f"transaction {txn_idx} runs program {shown(transaction.program.name)}, not {_PROGRAM}; {_FIX}"
            )
        match transaction.arguments:
            case (bytes(), bytes(sender)) if len(sender) == ADDRESS_BYTES:
                continue
        raise EthereumInputError(
            f"transaction {txn_idx} has the arguments {shown(transaction.arguments)}, "
            f"not its bytes and the {ADDRESS_BYTES} bytes of its sender; {_FIX}"
        )
