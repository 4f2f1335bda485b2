"""Run official BlockchainTests through the product, with the root of the whole state compared at each block.

    python -m tests.benchmarks.blockchain_tests_run FOLDER... [--network NAME]... [--match TEXT] [--every N]
        [--limit N] [--failures FILE]

A FOLDER holds JSON files of ethereum/tests or ethereum/legacytests (BlockchainTests) or fixtures of
execution-spec-tests (blockchain_tests), at any depth; none comes with the project. Told are, for each network, how
many tests were run and passed; then what failed, grouped by reason. The exit status is 1 if a test fails. Whether
an invalid block is refused does not decide that, as some faults of a header show only next to its parent, which a
recorded block does not have; those that are accepted are counted by what is wrong with them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from blockstm import Engine
from tests.blockchain_tests.execution import Verdict, run_test
from tests.blockchain_tests.networks import FORKS, is_known

WORKERS = 2
TIME_LIMIT_SECONDS = 120
EXAMPLES_MAX = 2


class Test(NamedTuple):
    """One test, and where it comes from."""

    path: Path
    name: str
    content: dict[str, Any]


class Tally:
    """What came of the tests so far."""

    def __init__(self) -> None:
        self.run: Counter[str] = Counter()
        self.passed: Counter[str] = Counter()
        self.blocks: Counter[str] = Counter()
        self.invalid: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.examples: defaultdict[str, list[str]] = defaultdict(list)
        self.failures: list[str] = []

    def add(self, test: Test, verdict: Verdict) -> None:
        """Count one test."""
        network = test.content["network"]
        self.run[network] += 1
        self.blocks[network] += verdict.blocks
        for outcome in verdict.invalid:
            self.invalid[network] += 1
            if outcome != "refused":
                self.accepted[outcome] += 1
        if verdict.failure is None:
            self.passed[network] += 1
            return
        reason = verdict.failure.partition(": ")[2] or verdict.failure
        self.reasons[reason] += 1
        if len(self.examples[reason]) < EXAMPLES_MAX:
            self.examples[reason].append(f"{test.path} :: {test.name}")
        self.failures.append(f"{test.path} :: {test.name}: {verdict.failure}")

    def lines(self) -> Iterator[str]:
        """The tables."""
        yield f"{'network':34} {'run':>7} {'blocks':>7} {'passed':>7} {'failed':>7} {'invalid blocks':>15}"
        order = [*FORKS]
        networks = sorted(
            self.run, key=lambda name: (name not in FORKS, order.index(name) if name in FORKS else 0, name)
        )
        for name in networks:
            run, passed = self.run[name], self.passed[name]
            yield (
                f"{name:34} {run:7,} {self.blocks[name]:7,} {passed:7,} {run - passed:7,} {self.invalid[name]:15,}"
            )
        run, passed, invalid = (counter.total() for counter in (self.run, self.passed, self.invalid))
        yield f"{'all':34} {run:7,} {self.blocks.total():7,} {passed:7,} {run - passed:7,} {invalid:15,}"
        for title, counter in (
            ("Failed, by reason", self.reasons),
            ("Invalid blocks, not refused", self.accepted),
        ):
            if counter:
                yield f"\n{title}:"
            for reason, count in counter.most_common():
                yield f"{count:7,}  {reason}"
                yield from (f"         {example}" for example in self.examples.get(reason, ()))


def tests_of(folders: Iterable[Path], match: str, networks: set[str]) -> Iterator[Test]:
    """The tests in the files of folders, in the files' order."""
    for folder in folders:
        for path in sorted(folder.rglob("*.json")):
            content = json.loads(path.read_bytes())
            if not isinstance(content, dict):
                continue
            for name, test in content.items():
                if not isinstance(test, dict) or not {"blocks", "network", "pre"} <= test.keys():
                    continue  # of another kind
                if not is_known(test["network"]) or (networks and test["network"] not in networks):
                    continue
                if match in f"{path} :: {name}":
                    yield Test(path, name, test)


def main() -> int:
    """Run what the arguments say, and count."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument(
        "--network", action="append", default=[], help="only tests of this one; may be repeated"
    )
    parser.add_argument("--match", default="", help="only tests whose path or name has this text")
    parser.add_argument("--every", type=int, default=1, help="only each N-th test")
    parser.add_argument("--limit", type=int, help="end after so many tests")
    parser.add_argument("--failures", type=Path, help="write the tests that fail, one a line, to this file")
    arguments = parser.parse_args()
    tally = Tally()
    began = time.monotonic()
    with (
        Engine(WORKERS, active_workers=WORKERS, time_limit_seconds=TIME_LIMIT_SECONDS) as engine,
        tempfile.TemporaryDirectory() as folder,
    ):
        for index, test in enumerate(tests_of(arguments.folders, arguments.match, {*arguments.network})):
            if index % arguments.every:
                continue
            if arguments.limit is not None and tally.run.total() >= arguments.limit:
                break
            tally.add(test, run_test(engine, test.content, Path(folder)))
            if tally.run.total() % 100 == 0:
                seconds = time.monotonic() - began
                print(f"{tally.run.total():,} tests, {seconds:.0f} s: {test.name}", file=sys.stderr)
    print("\n".join(tally.lines()))
    print(f"\n{time.monotonic() - began:.0f} s")
    if arguments.failures is not None:
        arguments.failures.write_text("".join(f"{line}\n" for line in tally.failures))
    return 1 if tally.failures or not tally.run else 0


if __name__ == "__main__":
    sys.exit(main())
