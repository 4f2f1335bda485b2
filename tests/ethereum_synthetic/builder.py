"""Puts made-up blocks together, in the form in which nodes give blocks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard
from eth_keys.datatypes import PrivateKey
from ethereum.crypto.hash import keccak256
from ethereum.exceptions import EthereumException
from ethereum_rlp import rlp
from ethereum_types.bytes import Bytes
from ethereum_types.numeric import U64, U256, Uint

from tests.ethereum_synthetic.assembly import asm
from tests.ethereum_synthetic.chain import (
    COINBASE,
    ETHER,
    GWEI,
    NUMBER_AND_TIME,
    SENDERS,
    address_of,
    hex_of,
    is_since,
)
from tests.support.ethereum.oracle import (
    Execution,
    OracleResult,
    as_hex,
    decode_transaction,
    execute,
    fork_of,
    load_spec,
    raw_transaction,
)

FIRST_FORK_OF_TYPE = ("frontier", "berlin", "london", "cancun", "prague")
"""By the type of a transaction."""

HEADER = (
    "parentHash",
    "sha3Uncles",
    "miner",
    "stateRoot",
    "transactionsRoot",
    "receiptsRoot",
    "logsBloom",
    "difficulty",
    "number",
    "gasLimit",
    "gasUsed",
    "timestamp",
    "extraData",
    "mixHash",
    "nonce",
    "baseFeePerGas",
    "withdrawalsRoot",
    "blobGasUsed",
    "excessBlobGas",
    "parentBeaconBlockRoot",
    "requestsHash",
)
"""The fields of a header as they are hashed; the later ones where a fork has them."""
HEADER_NUMBERS = {
    "difficulty",
    "number",
    "gasLimit",
    "gasUsed",
    "timestamp",
    "baseFeePerGas",
    "blobGasUsed",
    "excessBlobGas",
}

HASHES_KEPT = 256
GAS_LIMIT = 30_000_000

HISTORY_ADDRESS = bytes.fromhex("0000f90827f1c53a10cb7a02335b175320002935")
HISTORY_CODE = bytes.fromhex(
    "3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257"
    "611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500"
)
"""The contract of EIP-2935, which keeps block hashes."""

BEACON_ROOTS_ADDRESS = bytes.fromhex("000f3df6d732807ef1319fb7b8bb8522d0beac02")
BEACON_ROOTS_CODE = bytes.fromhex(
    "3373fffffffffffffffffffffffffffffffffffffffe14604d57602036146024575f5ffd5b5f35801560495762001fff810690815414"
    "603c575f5ffd5b62001fff01545f5260205ff35b5f5ffd5b62001fff42064281555f359062001fff015500"
)
"""The contract of EIP-4788, which keeps roots of the beacon chain."""

REQUEST_ADDRESSES = (
    bytes.fromhex("00000961ef480eb55e80d19ad83579a64c007002"),
    bytes.fromhex("0000bbddc7ce488642fb579f8b00f3a590007251"),
)
"""The contracts that the block's end calls for requests (EIP-7002, EIP-7251)."""

Json = dict[str, Any]


@dataclass(frozen=True)
class SyntheticBlock:
    """A block in the form of the recorded ones, with what the oracle makes of it."""

    fork: str
    block: Json
    prestate: Json
    hashes: dict[str, str]
    result: OracleResult = field(repr=False)

    def write(self, folder: Path) -> None:
        """Write it to a folder as the recorded blocks are stored."""
        folder.mkdir(parents=True, exist_ok=True)
        contents = {"block": self.block, "prestate": self.prestate, "blockhashes": self.hashes}
        for name, content in contents.items():
            data = zstandard.compress(json.dumps(content).encode())
            (folder / f"{name}.json.zst").write_bytes(data)


@dataclass
class Contract:
    """A contract that exists before the block."""

    address: bytes
    code: bytes
    balance: int = 0
    nonce: int = 1
    storage: dict[int, int] = field(default_factory=dict)


class BlockBuilder:
    """Puts a block together, one valid transaction after the other.

    Arguments:
        fork: the fork whose rules the block is under.
        contracts: those that exist before it, other than the system's.
        coinbase: who gets the fees.
        base_fee: from London on.
        excess_blob_gas: from Cancun on.
        balances: what the senders have before it.
    """

    def __init__(
        self,
        fork: str,
        contracts: Sequence[Contract],
        *,
        coinbase: bytes = COINBASE,
        base_fee: int = 7,
        excess_blob_gas: int = 0,
        balances: Sequence[int] = (100 * ETHER,) * len(SENDERS),
    ) -> None:
        self.fork = fork
        self.number, self.timestamp = NUMBER_AND_TIME[fork]
        assert fork_of(self.number, self.timestamp) == fork
        self.spec = load_spec(fork)
        self.base_fee = base_fee if is_since(fork, "london") else 0
        self.hashes = {
            str(number): hex_of(keccak256(b"block %d" % number))
            for number in range(self.number - HASHES_KEPT, self.number)
        }
        self.prestate = self._prestate(contracts, balances)
        self.block = self._block(coinbase, excess_blob_gas)
        self.execution = Execution(self.block, self.prestate, self.hashes)

    def send(
        self,
        key: PrivateKey,
        to: bytes | None,
        data: bytes = b"",
        *,
        value: int = 0,
        gas: int = 400_000,
        tip: int = GWEI,
        kind: int = 0,
        access_list: Sequence[tuple[bytes, Sequence[int]]] = (),
        authorizations: Sequence[Json] = (),
        blobs: int = 1,
        replay_protection: bool = True,
    ) -> bool:
        """Add a transaction.

        Arguments:
            key: the sender's.
            to: the recipient, or None to create a contract.
            data: the input or init code.
            value: in wei.
            gas: the most that it may use.
            tip: what it pays for gas over the base fee, in wei.
            kind: its type, 0 to 4.
            access_list: from type 1 on: addresses, each with slots.
            authorizations: of type 4, as `authorization` makes them.
            blobs: how many blobs it has, with type 3.
            replay_protection: whether a transaction of type 0 is signed for this chain only, where the fork can.

        Returns:
            Whether it is valid; if not, it is left out.
        """
        if not is_since(self.fork, FIRST_FORK_OF_TYPE[kind]):
            return False
        fields: Json = {
            "type": hex(kind),
            "from": hex_of(address_of(key)),
            "to": hex_of(to) if to is not None else None,
            "nonce": hex(self.nonce(address_of(key))),
            "gas": hex(gas),
            "value": hex(value),
            "input": hex_of(data),
            "gasPrice": hex(self.base_fee + tip),
        }
        if kind >= 1:
            fields["chainId"] = "0x1"
            fields["accessList"] = [
                {
                    "address": hex_of(address),
                    "storageKeys": [hex_of(slot.to_bytes(32, "big")) for slot in slots],
                }
                for address, slots in access_list
            ]
        if kind >= 2:
            fields["maxPriorityFeePerGas"] = hex(tip)
            fields["maxFeePerGas"] = hex(2 * self.base_fee + tip)
        if kind == 3:
            fields["maxFeePerBlobGas"] = hex(GWEI)
            fields["blobVersionedHashes"] = [
                hex_of(b"\x01" + keccak256(b"blob %d" % number)[1:]) for number in range(blobs)
            ]
        if kind == 4:
            fields["authorizationList"] = list(authorizations)
        self._sign(fields, key, replay_protection and is_since(self.fork, "spurious_dragon"))
        try:
            self.execution.apply(fields)
        except EthereumException:
            return False
        fields["hash"] = hex_of(keccak256(raw_transaction(self.fork, fields)))
        self.block["transactions"].append(fields)
        return True

    def nonce(self, address: bytes) -> int:
        """An account's nonce after the transactions so far."""
        account = self.execution.account(address)
        return account.nonce if account else 0

    def balance(self, address: bytes) -> int:
        """An account's balance after the transactions so far."""
        account = self.execution.account(address)
        return account.balance if account else 0

    def finish(self, withdrawals: Sequence[tuple[bytes, int]] = ()) -> SyntheticBlock:
        """The block with its header.

        Arguments:
            withdrawals: from Shanghai on: addresses and amounts in units of 10**9 wei.
        """
        if is_since(self.fork, "shanghai"):
            self.block["withdrawals"] = [
                {
                    "index": hex(1000 + index),
                    "validatorIndex": hex(index),
                    "address": hex_of(address),
                    "amount": hex(amount),
                }
                for index, (address, amount) in enumerate(withdrawals)
            ]
        for index, fields in enumerate(self.block["transactions"]):
            fields["transactionIndex"] = hex(index)
        # From the start again, as what was left out leaves a trace in the trie of transactions.
        result = execute(self.block, self.prestate, self.hashes)
        self.block.update({name: as_hex(value) for name, value in result.header_fields().items()})
        self.block["hash"] = hex_of(header_hash(self.block))
        return SyntheticBlock(self.fork, self.block, self.prestate, self.hashes, result)

    def _sign(self, fields: Json, key: PrivateKey, replay_protection: bool) -> None:
        fields.update(v="0x0", r="0x0", s="0x0")
        transactions = self.spec.transactions
        unsigned = decode_transaction(self.spec, fields)
        kind = int(fields["type"], 16)
        if kind:
            name = {
                1: "signing_hash_2930",
                2: "signing_hash_1559",
                3: "signing_hash_4844",
                4: "signing_hash_7702",
            }
            digest, base = getattr(transactions, name[kind])(unsigned), 0
        elif replay_protection:
            digest, base = transactions.signing_hash_155(unsigned, U64(1)), 37
        elif hasattr(transactions, "signing_hash_pre155"):
            digest, base = transactions.signing_hash_pre155(unsigned), 27
        else:
            digest, base = transactions.signing_hash(unsigned), 27
        signature = key.sign_msg_hash(bytes(digest))
        fields.update(v=hex(base + signature.v), r=hex(signature.r), s=hex(signature.s))
        if kind:
            fields["yParity"] = fields["v"]

    def _prestate(self, contracts: Sequence[Contract], balances: Sequence[int]) -> Json:
        prestate: Json = {
            hex_of(address_of(key)): {"balance": hex(balance)}
            for key, balance in zip(SENDERS, balances, strict=True)
        }
        system = []
        if is_since(self.fork, "cancun"):
            system.append(Contract(BEACON_ROOTS_ADDRESS, BEACON_ROOTS_CODE))
        if is_since(self.fork, "prague"):
            system.append(Contract(HISTORY_ADDRESS, HISTORY_CODE))
            # They stand in for the real ones in a block in which nobody has requested anything.
            system += [Contract(address, asm(0, 0, "RETURN")) for address in REQUEST_ADDRESSES]
        for contract in (*system, *contracts):
            prestate[hex_of(contract.address)] = {
                "balance": hex(contract.balance),
                "nonce": contract.nonce,
                "code": hex_of(contract.code),
                "storage": {
                    hex_of(slot.to_bytes(32, "big")): hex_of(value.to_bytes(32, "big"))
                    for slot, value in contract.storage.items()
                },
            }
        return prestate

    def _block(self, coinbase: bytes, excess_blob_gas: int) -> Json:
        merged = is_since(self.fork, "paris")
        block: Json = {
            "number": hex(self.number),
            "parentHash": self.hashes[str(self.number - 1)],
            "sha3Uncles": hex_of(keccak256(rlp.encode([]))),
            "miner": hex_of(coinbase),
            "stateRoot": hex_of(bytes(32)),
            "receiptsRoot": hex_of(bytes(32)),
            "difficulty": hex(0 if merged else 10**13),
            "totalDifficulty": hex(10**20),
            "gasLimit": hex(GAS_LIMIT),
            "timestamp": hex(self.timestamp),
            "extraData": "0x",
            "mixHash": hex_of(keccak256(b"mix")),
            "nonce": hex_of(bytes(8)),
            "size": hex(1000),
            "uncles": [],
            "transactions": [],
        }
        if is_since(self.fork, "london"):
            block["baseFeePerGas"] = hex(self.base_fee)
        if is_since(self.fork, "shanghai"):
            block["withdrawals"] = []
        if is_since(self.fork, "cancun"):
            block["excessBlobGas"] = hex(excess_blob_gas)
            block["parentBeaconBlockRoot"] = hex_of(keccak256(b"beacon"))
        return block


def header_hash(block: Json) -> bytes:
    """The hash of a block's header."""
    present = [(name, block[name]) for name in HEADER if name in block]
    fields = [
        Uint(int(text, 16)) if name in HEADER_NUMBERS else Bytes(bytes.fromhex(text[2:]))
        for name, text in present
    ]
    return bytes(keccak256(rlp.encode(fields)))


def authorization(key: PrivateKey, address: bytes, nonce: int, chain_id: int = 1) -> Json:
    """What an account signs to have the code of `address` run as its own (EIP-7702)."""
    message = b"\x05" + rlp.encode((U256(chain_id), Bytes(address), U64(nonce)))
    signature = key.sign_msg_hash(bytes(keccak256(message)))
    return {
        "chainId": hex(chain_id),
        "address": hex_of(address),
        "nonce": hex(nonce),
        "yParity": hex(signature.v),
        "r": hex(signature.r),
        "s": hex(signature.s),
    }
