"""The file of ``--timeline`` of blocks that are stored: workers block by block, and settlement, in one time."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from blockstm.cli.timelines import report_dropped
from blockstm.results.perfetto import LaneSpan, TimelineWriter
from blockstm.settlement.events import Confirmed, Durable

__all__ = ["StoreTimeline"]

LANES: Final = ("execution", "root", "storing")


class StoreTimeline:
    """Takes what workers and settlement did when. Call `end` when all is known.

    Arguments:
        path: the file, for messages.
        writer: writes it.
    """

    def __init__(self, path: Path, writer: TimelineWriter) -> None:
        """Begin with nothing."""
        self._path = path
        self._writer = writer
        self._began_ns: int | None = None
        self._lanes: dict[str, list[LaneSpan]] = {lane: [] for lane in LANES}

    def add_block(self, file: Path, confirmed: Confirmed) -> None:
        """Add what workers did in a block; the time of the file begins when the first one begins."""
        if self._began_ns is None:
            self._began_ns = confirmed.began_ns
        result = confirmed.result
        assert result.timeline is not None
        first_ns = confirmed.confirmed_ns - round(result.stats.wall_seconds * 1e9)
        told = {"file": str(file), "workers": result.stats.active_workers, "transactions": len(result)}
        self._writer.add(file.name, result.timeline, told, begins_ns=first_ns - self._began_ns)
        report_dropped(self._path, file.name, result.timeline)
        self._add("execution", confirmed.number, confirmed.began_ns, confirmed.confirmed_ns)

    def add_durable(self, durable: Durable) -> None:
        """Add what settlement did for a block after all of its changes were known."""
        self._add("root", durable.number, durable.drained_ns, durable.rooted_ns)
        self._add("storing", durable.number, durable.rooted_ns, durable.durable_ns)

    def end(self) -> None:
        """Write the lanes of settlement."""
        self._writer.add_lanes("settlement", self._lanes)

    def _add(self, lane: str, number: int, begin_ns: int, end_ns: int) -> None:
        assert self._began_ns is not None
        self._lanes[lane].append(
            LaneSpan(f"block {number}", begin_ns - self._began_ns, end_ns - self._began_ns)
        )
