"""What a notebook shows of blocks and what came of them: short and well-formed, and nothing of it runs."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest

from blockstm import Block, Context, Engine, program
from blockstm.analysis.conventions import Conventions
from blockstm.analysis.inspection import inspect_block
from blockstm.analysis.profile import recorded_profile
from blockstm.programs.built_in import trace, transfer
from blockstm.programs.program import NativeProgram, Parameter
from blockstm.tables.html import ROWS_SHOWN, HtmlTable, html_of

HOSTILE = "<script>alert('x')</script><img src=\"https://evil.example/x.png\" onerror=alert(1)>&amp;"
TAGS = {"div", "strong", "table", "caption", "thead", "tbody", "tr", "th", "td"}


class Reader(HTMLParser):
    """Collects rows of cells; fails on tags and attributes that a short table does not need."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS
        for name, value in attrs:
            assert (name, value) in {("style", "text-align: left"), ("style", "text-align: right")}
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)


def read(shown: Any) -> Reader:
    reader = Reader()
    reader.feed(shown if isinstance(shown, str) else shown._repr_html_())
    reader.close()
    assert reader.open == []
    assert len(reader.text) < 10_000
    return reader


@program
def fails(ctx: Context, text: str) -> None:
    raise LookupError(text)


def test_text_is_escaped_everywhere() -> None:
    shown = html_of(
        HOSTILE, HtmlTable([HOSTILE, "n"], [(HOSTILE, 1_234), (None, 0.5), (True, 10**40)], HOSTILE)
    )
    assert "<script" not in shown and "<img" not in shown
    reader = read(shown)
    cut = HOSTILE if len(HOSTILE) <= 96 else HOSTILE[:93] + "..."
    assert reader.rows == [[cut, "n"], [cut, "1,234"], ["-", "0.5"], ["True", f"{10**40:,}"]]
    assert reader.text.startswith(HOSTILE)


def test_a_block_is_shown_with_its_first_transactions() -> None:
    bad = NativeProgram(HOSTILE, (Parameter("k", "key"),), "nowhere:entry")
    block = Block([bad.txn(b"<b>"), fails.txn(HOSTILE), *[transfer.txn(b"a", b"b", 1)] * 30], chain=HOSTILE)
    reader = read(block)
    assert reader.rows[0] == ["transaction", "program", "arguments", "gas limit"]
    assert [row[0] for row in reader.rows[1:]] == [str(txn_idx) for txn_idx in range(ROWS_SHOWN)]
    assert reader.rows[1][1].startswith("<script>alert('x')</script>")
    assert "Block of 32 transactions" in reader.text
    assert "The first 10:" in reader.text
    assert read(Block([])).rows == [["transaction", "program", "arguments", "gas limit"]]


def test_a_result_and_its_timeline_are_shown(shared_engine: Engine) -> None:
    result = shared_engine.execute(
        Block([fails.txn(HOSTILE)] + [transfer.txn(b"a", b"b", 0)] * 20), timeline=True
    )
    reader = read(result)
    figures = dict(zip(reader.rows[0], reader.rows[1], strict=True))
    assert (figures["success"], figures["reverted"], figures["failed"]) == ("20", "0", "1")
    assert figures["model"] == "block-stm"
    assert reader.rows[3][:2] == ["0", "failed"]
    assert reader.rows[3][3].startswith("LookupError: <script>")
    assert len(reader.rows) == 2 + 1 + ROWS_SHOWN
    timeline = read(result.timeline)
    spans = {kind: int(count.replace(",", "")) for kind, count, _ in timeline.rows[1:]}
    assert spans["commit"] == 21
    assert sum(spans.values()) == len(result.timeline or ())


def test_an_inspection_is_shown() -> None:
    class Named(Conventions):
        def key_name(self, key: bytes) -> str:
            return HOSTILE

    block = Block([trace.txn([b"hot"], [b"hot"], {}, 5)] * 4)
    profile = recorded_profile(block)
    assert profile is not None
    inspection = inspect_block(block, profile, Named())
    reader = read(inspection)
    assert any(row[0].startswith("<script>") and row[1] == "3" for row in reader.rows)
    assert repr(inspection).startswith("<Inspection of <Block of 4 transactions")


@pytest.mark.parametrize("text", ["\x1b[31m", "a\nb", "\ud800"])
def test_what_does_not_print_is_not_sent_to_the_notebook(text: str) -> None:
    shown = html_of("x", HtmlTable(["c"], [[text]]))
    assert shown.isprintable()
    shown.encode()
