"""Is what came of a block what its own header says? Proof by something that this project has not written."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Final, NamedTuple

from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from blockstm.errors import EthereumInputError, one_line
from blockstm.ethereum.block import EthereumBlock
from blockstm.ethereum.checking.closing import Closing, close_block
from blockstm.ethereum.checking.finalaccounts import accounts_of
from blockstm.ethereum.checking.roots import root_after
from blockstm.ethereum.node.encoding import block_size, encoded_withdrawal, header_hash
from blockstm.ethereum.node.parent import base_fee_after, can_follow
from blockstm.ethereum.node.prestate import Account
from blockstm.ethereum.node.tries import encode_rlp, ordered_trie_root
from blockstm.ethereum.py_evm.invalid import why_not_executed
from blockstm.ethereum.py_evm.machine import decode_transaction
from blockstm.ethereum.rules.blobs import GAS_PER_BLOB, blob_schedule, excess_blob_gas_after
from blockstm.ethereum.rules.forks import (
    BYZANTIUM,
    CANCUN,
    FRONTIER,
    LONDON,
    OSAKA,
    PARIS,
    PRAGUE,
    SHANGHAI,
    SPURIOUS_DRAGON,
    is_at_least,
    vm_class,
)
from blockstm.ethereum.rules.keys import decode_number, encode_number
from blockstm.ethereum.rules.networks import NETWORKS
from blockstm.ethereum.rules.outcome import Outcome
from blockstm.ethereum.rules.receipts import ChainReceipts, chain_receipts
from blockstm.ethereum.senders import senders_confirmed
from blockstm.native._trees import keccak_256
from blockstm.results.result import Result

__all__ = ["HEADER_CHECKS", "ExecutedBlock"]

STAGES: Final = ("transactions_root", "receipts_root", "state_root")
"""Checks that take what a node that validates the block takes; `senders` is one stage more."""


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
        self.stage_seconds: dict[str, float] = {}
        """How long stages of the block took that nodes have, too, by name."""
        self.stated: Mapping[str, bytes] = {**ethereum.header, "hash": ethereum.hash}
        """The header's fields, and the block's hash as it is stated."""
        for receipt in result.receipts:
            if receipt.status != "success":
                raise EthereumInputError(
                    f"{self.name_transaction(receipt.txn_idx)} cannot be executed: "
                    f"{why_not_executed(self.block, result, receipt.txn_idx)}"
                )

    def raw(self, txn_idx: int) -> tuple[bytes, bytes]:
        """Return a transaction's raw bytes and its sender."""
        raw, sender = self.block.transactions[txn_idx].arguments
        assert isinstance(raw, bytes) and isinstance(sender, bytes)
        return raw, sender

    def name_transaction(self, txn_idx: int) -> str:
        """Return words for a message that name a transaction and its sender."""
        raw, sender = self.raw(txn_idx)
        return f"transaction {txn_idx} (0x{keccak_256(raw).hex()}) of sender 0x{sender.hex()}"

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
        closing = Closing(
            self._ethereum.withdrawals, self._ethereum.uncle_count, uncles, self._ethereum.has_whole_state
        )
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
        """Return the root of the state after the block; None where the state is neither whole nor has a witness.

        Raises:
            EthereumInputError: the witness lacks a node, or one is damaged.
        """
        return None if self.lacks_uncle_rewards else root_after(self._ethereum, self.state_after)

    def uncles_hash(self) -> bytes | None:
        """Return the hash of the uncles' headers; None where the block does not tell them."""
        return (
            None
            if self._uncles is None
            else keccak_256(encode_rlp([[*uncle.values()] for uncle in self._uncles]))
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
        checks: dict[str, bool | None] = {}
        for name, check in HEADER_CHECKS.items():
            if earlier is not None and not check.depends_on_run:
                checks[name] = earlier[name]
                continue
            began = time.perf_counter()
            checks[name] = self._check(check)
            if name in STAGES and checks[name] is not None:
                self.stage_seconds[name] = time.perf_counter() - began
        return checks

    def _check(self, check: HeaderCheck) -> bool | None:
        if check.field not in self.stated or not is_at_least(self.environment.fork, check.since):
            return None
        return check.holds(self)

    def is_zero(self, field: str) -> bool | None:
        """Tell whether a field of the header is zero, as known networks have it since there is no proof of work."""
        return not any(self.stated[field]) if self.is_known_network else None

    @property
    def is_known_network(self) -> bool:
        """Whether all of the network's rules are known: others may have rules of their own for their headers."""
        return self.environment.chain_id in NETWORKS

    @property
    def parent(self) -> Mapping[str, bytes] | None:
        """The header of the block before this one, as `read_header` returns it; None where it is not known."""
        return self._ethereum.parent

    def excess_blob_gas(self) -> int | None:
        """Return the excess blob gas that follows from the parent (EIP-4844, EIP-7918); None if it is not known."""
        return None if self.parent is None else excess_blob_gas_after(self.environment.fork, self.parent)

    def base_fee_per_gas(self) -> int | None:
        """Return the base fee that follows from the parent (EIP-1559); None if it is not known."""
        return None if self.parent is None else base_fee_after(self.parent)

    @property
    def uncle_count(self) -> int:
        """How many uncles the block includes."""
        return self._ethereum.uncle_count

    def block_hash(self) -> bytes:
        """Return the hash of the header's fields: Keccak-256 of their RLP (Yellow Paper, 4.4.1)."""
        return header_hash(self._ethereum.header)

    def transactions_root(self) -> bytes:
        """Return the root of the trie of the raw transactions."""
        return ordered_trie_root([self.raw(txn_idx)[0] for txn_idx in range(len(self.block))])

    def withdrawals_root(self) -> bytes:
        """Return the root of the trie of the withdrawals (EIP-4895)."""
        return ordered_trie_root([encoded_withdrawal(entry) for entry in self._ethereum.withdrawals])

    def size(self) -> int:
        """Return how many bytes the RLP of the block has, which from Paris on has no uncles."""
        raws = [self.raw(txn_idx)[0] for txn_idx in range(len(self.block))]
        return block_size(self._ethereum.header, raws, self._ethereum.withdrawals)

    def check_senders(self) -> None:
        """Check every transaction's signature.

        Raises:
            EthereumInputError: one is not its sender's.
        """
        began = time.perf_counter()
        self._check_senders()
        self.stage_seconds["senders"] = time.perf_counter() - began

    def _check_senders(self) -> None:
        vm = vm_class(self.environment.fork)
        signed = [self.raw(txn_idx) for txn_idx in range(len(self.block))]
        # All at once where that can be had. What it does not confirm is looked at again, for the message.
        is_confirmed = (
            senders_confirmed(signed) if is_at_least(self.environment.fork, SPURIOUS_DRAGON) else None
        )
        for txn_idx, (raw, sender) in enumerate(signed):
            if is_confirmed is not None and is_confirmed[txn_idx]:
                continue
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
            GAS_PER_BLOB * len(txn.blob_versioned_hashes) for txn in decoded if txn.type_id == _BLOB_TYPE
        )


_BLOB_TYPE: Final = 3
_SIZE_MAX: Final = 10 * (1 << 20) - 2 * (1 << 20)
"""How many bytes a block has at most, 2 MiB below what the consensus layer passes on (EIP-7934)."""
_GAS_LIMIT_MIN: Final = 5000
_GAS_LIMIT_MAX: Final = 2**63 - 1
_EXTRA_BYTES_MAX: Final = 32
_NO_UNCLES: Final = keccak_256(encode_rlp([]))


Compute = Callable[["ExecutedBlock"], "int | bytes | None"]
"""What a field of the header must be, as a number or as bytes; None where that cannot be told."""


def _equals(field: str, compute: Compute) -> Callable[[ExecutedBlock], bool | None]:
    """Return the check whether a field of the header says what is computed."""

    def holds(executed: ExecutedBlock) -> bool | None:
        computed = compute(executed)
        if computed is None:
            return None
        return executed.stated[field] == (encode_number(computed) if isinstance(computed, int) else computed)

    return holds


def _uncles_hash(executed: ExecutedBlock) -> bool | None:
    """Tell whether the hash of the uncles is right; None where the block does not tell their headers."""
    stated = executed.stated["sha3Uncles"]
    if executed.uncle_count and is_at_least(executed.environment.fork, PARIS):
        return False
    computed = executed.uncles_hash()
    if computed is None:
        return False if stated == _NO_UNCLES else None
    return stated == computed


def _extra_data(executed: ExecutedBlock) -> bool | None:
    return len(executed.stated["extraData"]) <= _EXTRA_BYTES_MAX if executed.is_known_network else None


def _blob_gas_limit(executed: ExecutedBlock) -> bool | None:
    if not executed.is_known_network:
        return None
    return executed.blob_gas_used() <= blob_schedule(executed.environment.fork).blobs_max * GAS_PER_BLOB


def _parent(executed: ExecutedBlock) -> bool | None:
    """Tell whether the block can come after its parent; None where that is not known."""
    if executed.parent is None:
        return None
    if executed.stated["parentHash"] != header_hash(executed.parent):
        return False
    return not executed.is_known_network or can_follow(executed.parent, executed.stated)


def _known(compute: Callable[[ExecutedBlock], int | None]) -> Compute:
    """Return what computes a field only of blocks of known networks: others have other parameters."""
    return lambda executed: compute(executed) if executed.is_known_network else None


def _size(executed: ExecutedBlock) -> bool | None:
    return executed.size() <= _SIZE_MAX if executed.is_known_network else None


def _gas_limit(executed: ExecutedBlock) -> bool:
    """Tell whether each transaction's gas limit fits into what those before it have left, and the header's does."""
    limit = executed.environment.gas_limit
    if not _GAS_LIMIT_MIN <= limit <= _GAS_LIMIT_MAX or decode_number(executed.stated["gasUsed"]) > limit:
        return False
    vm = vm_class(executed.environment.fork)
    used = 0
    for receipt in executed.result.receipts:
        if used + decode_transaction(vm, *executed.raw(receipt.txn_idx)).gas > limit:
            return False
        used += receipt.gas_used
    return True


class HeaderCheck(NamedTuple):
    """One comparison of a block with its header.

    Arguments:
        field: of the header, or `hash`.
        since: the fork with which it came, or from which on it can be told here.
        holds: whether the header is right; None where that cannot be told.
        depends_on_run: whether it depends on what came of the transactions.
    """

    field: str
    since: str
    holds: Callable[[ExecutedBlock], bool | None]
    depends_on_run: bool = False


def _executed(field: str, since: str, compute: Compute) -> HeaderCheck:
    return HeaderCheck(field, since, _equals(field, compute), depends_on_run=True)


def _of_block(field: str, since: str, compute: Compute) -> HeaderCheck:
    return HeaderCheck(field, since, _equals(field, compute))


HEADER_CHECKS: Final[dict[str, HeaderCheck]] = {
    "block_hash": _of_block("hash", FRONTIER, ExecutedBlock.block_hash),
    "transactions_root": _of_block("transactionsRoot", FRONTIER, ExecutedBlock.transactions_root),
    "uncles_hash": HeaderCheck("sha3Uncles", FRONTIER, _uncles_hash),
    "withdrawals_root": _of_block("withdrawalsRoot", SHANGHAI, ExecutedBlock.withdrawals_root),
    "difficulty": HeaderCheck("difficulty", PARIS, lambda executed: executed.is_zero("difficulty")),
    "nonce": HeaderCheck("nonce", PARIS, lambda executed: executed.is_zero("nonce")),
    "extra_data": HeaderCheck("extraData", FRONTIER, _extra_data),
    "blob_gas_used": _of_block("blobGasUsed", CANCUN, ExecutedBlock.blob_gas_used),
    "blob_gas_limit": HeaderCheck("blobGasUsed", CANCUN, _blob_gas_limit),
    "parent": HeaderCheck("parentHash", FRONTIER, _parent),
    "base_fee": _of_block("baseFeePerGas", LONDON, _known(ExecutedBlock.base_fee_per_gas)),
    "excess_blob_gas": _of_block("excessBlobGas", CANCUN, _known(ExecutedBlock.excess_blob_gas)),
    "block_size": HeaderCheck("hash", OSAKA, _size),
    "gas_limit": HeaderCheck("gasLimit", FRONTIER, _gas_limit, depends_on_run=True),
    "gas_used": _executed("gasUsed", FRONTIER, lambda executed: executed.receipts.gas_used),
    "logs_bloom": _executed("logsBloom", FRONTIER, lambda executed: executed.receipts.logs_bloom),
    # Before Byzantium a receipt holds the root of the whole state, which no block's pre-state has.
    "receipts_root": _executed(
        "receiptsRoot", BYZANTIUM, lambda executed: ordered_trie_root(executed.receipts.encoded)
    ),
    "requests_hash": _executed("requestsHash", PRAGUE, lambda executed: executed.requests_hash),
    "state_root": _executed("stateRoot", FRONTIER, ExecutedBlock.state_root),
}
"""By the names that they have in the JSON output."""
