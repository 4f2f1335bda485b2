"""Accounts as py-evm sees them, kept in the multi-version memory: one object serves one execution.

What a transaction changes is collected here, with a journal for the savepoints of its calls, and written through
the context when it has ended: only what has truly changed, so that a key that ends as it began is only read.

Credits of ether are collected without reading the balance, and become `ctx.add`: two credits of one account do not
conflict. A transaction that looks at the balance reads it, and so waits for all earlier credits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NoReturn, Protocol

from eth.abc import AccountDatabaseAPI, AtomicDatabaseAPI, MetaWitnessAPI
from eth.constants import BLANK_ROOT_HASH, EMPTY_SHA3
from eth.db.journal import get_next_checkpoint
from eth.typing import JournalDBCheckpoint
from eth_typing import Address, Hash32

from blockstm.ethereum.py_evm.codes import known_code
from blockstm.ethereum.rules.keys import (
    EXISTS,
    STORAGE_WITHOUT_CODE,
    balance_key,
    code_key,
    decode_number,
    encode_number,
    existence_key,
    incarnation_key,
    nonce_key,
    storage_key,
)
from blockstm.native._trees import keccak_256

__all__ = ["ContextAccounts", "StateContext"]

_NO_CODE: Final = (EMPTY_SHA3, b"")
_ONLY_STORAGE: Final = (EMPTY_SHA3, b"")
"""The same of an account that has a storage all the same; told from `_NO_CODE` by its identity."""
_EXISTS: Final = decode_number(EXISTS)
_ABSENT: Final = object()


class StateContext(Protocol):
    """The part of a program's context that accounts need."""

    def read(self, key: bytes, /) -> bytes | None:
        """Return the value of a key, None where it is absent."""

    def write(self, key: bytes, value: bytes, /) -> None:
        """Write a value."""

    def delete(self, key: bytes, /) -> None:
        """Delete a key."""

    def add(self, key: bytes, delta: int, /) -> None:
        """Add to the number at a key without reading it."""

    def poll(self) -> None:
        """End the execution if it is in vain already."""


class _Starts(dict[bytes, Any]):
    """What a kind of key held when the transaction began, by address; read when first asked for."""

    __slots__ = ("_decode", "_key", "_read")

    def __init__(self, context: StateContext, key: Any, decode: Any) -> None:
        self._read = context.read
        self._key = key
        self._decode = decode

    def __missing__(self, address: bytes) -> Any:
        value = self[address] = self._decode(self._read(self._key(address)))
        return value


def _decode_code(value: bytes | None) -> tuple[Hash32, bytes]:
    if value is None:
        return _NO_CODE
    return _ONLY_STORAGE if value == STORAGE_WITHOUT_CODE else known_code(value)


class ContextAccounts(AccountDatabaseAPI):
    """An account database over a program's context, for one execution of one transaction.

    Arguments:
        db: the context.
        state_root: unused; there is no trie.
    """

    def __init__(self, db: AtomicDatabaseAPI | StateContext, state_root: Hash32 = BLANK_ROOT_HASH) -> None:
        """Start with nothing read and nothing changed."""
        context: Any = db
        self._context: StateContext = context
        # As the transaction found it.
        self._start_nonces = _Starts(context, nonce_key, decode_number)
        self._start_balances = _Starts(context, balance_key, decode_number)
        self._start_codes = _Starts(context, code_key, _decode_code)
        self._start_exists = _Starts(context, existence_key, decode_number)  # see `EXISTS_EMPTY`
        self._start_incarnations = _Starts(context, incarnation_key, decode_number)
        self._start_slots: dict[tuple[bytes, int], int] = {}
        # As the transaction leaves it, where it has been set. Only `_set` changes these.
        self._nonces: dict[bytes, int] = {}
        self._balances: dict[bytes, int] = {}
        self._credits: dict[bytes, int] = {}
        self._codes: dict[bytes, tuple[Hash32, bytes]] = {}
        self._exists: dict[bytes, bool] = {}
        self._wiped: dict[bytes, bool] = {}
        self._slots: dict[tuple[bytes, int], int] = {}
        self._warm: dict[bytes | tuple[bytes, int], bool] = {}
        self._journal: list[tuple[dict[Any, Any], Any, Any]] = []
        self._checkpoints: dict[int, int] = {}

    def _set(self, values: dict[Any, Any], name: object, value: object) -> None:
        self._journal.append((values, name, values.get(name, _ABSENT)))
        values[name] = value

    # Storage.

    def get_storage(self, address: Address, slot: int, from_journal: bool = True) -> int:
        """Return the value of a storage slot, now or (`from_journal` false) when the transaction began."""
        place = (address, slot)
        if from_journal:
            value = self._slots.get(place)
            if value is not None:
                return value
            if address in self._wiped:
                return 0
        value = self._start_slots.get(place)
        if value is None:
            key = storage_key(address, slot, self._start_incarnations[address])
            value = self._start_slots[place] = decode_number(self._context.read(key))
        return value

    def set_storage(self, address: Address, slot: int, value: int) -> None:
        """Set the value of a storage slot."""
        self._set(self._slots, (address, slot), value)

    def delete_storage(self, address: Address) -> None:
        """Wipe the storage of an account, which exists from here on."""
        self._wipe_storage(address)
        self.touch_account(address)

    def _wipe_storage(self, address: Address) -> None:
        for place in [place for place in self._slots if place[0] == address]:
            self._set(self._slots, place, 0)
        # Only code puts anything into a storage. An account that began without any, and is not known for a storage
        # all the same, has nothing to wipe but what this transaction itself has put there: CREATE2, which asks for
        # a wipe each time, costs nothing.
        if self._start_codes[address] is not _NO_CODE:
            self._set(self._wiped, address, True)
        if self._code(address) is _ONLY_STORAGE:
            self._set(self._codes, address, _NO_CODE)

    def is_storage_warm(self, address: Address, slot: int) -> bool:
        """Tell whether the transaction has accessed a slot (EIP-2929)."""
        return (address, slot) in self._warm

    def mark_storage_warm(self, address: Address, slot: int) -> None:
        """Remember that the transaction has accessed a slot (EIP-2929)."""
        place = (address, slot)
        if place not in self._warm:
            self._set(self._warm, place, True)

    # Balance.

    def get_balance(self, address: Address) -> int:
        """Return a balance in wei; this reads it."""
        balance = self._balances.get(address)
        if balance is None:
            balance = self._start_balances[address] + self._credits.get(address, 0)
        return balance

    def set_balance(self, address: Address, balance: int) -> None:
        """Set a balance, in wei."""
        self._set(self._balances, address, balance)
        if address in self._credits:
            self._set(self._credits, address, 0)
        self.touch_account(address)

    def delta_balance(self, address: Address, delta: int) -> None:
        """Change a balance, in wei. A credit does not read it."""
        if delta < 0 or address in self._balances:
            self.set_balance(address, self.get_balance(address) + delta)
            return
        if delta:
            self._set(self._credits, address, self._credits.get(address, 0) + delta)
        self.touch_account(address)

    # Nonce.

    def get_nonce(self, address: Address) -> int:
        """Return a nonce."""
        nonce = self._nonces.get(address)
        return self._start_nonces[address] if nonce is None else nonce

    def set_nonce(self, address: Address, nonce: int) -> None:
        """Set a nonce."""
        self._set(self._nonces, address, nonce)
        self.touch_account(address)

    def increment_nonce(self, address: Address) -> None:
        """Add one to a nonce."""
        self.set_nonce(address, self.get_nonce(address) + 1)

    # Code.

    def _code(self, address: Address) -> tuple[Hash32, bytes]:
        code = self._codes.get(address)
        return self._start_codes[address] if code is None else code

    def get_code(self, address: Address) -> bytes:
        """Return an account's code; empty where it has none."""
        return self._code(address)[1]

    def get_code_hash(self, address: Address) -> Hash32:
        """Return the Keccak-256 hash of an account's code."""
        return self._code(address)[0]

    def set_code(self, address: Address, code: bytes) -> None:
        """Set an account's code."""
        self._set(self._codes, address, (keccak_256(code), code) if code else _NO_CODE)
        self.touch_account(address)

    def delete_code(self, address: Address) -> None:
        """Take an account's code away."""
        self.set_code(address, b"")

    # Accounts.

    def account_exists(self, address: Address) -> bool:
        """Tell whether an account exists."""
        exists = self._exists.get(address)
        if exists is None:
            exists = bool(self._start_exists[address])
        return exists

    def touch_account(self, address: Address) -> None:
        """Make an account exist."""
        if self._exists.get(address) is not True:
            self._set(self._exists, address, True)

    def account_has_code_or_nonce(self, address: Address) -> bool:
        """Tell whether an account has code or a nonce other than 0."""
        return self._code(address)[0] != EMPTY_SHA3 or self.get_nonce(address) != 0

    def is_taken(self, address: Address) -> bool:
        """Tell whether no contract can be created at an address: it has code, a nonce or a storage (EIP-7610)."""
        return self._code(address) is _ONLY_STORAGE or self.account_has_code_or_nonce(address)

    def account_is_empty(self, address: Address) -> bool:
        """Tell whether an account is empty (EIP-161), with as few reads as will do.

        From EIP-161 on, and only then does anybody ask, an account is there between transactions just if it is
        not empty, or known for being both. So one that this transaction has neither set anything of nor credited
        is empty if it was not there.
        """
        if self._credits.get(address) or self._balances.get(address) or self._nonces.get(address):
            return False
        if address not in self._balances and address not in self._nonces and address not in self._codes:
            return bool(self._start_exists[address] != _EXISTS)
        return not self.account_has_code_or_nonce(address) and self.get_balance(address) == 0

    def delete_account(self, address: Address) -> None:
        """Delete an account and its storage."""
        if not self._start_exists[address]:
            # It then held nothing, which need not be read. So it goes with missing accounts that were touched.
            self._start_nonces.setdefault(address, 0)
            self._start_balances.setdefault(address, 0)
            self._start_codes.setdefault(address, _NO_CODE)
        self._wipe_storage(address)
        if self._code(address) is not _NO_CODE:
            self._set(self._codes, address, _NO_CODE)
        self._set(self._nonces, address, 0)
        self.set_balance(address, 0)
        self._set(self._exists, address, False)

    def is_address_warm(self, address: Address) -> bool:
        """Tell whether the transaction has accessed an account (EIP-2929)."""
        return address in self._warm

    def mark_address_warm(self, address: Address) -> None:
        """Remember that the transaction has accessed an account (EIP-2929)."""
        if address not in self._warm:
            self._set(self._warm, address, True)

    # Savepoints.

    def record(self) -> JournalDBCheckpoint:
        """Return a new checkpoint, from the counter that transient storage takes its own from."""
        checkpoint = get_next_checkpoint()
        self._checkpoints[checkpoint] = len(self._journal)
        return checkpoint

    def discard(self, checkpoint: JournalDBCheckpoint) -> None:
        """Take back all changes since a checkpoint. What was read stays known."""
        journal = self._journal
        length = self._checkpoints[checkpoint]
        while len(journal) > length:
            values, name, before = journal.pop()
            if before is _ABSENT:
                del values[name]
            else:
                values[name] = before

    def commit(self, checkpoint: JournalDBCheckpoint) -> None:
        """Keep the changes since a checkpoint; an earlier one can still take them back."""

    def lock_changes(self) -> None:
        """Do nothing: an object serves one transaction only, which begins with its first access."""

    # Writing what has come of it.

    def flush(self) -> None:
        """Write what the transaction has changed through the context. Call it once, at the transaction's end."""
        for key, value in self._changes():
            if value:
                self._context.write(key, value)
            else:
                self._context.delete(key)
        for address, amount in self._credits.items():
            if amount:
                self._context.add(balance_key(address), amount)

    def _changes(self) -> Iterator[tuple[bytes, bytes]]:
        for address, nonce in self._nonces.items():
            if nonce != self._start_nonces[address]:
                yield nonce_key(address), encode_number(nonce)
        for address, balance in self._balances.items():
            if balance != self._start_balances[address]:
                yield balance_key(address), encode_number(balance)
        for address, code in self._codes.items():
            start = self._start_codes[address]
            if code[0] != start[0] or (start is _ONLY_STORAGE and address in self._wiped):
                yield code_key(address), b"".join(code) if code[1] else b""
        yield from self._storage_changes()
        for address, exists in self._exists.items():
            if exists != self._existed(address):
                yield existence_key(address), EXISTS if exists else b""

    def _storage_changes(self) -> Iterator[tuple[bytes, bytes]]:
        for address in self._wiped:
            yield incarnation_key(address), encode_number(self._start_incarnations[address] + 1)
        for (address, slot), value in self._slots.items():
            if value != (0 if address in self._wiped else self._start_slot(address, slot)):
                incarnation = self._start_incarnations[address] + (address in self._wiped)
                yield storage_key(address, slot, incarnation), encode_number(value)

    def _start_slot(self, address: bytes, slot: int) -> int:
        return self.get_storage(Address(address), slot, from_journal=False)

    def _existed(self, address: bytes) -> int:
        """Return what the existence key held when the transaction began; reads it only where nothing else tells."""
        if (
            self._start_nonces.get(address)
            or self._start_balances.get(address)
            or self._start_codes.get(address, _NO_CODE)[1]
        ):
            return _EXISTS
        existed: int = self._start_exists[address]
        return existed

    # What only a database with a trie has.

    @property
    def state_root(self) -> Hash32:
        """The root of an empty trie: there is no trie."""
        return BLANK_ROOT_HASH

    @state_root.setter
    def state_root(self, value: Hash32) -> None:
        """Take the root that a savepoint has noted, which is always the same one."""

    def has_root(self, state_root: bytes) -> bool:
        """Tell that there is no trie."""
        return False

    def make_state_root(self) -> NoReturn:
        """Refuse: there is no trie."""
        raise NotImplementedError("accounts in the multi-version memory have no state root")

    def persist(self) -> MetaWitnessAPI:
        """Refuse: `flush` writes the changes."""
        raise NotImplementedError("accounts in the multi-version memory are written by flush")
