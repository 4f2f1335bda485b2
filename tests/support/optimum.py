"""The shortest schedule that keeps to dependencies, found and proven by OR-tools' constraint solver (CP-SAT)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from blockstm.analysis import Dependencies, critical_path, greedy_schedule


@dataclass(frozen=True)
class Compared:
    """How long a block takes on a number of cores, in units of the weights.

    Arguments:
        greedy: under greedy list scheduling.
        least: that no schedule can be shorter than, as the solver has proven.
        best: of the shortest schedule that it has found.
    """

    greedy: int
    least: int
    best: int

    @property
    def is_proven(self) -> bool:
        """Whether the shortest schedule is known."""
        return self.least == self.best


def compared(graph: Dependencies, weights: Sequence[int], cores: int, effort: float) -> Compared:
    """Compare greedy list scheduling with the best schedule.

    Arguments:
        graph: the dependencies between the transactions.
        weights: of each transaction, in whole numbers.
        cores: how many transactions can run at once.
        effort: how long to search at most, in the solver's deterministic seconds: what comes of them does not
            depend on the machine.
    """
    from ortools.sat.python import cp_model  # imports pandas, which no process that only collects tests needs

    greedy = int(greedy_schedule(graph, weights, cores))
    model = cp_model.CpModel()
    starts = [model.new_int_var(0, greedy - weight, f"start {i}") for i, weight in enumerate(weights)]
    tasks = [
        model.new_fixed_size_interval_var(start, weight, f"run {i}")
        for i, (start, weight) in enumerate(zip(starts, weights, strict=True))
    ]
    model.add_cumulative(tasks, [1] * len(tasks), cores)
    for later, start in enumerate(starts):
        for earlier in sorted(graph.direct(later)):  # the same model in every run
            model.add(start >= starts[earlier] + weights[earlier])
    for earlier, later in _alike(graph, weights):
        model.add(starts[earlier] <= starts[later])
    least = max(int(critical_path(graph, weights)), -(-sum(weights) // cores))
    makespan = model.new_int_var(least, greedy, "makespan")
    for start, weight in zip(starts, weights, strict=True):
        model.add(makespan >= start + weight)
    model.minimize(makespan)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 1
    solver.parameters.max_deterministic_time = effort
    status = solver.solve(model)
    if status == cp_model.UNKNOWN:
        return Compared(greedy, least, greedy)
    assert status in (cp_model.OPTIMAL, cp_model.FEASIBLE), solver.status_name(status)
    return Compared(greedy, round(solver.best_objective_bound), round(solver.objective_value))


def _alike(graph: Dependencies, weights: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Transactions between which a schedule may choose freely: without an order of them it is searched in vain."""
    followers: dict[int, set[int]] = {txn_idx: set() for txn_idx in range(graph.transactions)}
    waits = [graph.direct(txn_idx) for txn_idx in followers]
    for later, waits_for in enumerate(waits):
        for earlier in waits_for:
            followers[earlier].add(later)
    latest: dict[tuple[int, frozenset[int], frozenset[int]], int] = {}
    for txn_idx, weight in enumerate(weights):
        kind = (weight, frozenset(waits[txn_idx]), frozenset(followers[txn_idx]))
        if kind in latest:
            yield latest[kind], txn_idx
        latest[kind] = txn_idx
