"""Which function an instruction is counted for: from the lines of the generated C++, and callgrind's file."""

from __future__ import annotations

from tests.benchmarks.instructions import counted_lines, functions_of, readable, where

GENERATED = """\
static int helper = 1;
static CYTHON_INLINE Txn *__pyx_f_8blockstm_6native_6memory_5local_txn_at(struct Local *__pyx_v_local) {
  return 0;
}
static PyObject *__pyx_pw_8blockstm_6native_5_core_3run(PyObject *self) {
}
"""
COUNTED = """\
positions: line
events: Ir Dr

ob=(3) /somewhere/_core.so
fl=(1) build/_core.cpp
fn=(1) work
3 100 5
+4 7
cfi=(2) string/memmove.S
cfn=(2) memcpy
calls=3 264
* 999 999
fi=(3) ./blockstm/native/memory/atomics.h
12 2
fe=(1)
-4 1 1

fl=(2)
fn=(2)
264 30
"""


def test_a_line_belongs_to_the_function_around_it() -> None:
    assert functions_of(GENERATED.splitlines(keepends=True)) == [
        "other", "other", *["memory/local:txn_at"] * 3, *["Python's interface"] * 2,
    ]  # fmt: skip


def test_a_name_is_read_by_the_lengths_in_it() -> None:
    name = "__pyx_f_8blockstm_6native_6models_13multi_version_7at_once_make_final"
    assert readable(name) == "models/multi_version/at_once:make_final"


def test_what_was_called_is_not_counted_twice() -> None:
    assert list(counted_lines(COUNTED.splitlines(keepends=True))) == [
        ("build/_core.cpp", 3, [100, 5]),
        ("build/_core.cpp", 7, [7]),
        ("./blockstm/native/memory/atomics.h", 12, [2]),
        ("build/_core.cpp", 8, [1, 1]),
        ("string/memmove.S", 264, [30]),
    ]


def test_what_is_not_of_the_core_is_told_apart() -> None:
    functions = functions_of(GENERATED.splitlines(keepends=True))
    assert where("build/_core.cpp", 3, functions) == "memory/local:txn_at"
    assert where("./blockstm/native/memory/atomics.h", 3, functions) == "memory/atomics"
    assert where("string/memmove.S", 3, functions) == "C library"
