"""The page: one HTML file with everything in it, and nothing that it needs from anywhere else."""

from __future__ import annotations

import base64
import hashlib
import math
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any, Final

from blockstm import __version__
from blockstm.errors import ReportError, install_extra, one_line
from blockstm.report.charts import CONFIG
from blockstm.report.inputs import Inputs
from blockstm.report.parts import Charts, Section
from blockstm.report.sections.aborts import aborts
from blockstm.report.sections.commands import commands
from blockstm.report.sections.contention import contention
from blockstm.report.sections.definitions import definitions
from blockstm.report.sections.latency import latency
from blockstm.report.sections.limits import hot_keys, limits
from blockstm.report.sections.models import models
from blockstm.report.sections.replays import replays
from blockstm.report.sections.scaling import scaling
from blockstm.report.sections.settlement import settlement
from blockstm.report.sections.summary import summary
from blockstm.report.sections.timeline import timeline
from blockstm.report.series import all_series

__all__ = ["report_page", "sections_of"]

TITLE_DEFAULT: Final = "blockstm report"
SCRIPT_END: Final = "</"
LIBRARY: Final = "window.vegaEmbed = vegaEmbed;"
"""What the bundle with the charts' library hands to page.js."""


def sections_of(inputs: Inputs, output: str) -> list[Section]:
    """Return the sections for which there is data, in the order of the page.

    Arguments:
        inputs: what was read.
        output: the page's file, for the command that makes it again.
    """
    series = all_series(inputs)
    found = (
        summary(inputs, series),
        replays(inputs),
        settlement(inputs),
        models(inputs),
        scaling(series),
        contention(series),
        aborts(inputs, series),
        latency(inputs, series),
        limits(inputs),
        hot_keys(inputs),
        definitions(inputs),
        timeline(inputs),
        commands(inputs, output),
    )
    return [section for section in found if section is not None]


def report_page(
    inputs: Inputs, output: str, *, title: str = TITLE_DEFAULT, made: datetime | None = None
) -> str:
    """Return the page as HTML.

    Arguments:
        inputs: what was read.
        output: the page's file, for the command that makes it again.
        title: of the page.
        made: when; None: now.

    Raises:
        ReportError: the libraries that it needs are not installed.
    """
    try:
        import jinja2
        import vl_convert  # noqa: F401 - to find out before the work whether it is there
    except ModuleNotFoundError as error:
        raise ReportError(
            f"a report needs {error.name}, which is not installed; {install_extra('report')}"
        ) from error
    except ImportError as error:  # there is no memory left to load it, or it is damaged
        raise ReportError(
            f"a report needs {error.name}, which cannot be loaded: {one_line(str(error))}; "
            "install it again, or give the process more memory"
        ) from error
    sections = sections_of(inputs, output)
    charts = [
        chart
        for section in sections
        for part in section.parts
        if isinstance(part, Charts)
        for chart in part.charts
    ]
    # The library is put on the page only where it has something to draw.
    scripts = [_library(), _own("page.js")] if charts else []
    for script in scripts:
        if SCRIPT_END + "script" in script.lower() or "<!--" in script:
            raise ReportError(
                "the installed vl-convert-python cannot be put on a page; install another version"
            )
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("blockstm.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    moment = (made or datetime.now(UTC)).astimezone(UTC)
    return environment.get_template("page.html.j2").render(
        title=title,
        version=__version__,
        made=moment.strftime("%Y-%m-%d %H:%M UTC"),
        sections=sections,
        style=_own("page.css"),
        scripts=scripts,
        script_hashes=[_hash(script) for script in scripts],
        charts={"config": CONFIG, "charts": {chart.identifier: chart.specification for chart in charts}},
        data=_data(inputs),
    )


@cache
def _library() -> str:
    """Return the charts' library; bundling it takes seconds."""
    import vl_convert

    return vl_convert.javascript_bundle(LIBRARY)


def _own(name: str) -> str:
    return resources.files("blockstm.report").joinpath(name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """Return how a content security policy names a script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _data(inputs: Inputs) -> dict[str, Any]:
    """Return the data that the page carries: what was read, by path; of timelines, what was counted."""
    timelines = {
        timeline.source: {
            "runs": [
                {
                    "name": run.name,
                    "seconds": run.seconds,
                    "lanes": [
                        {
                            "name": lane.name,
                            "spans": len(lane.spans),
                            "seconds_by_category": dict(lane.seconds_by_category),
                        }
                        for lane in run.lanes
                    ],
                }
                for run in timeline.runs
            ]
        }
        for timeline in inputs.timelines
    }
    return {"schema": 1, "command": "report", "inputs": {**_plain(inputs.raw), **timelines}}


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: null for numbers that are not finite, text for what JSON does not know."""
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)
