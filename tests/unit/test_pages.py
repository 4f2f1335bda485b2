"""Every link between pages leads somewhere: the file exists, and the anchor is one of its headings.

So does every path of a page that the code names.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
CODE = {".py", ".pyi", ".pyx", ".pxd", ".pxi", ".h", ".toml", ".j2", ".js", ".css"}
LINK = re.compile(r"\]\(([^)\s]+)\)")


def without_code(text: str) -> str:
    """Return a page without what its reader sees as code, in which neither links nor headings count."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^ {4}.*$", "", text, flags=re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.*?) *$", without_code(page.read_text()), re.MULTILINE):
        base = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        anchor, again = base, 0
        while anchor in found:
            again += 1
            anchor = f"{base}-{again}"
        found.add(anchor)
    return found


def links() -> Iterator[tuple[Path, str]]:
    """Yield the links of all pages but those to other sites."""
    for page in PAGES:
        for target in LINK.findall(re.sub(r"`[^`]*`", "", without_code(page.read_text()))):
            if not re.match(r"https?:", target):
                yield page, target


def fault(page: Path, target: str) -> str | None:
    """Return what is wrong with a link, or None."""
    path, _, anchor = target.partition("#")
    linked = (page.parent / path).resolve() if path else page
    if not linked.exists():
        return f"{page.relative_to(ROOT)}: {target} does not exist"
    if anchor and anchor not in anchors(linked):
        return f"{page.relative_to(ROOT)}: {target} is no heading of that page"
    return None


def test_every_link_between_pages_resolves() -> None:
    found = list(links())
    assert len(found) > 60
    assert [wrong for page, target in found if (wrong := fault(page, target))] == []


def test_a_link_that_leads_nowhere_is_noticed() -> None:
    page = ROOT / "docs" / "README.md"
    assert fault(page, "reference/command-line.md#timelines") is None
    assert fault(page, "no-such-page.md") == "docs/README.md: no-such-page.md does not exist"
    assert fault(page, "reference/command-line.md#no-such-heading") is not None


def test_the_index_names_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    named = {(index.parent / target).resolve() for page, target in links() if page == index}
    assert {page for page in PAGES if page != index} <= named


def code_in_text() -> Iterator[tuple[Path, str]]:
    """Yield what stands between backticks in the text of all pages."""
    for page in PAGES:
        for code in re.findall(r"`([^`\n]+)`", without_code(page.read_text())):
            yield page, code


def test_every_path_that_a_page_names_exists() -> None:
    paths = [
        (page, code)
        for page, code in code_in_text()
        if re.fullmatch(r"(?:blockstm|docs|scenarios|tests)/[\w./*-]*", code) and "NAME" not in code
    ]
    assert len(paths) > 50
    assert [(page.name, path) for page, path in paths if not any(ROOT.glob(path.rstrip("/")))] == []


def paths_in_code() -> Iterator[tuple[Path, str]]:
    """Yield the paths of pages and of what belongs to them that code, build files and comments name."""
    files = [ROOT / name for name in ("Makefile", "pyproject.toml", "setup.py", "MANIFEST.in")]
    for folder in ("blockstm", "docs/native-example", "scenarios", "tests"):
        files += [file for file in (ROOT / folder).rglob("*") if file.suffix in CODE]
    for file in files:
        for path in re.findall(r"(?<![\w./-])docs/[\w/-]*\w(?:\.[a-z]+)?", file.read_text()):
            yield file, path


def test_every_page_that_code_names_exists() -> None:
    paths = list(paths_in_code())
    assert len({file for file, _ in paths}) > 30
    assert [(str(file.relative_to(ROOT)), path) for file, path in paths if not (ROOT / path).exists()] == []


def test_every_name_that_a_page_gives_to_import_exists() -> None:
    names = {
        code.partition("(")[0]
        for _, code in code_in_text()
        if re.match(r"blockstm(?:\.\w+)+(?:\(|$)", code) and not code.endswith((".h", ".rs"))
    }
    assert len(names) > 10
    assert [name for name in sorted(names) if not exists(name)] == []


def exists(name: str) -> bool:
    """Tell whether a dotted name can be had, by importing as much of it as is modules."""
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True
