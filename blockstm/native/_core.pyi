"""The compiled core: arena, worker, context, snapshot."""

from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Any, Final, NoReturn, Protocol, TypeVar, overload

from _typeshed import ReadableBuffer

from blockstm.programs.program import NativeCode, NativeProgram, Program, PythonProgram
from blockstm.state.source import StateSource

Returned = TypeVar("Returned")

class _Model(Protocol):
    """What the core asks of a model of execution; see blockstm.models."""

    @property
    def name(self) -> str: ...
    @property
    def entry(self) -> str: ...
    def options(self) -> tuple[int, ...]: ...

class _Preparation(Protocol):
    """What is known of a block before it starts; see blockstm.models.Preparation."""

    @property
    def accesses(self) -> Sequence[tuple[Iterable[bytes], Iterable[bytes], Iterable[bytes]]] | None: ...
    @property
    def order(self) -> Sequence[int] | None: ...
    @property
    def ranks(self) -> Sequence[int] | None: ...
    @property
    def lanes(self) -> Sequence[int] | None: ...

FAILURE_MEMORY_LIMIT: Final[int]
FAILURE_STATE_SOURCE: Final[int]
FAILURE_UNDECLARED: Final[int]
CALL_DEPTH_MAX: Final[int]
StepKind: type[IntEnum]
"""The kinds of step points (memory/steps.pxi)."""
Mutant: type[IntEnum]
"""Ways to break the protocol on purpose (instruments/mutants.pxi)."""
Cost: type[IntEnum]
"""The kinds of work under the virtual clock (instruments/costs.pxi)."""
Invariant: type[IntEnum]
"""What a look at the arena may find (instruments/invariants.pxi)."""
LIMITS: Final[Mapping[str, int]]
"""The limits that the core was compiled with, by their names in blockstm.limits, which says the same."""
MUTANTS: Final[Mapping[str, int]]
"""The mutants by the names that users give them."""
INVARIANTS: Final[Mapping[int, str]]
"""What Observer.look() may find, in words."""
STEPS: Final[Mapping[str, int]]
"""The kinds of step points by name."""
STEPS_ON_KEYS: Final[frozenset[int]]
STEPS_ON_TXNS: Final[frozenset[int]]
COST_NAMES: Final[tuple[str, ...]]
"""The kinds of work that have a price in the cost model, in the order of their numbers."""

def pause_ns() -> float:
    """How long one pause of a spinning worker takes, in ns."""

class _Items(Protocol):
    """A state: values by key, or by the places of keys."""

    def items(self) -> ItemsView[Any, bytes]: ...

class Column:
    """The values of one parameter in all rows. The buffers must not change.

    Arguments:
        kind: the kind of the parameter; a column of the state's values is of kind "bytes".
        length: how many rows.
        lists: of "keys" and "adds": where the list of each row begins, and where the last one ends.
        begins: where each string begins in `data`, and where the last one ends.
        data: the strings, one after the other.
        words: numbers, of "u64", "u256" and "adds", each of as many 64-bit words as `limbs` says.
        limbs: 1 or 4; the least significant word is first.

    Raises:
        EngineError: a buffer is too short, or says of another that it is longer than it is.
    """

    kind: Final[str]
    length: Final[int]
    longest: Final[int]
    """The length of the longest string, in bytes."""
    def __init__(
        self,
        kind: str,
        length: int,
        *,
        lists: ReadableBuffer | None = None,
        begins: ReadableBuffer | None = None,
        data: ReadableBuffer = b"",
        words: ReadableBuffer | None = None,
        limbs: int = 1,
    ) -> None: ...
    def __len__(self) -> int: ...
    def first_repeated(self, hash_seed: int) -> int | None:
        """The first row of a column of keys whose key stands in a row before it, too; None where there is none."""

class ColumnRows:
    """The transactions of a block, column by column. Iterated over, it gives rows as `Arena.lay_out` takes them.

    Arguments:
        length: how many transactions.
        columns: for each program the columns of its parameters. What stands there in rows of other programs does
            not matter.
        places: for each transaction the place of its program, 32 bits each; None: all run the first.
        gas_limits: for each its gas limit, of kind "u64"; None: none has one.
        is_limited: for each whether it has one, a byte each.
    """

    length: Final[int]
    columns: Final[tuple[tuple[Column, ...], ...]]
    def __init__(
        self,
        length: int,
        columns: Iterable[Iterable[Column]],
        places: ReadableBuffer | None = None,
        gas_limits: Column | None = None,
        is_limited: ReadableBuffer | None = None,
    ) -> None: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[tuple[int, tuple[object, ...], int | None]]: ...

class StateColumns:
    """The state before a block as two columns.

    Arguments:
        keys: of kind "key"; each once.
        values: of kind "bytes".
    """

    keys: Final[Column]
    values: Final[Column]
    def __init__(self, keys: Column, values: Column) -> None: ...
    def __len__(self) -> int: ...
    def items(self) -> ItemsView[bytes, bytes]:
        """Keys and values; made when first asked for."""

class SlotRows:
    """The transactions of a block, as objects of a class with slots, whose parts are read where they lie.

    Iterated over, it gives rows as `Arena.lay_out` takes them.

    Arguments:
        objects: the transactions.
        kind: their class.
        slots: the descriptors of its slots that hold the program, the arguments, the arguments encoded (or None),
            and the gas limit or None.
        places: the places of programs by name.

    Raises:
        TypeError: an object is not of that class, or a descriptor is none of a slot.
    """

    objects: Final[tuple[object, ...]]
    def __init__(
        self, objects: tuple[object, ...], kind: type, slots: tuple[object, ...], places: dict[str, int]
    ) -> None: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[tuple[int, object, int | None]]: ...

class BlockContent:
    """A block as a file holds it, of native programs only, and without optional sections. Made by `read`."""

    key_count: Final[int]
    state_count: Final[int]
    txn_count: Final[int]
    @staticmethod
    def read(
        content: bytes,
        offset: int,
        counts: tuple[int, int, int],
        kinds: Iterable[tuple[str, ...]],
        hash_seed: int,
    ) -> BlockContent | None:
        """Read what follows upon the header of a block file; None: it is to be read by block_decode.

        Arguments:
            content: the content of the file, decompressed.
            offset: where the header ends.
            counts: how many keys, values and transactions the header announces.
            kinds: for each program the kinds of its parameters.
            hash_seed: one that whoever made the file cannot know.
        """

    def items(self) -> ItemsView[bytes, bytes]:
        """Keys and values of the state; made when first asked for."""

    def key_table(self) -> list[bytes]:
        """The keys that its state and its transactions name."""

class Arena:
    """The shared memory that a pool of workers executes blocks in."""

    fd: Final[int]
    program_version: int
    delay_seed: int
    def __init__(
        self, memory_limit_bytes: int, worker_slots: int, hash_seed: int = 0, regions: int = 1
    ) -> None: ...
    @staticmethod
    def attach(fd: int) -> Arena:
        """Map the arena behind a file descriptor that was inherited, as a worker."""

    def keep_from_forks(self) -> None:
        """Let forks of this process have no part in the arena."""

    @property
    def memory_limit_bytes(self) -> int:
        """The most memory that a block and its execution may take."""

    @property
    def used_bytes(self) -> int:
        """Bytes of the arena that the block uses, bookkeeping included."""

    def lay_out(
        self,
        txn_count: int,
        programs: Iterable[tuple[int, tuple[str, ...]]],
        keys: tuple[bytes, ...] | None,
        state: _Items | None,
        rows: Iterable[tuple[Any, ...]] | BlockContent,
        rounds_per_gas: float = 1.0,
        source: StateSource | None = None,
        ordered: Iterable[bytes] = (),
        known: Mapping[bytes, bytes | None] | None = None,
    ) -> None:
        """Lay a block out, ready to be started once.

        Arguments:
            txn_count: how many transactions it has.
            programs: for each of its programs the number, and the kinds of its parameters.
            keys: its keys, if rows and state name them by their places here; None if they hold the keys themselves.
            state: values by key before the first transaction; None: all of it is asked of the source.
            rows: for each transaction, what begins with the place of its program in `programs`, its arguments
                (bytes where they are encoded), and its gas limit or None.
            rounds_per_gas: rounds of work that `trace` does for each unit of recorded gas.
            source: what workers ask for the values that are not in `state`; None: those keys are absent.
            ordered: prefixes of the keys that will be scanned.
            known: values by key that are in no need of asking, nor true in `state`; None for an absent key.

        Raises:
            MemoryLimitError: the block does not fit.
            EngineError: a row is not as it must be, or the system does not take memory back
                that the last block has used. The arena takes the next block.
        """

    @property
    def block_number(self) -> int:
        """How many blocks it has taken, that which it holds included."""

    @property
    def can_prepare(self) -> bool:
        """Whether it has room for a block beside the one that is executed."""

    def prepare(
        self,
        txn_count: int,
        programs: Iterable[tuple[str, ...]],
        keys: tuple[bytes, ...] | None,
        state: _Items | None,
        rows: Iterable[tuple[Any, ...]] | BlockContent,
        source: StateSource | None = None,
        ordered: Iterable[bytes] = (),
        known: Mapping[bytes, bytes | None] | None = None,
    ) -> None:
        """Lay out the next block while workers execute the last one; `take_prepared` makes it the arena's block.

        Any thread may call it. Where one is prepared already, it is forgotten.

        Arguments:
            programs: the kinds of the parameters of each.
            txn_count, keys, state, rows, source, ordered, known: as for `lay_out`.

        Raises:
            as `lay_out` does; the arena takes the next block, and the one that is executed goes on.
        """

    def take_prepared(self, numbers: Iterable[int], rounds_per_gas: float = 1.0) -> None:
        """Make the prepared block the block of the arena, as `lay_out` does; no worker may be in the last one.

        Arguments:
            numbers: for each of its programs the number.
            rounds_per_gas: as for `lay_out`.
        """

    def start(
        self,
        model: _Model,
        active_workers: int,
        timed: bool = False,
        start_ns: int = 0,
        timeline: bool = False,
        first_worker: int = 0,
        preparation: _Preparation | None = None,
    ) -> None:
        """Start the loaded block: `active_workers` workers take part, from `first_worker` on."""

    def activate(self, worker: int) -> None:
        """Let a worker take part in the running block, or call it back after it was replaced."""

    def is_done(self) -> bool:
        """Whether the block is complete."""

    def committed(self) -> int:
        """The length of the committed prefix."""

    def wait_for_drains(self, seconds: float) -> bool:
        """Tell whether no drain drains the block in the arena any more; wait for that for at most so long."""

    def failure(self) -> int:
        """Why the block cannot be completed: 0 where it can, else one of the FAILURE_ numbers."""

    def failed_txn(self) -> int:
        """For which transaction the block failed, where it is for one."""

    def failure_reason(self) -> str:
        """What a source of the state has said, or which key was not declared, where that is the reason."""

    def stop(self) -> None:
        """Let the workers leave the block unfinished."""

    def is_idle(self) -> bool:
        """Whether no worker is in the block any more."""

    def want_progress(self) -> None:
        """Ask for one write to the event descriptor at the next commit."""

    def shutdown(self) -> None:
        """Let every Worker.wait() return False."""

    def running(self, worker: int) -> tuple[int, int, float, bool] | None:
        """What a worker runs: (txn_idx, incarnation, seconds since first asked, reads are final), or None."""

    def is_doomed(self, worker: int) -> bool:
        """Whether the incarnation that a worker runs has read something that is stale by now."""

    def recover(self, worker: int) -> None:
        """Put right what a worker that died (and was reaped) has left undone."""

    def expire(self, worker: int, reason: str) -> None:
        """As recover(), for a worker that was killed because its transaction ran past the time limit."""

    def snapshot(self) -> Snapshot:
        """What the finished block came to. Reads the arena until the next one, then what it has kept."""

    def close(self) -> None:
        """Give the memory back. A snapshot that is still in use keeps what it holds."""

class Drainage:
    """A mapping of an arena from which committed write sets are read in order."""

    def __init__(self, fd: int) -> None: ...
    @property
    def block(self) -> int:
        """The number of the block in the arena that this drain has not finished; 0: there is none yet."""

    @property
    def txn_count(self) -> int:
        """How many transactions the block has."""

    @property
    def is_given_up(self) -> bool:
        """Whether the block will not go on."""

    @property
    def is_over(self) -> bool:
        """Whether there will be no other block: the engine is closed, or gone."""

    @property
    def epoch(self) -> int:
        """For `wait`: to be asked for before looking for what is awaited."""

    def wait(self, epoch: int) -> None:
        """Sleep until something has happened since `epoch`, 20 ms at most."""

    def changes(self, first: int, end: int) -> list[dict[bytes, bytes | None]]:
        """What transactions from `first` up to `end` have each changed; of those only that are committed.

        Raises:
            EngineError: the model of the block is not to be found in this process.
        """

    def merged(self, first: int, end: int) -> tuple[int, dict[bytes, bytes | None]]:
        """What transactions from `first` up to `end` have changed together, and how many of them are committed.

        Raises:
            EngineError: as `changes`.
        """

    def outcomes(self) -> list[tuple[int, int, str | None, list[bytes]]] | None:
        """How each transaction of the block has ended, in the preset order; None before the block is done.

        Returns:
            status (0 success, 1 reverted, 2 failed), gas used, error or None, events.
        """

    def finish(self) -> None:
        """Let the engine have the memory of the block that is in the arena."""

    def close(self) -> None:
        """Let go of the arena."""

class Worker:
    """One worker process's end of the arena."""

    def __init__(self, arena: Arena, worker: int, event_fd: int) -> None: ...
    def set_python(self, number: int, function: Callable[..., object]) -> None:
        """Make a Python program known under a number: call a function with a context and the arguments."""

    def set_native(self, number: int, code: NativeCode) -> None:
        """Make a native program known under a number."""

    def set_source(self, source: StateSource | None) -> None:
        """Say what is asked for the value of a key before the block; None where the block brings its state."""

    def wait(self) -> bool:
        """Sleep until this worker is called to a block (True) or the pool shuts down (False)."""

    def run(self) -> None:
        """Take part in the block until it is done or stopped."""

    def run_virtually(self) -> None:
        """As run, under the virtual clock, which has set the step hook (see virtual_clock.pxi)."""

class VirtualWorker:
    """A worker that shares its process with others, and runs only when it is resumed."""

    kind: Final[int]
    what: Final[int]
    mutant: int
    recovering: bool
    remembers: bool
    leaves: bool
    history: int
    def __init__(self, worker: Worker, yield_control: Callable[[], object]) -> None: ...
    @property
    def index(self) -> int:
        """Its slot."""

    @property
    def may_wake(self) -> bool:
        """Whether a sleeper (kind STEP_SLEEP) would be woken by now."""

    def begin(self) -> None:
        """Forget the last block: it stands before its first step."""

    def run(self) -> None:
        """Take part in the block until it is done or stopped; to be called in a greenlet of its own."""

    def recover_and_run(self) -> None:
        """Do what the supervisor does once the last worker of this slot is dead, then take its place."""

class Observer:
    """Looks at the arena of a controlled run from outside."""

    def __init__(self, arena: Arena) -> None: ...
    def begin(self) -> None:
        """Start to watch a block that has just been loaded."""

    def clear(self) -> None:
        """Make the memory of the last block zero, before a block is loaded whose states are to be told apart."""

    def separate(self) -> None:
        """Give each worker memory of its own at once, so that offsets do not depend on which asks first."""

    def remember(self) -> None:
        """Take in what is shared, as it is now."""

    def show(self, chosen: VirtualWorker) -> None:
        """Note that a worker goes on, and finds what was taken in last."""

    def state(self, workers: Iterable[VirtualWorker]) -> int:
        """A number for what was taken in last and for where the workers stand: equal numbers mean equal
        states."""

    def look(self) -> int:
        """What the step since the last look has broken: 0 for nothing, else a key of INVARIANTS."""

    def look_at_waiters(self) -> int:
        """As look(), for when every worker is idle or asleep: has one forgotten a transaction that waits?"""

    @property
    def culprit(self) -> int:
        """The transaction that the last finding is about."""

    def key(self, location: int) -> bytes:
        """The key that a step names as what it touches."""

class VirtualClock:
    """Virtual workers that share their process, each with a time of its own."""

    switches: Final[int]
    def __init__(
        self,
        workers: list[Worker],
        costs: Mapping[str, float],
        make_greenlet: Callable[[Callable[[], object]], object],
    ) -> None: ...
    @property
    def counts(self) -> dict[str, float]:
        """How often each kind of work was charged in the last run, by its name."""

    @property
    def transfers(self) -> dict[str, float]:
        """How often a core fetched cache lines of each kind from another in the last run."""

    @property
    def charged_ns(self) -> float:
        """All that was charged in the last run."""

    @property
    def source_use(self) -> tuple[int, int, int]:
        """What the source did in the last run: reads, how long they took, how long workers waited, in ns."""

    def run(
        self,
        active: int,
        program_ns: bytes | None = None,
        source: tuple[bytes, bytes, bytes, int, float] | None = None,
    ) -> None:
        """Run the block that has been started, on the first `active` workers."""

class WakeUpTimer:
    """Times one wake-up: one thread calls sleep(), another wake() a little later."""

    called_ns: Final[int]
    returned_ns: Final[int]
    woken_ns: Final[int]
    def sleep(self) -> None:
        """Sleep until woken."""

    def wake(self) -> None:
        """Wake the sleeper."""

class Snapshot:
    """What a finished block came to: receipts, reads, writes, state. Made by Arena.snapshot()."""

    def __len__(self) -> int: ...
    def status(self, txn_idx: int) -> int:
        """0 success, 1 reverted, 2 failed."""

    def gas_used(self, txn_idx: int) -> int:
        """The gas that it has charged."""

    def error(self, txn_idx: int) -> str | None:
        """Why it was reverted or failed, as one line; None where it was not."""

    def traceback(self, txn_idx: int) -> str | None:
        """Where a Python program failed; None where none did."""

    def events(self, txn_idx: int) -> list[bytes]:
        """The events that it emitted, in order."""

    def commit_seconds(self, txn_idx: int) -> float:
        """When it became final, from the start of the block."""

    def incarnations(self, txn_idx: int) -> int:
        """How many incarnations it had, those given up included."""

    def reads(self, txn_idx: int) -> list[tuple[bytes, bytes | None]]:
        """The keys that its final incarnation read from below, with the values: (key, value or None)."""

    def predicates(self, txn_idx: int) -> list[tuple[bytes, bytes]]:
        """What its final incarnation asked about keys without reading them: see results/predicates.py."""

    def writes(self, txn_idx: int) -> list[tuple[bytes, bytes | None]]:
        """The keys that its final incarnation wrote, in the order first written: (key, value; None: deleted)."""

    def adds(self, txn_idx: int) -> list[tuple[bytes, int]]:
        """The keys whose value it does not say, only what it added: (key, signed delta), in order first
        added."""

    def bounded_adds(self, txn_idx: int) -> list[bytes]:
        """The keys that it added to without knowing them, those of refused adds among them.

        Raises:
            EngineError: the arena has been wanted for another block since.
        """

    def execution_seconds(self, txn_idx: int) -> float | None:
        """How long the program of its final incarnation ran; None where the run was not timed."""

    def order(self) -> list[int] | None:
        """The transactions in the order in which they became final, of those that have; None: as preset."""

    def txn_at(self, place: int) -> int:
        """The transaction that became final as the one at that place.

        Raises:
            IndexError: there is no such place.
        """

    def changes(self) -> dict[bytes, bytes | None]:
        """The keys that the block has written, with their final values; None: deleted."""

    def state(self) -> dict[bytes, bytes]:
        """The state after the block, by key."""

    def counters(self) -> dict[str, int]:
        """Totals of the block: executions, validations, aborts, suspensions."""

    @property
    def has_timeline(self) -> bool:
        """Whether the workers have noted what they did when."""

    def spans(self) -> Iterator[tuple[int, int, int, int, int, int, int, int]]:
        """What each worker noted, in its order: (kind, worker, begin_ns, end_ns, txn_idx, incarnation, why,
        cause)."""

    def spans_dropped(self) -> int:
        """How many spans were not kept for lack of memory."""

    @property
    def wall_seconds(self) -> float:
        """From the block's start to its last commit."""

    @property
    def end_ns(self) -> int:
        """When its last commit was, by the monotonic clock."""

    @property
    def arena_bytes(self) -> int:
        """Bytes of shared memory that the block used."""

class Context:
    """What a program sees of its transaction, and all that it may see of the world.

    It is usable only while the program runs. What a program reads may be stale, as it runs speculatively: then it
    is executed again, and nothing that it did counts. So a verb may end the program, by an exception that is not
    to be caught.

    Keys are bytes of up to 64 bytes, values bytes of up to 64 KiB; numbers are kept as unsigned big-endian bytes of
    at most 256 bits, an absent key being 0.
    """

    @property
    def txn_idx(self) -> int:
        """The transaction's place in the preset order, from 0."""

    def read(self, key: bytes) -> bytes | None:
        """Return the value of a key: what this transaction wrote, else what those before it left.

        Arguments:
            key: up to 64 bytes.

        Returns:
            the value; None where the key is absent or deleted.

        Raises:
            TypeError: the key is not bytes.
            LimitError: the key is longer than 64 bytes.
        """

    def exists(self, key: bytes) -> bool:
        """Tell whether a key has a value, without depending on which.

        That another transaction writes a new value to the key is then no conflict; that it deletes the key is. What
        this transaction has written or deleted counts, as does what it has added: an add leaves a value.

        Arguments:
            key: up to 64 bytes.

        Raises:
            TypeError: the key is not bytes.
            LimitError: the key is longer than 64 bytes.
        """

    def check(self, key: bytes, minimum: int = 0, maximum: int = ...) -> bool:
        """Tell whether the number at a key lies within bounds, without depending on which number it is.

        That another transaction changes the number is then no conflict as long as the answer stays. What this
        transaction has written, deleted or added counts.

        Arguments:
            key: up to 64 bytes; an absent key is 0.
            minimum: the least that the number may be.
            maximum: the most that it may be, up to 2**256 - 1, which is the default.

        Returns:
            whether it lies within; a value that is not a number, of over 32 bytes, does not.

        Raises:
            TypeError: the key is not bytes, or a bound is not an int; a bool or a float is not one.
            LimitError: the key is longer than 64 bytes, or the bounds are not within 0..2**256 - 1.
        """

    def scan(self, prefix: bytes, limit: int, start: bytes = b"", end: bytes | None = None) -> list[bytes]:
        """Find the first keys that have values, in the order of their bytes, without their values.

        That another transaction gives a key of the range its first value, or deletes one, is then a conflict, as
        far as the scan has looked: up to the last key found where it found `limit` of them. New values are none.
        What this transaction has written, deleted or added itself counts.

        Arguments:
            prefix: what the keys begin with; no bytes: any key.
            limit: how many to find at most, from 1 to 1024; to go on, scan from the last key and a zero byte.
            start: the lowest key that may be found, up to 64 bytes.
            end: the first key that may not be found, up to 64 bytes; None: there is none.

        Raises:
            TypeError: a key is not bytes, or the limit is not an int.
            LimitError: a key is longer than 64 bytes, or the limit is not within 1..1024.
            UsageError: the state before the block is asked of a source, which cannot list its keys.
        """

    def write(self, key: bytes, value: bytes) -> None:
        """Write a value.

        Arguments:
            key: up to 64 bytes.
            value: up to 64 KiB; copied.

        Raises:
            TypeError: the key or the value is not bytes.
            LimitError: the key is longer than 64 bytes, or the value than 64 KiB.
        """

    def delete(self, key: bytes) -> None:
        """Delete a key; it reads as None from here on.

        Arguments:
            key: up to 64 bytes.

        Raises:
            TypeError: the key is not bytes.
            LimitError: the key is longer than 64 bytes.
        """

    def add(self, key: bytes, delta: int, minimum: int = 0, maximum: int = ...) -> None:
        """Add to a number without reading it, so that transactions which add to one key do not wait for each other.

        Arguments:
            key: up to 64 bytes; an absent key is 0.
            delta: what to add, which may be negative; its magnitude is below 2**256.
            minimum: the least that the sum may be.
            maximum: the most that the sum may be, up to 2**256 - 1, which is the default.

        Raises:
            BoundsError: the sum would leave the bounds, or the value is not a number; nothing is changed.
            TypeError: the delta or a bound is not an int; a bool or a float is not one.
            LimitError: a magnitude is 2**256 or more, or the bounds are not within 0..2**256 - 1.
        """

    def emit(self, data: bytes) -> None:
        """Put an event into the receipt.

        Arguments:
            data: up to 64 KiB.

        Raises:
            TypeError: the event is not bytes.
            LimitError: the event is longer than 64 KiB.
        """

    def charge(self, gas: int) -> None:
        """Use up gas.

        Arguments:
            gas: how much, from 0 to 2**64 - 1.

        Raises:
            OutOfGas: the limit is passed; all gas is used up.
            TypeError: the gas is not an int; a bool or a float is not one.
            LimitError: it is negative, or 2**64 or more.
        """

    def poll(self) -> None:
        """End the program here if its work is in vain already; for long work between other verbs.

        Where something that the program has read has become stale, it is not carried on to its end.
        """

    def revert(self, reason: str = "") -> NoReturn:
        """End the program and take back what it wrote; the receipt's status is ``reverted``.

        Arguments:
            reason: what the receipt says.

        Raises:
            Revert: always; a program that calls this one may catch it.
        """

    @overload
    def call(self, program: PythonProgram[..., Returned], *arguments: object) -> Returned: ...
    @overload
    def call(self, program: NativeProgram, *arguments: object) -> None: ...
    @overload
    def call(self, program: Program, *arguments: object) -> object:
        """Run another program within this transaction: it succeeds whole, or leaves nothing but its reads and gas.

        Arguments:
            program: the program, Python or native.
            arguments: its arguments after the context, by position.

        Returns:
            what a Python program returns; None for a native one.

        Raises:
            what the program raises, after its writes and events are taken back: a native one that reverts raises
            Revert, one that fails ProgramException.
            LimitError: calls are nested deeper than 64.
        """
