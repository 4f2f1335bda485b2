"""Everything about what limits a block, put together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from blockstm.analysis.accesses import AccessSet
from blockstm.analysis.bounds import CORES, Bound
from blockstm.analysis.conflicts import conflicts, distances, independent_transactions
from blockstm.analysis.conventions import Conventions, Fees, Unknown
from blockstm.analysis.definitions import SOURCES, BusiestKey, DefinedFigures, Figure
from blockstm.analysis.dependencies import Dependencies, dependencies
from blockstm.analysis.hot_keys import HotKey, hot_keys
from blockstm.analysis.profile import Profile, Weight
from blockstm.analysis.rules import AccessRules, Rules
from blockstm.analysis.schedules import critical_path
from blockstm.blocks.block import Block
from blockstm.blocks.sections import PER_TRANSACTION
from blockstm.errors import UsageError
from blockstm.schema.common import NO_OPTIONS, OptionsEntry, OutcomesEntry
from blockstm.schema.inspect import (
    BoundEntry,
    BusiestKeyEntry,
    DefinitionEntry,
    DistanceEntry,
    FeesEntry,
    HotKeyEntry,
    InspectOutput,
    KeyEntry,
    NotToldEntry,
    PerTransactionEntry,
)
from blockstm.tables.html import ROWS_SHOWN, HtmlTable, html_of

__all__ = ["Inspection", "RulesOutcome", "inspect_block"]


@dataclass(frozen=True)
class RulesOutcome:
    """What is found of a block under a set of rules.

    Arguments:
        accesses: of its transactions, under the rules.
        graph: the dependencies between the transactions.
        longest_chain: the most transactions of which each waits for the one before.
        bounds: by weight.
    """

    accesses: Sequence[AccessSet]
    graph: Dependencies
    longest_chain: int
    bounds: Mapping[Weight, Bound]

    @property
    def independent_share(self) -> float | None:
        """The share of the transactions that wait for no other, and for which no other waits."""
        count = self.graph.transactions
        return independent_transactions(self.graph) / count if count else None


@dataclass(frozen=True, repr=False)
class Inspection:
    """What limits a block.

    Arguments:
        block: the block.
        profile: what its transactions accessed, and what each weighs.
        conventions: what its keys mean.
        fees: where its fees go.
        outcomes: what is found of it, by the set of rules.
        not_told: why nothing can be said about the other sets of rules.
        rules: the set that all other figures are of.
        weight: what weighs the transactions where there is but one figure.
        conflicts: how many there are of each kind.
        hot_keys: what most transactions wait for.
        figures: how parallel the block is, by the definitions of others.
        busiest_key: the key whose writers weigh the most; None if nothing is written.
    """

    block: Block
    profile: Profile
    conventions: Conventions
    fees: Fees | Unknown
    outcomes: Mapping[Rules, RulesOutcome]
    not_told: Mapping[Rules, str]
    rules: Rules
    weight: Weight
    conflicts: Mapping[str, int]
    hot_keys: Sequence[HotKey]
    figures: Sequence[Figure]
    busiest_key: BusiestKey | None

    @property
    def outcome(self) -> RulesOutcome:
        """What is found of the block under the rules that were asked for."""
        return self.outcomes[self.rules]

    @property
    def distances(self) -> dict[int, int]:
        """Return how many transactions wait how far back; see `conflicts.distances`."""
        return distances(self.outcome.graph)

    @property
    def keys(self) -> int:
        """How many keys the transactions accessed."""
        return len(frozenset[bytes]().union(*(access.keys for access in self.profile.accesses)))

    def per_transaction(self) -> dict[str, PerTransactionEntry]:
        """Return how many keys a transaction reads, writes and adds to: their mean, and the most."""
        counts = {
            "reads": [len(access.reads) for access in self.profile.accesses],
            "writes": [len(access.writes) for access in self.profile.accesses],
            "adds": [len(access.adds) for access in self.profile.accesses],
        }
        return {
            name: PerTransactionEntry(sum(each) / len(each), max(each))
            for name, each in counts.items()
            if each
        }

    @property
    def sections(self) -> dict[str, dict[str, int]]:
        """What the block says beside what was recorded: of how many transactions, or of how many keys."""
        found: dict[str, dict[str, int]] = {}
        for name in PER_TRANSACTION:
            if said := sum(getattr(transaction, name) is not None for transaction in self.block.transactions):
                found[name] = {"transactions": said}
        if self.block.access_list is not None:
            found["access_list"] = {"keys": len(self.block.access_list)}
        return found

    def name(self, key: bytes) -> str:
        """Return what a person calls a key."""
        name = self.conventions.key_name(key)
        is_fee = isinstance(self.fees, Fees) and key in self.fees.keys
        return f"{name} (fee recipient)" if is_fee else name

    def output(
        self,
        file: str,
        *,
        outcomes: OutcomesEntry | None = None,
        header_checks: Mapping[str, bool | None] | None = None,
        options: OptionsEntry = NO_OPTIONS,
    ) -> InspectOutput:
        """Return what the JSON output says.

        Arguments:
            file: where the block comes from.
            outcomes, header_checks: what came of it, where it was executed.
            options: of the command.
        """
        outcome = self.outcome
        return InspectOutput(
            file=file,
            outcomes=outcomes,
            header_checks=header_checks,
            chain=self.block.chain,
            number=self.block.number,
            transactions=len(self.block),
            keys=self.keys,
            accesses=self.profile.source,
            seconds=self.profile.seconds_source if self.profile.seconds is not None else None,
            sections=self.sections or None,
            per_transaction=self.per_transaction(),
            rules=str(self.rules),
            weight=self.weight,
            independent_share=outcome.independent_share,
            longest_chain=outcome.longest_chain,
            conflicts=self.conflicts,
            distances=tuple(DistanceEntry(low, 2 * low - 1, count) for low, count in self.distances.items()),
            bounds=tuple(self._bound_entries()),
            not_told=tuple(NotToldEntry(str(rules), why) for rules, why in self.not_told.items()),
            hot_keys=tuple(map(self._hot_key_entry, self.hot_keys)),
            fees=self._fees_entry(),
            definitions=tuple(
                DefinitionEntry(each.definition, each.relation, each.unit, each.value, each.share)
                for each in self.figures
            ),
            busiest_key=self._busiest_key_entry(),
            sources=SOURCES,
            options=options,
        )

    def __repr__(self) -> str:
        """Say of which block and under which rules."""
        return f"<Inspection of {self.block!r}, {self.rules}>"

    def _repr_html_(self) -> str:
        """Show in a notebook the bounds on the speed-up, and the keys that most transactions wait for."""
        bounds = [
            (str(rules), outcome.longest_chain, *_speedups(outcome.bounds[self.weight]))
            for rules, outcome in self.outcomes.items()
        ]
        hot = [
            (self.name(hot.key), hot.transactions, hot.longest_chain, *_speedups(hot.bound))
            for hot in self.hot_keys[:ROWS_SHOWN]
        ]
        cores = ("unlimited cores", *(f"{count} cores" for count in CORES))
        return html_of(
            repr(self)[1:-1],
            HtmlTable(
                ("rules", "longest chain", *cores), bounds, f"Bounds on the speed-up, by {self.weight}:"
            ),
            HtmlTable(
                ("key", "waiting", "longest chain", *cores), hot, "Hot keys, and the bounds without each:"
            ),
        )

    def _bound_entries(self) -> Iterator[BoundEntry]:
        for rules, outcome in self.outcomes.items():
            for weight, bound in outcome.bounds.items():
                if bound.unlimited is not None:
                    yield BoundEntry(
                        rules=str(rules),
                        weight=weight,
                        unlimited=bound.unlimited,
                        cores=bound.cores,
                        critical_path=bound.critical_path,
                        longest_chain=outcome.longest_chain,
                        independent_share=outcome.independent_share,
                    )

    def _hot_key_entry(self, hot: HotKey) -> HotKeyEntry:
        return HotKeyEntry(
            key=f"0x{hot.key.hex()}",
            name=self.name(hot.key),
            transactions=hot.transactions,
            longest_chain=hot.longest_chain,
            unlimited=hot.bound.unlimited,
            cores=hot.bound.cores,
        )

    def _busiest_key_entry(self) -> BusiestKeyEntry | None:
        busiest = self.busiest_key
        if busiest is None:
            return None
        name = self.name(busiest.key)
        return BusiestKeyEntry(f"0x{busiest.key.hex()}", name, busiest.transactions, busiest.weight)

    def _fees_entry(self) -> FeesEntry | None:
        if not isinstance(self.fees, Fees):
            return None
        keys = tuple(KeyEntry(f"0x{key.hex()}", self.name(key)) for key in sorted(self.fees.keys))
        return FeesEntry(keys, self.fees.source)


def inspect_block(
    block: Block,
    profile: Profile,
    conventions: Conventions,
    *,
    fee_keys: frozenset[bytes] = frozenset(),
    rules: Rules = Rules.CREDITS_COMMUTATIVE,
    weight: Weight | None = None,
    top: int = 10,
) -> Inspection:
    """Find out what limits a block.

    Arguments:
        block: the block.
        profile: what its transactions accessed, and what each weighs.
        conventions: what its keys mean.
        fee_keys: the keys that fees are added to; if none are given, those that the conventions tell.
        rules: the set that conflicts, distances, hot keys and the figures by definition are told of.
        weight: what weighs the transactions for the bounds without a hot key and the figures by definition; None:
            the first that is known.
        top: how many hot keys.

    Raises:
        UsageError: the weight is not known for every transaction, or not what the rules need to know.
    """
    known = profile.weights
    if weight is not None and weight not in known:
        raise UsageError(f"{weight} is not known for every transaction; known: {', '.join(known)}")
    fees = conventions.fees(block, profile.accesses)
    if fee_keys:
        fees = Fees(fee_keys, "as given", isinstance(fees, Fees) and fees.all_settle)
    balances = conventions.transfer_balances(block, profile.accesses, profile.gas_used)
    access_rules = AccessRules(profile.accesses, fees, balances)
    outcomes: dict[Rules, RulesOutcome] = {}
    not_told: dict[Rules, str] = {}
    for each in Rules:
        accesses = access_rules.under(each)
        if isinstance(accesses, Unknown):
            not_told[each] = accesses.reason
        else:
            outcomes[each] = _outcome(accesses, known)
    if rules not in outcomes:
        raise UsageError(f"rules {rules}: {not_told[rules]}")
    chosen = next(iter(known)) if weight is None else weight
    defined = DefinedFigures(outcomes[rules].accesses, known[chosen], chosen)
    return Inspection(
        block,
        profile,
        conventions,
        fees,
        outcomes,
        not_told,
        rules,
        chosen,
        conflicts(outcomes[rules].accesses),
        hot_keys(outcomes[rules].accesses, known[chosen], top),
        list(defined.figures()),
        defined.busiest_key,
    )


def _speedups(bound: Bound) -> Sequence[float | None]:
    return [bound.unlimited, *(bound.cores.get(cores) for cores in CORES)]


def _outcome(accesses: Sequence[AccessSet], weights: Mapping[Weight, Sequence[float]]) -> RulesOutcome:
    graph = dependencies(accesses)
    return RulesOutcome(
        accesses,
        graph,
        int(critical_path(graph, [1] * graph.transactions)),
        {weight: Bound.of(graph, each) for weight, each in weights.items()},
    )
