"""Timelines: what each worker did when, from Chrome's Trace Event Format as ``--timeline`` writes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Self

from blockstm.errors import shown
from blockstm.files.content import ContentError
from blockstm.schema.fields import Fields, is_number, printable

__all__ = ["Lane", "Span", "Timeline", "TimelineRun"]

MICROSECOND: Final = 1e-6
OTHER: Final = "other"
CATEGORIES_MAX: Final = 12
EVENTS_MAX: Final = 1_000_000
THREADS_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class Span:
    """What a lane shows from one moment to another, in seconds from the start of the run."""

    begin: float
    end: float
    category: str
    name: str


@dataclass(frozen=True)
class Lane:
    """A thread of the timeline: a worker or the collector; its spans in order."""

    name: str
    spans: tuple[Span, ...]

    @property
    def seconds_by_category(self) -> Mapping[str, float]:
        """How long the spans of each category took together."""
        seconds: dict[str, float] = {}
        for span in self.spans:
            seconds[span.category] = seconds.get(span.category, 0.0) + span.end - span.begin
        return seconds

    def columns(self, seconds: float, count: int) -> Iterator[Mapping[str, float]]:
        """Yield for each of a number of columns of equal time the share of it that each category took.

        Arguments:
            seconds: how long the run took.
            count: how many columns.
        """
        width = seconds / count
        parts: dict[str, list[float]] = {}
        # How many spans more than in the column before cover a column as a whole: a span takes the same time to
        # count however long it is.
        changes: dict[str, list[int]] = {}
        for span in self.spans:
            begin, end = span.begin / width, span.end / width
            first, last = min(int(begin), count - 1), min(int(end), count - 1)
            of_category = parts.setdefault(span.category, [0.0] * count)
            if first == last:
                of_category[first] += min(end, count) - begin
                continue
            of_category[first] += first + 1 - begin
            of_category[last] += min(end, count) - last
            change = changes.setdefault(span.category, [0] * (count + 1))
            change[first + 1] += 1
            change[last] -= 1
        covering = {category: list(accumulate(change)) for category, change in changes.items()}
        for column in range(count):
            shares = {
                category: of_category[column] + (covering[category][column] if category in covering else 0)
                for category, of_category in parts.items()
            }
            yield {category: share for category, share in shares.items() if share > 0}


@dataclass(frozen=True)
class TimelineRun:
    """The timeline of one run of one block.

    Arguments:
        name: the run's.
        file: the block's, if the timeline tells.
        workers: how many, or how many cores, took part, if the timeline tells.
        dropped: how many spans were not kept.
        lanes: workers and the collector.
        seconds: until the last span's end.
    """

    name: str
    file: str | None
    workers: int | None
    dropped: int
    lanes: tuple[Lane, ...]
    seconds: float

    @property
    def spans(self) -> int:
        """How many there are."""
        return sum(len(lane.spans) for lane in self.lanes)


@dataclass(frozen=True)
class Timeline:
    """What ``--timeline`` wrote: one run after the other.

    Arguments:
        source: the file.
        command: the command that wrote it, if it tells.
        model: the execution model, if it tells.
        runs: the runs that have spans.
    """

    source: str
    command: str | None
    model: str | None
    runs: tuple[TimelineRun, ...]

    @classmethod
    def of(cls, source: str, content: Fields) -> Self:
        """Read it.

        Raises:
            ContentError: it is not as it must be, or has no complete events.
        """
        events = _Events(content.objects("traceEvents", EVENTS_MAX))
        told = content.optional_nested("otherData")
        details = {entry.optional_count("pid"): entry for entry in told.optional_objects("runs")}
        file = told.optional_text("file")
        runs = tuple(_run(events, pid, details.get(pid, Fields({})), file) for pid in events.processes())
        if not runs:
            raise ContentError("has no complete events (ph X) with a duration; write it with --timeline")
        return cls(source, told.optional_text("command"), told.optional_text("model"), runs)


class _Events:
    """The events that count here: spans, and names of processes and threads."""

    def __init__(self, events: Iterable[Fields]) -> None:
        self.names: dict[tuple[str, int, int], str] = {}
        self.spans: dict[int, dict[int, list[Span]]] = {}
        self._threads = 0
        categories: set[str] = set()
        for event in events:
            phase = event.text("ph")
            if phase == "M" and event.value("name") in ("process_name", "thread_name"):
                pid, tid = event.count("pid"), event.optional_count("tid") or 0
                thread = tid if event.value("name") == "thread_name" else 0
                self.names[event.text("name"), pid, thread] = event.nested("args").text("name")
            elif phase == "X":
                span = _span(event, categories)
                thread_spans = self._of_thread(event.count("pid"), event.count("tid"))
                thread_spans.append(span)

    def _of_thread(self, pid: int, tid: int) -> list[Span]:
        threads = self.spans.setdefault(pid, {})
        if tid not in threads:
            self._threads += 1
            if self._threads > THREADS_MAX:
                raise ContentError(
                    f"has spans of more than {THREADS_MAX} threads, which is the limit; split it"
                )
            threads[tid] = []
        return threads[tid]

    def processes(self) -> list[int]:
        """Return the processes with spans that last, in order."""
        return [pid for pid in sorted(self.spans) if self.end(pid) > self.begin(pid)]

    def begin(self, pid: int) -> float:
        """Return when a process's first span began."""
        return min(span.begin for spans in self.spans[pid].values() for span in spans)

    def end(self, pid: int) -> float:
        """Return when a process's last span ended."""
        return max(span.end for spans in self.spans[pid].values() for span in spans)


def _span(event: Fields, categories: set[str]) -> Span:
    begin, duration = event.value("ts"), event.value("dur")
    for name, value in (("ts", begin), ("dur", duration)):
        if not is_number(value):
            event.refuse(name, f"is {shown(value)}, not a number of microseconds, 0 or more")
    name = event.text("name")
    category = event.optional_text("cat") or OTHER
    if category not in categories:
        if len(categories) < CATEGORIES_MAX:
            categories.add(category)
        else:
            category = OTHER
    return Span(begin * MICROSECOND, (begin + duration) * MICROSECOND, category, name)


def _run(events: _Events, pid: int, details: Fields, file: str | None) -> TimelineRun:
    # A run of blockstm's begins at 0; elsewhere, times may be since the machine was started.
    begin = 0.0 if details.names() else events.begin(pid)
    lanes = tuple(
        Lane(
            events.names.get(("thread_name", pid, tid), f"thread {tid}"),
            tuple(
                sorted(
                    (Span(span.begin - begin, span.end - begin, span.category, span.name) for span in spans),
                    key=lambda span: span.begin,
                )
            ),
        )
        for tid, spans in sorted(events.spans[pid].items())
    )
    return TimelineRun(
        name=events.names.get(("process_name", pid, 0), printable(f"process {pid}")),
        file=details.optional_text("file") or file,
        workers=details.optional_count("workers") or details.optional_count("cores"),
        dropped=details.optional_count("spans_dropped") or 0,
        lanes=lanes,
        seconds=events.end(pid) - begin,
    )
