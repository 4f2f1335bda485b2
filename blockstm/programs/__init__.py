"""What transactions run: programs, their parameters and arguments, and the two that are built in."""

from blockstm.programs.built_in import trace, transfer

__all__ = ["trace", "transfer"]
