"""Option values that need more than a type."""

from __future__ import annotations

import pytest
import typer

from blockstm.cli.options import memory_bytes, not_negative, positive


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1048576", 1 << 20),
        ("512MiB", 512 << 20),
        ("2GiB", 2 << 30),
        ("1 gib", 1 << 30),
        ("64KiB", 64 << 10),
        ("1TiB", 1 << 40),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert memory_bytes(text) == size


@pytest.mark.parametrize(
    "text", ["", "MiB", "1.5GiB", "-1", "1e9", "5 bananas", "0x10", "1MiB2", "9" * 30, "٣"]
)
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="as in 512MiB"):
        memory_bytes(text)


def test_numbers() -> None:
    assert not_negative(0.0) == 0.0
    assert positive(None) is None
    assert positive(0.5) == 0.5
    for bad in (-1.0, float("nan"), float("inf")):
        with pytest.raises(typer.BadParameter):
            not_negative(bad)
        with pytest.raises(typer.BadParameter):
            positive(bad)
