"""Proofs as bytes and in files: strict, bounded, and one form only for each proof."""

from __future__ import annotations

import os
from typing import Final

import msgpack

from blockstm.errors import ProofError, shown, shown_path
from blockstm.files.content import read_bytes, replace_file
from blockstm.limits import KEY_BYTES_MAX, PROOF_BYTES_MAX, PROOF_KEYS_MAX, VALUE_BYTES_MAX
from blockstm.native._trees import keccak_256
from blockstm.trees.proofs import Proof

__all__ = ["decode_proof", "encode_proof", "read_proof", "write_proof"]

FORMAT: Final = "blockstm-proof"
VERSION: Final = 1
CHECKSUM_BYTES: Final = 8
"""Of the hash of all before. It tells damage from a proof that is wrong; what is proved does not rest on it."""
_FIELDS: Final = 5
_AGAIN: Final = "make the proof again"


def encode_proof(proof: Proof) -> bytes:
    """Return a proof as bytes."""
    content = _content(proof)
    return content + keccak_256(content)[:CHECKSUM_BYTES]


def _content(proof: Proof) -> bytes:
    claims = [[key, proof.values[key]] for key in sorted(proof.values)]
    content: bytes = msgpack.packb([FORMAT, VERSION, claims, proof.shape, proof.hashes])
    return content


def decode_proof(encoded: bytes) -> Proof:
    """Return the proof that `encode_proof` made bytes of; it is still to be verified.

    Raises:
        ProofError: they are damaged, or not those of a proof.
    """
    content, checksum = encoded[:-CHECKSUM_BYTES], encoded[-CHECKSUM_BYTES:]
    try:
        fields = msgpack.unpackb(content, max_array_len=PROOF_KEYS_MAX, max_map_len=0, max_ext_len=0)
    except (ValueError, msgpack.UnpackException) as error:
        raise ProofError(f"is not a whole proof; name a file of 'blockstm prove', or {_AGAIN}") from error
    if not isinstance(fields, list) or fields[:1] != [FORMAT]:
        raise ProofError("is not a proof; name a file of 'blockstm prove'")
    if len(fields) < 2 or type(fields[1]) is not int or fields[1] != VERSION:
        raise ProofError(
            f"is of version {shown(fields[1] if len(fields) > 1 else None)}; this is read up to {VERSION}: "
            "update blockstm"
        )
    if checksum != keccak_256(content)[:CHECKSUM_BYTES]:
        raise ProofError(f"is damaged: its checksum is wrong; {_AGAIN}")
    proof = _proof(fields)
    if _content(proof) != content:
        raise ProofError(f"is not in the one form that proofs have: keys in order, lengths short; {_AGAIN}")
    return proof


def _proof(fields: list[object]) -> Proof:
    if len(fields) != _FIELDS:
        raise ProofError(f"has {len(fields)} fields, not {_FIELDS}; {_AGAIN}")
    _, _, claims, shape, hashes = fields
    if not isinstance(claims, list) or not claims:
        raise ProofError(f"has no list of keys; {_AGAIN}")
    values: dict[bytes, bytes | None] = {}
    for place, claim in enumerate(claims):
        if not isinstance(claim, list) or len(claim) != 2:
            raise ProofError(f"key {place} is {shown(claim)}, not a pair of a key and a value; {_AGAIN}")
        key, value = claim
        if type(key) is not bytes or len(key) > KEY_BYTES_MAX:
            raise ProofError(f"key {place} is {shown(key)}, not at most {KEY_BYTES_MAX} bytes; {_AGAIN}")
        if value is not None and (type(value) is not bytes or len(value) > VALUE_BYTES_MAX):
            raise ProofError(f"the value of key {place} is not at most {VALUE_BYTES_MAX} bytes; {_AGAIN}")
        values[key] = value
    if type(shape) is not bytes or type(hashes) is not bytes:
        raise ProofError(f"its shape or its hashes are not bytes; {_AGAIN}")
    return Proof(values, shape, hashes)


def write_proof(proof: Proof, path: str | os.PathLike[str]) -> None:
    """Write a proof to a file, whole or not at all.

    Raises:
        ProofError: the file cannot be written.
        UsageError: `path` is not a path.
    """
    replace_file(path, encode_proof(proof), ProofError)


def read_proof(path: str | os.PathLike[str]) -> Proof:
    """Return the proof that a file holds; it is still to be verified.

    Raises:
        ProofError: the file cannot be read, is damaged, or is not a proof; names it.
        UsageError: `path` is not a path.
    """
    encoded = read_bytes(path, PROOF_BYTES_MAX, ProofError, "name a file of 'blockstm prove'")
    try:
        return decode_proof(encoded)
    except ProofError as error:
        raise ProofError(f"{shown_path(path)}: {error}") from error
