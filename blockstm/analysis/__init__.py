"""What limits a block: the dependencies between its transactions, and what schedules they allow.

- `accesses`: the keys that a transaction reads, writes and adds to.
- `conventions`: what a chain's keys mean: their names, where fees go, which transactions are plain transfers.
- `rules`: the accesses as engines would see them in which less and less is a dependency.
- `dependencies`: which transactions wait for which: a graph in space that grows with the accesses.
- `relations`: which transactions conflict, by each of the ways in which studies and engines see it.
- `conflicts`: which transactions access the same keys, by kind, and how far apart they are.
- `schedules`, `bounds`: the critical path and greedy list scheduling; the speed-ups that they allow.
- `hot_keys`: the keys through which most transactions depend on another.
- `profile`: what each transaction accessed, and what it weighs: recorded or executed.
- `definitions`: the figures that studies tell of how parallel a block is, under each relation.
- `inspection`: all of the above, put together.
- `graphviz`: the dependencies in the DOT language.
"""

from blockstm.analysis.accesses import Accesses, AccessSet
from blockstm.analysis.dependencies import Dependencies, dependencies
from blockstm.analysis.schedules import critical_path, greedy_schedule

__all__ = ["AccessSet", "Accesses", "Dependencies", "critical_path", "dependencies", "greedy_schedule"]
