"""Programs that break determinism, each in one way, and for each a twin that does the same as it should be done.

The line that is to be named ends in a comment: `# cause`.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import os
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime as moment
from os import environ as variables
from time import time as seconds_now
from typing import Any

from blockstm.blocks.block import Block
from blockstm.programs.program import PythonProgram, program
from blockstm.programs.transaction import Transaction


def number(value: bytes | None) -> int:
    return int.from_bytes(value or b"", "big")


def encoded(value: int) -> bytes:
    return value.to_bytes(8, "big")


# --- what tells of the world outside --------------------------------------------------------------


@program
def clock_seconds(ctx: Any, key: bytes) -> None:
    ctx.write(key, encoded(int(time.time())))  # cause


@program
def clock_imported_by_name(ctx: Any, key: bytes) -> None:
    if seconds_now() < 4_000_000_000 and ctx.read(key) is None:  # cause
        ctx.write(key, b"%.2f" % (seconds_now() % 1))


@program
def clock_year(ctx: Any, key: bytes) -> None:
    ctx.write(key, encoded(moment.now().year))  # cause


@program
def clock_today(ctx: Any, key: bytes) -> None:
    ctx.emit(datetime.date.today().isoformat().encode())  # cause


@program
def clock_monotonic_deadline(ctx: Any, key: bytes) -> None:
    start = time.perf_counter_ns()  # cause
    ctx.read(key)
    ctx.charge(start % 1000)


@program
def clock_as_argument(ctx: Any, key: bytes, now: int = 1_700_000_000) -> None:
    started = time.perf_counter()  # harmless: nothing comes of it
    year = datetime.datetime.fromtimestamp(now, datetime.UTC).year
    ctx.write(key, encoded(year))
    assert time.perf_counter() >= started


@program
def random_choice(ctx: Any, key: bytes) -> None:
    ctx.emit(random.choice([b"heads", b"tails"]))  # cause


@program
def random_without_seed(ctx: Any, key: bytes) -> None:
    ctx.write(key, encoded(random.Random().getrandbits(4)))  # cause


@program
def random_uuid(ctx: Any, key: bytes) -> None:
    ctx.write(key, uuid.uuid4().bytes)  # cause


@program
def random_with_seed(ctx: Any, key: bytes) -> None:
    chance = random.Random(number(ctx.read(key)))
    ctx.emit(chance.choice([b"heads", b"tails"]))
    ctx.write(key, encoded(chance.getrandbits(32)))


@program
def process_number(ctx: Any, key: bytes) -> None:
    ctx.emit(encoded(os.getpid() % 7))  # cause


@program
def from_outside(ctx: Any, key: bytes) -> None:
    with open("/dev/urandom", "rb") as source:
        ctx.write(key, source.read(8))


@program
def from_outside_changing(ctx: Any, key: bytes) -> None:
    with open("/proc/self/stat", "rb") as source:  # cause
        ctx.write(key, source.read(4096))


@program
def from_outside_time_of_a_file(ctx: Any, key: bytes) -> None:
    ctx.write(key, str(os.stat("/proc/self/stat").st_mtime_ns).encode())  # cause


@program
def from_outside_usage(ctx: Any, key: bytes) -> None:
    ctx.write(key, str(os.times()).encode())  # cause


@program
def environment(ctx: Any, key: bytes) -> None:
    ctx.write(key, os.environ.get("PRICE", "none").encode())  # cause


@program
def environment_imported_by_name(ctx: Any, key: bytes) -> None:
    ctx.write(key, variables["PYTHONHASHSEED"].encode())  # cause


@program
def environment_as_a_whole(ctx: Any, key: bytes) -> None:
    ctx.write(key, repr(sorted(dict(os.environ).items())).encode()[:60_000])  # cause


@program
def clock_text(ctx: Any, key: bytes) -> None:
    ctx.write(key, time.strftime("%H:%M").encode())  # cause


@program
def clock_other_text(ctx: Any, key: bytes) -> None:
    ctx.write(key, time.asctime().encode())  # cause


@program
def environment_as_argument(ctx: Any, key: bytes) -> None:
    """Reads a variable that nothing comes of, and writes a time that it is given."""
    os.environ.get("DEBUG")
    ctx.write(key, time.strftime("%H:%M", time.gmtime(3600)).encode())


@program
def identity_in_an_error(ctx: Any, key: bytes) -> None:
    raise ValueError(object())


@program
def context_in_an_error(ctx: Any, key: bytes) -> None:
    ctx.emit(repr(ctx).encode())
    raise ValueError(ctx)


# --- identity and order -----------------------------------------------------------------------------


class Account:
    """Hashed by its address."""

    def __init__(self, name: bytes) -> None:
        self.name = name


@program
def identity_number(ctx: Any, key: bytes) -> None:
    ctx.emit(encoded(id(Account(key)) // 16 % 1000))  # cause


@program
def identity_in_text(ctx: Any, key: bytes) -> None:
    raise LookupError(f"no {Account(key)}")


@program
def identity_order(ctx: Any, key: bytes) -> None:
    for account in {Account(name) for name in (b"a", b"b", b"c", b"d", b"e")}:
        ctx.emit(account.name)


@program
def identity_sorted(ctx: Any, key: bytes) -> None:
    accounts = {Account(name) for name in (b"a", b"b", b"c", b"d", b"e")}
    for account in sorted(accounts, key=lambda account: account.name):
        ctx.emit(account.name)
    assert len({id(account) for account in accounts}) == 5


@program
def hash_order_of_a_set(ctx: Any, key: bytes) -> None:
    for name in {"alice", "bob", "carol"}:
        ctx.emit(name.encode())


@program
def hash_order_of_a_dict(ctx: Any, key: bytes) -> None:
    balances = dict.fromkeys({b"alice", b"bob", b"carol"}, 1)
    ctx.write(key, next(iter(balances)))


@program
def hash_order_sorted(ctx: Any, key: bytes) -> None:
    names = {"alice", "bob", "carol"}
    for name in sorted(names):
        ctx.emit(name.encode())
    assert "bob" in names


# --- hidden state -----------------------------------------------------------------------------------

executions = 0
balances: dict[bytes, int] = {}
shared: list[bytes] = []
last_buyer: bytes | None = None
busy = False
statistics: list[int] = []
squares: dict[int, int] = {}


@program
def hidden_global(ctx: Any, key: bytes) -> None:
    global executions
    executions += 1  # cause
    ctx.write(key, encoded(executions))


@program
def hidden_cached_read(ctx: Any, key: bytes) -> None:
    if key not in balances:  # cause
        balances[key] = number(ctx.read(key))
    ctx.emit(encoded(balances[key]))


class Shop:
    sold = 0


@program
def hidden_class_attribute(ctx: Any, key: bytes) -> None:
    Shop.sold += 1  # cause
    ctx.write(key, encoded(Shop.sold))


def closure() -> PythonProgram:
    count = 0

    @program
    def hidden_closure(ctx: Any, key: bytes) -> None:
        nonlocal count
        count += 1  # cause
        ctx.write(key, encoded(count))

    return hidden_closure


@program
def hidden_default(ctx: Any, key: bytes, seen: list = []) -> None:  # noqa: B006
    seen.append(key)  # cause
    ctx.write(key, encoded(len(seen)))


def append(ctx: Any, items: list[bytes], item: bytes) -> int:
    items.append(item)
    return len(items)


@program
def hidden_mutated_argument(ctx: Any, key: bytes) -> None:
    ctx.write(key, encoded(ctx.call(append, shared, key)))  # cause


@program
def hidden_last_buyer(ctx: Any, key: bytes) -> None:
    global last_buyer
    if ctx.txn_idx == 0:
        last_buyer = key  # cause
    else:
        ctx.write(b"last buyer", last_buyer or b"nobody")


@program
def hidden_after_giving_up(ctx: Any, key: bytes) -> None:
    global busy
    if busy:
        ctx.revert("busy")
    busy = True  # cause
    ctx.read(key)
    busy = False


@program
def state_kept_in_the_state(ctx: Any, key: bytes) -> None:
    count = number(ctx.read(b"count")) + 1
    ctx.write(b"count", encoded(count))
    ctx.write(key, encoded(count))


@functools.lru_cache
def factorial(n: int) -> int:
    return n * factorial(n - 1) if n else 1


@program
def results_kept(ctx: Any, key: bytes, scratch: list = [0]) -> None:  # noqa: B006
    """Keeps what does not change what it does: pure results, and figures that it never reads."""
    n = number(ctx.read(key)) % 10
    if n not in squares:
        squares[n] = n * n
    statistics.append(n)
    scratch[0] = n
    ctx.write(key, encoded(squares[n] + factorial(n)))


@program
def left_as_it_was(ctx: Any, key: bytes) -> None:
    global busy
    busy = True
    try:
        ctx.read(key)
    finally:
        busy = False


@program
def argument_of_its_own_changed(ctx: Any, key: bytes, amounts: list) -> None:
    amounts.append(amounts.pop(0))  # each execution gets arguments of its own
    ctx.call(append, [key], b"x")
    ctx.emit(bytes(amounts))


# --- swallowed exceptions -----------------------------------------------------------------------------


@program
def swallows_base_exception(ctx: Any, key: bytes) -> None:
    try:
        balance = number(ctx.read(key))
    except BaseException:  # cause
        balance = 0
    ctx.write(key, encoded(balance))


@program
def swallows_in_bare_except(ctx: Any, key: bytes) -> None:
    try:
        number(ctx.read(key))
    except ValueError:
        raise
    except:  # noqa: E722  # cause
        ctx.emit(b"failed")


@program
def swallows_by_suppress(ctx: Any, key: bytes) -> None:
    with contextlib.suppress(BaseException):  # cause
        ctx.write(key, b"x")


@program
def swallows_by_return(ctx: Any, key: bytes) -> None:
    try:
        ctx.read(key)
    finally:
        return  # noqa: B012  # cause


@program
def swallows_and_raises_another(ctx: Any, key: bytes) -> None:
    try:
        ctx.read(key)
    except BaseException as error:  # cause
        raise LookupError("not read") from error


@program
def swallows_for_ever(ctx: Any, key: bytes) -> None:
    while True:
        try:
            ctx.emit(ctx.read(key) or b"")
            return
        except BaseException:  # cause
            continue


@program
def lets_it_pass(ctx: Any, key: bytes) -> None:
    try:
        try:
            ctx.read(key)
            ctx.call(fail_with, key)
        except Exception:
            ctx.emit(b"failed")
        except BaseException:
            ctx.emit(b"aborted")
            raise
    finally:
        ctx.emit(b"done")


def fail_with(ctx: Any, key: bytes) -> None:
    raise LookupError(key)


# --- contexts used where their programs do not run ------------------------------------------------------

kept: list[Any] = []
threads: list[threading.Thread] = []


@program
def late_from_a_global(ctx: Any, key: bytes) -> None:
    with contextlib.suppress(Exception):
        if kept:
            kept.pop().write(key, b"late")  # cause
    kept.append(ctx)


def readings(ctx: Any, key: bytes) -> Iterator[bytes | None]:
    while True:
        yield ctx.read(key)  # cause


generators: list[Iterator[bytes | None]] = []


@program
def late_from_a_generator(ctx: Any, key: bytes) -> None:
    if not generators:
        generators.append(readings(ctx, key))
    with contextlib.suppress(Exception):
        next(generators[0])


@program
def late_from_a_thread(ctx: Any, key: bytes) -> None:
    returned = threading.Event()

    def use() -> None:
        returned.wait(0.05)
        with contextlib.suppress(Exception):
            ctx.read(key)  # cause

    threads.append(threading.Thread(target=use))
    threads[-1].start()


@program
def used_in_another_thread(ctx: Any, key: bytes) -> None:
    def use() -> None:
        with contextlib.suppress(Exception):
            ctx.read(key)  # cause

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()


@program
def used_while_it_runs(ctx: Any, key: bytes) -> None:
    values = readings(ctx, key)
    ctx.emit(next(values) or b"")
    thread = threading.Thread(target=statistics.clear)
    thread.start()
    thread.join()


# --- what shows under schedules only ------------------------------------------------------------------------

surprises: list[bytes] = []


@program
def open_shop(ctx: Any, key: bytes) -> None:
    ctx.write(b"open", b"yes")


@program
def remembers_what_never_was(ctx: Any, key: bytes) -> None:
    """Runs on the state that the first transaction left, unless it is executed too soon."""
    if ctx.read(b"open") is None:
        surprises.append(key)
    ctx.write(key, encoded(len(surprises)))


# --- how they are to be run ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Canary:
    """A program that must be found."""

    program: PythonProgram
    kind: str
    transactions: Callable[[PythonProgram], list[Transaction]] = lambda run: [run.txn(b"a"), run.txn(b"b")]

    @property
    def block(self) -> Block:
        return Block(self.transactions(self.program), {b"a": b"\1", b"b": b"\2"})


CANARIES = [
    Canary(clock_seconds, "clock"),
    Canary(clock_imported_by_name, "clock", lambda run: [run.txn(b"new")]),
    Canary(clock_year, "clock"),
    Canary(clock_today, "clock"),
    Canary(clock_monotonic_deadline, "clock"),
    Canary(random_choice, "randomness"),
    Canary(random_without_seed, "randomness"),
    Canary(random_uuid, "randomness"),
    Canary(process_number, "process number"),
    Canary(from_outside, "outside world"),
    Canary(from_outside_changing, "outside world"),
    Canary(from_outside_time_of_a_file, "outside world"),
    Canary(from_outside_usage, "outside world"),
    Canary(environment, "outside world"),
    Canary(environment_imported_by_name, "outside world"),
    Canary(environment_as_a_whole, "outside world"),
    Canary(clock_text, "clock"),
    Canary(clock_other_text, "clock"),
    Canary(identity_in_an_error, "object identity"),
    Canary(identity_number, "object identity"),
    Canary(identity_in_text, "object identity"),
    Canary(identity_order, "object identity"),
    Canary(hash_order_of_a_set, "hash order"),
    Canary(hash_order_of_a_dict, "hash order"),
    Canary(hidden_global, "hidden state"),
    Canary(hidden_cached_read, "hidden state"),
    Canary(hidden_class_attribute, "hidden state"),
    Canary(closure(), "hidden state"),
    Canary(hidden_default, "hidden state"),
    Canary(hidden_mutated_argument, "hidden state"),
    Canary(hidden_last_buyer, "hidden state"),
    Canary(hidden_after_giving_up, "hidden state"),
    Canary(swallows_base_exception, "swallowed abort"),
    Canary(swallows_in_bare_except, "swallowed abort"),
    Canary(swallows_by_suppress, "swallowed abort"),
    Canary(swallows_by_return, "swallowed abort"),
    Canary(swallows_and_raises_another, "swallowed abort"),
    Canary(swallows_for_ever, "swallowed abort"),
    Canary(late_from_a_global, "late use"),
    Canary(late_from_a_generator, "late use"),
    Canary(late_from_a_thread, "late use"),
    Canary(used_in_another_thread, "other thread"),
]

TWINS = [
    Canary(clock_as_argument, ""),
    Canary(random_with_seed, ""),
    Canary(environment_as_argument, ""),
    Canary(context_in_an_error, ""),
    Canary(identity_sorted, ""),
    Canary(hash_order_sorted, ""),
    Canary(state_kept_in_the_state, ""),
    Canary(results_kept, ""),
    Canary(left_as_it_was, ""),
    Canary(argument_of_its_own_changed, "", lambda run: [run.txn(b"a", [1, 2, 3])] * 2),
    Canary(lets_it_pass, ""),
    Canary(used_while_it_runs, ""),
]

UNDER_SCHEDULES = Block(
    [open_shop.txn(b""), remembers_what_never_was.txn(b"b"), remembers_what_never_was.txn(b"c")], {}
)
