"""Where the state of a block comes from, and where what is committed goes to.

- `source`: what keys hold before a block, asked for when a transaction first touches one.
- `drain`: committed changes that leave an engine in order, while its blocks run.
"""

from blockstm.state.drain import Drain, DrainedBlock
from blockstm.state.source import MappingSource, StateSource

__all__ = ["Drain", "DrainedBlock", "MappingSource", "StateSource"]
