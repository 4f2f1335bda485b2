"""Keys, values and roots of states as the command line takes and shows them."""

from __future__ import annotations

import re
from typing import Final

from blockstm.errors import UsageError, shown
from blockstm.limits import KEY_BYTES_MAX
from blockstm.trees.binary import ROOT_BYTES

__all__ = ["key_of", "key_text", "root_of"]

HEX_DIGITS: Final = re.compile(r"(?:[0-9a-fA-F]{2})*", re.ASCII)
PREFIX: Final = "0x"


def key_of(text: str) -> bytes:
    """Return the key that a text names: 0x and hex digits, or else the text's own bytes, in UTF-8.

    Raises:
        UsageError: it names none.
    """
    if text.startswith(PREFIX):
        digits = text.removeprefix(PREFIX)
        if not HEX_DIGITS.fullmatch(digits):
            raise UsageError(
                f"KEY {shown(text)}: is not a key; give pairs of hex digits after 0x, as in 0x6201ff, or a text"
            )
        key = bytes.fromhex(digits)
    else:
        key = text.encode(errors="surrogateescape")
    if len(key) > KEY_BYTES_MAX:
        raise UsageError(f"KEY {shown(text)}: has {len(key)} bytes; a key has at most {KEY_BYTES_MAX}")
    return key


def key_text(key: bytes) -> str:
    """Write a key as `key_of` reads it: as a text where it is one that prints in ASCII, else as hex digits."""
    text = key.decode("ascii", errors="replace")
    is_text = text.isascii() and text.isprintable() and text and not text.startswith((PREFIX, " ", "-"))
    return text if is_text and not text.endswith(" ") else PREFIX + key.hex()


def root_of(text: str) -> bytes:
    """Return the root that 64 hex digits name, with or without 0x.

    Raises:
        UsageError: they name none.
    """
    digits = text.removeprefix(PREFIX)
    if len(digits) != 2 * ROOT_BYTES or not HEX_DIGITS.fullmatch(digits):
        raise UsageError(
            f"--root {shown(text)}: is not a root; give {2 * ROOT_BYTES} hex digits, as 'replay' prints with --json"
        )
    return bytes.fromhex(digits)
