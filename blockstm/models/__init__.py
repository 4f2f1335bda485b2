"""The models of execution; `MODELS` is the one list of them.

- `model`: what a model is to the rest of the package: a frozen object with a name and options.
- `block_stm`: executed first, validated after.
- `sequential`: one transaction after the other.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from blockstm.errors import UsageError, shown
from blockstm.models.block_stm import BlockStm
from blockstm.models.model import Model
from blockstm.models.sequential import Sequential

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MODELS", "BlockStm", "Model", "Sequential", "model_of"]

MODELS: Final[Mapping[str, type[Model]]] = MappingProxyType(
    {model.name: model for model in (BlockStm, Sequential)}
)
"""The models by name: what the command line, sweeps, simulations and explorations may be asked for."""


def model_of(model: Model | str) -> Model:
    """Return a model as it is, or the one that a text names, as ``hinted`` or ``hinted:60``.

    Arguments:
        model: a model, or the name of one in `MODELS`, followed by options where they differ from the default ones.

    Raises:
        UsageError: there is none of that name, or it has no such options.
    """
    if isinstance(model, Model):
        return model
    name, *options = model.split(":") if isinstance(model, str) else ("",)
    found = MODELS.get(name)
    if found is None:
        raise UsageError(f"model {shown(model)} is unknown; choose one of {', '.join(MODELS)}")
    return found.from_text_options(options) if options else found()
