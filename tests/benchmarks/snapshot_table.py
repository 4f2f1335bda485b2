"""What snapshots, changes, proofs and witnesses take: bytes, bytes a key, and the time to restore.

python -m tests.benchmarks.snapshot_table [--shared ../shared]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from blockstm import Engine, Ledger, Store
from blockstm.store.snapshot import restore, take_snapshot
from blockstm.store.snapshot_file import read_header, read_pairs, write_snapshot
from blockstm.store.state_trees import StoredState
from blockstm.trees.proof_files import encode_proof
from blockstm.trees.proofs import prove
from blockstm.workloads import scenario_from_text

SCENARIOS = {
    "transfers, 10,000 accounts": 'workload = "transfers"\ntransactions = 2000\n[transfers]\naccounts = 10000',
    "transfers, 100,000 accounts": 'workload = "transfers"\ntransactions = 2000\n[transfers]\naccounts = 100000',
    "perpetual": 'workload = "perpetual"\ntransactions = 2000',
    "orderbook": 'workload = "orderbook"\ntransactions = 2000',
}
BLOCKS = 4
SINGLE_PROOFS = 50


def without_dictionary(file: Path, dictionary: bytes) -> int:
    """How large a snapshot would be without a dictionary."""
    plain = file.with_suffix(".plain")
    header = read_header(file)
    write_snapshot(plain, header, read_pairs(file, dictionary), b"")
    size = plain.stat().st_size
    plain.unlink()
    return size - len(header.dictionary)


def rows_of(name: str, text: str, folder: Path) -> Iterator[str]:
    folder.mkdir()
    blocks = list(scenario_from_text(text, "chain.toml").chain(BLOCKS))
    with (
        Store.create(folder / "state.lmdb", chain="scenario", tree="binary") as store,
        Engine() as engine,
        Ledger(engine, store) as ledger,
    ):
        files: list[Path] = []
        for number, block in enumerate(blocks):
            changed = ledger.execute(block).result.changes
            ledger.settle()
            files.append(folder / f"{number}.snapshot")
            take_snapshot(store, files[-1], files[:-1])
        whole, last = files[0], files[-1]
        dictionary = read_header(whole).dictionary
        keys, changes = read_header(whole).keys, read_header(last).keys
        began = time.perf_counter()
        restore(files[:1], folder / "one.lmdb").close()
        one = time.perf_counter() - began
        began = time.perf_counter()
        restore(files, folder / "all.lmdb").close()
        all_of_them = time.perf_counter() - began
        state = StoredState(store)
        several = len(encode_proof(prove(state, changed)))
        singles = [len(encode_proof(prove(state, [key]))) for key in list(changed)[:SINGLE_PROOFS]]
        values = sum(len(key) + len(value) for key, value in store.items())
    of_whole, of_changes = (
        f"{each.stat().st_size:,} ({without_dictionary(each, dictionary):,})" for each in (whole, last)
    )
    yield (
        f"| {name} | {keys:,} | {values:,} | {of_whole} | {changes:,} | {of_changes} | {one * 1e3:.0f} / "
        f"{all_of_them * 1e3:.0f} | {sum(singles) / len(singles):.0f} | {several:,} "
        f"({several / len(changed):.0f}) |"
    )


def witness_rows(shared: Path) -> Iterator[str]:
    """Of blocks of the main network: what the nodes of a witness take."""
    from blockstm.ethereum.recording.record import record_ethereum

    witnesses = shared / "witness"
    given = [(None, "22615247.json.zst"), ("b20472570_main_header.json.zst", "b20472570_main.json.zst")]
    for block_file, witness_file in given:
        if not (witnesses / witness_file).is_file():
            continue
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "x.block"
            told_of = None if block_file is None else witnesses / block_file
            block = record_ethereum(told_of, None, target, witness_path=witnesses / witness_file)
            nodes = [value for key, value in block.state.items() if key[:1] == b"t"]
            size, keys = sum(map(len, nodes)), len(block.state) - len(nodes)
            file_bytes = target.stat().st_size
        yield f"| {block.number} | {len(nodes):,} | {size:,} | {keys:,} | {size / keys:.0f} | {file_bytes:,} |"


HEAD = """\
| state | keys | bytes of keys and values | whole snapshot (without dictionary) | changed by a block\
 | changes (without dictionary) | restore, one / all four (ms) | proof of one key | of all changed keys (a key) |
|---|---|---|---|---|---|---|---|---|"""
WITNESS_HEAD = """
| block | nodes of its witness | bytes | keys of its state | bytes a key | block file |
|---|---|---|---|---|---|"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    options = parser.parse_args()
    print(HEAD)
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, text) in enumerate(SCENARIOS.items()):
            for row in rows_of(name, text, Path(folder) / str(number)):
                print(row, flush=True)
    print(WITNESS_HEAD)
    for row in witness_rows(options.shared):
        print(row)


if __name__ == "__main__":
    main()
