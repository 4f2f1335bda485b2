"""The programs of the workloads. What each does stands in the file of its workload in ext/workloads/."""

from typing import Final

from blockstm.program import NativeProgram, Parameter

__all__ = [
    "add_liquidity",
    "cancel_order",
    "mint",
    "mint_commutative",
    "payment",
    "place_order",
    "remove_liquidity",
    "swap",
]


def _program(name: str, *parameters: tuple[str, str]) -> NativeProgram:
    """Return the program of that name in the compiled module."""
    return NativeProgram(
        f"blockstm.workloads.{name}",
        tuple(Parameter(parameter, kind) for parameter, kind in parameters),  # type: ignore[arg-type]
        f"blockstm._workloads:{name}",
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
)
"""An order: it trades with those that rest on the other side, and what is left of it rests."""

cancel_order: Final = _program(
    "cancel_order", ("market", "u64"), ("account", "u64"), ("order", "u64"), ("work", "u64")
)
"""Takes an order that rests out of the book."""
