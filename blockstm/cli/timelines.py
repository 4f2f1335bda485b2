"""The file of ``--timeline``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blockstm.errors import UsageError, printable, shown_path
from blockstm.results.perfetto import writing_timelines
from blockstm.results.result import Result
from blockstm.results.timeline import Timeline

__all__ = ["report_dropped", "timeline_file"]


@contextmanager
def timeline_file(path: Path | None, **details: Any) -> Iterator[Callable[..., None]]:
    """Write the timelines of some runs to a file, which is there when the body has ended, and not if it raises.

    Yields a function that takes a run: its name, its result, and as keyword arguments what else is to be told of
    it. It says on standard error if there was not enough memory for all of a timeline.

    Arguments:
        path: the file; None for none: then that function does nothing.
        details: what is to be told of all runs together.

    Raises:
        UsageError: the file cannot be written.
    """
    if path is None:
        yield lambda name, result, **of_run: None
        return
    with writing_timelines(path, details, UsageError) as writer:

        def add(name: str, result: Result, **of_run: Any) -> None:
            timeline = result.timeline
            assert timeline is not None
            writer.add(name, timeline, of_run)
            report_dropped(path, name, timeline)

        yield add


def report_dropped(path: Path, name: str, timeline: Timeline) -> None:
    """Say on standard error if there was not enough memory for all of a timeline."""
    if timeline.dropped:
        print(
            f"{shown_path(path)}: {timeline.dropped:,} spans of {printable(name)} are missing: "
            "a timeline takes at most an eighth of the memory limit; raise --memory-limit",
            file=sys.stderr,
        )
