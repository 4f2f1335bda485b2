"""What programs can see besides their reads, pinned: the clock, random numbers, the number of the process.

While a program runs in a pinned world, every clock starts at the same moment and moves on by a millisecond a call,
random numbers follow from a seed, and so on. Two executions of a program in equal worlds differ only by what it
keeps in memory, or where that lies; two in worlds that differ in one thing differ by that thing.
"""

from __future__ import annotations

import builtins
import datetime
import os
import random
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from types import BuiltinMethodType, MethodType
from typing import Any, Final

from blockstm.testing.sites import Site, caller

__all__ = ["PINNED", "VARIANTS", "Settings", "World"]

START_NS: Final = 1_767_271_496_789_012_345
"""What all clocks say at the start of an execution, always the same: a moment in January 2026."""
TICK_NS: Final = 1_000_000
CLOCKS: Final = ("time", "monotonic", "perf_counter", "process_time", "thread_time")
CALENDARS: Final = (("localtime", 1), ("gmtime", 1), ("ctime", 1), ("asctime", 1), ("strftime", 2))
"""Functions of `time` that tell of the present where they are given fewer arguments than that."""
YEAR_NS: Final = 31_557_600_000_000_000


@dataclass(frozen=True, slots=True)
class Settings:
    """One world.

    Arguments:
        clock_ns: how far all clocks are ahead.
        seed: where random numbers start.
        process: how far process numbers are off.
        environment: what every environment variable ends with, those that are not there included.
    """

    clock_ns: int = 0
    seed: int = 0
    process: int = 0
    environment: str = ""


PINNED: Final = Settings()
VARIANTS: Final[Mapping[str, tuple[Settings, ...]]] = {
    "clock": tuple(
        Settings(clock_ns=shift)
        for shift in (370_123_457, 4_210_987_654_321, 11 * YEAR_NS + 7_654_321_987, -7 * YEAR_NS)
    ),
    "randomness": tuple(Settings(seed=seed) for seed in range(1, 9)),
    "process": (Settings(process=1), Settings(process=12_345)),
    "environment": (Settings(environment="1"),),
}
"""For each kind of thing, the worlds that differ from the pinned one in that only."""


@dataclass
class World:
    """Puts what programs call in the place of the functions that tell of the world outside.

    Arguments:
        namespaces: the globals and other dictionaries in which programs look for names.
    """

    namespaces: list[dict[str, Any]]

    def __post_init__(self) -> None:
        """Find what is to be put where."""
        self.calls: dict[str, tuple[str, Site]] = {}
        """Of each kind of thing, the first call in the last execution: of what, and where."""
        self._settings = PINNED
        self._thread: int | None = None
        self._ticks = 0
        self._chance = random.Random()
        self._random_state: Any = None
        self._places: list[tuple[Any, str, Any, Any]] = []
        substitutes = {id(original): (original, new) for original, new in self._substitutes()}
        homes: list[Any] = [builtins, datetime, os, random, secrets, time, uuid]
        for space in [*(vars(home) for home in homes), *self.namespaces]:
            for name, value in list(space.items()):
                found = substitutes.get(id(value))
                if type(value) is type(os.environ):  # or a copy, where it was sent with a program
                    found = value, self._environment(value)
                if found is not None and found[0] is value:
                    self._places.append((space, name, value, found[1]))

    def install(self) -> None:
        """Put the substitutes in place; outside of an execution they do what the originals do."""
        for space, name, _, new in self._places:
            space[name] = new

    def remove(self) -> None:
        """Put the originals back, except where the program has put something else."""
        for space, name, original, new in self._places:
            if space.get(name) is new:
                space[name] = original

    @contextmanager
    def running(self, settings: Settings = PINNED) -> Iterator[None]:
        """Pin the world for one execution in this thread.

        Arguments:
            settings: how.
        """
        self.calls = {}
        self._settings = settings
        self._ticks = 0
        self._chance.seed(settings.seed)
        self._thread = threading.get_ident()
        try:
            yield
        finally:
            self._thread = None
            if self._random_state is not None:
                random._inst.setstate(self._random_state)
                self._random_state = None

    def _substitutes(self) -> Iterator[tuple[object, object]]:
        """Yield originals and what takes their place."""
        for name in CLOCKS:
            yield self._noted("clock", f"time.{name}", getattr(time, name), lambda: self._now_ns() / 1e9)
            yield self._noted("clock", f"time.{name}_ns", getattr(time, f"{name}_ns"), self._now_ns)
        yield self._noted("clock", "time.clock_gettime", time.clock_gettime, lambda _: self._now_ns() / 1e9)
        yield self._noted("clock", "time.clock_gettime_ns", time.clock_gettime_ns, lambda _: self._now_ns())
        for name, count in CALENDARS:
            yield self._calendar(name, count)
        yield datetime.datetime, self._datetime_class()
        yield datetime.date, self._date_class()
        for name, method in vars(random).items():
            if isinstance(method, MethodType | BuiltinMethodType) and method.__self__ is random._inst:
                yield self._global_random(name, method)
        yield random.Random, self._random_class()
        chance = self._chance
        yield self._noted("randomness", "os.urandom", os.urandom, chance.randbytes)
        yield self._noted(
            "randomness", "os.getrandom", os.getrandom, lambda size, _=0: chance.randbytes(size)
        )
        yield self._noted("randomness", "uuid.uuid1", uuid.uuid1, lambda *_: made_up_uuid(chance))
        for name in ("getpid", "getppid"):
            original = getattr(os, name)
            yield self._noted(
                "process", f"os.{name}", original, lambda of=original: of() + self._settings.process
            )
        yield self._noted("identity", "id", id, id)

    def _is_running(self) -> bool:
        return self._thread == _thread_ident()

    def _note(self, kind: str, name: str) -> None:
        self.calls.setdefault(kind, (name, caller()))

    def _noted(
        self, kind: str, name: str, original: Callable[..., Any], answer: Callable[..., Any]
    ) -> tuple[object, object]:
        """Return an original, and a function that notes its calls and answers in its place."""

        @wraps(original)
        def substitute(*arguments: Any, **named: Any) -> Any:
            if not self._is_running():
                return original(*arguments, **named)
            self._note(kind, f"{name}()")
            return answer(*arguments, **named)

        return original, substitute

    def _now_ns(self) -> int:
        self._ticks += 1
        return START_NS + self._settings.clock_ns + self._ticks * TICK_NS

    def _calendar(self, name: str, count: int) -> tuple[object, object]:
        """Return `time.localtime` and the like, which tell the present time where they are given none."""
        original = getattr(time, name)
        takes_seconds = name not in ("asctime", "strftime")
        localtime = time.localtime

        @wraps(original)
        def substitute(*arguments: Any) -> Any:
            given = [argument for argument in arguments if argument is not None]
            if len(given) >= count or not self._is_running():
                return original(*arguments)
            self._note("clock", f"time.{name}()")
            seconds = self._now_ns() / 1e9
            return original(*given, seconds if takes_seconds else localtime(seconds))

        return original, substitute

    def _environment(self, real: os._Environ[str]) -> object:
        """Return an `os.environ` of the same variables, which are others in another world."""
        world = self

        class Pinned(type(real)):  # type: ignore[misc]
            def __getitem__(self, name: str) -> str:
                if not world._is_running():
                    return real[name]
                world._note("environment", f"os.environ[{name!r}]")
                if not world._settings.environment:
                    return real[name]
                return real.get(name, "") + world._settings.environment

        pinned = Pinned.__new__(Pinned)
        pinned.__dict__.update(real.__dict__)
        return pinned

    def _datetime_class(self) -> type:
        world, real = self, datetime.datetime

        class Pinned(real, metaclass=_PassingFor):  # type: ignore[valid-type, misc]
            original = real

            @classmethod
            def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
                return world._moment("datetime.now", lambda: real.now(tz), tz)

            @classmethod
            def utcnow(cls) -> datetime.datetime:
                moment = world._moment("datetime.utcnow", lambda: real.now(datetime.UTC), datetime.UTC)
                return moment.replace(tzinfo=None)

            @classmethod
            def today(cls) -> datetime.datetime:
                return world._moment("datetime.today", real.today, None)

        return _named_like(Pinned, real)

    def _date_class(self) -> type:
        world, real, moment = self, datetime.date, datetime.datetime

        class Pinned(real, metaclass=_PassingFor):  # type: ignore[valid-type, misc]
            original = real

            @classmethod
            def today(cls) -> datetime.date:
                return world._moment("date.today", moment.now, None).date()

        return _named_like(Pinned, real)

    def _moment(
        self, name: str, real: Callable[[], datetime.datetime], zone: datetime.tzinfo | None
    ) -> datetime.datetime:
        if not self._is_running():
            return real()
        self._note("clock", f"{name}()")
        return _DATETIME.fromtimestamp(self._now_ns() / 1e9, zone)

    def _global_random(self, name: str, method: Callable[..., Any]) -> tuple[object, object]:
        """Return a function of the module `random`, and one that works on a pinned state."""

        def answer(*arguments: Any, **named: Any) -> Any:
            if self._random_state is None:
                self._random_state = random._inst.getstate()
                random._inst.seed(self._settings.seed)
            return method(*arguments, **named)

        return self._noted("randomness", f"random.{name}", method, answer)

    def _random_class(self) -> type:
        world, real = self, random.Random

        class Pinned(real, metaclass=_PassingFor):  # type: ignore[valid-type, misc]
            original = real

        def make(*arguments: Any) -> random.Random:
            if world._is_running() and (not arguments or arguments[0] is None):
                world._note("randomness", "random.Random() without a seed")
                return real(world._chance.getrandbits(64))
            return real(*arguments)

        Pinned.make = staticmethod(make)
        return _named_like(Pinned, real)


class _PassingFor(type):
    """Of classes that take the place of `original`: its instances are theirs, and they make its instances."""

    original: type
    make: Callable[..., Any] | None = None

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.original)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, cls.original)

    def __call__(cls, *arguments: Any, **named: Any) -> Any:
        return (cls.make or cls.original)(*arguments, **named)


def made_up_uuid(chance: random.Random) -> uuid.UUID:
    """Return a UUID of version 1 that tells of neither time nor place."""
    return uuid.UUID(int=chance.getrandbits(128), version=1)


def _named_like(new: type, old: type) -> type:
    new.__name__, new.__qualname__, new.__module__ = old.__name__, old.__qualname__, old.__module__
    return new


_DATETIME: Final = datetime.datetime
_thread_ident: Final = threading.get_ident
