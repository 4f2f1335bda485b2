"""The exception by which the core ends a program whose incarnation is given up."""

from __future__ import annotations

__all__ = ["SpeculationAborted"]


class SpeculationAborted(BaseException):
    """Unwinds a program whose incarnation is given up.

    It is not an error: nothing outside sees it. A program that catches it runs on, but every verb raises it again.
    """
