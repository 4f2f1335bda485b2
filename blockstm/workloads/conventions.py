"""What the keys of generated blocks are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from blockstm.analysis.conventions import Conventions
from blockstm.workloads import amm, counter, options, orderbook, perpetual, transfers
from blockstm.workloads.records import numbers_of

__all__ = ["ScenarioConventions"]

TAG_BYTES: Final = 4
NUMBER_BYTES: Final = 8

_NAMES: Final[Mapping[bytes, str]] = {
    transfers.BALANCE: "balance of account {}",
    transfers.COUNT: "counter of account {}, number {}",
    transfers.SETTING: "setting {}",
    counter.COLLECTION: "collection",
    counter.MINTED: "number minted",
    counter.REVENUE: "revenue of the mint",
    counter.TOKEN: "token {}",
    counter.BALANCE: "balance of minter {}",
    amm.POOL: "pool {}",
    amm.BALANCE: "balance of account {} in token {}",
    amm.HOLDING: "share of account {} in pool {}",
    orderbook.MARKET: "market {}",
    orderbook.LEVEL: "{1} of market {0}: level {2}",
    orderbook.ORDER: "market {}, order {}",
    orderbook.BASE: "market {}, base of account {}",
    orderbook.QUOTE: "market {}, quote of account {}",
    orderbook.FEES: "fees of market {}",
    perpetual.MARKET: "perpetual {}",
    perpetual.MARK: "mark price of perpetual {}",
    perpetual.FUNDING: "funding of perpetual {}",
    perpetual.POSITION: "perpetual {}, position of account {}",
    perpetual.WALLET: "wallet of account {}",
    perpetual.INSURANCE: "insurance fund of perpetual {}",
    perpetual.BAD_DEBT: "bad debt of perpetual {}",
    perpetual.DUST: "dust of perpetual {}",
    options.SERIES: "option series {}",
    options.POSITION: "position of account {} in option series {}",
    options.CASH: "cash of account {}",
    options.LOCKED: "locked for option series {}",
    options.FEES: "fees of options",
    options.FEE: "fee of a leg",
}
"""By tag, with a place for each number of the key."""
_SIDES: Final = ("bids", "asks")


class ScenarioConventions(Conventions):
    """Those of the keys in docs/reference/workloads.md."""

    def key_name(self, key: bytes) -> str:
        """Return what a person calls a key; its text or hex digits if it is none of a workload."""
        tag = key[:TAG_BYTES]
        if tag not in _NAMES or (len(key) - TAG_BYTES) % NUMBER_BYTES:
            return super().key_name(key)
        numbers: list[int | str] = list(numbers_of(key))
        if _NAMES[tag].count("{") != len(numbers):
            return super().key_name(key)
        if tag == orderbook.LEVEL and numbers[1] in (orderbook.BIDS, orderbook.ASKS):
            numbers[1:] = _SIDES[int(numbers[1])], orderbook.rank_of(int(numbers[1]), int(numbers[2]))
        return _NAMES[tag].format(*numbers)
