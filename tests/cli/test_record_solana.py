"""`blockstm record solana`: what it prints, and what is wrong with bad input."""

from __future__ import annotations

import gzip
import importlib.util
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from blockstm import Block
from tests.support.solana import VOTE, account, told_block

Command = Callable[..., subprocess.CompletedProcess[str]]
Refused = Callable[..., str]

ARGUMENTS = ("record", "solana", "--block", "block.json", "-o", "out.block")
PLACE = "error: block.json: "
ASK_AGAIN = "; ask the node again for getBlock with transactionDetails full, "


@pytest.mark.parametrize("compress", [bytes, gzip.compress, zstandard.compress])
def test_a_block_is_recorded(command: Command, tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    (tmp_path / "block.json").write_bytes(compress(json.dumps(told_block("base64")).encode()))
    done = command(*ARGUMENTS, "--slot", "42")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("out.block: 5 transactions, ")
    assert "note: 1 vote, 2 failed, 63,557 compute units; " in done.stdout
    assert "note: 2 locks for writing that messages request, " in done.stdout
    assert Block.load(tmp_path / "out.block").number == 42
    assert "messages request" not in command(*ARGUMENTS, "--requested-locks").stdout


@pytest.mark.usefixtures("one_engine")
def test_a_recorded_block_is_replayed_and_inspected(command: Command, tmp_path: Path) -> None:
    (tmp_path / "block.json").write_text(json.dumps(told_block("json")))
    assert command(*ARGUMENTS).returncode == 0
    replayed = command("replay", "out.block", "--verify", "--repeat", "1", "--receipts", "receipts.jsonl")
    assert re.search("outcome +3 succeeded, 0 reverted, 2 failed\n", replayed.stdout)
    assert re.search("verified +yes\n", replayed.stdout)
    receipts = (tmp_path / "receipts.jsonl").read_text().splitlines()
    outcomes = [json.loads(receipt)["outcome"] for receipt in receipts]
    assert [each["vote"] for each in outcomes] == [True, False, False, False, False]
    assert [each["err"] for each in outcomes][2:4] == [None, "AccountInUse"]
    assert str(account(1)) in command("inspect", "out.block").stdout  # who pays for most of them


def change(told: Any, *place: Any, to: Any = None, drop: bool = False) -> Any:
    """What was told, with something else at a place."""
    inside = told
    for name in place[:-1]:
        inside = inside[name]
    if drop:
        del inside[place[-1]]
    else:
        inside[place[-1]] = to
    return told


FIRST = ("transactions", 0)
MESSAGE = (*FIRST, "transaction", "message")


@pytest.mark.parametrize(
    ("encoding", "place", "to", "message"),
    [
        (
            "json",
            ("blockhash",),
            "short",
            "the block: field blockhash 'short' is not an account, which is 32 bytes",
        ),
        ("json", ("parentSlot",), "41", "the block: field parentSlot is '41', not a whole number from 0 to"),
        ("json", ("transactions",), {}, "the block: field transactions is {}, not a list"),
        ("json", FIRST, "x", "transaction 0: it is 'x', not a JSON object"),
        ("json", (*FIRST, "meta"), None, "transaction 0: meta: it is None, not a JSON object"),
        (
            "json",
            (*FIRST, "meta", "computeUnitsConsumed"),
            None,
            "transaction 0: meta: field computeUnitsConsumed is missing: the node does not know the work",
        ),
        (
            "json",
            (*FIRST, "meta", "computeUnitsConsumed"),
            -1,
            "transaction 0: meta: field computeUnitsConsumed is -1, not a whole number",
        ),
        ("json", (*FIRST, "transaction"), {"accountKeys": []}, "transaction 0: field message is missing"),
        ("json", (*FIRST, "transaction"), ["AA==", "base32"], "transaction 0: it cannot be decoded: ["),
        (
            "json",
            (*FIRST, "transaction"),
            ["A", "base64"],
            "transaction 0: it cannot be decoded: 'A' is not base64",
        ),
        ("json", (*FIRST, "transaction"), ["AA==", "base64"], "transaction 0: it cannot be decoded: "),
        (
            "json",
            (*FIRST, "transaction"),
            "0",
            "transaction 0: it cannot be decoded: '0' is not a text in base58",
        ),
        (
            "json",
            (*FIRST, "transaction"),
            7,
            "transaction 0: it cannot be decoded: 7 is not a text in base58",
        ),
        (
            "json",
            (*MESSAGE, "accountKeys"),
            ["1"],
            "transaction 0: message: one of accountKeys, '1' is not an account",
        ),
        (
            "json",
            (*MESSAGE, "accountKeys"),
            [str(VOTE)] * 257,
            "transaction 0: message: field accountKeys has 257 accounts, and the limit is 256",
        ),
        (
            "json",
            (*MESSAGE, "header", "numReadonlySignedAccounts"),
            1,
            "transaction 0: meta: the header of the message does not fit its accounts",
        ),
        (
            "json",
            (*MESSAGE, "header", "numReadonlyUnsignedAccounts"),
            3,
            "transaction 0: meta: the header of the message does not fit its accounts",
        ),
        (
            "json",
            (*MESSAGE, "instructions", 0, "programIdIndex"),
            3,
            "transaction 0: meta: an instruction calls a program that is none of the message's accounts",
        ),
        (
            "json",
            (*MESSAGE, "instructions", 0),
            {},
            "transaction 0: message: instruction 0: field programIdIndex is ",
        ),
        (
            "jsonParsed",
            (*MESSAGE, "accountKeys", 0, "writable"),
            "yes",
            "transaction 0: message: account 0: field writable is 'yes', not true or false",
        ),
        (
            "base64",
            ("transactions", 2, "meta", "loadedAddresses", "writable"),
            [],
            "transaction 2: meta: loadedAddresses: 0 accounts to write to and 1 to read are told, but the message "
            "takes 1 and 1 from lookup tables",
        ),
        (
            "json",
            ("transactions", 2, "meta", "loadedAddresses"),
            None,
            "transaction 2: meta: loadedAddresses: it is None, not a JSON object",
        ),
    ],
)
def test_bad_input_is_refused(
    refused: Refused, tmp_path: Path, encoding: str, place: tuple[Any, ...], to: Any, message: str
) -> None:
    (tmp_path / "block.json").write_text(json.dumps(change(told_block(encoding), *place, to=to)))
    told = refused(*ARGUMENTS)
    assert told.startswith(PLACE + message)
    assert ASK_AGAIN in told
    assert not (tmp_path / "out.block").exists()


@pytest.mark.parametrize("name", ["blockhash", "parentSlot", "transactions"])
def test_missing_fields_are_named(refused: Refused, tmp_path: Path, name: str) -> None:
    (tmp_path / "block.json").write_text(json.dumps(change(told_block("json"), name, drop=True)))
    assert refused(*ARGUMENTS).startswith(f"{PLACE}the block: field {name} is missing{ASK_AGAIN}")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ('{"a": 1, "a": 2}', "the key 'a' comes twice in one object; save the node's answer again"),
        ("null", "the node has no such block: its slot was skipped, or the node has forgotten it"),
        ('{"jsonrpc": "2.0", "id": 1, "result": null}', "the node has no such block"),
        (
            '{"jsonrpc": "2.0", "id": 1, "error": {"code": -32015, "message": "Version (0)"}}',
            "the node answered with an error, {'code': -32015, 'message': 'Version (0)'}; save the",
        ),
        ("[]", "the block: it is [], not a JSON object"),
    ],
)
def test_files_that_hold_no_block_are_refused(
    refused: Refused, tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "block.json").write_text(content)
    assert refused(*ARGUMENTS).startswith(PLACE + message)


def test_a_missing_file_is_refused(refused: Refused) -> None:
    assert refused(*ARGUMENTS) == "error: block.json: no such file; check the path\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--slot", "41"),
            "block.json: slot 41 is not after that of the block's parent, 41; give the block's own",
        ),
        (("--slot", "0x2a"), "--slot '0x2a' is not that of a block; write it as 254170887"),
        (("--slot", "9" * 20), f"--slot '{'9' * 20}' is not that of a block"),
        (("-o", "block.json"), "block.json: is the node's answer itself; name another output file"),
    ],
)
def test_bad_options_are_refused(
    refused: Refused, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    (tmp_path / "block.json").write_text(json.dumps(told_block("base64")))
    assert refused(*ARGUMENTS, *options).startswith(f"error: {message}")


def test_without_solders_the_extra_is_named(
    refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "blockstm.solana.recorder.find_spec", lambda name: None if name == "solders" else found(name)
    )
    (tmp_path / "block.json").write_text(json.dumps(told_block("base64")))
    assert refused(*ARGUMENTS) == (
        "error: record solana needs solders, which is not installed; "
        "install it in the checkout of blockstm: pip install -e '.[solana]'\n"
    )


def test_more_reasons_than_are_kept_become_one(command: Command, tmp_path: Path) -> None:
    told = told_block("json")
    first = told["transactions"][0]
    told["transactions"] = [
        {**first, "meta": {**first["meta"], "err": {"Custom": number}}} for number in range(300)
    ]
    told["blockhash"] = str(account(5))
    (tmp_path / "block.json").write_text(json.dumps(told))
    assert command(*ARGUMENTS).returncode == 0
    failures: Any = Block.load(tmp_path / "out.block").meta["solana"]["failures"]  # type: ignore[index]
    assert len(failures) == 257
    assert failures["another reason"] == list(range(256, 300))
