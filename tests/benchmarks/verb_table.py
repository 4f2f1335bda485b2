"""What the table of verbs costs: `transfer` written in C against blockstm.h, beside the built-in one.

    python -m tests.benchmarks.verb_table

prints ns a transaction, of one worker; the two take turns, so that both meet the same machine.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import tempfile
from pathlib import Path

import blockstm
from blockstm.programs import transfer

TRANSACTIONS = 100_000
ACCOUNTS = 10_000
ROUNDS = 15
SOURCE = Path(__file__).with_name("native_transfer.c")
MODELS = ("sequential", "block-stm")


def in_c(folder: str) -> blockstm.NativeProgram:
    library = Path(folder, "libtransfer.so")
    include = f"-I{blockstm.include_directory()}"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", include, str(SOURCE), "-o", str(library)], check=True)
    return blockstm.NativeProgram("transfer_in_c", transfer.parameters, f"{library}:transfer_in_c")


def block_of(program: blockstm.NativeProgram) -> blockstm.Block:
    chance = random.Random(1)
    keys = [b"account-%d" % index for index in range(ACCOUNTS)]
    pairs = [chance.sample(keys, 2) for _ in range(TRANSACTIONS)]
    return blockstm.Block([program.txn(*pair, 1) for pair in pairs], {key: b"\xff\xff\xff" for key in keys})


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, blockstm.Engine(1) as engine:
        blocks = {"built in": block_of(transfer), "in C": block_of(in_c(folder))}
        times: dict[tuple[str, str], list[float]] = {}
        for model in MODELS:
            results = [engine.execute(block, model) for block in blocks.values()]
            assert results[0].state_root == results[1].state_root
            assert {receipt.status for receipt in results[1].receipts} == {"success"}
            for _ in range(ROUNDS):
                for name, block in blocks.items():
                    seconds = engine.execute(block, model).stats.wall_seconds
                    times.setdefault((model, name), []).append(seconds / TRANSACTIONS * 1e9)
    for (model, name), each in times.items():
        print(f"{model:<12} {name:<10} median {statistics.median(each):6.0f} ns  best {min(each):6.0f} ns")


if __name__ == "__main__":
    main()
