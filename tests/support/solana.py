"""A small made-up Solana block, told as a node would in each of its encodings; messages are made by solders."""

from __future__ import annotations

import base64
from typing import Any

import pytest

solders = pytest.importorskip("solders", reason="the extra solana is not installed")

from solders.hash import Hash  # noqa: E402
from solders.instruction import CompiledInstruction  # noqa: E402
from solders.message import Message, MessageAddressTableLookup, MessageHeader, MessageV0  # noqa: E402
from solders.pubkey import Pubkey  # noqa: E402
from solders.signature import Signature  # noqa: E402
from solders.transaction import VersionedTransaction  # noqa: E402

Json = Any

ENCODINGS = ("base64", "base58", "binary", "json", "jsonParsed")
VOTE = Pubkey.from_string("Vote111111111111111111111111111111111111111")
SYSTEM = Pubkey.from_string("11111111111111111111111111111111")
LOADER = Pubkey.from_string("BPFLoaderUpgradeab1e11111111111111111111111")
DIGITS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def account(number: int) -> Pubkey:
    return Pubkey.from_bytes(bytes([number]) * 32)


PAYER, SIGNER, STATIC, PROGRAM, TABLE, LOADED, LOADED_READ = map(account, range(1, 8))


def legacy(header: tuple[int, int, int], keys: list[Pubkey], *programs: int) -> Message:
    instructions = [CompiledInstruction(place, b"", b"") for place in programs]
    return Message.new_with_compiled_instructions(*header, keys, Hash.default(), instructions)


def version_0(header: tuple[int, int, int], keys: list[Pubkey], *programs: int) -> MessageV0:
    """One that takes an account to write to, and one to read, from a lookup table."""
    instructions = [CompiledInstruction(place, b"", b"") for place in programs]
    lookup = MessageAddressTableLookup(TABLE, b"\x03", b"\x07")
    return MessageV0(MessageHeader(*header), keys, Hash.default(), instructions, [lookup])


MESSAGES: list[Message | MessageV0] = [
    # A vote: the validator signs, its vote account is written to.
    legacy((1, 0, 1), [PAYER, STATIC, VOTE], 2),
    # A second signer that is only read; the System program, which is asked for to write to, is reserved.
    legacy((2, 1, 1), [PAYER, SIGNER, SYSTEM, PROGRAM], 3),
    version_0((1, 0, 1), [PAYER, STATIC, PROGRAM], 2),
    # The program is called and to be written to; here that is granted, as its loader is there.
    legacy((1, 0, 1), [PAYER, PROGRAM, LOADER], 1),
    # And here it is not.
    legacy((1, 0, 0), [SIGNER, PROGRAM], 1),
]
COMPUTE_UNITS = [2_100, 450, 61_000, 0, 7]
ERRORS: list[Json] = [None, {"InstructionError": [2, {"Custom": 30}]}, None, "AccountInUse", None]

REQUESTED = [
    ({PAYER, STATIC}, {VOTE}),
    ({PAYER, SYSTEM}, {SIGNER, PROGRAM}),
    ({PAYER, STATIC, LOADED}, {PROGRAM, LOADED_READ}),
    ({PAYER, PROGRAM}, {LOADER}),
    ({SIGNER, PROGRAM}, set()),
]
"""The accounts that each message wants to write to, and those that it wants to read."""
TAKEN = [
    REQUESTED[0],
    ({PAYER}, {SIGNER, PROGRAM, SYSTEM}),
    REQUESTED[2],
    REQUESTED[3],
    ({SIGNER}, {PROGRAM}),
]
"""The accounts that a validator locks for each: for writing, and for reading."""


def base58(data: bytes) -> str:
    """By long division, digit by digit."""
    number, text = int.from_bytes(data, "big"), ""
    while number:
        text, number = DIGITS[number % 58] + text, number // 58
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def encoded(place: int, encoding: str) -> Json:
    """A transaction as a node tells it."""
    message = MESSAGES[place]
    if encoding in ("base64", "base58", "binary"):
        signatures = [Signature.default()] * message.header.num_required_signatures
        raw = bytes(VersionedTransaction.populate(message, signatures))
        if encoding == "binary":
            return base58(raw)
        return [base64.b64encode(raw).decode() if encoding == "base64" else base58(raw), encoding]
    if encoding == "jsonParsed":
        writable, readonly = TAKEN[place]
        told = [{"pubkey": str(key), "writable": key in writable} for key in sorted(writable | readonly)]
        programs = [str(message.account_keys[each.program_id_index]) for each in message.instructions]
        return {"message": {"accountKeys": told, "instructions": [{"programId": each} for each in programs]}}
    return {
        "message": {
            "accountKeys": [str(key) for key in message.account_keys],
            "header": {
                "numRequiredSignatures": message.header.num_required_signatures,
                "numReadonlySignedAccounts": message.header.num_readonly_signed_accounts,
                "numReadonlyUnsignedAccounts": message.header.num_readonly_unsigned_accounts,
            },
            "instructions": [{"programIdIndex": each.program_id_index} for each in message.instructions],
            **(
                {"addressTableLookups": [{"writableIndexes": [3], "readonlyIndexes": [7]}]}
                if isinstance(message, MessageV0)
                else {}
            ),
        }
    }


def told_block(encoding: str) -> Json:
    """The whole block."""
    return {
        "blockhash": str(account(99)),
        "parentSlot": 41,
        "blockHeight": 30,
        "transactions": [
            {
                "transaction": encoded(place, encoding),
                "meta": {
                    "err": ERRORS[place],
                    "computeUnitsConsumed": COMPUTE_UNITS[place],
                    "loadedAddresses": {
                        "writable": [str(LOADED)] if isinstance(message, MessageV0) else [],
                        "readonly": [str(LOADED_READ)] if isinstance(message, MessageV0) else [],
                    },
                },
                "version": 0 if isinstance(message, MessageV0) else "legacy",
            }
            for place, message in enumerate(MESSAGES)
        ],
    }
