"""The networks that are known: whose forks came when, and which contract takes their deposits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from blockstm.errors import EthereumInputError
from blockstm.ethereum.rules.forks import FORKS

__all__ = ["MAINNET", "NETWORKS", "Network", "chain_name", "deposit_contract", "fork_at"]

MAINNET: Final = 1
"""The chain id of Ethereum's main network."""


@dataclass(frozen=True, slots=True)
class Network:
    """A network of Ethereum.

    Arguments:
        name: what people call it.
        blocks: the first blocks of the forks that came by block number, oldest first.
        times: the first timestamps, in seconds, of those that came by time.
        deposit_contract: the address whose logs are deposits (EIP-6110), 20 bytes.
    """

    name: str
    blocks: tuple[tuple[int, str], ...]
    times: tuple[tuple[int, str], ...]
    deposit_contract: bytes


_MAINNET_DEPOSITS: Final = bytes.fromhex("00000000219ab540356cbb839cbe05303d7705fa")

# Main network: ethereum.org, History of Ethereum, EIP-7568 and EIP-7607. Test networks: params/config.go of
# go-ethereum; the tests compare them with the fork identifiers (EIP-2124) that nodes of these networks announce.
# Go-ethereum tells Sepolia's first block of Paris by total difficulty; its number is from reth and Hardhat's EDR.
NETWORKS: Final[dict[int, Network]] = {
    MAINNET: Network(
        "mainnet",
        (
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
        ),
        (
            (1_681_338_455, "shanghai"),
            (1_710_338_135, "cancun"),
            (1_746_612_311, "prague"),
            (1_764_798_551, "osaka"),
            (1_765_290_071, "bpo1"),
            (1_767_747_671, "bpo2"),
        ),
        _MAINNET_DEPOSITS,
    ),
    11_155_111: Network(
        "sepolia",
        ((0, "london"), (1_450_409, "paris")),
        (
            (1_677_557_088, "shanghai"),
            (1_706_655_072, "cancun"),
            (1_741_159_776, "prague"),
            (1_760_427_360, "osaka"),
            (1_761_017_184, "bpo1"),
            (1_761_607_008, "bpo2"),
        ),
        bytes.fromhex("7f02c3e3c98b133055b8b348b2ac625669ed295d"),
    ),
    17_000: Network(
        "holesky",
        ((0, "paris"),),
        (
            (1_696_000_704, "shanghai"),
            (1_707_305_664, "cancun"),
            (1_740_434_112, "prague"),
            (1_759_308_480, "osaka"),
            (1_759_800_000, "bpo1"),
            (1_760_389_824, "bpo2"),
        ),
        bytes.fromhex("42" * 20),
    ),
    560_048: Network(
        "hoodi",
        ((0, "paris"),),
        (
            (0, "cancun"),
            (1_742_999_832, "prague"),
            (1_761_677_592, "osaka"),
            (1_762_365_720, "bpo1"),
            (1_762_955_544, "bpo2"),
        ),
        _MAINNET_DEPOSITS,
    ),
}
"""By chain id."""


def chain_name(chain_id: int) -> str:
    """Return what blocks of a network have in `Block.chain`: ``ethereum``, or ``eip155:`` and its id (CAIP-2)."""
    return "ethereum" if chain_id == MAINNET else f"eip155:{chain_id}"


def fork_at(chain_id: int, number: int, timestamp: int) -> str:
    """Return the fork whose rules hold at a block of a known network.

    Arguments:
        chain_id: the chain's (EIP-155).
        number: the block's number.
        timestamp: its timestamp, in seconds.

    Raises:
        EthereumInputError: the network is not known.
    """
    network = NETWORKS.get(chain_id)
    if network is None:
        known = ", ".join(f"{chain_id} ({network.name})" for chain_id, network in NETWORKS.items())
        raise EthereumInputError(
            f"the transactions are signed for chain {chain_id}, whose forks are not known here; known are {known}; "
            f"name the rules with --fork: {', '.join(FORKS)}"
        )
    name = [fork for first, fork in network.blocks if number >= first][-1]
    if name == "paris":
        for first, fork in network.times:
            if timestamp >= first:
                name = fork
    return name


def deposit_contract(chain_id: int) -> bytes:
    """Return the address whose logs are deposits (EIP-6110); the main network's for one that is not known."""
    network = NETWORKS.get(chain_id)
    return _MAINNET_DEPOSITS if network is None else network.deposit_contract
