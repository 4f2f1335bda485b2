"""Accounts over a context against py-evm's own account database, on random histories."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("eth", reason="py-evm is not installed: pip install -e '.[ethereum]'")

from eth.db.account import AccountDB
from eth.db.atomic import AtomicDB
from eth_hash.auto import keccak

from blockstm.ethereum.py_evm.accounts import ContextAccounts
from blockstm.ethereum.py_evm.mappingcontext import MappingContext
from blockstm.ethereum.rules.keys import balance_key, code_key, existence_key, nonce_key, storage_key

ADDRESSES = [bytes([number]) * 20 for number in range(1, 4)]
SLOTS = (0, 2**256 - 1)

addresses = st.sampled_from(ADDRESSES)
slots = st.sampled_from(SLOTS)
steps = st.one_of(
    st.tuples(st.just("set_storage"), addresses, slots, st.integers(0, 2)),
    st.tuples(st.just("delete_storage"), addresses),
    st.tuples(st.just("credit"), addresses, st.integers(0, 2)),
    st.tuples(st.just("set_balance"), addresses, st.integers(0, 2)),
    st.tuples(st.just("set_nonce"), addresses, st.integers(0, 2)),
    st.tuples(st.just("increment_nonce"), addresses),
    st.tuples(st.just("set_code"), addresses, st.sampled_from([b"", b"\x01", b"\x02" * 40])),
    st.tuples(st.just("delete_code"), addresses),
    st.tuples(st.just("touch_account"), addresses),
    st.tuples(st.just("delete_account"), addresses),
    st.tuples(st.just("mark_address_warm"), addresses),
    st.tuples(st.just("mark_storage_warm"), addresses, slots),
    st.tuples(st.just("record")),
    st.tuples(st.just("discard"), st.integers(0, 3)),
    st.tuples(st.just("commit"), st.integers(0, 3)),
    st.tuples(st.just("look"), addresses, slots),
)
transactions = st.lists(st.lists(steps, max_size=25), min_size=1, max_size=4)


class Pair:
    """Both databases, led through the same history."""

    def __init__(self) -> None:
        self.reference = AccountDB(AtomicDB())
        self.state: dict[bytes, bytes] = {}

    def run(self, history: list[tuple]) -> None:
        """Lead both through one transaction, and clear what EIP-161 clears."""
        self.reference.lock_changes()
        self.reference._reset_access_counters()
        self.ours = ContextAccounts(MappingContext(self.state))
        self.checkpoints: list[tuple] = []
        self.deleted: set[bytes] = set()
        for name, *arguments in history:
            getattr(self, name, self._both(name))(*arguments)
        for address in ADDRESSES:
            if self.reference.account_exists(address) and self.reference.account_is_empty(address):
                assert self.ours.account_exists(address) and self.ours.account_is_empty(address)
                self.reference.delete_account(address)
                self.ours.delete_account(address)
        self.ours.flush()

    def _both(self, name: str):
        def call(*arguments: object) -> None:
            if name == "set_storage" and not self.reference.get_code(arguments[0]):
                return  # only code writes to a storage
            if name in ("delete_storage", "delete_account"):
                if arguments[0] in self.deleted:
                    return  # the reference cannot take back two at once
                self.deleted.add(arguments[0])
            takes_code = name == "delete_code" or (name == "set_code" and not arguments[1])
            if takes_code and any(self.reference.get_storage(arguments[0], slot) for slot in SLOTS):
                return  # whose storage could be wiped has code
            getattr(self.reference, name)(*arguments)
            getattr(self.ours, name)(*arguments)

        return call

    def credit(self, address: bytes, amount: int) -> None:
        self.reference.set_balance(address, self.reference.get_balance(address) + amount)
        self.ours.delta_balance(address, amount)

    def record(self) -> None:
        self.checkpoints.append((self.reference.record(), self.ours.record()))

    def discard(self, depth: int) -> None:
        if depth < len(self.checkpoints):
            theirs, ours = self.checkpoints[depth]
            del self.checkpoints[depth:]
            self.reference.discard(theirs)
            self.ours.discard(ours)

    def commit(self, depth: int) -> None:
        if depth < len(self.checkpoints):
            theirs, ours = self.checkpoints[depth]
            del self.checkpoints[depth:]
            self.reference.commit(theirs)
            self.ours.commit(ours)

    def look(self, address: bytes, slot: int) -> None:
        for name, *arguments in (
            ("account_exists", address),
            ("account_is_empty", address),
            ("account_has_code_or_nonce", address),
            ("get_balance", address),
            ("get_nonce", address),
            ("get_code", address),
            ("get_code_hash", address),
            ("get_storage", address, slot),
            ("is_address_warm", address),
            ("is_storage_warm", address, slot),
        ):
            assert getattr(self.ours, name)(*arguments) == getattr(self.reference, name)(*arguments), name


@settings(max_examples=200, deadline=None)
@given(transactions)
def test_a_history_reads_as_in_the_database_of_py_evm(histories: list[list[tuple]]) -> None:
    pair = Pair()
    for history in histories:
        pair.run(history)
        pair.reference._reset_access_counters()
        pair.ours = ContextAccounts(MappingContext(pair.state))
        for address in ADDRESSES:
            for slot in SLOTS:
                pair.look(address, slot)


@given(st.integers(1, 2**64), st.integers(0, 2**64))
def test_credits_do_not_read_the_balance(first: int, second: int) -> None:
    class Watched(MappingContext):
        def read(self, key: bytes, /) -> bytes | None:
            assert key[:1] != b"b"
            return super().read(key)

    address = ADDRESSES[0]
    state = {balance_key(address): b"\x07", existence_key(address): b"\x01"}
    accounts = ContextAccounts(Watched(state))
    accounts.delta_balance(address, first)
    accounts.delta_balance(address, second)
    assert not accounts.account_is_empty(address)
    context = Watched(state)
    added: list[tuple[bytes, int]] = []
    context.add = lambda key, delta: added.append((key, delta))  # type: ignore[method-assign]
    accounts._context = context
    accounts.flush()
    assert added == [(balance_key(address), first + second)]


def test_nothing_is_written_that_ends_as_it_began() -> None:
    address = ADDRESSES[0]
    state = {
        balance_key(address): b"\x07",
        nonce_key(address): b"\x01",
        code_key(address): keccak(b"code") + b"code",
        storage_key(address, 5): b"\x09",
        existence_key(address): b"\x01",
    }
    before = dict(state)
    accounts = ContextAccounts(MappingContext(state))
    accounts.set_balance(address, 3)
    accounts.set_balance(address, 7)
    accounts.set_nonce(address, 9)
    accounts.set_nonce(address, 1)
    accounts.set_storage(address, 5, 1)
    accounts.set_storage(address, 5, 9)
    mark = accounts.record()
    accounts.delete_account(address)
    accounts.discard(mark)
    written: list[bytes] = []
    accounts._context.write = lambda key, value: written.append(key)  # type: ignore[method-assign]
    accounts._context.delete = lambda key: written.append(key)  # type: ignore[method-assign]
    accounts.flush()
    assert written == [] and state == before
