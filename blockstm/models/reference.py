"""What a run in a model is compared with."""

from __future__ import annotations

from collections.abc import Sequence

from blockstm.models.model import Model
from blockstm.models.sequential import Sequential

__all__ = ["reference_of"]


def reference_of(model: Model, order: Sequence[int] | None) -> Sequential:
    """Return the sequential model whose result is the right one for a run in a model.

    Arguments:
        model: the model of the run.
        order: the order that it has chosen (`Result.order`); None: the preset one.
    """
    chosen = None if model.keeps_order or order is None else tuple(order)
    return Sequential(
        order=chosen,
        undeclared=model.promises,
        accesses=model.promised_accesses,
        refuses_scans=not model.scans,
    )
