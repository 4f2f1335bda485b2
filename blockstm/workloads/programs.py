"""The programs of the workloads. What each does stands in the file of its workload in native/workloads/."""

from typing import Final

from blockstm.programs.parameters import Parameter
from blockstm.programs.program import NativeProgram

__all__ = [
    "add_liquidity",
    "cancel_order",
    "mint",
    "mint_commutative",
    "option_claim",
    "option_expire",
    "option_quote",
    "option_strategy",
    "payment",
    "perpetual_deposit",
    "perpetual_fund",
    "perpetual_liquidate",
    "perpetual_set_price",
    "perpetual_trade",
    "perpetual_withdraw",
    "place_order",
    "remove_liquidity",
    "swap",
]


def _program(name: str, *parameters: tuple[str, str], scans: tuple[bytes, ...] = ()) -> NativeProgram:
    """Return the program of that name in the compiled module."""
    return NativeProgram(
        f"blockstm.workloads.{name}",
        tuple(Parameter(parameter, kind) for parameter, kind in parameters),  # type: ignore[arg-type]
        f"blockstm.native._workloads:{name}",
        scans=scans,
    )


payment: Final = _program(
    "payment",
    ("sender", "key"),
    ("receiver", "key"),
    ("sender_counts", "keys"),
    ("receiver_counts", "keys"),
    ("settings", "keys"),
    ("amount", "u64"),
    ("work", "u64"),
)
"""A payment with as many reads and writes as those of a chain."""

mint: Final = _program(
    "mint",
    ("collection", "key"),
    ("minted", "key"),
    ("revenue", "key"),
    ("balance", "key"),
    ("minter", "u64"),
    ("work", "u64"),
)
"""A mint that reads the number of tokens and writes one more."""

mint_commutative: Final = _program(
    "mint_commutative",
    ("collection", "key"),
    ("minted", "key"),
    ("revenue", "key"),
    ("balance", "key"),
    ("token", "key"),
    ("minter", "u64"),
    ("work", "u64"),
)
"""A mint that adds to the number of tokens without reading it."""

swap: Final = _program(
    "swap",
    ("pools", "keys"),
    ("paid_from", "key"),
    ("paid_to", "key"),
    ("directions", "u64"),
    ("amount_in", "u64"),
    ("minimum_out", "u64"),
    ("work", "u64"),
)
"""A swap through one or more pools, all or nothing."""

add_liquidity: Final = _program(
    "add_liquidity",
    ("pool", "key"),
    ("first", "key"),
    ("second", "key"),
    ("holding", "key"),
    ("first_most", "u64"),
    ("second_most", "u64"),
    ("work", "u64"),
)
"""Puts both tokens of a pool into it, for shares of it."""

remove_liquidity: Final = _program(
    "remove_liquidity",
    ("pool", "key"),
    ("first", "key"),
    ("second", "key"),
    ("holding", "key"),
    ("shares", "u64"),
    ("work", "u64"),
)
"""Takes both tokens out of a pool, for shares of it."""

place_order: Final = _program(
    "place_order",
    ("market", "u64"),
    ("account", "u64"),
    ("order", "u64"),
    ("side", "u64"),
    ("price", "u64"),
    ("quantity", "u64"),
    ("immediate", "u64"),
    ("work", "u64"),
    scans=(b"obkl",),
)
"""An order: it trades with those that rest on the other side, and what is left of it rests."""

cancel_order: Final = _program(
    "cancel_order", ("market", "u64"), ("account", "u64"), ("order", "u64"), ("work", "u64")
)
"""Takes an order that rests out of the book."""

perpetual_deposit: Final = _program(
    "perpetual_deposit", ("market", "u64"), ("account", "u64"), ("amount", "u64"), ("work", "u64")
)
"""Moves money from an account's wallet to its collateral in a market."""

perpetual_withdraw: Final = _program(
    "perpetual_withdraw", ("market", "u64"), ("account", "u64"), ("amount", "u64"), ("work", "u64")
)
"""Moves money back, as far as the margin allows."""

perpetual_trade: Final = _program(
    "perpetual_trade",
    ("market", "u64"),
    ("buyer", "u64"),
    ("seller", "u64"),
    ("size", "u64"),
    ("work", "u64"),
)
"""A buyer and a seller trade with each other at the mark price."""

perpetual_set_price: Final = _program(
    "perpetual_set_price", ("market", "u64"), ("price", "u64"), ("round", "u64"), ("work", "u64")
)
"""The oracle sets the mark price."""

perpetual_fund: Final = _program(
    "perpetual_fund", ("market", "u64"), ("rate", "u64"), ("negative", "u64"), ("work", "u64")
)
"""Longs pay shorts, or shorts longs, a part of the mark price."""

perpetual_liquidate: Final = _program(
    "perpetual_liquidate", ("market", "u64"), ("account", "u64"), ("keeper", "u64"), ("work", "u64")
)
"""A keeper takes over a position that is below its maintenance margin."""

option_strategy: Final = _program(
    "option_strategy",
    ("series", "keys"),
    ("account", "u64"),
    ("maker", "u64"),
    ("leg_1", "u64"),
    ("leg_2", "u64"),
    ("leg_3", "u64"),
    ("leg_4", "u64"),
    ("work", "u64"),
)
"""Up to four legs, all or none."""

option_quote: Final = _program(
    "option_quote", ("series", "key"), ("bid", "u64"), ("ask", "u64"), ("work", "u64")
)
"""Sets what options of a series are bought and sold for."""

option_expire: Final = _program("option_expire", ("series", "key"), ("price", "u64"), ("work", "u64"))
"""Sets the price at which a series expires."""

option_claim: Final = _program("option_claim", ("series", "key"), ("account", "u64"), ("work", "u64"))
"""Pays out a position in a series that has expired."""
