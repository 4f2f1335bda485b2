"""What a transaction's message says of accounts, from each encoding in which a node tells transactions.

A message names its accounts in an order: a header says how many have signed, and how many of the signers, and of
the others, are read-only at their ends. Accounts of lookup tables follow, as the node has loaded them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from blockstm.errors import shown
from blockstm.files.content import ContentError
from blockstm.files.json_answers import JsonFields
from blockstm.solana.base58 import decoded_base58

__all__ = ["ACCOUNT_BYTES", "Message", "account", "message_of"]

ACCOUNT_BYTES: Final = 32
_ACCOUNTS_MAX: Final = 256
"""Instructions name accounts by one byte."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a message says of accounts.

    Arguments:
        writable: those that it wants to write to.
        readonly: those that it wants to read only.
        programs: those that its instructions call, in their order.
        is_demoted: whether the node has left out the wishes to write that are never granted.
    """

    writable: tuple[bytes, ...]
    readonly: tuple[bytes, ...]
    programs: tuple[bytes, ...]
    is_demoted: bool


@dataclass(frozen=True, slots=True)
class _Ordered:
    """A message as it is signed.

    Arguments:
        accounts: those that it names itself, the signers first.
        signers: how many of them have signed.
        readonly_signers, readonly_others: how many are read-only, at the end of the signers and of the others.
        programs: for each instruction, the place of the program that it calls.
        looked_up: how many accounts to write to, and how many to read, it takes from lookup tables.
    """

    accounts: Sequence[bytes]
    signers: int
    readonly_signers: int
    readonly_others: int
    programs: Sequence[int]
    looked_up: tuple[int, int]


def message_of(transaction: object, meta: JsonFields) -> Message:
    """Return what the message of a transaction says of accounts.

    Arguments:
        transaction: as `getBlock` has it, in any of the encodings base64, base58, json and jsonParsed.
        meta: what the node tells of it beside; it names the accounts that were loaded from lookup tables.

    Raises:
        ContentError: it is malformed, or in another encoding.
    """
    place = meta.place.removesuffix(": meta")
    if not isinstance(transaction, dict):
        return _in_order(_decoded(transaction, place, meta.fix), meta)
    outer = JsonFields(transaction, place, meta.fix)
    if "message" not in outer.values:
        outer.refuse("field message is missing")
    message = outer.inner("message")
    accounts = message.array("accountKeys")
    return _parsed(message) if accounts and isinstance(accounts[0], dict) else _in_order(_json(message), meta)


def account(text: object, where: JsonFields, name: str) -> bytes:
    """Return the 32 bytes of an account.

    Arguments:
        text: how a node writes it.
        where: the object in which it stands, for the message of an error.
        name: the field.

    Raises:
        ContentError: it is none.
    """
    try:
        decoded = decoded_base58(text)
    except ValueError:
        decoded = b""
    if len(decoded) != ACCOUNT_BYTES:
        where.refuse(f"{name} {shown(text)} is not an account, which is {ACCOUNT_BYTES} bytes in base58")
    return decoded


def _parsed(message: JsonFields) -> Message:
    """Return a message of whose accounts the node tells one by one what is wanted (jsonParsed)."""
    writable: list[bytes] = []
    readonly: list[bytes] = []
    for entry in message.items("accountKeys", "account"):
        wanted = entry["writable"]
        if not isinstance(wanted, bool):
            entry.refuse(f"field writable is {shown(wanted)}, not true or false")
        (writable if wanted else readonly).append(account(entry["pubkey"], entry, "field pubkey"))
    programs = [
        account(each["programId"], each, "field programId")
        for each in message.items("instructions", "instruction")
    ]
    return Message(tuple(writable), tuple(readonly), tuple(programs), True)


def _json(message: JsonFields) -> _Ordered:
    """Return a message in the encoding json."""
    header = message.inner("header")
    accounts = message.array("accountKeys")
    if len(accounts) > _ACCOUNTS_MAX:
        message.refuse(f"field accountKeys has {len(accounts)} accounts, and the limit is {_ACCOUNTS_MAX}")
    instructions = message.items("instructions", "instruction")
    has_lookups = message.has("addressTableLookups")
    lookups = list(message.items("addressTableLookups", "lookup")) if has_lookups else []
    return _Ordered(
        [account(each, message, "one of accountKeys,") for each in accounts],
        header.integer("numRequiredSignatures", _ACCOUNTS_MAX),
        header.integer("numReadonlySignedAccounts", _ACCOUNTS_MAX),
        header.integer("numReadonlyUnsignedAccounts", _ACCOUNTS_MAX),
        [each.integer("programIdIndex", _ACCOUNTS_MAX) for each in instructions],
        (
            sum([len(lookup.array("writableIndexes")) for lookup in lookups]),
            sum([len(lookup.array("readonlyIndexes")) for lookup in lookups]),
        ),
    )


def _decoded(transaction: object, place: str, fix: str) -> _Ordered:
    """Return the message of a transaction that is told in its binary form."""
    from solders.transaction import VersionedTransaction  # an extra

    try:
        message: Any = VersionedTransaction.from_bytes(_binary(transaction)).message
    except ValueError as error:
        raise ContentError(f"{place}: it cannot be decoded: {error}; {fix}") from error
    lookups = getattr(message, "address_table_lookups", ())
    return _Ordered(
        [bytes(each) for each in message.account_keys],
        message.header.num_required_signatures,
        message.header.num_readonly_signed_accounts,
        message.header.num_readonly_unsigned_accounts,
        [each.program_id_index for each in message.instructions],
        (
            sum([len(lookup.writable_indexes) for lookup in lookups]),
            sum([len(lookup.readonly_indexes) for lookup in lookups]),
        ),
    )


def _binary(transaction: object) -> bytes:
    """Return the bytes of a transaction: a text alone is base58; in a list, the encoding's name follows the text.

    Raises:
        ValueError: they are not told in a known encoding.
    """
    text, encoding = transaction, "base58"
    if isinstance(transaction, list) and len(transaction) == 2:
        text, encoding = transaction
    if encoding == "base58":
        try:
            return decoded_base58(text)
        except ValueError as error:
            raise ValueError(f"{shown(text)} is not {error}") from None
    if encoding != "base64" or not isinstance(text, str):
        raise ValueError(f"{shown(transaction)} is in none of the encodings base64, base58, json, jsonParsed")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"{shown(text)} is not base64: {error}") from None


def _in_order(message: _Ordered, meta: JsonFields) -> Message:
    """Return what a message as it is signed says, with what it takes from lookup tables."""
    accounts, signers = message.accounts, message.signers
    writable_signers, first_readonly_other = (
        signers - message.readonly_signers,
        len(accounts) - message.readonly_others,
    )
    if (
        not 0 < writable_signers <= signers <= first_readonly_other
    ):  # who pays the fee signs, and is written to
        meta.refuse("the header of the message does not fit its accounts")
    if max(message.programs, default=0) >= len(accounts):
        meta.refuse("an instruction calls a program that is none of the message's accounts")
    loaded_writable, loaded_readonly = _loaded(message, meta)
    return Message(
        (*accounts[:writable_signers], *accounts[signers:first_readonly_other], *loaded_writable),
        (*accounts[writable_signers:signers], *accounts[first_readonly_other:], *loaded_readonly),
        tuple([accounts[place] for place in message.programs]),
        False,
    )


def _loaded(message: _Ordered, meta: JsonFields) -> tuple[list[bytes], list[bytes]]:
    """Return the accounts that were loaded from lookup tables: those to write to, and those to read."""
    if message.looked_up == (0, 0) and not meta.has("loadedAddresses"):
        return [], []
    loaded = meta.inner("loadedAddresses")
    writable, readonly = (
        [account(each, loaded, f"one of {name},") for each in loaded.array(name)]
        for name in ("writable", "readonly")
    )
    if (len(writable), len(readonly)) != message.looked_up:
        loaded.refuse(
            f"{len(writable)} accounts to write to and {len(readonly)} to read are told, but the message takes "
            f"{message.looked_up[0]} and {message.looked_up[1]} from lookup tables"
        )
    return writable, readonly
