"""What ``blockstm inspect --json`` prints.

docs/explanation/inspect.md and docs/reference/command-line.md say the same to users.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from blockstm.schema.common import NO_OPTIONS, OptionsEntry, OutcomesEntry
from blockstm.schema.entry import AtMost, Entry, Key, Mark, Output

__all__ = [
    "BoundEntry",
    "BusiestKeyEntry",
    "DefinitionEntry",
    "DistanceEntry",
    "FeesEntry",
    "HotKeyEntry",
    "InspectOutput",
    "KeyEntry",
    "NotToldEntry",
    "PerTransactionEntry",
]

BOUNDS_MAX: Final = 1_000
"""Of one block; a set of rules has one for each weight."""
DEFINITIONS_MAX: Final = 200
"""Of one block; a table has a column for each relation."""


@dataclass(frozen=True)
class PerTransactionEntry(Entry):
    """How many keys a transaction reads, writes or adds to: the mean, and the most."""

    mean: float
    max: int


@dataclass(frozen=True)
class DistanceEntry(Entry):
    """How many transactions wait for one that stands so far before them.

    Arguments:
        low, high: how far, in transactions; ``from`` and ``to`` in the object.
        transactions: how many.
    """

    low: Annotated[int, Key("from")]
    high: Annotated[int, Key("to")]
    transactions: int


@dataclass(frozen=True, kw_only=True)
class BoundEntry(Entry):
    """What the speed-up cannot exceed under a set of rules.

    Arguments:
        rules: what counts as a dependency.
        weight: what weighs a transaction.
        unlimited: on any number of cores.
        cores: by number of cores, under greedy list scheduling.
        critical_path: the weight of the heaviest chain.
        longest_chain: in transactions.
        independent_share: of the transactions, those that wait for none and for which none waits.
    """

    rules: str
    weight: str
    unlimited: float | None = None
    cores: Mapping[int, float] | None = None
    critical_path: float | None = None
    longest_chain: int | None = None
    independent_share: float | None = None


@dataclass(frozen=True)
class NotToldEntry(Entry):
    """A set of rules that cannot be told of the block, and why."""

    rules: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class HotKeyEntry(Entry):
    """A key that makes transactions wait.

    Arguments:
        key: 0x and hex digits.
        name: what a person calls it.
        transactions: how many wait because of it.
        longest_chain: of transactions that wait for one another because of it.
        unlimited, cores: the bounds on the speed-up, if no transaction waited because of it.
    """

    key: str
    name: str | None = None
    transactions: int
    longest_chain: int | None = None
    unlimited: float | None = None
    cores: Mapping[int, float] | None = None


@dataclass(frozen=True)
class DefinitionEntry(Entry):
    """How parallel the block is by one of the definitions that are in use.

    Arguments:
        definition: what the figure is of.
        relation: what relates two transactions.
        unit: ``transactions``, ``pairs``, or what the weight is.
        value: how many, or how much.
        share: the same as a share of 1.
    """

    definition: str
    relation: str
    unit: str
    value: float
    share: float | None = None


@dataclass(frozen=True)
class BusiestKeyEntry(Entry):
    """The key whose writers weigh the most.

    Arguments:
        key: 0x and hex digits.
        name: what a person calls it.
        transactions: how many write it.
        weight: of these.
    """

    key: str
    name: str
    transactions: int
    weight: float


@dataclass(frozen=True)
class KeyEntry(Entry):
    """A key, 0x and hex digits, and what a person calls it."""

    key: str
    name: str


@dataclass(frozen=True)
class FeesEntry(Entry):
    """Where fees go, and how that is known."""

    keys: tuple[KeyEntry, ...]
    source: str


@dataclass(frozen=True, kw_only=True)
class InspectOutput(Output):
    """The whole object.

    Arguments:
        file: the block's file.
        outcomes: how its transactions ended, where it was executed.
        header_checks: as of `blockstm.schema.replay.BlockEntry`, where it was executed.
        chain, number: what the block says of itself.
        transactions, keys: how many it has, and how many keys they accessed.
        accesses, seconds: where accesses and times come from.
        sections: what the block says beside what was recorded, by section: of how many ``transactions``, or of how
            many ``keys``.
        per_transaction: by kind of access.
        rules, weight: those that conflicts, distances, hot keys and definitions are told under.
        independent_share, longest_chain: under these rules.
        conflicts: how many of each kind.
        distances: how far back transactions wait.
        bounds: for each set of rules and each weight.
        not_told: the sets of rules that are left out.
        hot_keys: what most transactions wait for.
        fees: where they go, where that is known.
        definitions: how parallel the block is, by the definitions that are in use.
        busiest_key: the one whose writers weigh the most, if anything is written.
        sources: by relation and by definition, who uses it.
        options: those that differ from their defaults.
    """

    command: ClassVar[str] = "inspect"

    file: str
    outcomes: Annotated[OutcomesEntry | None, Mark.FLAT] = None
    header_checks: Mapping[str, bool | None] | None = None
    chain: str | None = None
    number: int | None = None
    transactions: int
    keys: int | None = None
    accesses: str | None = None
    seconds: str | None = None
    sections: Mapping[str, Mapping[str, int]] | None = None
    per_transaction: Mapping[str, PerTransactionEntry] | None = None
    rules: str | None = None
    weight: str | None = None
    independent_share: float | None = None
    longest_chain: int | None = None
    conflicts: Mapping[str, int] | None = None
    distances: tuple[DistanceEntry, ...] = ()
    bounds: Annotated[tuple[BoundEntry, ...], AtMost(BOUNDS_MAX)] = ()
    not_told: tuple[NotToldEntry, ...] = ()
    hot_keys: tuple[HotKeyEntry, ...] = ()
    fees: FeesEntry | None = None
    definitions: Annotated[tuple[DefinitionEntry, ...], AtMost(DEFINITIONS_MAX)] = ()
    busiest_key: BusiestKeyEntry | None = None
    sources: Mapping[str, str] | None = None
    options: Annotated[OptionsEntry, Mark.LEFT_OUT_IF_EMPTY] = NO_OPTIONS
