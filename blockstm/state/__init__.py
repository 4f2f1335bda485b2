"""Where the state of a block comes from.

- `source`: what keys hold before a block, asked for when a transaction first touches one.
"""

from blockstm.state.source import MappingSource, StateSource

__all__ = ["MappingSource", "StateSource"]
