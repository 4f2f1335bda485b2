"""Whose rules hold at a block of a BlockchainTest: the networks by the names that the tests give them."""

from __future__ import annotations

import re

FORKS = {
    "Frontier": "frontier",
    "Homestead": "homestead",
    "Dao": "homestead",
    "EIP150": "tangerine_whistle",
    "EIP158": "spurious_dragon",
    "Byzantium": "byzantium",
    "Constantinople": "constantinople",
    "ConstantinopleFix": "petersburg",
    "Istanbul": "istanbul",
    "Berlin": "berlin",
    "London": "london",
    "ArrowGlacier": "arrow_glacier",
    "GrayGlacier": "gray_glacier",
    "Merge": "paris",
    "Paris": "paris",
    "Shanghai": "shanghai",
    "Cancun": "cancun",
    "Prague": "prague",
    "Osaka": "osaka",
    "BPO1": "bpo1",
    "BPO2": "bpo2",
}
"""The product's names of forks."""

TRANSITION = re.compile(r"(\w+?)To(\w+)At(Diff|Time)?(\w+)")


def is_known(network: str) -> bool:
    """Whether the product has the forks of a network."""
    parts = TRANSITION.fullmatch(network)
    return network in FORKS or (parts is not None and {parts[1], parts[2]} <= FORKS.keys())


def fork_at(network: str, number: int, timestamp: int, difficulty: int) -> str:
    """The fork whose rules hold at a block of a known network."""
    if (parts := TRANSITION.fullmatch(network)) is None:
        return FORKS[network]
    before, after, kind, text = parts.groups()
    if kind == "Diff":
        reached = difficulty == 0
    else:
        bound = int(text.removesuffix("k")) * (1000 if text.endswith("k") else 1)
        reached = (timestamp if kind == "Time" else number) >= bound
    return FORKS[after if reached else before]


def is_dao_fork(network: str, number: int) -> bool:
    """Whether the DAO's ether is moved before a block's first transaction."""
    parts = TRANSITION.fullmatch(network)
    return parts is not None and parts[2] == "Dao" and number == int(parts[4])
