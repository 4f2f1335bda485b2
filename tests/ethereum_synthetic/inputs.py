"""Input for the precompiled contracts that Osaka has changed or brought."""

from __future__ import annotations

import random
from hashlib import sha256

MODEXP = (5).to_bytes(20, "big")
P256VERIFY = (0x100).to_bytes(20, "big")

# RFC 6979, A.2.5: a key on the curve P-256, and its signature of "sample" with SHA-256.
P256_KEY = (
    0x60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6,
    0x7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299,
)
P256_SIGNATURE = (
    0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716,
    0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8,
)
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def words(*numbers: int) -> bytes:
    """Numbers as words of 32 bytes."""
    return b"".join(number.to_bytes(32, "big") for number in numbers)


def signature_input(message: bytes = b"sample", s: int = P256_SIGNATURE[1]) -> bytes:
    """Input of P256VERIFY (EIP-7951); right as it is."""
    return sha256(message).digest() + words(P256_SIGNATURE[0], s, *P256_KEY)


def power_input(base: bytes, exponent: bytes, modulus: bytes) -> bytes:
    """Input of MODEXP (EIP-198)."""
    operands = (base, exponent, modulus)
    return words(*map(len, operands)) + b"".join(operands)


def random_input(rng: random.Random) -> tuple[bytes, bytes]:
    """One of the two contracts, and input for it, most of which is sensible."""
    if rng.random() < 0.4:
        data = signature_input(rng.choice((b"sample", b"sample", b"test")))
        data = rng.choice((data, data, signature_input(s=P256_ORDER - P256_SIGNATURE[1])))
        return P256VERIFY, data[: rng.choice((160, 160, 160, 159, 0))]
    lengths = [rng.choice((0, 1, 2, 31, 32, 33, 64)) for _ in range(3)]
    data = power_input(*(rng.choice((bytes(size), rng.randbytes(size))) for size in lengths))
    if rng.random() < 0.3:  # up to the bound of EIP-7823, and beyond; what is missing is zeros
        lengths[rng.randrange(3)] = rng.choice((256, 1024, 1025))
        data = words(*lengths) + data[96:]
    return MODEXP, data
