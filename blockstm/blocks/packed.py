"""The packed form of a block: keys once in a table, transactions as plain rows that name keys by index.

It is what a .block file holds and what the core reads fastest. docs/reference/block-file.md specifies the rows.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol

from blockstm.blocks.access_list import BlockAccessList
from blockstm.blocks.sections import NO_SECTIONS, PackedSections, pack_sections, with_sections
from blockstm.errors import LimitError
from blockstm.limits import KEYS_MAX, PROGRAMS_MAX, U64_MAX
from blockstm.native._core import BlockContent, SlotRows
from blockstm.programs.arguments import decode_arguments
from blockstm.programs.program import NativeProgram, Program
from blockstm.programs.transaction import Recorded, Transaction

RECORDED_FIELDS: Final = ("gas_used", "seconds", "reads", "writes", "adds")
"""What a row's record may hold, in the order in which it is written."""


@dataclass(frozen=True, slots=True)
class PackedBlock:
    """A block's programs, keys, state and transactions, by index.

    It does not change once made. The core refuses an index in it that names nothing.

    Arguments:
        programs: the programs that rows name by index.
        keys: the keys that rows and state name by index; each once.
        state: values by index of their key.
        rows: one tuple a transaction: (program index, arguments, gas limit or None, recorded, a
            read-only mapping, or None).
        sections: what is said of its accesses and arrivals beside that. The core does not look at it.
    """

    programs: tuple[Program, ...]
    keys: tuple[bytes, ...]
    state: Mapping[int, bytes]
    rows: tuple[tuple[Any, ...], ...]
    sections: PackedSections = NO_SECTIONS

    def __post_init__(self) -> None:
        """Make the state read-only."""
        object.__setattr__(self, "state", MappingProxyType(self.state))

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle read-only mappings as dicts."""
        rows = [row if row[3] is None else (*row[:3], dict(row[3])) for row in self.rows]
        return _unpickled, (self.programs, self.keys, dict(self.state), rows, self.sections)


def _unpickled(
    programs: tuple[Program, ...],
    keys: tuple[bytes, ...],
    state: dict[int, bytes],
    rows: list[tuple[Any, ...]],
    sections: PackedSections,
) -> PackedBlock:
    """Return the packed block that was pickled; see `PackedBlock.__reduce__`."""
    read_only = [row if row[3] is None else (*row[:3], MappingProxyType(row[3])) for row in rows]
    return PackedBlock(programs, keys, state, tuple(read_only), sections)


class Values(Protocol):
    """A state as the core takes it."""

    def items(self) -> ItemsView[Any, bytes]:
        """Return the values by key."""


class Rows(NamedTuple):
    """What the core lays out of a block; see `Arena.lay_out`."""

    programs: tuple[Program, ...]
    """The programs that rows name by index."""
    keys: tuple[bytes, ...] | None
    """The keys that rows and state name by index; None if they hold the keys themselves."""
    state: Values | None
    """None: a source is asked for it, whatever the rows say."""
    rows: Iterable[tuple[Any, ...]] | SlotRows | BlockContent
    """One tuple a transaction: program index, arguments (bytes where encoded), gas limit; more is of no matter."""


class _KeyTable(dict[bytes, int]):
    """Numbers keys in the order in which they first come."""

    def __missing__(self, key: bytes) -> int:
        index = len(self)
        self[key] = index
        return index

    def indexes(self, keys: Iterable[bytes]) -> tuple[int, ...]:
        return tuple([self[key] for key in keys])

    def amounts(self, adds: Mapping[bytes, int]) -> tuple[object, ...]:
        flat: list[object] = []
        for key, amount in adds.items():
            flat += (self[key], pack_integer(amount))
        return tuple(flat)


def pack_integer(value: int) -> int | bytes:
    """Return an unsigned number as rows hold it: bytes, big-endian, where it is over 64 bits."""
    return value if value <= U64_MAX else value.to_bytes((value.bit_length() + 7) // 8, "big")


def unpack_integer(packed: int | bytes) -> int:
    """Return the number that `pack_integer` packed."""
    return packed if isinstance(packed, int) else int.from_bytes(packed, "big")


def pack(
    transactions: Sequence[Transaction],
    state: Mapping[bytes, bytes],
    access_list: BlockAccessList | None = None,
) -> PackedBlock:
    """Return the packed form of a block's transactions, state and access list.

    Raises:
        LimitError: they name more than KEYS_MAX keys or PROGRAMS_MAX programs.
    """
    table = _KeyTable()
    packers: dict[str, Callable[[Any], object]] = {
        "key": table.__getitem__,
        "keys": table.indexes,
        "u64": pack_integer,
        "u256": pack_integer,
        "adds": table.amounts,
        "bytes": bytes,
    }
    packed_state = {table[key]: value for key, value in state.items()}
    programs: dict[str, tuple[int, Program, list[Callable[[Any], object]]]] = {}
    rows = []
    for transaction in transactions:
        program = transaction.program
        entry = programs.get(program.name)
        if entry is None:
            kinds = [p.kind for p in program.parameters] if isinstance(program, NativeProgram) else []
            entry = programs[program.name] = (len(programs), program, [packers[kind] for kind in kinds])
        arguments: object = transaction.encoded
        if arguments is None:
            pairs = zip(entry[2], transaction.arguments, strict=True)
            arguments = tuple([pack_argument(argument) for pack_argument, argument in pairs])
        recorded = transaction.recorded
        rows.append(
            (entry[0], arguments, transaction.gas_limit, recorded and _pack_recorded(recorded, table))
        )
    sections = pack_sections(transactions, access_list, table)
    if len(table) > KEYS_MAX:
        raise LimitError(f"the block names {len(table)} keys; the limit is {KEYS_MAX}: split it")
    if len(programs) > PROGRAMS_MAX:
        raise LimitError(f"the block has {len(programs)} programs; the limit is {PROGRAMS_MAX}: split it")
    named = tuple([program for _, program, _ in programs.values()])
    return PackedBlock(named, tuple(table), packed_state, tuple(rows), sections)


def _pack_recorded(recorded: Recorded, table: _KeyTable) -> Mapping[str, object]:
    packed: dict[str, object] = {}
    if recorded.gas_used is not None:
        packed["gas_used"] = recorded.gas_used
    if recorded.seconds is not None:
        packed["seconds"] = float(recorded.seconds)
    if recorded.reads is not None:
        packed["reads"] = table.indexes(recorded.reads)
    if recorded.writes is not None:
        packed["writes"] = table.indexes(recorded.writes)
    if recorded.adds is not None:
        packed["adds"] = table.amounts(recorded.adds)
    return MappingProxyType(packed)


def unpack_state(packed: PackedBlock) -> dict[bytes, bytes]:
    """Return the state of a packed block by key."""
    keys = packed.keys
    return {keys[index]: value for index, value in packed.state.items()}


def unpack_transactions(packed: PackedBlock) -> tuple[Transaction, ...]:
    """Return the transactions of a packed block whose rows have been checked (`check_rows`)."""
    unpackers = _unpackers(packed.keys)
    columns = [
        [unpackers[parameter.kind] for parameter in program.parameters]
        if isinstance(program, NativeProgram)
        else []
        for program in packed.programs
    ]
    transactions = []
    for program_index, packed_arguments, gas_limit, packed_recorded in packed.rows:
        if type(packed_arguments) is bytes:
            arguments = decode_arguments(packed_arguments)
        else:
            pairs = zip(columns[program_index], packed_arguments, strict=True)
            arguments = [unpack_argument(argument) for unpack_argument, argument in pairs]
        recorded = None
        if packed_recorded is not None:
            recorded = _unpack_recorded(packed_recorded, unpackers)
        transactions.append(
            Transaction(packed.programs[program_index], tuple(arguments), gas_limit, recorded)
        )
    return tuple(with_sections(transactions, packed.sections, packed.keys))


def _unpackers(keys: tuple[bytes, ...]) -> dict[str, Callable[[Any], object]]:
    def unpack_keys(indexes: tuple[int, ...]) -> tuple[bytes, ...]:
        return tuple([keys[index] for index in indexes])

    def unpack_adds(flat: tuple[Any, ...]) -> dict[bytes, int]:
        return {
            keys[index]: unpack_integer(amount) for index, amount in zip(flat[::2], flat[1::2], strict=True)
        }

    return {
        "key": keys.__getitem__,
        "keys": unpack_keys,
        "u64": unpack_integer,
        "u256": unpack_integer,
        "adds": unpack_adds,
        "bytes": bytes,
    }


def _unpack_recorded(packed: Mapping[str, Any], unpackers: dict[str, Callable[[Any], Any]]) -> Recorded:
    fields = dict(packed)
    for name, kind in (("reads", "keys"), ("writes", "keys"), ("adds", "adds")):
        if name in fields:
            fields[name] = unpackers[kind](fields[name])
    return Recorded(**fields)
