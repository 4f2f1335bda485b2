"""The blocks on which models are compared for docs/explanation/which-model.md, and how they are run and checked."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from blockstm.blocks.block import Block
from blockstm.chains.checked import CheckedBlock
from blockstm.compare import Comparison, compare_simulated
from blockstm.engine import Engine
from blockstm.models import MODELS, Model
from blockstm.workloads import read_scenario
from tests.benchmarks.fidelity import PAPER, paper_block, traces
from tests.benchmarks.undisturbed import measure_undisturbed
from tests.benchmarks.workloads import ROOT, transfers

SCENARIOS: Final = ROOT / "scenarios"
OBSERVED: Final = {"declared": "declared:observed", "locks": "locks:observed"}
"""In place of a model that needs what most blocks do not carry."""
MODELS_COMPARED: Final = [OBSERVED.get(name, name) for name, model in MODELS.items() if model.is_parallel]
CONTENDED_TXNS: Final = 2_000
CONTENDED_ACCOUNTS: Final = (30, 100, 1_000)
CONTENDED_ROUNDS: Final = 5_000
CONTENDED_SCENARIOS: Final = ("amm-hot-pool", "amm-swaps", "options", "perpetual-crash")
PAYMENT_ROUNDS: Final = 10_000
SWEEP_SCENARIO: Final = "transfers-aptos"
SWEEP_ACCOUNTS: Final = (2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)


@dataclass(frozen=True)
class Named:
    """A block, and how it is called in the tables."""

    name: str
    block: Block


def named_traces(shared: Path) -> Iterator[Named]:
    """Yield the recorded access traces but those without transactions, by number."""
    for name, block in traces(shared):
        yield Named(name.removeprefix("Ethereum "), block)


def named_scenarios() -> Iterator[Named]:
    """Yield the blocks that ship with the project."""
    for file in sorted(SCENARIOS.iterdir()):
        if file.suffix == ".toml":
            yield Named(file.stem, read_scenario(file).block())
        elif file.suffix == ".block":
            yield Named(file.stem, Block.load(file))


def contended() -> Iterator[Named]:
    """Yield blocks in which transactions get in each other's way: payments, and scenarios that come out badly."""
    for accounts in CONTENDED_ACCOUNTS:
        yield Named(
            f"transfers, {accounts:,} accounts", transfers(accounts, CONTENDED_ROUNDS, CONTENDED_TXNS)
        )
    _, reads, writes, _ = PAPER[-1]
    for accounts in CONTENDED_ACCOUNTS:
        block = paper_block(accounts, reads, writes, CONTENDED_TXNS, PAYMENT_ROUNDS)
        yield Named(f"payments, {accounts:,} accounts", block)
    for name in CONTENDED_SCENARIOS:
        yield Named(f"`{name}`", read_scenario(SCENARIOS / f"{name}.toml").block())


def sweep_blocks() -> Iterator[Named]:
    """Yield payments between ever more accounts."""
    scenario = read_scenario(SCENARIOS / f"{SWEEP_SCENARIO}.toml")
    for accounts in SWEEP_ACCOUNTS:
        yield Named(f"{accounts:,}", scenario.with_parameters({"transfers.accounts": accounts}).block())


def measured(
    blocks: Iterable[Named], models: Sequence[Model | str], workers: int, rounds: int
) -> dict[str, Mapping[str, float]]:
    """Return the time of each model on each block in real time, by the names of both."""
    with Engine(workers, active_workers=workers) as engine:
        times = {}
        for named in blocks:
            print(f"{named.name}, {workers} worker{'s' * (workers > 1)}", file=sys.stderr)
            block = CheckedBlock.of(named.block).executable.block
            times[named.name] = measure_undisturbed(engine, block, models, rounds)
        return times


def simulated(
    named: Named, models: Sequence[Model | str], cores: Sequence[int], recorded: bool = True
) -> Comparison:
    """Compare models on a block in modelled time.

    Raises:
        SystemExit: a run disagrees with sequential execution, or with the block's header.
    """
    print(named.name, file=sys.stderr)
    comparison = compare_simulated(named.block, models, cores, recorded_seconds=recorded, verify=True)
    wrong = [*(comparison.differences or ())]
    wrong += [check for check, is_equal in (comparison.header_checks or {}).items() if is_equal is False]
    if wrong:
        raise SystemExit(f"{named.name}: {wrong[0]}")
    return comparison


def times_of(comparison: Comparison, model: str, against: str, cores: int) -> float | None:
    """Return the time of one model over that of another; None where one of them cannot run the block."""
    run, first = comparison.run(model, cores), comparison.run(against, cores)
    return None if run is None else run.times(first)
