"""The core under control: virtual workers in one process, and a strategy that decides which of them goes on.

- `schedules`: which worker went on at each step, and the schedule's string form.
- `strategies`: which worker goes on next: random, PCT, with deaths, recorded.
- `exhaustive`: all schedules with few preemptions.
- `trial`: one block under one schedule, checked at every step and at its end.
- `interleaving`: a schedule as people read it, and the loop of a livelock.
- `shrink`: the shortest schedule found that fails in the same way.
- `explorer`, `batches`: many trials; the same in processes that may crash or are thrown away.
"""
