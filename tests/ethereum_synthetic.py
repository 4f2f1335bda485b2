"""Made-up Ethereum blocks, for what no recorded block has and for mixes that nobody has thought of.

They have the form of the recorded ones: a block as nodes give it, the accounts as they stand before it, hashes of
earlier blocks. The keys of the senders are our own. What the headers say of the outcome is what the oracle makes
of the block; `stateRoot` is zero, as is `receiptsRoot` before Byzantium.

- `scenario_block(fork)` goes through what has been hard to get right, one transaction after the other.
- `random_block(fork, seed)` has a dozen transactions to contracts whose code is random but sensible.

Code is put together from bytes: `asm` joins mnemonics, numbers to push, and code. All of it is independent of the
place where it ends up, as jumps are relative.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import zstandard
from eth_keys.datatypes import PrivateKey
from ethereum.crypto.hash import keccak256
from ethereum.exceptions import EthereumException
from ethereum.forks.prague.vm.instructions import Ops
from ethereum_rlp import rlp
from ethereum_types.bytes import Bytes
from ethereum_types.numeric import U64, U256, Uint

from tests.ethereum_oracle import (
    FORKS,
    Execution,
    OracleResult,
    as_hex,
    decode_transaction,
    execute,
    fork_of,
    load_spec,
    raw_transaction,
)

NUMBER_AND_TIME = {
    "frontier": (1_000_000, 1_455_000_000),
    "homestead": (1_500_000, 1_463_000_000),
    "dao_fork": (2_000_000, 1_470_000_000),
    "tangerine_whistle": (2_500_000, 1_477_000_000),
    "spurious_dragon": (3_000_000, 1_484_000_000),
    "byzantium": (5_000_000, 1_517_000_000),
    "constantinople": (8_000_000, 1_561_000_000),
    "istanbul": (9_100_000, 1_576_000_000),
    "muir_glacier": (10_000_000, 1_588_000_000),
    "berlin": (12_500_000, 1_622_000_000),
    "london": (13_000_000, 1_628_000_000),
    "arrow_glacier": (14_000_000, 1_642_000_000),
    "gray_glacier": (15_100_000, 1_657_000_000),
    "paris": (16_000_000, 1_670_000_000),
    "shanghai": (17_100_000, 1_683_000_000),
    "cancun": (20_000_000, 1_720_000_000),
    "prague": (22_500_000, 1_750_000_000),
}
"""Where on the main chain a fork's blocks are placed."""

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
ETHER = 10**18
GWEI = 10**9

SENDERS = [PrivateKey(keccak256(b"sender %d" % number)) for number in range(5)]
COINBASE = keccak256(b"coinbase")[:20]
NOBODIES = [keccak256(b"nobody %d" % number)[:20] for number in range(3)]
"""Addresses without an account."""

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


def is_since(fork: str, first: str) -> bool:
    """Whether a fork is `first` or a later one."""
    return FORKS.index(fork) >= FORKS.index(first)


def hex_of(data: bytes) -> str:
    return f"0x{data.hex()}"


def address_of(key: PrivateKey) -> bytes:
    return bytes(key.public_key.to_canonical_address())


def created_address(creator: bytes, nonce: int) -> bytes:
    """Where CREATE puts a contract."""
    return bytes(keccak256(rlp.encode((Bytes(creator), Uint(nonce))))[12:])


def create2_address(creator: bytes, salt: int, init_code: bytes) -> bytes:
    """Where CREATE2 puts a contract."""
    return bytes(keccak256(b"\xff" + creator + salt.to_bytes(32, "big") + bytes(keccak256(init_code)))[12:])


# --- code -----------------------------------------------------------------------------------------


def asm(*parts: str | int | bytes) -> bytes:
    """Code from mnemonics (one or several in a text), numbers to push, and code as it is."""
    return b"".join(_assembled(part) for part in parts)


def _assembled(part: str | int | bytes) -> bytes:
    if isinstance(part, bytes):
        return part
    if isinstance(part, int):
        size = max(1, (part.bit_length() + 7) // 8)
        return bytes([Ops.PUSH1.value + size - 1]) + part.to_bytes(size, "big")
    return bytes(Ops[name].value for name in part.split())


def push(address: bytes) -> bytes:
    """Code that pushes an address."""
    return asm(int.from_bytes(address, "big"))


def unless(condition: bytes, body: bytes) -> bytes:
    """Code that runs `body`, which must leave the stack as it is, if what `condition` pushes is zero."""
    jump = asm("PC", bytes([Ops.PUSH2.value]) + (6 + len(body)).to_bytes(2, "big"), "ADD JUMPI")
    return condition + jump + body + asm("JUMPDEST")


def in_memory(data: bytes) -> bytes:
    """Code that puts `data` at the beginning of the memory."""
    words = [(start, data[start : start + 32].ljust(32, b"\x00")) for start in range(0, len(data), 32)]
    return b"".join(asm(int.from_bytes(word, "big"), start, "MSTORE") for start, word in words)


def deployer(runtime: bytes, constructor: bytes = b"") -> bytes:
    """Init code that runs `constructor` and deploys `runtime`."""
    return constructor + in_memory(runtime) + asm(len(runtime), 0, "RETURN")


def create(init_code: bytes, value: int = 0, salt: int | None = None) -> bytes:
    """Code that creates a contract, by CREATE2 if there is a salt, and leaves its address on the stack."""
    start = in_memory(init_code)
    if salt is None:
        return start + asm(len(init_code), 0, value, "CREATE")
    return start + asm(salt, len(init_code), 0, value, "CREATE2")


def call(to: bytes, gas: bytes, value: int = 0, input_size: int = 0, kind: str = "CALL") -> bytes:
    """Code that calls what the code `to` pushes, and leaves the outcome on the stack."""
    amount = asm(value) if kind in ("CALL", "CALLCODE") else b""
    return asm(32, 0, input_size, 0) + amount + to + gas + asm(kind)


CHILD_RUNTIME = unless(asm("CALLDATASIZE"), asm("CALLER SELFDESTRUCT")) + asm(
    0, "SLOAD", 1, "ADD", 0, "SSTORE"
)
CHILD_INIT = deployer(CHILD_RUNTIME, asm(0, "SLOAD", 100, "ADD", 7, "SSTORE"))
"""A contract that destroys itself when called without data, and counts its other calls in slot 0. Slot 7 says what
was in slot 0 when it was deployed."""
CHILD_SALT = 5

FACTORY_CODE = create(CHILD_INIT, salt=CHILD_SALT) + asm("DUP1", 1, "SSTORE", 0, "MSTORE", 32, 0, "RETURN")
"""Deploys the child, and keeps its address, or zero, in slot 1."""


# --- blocks ---------------------------------------------------------------------------------------


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


# --- one thing after the other --------------------------------------------------------------------


def named(name: str) -> bytes:
    """An address of its own for what a name says."""
    return bytes(keccak256(name.encode())[:20])


def keep(slot: int) -> bytes:
    """Code that moves the top of the stack into storage."""
    return asm(slot, "SSTORE")


@cache
def scenario_block(fork: str) -> SyntheticBlock:
    """A block with what has been hard to get right, under the rules of a fork.

    Opcodes and types of transactions that the fork does not have yet are tried as well: the first make their
    transaction fail, the others are left out.
    """
    all_gas = asm("GAS") if is_since(fork, "tangerine_whistle") else asm(30_000)
    coinbase_key = SENDERS[4]
    coinbase = address_of(coinbase_key)
    contracts = _scenario_contracts(fork, all_gas)
    builder = BlockBuilder(fork, contracts, coinbase=coinbase)
    first, second, third, fourth, _ = SENDERS
    child = create2_address(named("factory"), CHILD_SALT, CHILD_INIT)
    old_child = create2_address(named("old factory"), CHILD_SALT, CHILD_INIT)
    other_child = create2_address(named("other factory"), CHILD_SALT, CHILD_INIT)

    # Storage that is wiped and read later, when the contract is there again.
    builder.send(first, named("factory"))
    builder.send(second, child, b"count")
    builder.send(first, child)
    builder.send(third, named("factory"))
    builder.send(second, child, b"count")
    builder.send(first, old_child, b"count")
    builder.send(first, old_child, value=3)
    builder.send(first, old_child, value=4)
    builder.send(second, named("old factory"))
    builder.send(second, old_child, b"count")
    # The same, with a contract that is gone at the end of the transaction that made it.
    builder.send(first, named("deploys, destroys and deploys"), gas=2_500_000)
    builder.send(second, named("other factory"))
    builder.send(second, other_child, b"count")

    for name in (
        "creates and destroys",
        "touches nobody",
        "survives a failing call",
        "fails after touching",
        "keeps block hashes",
        "transient",
        "transient",
        "creates out of gas",
        "creates in depth",
        "reads others",
        "leaves to nobody",
        "has nothing to leave",
        "leaves to itself",
    ):
        builder.send(second, named(name), value=2)
        builder.send(third, named(name), tip=0, replay_protection=False)

    # Contracts made by transactions: one that fits, one that does not, and some that fail.
    for init_code, gas in (
        (CHILD_INIT, 400_000),
        (asm(3000, 0, "RETURN"), 120_000),
        (asm(24_577, 0, "RETURN"), 6_000_000),
        (deployer(b"\xef\x00"), 120_000),
        (asm("ADDRESS SELFDESTRUCT"), 120_000),
        (push(NOBODIES[0]) + asm("SELFDESTRUCT"), 120_000),
        (asm(0, 0, "REVERT"), 120_000),
        (b"\xfe", 120_000),
        (b"", 120_000),
    ):
        builder.send(first, None, init_code, value=9, gas=gas)

    # The coinbase, as recipient, sender and both; fees of zero; everything that one has.
    builder.send(first, coinbase, value=ETHER)
    builder.send(coinbase_key, NOBODIES[1], value=ETHER)
    builder.send(coinbase_key, coinbase, value=1)
    builder.send(first, NOBODIES[2], tip=0, gas=21_000)
    builder.send(first, first_fresh := named("fresh"), value=1, gas=21_000)
    builder.send(third, first_fresh, value=builder.balance(address_of(third)) - 21_000 * GWEI, gas=21_000)
    everything = builder.balance(address_of(fourth)) - 21_000 * (builder.base_fee + GWEI)
    builder.send(fourth, address_of(third), value=everything, gas=21_000)

    # The newer types.
    for kind in (1, 2, 3):
        builder.send(
            first, named("reads others"), kind=kind, access_list=[(named("transient"), [0, 1]), (child, [])]
        )
    _set_codes(builder)
    builder.send(first, named("reads history"))
    builder.send(first, NOBODIES[0], bytes(500) + b"\x01" * 500, gas=70_000)
    return builder.finish([(coinbase, 5), (named("withdrawn"), 7), (named("nothing"), 0)])


def _set_codes(builder: BlockBuilder) -> None:
    """Transactions of type 4, and calls to the accounts that have got code by them."""
    first, second, third, _, _ = SENDERS
    fresh = PrivateKey(keccak256(b"fresh key"))
    account, other = address_of(second), address_of(fresh)
    nonce = builder.nonce(account)

    def set_code(to: bytes, *authorizations: Json) -> None:
        builder.send(first, to, b"\x01", kind=4, authorizations=authorizations)

    set_code(
        account, authorization(second, named("counts"), nonce), authorization(fresh, named("counts"), 0, 0)
    )
    builder.send(third, account, b"\x01", value=5)
    builder.send(third, named("calls accounts with code"))
    builder.send(second, account)
    builder.send(second, NOBODIES[0], value=1)
    # Wrong: the nonce, the chain, an account with real code.
    set_code(
        account,
        authorization(second, named("transient"), nonce),
        authorization(fresh, named("transient"), 1, 2),
    )
    # To each other; to a precompiled contract; to the sender's own account, in the same transaction.
    set_code(other, authorization(fresh, account, 1))
    set_code(other, authorization(fresh, (4).to_bytes(20, "big"), 2))
    sender_nonce = builder.nonce(address_of(first))
    set_code(address_of(first), authorization(first, named("leaves to itself"), sender_nonce + 1))
    set_code(other, authorization(fresh, named("leaves to nobody"), 3))
    builder.send(third, other, value=3)
    # No code any more.
    set_code(other, authorization(fresh, bytes(20), 4))
    builder.send(third, named("calls accounts with code"))


def _scenario_contracts(fork: str, all_gas: bytes) -> list[Contract]:
    child = create2_address(named("other factory"), CHILD_SALT, CHILD_INIT)
    self_destroying = deployer(asm("CALLER SELFDESTRUCT"))
    touching = b"".join(
        call(push(address), asm(5000)) + asm("POP")
        for address in (NOBODIES[0], *(number.to_bytes(20, "big") for number in range(1, 10)))
    )
    creates_and_destroys = (
        create(self_destroying, value=1)
        + asm("DUP1", 0, "SSTORE")
        + b"".join(
            # The address is below what the call needs: copied from there.
            asm(0, 0, 0, 0, value, "DUP6", all_gas, "CALL", slot, "SSTORE")
            for slot, value in ((1, 0), (2, 1))
        )
        + asm("DUP1 BALANCE", 3, "SSTORE", "EXTCODESIZE", 4, "SSTORE")
        + create(create(self_destroying) + asm("POP ADDRESS SELFDESTRUCT"), value=1)
        + keep(5)
    )
    deploys_again = b"".join(
        call(push(address), asm(600_000)) + keep(slot)
        for slot, address in enumerate((named("other factory"), child, named("other factory"), child))
    )
    history = b"".join(
        asm("NUMBER", 1 + distance, "SWAP1 SUB", 0, "MSTORE")
        + call(push(HISTORY_ADDRESS), all_gas, input_size=32)
        + asm("POP", 0, "MLOAD", 1 + distance, "SSTORE")
        for distance in (0, 1, 300)
    )
    others = b"".join(
        asm(push(address), name, 1 + 10 * place + other, "SSTORE")
        for place, address in enumerate((NOBODIES[0], named("transient"), address_of(SENDERS[0]), bytes(20)))
        for other, name in enumerate(
            ("BALANCE", "EXTCODESIZE", "EXTCODEHASH") if is_since(fork, "constantinople") else ("BALANCE",)
        )
    )
    codes = {
        "factory": FACTORY_CODE,
        "old factory": FACTORY_CODE,
        "other factory": FACTORY_CODE,
        "deploys, destroys and deploys": deploys_again,
        "creates and destroys": creates_and_destroys,
        "touches nobody": touching + call(push(NOBODIES[2]), all_gas, value=10**30) + keep(1),
        "survives a failing call": call(push(named("fails after touching")), asm(60_000)) + keep(1),
        "fails after touching": touching + call(push(NOBODIES[1]), all_gas, value=1) + b"\xfe",
        "keeps block hashes": b"".join(
            asm("NUMBER", distance, "SWAP1 SUB BLOCKHASH", 1 + distance, "SSTORE")
            for distance in (0, 1, 2, 255, 256, 257, 2**40)
        ),
        "transient": asm(0, "TLOAD", 1, "ADD", 0, "SSTORE", 5, 0, "TSTORE", 0, "TLOAD", 1, "SSTORE")
        + call(push(named("transient and fails")), all_gas, kind="DELEGATECALL")
        + asm(2, "SSTORE", 0, "TLOAD", 3, "SSTORE"),
        "transient and fails": asm(9, 0, "TSTORE", 0, 0, "REVERT"),
        "creates out of gas": create(asm(3000, 0, "RETURN"), value=1) + keep(1),
        "creates in depth": create(deployer(asm(1, 0, "SSTORE"), create(CHILD_INIT) + keep(2))) + keep(1),
        "reads others": others + asm("GAS", 99, "SSTORE"),
        "leaves to nobody": push(named("heir")) + asm("SELFDESTRUCT"),
        "has nothing to leave": push(named("heir of nothing")) + asm("SELFDESTRUCT"),
        "leaves to itself": asm("ADDRESS SELFDESTRUCT"),
        "counts": asm(0, "SLOAD", 1, "ADD", 0, "SSTORE", "CALLVALUE", 1, "SSTORE"),
        "calls accounts with code": b"".join(
            call(push(address), all_gas)
            + asm(slot, "SSTORE", push(address), "EXTCODESIZE", slot + 10, "SSTORE")
            for slot, address in enumerate(
                (address_of(SENDERS[1]), address_of(PrivateKey(keccak256(b"fresh key"))))
            )
        ),
        "reads history": history,
    }
    empty_handed = ("has nothing to leave", "leaves to itself")
    contracts = [
        Contract(named(name), code, balance=0 if name in empty_handed else ETHER, storage={1: 2, 8: 9})
        for name, code in codes.items()
    ]
    old_child = create2_address(named("old factory"), CHILD_SALT, CHILD_INIT)
    return [*contracts, Contract(old_child, CHILD_RUNTIME, balance=1, storage={0: 40, 3: 4})]


# --- random blocks --------------------------------------------------------------------------------

TRIES = 16
"""How many transactions are tried; a few of them turn out to be invalid."""
CONTRACTS = 5
SLOTS = 4
PRECOMPILES_TRIED = 18

# Opcodes that push something and take nothing, an address, or a number, with the fork that brought them.
PLAIN = {
    "ADDRESS": "frontier",
    "ORIGIN": "frontier",
    "CALLER": "frontier",
    "CALLVALUE": "frontier",
    "CALLDATASIZE": "frontier",
    "CODESIZE": "frontier",
    "GASPRICE": "frontier",
    "COINBASE": "frontier",
    "TIMESTAMP": "frontier",
    "NUMBER": "frontier",
    "PREVRANDAO": "frontier",
    "GASLIMIT": "frontier",
    "GAS": "frontier",
    "MSIZE": "frontier",
    "PC": "frontier",
    "RETURNDATASIZE": "byzantium",
    "CHAINID": "istanbul",
    "SELFBALANCE": "istanbul",
    "BASEFEE": "london",
    "PUSH0": "shanghai",
    "BLOBBASEFEE": "cancun",
}
OF_ADDRESS = {"BALANCE": "frontier", "EXTCODESIZE": "frontier", "EXTCODEHASH": "constantinople"}
OF_SLOT = {"SLOAD": "frontier", "CALLDATALOAD": "frontier", "TLOAD": "cancun", "BLOBHASH": "cancun"}
OF_TWO = {
    "ADD": "frontier",
    "MUL": "frontier",
    "SUB": "frontier",
    "SDIV": "frontier",
    "SMOD": "frontier",
    "EXP": "frontier",
    "SIGNEXTEND": "frontier",
    "SLT": "frontier",
    "BYTE": "frontier",
    "SHL": "constantinople",
    "SAR": "constantinople",
}
CALLS = {"CALL": "frontier", "CALLCODE": "frontier", "DELEGATECALL": "homestead", "STATICCALL": "byzantium"}
TOO_NEW_ONE_IN = 60
"""How rarely an opcode is taken that the fork does not have."""


class ProgramWriter:
    """Writes random code in which most of what happens succeeds.

    Arguments:
        rng: where chance comes from.
        fork: whose opcodes to use.
        addresses: which ones the code may call, look at and leave its balance to.
    """

    def __init__(self, rng: random.Random, fork: str, addresses: Sequence[bytes]) -> None:
        self.rng = rng
        self.fork = fork
        self.addresses = addresses
        actions: list[tuple[str, int, Callable[[], bytes]]] = [
            ("frontier", 6, self.store),
            ("frontier", 8, self.call),
            ("frontier", 2, self.log),
            ("frontier", 3, self.create),
            ("frontier", 3, self.sometimes),
            ("frontier", 1, self.copy_code),
            ("frontier", 1, self.look_at_hash),
            ("byzantium", 1, self.copy_returned),
            ("constantinople", 2, self.create2),
            ("cancun", 3, self.store_transient),
            ("cancun", 1, self.copy_memory),
        ]
        self.actions = [action for first, _, action in actions if is_since(fork, first)]
        self.weights = [weight for first, weight, _ in actions if is_since(fork, first)]
        self.depth = 0

    def program(self) -> bytes:
        """Code for a contract."""
        self.depth += 1
        count = self.rng.randint(2, 8) if self.depth == 1 else self.rng.randint(1, 2)
        body = b"".join(self.action() for _ in range(count))
        code = body + self.ending()
        self.depth -= 1
        return code

    def init_code(self) -> bytes:
        """Code for a creation, which mostly deploys a contract."""
        kind = self.rng.randrange(10)
        if kind < 4:
            return deployer(self.program(), self.action() if self.rng.random() < 0.3 else b"")
        if kind < 6:
            return deployer(unless(self.value(), self.address() + asm("SELFDESTRUCT")) + self.action())
        return self.rng.choice(
            (
                CHILD_INIT,
                deployer(asm("CALLER SELFDESTRUCT")),
                self.address() + asm("SELFDESTRUCT"),
                asm(3000, 0, "RETURN"),
                deployer(b"\xef\x01"),
                self.action() + asm(0, 0, "REVERT"),
                self.action(),
                b"",
            )
        )

    def action(self) -> bytes:
        """Code that leaves the stack as it is."""
        if self.depth > 3:
            return self.store()
        return self.rng.choices(self.actions, self.weights)[0]()

    def ending(self) -> bytes:
        """Code that ends a program, one way or another."""
        kind = self.rng.randrange(16)
        if kind < 6:
            return b""
        if kind < 9:
            return self.value() + asm(0, "MSTORE", 32, 0, "RETURN")
        if kind < 14:
            # Only when called without data, for something to remain.
            return unless(asm("CALLDATASIZE"), self.address() + asm("SELFDESTRUCT"))
        failure = self.rng.choice(
            (asm(32, 0, "REVERT"), b"\xfe", asm("POP POP"), asm(2**40, "MLOAD"), asm(1, "JUMP"))
        )
        return unless(self.value(), failure)

    # Code that pushes something.

    def opcode(self, table: dict[str, str]) -> bytes:
        """An opcode of a table, of this fork with few exceptions."""
        too_new = self.rng.randrange(TOO_NEW_ONE_IN) == 0
        names = [name for name, first in table.items() if too_new or is_since(self.fork, first)]
        return asm(self.rng.choice(names))

    def value(self) -> bytes:
        kind = self.rng.randrange(10)
        if kind < 3:
            return self.opcode(PLAIN)
        if kind < 5:
            return self.address() + self.opcode(OF_ADDRESS)
        if kind < 7:
            return asm(self.slot()) + self.opcode(OF_SLOT)
        if kind < 8:
            return asm(self.slot()) + self.opcode(PLAIN) + self.opcode(OF_TWO)
        return asm(self.rng.choice((0, 1, 2, 255, 2**64, 2**256 - 1)))

    def slot(self) -> int:
        return self.rng.randrange(SLOTS)

    def address(self) -> bytes:
        if self.rng.random() < 0.2:
            return asm(self.rng.choice(("ADDRESS", "CALLER", "ORIGIN", "COINBASE")))
        return push(self.rng.choice(self.addresses))

    def gas(self) -> bytes:
        if is_since(self.fork, "tangerine_whistle") and self.rng.random() < 0.3:
            return asm("GAS")
        return asm(self.rng.choice((0, 2300, 10_000, 30_000, 60_000)))

    def amount(self) -> int:
        return self.rng.choice((0, 0, 0, 0, 1, 10**15, 10**30))

    # Actions.

    def keep(self) -> bytes:
        """Code that takes the top of the stack away."""
        return asm("POP") if self.rng.random() < 0.4 else asm(self.slot(), "SSTORE")

    def store(self) -> bytes:
        return self.value() + asm(self.slot(), "SSTORE")

    def store_transient(self) -> bytes:
        return self.value() + asm(self.slot(), "TSTORE")

    def sometimes(self) -> bytes:
        return unless(self.value(), self.action() + self.action())

    def log(self) -> bytes:
        topics = self.rng.randrange(5)
        pushed = b"".join(self.value() for _ in range(topics))
        return pushed + asm(self.rng.choice((0, 5, 64)), self.slot(), f"LOG{topics}")

    def call(self) -> bytes:
        kinds = [name for name, first in CALLS.items() if is_since(self.fork, first)]
        kind = self.rng.choice(["CALL", *kinds])
        size = self.rng.choice((0, 0, 1, 32, 128))
        return call(self.address(), self.gas(), self.amount(), size, kind) + self.keep()

    def create(self) -> bytes:
        self.depth += 1
        code = create(self.init_code(), self.amount()) + self._with_created()
        self.depth -= 1
        return code

    def create2(self) -> bytes:
        self.depth += 1
        code = create(CHILD_INIT, self.amount(), salt=CHILD_SALT) + self._with_created()
        self.depth -= 1
        return code

    def _with_created(self) -> bytes:
        if self.rng.random() < 0.5:
            return self.keep()
        code = b""
        for _ in range(self.rng.randint(1, 2)):
            size = self.rng.choice((0, 32))
            code += (
                asm(0, 0, size, 0, self.rng.choice((0, 1)), "DUP6") + self.gas() + asm("CALL") + self.keep()
            )
        return code + self.keep()

    def copy_code(self) -> bytes:
        return asm(40, 0, 0) + self.address() + asm("EXTCODECOPY", 0, "MLOAD") + self.keep()

    def copy_returned(self) -> bytes:
        return asm(self.rng.choice((0, 0, 1)), 0, 0, "RETURNDATACOPY")

    def copy_memory(self) -> bytes:
        return asm(33, 0, self.slot(), "MCOPY")

    def look_at_hash(self) -> bytes:
        distance = self.rng.choice((0, 1, 2, 3, 100, 255, 256, 257, 10**7))
        return asm(distance, "NUMBER SUB BLOCKHASH") + self.keep()


def random_block(fork: str, seed: int) -> SyntheticBlock:
    """A block of random transactions, the same whenever fork and seed are."""
    rng = random.Random(f"{fork} {seed}")
    names = [named(f"contract {number}") for number in range(CONTRACTS)]
    factory = named("random factory")
    child = create2_address(factory, CHILD_SALT, CHILD_INIT)
    senders = [address_of(key) for key in SENDERS]
    addresses = [
        *names * 8,
        *[factory] * 4,
        *[child] * 6,
        *senders,
        *NOBODIES,
        *(created_address(sender, nonce) for sender in senders for nonce in range(2)),
        *(created_address(name, nonce) for name in names for nonce in (1, 2)),
        *(create2_address(name, CHILD_SALT, CHILD_INIT) for name in names),
        *(number.to_bytes(20, "big") for number in range(1, PRECOMPILES_TRIED)),
    ]
    writer = ProgramWriter(rng, fork, addresses)
    contracts = [
        Contract(
            name,
            writer.program(),
            balance=rng.choice((0, ETHER)),
            storage={slot: rng.choice((1, 2**255)) for slot in range(SLOTS) if rng.random() < 0.5},
        )
        for name in names
    ]
    contracts.append(Contract(factory, FACTORY_CODE))
    if rng.random() < 0.5:
        contracts.append(Contract(child, CHILD_RUNTIME, rng.choice((0, 7)), storage={0: 3, 2: 5}))
    builder = BlockBuilder(
        fork,
        contracts,
        coinbase=rng.choice((COINBASE, COINBASE, senders[0], names[0], NOBODIES[0])),
        base_fee=rng.choice((0, 7, GWEI)),
        excess_blob_gas=rng.choice((0, 10**7)),
        balances=[rng.choice((ETHER // 100, 100 * ETHER)) for _ in senders],
    )
    for _ in range(TRIES):
        _send_something(rng, builder, writer)
    return builder.finish(
        [(rng.choice(addresses), rng.choice((0, 1, 10**9))) for _ in range(rng.randrange(3))]
    )


def _send_something(rng: random.Random, builder: BlockBuilder, writer: ProgramWriter) -> None:
    """Try to add one random transaction."""
    key = rng.choice(SENDERS)
    kinds = [kind for kind, first in enumerate(FIRST_FORK_OF_TYPE) if is_since(builder.fork, first)]
    kind = rng.choice(kinds)
    creates = kind < 3 and rng.random() < 0.15
    to = None if creates else rng.choice(writer.addresses)
    data = (
        writer.init_code()
        if creates
        else rng.choice((b"", b"", b"\x00" * 32, rng.randbytes(rng.randrange(70))))
    )
    gas = rng.choice((21_000, 60_000, 100_000, 300_000, 1_000_000, 1_000_000))
    tip = rng.choice((0, 1, GWEI))
    value = rng.choice((0, 0, 1, 10**15))
    if rng.random() < 0.05:
        value = max(0, builder.balance(address_of(key)) - gas * (2 * builder.base_fee + tip))
    access_list = [
        (rng.choice(writer.addresses), [writer.slot() for _ in range(rng.randrange(3))])
        for _ in range(rng.randrange(3))
    ]
    authorizations = []
    if kind == 4:
        for _ in range(rng.randint(1, 3)):
            authority = rng.choice(SENDERS)
            nonce = builder.nonce(address_of(authority)) + (authority == key)
            authorizations.append(
                authorization(
                    authority,
                    rng.choice((bytes(20), *writer.addresses)),
                    nonce + rng.choice((0, 0, 0, 0, 1)),
                    rng.choice((0, 1, 1, 1, 2)),
                )
            )
    builder.send(
        key,
        to,
        data,
        value=value,
        gas=gas,
        tip=tip,
        kind=kind,
        access_list=access_list,
        authorizations=authorizations,
        blobs=rng.randint(1, 2),
        replay_protection=rng.random() < 0.7,
    )
