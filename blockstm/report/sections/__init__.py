"""The sections of the page: in each module a function that returns one, or None where there is no data for it.

- `shared`: what several sections draw in the same way.
- `summary`: the main figures, and what was run.
- `replays`: replayed blocks: times, speed-up, and whether they are right.
- `settlement`: blocks on a store: when each was confirmed, and when it was durable.
- `scaling`: speed-up against cores, with the bounds.
- `models`: models side by side, and which suits each block.
- `aborts`: aborts and re-executions.
- `latency`: how long it took until transactions were final.
- `contention`: contention by cores.
- `limits`: bounds under each set of rules, and hot keys.
- `definitions`: how parallel a block is, by each definition that is in use.
- `timeline`: what each worker did when.
- `commands`: the commands that repeat what the page shows.
"""
