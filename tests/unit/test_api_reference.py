"""The API reference is what the docstrings say, and all that is public has one."""

from __future__ import annotations

import inspect
from importlib import import_module

import pytest

from blockstm import Context
from tests.documents import api_reference


def test_it_is_up_to_date() -> None:
    told = f"{api_reference.PAGE} is out of date; make it again: python -m tests.documents.api_reference"
    assert api_reference.PAGE.read_text() == api_reference.page(), told


@pytest.mark.parametrize("name", api_reference.MODULES)
def test_whatever_is_public_says_what_it_is(name: str) -> None:
    module = import_module(name)
    assert module.__doc__
    for exported in module.__all__:
        found = getattr(module, exported)
        if inspect.isclass(found) or inspect.isfunction(found):
            assert found.__doc__, exported
            if inspect.isclass(found) and found is not Context:  # of which test_typing.py reads the stub
                silent = [member for member, text in api_reference.members_of(found) if not text]
                assert silent == [], exported


def test_sections_of_a_docstring_become_lists() -> None:
    text = "Do it.\n\nArguments:\n    a: one,\n        and more.\n    b, c: others.\n\nRaises:\n    KeyError: no."
    assert api_reference.prose(text) == (
        "Do it.\n\nArguments:\n\n- `a`: one, and more.\n- `b, c`: others.\n\nRaises:\n\n- `KeyError`: no."
    )
