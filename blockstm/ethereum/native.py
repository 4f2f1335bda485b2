"""The native EVM: revm in a shared library, as a native program, and what the library does beside it.

It is the package `blockstm-evm`, whose source is `evm/` in the checkout. Importing this module needs it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import blockstm_evm

from blockstm.errors import EthereumInputError
from blockstm.ethereum.keys import balance_key, nonce_key
from blockstm.programs.parameters import Parameter
from blockstm.programs.program import NativeProgram
from blockstm.programs.transaction import Transaction

__all__ = ["NAME", "check_codes", "evm", "recovered_senders", "transaction"]

NAME: Final = f"native (revm {blockstm_evm.REVM_VERSION})"
"""What it is called where a person reads which virtual machine ran."""

_ADDRESS_BYTES: Final = 20
_HASH_BYTES: Final = 32

evm: Final = NativeProgram(
    "blockstm.ethereum.native.evm",
    (
        Parameter("nonce_key", "key"),
        Parameter("balance_key", "key"),
        Parameter("is_believed", "u64"),
        Parameter("sender", "bytes"),
        Parameter("raw", "bytes"),
    ),
    f"{blockstm_evm.LIBRARY}:evm",
)
"""Executes a signed transaction, as `blockstm.ethereum.program.evm` does. The keys are those of its sender.

A transaction that is believed takes it for granted that its nonce is its sender's and that its sender has what it
may cost, which the core checks as the bounds of adds: so transactions of one sender do not depend on each other
(`evm/src/belief.rs`). Others read both keys."""


def transaction(raw: bytes, sender: bytes, *, is_believed: bool) -> Transaction:
    """Return the transaction of the native program that executes a signed one.

    Arguments:
        raw: the transaction as the block's body holds it (EIP-2718).
        sender: its sender, 20 bytes.
        is_believed: see `evm`. There is nothing to gain where the sender has no other transaction in the block.
    """
    return evm.txn(nonce_key(sender), balance_key(sender), int(is_believed), sender, raw)


@cache
def _library() -> Any:
    library = ctypes.CDLL(str(blockstm_evm.LIBRARY))
    strings: list[Any] = [ctypes.POINTER(ctypes.c_char_p), ctypes.POINTER(ctypes.c_size_t), ctypes.c_size_t]
    library.blockstm_evm_recover_senders.argtypes = [*strings, ctypes.c_char_p, ctypes.c_size_t]
    library.blockstm_evm_recover_senders.restype = None
    library.blockstm_evm_first_wrong_code.argtypes = [*strings, ctypes.c_size_t]
    library.blockstm_evm_first_wrong_code.restype = ctypes.c_size_t
    return library


def _strings(values: Sequence[bytes]) -> tuple[Any, Any, int]:
    count = len(values)
    return (ctypes.c_char_p * count)(*values), (ctypes.c_size_t * count)(*map(len, values)), count


def _threads() -> int:
    return len(os.sched_getaffinity(0))


def recovered_senders(raws: Sequence[bytes]) -> list[bytes | None]:
    """Return who has signed each of some transactions, on all usable cores; None where nobody can have.

    Arguments:
        raws: the transactions as a block's body holds them (EIP-2718).
    """
    senders = ctypes.create_string_buffer(_ADDRESS_BYTES * len(raws))
    _library().blockstm_evm_recover_senders(*_strings(raws), senders, _threads())
    found = senders.raw
    each = (
        found[start : start + _ADDRESS_BYTES]
        for start in range(0, len(raws) * _ADDRESS_BYTES, _ADDRESS_BYTES)
    )
    return [sender if any(sender) else None for sender in each]


def check_codes(state: Mapping[bytes, bytes]) -> None:
    """Check that each code of a state has the hash with which it is recorded, on all usable cores.

    The program does not look again: so it is to be asked before a block is executed.

    Raises:
        EthereumInputError: one has another hash.
    """
    codes = [value for key, value in state.items() if key[:1] == b"c"]
    wrong = _library().blockstm_evm_first_wrong_code(*_strings(codes), _threads())
    if wrong < len(codes):
        raise EthereumInputError(
            f"the state has a code with the hash 0x{codes[wrong][:_HASH_BYTES].hex()}, which is not its own; "
            "record the block again"
        )
