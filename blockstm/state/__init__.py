"""Where the state of a block comes from."""

from blockstm.state.source import MappingSource, StateSource

__all__ = ["MappingSource", "StateSource"]
