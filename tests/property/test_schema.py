"""JSON schema 1: what is written is read as the same, whatever it says; and what is none of it is refused."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockstm.files.content import ContentError
from blockstm.schema.compare import CompareOutput
from blockstm.schema.entry import Entry, Mark, Output
from blockstm.schema.explore import ExploreOutput
from blockstm.schema.fields import NAME_CHARACTERS_MAX, NUMBER_MAX, Fields, Scalar
from blockstm.schema.inspect import InspectOutput
from blockstm.schema.pipeline import PipelineOutput
from blockstm.schema.proof import ProveOutput, VerifyProofOutput
from blockstm.schema.replay import ReplayOutput
from blockstm.schema.simulate import SimulateOutput
from blockstm.schema.state import StateOutput
from blockstm.schema.sweep import SweepOutput
from tests.support import reports

OUTPUTS: list[type[Output]] = [
    ReplayOutput, SimulateOutput, PipelineOutput, CompareOutput, InspectOutput, ExploreOutput, SweepOutput,
    ProveOutput, StateOutput, VerifyProofOutput,
]  # fmt: skip

PRINTABLE = st.characters(exclude_categories=["C", "Z"], include_characters=" ").filter(str.isprintable)
TEXTS = st.text(PRINTABLE, max_size=20)
COUNTS = st.integers(0, 1 << 70)
NUMBERS = st.floats(0, NUMBER_MAX)
SCALARS = TEXTS | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(-NUMBER_MAX, NUMBER_MAX)
SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    int: COUNTS,
    float: NUMBERS,
    bool: st.booleans(),
    Scalar: SCALARS,
}


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Everything that a field of a type may be."""
    marks: tuple[Any, ...] = ()
    if get_origin(hint) is Annotated:
        hint, *rest = get_args(hint)
        marks = tuple(rest)
    if Mark.CORES in marks:
        return st.integers(1, 1_000_000)
    if Mark.WHOLE in marks:
        return st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    if hint in SIMPLE:
        return SIMPLE[hint]
    if type(None) in get_args(hint):
        others = [each for each in get_args(hint) if each is not type(None)]
        inner = others[0] if len(others) == 1 else Scalar
        return st.none() | values_of(inner)
    if isinstance(hint, type) and issubclass(hint, Entry):
        return entries(hint)
    if get_origin(hint) is tuple:
        return st.lists(values_of(get_args(hint)[0]), max_size=3).map(tuple)
    assert get_origin(hint) is Mapping
    names, inner = get_args(hint)
    keys = st.integers(1, 999_999) if names is int else TEXTS
    return st.dictionaries(keys, values_of(inner), max_size=3)


def entries(entry: type[Entry]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(entry, include_extras=True)
    assert dataclasses.is_dataclass(entry)
    return st.builds(
        entry, **{field.name: values_of(hints[field.name]) for field in dataclasses.fields(entry)}
    )


def decoded(output: Entry) -> Any:
    return json.loads(json.dumps(output.as_json()))


@given(st.one_of(*map(entries, OUTPUTS)))
def test_what_is_written_is_read_as_the_same(output: Output) -> None:
    content = decoded(output)
    assert (content["schema"], content["command"]) == (1, output.command)
    assert type(output).read(Fields(content)) == output
    # Fields of later versions are passed over.
    assert type(output).read(Fields({"what comes next": {"of": [1]}, **content})) == output


@given(st.one_of(*map(entries, OUTPUTS)), st.data())
def test_what_has_another_type_is_refused_by_its_name(output: Output, data: st.DataObject) -> None:
    content = decoded(output)
    name = data.draw(st.sampled_from(sorted(content.keys() - {"schema", "command"})))
    # Of an object, unknown fields are passed over: a foreign one is no other type.
    others = [[[]], -1, -0.5, 1e31, [5]] + [{"x": [[]]}] * (not isinstance(content[name], dict))
    content[name] = data.draw(st.sampled_from(others))
    with pytest.raises(ContentError, match=f"^{name}"):
        type(output).read(Fields(content))


def test_texts_come_clean_and_bounded() -> None:
    content = reports.inspection("a\x1b[31m\nb" + "x" * NAME_CHARACTERS_MAX)
    file = InspectOutput.read(Fields(content)).file
    assert file.startswith("a?[31m?bx")
    assert file.endswith("x...")
    assert len(file) == NAME_CHARACTERS_MAX + 3


def test_what_is_not_known_is_left_out() -> None:
    content = {"file": "x", "results": [{"cores": 2, "seconds": 0.5}]}
    read = SimulateOutput.read(Fields(content))
    assert read.outcomes is None
    assert decoded(read) == {
        "schema": 1,
        "command": "simulate",
        "file": "x",
        "results": [{"cores": 2, "seconds": 0.5, "commit_latency_seconds": {}}],
    }


@pytest.mark.parametrize(
    ("cores", "problem"),
    [
        ({"0": 1.0}, "is not a number of cores"),
        ({"1000000": 1.0}, "is not a number of cores"),
        ({"²": 1.0}, "is not a number of cores"),
        ({"two": 1.0}, "is not a number of cores"),
        ({"2": "x"}, "not a number"),
        ({str(number): 1.0 for number in range(1, 258)}, "257 different numbers of cores"),
    ],
)
def test_speedups_by_something_else_than_cores(cores: dict[str, Any], problem: str) -> None:
    content = reports.inspection()
    content["bounds"][0]["cores"] = cores
    with pytest.raises(ContentError, match=problem):
        InspectOutput.read(Fields(content))


@pytest.mark.parametrize("workers", [0, 1_000_001])
def test_no_number_of_workers(workers: int) -> None:
    with pytest.raises(ContentError, match=r"^blocks\[0\]\.workers: is \d+, not a number from 1 to 1000000"):
        ReplayOutput.read(Fields(reports.replay(workers=workers) | {"totals": None}))


def test_too_many_bounds() -> None:
    content = reports.inspection()
    content["bounds"] *= 501
    with pytest.raises(ContentError, match="has 1002 entries, more than 1000"):
        InspectOutput.read(Fields(content))
