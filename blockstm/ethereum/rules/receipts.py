"""The receipts of a block as the chain writes them, and what its header holds of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import rlp
from eth_bloom.bloom import BloomFilter

from blockstm.ethereum.rules.outcome import Log, Outcome

__all__ = ["ChainReceipts", "chain_receipts", "transaction_type"]


@dataclass(frozen=True, slots=True)
class ChainReceipts:
    """A block's receipts, summed up in the preset order.

    Arguments:
        gas_used: of all transactions.
        logs_bloom: over all logs, 256 bytes.
        encoded: each transaction's receipt as the receipts trie holds it (EIP-2718), with the status of EIP-658.
        logs: of all transactions, in order.
    """

    gas_used: int
    logs_bloom: bytes
    encoded: list[bytes]
    logs: list[Log]


def chain_receipts(outcomes: Iterable[tuple[bytes, int, Outcome]]) -> ChainReceipts:
    """Return the receipts of a block.

    Arguments:
        outcomes: of each transaction, in the preset order: its raw bytes, the gas that it used, its outcome.
    """
    cumulative_gas = 0
    block_bloom = BloomFilter()
    encoded = []
    logs: list[Log] = []
    for raw, gas_used, outcome in outcomes:
        cumulative_gas += gas_used
        bloom = logs_bloom(outcome.logs)
        block_bloom |= bloom
        fields = [int(outcome.succeeded), cumulative_gas, bloom_bytes(bloom), outcome.logs]
        encoded.append(transaction_type(raw) + rlp.encode(fields))
        logs += outcome.logs
    return ChainReceipts(cumulative_gas, bloom_bytes(block_bloom), encoded, logs)


def transaction_type(raw: bytes) -> bytes:
    """Return the type byte of a raw transaction, empty for one from before there were types (EIP-2718)."""
    return raw[:1] if raw[0] < 0x80 else b""


def logs_bloom(logs: Iterable[Log]) -> BloomFilter:
    """Return the bloom filter of the addresses and topics of logs (Yellow Paper, 4.3.1)."""
    bloom = BloomFilter()
    for address, topics, _ in logs:
        bloom.add(address)
        for topic in topics:
            bloom.add(topic)
    return bloom


def bloom_bytes(bloom: BloomFilter) -> bytes:
    """Return a bloom filter as headers and receipts hold it, 256 bytes."""
    return int(bloom).to_bytes(256, "big")
