"""Sweeps: grids of blocks, models, cores, seeds and repeats, each run a row of one table (docs/how-to/sweeps.md).

- `sources`: where the blocks come from: scenarios, or block files.
- `definition`: the definition of a sweep, a TOML file.
- `points`: its runs: what determines each, its name, and about what it costs.
- `rows`: what is kept of a run.
- `table`, `parquet`: the table of a sweep, as data tools take it; the same in a file.
- `execution`: doing runs one after the other, under either clock.
- `storage`: the folder: each finished run is on disk before it counts.
- `carryout`: doing what is missing.
- `cluster`: a Dask cluster that does runs.

What it needs beyond the package itself, pyarrow and distributed, is an extra: ``pip install -e '.[sweep]'``.
Importing this package alone imports neither; `blockstm.sweep.parquet` and `blockstm.sweep.cluster` do.
"""

from blockstm.sweep.carryout import Outcome, carry_out
from blockstm.sweep.definition import Sweep, read_sweep
from blockstm.sweep.points import Run, runs_of
from blockstm.sweep.table import SweepTable

__all__ = ["Outcome", "Run", "Sweep", "SweepTable", "carry_out", "read_sweep", "runs_of"]
