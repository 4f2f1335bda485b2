"""Batches of JSON-RPC answers in files: a block, the state before it, and block hashes, in any order."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blockstm.errors import EthereumInputError
from blockstm.ethereum.node.prestate import read_prestate
from blockstm.ethereum.node.rpc import read_block, read_block_hashes
from tests.support.ethereum.node import CONTRACT, account, address, block, transaction

Save = Callable[[object], Path]

TOLD = block(transaction(2), transaction(0, who=1, nonce=4))
NUMBER = int(TOLD["number"], 16)
OTHER = block(transaction(2, who=2), number=hex(NUMBER + 1))
FIRST = {address(0): account(), CONTRACT: account(0, 1, "0x00", **{"0x1": "0x2"})}
SECOND = {address(1): account(10**18, 4), CONTRACT: account(17, 1, "0x00", **{"0x1": "0x3"})}


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(answer: object) -> Path:
        path = tmp_path / "batch.json"
        path.write_text(json.dumps(answer))
        return path

    return write


def batch(*results: object) -> list[dict[str, Any]]:
    return [{"jsonrpc": "2.0", "id": index, "result": result} for index, result in enumerate(results)]


def refused(path: Path, expected: str, read: Callable[[Path], object] = read_block) -> None:
    with pytest.raises(EthereumInputError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert expected in str(caught.value)


def test_a_block_is_found_in_a_batch(save: Save) -> None:
    plain = read_block(save(TOLD))
    for told in (
        batch(TOLD),
        batch(TOLD, FIRST, SECOND),
        batch(TOLD, [{"result": FIRST}, {"result": SECOND}]),
    ):
        assert read_block(save(told)) == plain
        assert read_block(save(told), NUMBER) == plain
    several = save(batch(OTHER, TOLD))
    assert read_block(several, NUMBER) == plain
    assert read_block(several, NUMBER + 1).number == NUMBER + 1


@pytest.mark.parametrize(
    ("told", "number", "expected"),
    [
        (batch(), None, "the block: it is [], not a JSON object"),
        (batch(FIRST), None, "block is not in this batch; name the file that holds it"),
        (batch(None), None, "block is not in this batch"),
        (batch(TOLD, OTHER), None, "the batch holds 2 blocks; choose one with --number"),
        (batch(TOLD, OTHER), 5, "block 5 is not in this batch"),
        (batch(TOLD, TOLD), NUMBER, f"block {NUMBER} is in this batch 2 times; leave one"),
        (TOLD, 5, f"it is block {NUMBER}, not 5"),
        ([*batch(TOLD), 5], None, "answer 1 of the batch: it is 5, not a JSON object"),
        ([*batch(TOLD), {"result": FIRST}], None, "answer 1 of the batch: field id is missing"),
        ([*batch(TOLD), {"jsonrpc": "2.0", "id": "1", "result": FIRST}], None, "its id is '1', not a whole number"),
        ([*batch(TOLD), {"jsonrpc": "2.0", "id": True, "result": FIRST}], None, "its id is True, not a"),
        (batch(TOLD) * 2, None, "the answer with id 0 of the batch: it comes twice"),
        ([{"jsonrpc": "2.0", "id": 3}], None, "the answer with id 3 of the batch: field result is missing"),
        (
            [*batch(TOLD), {"jsonrpc": "2.0", "id": 3, "error": {"code": -32000, "message": "pruned"}}],
            None,
            "id 3 of the batch: the node answered with an error, {'code': -32000, 'message': 'pruned'}",
        ),
        ([{"jsonrpc": "2.0", "id": 3, "result": TOLD, "more": 1}], None, "field 'more' is unknown"),
    ],
)  # fmt: skip
def test_a_batch_that_does_not_do(save: Save, told: object, number: int | None, expected: str) -> None:
    refused(save(told), expected, lambda path: read_block(path, number))


def test_the_state_before_is_told_by_one_answer_for_each_transaction(save: Save) -> None:
    plain = read_block(save(TOLD))
    hashes = [txn["hash"] for txn in TOLD["transactions"]]
    listed = [{"txHash": hashes[0], "result": FIRST}, {"txHash": hashes[1], "result": SECOND}]
    expected = read_prestate(save(listed), plain)
    assert expected[bytes.fromhex(CONTRACT[2:])].storage == {1: 2}
    for told in (batch(FIRST, SECOND), batch(TOLD, FIRST, SECOND), batch(listed), batch(TOLD, listed)):
        shuffled = random.Random(7).sample(told, len(told))
        assert read_prestate(save(shuffled), plain) == expected
    swapped = [{**one, "id": 1 - one["id"]} for one in batch(FIRST, SECOND)]
    assert read_prestate(save(swapped), plain)[bytes.fromhex(CONTRACT[2:])].storage == {1: 3}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (batch(FIRST), "it lists 1 transactions, and block"),
        (batch(TOLD), "it lists 0 transactions, and block"),
        (batch(FIRST, SECOND, SECOND), "it lists 3 transactions, and block"),
        (batch(FIRST, None), "it is None, not a JSON object"),
        (batch([FIRST, SECOND], FIRST), "transaction 0"),
    ],
)
def test_a_batch_of_another_state(save: Save, told: object, expected: str) -> None:
    plain = read_block(save(TOLD))
    refused(save(told), expected, lambda path: read_prestate(path, plain))


def test_the_state_of_the_whole_chain_is_in_no_batch(save: Save) -> None:
    plain = read_block(save(TOLD))
    refused(
        save(batch(FIRST, SECOND)),
        "which is not the state of the whole chain",
        lambda path: read_prestate(path, plain, whole_state=True),
    )


def test_block_hashes_are_those_of_headers(save: Save) -> None:
    plain = read_block(save(TOLD))
    earlier = [block(fork="cancun", number=hex(NUMBER - back)) for back in (2, 3)]
    found = read_block_hashes(save(batch(*earlier)), plain)
    assert found == {int(one["number"], 16): bytes.fromhex(one["hash"][2:]) for one in earlier}
    read = lambda path: read_block_hashes(path, plain)  # noqa: E731
    refused(
        save(batch(earlier[0] | {"gasUsed": "0x1"})), f"block {NUMBER - 2}: its fields give the hash", read
    )
    refused(save(batch(TOLD)), f"block {NUMBER} does not come before block {NUMBER}", read)
    refused(save(batch(None)), "an earlier block: it is None, not a JSON object", read)
    parent = block(fork="cancun", number=hex(NUMBER - 1))
    refused(save(batch(parent)), f"block {NUMBER - 1} has another hash than block {NUMBER} says", read)
    other = block(fork="cancun", number=hex(NUMBER - 2), extraData="0x")
    refused(
        save(batch(earlier[0], other)), f"the batch holds two blocks {NUMBER - 2}; leave the one of", read
    )
