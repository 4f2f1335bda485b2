"""Progress of long work, on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Timer
from types import TracebackType
from typing import TYPE_CHECKING

from blockstm.errors import printable

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

__all__ = ["Progress", "named_steps"]

# Work that is done sooner than this shows nothing.
DELAY_SECONDS = 1.0

# Drawing takes time from the workers that are being measured, so it is done seldom.
DRAWINGS_PER_SECOND = 2

# How far back the speed is looked at, for the time that is left.
SPEED_SECONDS = 120.0


class Progress:
    """A context manager that shows a bar while work goes on, if it goes on for long and a person can see it.

    Nothing is shown when standard error is not a terminal. The bar vanishes at the end.
    """

    def __init__(self, steps: int | None, *, is_estimate: bool = False) -> None:
        """Expect `steps` uses of step(), or count() up to there; None: it is not known how many.

        Arguments:
            steps: how many.
            is_estimate: whether the steps are units of estimated work, too many to mean anything to a person: then
                the share that is done is shown, and the time that is left.
        """
        self._bar = None if sys.stderr is None or not sys.stderr.isatty() else _bar(is_estimate)
        if self._bar is not None:
            self._task = self._bar.add_task("", total=steps)
            self._timer = Timer(DELAY_SECONDS, self._bar.start)
            self._timer.daemon = True

    def __enter__(self) -> Progress:
        """Start to wait for the moment to show the bar."""
        if self._bar is not None and not self._bar.disable:
            self._timer.start()
        return self

    @contextmanager
    def step(self, label: str) -> Iterator[None]:
        """Show `label` while the body runs, and count it as a step when it is done."""
        self.label(label)
        yield
        if self._bar is not None:
            self._bar.advance(self._task)

    def label(self, label: str) -> None:
        """Show a label from now on; what does not print, as in a file's name, is escaped."""
        if self._bar is not None:
            self._bar.update(self._task, description=printable(label))

    def count(self, done: int) -> None:
        """Show that a number of steps are done."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        if self._bar is None:
            return
        self._timer.cancel()
        if self._timer.ident is not None:
            self._timer.join()
        self._bar.stop()


def _bar(is_estimate: bool) -> Bar:
    """Make the bar, where it can be seen: to import the library takes longer than many a command."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    amount: list[ProgressColumn] = [MofNCompleteColumn(), TimeElapsedColumn()]
    if is_estimate:
        amount = [TaskProgressColumn(), TimeElapsedColumn(), TextColumn("left:"), TimeRemainingColumn()]
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        *amount,
        console=console,
        speed_estimate_period=SPEED_SECONDS,
        transient=True,
        refresh_per_second=DRAWINGS_PER_SECOND,
        redirect_stdout=False,
        # There are terminals on which no bar can be drawn.
        disable=not console.is_interactive,
    )


def named_steps(progress: Progress, name: str) -> Callable[[str], AbstractContextManager[None]]:
    """Return what `measure` enters for each run: a step of the progress, labelled with the block's name."""
    return lambda run: progress.step(f"{name}: {run}")
