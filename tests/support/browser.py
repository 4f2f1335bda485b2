"""A real headless browser, for looking at the report."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL = "apt-get install chromium"
DRAWN = "document.documentElement.dataset.charts === 'drawn'"


def chromium_path() -> str | None:
    """Where the browser is, or None."""
    return next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)


@contextmanager
def running_chromium(path: str) -> Iterator[Any]:
    """A browser of playwright's, as long as the body runs."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # The sandbox needs privileges that containers and root do not have; the page is our own.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def open_report(page: Any, path: Path) -> None:
    """Open a report, and wait until its charts are there."""
    page.goto(path.resolve().as_uri())
    page.wait_for_function(DRAWN)
