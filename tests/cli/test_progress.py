"""Progress is drawn for a person at a terminal, and for nobody else."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from io import StringIO

import pytest

from blockstm.cli import progress
from blockstm.cli.progress import Progress


def test_a_terminal_shows_what_is_done_and_is_clean_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "DELAY_SECONDS", 0)
    monkeypatch.setenv("TERM", "xterm")
    terminal, end = os.openpty()
    with open(terminal, "rb", buffering=0) as screen, open(end, "w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        with Progress(3) as shown, shown.step("one\x07"):
            drawn = b""
            while b"0/3" not in drawn:
                assert select.select([screen], [], [], 20)[0]
                drawn += screen.read(1 << 16)
            shown.count(2)
        drawn += screen.read(1 << 16)
    assert b"one\\x07" in drawn and b"3/3" in drawn
    assert drawn.endswith(b"\x1b[2K")  # the line is erased


@pytest.mark.parametrize("stderr", [StringIO(), None])
def test_nothing_is_drawn_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, stderr: StringIO | None
) -> None:
    monkeypatch.setattr(progress, "DELAY_SECONDS", 0)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(sys, "stderr", stderr)
    with Progress(3) as shown, shown.step("one"):
        shown.count(2)
    assert stderr is None or stderr.getvalue() == ""


def test_what_draws_is_not_imported_where_there_is_no_terminal() -> None:
    code = (
        "import sys; from blockstm.cli.progress import Progress\nwith Progress(1): pass\n"
        "sys.exit('rich' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, check=False).returncode == 0
