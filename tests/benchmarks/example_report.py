"""A report of the blocks in scenarios/, replayed, and some of them simulated and inspected.

    python -m tests.benchmarks.example_report FOLDER

Writes FOLDER/report.html, and what it is made of next to it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

SIMULATED = ("ethereum-15274915", "ethereum-19932148", "ethereum-4864590")


def printed(target: Path, *arguments: str) -> Path:
    """Run a command of blockstm's, and keep what it prints."""
    output = subprocess.run(
        [sys.executable, "-m", "blockstm", *arguments], stdout=subprocess.PIPE, check=True
    )
    target.write_bytes(output.stdout)
    return target


def main() -> int:
    """Make the report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    blocks = [str(path) for path in sorted(Path("scenarios").glob("*.block"))]
    inputs = [printed(folder / "replay.json", "replay", *blocks, "--verify", "--repeat", "5", "--json")]
    inputs += [
        printed(folder / f"simulate-{name}.json", "simulate", f"scenarios/{name}.block", "--json")
        for name in SIMULATED
    ]
    inputs += [
        printed(folder / f"inspect-{name}.json", "inspect", f"scenarios/{name}.block", "--json")
        for name in SIMULATED
    ]
    timeline = folder / "timeline.json"
    last = f"scenarios/{SIMULATED[-1]}.block"
    printed(folder / "simulate.log", "simulate", last, "--cores", "8", "--timeline", str(timeline))
    inputs.append(timeline)
    printed(folder / "report.log", "report", *map(str, inputs), "-o", str(folder / "report.html"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
