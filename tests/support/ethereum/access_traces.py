"""Access traces of Ethereum blocks: ours against those of ../shared, up to the choices of docs/how-to/ethereum.md.

Rules are applied by their numbers there. After them nothing may differ but the order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import zstandard

from blockstm import Block
from blockstm.ethereum.rules.keys import decode_number, encode_number
from blockstm.results.accesses import net_accesses
from blockstm.results.result import Result


@dataclass
class Recorded:
    """What a line of a trace says; it serves the analysis, too."""

    gas_used: int
    reads: set[bytes]
    writes: set[bytes]
    adds: dict[bytes, int]


def read_trace(path: Path) -> list[Recorded]:
    """The lines of a recorded trace after the header."""
    with zstandard.open(path, "rb") as file:
        _, *lines = map(json.loads, file.read().splitlines())
    return [
        Recorded(
            line["gas_used"],
            {key_of(text) for text in line["reads"]},
            {key_of(text) for text in line["writes"]},
            {key_of(text): int(amount, 16) for text, amount in line["adds"].items()},
        )
        for line in lines
    ]


def key_of(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def differences(block: Block, result: Result, theirs: Iterable[Recorded]) -> Iterator[str]:
    """What the rules do not explain: one line each."""
    state = dict(block.state)
    for txn_idx, (ours, other) in enumerate(zip(net_accesses(block, result), theirs, strict=True)):
        gas_used = result.receipts[txn_idx].gas_used
        sender = block.transactions[txn_idx].arguments[1]
        assert isinstance(sender, bytes)
        before, state = state, state_after(state, result, txn_idx)
        mine = Recorded(gas_used, set(ours.reads), set(ours.writes), dict(ours.adds))
        their = Recorded(other.gas_used, set(other.reads), set(other.writes), dict(other.adds))
        apply_rules(mine, their, sender, before, state)
        if mine != their:
            yield f"transaction {txn_idx}: {mine}, recorded {their}"


def apply_rules(
    ours: Recorded,
    theirs: Recorded,
    sender: bytes,
    before: Mapping[bytes, bytes],
    after: Mapping[bytes, bytes],
) -> None:
    """Leave out and change what the documented choices explain."""
    for key in [key for key in theirs.writes if key[:1] == b"w" and b"c" + key[1:] not in before]:
        theirs.reads.remove(key)  # rule 7
        theirs.writes.remove(key)
    for key in [key for key in ours.reads - theirs.reads if key[:1] == b"b" and key[1:] != sender]:
        ours.reads.remove(key)  # rule 5
        ours.writes.discard(key)
        if change := number(after, key) - number(before, key):
            ours.adds[key] = abs(change)
    for side in (ours, theirs):
        for key in [key for key in side.adds if key in side.reads or b"e" + key[1:] in side.writes]:
            del side.adds[key]  # rules 4 and 6
            side.writes.add(key)
        side.reads = {
            key
            for key in side.reads
            if key[:1] not in (b"H", b"h", b"e")  # rule 1
            and key != b"c" + sender  # rule 2
            and (key[:1] != b"n" or key in side.writes)  # rule 3
        }


def state_after(state: Mapping[bytes, bytes], result: Result, txn_idx: int) -> dict[bytes, bytes]:
    """The state after a transaction, of the state before it."""
    changed = dict(state)
    for key, value in result.writes(txn_idx):
        if value is None:
            changed.pop(key, None)
        else:
            changed[key] = value
    for key, delta in result.adds(txn_idx):
        changed[key] = encode_number(number(changed, key) + delta)
    return changed


def number(state: Mapping[bytes, bytes], key: bytes) -> int:
    return decode_number(state.get(key))
