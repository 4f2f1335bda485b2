"""Accounts as keys of a block's state."""

from __future__ import annotations

from blockstm.ethereum.node.prestate import Account
from blockstm.ethereum.rules.forks import SPURIOUS_DRAGON, is_at_least
from blockstm.ethereum.rules.keys import (
    EXISTS,
    EXISTS_EMPTY,
    STORAGE_WITHOUT_CODE,
    balance_key,
    code_key,
    encode_number,
    existence_key,
    nonce_key,
    storage_key,
)
from blockstm.native._trees import keccak_256

__all__ = ["add_account"]


def add_account(
    state: dict[bytes, bytes], address: bytes, account: Account, fork: str, *, exists: bool
) -> None:
    """Write an account into a state.

    Arguments:
        state: values by key; changed in place.
        address: the account's, 20 bytes.
        account: what it has.
        fork: the rules that hold.
        exists: it is there although it may be empty; one with a storage is there in any case.
    """
    stored = any(account.storage.values())
    if exists or stored:
        has_eip_161 = is_at_least(fork, SPURIOUS_DRAGON)
        state[existence_key(address)] = EXISTS_EMPTY if account.empty and has_eip_161 else EXISTS
    if account.nonce:
        state[nonce_key(address)] = encode_number(account.nonce)
    if account.balance:
        state[balance_key(address)] = encode_number(account.balance)
    if account.code:
        state[code_key(address)] = keccak_256(account.code) + account.code
    elif stored:
        state[code_key(address)] = STORAGE_WITHOUT_CODE
    for slot, value in account.storage.items():
        if value:
            state[storage_key(address, slot)] = encode_number(value)
