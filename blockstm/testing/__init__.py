"""For users' own programs: check that they are deterministic, and make blocks of them (docs/how-to/testing.md).

- `sites`: places in source code: which line called, which except clause is around it.
- `tape`, `recording`: what a transaction asked of its context and was told; a sequential run that records it.
- `reach`: the variables outside of its context that a program can reach.
- `world`, `outside`: the clock, random numbers and the process number, pinned; calls that bring something in.
- `faults`: what can be wrong with a program, in words, and the fix of each.
- `fork_server`, `fork_tasks`: processes that have executed nothing yet, and what is done in them.
- `diagnosis`: the cause, where an execution parted from its tape though its reads were the same.
- `probes`: executions again, in worlds that differ in one thing at a time.
- `checker`: the check: probes, then exploration.
- `strategies`: Hypothesis strategies for blocks.
- `plugin`: the pytest plugin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from blockstm.errors import UsageError, install_extra

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from blockstm.blocks.block import Block
    from blockstm.programs.program import Program
    from blockstm.testing.checker import Checked, Checker, check

__all__ = ["Checked", "Checker", "blocks", "check"]


def __getattr__(name: str) -> Any:
    """Import what checks when it is asked for: the plugin in this package is imported by every pytest."""
    if name not in ("Checked", "Checker", "check"):
        raise AttributeError(f"module 'blockstm.testing' has no attribute {name!r}")
    from blockstm.testing import checker

    return getattr(checker, name)


def blocks(
    programs: Iterable[Program] | Mapping[Program, Mapping[str, SearchStrategy[Any]]],
    *,
    state: Mapping[bytes, bytes | SearchStrategy[bytes]]
    | SearchStrategy[Mapping[bytes, bytes]]
    | None = None,
    keys: Sequence[bytes] | None = None,
    min_transactions: int = 1,
    max_transactions: int = 8,
    gas_limit: SearchStrategy[int | None] | None = None,
) -> SearchStrategy[Block]:
    """Return a Hypothesis strategy for blocks of transactions that run these programs.

    It shrinks towards few transactions, the first program, the first keys and small values.

    Arguments:
        programs: the programs; or for each of them strategies for its arguments, by name. An argument without one
            gets what follows from its type hint: bytes are keys, int are 0 to 100, and so on.
        state: the state before the first transaction: a strategy for it, or strategies or values by key. Without it
            the keys in arguments hold numbers from 0 to 100, big-endian, or nothing.
        keys: the keys that arguments and state are made of; without it b"a" to b"d". Few keys conflict more.
        min_transactions, max_transactions: how many transactions.
        gas_limit: a strategy for the transactions' gas limits; without it they have none.

    Raises:
        UsageError: hypothesis is not installed, or no strategy follows for an argument.
    """
    try:
        from hypothesis import strategies as st
    except ImportError as error:
        raise UsageError(
            f"blocks() needs hypothesis, which is not installed; {install_extra('testing')}"
        ) from error
    from blockstm.testing import strategies

    return strategies.blocks(
        programs,
        state=state,
        keys=strategies.KEYS if keys is None else keys,
        min_transactions=min_transactions,
        max_transactions=max_transactions,
        gas_limit=st.none() if gas_limit is None else gas_limit,
    )
