"""Exceptions: all are public, derive from Python's own where they mean the same, and travel between processes."""

from __future__ import annotations

import copy
import inspect
import pickle
from pathlib import Path

import pytest

import blockstm
from blockstm import errors
from blockstm.errors import (
    BlockFileError,
    BlockstmError,
    EngineError,
    LimitError,
    MemoryLimitError,
    ProgramException,
    Revert,
    UnknownProgramError,
    UsageError,
    type_shown,
)
from blockstm.programs.program import lookup

CLASSES = [
    found
    for found in vars(errors).values()
    if inspect.isclass(found) and issubclass(found, BaseException) and found.__module__ == errors.__name__
]


def test_all_exceptions_are_exported_by_the_package() -> None:
    assert len(CLASSES) > 20
    for found in CLASSES:
        assert found.__name__ in blockstm.__all__
        assert getattr(blockstm, found.__name__) is found


def test_every_exception_is_an_error_of_the_library_or_a_way_for_a_program_to_end() -> None:
    """So what unwinds a program within the core is not among them."""
    assert all(issubclass(found, BlockstmError | ProgramException) for found in CLASSES)


@pytest.mark.parametrize("again", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
@pytest.mark.parametrize("found", CLASSES)
def test_an_exception_is_pickled_and_copied_with_what_it_says(found: type[Exception], again: object) -> None:
    error = found("a key is 3, an int; give bytes")
    error.add_note("a note")
    made = again(error)  # type: ignore[operator]
    assert type(made) is found
    assert (str(made), made.args, vars(made)) == (str(error), error.args, vars(error))


@pytest.mark.parametrize("found", CLASSES)
def test_an_exception_is_made_as_dask_unpickles_it(found: type[Exception]) -> None:
    """Bug: of two bases with a __new__ each, one was called for the other, which Python refuses as not safe.

    Dask has tblib pickle exceptions, which makes them by __new__ alone, in whatever process has imported it.
    """
    assert type(found.__new__(found)) is found


def test_a_pickled_revert_keeps_its_reason() -> None:
    assert pickle.loads(pickle.dumps(Revert("too poor"))).reason == "too poor"


@pytest.mark.parametrize(
    ("found", "built_in"),
    [
        (UsageError, ValueError),
        (LimitError, ValueError),
        (BlockFileError, ValueError),
        (MemoryLimitError, MemoryError),
        (UnknownProgramError, LookupError),
        (EngineError, RuntimeError),
    ],
)
def test_an_error_is_caught_as_the_built_in_one_that_means_the_same(
    found: type[Exception], built_in: type[Exception]
) -> None:
    assert issubclass(found, built_in)
    assert issubclass(found, BlockstmError)


def test_a_file_that_is_none_is_refused_once(tmp_path: Path) -> None:
    """Bug: what says that a path names a folder was taken, as a ValueError, for what the system says."""
    with pytest.raises(BlockFileError) as caught:
        blockstm.Block.load(tmp_path)
    assert str(caught.value) == f"{tmp_path}: is a directory; name a file"
    with pytest.raises(BlockFileError) as caught:
        blockstm.Block([]).save(tmp_path)
    assert str(caught.value) == f"{tmp_path}: is not a regular file; name another"


def test_a_program_that_is_not_known_is_a_lookup_error() -> None:
    with pytest.raises(LookupError, match="'nobody' is not known; import the module"):
        lookup("nobody")


@pytest.mark.parametrize(
    ("value", "text"),
    [(3, "an int"), ("x", "a str"), ([], "a list"), (None, "a NoneType"), (object(), "an object")],
)
def test_a_type_is_named_with_its_article(value: object, text: str) -> None:
    assert type_shown(value) == text
