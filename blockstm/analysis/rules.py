"""Rules of access: what counts as a dependency where an engine knows that credits commute, or does not.

Each set of rules turns the accesses of the transactions into those that an engine of that kind would see. Later
sets have fewer dependencies: what must wait under one of them waits under all before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from blockstm.analysis.accesses import AccessSet
from blockstm.analysis.conventions import Fees, Unknown

__all__ = ["AccessRules", "Rules"]


class Rules(StrEnum):
    """Sets of rules, each with less to wait for than the one before."""

    FEES_AS_DEPENDENCIES = "fees-as-dependencies"
    """Nothing commutes: every credit, of a fee or anything else, reads the number and writes it."""
    FEES_COMMUTATIVE = "fees-commutative"
    """Fees are adds; every other credit reads the number and writes it."""
    CREDITS_COMMUTATIVE = "credits-commutative"
    """Whatever was added without reading is an add: the accesses as they are."""
    LAZY_TRANSFERS = "lazy-transfers"
    """Also, plain transfers do not read the balances that they move value between, not even the sender's."""


@dataclass(frozen=True)
class AccessRules:
    """The accesses of a block's transactions under each set of rules that can be told.

    Arguments:
        accesses: as they are.
        fees: where fees go.
        transfer_balances: by transaction, the balances that it, as a plain transfer, moves value between.
    """

    accesses: Sequence[AccessSet]
    fees: Fees | Unknown
    transfer_balances: Sequence[frozenset[bytes]] | Unknown

    def under(self, rules: Rules) -> Sequence[AccessSet] | Unknown:
        """Return the accesses under a set of rules."""
        match rules:
            case Rules.FEES_AS_DEPENDENCIES:
                return self._with_fees_known()
            case Rules.FEES_COMMUTATIVE:
                return self._with_credits_known()
            case Rules.CREDITS_COMMUTATIVE:
                return self.accesses
            case Rules.LAZY_TRANSFERS:
                return self._with_lazy_transfers()

    def _with_fees_known(self) -> Sequence[AccessSet] | Unknown:
        if isinstance(self.fees, Unknown):
            return self.fees
        settled = self.fees.keys if self.fees.all_settle else frozenset()
        return [access.with_known(access.adds | settled) for access in self.accesses]

    def _with_credits_known(self) -> Sequence[AccessSet] | Unknown:
        if isinstance(self.fees, Unknown):
            return self.fees
        keys = self.fees.keys
        return [access.with_known(access.adds - keys) for access in self.accesses]

    def _with_lazy_transfers(self) -> Sequence[AccessSet] | Unknown:
        if isinstance(self.transfer_balances, Unknown):
            return self.transfer_balances
        return [
            access.with_added(balances & access.reads)
            for access, balances in zip(self.accesses, self.transfer_balances, strict=True)
        ]
