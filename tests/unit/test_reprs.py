"""What stands for much says in a line what it is."""

from __future__ import annotations

import re

from blockstm import Block
from blockstm.errors import counted
from blockstm.native._core import Arena, VirtualWorker, Worker
from blockstm.programs import transfer
from blockstm.simulate import Simulation, default_model
from blockstm.testing import Checker


def test_simulations_and_checkers() -> None:
    block = Block([transfer.txn(b"a", b"b", 1)])
    assert repr(block) == "<Block of 1 transaction, 0 keys of state>"
    with Simulation(block, default_model(), cores_max=4) as simulation:
        assert repr(simulation) == f"<Simulation of {block!r}, block-stm, up to 4 cores>"
    with Checker() as checker:
        assert repr(checker) == "<Checker with 0 fresh processes>"


def test_the_core() -> None:
    arena = Arena(1 << 20, 2)
    arena.lay_out(0, [], None, {}, [])
    assert re.fullmatch(r"<Arena of 1,048,576 bytes, [\d,]+ used>", repr(arena))
    snapshot = arena.snapshot()
    assert repr(snapshot) == "<Snapshot of 0 transactions, of the arena>"
    assert repr(VirtualWorker(Worker(arena, 1, -1), lambda: None)) == "<VirtualWorker 1, next start>"
    arena.close()
    assert repr(snapshot) == "<Snapshot of 0 transactions, kept>"
    assert repr(arena) == "<Arena, closed>"


def test_counts_have_their_nouns() -> None:
    assert [counted(count, "key") for count in (0, 1, 1234)] == ["0 keys", "1 key", "1,234 keys"]
    assert counted(2, "fresh process", "fresh processes") == "2 fresh processes"
