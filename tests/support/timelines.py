"""What holds of every timeline, and of every file of trace events."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

from blockstm.results.result import Result
from blockstm.results.timeline import Span, Timeline

COLLECTOR = ("commit", "refusal")
CAUSED = ("doomed", "suspended", "abort", "overtaken")


def timeline_of(result: Result) -> Timeline:
    assert result.timeline is not None
    return result.timeline


def check_lanes(result: Result) -> list[Span]:
    """Spans are in time and do not overlap; each transaction is committed once, in order. Returns all spans."""
    spans = list(timeline_of(result))
    lanes = defaultdict(list)
    for span in spans:
        assert 0 <= span.begin_ns <= span.end_ns
        lanes["collector" if span.kind in COLLECTOR else span.worker].append(span)
    for lane, own in lanes.items():
        if lane == "collector":
            own.sort(key=lambda span: span.begin_ns)
        assert all(one.end_ns <= other.begin_ns for one, other in pairwise(own)), lane
    commits = [span.txn_idx for span in lanes["collector"] if span.kind == "commit"]
    assert commits == (list(range(len(result))) if result.stats.model == "block-stm" else [])
    return spans


def check_timeline(result: Result) -> list[Span]:
    """As check_lanes, of a run in which no worker died: the totals are those of the run's figures, too."""
    spans = check_lanes(result)
    kinds = Counter(span.kind for span in spans)
    stats = result.stats
    assert kinds["execution"] == len(result)
    assert kinds["execution"] + kinds["aborted"] == stats.executions
    assert kinds["validation"] + kinds["abort"] + kinds["overtaken"] == stats.validations
    assert kinds["abort"] + kinds["doomed"] + kinds["refusal"] == stats.aborts
    assert kinds["suspended"] == stats.suspensions
    for span in spans:
        if span.kind == "execution":
            assert span.incarnation == result[span.txn_idx or 0].incarnations - 1
        assert (span.cause is None) == (span.why is None)
        assert span.cause is None or (span.kind in CAUSED and span.cause < (span.txn_idx or 0))
    return spans


def check_causes(result: Result, spans: list[Span]) -> int:
    """What is said to have made reads stale did write a key that was looked at. Returns how often something is.

    For blocks whose transactions touch the same keys in every incarnation. A write may also be announced, on a key
    that is read, and not come.
    """
    found = 0
    for span in spans:
        if span.cause is not None:
            changed = {key for key, _ in [*result.writes(span.cause), *result.adds(span.cause)]}
            if span.why == "estimate":
                changed |= {key for key, _ in result.reads(span.cause)}
            txn_idx = span.txn_idx or 0
            assert changed & {key for key, _ in [*result.reads(txn_idx), *result.adds(txn_idx)]}
            found += 1
    return found


def check_trace(text: str) -> dict[str, Any]:
    """The rules of the trace event format, and those that Perfetto adds (see blockstm/results/perfetto.py)."""
    document: dict[str, Any] = json.loads(text)
    assert set(document) == {"traceEvents", "displayTimeUnit", "otherData"}
    assert document["displayTimeUnit"] == "ns"
    threads = defaultdict(list)
    names: dict[int, tuple[int, str]] = {}
    flows: dict[int, dict[str, Any]] = {}
    for event in document["traceEvents"]:
        assert isinstance(event["name"], str)
        assert isinstance(event["pid"], int)
        assert isinstance(event["tid"], int)
        if event["ph"] == "M":
            if event["name"] == "thread_name":
                assert event["tid"] not in names
                names[event["tid"]] = (event["pid"], event["args"]["name"])
            continue
        assert names[event["tid"]][0] == event["pid"]
        assert event["ts"] >= 0
        if event["ph"] == "X":
            assert event["dur"] >= 0
            threads[event["tid"]].append(event)
        else:
            assert event["ph"] in "sf"
            assert event["ph"] == "s" or event["bp"] == "e"
            assert flows.setdefault(event["id"], {}).setdefault(event["ph"], event) is event
    for events in threads.values():
        check_nesting(events)
    for flow in flows.values():
        check_flow(flow["s"], flow["f"], threads)
    return document


def check_nesting(events: list[dict[str, Any]]) -> None:
    """Each event of a thread lies within one that is open as it begins, or after it."""
    open_ends: list[int] = []
    for event in sorted(events, key=lambda event: (event["ts"], -event["dur"])):
        begin = round(event["ts"] * 1000)
        end = begin + round(event["dur"] * 1000)
        while open_ends and open_ends[-1] <= begin:
            open_ends.pop()
        assert not open_ends or end <= open_ends[-1]
        open_ends.append(end)


def check_flow(
    start: dict[str, Any], finish: dict[str, Any], threads: dict[int, list[dict[str, Any]]]
) -> None:
    """An arrow leads forwards, to an abort from something earlier of a lower transaction."""
    assert (start["name"], start["cat"], start["pid"]) == (finish["name"], finish["cat"], finish["pid"])
    assert start["ts"] < finish["ts"]
    source, target = (innermost(threads[end["tid"]], end["ts"]) for end in (start, finish))
    assert source["ts"] <= target["ts"]
    assert source["args"]["txn_idx"] < target["args"]["txn_idx"]
    assert target["args"]["cause"] == source["args"]["txn_idx"]
    assert target["name"].split()[0] in ("abort", "doomed")


def innermost(events: list[dict[str, Any]], time: float) -> dict[str, Any]:
    at = round(time * 1000)
    return max(
        (
            event
            for event in events
            if round(event["ts"] * 1000) <= at < round(event["ts"] * 1000) + round(event["dur"] * 1000)
        ),
        key=lambda event: float(event["ts"]),
    )
