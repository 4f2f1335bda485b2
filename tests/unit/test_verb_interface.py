"""The verb interface in C: what comes of wrong use, and which programs are refused when they are loaded."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import blockstm
from blockstm import NativeProgram, Parameter, ProgramError
from blockstm.errors import printable
from blockstm.explore.strategies import KillingStrategy, RandomStrategy, Strategy
from blockstm.explore.trial import Trials
from blockstm.limits import EVENT_BYTES_MAX, KEY_BYTES_MAX, REASON_BYTES_MAX, SCAN_KEYS_MAX, VALUE_BYTES_MAX
from blockstm.programs import transfer
from blockstm.programs.shared_library import address_of
from blockstm.results.verify import differences
from tests.support import native_script
from tests.support.engines import run

SOURCE = Path(__file__).parents[1] / "support" / "native_misuse.c"
USE = (Parameter("key", "key"), Parameter("what", "u64"), Parameter("length", "u64", 0))
SHOWN = (
    Parameter("key", "key"),
    Parameter("keys", "keys"),
    Parameter("small", "u64"),
    Parameter("large", "u256"),
    Parameter("adds", "adds"),
    Parameter("raw", "bytes"),
)
(
    WRITE,
    EMIT,
    LOCATE,
    REVERT,
    WRITE_NULL,
    READ_KEY,
    WRITE_KEY,
    ERASE_KEY,
    KEY_BYTES,
    ADD_NULL,
    READ_NULL,
    LOCATE_NULL,
) = range(12)
(
    NEST,
    OUTER_ROLLED_BACK,
    OUTER_KEPT,
    NONE_ROLLED_BACK,
    CALL_THIRD,
    CALL_LENGTH,
    CALL_CROOKED,
    CALL_NO_KEYS,
) = range(12, 20)
(CALL_BYTES, FAIL_WITHIN, KEEP_READ, LENGTHEN, EXISTS_KEY, CHECK_KEY) = range(20, 26)
(SCAN_START_NULL, SCAN_END_NULL, SCAN_KEYS_NULL, SCAN_COUNT_NULL, SCAN_LIMIT, SCAN_START, SCAN_END) = range(
    26, 33
)
CHARGE = 33


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return native_script.compiled(tmp_path_factory.mktemp("misuse"), SOURCE)


@pytest.fixture(scope="module")
def misused(library: Path) -> NativeProgram:
    raw = (Parameter("key", "key"), Parameter("other", "key"), Parameter("raw", "bytes"))
    with_bytes = NativeProgram("tests.with_bytes", raw, f"{library}:shown")
    return NativeProgram("tests.misused", USE, f"{library}:misused", calls=(transfer, with_bytes))


@pytest.fixture(scope="module")
def engine() -> Iterator[blockstm.Engine]:
    with blockstm.Engine(2, active_workers=2) as engine:
        yield engine


def both_ways(engine: blockstm.Engine, block: blockstm.Block) -> blockstm.Result:
    in_order = engine.execute(block, "sequential")
    assert differences(run(engine, block, 2), in_order) == []
    return in_order


TOO_LONG = "LimitError: {} is longer than {} bytes".format
NULL = "UsageError: a verb was handed NULL"
NO_LIMIT = "LimitError: a scan is not for 1 to 1024 keys"
SCANS_NULL = (SCAN_START_NULL, SCAN_END_NULL, SCAN_KEYS_NULL, SCAN_COUNT_NULL)
NO_KEY = "UsageError: a verb was handed a key that was not looked up"
NOT_INNERMOST = "UsageError: a savepoint was to be closed that is not the innermost open one"
NOT_LISTED = "UsageError: a program was called that is not in the list of calls"
NOT_LAID_OUT = "UsageError: a program was called with arguments that are not laid out as its own"
WRONG = [
    *(
        (WRITE, length, TOO_LONG("a value", VALUE_BYTES_MAX))
        for length in (VALUE_BYTES_MAX + 1, 1 << 32, 1 << 63)
    ),
    *((EMIT, length, TOO_LONG("an event", EVENT_BYTES_MAX)) for length in (EVENT_BYTES_MAX + 1, 1 << 32)),
    *((LOCATE, length, TOO_LONG("a key", KEY_BYTES_MAX)) for length in (KEY_BYTES_MAX + 1, (1 << 32) + 1)),
    *(
        (what, length, NULL)
        for what in (WRITE_NULL, ADD_NULL, READ_NULL, LOCATE_NULL, *SCANS_NULL)
        for length in (1, 1 << 32)
    ),
    *(
        (what, key, NO_KEY)
        for what in (READ_KEY, WRITE_KEY, ERASE_KEY, KEY_BYTES, EXISTS_KEY, CHECK_KEY)
        for key in (0, 1, (1 << 32) - 1)
    ),
    *((what, 0, NOT_INNERMOST) for what in (OUTER_ROLLED_BACK, OUTER_KEPT, NONE_ROLLED_BACK)),
    *((SCAN_LIMIT, limit, NO_LIMIT) for limit in (0, SCAN_KEYS_MAX + 1, 1 << 32)),
    *(
        (what, length, TOO_LONG("a key", KEY_BYTES_MAX))
        for what in (SCAN_START, SCAN_END)
        for length in (KEY_BYTES_MAX + 1, (1 << 32) - 1, 1 << 32)
    ),
    (NEST, 1025, "LimitError: more than 1024 savepoints are open"),
    (CALL_THIRD, 0, NOT_LISTED),
    *((CALL_LENGTH, length, NOT_LAID_OUT) for length in (0, 8, 48, 55, 57, 64)),
    *((what, 0, NOT_LAID_OUT) for what in (CALL_CROOKED, CALL_NO_KEYS)),
    *((CALL_BYTES, length, NOT_LAID_OUT) for length in (1, 1 << 31, 1 << 63, (1 << 64) - 7)),
    (CHARGE, 0, "OutOfGas: the gas limit is used up"),
]


def test_wrong_use_fails_the_transaction_and_nothing_comes_of_it(
    engine: blockstm.Engine, misused: NativeProgram
) -> None:
    """The program goes on with every verb; each gives up again, and what was done and emitted before is gone."""
    block = blockstm.Block([misused.txn(b"k", what, length, gas_limit=1000) for what, length, _ in WRONG])
    result = both_ways(engine, block)
    assert [(receipt.status, receipt.error) for receipt in result.receipts] == [
        ("failed", why) for *_, why in WRONG
    ]
    assert all(receipt.events == [] for receipt in result.receipts)
    assert result.state == {}


def test_what_is_as_long_as_allowed_is_taken(engine: blockstm.Engine, misused: NativeProgram) -> None:
    uses = [
        (WRITE, VALUE_BYTES_MAX),
        (EMIT, EVENT_BYTES_MAX),
        (LOCATE, KEY_BYTES_MAX),
        (NEST, 1024),
        (WRITE_NULL, 0),
    ]
    result = both_ways(
        engine, blockstm.Block([misused.txn(b"%d" % what, what, length) for what, length in uses])
    )
    assert [receipt.error for receipt in result.receipts] == [None] * len(uses)
    assert result.receipts[1].events == [bytes(EVENT_BYTES_MAX)]
    assert result.state == {
        b"%d" % WRITE: bytes(VALUE_BYTES_MAX),
        bytes(KEY_BYTES_MAX): b"x",
        b"%d" % NEST: b"deep",
        b"%d" % WRITE_NULL: b"",
    }


def test_long_reasons_are_cut(engine: blockstm.Engine, misused: NativeProgram) -> None:
    lengths = (1, REASON_BYTES_MAX, REASON_BYTES_MAX + 1, 1 << 17, 1 << 32)
    result = both_ways(engine, blockstm.Block([misused.txn(b"k", REVERT, length) for length in lengths[:4]]))
    for receipt, length in zip(result.receipts, lengths, strict=False):
        assert (receipt.status, receipt.error) == (
            "reverted",
            printable("\0" * min(length, REASON_BYTES_MAX)),
        )


def test_what_goes_wrong_within_a_savepoint_can_be_taken_back(
    engine: blockstm.Engine, misused: NativeProgram
) -> None:
    result = both_ways(engine, blockstm.Block([misused.txn(b"k", FAIL_WITHIN)]))
    reason = TOO_LONG("a value", VALUE_BYTES_MAX).encode()
    assert result.receipts[0].status == "success"
    assert result.receipts[0].events == [reason[:8], bytes([len(reason)])]
    assert result.state == {b"k": b"before"}


def test_values_that_were_read_stay_until_the_program_returns(
    engine: blockstm.Engine, misused: NativeProgram
) -> None:
    result = both_ways(engine, blockstm.Block([misused.txn(b"k", KEEP_READ)] * 3))
    assert [receipt.events for receipt in result.receipts] == [[b"kept"]] * 3


def test_program_that_goes_on_after_it_was_given_up_does_no_harm(misused: NativeProgram) -> None:
    """Its reads are stale, or of an ESTIMATE: every verb gives up again, and what it does then does not count."""
    trials = Trials(blockstm.Block([misused.txn(b"k", LENGTHEN) for _ in range(6)]), 3)
    strategies: list[Strategy] = [RandomStrategy(seed) for seed in range(10)]
    strategies += [KillingStrategy(RandomStrategy(seed), 2, seed) for seed in range(10)]
    suspensions = 0
    try:
        for strategy in strategies:
            _, finding = trials.run(strategy)
            assert finding is None, finding
            assert trials.result().state == {b"k": b"\1" * 6}
            suspensions += trials.result().stats.suspensions
    finally:
        trials.close()
    assert suspensions > 0


def test_arguments_of_every_kind_arrive(engine: blockstm.Engine, library: Path, tmp_path: Path) -> None:
    shown = NativeProgram("tests.shown", SHOWN, f"{library}:shown")
    given = [
        (b"k", [b"a", b"b", b"c"], 1 << 63, (1 << 255) + 5, {b"d": 7, b"e": 1 << 200}, b"0123456789"),
        (b"", [], 0, 0, {}, b""),
        (b"k", [b"a", b"a"], 255, 256, {b"k": 0}, bytes(8)),
        (bytes(64), [b"z"], 1, (1 << 256) - 1, {}, b"x" * 60_000),
    ]
    block = blockstm.Block([shown.txn(*arguments) for arguments in given])
    block.save(tmp_path / "x.block")
    for each in (block, blockstm.Block.load(tmp_path / "x.block")):
        for (key, keys, small, large, adds, raw), receipt in zip(
            given, both_ways(engine, each).receipts, strict=True
        ):
            numbers = [native_script.as_bytes(number) for number in (small, large)]
            amounts = [
                part for name, amount in adds.items() for part in (name, native_script.as_bytes(amount))
            ]
            assert receipt.events == [key, *keys, *numbers, *amounts, raw, b"end"]


# --- loading --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "problem"),
    [
        (
            "other_version",
            r"is compiled for version 2 of blockstm\.h, and this blockstm has version 1: compile it again",
        ),
        (
            "more_verbs",
            r"is compiled against a newer blockstm\.h, which has more verbs: install that blockstm, or",
        ),
        ("no_function", r"has no function: export it with BLOCKSTM_PROGRAM"),
        ("no_program", r"is no blockstm_program: export it with BLOCKSTM_PROGRAM"),
        ("absent", r"exports no 'absent': export it with BLOCKSTM_PROGRAM"),
    ],
)
def test_what_is_no_program_for_this_version_is_refused(
    engine: blockstm.Engine, library: Path, misused: NativeProgram, symbol: str, problem: str
) -> None:
    refused = NativeProgram("tests.refused", (), f"{library}:{symbol}")
    caller = NativeProgram("tests.caller", (), f"{library}:misused", calls=(refused,))
    for program in (refused, caller):
        with pytest.raises(ProgramError, match=problem) as caught:
            engine.execute(blockstm.Block([program.txn()]))
        assert "importable" not in str(caught.value)
        with pytest.raises(ProgramError, match=problem):
            Trials(blockstm.Block([program.txn()]), 1)
    assert engine.execute(blockstm.Block([misused.txn(b"k", KEEP_READ)])).receipts[0].status == "success"


@pytest.mark.parametrize(
    ("content", "why"), [(None, "No such file"), (b"no library", "file too short|invalid ELF")]
)
def test_library_that_cannot_be_loaded_is_named(
    engine: blockstm.Engine, tmp_path: Path, content: bytes | None, why: str
) -> None:
    path = tmp_path / "libthing.so"
    if content is not None:
        path.write_bytes(content)
    thing = NativeProgram("tests.thing", (), f"{path}:thing")
    with pytest.raises(ProgramError, match=f"the shared library .*libthing.so.* cannot be loaded: .*({why})"):
        engine.execute(blockstm.Block([thing.txn()]))


def test_paths_of_libraries_are_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert NativeProgram("tests.near", (), "libx.so:name").entry == f"{tmp_path}/libx.so:name"
    assert NativeProgram("tests.near", (), "../libx.so.1:name").entry == f"{tmp_path.parent}/libx.so.1:name"
    assert NativeProgram("tests.near", (), "/a:b/libx.so:name").library == ("/a:b/libx.so", "name")
    assert NativeProgram("tests.module", (), "package.so_module:name").library is None
    for entry in ("libx.so:", "./libx.so"):
        with pytest.raises(
            ProgramError, match=r"is not package\.module:attribute or path/to/library\.so:symbol"
        ):
            NativeProgram("tests.near", (), entry)


def test_calls_are_checked(library: Path) -> None:
    with pytest.raises(ProgramError, match="is not a native program; it can call no other"):
        NativeProgram("tests.calls", (), f"{library}:misused", calls=(native_script.in_python,))  # type: ignore[arg-type]
    with pytest.raises(ProgramError, match="names calls, which only one in a shared library does"):
        NativeProgram("tests.calls", (), "package.module:attribute", calls=(transfer,))


@pytest.mark.parametrize("standard", ["c++11", "c++20"])
def test_header_can_be_compiled_as_cpp(tmp_path: Path, standard: str) -> None:
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("needs a C++ compiler, c++, which is not installed")
    include = f"-I{blockstm.include_directory()}"
    example = Path(__file__).parents[2] / "docs" / "native-example" / "vote.c"
    library = tmp_path / "libvote.so"
    command = [compiler, "-x", "c++", f"-std={standard}", *native_script.STRICT, "-shared", "-fPIC", include]
    done = subprocess.run(
        [*command, str(example), "-o", str(library)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert address_of(str(library), "vote") != 0
