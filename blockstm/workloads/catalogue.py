"""All workloads by name."""

from __future__ import annotations

from typing import Final

from blockstm.workloads.amm import AMM
from blockstm.workloads.counter import COUNTER
from blockstm.workloads.mixed import MIXED, PARTS
from blockstm.workloads.options import OPTIONS
from blockstm.workloads.orderbook import ORDERBOOK
from blockstm.workloads.perpetual import PERPETUAL
from blockstm.workloads.transfers import TRANSFERS
from blockstm.workloads.workload import Workload

__all__ = ["WORKLOADS", "parts_of"]

WORKLOADS: Final = {
    workload.name: workload for workload in (TRANSFERS, COUNTER, AMM, ORDERBOOK, PERPETUAL, OPTIONS, MIXED)
}


def parts_of(workload: Workload) -> tuple[Workload, ...]:
    """Return the workloads that another is mixed of; none for a pure one."""
    return PARTS if workload is MIXED else ()
