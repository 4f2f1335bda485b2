"""What the protocol itself writes before a block's first transaction: EIP-4788 and EIP-2935.

Both EIPs have the client call a contract. What the contracts then do is fixed, so it is done here at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from blockstm.ethereum.environment import Environment
from blockstm.ethereum.forks import FORKS
from blockstm.ethereum.keys import code_key, encode_number, storage_key

BEACON_ROOTS_ADDRESS: Final = bytes.fromhex("000f3df6d732807ef1319fb7b8bb8522d0beac02")
"""EIP-4788: the contract that keeps the roots of beacon blocks, from Cancun on."""
BEACON_ROOTS_LENGTH: Final = 8191
HISTORY_ADDRESS: Final = bytes.fromhex("0000f90827f1c53a10cb7a02335b175320002935")
"""EIP-2935: the contract that keeps the hashes of blocks, from Prague on."""
HISTORY_LENGTH: Final = 8191


def before_transactions(
    environment: Environment, header: Mapping[str, str], state: dict[bytes, bytes]
) -> None:
    """Write into a state what the protocol writes before the first transaction of a block.

    A contract that has no code in the state is not called, as the EIPs say.

    Arguments:
        environment: the block's.
        header: its header's fields as 0x and hex digits: `parentBeaconBlockRoot` from Cancun on, and
            `parentHash`.
        state: values by key (see `blockstm.ethereum.keys`); changed in place.
    """
    fork = FORKS.index(environment.fork)
    if fork >= FORKS.index("cancun") and code_key(BEACON_ROOTS_ADDRESS) in state:
        slot = environment.timestamp % BEACON_ROOTS_LENGTH
        root = int(header["parentBeaconBlockRoot"], 16)
        _write(state, BEACON_ROOTS_ADDRESS, slot, environment.timestamp)
        _write(state, BEACON_ROOTS_ADDRESS, slot + BEACON_ROOTS_LENGTH, root)
    if fork >= FORKS.index("prague") and environment.number and code_key(HISTORY_ADDRESS) in state:
        slot = (environment.number - 1) % HISTORY_LENGTH
        _write(state, HISTORY_ADDRESS, slot, int(header["parentHash"], 16))


def _write(state: dict[bytes, bytes], address: bytes, slot: int, value: int) -> None:
    key = storage_key(address, slot)
    state.pop(key, None)
    if value:
        state[key] = encode_number(value)
