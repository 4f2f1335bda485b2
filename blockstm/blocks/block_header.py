"""What a block says about itself: chain, number and free-form meta."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import msgpack

from blockstm.errors import LimitError, UsageError, shown, type_shown
from blockstm.limits import BLOCK_META_BYTES_MAX, CHAIN_NAME_BYTES_MAX, U64_MAX
from blockstm.programs.arguments import plain


@dataclass(frozen=True)
class BlockHeader:
    """What a block says about itself.

    Arguments:
        chain: the name of the chain it comes from.
        number: its number there.
        meta: free-form: None, bool, int (64-bit), float, str, bytes, lists, and dicts with str keys.

    Raises:
        UsageError: something is of the wrong type.
        LimitError: something is over its limit.
    """

    chain: str | None
    number: int | None
    meta: Mapping[str, object]

    def __post_init__(self) -> None:
        """Check everything, and copy the meta."""
        if self.chain is not None and not isinstance(self.chain, str):
            raise UsageError(f"chain is {shown(self.chain)}, {type_shown(self.chain)}; give a str")
        if len((self.chain or "").encode(errors="replace")) > CHAIN_NAME_BYTES_MAX:
            raise LimitError(
                f"chain {shown(self.chain)} is longer than {CHAIN_NAME_BYTES_MAX} bytes; shorten it"
            )
        if self.number is not None and type(self.number) is not int:
            raise UsageError(f"number is {shown(self.number)}, {type_shown(self.number)}; give an int")
        if not 0 <= (self.number or 0) <= U64_MAX:
            raise LimitError(f"number is {shown(self.number)}; it must be from 0 to 2**64 - 1")
        if not isinstance(self.meta, Mapping):
            raise UsageError(f"meta is {shown(self.meta)}, {type_shown(self.meta)}; give a dict")
        try:
            meta = plain(dict(self.meta), portable=True)
            packed = msgpack.packb([self.chain, meta])
        except ValueError as error:
            raise UsageError(f"chain or meta cannot be kept in a block: {error}") from error
        if len(packed) > BLOCK_META_BYTES_MAX:
            raise LimitError(
                f"meta takes {len(packed)} bytes; the limit is {BLOCK_META_BYTES_MAX}: keep less in it"
            )
        object.__setattr__(self, "meta", MappingProxyType(meta))
