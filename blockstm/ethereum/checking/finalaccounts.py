"""The accounts that a state's keys tell of, and the JSON in which Ethereum's tools write accounts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from blockstm.ethereum.node.prestate import Account
from blockstm.ethereum.rules.keys import (
    balance_key,
    code_key,
    decode_number,
    existence_key,
    incarnation_key,
    nonce_key,
)

__all__ = ["accounts_json", "accounts_of"]

_ADDRESS: Final = slice(1, 21)
_SLOT: Final = slice(21, 53)
_INCARNATION: Final = slice(53, None)
_HASH_BYTES: Final = 32


def accounts_of(state: Mapping[bytes, bytes]) -> dict[bytes, Account]:
    """Return the accounts that exist in a state, by address, in the order of the addresses.

    Slots that were wiped are left out. Keys of accounts that do not exist are passed over, as are the environment
    and block hashes.

    Arguments:
        state: values by key (see `blockstm.ethereum.rules.keys`), in the form that `check_entry` asks for.
    """
    existing = sorted(key[_ADDRESS] for key in state if key[:1] == existence_key(b""))
    accounts = {
        address: Account(
            balance=decode_number(state.get(balance_key(address))),
            nonce=decode_number(state.get(nonce_key(address))),
            code=state.get(code_key(address), b"")[_HASH_BYTES:],
        )
        for address in existing
    }
    for key, value in state.items():
        if key[:1] == b"s" and (account := accounts.get(key[_ADDRESS])) is not None:
            wiped = decode_number(state.get(incarnation_key(key[_ADDRESS])))
            if decode_number(key[_INCARNATION]) == wiped:
                account.storage[decode_number(key[_SLOT])] = decode_number(value)
    return accounts


def accounts_json(accounts: Mapping[bytes, Account]) -> bytes:
    """Return accounts as the `alloc` of a genesis file has them, which `record ethereum` takes for a pre-state.

    An object of accounts by address, in their order, one a line: `nonce`, `balance` (wei) and `code` as 0x and hex
    digits; `storage`, an object of the slots that are not zero, slots and values as 0x and 64 hex digits.
    """
    lines = [
        f"{json.dumps(f'0x{address.hex()}')}: {json.dumps(_fields(accounts[address]))}"
        for address in sorted(accounts)
    ]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode() if lines else b"{}\n"


def _fields(account: Account) -> dict[str, object]:
    return {
        "nonce": hex(account.nonce),
        "balance": hex(account.balance),
        "code": f"0x{account.code.hex()}",
        "storage": {_word(slot): _word(value) for slot, value in sorted(account.storage.items()) if value},
    }


def _word(number: int) -> str:
    return f"0x{number:064x}"
