"""Is what came of a block what its own header says? Proof by something that this project has not written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Final

from eth_hash.auto import keccak
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from blockstm.errors import EthereumInputError, one_line
from blockstm.ethereum.block import EthereumBlock
from blockstm.ethereum.closing import Closing, close_block
from blockstm.ethereum.finalaccounts import accounts_of
from blockstm.ethereum.forks import BYZANTIUM, CANCUN, PRAGUE, SHANGHAI, is_at_least, vm_class
from blockstm.ethereum.header import Withdrawal
from blockstm.ethereum.keys import (
    STORAGE_WITHOUT_CODE,
    balance_key,
    decode_number,
    encode_number,
    existence_key,
)
from blockstm.ethereum.machine import decode_transaction
from blockstm.ethereum.outcome import Outcome
from blockstm.ethereum.prestate import Account
from blockstm.ethereum.receipts import ChainReceipts, chain_receipts
from blockstm.ethereum.tries import encode_rlp, ordered_trie_root, state_root
from blockstm.result import Result

__all__ = ["HEADER_CHECKS", "ExecutedBlock"]


class ExecutedBlock:
    """An Ethereum block that has been executed.

    Arguments:
        ethereum: the block, and what it says of itself.
        result: what came of it.

    Raises:
        EthereumInputError: a transaction is invalid here, so the block was not recorded whole.
    """

    def __init__(self, ethereum: EthereumBlock, result: Result) -> None:
        """Look for invalid transactions."""
        self.block = ethereum.block
        self.environment = ethereum.environment
        self.result = result
        self._ethereum = ethereum
        self._uncles = ethereum.uncles
        self._stated = {**ethereum.header, "hash": ethereum.hash}
        for receipt in result.receipts:
            if receipt.status != "success":
                raise EthereumInputError(
                    f"{self.name_transaction(receipt.txn_idx)} cannot be executed: {_reason(str(receipt.error))}"
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
        uncles = tuple((header["miner"], decode_number(header["number"])) for header in self._uncles or ())
        closing = Closing(self._ethereum.withdrawals, self._ethereum.uncle_count, uncles)
        return close_block(self.result.state, self.environment, closing, self.receipts.logs)

    @property
    def state_after(self) -> Mapping[bytes, bytes]:
        """The state after withdrawals, system calls and rewards; `Result.state` is that after the transactions."""
        return self._closed[0]

    @property
    def has_whole_state(self) -> bool:
        """Whether the block's state holds all accounts of the chain."""
        return self._ethereum.has_whole_state

    @property
    def lacks_uncle_rewards(self) -> bool:
        """Whether `state_after` lacks what the miners of uncles get, as the block does not tell who they are."""
        return self._uncles is None

    @cached_property
    def accounts_after(self) -> dict[bytes, Account]:
        """The accounts of `state_after`, by address, in the order of the addresses."""
        return accounts_of(self.state_after)

    def state_root(self) -> bytes | None:
        """Return the root of the state after the block; None where the state is not whole."""
        if self.has_whole_state and not self.lacks_uncle_rewards:
            return state_root(self.accounts_after)
        return None

    def uncles_hash(self) -> bytes | None:
        """Return the hash of the uncles' headers; None where the block does not tell them."""
        return (
            None
            if self._uncles is None
            else keccak(encode_rlp([[*uncle.values()] for uncle in self._uncles]))
        )

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
        if field not in self._stated or not is_at_least(self.environment.fork, since):
            return None
        computed = compute(self)
        if computed is None:
            return None
        return self._stated[field] == (encode_number(computed) if isinstance(computed, int) else computed)

    def block_hash(self) -> bytes:
        """Return the hash of the header's fields: Keccak-256 of their RLP (Yellow Paper, 4.4.1)."""
        return keccak(encode_rlp([*self._ethereum.header.values()]))

    def transactions_root(self) -> bytes:
        """Return the root of the trie of the raw transactions."""
        return ordered_trie_root([self.raw(txn_idx)[0] for txn_idx in range(len(self.block))])

    def withdrawals_root(self) -> bytes:
        """Return the root of the trie of the withdrawals (EIP-4895)."""
        return ordered_trie_root([_encoded_withdrawal(entry) for entry in self._ethereum.withdrawals])

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


def _reason(error: str) -> str:
    """Return what is wrong with a transaction that failed, and the mend."""
    kind, _, reason = one_line(error, _REASON_CHARACTERS_MAX).partition(": ")
    if kind == EthereumInputError.__name__:
        return reason  # it says the mend
    return (
        f"{one_line(error)}; record the block again, with a pre-state that has all that it touches, or give its "
        "transactions the time and memory that they need"
    )


_REASON_CHARACTERS_MAX: Final = 1000
_BLOB_TYPE: Final = 3
_GAS_PER_BLOB: Final = 1 << 17

HEADER_CHECKS: Final[dict[str, tuple[str, str, Callable[[ExecutedBlock], int | bytes | None]]]] = {
    "block_hash": ("hash", "frontier", ExecutedBlock.block_hash),
    "transactions_root": ("transactionsRoot", "frontier", ExecutedBlock.transactions_root),
    "uncles_hash": ("sha3Uncles", "frontier", ExecutedBlock.uncles_hash),
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
    "state_root": ("stateRoot", "frontier", ExecutedBlock.state_root),
}
"""By the names that they have in the JSON output: the field of the header, the fork with which it came or from
which on it can be computed here, and what computes it, as a number or as bytes; None where it cannot."""

_OF_BLOCK: Final = frozenset(
    ("block_hash", "transactions_root", "uncles_hash", "withdrawals_root", "blob_gas_used")
)


def _encoded_withdrawal(withdrawal: Withdrawal) -> bytes:
    return encode_rlp(
        [
            encode_number(withdrawal.index),
            encode_number(withdrawal.validator_index),
            withdrawal.address,
            encode_number(withdrawal.amount_gwei),
        ]
    )


def what_lacks(executed: ExecutedBlock) -> str | None:
    """Return words for what the pre-state seems to lack, None if it seems whole.

    An account that is not there cannot be told from one that was not recorded, so this is a guess, to be asked for
    only when a block does not come to what its genuine header says. It looks for code that transactions looked for
    in vain, and takes the first account of the strongest sort, and the first transaction that looked for its code:

    1. the account was recorded with storage;
    2. it was not recorded, and the transaction failed, or has input for it;
    3. it was not recorded;
    4. it was recorded, and the transaction failed, or has input for it;
    5. it was not recorded, and is sent ether by the transaction itself, without input;
    6. it was recorded, and a contract calls it without ether.

    Left out are senders, precompiled contracts, and accounts to which the block gives code.
    """
    lacks = [] if executed.has_whole_state else list(_lacks(executed))
    if not lacks:
        return None
    strength, _, address = min(lacks)
    txn_idx = min(txn_idx for _, txn_idx, other in lacks if other == address)
    return f"{executed.name_transaction(txn_idx)} looks for code at 0x{address.hex()}, {_LACKS[strength]}"


_NO_CODE: Final = (None, STORAGE_WITHOUT_CODE)
_LACKS: Final = (
    "whose storage was recorded without its code",
    "of which the pre-state has no account",
    "of which the pre-state has no account",
    "which the pre-state has without code",
    "of which the pre-state has no account",
    "which the pre-state has without code",
)


def _lacks(executed: ExecutedBlock) -> Iterator[tuple[int, int, bytes]]:
    """Yield vain looks for code: what speaks for a lack, as an index into _LACKS, the transaction, the address."""
    before, result = executed.block.state, executed.result
    indexes = range(len(executed.block))
    stored = {key[1:21] for key in before if key[:1] == b"s"}
    coded = {key[1:21] for txn_idx in indexes for key, _ in result.writes(txn_idx) if key[:1] == b"c"}
    left_out = coded | {executed.raw(txn_idx)[1] for txn_idx in indexes}
    vm = vm_class(executed.environment.fork)
    for txn_idx, receipt in enumerate(result.receipts):
        txn = decode_transaction(vm, *executed.raw(txn_idx))
        failed = not Outcome.of_events(receipt.events).succeeded
        changed = {key for key, _ in (*result.writes(txn_idx), *result.adds(txn_idx))}
        reads = dict(result.reads(txn_idx))
        for key, value in reads.items():
            address = key[1:]
            if key[:1] != b"c" or value not in _NO_CODE or address in left_out or _is_precompile(address):
                continue
            is_recorded, is_target = existence_key(address) in before, address == txn.to
            if address in stored:
                yield 0, txn_idx, address
            elif is_target and not txn.data:
                if not is_recorded:
                    yield 4, txn_idx, address
            elif is_recorded:
                if is_target or failed:
                    yield 3, txn_idx, address
                elif existence_key(address) in reads and balance_key(address) not in changed:
                    # Who is called, rather than looked at, has its existence read, too.
                    yield 5, txn_idx, address
            elif is_target or balance_key(address) not in changed:
                yield 1 if is_target or failed else 2, txn_idx, address


def _is_precompile(address: bytes) -> bool:
    return not any(address[:18])
