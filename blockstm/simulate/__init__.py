"""The core in virtual time: what a block would take on any number of cores."""

from blockstm.simulate.costmodel import CostModel, default_model, model_text, read_model
from blockstm.simulate.simulation import Figures, Simulation

__all__ = ["CostModel", "Figures", "Simulation", "default_model", "model_text", "read_model"]
