"""Settlement: blocks that follow each other on the state of a store, confirmed first and made durable after.

- `events`: what happens to a block on its way to a store.
- `read_ahead`: reading what a block will touch, while the blocks before it run.
- `settler`: what makes one block durable: its values, its root, its record.
- `settlement_main`: the process that drains committed changes and settles them.
- `settlement`: that process, as the engine's process holds it.
- `ledger`: an engine and a store together.
- `figures`: what settling blocks took.
"""

from blockstm.settlement.events import Confirmed, Durable
from blockstm.settlement.ledger import Ledger

__all__ = ["Confirmed", "Durable", "Ledger"]
