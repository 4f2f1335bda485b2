"""Hosts for explorations."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from blockstm.explore import batches
from tests.support.hosts import HostLender


@pytest.fixture(scope="session")
def shared_hosts() -> Iterator[HostLender]:
    """One host for all searches in which nobody dies."""
    lender = HostLender()
    yield lender
    lender.close()


@pytest.fixture
def lend_host(monkeypatch: pytest.MonkeyPatch, shared_hosts: HostLender) -> Iterator[Callable[..., None]]:
    """Have explorations of this test use one host: that of all tests, or, where workers die, one of its own."""
    own = HostLender()

    def lend(*, kills: int = 0) -> None:
        monkeypatch.setattr(batches, "Host", (own if kills else shared_hosts).lend)

    yield lend
    own.close()
