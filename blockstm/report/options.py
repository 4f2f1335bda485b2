"""The options with which a command was run, as far as its output tells: those that differ from their defaults."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from blockstm.schema.common import OptionsEntry

__all__ = ["words_of"]

_ORDER: Final = (
    "cost_model", "model", "rounds_per_gas", "as_replay", "execute", "fee_key", "top", "time_limit", "memory_limit",
    "programs",
)  # fmt: skip
_OTHER_WORDS: Final = {"cost_model": "--costs"}


def words_of(options: OptionsEntry) -> list[str]:
    """Return the words that give a command the same options again.

    Arguments:
        options: of its output.
    """
    return [word for name in _ORDER for word in _words(name, getattr(options, name))]


def _words(name: str, value: object) -> Iterator[str]:
    option = _OTHER_WORDS.get(name, f"--{name.replace('_', '-')}")
    if value is True:
        yield option
    elif isinstance(value, tuple):
        for each in value:
            yield from (option, each)
    elif value is not None and value is not False:
        yield from (option, _written(value))


def _written(value: object) -> str:
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)
