"""Run the core's tests with the core compiled under GCC's sanitizers: ``make sanitize``.

Two builds, each in a copy of the checkout under build/sanitize:

- address and undefined behaviour, for the tests with worker processes. A program under the virtual clock, or under
  a controlled schedule, runs on a greenlet, which copies parts of its stack away and back; AddressSanitizer takes
  that for an overflow. So no tests of those run in this build.
- undefined behaviour alone, for the tests on greenlets too.

Whatever a sanitizer finds ends its process, and is written to a file, so that no test which expects the death of a
worker can hide it. Leaks are not looked for: an interpreter that ends leaves much behind.

    python -m tests.sanitize [--only address|undefined] [PYTEST ARGUMENTS]
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build" / "sanitize"
# The core by itself, its verbs, the engine, all native programs, and tries.
WITH_PROCESSES = [
    "tests/unit/test_core_input.py",
    "tests/unit/test_engine_execute.py",
    "tests/unit/test_known_bugs.py",
    "tests/unit/test_memory_limit.py",
    "tests/unit/test_native_verbs.py",
    "tests/unit/test_parallel_tree.py",
    "tests/property/test_binary_tree.py",
    "tests/property/test_core.py",
    "tests/property/test_equivalence.py",
    "tests/property/test_ethereum_state_tree.py",
    "tests/property/test_hashing.py",
    "tests/property/test_kept_results.py",
    "tests/property/test_number.py",
    "tests/property/test_patricia.py",
    "tests/property/test_workloads.py",
    "tests/crash/test_draining.py",
    "tests/stress/test_shapes.py",
]
# AddressSanitizer holds back what is freed, so resident memory tells nothing there.
LEFT_OUT = ["--deselect=tests/property/test_kept_results.py::test_a_kept_result_takes_what_it_holds"]
ON_GREENLETS = [
    "tests/unit/test_interleaving.py",
    "tests/unit/test_simulation.py",
    "tests/unit/test_timeline.py",
    "tests/property/test_controlled.py",
    "tests/property/test_state_source.py",
    "tests/property/test_verb_interface.py",
]


@dataclass(frozen=True)
class Kind:
    """One build, and the tests that run in it."""

    name: str
    sanitizers: str
    runtime: str
    tests: list[str]

    @property
    def folder(self) -> Path:
        return BUILD / self.name

    def environment(self) -> dict[str, str]:
        """What its tests run with: findings go into files, and a signal does what it does elsewhere."""
        common = f"log_path={self.folder / 'found'}:print_stacktrace=1:handle_segv=0:handle_abort=0:handle_sigfpe=0"
        return {
            **os.environ,
            "PYTHONPATH": str(self.folder),
            "LD_PRELOAD": runtime_path(self.runtime),
            "ASAN_OPTIONS": f"{common}:detect_leaks=0:allocator_may_return_null=1",
            "UBSAN_OPTIONS": common,
            # AddressSanitizer ends a process that loads a library so, which this one does, unless told not to.
            "PYCRYPTODOME_DISABLE_DEEPBIND": "1",
        }


KINDS = [
    Kind("address", "address,undefined", "libasan.so", WITH_PROCESSES),
    Kind("undefined", "undefined", "libubsan.so", [*ON_GREENLETS, "tests/unit/test_native_verbs.py"]),
]


def runtime_path(name: str) -> str:
    """Where GCC keeps a sanitizer's library, which is loaded first: the interpreter is not linked with it.

    The C++ library goes with it: AddressSanitizer looks for what throws exceptions when it starts, and does not
    find it in an interpreter that is written in C.
    """
    found = []
    for library in (name, "libstdc++.so"):
        path = subprocess.run(
            ["g++", f"-print-file-name={library}"], capture_output=True, text=True, check=True
        ).stdout.strip()
        if not Path(path).is_absolute():
            sys.exit(f"g++ has no {library}: install the sanitizers of GCC")
        found.append(str(Path(path).resolve()))
    return " ".join(found)


def build(kind: Kind) -> None:
    """Copy the checkout, and compile what has changed since the last time."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        source, target = ROOT / name, kind.folder / name
        if source.is_file() and not (target.exists() and target.stat().st_mtime == source.stat().st_mtime):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    print(f"Compiling with -fsanitize={kind.sanitizers} (some minutes) ...", flush=True)
    subprocess.run(
        [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"],
        cwd=kind.folder,
        env={**os.environ, "BLOCKSTM_SANITIZE": kind.sanitizers},
        check=True,
    )


def run_tests(kind: Kind, arguments: list[str]) -> bool:
    """Tell whether all tests passed and nothing was found."""
    for old in kind.folder.glob("found.*"):
        old.unlink()
    environment = kind.environment()
    check_build(kind, environment)
    command = [sys.executable, "-m", "pytest", "-q", "--timeout=0", "-p", "no:cacheprovider", *LEFT_OUT]
    done = subprocess.run([*command, *kind.tests, *arguments], cwd=kind.folder, env=environment, check=False)
    found = sorted(kind.folder.glob("found.*"))
    for path in found:
        print(f"--- {path}", path.read_text(errors="replace"), sep="\n")
    print(
        f"{kind.name}: {len(found)} reports, tests {'passed' if done.returncode == 0 else 'failed'}",
        flush=True,
    )
    return done.returncode == 0 and not found


def check_build(kind: Kind, environment: dict[str, str]) -> None:
    """Fail unless the tests would see the sanitized core, and a finding would be reported."""
    origin = subprocess.run(
        [sys.executable, "-P", "-c", "import blockstm.native._core; print(blockstm.native._core.__file__)"],
        cwd=kind.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    if not Path(origin).is_relative_to(kind.folder):
        sys.exit(f"the tests would use {origin}, not the core in {kind.folder}")
    symbols = b"__asan_report" if kind.runtime == "libasan.so" else b"__ubsan_handle"
    if symbols not in Path(origin).read_bytes():
        sys.exit(f"{origin} has been compiled without -fsanitize={kind.sanitizers}: remove {BUILD}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.sanitize", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", choices=[kind.name for kind in KINDS], help="one of the builds")
    options, arguments = parser.parse_known_args()
    kinds = [kind for kind in KINDS if options.only in (None, kind.name)]
    for kind in kinds:
        build(kind)
    passed = [run_tests(kind, arguments) for kind in kinds]
    sys.exit(0 if all(passed) else 1)


if __name__ == "__main__":
    main()
