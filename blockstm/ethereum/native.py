"""The native EVM: revm in a shared library, as a native program, and what the library does beside it.

It is the package `blockstm-evm`, whose source is `evm/` in the checkout. Importing this module needs it.
"""

from __future__ import annotations

import ctypes
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import blockstm_evm

from blockstm.errors import EthereumInputError
from blockstm.ethereum.rules.keys import ENVIRONMENT_KEY, balance_key, code_key, existence_key, nonce_key
from blockstm.programs.parameters import Parameter
from blockstm.programs.program import NativeProgram
from blockstm.programs.transaction import Transaction

__all__ = ["NAME", "check_codes", "evm", "recovered_senders", "transactions"]

NAME: Final = f"native (revm {blockstm_evm.REVM_VERSION})"
"""What it is called where a person reads which virtual machine ran."""

_ADDRESS_BYTES: Final = 20
_HASH_BYTES: Final = 32

_NAMED_KEYS: Final = (
    "sender_nonce",
    "sender_balance",
    "sender_existence",
    "sender_code",
    "recipient_existence",
    "recipient_balance",
    "recipient_code",
    "beneficiary_existence",
    "beneficiary_balance",
    "environment",
)
"""Keys that are known before a transaction is executed: looked up once, when the block is loaded."""

evm: Final = NativeProgram(
    "blockstm.ethereum.native.evm",
    (
        *(Parameter(name, "key") for name in _NAMED_KEYS),
        Parameter("is_believed", "u64"),
        Parameter("sender", "bytes"),
        Parameter("raw", "bytes"),
    ),
    f"{blockstm_evm.LIBRARY}:evm",
)
"""Executes a signed transaction, as `blockstm.ethereum.program.evm` does.

A transaction that is believed takes it for granted that its nonce is its sender's and that its sender has what it
may cost, which the core checks as the bounds of adds: so transactions of one sender do not depend on each other
(`evm/src/belief.rs`). Others read both keys."""


def transactions(signed: Sequence[tuple[bytes, bytes]], beneficiary: bytes) -> list[Transaction]:
    """Return the transactions of the native program that execute those of a block.

    Arguments:
        signed: each of them as the block's body holds it (EIP-2718), and its sender, 20 bytes.
        beneficiary: who gets the fees of the block, 20 bytes.
    """
    of_block = existence_key(beneficiary), balance_key(beneficiary), ENVIRONMENT_KEY
    counts = Counter(sender for _, sender in signed)
    made = []
    for (raw, sender), to in zip(signed, _recipients([raw for raw, _ in signed]), strict=True):
        of_sender = nonce_key(sender), balance_key(sender), existence_key(sender), code_key(sender)
        called = sender if to is None else to
        of_recipient = existence_key(called), balance_key(called), code_key(called)
        # There is nothing to gain from belief where the sender has no other transaction.
        made.append(evm.txn(*of_sender, *of_recipient, *of_block, int(counts[sender] > 1), sender, raw))
    return made


@cache
def _library() -> Any:
    library = ctypes.CDLL(str(blockstm_evm.LIBRARY))
    strings: list[Any] = [ctypes.POINTER(ctypes.c_char_p), ctypes.POINTER(ctypes.c_size_t), ctypes.c_size_t]
    library.blockstm_evm_recover_senders.argtypes = [*strings, ctypes.c_char_p, ctypes.c_size_t]
    library.blockstm_evm_recover_senders.restype = None
    library.blockstm_evm_recipients.argtypes = [*strings, ctypes.c_char_p, ctypes.c_size_t]
    library.blockstm_evm_recipients.restype = None
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


def _recipients(raws: Sequence[bytes]) -> list[bytes | None]:
    """Return whom each of some transactions calls; None where it creates a contract, or is no transaction."""
    size = 1 + _ADDRESS_BYTES
    told = ctypes.create_string_buffer(size * len(raws))
    _library().blockstm_evm_recipients(*_strings(raws), told, _threads())
    found = told.raw
    return [
        found[start + 1 : start + size] if found[start] else None
        for start in range(0, len(raws) * size, size)
    ]


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
