"""What a chain's keys mean: their names, who is paid fees, and which transactions are plain transfers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blockstm.analysis.accesses import AccessSet
from blockstm.blocks.block import Block
from blockstm.programs.built_in import transfer

__all__ = ["Conventions", "Fees", "StatePlace", "Unknown"]


@dataclass(frozen=True, slots=True)
class Fees:
    """Where fees go.

    Arguments:
        keys: what they are added to; none where none are paid.
        source: how that is known, as text for a person.
        all_settle: whether each transaction settles its fee with these keys, also one that pays nothing.
    """

    keys: frozenset[bytes]
    source: str
    all_settle: bool


@dataclass(frozen=True, slots=True)
class Unknown:
    """Says why something is not known, and what can be done about it."""

    reason: str


@dataclass(frozen=True, slots=True)
class StatePlace:
    """Where a key stands in a chain's state.

    Arguments:
        entry: what a store is asked for to know the key; keys that are stored together have the same.
        account: what the state's tree knows it under; each account has a leaf there.
        is_slot: whether it stands in a tree of the account's own, whose root is in that leaf.
    """

    entry: bytes
    account: bytes
    is_slot: bool = False


class Conventions:
    """Those of a chain of which nothing is known. Chains that are known have a subclass."""

    def key_name(self, key: bytes) -> str:
        """Return what a person calls a key: here its text, where it is printable ASCII, or else its hex digits."""
        try:
            text = key.decode("ascii")
        except UnicodeDecodeError:
            text = ""
        return text if text and text.isprintable() else f"0x{key.hex()}"

    def state_place(self, key: bytes) -> StatePlace | None:
        """Return where a key stands in the state, here each by itself; None for one that is no part of it."""
        return StatePlace(key, key)

    def fees(self, block: Block, accesses: Sequence[AccessSet]) -> Fees | Unknown:
        """Return where fees go.

        Arguments:
            block: the block.
            accesses: of its transactions.
        """
        return Unknown("it is not known where fees go on this chain; name the key with --fee-key")

    def transfer_balances(
        self, block: Block, accesses: Sequence[AccessSet], gas_used: Sequence[int] | None
    ) -> list[frozenset[bytes]] | Unknown:
        """Return the balances that each transaction, if it is a plain transfer, only moves value between.

        Here these are the transactions of the native program `transfer` that were not reverted.

        Arguments:
            block: the block.
            accesses: of its transactions.
            gas_used: by them, where known.
        """
        balances: list[frozenset[bytes]] = []
        for transaction, access in zip(block.transactions, accesses, strict=True):
            keys = transaction.arguments[:2] if transaction.program is transfer else ()
            moved = frozenset(key for key in keys if isinstance(key, bytes) and key in access.changes)
            balances.append(moved)
        if accesses and not any(transaction.program is transfer for transaction in block.transactions):
            return Unknown("it is not known which transactions of this chain are plain transfers")
        return balances
