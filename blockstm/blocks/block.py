"""A block: an ordered list of transactions and the state they start from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, SupportsIndex, overload

from blockstm.blocks import block_file as blockfile
from blockstm.blocks.access_list import BlockAccessList
from blockstm.blocks.arrow_block import NativeRows, state_of, transactions_of
from blockstm.blocks.block_check import check_access_list, checked_programs, checked_state
from blockstm.blocks.block_header import BlockHeader
from blockstm.blocks.file_rows import FileRows, FileState
from blockstm.blocks.packed import PackedBlock, Rows, pack, unpack_state, unpack_transactions
from blockstm.blocks.sections import unpack_access_list
from blockstm.errors import UsageError, counted, shown, type_shown
from blockstm.native._core import SlotRows, StateColumns
from blockstm.programs.program import Program
from blockstm.programs.transaction import Transaction, named_keys_of
from blockstm.state.source import StateSource
from blockstm.tables.html import ROWS_SHOWN, HtmlTable, html_of

__all__ = ["Block", "PackedBlock"]

_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})
_EMPTY_STATE: Final[Mapping[bytes, bytes]] = MappingProxyType({})
_NOTHING_KNOWN: Final[Mapping[bytes, bytes | None]] = MappingProxyType({})
_SLOTS: Final = tuple(
    [vars(Transaction)[name] for name in ("_program", "_arguments", "_encoded", "_gas_limit")]
)
"""Where a transaction keeps what the core reads of it."""


class Block(Sequence[Transaction]):
    """An ordered list of transactions and the state they start from. It does not change once made.

    It is a sequence of its transactions: `len`, `block[txn_idx]`, slices, iteration, `in`, `index`. A slice is a
    tuple of transactions, not a block, as the state from which they start is not known. Two blocks are equal when
    everything in them is; a block has no hash, as its transactions' arguments may hold lists and dicts.

    Arguments:
        transactions: in the preset order, at most TRANSACTIONS_MAX.
        state: values by key before the first transaction; keys up to 64 bytes, values up to 64 KiB. Or a
            StateSource, which is asked for the value of a key when a transaction first touches it.
        chain: the name of the chain it comes from.
        number: its number there.
        meta: anything else worth keeping: None, bool, int (64-bit), float, str, bytes, lists, and
            dicts with str keys.
        access_list: its block-level access list.

    Raises:
        LimitError: a key, a value or a count is over its limit.
        UsageError: something is of the wrong type, two different programs have the same name, or the access list
            names a place that the block does not have.
    """

    def __init__(
        self,
        transactions: Iterable[Transaction],
        state: Mapping[bytes, bytes] | StateSource = _EMPTY_STATE,
        *,
        chain: str | None = None,
        number: int | None = None,
        meta: Mapping[str, object] = _NOTHING,
        access_list: BlockAccessList | None = None,
    ) -> None:
        """Check everything, and copy the collections."""
        if not isinstance(transactions, Iterable):
            raise UsageError(f"transactions is {shown(transactions)}; give a list of transactions")
        self._transactions: tuple[Transaction, ...] | None = tuple(transactions)
        self._source: StateSource | None = None
        self._known: Mapping[bytes, bytes | None] = _NOTHING_KNOWN
        self._state: Mapping[bytes, bytes] | None = None
        if isinstance(state, Mapping):
            self._state = MappingProxyType(checked_state(state))
        elif isinstance(state, StateSource) and not isinstance(state, type):
            self._source = state
        else:
            raise UsageError(
                f"state is {type_shown(state)}; give a dict of keys and values, both bytes, "
                "or a StateSource, which has a method get(key)"
            )
        self._rows: PackedBlock | None = None
        self._columns: NativeRows | FileRows | None = None
        self._state_columns: StateColumns | FileState | None = None
        self._packed_once: PackedBlock | None = None
        self._length = len(self._transactions)
        self._header = BlockHeader(chain, number, meta)
        self._access_list = access_list
        self._programs = checked_programs(self._transactions)
        check_access_list(access_list, self._length)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Block:
        """Return the block that a .block file holds.

        Raises:
            BlockFileError: the file is missing, damaged, foreign, of another version, or breaks a limit.
            UnknownProgramError: it names a program that no imported module defines.
            UsageError: `path` is not a path.
        """
        header, rows = blockfile.load(path)
        if isinstance(rows, PackedBlock):
            return cls._of(header, rows)
        block = cls._bare(header, rows.programs, rows.rows.txn_count)
        block._columns = rows
        block._state_columns = FileState(rows.rows)
        return block

    @classmethod
    def from_arrow(
        cls,
        transactions: object,
        state: object = None,
        *,
        program: Program | None = None,
        chain: str | None = None,
        number: int | None = None,
        meta: Mapping[str, object] = _NOTHING,
    ) -> Block:
        """Return a block of tables: anything with Arrow's PyCapsule interface, as of pyarrow, polars or DuckDB.

        Rows of native programs become no objects; the engine reads Arrow's own memory, which must not change. Those
        of Python programs become transactions at once. It needs pyarrow (extras `report` and `sweep`).

        Arguments:
            transactions: a row for each, in the preset order, and a column for each parameter, named like it: of
                type binary for keys and bytes; of whole numbers for u64 and u256, which may also be decimals
                without places or 32 bytes, the most significant first; lists of binary for keys; maps of
                binary to numbers for adds. A parameter with a default may be left out. A column `gas_limit`, in
                which null stands for no limit, is optional. Where the programs differ, a column `program` names
                that of each row, and a parameter that the program does not have is null there.
            state: the columns `key` and `value`, both binary; None for an empty state.
            program: what all transactions run; None where the column `program` says it.
            chain, number, meta: as for the constructor.

        Raises:
            UsageError: a column is missing, unknown or of the wrong type, or a value does not fit; names column
                and row.
            LimitError: a key, a value or a count is over its limit.
            UnknownProgramError: no imported module defines a program.
            ProgramError: arguments do not fit a Python program.
        """
        rows = transactions_of(transactions, program)
        columns = None if state is None else state_of(state)
        header = BlockHeader(chain, number, meta)
        if isinstance(rows, list):
            values = {} if columns is None else dict(columns.items())
            return cls(rows, values, chain=chain, number=number, meta=meta)
        block = cls._bare(header, rows.programs, len(rows.rows))
        block._columns = rows
        if columns is None:
            block._state = _EMPTY_STATE
        block._state_columns = columns
        return block

    @classmethod
    def _of(cls, header: BlockHeader, packed: PackedBlock) -> Block:
        block = cls._bare(header, packed.programs, len(packed.rows))
        block._rows = packed
        block._packed_once = packed
        return block

    @classmethod
    def _bare(cls, header: BlockHeader, programs: tuple[Program, ...], length: int) -> Block:
        """Return a block of which it is yet to be said what holds its transactions and its state."""
        block = cls.__new__(cls)
        block._transactions = None
        block._source = None
        block._known = _NOTHING_KNOWN
        block._state = None
        block._rows = None
        block._packed_once = None
        block._columns = None
        block._state_columns = None
        block._programs = programs
        block._length = length
        block._header = header
        block._access_list = None
        return block

    def on(self, source: StateSource, known: Mapping[bytes, bytes | None] = _NOTHING_KNOWN) -> Block:
        """Return a block of the same transactions that starts from another state.

        Arguments:
            source: is asked for the value of a key when a transaction first touches it.
            known: values of keys for which the source is not asked, as it may not know them yet: those that the
                blocks before have changed. None stands for an absent key.

        Raises:
            UsageError: `source` has no method get(key), or a key or a value of `known` is not bytes.
            LimitError: a key or a value of `known` is over its limit.
        """
        if not isinstance(source, StateSource) or isinstance(source, type):
            raise UsageError(
                f"source is {type_shown(source)}; give a StateSource, which has a method get(key)"
            )
        checked_state({key: value for key, value in known.items() if value is not None})
        checked_state({key: b"" for key, value in known.items() if value is None})
        return self._on(source, known)

    def _on(self, source: StateSource, known: Mapping[bytes, bytes | None]) -> Block:
        """As `on`, of values that were checked before: they have been in a state."""
        block = Block.__new__(Block)
        block.__dict__.update(self.__dict__)
        block._source = source
        block._known = known
        return block

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the block to a .block file, whole or not at all.

        Raises:
            BlockFileError: the file cannot be written.
            LimitError: the block is larger than a file may be.
            UsageError: `path` is not a path, or the state is asked of a source.
        """
        blockfile.write(path, self._header, self._packed)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle and copy what it was made of, in the form in which it is held."""
        header = self.chain, self.number, dict(self.meta)
        if self._source is not None:
            state, known = self._source, dict(self._known)
            return _unpickled, (*header, None, self.transactions, state, self._access_list, known)
        if self._rows is not None or isinstance(self._columns, FileRows):
            return _unpickled, (*header, self._packed)
        return _unpickled, (*header, None, self.transactions, dict(self.state), self._access_list)

    @property
    def transactions(self) -> tuple[Transaction, ...]:
        """The transactions in the preset order; those of a file or a table are made when first looked at."""
        if self._transactions is None:
            if isinstance(self._columns, NativeRows):
                self._transactions = tuple(self._columns.transactions())
            else:
                self._transactions = unpack_transactions(self._as_packed())
        return self._transactions

    @property
    def state(self) -> Mapping[bytes, bytes]:
        """The values by key before the first transaction; read-only.

        Raises:
            UsageError: they are asked of a source.
        """
        if self._source is not None:
            raise UsageError(
                "the state of this block is asked of a source (Block.source); where all of it is needed at once, "
                "as by a file or an analysis, make the block with a dict"
            )
        if self._state is None:
            columns = self._state_columns
            state = unpack_state(self._as_packed()) if columns is None else dict(columns.items())
            self._state = MappingProxyType(state)
        return self._state

    @property
    def access_list(self) -> BlockAccessList | None:
        """The block-level access list; None for none. That of a file is made when first looked at."""
        if self._access_list is None and self._packed_once is not None:
            self._access_list = unpack_access_list(self._packed_once.sections, self._packed_once.keys)
        return self._access_list

    @property
    def source(self) -> StateSource | None:
        """What is asked for the value of a key before the block; None where the state is there (`state`)."""
        return self._source

    def named_keys(self) -> Iterable[bytes]:
        """Return the keys that arguments of native programs name, each once, and maybe those of its state.

        Most transactions touch these; which others they touch turns out when they run.
        """
        if isinstance(self._columns, FileRows):
            return self._columns.rows.key_table()
        if self._rows is not None:
            return self._rows.keys
        return named_keys_of(self.transactions)

    @property
    def known(self) -> Mapping[bytes, bytes | None]:
        """The values before the block for which the source is not asked; None for an absent key."""
        return self._known

    @property
    def chain(self) -> str | None:
        """The name of the chain that the block comes from."""
        return self._header.chain

    @property
    def number(self) -> int | None:
        """The block's number on its chain."""
        return self._header.number

    @property
    def meta(self) -> Mapping[str, object]:
        """Whatever else is kept with the block."""
        return self._header.meta

    @property
    def _packed(self) -> PackedBlock:
        """The block in the form in which a file holds it; made when first asked for.

        Raises:
            LimitError: it names more keys or programs than a block may.
            UsageError: the state is asked of a source.
        """
        if self._source is not None:
            self.state  # noqa: B018 - says why there is none
        return self._as_packed()

    def _as_packed(self) -> PackedBlock:
        if self._packed_once is None:
            if isinstance(self._columns, FileRows):
                self._packed_once = self._columns.packed()
            else:
                self._packed_once = pack(self.transactions, self.state, self._access_list)
        return self._packed_once

    @property
    def programs(self) -> tuple[Program, ...]:
        """The programs that its transactions run, each once."""
        return self._programs

    def _rows_for_core(self) -> Rows:
        """Return what the core lays out, in the form in which the block is held."""
        is_asked = self._source is not None
        if self._columns is not None:
            columns = _EMPTY_STATE if self._state_columns is None else self._state_columns
            return Rows(self._programs, None, None if is_asked else columns, self._columns.rows)
        if self._rows is None:
            places = {program.name: place for place, program in enumerate(self._programs)}
            rows = SlotRows(self.transactions, Transaction, _SLOTS, places)
            return Rows(self._programs, None, None if is_asked else self.state, rows)
        packed = self._rows
        return Rows(packed.programs, packed.keys, None if is_asked else packed.state, packed.rows)

    def __len__(self) -> int:
        """Return the number of transactions."""
        return self._length

    @overload
    def __getitem__(self, index: SupportsIndex) -> Transaction: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Transaction, ...]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Transaction | tuple[Transaction, ...]:
        """Return one transaction, or for a slice a tuple of them.

        Raises:
            IndexError: there is no such transaction.
        """
        return self.transactions[index]

    def __iter__(self) -> Iterator[Transaction]:
        """Iterate over the transactions in the preset order."""
        return iter(self.transactions)

    def __contains__(self, transaction: object) -> bool:
        """Tell whether the block has an equal transaction."""
        return transaction in self.transactions

    def __eq__(self, other: object) -> bool:
        """Two blocks are equal when everything in them is."""
        if not isinstance(other, Block):
            return NotImplemented
        return (
            self._header == other._header
            and len(self) == len(other)
            and self._has_state_of(other)
            and self.transactions == other.transactions
            and self.access_list == other.access_list
        )

    def _has_state_of(self, other: Block) -> bool:
        if self._source is not None or other._source is not None:
            return bool(self._source == other._source and self._known == other._known)
        return self.state == other.state

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """Tell what block it is, in a line."""
        origin = "".join(
            f", {name} {shown(v)}" for name in ("chain", "number") if (v := getattr(self, name)) is not None
        )
        listed = "" if self.access_list is None else ", with an access list"
        return f"<Block of {counted(len(self), 'transaction')}, {self._state_shown()}{origin}{listed}>"

    def _state_shown(self) -> str:
        if self._source is not None:
            return f"state of {shown(self._source)}"
        keys = self._state_columns or (self.state if self._rows is None else self._rows.state)
        return f"{counted(len(keys), 'key')} of state"

    def _repr_html_(self) -> str:
        """Show the first transactions in a notebook."""
        rows = [
            (txn_idx, txn.program.name, shown(txn.arguments), txn.gas_limit)
            for txn_idx, txn in enumerate(self[:ROWS_SHOWN])
        ]
        caption = f"The first {ROWS_SHOWN}:" if len(self) > ROWS_SHOWN else ""
        table = HtmlTable(("transaction", "program", "arguments", "gas limit"), rows, caption)
        return html_of(repr(self)[1:-1], table)


def _unpickled(
    chain: str | None,
    number: int | None,
    meta: dict[str, object],
    packed: PackedBlock | None,
    transactions: tuple[Transaction, ...] = (),
    state: Mapping[bytes, bytes] | StateSource = _EMPTY_STATE,
    access_list: BlockAccessList | None = None,
    known: Mapping[bytes, bytes | None] = _NOTHING_KNOWN,
) -> Block:
    """Return the block that was pickled; see `Block.__reduce__`."""
    if packed is not None:
        return Block._of(BlockHeader(chain, number, meta), packed)
    block = Block(transactions, state, chain=chain, number=number, meta=meta, access_list=access_list)
    block._known = known
    return block
