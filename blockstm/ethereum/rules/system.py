"""What the protocol itself writes before a block's first transaction: EIP-4788, EIP-2935, and once EIP-779.

The first two have the client call a contract. What the contracts then do is fixed, so it is done here at once.
Those that are called after the last transaction are executed (`blockstm.ethereum.checking.closing`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from blockstm.ethereum.rules.environment import Environment
from blockstm.ethereum.rules.forks import FORKS
from blockstm.ethereum.rules.keys import (
    EXISTS,
    balance_key,
    code_key,
    decode_number,
    encode_number,
    existence_key,
    storage_key,
)

BEACON_ROOTS_ADDRESS: Final = bytes.fromhex("000f3df6d732807ef1319fb7b8bb8522d0beac02")
"""EIP-4788: the contract that keeps the roots of beacon blocks, from Cancun on."""
BEACON_ROOTS_LENGTH: Final = 8191
HISTORY_ADDRESS: Final = bytes.fromhex("0000f90827f1c53a10cb7a02335b175320002935")
"""EIP-2935: the contract that keeps the hashes of blocks, from Prague on."""
HISTORY_LENGTH: Final = 8191
REQUEST_CONTRACTS: Final = (
    (b"\x01", bytes.fromhex("00000961ef480eb55e80d19ad83579a64c007002")),  # withdrawals, EIP-7002
    (b"\x02", bytes.fromhex("0000bbddc7ce488642fb579f8b00f3a590007251")),  # EIP-7251
)
"""The kinds of requests that system contracts hand out after the last transaction, and the contracts."""
REQUEST_SLOTS: Final = 4
"""How many slots of such a contract count its requests; what is queued follows them."""
DAO_FORK_NUMBER: Final = 1_920_000
"""The block of the main network before whose transactions the DAO's ether was moved (EIP-779)."""
DAO_FORK_EXTRA_DATA: Final = b"dao-hard-fork"


def is_dao_fork(environment: Environment, extra_data: bytes) -> bool:
    """Tell whether a block is that of the main network before which the DAO's ether was moved.

    Arguments:
        environment: the block's.
        extra_data: of its header, which tells it from the block of that number on the chain that did not fork.
    """
    return (environment.chain_id, environment.number, extra_data) == (1, DAO_FORK_NUMBER, DAO_FORK_EXTRA_DATA)


def move_dao_ether(state: dict[bytes, bytes]) -> None:
    """Move the ether of the DAO and its children to the contract that gives it back (EIP-779).

    Arguments:
        state: values by key; changed in place. What accounts have that are not in it is not moved.
    """
    from eth.vm.forks.homestead.headers import dao_drain_list, dao_refund_contract  # takes a while

    moved = 0
    for text in dao_drain_list:
        address = bytes.fromhex(text[2:])
        moved += decode_number(state.pop(balance_key(address), None))
        state[existence_key(address)] = EXISTS  # whose balance is set comes to exist, in this fork
    refund = balance_key(dao_refund_contract)
    if moved:
        state[refund] = encode_number(decode_number(state.get(refund)) + moved)
    state[existence_key(dao_refund_contract)] = EXISTS


def before_transactions(
    environment: Environment, header: Mapping[str, str], state: dict[bytes, bytes]
) -> None:
    """Write into a state what the protocol writes before the first transaction of a block.

    A contract that has no code in the state is not called, as the EIPs say.

    Arguments:
        environment: the block's.
        header: its header's fields as 0x and hex digits: `parentBeaconBlockRoot` from Cancun on, and
            `parentHash`.
        state: values by key (see `blockstm.ethereum.rules.keys`); changed in place.
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


def slots_accessed(environment: Environment) -> dict[bytes, set[int]]:
    """Return the slots that the protocol accesses in each block, by contract; what requests are queued aside.

    Arguments:
        environment: the block's.
    """
    accessed: dict[bytes, set[int]] = {}
    fork = FORKS.index(environment.fork)
    if fork >= FORKS.index("cancun"):
        slot = environment.timestamp % BEACON_ROOTS_LENGTH
        accessed[BEACON_ROOTS_ADDRESS] = {slot, slot + BEACON_ROOTS_LENGTH}
    if fork >= FORKS.index("prague"):
        accessed[HISTORY_ADDRESS] = {(environment.number - 1) % HISTORY_LENGTH}
        accessed |= {contract: set(range(REQUEST_SLOTS)) for _, contract in REQUEST_CONTRACTS}
    return accessed


def _write(state: dict[bytes, bytes], address: bytes, slot: int, value: int) -> None:
    key = storage_key(address, slot)
    state.pop(key, None)
    if value:
        state[key] = encode_number(value)
