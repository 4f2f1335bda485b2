"""Workloads: blocks made from scenario files, by programs that are small but real (docs/reference/workloads.md).

- `chance`: draws that are the same on every machine.
- `records`: how the state is laid out: amounts, records, keys.
- `schema`: the fields of scenarios, with types, ranges and defaults.
- `programs`: the native programs, with their parameters.
- `workload`: what a workload is: fields, a generator, invariants.
- `transfers`, `counter`, `amm`, `orderbook`, `perpetual`, `options`: the workloads.
- `conventions`, `support`: what the keys of generated blocks are called, and that as chain support.
- `mixed`: a day on an exchange: all of them in proportion.
- `catalogue`: all workloads by name.
- `scenario`: scenario files, checked; the block that follows from one.
"""

from blockstm.workloads.scenario import Scenario, read_scenario, scenario_from_text

__all__ = ["Scenario", "read_scenario", "scenario_from_text"]
