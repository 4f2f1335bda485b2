"""Hosts that several explorations use one after the other, where each would start one of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from blockstm.processes.host import Host


class HostLender:
    """Keeps one host, and lends it to all who ask.

    A search without deaths leaves nothing behind in its process, so another can follow in the same one. That dead
    workers stay in memory is no harm as long as there are no more of them than in one batch.
    """

    def __init__(self) -> None:
        self._host: Host | None = None

    def lend(self, module: str) -> LentHost:
        """What `Host` does, but for the process, which is started only where there is none."""
        if self._host is None or self._host.module != module or not self._host.is_alive():
            self.close()
            self._host = Host(module)
        return LentHost(self._host)

    def close(self) -> None:
        if self._host is not None:
            self._host.close()


class LentHost:
    """What exploration takes for a host of its own; closing it leaves the process alone."""

    def __init__(self, host: Host) -> None:
        self.call: Callable[..., Any] = host.call

    def close(self) -> None:
        pass
