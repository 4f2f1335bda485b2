"""Witnesses of the state before a block, as nodes and provers write them: read strictly, told apart by their form.

- What `debug_executionWitness` answers: `state`, the RLP of nodes of the tries (a list, or an object by hash);
  `codes` likewise; `keys`, addresses and slots; `headers`, of the parent and of earlier blocks, in RLP or JSON.
- What `eth_getProof` answers, or a list or batch of such answers.
- Keth's form: `blocks`, `witness` with `state`, `codes` and `ancestors`, and `extra` with what the block accesses.
- The form of the Zero prover: `block_trace` with a compact witness (see `compact_witness`) and what each
  transaction accesses, and `other_data`.

Nodes are kept by the hashes that are computed of them, so a node that is wrong is one that nothing refers to.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from blockstm.errors import shown
from blockstm.ethereum.node.batches import batch_of
from blockstm.ethereum.node.compact_witness import decode_compact
from blockstm.ethereum.node.exports import told_header
from blockstm.ethereum.node.nodejson import (
    ADDRESS_BYTES,
    HASH_BYTES,
    Fields,
    data,
    named,
    quantity,
    read_json,
)
from blockstm.ethereum.node.rpc import earlier_block
from blockstm.files.content import ContentError
from blockstm.limits import ETHEREUM_NODE_BYTES_MAX, ETHEREUM_NODES_MAX
from blockstm.native._trees import EMPTY_TRIE_ROOT, keccak_256_many

__all__ = ["Witness", "read_witness"]

_FIX: Final = "save again what the node answers to debug_executionWitness"
_TRANSACTION_BYTES_MAX: Final = 1 << 20


@dataclass(slots=True)
class Witness:
    """What a witness holds.

    Arguments:
        nodes: of all tries, by hash.
        codes: by hash.
        addresses: accounts that the block accesses, as far as they are told.
        slots: the numbers of slots that it accesses, of whatever account.
        root: the root hash of the state before the block, where the witness says it.
        headers: the headers of earlier blocks by hash, as nodes tell them in JSON.
        hashes: those of earlier blocks, by number.
        block: the block as a node tells it in JSON, but without senders; where the witness comes with it.
        raw_transactions: as EIP-2718 encodes them, where the witness comes with them.
    """

    nodes: dict[bytes, bytes] = field(default_factory=dict)
    codes: dict[bytes, bytes] = field(default_factory=dict)
    addresses: set[bytes] = field(default_factory=set)
    slots: set[int] = field(default_factory=set)
    root: bytes | None = None
    headers: dict[bytes, Mapping[str, str]] = field(default_factory=dict)
    hashes: dict[int, bytes] = field(default_factory=dict)
    block: dict[str, Any] | None = None
    raw_transactions: list[bytes] | None = None


def read_witness(path: str | os.PathLike[str]) -> Witness:
    """Return what a file holds of the state before a block.

    Arguments:
        path: one of the forms above, plain or compressed with zstd or gzip, with or without a JSON-RPC envelope.

    Raises:
        EthereumInputError: the file cannot be read, is of no known form, or a field of it is missing or malformed.
    """
    answer = read_json(path)
    with named(path):
        return _witness(answer)


def _witness(answer: object) -> Witness:
    if (batch := batch_of(answer)) is not None:
        answer = batch
    listed: list[object] = answer if isinstance(answer, list) else [answer]
    if not listed:
        raise ContentError(f"it is no witness but an empty list; {_FIX}")
    fields = Fields(listed[0], "the witness", _FIX)
    if fields.has("accountProof"):
        return _of_proofs(Fields(one, f"proof {index}", _FIX) for index, one in enumerate(listed))
    if len(listed) > 1:
        raise ContentError(f"it holds {len(listed)} objects, and only of proofs there can be several; {_FIX}")
    if fields.has("block_trace"):
        return _of_prover(fields)
    if fields.has("witness"):
        return _of_keth(fields)
    if fields.has("state"):
        return _of_node(fields)
    raise ContentError(
        f"it is no witness: it has neither state, witness, block_trace nor accountProof; {_FIX}"
    )


def _of_node(fields: Fields) -> Witness:
    """Read what `debug_executionWitness` answers."""
    witness = Witness(_nodes(fields, "state"), _by_hash(fields, "codes"))
    if fields.has("keys"):
        for place, key in _data_of(fields, "keys"):
            if len(key) not in (ADDRESS_BYTES, HASH_BYTES):
                fields.refuse(f"{place} has {len(key)} bytes, and is neither an address nor a slot")
            _add_key(witness, key)
    if fields.has("headers"):
        for index, header in enumerate(fields.array("headers")):
            _add_header(witness, _header(header, f"{fields.place}: header {index}"))
    return witness


def _of_keth(fields: Fields) -> Witness:
    inner = fields.inner("witness")
    witness = Witness(_nodes(inner, "state"), _by_hash(inner, "codes"))
    for index, header in enumerate(inner.array("ancestors")):
        _add_header(witness, _header(header, f"{inner.place}: ancestor {index}"))
    blocks = list(fields.items("blocks", "block"))
    if len(blocks) != 1:
        fields.refuse(f"it has {len(blocks)} blocks, and must have one")
    witness.block = _keth_block(blocks[0])
    if fields.has("extra"):
        _add_keth_accesses(witness, fields.inner("extra"))
    return witness


def _keth_block(block: Fields) -> dict[str, Any]:
    told: dict[str, Any] = dict(block.inner("header").values)
    told["transactions"] = block.array("transaction")
    told["uncles"] = block.array("uncles")
    if told["uncles"]:
        block.refuse("it has uncles, which no block has that Keth proves")
    if block.has("withdrawals"):
        told["withdrawals"] = block.array("withdrawals")
    return told


def _add_keth_accesses(witness: Witness, extra: Fields) -> None:
    if extra.has("accessList"):
        for entry in extra.items("accessList", "access list entry"):
            _add_key(witness, entry.data("address", ADDRESS_BYTES))
            for place, slot in _data_of(entry, "storageKeys"):
                _add_slot(witness, entry, place, slot)
    if extra.has("preState"):
        accounts = extra.inner("preState")
        for text, account in accounts.values.items():
            _add_key(witness, _text(accounts, text, text, ADDRESS_BYTES))
            if account is not None and Fields(account, f"{accounts.place}: {text}", _FIX).has("storage"):
                storage = Fields(account["storage"], f"{accounts.place}: {text}: storage", _FIX)
                for name in storage.values:
                    _add_slot(witness, storage, "a slot", _text(storage, name, name))


def _of_prover(fields: Fields) -> Witness:
    trace = fields.inner("block_trace")
    images = trace.inner("trie_pre_images").inner("combined")
    compact = decode_compact(images.data("compact"))
    _check_count(images, len(compact.nodes))
    witness = Witness(compact.nodes, compact.codes, root=compact.root, raw_transactions=[])
    for index, transaction in enumerate(trace.items("txn_info", "transaction")):
        raw = transaction.inner("meta").data("byte_code")
        if not 0 < len(raw) <= _TRANSACTION_BYTES_MAX:
            transaction.refuse(f"transaction {index} has {len(raw)} bytes")
        assert witness.raw_transactions is not None
        witness.raw_transactions.append(raw)
        accesses = transaction.inner("traces")
        for text, access in accesses.values.items():
            _add_key(witness, _text(accesses, text, text, ADDRESS_BYTES))
            account = Fields(access, f"{accesses.place}: {text}", _FIX)
            if account.has("storage_read"):
                for place, slot in _data_of(account, "storage_read"):
                    _add_slot(witness, account, place, slot)
            if account.has("storage_written"):
                for slot_text in account.inner("storage_written").values:
                    _add_slot(witness, account, "a slot", _text(account, slot_text, slot_text))
    _add_prover_hashes(witness, fields.inner("other_data").inner("b_data"))
    return witness


def _add_prover_hashes(witness: Witness, block: Fields) -> None:
    number = block.inner("b_meta").quantity("block_number")
    hashes = [value for _, value in _data_of(block.inner("b_hashes"), "prev_hashes")]
    for back, block_hash in enumerate(reversed(hashes), start=1):
        if len(block_hash) != HASH_BYTES:
            block.refuse(f"one of prev_hashes has {len(block_hash)} bytes")
        if back <= number:
            witness.hashes[number - back] = block_hash


def _of_proofs(proofs: Iterable[Fields]) -> Witness:
    nodes: list[bytes] = []
    witness, roots = Witness(), set[bytes]()
    for proof in proofs:
        witness.addresses.add(proof.data("address", ADDRESS_BYTES))
        path = [_checked_node(proof, place, node) for place, node in _data_of(proof, "accountProof")]
        roots.update(keccak_256_many(path[:1]) or [EMPTY_TRIE_ROOT])
        nodes += path
        for entry in proof.items("storageProof", "storage proof"):
            _add_proved_slot(witness, entry)
            nodes += [_checked_node(entry, place, node) for place, node in _data_of(entry, "proof")]
        _check_count(proof, len(nodes))
    if len(roots) != 1:
        raise ContentError(
            f"its proofs are of {len(roots)} states, not of one; ask for all with the same block"
        )
    witness.root = roots.pop()
    witness.nodes = dict(zip(keccak_256_many(nodes), nodes, strict=True))
    return witness


def _add_proved_slot(witness: Witness, entry: Fields) -> None:
    key = entry["key"]
    try:  # nodes write it as a number, or as 32 bytes
        witness.slots.add(quantity(key, 256))
    except ValueError as error:
        entry.refuse(f"field key is {shown(key)}, which is not {error}")


def _nodes(fields: Fields, name: str) -> dict[bytes, bytes]:
    listed = [_checked_node(fields, place, node) for place, node in _data_of(fields, name)]
    _check_count(fields, len(listed))
    return dict(zip(keccak_256_many(listed), listed, strict=True))


def _checked_node(fields: Fields, place: str, node: bytes) -> bytes:
    if not 0 < len(node) <= ETHEREUM_NODE_BYTES_MAX:
        fields.refuse(f"{place} has {len(node)} bytes, and no node of a trie has")
    return node


def _check_count(fields: Fields, count: int) -> None:
    if count > ETHEREUM_NODES_MAX:
        fields.refuse(f"it has {count} nodes, and the limit is {ETHEREUM_NODES_MAX}")


def _by_hash(fields: Fields, name: str) -> dict[bytes, bytes]:
    listed = [value for _, value in _data_of(fields, name)]
    return dict(zip(keccak_256_many(listed), listed, strict=True))


def _data_of(fields: Fields, name: str) -> Iterator[tuple[str, bytes]]:
    """Yield the bytes that a list, or an object's values, hold, each with words for its place."""
    listed = fields[name]
    if isinstance(listed, dict):
        listed = list(listed.values())
    if not isinstance(listed, list):
        fields.refuse(f"field {name} is {shown(listed)}, not a list")
    for index, value in enumerate(listed):
        place = f"entry {index} of {name}"
        yield place, _text(fields, place, value)


def _text(fields: Fields, place: str, value: object, length: int | None = None) -> bytes:
    try:
        return data(value, length)
    except ValueError as error:
        fields.refuse(f"{place} is {shown(value)}, which is not {error}")


def _add_key(witness: Witness, key: bytes) -> None:
    if len(key) == ADDRESS_BYTES:
        witness.addresses.add(key)
    else:
        witness.slots.add(int.from_bytes(key, "big"))


def _add_slot(witness: Witness, fields: Fields, place: str, slot: bytes) -> None:
    if len(slot) != HASH_BYTES:
        fields.refuse(f"{place} has {len(slot)} bytes, and a slot has {HASH_BYTES}")
    _add_key(witness, slot)


def _header(told: object, place: str) -> Mapping[str, str]:
    if isinstance(told, str):
        return told_header(_text(Fields({}, place, _FIX), "it", told), place)
    return Fields(told, place, _FIX).values


def _add_header(witness: Witness, header: Mapping[str, str]) -> None:
    number, block_hash = earlier_block(header)
    witness.headers[block_hash] = header
    witness.hashes[number] = block_hash
