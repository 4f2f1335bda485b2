"""What follows from the header of a block's parent, against the execution specifications."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from ethereum.exceptions import InvalidBlock
from ethereum_types.numeric import U64, Uint
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("eth_hash", reason="the libraries are not installed: pip install -e '.[ethereum]'")

from blockstm.ethereum.node.parent import base_fee_after, can_follow
from blockstm.ethereum.rules.blobs import GAS_PER_BLOB, blob_base_fee, blob_schedule, excess_blob_gas_after
from blockstm.ethereum.rules.keys import encode_number

FORKS = ("cancun", "prague", "osaka", "bpo1", "bpo2")
GAS: dict[str, Any] = {fork: import_module(f"ethereum.forks.{fork}.vm.gas") for fork in FORKS}
BLOCKS: dict[str, Any] = {fork: import_module(f"ethereum.forks.{fork}.blocks") for fork in FORKS}
LONDON: Any = import_module("ethereum.forks.london.fork")

blobs = st.integers(0, 21)
excesses = st.one_of(
    st.integers(0, 2**31), st.builds(lambda count: count * GAS_PER_BLOB, st.integers(0, 2000)), st.just(0)
)
fees = st.one_of(st.sampled_from((0, 1, 7, 16, 17)), st.integers(0, 2**40))


def header(**numbers: int) -> dict[str, bytes]:
    return {name: encode_number(number) for name, number in numbers.items()}


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(FORKS), excesses)
def test_the_fee_of_blobs_is_that_of_the_specifications(fork: str, excess: int) -> None:
    expected = int(GAS[fork].calculate_blob_gas_price(U64(excess)))
    assert blob_base_fee(fork, excess) == min(expected, 2**256 - 1)


def test_the_fee_of_blobs_ends_somewhere() -> None:
    assert blob_base_fee("cancun", 2**64 - 1) == 2**256 - 1
    assert 2**255 < blob_base_fee("cancun", 177 * 3_338_477) < 2**256 - 1


@pytest.mark.parametrize("fork", FORKS)
def test_parameters_are_those_of_the_specifications(fork: str) -> None:
    fork_module: Any = import_module(f"ethereum.forks.{fork}.fork")
    schedule = blob_schedule(fork)
    assert schedule.target * GAS_PER_BLOB == int(GAS[fork].TARGET_BLOB_GAS_PER_BLOCK)
    assert schedule.blobs_max * GAS_PER_BLOB == int(fork_module.MAX_BLOB_GAS_PER_BLOCK)
    assert schedule.update_fraction == int(GAS[fork].BLOB_BASE_FEE_UPDATE_FRACTION)


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(FORKS), excesses, blobs, fees)
def test_excess_blob_gas_is_that_of_the_specifications(fork: str, excess: int, count: int, fee: int) -> None:
    used = count * GAS_PER_BLOB
    parent = object.__new__(BLOCKS[fork].Header)
    values = {"excess_blob_gas": U64(excess), "blob_gas_used": U64(used), "base_fee_per_gas": Uint(fee)}
    for name, value in values.items():
        object.__setattr__(parent, name, value)
    ours = header(excessBlobGas=excess, blobGasUsed=used, baseFeePerGas=fee)
    assert excess_blob_gas_after(fork, ours) == int(GAS[fork].calculate_excess_blob_gas(parent))


@settings(max_examples=500, deadline=None)
@given(st.integers(5000, 2**40), st.integers(0, 100), st.integers(0, 2**60))
def test_the_base_fee_is_that_of_the_specifications(limit: int, part: int, fee: int) -> None:
    used = limit * part // 100
    expected = LONDON.calculate_base_fee_per_gas(Uint(limit), Uint(limit), Uint(used), Uint(fee))
    assert base_fee_after(header(gasLimit=limit, gasUsed=used, baseFeePerGas=fee)) == int(expected)


def test_the_first_base_fee() -> None:
    assert base_fee_after(header(gasLimit=10**7, gasUsed=10**7)) == 10**9


@settings(max_examples=500, deadline=None)
@given(st.integers(5000, 2**30), st.data())
def test_the_step_of_the_gas_limit_is_that_of_the_specifications(limit: int, data: st.DataObject) -> None:
    step = limit // 1024
    after = limit + data.draw(st.sampled_from((0, 1, -1, step - 1, step, -step, 1 - step, step + 1)))
    parent = header(number=7, timestamp=100, gasLimit=limit, baseFeePerGas=7)
    try:
        LONDON.calculate_base_fee_per_gas(Uint(after), Uint(limit), Uint(limit // 2), Uint(7))
        is_right = True
    except InvalidBlock:
        is_right = False
    if after >= 5000:  # the least is another check
        assert (
            can_follow(parent, header(number=8, timestamp=101, gasLimit=after, baseFeePerGas=7)) == is_right
        )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"number": 9}, False),
        ({"number": 7}, False),
        ({"timestamp": 100}, False),
        ({"timestamp": 10**6}, True),
    ],
)
def test_number_and_time_go_on(changes: dict[str, int], expected: bool) -> None:
    parent = header(number=7, timestamp=100, gasLimit=10**7)
    own = {"number": 8, "timestamp": 101, "gasLimit": 10**7} | changes
    assert can_follow(parent, header(**own)) is expected


def test_the_gas_limit_doubles_with_the_first_base_fee() -> None:
    parent = header(number=7, timestamp=100, gasLimit=10**7)
    own = {"number": 8, "timestamp": 101, "baseFeePerGas": 10**9}
    assert can_follow(parent, header(gasLimit=2 * 10**7, **own))
    assert not can_follow(parent, header(gasLimit=10**7, **own))
