"""The cost model: what each kind of work of the core costs, in ns. A small TOML file.

docs/explanation/simulate.md says what each price stands for. The core lists the kinds of work
(native/instruments/costs.pxi).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from importlib import resources
from typing import Final

from blockstm.errors import CostModelError, shown, shown_path
from blockstm.files.content import read_text
from blockstm.files.strict_toml import decode_toml

__all__ = ["PRICES", "CostModel", "default_model", "model_from_text", "model_text", "read_model"]

_FILE_BYTES_MAX: Final = 1 << 16
_PRICE_MAX_NS: Final = 1e9
_TABLE: Final = "ns"


@dataclass(frozen=True)
class CostModel:
    """What each kind of work costs, in ns; each from 0 to a second."""

    task: float
    """Handing out tasks: moving an index, or taking from the ready set."""
    execution: float
    """An incarnation, beside its reads, writes and work."""
    read: float
    """Reading a key."""
    write: float
    """Publishing a write."""
    validation: float
    """Validating a transaction, beside its reads."""
    validated_read: float
    """Validating one read."""
    commit: float
    """Committing a transaction."""
    atomic: float
    """Changing a status, a counter, or a list of waiters."""
    line_transfer: float
    """Fetching a cache line that another core has held since."""
    look: float
    """Looking for a task."""
    pause: float
    """One pause of a worker that spins because it has found no task."""
    wake_call: float
    """Waking a sleeping worker, for the one that wakes it."""
    wake_up: float
    """The time from there until the sleeper runs."""
    poll: float
    """Looking, in the midst of long work, whether the incarnation is in vain."""
    round: float
    """A round of work of the native programs."""
    gas: float
    """A unit of gas of a Python program whose time was not recorded."""
    in_order: float
    """A transaction under the sequential model, beside its reads, writes and work."""
    read_in_order: float
    """Reading a key under the sequential model."""
    write_in_order: float
    """Writing a key under the sequential model."""
    tree: float
    """Finding, in addition, a version of a key that more than five transactions write."""
    first_touch: float
    """The first touch of a key in a block, in addition, unless keys are touched in the order in which they lie."""

    def prices(self) -> dict[str, float]:
        """Return the prices by name."""
        return asdict(self)


PRICES: Final[Sequence[str]] = tuple(field.name for field in fields(CostModel))
"""The names of the prices."""


def default_model() -> CostModel:
    """Return the model that comes with the package."""
    source = resources.files("blockstm.simulate").joinpath("default.toml")
    return model_from_text(source.read_text("utf-8"), "default.toml")


def read_model(path: str | os.PathLike[str]) -> CostModel:
    """Return the model that a file holds.

    Raises:
        CostModelError: the file is missing, or a field is missing, unknown or not a price.
    """
    fix = "name a cost model, as `blockstm calibrate` writes it"
    return model_from_text(read_text(path, _FILE_BYTES_MAX, CostModelError, fix), shown_path(path))


def model_text(model: CostModel, notes: Sequence[str] = ()) -> str:
    """Return a model as the text of a file.

    Arguments:
        model: the model.
        notes: lines of comment that begin it.
    """
    lines = [f"# {note}" for note in notes]
    lines += ["", f"[{_TABLE}]", *(f"{name} = {price:.6g}" for name, price in model.prices().items())]
    return "\n".join(lines).lstrip("\n") + "\n"


def model_from_text(text: str, name: str) -> CostModel:
    """Return the model that a text describes.

    Arguments:
        text: TOML, as `model_text` writes it.
        name: where it comes from, for messages.

    Raises:
        CostModelError: it is not TOML, or a field is missing, unknown or not a price.
    """
    try:
        content = decode_toml(text)
    except ValueError as error:
        raise CostModelError(f"{name}: {error}") from error
    unknown = sorted(set(content) - {_TABLE})
    if unknown:
        raise CostModelError(
            f"{name}: {shown(unknown[0])} is unknown; allowed is one table, [{_TABLE}]: leave it out"
        )
    table = content.get(_TABLE)
    if not isinstance(table, dict):
        raise CostModelError(f"{name}: the table [{_TABLE}] is missing; it holds {', '.join(PRICES)}")
    unknown = sorted(set(table) - set(PRICES))
    if unknown:
        raise CostModelError(
            f"{name}: {_TABLE}.{shown(unknown[0])} is unknown; allowed are {', '.join(PRICES)}"
        )
    return CostModel(**{price: _price(table, price, name) for price in PRICES})


def _price(table: Mapping[str, object], price: str, name: str) -> float:
    allowed = f"allowed are numbers from 0 to {_PRICE_MAX_NS:.0f} (ns)"
    if price not in table:
        raise CostModelError(f"{name}: {_TABLE}.{price} is missing; {allowed}")
    value = table[price]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CostModelError(f"{name}: {_TABLE}.{price} is {shown(value)}; {allowed}")
    if not 0 <= value <= _PRICE_MAX_NS:  # false for NaN; an integer may be too large for a float
        raise CostModelError(f"{name}: {_TABLE}.{price} is {shown(value)}; {allowed}")
    return float(value)
