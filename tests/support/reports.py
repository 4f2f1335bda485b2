"""Inputs of reports for tests: small, made up, and of every kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from blockstm.report import sweeps
from blockstm.report.columns import decoded_columns

HOSTILE = "</script><script>alert(1)</script>\"'<b>&amp;"

LATENCY = {"p50": 0.0031, "p99": 0.00625, "max": 0.0065}


def replay(name: str = "a.block", **changes: Any) -> dict[str, Any]:
    block = {
        "file": name,
        "chain": "ethereum",
        "number": 7,
        "transactions": 200,
        "gas_used": 30_000_000,
        "model": "block-stm",
        "workers": 2,
        "active_workers": 2,
        "runs": 3,
        "wall_seconds": 0.0065123,
        "sequential_seconds": 0.0123456,
        "speedup": 1.8957,
        "executions": 211,
        "validations": 233,
        "aborts": 11,
        "commit_latency_seconds": LATENCY,
        "succeeded": 190,
        "reverted": 7,
        "failed": 3,
        "reasons": [
            {"reason": "too poor", "status": "reverted", "count": 7},
            {"reason": "ValueError: oops", "status": "failed", "count": 3},
        ],
        "state_root": "0x" + "ab" * 32,
        "verified": True,
    }
    return {"schema": 1, "command": "replay", "blocks": [block | changes], "totals": {}}


def stored() -> dict[str, Any]:
    """The output of blocks that were stored."""
    blocks = []
    for number, (confirmed, durable) in enumerate([(0.012, 0.031), (0.011, 0.043)], 1):
        settled = {
            "number": number,
            "waited_seconds": 0.0,
            "confirmed_seconds": confirmed,
            "durable_seconds": durable,
            "root_seconds": 0.004,
            "store_seconds": 0.0075,
            "keys": 1234,
            "nodes": 567,
        }
        block = replay(f"{number}.block")["blocks"][0] | {"settlement": settled}
        blocks.append(
            {name: value for name, value in block.items() if name not in ("speedup", "sequential_seconds")}
        )
    stages = {
        "execution_seconds": 0.023,
        "root_seconds": 0.008,
        "store_seconds": 0.015,
        "wall_seconds": 0.046,
    }
    store = {
        "file": "state.lmdb", "tree": "binary", "settle": "async", "in_flight": 3, "tree_workers": 2, "resumed": 1,
        "head": 2, "state_root": "0x" + "cd" * 32,
        "stages": stages, "state_bytes": 1, "nodes_bytes": 2, "blocks_bytes": 3, "file_bytes": 4,
    }  # fmt: skip
    return {"schema": 1, "command": "replay", "blocks": blocks, "store": store}


def simulation(name: str = "a.block", factor: float = 0.9) -> dict[str, Any]:
    results = [
        {
            "cores": cores,
            "seconds": 0.0123456 / (factor * cores),
            "sequential_seconds": 0.0123456,
            "speedup": factor * cores,
            "efficiency": factor,
            "executions": 200 + cores,
            "validations": 300,
            "aborts": cores,
            "utilisation": 0.95,
            "bound_critical_path": 6.5,
            "bound_greedy": min(cores, 6.4),
            "commit_latency_seconds": {name: value / cores for name, value in LATENCY.items()},
        }
        for cores in (1, 2, 4, 8)
    ]
    return {"schema": 1, "command": "simulate", "file": name, "transactions": 200, "results": results}


def comparison(*names: str, clock: str = "virtual", **changes: Any) -> dict[str, Any]:
    def run(model: str, cores: int, speedup: float) -> dict[str, Any]:
        figures = simulation()["results"][0] | {"cores": cores, "speedup": speedup}
        return figures | {"seconds": 0.0123456 / speedup, "model": model, "order": "preset"}

    blocks = [
        {
            "file": name,
            "transactions": 200,
            "independent_share": 0.25,
            "longest_chain": 17,
            "results": [
                *(run("block-stm", cores, 0.9 * cores) for cores in (1, 2, 4)),
                *(run("hinted:60", cores, 0.8 * cores) | {"times_first": 8 / 9} for cores in (1, 2, 4)),
            ],
            "refused": [{"model": "declared", "reason": "transaction 3 declares nothing"}],
            "suits": ["block-stm"],
            "why": f"block-stm suits {name} best.",
        }
        for name in names or ("a.block",)
    ]
    gain = {"model": "hinted:60", "against": "block-stm", "cores": 4, "faster": 0, "slower": len(blocks), "same": 0,
            "times_first": 8 / 9, "least": 0.75, "greatest": 0.95}  # fmt: skip
    return {"schema": 1, "command": "compare", "clock": clock, "models": ["block-stm", "hinted:60", "declared"],
            "blocks": blocks, "gains": [gain]} | changes  # fmt: skip


def inspection(name: str = "a.block", key_name: str = "balance of 0xabc") -> dict[str, Any]:
    return {
        "schema": 1,
        "command": "inspect",
        "file": name,
        "transactions": 200,
        "keys": 512,
        "rules": "credits-commutative",
        "weight": "gas",
        "independent_share": 0.375,
        "longest_chain": 31,
        "bounds": [
            {
                "rules": rules,
                "weight": "gas",
                "unlimited": unlimited,
                "cores": {"2": 1.99, "4": unlimited / 2},
            }
            for rules, unlimited in (("fees-as-dependencies", 2.25), ("credits-commutative", 6.5))
        ],
        "hot_keys": [
            {"key": "0x62ff", "name": key_name, "transactions": 80, "longest_chain": 31, "unlimited": 9.75}
        ],
        "definitions": [
            {
                "definition": "longest-chain",
                "relation": "true-dependency",
                "unit": "transactions",
                "value": 31,
                "share": 0.155,
            },
            {
                "definition": "longest-chain",
                "relation": "conflict",
                "unit": "transactions",
                "value": 40,
                "share": 0.2,
            },
            {
                "definition": "heaviest-chain",
                "relation": "conflict",
                "unit": "gas",
                "value": 1_000_000,
                "share": 0.25,
            },
        ],
        "sources": {"conflict": "account locks"},
    }


def timeline(spans: int = 8) -> dict[str, Any]:
    events: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", "pid": 1, "tid": 1000, "args": {"name": "a.block: block-stm"}},
        {"ph": "M", "name": "thread_name", "pid": 1, "tid": 1001, "args": {"name": "worker 0"}},
        {"ph": "s", "name": "stale", "cat": "cause", "id": 1, "pid": 1, "tid": 1001, "ts": 1.5},
    ]
    for place in range(spans):
        category = ("execution", "validation", "aborted")[place % 3]
        events.append(
            {"ph": "X", "name": f"{category} {place}", "cat": category, "pid": 1, "tid": 1001,
             "ts": place * 10.0, "dur": 7.5, "args": {"txn_idx": place}}
        )  # fmt: skip
    runs = [
        {
            "pid": 1,
            "name": "a.block",
            "file": "a.block",
            "workers": 1,
            "transactions": 200,
            "spans_dropped": 0,
        }
    ]
    return {"traceEvents": events, "otherData": {"command": "replay", "model": "block-stm", "runs": runs}}


def sweep_rows() -> list[dict[str, Any]]:
    return [
        {
            "point": place,
            "run_id": f"{place}-{repeat}",
            "clock": "virtual",
            "cores": cores,
            "model": "block-stm",
            "scenario": "transfers",
            "seed": 1,
            "repeat": repeat,
            "transactions": 1000,
            "seconds": 0.02 / cores + 0.001 * repeat,
            "sequential_seconds": 0.02,
            "speedup": 0.02 / (0.02 / cores + 0.001 * repeat),
            "executions": 1000 + cores,
            "validations": 1100,
            "aborts": cores,
            "commit_latency_p50_seconds": 0.01 / cores,
            "commit_latency_p99_seconds": 0.02 / cores,
            "commit_latency_max_seconds": 0.02 / cores,
            "bound_critical_path": None,
            "bound_greedy": float("nan"),
            "utilisation": 0.5,
            "machine": "processor",
            "started_at": "2026-01-01T00:00:00+00:00",
            "parameter.transfers.accounts": accounts,
            "parameter.seed": 1,
        }
        for place, accounts in enumerate((2, 10, 1000))
        for cores in (1, 2, 4)
        for repeat in range(3)
    ]


def decode_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the tables of sweeps decoded in this process, where none is damaged so that it would end."""
    monkeypatch.setattr(sweeps, "read_columns", decoded_columns)


def write(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    path.write_text(json.dumps(content))
    return path


def write_sweep(folder: Path, rows: list[dict[str, Any]]) -> Path:
    import pyarrow
    import pyarrow.parquet

    folder.mkdir()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "results.parquet")
    (folder / "sweep.toml").write_text("cores = [1, 2, 4]\n")
    return folder


def write_all(folder: Path) -> list[Path]:
    """One input of every kind."""
    return [
        write(folder, "replay.json", replay()),
        write(folder, "simulate-a.json", simulation("a.block")),
        write(folder, "simulate-b.json", simulation("b.block", 0.5)),
        write(folder, "compare.json", comparison()),
        write(folder, "inspect.json", inspection()),
        write(folder, "timeline.json", timeline()),
        write_sweep(folder / "sweep", sweep_rows()),
    ]
