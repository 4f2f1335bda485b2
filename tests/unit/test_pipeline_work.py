"""What blocks ask of each stage, and what the engine makes of it in modelled time."""

from __future__ import annotations

from pathlib import Path

import pytest

from blockstm import Block
from blockstm.analysis.conventions import Conventions, StatePlace
from blockstm.chains import conventions_of
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
from blockstm.pipeline import BlockWork, engine_executor, work_of_figures, work_of_run
from blockstm.pipeline.definition import BlockFigures
from blockstm.pipeline.schedule import Reads
from blockstm.pipeline.work import reads_of
from blockstm.programs.built_in import trace, transfer
from blockstm.simulate import Simulation, default_model

ROOT = Path(__file__).parents[2]
ADDRESS = bytes(range(20))


def work_of(block: Block) -> BlockWork:
    with Simulation(block, default_model(), 1) as simulation:
        return work_of_run("block", block, simulation.run_sequentially(), conventions_of(block.chain))


def test_an_account_of_ethereum_is_stored_as_one_but_for_code_and_slots() -> None:
    place = conventions_of("eip155:1").state_place
    account = place(nonce_key(ADDRESS))
    assert account is not None
    assert (
        account
        == place(balance_key(ADDRESS))
        == place(existence_key(ADDRESS))
        == place(incarnation_key(ADDRESS))
    )
    code, slot = place(code_key(ADDRESS)), place(storage_key(ADDRESS, 3))
    assert code == StatePlace(code_key(ADDRESS), account.account)
    assert slot == StatePlace(storage_key(ADDRESS, 3), account.account, is_slot=True)
    assert place(ENVIRONMENT_KEY) is place(block_hash_key(5)) is None


def test_each_entry_is_read_by_the_first_transaction_that_touches_it() -> None:
    keys = [b"a", b"b", b"c", b"d"]
    block = Block(
        [
            trace.txn([b"a"], [b"d"], {}, 0),
            trace.txn([b"a", b"b"], [b"b"], {}, 0),
            trace.txn([b"d", b"b", b"c"], [b"c"], {}, 0),  # d and b are the block's own by now
        ],
        dict.fromkeys(keys, bytes(32)),
    )
    work = work_of(block)
    assert work.first_reads == (0, 1, 2)
    assert work.entries == {b"a": 0, b"b": 1, b"c": 2}
    assert reads_of(work) == [[0], [1], [2]]


def test_what_has_changed_is_written_and_hashed_at_its_last_change() -> None:
    block = Block(
        [
            transfer.txn(b"a", b"b", 1),
            transfer.txn(b"b", b"c", 1),  # leaves b as it was before the block
            transfer.txn(b"d", b"a", 300),
        ],
        dict.fromkeys([b"a", b"b", b"d"], b"\x01\xff"),
    )
    work = work_of(block)
    assert sorted(account.last for account in work.accounts) == [1, 2, 2]
    assert work.changed_keys == 3
    # c comes to one byte; a to two, d to one.
    assert work.written_bytes == (0, 2, 3 + 2)


def test_a_block_by_figures_is_spread_evenly() -> None:
    work = work_of_figures("block", BlockFigures(4, 100, reads=8, accounts=2, keys=3, value_bytes=40))
    assert work.first_reads == (0, 0, 1, 1, 2, 2, 3, 3)
    assert work.written_bytes == (10, 10, 10, 10)
    assert [account.last for account in work.accounts] == [1, 3]
    assert sum(account.slots for account in work.accounts) == 3
    assert work.changed_keys == 5
    many = work_of_figures("block", BlockFigures(2, accounts=40))
    assert {account.last for account in many.accounts} == {0, 1}


def test_a_real_block_asks_for_what_its_transactions_touch() -> None:
    block = Block.load(ROOT / "scenarios" / "ethereum-116525.block")
    work = work_of(block)
    # Those of the traces: what each transaction of the chain read, and what it added to.
    touched = {
        key
        for reads, _, adds, _ in (each.arguments for each in block.transactions)
        for key in [*reads, *adds]
    }
    place = conventions_of(block.chain).state_place
    entries = {found.entry for found in map(place, touched) if found is not None}
    assert len(work.first_reads) <= len(entries) <= 1.2 * len(work.first_reads)
    assert list(work.first_reads) == sorted(work.first_reads)
    assert set(work.entries.values()) == set(range(len(work.first_reads)))


@pytest.mark.parametrize("model", ["sequential", "block-stm"])
def test_the_engine_waits_for_each_entry_on_one_core(model: str) -> None:
    block = Block.load(ROOT / "scenarios" / "ethereum-116525.block")
    with Simulation(block, default_model(), 1) as simulation:
        result = simulation.run_sequentially()
        work = work_of_run("block", block, result, conventions_of(block.chain))
        execute = engine_executor(work, simulation, 1, model)
        latency = 100e-6
        reads = Reads((latency,) * len(work.first_reads), 8, 0.0)
        in_memory, on_demand = execute(None, False), execute(reads, False)
    assert on_demand.reads == len(work.first_reads)
    assert on_demand.read_seconds == pytest.approx(latency * len(work.first_reads))
    assert on_demand.seconds - in_memory.seconds == pytest.approx(latency * len(work.first_reads), rel=1e-6)
    spans = [commit - begin for begin, commit in zip(in_memory.begins, in_memory.commits, strict=True)]
    assert min(spans) > 0
    assert sum(spans) == pytest.approx(in_memory.seconds, rel=0.03), "one core does nothing else"
    assert list(in_memory.commits) == sorted(in_memory.commits)


def test_conventions_of_other_chains_know_each_key_by_itself() -> None:
    assert Conventions().state_place(b"key") == StatePlace(b"key", b"key")
