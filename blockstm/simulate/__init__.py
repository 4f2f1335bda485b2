"""The core in virtual time: what a block would take on any number of cores."""

from blockstm.simulate.costmodel import CostModel, default_model, model_from_text, model_text, read_model
from blockstm.simulate.simulation import Figures, Reference, Simulation

__all__ = [
    "CostModel",
    "Figures",
    "Reference",
    "Simulation",
    "default_model",
    "model_from_text",
    "model_text",
    "read_model",
]
