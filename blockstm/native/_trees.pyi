from collections.abc import Iterable

LANES_MAX: int
"""The most inputs that this CPU hashes at a time."""

def keccak_256(data: bytes) -> bytes: ...
def keccak_256_many(inputs: Iterable[bytes], lanes: int = 0) -> list[bytes]: ...
