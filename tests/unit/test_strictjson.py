"""JSON of unknown origin: sound text, and text that is made to do harm."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockstm.files.strict_json import DEPTH_MAX, decode_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2**64 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_sound_text_is_decoded(value: object) -> None:
    assert decode_json(json.dumps(value)) == value


@pytest.mark.parametrize("opening", ["[", '{"a":', '["[{",'])
def test_nesting_has_a_limit_whatever_the_recursion_limit_is(
    run_script: Callable[..., subprocess.CompletedProcess[str]], opening: str
) -> None:
    code = f"""
import sys
from blockstm.files.strict_json import decode_json
sys.setrecursionlimit(10**6)
try:
    decode_json({opening!r} * 10**5)
except ValueError as error:
    print(error)
"""
    assert run_script(code).stdout == "it is nested too deep\n"


def test_brackets_in_strings_are_not_nesting() -> None:
    text = '["' + "[" * 1000 + '\\"[", ' + "[" * (DEPTH_MAX - 1) + "]" * (DEPTH_MAX - 1) + "]"
    assert decode_json(text)[0] == "[" * 1000 + '"['


@pytest.mark.parametrize("text", ['"' + '\\"' * 10**6 + "[" * 200, '"' * 10**6 + "[" * 200])
def test_hostile_text_takes_no_longer_than_other_text(text: str) -> None:
    start = time.monotonic()
    with pytest.raises(ValueError, match=r"JSON|nested"):
        decode_json(text)
    assert time.monotonic() - start < 10


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not JSON: Expecting value at column 1"),
        ('{"a": 1,\n"b"', "not JSON: Expecting ':' delimiter at line 2, column 4"),
        ('{"a": 1, "b": 2, "a": 1}', "the key 'a' comes twice in one object"),
        ("1" * 79, "a number of 79 digits is too large"),
        ("[-Infinity]", "-Infinity is not a JSON number"),
    ],
)
def test_what_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError) as caught:
        decode_json(text)
    assert str(caught.value) == problem
