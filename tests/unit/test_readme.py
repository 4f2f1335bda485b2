"""What the README shows is what comes out."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_example_prints_what_the_readme_shows(
    run_script: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    code, shown = re.findall(r"```python\n([^`]*)```\n\n((?:    [^\n]*\n)+)", README)[0]
    done = run_script(code)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [line[4:] for line in shown.splitlines()]


def test_every_page_that_the_readme_names_exists() -> None:
    pages = re.findall(r"\]\((docs/[^)]*)\)", README)
    assert len(pages) >= 7
    missing = [page for page in pages if not (Path(__file__).parents[2] / page).is_file()]
    assert missing == []
