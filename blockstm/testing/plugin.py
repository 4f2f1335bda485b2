"""The pytest plugin: the fixture `blockstm_check` and the marker `blockstm` (docs/how-to/testing.md).

It imports neither engine nor core before the fixture is used: test suites that do not use it pay next to nothing
for a plugin that happens to be installed.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import pytest

if TYPE_CHECKING:
    from blockstm import Block
    from blockstm.testing import Checked, Checker

__all__ = ["BlockstmCheck", "blockstm_check"]

OPTIONS: Final = ("workers", "schedules", "seed", "strategies")
MARKER: Final = (
    "blockstm(workers=2, schedules=100, seed=0, strategies=('random', 'pct')): what blockstm_check does where the "
    "call does not say otherwise"
)

running: Final = pytest.StashKey[pytest.Item]()
"""The test that runs; the fixture is of the session, so that it goes with Hypothesis, and cannot know its test."""


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", MARKER)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note which test is about to run."""
    item.config.stash[running] = item


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show of a failed check its report, and what Hypothesis notes, without a traceback."""
    report = yield
    if call.excinfo is not None and isinstance(call.excinfo.value, BlockstmCheckError):
        failure = call.excinfo.value
        report.longrepr = "\n".join([str(failure), *getattr(failure, "__notes__", [])])
    return report


class BlockstmCheckError(AssertionError):
    """A check has failed, or could not be made; the text is the report."""


class BlockstmCheck:
    """Calls a checker, with the options of the marker of the test that runs; see `blockstm.testing.Checker.check`.

    Arguments:
        checker: the checker of the session.
        config: pytest's configuration.
    """

    def __init__(self, checker: Checker, config: pytest.Config) -> None:
        """Check nothing yet."""
        self._checker = checker
        self._config = config

    def __call__(
        self,
        block: Block,
        *,
        workers: int | None = None,
        schedules: int | None = None,
        seed: int | None = None,
        strategies: Sequence[Literal["random", "pct", "exhaustive"]] | None = None,
    ) -> Checked:
        """Fail the test, with a report, where what the block comes to depends on more than state and arguments.

        Arguments:
            block: the block.
            workers: how many virtual workers, 1 to 16; without it 2.
            schedules: the most schedules; without it 100.
            seed: where the chances of the schedules start; without it 0.
            strategies: the strategies, which share the schedules; without it random and pct.
        """
        from blockstm.errors import BlockstmError

        given = {"workers": workers, "schedules": schedules, "seed": seed, "strategies": strategies}
        options = self._marked() | {name: value for name, value in given.items() if value is not None}
        try:
            return self._checker.check(block, **options)
        except BlockstmError as error:
            raise BlockstmCheckError(str(error)) from None

    def _marked(self) -> dict[str, Any]:
        """Return the options of the test's markers, of which the nearest counts."""
        options: dict[str, Any] = {}
        for mark in self._config.stash[running].iter_markers("blockstm"):
            unknown = [name for name in mark.kwargs if name not in OPTIONS]
            if mark.args or unknown:
                what = f"option {unknown[0]!r}" if unknown else "options without a name"
                raise BlockstmCheckError(f"the marker blockstm has {what}; it takes {', '.join(OPTIONS)}")
            options = {**mark.kwargs, **options}
        return options


@pytest.fixture(scope="session")
def blockstm_check(pytestconfig: pytest.Config) -> Iterator[BlockstmCheck]:
    """Check that a block comes to the same however it is executed: `blockstm_check(block)`."""
    from blockstm.testing import Checker

    with Checker() as checker:
        yield BlockstmCheck(checker, pytestconfig)
