"""The state of a chain on disk, with its blocks, in one LMDB file.

- `record`: what is kept of a block.
- `environment`: the open file, and its errors.
- `source`: what blocks and trees ask the store.
- `store`: the store.
- `state_trees`: which tree commits to the state of a store.
- `snapshot_file`: the form of snapshots and of what has changed since one.
- `snapshot`: states taken out of stores, and put into new ones.
"""

from blockstm.store.record import StoredBlock
from blockstm.store.source import StoreSource
from blockstm.store.store import Store

__all__ = ["Store", "StoreSource", "StoredBlock"]
