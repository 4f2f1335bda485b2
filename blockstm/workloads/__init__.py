"""Workloads: blocks made from scenario files, with programs that are small but real. See docs/workloads.md."""

from blockstm.workloads.scenario import Scenario, read_scenario, scenario_from_text

__all__ = ["Scenario", "read_scenario", "scenario_from_text"]
