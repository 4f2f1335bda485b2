"""Sweeps: grids of scenarios, cores, seeds and repeats, each run a row of one table. See docs/sweeps.md.

What it needs beyond the package itself, pyarrow and distributed, is an extra: ``pip install -e '.[sweep]'``.
Importing this package alone imports neither; `blockstm.sweep.parquet` and `blockstm.sweep.cluster` do.
"""

from blockstm.sweep.carryout import Outcome, carry_out
from blockstm.sweep.definition import Sweep, read_sweep
from blockstm.sweep.points import Run, runs_of
from blockstm.sweep.table import SweepTable

__all__ = ["Outcome", "Run", "Sweep", "SweepTable", "carry_out", "read_sweep", "runs_of"]
