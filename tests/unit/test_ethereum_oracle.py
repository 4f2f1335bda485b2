"""The oracle for Ethereum, and the comparison of our state with its accounts; test_ethereum_engine.py runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ethereum.crypto.hash import keccak256
from ethereum.forks.prague.vm.runtime import get_valid_jump_destinations
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ethereum.oracle import Account, fork_of, read_json, run, valid_jump_destinations
from tests.support.ethereum.state import assert_same_state

SHARED = Path(__file__).parents[3] / "shared"

ONE = bytes(19) + b"\x01"
TWO = bytes(19) + b"\x02"
CODE = b"\x60\x00"

needs_blocks = pytest.mark.skipif(
    not (SHARED / "ethereum").is_dir(), reason=f"the recorded blocks are not in {SHARED}"
)


def stored_block(number: int) -> dict[str, Any]:
    return read_json(SHARED / "ethereum" / str(number) / "block.json.zst")


@needs_blocks
def test_withdrawals_are_only_in_the_state_after_the_block() -> None:
    number = 19910734
    result = run(number, SHARED)
    expected = {address: account.balance for address, account in result.accounts.items()}
    for fields in stored_block(number)["withdrawals"]:
        address = bytes.fromhex(fields["address"][2:])
        expected[address] = expected.get(address, 0) + int(fields["amount"], 16) * 10**9
    assert expected == {address: account.balance for address, account in result.accounts_after_block.items()}
    assert expected != {address: account.balance for address, account in result.accounts.items()}


@pytest.mark.parametrize(
    ("number", "timestamp", "fork"),
    [
        (1, 0, "frontier"),
        (1_149_999, 0, "frontier"),
        (1_150_000, 0, "homestead"),
        (9_069_000, 0, "istanbul"),
        (15_537_393, 1_663_224_162, "gray_glacier"),
        (15_537_394, 1_663_224_179, "paris"),
        (17_034_869, 1_681_338_443, "paris"),
        (17_034_870, 1_681_338_455, "shanghai"),
        (22_431_084, 1_746_612_311, "prague"),
        (23_935_694, 1_764_798_551, "osaka"),
        (23_975_778, 1_765_290_071, "bpo1"),
        (24_179_383, 1_767_747_671, "bpo2"),
    ],
)
def test_forks_begin_where_they_began(number: int, timestamp: int, fork: str) -> None:
    assert fork_of(number, timestamp) == fork


# --- comparing states -----------------------------------------------------------------------------


def slot_key(address: bytes, slot: int, incarnation: int = 0) -> bytes:
    suffix = incarnation.to_bytes(2, "big") if incarnation else b""
    return b"s" + address + slot.to_bytes(32, "big") + suffix


def small_state() -> dict[bytes, bytes]:
    return {
        b"H": b"environment",
        b"h" + bytes(8): bytes(32),
        b"e" + ONE: b"\x01",
        b"n" + ONE: b"\x01\x00",
        b"b" + ONE: b"\x07",
        b"c" + ONE: keccak256(CODE) + CODE,
        b"w" + ONE: b"\x02",
        slot_key(ONE, 5): b"\x09",
        slot_key(ONE, 5, 1): b"\x08",
        slot_key(ONE, 6, 2): b"\x07",
        b"e" + TWO: b"\x01",
    }


def small_accounts() -> dict[bytes, Account]:
    return {ONE: Account(256, 7, CODE, {6: 7}), TWO: Account(0, 0, b"", {})}


def test_equal_states_are_found_equal() -> None:
    assert_same_state(small_state(), small_accounts())


def test_an_empty_account_and_a_storage_without_code_have_forms_of_their_own() -> None:
    state = {b"e" + ONE: b"\x02", b"c" + ONE: keccak256(b""), slot_key(ONE, 5): b"\x09"}
    assert_same_state(state, {ONE: Account(0, 0, b"", {5: 9})})


def test_what_was_wiped_does_not_count_even_without_the_account() -> None:
    state = {b"w" + ONE: b"\x01", slot_key(ONE, 5): b"\x09"}
    assert_same_state(state, {})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({b"n" + ONE: b"\x02"}, "nonce: 2, oracle 256"),
        ({b"b" + ONE: b"\x08"}, "balance: 8, oracle 7"),
        ({b"b" + ONE: None}, "balance: 0, oracle 7"),
        ({b"c" + ONE: None}, "code: , oracle 6000"),
        ({slot_key(ONE, 6, 2): None}, r"storage\[0x6\]: 0, oracle 7"),
        ({slot_key(ONE, 9, 2): b"\x01"}, r"storage\[0x9\]: 1, oracle 0"),
        ({b"w" + ONE: b"\x01", slot_key(ONE, 5, 1): None}, r"storage\[0x6\]: 0, oracle 7"),
        ({b"e" + bytes(20): b"\x01"}, "exists: True, oracle False"),
    ],
)
def test_a_difference_is_told_by_account_and_field(changes: dict[bytes, bytes | None], message: str) -> None:
    state = {**small_state(), **changes}
    with pytest.raises(AssertionError, match=f"^1 differences.*\n0x[0-9a-f]{{40}} {message}$"):
        assert_same_state({key: value for key, value in state.items() if value is not None}, small_accounts())


def test_all_differences_are_told() -> None:
    state = {key: value for key, value in small_state().items() if key[1:21] != ONE}
    with pytest.raises(AssertionError) as caught:
        assert_same_state(state, small_accounts())
    assert [line.split(" ")[1] for line in str(caught.value).splitlines()[1:]] == [
        "exists:",
        "nonce:",
        "balance:",
        "code:",
        "storage[0x6]:",
    ]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (b"n" + TWO, b"", "not a minimal number"),
        (b"n" + TWO, b"\x00", "not a minimal number"),
        (b"b" + TWO, b"\x00", "not a minimal number"),
        (b"w" + TWO, b"\x00", "not a minimal number"),
        (slot_key(TWO, 1), b"\x00", "not a minimal number"),
        (slot_key(TWO, 1, 1) + b"\x00", b"\x01", "it has 56 bytes"),
        (slot_key(TWO, 1) + b"\x00\x00", b"\x01", "incarnation 0"),
        (b"b" + TWO + b"\x00", b"\x01", "it has 22 bytes"),
        (b"e" + TWO, b"\x03", "its value is 0x03"),
        (b"e" + ONE, b"\x02", "it says that the account is empty"),
        (b"n" + bytes(20), b"\x01", "its account does not exist"),
        (b"c" + TWO, bytes(32) + CODE, "the hash is not that of the code"),
        (b"c" + TWO, keccak256(b""), "no code is written out"),
        (b"x" + TWO, b"\x01", "of no known kind"),
    ],
)
def test_keys_and_values_of_a_wrong_form_are_told(key: bytes, value: bytes, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        assert_same_state({**small_state(), key: value}, small_accounts())


# --- what is done otherwise than in the specifications --------------------------------------------


@given(
    st.binary(max_size=100)
    | st.lists(st.sampled_from(b"\x5b\x60\x61\x7f\x5f\x80\x00"), max_size=60).map(bytes)
)
def test_jump_destinations_are_those_of_the_specifications(code: bytes) -> None:
    assert valid_jump_destinations(code) == get_valid_jump_destinations(code)
