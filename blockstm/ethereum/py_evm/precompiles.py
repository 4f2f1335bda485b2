"""The precompiled contracts that cannot be left as py-evm has them.

All others are py-evm's, and agree with the execution specifications.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, TypeAlias

import ckzg
from Crypto.Hash import RIPEMD160
from eth.constants import GAS_RIPEMD160, GAS_RIPEMD160WORD
from eth.exceptions import VMError
from eth.precompiles.modexp import extract_lengths
from eth.precompiles.point_evaluation import TRUSTED_SETUP_PATH
from eth.vm.forks.cancun.constants import (
    BLS_MODULUS,
    FIELD_ELEMENTS_PER_BLOB,
    POINT_EVALUATION_PRECOMPILE_GAS,
    VERSIONED_HASH_VERSION_KZG,
)
from eth_typing import Address

__all__ = ["Precompile", "corrected"]

Precompile: TypeAlias = "Callable[[Any], Any]"
"""Takes the computation that calls it, charges its gas and sets its output."""

_WORD_BYTES: Final = 32
_MODEXP_HEADER_BYTES: Final = 96
_POINT_EVALUATION_BYTES: Final = 192


def _address(number: int) -> Address:
    return Address(number.to_bytes(20, "big"))


_RIPEMD160: Final = _address(3)
_MODEXP: Final = _address(5)
_POINT_EVALUATION: Final = _address(10)


def corrected(precompiles: Mapping[Address, Precompile]) -> dict[Address, Precompile]:
    """Return a fork's precompiled contracts, with those in place that cannot be left as they are.

    Arguments:
        precompiles: those of py-evm's fork, by address.
    """
    changed: dict[Address, Precompile] = {
        _RIPEMD160: _ripemd160,
        _MODEXP: _modexp(precompiles.get(_MODEXP)),
        _POINT_EVALUATION: _point_evaluation,
    }
    return {address: changed.get(address, precompile) for address, precompile in precompiles.items()}


def _ripemd160(computation: Any) -> None:
    """Hash the input. py-evm asks OpenSSL, which in versions 3.0.0 to 3.0.6 does not have this hash."""
    data = computation.msg.data_as_bytes
    words = -(-len(data) // _WORD_BYTES)
    computation.consume_gas(GAS_RIPEMD160 + words * GAS_RIPEMD160WORD, reason="RIPEMD160")
    computation.output = RIPEMD160.new(data).digest().rjust(_WORD_BYTES, b"\0")


def _modexp(original: Precompile | None) -> Precompile:
    """Return MODEXP (EIP-198) with the gas of a fork's own, in which an empty base is 0.

    py-evm answers 0 for an empty base, whatever the exponent; but 0 to the power of 0 is 1.
    """

    def modexp(computation: Any) -> None:
        assert original is not None, "a fork without MODEXP does not call it"
        original(computation)
        data = computation.msg.data_as_bytes
        base_length, exponent_length, modulus_length = extract_lengths(data)
        if base_length == 0 and modulus_length:
            operands = data[_MODEXP_HEADER_BYTES:]  # what is missing at the end counts as zeros
            exponent = operands[:exponent_length]
            modulus = operands[exponent_length : exponent_length + modulus_length].ljust(
                modulus_length, b"\0"
            )
            power = not any(exponent) and int.from_bytes(modulus, "big") > 1
            computation.output = int(power).to_bytes(modulus_length, "big")

    return modexp


def _point_evaluation(computation: Any) -> None:
    """Verify a proof for a blob's commitment (EIP-4844).

    py-evm's reads the trusted setup again in each call, which takes seconds, and checks by `assert`, so that with
    Python's -O it takes any proof.
    """
    computation.consume_gas(POINT_EVALUATION_PRECOMPILE_GAS, reason="point evaluation")
    data = computation.msg.data_as_bytes
    if len(data) != _POINT_EVALUATION_BYTES:
        raise VMError("the input of the point evaluation has another length than 192 bytes")
    versioned_hash, z, y, commitment, proof = data[:32], data[32:64], data[64:96], data[96:144], data[144:]
    if versioned_hash != VERSIONED_HASH_VERSION_KZG + sha256(commitment).digest()[1:]:
        raise VMError("the commitment is not that of the versioned hash")
    try:
        is_proved = ckzg.verify_kzg_proof(commitment, z, y, proof, _trusted_setup())
    except RuntimeError:  # one of them is not a number of the field, or not a point
        is_proved = False
    if not is_proved:
        raise VMError("the proof does not hold")
    computation.output = FIELD_ELEMENTS_PER_BLOB.to_bytes(32, "big") + BLS_MODULUS.to_bytes(32, "big")


@lru_cache
def _trusted_setup() -> Any:
    return ckzg.load_trusted_setup(TRUSTED_SETUP_PATH, 0)
