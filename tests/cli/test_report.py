"""``blockstm report``: the page in a real browser, and what the command refuses."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jinja2", reason="reports need the extra: pip install -e '.[report]'")
pytest.importorskip("pyarrow", reason="reports need the extra: pip install -e '.[report]'")
pytest.importorskip("vl_convert", reason="reports need the extra: pip install -e '.[report]'")

from blockstm.cli import main
from blockstm.simulate import default_model, model_text
from tests.support import reports
from tests.support.browser import INSTALL, chromium_path, open_report, running_chromium

PHONE = {"width": 390, "height": 844}
ABOUT_A_PIXEL = 1
RIGHT_EDGES = "charts => charts.map(svg => svg.getBoundingClientRect().right)"
LINE_COLOUR = "getComputedStyle(document.querySelector('.mark-line path')).stroke"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of one input of every kind, with hostile names among them."""
    folder = tmp_path_factory.mktemp("report")
    inputs = reports.write_all(folder)
    inputs.append(reports.write(folder, "hostile.json", reports.inspection(reports.HOSTILE, reports.HOSTILE)))
    inputs.append(reports.write(folder, "long.json", reports.timeline(3000)))
    path = folder / "report.html"
    assert main(["report", *map(str, inputs), "-o", str(path), "--title", reports.HOSTILE]) == 0
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    pytest.importorskip("playwright", reason="pip install playwright")
    path = chromium_path()
    if path is None:
        pytest.skip(f"there is no chromium; {INSTALL}")
    with running_chromium(path) as running:
        yield running


@pytest.mark.browser
def test_the_page_in_a_browser(browser: Any, report: Path) -> None:
    complaints: list[str] = []
    addresses: list[str] = []
    page = browser.new_page(viewport={"width": 1200, "height": 900}, color_scheme="light")
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append("a dialog"), dialog.dismiss()))
    page.on("request", lambda request: addresses.append(request.url))
    open_report(page, report)
    assert complaints == []
    assert addresses == [report.as_uri()]
    # Every chart is there, and has drawn something.
    charts = page.locator("[data-chart]").count()
    assert charts >= 12
    assert page.locator("[data-chart] svg").count() == charts
    marks = page.evaluate(
        "Array.from(document.querySelectorAll('[data-chart] svg'), "
        "svg => svg.querySelectorAll('.mark-line path, .mark-rect path, .mark-symbol path').length)"
    )
    assert min(marks) > 0
    # The numbers that people see are those of the data.
    block = reports.replay()["blocks"][0]
    row, *of_reasons = page.locator("section:has(> #replays) tbody tr").all()
    assert len(of_reasons) == len(block["reasons"])
    assert row.locator("data").evaluate_all("cells => cells.map(cell => cell.value)") == [
        json.dumps(block[name])
        for name in (
            "transactions", "workers", "wall_seconds", "sequential_seconds", "speedup", "succeeded", "reverted",
            "failed",
        )
    ]  # fmt: skip
    shown = row.locator("data").all_inner_texts()
    assert shown == ["200", "2", "6.51", "12.35", "1.90", "190", "7", "3"]
    shown = page.locator("section:has(> #scaling) tbody tr").first.locator("data").all_inner_texts()
    assert shown == ["1", "13.72", "12.35", "0.90", "90 %", "95 %", "1.00", "6.50", "1"]
    assert page.title() == reports.HOSTILE
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background), page.evaluate(LINE_COLOUR)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(background), page.evaluate(LINE_COLOUR)
    assert light[0] == "rgb(255, 255, 255)" and sum(map(int, re.findall(r"\d+", dark[0])[:3])) < 150
    assert light[1] != dark[1]
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(background) == light[0]
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.close()


@pytest.mark.browser
def test_the_page_fits_a_phone(browser: Any, report: Path) -> None:
    page = browser.new_page(viewport=PHONE, color_scheme="light")
    open_report(page, report)
    drawn = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        charts = page.locator("[data-chart] svg")
        assert max(charts.evaluate_all(RIGHT_EDGES)) <= PHONE["width"] + ABOUT_A_PIXEL
        drawn.append(page.evaluate(LINE_COLOUR))
    page.close()
    assert drawn[0] != drawn[1]


@pytest.mark.browser
def test_the_page_without_scripts(browser: Any, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.get_by_text("The charts need scripts").first.is_visible()
    assert page.locator("svg").count() == 0
    assert page.locator("section:has(> #hot-keys) tbody tr").first.is_visible()
    context.close()


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ") and printed.err.count("\n") == 1
    return printed.err


def test_bad_input_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = reports.write(tmp_path, "good.json", reports.replay())
    page = tmp_path / "report.html"
    (tmp_path / "bad.json").write_text("no")
    assert "not JSON" in refused(["report", str(tmp_path / "bad.json"), "-o", str(page)], capsys)
    assert "no such file" in refused(["report", str(tmp_path / "none.json"), "-o", str(page)], capsys)
    assert "results.parquet" in refused(["report", str(tmp_path), "-o", str(page)], capsys)
    assert "is an input" in refused(["report", str(good), "-o", str(good)], capsys)
    assert "folder does not exist" in refused(["report", str(good), "-o", str(tmp_path / "x" / "y")], capsys)
    assert not page.exists()


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("simulate --cores 1,2",
         ["--costs costs.toml", "--rounds-per-gas 2.5", "--as-replay", "--memory-limit 500000000"]),
        ("inspect --rules credits-commutative --weight gas",
         ["--execute", "--fee-key 0x00", "--fee-key 0x01", "--top 3", "--memory-limit 500000000"]),
        ("replay --workers 1 --model block-stm",
         ["--rounds-per-gas 0", "--time-limit 60", "--memory-limit 500000000", "--programs tests.models.programs"]),
    ],
)  # fmt: skip
def test_commands_are_repeated_with_their_options(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    options: list[str],
) -> None:
    block = Path("scenarios/ethereum-116525.block").resolve()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "costs.toml").write_text(model_text(default_model()))
    verb, *words = command.split()
    given = " ".join([verb, str(block), *words, *options, "--json"])
    for repeated in (False, True):
        assert main(given.split()) == 0
        (tmp_path / "x.json").write_text(capsys.readouterr().out)
        assert main(["report", "x.json", "-o", "x.html"]) == 0
        told = next(
            line
            for line in html.unescape((tmp_path / "x.html").read_text()).splitlines()
            if f"blockstm {verb} " in line and "x.json" in line
        )
        told = told[told.index("blockstm ") :].removeprefix("blockstm ").partition(" > ")[0]
        assert repeated or sorted(told.split()) == sorted(given.split())
        given = told


def test_what_the_commands_print_makes_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    block = "scenarios/ethereum-116525.block"
    timeline = str(tmp_path / "timeline.json")
    assert main(["simulate", block, "--cores", "1,2", "--timeline", timeline, "--json"]) == 0
    simulated = capsys.readouterr().out
    assert main(["inspect", block, "--json"]) == 0
    inspected = capsys.readouterr().out
    inputs = [timeline]
    for name, printed in (("simulate.json", simulated), ("inspect.json", inspected)):
        (tmp_path / name).write_text(printed)
        inputs.append(str(tmp_path / name))
    assert main(["report", *inputs, "-o", str(tmp_path / "report.html")]) == 0
    assert capsys.readouterr() == ("", "")
    page = (tmp_path / "report.html").read_text()
    assert f"blockstm simulate {block} --cores 1,2 --json" in page
    assert f"blockstm simulate {block} --cores 1,2 --timeline {timeline}" in page
    speedup = json.loads(simulated)["results"][1]["speedup"]
    assert f'<data value="{speedup!r}">{speedup:,.2f}</data>' in page
    for hot in json.loads(inspected)["hot_keys"]:
        assert f'<td class="">{hot["name"]}</td>' in page
        assert f'<data value="{hot["unlimited"]!r}">{hot["unlimited"]:,.2f}</data>' in page
