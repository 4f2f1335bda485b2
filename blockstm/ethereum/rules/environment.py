"""What the transactions of a block see of it: the fork's rules and the fields of its header."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Final

import msgpack

from blockstm.errors import EthereumInputError, shown
from blockstm.ethereum.rules.forks import FORKS
from blockstm.ethereum.rules.keys import decode_number, encode_number
from blockstm.limits import U64_MAX

__all__ = ["Environment"]


@dataclass(frozen=True, slots=True)
class Environment:
    """The part of a block's header that transactions can see, and the fork.

    Arguments:
        fork: the name of the fork whose rules hold; see `FORKS`.
        chain_id: the chain's (EIP-155).
        number: the block's number.
        coinbase: the beneficiary's address, 20 bytes.
        timestamp: in seconds.
        difficulty: the block's; 0 from Paris on.
        mix_hash: 32 bytes; from Paris on the random value (EIP-4399).
        gas_limit: the block's.
        base_fee_per_gas: in wei, from London on.
        excess_blob_gas: from Cancun on.
    """

    fork: str
    chain_id: int
    number: int
    coinbase: bytes
    timestamp: int
    difficulty: int
    mix_hash: bytes
    gas_limit: int
    base_fee_per_gas: int | None
    excess_blob_gas: int | None

    def encoded(self) -> bytes:
        """Return the environment as the state holds it: a msgpack map, the difficulty as bytes."""
        fields = asdict(self)
        fields["difficulty"] = encode_number(self.difficulty)  # it may have more than 64 bits
        encoded: bytes = msgpack.packb(fields)
        return encoded

    @staticmethod
    def decoded(data: bytes) -> Environment:
        """Return the environment that `encoded` encoded.

        Raises:
            EthereumInputError: the bytes are not that.
        """
        try:
            fields = msgpack.unpackb(data)
        except ValueError as error:
            raise EthereumInputError(f"the block's environment is not msgpack; {_FIX}") from error
        if not isinstance(fields, dict) or fields.keys() != _IS_SOUND.keys():
            raise EthereumInputError(
                f"the block's environment is {shown(fields)}, not a map of {', '.join(_IS_SOUND)}; {_FIX}"
            )
        for name, is_sound in _IS_SOUND.items():
            if not is_sound(fields[name]):
                raise EthereumInputError(
                    f"the block's environment: {name} is {shown(fields[name])}, which it cannot be; {_FIX}"
                )
        fields["difficulty"] = decode_number(fields["difficulty"])
        return Environment(**fields)

    @staticmethod
    def of_header(fork: str, chain_id: int, header: Mapping[str, bytes]) -> Environment:
        """Return the environment of the block with this header.

        Arguments:
            fork: the name of the fork whose rules hold.
            chain_id: the chain's.
            header: its fields, as `read_header` returns them.
        """

        def number_of(name: str) -> int:
            return decode_number(header[name])

        def optional(name: str) -> int | None:
            return number_of(name) if name in header else None

        return Environment(
            fork=fork,
            chain_id=chain_id,
            number=number_of("number"),
            coinbase=header["miner"],
            timestamp=number_of("timestamp"),
            difficulty=number_of("difficulty"),
            mix_hash=header["mixHash"],
            gas_limit=number_of("gasLimit"),
            base_fee_per_gas=optional("baseFeePerGas"),
            excess_blob_gas=optional("excessBlobGas"),
        )


_FIX: Final = "record the block again"


def _is_number(value: object) -> bool:
    return type(value) is int and 0 <= value <= U64_MAX


def _is_number_or_none(value: object) -> bool:
    return value is None or _is_number(value)


def _is_bytes(length_min: int, length_max: int) -> Callable[[object], bool]:
    return lambda value: isinstance(value, bytes) and length_min <= len(value) <= length_max


_IS_SOUND: Final[dict[str, Callable[[object], bool]]] = {
    "fork": lambda value: value in FORKS,
    "chain_id": _is_number,
    "number": _is_number,
    "coinbase": _is_bytes(20, 20),
    "timestamp": _is_number,
    "difficulty": _is_bytes(0, 32),
    "mix_hash": _is_bytes(32, 32),
    "gas_limit": _is_number,
    "base_fee_per_gas": _is_number_or_none,
    "excess_blob_gas": _is_number_or_none,
}
"""What the encoded fields must be, by name, in their order."""
