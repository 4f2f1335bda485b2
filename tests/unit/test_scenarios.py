"""Scenario files: read strictly, the same block everywhere, and what the documentation says of them."""

from __future__ import annotations

import pickle
import re
from functools import cache
from pathlib import Path

import pytest
import zstandard
from blake3 import blake3

from blockstm.blocks.block import Block
from blockstm.blocks.block_file import encode
from blockstm.blocks.block_header import BlockHeader
from blockstm.chains import conventions_of
from blockstm.engine import Engine
from blockstm.errors import ScenarioError
from blockstm.programs.program import lookup
from blockstm.workloads import Scenario, read_scenario, scenario_from_text
from blockstm.workloads.catalogue import WORKLOADS
from blockstm.workloads.chance import Chance, Picker
from blockstm.workloads.orderbook import Order, encode_book
from blockstm.workloads.programs import perpetual_set_price
from blockstm.workloads.records import encode_amount, encode_record, key_of
from blockstm.workloads.scenario import General
from blockstm.workloads.schema import allowed_values

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "scenarios").glob("*.toml"))

# Digests of state and transactions; whoever changes a generator on purpose writes the new ones down.
DIGESTS = {
    "amm-hot-pool": "3332bbd13fc305428652b4d96c7c78e7",
    "amm-swaps": "e08c28df58f95a88609fba3a4dd11626",
    "exchange-attack": "b34919e21e9b9f20ec504b2bf01f4a4a",
    "exchange-day": "33fad3f069dffa9159c59bf5cf878f14",
    "mint-adds": "2b75ce76de14b1fa8de4e8906e7c9582",
    "mint-counter": "8c12fed3a6964e5f2c91968a95bad75a",
    "options": "3a97bd7c27270e18323ae19332c6be34",
    "orderbook": "1028f77508b1a0128cc881f380ff484e",
    "perpetual-crash": "553dc113bdf5b971a92280b754adc2b9",
    "perpetual": "3687ba7829cde2949f6987165adaa0ff",
    "transfers-aptos": "80942c027b155ebb236c64cadb58383b",
    "transfers-diem": "5edcb0098f85b98996825d59994b2e9d",
    "transfers-hotspot": "a533fb6d760bc8b056b528ca28e26de4",
    "transfers-uniform": "e8406b86de274a71f331f3373ba57e1b",
    "transfers-zipf": "b700b136b84aba2667afc7652e680a35",
}


def scenario(name: str) -> Scenario:
    return read_scenario(ROOT / "scenarios" / f"{name}.toml")


@cache
def shipped_block(name: str) -> Block:
    return scenario(name).block()


def digest(block: Block) -> str:
    """Of all that is in a block but its meta, which holds the scenario's own text."""
    packed = encode(BlockHeader(None, None, {}), block._packed)
    return blake3(zstandard.ZstdDecompressor().decompress(packed)).hexdigest()[:32]


@pytest.mark.parametrize("name", [path.stem for path in SHIPPED])
def test_a_scenario_gives_the_same_block_everywhere(name: str) -> None:
    assert digest(shipped_block(name)) == DIGESTS[name]


@pytest.mark.parametrize("name", [path.stem for path in SHIPPED])
def test_invariants_hold_for_what_ships(shared_engine: Engine, name: str) -> None:
    block = shipped_block(name)
    result = shared_engine.execute(block)
    assert scenario(name).invariant_failures(block.state, result.state) == []
    succeeded = sum(receipt.status == "success" for receipt in result.receipts)
    assert succeeded > len(block) // 2


@pytest.mark.parametrize("name", [path.stem for path in SHIPPED])
def test_each_key_has_a_name_of_its_own(shared_engine: Engine, name: str) -> None:
    block = shipped_block(name)
    keys = set(block.state) | set(shared_engine.execute(block).state)
    names = {conventions_of("scenario").key_name(key) for key in keys}
    assert len(names) == len(keys)
    assert not any(re.match(r"0x|[a-z]{3}[a-z.]$", each) for each in names)


def test_the_crash_liquidates_and_uses_up_the_insurance_fund(shared_engine: Engine) -> None:
    block = shipped_block("perpetual-crash")
    result = shared_engine.execute(block)
    half = len(block) // 2
    liquidated = [receipt.txn_idx for receipt in result.receipts if receipt.events]
    assert len(liquidated) > 100 and min(liquidated) >= half
    assert int.from_bytes(result.state[key_of(b"prpb", 0)], "big") > 0  # bad debt


# --- invariants that do not hold ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "key", "value", "told"),
    [
        ("transfers-aptos", key_of(b"pay.", 0), encode_amount(7), "transfers: all balances"),
        ("transfers-aptos", key_of(b"pays", 0, 0), encode_amount(70), "payments were sent and"),
        ("mint-adds", key_of(b"nftb", 0), encode_amount(7), "balances and revenue"),
        ("mint-adds", key_of(b"nftm"), encode_amount(2), "tokens, but 2 were counted"),
        ("mint-adds", key_of(b"nftr"), encode_amount(2), "instead of 600"),
        ("amm-swaps", key_of(b"ammp", 0), encode_record(0, 0, 1, 10, 10, 11, 3000), "has gone down"),
        ("amm-swaps", key_of(b"ammb", 0, 0), encode_record(0, -1), "is negative"),
        ("orderbook", key_of(b"obkl", 0, 0, 4096 - 2047), encode_record(1, 1), "level 2047 of side 0"),
        ("orderbook", key_of(b"obko", 0, 9999), encode_record(0, 1, 1, 1, 0, 0), "in no queue"),
        ("orderbook", key_of(b"obkb", 0, 0), b"", "base of market 0"),
        ("orderbook", key_of(b"obkf", 0), b"", "quote of market 0"),
        ("perpetual", key_of(b"prpa", 0, 0), encode_record(1, 1, 1, 0), "sizes of market 0"),
        ("perpetual", key_of(b"prpa", 0, 0), encode_record(-1, 0, 0, 0), "is negative"),
        ("perpetual", key_of(b"prpd", 0), encode_amount(1), "all funds"),
        ("options", key_of(b"optp", 0, 0), encode_record(5), "sizes of series 0"),
        ("options", key_of(b"optl", 0), b"", "locked and owes"),
        ("options", key_of(b"optf"), b"", "cash, locked and fees"),
        ("exchange-day", key_of(b"pay.", 0), b"", "transfers: all balances"),
    ],
)
def test_a_broken_invariant_is_noticed(
    shared_engine: Engine, name: str, key: bytes, value: bytes, told: str
) -> None:
    chosen = scenario(name).with_parameters({"transactions": 60})
    block = chosen.block()
    after = {**shared_engine.execute(block).state, key: value}
    assert any(told in failure for failure in chosen.invariant_failures(block.state, after))


def test_a_crossed_book_is_noticed() -> None:
    chosen = scenario("orderbook").with_parameters({"orderbook.resting": 0, "transactions": 0})
    before = chosen.block().state
    crossed = encode_book(0, ({7: [Order(1, 0, 1)]}, {7: [Order(2, 0, 1)]}))
    assert "orderbook: market 0 is crossed: bid 7, ask 7" in chosen.invariant_failures(
        before, {**before, **crossed}
    )


# --- reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", 'x.toml: workload is missing; allowed are "transfers", '),
        ("workload = 'transfer'", "workload is 'transfer'; allowed are \"transfers\", "),
        ("workload = ['transfers']", "workload is ['transfers']; allowed are"),
        ("workload = 'transfers'\nseed = -1", "seed is -1; allowed are whole numbers from 0 to "),
        ("workload = 'transfers'\nseed = 1.5", "seed is 1.5; allowed are whole numbers from 0 to "),
        ("workload = 'transfers'\nseed = true", "seed is True; allowed are whole numbers"),
        ("workload = 'transfers'\ntransactions = 1000001", "allowed are whole numbers from 0 to 1,000,000"),
        ("workload = 'transfers'\nseeds = 1", "seeds is unknown; allowed are workload, transactions, seed"),
        (
            "workload = 'transfers'\n[transfers]\naccount = 1",
            "transfers.account is unknown; allowed are work",
        ),
        ("workload = 'transfers'\n[transfers]\naccounts = 1", "transfers.accounts is 1; allowed are whole"),
        ("workload = 'transfers'\n[transfers]\nshape = 'x'", "transfers.shape is 'x'; allowed are \"plain\""),
        (
            "workload = 'transfers'\n[amm]\npools = 1",
            "the table 'amm' does not go with workload = \"transfers\"",
        ),
        ("workload = 'transfers'\n[seed]\nx = 1", "seed is a table; allowed are whole numbers"),
        ("workload = 'transfers'\ntransfers = 1", "transfers is 1; it must be a table"),
        ("workload = 'transfers'\n[transfers]\n'a b' = 1", "transfers.'a b' is unknown"),
        ("workload = 'transfers'\n[transfers.work]\nx = 1", "transfers.work is {'x': 1}; allowed are whole"),
        ("workload = ", "is not TOML"),
        ("a = " + "[" * 5000, "is not TOML"),
    ],
)
def test_what_is_wrong_is_named(text: str, told: str) -> None:
    with pytest.raises(ScenarioError) as refusal:
        scenario_from_text(text, "x.toml")
    assert str(refusal.value).startswith("x.toml: ")
    assert told in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_other_files(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="no such file"):
        read_scenario(tmp_path / "none.toml")
    with pytest.raises(ScenarioError, match="directory"):
        read_scenario(tmp_path)
    file = tmp_path / "x.toml"
    for content, told in ((b"\xff", "UTF-8"), (b"#" * 70_000, "larger")):
        file.write_bytes(content)
        with pytest.raises(ScenarioError, match=told):
            read_scenario(file)


def test_changed_parameters_are_checked_and_kept() -> None:
    chosen = scenario("transfers-zipf").with_parameters({"transactions": 3, "transfers.shape": "aptos"})
    assert chosen.parameters["transactions"] == 3
    assert chosen.parameters["transfers.shape"] == "aptos"
    assert chosen.parameters["transfers.balance"] == 1_000_000  # a default
    assert pickle.loads(pickle.dumps(chosen)) == chosen  # so that a sweep can hand it to other processes
    block = chosen.block()
    assert len(block) == 3
    kept = block.meta["scenario"]
    assert kept == {
        "name": "transfers-zipf",
        "text": (ROOT / "scenarios" / "transfers-zipf.toml").read_text(),
        "parameters": {"transactions": 3, "transfers.shape": "aptos"},
    }
    assert scenario_from_text(kept["text"], "again").with_parameters(kept["parameters"]).block() == Block(
        block.transactions, block.state, chain="scenario", meta={"scenario": {**kept, "name": "again"}}
    )
    for name, value in (("transfers.shape", "x"), ("transfers.x", 1), ("amm.pools", 1), ("workload.x", 1)):
        with pytest.raises(ScenarioError, match=r"allowed|must be a table"):
            chosen.with_parameters({name: value})


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_extremes_of_every_field_make_a_block(shared_engine: Engine, name: str) -> None:
    """Fields that say how many there are of something are left at a few; all else goes to its ends."""
    parts = WORKLOADS if name == "mixed" else (name,)
    counts = {"accounts", "minters", "pools", "markets", "keepers", "resting", "strikes", "makers"}
    long = {"work", "slow_work"}
    for end in ("least", "greatest"):
        changes: dict[str, object] = {"transactions": 40}
        for part in parts:
            for field, (allowed, _) in allowed_values(WORKLOADS[part].fields).items():
                if not allowed.texts and not (end == "greatest" and field in counts | long):
                    changes[f"{part}.{field}"] = getattr(allowed, end)
        chosen = scenario_from_text(f'workload = "{name}"', "extreme").with_parameters(changes)
        block = chosen.block()
        assert len(block) == 40
        result = shared_engine.execute(block)
        assert chosen.invariant_failures(block.state, result.state) == []


# --- chance ---------------------------------------------------------------------------------------


def test_chance_is_pinned() -> None:
    chance = Chance(1)
    assert [chance.below(1000) for _ in range(5)] == PINNED_DRAWS
    assert [Picker(1000, "zipf", exponent_percent=125).draw(chance) for _ in range(5)] == PINNED_PICKS


PINNED_DRAWS = [57, 416, 243, 630, 69]
PINNED_PICKS = [20, 2, 4, 39, 0]


def test_distributions_have_their_shape() -> None:
    chance = Chance(2)
    zipf = Picker(100, "zipf")
    drawn = [zipf.draw(chance) for _ in range(4000)]
    assert set(drawn) <= set(range(100))
    assert 1.6 < drawn.count(0) / drawn.count(1) < 2.5  # weights 1 and 1/2
    hotspot = Picker(100, "hotspot", hot=2, hot_share_percent=50)
    drawn = [hotspot.draw(chance) for _ in range(4000)]
    assert 0.45 < sum(place < 2 for place in drawn) / 4000 < 0.55
    assert max(drawn) == 99
    certain = Picker(3, "hotspot", hot=1, hot_share_percent=100)
    assert all(first != second for first, second in (certain.draw_two(chance) for _ in range(20)))


# --- documentation --------------------------------------------------------------------------------


def test_the_documentation_lists_every_field() -> None:
    page = (ROOT / "docs" / "reference" / "workloads.md").read_text()
    rows = re.findall(r"^\| `([a-z_.]+)` \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$", page, re.MULTILINE)
    tables = {"": General} | {f"{name}.": workload.fields for name, workload in WORKLOADS.items()}
    expected = []
    for prefix, table in tables.items():
        for name, (allowed, default) in allowed_values(table).items():
            shown = f'"{default}"' if allowed.texts else f"{default:,}"
            if prefix + name == "workload":
                shown = "required"
            expected.append((prefix + name, allowed.meaning, str(allowed), shown))
    assert rows == expected


def test_the_documentation_names_every_shipped_scenario() -> None:
    page = (ROOT / "docs" / "reference" / "workloads.md").read_text()
    assert {name for name in re.findall(r"`scenarios/([a-z-]+)\.toml`", page)} == {
        path.stem for path in SHIPPED
    }


def test_a_program_is_known_by_its_name_alone() -> None:
    assert lookup("blockstm.workloads.perpetual_set_price") is perpetual_set_price
