"""Columns of Arrow as the core takes them: their types and values are checked, and no row becomes an object.

What the core reads are Arrow's own buffers; a column of another type than the core's is cast first, by pyarrow.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal

from blockstm.errors import LimitError, UsageError, shown
from blockstm.limits import ACCESSES_MAX, BYTES_ARGUMENT_BYTES_MAX, KEY_BYTES_MAX, VALUE_BYTES_MAX
from blockstm.native._core import Column
from blockstm.programs.parameters import Kind
from blockstm.tables.arrow import import_pyarrow

if TYPE_CHECKING:
    import pyarrow

__all__ = ["U256_BYTES", "ArrowColumn"]

U256_BYTES: Final = 32
DECIMAL_DIGITS: Final = 76
"""Of Arrow's widest decimal, which takes as many bytes as a u256."""


class ArrowColumn:
    """A column of a table, and its name for messages.

    Arguments:
        name: what it is called.
        values: its values, in any number of chunks.
        needed: for each row whether it must hold a value, where not all must; the others must hold none.

    Raises:
        UsageError: a value is missing, or is there where there must be none.
    """

    def __init__(self, name: str, values: pyarrow.ChunkedArray, needed: pyarrow.Array | None = None) -> None:
        """Check where there are values."""
        self.name = name
        self._values = values
        self._arrow = import_pyarrow()
        self._compute: Any = self._arrow.compute
        if needed is None:
            self._refuse_where(values.null_count, values.is_null, "there is no value; give one")
        else:
            valid = values.is_valid()
            self._refuse_where(
                True,
                lambda: self._compute.and_not(valid, needed),
                "its program has no such parameter; leave it null",
            )
            self._refuse_where(
                True, lambda: self._compute.and_not(needed, valid), "there is no value; give one"
            )

    def of_kind(self, kind: Kind) -> Column:
        """Return the values for a parameter of a native program.

        Raises:
            UsageError: the type of the column, or a value, does not fit.
            LimitError: a value is over its limit.
        """
        make: dict[Kind, Callable[[], Column]] = {
            "key": lambda: self.strings("key", KEY_BYTES_MAX),
            "bytes": lambda: self.strings("bytes", BYTES_ARGUMENT_BYTES_MAX),
            "keys": self._lists_of_keys,
            "u64": self._u64,
            "u256": self._u256,
            "adds": self._adds,
        }
        return make[kind]()

    def strings(self, kind: Kind, bytes_max: int = VALUE_BYTES_MAX) -> Column:
        """Return byte strings of at most so many bytes each; raises as `of_kind` does."""
        strings = self._as_strings(self._values, "", kind)
        begins, data = _buffers_of_strings(strings)
        column = Column(kind, len(strings), begins=begins, data=data)
        self._refuse_where(
            column.longest > bytes_max,
            lambda: self._compute.greater(self._compute.binary_length(strings), bytes_max),
            f"it is longer than {bytes_max} bytes",
            LimitError,
        )
        return column

    def _u64(self) -> Column:
        numbers = self._as_u64(self._values, "u64")
        return Column("u64", len(numbers), words=_words(numbers, 1))

    def _u256(self) -> Column:
        words, limbs = self._words_of_u256(self._values, "")
        return Column("u256", len(self._values), words=words, limbs=limbs)

    def _lists_of_keys(self) -> Column:
        arrow = self._arrow
        if not self._is_list(self._values.type):
            raise self._wrong_type(self._values.type, "lists of binary")
        lists = self._combined(self._values.cast(arrow.large_list(self._values.type.value_type)))
        keys = self._keys_in_lists(lists.values, lists)
        begins, data = _buffers_of_strings(keys)
        return Column("keys", len(lists), lists=_begins(lists), begins=begins, data=data)

    def _adds(self) -> Column:
        arrow, kind = self._arrow, self._values.type
        is_map = arrow.types.is_map(kind)
        if not is_map and not (
            self._is_list(kind) and arrow.types.is_struct(kind.value_type) and kind.value_type.num_fields == 2
        ):
            raise self._wrong_type(kind, "maps of keys (binary) to amounts")
        lists = self._combined(self._values)
        keys = lists.keys if is_map else lists.values.field(0)
        amounts = lists.items if is_map else lists.values.field(1)
        if not is_map and lists.values.null_count:
            raise UsageError(f"column {self.name}: a pair of key and amount is null; leave it out")
        offsets = lists.offsets.cast(arrow.int64())
        lists = arrow.LargeListArray.from_arrays(offsets, keys)
        strings = self._keys_in_lists(keys, lists)
        if amounts.null_count:
            raise UsageError(f"column {self.name}: an amount is null; give a number")
        self._refuse_repeated_keys(lists, strings)
        begins, data = _buffers_of_strings(strings)
        words, limbs = self._words_of_u256(arrow.chunked_array([amounts]), "an amount: ")
        return Column(
            "adds", len(lists), lists=_begins(lists), begins=begins, data=data, words=words, limbs=limbs
        )

    def _keys_in_lists(self, keys: Any, lists: Any) -> Any:
        """Check the keys in lists, and how many each list has."""
        if keys.null_count:
            raise UsageError(f"column {self.name}: a key in a list is null; leave it out")
        strings = self._as_strings(self._arrow.chunked_array([keys]), "lists of ", "key")
        if (self._compute.max(self._compute.binary_length(strings)).as_py() or 0) > KEY_BYTES_MAX:
            raise LimitError(
                f"column {self.name}: a key is longer than {KEY_BYTES_MAX} bytes; use a hash of it"
            )
        counts = self._compute.list_value_length(lists)
        self._refuse_where(
            (self._compute.max(counts).as_py() or 0) > ACCESSES_MAX,
            lambda: self._compute.greater(counts, ACCESSES_MAX),
            f"it has more than {ACCESSES_MAX} entries",
            LimitError,
        )
        return strings

    def _refuse_repeated_keys(self, lists: Any, keys: Any) -> None:
        rows = self._compute.list_parent_indices(lists)
        first = lists.offsets[0].as_py() if len(lists.offsets) else 0
        of_rows = self._arrow.table({"row": rows, "key": keys.slice(first, len(rows))})
        counted = of_rows.group_by(["row", "key"], use_threads=False).aggregate([([], "count_all")])
        if counted.num_rows != of_rows.num_rows:
            twice = counted.filter(self._compute.greater(counted["count_all"], 1))
            raise UsageError(
                f"column {self.name}, row {twice['row'][0]}: key {shown(twice['key'][0].as_py())} comes twice; "
                "add its amounts up"
            )

    def _as_strings(self, values: Any, in_what: str, kind: str) -> Any:
        types = self._arrow.types
        kind_of = values.type.value_type if types.is_dictionary(values.type) else values.type
        is_view = getattr(types, "is_binary_view", lambda each: False)
        if not (
            types.is_binary(kind_of)
            or types.is_large_binary(kind_of)
            or types.is_fixed_size_binary(kind_of)
            or is_view(kind_of)
        ):
            what = "a key is bytes" if kind == "key" else "bytes are wanted"
            raise UsageError(
                f"column {self.name} is of type {in_what}{kind_of}, and {what}: cast it to binary"
            )
        if kind_of != values.type:
            values = values.cast(kind_of)
        return self._combined(values.cast(self._arrow.large_binary()))

    def _as_u64(self, values: Any, kind: str, what: str = "") -> Any:
        if not self._arrow.types.is_integer(values.type):
            raise self._wrong_type(values.type, "whole numbers", kind)
        if not self._arrow.types.is_unsigned_integer(values.type):
            self._refuse_negative(values, what)
        return self._combined(values.cast(self._arrow.uint64(), safe=False))

    def _words_of_u256(self, values: Any, what: str) -> tuple[Any, int]:
        """Return the words of numbers, the least significant first, and how many each has."""
        arrow, kind = self._arrow, values.type
        if arrow.types.is_decimal(kind) and kind.scale == 0:
            self._refuse_negative(values, what)
            return _words(self._combined(values.cast(arrow.decimal256(DECIMAL_DIGITS, 0))), 4), 4
        if arrow.types.is_fixed_size_binary(kind) and kind.byte_width == U256_BYTES:
            return _words(self._turned(self._combined(values)), 4), 4
        if arrow.types.is_integer(kind):
            return _words(self._as_u64(values, "u256", what), 1), 1
        raise self._wrong_type(
            kind, "whole numbers, decimals without places, or 32 bytes, the most significant first", "u256"
        )

    def _turned(self, numbers: Any) -> Any:
        """Return binary numbers with their bytes in the opposite order."""
        count = len(numbers)
        if not count:
            return numbers
        start = numbers.offset * U256_BYTES
        content = bytes(memoryview(numbers.buffers()[1])[start : start + count * U256_BYTES])
        # All bytes turned round are the numbers in the opposite order, which is then turned round as well.
        turned = self._arrow.FixedSizeBinaryArray.from_buffers(
            self._arrow.binary(U256_BYTES), count, [None, self._arrow.py_buffer(content[::-1])]
        )
        return turned.take(self._arrow.array(range(count - 1, -1, -1), self._arrow.int64()))

    def _refuse_negative(self, values: Any, what: str) -> None:
        least = self._compute.min(values).as_py()
        self._refuse_where(
            least is not None and least < 0,
            lambda: self._compute.less(values, self._arrow.scalar(0).cast(values.type)),
            f"{what}it is negative",
            LimitError,
            has_rows=not what,
        )

    def _refuse_where(
        self,
        suspected: object,
        find: Callable[[], Any],
        problem: str,
        error: type[UsageError | LimitError] = UsageError,
        *,
        has_rows: bool = True,
    ) -> None:
        """Raise an error that names the first row for which `find` says True, if there is any."""
        if not suspected:
            return
        row = self._compute.index(find(), True).as_py()
        if row >= 0:
            raise error(f"column {self.name}{f', row {row}' if has_rows else ''}: {problem}")

    def _wrong_type(self, given: object, wanted: str, kind: str = "") -> UsageError:
        of_kind = f" for a parameter of kind {kind}" if kind else ""
        return UsageError(f"column {self.name} is of type {given}; give {wanted}{of_kind}")

    def _is_list(self, kind: Any) -> bool:
        types = self._arrow.types
        return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))

    def _combined(self, values: Any) -> Any:
        """Return the values as one array."""
        if not isinstance(values, self._arrow.ChunkedArray):
            return values
        return values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()


def _buffers_of_strings(strings: Any) -> tuple[Any, Any]:
    """Return where the strings of a `large_binary` array begin, and their bytes."""
    data = strings.buffers()[2]
    return _begins(strings), b"" if data is None else memoryview(data).cast("B")


def _begins(values: Any) -> Any:
    """Return the offsets of an array of strings or lists whose offsets have 64 bits."""
    if not len(values):
        return array("q", [0])
    return _slice(values.buffers()[1], values.offset, len(values) + 1, "q", 1)


def _words(numbers: Any, limbs: int) -> Any:
    """Return the 64-bit words of an array of numbers."""
    return _slice(numbers.buffers()[1], numbers.offset, len(numbers), "Q", limbs)


def _slice(buffer: Any, first: int, count: int, code: Literal["q", "Q"], words: int) -> Any:
    """Return a part of a buffer of 64-bit words, of which each element takes `words`."""
    if buffer is None or not count:
        return array(code)
    step = 8 * words
    return memoryview(buffer).cast("B")[first * step : (first + count) * step].cast(code)
