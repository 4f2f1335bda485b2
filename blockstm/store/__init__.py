"""The state of a chain on disk, with its blocks, in one LMDB file.

- `record`: what is kept of a block.
- `environment`: the open file, and its errors.
- `source`: what blocks and trees ask the store.
- `store`: the store.
"""

from blockstm.store.record import StoredBlock
from blockstm.store.source import StoreSource
from blockstm.store.store import Store

__all__ = ["Store", "StoreSource", "StoredBlock"]
