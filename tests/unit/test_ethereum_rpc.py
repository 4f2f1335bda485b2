"""What a node tells about a block: real blocks, every type of transaction, and everything that can be wrong."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from eth_hash.auto import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blockstm.errors import EthereumInputError
from blockstm.ethereum.node.nodejson import read_json
from blockstm.ethereum.node.prestate import Account, read_prestate
from blockstm.ethereum.node.rpc import NodeBlock, read_block, read_block_hashes
from blockstm.ethereum.node.transactions import contract_address
from blockstm.ethereum.node.tries import encode_rlp, ordered_trie_root
from tests.support.ethereum.node import CONTRACT, MINER, account, address, block, transaction

Save = Callable[[str, object], Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(name: str, answer: object) -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(answer))
        return path

    return write


@pytest.fixture
def told() -> dict[str, Any]:
    """A block of two transactions, as a node tells it."""
    return block(transaction(2), transaction(0, who=1, nonce=4))


def refused(path: Path, *expected: str, read: Callable[[Path], object] = read_block) -> str:
    """Check that reading a file fails as it should, and return the message."""
    with pytest.raises(EthereumInputError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.isprintable()
    assert len(message) < 1200
    for text in expected:
        assert text in message
    return message


# Tries


def test_the_root_of_an_ordered_trie_is_that_of_py_evm() -> None:
    from eth.db.trie import _make_trie_root_and_nodes

    generator = random.Random(5)
    for count in (0, 1, 2, 16, 17, 127, 128, 129, 256, 257, 300):
        values = tuple(generator.randbytes(generator.choice((1, 20, 31, 32, 33, 90))) for _ in range(count))
        assert ordered_trie_root(values) == _make_trie_root_and_nodes(values)[0]


# Transactions


@pytest.mark.parametrize("chain_id", [1, 5, None, 2**40])
@pytest.mark.parametrize("to", [CONTRACT, None])
def test_a_legacy_transaction(save: Save, chain_id: int | None, to: str | None) -> None:
    told, raw = transaction(0, nonce=200, to=to, chain_id=chain_id)
    read = read_block(save("block.json", block((told, raw))))
    (found,) = read.transactions
    assert (found.raw, found.nonce, found.chain_id) == (raw, 200, chain_id)
    assert found.sender == bytes.fromhex(address(0)[2:])
    assert found.target == (contract_address(found.sender, 200) if to is None else bytes.fromhex(to[2:]))
    assert read.chain_id == (chain_id or 1)


@pytest.mark.parametrize("kind", range(5))
def test_every_type_is_what_py_evm_reads(save: Save, kind: int) -> None:
    from eth.vm.forks.prague.transactions import PragueTransactionBuilder

    told, raw = transaction(kind, who=2, nonce=9)
    (found,) = read_block(save("block.json", block((told, raw), fork="prague"))).transactions
    decoded = PragueTransactionBuilder.decode(found.raw)
    assert found.raw == raw == decoded.encode()
    assert found.sender == decoded.sender
    assert found.hash == decoded.hash == bytes.fromhex(told["hash"][2:])


def test_either_of_v_and_y_parity_is_enough(save: Save, told: dict[str, Any]) -> None:
    for name in ("v", "yParity"):
        less = copy.deepcopy(told)
        del less["transactions"][0][name]
        assert len(read_block(save("block.json", less)).transactions) == 2


def test_mixed_case_and_leading_zeros_change_nothing(save: Save, told: dict[str, Any]) -> None:
    plain = read_block(save("plain.json", told))
    first = told["transactions"][0]
    first["from"] = "0x" + first["from"][2:].upper()
    first["r"] = "0x" + first["r"][2:].rjust(64, "0")
    first["gas"] = "0x00" + first["gas"][2:]
    assert read_block(save("other.json", told)).transactions == plain.transactions


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("gasPrice", ..., "field gasPrice is missing"),
        ("nonce", "4", "field nonce is '4', which is not 0x"),
        ("nonce", 4, "field nonce is 4"),
        ("nonce", "0x", "field nonce"),
        ("nonce", "0x1_0", "field nonce"),
        ("nonce", "0x" + "1" * 17, "at most 64 bits"),
        ("value", "0x" + "0" * 65, "field value"),
        ("value", "0x" + "f" * 1_000_000, "field value"),
        ("value", None, "field value is None"),
        ("input", "0xabc", "field input"),
        ("input", "0xab c", "field input"),
        ("input", "0xab  cd", "field input"),
        ("input", "0xzz", "field input"),
        ("to", "0x" + "11" * 19, "field to"),
        ("to", ["0x"], "field to"),
        ("type", "0x2", "is missing"),
        ("gas", "0x1", "its fields give the hash"),
        ("r", "0x5", "its fields give the hash"),
        ("v", "0x1d", "field v is 29"),
        ("chainId", "0x5", "signed for chain 1"),
        ("from", "0x" + "11" * 20, f"field from is 0x{'11' * 20}, but {address(1)} has signed it"),
        ("from", ..., "field from is missing"),
    ],
)
def test_a_bad_field_of_a_transaction(
    save: Save, told: dict[str, Any], name: str, value: object, expected: str
) -> None:
    bad = told["transactions"][1]
    if value is ...:
        del bad[name]
    else:
        bad[name] = value
    refused(save("block.json", told), f"transaction 1 ({bad['hash']}): ", expected, "; save again what")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("0x5", "type 0x5 is not known"),
        ("0x7e", "it is a deposit of the OP stack (type 0x7e), which only nodes of that stack execute"),
    ],
)
def test_a_type_that_ethereum_does_not_have(
    save: Save, told: dict[str, Any], kind: str, expected: str
) -> None:
    bad = told["transactions"][1]
    bad["type"] = kind
    fix = "those of Ethereum are 0x0 to 0x4: record a block of Ethereum, or write an access trace of this one"
    message = refused(save("block.json", told), f"transaction 1 ({bad['hash']}): {expected}; {fix}")
    assert message.endswith(fix)


@pytest.mark.parametrize(
    ("kind", "name", "value", "expected"),
    [
        (2, "yParity", "0x2", "yParity and v"),
        (2, "chainId", None, "field chainId"),
        (1, "accessList", None, "its fields, without accessList, give the hash"),
        (1, "accessList", [5], "access list entry 0: it is 5, not a JSON object"),
        (1, "accessList", [{"address": CONTRACT}], "access list entry 0: field storageKeys is missing"),
        (1, "accessList", [{"address": CONTRACT, "storageKeys": ["0x1"]}], "field storageKeys holds '0x1'"),
        (3, "blobVersionedHashes", "0x", "field blobVersionedHashes"),
        (3, "maxFeePerBlobGas", "0x6", "its fields give the hash"),
        (4, "authorizationList", [{}], "authorization 0: field chainId is missing"),
        (4, "authorizationList", {}, "field authorizationList is {}, not a list"),
    ],
)
def test_a_bad_field_of_a_typed_transaction(
    save: Save, kind: int, name: str, value: object, expected: str
) -> None:
    told = block(transaction(kind), fork="prague")
    told["transactions"][0][name] = value
    refused(save("block.json", told), f"transaction 0 ({told['transactions'][0]['hash']})", expected)


@pytest.mark.parametrize("name", ["to", "accessList"])
def test_what_nodes_leave_out_where_it_is_empty(save: Save, name: str) -> None:
    empty = transaction(1, to=None if name == "to" else CONTRACT, access=())
    told = block(empty)
    plain = read_block(save("plain.json", told)).transactions
    told["transactions"][0][name] = None
    assert read_block(save("null.json", told)).transactions == plain
    del told["transactions"][0][name]
    assert read_block(save("absent.json", told)).transactions == plain


def test_a_flipped_parity(save: Save, told: dict[str, Any]) -> None:
    bad = told["transactions"][1]
    bad["v"] = hex(37 + 38 - int(bad["v"], 16))
    refused(save("block.json", told), f"transaction 1 ({bad['hash']}): ", "its fields give the hash")


def test_a_signature_that_nobody_can_have_made(save: Save) -> None:
    import rlp
    from eth_hash.auto import keccak

    told, raw = transaction(0)
    items = [*rlp.decode(raw)[:7], b"\xff" * 32, b"\xff" * 32]
    told |= {"r": "0x" + "ff" * 32, "s": "0x" + "ff" * 32, "hash": "0x" + keccak(rlp.encode(items)).hex()}
    refused(save("block.json", block((told, rlp.encode(items)))), "transaction 0 (", "nobody can have signed")


# Headers and blocks


@pytest.mark.parametrize("fork", ["istanbul", "london", "shanghai", "cancun", "prague"])
def test_a_header_of_each_time(save: Save, fork: str) -> None:
    told = block(transaction(0), fork=fork)
    read = read_block(save("block.json", told))
    assert "0x" + keccak(encode_rlp([*read.values.values()])).hex() == read.fields["hash"] == told["hash"]
    assert read.fields["size"] == "0x100"
    assert read.number == int(told["number"], 16)
    assert (read.withdrawals is not None) == ("withdrawals" in told)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("number", ..., "field number is missing"),
        ("hash", None, "still pending"),
        ("hash", ..., "field hash is missing"),
        ("logsBloom", "0x00", "field logsBloom"),
        ("timestamp", "0x" + "f" * 17, "at most 64 bits"),
        ("baseFeePerGas", "0x1" + "0" * 16, "at most 64 bits"),
        ("extraData", "0x" + "00" * 5000, "extraData is longer"),
        ("excessBlobGas", ..., "field excessBlobGas is missing"),
        ("uncles", None, "field uncles"),
        ("uncles", ["0x1"], "field uncles holds '0x1'"),
        ("withdrawals", ..., "field withdrawals is missing"),
        ("withdrawals", [{"index": "0x1"}], "withdrawal 0: field validatorIndex is missing"),
        ("transactions", {}, "field transactions is {}, not a list"),
        ("transactions", ["0x" + "11" * 32], "holds hashes only"),
        ("transactions", [None], "transaction 0: it is None, not a JSON object"),
        ("transactions", [{}], "transaction 0: field hash is missing"),
    ],
)
def test_a_bad_field_of_a_block(
    save: Save, told: dict[str, Any], name: str, value: object, expected: str
) -> None:
    if value is ...:
        del told[name]
    else:
        told[name] = value
    refused(save("block.json", told), expected, "; save again what eth_getBlockByNumber")


def test_transactions_for_two_chains(save: Save) -> None:
    told = block(
        transaction(0, chain_id=1), transaction(0, nonce=1, chain_id=None), transaction(2, chain_id=5)
    )
    refused(save("block.json", told), "transaction 2 (", "signed for chain 5, and transaction 0 (")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (None, "it does not know the block"),
        ([], "not a JSON object"),
        (
            {"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": "gone\nfor good"}},
            "gone\\nfor good",
        ),
        ({"jsonrpc": "2.0", "id": 1, "result": None}, "it does not know the block"),
        ({}, "field hash is missing"),
    ],
)
def test_an_answer_that_is_no_block(save: Save, answer: object, expected: str) -> None:
    refused(save("block.json", answer), expected)


def test_the_envelope_and_compression_change_nothing(save: Save, told: dict[str, Any]) -> None:
    plain = read_block(save("plain.json", told))
    wrapped = save("wrapped.json", {"jsonrpc": "2.0", "id": 7, "result": told})
    assert read_block(wrapped) == plain
    wrapped.write_bytes(zstandard.ZstdCompressor().compress(wrapped.read_bytes()))
    assert read_block(wrapped) == plain


# Text


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe{}", "byte 0 is not text in UTF-8"),
        (b'{"a":1,"b":2,"a":1}', "the key 'a' comes twice"),
        (b'{"a":NaN}', "NaN is not a JSON number"),
        (b'{"a":' + b"1" * 5000 + b"}", "a number of 5000 digits is too large"),
        (b"[" * 200_000, "nested too deep"),
        (b'["' + b"[" * 200 + b'\\\\"]', "not a JSON object"),
        (zstandard.ZstdCompressor().compress(b'{"a": 1}')[:-2], "ends too early"),
    ],
)
def test_text_that_is_no_answer(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "block.json"
    path.write_bytes(content)
    refused(path, expected)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere.json", "no such file")
    refused(tmp_path / ".", "is a directory")


def test_a_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blockstm.ethereum.node.nodejson.ETHEREUM_JSON_BYTES_MAX", 10)
    path = tmp_path / "block.json"
    path.write_bytes(b" " * 11)
    refused(path, "more than 10 bytes")
    path.write_bytes(zstandard.ZstdCompressor().compress(b" " * 11))
    refused(path, "more than 10 bytes")


TOLD = json.dumps(block(transaction(2), transaction(1, who=1, nonce=4), transaction(4, who=3), fork="prague"))


@given(st.integers(0, len(TOLD) - 1))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_block_that_is_cut_off_anywhere(tmp_path: Path, length: int) -> None:
    path = tmp_path / "block.json"
    path.write_text(TOLD[:length])
    refused(path, "not JSON", "save the node's answer again")


@given(st.integers(0, len(TOLD) - 1), st.sampled_from('09afx"-.[]{},: é'))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_block_with_one_wrong_character(tmp_path: Path, place: int, character: str) -> None:
    path = tmp_path / "block.json"
    path.write_text(TOLD[:place] + character + TOLD[place + 1 :])
    try:
        read_block(path)
    except EthereumInputError as error:
        assert str(error).startswith(f"{path}: ")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.just("0x1"),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=8) | st.just(CONTRACT), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_in_any_place(tmp_path: Path, data: st.DataObject) -> None:
    told = json.loads(TOLD)
    target = data.draw(st.sampled_from([told, *told["transactions"], *told["withdrawals"]]))
    name = data.draw(st.sampled_from(sorted(target)))
    target[name] = data.draw(JSON)
    path = tmp_path / "block.json"
    path.write_text(json.dumps(told))
    try:
        read_block(path)
    except EthereumInputError as error:
        assert str(error).startswith(f"{path}: ")
        assert str(error).isprintable()


# Block hashes


def test_block_hashes(save: Save, told: dict[str, Any]) -> None:
    read = read_block(save("block.json", told))
    number = read.number
    hashes = {str(number - 1): "0x" + "aa" * 32, hex(number - 2): "0x" + "AB" * 32}
    path = save("hashes.json", hashes)
    assert read_block_hashes(path, read) == {number - 1: b"\xaa" * 32, number - 2: b"\xab" * 32}


@pytest.mark.parametrize(
    ("hashes", "expected"),
    [
        ([], "not a JSON object"),
        ({"x": "0x" + "11" * 32}, "'x' is not the number"),
        ({"-1": "0x" + "11" * 32}, "'-1' is not the number"),
        ({"9" * 30: "0x" + "11" * 32}, "is not the number"),
        ({"5": "0x11"}, "field 5 is '0x11'"),
        ({"5": "0x" + "11" * 32, "0x5": "0x" + "11" * 32}, "block 5 comes twice"),
        ({"19426590": "0x" + "11" * 32}, "does not come before block 19426590"),
        ({"19426589": "0x" + "11" * 32}, "block 19426589 has another hash"),
    ],
)
def test_bad_block_hashes(save: Save, told: dict[str, Any], hashes: object, expected: str) -> None:
    read = read_block(save("block.json", told))
    refused(save("hashes.json", hashes), expected, read=lambda path: read_block_hashes(path, read))


# The state before the block


def prestate(save: Save, told: dict[str, Any], answer: object) -> dict[str, Account]:
    read = read_block(save("block.json", told))
    accounts = read_prestate(save("prestate.json", answer), read)
    return {"0x" + key.hex(): value for key, value in accounts.items()}


def test_the_merged_form(save: Save, told: dict[str, Any]) -> None:
    slot = "0x" + "00" * 31 + "01"
    full = {"balance": "0x5", "nonce": "0x3", "code": "0x6001", "storage": {slot: "0x" + "00" * 31 + "Ff"}}
    accounts = prestate(save, told, {address(0): account(7, 2), CONTRACT.upper().replace("X", "x"): full})
    assert accounts == {address(0): Account(7, 2, b""), CONTRACT: Account(5, 3, b"\x60\x01", {1: 255})}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"balance": ...}, "field balance is missing"),
        ({"balance": "5"}, "field balance is '5'"),
        ({"balance": "0x" + "1" * 65}, "field balance"),
        ({"nonce": -1}, "field nonce is -1"),
        ({"nonce": 2**64}, "field nonce"),
        ({"nonce": 1.5}, "field nonce is 1.5"),
        ({"nonce": True}, "field nonce is True"),
        ({"nonce": "seven"}, "field nonce is 'seven'"),
        ({"code": "0x1"}, "field code is '0x1'"),
        ({"codeHash": "0x" + "11" * 32}, "disableCode"),
        ({"Balance": "0x5"}, "field 'Balance' is unknown"),
        ({"storage": []}, "storage: it is [], not a JSON object"),
        ({"storage": {"1": "0x1"}}, "storage: slot '1' is not 0x"),
        ({"storage": {"0x1": 1}}, "storage: value 1 is not 0x"),
        ({"storage": {"0x1": "0x" + "f" * 65}}, "storage: value"),
        ({"storage": {"0x1": "0x1", "0x01": "0x1"}}, "storage: slot 0x01 comes twice"),
    ],
)
@pytest.mark.parametrize("listed", [False, True])
def test_a_bad_account(
    save: Save, told: dict[str, Any], change: dict[str, Any], expected: str, listed: bool
) -> None:
    bad = {name: value for name, value in (account() | change).items() if value is not ...}
    state = {address(0): account(), CONTRACT: bad}
    path = save("prestate.json", [{"result": {}}, {"result": state}] if listed else state)
    read = read_block(save("block.json", told))
    message = refused(path, f"account {CONTRACT}: ", expected, read=lambda path: read_prestate(path, read))
    assert (f"transaction 1 ({told['transactions'][1]['hash']}): account" in message) == listed


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (5, "the pre-state: it is 5, not a JSON object"),
        ({"0x12": account()}, "'0x12' is not the address"),
        ({CONTRACT: account(), "0x" + "C0" * 20: account()}, "comes twice"),
        ({"pre": {}, "post": {}}, "diffMode"),
        ({"transactionsRoot": "0x"}, "this is the block"),
        ([{}], "it lists 1 transactions, and block 19426590 has 2"),
        ([{"txHash": "0x" + "11" * 32, "result": {}}, {}], "it is another transaction"),
        ([{"error": "execution timeout"}, {}], "could not trace it: execution timeout; save"),
        (
            [{"txHash": "0x" + "00" * 32, "error": "TypeError: 'x'\nof null"}, {}],
            "could not trace it: TypeError: 'x'?of null",
        ),
        ([{"error": {"code": 5}}, {}], "could not trace it: {'code': 5}"),
        ([{"result": None}, {}], "it is None, not a JSON object"),
        ([{"result": {"pre": {}, "post": {}}}, {}], "diffMode"),
        ([[], {}], "it is [], not a JSON object"),
    ],
)
def test_an_answer_that_is_no_state(save: Save, told: dict[str, Any], answer: object, expected: str) -> None:
    read = read_block(save("block.json", told))
    refused(save("prestate.json", answer), expected, read=lambda path: read_prestate(path, read))


STATE = json.dumps(
    {address(0): account(7, 2), CONTRACT: account(1, 1, "0x6001", **{"0x" + "01" * 32: "0x7"})}
)


@given(st.integers(0, len(STATE) - 1))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_state_that_is_cut_off_anywhere(save: Save, tmp_path: Path, length: int) -> None:
    path = tmp_path / "prestate.json"
    path.write_text(STATE[:length])
    refused(path, "not JSON", read=read_json)


def lists(save: Save, *results: dict[str, Any], to: tuple[str | None, ...] = ()) -> dict[str, Account]:
    """Read a list of one transaction's state after the other; each is sent to CONTRACT if `to` says nothing."""
    targets = [*to, *[CONTRACT] * (len(results) - len(to))]
    signed = [transaction(2, nonce=nonce, to=target) for nonce, target in enumerate(targets)]
    told = block(*signed)
    told["transactions"] = [transaction for transaction, _ in signed]
    accounts = prestate(save, told, list(results))
    wrapped = [
        {"txHash": transaction["hash"], "result": result}
        for (transaction, _), result in zip(signed, results, strict=True)
    ]
    assert prestate(save, told, wrapped) == accounts
    return accounts


SOMEBODY = "0x" + "5b" * 20
PRESENT = {CONTRACT: account(0, 1, "0x60"), MINER: account(9)}


def test_what_is_seen_first_holds(save: Save) -> None:
    accounts = lists(
        save,
        PRESENT | {CONTRACT: account(5, 1, "0x60", **{"0x1": "0x8"})},
        PRESENT | {CONTRACT: account(6, 2, "0x61", **{"0x1": "0x9", "0x2": "0x7"}), SOMEBODY: account(3)},
    )
    assert accounts[CONTRACT] == Account(5, 1, b"\x60", {1: 8, 2: 7})
    assert accounts[SOMEBODY] == Account(3, 0, b"")


def test_whom_an_earlier_transaction_paid_was_empty(save: Save) -> None:
    accounts = lists(save, PRESENT, PRESENT | {SOMEBODY: account(17)}, to=(SOMEBODY,))
    assert SOMEBODY not in accounts
    listed = lists(save, PRESENT | {SOMEBODY: account(0)}, PRESENT | {SOMEBODY: account(17)}, to=(SOMEBODY,))
    assert listed[SOMEBODY].empty


def test_a_beneficiary_that_is_new_was_empty(save: Save) -> None:
    contract = {CONTRACT: account(0, 1, "0x60")}
    assert MINER not in lists(save, contract, contract | {MINER: account(17)})


def test_a_beneficiary_that_sends_and_is_listed_late_was_there(save: Save) -> None:
    contract = {CONTRACT: account(0, 1, "0x60")}
    accounts = lists(save, contract, contract | {MINER: account(17, 41)})
    assert accounts[MINER] == Account(17, 41, b"")


def test_the_nonce_of_a_contract_in_its_own_creation_is_put_right(save: Save) -> None:
    made = "0x" + contract_address(bytes.fromhex(address(0)[2:]), 0).hex()
    assert lists(save, PRESENT | {made: account(0, 1)}, to=(None,))[made].empty
    assert lists(save, PRESENT | {made: account(3, 1)}, to=(None,))[made] == Account(3, 0, b"")
    assert lists(save, PRESENT | {made: account(0, 2)}, to=(None,))[made].nonce == 2  # no tracer's doing


@pytest.mark.parametrize("creator", ["transaction", "contract"])
def test_what_an_earlier_transaction_created_was_not_there(save: Save, creator: str) -> None:
    by_contract = creator == "contract"
    start = (CONTRACT, 4) if by_contract else (address(0), 0)
    made = "0x" + contract_address(bytes.fromhex(start[0][2:]), start[1]).hex()
    before = PRESENT | {CONTRACT: account(0, 3, "0x60")}
    after = PRESENT | {CONTRACT: account(0, 5, "0x60"), made: account(0, 1, "0x61", **{"0x1": "0x1"})}
    accounts = lists(save, before, after, after, to=(CONTRACT if by_contract else None,))
    assert made not in accounts
    assert accounts[CONTRACT].nonce == 3
    funded = before | {made: account(8)}  # an address may be paid before the contract is there
    assert lists(save, funded, after, to=(CONTRACT if by_contract else None,))[made] == Account(
        8, 0, b"", {1: 1}
    )


def test_what_a_contract_created_before_the_block_was_there(save: Save) -> None:
    old = "0x" + contract_address(bytes.fromhex(CONTRACT[2:]), 2).hex()
    before = PRESENT | {CONTRACT: account(0, 3, "0x60")}
    assert lists(save, before, before | {old: account(0, 1, "0x61")})[old].code == b"\x61"


def test_a_block_is_known_by_its_values(save: Save, told: dict[str, Any]) -> None:
    read = read_block(save("block.json", told))
    assert isinstance(read, NodeBlock)
    assert "requestsHash" not in read.values
    assert read.number_of("baseFeePerGas") == 7


@pytest.mark.parametrize("kind", [0, 2])
def test_a_chain_whose_number_is_too_large(save: Save, kind: int) -> None:
    read_block(save("block.json", block(transaction(kind, chain_id=2**64 - 1))))
    told = block(transaction(kind, chain_id=2**64))
    refused(save("block.json", told), "transaction 0", "more than 64 bits")
