"""What the `evm` program puts into a transaction's receipt, beside the gas: status, contract address, logs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import msgpack

__all__ = ["Log", "Outcome"]

_EVENT_BYTES_MAX: Final = 1 << 16

Log = tuple[bytes, tuple[bytes, ...], bytes]
"""Address (20 bytes), topics (32 bytes each), data."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a transaction in the virtual machine.

    Arguments:
        succeeded: whether its call or creation did; if not, only the fee and the nonce are left of it.
        contract_address: of the contract that it created; None for a call.
        error: the name of the failure; None for a success.
        logs: in order.
    """

    succeeded: bool
    contract_address: bytes | None
    error: str | None
    logs: tuple[Log, ...]

    def events(self) -> Iterator[bytes]:
        """Yield the events that hold the outcome: a msgpack array, cut to the size that events may have."""
        packed = msgpack.packb([self.succeeded, self.contract_address, self.error, self.logs])
        for start in range(0, len(packed), _EVENT_BYTES_MAX):
            yield packed[start : start + _EVENT_BYTES_MAX]

    def as_json(self) -> dict[str, object]:
        """Give the outcome in the way of a node's receipt, with the error that a node does not tell."""
        created = self.contract_address
        return {
            "status": int(self.succeeded),
            "error": self.error,
            "contractAddress": None if created is None else f"0x{created.hex()}",
            "logs": [
                {
                    "address": f"0x{address.hex()}",
                    "topics": [f"0x{topic.hex()}" for topic in topics],
                    "data": f"0x{data.hex()}",
                }
                for address, topics, data in self.logs
            ],
        }

    @staticmethod
    def of_events(events: Iterable[bytes]) -> Outcome:
        """Return the outcome that a receipt's events hold."""
        succeeded, contract_address, error, logs = msgpack.unpackb(b"".join(events), use_list=False)
        return Outcome(succeeded, contract_address, error, logs)
