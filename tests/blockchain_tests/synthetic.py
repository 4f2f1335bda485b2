"""BlockchainTests made up by the execution specifications: made-up blocks on a genesis block, in RLP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ethereum.crypto.hash import keccak256
from ethereum_rlp import rlp
from ethereum_types.bytes import Bytes, Bytes32
from ethereum_types.numeric import U256, Uint

from tests.ethereum_synthetic.builder import HEADER, HEADER_NUMBERS, Json, SyntheticBlock, header_hash
from tests.ethereum_synthetic.chain import hex_of, is_since
from tests.support.ethereum.oracle import (
    Account,
    Execution,
    as_hex,
    bytes_of,
    execute,
    load_spec,
    number_of,
    raw_transaction,
)

NETWORKS = {
    "frontier": "Frontier",
    "spurious_dragon": "EIP158",
    "london": "London",
    "paris": "Paris",
    "cancun": "Cancun",
    "prague": "Prague",
    "osaka": "Osaka",
    "bpo1": "BPO1",
    "bpo2": "BPO2",
}
"""What the tests call forks of the specifications."""


def state_root_of(fork: str, accounts: Mapping[bytes, Account]) -> bytes:
    """The root of a state, by the specifications."""
    spec = load_spec(fork)
    return bytes(spec.state.state_root(state_of(fork, accounts)))


def state_of(fork: str, accounts: Mapping[bytes, Account]) -> Any:
    """A state of the specifications that has these accounts."""
    spec = load_spec(fork)
    state = spec.state.State()
    for address, account in accounts.items():
        place = spec.fork_types.Address(address)
        made = spec.fork_types.Account(Uint(account.nonce), U256(account.balance), Bytes(account.code))
        spec.state.set_account(state, place, made)
        for slot, value in account.storage.items():
            spec.state.set_storage(state, place, Bytes32(slot.to_bytes(32, "big")), U256(value))
    return state


def accounts_in(fork: str, state: Any) -> dict[bytes, Account]:
    """All accounts of a state of the specifications."""
    execution = object.__new__(Execution)
    execution.spec, execution.state = load_spec(fork), state
    return execution._accounts()


def test_of(made: SyntheticBlock, uncles: Sequence[Json] = ()) -> Json:
    """A BlockchainTest of one block on a genesis block, with the rewards that the specifications pay.

    Arguments:
        made: the block; its pre-state becomes that of the genesis block.
        uncles: headers of uncles that the block is to include.
    """
    fork, block = made.fork, dict(made.block)
    before = accounts_in(fork, Execution(block, made.prestate, made.hashes)._make_state(made.prestate))
    genesis = genesis_of(block, state_root_of(fork, before))
    block["parentHash"] = genesis["hash"]
    uncle_fields = [header_fields(uncle) for uncle in uncles]
    block["sha3Uncles"] = hex_of(keccak256(rlp.encode(uncle_fields)))
    # Once more, as the hash of the parent goes into the state (EIP-2935).
    result = execute(block, made.prestate, made.hashes)
    block.update({name: as_hex(value) for name, value in result.header_fields().items()})
    after = state_of(fork, result.accounts_after_block)
    spec = load_spec(fork)
    if hasattr(spec.fork, "pay_rewards"):
        spec.fork.pay_rewards(
            after,
            Uint(number_of(block["number"])),
            spec.fork_types.Address(bytes_of(block["miner"])),
            tuple(Ommer(spec, uncle) for uncle in uncles),
        )
    block["stateRoot"] = hex_of(spec.state.state_root(after))
    block["hash"] = hex_of(header_hash(block))
    return {
        "network": NETWORKS[fork],
        "genesisBlockHeader": genesis,
        "genesisRLP": hex_of(encoded(fork, {**genesis, "transactions": [], "withdrawals": []})),
        "pre": alloc(before),
        "blocks": [{"rlp": hex_of(encoded(fork, block, uncle_fields)), "blockHeader": block}],
        "lastblockhash": block["hash"],
        "postState": alloc(accounts_in(fork, after)),
    }


class Ommer:
    """What the specifications look at of an uncle."""

    def __init__(self, spec: Any, header: Json) -> None:
        self.coinbase = spec.fork_types.Address(bytes_of(header["miner"]))
        self.number = Uint(number_of(header["number"]))


def genesis_of(block: Json, state_root: bytes) -> Json:
    """A header for the parent of a block, after which the block's base fee and excess of blob gas are right."""
    header = {name: block[name] for name in HEADER if name in block}
    header["number"] = hex(number_of(block["number"]) - 1)
    header["timestamp"] = hex(number_of(block["timestamp"]) - 12)
    header["gasUsed"] = hex(number_of(block["gasLimit"]) // 2)
    header["stateRoot"] = hex_of(state_root)
    if "excessBlobGas" in block:
        header["excessBlobGas"], header["blobGasUsed"] = "0x0", "0x0"
    return {**header, "hash": hex_of(header_hash(header))}


def header_fields(header: Json) -> list[Any]:
    """The fields of a header, as its RLP has them."""
    return [
        Uint(number_of(header[name])) if name in HEADER_NUMBERS else Bytes(bytes_of(header[name]))
        for name in HEADER
        if name in header
    ]


def encoded(fork: str, block: Json, uncles: Sequence[list[Any]] = ()) -> bytes:
    """A block in RLP."""
    transactions = []
    for told in block["transactions"]:
        raw = raw_transaction(fork, told)
        transactions.append(rlp.decode(raw) if raw[0] >= 0xC0 else Bytes(raw))
    parts: list[Any] = [header_fields(block), transactions, list(uncles)]
    if is_since(fork, "shanghai"):
        names = ("index", "validatorIndex", "address", "amount")
        parts.append(
            [
                [
                    Bytes(bytes_of(entry[name])) if name == "address" else Uint(number_of(entry[name]))
                    for name in names
                ]
                for entry in block["withdrawals"]
            ]
        )
    return bytes(rlp.encode(parts))


def alloc(accounts: Mapping[bytes, Account]) -> Json:
    """Accounts as tests have them."""
    return {
        hex_of(address): {
            "nonce": hex(account.nonce),
            "balance": hex(account.balance),
            "code": hex_of(account.code),
            "storage": {hex(slot): hex(value) for slot, value in account.storage.items() if value},
        }
        for address, account in accounts.items()
    }
