"""The form of a snapshot: all values of a state, or those that have changed since another snapshot.

A header in msgpack, with its length in four bytes before it and a checksum after it, and then one zstd frame, with
a checksum, too: of each key, in order, the key and its value, as msgpack; nil stands for a key that is gone. The
header of a whole snapshot brings a dictionary, trained on its own values, with which its frame is compressed, and
those of all that follow it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO, Final

import msgpack
import zstandard

from blockstm.errors import SnapshotError, shown, shown_path
from blockstm.files.content import decompressed, open_input, replacing_file
from blockstm.limits import (
    KEY_BYTES_MAX,
    SNAPSHOT_BYTES_MAX,
    SNAPSHOT_HEADER_BYTES_MAX,
    VALUE_BYTES_MAX,
)
from blockstm.native._trees import keccak_256

__all__ = ["SnapshotHeader", "read_header", "read_pairs", "trained", "write_snapshot"]

FORMAT: Final = "blockstm-snapshot"
VERSION: Final = 1
LENGTH_BYTES: Final = 4
CHECKSUM_BYTES: Final = 8
"""Of the Keccak-256 of the header."""
ZSTD_LEVEL: Final = 9

DICTIONARY_BYTES: Final = 16_384
SAMPLE_BYTES: Final = 512
SAMPLES_MAX: Final = 4_096
SAMPLES_MIN: Final = 64
"""Of fewer, nothing is learnt."""

Pair = tuple[bytes, bytes | None]


@dataclass(frozen=True)
class SnapshotHeader:
    """What a snapshot says of itself.

    Arguments:
        chain: the chain of the state.
        tree: the kind of tree that commits to it.
        number: the block after which it is.
        root: the root of it; None without a tree.
        keys: how many keys the snapshot holds; of changes, those that are gone, too.
        base_number, base_root: of the snapshot since which it tells the changes; None: it is whole.
        dictionary: what it was compressed with; empty where there is none, and in one that tells changes.
    """

    chain: str | None
    tree: str
    number: int
    root: bytes | None
    keys: int
    base_number: int | None = None
    base_root: bytes | None = None
    dictionary: bytes = b""

    @property
    def is_whole(self) -> bool:
        """Whether it holds all of the state."""
        return self.base_number is None


def trained(pairs: Iterable[Pair]) -> bytes:
    """Return a dictionary that suits these pairs; empty where there are too few."""
    samples: list[bytes | bytearray | memoryview] = []
    sample = b""
    for pair in pairs:
        sample += _packed(pair)
        if len(sample) >= SAMPLE_BYTES:
            samples.append(sample)
            sample = b""
            if len(samples) == SAMPLES_MAX:
                break
    if len(samples) < SAMPLES_MIN:
        return b""
    try:
        return zstandard.train_dictionary(DICTIONARY_BYTES, samples).as_bytes()
    except zstandard.ZstdError:  # values that have nothing in common
        return b""


def write_snapshot(
    path: str | os.PathLike[str], header: SnapshotHeader, pairs: Iterable[Pair], dictionary: bytes
) -> None:
    """Write a snapshot, whole or not at all.

    Arguments:
        path: where to; a file that is there is replaced.
        header: what it says of itself.
        pairs: keys and values, in the order of the keys.
        dictionary: what it is compressed with; empty for nothing.

    Raises:
        SnapshotError: the file cannot be written.
    """
    told = msgpack.packb({"format": FORMAT, "version": VERSION, **asdict(header)})
    parameters = zstandard.ZstdCompressionParameters.from_level(ZSTD_LEVEL, write_checksum=True)
    compressor = zstandard.ZstdCompressor(compression_params=parameters, dict_data=_dictionary(dictionary))
    frame = compressor.compressobj()
    with replacing_file(path, SnapshotError) as write:
        write(len(told).to_bytes(LENGTH_BYTES, "big") + told + keccak_256(told)[:CHECKSUM_BYTES])
        for pair in pairs:
            write(frame.compress(_packed(pair)))
        write(frame.flush())


def read_header(path: str | os.PathLike[str]) -> SnapshotHeader:
    """Return what a snapshot says of itself.

    Raises:
        SnapshotError: it is missing, damaged or foreign; names the file.
    """
    with open_input(path, SnapshotError) as file:
        return _header(path, file)


def read_pairs(path: str | os.PathLike[str], dictionary: bytes) -> Iterator[Pair]:
    """Go through the keys and values of a snapshot.

    Arguments:
        path: the file.
        dictionary: that of the whole snapshot at the beginning.

    Raises:
        SnapshotError: it is damaged; names the file.
    """
    with open_input(path, SnapshotError) as file:
        header = _header(path, file)
        unpacker = msgpack.Unpacker(
            max_bin_len=VALUE_BYTES_MAX, max_array_len=2, max_map_len=0, max_str_len=0, max_ext_len=0
        )
        count, last = 0, None
        try:
            for piece in decompressed(
                file, SNAPSHOT_BYTES_MAX, checksum_required=True, dictionary=dictionary
            ):
                unpacker.feed(piece)
                for pair in unpacker:
                    key, value = _checked(path, pair, count, last)
                    count, last = count + 1, key
                    yield key, value
        except SnapshotError:
            raise
        except (msgpack.UnpackException, ValueError) as error:
            raise SnapshotError(f"{shown_path(path)}: {error}") from error
        if count != header.keys:
            raise _damaged(path, f"holds {count} keys, and says that it holds {header.keys}")


def _header(path: str | os.PathLike[str], file: BinaryIO) -> SnapshotHeader:
    length = int.from_bytes(file.read(LENGTH_BYTES), "big")
    if not 0 < length <= SNAPSHOT_HEADER_BYTES_MAX:
        raise _foreign(path)
    content = file.read(length)
    try:
        told = msgpack.unpackb(content)
    except (ValueError, msgpack.UnpackException):
        raise _foreign(path) from None
    if not isinstance(told, dict) or told.pop("format", None) != FORMAT:
        raise _foreign(path)
    if (version := told.pop("version", None)) != VERSION:
        raise SnapshotError(
            f"{shown_path(path)}: is of version {shown(version)}, and this reads version {VERSION}; make it anew"
        )
    kinds: dict[str, tuple[type[Any], ...]] = {
        "chain": (str, type(None)),
        "tree": (str,),
        "number": (int,),
        "root": (bytes, type(None)),
        "keys": (int,),
        "base_number": (int, type(None)),
        "base_root": (bytes, type(None)),
        "dictionary": (bytes,),
    }
    for name, kind in kinds.items():
        if name not in told or type(told[name]) not in kind:
            raise _damaged(path, f"its {name} is {shown(told.get(name))}")
    if file.read(CHECKSUM_BYTES) != keccak_256(content)[:CHECKSUM_BYTES]:
        raise _damaged(path, "the checksum of its header is wrong")
    return SnapshotHeader(**{name: told[name] for name in kinds})


def _checked(path: str | os.PathLike[str], pair: object, place: int, last: bytes | None) -> Pair:
    if not isinstance(pair, list) or len(pair) != 2:
        raise _damaged(path, f"entry {place} is no key with a value")
    key, value = pair
    if type(key) is not bytes or len(key) > KEY_BYTES_MAX or (last is not None and key <= last):
        raise _damaged(path, f"entry {place} has no key that follows the one before")
    if value is not None and type(value) is not bytes:
        raise _damaged(path, f"the value of key {shown(key)} is {shown(value)}")
    return key, value


def _packed(pair: Pair) -> bytes:
    packed: bytes = msgpack.packb(pair)
    return packed


def _dictionary(dictionary: bytes) -> zstandard.ZstdCompressionDict | None:
    return zstandard.ZstdCompressionDict(dictionary) if dictionary else None


def _foreign(path: str | os.PathLike[str]) -> SnapshotError:
    return SnapshotError(f"{shown_path(path)}: is no snapshot; name a file of 'blockstm state snapshot'")


def _damaged(path: str | os.PathLike[str], problem: str) -> SnapshotError:
    return SnapshotError(f"{shown_path(path)}: is damaged: {problem}; make it anew")
