"""Placeholder of the forks."""

from __future__ import annotations

from blockstm.errors import EthereumInputError

_BY_NUMBER = {
    "frontier": 0,
    "homestead": 1150000,
    "tangerine_whistle": 2463000,
    "spurious_dragon": 2675000,
    "byzantium": 4370000,
    "petersburg": 7280000,
    "istanbul": 9069000,
    "muir_glacier": 9200000,
    "berlin": 12244000,
    "london": 12965000,
    "arrow_glacier": 13773000,
    "gray_glacier": 15050000,
    "paris": 15537394,
    "shanghai": 17034870,
    "cancun": 19426587,
    "prague": 22431084,
}
FORKS = (
    "frontier",
    "homestead",
    "tangerine_whistle",
    "spurious_dragon",
    "byzantium",
    "constantinople",
    *list(_BY_NUMBER)[5:],
)


def fork_of_mainnet(number: int, timestamp: int) -> str:
    """Return the fork."""
    if timestamp >= 1764798551:
        raise EthereumInputError("the block is later than prague")
    return [name for name, start in _BY_NUMBER.items() if start <= number][-1]
