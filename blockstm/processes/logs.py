"""Log records made in workers reach the handlers of the process that has the engine.

Built upon multiprocessing-logging, which makes records fit for the wire. Its own wire is a queue that all
processes share, with a lock in shared memory: a worker killed while it holds that lock would silence the
others for good, and make them wait. Here each worker has a connection of its own instead, over which nobody
else can be kept waiting.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import msgpack
from multiprocessing_logging import MultiProcessingHandler

__all__ = ["LevelFollower", "WorkerLogHandler", "handle_record", "logger_levels"]

ROOT = ""


class WorkerLogHandler(MultiProcessingHandler):  # type: ignore[misc] # it comes without types
    """Sends every record of this worker to the process that has the engine.

    Arguments:
        send: takes a record as bytes, for `handle_record` at the other end.
    """

    def __init__(self, send: Callable[[bytes], None]) -> None:
        """Keep the connection; the queue and the thread of the class below are not made."""
        logging.Handler.__init__(self)
        self._send_bytes = send

    def _send(self, record: logging.LogRecord) -> None:
        """Send a record whose arguments and exception have been made text already."""
        self._send_bytes(_packed(record))

    def close(self) -> None:
        """Forget the handler; the connection is closed by what opened it."""
        logging.Handler.close(self)


def _packed(record: logging.LogRecord) -> bytes:
    fields = dict(record.__dict__)
    # The message may be any object, and what stands in "args" then is an empty tuple.
    fields["msg"] = record.getMessage()
    fields["args"] = None
    try:
        return _pack(fields)
    except (OverflowError, ValueError):
        # Something extra is too big or too deep for msgpack; as text it is not.
        return _pack({name: value if _is_plain(value) else repr(value) for name, value in fields.items()})


def _pack(fields: Mapping[str, object]) -> bytes:
    packed: bytes = msgpack.packb(fields, default=repr, unicode_errors="surrogatepass")
    return packed


def _is_plain(value: object) -> bool:
    return isinstance(value, str | float | None) or (isinstance(value, int) and abs(value) < 1 << 63)


def handle_record(packed: bytes) -> None:
    """Give a record that a worker sent to the handlers here, as if it had been made here.

    A handler or filter that raises gets its traceback onto standard error, as `logging` itself does where a
    handler fails: it is not a fault of the block that is being executed.
    """
    fields: dict[str, Any] = msgpack.unpackb(
        packed, use_list=False, strict_map_key=False, unicode_errors="surrogatepass"
    )
    record = logging.makeLogRecord(fields)
    logger = logging.getLogger(record.name)
    try:
        if logger.isEnabledFor(record.levelno):
            logger.handle(record)
    except Exception:
        if logging.raiseExceptions:
            traceback.print_exc()


def logger_levels() -> tuple[int, dict[str, int]]:
    """Return what decides here which records are made: logging.disable's level, and each logger's own level.

    The root logger's name is the empty string. Loggers that take their level from above are left out.
    """
    manager = logging.root.manager
    levels = {
        name: logger.level
        for name, logger in list(manager.loggerDict.items())
        if isinstance(logger, logging.Logger) and logger.level != logging.NOTSET
    }
    levels[ROOT] = logging.root.level
    return manager.disable, levels


class LevelFollower:
    """Gives the loggers of a worker the levels that they have in the process that has the engine."""

    def __init__(self) -> None:
        """Start with nothing changed."""
        self._levels: Mapping[str, int] = {}

    def follow(self, disabled_up_to: int, levels: Mapping[str, int]) -> None:
        """Set the levels to those that `logger_levels` returned; loggers no longer named lose theirs."""
        logging.disable(disabled_up_to)
        for name in self._levels.keys() - levels.keys():
            logging.getLogger(name).setLevel(logging.NOTSET)
        for name, level in levels.items():
            logging.getLogger(name or None).setLevel(level)
        self._levels = levels
