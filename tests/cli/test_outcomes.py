"""Every command that executes a block tells how many transactions succeeded, were reverted and failed, and why."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from blockstm import Block
from blockstm.chains import chain_block_of
from blockstm.engine import Engine
from blockstm.programs.program import program
from blockstm.results.outcomes import REASON_CHARACTERS_MAX, Outcomes
from blockstm.schema.common import ReasonEntry
from tests.ethereum_synthetic.assembly import asm
from tests.ethereum_synthetic.builder import BlockBuilder, Contract
from tests.ethereum_synthetic.chain import SENDERS, named
from tests.support.ethereum.inputs import BEHIND, Inputs

Command = Callable[..., subprocess.CompletedProcess[str]]


@program
def end(ctx, how: str, why: str):
    if how == "reverted":
        ctx.revert(why)
    if how == "failed":
        raise ValueError(why)


def test_reasons_are_counted_and_bounded(shared_engine: Engine) -> None:
    endings = [("success", "")] * 3 + [("failed", "oops")] * 4 + [("reverted", "poor")] * 5
    endings += [("reverted", "")] * 2 + [("reverted", f"reason {number}") for number in range(7)]
    result = shared_engine.execute(Block([end.txn(*ending) for ending in endings]))
    outcomes = Outcomes.of(result)
    assert (outcomes.succeeded, outcomes.reverted, outcomes.failed) == (3, 14, 4)
    assert outcomes.reasons == (
        ReasonEntry("poor", "reverted", 5),
        ReasonEntry("ValueError: oops", "failed", 4),
        ReasonEntry("", "reverted", 2),
        ReasonEntry("reason 0", "reverted", 1),
        ReasonEntry("reason 1", "reverted", 1),
    )
    assert outcomes.other_reasons == 5
    reason = outcomes.entry().as_json()["reasons"][1]
    assert reason == {"reason": "ValueError: oops", "status": "failed", "count": 4}


def test_reasons_are_one_printable_line(shared_engine: Engine) -> None:
    hostile = "\x1b[31mred\x07\nsecond line" + "x" * 1000
    outcomes = Outcomes.of(shared_engine.execute(Block([end.txn("reverted", hostile)])))
    (reason,) = outcomes.reasons
    assert reason.reason.startswith("\\x1b[31mred\\x07\\nsecond line")
    assert reason.reason.isprintable()
    assert len(reason.reason) == REASON_CHARACTERS_MAX


def json_of(command: Command, *arguments: object) -> dict[str, Any]:
    completed = command(*arguments, "--json")
    assert (completed.returncode, completed.stderr) == (0, "")
    parsed = json.loads(completed.stdout)
    assert isinstance(parsed, dict)
    return parsed


COUNTS = {
    "succeeded": 19,
    "reverted": 1,
    "failed": 0,
    "reasons": [{"reason": "insufficient funds", "status": "reverted", "count": 1}],
}


def test_json_of_every_command(command: Command, small_block: Path) -> None:
    replayed = json_of(command, "replay", small_block)
    assert {name: replayed["totals"][name] for name in ("succeeded", "reverted", "failed")} == {
        "succeeded": 19,
        "reverted": 1,
        "failed": 0,
    }
    simulated = json_of(command, "simulate", small_block, "--cores", 1)
    inspected = json_of(command, "inspect", small_block)
    for entry in (replayed["blocks"][0], simulated, inspected):
        assert {name: entry[name] for name in COUNTS} == COUNTS


def test_a_block_of_failures_says_so(command: Command, tmp_path: Path, environment: dict[str, str]) -> None:
    # A block whose transactions all raise is fast, and agrees with sequential execution.
    (tmp_path / "shop_of_failures.py").write_text(
        "import blockstm\n@blockstm.program\ndef broken(ctx, key: bytes):\n    raise ValueError('oops')\n"
    )
    saving = (
        "import shop_of_failures, blockstm; "
        "blockstm.Block([shop_of_failures.broken.txn(b'a')] * 20).save('f.block')"
    )
    subprocess.run([sys.executable, "-c", saving], cwd=tmp_path, env=environment, check=True, timeout=60)
    options = ("f.block", "--programs", "shop_of_failures")
    for arguments in (("replay", *options, "--verify"), ("inspect", *options), ("simulate", *options)):
        completed = command(*arguments)
        assert (completed.returncode, completed.stderr) == (0, "")
        words = " ".join(completed.stdout.split())
        assert "outcome 0 succeeded, 0 reverted, 20 failed reasons 20 failed: ValueError: oops" in words
    table = command("replay", "f.block", "f.block", "--programs", "shop_of_failures").stdout
    assert "\n40 failed: ValueError: oops\n" in table


def test_how_transactions_end_on_ethereum(shared_engine: Engine, command: Command, tmp_path: Path) -> None:
    # For the engine all of them succeed: a fee was paid, and a nonce was used.
    reverting, invalid = named("reverting"), named("invalid")
    contracts = [
        Contract(reverting, asm(0, 0, "REVERT")),
        Contract(invalid, b"\xfe"),  # INVALID
        Contract(BEHIND, asm(1, 0, "SSTORE")),
    ]
    builder = BlockBuilder("cancun", contracts)
    for target in (BEHIND, reverting, reverting, invalid):
        builder.send(SENDERS[0], target, b"call")
    made = builder.finish()
    inputs = Inputs()
    inputs.block, inputs.prestate = made.block, made.prestate
    for name, content in (("block", inputs.block), ("prestate", inputs.prestate)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    arguments = ("--block", "block.json", "--prestate", "prestate.json", "-o", "x.block")
    assert command("record", "ethereum", *arguments).returncode == 0
    block = Block.load(tmp_path / "x.block")
    result = shared_engine.execute(block)
    assert {receipt.status for receipt in result.receipts} == {"success"}
    outcomes = Outcomes.of(result, chain_block_of(block))
    assert (outcomes.succeeded, outcomes.reverted, outcomes.failed) == (1, 2, 1)
    assert [(reason.reason, reason.count) for reason in outcomes.reasons] == [
        ("Revert", 2),
        ("InvalidInstruction", 1),
    ]
