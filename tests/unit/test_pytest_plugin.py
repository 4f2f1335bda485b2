"""The plugin as users meet it: test files of theirs, run by a pytest of their own."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]

STRICT = """
[pytest]
addopts = --strict-markers --strict-config
filterwarnings = error
"""

QUICK = """
from hypothesis import Phase, settings

settings.register_profile("quick", phases=[Phase.generate, Phase.shrink], derandomize=True, database=None)
settings.load_profile("quick")
"""

PROGRAMS = """
import itertools

import blockstm

numbers = itertools.count()


@blockstm.program
def numbered(ctx, key: bytes):
    ctx.write(key, b"%d" % next(numbers))


@blockstm.program
def pay(ctx, sender: bytes, receiver: bytes, amount: int):
    balance = int.from_bytes(ctx.read(sender) or b"", "big")
    if balance < amount:
        ctx.revert("too poor")
    ctx.write(sender, (balance - amount).to_bytes(8, "big"))
    ctx.add(receiver, amount)
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[..., pytest.RunResult]:
    """Run test files in a process of its own, with the plugin loaded whether it is installed or not."""
    pytester.makeini(STRICT)
    pytester.makeconftest(QUICK)
    pytester.makepyfile(shop=PROGRAMS)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def run(text: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(test_shop=text)
        return pytester.runpytest_subprocess(
            "-p", "blockstm.testing.plugin", "-p", "no:cacheprovider", *options
        )

    return run


def test_reports_and_options(run: Callable[..., pytest.RunResult]) -> None:
    """With a test module that no other process can import."""
    result = run(
        """
        import blockstm
        import pytest
        from blockstm import Block
        from shop import numbered, pay

        class Price:
            cents = 5

        @blockstm.program
        def buy(ctx, key: bytes):
            ctx.add(key, Price.cents)

        BLOCK = Block([pay.txn(b"a", b"b", 1), buy.txn(b"a")], {b"a": b"\\2"})
        pytestmark = pytest.mark.blockstm(schedules=3, seed=5)

        def test_good(blockstm_check):
            assert blockstm_check(BLOCK).schedules == 3

        @pytest.mark.blockstm(schedules=4, workers=3, strategies=["pct"])
        def test_with_options_of_its_own(blockstm_check):
            assert blockstm_check(BLOCK).schedules == 4
            assert blockstm_check(BLOCK, schedules=7).schedules == 7

        def test_bad(blockstm_check):
            blockstm_check(Block([numbered.txn(b"a")]))

        @pytest.mark.blockstm(schedule=4)
        def test_mistyped(blockstm_check):
            blockstm_check(BLOCK)

        @pytest.mark.blockstm(workers=99)
        def test_too_many(blockstm_check):
            blockstm_check(BLOCK)
        """,
        "--import-mode=importlib",
    )
    result.assert_outcomes(passed=2, failed=3)
    result.stdout.fnmatch_lines(
        [
            "*_ test_bad _*",
            "hidden state: transaction 0 (shop.numbered) differs when it is executed again with the same reads",
            "",
            "cause     shop.py:10: module global numbers of shop was count(0) before transaction 0 *",
            "shows in  shop.py:10: ctx.write(0x61, 0x31) instead of ctx.write(0x61, 0x30)",
            "fix       keep it in the state: ctx.read and ctx.write",
            "*_ test_mistyped _*",
            "the marker blockstm has option 'schedule'; it takes workers, schedules, seed, strategies",
            "*_ test_too_many _*",
            "workers is 99; give a whole number, 1 to 16",
        ],
        consecutive=True,
    )
    assert "Traceback" not in result.stdout.str()


def test_the_example_of_the_documentation_is_what_comes_out(run: Callable[..., pytest.RunResult]) -> None:
    """With Hypothesis, whose health checks the fixture passes; under pytest-xdist."""
    page = (ROOT / "docs" / "how-to" / "testing.md").read_text()
    code, report = re.findall(r"```python\n([^`]*)```\n\n[^\n]*\n\n((?:    [^\n]*\n|\n)+)", page)[0]
    result = run(code, "-n1")
    result.assert_outcomes(failed=2)
    lines = [line[4:].replace("[", "[[]") for line in report.rstrip().splitlines()]
    result.stdout.fnmatch_lines(lines, consecutive=True)
    result.stdout.fnmatch_lines(
        [
            "*_ test_buying _*",
            "hidden state: transaction 0 (test_shop.buy) differs when it is executed again with the same reads",
            "*: test_buying(",
            "*block=Block(*",
            "*Transaction(<program test_shop.buy>, (b'alice', b'alice'), None)*",
        ]
    )


def test_a_suite_that_does_not_use_it_does_not_pay_for_it() -> None:
    heavy = "{'blockstm.native._core', 'blockstm.engine', 'cloudpickle', 'greenlet'}"
    code = f"import sys, blockstm.testing.plugin; print({heavy} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
