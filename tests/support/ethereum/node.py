"""A node's answers about Ethereum blocks that never were: signed transactions, headers with all their hashes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import coincurve
import rlp
from eth_hash.auto import keccak

from blockstm.ethereum.node.tries import ordered_trie_root

ETHEREUM = Path(__file__).resolve().parents[4] / "shared" / "ethereum"
CONTRACT = "0x" + "c0" * 20
MINER = "0x" + "fe" * 20
EMPTY_HASH = keccak(rlp.encode([]))

# Number and time of a block early in each of these forks of the mainnet.
TIMES = {"istanbul": (9_069_001, 1_575_764_709), "london": (12_965_001, 1_628_166_822)}
TIMES |= {"shanghai": (17_034_871, 1_681_338_467), "cancun": (19_426_590, 1_710_338_171)}
TIMES |= {"prague": (22_431_090, 1_746_612_335), "osaka": (23_935_700, 1_764_798_623)}
TIMES |= {"bpo1": (23_975_800, 1_765_290_335), "bpo2": (24_179_400, 1_767_747_875)}


def private_key(who: int) -> coincurve.PrivateKey:
    return coincurve.PrivateKey.from_int(1000 + who)


def address(who: int) -> str:
    return "0x" + keccak(private_key(who).public_key.format(compressed=False)[1:])[-20:].hex()


def integer(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def sign(message: bytes, who: int) -> tuple[int, int, int]:
    """Return the parity, r and s of a signature."""
    signature = private_key(who).sign_recoverable(keccak(message), hasher=None)
    return signature[64], int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")


ACCESS: Final = ((bytes([7]) * 20, (bytes([8]) * 32, bytes(32))), (bytes(20), ()))


def transaction(
    kind: int = 2,
    *,
    who: int = 0,
    nonce: int = 0,
    to: str | None = CONTRACT,
    chain_id: int | None = 1,
    gas: int = 200_000,
    tip: int = 2,
    fee: int = 10**11,
    blobs: Sequence[bytes] = (b"\x01" + bytes(31),),
    authorized: bool = True,
    input: bytes = b"\xca\xfe",
    access: Sequence[Any] = ACCESS,
) -> tuple[dict[str, Any], bytes]:
    """Return a signed transaction as a node tells it, and raw; `chain_id` None is one from before EIP-155."""
    authorization = [integer(1), bytes([9]) * 20, integer(3)]
    parity, r, s = sign(b"\x05" + rlp.encode(authorization), 5)
    call = [integer(gas), bytes.fromhex((to or "0x")[2:]), integer(17), input]
    fees = [integer(tip), integer(fee)]
    start = [*([] if kind == 0 else [integer(chain_id or 0)]), integer(nonce)]
    body: list[Any] = [*start, *(fees if kind > 1 else [integer(fee)]), *call]
    body += [access] if kind else []
    body += [integer(5), list(blobs)] if kind == 3 else []
    signed_authorization = [*authorization, integer(parity), integer(r), integer(s)]
    body += [[signed_authorization] if authorized else []] if kind == 4 else []
    prefix = bytes([kind]) if kind else b""
    unsigned = [*body, integer(chain_id), b"", b""] if kind == 0 and chain_id else body
    own = sign(prefix + rlp.encode(unsigned), who)
    v = own[0] if kind else own[0] + (27 if chain_id is None else 35 + 2 * chain_id)
    raw = prefix + rlp.encode([*body, *map(integer, (v, *own[1:]))])
    told: dict[str, Any] = {
        "type": hex(kind),
        "nonce": hex(nonce),
        "gas": hex(gas),
        "to": to,
        "value": hex(17),
        "input": "0x" + input.hex(),
        "from": address(who),
        "hash": "0x" + keccak(raw).hex(),
        "gasPrice": hex(fee),
        "v": hex(v),
        "r": hex(own[1]),
        "s": hex(own[2]),
    }
    if chain_id is not None:
        told["chainId"] = hex(chain_id)
    if kind:
        told["yParity"] = hex(v)
        told["accessList"] = [
            {"address": "0x" + entry.hex(), "storageKeys": ["0x" + key.hex() for key in keys]}
            for entry, keys in access
        ]
    if kind > 1:
        told |= {"maxPriorityFeePerGas": hex(tip), "maxFeePerGas": hex(fee)}
    if kind == 3:
        told |= {"maxFeePerBlobGas": hex(5), "blobVersionedHashes": ["0x" + blob.hex() for blob in blobs]}
    if kind == 4:
        authorization_told = {"chainId": "0x1", "address": "0x" + "09" * 20, "nonce": "0x3"}
        authorization_told |= {"yParity": hex(parity), "r": hex(r), "s": hex(s)}
        told["authorizationList"] = [authorization_told] if authorized else []
    return told, raw


def block(*signed: tuple[dict[str, Any], bytes], fork: str = "cancun", **changes: str) -> dict[str, Any]:
    """Return a block as a node tells it; `changes` are put into the header before it is hashed."""
    number, timestamp = TIMES[fork]
    withdrawal = {"index": "0x1", "validatorIndex": "0x2", "address": "0x" + "0d" * 20, "amount": "0x3"}
    withdrawals_root = ordered_trie_root([rlp.encode([b"\1", b"\2", bytes([13]) * 20, b"\3"])])
    header = {
        "parentHash": "0x" + "aa" * 32,
        "sha3Uncles": "0x" + EMPTY_HASH.hex(),
        "miner": MINER,
        "stateRoot": "0x" + "bb" * 32,
        "transactionsRoot": "0x" + ordered_trie_root([raw for _, raw in signed]).hex(),
        "receiptsRoot": "0x" + "cc" * 32,
        "logsBloom": "0x" + "00" * 256,
        "difficulty": "0x0",
        "number": hex(number),
        "gasLimit": hex(30_000_000),
        "gasUsed": hex(21_000),
        "timestamp": hex(timestamp),
        "extraData": "0x0001",
        "mixHash": "0x" + "dd" * 32,
        "nonce": "0x" + "00" * 8,
        "baseFeePerGas": hex(7),
        "withdrawalsRoot": "0x" + withdrawals_root.hex(),
        "blobGasUsed": "0x0",
        "excessBlobGas": "0x0",
        "parentBeaconBlockRoot": "0x" + "ee" * 32,
        "requestsHash": "0x" + "ff" * 32,
    }
    counts = {"istanbul": 15, "london": 16, "shanghai": 17, "cancun": 20}
    names = list(header)[: counts.get(fork)]
    header = {name: header[name] for name in names} | changes
    told: dict[str, Any] = {
        **header,
        "hash": "0x" + keccak(rlp.encode(list(map(_item, header.items())))).hex(),
    }
    told |= {"uncles": [], "size": "0x100", "transactions": [transaction for transaction, _ in signed]}
    return told | ({"withdrawals": [withdrawal]} if "withdrawalsRoot" in header else {})


def _item(field: tuple[str, str]) -> bytes:
    name, text = field
    plain = name in ("difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas")
    if plain or name in ("blobGasUsed", "excessBlobGas"):
        return integer(int(text, 16))
    return bytes.fromhex(text[2:])


def account(balance: int = 10**18, nonce: int = 0, code: str = "", **storage: str) -> dict[str, Any]:
    """Return an account as geth's prestateTracer tells it."""
    told: dict[str, Any] = {"balance": hex(balance)}
    told |= {"nonce": nonce} if nonce else {}
    told |= {"code": code} if code else {}
    return told | ({"storage": storage} if storage else {})
