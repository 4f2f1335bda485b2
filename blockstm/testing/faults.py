"""Faults: what can be wrong with a program, in words, and the fix of each kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from blockstm.testing.sites import Site

__all__ = ["FIXES", "Fault", "Kind"]

Kind = Literal[
    "clock",
    "randomness",
    "process number",
    "object identity",
    "hash order",
    "hidden state",
    "outside world",
    "swallowed abort",
    "late use",
    "other thread",
    "schedule",
]

FIXES: Final[dict[Kind, str]] = {
    "clock": "give the time as an argument, or read it from the state",
    "randomness": "give a seed as an argument, and make a random.Random of it",
    "process number": "give what tells processes apart as an argument",
    "object identity": "depend on no id(), default repr, or order of a set of objects without __hash__: sort",
    "hash order": "go through sets of str or bytes in sorted order: for x in sorted(...)",
    "hidden state": "keep it in the state: ctx.read and ctx.write",
    "outside world": "give what comes from outside (files, network, environment, random sources) as an argument",
    "swallowed abort": "catch Exception, or raise again what else was caught",
    "late use": "keep no ctx after the program has returned: not in globals, closures, generators or threads",
    "other thread": "use ctx in the thread that runs the program only",
    "schedule": "look for state outside of ctx that one execution leaves to another; if there is none, report it",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    Arguments:
        kind: the kind of fault.
        program: the program's name; None where it is not one program's.
        txn_idx: the transaction in which it showed, None where it is not one transaction's.
        what: what is wrong, a sentence without its end.
        cause: what causes it, as far as known.
        causing: the line of the cause.
        effect: how it shows.
        showing: the line where it shows.
        lines: more for the end of the report: the schedule and its interleaving.
    """

    kind: Kind
    program: str | None
    txn_idx: int | None
    what: str
    cause: str | None = None
    causing: Site | None = None
    effect: str | None = None
    showing: Site | None = None
    lines: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the report."""
        subject = "" if self.txn_idx is None else f"transaction {self.txn_idx} ({self.program}) "
        report = [f"{self.kind}: {subject}{self.what}", ""]
        if self.cause is not None:
            report.append(f"cause     {placed(self.cause, self.causing)}")
        if self.effect is not None:
            report.append(f"shows in  {placed(self.effect, self.showing)}")
        report.append(f"fix       {FIXES[self.kind]}")
        return "\n".join([*report, *self.lines])


def placed(text: str, site: Site | None) -> str:
    """Return a text after the line that it is about."""
    return text if site is None else f"{site}: {text}"
