"""The mathematics of calibration, and that it runs; how close it comes is for `make fidelity` to tell."""

from __future__ import annotations

import random

import pytest

from blockstm.native._core import pause_ns
from blockstm.simulate.calibration import least_squares, wake_ns


def test_least_squares_finds_what_is_there() -> None:
    chance = random.Random(1)
    prices = [3.0, 0.0, 70.0, 0.5]
    rows = [[chance.random() * scale for scale in (1, 10, 100, 1000)] for _ in range(12)]
    wanted = [sum(map(float.__mul__, row, prices)) for row in rows]
    assert least_squares(rows, wanted) == pytest.approx(prices, abs=1e-3)


def test_no_price_is_below_zero() -> None:
    assert least_squares([[1.0, 1.0], [1.0, 2.0]], [2.0, 1.0])[1] == 0


def test_what_nothing_tells_is_zero() -> None:
    assert least_squares([[1.0, 0.0], [2.0, 0.0]], [3.0, 6.0]) == pytest.approx([3.0, 0.0])


def test_probes() -> None:
    assert 0 < pause_ns() < 10_000
    wake_call, wake_up = wake_ns(3)
    assert 0 < wake_call < 1e9
    assert 0 <= wake_up < 1e9
