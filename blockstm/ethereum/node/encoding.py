"""Headers, withdrawals and blocks in RLP (Yellow Paper, 4.4.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from blockstm.ethereum.node.header import Withdrawal
from blockstm.ethereum.node.tries import encode_rlp
from blockstm.ethereum.rules.keys import encode_number
from blockstm.ethereum.rules.receipts import transaction_type
from blockstm.native._trees import keccak_256

__all__ = ["block_size", "encoded_withdrawal", "header_hash"]

_LONG_LIST_BYTES: Final = 56


def header_hash(header: Mapping[str, bytes]) -> bytes:
    """Return the hash of a header: Keccak-256 of the RLP of its fields (Yellow Paper, 4.4.1).

    Arguments:
        header: its fields in their order, as `read_header` returns them.
    """
    return keccak_256(encode_rlp([*header.values()]))


def encoded_withdrawal(withdrawal: Withdrawal) -> bytes:
    """Return the RLP of a withdrawal (EIP-4895)."""
    return encode_rlp(
        [
            encode_number(withdrawal.index),
            encode_number(withdrawal.validator_index),
            withdrawal.address,
            encode_number(withdrawal.amount_gwei),
        ]
    )


def block_size(header: Mapping[str, bytes], raws: Sequence[bytes], withdrawals: Iterable[Withdrawal]) -> int:
    """Return how many bytes the RLP of a block has that has withdrawals, if only an empty list, and no uncles.

    Arguments:
        header: its fields in their order, as `read_header` returns them.
        raws: its transactions as EIP-2718 encodes them.
        withdrawals: in their order.
    """
    # A typed transaction stands in the list as bytes, one of the first form as the list that it is.
    transactions = sum(len(encode_rlp(raw)) if transaction_type(raw) else len(raw) for raw in raws)
    withdrawn = sum(len(encoded_withdrawal(entry)) for entry in withdrawals)
    fields = len(encode_rlp([*header.values()]))
    return _list_length(fields + _list_length(transactions) + _list_length(0) + _list_length(withdrawn))


def _list_length(payload_length: int) -> int:
    """Return how many bytes the RLP of a list has, given that of its items (Yellow Paper, appendix B)."""
    is_short = payload_length < _LONG_LIST_BYTES
    return 1 + payload_length + (0 if is_short else len(encode_number(payload_length)))
