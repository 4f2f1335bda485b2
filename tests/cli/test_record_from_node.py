"""`blockstm record ethereum --rpc`: a block that is asked of a node, and what is wrong with nodes."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from blockstm import Block
from blockstm.ethereum.node.jsonrpc import Node
from blockstm.ethereum.rules.keys import block_hash_key
from blockstm.files.content import ContentError
from tests.support.ethereum.inputs import FAR_HASH, Inputs
from tests.support.ethereum.node import CONTRACT, ETHEREUM, account, address, block, transaction
from tests.support.ethereum.oracle import read_json
from tests.support.ethereum.serving import RefusalError, Respond, ServedNode, send, serving

Command = Callable[..., subprocess.CompletedProcess[str]]
Refused = Callable[..., str]
Answers = dict[str, Callable[..., Any]]

TOLD = block(transaction(2), transaction(0, who=1, nonce=4))
STATE = {address(0): account(), address(1): account(10**18, 4), CONTRACT: account(0, 1, "0x00")}
NUMBER = int(TOLD["number"], 16)
SECRET = "/v3/00c0ffee?key=7"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("BLOCKSTM_RPC_AUTHORIZATION", raising=False)


def answers_of(told: dict[str, Any], state: object, *others: dict[str, Any]) -> Answers:
    """What a node of the mainnet answers that has a block, and knows the headers of others."""
    known = {one["number"]: one for one in (told, *others)}
    return {
        "eth_chainId": lambda: "0x1",
        "eth_getBlockByNumber": lambda number, full: known.get(number),
        "debug_traceBlockByNumber": lambda number, options: state if number == told["number"] else None,
    }


def by_transaction(told: dict[str, Any], state: object) -> list[dict[str, Any]]:
    """A pre-state in the form in which nodes answer: here, each transaction lists everything."""
    return [{"txHash": txn["hash"], "result": state} for txn in told["transactions"]]


@pytest.fixture
def node() -> Iterator[ServedNode]:
    with serving(answers_of(TOLD, STATE)) as served:
        yield served


def arguments_of(node: ServedNode, number: object = NUMBER, *more: str) -> tuple[str, ...]:
    return (
        "record",
        "ethereum",
        "--rpc",
        node.url + SECRET,
        "--number",
        str(number),
        "-o",
        "out.block",
        *more,
    )


def test_a_block_is_recorded(command: Command, tmp_path: Path, node: ServedNode) -> None:
    completed = command(*arguments_of(node))
    assert (completed.returncode, completed.stderr) == (0, "")
    assert completed.stdout.startswith("out.block: 2 transactions, ")
    assert node.asked == [
        ("eth_chainId", []),
        ("eth_getBlockByNumber", [hex(NUMBER), True]),
        ("eth_getBlockByNumber", [hex(NUMBER - 1), False]),
        (
            "debug_traceBlockByNumber",
            [hex(NUMBER), {"tracer": "prestateTracer", "tracerConfig": {"includeEmpty": True}}],
        ),
    ]
    assert node.authorizations == [None] * 4
    from_files(command, tmp_path, TOLD, STATE)
    assert (tmp_path / "out.block").read_bytes() == (tmp_path / "files.block").read_bytes()


def from_files(command: Command, tmp_path: Path, told: object, state: object, *more: str) -> None:
    """Record from files what a node has told, into files.block."""
    (tmp_path / "block.json").write_text(json.dumps(told))
    (tmp_path / "prestate.json").write_text(json.dumps(state))
    files = ("--block", "block.json", "--prestate", "prestate.json")
    completed = command("record", "ethereum", *files, "-o", "files.block", *more)
    assert (completed.returncode, completed.stderr) == (0, "")


@pytest.mark.skipif(not ETHEREUM.is_dir(), reason="the recorded blocks of ../shared are not here")
@pytest.mark.parametrize("number", [116_525, 4_370_000])
def test_a_real_block_is_recorded_and_replayed(
    command: Command, tmp_path: Path, one_engine: None, number: int
) -> None:
    told, state = (read_json(ETHEREUM / str(number) / f"{name}.json.zst") for name in ("block", "prestate"))
    with serving(answers_of(told, state)) as node:
        assert command(*arguments_of(node, hex(number))).returncode == 0
    from_files(command, tmp_path, told, state)
    assert (tmp_path / "out.block").read_bytes() == (tmp_path / "files.block").read_bytes()
    replayed = command("replay", "out.block", "--verify")
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr


def test_hashes_that_transactions_ask_for_are_asked_for(command: Command, tmp_path: Path) -> None:
    inputs = Inputs()
    number = int(inputs.block["number"], 16)
    earlier = block(fork="cancun", number=hex(number - FAR_HASH))
    state = by_transaction(inputs.block, inputs.prestate)
    with serving(answers_of(inputs.block, state, earlier)) as node:
        completed = command(*arguments_of(node, number))
        assert (completed.returncode, completed.stderr) == (0, "")
        assert "note" not in completed.stdout
        assert node.asked[-1] == ("eth_getBlockByNumber", [earlier["number"], False])
        assert len(node.asked) == 5
    state_before = Block.load(tmp_path / "out.block").state
    assert state_before[block_hash_key(number - FAR_HASH)].hex() == earlier["hash"][2:]
    (tmp_path / "hashes.json").write_text(json.dumps({str(number - FAR_HASH): earlier["hash"]}))
    from_files(command, tmp_path, inputs.block, state, "--blockhashes", "hashes.json")
    assert (tmp_path / "out.block").read_bytes() == (tmp_path / "files.block").read_bytes()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            None,
            "does not know block {number}, for whose hash a transaction asks; ask one that keeps older blocks",
        ),
        ({"gasUsed": "0x1"}, "block {number}: its fields give the hash 0x"),
        ({"number": "0x5"}, "its fields give the hash 0x"),
    ],
)
def test_hashes_that_a_node_does_not_tell_rightly(
    refused: Refused, tmp_path: Path, change: dict[str, str] | None, expected: str
) -> None:
    inputs = Inputs()
    number = int(inputs.block["number"], 16)
    earlier = block(fork="cancun", number=hex(number - FAR_HASH)) | (change or {})
    answers = answers_of(inputs.block, by_transaction(inputs.block, inputs.prestate))
    told = answers["eth_getBlockByNumber"]
    answers["eth_getBlockByNumber"] = lambda asked, full: (
        told(asked, full) if full or int(asked, 16) == number - 1 else earlier if change else None
    )
    with serving(answers) as node:
        assert expected.format(number=number - FAR_HASH) in refused(*arguments_of(node, number))
    assert not (tmp_path / "out.block").exists()


def test_another_block_than_was_asked_for(refused: Refused) -> None:
    inputs = Inputs()
    number = int(inputs.block["number"], 16)
    answers = answers_of(inputs.block, by_transaction(inputs.block, inputs.prestate))
    told = answers["eth_getBlockByNumber"]
    other = block(fork="cancun", number=hex(number - FAR_HASH - 1))
    answers["eth_getBlockByNumber"] = lambda asked, full: (
        other if asked == hex(number - FAR_HASH) else told(asked, full)
    )
    with serving(answers) as node:
        assert f"answered with block {number - 6}, not {number - 5}" in refused(*arguments_of(node, number))
        assert f"it is block {number}, not 7; " in refused(
            *arguments_of(node_that_answers_always(node, inputs), 7)
        )


def node_that_answers_always(node: ServedNode, inputs: Inputs) -> ServedNode:
    node.answers["eth_getBlockByNumber"] = lambda *_: inputs.block
    return node


def test_the_parent_is_asked_for(command: Command, refused: Refused, tmp_path: Path) -> None:
    parent = block(fork="cancun", number=hex(NUMBER - 1))
    told = block(transaction(2), parentHash=parent["hash"])
    with serving(answers_of(told, STATE, parent)) as node:
        assert command(*arguments_of(node)).returncode == 0
        (tmp_path / "parent.json").write_text(json.dumps(parent))
        from_files(command, tmp_path, told, STATE, "--parent", "parent.json")
        assert (tmp_path / "out.block").read_bytes() == (tmp_path / "files.block").read_bytes()
        parent["gasUsed"] = "0x7"
        assert "and the block's parent is 0x" in refused(*arguments_of(node))


def test_uncles_are_asked_for(command: Command, tmp_path: Path) -> None:
    uncles = [block(fork="istanbul", number=hex(number)) for number in (9_069_000, 9_068_999)]
    told = block(transaction(0), fork="istanbul") | {"uncles": [uncle["hash"] for uncle in uncles]}
    answers = answers_of(told, {address(0): account()})
    answers["eth_getUncleByBlockHashAndIndex"] = lambda found, index: (
        uncles[int(index, 16)] if found == told["hash"] else None
    )
    with serving(answers) as node:
        completed = command(*arguments_of(node, int(told["number"], 16)))
        assert (completed.returncode, completed.stderr) == (0, "")
        assert node.methods()[-2:] == ["eth_getUncleByBlockHashAndIndex"] * 2
    headers = Block.load(tmp_path / "out.block").meta["ethereum"]["uncle_headers"]  # type: ignore[index]
    assert [header["number"] for header in headers] == [uncle["number"] for uncle in uncles]


def test_a_node_that_does_not_know_include_empty(command: Command, node: ServedNode) -> None:
    def trace(number: str, options: dict[str, Any]) -> object:
        if "tracerConfig" in options:
            raise RefusalError(-32602, "unknown field includeEmpty")
        return STATE

    node.answers["debug_traceBlockByNumber"] = trace
    completed = command(*arguments_of(node))
    assert (completed.returncode, completed.stderr) == (0, "")
    assert "note: the node does not know the tracer's option includeEmpty" in completed.stdout
    assert node.asked[-1] == ("debug_traceBlockByNumber", [hex(NUMBER), {"tracer": "prestateTracer"}])


def test_the_authorization_is_that_of_the_environment(
    command: Command, refused: Refused, node: ServedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLOCKSTM_RPC_AUTHORIZATION", "Bearer 00c0ffee")
    assert command(*arguments_of(node)).returncode == 0
    assert node.authorizations == ["Bearer 00c0ffee"] * 4
    monkeypatch.setenv("BLOCKSTM_RPC_AUTHORIZATION", "Bearer\r\nX: 00c0ffee")
    message = refused(*arguments_of(node))
    assert "BLOCKSTM_RPC_AUTHORIZATION holds what no header may" in message
    assert "c0ffee" not in message


@pytest.mark.parametrize(
    ("method", "answer", "expected"),
    [
        ("eth_chainId", RefusalError(-32000, "no\nway"), "eth_chainId: the node answered with error -32000, no?"),
        ("eth_chainId", 1, "eth_chainId: the answer is 1, which is not 0x and 1 to 16 hex digits"),
        ("eth_chainId", "0x5", "it is signed for chain 1, and the node is of chain 5"),
        ("eth_getBlockByNumber", None, f"the node does not know block {NUMBER}; choose one that it has"),
        ("eth_getBlockByNumber", [], "the block: it is [], not a JSON object"),
        ("eth_getBlockByNumber", TOLD | {"transactions": ["0x"]}, "field transactions holds hashes only"),
        ("debug_traceBlockByNumber", ..., "error -32601, the method debug_traceBlockByNumber does not exist/is not "
         "available; ask a node that serves the namespace debug and has the state before the block"),
        ("debug_traceBlockByNumber", RefusalError(-32000, "missing trie node"), "missing trie node; ask a node"),
        ("debug_traceBlockByNumber", None, "the pre-state: it is None, not a JSON object"),
        ("debug_traceBlockByNumber", by_transaction(TOLD, STATE)[:1], "it lists 1 transactions"),
        ("debug_traceBlockByNumber", [{"error": "execution timeout"}] * 2, "could not trace it: execution timeout"),
        ("debug_traceBlockByNumber", {}, "is not there; give the state before block"),
    ],
)  # fmt: skip
def test_an_answer_that_does_not_do(
    refused: Refused, tmp_path: Path, node: ServedNode, method: str, answer: Any, expected: str
) -> None:
    def answered(*_: object) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    if answer is ...:
        del node.answers[method]
    else:
        node.answers[method] = answered
    message = refused(*arguments_of(node))
    assert message.startswith(f"error: {node.url}: ") and expected in message
    assert "c0ffee" not in message
    assert not (tmp_path / "out.block").exists()


def announced(length: int) -> Respond:
    def respond(handler: BaseHTTPRequestHandler, node: ServedNode, request: Any) -> None:
        handler.send_response(200)
        handler.send_header("content-length", str(length))
        handler.end_headers()
        handler.wfile.write(b'{"jsonrpc": "2.0"')

    return respond


def sending(body: bytes, status: int = 200, **headers: str) -> Respond:
    return lambda handler, node, request: send(handler, body, status, **headers)


def endless(handler: BaseHTTPRequestHandler, node: ServedNode, request: Any) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b" " * 65_536)
    except OSError:
        handler.close_connection = True


ERROR = b'{"jsonrpc": "2.0", "id": 1, "error": {"code": -32005, "message": "too many requests"}}'


@pytest.mark.parametrize(
    ("respond", "expected"),
    [
        (sending(b"<html>", 401), "HTTP status 401 Unauthorized; put what the header Authorization must be into"),
        (sending(b"", 403), "HTTP status 403 Forbidden; put what the header Authorization must be into"),
        (sending(b"", 404), "HTTP status 404 Not Found; check the URL"),
        (sending(b"", 500), "HTTP status 500 Internal Server Error; try again, or ask another node"),
        (sending(ERROR, 429), "eth_chainId: the node answered with error -32005, too many requests; try again"),
        (sending(b"", 302, location="http://127.0.0.1:9/"), "HTTP status 302 Found; name the URL to which"),
        (sending(b"", 307, location="http://127.0.0.1:9/"), "HTTP status 307 Temporary Redirect; name the URL"),
        (sending(b""), "eth_chainId: the answer: not JSON"),
        (sending(b"<html>"), "eth_chainId: the answer: not JSON"),
        (sending(b"\xff"), "eth_chainId: the answer: byte 0 is not text in UTF-8"),
        (sending(b"[]"), "eth_chainId: the answer: it is [], not a JSON object"),
        (sending(b'{"jsonrpc": "2.0", "id": 1, "id": 1}'), "the key 'id' comes twice"),
        (sending(b'{"jsonrpc": "2.0", "id": 2, "result": 1}'), "it is not one of JSON-RPC 2.0 to this request"),
        (sending(b'{"jsonrpc": "1.0", "id": 1, "result": 1}'), "it is not one of JSON-RPC 2.0 to this request"),
        (sending(b'{"jsonrpc": "2.0", "id": 1}'), "field result is missing"),
        (sending(b'{"jsonrpc": "2.0", "id": 1, "error": "no"}'), "the node answered with error, no; try again"),
        (sending(b'{"jsonrpc": "2.0", "id": 1, "error": {}}'), "the node answered with error, None; try again"),
        (announced(1000), "eth_chainId: the answer is cut short; check the URL, or ask another node"),
        (endless, "eth_chainId: the answer takes more than 1000000 bytes, which is the limit; choose"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_server(
    refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, respond: Respond, expected: str
) -> None:
    monkeypatch.setattr("blockstm.ethereum.node.jsonrpc.Node.__init__.__kwdefaults__", _small_answers())
    with serving({}, respond) as node:
        message = refused(*arguments_of(node))
    assert message.startswith(f"error: {node.url}: ") and expected in message
    assert not (tmp_path / "out.block").exists()


def _small_answers() -> dict[str, object]:
    return {"authorization": None, "timeout_seconds": 30.0, "answer_bytes_max": 1_000_000}


def silent(handler: BaseHTTPRequestHandler, node: ServedNode, request: Any) -> None:
    time.sleep(1)


def trickling(handler: BaseHTTPRequestHandler, node: ServedNode, request: Any) -> None:
    """Each piece comes in time, and the answer never ends."""
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(100):
            handler.wfile.write(b" ")
            time.sleep(0.05)
    except OSError:
        handler.close_connection = True


@pytest.mark.parametrize("respond", [silent, trickling])
def test_an_answer_that_takes_too_long(respond: Respond) -> None:
    with serving({}, respond) as node, pytest.raises(ContentError) as caught:
        Node(node.url, timeout_seconds=0.3).ask("eth_chainId")
    assert str(caught.value) == (
        "eth_chainId: the answer took more than 0.3 seconds; check the URL, or ask another node"
    )


def test_nobody_is_there(refused: Refused) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        message = refused("record", "ethereum", "--rpc", url, "--number", "1", "-o", "out.block")
    assert message == (
        f"error: {url}: eth_chainId: the node cannot be reached: Connection refused; check the URL, or ask "
        "another node\n"
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", "is none of http or https"),
        ("localhost:8545", "is none of http or https; give http://HOST:PORT"),
        ("file:///etc/passwd", "is none of http or https"),
        ("ws://localhost", "is none of http or https"),
        ("http://", "is none of http or https"),
        ("http://localhost:x", "the URL of the node is none: "),
        (
            "http://a:00c0ffee@localhost",
            "holds a user or a password; put what the header Authorization must be",
        ),
        ("http://localhost/a b", "holds a space"),
        ("http://localhost/\n", "is none of http or https"),
        ("http://[::1", "the URL of the node is none: "),
    ],
)
def test_a_url_that_is_none(refused: Refused, url: str, expected: str) -> None:
    message = refused("record", "ethereum", "--rpc", url, "--number", "1", "-o", "out.block")
    assert expected in message and "c0ffee" not in message


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--rpc", "http://localhost"), "--rpc needs --number, that of the block"),
        (("--number", "1"), "give two files, --block and --prestate, or a node, --rpc and --number"),
        (("--block", "a", "--number", "1"), "give two files, --block and --prestate, or a node"),
        (("--prestate", "a"), "give two files, --block and --prestate, or a node"),
        (("--rpc", "http://localhost", "--number", "1", "--block", "a"), "--block does not go with --rpc"),
        (("--rpc", "http://localhost", "--number", "1", "--prestate", "a"), "--prestate does not go with --rpc"),
        (("--rpc", "http://localhost", "--number", "1", "--blockhashes", "a"), "--blockhashes does not go with"),
        (("--rpc", "http://localhost", "--number", "1", "--uncles", "a"), "--uncles does not go with --rpc"),
        (("--rpc", "http://localhost", "--number", "1", "--whole-state"), "--whole-state does not go with --rpc"),
        (("--rpc", "http://localhost", "--number", "latest"), "--number 'latest' is not that of a block"),
        (("--rpc", "http://localhost", "--number", "-1"), "--number '-1' is not that of a block"),
        (("--rpc", "http://localhost", "--number", "18446744073709551616"), "is not that of a block"),
        (("--rpc", "http://localhost", "--number", "1", "--fork", "olympic"), "fork 'olympic' is not known"),
    ],
)  # fmt: skip
def test_options_that_do_not_go_together(refused: Refused, options: tuple[str, ...], expected: str) -> None:
    message = refused("record", "ethereum", *options, "-o", "out.block")
    assert expected in message
    assert "is not" in expected or "--help" in message
