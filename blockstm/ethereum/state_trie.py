"""The state of Ethereum as a trie of accounts, each with a trie of its storage (Yellow Paper, section 4.1).

It is told changes of state keys (see `blockstm.ethereum.rules.keys`), as they are committed. An account is in the
trie just where its existence key has a value: executing transactions is what removes empty accounts (EIP-161). Its
storage is what its slots of the current incarnation hold; each wipe begins a new one.

Keys of the trie are hashes of addresses and slots. Places of nodes begin with `a` for accounts, and with `s` and
the hash of the address for a storage.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from blockstm.errors import TreeError
from blockstm.ethereum.rules.keys import decode_number
from blockstm.native._trees import (
    EMPTY_TRIE_ROOT,
    PatriciaTries,
    decode_strings,
    encode_strings,
    keccak_256,
    keccak_256_many,
)
from blockstm.trees.nodes import MemoryNodes, Nodes
from blockstm.trees.state_tree import PartChanges, TreeChanges

__all__ = ["EMPTY_CODE_HASH", "EthereumStateTree", "state_root"]

EMPTY_CODE_HASH: Final = keccak_256(b"")

_ADDRESS: Final = slice(1, 21)
_SLOT: Final = slice(21, 53)
_INCARNATION: Final = slice(53, None)
_HASH_BYTES: Final = 32
_ACCOUNT_KINDS: Final = frozenset((b"n", b"b", b"c", b"e", b"w"))
_STORAGE_KIND: Final = b"s"
_ACCOUNTS: Final = b"a"
_STORAGE: Final = b"s"
_NIBBLES_KEPT: Final = 5
"""How deep accounts' nodes lie that are kept when others are forgotten; Ethereum's lie 7 to 9 nibbles deep."""


class EthereumStateTree:
    """The tries of a state; a `DividedTree`.

    Arguments:
        nodes: what they are read from.
        root: the root hash of the trie of accounts.
        is_found_by_hash: `nodes` finds them by their hashes, which it has computed itself.
    """

    def __init__(
        self, nodes: Nodes, root: bytes = EMPTY_TRIE_ROOT, *, is_found_by_hash: bool = False
    ) -> None:
        """Open it: the root node is read.

        Raises:
            TreeError: the root node is missing or damaged.
        """
        self._nodes = nodes
        self._told: dict[bytes, bytes] = {}
        self._tries = PatriciaTries(self._node, is_found_by_hash)
        self._parts = self._tries.open_parts(_ACCOUNTS, "the trie of accounts", root)
        self._root = root
        self._accounts: dict[bytes, _Account] = {}
        self._changed: dict[bytes, _Account] = {}

    @property
    def root(self) -> bytes:
        """The root hash of the trie of accounts at the last commit."""
        return self._root

    def nibbles(self, keys: Sequence[bytes], /) -> bytes:
        """Return the first nibble of the path of each key's account; 0 for keys that belong to none."""
        paths = self._paths({key[_ADDRESS] for key in keys if _is_of_account(key)})
        return bytes(paths[key[_ADDRESS]][0] >> 4 if _is_of_account(key) else 0 for key in keys)

    def account(self, address: bytes) -> tuple[int, int, bytes] | None:
        """Return what the trie holds of an account: nonce, balance and the hash of its code; None if there is none.

        Raises:
            TreeError: a node on the way to it is missing or damaged.
        """
        account = self._account(address, keccak_256(address))
        return (account.nonce, account.balance, account.code_hash) if account.exists else None

    def slot(self, address: bytes, slot: int) -> int:
        """Return what the trie holds of a slot of an account's storage.

        Raises:
            TreeError: a node on the way to it is missing or damaged.
        """
        account = self._account(address, keccak_256(address))
        path = keccak_256(slot.to_bytes(_HASH_BYTES, "big"))
        return _slot_value(self._tries.get(self._storage(account), path), account.name)

    def slots(self, address: bytes) -> dict[bytes, int]:
        """Return an account's storage by the hashes of slots, but for what lies below nodes that are missing."""
        account = self._account(address, keccak_256(address))
        leaves = self._tries.leaves(self._storage(account))
        return {path: _slot_value(value, account.name) for path, value in leaves}

    def update(self, changes: Mapping[bytes, bytes | None], /) -> None:
        """Give state keys values; None: no value. May be called many times before a commit.

        Raises:
            TreeError: a node on the way to an account or a slot is missing or damaged; then nothing is changed.
        """
        fields, slots = [], []
        for entry in changes.items():
            kind = entry[0][:1]
            if kind in _ACCOUNT_KINDS:
                fields.append(entry)
            elif kind == _STORAGE_KIND:
                slots.append(entry)
        addresses = {key[_ADDRESS] for key, _ in (*fields, *slots)}
        accounts = {address: self._account(address, path) for address, path in self._paths(addresses).items()}
        wiped = {key[_ADDRESS]: decode_number(value) for key, value in fields if key[:1] == b"w"}
        writes = self._writes(slots, accounts, wiped)
        for key, value in fields:
            self._set_field(accounts[key[_ADDRESS]], key[:1], value)
        for account, path, value in writes:
            trie = self._storage(account)
            if value:
                self._tries.put(trie, path, _string(value))
            else:
                self._tries.remove(trie, path)
            account.has_new_storage = True
        self._changed |= accounts

    def _writes(
        self,
        slots: Sequence[tuple[bytes, bytes | None]],
        accounts: Mapping[bytes, _Account],
        wiped: Mapping[bytes, int],
    ) -> list[tuple[_Account, bytes, bytes | None]]:
        """Return the writes to slots that are not wiped, by account and path; the nodes on the way are read."""
        numbers = list({key[_SLOT] for key, _ in slots})
        paths = dict(zip(numbers, keccak_256_many(numbers), strict=True))
        writes = []
        for key, value in slots:
            account = accounts[key[_ADDRESS]]
            incarnation = wiped.get(key[_ADDRESS], account.incarnation)
            if incarnation is None or decode_number(key[_INCARNATION]) == incarnation:
                path = paths[key[_SLOT]]
                if key[_ADDRESS] not in wiped:
                    self._tries.get(self._storage(account), path)
                writes.append((account, path, value))
        return writes

    def hash_ahead(self) -> None:
        """Hash what is not likely to change again: storages in which nothing has been removed."""
        changed = (account.storage for account in self._changed.values() if account.has_new_storage)
        self._tries.hash_ahead([trie for trie in changed if trie is not None], 0)

    def commit(self) -> TreeChanges:
        """Return the next root hash, and the nodes that have changed.

        Raises:
            TreeError: the only child left of a branch is missing or damaged; the tree is of no use any more.
        """
        self._commit_changed()
        return self.join({})

    def commit_parts(self) -> PartChanges:
        """Commit the parts that were updated here. A part is told as what a branch holds of it, then its node.

        Raises:
            TreeError: as for `commit`.
        """
        changed = self._commit_changed()
        nodes = self._tries.take_changes()
        return PartChanges({nibble: self._part(nibble, nodes) for nibble in sorted(changed)}, nodes)

    def _commit_changed(self) -> set[int]:
        storages = [account for account in self._changed.values() if account.has_new_storage]
        self._tries.commit([self._storage(account) for account in storages])
        for account in storages:
            account.storage_root = self._tries.root(self._storage(account))
            account.has_new_storage = False
        changed = set()
        for account in self._changed.values():
            nibble = account.path[0] >> 4
            changed.add(nibble)
            if account.exists:
                self._tries.put(self._parts[nibble], account.path, account.encoded())
            else:
                self._tries.remove(self._parts[nibble], account.path)
        self._changed = {}
        self._tries.commit([self._parts[nibble] for nibble in changed])
        return changed

    def join(self, parts: Mapping[int, bytes], /) -> TreeChanges:
        """Commit to parts that others have committed; the nodes are those above them, and parts that had no node.

        Arguments:
            parts: what `commit_parts` said of those that have changed.

        Raises:
            TreeError: as for `commit`.
        """
        self._told = {}
        for nibble, told in parts.items():
            reference, node = _part_of(told)
            self._told[reference[1:]] = node
            self._tries.set_part(self._parts[nibble], reference)
        self._tries.commit(self._parts)
        self._root = self._tries.join(self._parts, self._root)
        return TreeChanges(self._root, self._tries.take_changes())

    def forget(self) -> None:
        """Keep only nodes of accounts that lie near the root; all that have been handed out are stored now."""
        kept = {}
        for address, account in self._accounts.items():
            if address in self._changed:
                kept[address] = account
            elif account.storage is not None:
                self._tries.close(account.storage)
        self._accounts = kept
        self._told = {}
        for part in self._parts:
            self._tries.forget(part, _NIBBLES_KEPT)

    def _node(self, place: bytes, digest: bytes) -> bytes | None:
        return self._told.get(digest) or self._nodes.get(place, digest)

    def _part(self, nibble: int, nodes: Mapping[bytes, bytes | None]) -> bytes:
        place = _ACCOUNTS + bytes([1, nibble << 4])
        return self._tries.root(self._parts[nibble]) + (nodes.get(place) or b"")

    def _paths(self, addresses: Iterable[bytes]) -> dict[bytes, bytes]:
        found = {address: self._accounts[address].path for address in addresses if address in self._accounts}
        unknown = [address for address in addresses if address not in found]
        return found | dict(zip(unknown, keccak_256_many(unknown), strict=True))

    def _account(self, address: bytes, path: bytes) -> _Account:
        account = self._accounts.get(address)
        if account is None:
            account = _Account(address, path, self._tries.get(self._parts[path[0] >> 4], path))
            self._accounts[address] = account
        return account

    def _storage(self, account: _Account) -> int:
        if account.storage is None:
            prefix = _STORAGE + account.path
            account.storage = self._tries.open(prefix, account.name, account.storage_root)
        return account.storage

    def _set_field(self, account: _Account, kind: bytes, value: bytes | None) -> None:
        if kind == b"n":
            account.nonce = decode_number(value)
        elif kind == b"b":
            account.balance = decode_number(value)
        elif kind == b"c":
            account.code_hash = value[:_HASH_BYTES] if value else EMPTY_CODE_HASH
        elif kind == b"e":
            account.exists = value is not None
        elif decode_number(value) != account.incarnation:
            account.incarnation = decode_number(value)
            self._tries.clear(self._storage(account))
            account.has_new_storage = True


class _Account:
    """An account that was looked at: what its leaf says, and what has changed since."""

    __slots__ = (
        "balance", "code_hash", "exists", "has_new_storage", "incarnation", "name", "nonce", "path", "storage",
        "storage_root",
    )  # fmt: skip

    def __init__(self, address: bytes, path: bytes, leaf: bytes | None) -> None:
        """Read its leaf."""
        self.path = path
        self.name = f"the storage of account 0x{address.hex()}"
        self.exists = leaf is not None
        fields = [b"", b"", EMPTY_TRIE_ROOT, EMPTY_CODE_HASH] if leaf is None else decode_strings(leaf)
        match fields:
            case [nonce, balance, storage_root, code_hash] if (
                len(storage_root) == len(code_hash) == _HASH_BYTES
            ):
                self.nonce, self.balance = decode_number(nonce), decode_number(balance)
                self.storage_root, self.code_hash = storage_root, code_hash
            case _:
                raise TreeError(
                    f"the trie of accounts: account 0x{address.hex()} is not its nonce, balance and two hashes"
                )
        self.storage: int | None = None
        self.has_new_storage = False
        self.incarnation: int | None = None  # not known before it is wiped

    def encoded(self) -> bytes:
        """Return its leaf."""
        numbers = [_minimal(self.nonce), _minimal(self.balance)]
        return encode_strings([*numbers, self.storage_root, self.code_hash])


def state_root(state: Mapping[bytes, bytes]) -> bytes:
    """Return the root hash of a state that is whole.

    Arguments:
        state: values by state key; keys that belong to no account are passed over.
    """
    tree = EthereumStateTree(MemoryNodes())
    tree.update(state)
    return tree.commit().root


def _is_of_account(key: bytes) -> bool:
    return key[:1] in _ACCOUNT_KINDS or key[:1] == _STORAGE_KIND


def _minimal(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _string(value: bytes) -> bytes:
    return encode_strings([value])[
        1:
    ]  # without the head of a list, which is one byte: a value has at most 32


def _slot_value(leaf: bytes | None, name: str) -> int:
    if leaf is None:
        return 0
    if leaf[0] < 0x80:
        return leaf[0]
    if len(leaf) - 1 != leaf[0] - 0x80 or not 0 < len(leaf) - 1 <= _HASH_BYTES:
        raise TreeError(f"{name}: a value in it is not a number of at most 256 bits")
    return decode_number(leaf[1:])


def _part_of(told: bytes) -> tuple[bytes, bytes]:
    """Return what a branch holds of a part, and the part's node, which is empty where the branch holds it."""
    head = told[0] if told else 0
    length = 1 + _HASH_BYTES if head == 0x80 + _HASH_BYTES else 1 if head == 0x80 else head - 0xC0 + 1
    return told[:length], told[length:]
