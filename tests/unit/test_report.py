"""The report's page without a browser: what is on it, that nothing gets out of it, and what is refused."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jinja2", reason="reports need the extra: pip install -e '.[report]'")
pytest.importorskip("pyarrow", reason="reports need the extra: pip install -e '.[report]'")
pytest.importorskip("vl_convert", reason="reports need the extra: pip install -e '.[report]'")

from blockstm.errors import ReportError
from blockstm.measure.spread import Spread
from blockstm.report import read_inputs, report_page
from blockstm.report.numbers import NONE
from blockstm.report.page import sections_of
from blockstm.report.parts import Charts, Section, Table
from blockstm.report.sections.timeline import EXACT_SPANS_MAX
from blockstm.report.series import all_series
from tests.support import reports


@pytest.fixture(autouse=True)
def tables_are_decoded_here(monkeypatch: pytest.MonkeyPatch) -> None:
    reports.decode_here(monkeypatch)


class Page(HTMLParser):
    """What a browser would find: addresses, texts of scripts, cells of tables, elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.scripts: dict[str, str] = {}
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.numbers: list[tuple[str, str]] = []
        self._script: str | None = None
        self._number: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.elements.append((tag, values))
        self.addresses += [
            value or "" for name, value in attrs if name in ("src", "href", "action", "srcset")
        ]
        if tag == "script":
            self._script = values.get("id") or f"script-{len(self.scripts)}"
            self.scripts[self._script] = ""
        if tag == "data":
            self._number = values["value"]

    def handle_endtag(self, tag: str) -> None:
        self._script = None if tag == "script" else self._script

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            self.scripts[self._script] += data
        elif self._number is not None:
            self.numbers.append((self._number, data))
            self._number = None


def page_of(*paths: Path) -> str:
    return report_page(read_inputs(paths), "report.html")


def sections(*paths: Path) -> dict[str, Section]:
    return {section.identifier: section for section in sections_of(read_inputs(paths), "report.html")}


def tables(section: Section) -> list[Table]:
    return [part for part in section.parts if isinstance(part, Table)]


def rows(table: Table) -> list[list[str]]:
    return [[cell.text if cell.value is None else cell.value for cell in row] for row in table.rows]


def values(section: Section) -> list[dict[str, Any]]:
    """What the first chart of a section draws."""
    chart = next(part for part in section.parts if isinstance(part, Charts)).charts[0]
    return list(chart.specification["data"]["values"])


def test_all_sections_have_their_numbers(tmp_path: Path) -> None:
    found = sections(*reports.write_all(tmp_path))
    assert list(found) == [
        "summary", "replays", "models", "scaling", "contention", "aborts", "latency", "limits", "hot-keys",
        "definitions", "timeline", "commands",
    ]  # fmt: skip
    block = reports.replay()["blocks"][0]
    assert rows(tables(found["replays"])[0])[0][1:6] == [
        "200", "2", repr(block["wall_seconds"]), repr(block["sequential_seconds"]), repr(block["speedup"]),
    ]  # fmt: skip
    assert rows(tables(found["replays"])[0])[0][7:10] == ["190", "7", "3"]
    assert rows(tables(found["replays"])[1]) == [
        ["a.block", "7", "reverted", "too poor"],
        ["a.block", "3", "failed", "ValueError: oops"],
    ]
    assert rows(tables(found["aborts"])[0])[0][2:5] == ["211", "233", "11"]
    assert rows(tables(found["latency"])[0])[0][2:] == ["0.0031", "0.00625", "0.0065"]
    assert rows(tables(found["hot-keys"])[0]) == [["a.block", "balance of 0xabc", "80", "0.4", "31", "9.75"]]
    figures, sources = tables(found["definitions"])
    assert rows(figures) == [
        ["a.block", "credits-commutative", "longest-chain", "transactions", "31", "40"],
        ["a.block", "credits-commutative", "heaviest-chain", "gas", NONE, "0.25"],
    ]
    assert figures.rows[0][4].text == "31 (16 %)"
    assert rows(sources) == [["conflict", "account locks"]]
    assert [row[1] for row in rows(tables(found["limits"])[0])] == [
        "fees-as-dependencies",
        "credits-commutative",
    ]


def test_output_of_versions_that_did_not_count_outcomes(tmp_path: Path) -> None:
    replay = reports.replay()
    for name in ("succeeded", "reverted", "failed", "reasons"):
        del replay["blocks"][0][name]
    found = sections(reports.write(tmp_path, "x.json", replay))
    (only,) = tables(found["replays"])
    assert rows(only)[0][7:10] == [NONE] * 3


def test_outcomes_that_are_none_are_refused(tmp_path: Path) -> None:
    for reasons in (5, [5], [{"reason": 5, "status": "failed", "count": 1}], [{"reason": "x"}]):
        with pytest.raises(ReportError, match="reason"):
            read_inputs([reports.write(tmp_path, "x.json", reports.replay(reasons=reasons))])


def test_sections_without_data_are_absent(tmp_path: Path) -> None:
    assert list(sections(reports.write(tmp_path, "x.json", reports.inspection()))) == [
        "summary", "limits", "hot-keys", "definitions", "commands",
    ]  # fmt: skip
    assert list(sections(reports.write(tmp_path, "y.json", reports.timeline()))) == [
        "summary",
        "timeline",
        "commands",
    ]


def test_the_figures_of_a_sweep_are_the_medians_of_its_runs(tmp_path: Path) -> None:
    sweep = reports.write_sweep(tmp_path / "sweep", reports.sweep_rows())
    series = all_series(read_inputs([sweep]))
    assert [each.name for each in series] == [
        f"transfers: accounts {value}" for value in ("2", "10", "1,000")
    ]
    assert [run.seconds for run in series[0].runs] == [0.02 / cores + 0.001 for cores in (1, 2, 4)]
    assert {run.bound_greedy for run in series[0].runs} == {None}
    assert [run.speedups for run in series[0].runs] == [
        Spread(0.02 / (0.02 / cores + 0.001), 0.02 / (0.02 / cores + 0.002), cores, 3) for cores in (1, 2, 4)
    ]


def seeded(cores: int, seed: int, **figures: float) -> dict[str, Any]:
    return reports.sweep_rows()[0] | {
        "cores": cores, "seed": seed, "parameter.seed": seed, "repeat": 0, **figures
    }  # fmt: skip


def test_each_figure_of_several_seeds_is_the_median_of_its_own(tmp_path: Path) -> None:
    """No run's figures stand for those of the others: of two seeds, none is the one in the middle."""
    rows = [
        seeded(1, 1, seconds=2.0, speedup=1.0, executions=10, bound_critical_path=60.0, bound_greedy=1.0),
        seeded(1, 2, seconds=4.0, speedup=0.5, executions=11, bound_critical_path=64.0, bound_greedy=0.9),
        seeded(8, 1, seconds=0.9, speedup=6.0, executions=12, bound_critical_path=60.0, bound_greedy=7.0),
        seeded(8, 2, seconds=0.5, speedup=7.0, executions=13, bound_critical_path=64.0, bound_greedy=8.0),
        # Interrupted here: the chain bound is that of both blocks all the same.
        seeded(16, 1, seconds=0.4, speedup=9.0, executions=14, bound_critical_path=60.0, bound_greedy=9.0),
    ]
    sweep = reports.write_sweep(tmp_path / "sweep", rows)
    (series,) = all_series(read_inputs([sweep]))
    one, eight, sixteen = series.runs
    assert (one.seconds, one.speedup, one.executions, one.bound_greedy) == (3.0, 0.75, 10.5, 0.95)
    assert (eight.seconds, eight.speedup, eight.executions, eight.bound_greedy) == (0.7, 6.5, 12.5, 7.5)
    assert (sixteen.speedup, sixteen.executions, sixteen.speedups) == (9.0, 14, None)
    assert {run.bound_critical_path for run in series.runs} == {60.0}
    shown = rows_of_scaling(sweep)
    assert shown[1][-3:] == ["2", "6.0", "7.0"] and shown[1][4] == "6.5"
    assert shown[2][-3:] == ["1", NONE, NONE]


def rows_of_scaling(*paths: Path) -> list[list[str]]:
    return rows(tables(sections(*paths)["scaling"])[0])


def test_speedups_are_drawn_so_that_the_ideal_is_a_straight_line_and_the_highest(tmp_path: Path) -> None:
    paths = [
        reports.write(tmp_path, f"{name}.json", reports.simulation(name, factor))
        for name, factor in (("a", 0.9), ("b", 0.5))
    ]
    drawn, panels = (part for part in sections(*paths)["scaling"].parts if isinstance(part, Charts))
    logarithmic = {"type": "log", "base": 2, "nice": False}
    for chart in [*drawn.charts, *panels.charts]:
        specification = chart.specification
        for layer in specification.get("layer", [specification]):
            for axis in ("x", "y"):
                assert logarithmic.items() <= layer["encoding"][axis]["scale"].items()
            ticks = layer["encoding"]["y"]["axis"]
            assert {0.5, 1, 2, 4} <= set(ticks["values"]) <= {0.5, 1, 2, 4, 8}
            assert ticks["tickCount"] == len(ticks["values"])
    for chart in panels.charts:
        ideal, chain, greedy, speedup = chart.specification["layer"]
        assert ideal["data"]["values"] == [{"cores": 1, "ideal": 1}, {"cores": 8, "ideal": 8}]
        # On logarithmic axes, lines between points that are not above the ideal are not above it.
        for layer, field in ((greedy, "greedy"), (speedup, "speedup")):
            assert all(value[field] <= value["cores"] for value in layer["data"]["values"])
        low, high = chain["encoding"]["y"]["scale"]["domain"]
        assert low <= 0.5 and high >= 8


def test_a_speedup_of_0_has_no_place_on_a_logarithmic_axis(tmp_path: Path) -> None:
    simulation = reports.simulation()
    for result in simulation["results"]:
        result["speedup"] = 0
    path = reports.write(tmp_path, "x.json", simulation)
    panels = next(part for part in sections(path)["scaling"].parts if isinstance(part, Charts))
    assert panels.charts[0].specification["layer"][-1]["data"]["values"] == []
    assert report_page(read_inputs([path]), "x.html")


def test_replays_with_several_numbers_of_workers_are_a_series(tmp_path: Path) -> None:
    paths = [
        reports.write(tmp_path, f"{workers}.json", reports.replay(workers=workers, active_workers=workers))
        for workers in (2, 4)
    ]
    (series,) = all_series(read_inputs(paths))
    assert [run.cores for run in series.runs] == [2, 4]


def test_simulations_of_one_block_in_two_models_are_told_apart(tmp_path: Path) -> None:
    other = reports.simulation() | {"options": {"model": "sequential"}}
    paths = [
        reports.write(tmp_path, "one.json", reports.simulation()),
        reports.write(tmp_path, "two.json", other),
    ]
    inputs = read_inputs(paths)
    assert [(series.name, series.model) for series in all_series(inputs)] == [
        ("a.block (block-stm)", "block-stm"),
        ("a.block (sequential)", "sequential"),
    ]


def test_models_side_by_side(tmp_path: Path) -> None:
    path = reports.write(tmp_path, "x.json", reports.comparison("a.block", "b.block"))
    found = sections(path)["models"]
    drawn, suits, gains, runs, refused = found.parts
    assert isinstance(drawn, Charts) and all(
        isinstance(part, Table) for part in (suits, gains, runs, refused)
    )
    assert [chart.title for chart in drawn.charts] == ["a.block: speed-up (x)", "b.block: speed-up (x)"]
    assert [symbol.label for symbol in drawn.legend] == ["block-stm", "hinted:60", "declared", "greedy bound"]
    points = [(value["series"], value["cores"], value["value"]) for value in values(found)]
    assert points[:6] == [
        *(("block-stm", cores, 0.9 * cores) for cores in (1, 2, 4)),
        *(("hinted:60", cores, 0.8 * cores) for cores in (1, 2, 4)),
    ]
    assert rows(tables(found)[0]) == [
        [name, "200", "0.25", "17", "block-stm", f"block-stm suits {name} best."]
        for name in ("a.block", "b.block")
    ]
    assert rows(tables(found)[1]) == [
        ["hinted:60", "block-stm", "4", "0", "2", "0", "0.75", "0.95", repr(8 / 9)]
    ]
    line = rows(tables(found)[2])[5]
    assert line[:3] == ["a.block", "hinted:60", "4"]
    assert line[6:8] == [repr(0.8 * 4), repr(8 / 9)]
    assert rows(tables(found)[3])[0] == ["a.block", "declared", "transaction 3 declares nothing"]


def test_of_many_models_and_blocks_some_are_drawn_and_the_page_says_so(tmp_path: Path) -> None:
    content = reports.comparison(*(f"{number}.block" for number in range(13)))
    content["models"] = [*(f"m{number}" for number in range(7)), "block-stm", "hinted:60"]
    found = sections(reports.write(tmp_path, "x.json", content))["models"]
    drawn = next(part for part in found.parts if isinstance(part, Charts))
    assert len(drawn.charts) == 12 and len(drawn.legend) == 8
    assert drawn.note == "The first 12 of 13 blocks are drawn. The last 7 of 9 models are drawn."


def test_a_comparison_in_real_time_is_repeated_with_workers(tmp_path: Path) -> None:
    content = reports.comparison(clock="real", runs=3, verified=True, options={"time_limit": 2.5})
    found = sections(reports.write(tmp_path, "x.json", content))
    assert found["commands"].parts[0].text.splitlines()[0] == (
        "blockstm compare a.block --models block-stm,hinted:60,declared --workers 1,2,4 --repeat 3 --verify "
        f"--time-limit 2.5 --json > {tmp_path}/x.json"
    )


def test_stored_blocks_have_a_section_of_their_own(tmp_path: Path) -> None:
    found = sections(reports.write(tmp_path, "stored.json", reports.stored()))
    assert "replays" not in found
    stages, blocks = tables(found["settlement"])
    assert [each.text for each in stages.rows[0]] == [
        "state.lmdb", "async", "3", "up to 2", "0.02", "0.01", "0.01", "0.05", "2.00",
    ]  # fmt: skip
    assert [each.text for each in blocks.rows[1]] == [
        "2.block", "2", "200", "0.00", "11.00", "4.00", "7.50", "43.00", "1,234", "567",
    ]  # fmt: skip
    (charts,) = [part for part in found["settlement"].parts if isinstance(part, Charts)]
    drawn = charts.charts[0].specification["data"]["values"]
    assert {(each["row"], each["kind"]): each["value"] for each in drawn} == {
        ("1.block", "confirmed"): 12.0,
        ("1.block", "durable"): 31.0,
        ("2.block", "confirmed"): 11.0,
        ("2.block", "durable"): 43.0,
    }
    words = "--store state.lmdb --tree binary --settle async --in-flight 3 --tree-workers 2 --resume"
    assert words in str(found["commands"].parts)


def test_a_heat_map_puts_numbers_into_classes(tmp_path: Path) -> None:
    found = sections(*reports.write_all(tmp_path))
    simulated, _ = tables(found["contention"])
    classes = [[cell.heat for cell in row[1:]] for row in simulated.rows]
    # From 0.5 to 7.2 x in six equal steps of 1.117: 0.9, 1.8, 3.6, 7.2 and 0.5, 1, 2, 4.
    assert classes == [[1, 2, 3, 6], [1, 1, 2, 4]]


def test_a_long_timeline_is_drawn_in_columns_that_keep_every_share(tmp_path: Path) -> None:
    spans = EXACT_SPANS_MAX + 1
    found = sections(reports.write(tmp_path, "t.json", reports.timeline(spans)))
    drawn = values(found["timeline"])
    assert len(drawn) < spans
    areas: dict[str, float] = {}
    for value in drawn:
        area = (value["end"] - value["begin"]) * (value["bottom"] - value["top"]) / 0.8
        areas[value["kind"]] = areas.get(value["kind"], 0.0) + area
    each = 7.5e-3 * spans / 3  # ms
    assert areas == pytest.approx({"execution": each, "validation": each, "aborted": each}, rel=0.01)
    notes = [part.note for part in found["timeline"].parts if isinstance(part, Charts)]
    assert "too many to be seen one by one" in notes[0]


def test_a_short_timeline_is_drawn_span_by_span(tmp_path: Path) -> None:
    drawn = values(sections(reports.write(tmp_path, "t.json", reports.timeline(8)))["timeline"])
    assert [(value["begin"], value["end"]) for value in drawn] == [
        (place * 10, place * 10 + 7.5) for place in range(8)
    ]


def test_commands_repeat_what_was_run(tmp_path: Path) -> None:
    found = sections(*reports.write_all(tmp_path))
    (commands, definition) = found["commands"].parts
    assert commands.text.splitlines() == [
        "blockstm replay a.block --workers 2 --model block-stm --repeat 3 --verify --json "
        f"> {tmp_path}/replay.json",
        f"blockstm simulate a.block --cores 1,2,4,8 --json > {tmp_path}/simulate-a.json",
        f"blockstm simulate b.block --cores 1,2,4,8 --json > {tmp_path}/simulate-b.json",
        f"blockstm compare a.block --models block-stm,hinted:60,declared --cores 1,2,4 --json "
        f"> {tmp_path}/compare.json",
        f"blockstm inspect a.block --rules credits-commutative --weight gas --json > {tmp_path}/inspect.json",
        f"blockstm sweep {tmp_path}/sweep/sweep.toml -o {tmp_path}/sweep",
        f"blockstm replay a.block --model block-stm --workers 1 --timeline {tmp_path}/timeline.json",
        "blockstm report " + " ".join(
            f"{tmp_path}/{name}"
            for name in (
                "replay.json", "simulate-a.json", "simulate-b.json", "compare.json", "inspect.json",
                "timeline.json", "sweep",
            )
        ) + " -o report.html",
    ]  # fmt: skip
    assert definition.text == "cores = [1, 2, 4]"


def test_a_simulation_s_timeline_tells_its_block_and_cores(tmp_path: Path) -> None:
    timeline = reports.timeline()
    timeline["otherData"] = {"command": "simulate", "file": "x/a.block", "runs": [{"pid": 1, "cores": 8}]}
    timeline["traceEvents"][0]["args"]["name"] = "8 cores"
    found = sections(reports.write(tmp_path, "t.json", timeline))
    assert next(part for part in found["timeline"].parts if isinstance(part, Charts)).charts[0].title == (
        "a.block, 8 cores"
    )
    assert (
        f"blockstm simulate x/a.block --cores 8 --timeline {tmp_path}/t.json"
        in found["commands"].parts[0].text
    )


def test_the_page_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    page = Page(page_of(*reports.write_all(tmp_path)))
    identifiers = {values["id"] for _, values in page.elements if "id" in values}
    assert page.addresses
    assert all(address.startswith("#") and address[1:] in identifiers for address in page.addresses)
    assert not [
        tag for tag, _ in page.elements if tag in ("link", "img", "iframe", "object", "embed", "base", "form")
    ]
    policy = next(values["content"] for _, values in page.elements if "http-equiv" in values)
    assert policy is not None and policy.startswith("default-src 'none';") and "http" not in policy
    assert "url(" not in resources.files("blockstm.report").joinpath("page.css").read_text()


def test_the_page_carries_the_data_and_the_numbers_without_scripts(tmp_path: Path) -> None:
    page = Page(page_of(*reports.write_all(tmp_path)))
    data = json.loads(page.scripts["data"])
    assert data["inputs"][f"{tmp_path}/replay.json"] == reports.replay()
    assert ("0.0065123", "6.51") in page.numbers
    assert ("1.8957", "1.90") in page.numbers
    assert ("30", "30") not in page.numbers  # the gas is not shown


def test_nothing_of_a_user_becomes_part_of_the_page(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    plain = Page(page_of(*reports.write_all(tmp_path / "x")))
    folder = tmp_path / "y"
    folder.mkdir()
    hostile_rows = [
        row | {"scenario": reports.HOSTILE, "machine": reports.HOSTILE} for row in reports.sweep_rows()
    ]
    timeline = reports.timeline()
    timeline["traceEvents"][0]["args"]["name"] = timeline["traceEvents"][1]["args"]["name"] = reports.HOSTILE
    timeline["traceEvents"][3]["cat"] = timeline["traceEvents"][3]["name"] = reports.HOSTILE
    sweep = reports.write_sweep(folder / "sweep", hostile_rows)
    (sweep / "sweep.toml").write_text(reports.HOSTILE)
    html = page_of(
        reports.write(folder, "a <b>.json", reports.replay(reports.HOSTILE, model=reports.HOSTILE)),
        reports.write(folder, "b.json", reports.simulation(reports.HOSTILE)),
        reports.write(folder, "c.json", reports.simulation("b.block", 0.5)),
        reports.write(folder, "d.json", reports.inspection(reports.HOSTILE, reports.HOSTILE)),
        reports.write(folder, "e.json", timeline),
        sweep,
    )
    page = Page(html)
    assert len(page.scripts) == len(plain.scripts)
    assert not [tag for tag, _ in page.elements if tag == "b"]
    assert "alert(1)</script>" not in html
    assert json.loads(page.scripts["data"])["inputs"][f"{folder}/b.json"]["file"] == reports.HOSTILE


def test_the_data_of_the_page_is_json_whatever_it_is_made_of(tmp_path: Path) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    path = tmp_path / "x.json"
    path.write_text(json.dumps(reports.inspection()).replace('"keys"', '"more": 1e999, "keys"'))
    sweep = reports.write_sweep(tmp_path / "sweep", [row | {"more": b"x"} for row in reports.sweep_rows()])
    page = Page(page_of(path, sweep))
    data = json.loads(page.scripts["data"], parse_constant=refuse)["inputs"]
    json.loads(page.scripts["charts"], parse_constant=refuse)
    assert data[str(path)]["more"] is None
    assert set(data[str(sweep)]["bound_greedy"]) == {None}
    assert data[str(sweep)]["cores"][:3] == [1, 1, 1]


def test_characters_that_do_not_print_are_not_on_the_page(tmp_path: Path) -> None:
    html = page_of(reports.write(tmp_path, "x.json", reports.inspection("a\u202e\ud800\u0000b", "k\x1b[31m")))
    shown = html[: html.index('<script type="application/json" id="data">')]
    assert "a???b" in shown and "\u202e" not in shown and "\x1b" not in html
    html.encode()


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_have_the_contrast_that_wcag_aa_asks_for(scheme: int) -> None:
    style = resources.files("blockstm.report").joinpath("page.css").read_text()
    found = re.findall(r"--([a-z0-9-]+): light-dark\((#\w{6}), (#\w{6})\)", style)
    colours = {name: pair[scheme] for name, *pair in found}
    for name in ("text", "soft", "link"):
        assert contrast(colours[name], colours["page"]) >= 4.5, name
        assert contrast(colours[name], colours["raised"]) >= 4.5, name
    for place in range(1, 9):
        assert contrast(colours[f"series-{place}"], colours["page"]) >= 3, place
    for place in range(1, 7):
        text = colours["on-low" if place <= 3 else "on-high"]
        assert contrast(text, colours[f"heat-{place}"]) >= 4.5, place


def without(content: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key != name}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 1000, "nested too deep"),
        ("3", "not a JSON object"),
        ("{}", "neither a command nor traceEvents"),
        ('{"command": "replay"}', "schema is None, not 1"),
        ('{"schema": 2, "command": "replay"}', "schema is 2, not 1"),
        ('{"schema": 1, "command": "explore"}', "'explore', which has no report"),
        ('{"schema": 1, "command": ["replay"]}', "command: is ['replay'], not text"),
        ('{"schema": 1, "command": "replay"}', "blocks: is missing"),
        ('{"schema": 1, "command": "replay", "blocks": {}}', "blocks: is {}, not a list"),
        ('{"schema": 1, "command": "replay", "blocks": [3]}', "blocks[0]: is 3, not a JSON object"),
        (json.dumps({**reports.replay(), "options": {"programs": ["a", 3]}}),
         "options.programs: is ['a', 3], not a list of texts"),
        (json.dumps({**reports.replay(), "options": {"time_limit": -1}}),
         "options.time_limit: is -1, not a number"),
        (json.dumps(reports.replay(workers=0)), "blocks[0].workers: is 0, not a number from 1"),
        (json.dumps(reports.replay(wall_seconds="1")), "blocks[0].wall_seconds: is '1', not a number"),
        (json.dumps(reports.replay(wall_seconds=1.5)).replace("1.5", "1e999"),
         "wall_seconds: is inf, not a number"),
        (json.dumps(reports.replay(speedup=1e31)), "speedup: is 1e+31, not a number from 0 to 1e+30"),
        (json.dumps(reports.replay(aborts=1.5)), "blocks[0].aborts: is 1.5, not a whole number"),
        (json.dumps(reports.replay(commit_latency_seconds=[])), "commit_latency_seconds: is [], not an object"),
        (json.dumps(reports.replay(verified=1)), "blocks[0].verified: is 1, not true or false"),
        (json.dumps(without(reports.simulation(), "file")), "file: is missing"),
        (json.dumps(reports.inspection() | {"bounds": [{"rules": "x", "weight": "gas", "cores": {"x": 1}}]}),
         "bounds[0].cores.x: is not a number of cores"),
        (json.dumps({"traceEvents": [{}]}), "traceEvents[0].ph: is missing"),
        (json.dumps({"traceEvents": [{"ph": "M"}]}), "no complete events"),
        (json.dumps({"traceEvents": [{"ph": "X", "pid": 1, "tid": 1, "name": "x", "ts": -1, "dur": 1}]}),
         "ts: is -1"),
        (json.dumps([{"ph": "X", "pid": 1, "tid": 1, "name": "x", "ts": 0, "dur": 0}]), "no complete events"),
    ],
)  # fmt: skip
def test_bad_files_are_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ReportError) as caught:
        read_inputs([path])
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blockstm.report.inputs.JSON_BYTES_MAX", 100)
    with pytest.raises(ReportError, match="takes more than 100 bytes"):
        read_inputs([reports.write(tmp_path, "x.json", reports.replay())])


def test_bad_sweeps_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"results\.parquet: no such file"):
        read_inputs([tmp_path])
    (tmp_path / "results.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(ReportError, match="is not a readable Parquet file"):
        read_inputs([tmp_path])
    for name, change, message in (
        ("a", {"cores": 0}, r"row 1\.cores: is 0"),
        ("b", {"seconds": None}, r"row 1\.seconds: is missing"),
        ("c", {"speedup": -1.0}, r"row 1\.speedup: is -1\.0, not a number"),
    ):
        first, second, *_ = reports.sweep_rows()
        with pytest.raises(ReportError, match=message):
            read_inputs([reports.write_sweep(tmp_path / name, [first, second | change])])
    with pytest.raises(ReportError, match="column cores is missing"):
        read_inputs([reports.write_sweep(tmp_path / "d", [without(reports.sweep_rows()[0], "cores")])])
    with pytest.raises(ReportError, match="has no rows"):
        table = reports.write_sweep(tmp_path / "e", reports.sweep_rows())
        import pyarrow.parquet

        pyarrow.parquet.write_table(
            pyarrow.parquet.read_table(table / "results.parquet").slice(0, 0), table / "results.parquet"
        )
        read_inputs([table])


def test_an_input_named_twice_is_refused(tmp_path: Path) -> None:
    path = reports.write(tmp_path, "x.json", reports.replay())
    with pytest.raises(ReportError, match="named twice"):
        read_inputs([path, path])
