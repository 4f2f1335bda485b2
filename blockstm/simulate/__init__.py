"""The core in virtual time: how long a block would take on any number of cores.

- `costmodel`: what each kind of work of the core costs.
- `source`: where the state before a block is read from, and what that costs.
- `hosted`: the virtual clock, in a host.
- `simulation`: a block on any number of modelled cores.
- `calibration`: the cost model measured on this machine.
"""

from blockstm.simulate.costmodel import CostModel, default_model, model_from_text, model_text, read_model
from blockstm.simulate.simulation import Figures, Reference, Simulation
from blockstm.simulate.source import Source, SourceUse

__all__ = [
    "CostModel",
    "Figures",
    "Reference",
    "Simulation",
    "Source",
    "SourceUse",
    "default_model",
    "model_from_text",
    "model_text",
    "read_model",
]
