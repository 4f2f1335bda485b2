"""Timelines as trace events: the JSON that Perfetto (ui.perfetto.dev) and chrome://tracing open.

The format is the "JSON object format" of Chrome's Trace Event Format. A run is a process; each worker is a thread
in it, and so is the collector. A span is a complete event (X). A flow (s to f) leads from what caused an abort to
the abort.
What viewers make of it, beyond the format:

- They show the events of a thread as nested if they overlap; spans of a worker do not.
- Perfetto names threads by their number alone, so numbers are not used twice in a file.
- A flow's end binds to the event around it (bp e), its beginning to the one that is open at its time. The end is
  put into the last nanosecond of its event, and the beginning before that.
- Perfetto turns a flow round if the event at its end began first. There the last nanosecond is an event of its own,
  and as that may also be where another flow begins, flows begin a nanosecond earlier still.
- Events of like names but for numbers get like colours.
"""

from __future__ import annotations

import json
import os
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import Any, Final, NamedTuple

from blockstm import __version__
from blockstm.errors import BlockstmError
from blockstm.files.content import replacing_file
from blockstm.results.timeline import Kind, Span, Timeline

__all__ = ["LaneSpan", "TimelineWriter", "writing_timelines"]

THREADS_A_PROCESS: Final = 1000
"""More than there are workers in any run."""
EVENTS_A_PIECE: Final = 1000
"""How many are written at a time."""
ENCODER: Final = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True)
class _Look:
    """How spans of a kind are shown: the name before the transaction's, the category, chrome://tracing's colour."""

    name: str
    category: str
    colour: str


LOOKS: Final[Mapping[Kind, _Look]] = {
    "execution": _Look("execute", "execution", "good"),
    "aborted": _Look("execute in vain", "aborted", "bad"),
    "doomed": _Look("doomed", "aborted", "terrible"),
    "suspended": _Look("suspend", "wait", "yellow"),
    "validation": _Look("validate", "validation", "grey"),
    "abort": _Look("abort", "abort", "terrible"),
    "overtaken": _Look("abort seen", "abort", "grey"),
    "commit": _Look("commit", "commit", "olive"),
    "refusal": _Look("refuse", "abort", "terrible"),
    "sleep": _Look("sleep", "sleep", "white"),
}
BECAUSE: Final = {
    "version": "transaction {} has published another version of a key that was read",
    "gone": "the version of transaction {} that was read is gone",
    "estimate": "transaction {} has left an ESTIMATE at a key",
}
COLLECTOR_KINDS: Final = ("commit", "refusal")
PUBLISHED: Final = ("execution", "aborted")
ABORTED: Final = ("abort", "refusal")
STALE: Final = ("abort", "doomed")


class LaneSpan(NamedTuple):
    """A span that is no worker's; times in ns, from the same moment as those of all else in the file."""

    name: str
    begin_ns: int
    end_ns: int


class _Later:
    """The spans of a timeline that begins later than the file's time."""

    def __init__(self, timeline: Timeline, begins_ns: int) -> None:
        self._timeline = timeline
        self._begins_ns = begins_ns

    def __iter__(self) -> Iterator[Span]:
        if not self._begins_ns:
            return iter(self._timeline)
        by = self._begins_ns
        return (
            replace(span, begin_ns=span.begin_ns + by, end_ns=span.end_ns + by) for span in self._timeline
        )


class TimelineWriter:
    """Writes the events of one run after the other.

    Arguments:
        write: takes what comes next in the file.
    """

    def __init__(self, write: Callable[[bytes], None]) -> None:
        """Begin the list of events."""
        self._write = write
        self._flows = count(1)
        self._runs: list[dict[str, Any]] = []
        write(b'{"displayTimeUnit":"ns","traceEvents":[')

    def add(self, name: str, timeline: Timeline, details: Mapping[str, Any], *, begins_ns: int = 0) -> None:
        """Write the events of a run, as a process of its own.

        Arguments:
            name: the process's name.
            timeline: what the workers did.
            details: what else is to be told of the run, in the file's ``otherData``.
            begins_ns: when the run began, where several stand in one time.
        """
        told = {**details, "spans_dropped": timeline.dropped}
        self._put(name, told, lambda pid: _events(_Later(timeline, begins_ns), pid, name, self._flows))

    def add_lanes(self, name: str, lanes: Mapping[str, Sequence[LaneSpan]]) -> None:
        """Write spans of other kinds, as a process of its own, in which each lane is a thread.

        Arguments:
            name: the process's name.
            lanes: the spans of each, by its name.
        """
        self._put(name, {}, lambda pid: _lane_events(lanes, pid, name))

    def _put(
        self, name: str, details: Mapping[str, Any], events_of: Callable[[int], Iterator[dict[str, Any]]]
    ) -> None:
        pid = len(self._runs) + 1
        comma = b",\n" if self._runs else b"\n"
        self._runs.append({"pid": pid, "name": name, **details})
        events = events_of(pid)
        while some := list(islice(events, EVENTS_A_PIECE)):
            self._write(comma + b",\n".join(map(_encoded, some)))
            comma = b",\n"

    def end(self, details: Mapping[str, Any]) -> None:
        """End the list, and tell what is told of the whole file."""
        told = {"blockstm": __version__, **details, "runs": self._runs}
        self._write(b'\n],\n"otherData":' + _encoded(told) + b"}\n")


@contextmanager
def writing_timelines(
    path: str | os.PathLike[str], details: Mapping[str, Any], error_type: type[BlockstmError]
) -> Iterator[TimelineWriter]:
    """Write a file of trace events, which is there when the body has ended, and not if it raises.

    Arguments:
        path: the file; an existing one is replaced.
        details: what is told of the whole file, in its ``otherData``.
        error_type: what is raised where it cannot be written.

    Raises:
        error_type: the path names something other than a regular file, or it cannot be written.
    """
    with replacing_file(path, error_type) as write:
        writer = TimelineWriter(write)
        yield writer
        writer.end(details)


def _encoded(thing: Mapping[str, Any]) -> bytes:
    return ENCODER.encode(thing).encode()


def _lane_events(lanes: Mapping[str, Sequence[LaneSpan]], pid: int, name: str) -> Iterator[dict[str, Any]]:
    """Yield the events of lanes: names, and spans."""
    yield _metadata("process_name", pid, 0, {"name": name})
    yield _metadata("process_sort_index", pid, 0, {"sort_index": pid})
    for thread, (lane, spans) in enumerate(lanes.items()):
        yield _metadata("thread_name", pid, thread, {"name": lane})
        yield _metadata("thread_sort_index", pid, thread, {"sort_index": thread})
        for span in spans:
            yield {
                "ph": "X",
                "name": span.name,
                "cat": lane,
                "pid": pid,
                "tid": pid * THREADS_A_PROCESS + thread,
                "ts": span.begin_ns / 1000,
                "dur": (span.end_ns - span.begin_ns) / 1000,
                "args": {},
            }


def _events(timeline: Iterable[Span], pid: int, name: str, flows: Iterator[int]) -> Iterator[dict[str, Any]]:
    """Yield the events of a run: names, spans, flows. A flow's events come after those that they bind to."""
    yield _metadata("process_name", pid, 0, {"name": name})
    yield _metadata("process_sort_index", pid, 0, {"sort_index": pid})
    stale: list[Span] = []
    threads: set[int] = set()
    for span in timeline:
        thread = _thread(span)
        if thread not in threads:
            threads.add(thread)
            yield from _thread_names(pid, thread)
        if span.kind in STALE and span.cause is not None:
            stale.append(span)
        yield _complete(span, pid)
    history = _history(timeline, {span.cause for span in stale})
    for span in stale:
        source = _source(span, history[span.cause])
        if source is not None:
            yield from _flow(source, span, pid, next(flows))


def _history(timeline: Iterable[Span], causes: Set[int | None]) -> dict[int | None, list[Span]]:
    """Return what became of the incarnations of some transactions, in order of time."""
    history: dict[int | None, list[Span]] = {cause: [] for cause in causes}
    for span in timeline:
        if span.txn_idx in causes and span.kind not in ("validation", "overtaken", "commit"):
            history[span.txn_idx].append(span)
    for spans in history.values():
        spans.sort(key=lambda span: span.begin_ns)
    return history


def _thread(span: Span) -> int:
    """Return the lane of a span: 0 is the collector's."""
    return 0 if span.kind in COLLECTOR_KINDS else span.worker + 1


def _thread_names(pid: int, thread: int) -> Iterator[dict[str, Any]]:
    name = f"worker {thread - 1}" if thread else "collector"
    yield _metadata("thread_name", pid, thread, {"name": name})
    yield _metadata("thread_sort_index", pid, thread, {"sort_index": thread})


def _metadata(name: str, pid: int, thread: int, args: Mapping[str, Any]) -> dict[str, Any]:
    return {"ph": "M", "name": name, "pid": pid, "tid": pid * THREADS_A_PROCESS + thread, "args": args}


def _complete(span: Span, pid: int) -> dict[str, Any]:
    """Return the event of a span."""
    look = LOOKS[span.kind]
    args: dict[str, Any] = {}
    if span.txn_idx is not None:
        args |= {"txn_idx": span.txn_idx, "incarnation": span.incarnation}
    if span.kind in COLLECTOR_KINDS:
        args["worker"] = span.worker
    if span.why is not None:
        args |= {"cause": span.cause, "because": BECAUSE[span.why].format(span.cause)}
    return {
        "ph": "X",
        "name": look.name if span.txn_idx is None else f"{look.name} {span.txn_idx}",
        "cat": look.category,
        "cname": look.colour,
        "pid": pid,
        "tid": pid * THREADS_A_PROCESS + _thread(span),
        "ts": span.begin_ns / 1000,
        "dur": (span.end_ns - span.begin_ns) / 1000,
        "args": args,
    }


def _source(span: Span, history: list[Span]) -> Span | None:
    """Return what the writer did that made an incarnation's reads stale; None if that was not kept.

    It is the last that it did of the kind before the abort was over: for an ESTIMATE its own abort, else an
    execution. An ESTIMATE of one that was not aborted before announces a write of its running incarnation.
    """
    before = history[: bisect_left(history, _last_ns(span), key=lambda each: each.begin_ns)]
    for kinds in (ABORTED, PUBLISHED) if span.why == "estimate" else (PUBLISHED,):
        found = next((each for each in reversed(before) if each.kind in kinds), None)
        if found is not None:
            return found
    return before[-1] if before else None


def _last_ns(span: Span) -> int:
    return max(span.begin_ns, span.end_ns - 1)


def _flow(source: Span, target: Span, pid: int, number: int) -> Iterator[dict[str, Any]]:
    """Yield the beginning and the end of an arrow, and where it needs one the event that it leads to."""
    end_ns = _last_ns(target)
    begin_ns = min(max(source.begin_ns, source.end_ns - 2), end_ns - 1)
    if source.begin_ns > target.begin_ns:
        yield _complete(replace(target, kind="abort", begin_ns=end_ns), pid)
    for phase, span, time_ns in (("s", source, begin_ns), ("f", target, end_ns)):
        event: dict[str, Any] = {"ph": phase} | ({"bp": "e"} if phase == "f" else {})
        yield event | {
            "name": "stale",
            "cat": "cause",
            "id": number,
            "pid": pid,
            "tid": pid * THREADS_A_PROCESS + _thread(span),
            "ts": time_ns / 1000,
        }
