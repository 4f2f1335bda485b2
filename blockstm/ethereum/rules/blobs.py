"""How many blobs a block of each fork may have, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from blockstm.ethereum.rules.forks import CANCUN, FORKS, OSAKA, PRAGUE, is_at_least
from blockstm.ethereum.rules.keys import decode_number
from blockstm.limits import U256_MAX

__all__ = ["GAS_PER_BLOB", "BlobSchedule", "blob_base_fee", "blob_schedule", "excess_blob_gas_after"]

GAS_PER_BLOB: Final = 1 << 17
_FEE_MIN: Final = 1
_EXECUTION_GAS_PER_BLOB: Final = 1 << 13
"""The execution gas whose price blobs are not to fall below, per blob (EIP-7918: BLOB_BASE_COST)."""
_POWER_MAX: Final = 178
"""e to the power of this is more than 2**256."""


class BlobSchedule(NamedTuple):
    """The parameters of blobs (EIP-7840).

    Arguments:
        target: how many blobs a block is to have on average.
        blobs_max: how many it has at most.
        update_fraction: how slowly the fee follows the excess of blob gas.
    """

    target: int
    blobs_max: int
    update_fraction: int


_SCHEDULES: Final = {
    CANCUN: BlobSchedule(3, 6, 3_338_477),  # EIP-4844
    PRAGUE: BlobSchedule(6, 9, 5_007_716),  # EIP-7691
    "bpo1": BlobSchedule(10, 15, 8_346_193),  # EIP-7892
    "bpo2": BlobSchedule(14, 21, 11_684_671),
}
"""By the fork with which each came."""


def blob_schedule(fork: str) -> BlobSchedule:
    """Return the parameters of blobs in a fork, which must be Cancun or a later one."""
    return _SCHEDULES[max((since for since in _SCHEDULES if is_at_least(fork, since)), key=FORKS.index)]


def blob_base_fee(fork: str, excess_blob_gas: int) -> int:
    """Return what a unit of blob gas costs in a block, in wei (EIP-4844); 2**256 - 1 where it would be more.

    Arguments:
        fork: whose rules hold; Cancun or a later one.
        excess_blob_gas: as the block's header has it.
    """
    fraction = blob_schedule(fork).update_fraction
    if excess_blob_gas > _POWER_MAX * fraction:
        return U256_MAX
    # e to the power of the excess over the fraction, by its Taylor series in whole numbers.
    total, term, count = 0, _FEE_MIN * fraction, 1
    while term > 0:
        total += term
        term = term * excess_blob_gas // (fraction * count)
        count += 1
    return min(total // fraction, U256_MAX)


def excess_blob_gas_after(fork: str, parent: Mapping[str, bytes]) -> int:
    """Return the excess blob gas that the header of a block must have (EIP-4844, from Osaka on also EIP-7918).

    Arguments:
        fork: whose rules hold in the block; Cancun or a later one.
        parent: the header of the block before it, as `read_header` returns it.
    """
    schedule = blob_schedule(fork)
    # Before Cancun headers did not have the fields, which then count as zero.
    excess, used = (decode_number(parent.get(name)) for name in ("excessBlobGas", "blobGasUsed"))
    if excess + used < schedule.target * GAS_PER_BLOB:
        return 0
    if is_at_least(fork, OSAKA):
        execution_price = _EXECUTION_GAS_PER_BLOB * decode_number(parent["baseFeePerGas"])
        if execution_price > GAS_PER_BLOB * blob_base_fee(fork, excess):
            return excess + used * (schedule.blobs_max - schedule.target) // schedule.blobs_max
    return excess + used - schedule.target * GAS_PER_BLOB
