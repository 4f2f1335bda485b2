"""The flat state of recorded Ethereum blocks, read back into accounts, to compare with the oracle's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ethereum.crypto.hash import keccak256

from tests.ethereum_oracle import Account

ADDRESS_BYTES = 20
SLOT_BYTES = 32
HASH_BYTES = 32
INCARNATION_BYTES = 2


@dataclass
class FlatAccount:
    """What the state's keys say of an address."""

    nonce: int = 0
    balance: int = 0
    code: bytes = b""
    exists: bool = False
    incarnation: int = 0
    storage: dict[tuple[int, int], int] = field(default_factory=dict)
    """By incarnation and slot."""

    def current_storage(self) -> dict[int, int]:
        """The slots that have not been wiped."""
        return {
            slot: value
            for (incarnation, slot), value in self.storage.items()
            if incarnation == self.incarnation
        }


def assert_same_state(ours: Mapping[bytes, bytes], oracle_accounts: Mapping[bytes, Account]) -> None:
    """Compare a block's final state with the oracle's accounts.

    Arguments:
        ours: the flat state. The block's environment and block hashes in it are passed over.
        oracle_accounts: the accounts that exist, by their addresses.

    Raises:
        AssertionError: they differ, or a key or value is not of the form it has to have. All differences are
            told, by account and field.
    """
    accounts, found = flat_accounts(ours)
    for address in sorted(accounts.keys() | oracle_accounts.keys()):
        account = accounts.get(address, FlatAccount())
        expected = oracle_accounts.get(address)
        found += [f"0x{address.hex()} {text}" for text in account_differences(account, expected)]
    assert not found, f"{len(found)} differences from the oracle's state:\n" + "\n".join(found)


def account_differences(ours: FlatAccount, oracle: Account | None) -> list[str]:
    """In what an account differs: one line a field or slot."""
    expected = oracle or Account(0, 0, b"", {})
    storage = ours.current_storage()
    fields = [
        ("exists", ours.exists, oracle is not None),
        ("nonce", ours.nonce, expected.nonce),
        ("balance", ours.balance, expected.balance),
        ("code", ours.code.hex(), expected.code.hex()),
    ]
    fields += [
        (f"storage[{slot:#x}]", storage.get(slot, 0), expected.storage.get(slot, 0))
        for slot in sorted(storage.keys() | expected.storage.keys())
    ]
    return [f"{name}: {mine}, oracle {theirs}" for name, mine, theirs in fields if mine != theirs]


def flat_accounts(state: Mapping[bytes, bytes]) -> tuple[dict[bytes, FlatAccount], list[str]]:
    """The accounts of a flat state by their addresses, and what is wrong with its keys and values."""
    accounts: dict[bytes, FlatAccount] = {}
    wrong = []
    for key, value in state.items():
        if key[:1] in (b"h", b"H"):
            continue
        account = accounts.setdefault(key[1 : 1 + ADDRESS_BYTES], FlatAccount())
        if problem := take_in(account, key, value):
            wrong.append(f"key 0x{key.hex()}: {problem}")
    return accounts, wrong


def take_in(account: FlatAccount, key: bytes, value: bytes) -> str | None:
    """Note what one key says of its account; what is wrong with it, if anything is."""
    kind, rest = key[:1], key[1 + ADDRESS_BYTES :]
    if kind == b"s":
        if len(rest) not in (SLOT_BYTES, SLOT_BYTES + INCARNATION_BYTES):
            return f"it has {len(key)} bytes"
        incarnation = int.from_bytes(rest[SLOT_BYTES:], "big")
        if len(rest) > SLOT_BYTES and incarnation == 0:
            return "incarnation 0 is written out"
        account.storage[incarnation, int.from_bytes(rest[:SLOT_BYTES], "big")] = int.from_bytes(value, "big")
    elif kind not in (b"n", b"b", b"c", b"e", b"w"):
        return "it is of no known kind"
    elif len(key) != 1 + ADDRESS_BYTES:
        return f"it has {len(key)} bytes"
    elif kind == b"c":
        account.code = value[HASH_BYTES:]
        if not account.code:
            return "no code is written out"
        return None if value[:HASH_BYTES] == keccak256(account.code) else "the hash is not that of the code"
    elif kind == b"e":
        account.exists = True
        return None if value == b"\x01" else f"its value is 0x{value.hex()}"
    else:
        name = {b"n": "nonce", b"b": "balance", b"w": "incarnation"}[kind]
        setattr(account, name, int.from_bytes(value, "big"))
    return f"0x{value.hex()} is not a minimal number other than zero" if value[:1] in (b"", b"\x00") else None
