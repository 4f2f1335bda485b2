"""Anyone can follow docs/reference/state-root.md: its examples come to what is computed here."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgpack
import pytest

from blockstm.trees.binary import state_root
from blockstm.trees.proof_files import encode_proof
from blockstm.trees.proofs import MappingState, prove

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "state-root.md"


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """What the examples define."""
    defined: dict[str, Any] = {}
    for example in PAGE.read_text().split("```python\n")[1:]:
        exec(example.split("```")[0], defined)
    return defined


def test_the_root(names: dict[str, Any]) -> None:
    state = {bytes([i]) * (i % 5): bytes(i) for i in range(1, 60)}
    assert names["state_root"](state) == state_root(state)


def test_proofs(names: dict[str, Any]) -> None:
    chance = random.Random(3)
    for size in (0, 1, 2, 40):
        state = {b"key %d" % number: b"value %d" % number for number in range(size)}
        keys = [b"key %d" % chance.randrange(60) for _ in range(5)]
        proof = encode_proof(prove(MappingState(state), keys))
        name, version, claims, shape, hashes = msgpack.unpackb(proof[:-8])
        assert (name, version) == ("blockstm-proof", 1)
        assert claims == [[key, state.get(key)] for key in sorted({*keys})]
        assert names["root_of_proof"](claims, shape, hashes) == state_root(state)
        assert proof[-8:] == names["H"](proof[:-8])[:8]
