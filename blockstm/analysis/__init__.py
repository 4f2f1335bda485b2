"""What limits a block: the dependencies between its transactions, and what schedules they allow."""

from blockstm.analysis.accesses import Accesses, AccessSet
from blockstm.analysis.dependencies import Dependencies, dependencies
from blockstm.analysis.schedules import critical_path, greedy_schedule

__all__ = ["AccessSet", "Accesses", "Dependencies", "critical_path", "dependencies", "greedy_schedule"]
