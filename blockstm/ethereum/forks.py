"""The forks of Ethereum: which one holds at a block of the main network, and the virtual machine of each.

Names are py-evm's. Some forks change nothing about execution; they have names all the same.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING, Final

from blockstm.errors import EthereumInputError, shown

if TYPE_CHECKING:
    from eth.vm.forks.frontier import FrontierVM

__all__ = [
    "BYZANTIUM",
    "CANCUN",
    "FORKS",
    "LONDON",
    "PRAGUE",
    "SHANGHAI",
    "SPURIOUS_DRAGON",
    "fork_of_mainnet",
    "is_at_least",
    "vm_class",
]

FORKS: Final = (
    "frontier",
    "homestead",
    "tangerine_whistle",
    "spurious_dragon",
    "byzantium",
    "constantinople",
    "petersburg",
    "istanbul",
    "muir_glacier",
    "berlin",
    "london",
    "arrow_glacier",
    "gray_glacier",
    "paris",
    "shanghai",
    "cancun",
    "prague",
)
"""The forks that can be executed, oldest first."""

SPURIOUS_DRAGON: Final = "spurious_dragon"
"""From here on empty accounts do not exist (EIP-161)."""
BYZANTIUM: Final = "byzantium"
"""From here on a receipt holds a status instead of a state root (EIP-658)."""
LONDON: Final = "london"
"""From here on blocks have a base fee (EIP-1559)."""
SHANGHAI: Final = "shanghai"
"""From here on blocks have withdrawals (EIP-4895)."""
CANCUN: Final = "cancun"
"""From here on transactions carry blobs (EIP-4844)."""
PRAGUE: Final = "prague"
"""From here on blocks have requests (EIP-7685)."""

_MAINNET_BLOCKS: Final = (
    (0, "frontier"),
    (1_150_000, "homestead"),
    (2_463_000, "tangerine_whistle"),
    (2_675_000, "spurious_dragon"),
    (4_370_000, "byzantium"),
    # The main network skipped Constantinople: Petersburg took it back in the same block.
    (7_280_000, "petersburg"),
    (9_069_000, "istanbul"),
    (9_200_000, "muir_glacier"),
    (12_244_000, "berlin"),
    (12_965_000, "london"),
    (13_773_000, "arrow_glacier"),
    (15_050_000, "gray_glacier"),
    (15_537_394, "paris"),
)
"""First blocks of the forks that came by block number (ethereum.org, History of Ethereum)."""

_MAINNET_TIMES: Final = (
    (1_681_338_455, "shanghai"),
    (1_710_338_135, "cancun"),
    (1_746_612_311, "prague"),
    (1_764_798_551, None),  # Osaka, which py-evm does not have
)
"""First timestamps of the forks that came by time, in seconds (EIP-7568)."""


def fork_of_mainnet(number: int, timestamp: int) -> str:
    """Return the fork whose rules hold at a block of the main network.

    Arguments:
        number: the block's number.
        timestamp: its timestamp, in seconds.

    Raises:
        EthereumInputError: the fork is a later one than can be executed.
    """
    name: str | None = [fork for first, fork in _MAINNET_BLOCKS if number >= first][-1]
    if name == "paris":
        for first, fork in _MAINNET_TIMES:
            if timestamp >= first:
                name = fork
    if name is None:
        raise EthereumInputError(
            f"block {number}: its fork is later than {FORKS[-1]}, the last that can be executed; "
            "choose an earlier block, or name a fork with --fork"
        )
    return name


def is_at_least(fork: str, other: str) -> bool:
    """Tell whether a fork is another one or came later."""
    return FORKS.index(fork) >= FORKS.index(other)


@cache
def vm_class(fork: str) -> type[FrontierVM]:
    """Return py-evm's virtual machine for a fork.

    Raises:
        EthereumInputError: there is no such fork.
    """
    if fork not in FORKS:
        raise EthereumInputError(f"fork {shown(fork)} is unknown; choose one of {', '.join(FORKS)}")
    name = "".join(part.capitalize() for part in fork.split("_")) + "VM"
    found: type[FrontierVM] = getattr(importlib.import_module("eth.vm.forks"), name)
    return found
