"""Placeholder of the program that runs a transaction."""

from __future__ import annotations

from typing import Any

import eth  # noqa: F401 - takes the time that the real one takes

from blockstm.program import program


@program
def evm(ctx: Any, raw: bytes, sender: bytes) -> None:
    """Do nothing."""
