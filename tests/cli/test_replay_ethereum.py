"""`blockstm replay` of Ethereum blocks: what it shows of their headers, and what it says of bad input."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from eth_hash.auto import keccak
from ethereum.exceptions import GasUsedExceedsLimitError

from blockstm import Block
from blockstm.ethereum.node.header import read_header
from blockstm.ethereum.node.nodejson import Fields
from blockstm.ethereum.node.tries import encode_rlp
from blockstm.ethereum.program import evm
from blockstm.programs.built_in import transfer
from tests.ethereum_synthetic.assembly import asm
from tests.ethereum_synthetic.builder import BlockBuilder, Contract
from tests.ethereum_synthetic.chain import SENDERS, hex_of, named
from tests.support.ethereum.inputs import BEHIND, FAR_HASH, HASHES, LOGGER, OTHER, SENDER, Inputs
from tests.support.ethereum.node import ETHEREUM, account, address, block, transaction
from tests.support.ethereum.oracle import execute, read_json

Command = Callable[..., subprocess.CompletedProcess[str]]
Refused = Callable[..., str]
Record = Callable[..., Path]


@pytest.fixture(autouse=True)
def same_engine(request: pytest.FixtureRequest) -> None:
    """Have all commands of these tests use one engine, but for those of tests that are marked."""
    if request.node.get_closest_marker("own_engine") is None:
        request.getfixturevalue("one_engine")


needs_blocks = pytest.mark.skipif(
    not ETHEREUM.is_dir(), reason="the recorded blocks of ../shared are not here"
)

CHECKS = (
    "block hash",
    "transactions root",
    "uncles hash",
    "withdrawals root",
    "difficulty",
    "nonce",
    "extra data",
    "blob gas used",
    "blob gas limit",
    "parent",
    "base fee",
    "excess blob gas",
    "block size",
    "gas limit",
    "gas used",
    "logs bloom",
    "receipts root",
    "requests hash",
    "state root",
)
NOT_TOLD = {"parent", "base fee", "excess blob gas", "block size", "state root"}
"""What follows from the parent's header, which is not known; what came with Osaka; what takes a whole state."""
BEFORE_PARIS = {"withdrawals root", "difficulty", "nonce", "blob gas used", "blob gas limit", "requests hash"}
"""What headers from then do not have, or may have as they like."""


@pytest.fixture
def inputs() -> Inputs:
    return Inputs()


@pytest.fixture
def record(command: Command, tmp_path: Path) -> Record:
    """Write a node's answers, record them, and return the block file."""

    def run(inputs: Inputs, *, blockhashes: bool = True) -> Path:
        contents = {"block": inputs.block, "prestate": inputs.prestate, "hashes": inputs.hashes}
        for name, content in contents.items():
            (tmp_path / f"{name}.json").write_text(json.dumps(content))
        arguments = ["--block", "block.json", "--prestate", "prestate.json", "-o", "made.block"]
        completed = command(
            "record", "ethereum", *arguments, *(["--blockhashes", "hashes.json"] if blockhashes else [])
        )
        assert (completed.returncode, completed.stderr) == (0, "")
        return tmp_path / "made.block"

    return run


def lines_of(completed: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """The lines of the summary, by name."""
    lines = (line.split("  ", 1) for line in completed.stdout.splitlines())
    return {name: value.strip() for name, value in lines}


def real_block(command: Command, number: int, output: str) -> None:
    folder = ETHEREUM / str(number)
    hashes = folder / "blockhashes.json.zst"
    options = ("--blockhashes", hashes) if hashes.exists() else ()
    arguments = ("--block", folder / "block.json.zst", "--prestate", folder / "prestate.json.zst")
    completed = command("record", "ethereum", *arguments, *options, "-o", output)
    assert (completed.returncode, completed.stderr) == (0, "")


# --- blocks that are sound ------------------------------------------------------------------------


@needs_blocks
@pytest.mark.own_engine
@pytest.mark.parametrize(
    ("number", "without"),
    [
        (116525, BEFORE_PARIS | {"receipts root"}),
        (4864590, BEFORE_PARIS),
        (19910734, {"requests hash"}),  # has no transactions
    ],
)
def test_a_real_block_comes_to_what_its_header_says(command: Command, number: int, without: set[str]) -> None:
    real_block(command, number, "real.block")
    completed = command("replay", "real.block", "--verify", "--workers", 2)
    assert (completed.returncode, completed.stderr) == (0, "")
    shown = lines_of(completed)
    told = read_json(ETHEREUM / str(number) / "block.json.zst")
    assert shown["gas"] == f"{int(told['gasUsed'], 16):,}"
    assert (shown["chain"], shown["number"], shown["verified"]) == ("ethereum", str(number), "yes")
    assert {name: shown[f"header {name}"] for name in CHECKS} == {
        name: "-" if name in without | NOT_TOLD else "equal" for name in CHECKS
    }
    assert "million, sequential" in shown["gas per second"]


def test_json_has_the_checks_and_the_speed(command: Command, record: Record, inputs: Inputs) -> None:
    completed = command("replay", record(inputs), "--json", "--verify", "--repeat", 2)
    assert (completed.returncode, completed.stderr) == (0, "")
    parsed = json.loads(completed.stdout)
    (entry,) = parsed["blocks"]
    assert entry["header_checks"] == {
        name.replace(" ", "_"): None if name in {"requests hash"} | NOT_TOLD else True for name in CHECKS
    }
    assert entry["verified"] is parsed["totals"]["verified"] is True
    assert entry["gas_used"] == parsed["totals"]["gas_used"] == int(inputs.block["gasUsed"], 16)
    assert entry["mgas_per_second"] == pytest.approx(entry["gas_used"] / 1e6 / entry["wall_seconds"])
    assert set(entry["stage_seconds"]) == {"senders", "transactions_root", "receipts_root"}
    assert all(seconds > 0 for seconds in entry["stage_seconds"].values())


def test_receipts_tell_what_came_of_transactions(
    command: Command, record: Record, inputs: Inputs, tmp_path: Path
) -> None:
    assert command("replay", record(inputs), "--receipts", "out.jsonl").returncode == 0
    receipts = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [receipt["outcome"]["status"] for receipt in receipts] == [1] * 5
    assert [len(receipt["outcome"]["logs"]) for receipt in receipts] == [0, 1, 0, 0, 0]
    (log,) = receipts[1]["outcome"]["logs"]
    assert log == {"address": hex_of(LOGGER), "topics": [hex_of((7).to_bytes(32, "big"))], "data": "0x"}


def test_a_table_of_blocks_with_and_without_headers(
    command: Command, record: Record, inputs: Inputs, small_block: Path
) -> None:
    made = record(inputs)
    completed = command("replay", small_block, made, "--verify")
    assert (completed.returncode, completed.stderr) == (0, "")
    lines = completed.stdout.splitlines()
    assert "header  Mgas/s" in completed.stdout
    _, small = (line.split() for line in lines if line.startswith("small.block"))
    _, ethereum = (line.split() for line in lines if line.startswith("made.block"))
    gain, outcome = (line.split() for line in lines if line.startswith("2 blocks"))
    assert small[1:] == ["19", "1", "0", "yes", "-", "-"]
    assert ethereum[1:-1] == ["5", "0", "0", "yes", "equal"]
    assert float(ethereum[-1]) > 0
    assert gain[2] == "25"
    assert outcome[2:] == ["24", "1", "0", "yes"]

    parsed = json.loads(command("replay", small_block, made, "--json").stdout)
    assert [("header_checks" in entry, "mgas_per_second" in entry) for entry in parsed["blocks"]] == [
        (False, False),
        (True, True),
    ]
    assert parsed["totals"]["gas_used"] == sum(entry["gas_used"] for entry in parsed["blocks"])


# --- headers that say otherwise -------------------------------------------------------------------

TAMPERED = {"gasUsed": "0x5", "receiptsRoot": "0x" + "12" * 32, "logsBloom": "0x" + "00" * 255 + "01"}


@pytest.mark.parametrize("fork", ["homestead", "cancun"])
@pytest.mark.parametrize(
    ("field", "check"),
    [("gasUsed", "gas used"), ("receiptsRoot", "receipts root"), ("logsBloom", "logs bloom")],
)
def test_a_header_that_differs_is_told(
    command: Command, record: Record, fork: str, field: str, check: str
) -> None:
    inputs = Inputs(fork)
    inputs.block[field] = TAMPERED[field]
    made = record(inputs)
    unknown = {"requests hash"} if fork == "cancun" else BEFORE_PARIS | {"receipts root"}
    unknown |= NOT_TOLD
    differing = {"block hash", check} - unknown
    completed = command("replay", made, "--verify", "--receipts", "out.jsonl")
    assert completed.returncode == 1
    shown = lines_of(completed)
    assert shown["verified"] == "yes"
    assert {name: shown[f"header {name}"] for name in CHECKS} == {
        name: "-" if name in unknown else "DIFFERS" if name in differing else "equal" for name in CHECKS
    }
    assert completed.stderr.splitlines() == [
        f"disagrees with the header: {made}: {name}" for name in CHECKS if name in differing
    ]
    assert not (made.parent / "out.jsonl").exists()
    completed = command("replay", made, "--json")
    assert completed.returncode == 1
    (entry,) = json.loads(completed.stdout)["blocks"]
    assert {name for name, is_equal in entry["header_checks"].items() if is_equal is False} == {
        name.replace(" ", "_") for name in differing
    }


@needs_blocks
def test_a_tampered_header_is_no_lack_of_the_pre_state(command: Command, tmp_path: Path) -> None:
    # Accounts without code are called in this block, and its receipts root cannot be computed.
    folder = ETHEREUM / "116525"
    told = read_json(folder / "block.json.zst") | {"gasUsed": "0x5"}
    (tmp_path / "block.json").write_text(json.dumps(told))
    arguments = ("--block", "block.json", "--prestate", folder / "prestate.json.zst", "-o", "x.block")
    assert command("record", "ethereum", *arguments).returncode == 0
    completed = command("replay", "x.block")
    assert completed.returncode == 1
    assert completed.stderr.splitlines() == [
        "disagrees with the header: x.block: block hash",
        "disagrees with the header: x.block: gas used",
    ]


def test_a_header_that_differs_shows_in_the_table(
    command: Command, record: Record, inputs: Inputs, small_block: Path
) -> None:
    inputs.block["gasUsed"] = TAMPERED["gasUsed"]
    completed = command("replay", small_block, record(inputs))
    assert completed.returncode == 1
    _, line = (line for line in completed.stdout.splitlines() if line.startswith("made.block"))
    assert line.split()[-2] == "DIFFERS"


# --- bad input ------------------------------------------------------------------------------------


def test_a_sender_that_is_missing(refused: Refused, record: Record, inputs: Inputs) -> None:
    del inputs.prestate[SENDER]
    message = refused("replay", record(inputs))
    assert "made.block: " in message
    assert f"{inputs.transaction(0)} cannot be executed" in message
    assert "record the block again" in message


@pytest.mark.parametrize("fork", ["homestead", "tangerine_whistle", "byzantium", "cancun"])
@pytest.mark.parametrize(
    ("address", "txn_idx"), [(LOGGER, 1), (BEHIND, 1), (HASHES, 3)], ids=["called", "called within", "last"]
)
@pytest.mark.parametrize("lacking", ["account", "code"])
def test_code_that_is_missing(
    refused: Refused, record: Record, fork: str, address: bytes, txn_idx: int, lacking: str
) -> None:
    inputs = Inputs(fork)
    if lacking == "account":
        del inputs.prestate[hex_of(address)]
    else:
        del inputs.prestate[hex_of(address)]["code"]
    message = refused("replay", record(inputs))
    assert "made.block: what came of the block is not what its header says" in message
    assert f"{inputs.transaction(txn_idx)} looks for code at {hex_of(address)}, " in message
    assert message.endswith(
        "if it had code before the block, record the block again with --accounts FILE that holds that account\n"
    )


@needs_blocks
@pytest.mark.parametrize(
    "address",
    [
        "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2",  # called by other contracts
        "0xdac17f958d2ee523a2206206994597c13d831ec7",  # called by transactions
    ],
)
def test_code_that_a_real_block_misses(
    command: Command, refused: Refused, tmp_path: Path, address: str
) -> None:
    folder = ETHEREUM / "11114732"
    accounts = read_json(folder / "prestate.json.zst")
    del accounts[address]
    (tmp_path / "prestate.json").write_text(json.dumps(accounts))
    arguments = ("--block", folder / "block.json.zst", "--blockhashes", folder / "blockhashes.json.zst")
    made = command("record", "ethereum", *arguments, "--prestate", "prestate.json", "-o", "x.block")
    assert made.returncode == 0
    assert f"looks for code at {address}, of which the pre-state has no account" in refused(
        "replay", "x.block"
    )


def test_a_block_hash_that_is_missing(refused: Refused, record: Record, inputs: Inputs) -> None:
    made = record(inputs, blockhashes=False)
    message = refused("replay", made)
    assert inputs.transaction(3) in message
    assert (
        f"the hash of block {int(inputs.block['number'], 16) - FAR_HASH}, which was not recorded" in message
    )
    assert "--blockhashes" in message


def test_all_block_hashes_that_are_missing_are_listed(
    command: Command, refused: Refused, tmp_path: Path
) -> None:
    def asks(*depths: int) -> bytes:
        return asm(*(part for depth in depths for part in (depth, "NUMBER SUB BLOCKHASH", depth, "SSTORE")))

    builder = BlockBuilder("cancun", [Contract(HASHES, asks(5, 9)), Contract(BEHIND, asks(7, 1, 5, 300))])
    assert builder.send(SENDERS[0], HASHES, b"")
    assert builder.send(SENDERS[1], BEHIND, b"")
    made = builder.finish()
    number = int(made.block["number"], 16)
    (tmp_path / "block.json").write_text(json.dumps(made.block))
    (tmp_path / "prestate.json").write_text(json.dumps(made.prestate))
    arguments = ("--block", "block.json", "--prestate", "prestate.json", "-o", "x.block")
    completed = command("record", "ethereum", *arguments)
    listed = f"the hashes of blocks {number - 9}, {number - 7}, {number - 5}, which were not recorded"
    assert completed.returncode == 0
    assert completed.stdout.splitlines()[1].startswith(
        "note: replay will refuse the block: the transactions ask"
    )
    assert listed in completed.stdout and "--blockhashes" in completed.stdout
    assert listed in refused("replay", "x.block")
    (tmp_path / "hashes.json").write_text(json.dumps(made.hashes))
    completed = command("record", "ethereum", *arguments, "--blockhashes", "hashes.json")
    assert "note" not in completed.stdout
    assert command("replay", "x.block").returncode == 0


def test_gas_that_the_block_has_not_left(command: Command, tmp_path: Path) -> None:
    # 21,000 gas are used before it, so 200,000 do not fit into 220,999: with one more they do.
    told = block(
        transaction(2, to=named_hex("a"), input=b"", access=(), gas=30_000),
        transaction(2, nonce=1, to=named_hex("a"), input=b"", access=()),
        gasLimit=hex(220_999),
        gasUsed=hex(42_000),
    )
    (tmp_path / "block.json").write_text(json.dumps(told))
    (tmp_path / "prestate.json").write_text(json.dumps({address(0): account()}))
    arguments = ("--block", "block.json", "--prestate", "prestate.json", "-o", "x.block")
    assert command("record", "ethereum", *arguments).returncode == 0
    assert lines_of(command("replay", "x.block"))["header gas limit"] == "DIFFERS"
    with pytest.raises(GasUsedExceedsLimitError):
        execute(told, {address(0): account()}, {})
    told["gasLimit"] = hex(221_000)
    (tmp_path / "block.json").write_text(json.dumps(told))
    assert command("record", "ethereum", *arguments).returncode == 0
    assert lines_of(command("replay", "x.block"))["header gas limit"] == "equal"
    execute(told, {address(0): account()}, {})


def named_hex(name: str) -> str:
    return hex_of(named(name))


@pytest.mark.parametrize(
    ("field", "value", "check"),
    [
        ("difficulty", "0x1", "difficulty"),
        ("nonce", "0x0000000000000001", "nonce"),
        ("extraData", "0x" + "00" * 33, "extra data"),
        ("gasLimit", hex(2**63), "gas limit"),
        ("sha3Uncles", "0x" + "11" * 32, "uncles hash"),
    ],
)
def test_a_rule_of_headers_that_is_broken(
    command: Command, tmp_path: Path, field: str, value: str, check: str
) -> None:
    # Its hash is right, so nothing but the rule tells.
    told = block(transaction(2, to=named_hex("a"), input=b"", access=()), **{field: value})
    (tmp_path / "block.json").write_text(json.dumps(told))
    (tmp_path / "prestate.json").write_text(json.dumps({address(0): account()}))
    arguments = ("--block", "block.json", "--prestate", "prestate.json", "-o", "x.block")
    assert command("record", "ethereum", *arguments).returncode == 0
    completed = command("replay", "x.block")
    shown = lines_of(completed)
    assert completed.returncode == 1
    assert shown["header block hash"] == "equal"
    others = {"difficulty", "nonce", "extra data", "gas limit", "uncles hash", "blob gas limit"} - {check}
    assert shown[f"header {check}"] == "DIFFERS"
    assert {shown[f"header {other}"] for other in others} == {"equal"}


def test_more_blobs_than_a_block_may_have(command: Command, tmp_path: Path) -> None:
    blobs = [b"\x01" + bytes([number]) * 31 for number in range(7)]
    arguments = ("--block", "block.json", "--prestate", "prestate.json", "-o", "x.block")
    (tmp_path / "prestate.json").write_text(json.dumps({address(0): account()}))
    for fork, counts, shown in (
        ("cancun", [6], "equal"),
        ("cancun", [7], "DIFFERS"),
        ("prague", [7], "equal"),
        ("osaka", [6, 3], "equal"),
        ("osaka", [6, 4], "DIFFERS"),
        ("bpo1", [6, 6, 3], "equal"),
        ("bpo1", [6, 6, 4], "DIFFERS"),
        ("bpo2", [6, 6, 6, 3], "equal"),
        ("bpo2", [6, 6, 6, 4], "DIFFERS"),
    ):
        signed = [
            transaction(3, nonce=nonce, to=named_hex("a"), input=b"", access=(), blobs=blobs[:count])
            for nonce, count in enumerate(counts)
        ]
        used = {"gasUsed": hex(21_000 * len(counts)), "blobGasUsed": hex(sum(counts) << 17)}
        told = block(*signed, fork=fork, **used)
        (tmp_path / "block.json").write_text(json.dumps(told))
        assert command("record", "ethereum", *arguments).returncode == 0
        lines = lines_of(command("replay", "x.block"))
        assert (lines["header blob gas used"], lines["header blob gas limit"]) == ("equal", shown)


def test_a_header_that_contradicts_itself_is_no_lack_of_the_pre_state(
    command: Command, record: Record, inputs: Inputs
) -> None:
    # Gas differs and the receipts root, which holds it, does not; the hash is made right again.
    inputs.block["gasUsed"] = hex(int(inputs.block["gasUsed"], 16) + 1)
    header = read_header(Fields(inputs.block, "the block", ""))
    inputs.block["hash"] = hex_of(keccak(encode_rlp([*header.values()])))
    completed = command("replay", record(inputs))
    assert completed.returncode == 1
    assert [line.rpartition(": ")[2] for line in completed.stderr.splitlines()] == ["gas used"]


def test_a_transaction_whose_sender_has_too_little(refused: Refused, record: Record, inputs: Inputs) -> None:
    inputs.prestate[SENDER]["balance"] = "0x5"
    message = refused("replay", record(inputs))
    assert f"{inputs.transaction(0)} cannot be executed: its sender has 5 wei, but it may cost " in message
    assert "either the block is invalid, or the pre-state is not whole" in message
    assert "b'" not in message and "..." not in message


def test_a_sender_that_has_not_signed(refused: Refused, record: Record, inputs: Inputs) -> None:
    path = record(inputs)
    block = Block.load(path)
    transactions = list(block.transactions)
    raw, sender = transactions[4].arguments
    assert isinstance(raw, bytes) and hex_of(sender) == SENDER
    # Another account with the same nonce: the transaction can be executed.
    transactions[4] = evm.txn(raw, bytes.fromhex(OTHER[2:]))
    Block(transactions, block.state, chain=block.chain, number=block.number, meta=block.meta).save(path)
    message = refused("replay", path)
    assert "made.block: transaction 4 " in message
    assert f"of sender {OTHER} is signed by {SENDER}" in message


def test_a_signature_that_was_changed(refused: Refused, record: Record, inputs: Inputs) -> None:
    path = record(inputs)
    block = Block.load(path)
    transactions = list(block.transactions)
    raw, sender = transactions[0].arguments
    assert isinstance(raw, bytes)
    transactions[0] = evm.txn(raw[:-32] + b"\x01" + raw[-31:], sender)
    Block(transactions, block.state, chain=block.chain, number=block.number, meta=block.meta).save(path)
    message = refused("replay", path)
    assert "made.block: transaction 0 " in message
    assert f"of sender {SENDER}" in message


def spoilt(block: Block, part: str) -> Block:
    """A block with one part that `record ethereum` would not write."""
    transactions, state, meta = block.transactions, dict(block.state), {**block.meta}
    if part == "meta":
        meta["ethereum"] = 5
    elif part == "transaction":
        transactions = (*transactions, transfer.txn(b"a", b"b", 0))
    elif part == "environment":
        del state[b"H"]
    elif part == "nonce":
        state[b"n" + bytes(20)] = bytes(40)
    else:
        state[b"c" + LOGGER] = state[b"c" + BEHIND][:32] + state[b"c" + LOGGER][32:]
    return Block(transactions, state, meta=meta)


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("meta", "meta ethereum: it is 5"),
        ("transaction", "transaction 5 runs program 'transfer'"),
        ("environment", "no environment"),
        ("nonce", "state key 0x6e"),
        ("code", "which is not its own"),
    ],
)
def test_what_only_a_changed_file_holds(
    refused: Refused, record: Record, inputs: Inputs, tmp_path: Path, part: str, expected: str
) -> None:
    spoilt(Block.load(record(inputs)), part).save(tmp_path / "spoilt.block")
    message = refused("replay", "spoilt.block", "--receipts", "out.jsonl")
    assert message.startswith("error: spoilt.block: ")
    assert expected in message
    assert not (tmp_path / "out.jsonl").exists()


def test_a_header_that_is_not_of_the_fork_at_its_time(
    refused: Refused, tmp_path: Path, inputs: Inputs
) -> None:
    inputs.block["timestamp"] = hex(2**34)
    (tmp_path / "block.json").write_text(json.dumps(inputs.block))
    (tmp_path / "prestate.json").write_text(json.dumps(inputs.prestate))
    arguments = ("--block", "block.json", "--prestate", "prestate.json", "-o", "x.block")
    message = refused("record", "ethereum", *arguments)
    assert "field requestsHash is missing, which fork bpo2 needs" in message
    assert not (tmp_path / "x.block").exists()


@pytest.mark.parametrize("missing", ["eth", "rlp"])
def test_without_py_evm_the_fix_is_told(
    process_refused: Refused,
    record: Record,
    inputs: Inputs,
    tmp_path: Path,
    environment: dict[str, str],
    missing: str,
) -> None:
    made = record(inputs)
    (tmp_path / missing).mkdir()
    (tmp_path / missing / "__init__.py").write_text(f"raise ModuleNotFoundError(name={missing!r})")
    environment["PYTHONPATH"] = f"{tmp_path}:{environment['PYTHONPATH']}"
    message = process_refused("replay", made)
    assert "made.block: " in message
    assert "pip install -e '.[ethereum]'" in message
