"""The virtual clock in a host: what `Simulation` calls there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import greenlet

from blockstm.engine.hosted import Attached
from blockstm.native._core import VirtualClock
from blockstm.simulate.source import PackedSource

__all__ = ["open_clock", "run_clock"]


def open_clock(attached: Attached, prices: Mapping[str, float], program_ns: bytes | None) -> None:
    """Put the workers under a clock.

    Arguments:
        attached: the workers.
        prices: of the cost model, by name, in ns.
        program_ns: how long each transaction's program runs, as `VirtualClock.run` takes it.
    """
    attached.kept = VirtualClock(attached.workers, prices, _make_greenlet), program_ns


def run_clock(
    attached: Attached, cores: int, source: PackedSource | None
) -> tuple[dict[str, float], dict[str, float], float, tuple[int, int, int]]:
    """Run the block that has been started on a number of cores.

    Arguments:
        attached: the workers.
        cores: how many take part.
        source: where the state before the block is read from; None if it is in memory.

    Returns:
        how often each kind of work was charged, by its price's name; how often a core fetched cache lines of
        each kind from another; what was charged in all, in ns; and what the source did, as
        `VirtualClock.source_use` says it.
    """
    clock, program_ns = attached.kept
    clock.run(cores, program_ns, source)
    return clock.counts, clock.transfers, clock.charged_ns, clock.source_use


def _make_greenlet(run: Callable[[], object]) -> greenlet.greenlet:
    return greenlet.greenlet(run)
