"""A second implementation of Ethereum to compare with: the official execution specifications, in Python.

A block is given as the JSON that nodes give: the block with its full transactions, and the accounts that it
touches as they stood before it. This module shares no code with `blockstm.ethereum`, nor a library that executes
transactions: types, signatures, fork rules and tries are those of the package `ethereum-execution`.

What the JSON cannot say is settled here as follows:

- Accounts. One that the pre-state lists without nonce, balance, code and storage is taken as absent. Before
  Spurious Dragon (EIP-161) the precompiled contracts 1 to 4 exist although they are empty.
- Block hashes that are not given are zero, except the parent's, which the header has.
- Uncles. The data names them by their hashes only, so the rewards for mining are left out altogether.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import zstandard
from ethereum.crypto.hash import Hash32
from ethereum_rlp import rlp
from ethereum_types.bytes import Bytes0, Bytes32
from ethereum_types.numeric import U8, U64, U256, Uint

FORKS = (
    "frontier",
    "homestead",
    "dao_fork",
    "tangerine_whistle",
    "spurious_dragon",
    "byzantium",
    "constantinople",
    "istanbul",
    "muir_glacier",
    "berlin",
    "london",
    "arrow_glacier",
    "gray_glacier",
    "paris",
    "shanghai",
    "cancun",
    "prague",
    "osaka",
    "bpo1",
    "bpo2",
)
"""The forks in their order, under the names of the specifications; "constantinople" is Petersburg."""

PRECOMPILES_BEFORE_EIP_161 = tuple(number.to_bytes(20, "big") for number in range(1, 5))
FORKS_BEFORE_EIP_161 = FORKS[: FORKS.index("spurious_dragon")]
FORKS_WITHOUT_STATUS = FORKS[: FORKS.index("byzantium")]
"""Their receipts hold the state's root, for which the whole state would be needed, in place of a status."""

JUMPDEST, BEFORE_PUSH1, PUSH32 = 0x5B, 0x5F, 0x7F

Json = Mapping[str, Any]


class Account(NamedTuple):
    """An account that exists."""

    nonce: int
    balance: int
    code: bytes
    storage: dict[int, int]
    """The slots that are not zero."""


@dataclass(frozen=True)
class OracleReceipt:
    """What a transaction came to."""

    cumulative_gas_used: int
    succeeded: bool | None
    """None before Byzantium, when receipts did not tell."""
    logs: list[tuple[bytes, list[bytes], bytes]]
    """Address, topics and data of each log."""


@dataclass(frozen=True)
class OracleResult:
    """What a block comes to."""

    fork: str
    accounts: dict[bytes, Account]
    """All accounts after the system calls that come first and all transactions; nothing that comes later."""
    accounts_after_block: dict[bytes, Account]
    """The same after withdrawals (from Shanghai on) and the system calls that come last (from Prague on); still
    without any reward for mining."""
    gas_used: int
    logs_bloom: bytes
    transactions_root: bytes
    receipts_root: bytes | None
    """None before Byzantium."""
    withdrawals_root: bytes | None
    """None before Shanghai."""
    blob_gas_used: int | None
    """None before Cancun."""
    requests_hash: bytes | None
    """None before Prague."""
    receipts: list[OracleReceipt] = field(repr=False)

    def header_fields(self) -> dict[str, bytes | int]:
        """What a header says of it, under the names of the JSON."""
        fields: dict[str, bytes | int | None] = {
            "gasUsed": self.gas_used,
            "logsBloom": self.logs_bloom,
            "transactionsRoot": self.transactions_root,
            "receiptsRoot": self.receipts_root,
            "withdrawalsRoot": self.withdrawals_root,
            "blobGasUsed": self.blob_gas_used,
            "requestsHash": self.requests_hash,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def differences(self, block: Json) -> dict[str, tuple[str, str]]:
        """The fields in which the header of `block` says otherwise: what it says, and what was found."""
        found = {name: as_hex(value) for name, value in self.header_fields().items()}
        return {name: (block[name], text) for name, text in found.items() if block[name] != text}


def as_hex(value: bytes | int) -> str:
    """A value of a header as the JSON has it."""
    return hex(value) if isinstance(value, int) else f"0x{value.hex()}"


@cache
def run(number: int, shared: Path) -> OracleResult:
    """Execute the block that is stored in `shared`/ethereum/`number`; once, however often it is asked for."""
    folder = shared / "ethereum" / str(number)
    hashes = folder / "blockhashes.json.zst"
    return execute(
        read_json(folder / "block.json.zst"),
        read_json(folder / "prestate.json.zst"),
        read_json(hashes) if hashes.exists() else {},
    )


def read_json(path: Path) -> dict[str, Any]:
    """The object in a compressed JSON file."""
    with zstandard.open(path, "rb") as file:
        content: dict[str, Any] = json.load(file)
    return content


def execute(block: Json, prestate: Json, hashes: Json) -> OracleResult:
    """Execute a block by the rules of the fork that the main chain had at its number and time.

    Arguments:
        block: the block with its full transactions, as `eth_getBlockByNumber` gives it. What its header says of
            the outcome is not looked at.
        prestate: the accounts before it, as the tracer `prestateTracer` gives them.
        hashes: hashes of earlier blocks by their decimal numbers.

    Raises:
        ethereum.exceptions.EthereumException: a transaction is not valid where it stands.
    """
    execution = Execution(block, prestate, hashes)
    for transaction in block["transactions"]:
        execution.apply(transaction)
    return execution.finish()


def fork_of(number: int, timestamp: int) -> str:
    """The fork that the main chain had at a block's number and time."""
    reached = [
        name
        for name in FORKS
        if import_module(f"ethereum.forks.{name}").FORK_CRITERIA.check(Uint(number), U256(timestamp))
    ]
    return reached[-1]


@cache
def load_spec(fork: str) -> SimpleNamespace:
    """The modules of a fork, by their names.

    Two things that take the specifications most of their time are done otherwise. They look for the jump
    destinations of a contract in every call to it: as these depend on nothing but the code, they are kept. And
    before Byzantium they compute the root of the state after each transaction, for its receipt: as the state
    here is not the whole one, no root of it is of use.
    """
    names = ("blocks", "bloom", "fork", "fork_types", "state", "transactions", "trie", "vm")
    interpreter: Any = import_module(f"ethereum.forks.{fork}.vm.interpreter")
    interpreter.get_valid_jump_destinations = valid_jump_destinations
    spec = SimpleNamespace(**{name: import_module(f"ethereum.forks.{fork}.{name}") for name in names})
    if fork in FORKS_WITHOUT_STATUS:
        spec.fork.state_root = lambda state: spec.fork_types.Root(bytes(32))
    return spec


@lru_cache(1024)
def valid_jump_destinations(code: bytes) -> set[Uint]:
    """Where a code can be jumped to (Yellow Paper, 9.4.3): at each JUMPDEST that is not the data of a PUSH."""
    found = set()
    place = 0
    while place < len(code):
        opcode = code[place]
        if opcode == JUMPDEST:
            found.add(Uint(place))
        place += 1 + max(0, opcode - BEFORE_PUSH1) * (opcode <= PUSH32)
    return found


def number_of(text: str) -> int:
    return int(text, 16)


def bytes_of(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


class Execution:
    """An execution of a block, one transaction at a time.

    Arguments:
        block: as for `execute`; its transactions are not looked at.
        prestate: as for `execute`.
        hashes: as for `execute`.
    """

    def __init__(self, block: Json, prestate: Json, hashes: Json) -> None:
        self.block = block
        self.fork = fork_of(number_of(block["number"]), number_of(block["timestamp"]))
        self.spec = load_spec(self.fork)
        self.state = self._make_state(prestate)
        self.environment = self.spec.vm.BlockEnvironment(**self._environment_fields(hashes))
        self.output = self.spec.vm.BlockOutput()
        # Here and below: what a fork does not have, its modules do not have either.
        fork = self.spec.fork
        if hasattr(fork, "BEACON_ROOTS_ADDRESS"):
            self._call_system(fork.BEACON_ROOTS_ADDRESS, self.environment.parent_beacon_block_root)
        if hasattr(fork, "HISTORY_STORAGE_ADDRESS"):
            self._call_system(fork.HISTORY_STORAGE_ADDRESS, self.environment.block_hashes[-1])

    def apply(self, transaction: Json) -> None:
        """Execute the next transaction.

        Raises:
            ethereum.exceptions.EthereumException: it is not valid here; the state is as before.
        """
        decoded = decode_transaction(self.spec, transaction)
        index = Uint(len(self.output.receipt_keys))
        self.spec.fork.process_transaction(self.environment, self.output, decoded, index)

    def account(self, address: bytes) -> Account | None:
        """An account as it stands now, without its storage; None if it does not exist."""
        account = self.spec.state.get_account_optional(self.state, self.spec.fork_types.Address(address))
        if account is None:
            return None
        return Account(int(account.nonce), int(account.balance), bytes(account.code), {})

    def finish(self) -> OracleResult:
        """Do what comes after the transactions, and say what the block comes to."""
        fork, output = self.spec.fork, self.output
        accounts = self._accounts()
        if hasattr(fork, "process_withdrawals"):
            fork.process_withdrawals(self.environment, output, self._withdrawals())
        if hasattr(fork, "process_general_purpose_requests"):
            fork.process_general_purpose_requests(self.environment, output)
        root = self.spec.trie.root
        return OracleResult(
            fork=self.fork,
            accounts=accounts,
            accounts_after_block=self._accounts(),
            gas_used=int(output.block_gas_used),
            logs_bloom=bytes(self.spec.bloom.logs_bloom(output.block_logs)),
            transactions_root=bytes(root(output.transactions_trie)),
            receipts_root=None if self.fork in FORKS_WITHOUT_STATUS else bytes(root(output.receipts_trie)),
            withdrawals_root=(
                bytes(root(output.withdrawals_trie)) if hasattr(output, "withdrawals_trie") else None
            ),
            blob_gas_used=int(output.blob_gas_used) if hasattr(output, "blob_gas_used") else None,
            requests_hash=self._requests_hash(),
            receipts=self._receipts(),
        )

    def _make_state(self, prestate: Json) -> Any:
        state_module, types = self.spec.state, self.spec.fork_types
        state = state_module.State()
        if self.fork in FORKS_BEFORE_EIP_161:
            for address in PRECOMPILES_BEFORE_EIP_161:
                state_module.set_account(state, types.Address(address), types.EMPTY_ACCOUNT)
        for text, fields in prestate.items():
            address = types.Address(bytes_of(text))
            account = types.Account(
                nonce=Uint(json_number(fields.get("nonce", 0))),
                balance=U256(json_number(fields.get("balance", 0))),
                code=bytes_of(fields.get("code", "0x")),
            )
            if account == types.EMPTY_ACCOUNT and not fields.get("storage"):
                continue
            state_module.set_account(state, address, account)
            for slot, value in fields.get("storage", {}).items():
                key = Bytes32(number_of(slot).to_bytes(32, "big"))
                state_module.set_storage(state, address, key, U256(number_of(value)))
        return state

    def _environment_fields(self, hashes: Json) -> dict[str, Any]:
        """The fields of a block's environment that the fork has."""
        block = self.block
        known: dict[str, Any] = {
            "chain_id": U64(1),
            "state": self.state,
            "block_gas_limit": Uint(number_of(block["gasLimit"])),
            "block_hashes": self._block_hashes(hashes),
            "coinbase": self.spec.fork_types.Address(bytes_of(block["miner"])),
            "number": Uint(number_of(block["number"])),
            "time": U256(number_of(block["timestamp"])),
            "difficulty": Uint(number_of(block["difficulty"])),
            "prev_randao": Bytes32(bytes_of(block["mixHash"])),
        }
        if "baseFeePerGas" in block:
            known["base_fee_per_gas"] = Uint(number_of(block["baseFeePerGas"]))
        if "excessBlobGas" in block:
            known["excess_blob_gas"] = U64(number_of(block["excessBlobGas"]))
        if "parentBeaconBlockRoot" in block:
            known["parent_beacon_block_root"] = Hash32(bytes_of(block["parentBeaconBlockRoot"]))
        wanted = self.spec.vm.BlockEnvironment.__dataclass_fields__
        return {name: value for name, value in known.items() if name in wanted}

    def _block_hashes(self, hashes: Json) -> list[Hash32]:
        """The hashes of the last 256 blocks, the parent's last."""
        number = number_of(self.block["number"])
        known = {int(earlier): bytes_of(text) for earlier, text in hashes.items()}
        known[number - 1] = bytes_of(self.block["parentHash"])
        return [Hash32(known.get(earlier, bytes(32))) for earlier in range(max(0, number - 256), number)]

    def _call_system(self, address: Any, data: bytes) -> None:
        self.spec.fork.process_unchecked_system_transaction(self.environment, address, data)

    def _withdrawals(self) -> tuple[Any, ...]:
        return tuple(
            self.spec.blocks.Withdrawal(
                index=U64(number_of(fields["index"])),
                validator_index=U64(number_of(fields["validatorIndex"])),
                address=self.spec.fork_types.Address(bytes_of(fields["address"])),
                amount=U256(number_of(fields["amount"])),
            )
            for fields in self.block["withdrawals"]
        )

    def _requests_hash(self) -> bytes | None:
        if not hasattr(self.spec.fork, "compute_requests_hash"):
            return None
        return bytes(self.spec.fork.compute_requests_hash(self.output.requests))

    def _accounts(self) -> dict[bytes, Account]:
        """A copy of the state as it stands."""
        storage = {
            bytes(address): {int.from_bytes(slot, "big"): int(value) for slot, value in trie._data.items()}
            for address, trie in self.state._storage_tries.items()
        }
        return {
            bytes(address): Account(
                int(account.nonce), int(account.balance), bytes(account.code), storage.get(bytes(address), {})
            )
            for address, account in self.state._main_trie._data.items()
            if account is not None
        }

    def _receipts(self) -> list[OracleReceipt]:
        receipts = []
        for key in self.output.receipt_keys:
            receipt = self.spec.trie.trie_get(self.output.receipts_trie, key)
            if hasattr(self.spec.blocks, "decode_receipt"):
                receipt = self.spec.blocks.decode_receipt(receipt)
            receipts.append(
                OracleReceipt(
                    cumulative_gas_used=int(receipt.cumulative_gas_used),
                    succeeded=bool(receipt.succeeded) if hasattr(receipt, "succeeded") else None,
                    logs=[
                        (bytes(log.address), [bytes(topic) for topic in log.topics], bytes(log.data))
                        for log in receipt.logs
                    ],
                )
            )
        return receipts


def json_number(value: int | str) -> int:
    """A number that the JSON has as a number or as text in hexadecimal notation."""
    return value if isinstance(value, int) else number_of(value)


def decode_transaction(spec: SimpleNamespace, fields: Json) -> Any:
    """A transaction of the JSON as the specifications of a fork have it."""
    kind = number_of(fields.get("type", "0x0"))
    transactions, types = spec.transactions, spec.fork_types
    to = fields.get("to")
    values: dict[str, Any] = {
        "nonce": (U64 if kind == 4 else U256)(number_of(fields["nonce"])),
        "gas": Uint(number_of(fields["gas"])),
        "to": types.Address(bytes_of(to)) if to else Bytes0(b""),
        "value": U256(number_of(fields["value"])),
        "data": bytes_of(fields["input"]),
        "r": U256(number_of(fields["r"])),
        "s": U256(number_of(fields["s"])),
    }
    if kind in (0, 1):
        values["gas_price"] = Uint(number_of(fields["gasPrice"]))
    if kind == 0:
        legacy = getattr(transactions, "LegacyTransaction", None) or transactions.Transaction
        return legacy(v=U256(number_of(fields["v"])), **values)
    values["chain_id"] = U64(number_of(fields["chainId"]))
    values["y_parity"] = U256(number_of(fields["v"]))
    values["access_list"] = tuple(
        transactions.Access(
            account=types.Address(bytes_of(entry["address"])),
            slots=tuple(Bytes32(bytes_of(slot)) for slot in entry["storageKeys"]),
        )
        for entry in fields["accessList"]
    )
    if kind == 1:
        return transactions.AccessListTransaction(**values)
    values["max_priority_fee_per_gas"] = Uint(number_of(fields["maxPriorityFeePerGas"]))
    values["max_fee_per_gas"] = Uint(number_of(fields["maxFeePerGas"]))
    if kind == 2:
        return transactions.FeeMarketTransaction(**values)
    if kind == 3:
        values["max_fee_per_blob_gas"] = U256(number_of(fields["maxFeePerBlobGas"]))
        values["blob_versioned_hashes"] = tuple(
            types.VersionedHash(bytes_of(text)) for text in fields["blobVersionedHashes"]
        )
        return transactions.BlobTransaction(**values)
    assert kind == 4, f"a transaction of type {kind}"
    values["authorizations"] = tuple(
        types.Authorization(
            chain_id=U256(number_of(entry["chainId"])),
            address=types.Address(bytes_of(entry["address"])),
            nonce=U64(number_of(entry["nonce"])),
            y_parity=U8(number_of(entry["yParity"])),
            r=U256(number_of(entry["r"])),
            s=U256(number_of(entry["s"])),
        )
        for entry in fields["authorizationList"]
    )
    return transactions.SetCodeTransaction(**values)


def raw_transaction(fork: str, fields: Json) -> bytes:
    """A transaction of the JSON as it stands in a block's body: RLP, after its type except in the first form."""
    spec = load_spec(fork)
    transaction = decode_transaction(spec, fields)
    if not hasattr(spec.transactions, "encode_transaction"):
        return rlp.encode(transaction)
    encoded = spec.transactions.encode_transaction(transaction)
    return encoded if isinstance(encoded, bytes) else rlp.encode(encoded)
