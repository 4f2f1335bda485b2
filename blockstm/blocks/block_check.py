"""The checks of what a block is made of, where that are objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import attrgetter

from blockstm.blocks.access_list import BlockAccessList, check_indexes
from blockstm.errors import LimitError, UsageError, shown, type_shown
from blockstm.limits import KEY_BYTES_MAX, KEYS_MAX, TRANSACTIONS_MAX, VALUE_BYTES_MAX
from blockstm.programs.parameters import check_key
from blockstm.programs.program import Program
from blockstm.programs.transaction import Transaction

__all__ = ["check_access_list", "checked_programs", "checked_state"]


def checked_state(state: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Return a copy of a state.

    Raises:
        UsageError: a key or a value is not bytes.
        LimitError: one is too long, or there are too many.
    """
    if len(state) > KEYS_MAX:
        raise LimitError(
            f"the state has {len(state)} keys; the limit is {KEYS_MAX}: leave out what is not used"
        )
    copy = dict(state)
    # As a rule all is well, which built-ins find out that loop in C.
    types = {*map(type, copy), *map(type, copy.values())}
    if types <= {bytes} and _longest(copy) <= KEY_BYTES_MAX and _longest(copy.values()) <= VALUE_BYTES_MAX:
        return copy
    for key, value in copy.items():
        if type(key) is not bytes:
            raise UsageError(f"state key is {shown(key)}, {type_shown(key)}; a key is bytes")
        check_key(key, "state key")
        if type(value) is not bytes:
            raise UsageError(f"the value of state key {shown(key)} is {type_shown(value)}; give bytes")
        if len(value) > VALUE_BYTES_MAX:
            raise LimitError(
                f"the value of state key {shown(key)} is {len(value)} bytes long; "
                f"the limit is {VALUE_BYTES_MAX}: split it over several keys"
            )
    return copy


def check_access_list(access_list: BlockAccessList | None, transactions: int) -> None:
    """Check that an access list names only places of a block of so many transactions.

    Raises:
        UsageError: it does not, or is none.
    """
    if access_list is None:
        return
    if not isinstance(access_list, BlockAccessList):
        raise UsageError(f"access_list is {shown(access_list)}; give a BlockAccessList or None")
    check_indexes(access_list, transactions)


def checked_programs(transactions: tuple[Transaction, ...]) -> tuple[Program, ...]:
    """Check transactions, and return their programs.

    Raises:
        UsageError: one is none, or two different programs have the same name.
        LimitError: there are too many.
    """
    if len(transactions) > TRANSACTIONS_MAX:
        raise LimitError(
            f"the block has {len(transactions)} transactions; the limit is {TRANSACTIONS_MAX}: split it"
        )
    if {*map(type, transactions)} <= {Transaction}:
        different = {id(each): each for each in map(attrgetter("_program"), transactions)}
        by_name = {each.name: each for each in different.values()}
        if len(by_name) == len(different):
            return tuple(by_name.values())
    programs: dict[str, Program] = {}
    for txn_idx, transaction in enumerate(transactions):
        if type(transaction) is not Transaction:
            raise UsageError(
                f"transaction {txn_idx} is {shown(transaction)}, {type_shown(transaction)}; "
                "make it with program.txn(...)"
            )
        program = transaction.program
        known = programs.setdefault(program.name, program)
        if known is not program and known != program:
            raise UsageError(
                f"transaction {txn_idx}: two different programs are named {shown(program.name)}; rename one"
            )
    return tuple(programs.values())


def _longest(strings: Iterable[bytes]) -> int:
    return max(map(len, strings), default=0)
