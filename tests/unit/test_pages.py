"""Every link between pages leads somewhere: the file exists, and the anchor is one of its headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
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
