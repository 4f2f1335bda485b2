"""What the pages show after an example in Python is what comes out."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = re.compile(r"```python\n([^`]*)```\n\n((?:    [^\n]*\n)+)")
EXAMPLES = [
    pytest.param(code, shown, id=f"{page}-{number}")
    for page in ("README.md", "docs/how-to/python.md", "docs/how-to/state.md")
    for number, (code, shown) in enumerate(EXAMPLE.findall((ROOT / page).read_text()))
]


@pytest.mark.parametrize(("code", "shown"), EXAMPLES)
def test_example_prints_what_the_page_shows(
    code: str, shown: str, run_script: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    done = run_script(code)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [line[4:] for line in shown.splitlines()]


def test_each_page_has_its_examples() -> None:
    assert [example.id for example in EXAMPLES] == [
        "README.md-0",
        "docs/how-to/python.md-0",
        "docs/how-to/python.md-1",
        "docs/how-to/python.md-2",
        "docs/how-to/python.md-3",
        "docs/how-to/python.md-4",
        "docs/how-to/state.md-0",
        "docs/how-to/state.md-1",
    ]
