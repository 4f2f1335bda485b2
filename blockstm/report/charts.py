"""Charts in Vega-Lite. Colours are names of the style sheet's, so that light, dark and print need no other chart.

No text of a user's goes into a specification but as a value of its data, or a value of a scale's domain.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from blockstm.report.parts import Symbol

__all__ = [
    "CONFIG", "SCALING_LEGEND", "SERIES_MAX", "bar_chart", "colour", "dot_chart", "is_wide", "line_chart",
    "scaling_chart", "series_legend", "spans_chart",
]  # fmt: skip

Specification = dict[str, Any]
Values = Sequence[Mapping[str, Any]]

# Shapes tell series apart where colours do not: Vega's names, and the characters of the legend.
SHAPES: Final = (
    ("circle", "●"), ("square", "■"), ("triangle-up", "▲"), ("diamond", "◆"),
    ("cross", "✚"), ("triangle-down", "▼"), ("triangle-right", "▶"), ("triangle-left", "◀"),
)  # fmt: skip
SERIES_MAX: Final = len(SHAPES)
LINE_HEIGHT: Final = 220
ROW_HEIGHT: Final = 18
LANE_HEIGHT: Final = 28
LANES_HIGH: Final = 16
LANE_GAP: Final = 0.1
LOG_FROM: Final = 20
"""Where the largest value is this many times the smallest, the axis is logarithmic."""
DECADES_FINE: Final = 3
MARGIN: Final = 1.06
POWERS: Final = 100
"""Of two, from 1, in both directions; no speed-up is beyond (`blockstm.schema.fields.NUMBER_MAX`)."""

CONFIG: Final[Specification] = {
    "background": None,
    "font": "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif",
    "view": {"stroke": None},
    "axis": {
        "domainColor": "var(--line)", "tickColor": "var(--line)", "gridColor": "var(--grid)",
        "labelColor": "var(--text)", "titleColor": "var(--soft)", "labelFontSize": 12, "titleFontSize": 12,
        "titleFontWeight": "normal", "labelOverlap": True, "labelFlush": False,
    },
}  # fmt: skip


def colour(name: str) -> str:
    """Return a colour of the style sheet, by its name."""
    return f"var(--{name})"


def series_legend(labels: Sequence[str]) -> list[Symbol]:
    """Return the legend of `line_chart`."""
    return [
        Symbol(label, character, f"series-{place}")
        for place, (label, (_, character)) in enumerate(zip(labels, SHAPES, strict=False), 1)
    ]


def line_chart(
    values: Values, labels: Sequence[str], measure: str, title: str, *, is_speedup: bool = False
) -> Specification:
    """Return a chart of lines against the number of cores.

    Arguments:
        values: objects with ``series``, ``cores`` and the measure.
        labels: of the series, SERIES_MAX at most.
        measure: the field that is drawn.
        title: of the axis, with the unit.
        is_speedup: whether it is a speed-up: then both axes are logarithmic, and what is 0 is not drawn.
    """
    if is_speedup:
        values = [value for value in values if value[measure] > 0]
    numbers = [value[measure] for value in values]
    y = (
        _speedup_axis(numbers, [value["cores"] for value in values], title)
        if is_speedup
        else _measure_axis(numbers, title)
    )
    return _sized(LINE_HEIGHT) | {
        "data": {"values": values},
        "mark": {"type": "line", "point": {"size": 45, "filled": True}, "strokeWidth": 2},
        "encoding": {
            "x": _cores_axis(values),
            "y": {"field": measure, "type": "quantitative", **y},
            "color": _categories("series", labels, [f"series-{place}" for place in range(1, SERIES_MAX + 1)]),
            "shape": _by_label("series", labels, [shape for shape, _ in SHAPES]),
            "tooltip": [
                {"field": "series", "title": "series"},
                {"field": "cores", "title": "cores"},
                {"field": measure, "title": title, "format": ",.4~g"},
            ],
        },
    }


def scaling_chart(values: Values, shown: Sequence[float]) -> Specification:
    """Return a chart of one series' speed-up against the number of cores, and its bounds.

    Both axes are logarithmic, so that the ideal, as many times as there are cores, is a straight line, and no bound
    seems to lie above it between two numbers of cores.

    Arguments:
        values: objects with ``cores``, ``speedup``, and ``greedy`` and ``chain`` where they are known; ``least``
            and ``greatest`` where the speed-up is that of several runs.
        shown: all speed-ups and bounds that the axis has room for, those of other charts of its kind too; what is
            above them is not drawn.
    """
    cores = [value["cores"] for value in values]
    ideal = [{"cores": each, "ideal": each} for each in (min(cores), max(cores))]
    y = {"type": "quantitative", **_speedup_axis([*shown, *cores], cores, "speed-up (x)")}
    axes = {"x": _cores_axis(values), "y": y}

    def layer(field: str, mark: Mapping[str, Any], data: Values = values) -> Specification:
        known = [value for value in data if (value.get(field) or 0) > 0]
        return {
            "data": {"values": known},
            "mark": {"type": "line", "clip": True, **mark},
            "encoding": {"x": axes["x"], "y": {**axes["y"], "field": field}},
        }

    measured = layer(
        "speedup",
        {"color": colour("series-1"), "strokeWidth": 2.5, "point": {"size": 45, "color": colour("series-1")}},
    )
    measured["encoding"]["tooltip"] = [
        {"field": field, "title": title, "format": ",.4~g"}
        for field, title in (
            ("cores", "cores"), ("speedup", "speed-up (x)"),
            ("greedy", "greedy bound (x)"), ("chain", "chain bound (x)"),
        )
    ]  # fmt: skip
    spread = layer("least", {"type": "rule", "color": colour("series-1"), "strokeWidth": 6, "opacity": 0.35})
    spread["encoding"]["y2"] = {"field": "greatest"}
    return _sized(LINE_HEIGHT) | {
        "layer": [
            layer("ideal", {"color": colour("soft"), "strokeWidth": 1}, ideal),
            layer("chain", {"color": colour("series-4"), "strokeWidth": 2, "strokeDash": [2, 3]}),
            layer("greedy", {"color": colour("series-2"), "strokeWidth": 2, "strokeDash": [7, 4]}),
            *([spread] if spread["data"]["values"] else []),
            measured,
        ]
    }


SCALING_LEGEND: Final = (
    Symbol("speed-up (x)", "●", "series-1"),
    Symbol("from the least to the greatest of several runs", "❙", "series-1"),
    Symbol("greedy bound: list scheduling with perfect knowledge", "dashed", "series-2"),
    Symbol("chain bound: the heaviest chain of dependent transactions", "dotted", "series-4"),
    Symbol("as many times as there are cores", "solid", "soft"),
)


def bar_chart(values: Values, rows: Sequence[str], kinds: Sequence[Symbol], title: str) -> Specification:
    """Return a chart of horizontal bars, a group for each row.

    Arguments:
        values: objects with ``row``, ``kind`` and ``value``.
        rows: their labels, from the top.
        kinds: what each bar of a group stands for: the legend.
        title: of the axis, with the unit.
    """
    labels = [kind.label for kind in kinds]
    return _sized(max(60, ROW_HEIGHT * len(kinds) * len(rows))) | {
        "data": {"values": values},
        "mark": {"type": "bar"},
        "encoding": {
            "y": {"field": "row", "type": "nominal", "sort": None, "axis": _row_axis()},
            "yOffset": {"field": "kind", "type": "nominal", "sort": labels},
            "x": {"field": "value", "type": "quantitative", "axis": _axis(title) | {"orient": "top"}},
            "color": _categories("kind", labels, [kind.colour for kind in kinds]),
            "tooltip": _row_tooltip(title),
        },
    }


def dot_chart(values: Values, rows: Sequence[str], kinds: Sequence[Symbol], title: str) -> Specification:
    """Return a chart of dots on a line, one line for each row; arguments as of `bar_chart`.

    The last kind is a tick across the line, so that it is seen where it is in one place with a dot.
    """
    y = {"field": "row", "type": "nominal", "sort": None, "axis": _row_axis()}
    x = {
        "field": "value",
        "type": "quantitative",
        **_measure_axis([value["value"] for value in values], title),
    }
    x["axis"]["orient"] = "top"
    last = kinds[-1].label

    def layer(of_layer: Sequence[Symbol], mark: Mapping[str, Any]) -> Specification:
        labels = [kind.label for kind in of_layer]
        shapes = [shape for kind in of_layer for shape, character in SHAPES if character == kind.shape]
        return {
            "data": {"values": [value for value in values if value["kind"] in labels]},
            "mark": mark,
            "encoding": {
                "y": y,
                "x": x,
                "color": _categories("kind", labels, [kind.colour for kind in of_layer]),
                **({"shape": _by_label("kind", labels, shapes)} if shapes else {}),
                "tooltip": _row_tooltip(title),
            },
        }

    line = {
        "mark": {"type": "line", "color": colour("line")},
        "encoding": {"y": y, "x": x, "detail": {"field": "row"}},
    }
    return _sized(max(60, 26 * len(rows))) | {
        "data": {"values": values},
        "layer": [
            line,
            layer(
                [kind for kind in kinds if kind.label == last], {"type": "tick", "thickness": 3, "size": 18}
            ),
            layer(
                [kind for kind in kinds if kind.label != last],
                {"type": "point", "filled": True, "opacity": 1, "size": 80},
            ),
        ],
        "resolve": {"scale": {"color": "independent"}},
    }


def spans_chart(
    values: Values, lanes: Sequence[str], kinds: Sequence[Symbol], end: float, unit: str
) -> Specification:
    """Return a chart of spans of time, a lane for each thread.

    Arguments:
        values: objects with ``lane`` (its number, from 0), ``kind``, ``begin``, ``end``, ``name``, and ``low`` and
            ``high``, from 0 to 1: which part of the lane's height the span takes.
        lanes: their labels, from the top.
        kinds: the legend.
        end: of the axis.
        unit: of the times.
    """
    labels = [kind.label for kind in kinds]
    placed = [
        {
            **{name: value[name] for name in ("kind", "name", "begin", "end")},
            "lane": lanes[value["lane"]],
            "bottom": round(value["lane"] + 1 - LANE_GAP - value["low"] * (1 - 2 * LANE_GAP), 4),
            "top": round(value["lane"] + 1 - LANE_GAP - value["high"] * (1 - 2 * LANE_GAP), 4),
        }
        for value in values
    ]
    height = LANE_HEIGHT if len(lanes) <= LANES_HIGH else LANE_HEIGHT // 2
    return _sized(height * len(lanes)) | {
        "data": {"values": placed},
        "params": [{"name": "lanes", "value": list(lanes)}],
        "mark": {"type": "rect", "clip": True},
        "encoding": {
            "y": {
                "field": "bottom",
                "type": "quantitative",
                "scale": {"domain": [0, len(lanes)], "reverse": True, "nice": False},
                "axis": _row_axis()
                | {
                    "values": [lane + 0.5 for lane in range(len(lanes))],
                    "labelExpr": "lanes[floor(datum.value)]",
                    "grid": False,
                },
            },
            "y2": {"field": "top"},
            "x": {
                "field": "begin",
                "type": "quantitative",
                "scale": {"domain": [0, end], "nice": False},
                "axis": _axis(f"time since the start of the block ({unit})"),
            },
            "x2": {"field": "end"},
            "color": _categories("kind", labels, [kind.colour for kind in kinds]),
            "tooltip": [
                {"field": "lane", "title": "lane"},
                {"field": "name", "title": "what"},
                {"field": "begin", "title": f"from ({unit})", "format": ",.5~g"},
                {"field": "end", "title": f"to ({unit})", "format": ",.5~g"},
            ],
        },
    }


def _sized(height: int) -> Specification:
    return {"width": "container", "height": height, "autosize": {"type": "fit-x", "contains": "padding"}}


def _axis(title: str) -> Specification:
    return {"title": title, "tickCount": 5, "format": ",~f"}


def _row_axis() -> Specification:
    return {"title": None, "ticks": False, "domain": False, "labelPadding": 6}


def _row_tooltip(title: str) -> list[Specification]:
    return [
        {"field": "row", "title": "block"},
        {"field": "kind", "title": "what"},
        {"field": "value", "title": title, "format": ",.4~g"},
    ]


def _cores_axis(values: Values) -> Specification:
    cores = sorted({value["cores"] for value in values})
    return {
        "field": "cores",
        "type": "quantitative",
        "scale": {"type": "log", "base": 2, "domain": [cores[0], cores[-1]], "nice": False, "padding": 7},
        "axis": {"title": "cores", "values": cores, "format": ",d", "labelFlush": False},
    }


def _speedup_axis(numbers: Iterable[float], cores: Sequence[int], title: str) -> Specification:
    """Return a logarithmic scale that shows all numbers above 0, with lines at the numbers of cores.

    Below and above these it has lines at powers of two.
    """
    positive = [number for number in numbers if number > 0] or [1.0]
    low, high = min(positive) / MARGIN, max(positive) * MARGIN
    powers = [2.0**power for power in range(-POWERS, POWERS + 1)]
    ticks = {power for power in powers if not min(cores) <= power <= max(cores)} | set(cores)
    shown = sorted(tick for tick in ticks if low <= tick <= high)
    return {
        "scale": {"type": "log", "base": 2, "domain": [low, high], "nice": False},
        "axis": _axis(title) | _values(shown),
    }


def _values(ticks: Sequence[float]) -> Specification:
    """Return where an axis has ticks. Vega leaves some out where there are more than it is told to count."""
    return {"values": ticks, "tickCount": len(ticks)}


def is_wide(low: float, high: float) -> bool:
    """Tell whether numbers are so far apart that equal ratios show them better than equal steps."""
    return low > 0 and high > LOG_FROM * low


def _measure_axis(numbers: Sequence[float], title: str) -> Specification:
    """Return scale and axis of a measure; on a logarithmic axis, with lines at 1, 10, 100, or also 2, 5, 20, ..."""
    axis = _axis(title)
    if not numbers or not is_wide(min(numbers), max(numbers)):
        return {"scale": {"zero": True}, "axis": axis}
    first, last = math.floor(math.log10(min(numbers))), math.ceil(math.log10(max(numbers)))
    steps = (1, 2, 5) if last - first <= DECADES_FINE else (1,)
    ticks = [step * 10.0**decade for decade in range(first, last + 1) for step in steps]
    below = max((tick for tick in ticks if tick <= min(numbers)), default=ticks[0])
    above = min((tick for tick in ticks if tick >= max(numbers)), default=ticks[-1])
    shown = [tick for tick in ticks if below <= tick <= above]
    return {
        "scale": {"type": "log", "domain": [below, above], "nice": False},
        "axis": axis | _values(shown),
    }


def _categories(field: str, labels: Sequence[str], colours: Sequence[str]) -> Specification:
    return _by_label(field, labels, [colour(name) for name in colours])


def _by_label(field: str, labels: Sequence[str], values: Sequence[str | int]) -> Specification:
    return {
        "field": field,
        "type": "nominal",
        "scale": {"domain": list(labels), "range": list(values[: len(labels)])},
        "legend": None,
    }
