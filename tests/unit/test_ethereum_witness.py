"""Witnesses of the state before a block: four forms of them, roots by them, and what is wrong with bad ones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import rlp
from eth_hash.auto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from blockstm import Block, Engine
from blockstm.chains.checked import CheckedBlock
from blockstm.errors import EthereumInputError, UsageError
from blockstm.ethereum.block import EthereumBlock
from blockstm.ethereum.checking.checks import ExecutedBlock
from blockstm.ethereum.node.compact_witness import decode_compact
from blockstm.ethereum.recording.record import read_ethereum
from blockstm.ethereum.rules.keys import balance_key, existence_key, trie_node_key
from blockstm.files.content import ContentError
from tests.blockchain_tests.nodeanswers import block_of
from tests.blockchain_tests.synthetic import header_fields, test_of
from tests.ethereum_synthetic.assembly import asm
from tests.ethereum_synthetic.builder import BlockBuilder, Contract
from tests.ethereum_synthetic.chain import SENDERS, address_of, hex_of, named
from tests.support.engines import run
from tests.support.ethereum.native import needs_native
from tests.support.ethereum.oracle import raw_transaction
from tests.support.ethereum.witnesses import Tries, execution_witness, keth, proofs, prover, tries_of

test_of.__test__ = False  # type: ignore[attr-defined]

Json = dict[str, Any]
FORK = "cancun"
SHARED = Path(__file__).parents[3] / "shared" / "witness"
CLEARS, COUNTS, NEW = named("clears"), named("counts"), named("new")


class Made(NamedTuple):
    """A made-up block on a state whose tries are known."""

    block: Json
    parent: Json
    tries: Tries
    pre: Json
    raws: list[bytes]
    accessed: set[bytes]

    @property
    def absent(self) -> set[bytes]:
        return self.accessed - self.tries.told.keys()


@pytest.fixture(scope="module")
def made() -> Made:
    """One contract clears slots, one sets and clears; ether goes to an account that is new."""
    clears = asm(0, 1, "SSTORE", 0, 2, "SSTORE", 9, 7, "SSTORE")
    counts = asm(0, 3, "SSTORE", 0, "SLOAD", 1, "ADD", 0, "SSTORE", 5, 3, "SSTORE", 6, 1000, "SSTORE")
    builder = BlockBuilder(
        FORK,
        [
            Contract(CLEARS, clears, storage={1: 5, 2: 6, 3: 7, 10**30: 8}),
            Contract(COUNTS, counts, storage={0: 1, 3: 2**255, 4: 11}),
        ],
    )
    assert builder.send(SENDERS[0], CLEARS)
    assert builder.send(SENDERS[1], COUNTS)
    assert builder.send(SENDERS[0], NEW, value=7, gas=21_000)
    assert builder.send(SENDERS[1], COUNTS)
    synthetic = builder.finish()
    test = test_of(synthetic)
    told, _ = block_of(bytes.fromhex(test["blocks"][0]["rlp"][2:]))
    accessed = {bytes.fromhex(told["miner"][2:]), CLEARS, COUNTS, NEW}
    accessed |= {address_of(sender) for sender in SENDERS[:2]}
    accessed |= {bytes.fromhex(entry["address"][2:]) for entry in told["withdrawals"]}
    raws = [raw_transaction(FORK, transaction) for transaction in synthetic.block["transactions"]]
    return Made(told, test["genesisBlockHeader"], tries_of(test["pre"]), test["pre"], raws, accessed)


Form = Callable[[Made], tuple[Any, bool]]
"""Makes a witness; it has the block itself, or not."""

FORMS: dict[str, Form] = {
    "node": lambda made: (execution_witness(made.tries, made.parent), False),
    "node, by hash": lambda made: (
        {
            name: {hex_of(keccak(bytes.fromhex(text[2:]))): text for text in value}
            if name == "state"
            else value
            for name, value in execution_witness(made.tries, made.parent).items()
        },
        False,
    ),
    "node, headers in RLP": lambda made: (
        execution_witness(made.tries, made.parent) | {"headers": [hex_of(rlp_header(made.parent))]},
        False,
    ),
    "node, in an envelope": lambda made: (
        {"jsonrpc": "2.0", "id": 1, "result": execution_witness(made.tries, made.parent)},
        False,
    ),
    "Keth": lambda made: (keth(made.tries, made.parent, made.block), True),
    "prover": lambda made: (prover(made.tries, made.block, made.raws), False),
}


def rlp_header(header: Json) -> bytes:
    from ethereum_rlp import rlp as specified

    return bytes(specified.encode(header_fields(header)))


@pytest.fixture
def record(tmp_path: Path) -> Callable[..., Block]:
    """Record a block with a witness; the block is given where the witness does not have it."""

    def recorded(
        witness: Any, block: Json | None, pre: Json | None = None, parent: Json | None = None
    ) -> Block:
        files = {"witness": witness, "block": block, "prestate": pre, "parent": parent}
        for name, content in files.items():
            if content is not None:
                (tmp_path / f"{name}.json").write_text(json.dumps(content))
        paths = {name: None if files[name] is None else tmp_path / f"{name}.json" for name in files}
        return read_ethereum(
            paths["block"], paths["prestate"], witness_path=paths["witness"], parent_path=paths["parent"],
            fork=FORK,
        )  # fmt: skip

    return recorded


def checks_of(engine: Engine, block: Block) -> Mapping[str, bool | None]:
    checked = CheckedBlock.of(block)
    result = run(engine, checked.executable.block, 2)
    executed = ExecutedBlock(EthereumBlock.of(block), result)
    executed.check_senders()
    return executed.header_checks()


# --- sound ones -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_each_form_gives_the_state_before_the_block_and_the_root_after_it(
    shared_engine: Engine, made: Made, record: Callable[..., Block], form: str
) -> None:
    witness, has_block = FORMS[form](made)
    block = record(witness, None if has_block else made.block)
    assert EthereumBlock.of(block).witness is not None
    checks = checks_of(shared_engine, block)
    assert checks["state_root"] is True
    assert False not in checks.values()
    assert checks["parent"] is (None if form == "prover" else True)


def test_proofs_go_with_the_state_that_a_tracer_tells(
    shared_engine: Engine, made: Made, record: Callable[..., Block]
) -> None:
    witness = proofs(made.tries, made.absent)
    batch = [{"jsonrpc": "2.0", "id": place, "result": proof} for place, proof in enumerate(witness)]
    for told in (witness, batch):
        block = record(told, made.block, made.pre, made.parent)
        assert checks_of(shared_engine, block)["state_root"] is True


def test_a_block_comes_back_from_its_file_with_its_witness(
    shared_engine: Engine, made: Made, record: Callable[..., Block], tmp_path: Path
) -> None:
    block = record(execution_witness(made.tries, made.parent), made.block)
    block.save(tmp_path / "made.block")
    loaded = Block.load(tmp_path / "made.block")
    assert EthereumBlock.of(loaded).witness == EthereumBlock.of(block).witness
    assert checks_of(shared_engine, loaded)["state_root"] is True


def test_another_state_after_the_block_has_another_root(
    shared_engine: Engine, made: Made, record: Callable[..., Block]
) -> None:
    """The same witness, but an account that no transaction reads has one wei more."""
    block = record(execution_witness(made.tries, made.parent), made.block)
    key = balance_key(next(iter(made.absent)))
    other = replace_state(block, {key: b"\x01", existence_key(key[1:]): b"\x01"})
    assert checks_of(shared_engine, block)["state_root"] is True
    assert checks_of(shared_engine, other)["state_root"] is False


def replace_state(block: Block, changes: Mapping[bytes, bytes]) -> Block:
    return replaced(block, state={**block.state, **changes})


def replaced(block: Block, **changes: Any) -> Block:
    fields = {"state": block.state, "meta": block.meta, **changes}
    return Block(
        block.transactions, fields["state"], chain=block.chain, number=block.number, meta=fields["meta"]
    )


@pytest.fixture(scope="module", params=["22615247", "20472570"])
def real(request: pytest.FixtureRequest) -> Block:
    """A block of the mainnet with its witness."""
    if not SHARED.is_dir():
        pytest.skip("the witnesses of ../shared are not here")
    if request.param == "22615247":
        return read_ethereum(None, None, witness_path=SHARED / "22615247.json.zst")
    header, witness = (SHARED / f"b20472570_main{part}.json.zst" for part in ("_header", ""))
    return read_ethereum(header, None, witness_path=witness)


@needs_native
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_real_blocks_come_to_the_state_roots_of_their_headers(real: Block, workers: int) -> None:
    checked = CheckedBlock.of(real, "native")
    with Engine(workers, active_workers=workers) as engine:
        result = engine.execute(checked.executable.block)
    checks = checked.chain_block.header_checks(result)
    assert checks is not None
    assert checks["state_root"] is True
    assert False not in checks.values()


# --- what is wrong --------------------------------------------------------------------------------


def test_a_node_that_is_missing_is_named_where_it_is_needed(
    shared_engine: Engine, made: Made, record: Callable[..., Block]
) -> None:
    """Each node in turn: nothing is needed that makes no difference, and no difference goes unseen."""
    whole = execution_witness(made.tries, made.parent)
    outcomes = set()
    for text in whole["state"]:
        witness = whole | {"state": [other for other in whole["state"] if other != text]}
        digest = hex_of(keccak(bytes.fromhex(text[2:])))
        try:
            checks = checks_of(shared_engine, record(witness, made.block))
        except EthereumInputError as error:
            where = "witness.json: " if "witness.json" in str(error) else "the witness of the state: "
            assert re.search(
                rf"{where}the (trie of accounts|storage of account 0x\w{{40}}): "
                rf"the node at path (the root|0x[0-9a-f]+) is missing, whose hash is {digest}; ",
                str(error),
            )
            outcomes.add(where)
        else:
            # Of a slot whose leaf is missing the value is not known: where it makes a difference, that shows.
            outcomes.add("equal" if checks["state_root"] else "differs")
    assert {"witness.json: ", "the witness of the state: ", "equal"} <= outcomes


def test_a_node_that_is_changed_is_missing(made: Made, record: Callable[..., Block]) -> None:
    whole = execution_witness(made.tries, made.parent)
    root = made.parent["stateRoot"]
    place = next(
        place for place, text in enumerate(whole["state"]) if hex_of(keccak(bytes.fromhex(text[2:]))) == root
    )
    wrong = whole["state"][place][:-1] + ("0" if whole["state"][place][-1] != "0" else "1")
    witness = whole | {"state": [*whole["state"][:place], wrong, *whole["state"][place + 1 :]]}
    with pytest.raises(
        EthereumInputError, match=f"path the root is missing, whose hash is {root}; give a witness"
    ):
        record(witness, made.block)


@pytest.mark.parametrize(
    "rubbish", [b"\xc0", b"rubbish", rlp.encode([b"\x20" * 3, b""]), rlp.encode([[]] * 17)]
)
def test_rubbish_in_place_of_a_node_is_refused(
    made: Made, record: Callable[..., Block], rubbish: bytes
) -> None:
    witness = proofs(made.tries, made.absent)
    for proof in witness:
        proof["accountProof"] = [hex_of(rubbish)]
    with pytest.raises(
        EthereumInputError, match=r"witness.json: the trie of accounts: the node at path the root is no"
    ):
        record(witness, made.block)


Spoil = Callable[[Any], object]
WRONG: list[tuple[str, Spoil, str]] = [
    ("node", lambda told: [], "it is no witness but an empty list"),
    ("node", lambda told: [told, told], "it holds 2 objects, and only of proofs there can be several"),
    ("node", lambda told: "text", "the witness: it is 'text', not a JSON object"),
    ("node", lambda told: {"codes": []}, "it has neither state, witness, block_trace nor accountProof"),
    ("node", lambda told: told | {"state": 5}, "field state is 5, not a list"),
    ("node", lambda told: told | {"state": ["0x5"]}, "entry 0 of state is '0x5', which is not 0x and pairs of hex"),
    ("node", lambda told: told | {"state": ["0x"]}, "entry 0 of state has 0 bytes, and no node of a trie has"),
    ("node", lambda told: told | {"state": ["0x" + "00" * 600]}, "entry 0 of state has 600 bytes"),
    ("node", lambda told: told | {"keys": ["0x0102"]}, "entry 0 of keys has 2 bytes, and is neither"),
    ("node", lambda told: told | {"headers": ["0xc0"]}, "header 0 has 0 fields"),
    ("node", lambda told: told | {"headers": ["0xc1"]}, "header 0: it is cut short"),
    ("node", lambda told: told | {"headers": [{}]}, "field parentHash is missing"),
    ("node", lambda told: told | {"headers": []}, "it does not tell the state root before block"),
    ("Keth", lambda told: told | {"blocks": []}, "it has 0 blocks, and must have one"),
    ("Keth", lambda told: told | {"witness": {"state": [], "codes": []}}, "field ancestors is missing"),
    ("prover", lambda told: [{"block_trace": {}}], "field trie_pre_images is missing"),
    ("prover", lambda told: spoilt_compact(told, b""), "damaged at byte 0: it ends within an instruction"),
    ("prover", lambda told: spoilt_compact(told, b"\x02"), "damaged at byte 1: its version is not known"),
    ("prover", lambda told: spoilt_compact(told, b"\x01\x03" + b"h" * 40), "instruction 0x68 is not known"),
    ("prover", lambda told: without_transaction(told), "its 4 transactions are not the 3 of the witness"),
]  # fmt: skip


def spoilt_compact(told: list[Json], data: bytes) -> list[Json]:
    told[0]["block_trace"]["trie_pre_images"]["combined"]["compact"] = hex_of(data)
    return told


def without_transaction(told: list[Json]) -> list[Json]:
    del told[0]["block_trace"]["txn_info"][1]
    return told


@pytest.mark.parametrize(("form", "spoil", "message"), WRONG)
def test_what_is_no_witness_is_refused(
    made: Made, record: Callable[..., Block], form: str, spoil: Spoil, message: str
) -> None:
    witness, has_block = FORMS[form](made)
    with pytest.raises(EthereumInputError, match=re.escape(message)) as refused:
        record(spoil(witness), None if has_block else made.block)
    assert "\n" not in str(refused.value)


PIECES = [
    b"\x00\x42\x00\x12\x41\x05",  # LEAF
    b"\x01\x41\x05",  # EXTENSION
    b"\x02\x03",  # BRANCH
    b"\x03" + bytes(range(32)),  # HASH
    b"\x04\x42\x60\x01",  # CODE
    b"\x05\x42\x00\x12\x0c\x07\x41\x09",  # ACCOUNT_LEAF
    b"\x06",  # EMPTY_ROOT
]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x01\x00\x41\x05", "it ends within an instruction"),
        (b"\x01\x02\x03", "a node is missing before it"),
        (b"\x01\x02\x01", "a branch has the mask 0x1"),
        (b"\x01\x02\x1a\x00\x01\x00\x01", "a branch has the mask 0x10001"),
        (b"\x01\x04\x41\x05\x01\x41\x05", "a code, or no node, stands where a node must"),
        (b"\x01\x06\x01\x41\x05", "a code, or no node, stands where a node must"),
        (b"\x01\x05\x41\x05\x10", "an account has the flags 0x10"),
        (b"\x01\x06\x05\x41\x05\x01\x05", "an account has a node for its code"),
        (b"\x01\x04\x41\x05\x05\x41\x05\x02", "a code stands where a trie must"),
        (b"\x01\x04\x41\x05", "a code stands where a trie must"),
        (b"\x01\x00\x40", "a string of bytes is empty"),
        (b"\x01\x00\x05", "0x5 begins no string of bytes"),
        (b"\x01\x02\x41\x05", "0x41 begins no number"),
        (b"\x01\x02\x1f", "0x1f begins no number"),
        (b"\x01\x00\x41\x10\x41\x05", "a path is too long, or no path"),
        (b"\x01\x00\x42\x01\x15\x41\x05", "the last nibble of a path of odd length is not 0"),
        (b"\x01\x00\x58\x23" + bytes(35) + b"\x41\x05", "a path is too long, or no path"),
        (b"\x01\x06\x06", "it leaves 2 nodes, not one"),
        (b"\x01", "it leaves 0 nodes, not one"),
    ],
)
def test_a_compact_witness_that_is_damaged_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(
        ContentError, match=rf"^the compact witness is damaged at byte \d+: {re.escape(message)}"
    ):
        decode_compact(data)


@given(st.lists(st.binary(max_size=40) | st.sampled_from(PIECES), max_size=12))
@settings(deadline=None, max_examples=200)
def test_a_compact_witness_of_any_bytes_is_refused_or_read(pieces: list[bytes]) -> None:
    try:
        witness = decode_compact(b"\x01" + b"".join(pieces))
    except ContentError as error:
        assert str(error).startswith("the compact witness is damaged at byte ")
    else:
        assert all(keccak(node) == digest for digest, node in witness.nodes.items())


def test_states_that_differ_are_refused(made: Made, record: Callable[..., Block]) -> None:
    pre = made.pre | {hex_of(COUNTS): made.pre[hex_of(COUNTS)] | {"balance": "0x77"}}
    witness = execution_witness(made.tries, made.parent)
    with pytest.raises(
        EthereumInputError, match="the pre-state has balance 119, and the witness proves 0; give both"
    ):
        record(witness, made.block, pre)
    slots = made.pre[hex_of(COUNTS)]["storage"]
    pre = made.pre | {hex_of(COUNTS): made.pre[hex_of(COUNTS)] | {"storage": slots | {"0x63": "0x1"}}}
    with pytest.raises(
        EthereumInputError, match="the pre-state has slot 0x63 1, and the witness proves 0; give both"
    ):
        record(witness, made.block, pre)


def test_a_witness_of_another_block_is_refused(made: Made, record: Callable[..., Block]) -> None:
    witness = prover(made.tries, made.block, made.raws)
    other = tries_of({hex_of(COUNTS): made.pre[hex_of(COUNTS)]})
    wrong = prover(other, made.block, made.raws)
    with pytest.raises(EthereumInputError, match=r"it is of the state 0x.*, and the parent of block .* has"):
        record(wrong, made.block, parent=made.parent)
    witness[0]["other_data"]["b_data"]["b_hashes"]["prev_hashes"][-1] = hex_of(bytes(32))
    with pytest.raises(EthereumInputError, match="it tells another hash of block"):
        record(witness, made.block)


def test_proofs_of_several_states_are_refused(made: Made, record: Callable[..., Block]) -> None:
    other = proofs(tries_of({hex_of(COUNTS): made.pre[hex_of(COUNTS)]}))
    with pytest.raises(EthereumInputError, match="its proofs are of 2 states, not of one"):
        record([*proofs(made.tries), *other], made.block)


def test_blocks_and_witnesses_that_do_not_go_together_are_refused(
    made: Made, record: Callable[..., Block], tmp_path: Path
) -> None:
    witness = execution_witness(made.tries, made.parent)
    with pytest.raises(
        EthereumInputError, match=r"witness.json: the block is not in it; give it, too \(--block\)"
    ):
        record(witness, None)
    with pytest.raises(UsageError, match="give --block or --witness"):
        read_ethereum(None, None)
    with pytest.raises(UsageError, match="leave one of --whole-state and --witness out"):
        read_ethereum(None, None, witness_path=tmp_path / "witness.json", whole_state=True)


def test_a_block_file_whose_witness_was_changed_is_refused(made: Made, record: Callable[..., Block]) -> None:
    block = record(execution_witness(made.tries, made.parent), made.block)
    about = dict(block.meta["ethereum"])  # type: ignore[call-overload]
    root = hex_of(bytes(32))
    key = trie_node_key(bytes.fromhex(made.parent["stateRoot"][2:]))
    wrong = {
        "field witness_root is not the state root of the parent": replaced(
            block, meta={"ethereum": about | {"witness_root": root}}
        ),
        "field witness_root is '0x5', which is not": replaced(
            block, meta={"ethereum": about | {"witness_root": "0x5"}}
        ),
        "the state has a node with the hash 0x": replace_state(block, {key: block.state[key] + b"\0"}),
        "cannot hold a node of a trie, as it has 577 bytes": replace_state(block, {key: bytes(577)}),
        "cannot hold a node of a trie, as its key has 2 bytes": replace_state(block, {b"tt": b"node"}),
    }
    for message, other in wrong.items():
        with pytest.raises(EthereumInputError, match=message):
            EthereumBlock.of(other)
