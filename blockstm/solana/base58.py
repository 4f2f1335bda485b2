"""Base58, in which Solana writes accounts and, on demand, transactions: the digits of one large number."""

from __future__ import annotations

from typing import Final

__all__ = ["decoded_base58", "encoded_base58"]

_DIGITS: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUES: Final = {digit: value for value, digit in enumerate(_DIGITS)}
_TEXT_MAX: Final = 2_048
"""A transaction takes 1,232 bytes at most, which are 1,683 digits. Decoding takes time in the square of these."""


def encoded_base58(data: bytes) -> str:
    """Return bytes in base58; each zero byte at the start is one digit."""
    number, digits = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return _DIGITS[0] * (len(data) - len(data.lstrip(b"\0"))) + digits


def decoded_base58(text: object) -> bytes:
    """Return the bytes that a text in base58 stands for.

    Raises:
        ValueError: it is not one, or longer than any transaction.
    """
    if not isinstance(text, str) or len(text) > _TEXT_MAX:
        raise ValueError(f"a text in base58 of at most {_TEXT_MAX} digits")
    number = 0
    for digit in text:
        if digit not in _VALUES:
            raise ValueError("a text in base58")
        number = number * len(_DIGITS) + _VALUES[digit]
    zeros = len(text) - len(text.lstrip(_DIGITS[0]))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
