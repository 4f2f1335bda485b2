"""Blocks in RLP: a published one, every type of transaction, several in a file, and everything that is wrong."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rlp
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blockstm.errors import EthereumInputError
from blockstm.ethereum.node.exports import EXPORT_FIX
from blockstm.ethereum.node.rpc import NodeBlock, read_block
from blockstm.ethereum.recording.record import read_ethereum
from tests.blockchain_tests import nodeanswers
from tests.support.ethereum.exports import exported
from tests.support.ethereum.node import ETHEREUM, block, transaction
from tests.support.ethereum.oracle import read_json

# "SimpleTx" of bcValidBlockTest of the official tests, of which go-ethereum's own test states what is in it.
HEADER_ITEMS = [
    "83cafc574e1f51ba9dc0568fc617a08ea2429fb384059c972f13b19fa1c8dd55",
    "1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
    "8888f1f195afa192cfee860698584c030f4c9db1",
    "ef1552a40b7165c3cd773806b9e0c165b75356e0314bf0706f279c729f51e017",
    "5fe50b260da6308036625b850b5d6ced6d0a9f814c0688bc91ffb7b7a3a54b67",
    "bc37d79753ad738a6dac4921e57392f145d8887476de3f783dfa7edae9283e52",
]
SIMPLE = bytes.fromhex(
    "f90260f901f9"
    + "".join(("a0" if len(item) == 64 else "94") + item for item in HEADER_ITEMS)
    + "b90100" + "00" * 256
    + "8302000001832fefd8825208845506eb0780"
    "a0bd4472abb6659ebe3ee06ee4d7b72a00a9f4d001caca51342001075469aff49888a13a5a8c8f2bb1c4"
    "f861f85f800a82c35094095e7baea6a6c7c4c2dfeb977efac326af552d870a80"
    "1ba09bea4c4daac7c7c52e093e6a4c35dbbcf8856f1af7b059ba20253e70848d094f"
    "a08a8fae537ce25ed8cb5af9adac3f141af69bd515bd2ba031522df09b97dd72b1c0"
)  # fmt: skip
FORKS = {"istanbul": (0,), "london": (0, 1, 2), "shanghai": (2,), "cancun": (0, 3), "prague": (1, 2, 3, 4)}

Save = Callable[[bytes], Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(content: bytes) -> Path:
        path = tmp_path / "blocks.rlp"
        path.write_bytes(content)
        return path

    return write


def told_of(fork: str, **changes: str) -> dict[str, Any]:
    """A block with every type of transaction of a fork, and with contracts created."""
    made = [transaction(kind, who=place, to=None if kind < 3 else "0x" + "c0" * 20)
            for place, kind in enumerate(FORKS[fork])]  # fmt: skip
    return block(*made, fork=fork, **changes)


def as_json(tmp_path: Path, told: dict[str, Any]) -> NodeBlock:
    path = tmp_path / "told.json"
    path.write_text(json.dumps(told))
    return read_block(path)


def same(found: NodeBlock, expected: NodeBlock) -> bool:
    """Tell whether two blocks are the same but for what a node tells beyond the header."""
    of_header = {name: expected.fields[name] for name in (*expected.values, "hash")}
    return (found.fields, found.values, found.uncles, found.withdrawals, found.transactions) == (
        of_header,
        expected.values,
        expected.uncles,
        expected.withdrawals,
        expected.transactions,
    )


def refused(path: Path, *expected: str, number: int | None = None) -> str:
    with pytest.raises(EthereumInputError) as caught:
        read_block(path, number)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and message.isprintable() and len(message) < 1200
    for text in expected:
        assert text in message
    return message


def test_the_published_block(save: Save, tmp_path: Path) -> None:
    found = read_block(save(SIMPLE))
    assert found.fields["hash"] == "0x0a5843ac1cb04865017cb35a57b50b07084e5fcee39b5acadade33149f4fff9e"
    names = ("difficulty", "number", "gasLimit", "gasUsed", "timestamp")
    assert [found.number_of(name) for name in names] == [131_072, 1, 3_141_592, 21_000, 1_426_516_743]
    (sent,) = found.transactions
    assert (sent.nonce, sent.chain_id, sent.kind) == (0, None, 0)
    assert sent.to == bytes.fromhex("095e7baea6a6c7c4c2dfeb977efac326af552d87")
    told, uncles = nodeanswers.block_of(SIMPLE)
    assert same(found, as_json(tmp_path, told)) and uncles == []


@pytest.mark.parametrize("fork", FORKS)
def test_every_type_of_transaction(save: Save, tmp_path: Path, fork: str) -> None:
    told = told_of(fork)
    found = read_block(save(exported(told)))
    assert same(found, as_json(tmp_path, told))
    assert [txn.kind for txn in found.transactions] == [*FORKS[fork]]


@pytest.mark.parametrize("compressed", [bytes, gzip.compress, zstandard.ZstdCompressor().compress])
def test_several_blocks_in_a_file(save: Save, tmp_path: Path, compressed: Callable[[bytes], bytes]) -> None:
    several = [told_of("london", number=hex(number)) for number in (12_965_001, 12_965_002, 12_965_003)]
    path = save(compressed(b"".join(map(exported, several))))
    for told in several:
        assert same(read_block(path, int(told["number"], 16)), as_json(tmp_path, told))
    refused(path, "it holds several blocks; choose one with --number")
    refused(path, "block 5 is not in it: it holds blocks 12965001 to 12965003", number=5)


def test_a_single_block_must_have_the_number_that_is_asked_for(save: Save) -> None:
    assert read_block(save(SIMPLE), 1).number == 1
    refused(save(SIMPLE), "block 2 is not in it: it holds blocks 1 to 1", number=2)


def test_uncles_come_with_the_block(save: Save, tmp_path: Path) -> None:
    uncles = [block(fork="istanbul", number="0x5"), block(fork="istanbul", extraData="0x")]
    hashes = [uncle["hash"] for uncle in uncles]
    told = {**told_of("istanbul"), "uncles": hashes}
    found = read_block(save(exported(told, uncles)))
    assert same(found, as_json(tmp_path, told))
    assert found.uncle_headers is not None
    headers = [nodeanswers.header_of(item) for item in rlp.decode(exported(told, uncles))[2]]
    assert [dict(header) for header in found.uncle_headers] == [
        {name: value for name, value in header.items() if name != "hash"} for header in headers
    ]
    prestate = tmp_path / "prestate.json"
    senders = {txn["from"]: {"balance": hex(10**18)} for txn in told["transactions"]}
    prestate.write_text(json.dumps(senders))
    recorded = read_ethereum(tmp_path / "blocks.rlp", prestate, fork="istanbul")
    assert recorded.meta["ethereum"]["uncle_headers"] == [*map(dict, found.uncle_headers)]  # type: ignore[index]


@pytest.mark.skipif(not ETHEREUM.is_dir(), reason="the recorded blocks of ../shared are not here")
@pytest.mark.parametrize("number", [46_147, 14_029_313, 19_933_122])
def test_real_blocks(save: Save, number: int) -> None:
    folder = ETHEREUM / str(number)
    told = read_json(folder / "block.json.zst")
    assert told["uncles"] == []  # their headers are not recorded
    path = save(gzip.compress(exported(told)))
    recorded = read_ethereum(path, folder / "prestate.json.zst", number=number)
    of_json = read_ethereum(folder / "block.json.zst", folder / "prestate.json.zst")
    assert recorded.transactions == of_json.transactions
    assert recorded.state == of_json.state
    assert recorded.meta["ethereum"]["header"]["hash"] == told["hash"]  # type: ignore[index]


# What is wrong

PRAGUE = exported(told_of("prague"))


def spoiled(change: Callable[[Any], object]) -> bytes:
    """A block of two transactions, legacy and of type 2, with something changed in what it is made of."""
    items = rlp.decode(exported(block(transaction(0), transaction(2, who=1))))
    change(items)
    encoded: bytes = rlp.encode(items)
    return encoded


def set_typed(items: Any, place: int, value: object) -> None:
    fields = rlp.decode(items[1][1][1:])
    fields[place] = value
    items[1][1] = b"\x02" + rlp.encode(fields)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda items: items.append([]), "it is not a list of header, transactions, uncles"),
        (lambda items: items.pop(), "of its withdrawals and their root in the header, one is missing"),
        (lambda items: items[0].__setitem__(slice(14, None), []), "it does not begin with a header"),
        (lambda items: items[0].extend([b"\1"] * 9), "its header has 29 fields"),
        (lambda items: items[0].__setitem__(9, b"\0\1"), "its header: gasLimit: 0x0001 is not a number without"),
        (lambda items: items[0].__setitem__(9, [b"\1"]), "its header: gasLimit: it is a list, not a number"),
        (lambda items: items[0].__setitem__(0, b"\1" * 31), "field parentHash is"),
        (lambda items: items[0].__setitem__(8, b"\1" * 9), "its number is no number of 64 bits"),
        (lambda items: items.__setitem__(1, b"\1"), "its transactions: it is bytes, not a list"),
        (lambda items: items[1][0].pop(), "transaction 0 has 8 fields, and must have 9: nonce, gasPrice"),
        (lambda items: items[1][0].__setitem__(3, b"\1" * 19), "field to is"),
        (lambda items: items[1].__setitem__(1, b""), "transaction 1: it is bytes that begin with no type"),
        (lambda items: items[1].__setitem__(1, b"\xc0"), "transaction 1: it is bytes that begin with no type"),
        (lambda items: items[1].__setitem__(1, b"\x02\xc2\x01"), "transaction 1: it is cut short"),
        (lambda items: items[1].__setitem__(1, b"\x05\xc0"), "type 0x5 is not known"),
        (lambda items: items[1].__setitem__(1, b"\x7e\xc0"), "it is a deposit of the OP stack (type 0x7e)"),
        (lambda items: set_typed(items, 8, b""), "transaction 1: accessList: it is bytes, not a list"),
        (lambda items: set_typed(items, 8, [[b"\1" * 20]]), "accessList 0 has 1 fields, and must have 2"),
        (lambda items: set_typed(items, 8, [[b"\1", []]]), "field address is"),
        (lambda items: set_typed(items, 10, b"\1" * 33), "transaction 1: r: 0x01"),
        (lambda items: set_typed(items, 10, b"\5"), "nobody can have signed it"),
        (lambda items: items.__setitem__(2, b""), "its uncles: it is bytes, not a list"),
        (lambda items: items[2].append([b""]), "uncle 0 has 1 fields"),
        (lambda items: items[3][0].pop(), "withdrawal 0 has 3 fields, and must have 4: index, validatorIndex"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(save: Save, change: Callable[[Any], object], expected: str) -> None:
    assert EXPORT_FIX in (message := refused(save(spoiled(change)), expected)) or "type 0x" in message


@given(st.integers(1, len(PRAGUE) - 1))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_that_is_cut_off_anywhere(save: Save, length: int) -> None:
    refused(save(PRAGUE[:length]), number=22_431_090)
    refused(save(SIMPLE + PRAGUE[:length]), "the block at index 1 of the file: ", number=22_431_090)


@given(st.integers(0, len(PRAGUE) - 1), st.integers(1, 255))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_block_with_one_wrong_byte(save: Save, tmp_path: Path, place: int, change: int) -> None:
    spoilt = PRAGUE[:place] + bytes([PRAGUE[place] ^ change]) + PRAGUE[place + 1 :]
    path = save(spoilt)
    try:
        found = read_block(path)
    except EthereumInputError as error:
        assert str(error).startswith(f"{path}: ") and str(error).isprintable()
        return
    # What is read after all is what is there, as somebody else reads it.
    assert same(found, as_json(tmp_path, nodeanswers.block_of(spoilt)[0]))


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes(save: Save, content: bytes) -> None:
    refused(save(b"\xf9" + content))


@pytest.mark.parametrize("start", [b"\xf8", b"\xfc", b"\xff\xfe", b"\xc0", b"\x80"])
def test_what_cannot_be_a_block_is_read_as_text(save: Save, start: bytes) -> None:
    refused(save(start + bytes(600)), "is not text in UTF-8")


def test_lists_that_are_nested_deep(save: Save) -> None:
    nested = b""
    for _ in range(5000):
        size = len(nested).to_bytes(4, "big").lstrip(b"\0")
        nested = (
            bytes([0xC0 + len(nested)]) if len(nested) < 56 else bytes([0xF7 + len(size)]) + size
        ) + nested
    payload = rlp.encode([rlp.decode(SIMPLE)[0], []])[3:] + nested
    refused(save(b"\xf9" + len(payload).to_bytes(2, "big") + payload), "it is nested too deep; export")


@pytest.mark.timeout(60)
def test_a_list_of_a_million_items_takes_no_more_than_its_length(save: Save) -> None:
    header = rlp.encode(rlp.decode(SIMPLE)[0])
    many = b"\xfa" + (1 << 20).to_bytes(3, "big") + b"\1" * (1 << 20)
    payload = header + many + b"\xc0"
    path = save(b"\xfa" + len(payload).to_bytes(3, "big") + payload)
    refused(path, "transaction 0: it is cut short")


def test_a_block_that_is_too_large_is_not_read(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(
        save(b"\xfb\xff\xff\xff\xff" + bytes(600)), "it takes 4294967300 bytes, and the limit is 33554432"
    )
    monkeypatch.setattr("blockstm.ethereum.node.exports.ETHEREUM_EXPORT_BYTES_MAX", 5000)
    refused(save(SIMPLE * 10), "more than 5000 bytes", "geth export FILE FIRST LAST", number=2)
