"""What the keys of an Ethereum block mean to the analysis: names, who is paid fees, plain transfers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from blockstm.analysis.accesses import AccessSet
from blockstm.analysis.conventions import Conventions, Fees, StatePlace, Unknown
from blockstm.blocks.block import Block
from blockstm.ethereum.rules.environment import Environment
from blockstm.ethereum.rules.keys import ENVIRONMENT_KEY, balance_key, nonce_key

__all__ = ["EthereumConventions"]

PLAIN_TRANSFER_GAS: Final = 21_000
"""What a transaction without data uses that runs no code."""
BALANCE: Final = balance_key(b"")
ADDRESS_BYTES: Final = 20
SLOT_BYTES: Final = 32
ACCOUNT_PARTS: Final = {
    b"n": "nonce",
    b"b": "balance",
    b"c": "code",
    b"e": "existence",
    b"w": "storage incarnation",
}


class EthereumConventions(Conventions):
    """Those of the keys in docs/how-to/ethereum.md."""

    def key_name(self, key: bytes) -> str:
        """Return what a person calls a key: a part of an account, or a slot of a contract."""
        letter, rest = key[:1], key[1:]
        if key == ENVIRONMENT_KEY:
            return "the block's environment"
        if letter in ACCOUNT_PARTS and len(rest) == ADDRESS_BYTES:
            return f"{ACCOUNT_PARTS[letter]} of 0x{rest.hex()}"
        if letter == b"h" and len(rest) == 8:
            return f"hash of block {int.from_bytes(rest, 'big')}"
        address, slot, incarnation = (
            rest[:ADDRESS_BYTES],
            rest[ADDRESS_BYTES : ADDRESS_BYTES + SLOT_BYTES],
            rest[ADDRESS_BYTES + SLOT_BYTES :],
        )
        if letter == b"s" and len(slot) == SLOT_BYTES and len(incarnation) in (0, 2):
            wiped = f" (storage {int.from_bytes(incarnation, 'big')})" if incarnation else ""
            return f"slot {int.from_bytes(slot, 'big'):#x} of 0x{address.hex()}{wiped}"
        return super().key_name(key)

    def state_place(self, key: bytes) -> StatePlace | None:
        """Return the account of a key. Its fields are stored together, its code and each slot apart from them."""
        letter, address = key[:1], key[1 : 1 + ADDRESS_BYTES]
        account = nonce_key(address)
        if letter == b"s":
            return StatePlace(key, account, is_slot=True)
        if letter not in ACCOUNT_PARTS:
            return None
        return StatePlace(key if letter == b"c" else account, account)

    def fees(self, block: Block, accesses: Sequence[AccessSet]) -> Fees | Unknown:
        """Return the beneficiary's balance, as the environment names it or else as the accesses tell.

        Every transaction settles with the beneficiary, also one whose fee is zero.

        Raises:
            EthereumInputError: the environment is not as `record ethereum` writes it.
        """
        coinbase = _coinbase(block)
        if coinbase is not None:
            key = balance_key(coinbase)
            paid = any(key in access.changes for access in accesses)
            return Fees(frozenset((key,)) if paid else frozenset(), "the block's environment", True)
        return _fees_by_accesses(accesses)

    def transfer_balances(
        self, block: Block, accesses: Sequence[AccessSet], gas_used: Sequence[int] | None
    ) -> list[frozenset[bytes]] | Unknown:
        """Return all balances that a transaction of 21,000 gas accesses: it has no data and runs no code."""
        if gas_used is None:
            if not accesses:
                return []
            return Unknown("plain transfers are recognised by the gas that they used, which is not known")
        return [
            frozenset(filter(is_balance, access.keys)) if gas == PLAIN_TRANSFER_GAS else frozenset()
            for access, gas in zip(accesses, gas_used, strict=True)
        ]


def is_balance(key: bytes) -> bool:
    """Tell whether a key is that of a balance."""
    return key[:1] == BALANCE and len(key) == len(BALANCE) + ADDRESS_BYTES


def _coinbase(block: Block) -> bytes | None:
    """Return the beneficiary that the block's environment names; None if the block has none, as of a trace."""
    encoded = block.state.get(ENVIRONMENT_KEY)
    return None if encoded is None else Environment.decoded(encoded).coinbase


def _fees_by_accesses(accesses: Sequence[AccessSet]) -> Fees | Unknown:
    """Return the balance that most transactions change, of several the one that is most often credited."""
    credited = Counter(key for access in accesses for key in access.adds if is_balance(key))
    if not credited:
        return Fees(frozenset(), "no balance is credited", True)
    if len(accesses) == 1:
        return Fees(frozenset(), "a single transaction waits for none", True)
    changes = Counter(key for access in accesses for key in access.changes if key in credited)
    (most, key), *others = sorted(((changes[key], credited[key]), key) for key in changes)[::-1]
    count = most[0]
    if 2 * count <= len(accesses) or (others and others[0][0] == most):
        return Unknown(
            "no balance is changed by more than half of the transactions and more often than any other; "
            "name the fee recipient's with --fee-key"
        )
    return Fees(frozenset((key,)), f"{count} of {len(accesses)} transactions change it", True)
