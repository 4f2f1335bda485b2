"""What an Ethereum block says of itself: whatever a file holds there is taken, or refused in one line."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import msgpack
import pytest
from eth_hash.auto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from blockstm import Block, Transaction
from blockstm.errors import EthereumInputError
from blockstm.ethereum.block import EthereumBlock, is_ethereum
from blockstm.ethereum.checking.closing import Closing, close_block
from blockstm.ethereum.program import evm
from blockstm.ethereum.py_evm.codes import known_code
from blockstm.ethereum.recording.record import read_ethereum
from blockstm.ethereum.rules.environment import Environment
from blockstm.ethereum.rules.keys import (
    ENVIRONMENT_KEY,
    balance_key,
    block_hash_key,
    code_key,
    existence_key,
    incarnation_key,
    nonce_key,
    storage_key,
)
from blockstm.programs.built_in import transfer
from tests.support.ethereum.node import CONTRACT, account, address, block, transaction

WHERE = bytes(range(20))
WITHDRAWAL_CONTRACT = bytes.fromhex("00000961ef480eb55e80d19ad83579a64c007002")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Block:
    folder = tmp_path_factory.mktemp("sound")
    contents = {
        "block": block(transaction(2)),
        "prestate": {address(0): account(), CONTRACT: account(5, 1, "0x6001")},
    }
    for name, content in contents.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return read_ethereum(folder / "block.json", folder / "prestate.json")


def changed(
    sound: Block,
    about: Mapping[str, object] | None = None,
    state: Mapping[bytes, bytes] | None = None,
    transactions: list[Transaction] | None = None,
) -> Block:
    """The sound block with other contents; None for those of its own."""
    return Block(
        sound.transactions if transactions is None else transactions,
        sound.state if state is None else state,
        meta=sound.meta if about is None else {"ethereum": about},
    )


def refusal(block: Block) -> str:
    with pytest.raises(EthereumInputError) as caught:
        EthereumBlock.of(block)
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_a_sound_block_is_read(sound: Block) -> None:
    assert is_ethereum(sound) and not is_ethereum(Block([], {}, meta={"Ethereum": 1}))
    ethereum = EthereumBlock.of(sound)
    told: Any = sound.meta["ethereum"]
    assert ethereum.block is sound
    assert ethereum.environment == Environment.decoded(sound.state[ENVIRONMENT_KEY])
    assert f"0x{ethereum.hash.hex()}" == told["header"]["hash"]
    assert [withdrawal.as_node_gives() for withdrawal in ethereum.withdrawals] == told["withdrawals"]
    assert ethereum.uncle_count == 0


def of_about(name: str, value: object) -> Callable[[Block], Block]:
    """A change of one field; ... for none."""

    def change(sound: Block) -> Block:
        about: Any = {**sound.meta["ethereum"], name: value}  # type: ignore[dict-item]
        return changed(sound, {name: value for name, value in about.items() if value is not ...})

    return change


def of_header(name: str, value: object) -> Callable[[Block], Block]:
    def change(sound: Block) -> Block:
        header = {**sound.meta["ethereum"]["header"], name: value}  # type: ignore[index]
        return of_about("header", {name: value for name, value in header.items() if value is not ...})(sound)

    return change


def of_environment(**fields: object) -> Callable[[Block], Block]:
    def change(sound: Block) -> Block:
        environment = msgpack.unpackb(sound.state[ENVIRONMENT_KEY]) | fields
        packed = msgpack.packb({name: value for name, value in environment.items() if value is not ...})
        return changed(sound, state={**sound.state, ENVIRONMENT_KEY: packed})

    return change


def of_state(key: bytes, value: bytes) -> Callable[[Block], Block]:
    return lambda sound: changed(sound, state={**sound.state, key: value})


def without_environment(sound: Block) -> Block:
    return changed(sound, state={key: value for key, value in sound.state.items() if key != ENVIRONMENT_KEY})


def of_transactions(*transactions: Transaction) -> Callable[[Block], Block]:
    return lambda sound: changed(sound, transactions=[*sound.transactions, *transactions])


BAD: dict[str, tuple[Callable[[Block], Block], str]] = {
    "number": (lambda sound: Block([], sound.state, meta={"ethereum": 5}), "it is 5, not"),
    "nothing": (lambda sound: changed(sound, {}), "field header is missing"),
    "no header": (of_about("header", ...), "field header is missing"),
    "header no map": (of_about("header", ["0x"]), "not a JSON object"),
    "no hash": (of_header("hash", ...), "field hash is missing"),
    "short hash": (of_header("hash", "0x12"), "field hash"),
    "no gas": (of_header("gasUsed", ...), "field gasUsed is missing"),
    "no hex": (of_header("gasUsed", "zz"), "field gasUsed is 'zz'"),
    "no text": (of_header("gasUsed", 5), "field gasUsed is 5"),
    "large": (of_header("gasUsed", "0x1" + "0" * 16), "at most 64 bits"),
    "fork's field": (of_header("excessBlobGas", ...), "field excessBlobGas is missing"),
    "fork unknown": (of_about("fork", "amsterdam"), "field fork is 'amsterdam'"),
    "no fork": (of_about("fork", ...), "field fork is missing"),
    "other header": (of_header("gasLimit", "0x5"), "is not that of the state's environment"),
    "uncles": (of_about("uncles", {}), "field uncles"),
    "an uncle": (of_about("uncles", [7]), "field uncles holds 7"),
    "a parent": (of_about("parent_header", 7), "the header of the parent: it is 7, not"),
    "parent's field": (
        of_about("parent_header", {}),
        "the header of the parent: field parentHash is missing",
    ),
    "no withdrawals": (of_about("withdrawals", ...), "field withdrawals is missing"),
    "a withdrawal": (of_about("withdrawals", [{"a": 1}]), "withdrawal 0: field index is missing"),
    "no environment": (without_environment, "no environment"),
    "environment": (of_state(ENVIRONMENT_KEY, b"\x01"), "environment is 1"),
    "environment no msgpack": (of_state(ENVIRONMENT_KEY, b"\xc1"), "not msgpack"),
    "environment lacks": (of_environment(number=...), "not a map of fork"),
    "environment's fork": (of_environment(fork=["cancun"]), "fork is ['cancun']"),
    "environment's number": (of_environment(number=True), "number is True"),
    "environment's chain": (of_environment(chain_id=-1), "chain_id is -1"),
    "environment's coinbase": (of_environment(coinbase=b""), "coinbase"),
    "environment's difficulty": (of_environment(difficulty=bytes(33)), "difficulty"),
    "environment's base fee": (of_environment(base_fee_per_gas="7"), "base_fee_per_gas"),
    "foreign program": (
        of_transactions(transfer.txn(b"a", b"b", 0)),
        "transaction 1 runs program 'transfer'",
    ),
    "numbers": (of_transactions(evm.txn(1, 2)), "transaction 1 has the arguments (1, 2)"),
    "short sender": (of_transactions(evm.txn(b"\x01", b"x")), "transaction 1 has the arguments"),
    "nonce": (of_state(nonce_key(WHERE), bytes(40)), "a nonce, as it has 40 bytes"),
    "balance": (of_state(balance_key(WHERE), bytes(33)), "a balance, as it has 33 bytes"),
    "short code": (of_state(code_key(WHERE), bytes(31)), "a code with its hash, as it has 31 bytes"),
    "existence": (of_state(existence_key(WHERE), b""), "that an account exists, as it has 0 bytes"),
    "unknown existence": (
        of_state(existence_key(WHERE), b"\3"),
        "that an account exists, as it is 0x03",
    ),
    "incarnation": (of_state(incarnation_key(WHERE), bytes(3)), "incarnation, as it has 3 bytes"),
    "slot": (of_state(storage_key(WHERE, 1), bytes(33)), "storage slot, as it has 33 bytes"),
    "block hash": (of_state(block_hash_key(1), bytes(31)), "block hash, as it has 31 bytes"),
    "key": (of_state(nonce_key(WHERE[1:]), b"\x01"), "a nonce, as its key has 20 bytes"),
}


@pytest.mark.parametrize(("change", "expected"), BAD.values(), ids=BAD)
def test_what_is_malformed_is_told(sound: Block, change: Callable[[Block], Block], expected: str) -> None:
    message = refusal(change(sound))
    assert expected in message
    assert message.endswith("record the block again")


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.text(max_size=8)
    | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
PLACES: tuple[tuple[str, ...], ...] = (
    (),
    ("fork",),
    ("header",),
    ("header", "hash"),
    ("header", "miner"),
    ("header", "baseFeePerGas"),
    ("header", "requestsHash"),
    ("uncles",),
    ("withdrawals",),
)


@settings(max_examples=60, deadline=None)
@given(place=st.sampled_from(PLACES), value=plain)
def test_any_meta_is_taken_or_refused(sound: Block, place: tuple[str, ...], value: object) -> None:
    meta: Any = msgpack.unpackb(msgpack.packb(dict(sound.meta)))
    inside = meta
    for name in ("ethereum", *place)[:-1]:
        inside = inside[name]
    inside[("ethereum", *place)[-1]] = value
    accepted(Block(sound.transactions, sound.state, meta=meta))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_environment_is_taken_or_refused(sound: Block, data: st.DataObject) -> None:
    fields = msgpack.unpackb(sound.state[ENVIRONMENT_KEY])
    name = data.draw(st.sampled_from((*fields, "else")))
    packed = plain.map(lambda value: msgpack.packb({**fields, name: value}))
    encoded = data.draw(st.binary(max_size=40) | plain.map(msgpack.packb) | packed)
    accepted(changed(sound, state={**sound.state, ENVIRONMENT_KEY: encoded}))


def accepted(block: Block) -> bool:
    """Whether it is taken; what is not our own error comes through."""
    try:
        EthereumBlock.of(block)
    except EthereumInputError as error:
        assert str(error).isprintable()
        return False
    return True


def test_a_code_with_a_foreign_hash_is_not_kept() -> None:
    code, other = b"a code that no other test has", b"another code, which has its length"[:29]
    sound, foreign = keccak(code) + code, keccak(code) + other
    for _ in range(2):  # before and after the code that the hash is of has been seen
        for value in (foreign, foreign[:-1], keccak(code)):
            with pytest.raises(EthereumInputError, match="which is not its own; record the block again"):
                known_code(value)
        assert known_code(sound) == (keccak(code), code)


def test_a_system_call_that_fails_is_told() -> None:
    environment = Environment("prague", 1, 22_500_000, bytes(20), 1_750_000_000, 0, bytes(32), 0, 7, 0)
    returns, fails = b"\x60\x20\x60\x00\xf3", b"\x60\x01\x60\x00\x55\xfe"
    state = {ENVIRONMENT_KEY: environment.encoded(), code_key(WITHDRAWAL_CONTRACT): keccak(returns) + returns}
    _, without = close_block({ENVIRONMENT_KEY: environment.encoded()}, environment, Closing(), ())
    _, with_request = close_block(state, environment, Closing(), ())
    assert with_request != without
    state[code_key(WITHDRAWAL_CONTRACT)] = keccak(fails) + fails
    with pytest.raises(EthereumInputError, match=f"system contract 0x{WITHDRAWAL_CONTRACT.hex()}.*fails"):
        close_block(state, environment, Closing(), ())
