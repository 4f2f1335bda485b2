"""The core under control: virtual workers in one process, and whoever decides which of them goes on."""

from blockstm.controlled.runtime import Deadlock, Runtime, StepLimit, Strategy

__all__ = ["Deadlock", "Runtime", "StepLimit", "Strategy"]
