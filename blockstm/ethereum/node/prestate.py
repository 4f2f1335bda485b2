"""The state that a block starts from, as geth's `prestateTracer` tells it, read strictly.

There are two forms. The merged one is an object of accounts by address, as they stood before the block:

    {"0xaddress": {"balance": "0x5", "nonce": 1, "code": "0x...", "storage": {"0xslot": "0xvalue"}}, ...}

`debug_traceBlockByNumber` answers with the other, a list with one such object for each transaction, bare or
as the `result` of `{"txHash": ..., "result": {...}}`: the accounts and slots that the transaction touches,
as they stood before *it*. What is seen first is then what the block starts from, for whoever changes an
account or a slot touches it. One thing stands in the way: unless told `{"tracerConfig": {"includeEmpty":
true}}`, geth leaves out accounts that were empty, and so an account that the block itself makes is first
seen with what an earlier transaction has given it. Such an account is taken for empty where that can be
known, because an earlier transaction that did not list it

- was sent to its address, or created a contract there, or had it for the block's beneficiary; or
- touched a contract that creates (CREATE) at that address with a nonce which it first had in this block.

It cannot be known of an account that a contract only paid, or created by CREATE2, or destroyed itself in
favour of. For such blocks use includeEmpty, with which nothing is left out, or the merged form. A state that
is wrong in this way shows when the block is executed, as a rule: gas, receipts and logs are not the header's.

Some tracers differ. One that does not list the beneficiary lists it where it sends a transaction, and then with a
nonce: it was there before. Its balance is the one listed, in which the fees of earlier transactions are. One that
looks at a contract when its creation by a transaction has begun lists it with nonce 1, for which 0 is read.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from blockstm.errors import one_line, shown
from blockstm.ethereum.node.batches import batch_of, is_block
from blockstm.ethereum.node.nodejson import (
    ADDRESS_BYTES,
    HASH_BYTES,
    Fields,
    data,
    named,
    quantity,
    read_json,
)
from blockstm.ethereum.node.rpc import NodeBlock
from blockstm.ethereum.node.transactions import contract_address
from blockstm.files.content import ContentError
from blockstm.limits import U64_MAX

_FIX: Final = "save again what geth's prestateTracer tells of this block"
_ACCOUNTS_FIX: Final = 'write {"0xaddress": {"balance": "0x0", ...} or null, ...}'
_FIELDS: Final = frozenset(("balance", "nonce", "code", "codeHash", "storage"))
_ERROR_CHARACTERS_MAX: Final = 300
_CREATIONS_MAX: Final = 16
"""How many contracts, counted from where it is seen, a contract is expected to create in one transaction."""


@dataclass(frozen=True, slots=True)
class Account:
    """What an account has before the block.

    Arguments:
        balance: in wei.
        nonce: how many transactions it sent, or contracts it created.
        code: empty for an account without.
        storage: the values of the slots that the block touches, by the slot's number.
    """

    balance: int
    nonce: int
    code: bytes
    storage: dict[int, int] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether it has neither balance nor nonce nor code (EIP-161)."""
        return not (self.balance or self.nonce or self.code)


def read_prestate(
    path: str | os.PathLike[str], block: NodeBlock, *, whole_state: bool = False
) -> dict[bytes, Account]:
    """Return the accounts that a block touches, by address, as they stood before it.

    Arguments:
        path: the merged form or that of `debug_traceBlockByNumber` (see above), with or without the JSON-RPC
            envelope; or a batch of answers to `debug_traceTransaction`, whose ids are in the order of the
            transactions, and in which the block may be, too. Plain, or compressed with zstd or gzip.
        block: the block that it is for.
        whole_state: it is to hold all accounts of the chain, as only the merged form can.

    Raises:
        EthereumInputError: the file cannot be read, an account or a field is malformed or missing, or it is
            of another block; names the file, the transaction, the address and the field.
    """
    answer = read_json(path)
    with named(path):
        return accounts_of(answer, block, whole_state=whole_state)


def accounts_of(answer: object, block: NodeBlock, *, whole_state: bool = False) -> dict[bytes, Account]:
    """Return the accounts that a node's answer lists; see `read_prestate`.

    Raises:
        ContentError: an account or a field is malformed or missing, or it is of another block.
    """
    if (batch := batch_of(answer)) is not None:
        answer = _without_blocks(batch)
    if isinstance(answer, list):
        if whole_state:
            raise ContentError(
                "it lists what each transaction touches, which is not the state of the whole chain; "
                "give one object of all accounts, or leave out --whole-state"
            )
        return _merged(_of_each_transaction(answer, block), block)
    if isinstance(answer, dict) and "transactionsRoot" in answer:
        raise ContentError(f"this is the block, not the state before it; {_FIX}")
    return _accounts(Fields(answer, "the pre-state", _FIX))


def _without_blocks(batch: list[object]) -> object:
    """Return what a batch tells of the state: one list for the whole block, or one answer for each transaction."""
    told = [result for result in batch if not is_block(result)]
    return told[0] if len(told) == 1 and isinstance(told[0], list) else told


def read_accounts(path: str | os.PathLike[str]) -> dict[bytes, Account | None]:
    """Return accounts that a user states, by address: None for one that does not exist.

    Arguments:
        path: the merged form (see above), in which null may stand in place of an account; plain or zstd-compressed.

    Raises:
        EthereumInputError: the file cannot be read, or an account or a field is malformed or missing.
    """
    answer = read_json(path)
    with named(path):
        fields = Fields(answer, "the accounts", _ACCOUNTS_FIX)
        absent = [address for address, value in fields.values.items() if value is None]
        fields.values = {address: value for address, value in fields.values.items() if value is not None}
        accounts: dict[bytes, Account | None] = {**_accounts(fields)}
        for text in absent:
            address = _address(fields, text)
            if address in accounts:
                fields.refuse(f"account {text} comes twice")
            accounts[address] = None
        return accounts


def _of_each_transaction(listed: list[Any], block: NodeBlock) -> Iterator[dict[bytes, Account]]:
    if len(listed) != len(block.transactions):
        raise ContentError(
            f"it lists {len(listed)} transactions, and block {block.number} has {len(block.transactions)}; {_FIX}"
        )
    for value, txn in zip(listed, block.transactions, strict=True):
        fields = Fields(value, txn.place, _FIX)
        if fields.has("error"):  # before the hash, which is then not always the transaction's
            told = fields["error"]
            told = one_line(told, _ERROR_CHARACTERS_MAX) if isinstance(told, str) else shown(told)
            fields.refuse(f"the node could not trace it: {told}")
        if fields.has("txHash") and fields.data("txHash", HASH_BYTES) != txn.hash:
            fields.refuse(f"field txHash is {shown(fields['txHash'])}: it is another transaction")
        if fields.values.keys() & {"txHash", "result"}:
            fields = Fields(fields["result"], txn.place, _FIX)
        yield _accounts(fields)


def _accounts(fields: Fields) -> dict[bytes, Account]:
    if fields.values.keys() == {"pre", "post"}:
        fields.refuse("it was traced in diffMode, which leaves out what did not change; trace without")
    accounts: dict[bytes, Account] = {}
    for text, value in fields.values.items():
        address = _address(fields, text)
        if address in accounts:
            fields.refuse(f"account {text} comes twice")
        of_block = fields.place in ("the pre-state", "the accounts")
        place = f"account {text}" if of_block else f"{fields.place}: account {text}"
        accounts[address] = _account(Fields(value, place, fields.fix))
    return accounts


def _address(fields: Fields, text: str) -> bytes:
    try:
        return data(text, ADDRESS_BYTES)
    except ValueError as error:
        fields.refuse(f"{shown(text)} is not the address of an account: {error}")


def _account(fields: Fields) -> Account:
    for name in sorted(fields.values.keys() - _FIELDS):
        fields.refuse(f"field {shown(name)} is unknown")
    code = fields.data("code") if fields.has("code") else b""
    if fields.has("codeHash") and "code" not in fields.values:
        fields.refuse("it has a codeHash, but its code was left out; trace without disableCode")
    return Account(fields.quantity("balance", 256), _nonce(fields), code, _storage(fields))


def _nonce(fields: Fields) -> int:
    nonce = fields.values.get("nonce", 0)
    if isinstance(nonce, str):
        return fields.quantity("nonce")
    if type(nonce) is not int or not 0 <= nonce <= U64_MAX:
        fields.refuse(f"field nonce is {shown(nonce)}, which is not a number from 0 to 2**64 - 1")
    return nonce


def _storage(fields: Fields) -> dict[int, int]:
    if not fields.has("storage"):
        return {}
    listed = Fields(fields["storage"], f"{fields.place}: storage", fields.fix)
    storage: dict[int, int] = {}
    for text, value in listed.values.items():
        for part, number in (("slot", text), ("value", value)):
            try:
                quantity(number, 256)
            except ValueError as error:
                listed.refuse(f"{part} {shown(number)} is not {error}")
        slot = int(text, 16)
        if slot in storage:
            listed.refuse(f"slot {text} comes twice")
        storage[slot] = int(value, 16)
    return storage


def _merged(results: Iterable[Mapping[bytes, Account]], block: NodeBlock) -> dict[bytes, Account]:
    accounts: dict[bytes, Account] = {}
    made: set[bytes] = set()
    """Accounts that were empty before the block, whatever is seen of them later."""
    unlisted: set[bytes] = set()
    """Those of them that no transaction has listed yet, and none has created."""
    creations = _Creations()
    for txn, result in zip(block.transactions, results, strict=True):
        for address, account in result.items():
            if address not in accounts and creations.made(address, account):
                made.add(address)
            elif address in unlisted and account.nonce and not account.code:
                # An account that sent transactions before the block was there: the tracer did not list it.
                made.discard(address)
            if address == txn.target and txn.to is None and account.nonce == 1 and not account.code:
                account = replace(account, nonce=0)  # some tracers look when the creation has begun
            unlisted.discard(address)
            if address not in made:
                first = accounts.setdefault(address, account)
                first.storage.update(account.storage | first.storage)
        new = {txn.target, block.values["miner"]} - result.keys() - accounts.keys() - made
        made |= new
        unlisted |= new if txn.to is not None else new - {txn.target}
        creations.note(result)
    return accounts


class _Creations:
    """The addresses at which contracts that were seen so far may have created others within the block."""

    def __init__(self) -> None:
        self._addresses: set[bytes] = set()
        self._noted: dict[bytes, int] = {}  # by creator, the nonce up to which its creations are in there

    def made(self, address: bytes, account: Account) -> bool:
        """Tell whether an account that is first seen so is such a creation."""
        return address in self._addresses and bool(account.nonce or account.code)

    def note(self, result: Mapping[bytes, Account]) -> None:
        """Take note of what the contracts that a transaction lists can create from there on."""
        for creator, account in result.items():
            if account.code:
                end = account.nonce + _CREATIONS_MAX
                start = max(account.nonce, self._noted.get(creator, 0))
                self._addresses.update(contract_address(creator, nonce) for nonce in range(start, end))
                self._noted[creator] = max(start, end)
