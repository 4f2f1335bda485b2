"""The made-up Ethereum blocks have what they are meant to have, and the engine comes to what the oracle says."""

from __future__ import annotations

from pathlib import Path

import pytest

from blockstm import Engine
from tests.ethereum_synthetic.assembly import CHILD_INIT, CHILD_RUNTIME, CHILD_SALT, asm
from tests.ethereum_synthetic.builder import HISTORY_ADDRESS, SyntheticBlock, header_hash
from tests.ethereum_synthetic.chain import (
    NUMBER_AND_TIME,
    SENDERS,
    address_of,
    create2_address,
    created_address,
    is_since,
    named,
)
from tests.ethereum_synthetic.inputs import signature_input
from tests.ethereum_synthetic.randomblocks import random_block
from tests.ethereum_synthetic.scenarios import scenario_block
from tests.support.ethereum.agreement import assert_synthetic_agrees
from tests.support.ethereum.oracle import Account, OracleResult, read_json, run

SHARED = Path(__file__).parents[3] / "shared"
needs_blocks = pytest.mark.skipif(
    not (SHARED / "ethereum").is_dir(), reason=f"the recorded blocks are not in {SHARED}"
)

WITH_CREATE2 = [fork for fork, (number, _) in NUMBER_AND_TIME.items() if number >= 8_000_000]
NEW_RULES = [
    fork
    for fork in NUMBER_AND_TIME
    if fork not in ("dao_fork", "muir_glacier", "arrow_glacier", "gray_glacier")
]
"""The forks that changed what transactions do; the others have the rules of the one before them."""
WIPED_FOR_GOOD = [fork for fork in WITH_CREATE2 if not is_since(fork, "cancun")]


def gas_of_last(result: OracleResult) -> int:
    return result.receipts[-1].cumulative_gas_used - result.receipts[-2].cumulative_gas_used


def child_of(result: OracleResult, factory: str) -> Account:
    return result.accounts[create2_address(named(factory), CHILD_SALT, CHILD_INIT)]


@pytest.mark.parametrize("fork", ["frontier", "spurious_dragon", "constantinople", "london", "prague"])
def test_a_block_comes_to_what_its_header_says_after_it_was_stored(fork: str, tmp_path: Path) -> None:
    block = scenario_block(fork)
    number = int(block.block["number"], 16)
    block.write(tmp_path / "ethereum" / str(number))
    result = run(number, tmp_path)
    assert result == block.result
    assert result.fork == fork
    assert result.differences(block.block) == {}


@pytest.mark.parametrize("fork", WIPED_FOR_GOOD)
def test_storage_is_wiped_and_then_read(fork: str) -> None:
    child = child_of(scenario_block(fork).result, "old factory")
    # The balance is what was sent while the contract was gone.
    assert child == Account(1, 4, CHILD_RUNTIME, {0: 1, 7: 100})


@pytest.mark.parametrize("fork", WITH_CREATE2)
def test_a_contract_is_made_destroyed_and_made_again(fork: str) -> None:
    result = scenario_block(fork).result
    assert child_of(result, "other factory") == Account(1, 0, CHILD_RUNTIME, {0: 1, 7: 100})
    # The second deployment within the transaction failed, as the contract was still there.
    assert result.accounts[named("deploys, destroys and deploys")].storage == {0: 1, 1: 1, 2: 1, 3: 1, 8: 9}


@pytest.mark.parametrize("fork", NEW_RULES)
def test_nothing_is_created_over_storage(fork: str) -> None:
    result = scenario_block(fork).result
    creator = named("creates over storage")
    # Called twice: first it fails at the first place, then it goes on from there.
    taken = [created_address(creator, 1), created_address(address_of(SENDERS[3]), 0)]
    if fork in WITH_CREATE2:
        taken.append(create2_address(creator, CHILD_SALT, CHILD_INIT))
    assert [result.accounts[address] for address in taken] == [Account(0, 1, b"", {1: 2})] * len(taken)
    # An account that is empty but for its storage goes where EIP-161 holds, and comes back without it.
    if not is_since(fork, "paris"):
        kept = {3: 4} if is_since("tangerine_whistle", fork) else {}
        assert result.accounts[named("storage only")] == Account(0, 1, b"", kept)


@pytest.mark.parametrize("fork", [fork for fork in NUMBER_AND_TIME if is_since(fork, "byzantium")])
def test_zero_to_the_power_of_zero_is_one(fork: str) -> None:
    storage = scenario_block(fork).result.accounts[named("modular powers")].storage
    assert storage == {0: 1, 1: 1, 2: 1, 8: 9, 10: 1, 11: 1}


FROM_OSAKA = [fork for fork in NUMBER_AND_TIME if is_since(fork, "osaka")]


@pytest.mark.parametrize("fork", ["prague", *FROM_OSAKA])
def test_what_osaka_brings_is_gone_through(fork: str) -> None:
    result = scenario_block(fork).result
    counted = result.accounts[named("counts leading zeros")].storage
    verified = result.accounts[named("verifies signatures")].storage
    powers = result.accounts[named("modular powers of long operands")].storage
    if fork == "prague":
        assert counted == {1: 2, 8: 9}  # the opcode is not there, so nothing remains
        assert {slot: verified.get(slot, 0) for slot in range(10, 14)} == dict.fromkeys(range(10, 14), 0)
        assert [powers.get(slot, 0) for slot in range(3)] == [1, 1, 1]
        return
    assert counted == {1: 256, 2: 255, 5: 191, 8: 9}
    assert [verified.get(slot, 0) for slot in range(4)] == [1, 0, 1, 1]
    assert [verified.get(slot, 0) for slot in range(10, 14)] == [32, 0, 0, 0]
    assert verified[20] == 1
    assert [powers.get(slot, 0) for slot in range(3)] == [1, 1, 0]
    assert powers[11] < powers[10] - 16 * 16 * 992  # EIP-7883: complexity 16, and 16 for each byte beyond 32


@pytest.mark.parametrize(
    ("fork", "gas", "blobs"), [("prague", 2**24 + 1, 7), ("osaka", 2**24, 6), ("bpo2", 2**24, 6)]
)
def test_as_much_is_sent_as_may_be(fork: str, gas: int, blobs: int) -> None:
    sent = scenario_block(fork).block["transactions"]
    assert max(int(told["gas"], 16) for told in sent) == gas
    assert max(len(told.get("blobVersionedHashes", ())) for told in sent) == blobs


def test_random_blocks_have_what_osaka_brings() -> None:
    blocks = [random_block("osaka", seed) for seed in range(8)]
    codes = b"".join(
        bytes.fromhex(told.get("code", "0x")[2:]) for made in blocks for told in made.prestate.values()
    )
    calls = signature_input()[32:64]
    sent = [told for made in blocks for told in made.block["transactions"]]
    assert asm("CLZ") in codes and calls in codes
    assert any(int(told["gas"], 16) == 2**24 for told in sent)
    assert any(len(told.get("blobVersionedHashes", ())) == 6 for told in sent)
    assert not any(int(told["gas"], 16) > 2**24 for told in sent)


def test_transient_storage_lasts_for_a_transaction() -> None:
    assert scenario_block("cancun").result.accounts[named("transient")].storage == {0: 1, 1: 5, 3: 5, 8: 9}


@pytest.fixture
def prague() -> SyntheticBlock:
    return scenario_block("prague")


@needs_blocks
@pytest.mark.parametrize("number", [46147, 15537393, 15752489, 19910734])
def test_headers_are_hashed_as_the_main_chain_does(number: int) -> None:
    block = read_json(SHARED / "ethereum" / str(number) / "block.json.zst")
    assert block["hash"] == f"0x{header_hash(block).hex()}"


def test_an_account_has_the_code_of_another(prague: SyntheticBlock) -> None:
    account = prague.result.accounts[address_of(SENDERS[1])]
    assert account.code == b"\xef\x01\x00" + named("counts")
    assert account.storage[0] >= 3


def test_the_history_contract_keeps_the_parents_hash(prague: SyntheticBlock) -> None:
    parent_hash = int(prague.block["parentHash"], 16)
    number = int(prague.block["number"], 16)
    assert prague.result.accounts[HISTORY_ADDRESS].storage == {(number - 1) % 8191: parent_hash}
    assert prague.result.accounts[named("reads history")].storage[1] == parent_hash


def test_data_has_a_least_price(prague: SyntheticBlock) -> None:
    assert gas_of_last(prague.result) == 21_000 + 10 * (500 + 4 * 500)


def test_withdrawals_come_last(prague: SyntheticBlock) -> None:
    assert named("withdrawn") not in prague.result.accounts
    assert prague.result.accounts_after_block[named("withdrawn")] == Account(0, 7 * 10**9, b"", {})
    assert named("nothing") not in prague.result.accounts_after_block


@pytest.mark.parametrize("fork", ["frontier", "prague"])
def test_random_blocks_depend_on_their_seed_alone(fork: str) -> None:
    one, again, other = random_block(fork, 1), random_block(fork, 1), random_block(fork, 2)
    assert one == again
    assert one.block["transactions"] != other.block["transactions"]
    assert len(one.block["transactions"]) > 5


# --- in the engine --------------------------------------------------------------------------------


@pytest.mark.parametrize("fork", NEW_RULES)
def test_what_is_hard_comes_to_what_the_specifications_say(
    shared_engine: Engine, fork: str, tmp_path: Path
) -> None:
    assert_synthetic_agrees(shared_engine, scenario_block(fork), tmp_path)


@pytest.mark.parametrize("seed", range(1))
@pytest.mark.parametrize("fork", NEW_RULES)
def test_a_random_block_comes_to_what_the_specifications_say(
    shared_engine: Engine, fork: str, seed: int, tmp_path: Path
) -> None:
    assert_synthetic_agrees(shared_engine, random_block(fork, seed), tmp_path)
