"""A chain that is made up here, and what commands then know of its blocks."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from blockstm import Block
from blockstm.analysis.conventions import Conventions
from blockstm.chains import (
    ChainAccounts,
    ChainBlock,
    ChainSupport,
    RecordedBlock,
    Recorder,
    RecorderOption,
    chain_block_of,
    conventions_of,
    network_of,
    recorders,
    register_chain,
    registry,
    support_of,
)
from blockstm.errors import BlockFileError, UsageError
from blockstm.programs.program import program
from blockstm.results.result import Receipt, Result, Status
from tests.cli.conftest import Command

ROOM = b"\x07"
Refused = Callable[..., str]


@program
def enter(ctx, weight: int):
    """Add to the weight in a room, of which a lift carries 100."""
    ctx.add(ROOM, weight)
    ctx.emit(b"full" if weight > 100 else b"in")


class Lift(ChainBlock):
    """A ride, whose header says the weight that is carried at its end."""

    has_accounts: ClassVar[bool] = True

    def __init__(self, block: Block) -> None:
        about = block.meta["lift"]
        if not isinstance(about, Mapping):
            raise BlockFileError("meta lift is no object; record the ride again")
        self.weight = about["weight"]

    def header_checks(
        self, result: Result, earlier: Mapping[str, bool | None] | None = None
    ) -> dict[str, bool | None]:
        is_equal = int.from_bytes(result.state.get(ROOM, b""), "big") == self.weight
        return {"carried_weight": is_equal and (earlier is None or earlier["carried_weight"]), "doors": None}

    def outcome(self, receipt: Receipt) -> tuple[Status, str | None]:
        return ("success", None) if receipt.events == [b"in"] else ("reverted", "too heavy")

    def receipt_outcome(self, receipt: Receipt) -> Mapping[str, object]:
        return {"ticket": receipt.txn_idx + 1}

    def accounts_after(self, result: Result) -> ChainAccounts:
        return ChainAccounts(
            b"carried %d\n" % int.from_bytes(result.state[ROOM], "big"), "the driver's weight"
        )


class Rooms(Conventions):
    def key_name(self, key: bytes) -> str:
        return f"room {key[0]}"


def record_ride(output: Path, *, ride: Path, driver: str | None, check_doors: bool) -> RecordedBlock:
    weights = [int(line) for line in ride.read_text().split()]
    block = ride_of(weights, sum(weights))
    block.save(output)
    return RecordedBlock(block, (f"driven by {driver}, doors {check_doors}",))


SUPPORT = ChainSupport(
    conventions=Rooms(),
    chain_block=lambda block: Lift(block) if "lift" in block.meta else None,
    recorder=Recorder(
        "Make a block of a ride.",
        (
            RecorderOption("ride", Path, "RIDE", "Weights, one a line.", required=True),
            RecorderOption("driver", str, "NAME", "Who drives."),
            RecorderOption("check_doors", bool, "", "Look at the doors."),
        ),
        record_ride,
        has_accounts=True,
    ),
    networks={"lift:2": "north tower"},
)


def ride_of(weights: list[int], carried: int) -> Block:
    return Block(
        [enter.txn(weight) for weight in weights], chain="lift:2", meta={"lift": {"weight": carried}}
    )


@pytest.fixture
def lift(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the chain known."""
    monkeypatch.setattr(registry, "_registered", {})
    register_chain("lift", SUPPORT)


@pytest.fixture
def ride(tmp_path: Path) -> Path:
    path = tmp_path / "ride.block"
    ride_of([70, 80, 120], 270).save(path)
    return path


@pytest.mark.usefixtures("one_engine", "lift")
def test_a_block_of_it_is_replayed(command: Command, ride: Path, tmp_path: Path) -> None:
    done = command("replay", ride, "--json", "--receipts", "receipts", "--accounts", "accounts")
    assert done.returncode == 0, done.stderr
    assert done.stderr == f"note: {ride}: the accounts lack the driver's weight\n"
    (entry,) = json.loads(done.stdout)["blocks"]
    assert entry["header_checks"] == {"carried_weight": True, "doors": None}
    assert (entry["succeeded"], entry["reverted"]) == (2, 1)
    assert entry["reasons"] == [{"reason": "too heavy", "status": "reverted", "count": 1}]
    lines = [json.loads(line) for line in (tmp_path / "receipts").read_text().splitlines()]
    assert [line["outcome"] for line in lines] == [{"ticket": 1}, {"ticket": 2}, {"ticket": 3}]
    assert not any("events" in line for line in lines)
    assert (tmp_path / "accounts").read_bytes() == b"carried 270\n"
    text = command("replay", ride).stdout
    assert re.search(r"^network +north tower$", text, re.M)
    assert re.search(r"^header carried weight +equal$", text, re.M)


@pytest.mark.usefixtures("one_engine", "lift")
def test_what_its_header_does_not_say_is_told(command: Command, ride: Path, tmp_path: Path) -> None:
    ride_of([70, 80, 120], 150).save(ride)
    done = command("replay", ride, "--json", "--receipts", "receipts")
    assert done.returncode == 1
    assert done.stderr == f"disagrees with the header: {ride}: carried weight\n"
    assert not (tmp_path / "receipts").exists()


@pytest.mark.usefixtures("lift")
def test_a_block_that_is_not_of_its_form_is_refused(refused: Refused, ride: Path) -> None:
    Block([enter.txn(1)], chain="lift:2", meta={"lift": 3}).save(ride)
    assert "meta lift is no object; record the ride again" in refused("replay", ride)


@pytest.mark.usefixtures("lift")
def test_its_keys_have_names(command: Command, ride: Path) -> None:
    found = json.loads(command("inspect", ride, "--json").stdout)
    assert [entry["name"] for entry in found["hot_keys"]] == ["room 7"] * len(found["hot_keys"])
    assert conventions_of("lift:9").key_name(b"\x01") == "room 1"
    assert conventions_of("lifts").key_name(b"\x01") == "0x01"
    assert (network_of("lift:2"), network_of("lift:9"), network_of(None)) == ("north tower", None, None)


@pytest.mark.usefixtures("lift")
def test_its_blocks_are_recorded(command: Command, refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "ride").write_text("70\n80\n")
    done = command("record", "lift", "--ride", "ride", "-o", "x.block", "--driver", "Ann", "--check-doors")
    assert (done.returncode, done.stderr) == (0, "")
    first, note = done.stdout.splitlines()
    assert first.startswith("x.block: 2 transactions, ")
    assert note == "note: driven by Ann, doors True"
    assert Block.load(tmp_path / "x.block").meta == {"lift": {"weight": 150}}
    assert "Missing option '--ride'" in refused("record", "lift", "-o", "x.block")
    assert "Did you mean 'lift'?" in refused("record", "lfit")
    assert "Make a block of a ride." in command("record", "--help").stdout
    assert sorted(recorders()) == ["ethereum", "lift", "solana"]


@pytest.mark.usefixtures("lift")
def test_the_chain_may_be_named_by_the_meta_alone() -> None:
    block = ride_of([1], 1)
    for chain in (None, "another", "scenario"):
        assert isinstance(chain_block_of(Block(block.transactions, chain=chain, meta=block.meta)), Lift)
    assert chain_block_of(Block(block.transactions, chain="lift")) is None


def test_nothing_is_known_of_other_chains() -> None:
    for chain in (None, "", "unheard of", ":"):
        assert support_of(chain) == support_of(None)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Install a package that brings the chain `lift`; its one module holds what is given."""
    monkeypatch.setattr(registry, "_registered", {})
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(registry, "_installed", registry._installed.__wrapped__)

    def install(source: str) -> None:
        name = f"lift_of_{tmp_path.name}"
        (tmp_path / f"{name}.py").write_text(source)
        about = tmp_path / "liftlib-1.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: liftlib\nVersion: 1\n")
        (about / "entry_points.txt").write_text(f"[blockstm.chains]\nlift = {name}:SUPPORT\n")

    return install


def test_an_installed_package_brings_chains(install: Callable[[str], None]) -> None:
    install(
        "from blockstm.chains import ChainSupport\n"
        "SUPPORT = ChainSupport(networks={'lift:2': 'south tower'})\n"
    )
    assert network_of("lift:2") == "south tower"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("SUPPORT = 3\n", r"is of type int, not a blockstm.chains.ChainSupport"),
        ("import nothing_of_this_name\n", r"cannot be imported: ModuleNotFoundError: No module named"),
        ("OTHER = 3\n", r"cannot be imported: AttributeError"),
        ("raise SystemExit(4)\n", r"cannot be imported: SystemExit: 4"),
    ],
)
def test_a_bad_package_is_named(install: Callable[[str], None], source: str, problem: str) -> None:
    install(source)
    with pytest.raises(UsageError, match=rf"^chain lift: .* of the package liftlib {problem}.*uninstall"):
        support_of("lift:2")
    support_of("ethereum")
