"""Instructions and cache misses of one worker for each transfer, by the file of the core they belong to.

    python -m tests.benchmarks.instructions 684d0e3 HEAD [--accounts 100,10000] [--functions]

For each commit: compile it with debug information in a copy of its own under build/instructions, and count what
the core does under valgrind's callgrind between the first transaction of 10,000 and the last. A worker's
process ends by a signal, which would leave no counts, so the worker lives in the process that is counted. All
of the core is inlined into one function; what counts is the line of the generated C++ that an instruction comes
from, which tells the function.

The caches are modelled: 32 KiB for data, and 512 KiB behind them. Callgrind makes all far slower, and the core
looks at the time to tell whether transactions are short. So the clock is replaced by one that goes on by 200 ns
at each look: two runs count the same but for what the system places where.

Needs valgrind.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent.parent
BUILD: Final = ROOT / "build" / "instructions"
TRANSACTIONS: Final = 10_000
SUMMARY: Final = (__doc__ or "").partition("\n")[0]
EVENTS: Final = ("Ir", "D1mr", "D1mw", "DLmr", "DLmw")
ROW_MIN: Final = 5
"""Rows with fewer instructions a transaction, in all columns, are summed up in one."""
CACHES: Final = ("--I1=32768,8,64", "--D1=32768,8,64", "--LL=524288,8,64")
ENTRY: Final = "*multi_version*work_on_block*"
CLOCK: Final = """
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    static long long ns = 1000000000;
    (void)clock;
    ns += 200;
    now->tv_sec = ns / 1000000000;
    now->tv_nsec = ns % 1000000000;
    return 0;
}
"""
COUNTED: Final = """
import random, sys
from blockstm import Block
from blockstm.engine.block_run import InProcessRun
from blockstm.models import BlockStm
from blockstm.programs import transfer

accounts, count = map(int, sys.argv[1:])
chance = random.Random(1)
keys = [b"account-%d" % index for index in range(accounts)]
pairs = [chance.sample(keys, 2) for _ in range(count)]
block = Block([transfer.txn(*pair, 1) for pair in pairs], dict.fromkeys(keys, b"\\xff\\xff\\xff"))
run = InProcessRun(block, 1, 1 << 28)
run.start(BlockStm(), 1)
run.take_part_alone()
assert {receipt.status for receipt in run.result("counting").receipts} == {"success"}
"""
"""What is counted, for any commit in which a block can be executed in this process."""

DEFINED: Final = re.compile(r"^(?:static|struct|extern)\b.*?\b(__pyx_\w+)\(.*\{")
NAMED: Final = re.compile(r"\((\d+)\)(?: (.*))?")


@dataclass
class Costs:
    """What was counted for each function of the core: instructions, and misses of each cache."""

    instructions: Counter[str] = field(default_factory=Counter)
    misses: Counter[str] = field(default_factory=Counter)
    far_misses: Counter[str] = field(default_factory=Counter)

    def by_file(self) -> Costs:
        """Return the same, for each file."""
        return Costs(*(_by_file(each) for each in (self.instructions, self.misses, self.far_misses)))


def _by_file(costs: Counter[str]) -> Counter[str]:
    files: Counter[str] = Counter()
    for name, cost in costs.items():
        files[name.rpartition(":")[0] or name] += cost
    return files


# --- from the line to the function --------------------------------------------------------------


def readable(symbol: str) -> str:
    """Return FILE:FUNCTION of a function's name in the generated C++, as memory/local:txn_at of
    __pyx_f_8blockstm_6native_6memory_5local_txn_at: before each part of a module's name stands how long it is.
    """
    rest = symbol.removeprefix("__pyx_f_")
    parts = []
    while match := re.match(r"(\d+)", rest):
        end = match.end() + int(match[1])
        parts.append(rest[match.end() : end])
        rest = rest[end:].removeprefix("_")
    return (
        f"{'/'.join(parts[2:])}:{rest}"
        if parts[:2] == ["blockstm", "native"] and rest
        else "Python's interface"
    )


def functions_of(generated: Iterable[str]) -> list[str]:
    """Return for each line of the generated C++, the first first, in which function it stands."""
    inside, functions = "other", ["other"]
    for line in generated:
        if match := DEFINED.match(line):
            inside = readable(match[1])
        functions.append(inside)
        if line.startswith("}"):
            inside = "other"
    return functions


# --- callgrind's file ---------------------------------------------------------------------------


def counted_lines(lines: Iterable[str]) -> Iterator[tuple[str, int, list[int]]]:
    """Yield source file, line, and the line's own events for each entry of a file of callgrind's, in its order."""
    names: dict[str, str] = {}
    source, number, is_call = "", 0, False
    for text in lines:
        key, equals, value = text.strip().partition("=")
        if equals and key in ("fl", "fi", "fe", "cfi", "cfl"):
            match = NAMED.match(value)
            assert match is not None, text
            if match[2] is not None:
                names[match[1]] = match[2]
            if key[0] == "f":
                source = names[match[1]]
        elif equals and key == "calls":
            is_call = True  # the next line says what was called has cost
        elif text[:1] in "0123456789+-*":
            place, *events = text.split()
            relative = {"+": number, "-": number}.get(place[0], 0)
            number = number if place == "*" else relative + int(place)
            if not is_call:
                yield source, number, [int(event) for event in events]
            is_call = False


def costs_of(output: Path, generated: Path) -> Costs:
    """Read what was counted, for each transaction."""
    with generated.open(encoding="utf-8") as lines:
        functions = functions_of(lines)
    costs, places = Costs(), dict[str, int]()
    with output.open(encoding="utf-8") as lines:
        text = list(lines)
    events = next(line for line in text if line.startswith("events:")).split()[1:]
    places = {name: events.index(name) for name in EVENTS}
    for source, number, counts in counted_lines(text):
        counts += [0] * (len(events) - len(counts))
        name = where(source, number, functions)
        costs.instructions[name] += counts[places["Ir"]]
        costs.misses[name] += counts[places["D1mr"]] + counts[places["D1mw"]]
        costs.far_misses[name] += counts[places["DLmr"]] + counts[places["DLmw"]]
    return costs


def where(source: str, line: int, functions: list[str]) -> str:
    """Tell to which function, or else to what, a line belongs."""
    if source.endswith("_core.cpp"):
        return functions[line] if line < len(functions) else "other"
    if source.endswith("atomics.h"):
        return "memory/atomics"
    return "C library"


# --- running it ---------------------------------------------------------------------------------


def checkout_of(commit: str) -> Path:
    """Make a copy of a commit, compiled with debug information, unless there is one."""
    name = subprocess.run(
        ["git", "rev-parse", "--short", commit], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    folder = BUILD / name
    if not folder.exists():
        folder.mkdir(parents=True)
        archive = subprocess.run(["git", "archive", name], cwd=ROOT, capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    print(f"Compiling {name} ...", file=sys.stderr)
    subprocess.run(
        [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"],
        cwd=folder,
        env={**os.environ, "CFLAGS": "-g"},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return folder


def clock() -> Path:
    """Compile the clock that does not depend on how long anything takes."""
    library = BUILD / "libclock.so"
    command = ["cc", "-O2", "-shared", "-fPIC", "-x", "c", "-", "-o", str(library)]
    subprocess.run(command, input=CLOCK, text=True, check=True)
    return library


def count(folder: Path, accounts: int, library: Path) -> Costs:
    """Execute a block of transfers under callgrind; return what each took."""
    output = folder / f"callgrind.{accounts}"
    command = [
        "valgrind",
        "--tool=callgrind",
        "--quiet",
        "--cache-sim=yes",
        *CACHES,
        f"--toggle-collect={ENTRY}",
        f"--callgrind-out-file={output}",
        sys.executable,
        "-c",
        COUNTED,
        str(accounts),
        str(TRANSACTIONS),
    ]
    environment = {**os.environ, "PYTHONPATH": str(folder), "LD_PRELOAD": str(library), "PYTHONHASHSEED": "0"}
    subprocess.run(command, cwd=folder, env=environment, check=True)
    return costs_of(output, folder / "build" / "cython" / "blockstm" / "native" / "_core.cpp")


def table(columns: Mapping[str, Counter[str]]) -> str:
    """Return a table in Markdown: a row for each place, the dearest first, and a column for each run."""
    names = sorted(
        set().union(*columns.values()), key=lambda name: -max(each[name] for each in columns.values())
    )
    large = [name for name in names if any(each[name] >= ROW_MIN * TRANSACTIONS for each in columns.values())]
    rows = [(f"`{name}`", [each[name] for each in columns.values()]) for name in large]
    rest = [sum(each.values()) - sum(each[name] for name in large) for each in columns.values()]
    rows += [("all others", rest), ("**all**", [sum(each.values()) for each in columns.values()])]
    lines = [f"| | {' | '.join(columns)} |", f"|---|{'---:|' * len(columns)}"]
    lines += [
        f"| {name} | {' | '.join(f'{cost / TRANSACTIONS:,.0f}' for cost in costs)} |" for name, costs in rows
    ]
    return "\n".join(lines)


def misses_table(columns: Mapping[str, Costs]) -> str:
    """Return a table of the misses, all in all."""
    lines = [f"| | {' | '.join(columns)} |", f"|---|{'---:|' * len(columns)}"]
    for name, each in (
        ("first-level misses of data", [costs.misses for costs in columns.values()]),
        ("... of them beyond 512 KiB", [costs.far_misses for costs in columns.values()]),
    ):
        lines.append(
            f"| {name} | {' | '.join(f'{sum(costs.values()) / TRANSACTIONS:.1f}' for costs in each)} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.benchmarks.instructions", description=SUMMARY)
    parser.add_argument("commits", nargs="*", default=["HEAD"], help="which are compared")
    parser.add_argument("--accounts", default="100,10000", help="between how many accounts, with commas")
    parser.add_argument("--functions", action="store_true", help="a row for each function, not for each file")
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is not here: install it (apt-get install valgrind)")
    folders = {commit: checkout_of(commit) for commit in options.commits}
    library = clock()
    columns = {
        f"{int(accounts):,} accounts, {commit}": count(folder, int(accounts), library)
        for accounts in options.accounts.split(",")
        for commit, folder in folders.items()
    }
    shown = {name: costs if options.functions else costs.by_file() for name, costs in columns.items()}
    print("Instructions a transaction:", end="\n\n")
    print(table({name: costs.instructions for name, costs in shown.items()}))
    print("", "Misses a transaction:", misses_table(shown), sep="\n\n")


if __name__ == "__main__":
    main()
