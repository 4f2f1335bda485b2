"""A context over a plain dict, for what happens to a block's state before and after its transactions."""

from __future__ import annotations

from blockstm.ethereum.rules.keys import decode_number, encode_number

__all__ = ["MappingContext"]


class MappingContext:
    """The verbs that accounts need, on a dict, which they change.

    Arguments:
        state: keys and values.
    """

    def __init__(self, state: dict[bytes, bytes]) -> None:
        """Wrap the state."""
        self._state = state

    def read(self, key: bytes, /) -> bytes | None:
        """Return the value of a key, None where it is absent."""
        return self._state.get(key)

    def write(self, key: bytes, value: bytes, /) -> None:
        """Write a value."""
        self._state[key] = value

    def delete(self, key: bytes, /) -> None:
        """Delete a key."""
        self._state.pop(key, None)

    def poll(self) -> None:
        """Go on: nothing is speculative here."""

    def add(self, key: bytes, delta: int, /) -> None:
        """Add to the number at a key."""
        self.write(key, encode_number(decode_number(self.read(key)) + delta))
