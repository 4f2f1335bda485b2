"""The forks of Ethereum, and the virtual machine of each.

Names are py-evm's, up to Prague, its last. Some forks change nothing about execution; they have names all the same.
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
    "FRONTIER",
    "HOMESTEAD",
    "ISTANBUL",
    "LONDON",
    "OSAKA",
    "PARIS",
    "PRAGUE",
    "SHANGHAI",
    "SPURIOUS_DRAGON",
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
    "osaka",
    "bpo1",
    "bpo2",
)
"""The forks that can be executed, oldest first."""

FRONTIER: Final = "frontier"
HOMESTEAD: Final = "homestead"
"""From here on creating a contract costs more, and signatures have one form only (EIP-2)."""
SPURIOUS_DRAGON: Final = "spurious_dragon"
"""From here on empty accounts do not exist (EIP-161)."""
BYZANTIUM: Final = "byzantium"
"""From here on a receipt holds a status instead of a state root (EIP-658)."""
ISTANBUL: Final = "istanbul"
"""From here on input costs less (EIP-2028)."""
LONDON: Final = "london"
"""From here on blocks have a base fee (EIP-1559)."""
PARIS: Final = "paris"
"""From here on blocks have no proof of work and no uncles (EIP-3675)."""
SHANGHAI: Final = "shanghai"
"""From here on blocks have withdrawals (EIP-4895)."""
CANCUN: Final = "cancun"
"""From here on transactions carry blobs (EIP-4844)."""
PRAGUE: Final = "prague"
"""From here on blocks have requests (EIP-7685)."""
OSAKA: Final = "osaka"
"""From here on a transaction's gas (EIP-7825) and a block's size (EIP-7934) are bounded.

The forks bpo1 and bpo2 change nothing but how many blobs a block may have, and what they cost (EIP-7892).
"""


def is_at_least(fork: str, other: str) -> bool:
    """Tell whether a fork is another one or came later."""
    return FORKS.index(fork) >= FORKS.index(other)


@cache
def vm_class(fork: str) -> type[FrontierVM]:
    """Return py-evm's virtual machine for a fork: Prague's for those after it, which py-evm does not have.

    What the later ones change is in `blockstm.ethereum.py_evm.osaka`; their transactions have Prague's forms.

    Raises:
        EthereumInputError: there is no such fork.
    """
    if fork not in FORKS:
        raise EthereumInputError(f"fork {shown(fork)} is unknown; choose one of {', '.join(FORKS)}")
    name = "".join(part.capitalize() for part in min(fork, PRAGUE, key=FORKS.index).split("_")) + "VM"
    found: type[FrontierVM] = getattr(importlib.import_module("eth.vm.forks"), name)
    return found
