"""All workloads by name."""

from __future__ import annotations

from typing import Final

from blockstm.workloads.mixed import MIXED, PARTS
from blockstm.workloads.workload import Workload

__all__ = ["WORKLOADS", "parts_of"]

WORKLOADS: Final = {workload.name: workload for workload in (*PARTS, MIXED)}


def parts_of(workload: Workload) -> tuple[Workload, ...]:
    """Return the workloads that another is mixed of; none for a pure one."""
    return PARTS if workload is MIXED else ()
