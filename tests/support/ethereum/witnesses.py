"""Witnesses of a made-up state, in each form that `record ethereum` reads; the library `trie` makes the nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import rlp
from eth_hash.auto import keccak
from trie import HexaryTrie

from tests.ethereum_synthetic.chain import hex_of

Json = dict[str, Any]

VERSION = b"\x01"
EMPTY_ROOT, EMPTY_CODE = keccak(b"\x80"), keccak(b"")


class Tries(NamedTuple):
    """The tries of a state."""

    accounts: HexaryTrie
    storages: Mapping[bytes, HexaryTrie]
    told: Mapping[bytes, Json]

    @property
    def nodes(self) -> list[bytes]:
        """The nodes that are referred to by their hashes, and the roots."""
        found: dict[bytes, None] = {}
        for trie in (self.accounts, *self.storages.values()):
            found |= dict.fromkeys(reached(trie, trie.root_hash))
        return list(found)

    @property
    def codes(self) -> list[bytes]:
        return [code for code in map(code_of, self.told.values()) if code]


def tries_of(alloc: Mapping[str, Json]) -> Tries:
    """The tries of a state that is told as the `pre` of a BlockchainTest."""
    accounts, storages, told = HexaryTrie({}), {}, {}
    for text, account in alloc.items():
        address = bytes.fromhex(text[2:])
        storage = HexaryTrie({})
        for slot, value in account["storage"].items():
            if int(value, 16):
                storage[keccak(int(slot, 16).to_bytes(32, "big"))] = rlp.encode(int(value, 16))
        fields = [
            int(account["nonce"], 16),
            int(account["balance"], 16),
            storage.root_hash,
            keccak(code_of(account)),
        ]
        accounts[keccak(address)] = rlp.encode(fields)
        storages[address], told[address] = storage, account
    return Tries(accounts, storages, told)


def code_of(account: Json) -> bytes:
    return bytes.fromhex(account["code"][2:])


def reached(trie: HexaryTrie, digest: bytes) -> Iterator[bytes]:
    """The nodes of a trie from one on, as far as they have a hash."""
    if digest == EMPTY_ROOT:
        return
    yield trie.db[digest]
    for inner in hashes_in(rlp.decode(trie.db[digest])):
        yield from reached(trie, inner)


def hashes_in(node: list[Any]) -> Iterator[bytes]:
    is_leaf = len(node) == 2 and node[0][0] & 0x20
    for child in [] if is_leaf else node[1:2] if len(node) == 2 else node[:16]:
        if isinstance(child, list):
            yield from hashes_in(child)
        elif child:
            yield child


def texts(items: Iterable[bytes]) -> list[str]:
    return [hex_of(item) for item in items]


def words(slots: Iterable[str]) -> list[str]:
    return [hex_of(int(slot, 16).to_bytes(32, "big")) for slot in slots]


def execution_witness(tries: Tries, parent: Json) -> Json:
    """As nodes answer `debug_executionWitness`."""
    slots = {word for account in tries.told.values() for word in words(account["storage"])}
    return {
        "state": texts(tries.nodes),
        "codes": texts(tries.codes),
        "keys": [*texts(tries.told), *sorted(slots)],
        "headers": [parent],
    }


def proofs(tries: Tries, others: Iterable[bytes] = ()) -> list[Json]:
    """As nodes answer `eth_getProof`, for each account, and for others, which are not there."""
    return [
        {
            "address": hex_of(address),
            "accountProof": texts(map(rlp.encode, tries.accounts.get_proof(keccak(address)))),
            "storageProof": [
                {
                    "key": slot,
                    "value": value,
                    "proof": texts(
                        map(rlp.encode, tries.storages[address].get_proof(keccak(bytes.fromhex(word[2:]))))
                    ),
                }
                for (slot, value), word in zip(
                    account["storage"].items(), words(account["storage"]), strict=True
                )
            ],
        }
        for address, account in [*tries.told.items(), *((other, {"storage": {}}) for other in others)]
    ]


def keth(tries: Tries, parent: Json, block: Json) -> Json:
    """In Keth's form."""
    header = {name: value for name, value in block.items() if name not in ("transactions", "withdrawals")}
    inner = {"state": texts(tries.nodes), "codes": texts(tries.codes), "ancestors": [parent]}
    accessed = [
        {"address": hex_of(address), "storageKeys": words(account["storage"])}
        for address, account in tries.told.items()
    ]
    told = {"header": header, "transaction": block["transactions"], "uncles": []}
    if "withdrawals" in block:
        told["withdrawals"] = block["withdrawals"]
    return {"version": "", "blocks": [told], "witness": inner, "extra": {"accessList": accessed}}


def prover(tries: Tries, block: Json, raws: Iterable[bytes]) -> list[Json]:
    """In the form of the Zero prover."""
    accesses = {
        hex_of(address): {"storage_read": words(account["storage"]), "storage_written": {}}
        for address, account in tries.told.items()
    }
    transactions = [{"traces": accesses, "meta": {"byte_code": hex_of(raw)}} for raw in raws]
    hashes = {"prev_hashes": [hex_of(bytes(32)), block["parentHash"]]}
    return [
        {
            "block_trace": {
                "trie_pre_images": {"combined": {"compact": hex_of(VERSION + compact(tries))}},
                "txn_info": transactions,
            },
            "other_data": {"b_data": {"b_meta": {"block_number": block["number"]}, "b_hashes": hashes}},
        }
    ]


def compact(tries: Tries) -> bytes:
    """The instructions that build the tries."""
    by_path = {keccak(address): address for address in tries.told}

    def account(path: bytes, whole: bytes, value: bytes) -> bytes:
        nonce, balance, storage_root, code_hash = rlp.decode(value)
        address = by_path[whole]
        code = code_of(tries.told[address])
        flags = (code_hash != EMPTY_CODE) | (storage_root != EMPTY_ROOT) << 1 | 4 | 8
        made = b"\x04" + cbor(code) if code else b""
        if storage_root != EMPTY_ROOT:
            made += instructions(tries.storages[address], slot)
        made += (
            b"\x05"
            + cbor(path)
            + bytes([flags])
            + cbor(int.from_bytes(nonce, "big"))
            + cbor(balance or b"\0")
        )
        return made + (cbor(len(code)) if code else b"")

    def slot(path: bytes, whole: bytes, value: bytes) -> bytes:
        return b"\x00" + cbor(path) + cbor(rlp.decode(value))

    return instructions(tries.accounts, account)


def instructions(trie: HexaryTrie, leaf: Any) -> bytes:
    def visit(node: Any, nibbles: str) -> bytes:
        if isinstance(node, bytes):
            node = rlp.decode(trie.db[node])
        if len(node) == 17:
            used = [place for place in range(16) if node[place]]
            made = b"".join(visit(node[place], f"{nibbles}{place:x}") for place in used)
            return made + b"\x02" + cbor(sum(1 << place for place in used))
        path = node[0].hex()[1:] if node[0][0] & 0x10 else node[0].hex()[2:]
        if node[0][0] & 0x20:
            whole: bytes = leaf(packed(path), bytes.fromhex(nibbles + path), node[1])
            return whole
        return visit(node[1], nibbles + path) + b"\x01" + cbor(packed(path))

    return visit(trie.root_hash, "")


def packed(path: str) -> bytes:
    if len(path) == 1:
        return bytes([int(path, 16)])
    odd = len(path) % 2
    return bytes([odd]) + bytes.fromhex(path + "0" * odd)


def cbor(item: int | bytes) -> bytes:
    number, kind = (item, 0) if isinstance(item, int) else (len(item), 0x40)
    content = b"" if isinstance(item, int) else item
    for size, head in ((1, 24), (2, 25), (4, 26), (8, 27)):
        if number < 24:
            return bytes([kind + number]) + content
        if number < 1 << 8 * size:
            return bytes([kind + head]) + number.to_bytes(size, "big") + content
    raise ValueError(item)
