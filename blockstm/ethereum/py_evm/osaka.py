"""What Osaka changes in the virtual machine, over py-evm's Prague: py-evm ends there.

The forks bpo1 and bpo2 have the same machine; what their blobs cost is in `blockstm.ethereum.rules.blobs`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from Crypto.PublicKey.ECC import EccPoint
from eth.abc import OpcodeAPI
from eth.constants import GAS_LOW
from eth.exceptions import VMError
from eth.precompiles.modexp import extract_lengths, modexp
from eth.vm.opcode import as_opcode
from eth_typing import Address

__all__ = ["osaka_opcodes", "osaka_precompiles"]

_CLZ: Final = 0x1E
_WORD_BITS: Final = 256
_MODEXP: Final = Address((5).to_bytes(20, "big"))
_MODEXP_BYTES_MAX: Final = 1024
_MODEXP_GAS_MIN: Final = 500
_P256VERIFY: Final = Address((0x100).to_bytes(20, "big"))
_P256VERIFY_GAS: Final = 6900
_P256VERIFY_BYTES: Final = 160
_WORD_BYTES: Final = 32

# The curve P-256 (FIPS 186-4, D.1.2.3): its field, the order of its points, and their generator.
_FIELD: Final = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_GENERATOR: Final = EccPoint(
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    curve="p256",
)


def osaka_opcodes(opcodes: Mapping[int, OpcodeAPI]) -> dict[int, OpcodeAPI]:
    """Return the opcodes of Osaka, given those of Prague by their number."""
    return {**opcodes, _CLZ: as_opcode(_count_leading_zeros, "CLZ", GAS_LOW)}


def osaka_precompiles(
    precompiles: Mapping[Address, Callable[[Any], Any]],
) -> dict[Address, Callable[[Any], Any]]:
    """Return the precompiled contracts of Osaka, given those of Prague by their address."""
    return {**precompiles, _MODEXP: modexp(gas_calculator=_modexp_gas), _P256VERIFY: _verify_p256}


def _count_leading_zeros(computation: Any) -> None:
    """Replace a word by the number of its leading zero bits (EIP-7939)."""
    computation.stack_push_int(_WORD_BITS - computation.stack_pop1_int().bit_length())


def _modexp_gas(data: bytes) -> int:
    """Return what MODEXP costs (EIP-7883).

    Raises:
        VMError: an operand has more than 1024 bytes (EIP-7823).
    """
    base_length, exponent_length, modulus_length = extract_lengths(data)
    if max(base_length, exponent_length, modulus_length) > _MODEXP_BYTES_MAX:
        raise VMError(f"an operand of MODEXP has more than {_MODEXP_BYTES_MAX} bytes")
    longest = max(base_length, modulus_length)
    complexity = 16 if longest <= _WORD_BYTES else 2 * ((longest + 7) // 8) ** 2
    begin, head_length = 3 * _WORD_BYTES + base_length, min(exponent_length, _WORD_BYTES)
    # What is missing at the end of the input counts as zeros.
    head = int.from_bytes(data[begin : begin + head_length].ljust(head_length, b"\0"), "big")
    iterations = 16 * (exponent_length - head_length) + max(0, head.bit_length() - 1)
    return max(_MODEXP_GAS_MIN, complexity * max(1, iterations))


def _verify_p256(computation: Any) -> None:
    """Verify a signature on the curve P-256 (EIP-7951): the output is 1, or empty if it is not right."""
    computation.consume_gas(_P256VERIFY_GAS, reason="P256VERIFY")
    data = computation.msg.data_as_bytes
    words = [
        int.from_bytes(data[start : start + _WORD_BYTES], "big") for start in range(0, len(data), _WORD_BYTES)
    ]
    is_right = len(data) == _P256VERIFY_BYTES and _is_signature(*words)
    computation.output = (1).to_bytes(_WORD_BYTES, "big") if is_right else b""


def _is_signature(digest: int, r: int, s: int, x: int, y: int) -> bool:
    """Tell whether r and s are the signature of a digest by the key that is the point x, y (FIPS 186-4, 6.4)."""
    if not (0 < r < _ORDER and 0 < s < _ORDER) or max(x, y) >= _FIELD or x == y == 0:
        return False
    try:
        key = EccPoint(x, y, curve="p256")
    except ValueError:  # not on the curve
        return False
    inverse = pow(s, -1, _ORDER)
    found = _GENERATOR * (digest * inverse % _ORDER) + key * (r * inverse % _ORDER)
    return not found.is_point_at_infinity() and int(found.x) % _ORDER == r
