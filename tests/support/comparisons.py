"""Comparisons made up of a few figures, for what is said of them; and what counts the steps of a real one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from blockstm.compare import ComparedRun, Comparison, Refused
from blockstm.results.outcomes import Outcomes

SEQUENTIAL_SECONDS = 1.0
TRANSACTIONS = 100


def made_up_run(model: str, cores: int, speedup: float, **changes: Any) -> ComparedRun:
    """A run of 100 transactions that take a second one by one, executed once each; changes by name of the field."""
    figures: dict[str, Any] = {
        "cores": cores,
        "transactions": TRANSACTIONS,
        "seconds": SEQUENTIAL_SECONDS / speedup,
        "sequential_seconds": SEQUENTIAL_SECONDS,
        "executions": TRANSACTIONS,
        "validations": TRANSACTIONS,
        "aborts": 0,
        "utilisation": min(1.0, speedup / cores),
        "bound_critical_path": 10.0,
        "bound_greedy": min(float(cores), 8.0),
        "commit_latency_seconds": {"p50": 0.1, "p99": 0.2, "max": 0.3},
        "model": model,
        "order": "preset",
        "is_parallel": model != "sequential",
    }
    return ComparedRun(**figures | changes)


def made_up(runs: Sequence[ComparedRun], **changes: Any) -> Comparison:
    """A comparison of such runs."""
    figures: dict[str, Any] = {
        "clock": "virtual",
        "models": list(dict.fromkeys(run.model for run in runs)),
        "transactions": TRANSACTIONS,
        "virtual_machine": None,
        "sequential_seconds": SEQUENTIAL_SECONDS,
        "bound_critical_path": 10.0,
        "longest_chain": 7,
        "independent_share": 0.25,
        "runs": list(runs),
        "refused": list[Refused](),
        "outcomes": Outcomes(TRANSACTIONS, 0, 0, (), 0),
        "differences": None,
        "header_checks": None,
    }
    return Comparison(**figures | changes)


class Steps:
    """Counts the runs of a measurement that are told of, by their names."""

    def __init__(self) -> None:
        self.names: list[str] = []

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        self.names.append(name)
        yield
