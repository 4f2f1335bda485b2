"""Programs: what transactions run.

A `PythonProgram` is made by the decorator `program`; a `NativeProgram` names compiled code and the kinds of
its parameters. Both are known by name, so that a block file can name them: making a program registers it,
and `lookup` finds it.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import itertools
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Final,
    Generic,
    NamedTuple,
    ParamSpec,
    Self,
    TypeVar,
    overload,
)

from blockstm.errors import ProgramError, UnknownProgramError, install_extra, one_line, shown
from blockstm.limits import KEY_BYTES_MAX, LEADING_KEYS_MAX, PROGRAM_NAME_BYTES_MAX
from blockstm.programs.arguments import decode_arguments, encode_arguments
from blockstm.programs.parameters import REQUIRED, Kind, Parameter
from blockstm.programs.shared_library import split_entry
from blockstm.programs.transaction import Transaction

if TYPE_CHECKING:
    from blockstm.native._core import Context

__all__ = [
    "NativeCode",
    "NativeProgram",
    "Program",
    "PythonProgram",
    "look_for_main_in",
    "lookup",
    "program",
]

P = ParamSpec("P")
Returned_co = TypeVar("Returned_co", covariant=True)

_ENTRY_FORMS: Final = "package.module:attribute or path/to/library.so:symbol"
_WORDS: Final = {"key": 1, "u64": 1, "u256": 4}
"""How many words of 8 bytes an argument takes in the core, where that is always the same."""
_BY_POSITION: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)

_registry: dict[str, Program] = {}

_SHIPPED: Final = {
    "blockstm.ethereum.program.": ("blockstm.ethereum.program", "ethereum"),
    "blockstm.workloads.": ("blockstm.workloads.programs", None),
}
"""Programs of this package that are not always imported, by what their names begin with: their module, imported
when one is first named, and the extra that it needs."""


_MAIN: Final = "__main__."
_main_modules: Final[list[str]] = []
"""The modules in which programs of a main program are looked up."""

_NATIVE: Final = "blockstm.native."
"""How the entries of the native programs of this package begin; no other program may take their names."""


class NativeCode(NamedTuple):
    """What workers need of a native program.

    Arguments:
        entry: `path/to/library.so:symbol`, or `package.module:attribute` of the capsule that holds the code.
        kinds: the kinds of its parameters, in order.
        leading_words: where its leading keys stand in its arguments, in words of 8 bytes.
        calls: the programs that it may call.
    """

    entry: str
    kinds: tuple[Kind, ...]
    leading_words: tuple[int, ...]
    calls: tuple[NativeCode, ...]

    @classmethod
    def of(cls, parts: Sequence[Any]) -> Self:
        """Return what has become a list of lists on its way to another process."""
        entry, kinds, leading_words, calls = parts
        return cls(entry, tuple(kinds), tuple(leading_words), tuple(map(cls.of, calls)))


class Program(ABC):
    """What a transaction can run, known by its name. It does not change, so a copy of it is itself."""

    __slots__ = ()

    name: str

    @property
    @abstractmethod
    def code(self) -> Callable[..., object] | NativeCode:
        """What workers run: a function, or what they need to find compiled code and to read its arguments."""

    def __copy__(self) -> Self:
        """Return the program itself."""
        return self

    def __deepcopy__(self, copied: dict[int, object]) -> Self:
        """Return the program itself."""
        return self

    @abstractmethod
    def defaults(self) -> Mapping[str, object]:
        """Return the defaults of its parameters by name, in order; REQUIRED where there is none.

        What takes any number of arguments is not among them.
        """

    @abstractmethod
    def bind(self, arguments: tuple[object, ...], named: dict[str, object]) -> tuple[object, ...]:
        """Return all arguments by position.

        Raises:
            ProgramError: they do not fit the program's parameters.
        """

    @abstractmethod
    def checked(self, arguments: tuple[object, ...]) -> tuple[tuple[object, ...], bytes | None]:
        """Return the arguments as the program will get them, and encoded (None for a native program).

        Raises:
            ProgramError: they do not fit the program's parameters.
            LimitError: a key, a number or a count is over its limit.
        """

    def txn(self, *arguments: object, gas_limit: int | None = None, **named: object) -> Transaction:
        """Return a transaction that runs this program with these arguments.

        Arguments:
            arguments: the arguments after the context, by position.
            gas_limit: the most gas that it may be charged; None for no limit.
            named: further arguments by name.

        Raises:
            ProgramError: the arguments do not fit the program.
            LimitError: a key, a number or a count is over its limit.
        """
        return Transaction(self, self.bind(arguments, named) if named else arguments, gas_limit)


class PythonProgram(Program, Generic[P, Returned_co]):
    """A Python function `f(ctx, ...)` as a program. Calling it calls the function.

    It has the types of the function: ``PythonProgram[P, R]`` has the parameters ``P`` after the context, and
    returns an ``R``. So type checkers check the arguments of `txn`.

    Arguments:
        function: takes the context first; all its parameters can be given by position.

    Raises:
        ProgramError: the function cannot serve as a program.
    """

    def __init__(self, function: Callable[Concatenate[Context, P], Returned_co]) -> None:
        """Check the function and register the program."""
        self.name = _function_name(function)
        self.function = function
        functools.update_wrapper(self, function, updated=())
        self._signature = _signature_after_context(function, self.name)
        parameters = self._signature.parameters.values()
        self._accepted_min = sum(p.default is p.empty and p.kind != p.VAR_POSITIONAL for p in parameters)
        open_ended = any(p.kind == p.VAR_POSITIONAL for p in parameters)
        self._accepted_max = None if open_ended else len(parameters)
        _register(self)

    def __call__(self, context: Context, /, *arguments: P.args, **named: P.kwargs) -> Returned_co:
        """Call the function."""
        return self.function(context, *arguments, **named)

    if TYPE_CHECKING:
        # No signature has both the function's parameters and one more keyword. So where a gas limit is given here,
        # type checkers do not look at the other arguments; they do where `Transaction.replace` gives it.
        @overload  # type: ignore[override]
        def txn(self, *arguments: P.args, **named: P.kwargs) -> Transaction: ...
        @overload
        def txn(self, *arguments: Any, gas_limit: int | None, **named: Any) -> Transaction: ...
        def txn(self, *arguments: Any, **named: Any) -> Transaction:
            """Return a transaction that runs this program with these arguments; see `Program.txn`."""
            raise NotImplementedError

    @property
    def code(self) -> Callable[..., object]:
        """The function; see `Program.code`."""
        return self.function

    def __repr__(self) -> str:
        """Name the program."""
        return f"<program {self.name}>"

    def __eq__(self, other: object) -> bool:
        """Two programs are equal when they are the same function."""
        return isinstance(other, PythonProgram) and other.function is self.function

    def __hash__(self) -> int:
        """Hash by name."""
        return hash(self.name)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        """Pickle as its name where a module gives it back, else as its function; see also `processes.pickling`."""
        place = self.function.__module__, self.function.__qualname__
        return (_imported, place) if _found_in_module(*place) is self else (PythonProgram, (self.function,))

    def defaults(self) -> dict[str, object]:
        """Return the defaults of its parameters; see `Program.defaults`."""
        return {
            name: REQUIRED if parameter.default is parameter.empty else parameter.default
            for name, parameter in self._signature.parameters.items()
            if parameter.kind != parameter.VAR_POSITIONAL
        }

    def bind(self, arguments: tuple[object, ...], named: dict[str, object]) -> tuple[object, ...]:
        """Return all arguments by position; see `Program.bind`."""
        try:
            bound = self._signature.bind(*arguments, **named)
        except TypeError as error:
            problem, takes = one_line(str(error)), one_line(str(self._signature))
            raise ProgramError(f"program {shown(self.name)}: {problem}; it takes {takes}") from error
        if bound.kwargs:  # an argument given by name comes after one left to its default
            bound.apply_defaults()
        return bound.args

    def checked(self, arguments: tuple[object, ...]) -> tuple[tuple[object, ...], bytes | None]:
        """Return the arguments as they come out of their encoding, and encoded; see `Program.checked`."""
        self.check_count(arguments)
        try:
            encoded = encode_arguments(arguments)
        except ProgramError as error:
            raise ProgramError(f"program {shown(self.name)}: {error}") from error
        return tuple(decode_arguments(encoded)), encoded

    def check_count(self, arguments: Sequence[object]) -> None:
        """Check that the program takes that many arguments.

        Raises:
            ProgramError: it does not.
        """
        count = len(arguments)
        if count < self._accepted_min or (self._accepted_max is not None and count > self._accepted_max):
            self.bind(tuple(arguments), {})


def _found_in_module(module: str, qualified: str) -> object:
    """Return what an imported module calls by a name; None where there is nothing of that name."""
    found: object = sys.modules.get(module)
    for name in qualified.split("."):
        found = getattr(found, name, None)
    return found


def _imported(module: str, qualified: str) -> object:
    """Return the program that a module defines; see `PythonProgram.__reduce__`.

    Raises:
        UnknownProgramError: it defines none of that name.
    """
    importlib.import_module(module)
    found = _found_in_module(module, qualified)
    if not isinstance(found, PythonProgram):
        raise UnknownProgramError(
            f"module {shown(module)} defines no program {shown(qualified)}, which a pickle names; "
            "use the module as it was when the pickle was made"
        )
    return found


def _function_name(function: Callable[..., object]) -> str:
    module = getattr(function, "__module__", None)
    qualified = getattr(function, "__qualname__", None)
    if not callable(function) or isinstance(function, type) or not module or not qualified:
        raise ProgramError(f"{shown(function)} cannot be a program; decorate a function: def f(ctx, ...)")
    if module == "__mp_main__":  # what multiprocessing calls the main module in the processes that it spawns
        module = "__main__"
    name = f"{module}.{qualified}"
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise ProgramError(f"program {shown(name)} is async or a generator; make it a plain function")
    return name


def _signature_after_context(function: Callable[..., object], name: str) -> inspect.Signature:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise ProgramError(
            f"program {shown(name)}: its parameters are not known; write it in Python"
        ) from error
    parameters = list(signature.parameters.values())
    if not parameters or parameters[0].kind not in _BY_POSITION:
        raise ProgramError(f"program {shown(name)} takes no context; write it as def f(ctx, ...)")
    rest = parameters[1:]
    for parameter in rest:
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD):
            raise ProgramError(
                f"program {shown(name)}: parameter {parameter.name} cannot be given by position; "
                "arguments are kept by position: write it before any *"
            )
    return signature.replace(parameters=rest)


def program(function: Callable[Concatenate[Context, P], Returned_co]) -> PythonProgram[P, Returned_co]:
    """Make a function `f(ctx, ...)` a program, and register it as `module.qualname`; a decorator.

    Arguments:
        function: takes the context first; all its parameters can be given by position.

    Raises:
        ProgramError: the function cannot serve as a program.
    """
    return PythonProgram(function)


@dataclass(frozen=True, slots=True)
class NativeProgram(Program):
    """A program in compiled code.

    Arguments:
        name: how blocks name it.
        parameters: its parameters, in the order in which the code gets them.
        entry: where the code is: `path/to/library.so:symbol` of a shared library that is compiled against
            blockstm.h, or `package.module:attribute` of a capsule that is compiled against the core.
            A path is made absolute.
        leading_keys: names of `key` parameters that a transaction most likely writes, at most LEADING_KEYS_MAX.
            Where it has to wait before it has got to them, those after it that read them wait for it; and they are
            fetched into the cache ahead. None of kind `keys`, `adds` or `bytes` stands before them. None: the keys
            that the parameters begin with.
        calls: native programs that a program in a shared library may call, which knows them by their numbers here.
        scans: prefixes of the keys that it scans. Those are put in order while a block is loaded, and not by the
            first transactions that scan them; what a program scans need not be named.

    Raises:
        ProgramError: the definition is not sound, or the name is that of a built-in program.
    """

    name: str
    parameters: tuple[Parameter, ...]
    entry: str = ""
    leading_keys: tuple[str, ...] | None = field(default=None, kw_only=True)
    calls: tuple[NativeProgram, ...] = field(default=(), kw_only=True)
    scans: tuple[bytes, ...] = field(default=(), kw_only=True)
    _checks: tuple[tuple[Callable[[object, str], object], str], ...] = field(
        init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        """Check the definition and register the program."""
        object.__setattr__(self, "parameters", tuple(self.parameters))
        names = [parameter.name for parameter in self.parameters]
        if len(set(names)) != len(names):
            raise ProgramError(f"program {shown(self.name)} has two parameters of one name; rename one")
        if not self.entry:
            raise ProgramError(
                f"program {shown(self.name)} has no entry; say where its code is: {_ENTRY_FORMS}"
            )
        if not all(self.entry.rpartition(":")):
            raise ProgramError(f"program {shown(self.name)}: entry {shown(self.entry)} is not {_ENTRY_FORMS}")
        if self.library is not None:
            object.__setattr__(self, "entry", ":".join(self.library))
        object.__setattr__(self, "calls", self._checked_calls())
        object.__setattr__(self, "scans", self._checked_scans())
        checks = tuple((parameter.check, parameter.name) for parameter in self.parameters)
        object.__setattr__(self, "_checks", checks)
        object.__setattr__(self, "leading_keys", self._checked_leading_keys())
        _register(self)

    @property
    def library(self) -> tuple[str, str] | None:
        """The absolute path of the shared library that holds the code, and the symbol there; None for a capsule."""
        return split_entry(self.entry)

    def _checked_calls(self) -> tuple[NativeProgram, ...]:
        calls = tuple(self.calls)
        for callee in calls:
            if not isinstance(callee, NativeProgram):
                raise ProgramError(
                    f"program {shown(self.name)}: {shown(callee)} is not a native program; it can call no other"
                )
        if calls and self.library is None:
            raise ProgramError(
                f"program {shown(self.name)} names calls, which only one in a shared library does; "
                "what is compiled against the core calls others as functions"
            )
        return calls

    def _checked_scans(self) -> tuple[bytes, ...]:
        prefixes = tuple(self.scans)
        for prefix in prefixes:
            if type(prefix) is not bytes or len(prefix) > KEY_BYTES_MAX:
                raise ProgramError(
                    f"program {shown(self.name)}: {shown(prefix)} is no prefix of keys that it scans; "
                    f"give bytes, at most {KEY_BYTES_MAX}"
                )
        return prefixes

    def all_scans(self) -> frozenset[bytes]:
        """Return the prefixes of the keys that it scans, or that one which it calls does."""
        return frozenset(self.scans).union(*(callee.all_scans() for callee in self.calls))

    def _checked_leading_keys(self) -> tuple[str, ...]:
        if self.leading_keys is None:
            keys = itertools.takewhile(lambda parameter: parameter.kind == "key", self.parameters)
            return tuple(key.name for key in itertools.islice(keys, LEADING_KEYS_MAX))
        names = tuple(self.leading_keys)
        allowed = self._words_of_keys()
        for name in names:
            if name not in allowed:
                raise ProgramError(
                    f"program {shown(self.name)}: leading key {shown(name)} is not a parameter of kind key that "
                    "stands before all of kind keys, adds and bytes; put one of that name there"
                )
        if len(set(names)) != len(names) or len(names) > LEADING_KEYS_MAX:
            raise ProgramError(
                f"program {shown(self.name)} has {len(names)} leading keys; "
                f"name at most {LEADING_KEYS_MAX}, each once"
            )
        return names

    def __hash__(self) -> int:
        """Hash by name."""
        return hash(self.name)

    @property
    def code(self) -> NativeCode:
        """Where the code is, and what its parameters are; see `Program.code`."""
        words = self._words_of_keys()
        return NativeCode(
            self.entry,
            tuple([parameter.kind for parameter in self.parameters]),
            tuple([words[name] for name in self.leading_keys or ()]),
            tuple([program.code for program in self.calls]),
        )

    def _words_of_keys(self) -> dict[str, int]:
        """Return where keys stand in the arguments, in words of 8 bytes, as far as that is the same in all."""
        words, word = {}, 0
        for parameter in self.parameters:
            if parameter.kind not in _WORDS:
                break
            if parameter.kind == "key":
                words[parameter.name] = word
            word += _WORDS[parameter.kind]
        return words

    def defaults(self) -> dict[str, object]:
        """Return the defaults of its parameters; see `Program.defaults`."""
        return {parameter.name: parameter.default for parameter in self.parameters}

    def bind(self, arguments: tuple[object, ...], named: dict[str, object]) -> tuple[object, ...]:
        """Return all arguments by position; see `Program.bind`."""
        parameters = self.parameters
        if len(arguments) > len(parameters):
            raise ProgramError(f"{self._takes()}; {len(arguments)} arguments were given")
        bound = list(arguments)
        for parameter in parameters[len(arguments) :]:
            value = named.pop(parameter.name, parameter.default)
            if value is REQUIRED:
                raise ProgramError(f"{self._takes()}; {parameter.name} is missing")
            bound.append(value)
        if named:
            raise ProgramError(f"{self._takes()}; {shown(next(iter(named)))} is unknown or given twice")
        return tuple(bound)

    def checked(self, arguments: tuple[object, ...]) -> tuple[tuple[object, ...], None]:
        """Return the arguments in their canonical form, all of them; see `Program.checked`."""
        if len(arguments) != len(self.parameters):
            arguments = self.bind(arguments, {})
        pairs = zip(self._checks, arguments, strict=True)
        return tuple([check(value, name) for (check, name), value in pairs]), None

    def _takes(self) -> str:
        return f"program {shown(self.name)} takes ({', '.join(map(str, self.parameters))})"


def _register(new: Program) -> None:
    if not isinstance(new.name, str) or not 0 < len(new.name.encode()) <= PROGRAM_NAME_BYTES_MAX:
        raise ProgramError(
            f"program name {shown(new.name)} is not a text of 1 to {PROGRAM_NAME_BYTES_MAX} bytes; rename it"
        )
    old = _registry.get(new.name)
    if isinstance(old, NativeProgram) and old.entry.startswith(_NATIVE) and old != new:
        raise ProgramError(f"program {shown(new.name)} is built in; choose another name")
    _registry[new.name] = new


def look_for_main_in(module: str) -> None:
    """Look up programs that a script defined while it ran as the main program in the module that it is otherwise.

    A block that such a script saves names them `__main__.NAME`.

    Arguments:
        module: the dotted name of an imported module.
    """
    if module not in _main_modules:
        _main_modules.append(module)


def lookup(name: str) -> Program:
    """Return the program of that name that was defined last.

    Raises:
        UnknownProgramError: no module imported so far defines it, or it comes with an extra that is not installed.
    """
    if name not in _registry:
        _import_shipped(name)
    found = _registry.get(name)
    if found is None and name.startswith(_MAIN):
        return _of_main(name)
    if found is None:
        raise UnknownProgramError(
            f"program {shown(name)} is not known; import the module that defines it "
            "(on the command line: --programs MODULE)"
        )
    return found


def _of_main(name: str) -> Program:
    """Return the program that a script defined as `__main__.NAME`, from the modules that were named for it."""
    names = [f"{module}.{name.removeprefix(_MAIN)}" for module in _main_modules]
    found = [_registry[other] for other in names if other in _registry]
    if len(found) == 1:
        return found[0]
    if found:
        raise UnknownProgramError(
            f"program {shown(name)} may be any of {', '.join(program.name for program in found)}; "
            "name only the module that was the main program when the block was saved"
        )
    raise UnknownProgramError(
        f"program {shown(name)} was saved by a script that defined it while it ran as the main program; "
        "import the script as a module (on the command line: --programs MODULE)"
    )


def _import_shipped(name: str) -> None:
    """Import the module of this package that defines a program, where there is one."""
    for start, (module, extra) in _SHIPPED.items():
        if name.startswith(start):
            try:
                importlib.import_module(module)
            except ImportError as error:
                if extra is None:
                    raise
                raise UnknownProgramError(
                    f"program {shown(name)} needs {error.name}, which is not installed; "
                    f"{install_extra(extra)}"
                ) from error
