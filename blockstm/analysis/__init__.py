"""What limits a block: the dependencies between its transactions, and what schedules they allow."""

from blockstm.analysis.dependencies import Accesses, dependencies
from blockstm.analysis.schedules import critical_path, greedy_schedule

__all__ = ["Accesses", "critical_path", "dependencies", "greedy_schedule"]
