"""What happens to a block on its way to a store: it is announced, confirmed, durable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from blockstm.results.result import Result

__all__ = ["Announced", "Confirmed", "Durable"]


class Announced(NamedTuple):
    """A block that is to be settled, as it is known before it starts."""

    drained_as: int
    """The number that drains know it by."""
    number: int
    """Its number on its chain."""
    digest: bytes | None
    """What tells its content from that of other blocks."""
    given: Mapping[bytes, bytes | None]
    """Values that it has brought with it and that the store does not know."""


class Durable(NamedTuple):
    """A block that is durable, and how long that took. Times are those of the monotonic clock, in ns."""

    number: int
    root: bytes | None
    transactions: int
    keys: int
    """How many keys it has changed."""
    nodes: int
    """How many nodes of the tree have changed."""
    drained_ns: int
    """When all of its changes were here."""
    rooted_ns: int
    """When its root was known."""
    durable_ns: int
    updating_ns: int
    """How long the tree took for changes as they came in, most of which goes on while the block runs."""


class Confirmed(NamedTuple):
    """A block whose transactions are all final, in their order; it may not be durable yet.

    Times are those of the monotonic clock, in ns.
    """

    number: int
    """Its number on its chain."""
    result: Result
    """What came of it."""
    waited_ns: int
    """How long it waited, before it began, for blocks before it to become durable."""
    began_ns: int
    """When it began: what it reads first, and its loading, included."""
    confirmed_ns: int
    """When its last transaction was final."""
    differences: tuple[str, ...] | None
    """Where it disagrees with sequential execution, a line each; None where it was not compared."""
