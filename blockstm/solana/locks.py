"""The accounts that validators lock for a transaction: those that its message names, and some of them otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from blockstm.solana.base58 import decoded_base58
from blockstm.solana.messages import Message

__all__ = ["AccountLocks", "locks_of"]

_VOTE_PROGRAM: Final = decoded_base58("Vote111111111111111111111111111111111111111")
_UPGRADEABLE_LOADER: Final = decoded_base58("BPFLoaderUpgradeab1e11111111111111111111111")

_RESERVED: Final = frozenset(
    map(
        decoded_base58,
        (
            "11111111111111111111111111111111",
            "AddressLookupTab1e1111111111111111111111111",
            "BPFLoader1111111111111111111111111111111111",
            "BPFLoader2111111111111111111111111111111111",
            "BPFLoaderUpgradeab1e11111111111111111111111",
            "ComputeBudget111111111111111111111111111111",
            "Config1111111111111111111111111111111111111",
            "Ed25519SigVerify111111111111111111111111111",
            "Feature111111111111111111111111111111111111",
            "KeccakSecp256k11111111111111111111111111111",
            "LoaderV411111111111111111111111111111111111",
            "NativeLoader1111111111111111111111111111111",
            "Secp256r1SigVerify1111111111111111111111111",
            "Stake11111111111111111111111111111111111111",
            "StakeConfig11111111111111111111111111111111",
            "Sysvar1111111111111111111111111111111111111",
            "Sysvar1nstructions1111111111111111111111111",
            "SysvarC1ock11111111111111111111111111111111",
            "SysvarEpochRewards1111111111111111111111111",
            "SysvarEpochSchedu1e111111111111111111111111",
            "SysvarFees111111111111111111111111111111111",
            "SysvarLastRestartS1ot1111111111111111111111",
            "SysvarRecentB1ockHashes11111111111111111111",
            "SysvarRent111111111111111111111111111111111",
            "SysvarRewards111111111111111111111111111111",
            "SysvarS1otHashes111111111111111111111111111",
            "SysvarS1otHistory11111111111111111111111111",
            "SysvarStakeHistory1111111111111111111111111",
            "Vote111111111111111111111111111111111111111",
            "ZkE1Gama1Proof11111111111111111111111111111",
            "ZkTokenProof1111111111111111111111111111111",
        ),
    )
)
"""Programs that are part of the validator, and variables that it sets. No transaction gets to write to them
(SIMD-0105); the list is that of Agave's crate agave-reserved-account-keys, and was shorter before 2025."""


@dataclass(frozen=True, slots=True)
class AccountLocks:
    """What a transaction locks, each account once.

    Arguments:
        writable: accounts that it may write to.
        readonly: accounts that it may only read; none of those.
        demoted: how many accounts of `readonly` its message wants to write to.
        is_vote: whether it is a vote of a validator: its one instruction calls the vote program.
    """

    writable: tuple[bytes, ...]
    readonly: tuple[bytes, ...]
    demoted: int
    is_vote: bool


def locks_of(message: Message, *, as_requested: bool = False) -> AccountLocks:
    """Return what is locked for a transaction.

    Reserved accounts are only locked for reading, and so are programs that the transaction itself calls, unless the
    loader that may replace their code is among its accounts.

    Arguments:
        message: what its message says.
        as_requested: lock what the message wants, also where that is never granted.
    """
    fixed = frozenset[bytes]()
    if not as_requested:
        named = {*message.writable, *message.readonly}
        fixed = _RESERVED.union(() if _UPGRADEABLE_LOADER in named else message.programs)
    wanted = dict.fromkeys(message.writable)
    demoted = [key for key in wanted if key in fixed]
    readonly = dict.fromkeys(key for key in message.readonly if key not in wanted)
    return AccountLocks(
        tuple([key for key in wanted if key not in fixed]),
        (*readonly, *demoted),
        len(demoted),
        message.programs == (_VOTE_PROGRAM,),
    )
