"""The long search, ``make explore``: the protocol under random schedules, and small block shapes exhaustively.

A shape says what each transaction does to each of two keys: nothing, read, write, add, or read and then write.
Shapes that differ only in the names of the keys count once: the block of one is that of the other with the keys
renamed, and with each transaction going through its keys in the opposite order; one order is tried. Names make no
difference: both keys hold the same before the block, and the core compares keys for equality only (a key's hash
says where it is found, and nothing else depends on that).

    python -m tests.exploration [--random N] [--deaths N] [--sample N] [--seed S] [--models M,M,...]
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import product

from blockstm.blocks.block import Block
from blockstm.cli.progress import Progress
from blockstm.explore.batches import explore
from blockstm.explore.explorer import Plan
from blockstm.models import BlockStm, Model, model_of
from blockstm.processes.pickling import dumps, loads
from blockstm.programs.built_in import trace
from blockstm.programs.transaction import Transaction
from tests.support import mutants
from tests.support.programs import change_or_ask

BLOCK_STM = BlockStm()
KEYS = [b"x", b"y"]
CHANGES: list[bytes | int | None] = [b"\2", None, 1]
"""What asking transactions follow upon: a key gets another value, goes, or is added to."""
NOTHING, READ, WRITE, ADD, UPDATE = range(5)
SCHEDULES_A_BLOCK = 100
SHAPES_A_TASK = 20

Deeds = tuple[int, ...]
"""What a transaction does to each key."""
Shape = tuple[Deeds, ...]
Task = tuple[list[Block], Plan]
Outcome = tuple[int, int, int, list[str]]
"""Schedules, how many of them were given up in a state seen before, steps, and what was found."""


def shapes(transactions: int) -> list[Shape]:
    """All shapes of so many transactions over two keys."""
    deeds = list(product(range(5), repeat=2))
    return [
        shape for shape in product(deeds, repeat=transactions) if shape <= tuple((y, x) for x, y in shape)
    ]


def transaction_of(deeds: Deeds) -> Transaction:
    done = list(zip(KEYS, deeds, strict=True))
    reads = [key for key, deed in done if deed in (READ, UPDATE)]
    writes = [key for key, deed in done if deed in (WRITE, UPDATE)]
    return trace.txn(reads, writes, {key: 1 for key, deed in done if deed == ADD}, 0)


def block_of(shape: Shape, present: Sequence[bytes] = KEYS) -> Block:
    """The block of a shape; `present`: which keys are there before it."""
    return Block([transaction_of(deeds) for deeds in shape], dict.fromkeys(present, b"\1"))


def asking_blocks() -> list[Block]:
    """A transaction that changes one key or both, in each way, and one that asks about keys or scans.

    Once in that order, and once in the other with a third one that scans at the end.
    """
    blocks = []
    for done in product([*range(len(CHANGES)), None], repeat=2):
        changes = [(key, CHANGES[deed]) for key, deed in zip(KEYS, done, strict=True) if deed is not None]
        for asks in ([KEYS[0]], [KEYS[1]], [*KEYS], [None], [KEYS[0], None]) if changes else ():
            change, ask = change_or_ask.txn(changes, [], None), change_or_ask.txn([], asks, b"told")
            last = change_or_ask.txn([], [None], b"told last")
            blocks += [Block([change, ask], {KEYS[1]: b"\1"}), Block([ask, change, last], {KEYS[0]: b"\1"})]
    return blocks


def asking_tasks(preemptions: int, model: Model = BLOCK_STM) -> list[Task]:
    plan = Plan("exhaustive", 2, None, preemptions=preemptions, model=model)
    blocks = asking_blocks()
    return [(blocks[start : start + SHAPES_A_TASK], plan) for start in range(0, len(blocks), SHAPES_A_TASK)]


def varied_block(chance: random.Random) -> Block:
    """A shape of two to six transactions at random, or one of the blocks that find mutants."""
    made = [
        mutants.chain,
        mutants.ring,
        mutants.same_values,
        mutants.adds,
        mutants.bounded_adds,
        mutants.moving_place,
        mutants.equal_value,
        mutants.two_lanes,
        mutants.crossing,
        mutants.account,
        mutants.margin,
        mutants.levels,
        mutants.ceasing,
        mutants.crowd,
    ]
    if chance.random() < 0.2:
        return chance.choice(made)()
    if chance.random() < 0.25:
        return chance.choice(asking_blocks())
    count = chance.randint(2, 6)
    shape = tuple((chance.randrange(5), chance.randrange(5)) for _ in range(count))
    return block_of(shape, [key for key in KEYS if chance.random() < 0.5])


def random_tasks(schedules: int, seed: int, kills: int, model: Model = BLOCK_STM) -> list[Task]:
    """Random and PCT schedules by turns, over another block every hundred of them."""
    tasks: list[Task] = []
    chance = random.Random(f"{seed} {kills}")
    for number in range(-(-schedules // SCHEDULES_A_BLOCK)):
        strategy = "pct" if number % 2 else "random"
        plan = Plan(
            "pct" if strategy == "pct" else "random",
            chance.randint(2, 4),
            SCHEDULES_A_BLOCK,
            seed=number,
            depth=chance.randint(2, 4),
            kills=kills,
            model=model,
        )
        tasks.append(([varied_block(chance)], plan))
    return tasks


def exhaustive_tasks(wanted: Sequence[Shape], preemptions: int, model: Model = BLOCK_STM) -> list[Task]:
    plan = Plan("exhaustive", 2, None, preemptions=preemptions, model=model)
    return [
        ([block_of(shape) for shape in wanted[start : start + SHAPES_A_TASK]], plan)
        for start in range(0, len(wanted), SHAPES_A_TASK)
    ]


def carry_out(pickled: bytes) -> Outcome:
    task: Task = loads(pickled)
    blocks, plan = task
    schedules, pruned, steps, found = 0, 0, 0, []
    for block in blocks:
        report = explore(block, plan)
        schedules += report.schedules
        pruned += report.pruned
        steps += report.steps
        for failure in report.failures:
            transactions = [(each.program.name, each.arguments) for each in block.transactions]
            shortest = failure.shortest
            head = [f"{transactions}", f"{shortest.check}: {shortest.message}", str(shortest.schedule)]
            found.append("\n".join([*head, *failure.lines]))
    return schedules, pruned, steps, found


def search_all(title: str, tasks: list[Task]) -> bool:
    """Carry out tasks on all usable cores, say what came of them; whether nothing was found."""
    started = time.monotonic()
    schedules, pruned, steps, found = 0, 0, 0, []
    cores = len(os.sched_getaffinity(0))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(cores, context) as pool, Progress(len(tasks)) as progress:
        for number, future in enumerate(
            as_completed([pool.submit(carry_out, dumps(task)) for task in tasks])
        ):
            outcome = future.result()
            schedules += outcome[0]
            pruned += outcome[1]
            steps += outcome[2]
            found += outcome[3]
            progress.count(number + 1)
    print(
        f"{title}: {schedules:,} schedules ({pruned:,} pruned), {steps:,} steps, "
        f"{time.monotonic() - started:.0f} s, "
        f"{len(found)} failures",
        flush=True,
    )
    for text in found[:10]:
        print(text, flush=True)
    return not found


def main() -> int:
    parser = argparse.ArgumentParser(description="Search the protocol for faults.")
    parser.add_argument("--random", type=int, default=100_000, help="random and PCT schedules")
    parser.add_argument("--deaths", type=int, default=10_000, help="schedules in which workers die")
    parser.add_argument("--sample", type=int, help="how many of the shapes of 3 transactions (all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--models", type=lambda text: text.split(","), default=[str(BLOCK_STM)], help="the models to search"
    )
    options = parser.parse_args()
    small, large = [*shapes(1), *shapes(2)], shapes(3)
    if options.sample is not None:
        large = random.Random(options.seed).sample(large, min(options.sample, len(large)))
    return 0 if all([search_model(model_of(name), options, small, large) for name in options.models]) else 1


def search_model(
    model: Model, options: argparse.Namespace, small: Sequence[Shape], large: Sequence[Shape]
) -> bool:
    """Search one model; whether nothing was found."""
    asking = len(asking_blocks())
    return all(
        [
            search_all(f"{model}: random and PCT", random_tasks(options.random, options.seed, 0, model)),
            search_all(f"{model}: with up to 2 deaths", random_tasks(options.deaths, options.seed, 2, model)),
            search_all(
                f"{model}: {len(small)} shapes of 1 and 2 transactions, 2 preemptions",
                exhaustive_tasks(small, 2, model),
            ),
            search_all(f"{model}: {asking} blocks that ask, 2 preemptions", asking_tasks(2, model)),
            *(
                [
                    search_all(
                        f"{model}: {len(large)} shapes of 3 transactions, 2 preemptions",
                        exhaustive_tasks(large, 2, model),
                    )
                ]
                if large
                else []
            ),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
