"""What a store keeps of a block: its number, its root, how its transactions ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeAlias

import msgpack
import zstandard

from blockstm.errors import StoreError, shown, shown_path

__all__ = ["Outcome", "StoredBlock", "decode_object", "encode_object", "encode_outcomes", "no_such_block"]

Outcome: TypeAlias = "tuple[int, int, str | None, Sequence[bytes]]"
"""How a transaction ended: status (0 success, 1 reverted, 2 failed), gas used, error or None, events."""

OUTCOMES_BYTES_MAX: Final = 1 << 30
ZSTD_LEVEL: Final = 1
"""Nobody waits for a block's receipts to be small, but the next block waits for this one to be stored."""


@dataclass(frozen=True)
class StoredBlock:
    """What a store keeps of a block.

    Arguments:
        number: its number on its chain.
        root: the root of the state after it, 32 bytes; None without a tree.
        transactions: how many it has.
        digest: what tells its content from that of other blocks: BLAKE3 of its file; None for one without a file.
        packed_outcomes: how its transactions ended, as `encode_outcomes` returns it.
    """

    number: int
    root: bytes | None
    transactions: int
    digest: bytes | None
    packed_outcomes: bytes

    @cached_property
    def outcomes(self) -> list[Outcome]:
        """How its transactions ended, in the preset order. It raises a StoreError where that is damaged."""
        try:
            packed = zstandard.ZstdDecompressor().decompress(
                self.packed_outcomes, max_output_size=OUTCOMES_BYTES_MAX
            )
            return [tuple(outcome) for outcome in msgpack.unpackb(packed)]
        except (zstandard.ZstdError, msgpack.UnpackException, ValueError, TypeError) as error:
            raise StoreError(
                f"block {self.number}: what came of its transactions is damaged ({error}); make the store anew"
            ) from error

    def encode(self) -> bytes:
        """Return it as bytes."""
        return encode_object(
            {
                "number": self.number,
                "root": self.root,
                "transactions": self.transactions,
                "digest": self.digest,
                "outcomes": self.packed_outcomes,
            }
        )

    @classmethod
    def decode(cls, content: bytes, path: str) -> StoredBlock:
        """Return what was encoded.

        Arguments:
            content: what `encode` returned.
            path: the store, for messages.

        Raises:
            StoreError: it is something else.
        """
        told = decode_object(content, path)
        try:
            return cls(told["number"], told["root"], told["transactions"], told["digest"], told["outcomes"])
        except KeyError as error:
            raise StoreError(
                f"{shown_path(path)}: a block in it does not say its {error.args[0]}; make the store anew"
            ) from None


def encode_outcomes(outcomes: Sequence[Outcome]) -> bytes:
    """Return how transactions ended as bytes."""
    return zstandard.ZstdCompressor(ZSTD_LEVEL).compress(msgpack.packb(outcomes))


def encode_object(told: dict[str, Any]) -> bytes:
    """Return a map as bytes."""
    encoded: bytes = msgpack.packb(told)
    return encoded


def decode_object(content: bytes | None, path: str) -> dict[str, Any]:
    """Return the map that was encoded.

    Arguments:
        content: what `encode_object` returned; None where nothing was found.
        path: the store, for messages.

    Raises:
        StoreError: it is something else.
    """
    try:
        told = msgpack.unpackb(content or b"")
    except (ValueError, msgpack.UnpackException):
        told = None
    if not isinstance(told, dict):
        raise StoreError(f"{shown_path(path)}: is damaged or no store; make it anew")
    return told


def no_such_block(path: str, number: object) -> StoreError:
    """Return the error of a block that is not in a store."""
    return StoreError(
        f"{shown_path(path)}: has no block {shown(number)}; `blockstm state info` shows which it has"
    )
