"""The closing table of `make bench` says which targets were met."""

from __future__ import annotations

import pytest

from tests.benchmarks.targets import verdict


@pytest.mark.parametrize(
    ("value", "target", "expected"),
    [
        ("300 ns", "<= 300 ns", "met"),
        ("301 ns", "<= 300 ns", "MISSED"),
        ("1.85 x", ">= 1.85 x", "met"),
        ("1.84 x", ">= 1.85 x", "MISSED"),
        ("1.00 x", "> 1 x", "MISSED"),
        ("1.01 x", "> 1 x", "met"),
        ("-7 ns", "< 200 ns", "met"),
        ("200 ns", "< 200 ns", "MISSED"),
        ("1,200 ns", "<= 1,000 ns", "MISSED"),
        ("149 ns", "<= 1,000 ns", "met"),
        ("1.98 x", "-", ""),
    ],
)
def test_verdict(value: str, target: str, expected: str) -> None:
    assert verdict(value, target) == expected


@pytest.mark.parametrize(
    ("value", "target"), [("1 s", "<= 300 ns"), ("fast", "<= 1 x"), ("1 x", "about 1 x")]
)
def test_what_cannot_be_compared_is_an_error(value: str, target: str) -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        verdict(value, target)
