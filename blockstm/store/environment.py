"""The LMDB environment of a store, and what goes wrong with it, in errors that name the file.

LMDB (Howard Chu, lmdb.tech) never changes a page in place: a transaction writes new pages, syncs, and then writes
one of two meta pages, alternately. So whoever reads sees a whole block or none of it, and so does whoever opens the
store after a crash.
"""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import lmdb

from blockstm.errors import StoreError, shown_path

__all__ = ["Environment", "environment_at", "is_store", "keep_open", "naming"]

MAP_BYTES: Final = 1 << 40
"""The most that a store can hold: address space, which costs nothing until it is used."""
MAGIC_AT: Final = 16
MAGIC: Final = (0xBEEFC0DE).to_bytes(4, sys.byteorder)
"""What stands in the first page, behind its head."""
READERS_MAX: Final = 1024
"""Processes and threads that may read at the same time."""

_open_ones: weakref.WeakValueDictionary[str, Environment] = weakref.WeakValueDictionary()
"""A process may open an LMDB file once only."""


class Environment:
    """An open LMDB environment with the tables of a store.

    Arguments:
        path: the file.
        is_new: whether to make it.

    Raises:
        StoreError: it cannot be opened.
    """

    def __init__(self, path: str, *, is_new: bool = False) -> None:
        """Open it."""
        if not is_new:
            _check_file(path)
        with naming(path):
            self.lmdb = lmdb.open(
                path,
                subdir=False,
                create=is_new,
                map_size=MAP_BYTES,
                max_dbs=4,
                max_readers=READERS_MAX,
                mode=0o644,
            )
            try:
                if not is_new:
                    _check_length(path, self.lmdb)
                names = (b"about", b"blocks", b"state", b"nodes")
                tables = [self.lmdb.open_db(name, create=is_new) for name in names]
            except lmdb.NotFoundError:
                self.lmdb.close()
                raise StoreError(f"{shown_path(path)}: is no store of blockstm; give another file") from None
            except BaseException:
                self.lmdb.close()
                raise
        self.about, self.blocks, self.state, self.nodes = tables

    def get(self, table: Any, key: bytes) -> bytes | None:
        """Return what stands in a table now."""
        with self.lmdb.begin(db=table) as transaction:
            value: bytes | None = transaction.get(key)
            return value


def environment_at(path: str) -> Environment:
    """Return the environment of a store, which this process may have open already.

    Raises:
        StoreError: it cannot be opened.
    """
    environment = _open_ones.get(path)
    if environment is None:
        environment = _open_ones[path] = Environment(path)
    return environment


def keep_open(path: str, environment: Environment) -> None:
    """Have this process use an environment that it has just made wherever it opens that file."""
    _open_ones[path] = environment


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Turn what LMDB and the system say of a file into errors of ours that name it."""
    try:
        yield
    except lmdb.MapFullError as error:
        raise StoreError(
            f"{shown_path(path)}: holds {MAP_BYTES >> 30} GiB, and can hold no more; begin another store"
        ) from error
    except (
        lmdb.InvalidError,
        lmdb.CorruptedError,
        lmdb.VersionMismatchError,
        lmdb.PageNotFoundError,
    ) as error:
        raise StoreError(f"{shown_path(path)}: is damaged or no store ({error}); make it anew") from error
    except (lmdb.Error, OSError) as error:
        raise StoreError(
            f"{shown_path(path)}: {error}; correct that and go on: what was durable still is"
        ) from error


def is_store(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file looks like an LMDB environment, by its first page."""
    if not os.path.isfile(path):  # whoever opens a pipe waits for its writer
        return False
    try:
        with open(path, "rb") as file:
            return file.read(MAGIC_AT + len(MAGIC))[MAGIC_AT:] == MAGIC
    except OSError:
        return False


def _check_file(path: str) -> None:
    """Check that a file is there with something in it: LMDB would make one.

    Raises:
        StoreError: it is not, or is none.
    """
    if not os.path.exists(path):
        raise StoreError(f"{shown_path(path)}: is not there; name a store, or have it made")
    if not os.path.isfile(path):
        raise StoreError(f"{shown_path(path)}: is no file; name a store")
    if not os.path.getsize(path):
        raise StoreError(f"{shown_path(path)}: is empty; remove it, or give another file")


def _check_length(path: str, environment: lmdb.Environment) -> None:
    """Check that a file was not cut off: whoever read beyond its end would be killed by SIGBUS.

    Raises:
        StoreError: it was.
    """
    length = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    if os.stat(path).st_size < length:
        raise StoreError(
            f"{shown_path(path)}: is shorter than the {length} bytes that it says; it was cut off: make it anew"
        )
