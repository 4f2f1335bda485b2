"""Schedulers that lock: which worker takes which transaction, decided from the locks that transactions name.

They are pure functions of a block: no process runs, and time is counted in compute units.

- `locks`: what transactions lock, and which workers hold it.
- `plan`: what has been decided.
- `candidates`: transactions that may be handed out now, and those that wait.
- `worker_queues`: the queues of workers, batches, and the clock.
- `dispatch`: handing out, under locks and a budget.
- `greedy`: whatever can run at once, by priority.
- `conflict_graph`: who waits for whom.
- `graph`: nothing overtakes what it conflicts with.
- `scheduling`: the entry.
"""

from blockstm.models.lock_scheduling.graph import GraphScheduler
from blockstm.models.lock_scheduling.greedy import GreedyScheduler
from blockstm.models.lock_scheduling.locks import LockSet
from blockstm.models.lock_scheduling.plan import LockSchedule
from blockstm.models.lock_scheduling.scheduling import schedule_locks

__all__ = ["GraphScheduler", "GreedyScheduler", "LockSchedule", "LockSet", "schedule_locks"]
