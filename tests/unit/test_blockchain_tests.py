"""The run of official BlockchainTests, on tests that the execution specifications have made up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blockstm import Engine
from blockstm.ethereum.virtual_machine import has_native
from tests.blockchain_tests.execution import run_test
from tests.blockchain_tests.networks import fork_at, is_dao_fork, is_known
from tests.blockchain_tests.nodeanswers import NotABlockError, block_of
from tests.blockchain_tests.synthetic import NETWORKS, encoded, header_fields, test_of
from tests.ethereum_synthetic.assembly import asm
from tests.ethereum_synthetic.builder import BlockBuilder, Contract, header_hash
from tests.ethereum_synthetic.chain import SENDERS, address_of, hex_of, named
from tests.ethereum_synthetic.scenarios import scenario_block

Json = dict[str, Any]

test_of.__test__ = False  # type: ignore[attr-defined]

ZEROS = hex_of(bytes(32))
NEEDS_NATIVE = pytest.mark.skipif(not has_native(), reason="the native EVM is not built here: make build")


def small_test(fork: str = "london", uncles: Callable[[Json], list[Json]] = lambda block: []) -> Json:
    builder = BlockBuilder(
        fork, [Contract(named("counts"), asm(0, "SLOAD", 1, "ADD", 0, "SSTORE"), storage={0: 3})]
    )
    assert builder.send(SENDERS[0], named("counts"))
    assert builder.send(SENDERS[1], named("counts"), value=7)
    made = builder.finish()
    return test_of(made, uncles(made.block))


def spoilt(test: Json, **fields: str) -> Json:
    """The same with other fields in the header of its block, whose hash is right for them."""
    header = test["blocks"][0]["blockHeader"] | fields
    header["hash"] = hex_of(header_hash(header))
    fork = {network: name for name, network in NETWORKS.items()}[test["network"]]
    block = {"rlp": hex_of(encoded(fork, header)), "blockHeader": header}
    return {**test, "blocks": [block], "lastblockhash": header["hash"]}


@pytest.mark.parametrize("machine", ["py-evm", pytest.param("native", marks=NEEDS_NATIVE)])
@pytest.mark.parametrize("fork", NETWORKS)
def test_a_test_of_the_specifications_passes(
    shared_engine: Engine, tmp_path: Path, fork: str, machine: str
) -> None:
    verdict = run_test(shared_engine, small_test(fork), tmp_path, machine)
    assert (verdict.failure, verdict.blocks, verdict.invalid) == (None, 1, [])


def test_the_miners_of_uncles_are_paid(shared_engine: Engine, tmp_path: Path) -> None:
    def uncles(block: Json) -> list[Json]:
        number = int(block["number"], 16)
        header = {
            name: text for name, text in block.items() if name not in ("uncles", "transactions", "hash")
        }
        return [
            {**header, "number": hex(number - age), "miner": hex_of(named(f"uncle {age}"))} for age in (1, 6)
        ]

    test = small_test("london", uncles)
    assert int(test["postState"][hex_of(named("uncle 1"))]["balance"], 16) == 2 * 10**18 * 7 // 8
    assert run_test(shared_engine, test, tmp_path).failure is None


def with_genesis(test: Json, **fields: str) -> Json:
    return {**test, "genesisBlockHeader": test["genesisBlockHeader"] | fields}


def with_block(test: Json, rlp: str) -> Json:
    return {**test, "blocks": [test["blocks"][0] | {"rlp": rlp}]}


def orphaned(test: Json) -> Json:
    return with_block(test, spoilt(test, parentHash=ZEROS)["blocks"][0]["rlp"])


@pytest.mark.parametrize(
    ("spoil", "failure"),
    [
        (lambda test: spoilt(test, stateRoot=ZEROS), "block 0: differs from the header: state_root"),
        (lambda test: spoilt(test, gasUsed="0x5208"), "block 0: differs from the header: gas_used"),
        (lambda test: spoilt(test, baseFeePerGas="0x8"), "block 0: differs from the header: base_fee"),
        (lambda test: spoilt(test, timestamp="0x1"), "block 0: differs from the header: parent"),
        (lambda test: with_genesis(test, hash=ZEROS), "the hash of the genesis block differs"),
        (lambda test: with_genesis(test, stateRoot=ZEROS), "the state root of the genesis block differs"),
        (lambda test: {**test, "postState": {}}, "the final state differs at 0x"),
        (lambda test: {**test, "lastblockhash": ZEROS}, "the last block is another one"),
        (lambda test: with_block(test, "0xc3010203"), "block 0: no block: "),
        (orphaned, "block 0: the parent is not known"),
    ],
)
def test_what_is_not_as_the_test_says_fails(
    shared_engine: Engine, tmp_path: Path, spoil: Callable[[Json], Json], failure: str
) -> None:
    found = run_test(shared_engine, spoil(small_test()), tmp_path).failure
    assert found is not None and found.startswith(failure)


def test_invalid_blocks_are_counted_by_what_became_of_them(shared_engine: Engine, tmp_path: Path) -> None:
    test = small_test()
    wrong = [
        spoilt(test, gasUsed="0x5208"),
        spoilt(test, difficulty=hex(10**13 + 1)),
        {"blocks": [{"rlp": "0xc0"}]},
    ]
    blocks = [{"rlp": other["blocks"][0]["rlp"], "expectException": "Wrong"} for other in wrong]
    verdict = run_test(shared_engine, {**test, "blocks": [*blocks, *test["blocks"]]}, tmp_path)
    assert verdict.failure is None
    # Whether the difficulty of proof of work is right is not looked at.
    assert verdict.invalid == ["refused", "accepted: Wrong", "refused"]


@pytest.mark.parametrize("fork", ["cancun", "osaka", "bpo1"])
def test_the_excess_of_blob_gas_is_looked_at(shared_engine: Engine, tmp_path: Path, fork: str) -> None:
    test = spoilt(small_test(fork), excessBlobGas="0x1")
    failure = run_test(shared_engine, test, tmp_path).failure
    assert failure == "block 0: differs from the header: excess_blob_gas"


@pytest.mark.parametrize("fork", ["frontier", "spurious_dragon", "london", "cancun", "prague", "osaka"])
def test_blocks_are_rewritten_as_nodes_tell_them(fork: str) -> None:
    """Of every type of transactions; that the sender is right says that the signed message is."""
    made = scenario_block(fork)
    block, uncles = block_of(encoded(fork, made.block))
    assert uncles == []
    for name in ("hash", "number", "extraData", "logsBloom", "withdrawals"):
        assert block.get(name) == made.block.get(name)
    assert len(block["transactions"]) == len(made.block["transactions"])
    for ours, told in zip(block["transactions"], made.block["transactions"], strict=True):
        told = {"chainId": None, **told}
        assert {name: told[name] for name in ours if name != "chainId"} == {
            name: value for name, value in ours.items() if name != "chainId"
        }
        # What was signed for no chain has none; nodes may name theirs.
        assert "chainId" not in ours or ours["chainId"] == (told["chainId"] or "0x1")


@pytest.mark.parametrize(
    "wrong", [b"", b"\xc0", b"\x01", b"\xc3\x01\x02\x03", b"\xff" * 20, b"\xc6\xc0\xc1\x05\xc0\xc0"]
)
def test_what_is_no_block_is_refused(wrong: bytes) -> None:
    with pytest.raises(NotABlockError):
        block_of(wrong)


def test_uncles_come_with_their_headers() -> None:
    block = scenario_block("london").block
    found, uncles = block_of(encoded("london", block, [header_fields(block)]))
    assert found["uncles"] == [uncles[0]["hash"]] == [block["hash"]]
    assert uncles[0]["miner"] == hex_of(address_of(SENDERS[4]))


@pytest.mark.parametrize(
    ("network", "number", "timestamp", "difficulty", "fork"),
    [
        ("ConstantinopleFix", 9, 0, 1, "petersburg"),
        ("HomesteadToEIP150At5", 4, 0, 1, "homestead"),
        ("HomesteadToEIP150At5", 5, 0, 1, "tangerine_whistle"),
        ("HomesteadToDaoAt5", 5, 0, 1, "homestead"),
        ("ArrowGlacierToParisAtDiffC0000", 1, 0, 0x20000, "arrow_glacier"),
        ("ArrowGlacierToParisAtDiffC0000", 8, 0, 0, "paris"),
        ("ShanghaiToCancunAtTime15k", 1, 14_999, 0, "shanghai"),
        ("ShanghaiToCancunAtTime15k", 1, 15_000, 0, "cancun"),
        ("PragueToOsakaAtTime15k", 1, 14_999, 0, "prague"),
        ("PragueToOsakaAtTime15k", 1, 15_000, 0, "osaka"),
        ("OsakaToBPO1AtTime15k", 1, 15_000, 0, "bpo1"),
        ("BPO1ToBPO2AtTime15k", 1, 14_999, 0, "bpo1"),
        ("BPO1ToBPO2AtTime15k", 1, 15_000, 0, "bpo2"),
    ],
)
def test_networks_change_their_rules_where_their_names_say(
    network: str, number: int, timestamp: int, difficulty: int, fork: str
) -> None:
    assert is_known(network)
    assert fork_at(network, number, timestamp, difficulty) == fork
    assert is_dao_fork(network, number) == (network == "HomesteadToDaoAt5")


def test_networks_of_later_forks_are_left_out() -> None:
    assert not any(map(is_known, ("Amsterdam", "BPO2ToBPO3AtTime15k", "")))
