"""No test fails because the machine is busy: Hypothesis does not time examples, unless a test asks for that."""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st


@given(st.just(None))
@settings(max_examples=1)
def test_an_example_may_take_longer_than_hypothesis_allows_by_itself(nothing: None) -> None:
    time.sleep(0.3)


def test_no_deadline_is_the_default() -> None:
    assert settings.default is not None and settings.default.deadline is None
