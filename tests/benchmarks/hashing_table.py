"""What a Keccak-256 hash costs, one input at a time and many at once, in nanoseconds.

    python -m tests.benchmarks.hashing_table [--rounds 9]

For 10,000 inputs of 32 bytes (a key) and of 532 (a full branch of a trie), handed over from Python: the library
`sha3`, one call for each; ours, one call for each; ours, one call for all, for each width that this CPU has. The
ways take turns; each figure is the least of the rounds.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Sequence
from functools import partial

import sha3

from blockstm.native import _trees

INPUTS = 10_000
LENGTHS = (32, 532)


def ways() -> dict[str, Callable[[Sequence[bytes]], object]]:
    widths = [width for width in (1, 4, 8) if width <= _trees.LANES_MAX]
    return {
        "sha3, one at a time": lambda data: [sha3.keccak_256(each).digest() for each in data],
        "one at a time": lambda data: [_trees.keccak_256(each) for each in data],
        **{f"many, {width} lanes": partial(_trees.keccak_256_many, lanes=width) for width in widths},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    print("| way | " + " | ".join(f"{length} bytes, ns" for length in LENGTHS) + " |")
    print("|---|" + "---:|" * len(LENGTHS))
    chance = random.Random(1)
    inputs = [[chance.randbytes(length) for _ in range(INPUTS)] for length in LENGTHS]
    least: dict[tuple[str, int], float] = {}
    for _ in range(rounds):
        for name, way in ways().items():
            for length, data in zip(LENGTHS, inputs, strict=True):
                begin = time.perf_counter()
                way(data)
                taken = (time.perf_counter() - begin) / INPUTS * 1e9
                least[name, length] = min(taken, least.get((name, length), taken))
    for name in ways():
        print(f"| {name} | " + " | ".join(f"{least[name, length]:.0f}" for length in LENGTHS) + " |")


if __name__ == "__main__":
    main()
