"""What is known of generated blocks: the names of their keys."""

from __future__ import annotations

from typing import Final

from blockstm.chains.support import ChainSupport
from blockstm.workloads.conventions import ScenarioConventions

__all__ = ["SUPPORT"]

SUPPORT: Final = ChainSupport(conventions=ScenarioConventions())
