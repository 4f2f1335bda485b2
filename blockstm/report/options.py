"""The options with which a command was run, as far as its output tells: those that differ from their defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from blockstm.report.fields import Fields

__all__ = ["options_of"]


def options_of(content: Fields) -> tuple[str, ...]:
    """Return the words that give a command the same options again.

    Arguments:
        content: the command's output; its field ``options`` holds them by name.

    Raises:
        ContentError: one has a value that it cannot have.
    """
    options = content.optional_nested("options")
    return tuple(
        word
        for name, words in _WORDS.items()
        if options.has(name)
        for word in words(options, name, f"--{name.replace('_', '-')}")
    )


def _number(options: Fields, name: str, option: str) -> list[str]:
    number = options.number(name)
    return [option, str(int(number)) if number.is_integer() else repr(number)]


def _count(options: Fields, name: str, option: str) -> list[str]:
    return [option, str(options.count(name))]


def _text(options: Fields, name: str, option: str) -> list[str]:
    return [option, options.text(name)]


def _flag(options: Fields, name: str, option: str) -> list[str]:
    return [option] * bool(options.optional_flag(name))


def _repeated(options: Fields, name: str, option: str) -> list[str]:
    return [word for text in options.texts(name) for word in (option, text)]


_WORDS: Final[Mapping[str, Callable[[Fields, str, str], list[str]]]] = {
    "cost_model": lambda options, name, option: _text(options, name, "--costs"),
    "model": _text,
    "rounds_per_gas": _number,
    "as_replay": _flag,
    "execute": _flag,
    "fee_key": _repeated,
    "top": _count,
    "time_limit": _number,
    "memory_limit": _count,
    "programs": _repeated,
}
