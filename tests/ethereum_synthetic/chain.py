"""Where on the chain made-up blocks are, who sends their transactions, and at what addresses contracts are."""

from __future__ import annotations

from eth_keys.datatypes import PrivateKey
from ethereum.crypto.hash import keccak256
from ethereum_rlp import rlp
from ethereum_types.bytes import Bytes
from ethereum_types.numeric import Uint

from tests.support.ethereum.oracle import FORKS

NUMBER_AND_TIME = {
    "frontier": (1_000_000, 1_455_000_000),
    "homestead": (1_500_000, 1_463_000_000),
    "dao_fork": (2_000_000, 1_470_000_000),
    "tangerine_whistle": (2_500_000, 1_477_000_000),
    "spurious_dragon": (3_000_000, 1_484_000_000),
    "byzantium": (5_000_000, 1_517_000_000),
    "constantinople": (8_000_000, 1_561_000_000),
    "istanbul": (9_100_000, 1_576_000_000),
    "muir_glacier": (10_000_000, 1_588_000_000),
    "berlin": (12_500_000, 1_622_000_000),
    "london": (13_000_000, 1_628_000_000),
    "arrow_glacier": (14_000_000, 1_642_000_000),
    "gray_glacier": (15_100_000, 1_657_000_000),
    "paris": (16_000_000, 1_670_000_000),
    "shanghai": (17_100_000, 1_683_000_000),
    "cancun": (20_000_000, 1_720_000_000),
    "prague": (22_500_000, 1_750_000_000),
    "osaka": (23_950_000, 1_765_000_000),
    "bpo1": (24_100_000, 1_766_000_000),
    "bpo2": (24_300_000, 1_770_000_000),
}
"""Where on the main chain a fork's blocks are placed."""

ETHER = 10**18
GWEI = 10**9

SENDERS = [PrivateKey(keccak256(b"sender %d" % number)) for number in range(5)]
COINBASE = keccak256(b"coinbase")[:20]
NOBODIES = [keccak256(b"nobody %d" % number)[:20] for number in range(3)]
"""Addresses without an account."""


def is_since(fork: str, first: str) -> bool:
    """Whether a fork is `first` or a later one."""
    return FORKS.index(fork) >= FORKS.index(first)


def hex_of(data: bytes) -> str:
    return f"0x{data.hex()}"


def address_of(key: PrivateKey) -> bytes:
    return bytes(key.public_key.to_canonical_address())


def created_address(creator: bytes, nonce: int) -> bytes:
    """Where CREATE puts a contract."""
    return bytes(keccak256(rlp.encode((Bytes(creator), Uint(nonce))))[12:])


def create2_address(creator: bytes, salt: int, init_code: bytes) -> bytes:
    """Where CREATE2 puts a contract."""
    return bytes(keccak256(b"\xff" + creator + salt.to_bytes(32, "big") + bytes(keccak256(init_code)))[12:])


def named(name: str) -> bytes:
    """An address of its own for what a name says."""
    return bytes(keccak256(name.encode())[:20])
