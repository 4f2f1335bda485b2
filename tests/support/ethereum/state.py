"""The flat state of recorded Ethereum blocks, read back into accounts, to compare with the oracle's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ethereum.crypto.hash import keccak256

from blockstm.ethereum.checking.finalaccounts import accounts_of
from tests.support.ethereum.oracle import Account

ADDRESS_BYTES = 20
SLOT_BYTES = 32
HASH_BYTES = 32
INCARNATION_BYTES = 2
NUMBERS = (b"n", b"b", b"w", b"s")
KINDS = (*NUMBERS, b"c", b"e")


def assert_same_state(ours: Mapping[bytes, bytes], oracle_accounts: Mapping[bytes, Account]) -> None:
    """Compare a block's final state with the oracle's accounts.

    Arguments:
        ours: the flat state. The block's environment and block hashes in it are passed over.
        oracle_accounts: the accounts that exist, by their addresses.

    Raises:
        AssertionError: they differ, or a key or value is not of the form it has to have. All differences are
            told, by account and field.
    """
    found = list(problems_of(ours))
    accounts = {
        address: Account(account.nonce, account.balance, account.code, account.storage)
        for address, account in accounts_of(ours).items()
    }
    for address in sorted(accounts.keys() | oracle_accounts.keys()):
        differences = account_differences(accounts.get(address), oracle_accounts.get(address))
        found += [f"0x{address.hex()} {text}" for text in differences]
    assert not found, f"{len(found)} differences from the oracle's state:\n" + "\n".join(found)


def account_differences(ours: Account | None, oracle: Account | None) -> list[str]:
    """In what an account differs: one line a field or slot."""
    mine, theirs = (account or Account(0, 0, b"", {}) for account in (ours, oracle))
    fields: list[tuple[str, object, object]] = [
        ("exists", ours is not None, oracle is not None),
        ("nonce", mine.nonce, theirs.nonce),
        ("balance", mine.balance, theirs.balance),
        ("code", mine.code.hex(), theirs.code.hex()),
    ]
    fields += [
        (f"storage[{slot:#x}]", mine.storage.get(slot, 0), theirs.storage.get(slot, 0))
        for slot in sorted(mine.storage.keys() | theirs.storage.keys())
    ]
    return [f"{name}: {value}, oracle {other}" for name, value, other in fields if value != other]


def problems_of(state: Mapping[bytes, bytes]) -> Iterator[str]:
    """What is wrong with the form of the keys and values of a flat state."""
    for key, value in state.items():
        if key[:1] in (b"h", b"H"):
            continue
        if (problem := problem_of(state, key, value)) is not None:
            yield f"key 0x{key.hex()}: {problem}"


def problem_of(state: Mapping[bytes, bytes], key: bytes, value: bytes) -> str | None:
    """What is wrong with one key and its value, if anything is."""
    kind, address, rest = key[:1], key[1 : 1 + ADDRESS_BYTES], key[1 + ADDRESS_BYTES :]
    if kind not in KINDS:
        return "it is of no known kind"
    if len(rest) not in ((SLOT_BYTES, SLOT_BYTES + INCARNATION_BYTES) if kind == b"s" else (0,)):
        return f"it has {len(key)} bytes"
    if kind == b"s" and len(rest) > SLOT_BYTES and not any(rest[SLOT_BYTES:]):
        return "incarnation 0 is written out"
    if kind in NUMBERS and value[:1] in (b"", b"\x00"):
        return f"0x{value.hex()} is not a minimal number other than zero"
    if kind in (b"n", b"b", b"c") and b"e" + address not in state:
        return "its account does not exist"
    if kind == b"c":
        return code_problem(state, address, value)
    if kind == b"e":
        is_empty = not any(
            part + address in state and state[part + address] != NO_CODE for part in (b"n", b"b", b"c")
        )
        if value == b"\x02" and not is_empty:
            return "it says that the account is empty"
        return None if value in (b"\x01", b"\x02") else f"its value is 0x{value.hex()}"
    return None


NO_CODE = bytes(keccak256(b""))


def code_problem(state: Mapping[bytes, bytes], address: bytes, value: bytes) -> str | None:
    """What is wrong with the value of a code key; no code is written out only for a storage without code."""
    code = value[HASH_BYTES:]
    if value[:HASH_BYTES] != keccak256(code):
        return "the hash is not that of the code"
    has_first_storage = b"w" + address not in state and any(
        key[:1] == b"s" and key[1 : 1 + ADDRESS_BYTES] == address for key in state
    )
    return None if code or has_first_storage else "no code is written out"
