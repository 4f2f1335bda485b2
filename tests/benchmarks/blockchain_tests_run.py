"""Run official BlockchainTests through the product, with the root of the whole state compared at each block.

    python -m tests.benchmarks.blockchain_tests_run FOLDER... [--evm NAME]... [--network NAME]... [--match TEXT]
        [--every N] [--limit N] [--failures FILE]

A FOLDER holds JSON files of ethereum/tests or ethereum/legacytests (BlockchainTests) or fixtures of
execution-spec-tests (blockchain_tests), at any depth; none comes with the project. Told are, for each virtual
machine and network, how many tests were run and passed; then what failed, grouped by reason, and in what the
virtual machines differ. The exit status is 1 if a test fails in one of them. Whether an invalid block is refused
does not decide that, as proof of work and what the headers of uncles say are not looked at; those that are accepted
are counted by what is wrong with them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from blockstm import Engine
from blockstm.ethereum.virtual_machine import VIRTUAL_MACHINES, has_native
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
    """What came of the tests so far in one virtual machine."""

    def __init__(self, machine: str) -> None:
        self.machine = machine
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
        self.failures.append(f"{self.machine}: {test.path} :: {test.name}: {verdict.failure}")

    def lines(self) -> Iterator[str]:
        """The tables."""
        yield f"In {self.machine}:\n"
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
        yield from counted("Failed, by reason", self.reasons, self.examples)
        yield from counted("Invalid blocks, not refused", self.accepted, {})


class Differences:
    """Tests that come to something else in one virtual machine than in another, by what they come to."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self.examples: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, test: Test, verdicts: Mapping[str, Verdict]) -> None:
        """Compare what a test came to in each virtual machine."""
        if len({(verdict.failure, *verdict.invalid) for verdict in verdicts.values()}) == 1:
            return
        kind = "; ".join(
            f"{machine}: {verdict.failure or 'passes'} {[*Counter(verdict.invalid)] or ''}".strip()
            for machine, verdict in verdicts.items()
        )
        self.kinds[kind] += 1
        if len(self.examples[kind]) < EXAMPLES_MAX:
            self.examples[kind].append(f"{test.path} :: {test.name}")


def counted(title: str, counter: Counter[str], examples: Mapping[str, list[str]]) -> Iterator[str]:
    """The lines of a list of what was counted, the most frequent first."""
    if counter:
        yield f"\n{title}:"
    for reason, count in counter.most_common():
        yield f"{count:7,}  {reason}"
        yield from (f"         {example}" for example in examples.get(reason, ()))


def tests_of(folders: Iterable[Path], match: str, networks: set[str]) -> Iterator[Test]:
    """The tests in the files of folders, in the files' order."""
    for folder in folders:
        for path in sorted(folder.rglob("*.json")):
            content = json.loads(path.read_bytes())
            if not isinstance(content, dict):
                continue
            for name, test in content.items():
                if (
                    not isinstance(test, dict)
                    or not {"blocks", "network", "pre", "genesisRLP"} <= test.keys()
                ):
                    continue  # of another kind, or (one of them) without its genesis block
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
    parser.add_argument(
        "--evm", action="append", choices=VIRTUAL_MACHINES, help="only in this one; may be repeated"
    )
    parser.add_argument("--match", default="", help="only tests whose path or name has this text")
    parser.add_argument("--every", type=int, default=1, help="only each N-th test")
    parser.add_argument("--limit", type=int, help="end after so many tests")
    parser.add_argument("--failures", type=Path, help="write the tests that fail, one a line, to this file")
    arguments = parser.parse_args()
    machines = arguments.evm or [name for name in VIRTUAL_MACHINES if name != "native" or has_native()]
    tallies = [Tally(machine) for machine in machines]
    found = Differences()
    began = time.monotonic()
    tests = tests_of(arguments.folders, arguments.match, {*arguments.network})
    chosen = islice(tests, 0, arguments.limit and arguments.limit * arguments.every, arguments.every)
    with (
        Engine(WORKERS, active_workers=WORKERS, time_limit_seconds=TIME_LIMIT_SECONDS) as engine,
        tempfile.TemporaryDirectory() as folder,
    ):
        for done, test in enumerate(chosen):
            if done and done % 100 == 0:
                print(f"{done:,} tests, {time.monotonic() - began:.0f} s: {test.name}", file=sys.stderr)
            verdicts = {}
            for tally in tallies:
                verdicts[tally.machine] = run_test(engine, test.content, Path(folder), tally.machine)
                tally.add(test, verdicts[tally.machine])
            found.add(test, verdicts)
    for tally in tallies:
        print("\n".join(tally.lines()), end="\n\n")
    if len(machines) > 1:
        print("\n".join(counted("Differences", found.kinds, found.examples)) or "No differences.")
    print(f"\n{time.monotonic() - began:.0f} s")
    failures = [line for tally in tallies for line in tally.failures]
    if arguments.failures is not None:
        arguments.failures.write_text("".join(f"{line}\n" for line in failures))
    return 1 if failures or not tallies[0].run else 0


if __name__ == "__main__":
    sys.exit(main())
