"""Chains of blocks whose schedule was worked out by hand, in every mode.

The example (tests/support/pipelines.py): two transactions, each with a read of 1 s and 2 s of work; 1 s for each
sender, one after the other; 3 s of hashing for each of the two accounts that they change, and 1 s for the whole;
1 s of other work; 5 s until all is on disk.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from blockstm.errors import UsageError
from blockstm.pipeline import Prediction, given_executor, predict, work_of_figures
from blockstm.pipeline.definition import BlockFigures
from blockstm.pipeline.latency import Constant
from blockstm.pipeline.work import ChangedAccount
from tests.support.pipelines import TWO_TRANSACTIONS, changed, predicted


def times(found: Prediction) -> list[tuple[float, float, float, float]]:
    """Of each block: when it began, was confirmed, was valid, was durable."""
    return [(block.begun, block.confirmed, block.valid, block.durable) for block in found.blocks]


def test_serial_is_one_stage_after_the_other() -> None:
    # Senders until 2, execution 3 + 3 until 8, root 3 + 3 + 1 until 15, other until 16, disk until 21.
    assert times(predicted(changed(modes=("serial",), blocks=2))) == [(0, 8, 16, 21), (21, 29, 37, 42)]


def test_serial_knows_neither_blocks_in_flight_nor_delayed_roots() -> None:
    serial = changed(modes=("serial",), blocks=3)
    assert predicted(changed(modes=("serial",), blocks=3, in_flight=3, root_delay=2)) == predicted(serial)


def test_overlapped_stages_begin_when_their_data_is_there() -> None:
    # The first sender holds execution up by 1: commits at 4 and 7. Accounts 4 to 7 and 7 to 10, the root at 11.
    assert times(predicted(changed(blocks=2))) == [(0, 7, 12, 17), (17, 24, 29, 34)]


def test_a_root_that_waits_for_the_end_of_execution() -> None:
    found = predicted(changed(root={"start": "executed"}))
    assert times(found) == [(0, 7, 7 + 3 + 3 + 1 + 1, 20)]


def test_root_workers_take_accounts_at_once() -> None:
    found = predicted(changed(root={"start": "executed", "workers": 2}))
    assert times(found) == [(0, 7, 7 + 3 + 1 + 1, 17)]


def test_accounts_of_one_nibble_are_hashed_one_after_the_other() -> None:
    # 32 accounts, two in each of the 16 parts: however many workers, a part takes twice 3 s.
    block = BlockFigures(transactions=1, accounts=32)
    found = predicted(changed(block=block, root={"start": "executed", "workers": 64}))
    assert times(found) == [(0, 5, 5 + 6 + 1 + 1, 18)]


def test_an_account_is_hashed_after_its_slots() -> None:
    # One account with three slots of 2 s each, which no number of workers shares: from the commit at 5.
    block = BlockFigures(transactions=1, accounts=1, keys=3)
    found = predicted(changed(block=block, root={"seconds_per_key": 2.0, "workers": 8}))
    assert times(found) == [(0, 5, 5 + 3 * 2 + 3 + 1 + 1, 21)]


def hashed(*accounts: ChangedAccount, seconds: float) -> float:
    """When the example is valid, with accounts of its own that take so long each, and its slots 2 s."""
    pipeline = changed(root={"seconds_per_key": 2.0, "seconds_per_account": seconds})
    work = replace(work_of_figures("block", TWO_TRANSACTIONS), accounts=accounts)
    return predict(pipeline, [(work, given_executor(work, 4.0, 1))])[0].blocks[0].valid


def test_an_account_waits_for_its_own_last_change() -> None:
    # Its slot from the commit at 4 until 6; itself from the commit at 7 until 10, the root at 11.
    assert hashed(ChangedAccount(0, last=1, slots=1, slots_last=0), seconds=3.0) == 12


def test_the_root_is_joined_once_nothing_can_change_any_more() -> None:
    # The only account is through at 5, but the last transaction, which changes nothing, ends at 7.
    assert hashed(ChangedAccount(0, last=0), seconds=1.0) == 9


def test_prefetched_reads_run_beside_execution() -> None:
    # Read and signed at 1 and 2; execution from 1: commits at 3 and 5; accounts 3 to 6 and 6 to 9, root 10.
    assert times(predicted(changed(modes=("prefetched",)))) == [(0, 5, 11, 16)]


def test_with_an_access_list_the_root_needs_no_execution() -> None:
    # Accounts 0 to 3 and 3 to 6, the root at 7, after the commit at 5.
    found = predicted(changed(modes=("prefetched",), root={"start": "listed"}))
    assert times(found) == [(0, 5, 8, 13)]


def test_without_an_access_list_nothing_is_listed() -> None:
    assert times(predicted(changed(root={"start": "listed"}))) == times(predicted(changed()))


def test_with_an_access_list_transactions_run_on_all_cores() -> None:
    # Both transactions begin at 0; the second sender, at 2, holds the second up until 4.
    assert times(predicted(changed(modes=("prefetched",), execute={"cores": 2})))[0][1] == 4
    assert times(predicted(changed(execute={"cores": 2})))[0][1] == 7, (
        "nothing is known of what depends on what"
    )


@pytest.mark.parametrize(
    ("read", "confirmed"),
    [
        ({}, 5),  # reads until 1 and 2: as the senders
        ({"latency": 4.0}, 10),  # until 4 and 8
        ({"latency": 4.0, "queue_depth": 2}, 8),  # both until 4
        ({"latency": 4.0, "queue_depth": 2, "reads_per_second": 0.2}, 11),  # from 0 and 5, until 4 and 9
        ({"latency": 4.0, "cached": 1.0}, 5),
    ],
)
def test_prefetching_is_as_fast_as_the_device(read: dict[str, float], confirmed: float) -> None:
    stage = {name: Constant(value) if name == "latency" else value for name, value in read.items()}
    assert times(predicted(changed(modes=("prefetched",), read=stage)))[0][1] == confirmed


def test_reads_on_first_touch_begin_no_faster_than_the_device_allows() -> None:
    # The second read would begin at 3, and may at 10: commits at 3 and 13; the first sender delays both by 1.
    found = predicted(changed(read={"reads_per_second": 0.1}))
    assert times(found)[0][1] == 14


def test_the_next_block_waits_for_the_root_before_it() -> None:
    # Begins at 0, senders at 3 and 4; executed once block 0 is valid at 12: 15 and 18; root at 22, valid at 23.
    assert times(predicted(changed(blocks=2, in_flight=2))) == [(0, 7, 12, 17), (0, 18, 23, 28)]


def test_a_delayed_root_lets_the_next_block_execute() -> None:
    # Executed after 7: commits at 10 and 13. Its tree is that of block 0 at 11: accounts 14 and 17, root 18.
    found = predicted(changed(blocks=2, in_flight=2, root_delay=1))
    assert times(found) == [(0, 7, 12, 17), (0, 13, 19, 24)]


def test_a_tree_is_brought_up_to_date_from_the_one_before() -> None:
    # The root of block 0 is joined from 10 to 16. Block 1 has committed at 10 and 13: accounts until 19, root 25.
    found = predicted(changed(blocks=2, in_flight=2, root_delay=1, root={"seconds": 6.0, "workers": 2}))
    assert times(found) == [(0, 7, 17, 22), (0, 13, 26, 31)]


def test_no_more_blocks_are_in_flight_than_allowed() -> None:
    # Block 2 begins when block 0 is durable, at 17: signed at 18 and 19, committed at 21 and 24.
    found = predicted(changed(blocks=3, in_flight=2, root_delay=1))
    assert times(found)[2] == (17, 24, 29, 34)
    # With three it begins at once, and is executed after block 1, at 13; the root of block 1 is known at 18.
    found = predicted(changed(blocks=3, in_flight=3, root_delay=1))
    assert times(found)[2] == (0, 19, 26, 31)


def test_values_are_written_while_transactions_commit() -> None:
    # 10 bytes for each transaction: 4 to 5 and 7 to 8, long before the root.
    assert times(predicted(changed(persist={"bytes_per_second": 10.0})))[0][3] == 17
    # A slow disk: 4 to 14 and 14 to 24, then 5 s.
    assert times(predicted(changed(persist={"bytes_per_second": 1.0})))[0][3] == 29
    # Nodes and what a block has beside them come after the root: 2 accounts of 15 bytes, and 20 bytes.
    slow = {"bytes_per_second": 10.0, "node_bytes_per_key": 15.0, "block_bytes": 20.0, "seconds": 2.0}
    assert times(predicted(changed(persist=slow)))[0][3] == 12 + 3 + 2 + 2 + 5


def test_there_is_one_writer() -> None:
    # Block 1 is valid at 19; block 0 is on disk at 12 + 20.
    found = predicted(changed(blocks=2, in_flight=2, root_delay=1, persist={"sync_seconds": 20.0}))
    assert [block.durable for block in found.blocks] == [32, 52]


def test_stages_by_themselves_and_in_use() -> None:
    found = predicted(changed(modes=("serial",), blocks=2))
    assert {name: stage.seconds for name, stage in found.stages.items()} == {
        "read": 2, "senders": 2, "execute": 4, "root": 7, "other": 1, "persist": 5,
    }  # fmt: skip
    assert found.bottleneck == "root"
    assert found.seconds == 42 == 2 * sum(stage.seconds for stage in found.stages.values())
    assert {name: stage.utilisation for name, stage in found.stages.items()} == pytest.approx(
        {
            "read": 4 / 42,
            "senders": 4 / 42,
            "execute": 12 / 42,
            "root": 14 / 42,
            "other": 2 / 42,
            "persist": 10 / 42,
        }
    )


def test_several_places_are_used_in_part() -> None:
    found = predicted(
        changed(modes=("prefetched",), read={"queue_depth": 4}, senders={"cores": 2}, root={"workers": 3})
    )
    used = {name: stage.utilisation * found.seconds for name, stage in found.stages.items()}
    assert used == pytest.approx(
        {"read": 2 / 4, "senders": 2 / 2, "execute": 4, "root": 7 / 3, "other": 1, "persist": 5}
    )
    assert (found.stages["read"].seconds, found.stages["senders"].seconds) == (1, 1)


def test_throughput() -> None:
    found = predicted(changed(modes=("serial",), blocks=2))
    assert (found.transactions, found.gas, found.seconds_per_block) == (4, 200, 21)
    assert found.per_second(found.gas) == pytest.approx(200 / 42)


def test_latencies_count_from_the_beginning_where_all_blocks_wait() -> None:
    found = predicted(changed(blocks=2))
    assert found.confirmed_latency_seconds == {"p50": 4, "p99": 7, "max": 7}
    assert found.durable_latency_seconds == {"p50": 17, "p99": 17, "max": 17}


def test_latencies_count_from_arrival() -> None:
    # Each block takes 17 s and one comes every 10 s: the third, which comes at 20, begins at 34.
    found = predicted(changed(blocks=3, interval_seconds=10.0))
    assert [block.begun for block in found.blocks] == [0, 17, 34]
    assert found.durable_latency_seconds == {"p50": 34 - 10, "p99": 51 - 20, "max": 51 - 20}
    rare = predicted(changed(blocks=3, interval_seconds=100.0))
    assert rare.confirmed_latency_seconds == {"p50": 4, "p99": 7, "max": 7}


def test_what_costs_nothing_takes_no_time() -> None:
    free = changed(
        read={"cached": 1.0}, senders={"seconds_per_transaction": 0.0}, execute={"seconds": 0.0},
        root={"seconds_per_account": 0.0, "seconds": 0.0}, other={"seconds": 0.0}, persist={"sync_seconds": 0.0},
    )  # fmt: skip
    found = predicted(free)
    assert (found.seconds, found.bottleneck, found.per_second(2)) == (0, None, None)


def test_a_chain_that_is_too_long_is_refused() -> None:
    block = BlockFigures(transactions=1_000_000)
    with pytest.raises(UsageError, match=r"example: the chain has 3,000,000 transactions; at most 2,000,000"):
        predicted(changed(block=block, blocks=3))
