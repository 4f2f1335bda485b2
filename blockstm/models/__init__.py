"""The models of execution; `MODELS` is the one list of them.

- `preparation`: what a model may know of a block before it starts.
- `lock_scheduling`: which worker takes which transaction, decided from the locks that transactions name.
- `model`: what a model is to the rest of the package: a frozen object with a name and options.
- `sequential`: one transaction after the other.
- `reference`: what a run in a model is compared with.
- `block_stm`: executed first, validated after.
- `auto`: the same, by one worker or by all, as pays.
- `hinted`: the same, with some of the accesses known before.
- `push`: the same, but readers are told instead of validated.
- `declared`: accesses are promised before, and waited for.
- `locks`: a scheduler takes locks, and decides the order.
- `snapshot`: batches on one snapshot of the state.
- `oracle`: list scheduling with perfect knowledge.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from blockstm.errors import UsageError, shown
from blockstm.models.auto import Auto
from blockstm.models.block_stm import BlockStm
from blockstm.models.declared import DeclaredAccesses
from blockstm.models.hinted import Hinted
from blockstm.models.lock_scheduling import GraphScheduler, GreedyScheduler
from blockstm.models.locks import Locks
from blockstm.models.model import Model
from blockstm.models.oracle import Oracle
from blockstm.models.preparation import Foreseen, KnownBefore, Preparation
from blockstm.models.push import Push
from blockstm.models.reference import reference_of
from blockstm.models.sequential import Sequential
from blockstm.models.snapshot import SnapshotBatches

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "MODELS",
    "Auto",
    "BlockStm",
    "DeclaredAccesses",
    "Foreseen",
    "GraphScheduler",
    "GreedyScheduler",
    "Hinted",
    "KnownBefore",
    "Locks",
    "Model",
    "Oracle",
    "Preparation",
    "Push",
    "Sequential",
    "SnapshotBatches",
    "model_of",
    "reference_of",
]

MODELS: Final[Mapping[str, type[Model]]] = MappingProxyType(
    {
        model.name: model
        for model in (
            BlockStm,
            Sequential,
            Auto,
            DeclaredAccesses,
            Locks,
            Hinted,
            Push,
            SnapshotBatches,
            Oracle,
        )
    }
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
