"""Is what came of a block what its own header says? Proof by something that this project has not written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, Final

import rlp
from eth_hash.auto import keccak
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from blockstm.block import Block
from blockstm.errors import EthereumInputError, one_line
from blockstm.ethereum.closing import Closing, close_block
from blockstm.ethereum.environment import Environment
from blockstm.ethereum.forks import BYZANTIUM, CANCUN, PRAGUE, SHANGHAI, is_at_least, vm_class
from blockstm.ethereum.header import header_hash
from blockstm.ethereum.keys import ENVIRONMENT_KEY
from blockstm.ethereum.machine import decode_transaction
from blockstm.ethereum.outcome import Outcome
from blockstm.ethereum.receipts import ChainReceipts, chain_receipts
from blockstm.ethereum.tries import ordered_trie_root
from blockstm.result import Result

__all__ = ["HEADER_CHECKS", "ExecutedBlock"]


class ExecutedBlock:
    """An Ethereum block that has been executed.

    Arguments:
        block: what `record ethereum` made.
        result: what came of it.

    Raises:
        EthereumInputError: a transaction is invalid here, so the block was not recorded whole.
    """

    def __init__(self, block: Block, result: Result) -> None:
        """Look for invalid transactions."""
        self.block = block
        self.result = result
        recorded: Any = block.meta["ethereum"]
        self.header: Mapping[str, str] = recorded["header"]
        self.environment = Environment.decoded(block.state[ENVIRONMENT_KEY])
        self._withdrawals: list[dict[str, str]] = recorded.get("withdrawals", [])
        self._uncle_count = len(recorded.get("uncles", []))
        for receipt in result.receipts:
            if receipt.status != "success":
                raise EthereumInputError(
                    f"{self.name_transaction(receipt.txn_idx)} cannot be executed: {one_line(str(receipt.error))}; "
                    "record the block again, with a pre-state that has all that it touches"
                )

    def raw(self, txn_idx: int) -> tuple[bytes, bytes]:
        """Return a transaction's raw bytes and its sender."""
        raw, sender = self.block.transactions[txn_idx].arguments
        assert isinstance(raw, bytes) and isinstance(sender, bytes)
        return raw, sender

    def name_transaction(self, txn_idx: int) -> str:
        """Return words for a message that name a transaction and its sender."""
        raw, sender = self.raw(txn_idx)
        return f"transaction {txn_idx} (0x{keccak(raw).hex()}) of sender 0x{sender.hex()}"

    @cached_property
    def receipts(self) -> ChainReceipts:
        """The receipts as the chain writes them."""
        return chain_receipts(
            (self.raw(receipt.txn_idx)[0], receipt.gas_used, Outcome.of_events(receipt.events))
            for receipt in self.result.receipts
        )

    @cached_property
    def _closed(self) -> tuple[dict[bytes, bytes], bytes | None]:
        withdrawals = tuple(
            (bytes.fromhex(entry["address"][2:]), int(entry["amount"], 16)) for entry in self._withdrawals
        )
        closing = Closing(withdrawals, self._uncle_count)
        return close_block(self.result.state, self.environment, closing, self.receipts.logs)

    @property
    def state_after(self) -> Mapping[bytes, bytes]:
        """The state after withdrawals, system calls and rewards; `Result.state` is that after the transactions."""
        return self._closed[0]

    @property
    def requests_hash(self) -> bytes:
        """The hash of the block's requests to the consensus layer (EIP-7685)."""
        requests_hash = self._closed[1]
        assert requests_hash is not None
        return requests_hash

    def header_checks(self, earlier: Mapping[str, bool | None] | None = None) -> dict[str, bool | None]:
        """Compare with the header, by name: whether it says the same; None for what it does not say.

        Arguments:
            earlier: what came out for an earlier run; what does not depend on the run is taken from it.

        Raises:
            EthereumInputError: a signature gives no sender.
        """
        return {
            name: earlier[name] if earlier is not None and name in _OF_BLOCK else self._check(name)
            for name in HEADER_CHECKS
        }

    def _check(self, name: str) -> bool | None:
        field, since, compute = HEADER_CHECKS[name]
        if field not in self.header or not is_at_least(self.environment.fork, since):
            return None
        said, computed = self.header[field], compute(self)
        return computed == (int(said, 16) if isinstance(computed, int) else bytes.fromhex(said[2:]))

    def transactions_root(self) -> bytes:
        """Return the root of the trie of the raw transactions."""
        return ordered_trie_root([self.raw(txn_idx)[0] for txn_idx in range(len(self.block))])

    def withdrawals_root(self) -> bytes:
        """Return the root of the trie of the withdrawals (EIP-4895)."""
        return ordered_trie_root([_encoded_withdrawal(entry) for entry in self._withdrawals])

    def check_senders(self) -> None:
        """Check every transaction's signature.

        Raises:
            EthereumInputError: one is not its sender's.
        """
        vm = vm_class(self.environment.fork)
        for txn_idx in range(len(self.block)):
            raw, sender = self.raw(txn_idx)
            try:
                recovered = decode_transaction(vm, raw, sender).get_sender()
            except (BadSignature, ValidationError) as error:
                raise EthereumInputError(
                    f"{self.name_transaction(txn_idx)}: its signature gives no sender, {one_line(str(error))}; "
                    "record the block again"
                ) from error
            if recovered != sender:
                raise EthereumInputError(
                    f"{self.name_transaction(txn_idx)} is signed by 0x{recovered.hex()}; record the block again"
                )

    def blob_gas_used(self) -> int:
        """Return the gas of all blobs (EIP-4844)."""
        vm = vm_class(self.environment.fork)
        decoded = (decode_transaction(vm, *self.raw(txn_idx)) for txn_idx in range(len(self.block)))
        return sum(
            _GAS_PER_BLOB * len(txn.blob_versioned_hashes) for txn in decoded if txn.type_id == _BLOB_TYPE
        )


_BLOB_TYPE: Final = 3
_GAS_PER_BLOB: Final = 1 << 17

HEADER_CHECKS: Final[dict[str, tuple[str, str, Callable[[ExecutedBlock], int | bytes]]]] = {
    "block_hash": ("hash", "frontier", lambda executed: header_hash(executed.header)),
    "transactions_root": ("transactionsRoot", "frontier", ExecutedBlock.transactions_root),
    "withdrawals_root": ("withdrawalsRoot", SHANGHAI, ExecutedBlock.withdrawals_root),
    "blob_gas_used": ("blobGasUsed", CANCUN, ExecutedBlock.blob_gas_used),
    "gas_used": ("gasUsed", "frontier", lambda executed: executed.receipts.gas_used),
    "logs_bloom": ("logsBloom", "frontier", lambda executed: executed.receipts.logs_bloom),
    # Before Byzantium a receipt holds the root of the whole state, which no block's pre-state has.
    "receipts_root": (
        "receiptsRoot",
        BYZANTIUM,
        lambda executed: ordered_trie_root(executed.receipts.encoded),
    ),
    "requests_hash": ("requestsHash", PRAGUE, lambda executed: executed.requests_hash),
}
"""By the names that they have in the JSON output: the field of the header, the fork with which it came or from
which on it can be computed here, and what computes it, as a number or as bytes."""

_OF_BLOCK: Final = frozenset(("block_hash", "transactions_root", "withdrawals_root", "blob_gas_used"))


def _encoded_withdrawal(entry: Mapping[str, str]) -> bytes:
    encoded: bytes = rlp.encode(
        [
            int(entry["index"], 16),
            int(entry["validatorIndex"], 16),
            bytes.fromhex(entry["address"][2:]),
            int(entry["amount"], 16),
        ]
    )
    return encoded


def what_lacks(executed: ExecutedBlock) -> str | None:
    """Return words for what the pre-state seems to lack, None if it seems whole.

    An account that is not there cannot be told from one that was not recorded. So this is asked only when the
    header disagrees: it finds the first transaction that looked for code where there is none, at an account that
    was not recorded and that the block did not create, or that has storage, or is no plain sender's.
    """
    for txn_idx, address, lack in _lacks(executed):
        return f"{executed.name_transaction(txn_idx)} looks for code at 0x{address.hex()}, {lack}"
    return None


def _lacks(executed: ExecutedBlock) -> Iterator[tuple[int, bytes, str]]:
    before, after = executed.block.state, executed.result.state
    stored = {key[1:21] for key in before if key[:1] == b"s"}
    for txn_idx in range(len(executed.block)):
        sender = executed.raw(txn_idx)[1]
        for key, value in executed.result.reads(txn_idx):
            address = key[1:]
            if key[:1] != b"c" or value is not None or address == sender or _is_precompile(address):
                continue
            if address in stored:
                yield txn_idx, address, "whose storage was recorded without its code"
            elif b"e" + address not in before and b"e" + address not in after:
                yield txn_idx, address, "of which the pre-state has no account"
            elif before.get(b"n" + address) == b"\x01" and b"n" + address in after:
                yield txn_idx, address, "which the pre-state has without code"


def _is_precompile(address: bytes) -> bool:
    return not any(address[:18])
