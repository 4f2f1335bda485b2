"""The forks of the known networks: compared with the fork identifiers that their nodes announce."""

from __future__ import annotations

from zlib import crc32

import pytest

from blockstm.errors import EthereumInputError
from blockstm.ethereum.rules.forks import FORKS
from blockstm.ethereum.rules.networks import MAINNET, NETWORKS, deposit_contract, fork_at

SEPOLIA, HOLESKY, HOODI = 11_155_111, 17_000, 560_048

# EIP-2124: CRC-32 of the genesis hash and of the blocks and times at which the rules changed. The identifiers are
# those that go-ethereum, Nimbus and Besu test for. Genesis hashes: go-ethereum.
GENESIS = {
    MAINNET: "d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3",
    SEPOLIA: "25a5cc106eea7138acab33231d7160d69cb777ee0c2c553fcddf5138993e6dd9",
    HOLESKY: "b5f7f912443c940f21fd611f12828d75b534364ed9e95ca4e307729a4661bde4",
    HOODI: "bbe312868b376a3001692a646dd2d7d1e4406380dfd86b98aa8a34d1557c971b",
}
IDENTIFIERS = {
    MAINNET: {"prague": 0xC376CF8B, "osaka": 0x5167E2A6, "bpo1": 0xCBA2A1C0, "bpo2": 0x07C9462E},
    SEPOLIA: {"prague": 0xED88B5FD, "osaka": 0xE2AE4999, "bpo1": 0x56078A1E, "bpo2": 0x268956B6},
    HOLESKY: {"prague": 0xDFBD9BED, "osaka": 0x783DEF52, "bpo1": 0xA280A45C, "bpo2": 0x9BC6CB31},
    HOODI: {"prague": 0x0929E24E, "osaka": 0xE7E0E7FF, "bpo1": 0x3893353E, "bpo2": 0x23AA1351},
}
"""By the last fork that nodes knew when they announced it. Those after Prague are in the tables of the execution
specifications, at the heads of the packages of these forks."""
# Not told by a block's rules: the DAO's fork; the block at which Sepolia's nodes left those that did not merge.
# Paris came by total difficulty, and is in no identifier.
ELSE: dict[int, set[int]] = {MAINNET: {1_920_000}, SEPOLIA: {1_735_371}, HOLESKY: set(), HOODI: set()}


@pytest.mark.parametrize("chain_id", GENESIS)
@pytest.mark.parametrize("last", ["prague", "osaka", "bpo1", "bpo2"])
def test_forks_give_the_identifier_that_nodes_announce(chain_id: int, last: str) -> None:
    network = NETWORKS[chain_id]
    blocks = {first for first, fork in network.blocks if fork != "paris"} | ELSE[chain_id]
    times = [first for first, fork in network.times if FORKS.index(fork) <= FORKS.index(last)]
    assert network.times[len(times) - 1][1] == last
    changes = [first for first in (*sorted(blocks), *times) if first]
    identifier = crc32(bytes.fromhex(GENESIS[chain_id]))
    for change in changes:
        identifier = crc32(change.to_bytes(8, "big"), identifier)
    assert f"{identifier:#010x}" == f"{IDENTIFIERS[chain_id][last]:#010x}"


@pytest.mark.parametrize(
    ("chain_id", "number", "timestamp", "fork"),
    [
        (SEPOLIA, 1_450_408, 1_657_107_000, "london"),
        (SEPOLIA, 1_450_409, 1_657_107_012, "paris"),
        (SEPOLIA, 2_990_908, 1_677_557_088, "shanghai"),
        (SEPOLIA, 8_000_000, 1_741_159_775, "cancun"),
        (SEPOLIA, 8_000_000, 1_760_427_359, "prague"),
        (SEPOLIA, 9_000_000, 1_760_427_360, "osaka"),
        (HOLESKY, 9_000_000, 1_759_800_000, "bpo1"),
        (HOLESKY, 0, 1_695_902_100, "paris"),
        (HOLESKY, 894_733, 1_707_305_664, "cancun"),
        (HOODI, 0, 1_742_212_800, "cancun"),
        (HOODI, 60_412, 1_742_999_832, "prague"),
        (MAINNET, 15_537_393, 1_663_224_162, "gray_glacier"),
        (MAINNET, 15_537_394, 1_663_224_179, "paris"),
        (MAINNET, 23_935_693, 1_764_798_550, "prague"),
        (MAINNET, 23_935_694, 1_764_798_551, "osaka"),
        (MAINNET, 23_975_000, 1_765_290_070, "osaka"),
        (MAINNET, 23_975_001, 1_765_290_071, "bpo1"),
        (MAINNET, 24_200_000, 1_767_747_671, "bpo2"),
        (MAINNET, 30_000_000, 1_900_000_000, "bpo2"),
    ],
)
def test_fork_at_a_block(chain_id: int, number: int, timestamp: int, fork: str) -> None:
    assert fork_at(chain_id, number, timestamp) == fork


def test_a_chain_that_is_not_known() -> None:
    with pytest.raises(EthereumInputError, match=r"chain 5, .*known are 1 \(mainnet\), .*--fork: frontier"):
        fork_at(5, 0, 0)


def test_each_network_has_its_deposit_contract() -> None:
    # eth-clients/sepolia, eth-clients/holesky, eth-clients/hoodi: DEPOSIT_CONTRACT_ADDRESS of the consensus layer.
    assert deposit_contract(SEPOLIA).hex() == "7f02c3e3c98b133055b8b348b2ac625669ed295d"
    assert deposit_contract(HOLESKY) == b"\x42" * 20
    assert deposit_contract(HOODI) == deposit_contract(MAINNET) == deposit_contract(99)
