"""Pictures of a report: on a desktop in light and dark, on a phone, and printed.

    python -m tests.benchmarks.report_screenshots report.html -o FOLDER [--section scaling]

With `--section`, one picture in light, of that section's beginning, as the README shows it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.support.browser import INSTALL, chromium_path, open_report, running_chromium

DESKTOP = {"width": 1200, "height": 900}
README = {"width": 1000, "height": 870}
MARGIN = 16
PHONE = {"width": 390, "height": 844}


def main() -> int:
    """Take the pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("report", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--section", help="of which section, such as summary or scaling")
    arguments = parser.parse_args()
    chromium = chromium_path()
    if chromium is None:
        print(f"error: there is no chromium; {INSTALL}", file=sys.stderr)
        return 2
    arguments.output.mkdir(parents=True, exist_ok=True)
    with running_chromium(chromium) as browser:
        if arguments.section:
            page = browser.new_page(viewport=README)
            open_report(page, arguments.report)
            picture = arguments.output / f"{arguments.report.stem}.png"
            place = page.locator(f"section:has(> #{arguments.section})").bounding_box()
            clip = {
                "x": place["x"] - MARGIN,
                "y": place["y"],
                "width": place["width"] + 2 * MARGIN,
                "height": min(place["height"], README["height"]),
            }
            page.screenshot(path=picture, full_page=True, clip=clip)
            return 0
        for name, viewport, scheme in (
            ("light", DESKTOP, "light"),
            ("dark", DESKTOP, "dark"),
            ("phone", PHONE, "light"),
            ("phone-dark", PHONE, "dark"),
        ):
            page = browser.new_page(viewport=viewport, color_scheme=scheme)
            open_report(page, arguments.report)
            page.screenshot(path=arguments.output / f"{arguments.report.stem}-{name}.png", full_page=True)
            if name == "dark":  # on paper it is light all the same
                page.pdf(path=arguments.output / f"{arguments.report.stem}.pdf", format="A4")
            page.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
