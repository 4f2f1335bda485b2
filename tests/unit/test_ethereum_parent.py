"""The header of a block's parent, and the size of a block: recorded from files, and compared with the header."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import rlp

from blockstm import Block, Engine
from blockstm.errors import EthereumInputError
from blockstm.ethereum.block import EthereumBlock
from blockstm.ethereum.checking.checks import HEADER_CHECKS, ExecutedBlock
from blockstm.ethereum.node.encoding import block_size
from blockstm.ethereum.node.encoding import header_hash as hash_of
from blockstm.ethereum.node.header import read_header
from blockstm.ethereum.node.nodejson import Fields
from blockstm.ethereum.node.parent import base_fee_after, can_follow
from blockstm.ethereum.recording.record import read_ethereum
from blockstm.ethereum.rules.blobs import excess_blob_gas_after
from blockstm.ethereum.rules.keys import encode_number
from tests.blockchain_tests.synthetic import encoded, genesis_of
from tests.ethereum_synthetic.builder import BlockBuilder, header_hash
from tests.ethereum_synthetic.chain import NUMBER_AND_TIME, SENDERS, hex_of, is_since, named
from tests.ethereum_synthetic.scenarios import scenario_block
from tests.support.ethereum.oracle import read_json

Json = dict[str, Any]
WITNESS = Path(__file__).parents[3] / "shared" / "witness" / "22615247.json.zst"
FOLLOWS = ("parent", "base_fee", "excess_blob_gas")


class Folder:
    """A block whose parent is known, in files."""

    def __init__(self, path: Path, fork: str) -> None:
        self.path = path
        builder = BlockBuilder(fork, [])
        assert builder.send(SENDERS[0], named("friend"), value=5, gas=21_000)
        made = builder.finish()
        self.parent = genesis_of(made.block, bytes(32))
        self.block = made.block | {"parentHash": self.parent["hash"]}
        self.prestate = made.prestate

    def read(self, parent: object = None, **changes: str) -> Block:
        told = self.block | changes
        contents = {
            "block": told | {"hash": hex_of(header_hash(told))},
            "prestate": self.prestate,
            "parent": self.parent if parent is None else parent,
        }
        for name, content in contents.items():
            (self.path / f"{name}.json").write_text(json.dumps(content))
        return read_ethereum(
            self.path / "block.json", self.path / "prestate.json", parent_path=self.path / "parent.json"
        )


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path, "osaka")


def checks_of(engine: Engine, block: Block) -> dict[str, bool | None]:
    return ExecutedBlock(EthereumBlock.of(block), engine.execute(block)).header_checks()


@pytest.mark.parametrize("fork", ["frontier", "london", "cancun", "osaka", "bpo2"])
def test_what_follows_from_the_parent_is_compared(shared_engine: Engine, tmp_path: Path, fork: str) -> None:
    block = Folder(tmp_path, fork).read()
    checks = checks_of(shared_engine, block)
    assert [checks[name] for name in FOLLOWS] == [
        True,
        True if is_since(fork, "london") else None,
        True if is_since(fork, "cancun") else None,
    ]
    block.save(tmp_path / "made.block")
    assert checks_of(shared_engine, Block.load(tmp_path / "made.block")) == checks


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"excessBlobGas": "0x1"}, "excess_blob_gas"),
        ({"baseFeePerGas": "0x8"}, "base_fee"),
        ({"gasLimit": hex(30_000_000 + 30_000_000 // 1024)}, "parent"),
        ({"timestamp": hex(NUMBER_AND_TIME["osaka"][1] - 12)}, "parent"),
    ],
)
def test_what_does_not_follow_is_told(
    shared_engine: Engine, folder: Folder, changes: dict[str, str], wrong: str
) -> None:
    checks = checks_of(shared_engine, folder.read(**changes))
    assert [name for name in FOLLOWS if checks[name] is False] == [wrong]


def test_a_parent_that_has_been_changed_in_a_file_is_told(shared_engine: Engine, folder: Folder) -> None:
    block = folder.read()
    about = cast(Json, block.meta["ethereum"])
    changed = {**about, "parent_header": {**about["parent_header"], "extraData": "0x01"}}
    spoilt = Block(
        block.transactions, block.state, chain=block.chain, number=block.number, meta={"ethereum": changed}
    )
    assert checks_of(shared_engine, spoilt)["parent"] is False


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda parent: parent | {"number": "0x1"}, "the parent: its fields give the hash 0x"),
        (
            lambda parent: {},
            "the parent: field parentHash is missing; save what eth_getBlockByNumber(number, false)",
        ),
        (lambda parent: [parent], "the parent: it is [{"),
        (lambda parent: {"result": None}, "the parent: it is None, not a JSON object"),
    ],
)
def test_a_header_that_is_not_the_parents_is_refused(
    folder: Folder, change: Callable[[Json], object], expected: str
) -> None:
    with pytest.raises(EthereumInputError, match=r"parent\.json: ") as caught:
        folder.read(change(folder.parent))
    assert expected in str(caught.value)


def test_an_answer_in_its_envelope_is_taken(shared_engine: Engine, folder: Folder) -> None:
    block = folder.read({"jsonrpc": "2.0", "id": 1, "result": folder.parent | {"size": "0x1", "uncles": []}})
    assert checks_of(shared_engine, block)["parent"]


@pytest.mark.skipif(not WITNESS.exists(), reason=f"the recorded witness is not in {WITNESS.parent}")
def test_a_block_of_the_main_network_follows_from_its_parent() -> None:
    told = read_json(WITNESS)
    header, parent = (
        read_header(Fields(fields, "the header", "save it again"))
        for fields in (told["blocks"][0]["header"], told["witness"]["ancestors"][0])
    )
    assert hash_of(parent) == header["parentHash"]
    assert can_follow(parent, header)
    assert encode_number(base_fee_after(parent)) == header["baseFeePerGas"]
    assert encode_number(excess_blob_gas_after("prague", parent)) == header["excessBlobGas"]


# --- the size of a block --------------------------------------------------------------------------


@pytest.mark.parametrize("fork", ["shanghai", "prague", "osaka", "bpo2"])
def test_the_size_is_that_of_the_rlp(shared_engine: Engine, tmp_path: Path, fork: str) -> None:
    for made in (scenario_block(fork), BlockBuilder(fork, []).finish()):
        made.write(tmp_path)
        block = read_ethereum(tmp_path / "block.json.zst", tmp_path / "prestate.json.zst")
        # What it comes to does not matter here, only what it is.
        executed = object.__new__(ExecutedBlock)
        executed.block, executed._ethereum = block, EthereumBlock.of(block)
        assert executed.size() == len(encoded(fork, made.block))


@pytest.mark.parametrize("count", [0, 1, 2, 54, 55, 56, 254, 255, 256, 65_535, 65_536])
def test_sizes_around_the_bounds_of_lengths(count: int) -> None:
    legacy, typed = rlp.encode([b"\x01" * count]), b"\x02" + b"\x03" * count
    header = {"extraData": bytes(count)}
    for raws in ([], [legacy], [typed], [legacy, typed, typed]):
        items = [rlp.decode(raw) if raw[0] >= 0xC0 else raw for raw in raws]
        assert block_size(header, raws, ()) == len(rlp.encode([[bytes(count)], items, [], []]))


@pytest.mark.parametrize(
    ("size", "known", "expected"),
    [(8_388_608, True, True), (8_388_609, True, False), (2**24, False, None)],
)
def test_a_block_has_a_largest_size(size: int, known: bool, expected: bool | None) -> None:
    executed = SimpleNamespace(size=lambda: size, is_known_network=known)
    assert HEADER_CHECKS["block_size"].holds(cast(ExecutedBlock, executed)) is expected
    assert HEADER_CHECKS["block_size"].since == "osaka"
