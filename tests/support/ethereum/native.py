"""The native virtual machine against py-evm: outcomes, states, and accesses up to a written list of differences.

That list is in docs/how-to/ethereum.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
import rlp

from blockstm import Block, Engine
from blockstm.chains.checked import CheckedBlock
from blockstm.ethereum.rules.keys import nonce_key
from blockstm.ethereum.rules.outcome import Outcome
from blockstm.ethereum.virtual_machine import has_native
from blockstm.results.result import Receipt, Result
from blockstm.results.verify import differences
from tests.support.engines import run as run_speculatively

needs_native = pytest.mark.skipif(not has_native(), reason="the native EVM is not built here: make build")

PRECOMPILES = {number.to_bytes(20, "big") for number in (*range(1, 18), 0x100)}
READ_MORE = b"ecn"
"""The parts of accounts that the native virtual machine reads more often than py-evm."""
READ_LESS = b"ebcnsw"
"""Those that it reads less often: where nothing that is executed depends on them."""


def native_block(block: Block) -> Block:
    """What the native virtual machine executes of a block."""
    return CheckedBlock.of(block, "native").executable.block


def py_evm_block(block: Block) -> Block:
    """What py-evm executes of a block."""
    return CheckedBlock.of(block, "py-evm").executable.block


def assert_native_agrees(engine: Engine, block: Block, expected: Result, workers: int) -> Result:
    """Run a block in the native virtual machine both ways; compare with what came of it in py-evm."""
    made = native_block(block)
    sequential = engine.execute(made, "sequential")
    assert problems(block, sequential, expected) == []
    result = run_speculatively(engine, made, workers)
    assert differences(result, sequential) == []
    return result


def problems(block: Block, native: Result, py_evm: Result) -> list[str]:
    """Where two runs of a block differ, other than they may."""
    found = [f"the state at {key.hex()}" for key in state_differences(native.state, py_evm.state)]
    for txn_idx, (ours, theirs) in enumerate(zip(native.receipts, py_evm.receipts, strict=True)):
        raw, sender = block.transactions[txn_idx].arguments
        assert isinstance(raw, bytes) and isinstance(sender, bytes)
        if ours != theirs and not differs_as_precompile_may(raw, ours, theirs):
            found.append(f"transaction {txn_idx}: {shown(ours)}, not {shown(theirs)}")
        found += access_problems(txn_idx, sender, native, py_evm)
    return found


def differs_as_precompile_may(raw: bytes, ours: Receipt, theirs: Receipt) -> bool:
    """Whether the receipts of a call of a precompiled contract tell another reason of a failure only.

    Of too little gas and an input that is wrong, each names what it looks at first.
    """
    if (ours.status, theirs.status, ours.gas_used) != ("success", "success", theirs.gas_used):
        return False
    outcome, expected = Outcome.of_events(ours.events), Outcome.of_events(theirs.events)
    return (
        recipient(raw) in PRECOMPILES
        and {outcome.error, expected.error} == {"OutOfGas", "VMError"}
        and replace(outcome, error=None) == replace(expected, error=None)
    )


def recipient(raw: bytes) -> bytes:
    """The `to` of a signed transaction (EIP-2718)."""
    is_legacy = raw[0] >= 0xC0
    fields = rlp.decode(raw if is_legacy else raw[1:])
    to: bytes = fields[3 if is_legacy else 4 if raw[0] == 1 else 5]
    return to


def state_differences(ours: Mapping[bytes, bytes], theirs: Mapping[bytes, bytes]) -> list[bytes]:
    """The keys at which two states differ."""
    return sorted({key for key in (*ours, *theirs) if ours.get(key) != theirs.get(key)})


def shown(receipt: Receipt) -> str:
    """A receipt as a person reads it."""
    if receipt.status != "success":
        return f"{receipt.status} ({receipt.error})"
    outcome = Outcome.of_events(receipt.events)
    return f"gas {receipt.gas_used}, {outcome.error or 'success'}, {len(outcome.logs)} logs"


def access_problems(txn_idx: int, sender: bytes, native: Result, py_evm: Result) -> Iterator[str]:
    """Differences of accesses that are not in the list."""
    ours, theirs = dict(native.reads(txn_idx)), dict(py_evm.reads(txn_idx))
    for key in ours.keys() - theirs.keys():
        if key[0] not in READ_MORE:
            yield f"transaction {txn_idx} reads {key.hex()}"
    for key in theirs.keys() - ours.keys():
        if key[0] not in READ_LESS:
            yield f"transaction {txn_idx} does not read {key.hex()}"
    for key in ours.keys() & theirs.keys():
        if ours[key] != theirs[key]:
            yield f"transaction {txn_idx} reads another value of {key.hex()}"
    written, expected = dict(native.writes(txn_idx)), dict(py_evm.writes(txn_idx))
    added, expected_added = dict(native.adds(txn_idx)), dict(py_evm.adds(txn_idx))
    for key in written | expected:
        is_added = key in added and (key[:1] == b"b" or key == nonce_key(sender))
        if written.get(key, b"?") != expected.get(key, b"?") and not is_added:
            yield f"transaction {txn_idx} writes {key.hex()} otherwise"
    for key in added | expected_added:
        if added.get(key, 0) != expected_added.get(key, 0) and key not in expected:
            yield f"transaction {txn_idx} adds otherwise to {key.hex()}"
