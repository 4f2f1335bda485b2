"""For users' own programs: check that they are deterministic, and make blocks of them (docs/testing.md)."""

from blockstm.testing.checker import Checked, Checker, check

__all__ = ["Checked", "Checker", "check"]
