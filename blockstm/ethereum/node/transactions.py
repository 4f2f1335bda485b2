"""Signed transactions, rebuilt from a node's JSON as they stand in the block, and who sent them.

Yellow Paper, appendix F (signatures); EIP-155 (chain id in v), EIP-2718 (types), EIP-2930 (type 1, access
lists), EIP-1559 (type 2), EIP-4844 (type 3, blobs), EIP-7702 (type 4, authorizations).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import coincurve

from blockstm.errors import shown
from blockstm.ethereum.node.nodejson import ADDRESS_BYTES, HASH_BYTES, Fields
from blockstm.ethereum.node.nodejson import data as decode_data
from blockstm.ethereum.node.tries import encode_rlp
from blockstm.ethereum.rules.keys import encode_number
from blockstm.ethereum.senders import senders_confirmed
from blockstm.files.content import ContentError
from blockstm.native._trees import keccak_256


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """One transaction of a block.

    Arguments:
        place: how messages name it: its index and its hash.
        raw: as it stands in the block's body: the RLP of a legacy transaction, or the type byte and the RLP.
        hash: its 32 bytes of hash.
        sender: the address that the signature gives.
        to: the address that is called; None for one that creates a contract.
        nonce: the sender's nonce before it.
        chain_id: the chain that it is signed for; None where it does not say.
        kind: its type (EIP-2718), 0 for a legacy transaction.
        contents: what is signed, by the names that nodes use, as it stands in the RLP; and `s` of the signature.
    """

    place: str
    raw: bytes
    hash: bytes
    sender: bytes
    to: bytes | None
    nonce: int
    chain_id: int | None
    kind: int
    contents: Mapping[str, Any]

    @property
    def target(self) -> bytes:
        """The address that is called or created."""
        return contract_address(self.sender, self.nonce) if self.to is None else self.to


def contract_address(creator: bytes, nonce: int) -> bytes:
    """Return the address of the contract that an account creates by a transaction or CREATE at that nonce."""
    return keccak_256(encode_rlp([creator, encode_number(nonce)]))[-ADDRESS_BYTES:]


def read_transactions(
    values: Sequence[object], fix: str, *, states_senders: bool = True
) -> tuple[SignedTransaction, ...]:
    """Return the transactions that a node describes; hashes and senders are checked.

    Arguments:
        values: the block's list of transactions.
        fix: what a message says to do.
        states_senders: the field `from` says who has sent each, as in a node's answer; else the signature does.

    Raises:
        ContentError: a field is missing or malformed, the type is not known, or the fields do not give the
            hash or the sender; names the transaction by index and, once that is read, by hash.
    """
    unproved = [_read_transaction(value, index, fix, states_senders) for index, value in enumerate(values)]
    if not states_senders:
        return tuple(replace(each.transaction, sender=each.signer()) for each in unproved)
    confirmed = senders_confirmed([(each.transaction.raw, each.transaction.sender) for each in unproved])
    for place, each in enumerate(unproved):
        if confirmed is None or not confirmed[place]:
            each.check_sender()
    return tuple(each.transaction for each in unproved)


@dataclass(frozen=True, slots=True)
class _Unproved:
    """A transaction whose signature has not been looked at.

    Arguments:
        transaction: the transaction.
        fields: what the node says of it.
        signed_hash: what was signed.
        signature: r and s.
        parity: of the point that r stands for.
    """

    transaction: SignedTransaction
    fields: Fields
    signed_hash: bytes
    signature: list[bytes]
    parity: int

    def check_sender(self) -> None:
        """Check that the sender has signed it.

        Raises:
            ContentError: it has not.
        """
        sender, stated = self.signer(), self.transaction.sender
        if sender != stated:
            self.fields.refuse(f"field from is 0x{stated.hex()}, but 0x{sender.hex()} has signed it")

    def signer(self) -> bytes:
        """Return the address that the signature gives.

        Raises:
            ContentError: it gives none.
        """
        r, s = (number.rjust(32, b"\0") for number in self.signature)
        try:
            key = coincurve.PublicKey.from_signature_and_message(
                r + s + bytes([self.parity]), self.signed_hash, hasher=None
            )
        except ValueError:
            self.fields.refuse("nobody can have signed it: r, s and v are not a signature")
        return keccak_256(key.format(compressed=False)[1:])[-ADDRESS_BYTES:]


def _read_transaction(value: object, index: int, fix: str, states_sender: bool) -> _Unproved:
    fields = Fields(value, f"transaction {index}", fix)
    stated_hash = fields.data("hash", HASH_BYTES)
    fields.place = f"transaction {index} (0x{stated_hash.hex()})"
    kind = _kind(fields)
    contents = [_ENCODERS.get(name, _number)(fields, name) for name in CONTENTS[kind]]
    signature = [_number(fields, "r"), _number(fields, "s")]
    if kind == 0:
        v = fields.quantity("v", 256)
        parity, chain_id = _legacy_parity(fields, v)
        raw = encode_rlp([*contents, encode_number(v), *signature])
        signed = encode_rlp(contents if chain_id is None else [*contents, encode_number(chain_id), b"", b""])
    else:
        parity, chain_id = _typed_parity(fields), fields.quantity("chainId", 256)
        raw = bytes([kind]) + encode_rlp([*contents, encode_number(parity), *signature])
        signed = bytes([kind]) + encode_rlp(contents)
    if keccak_256(raw) != stated_hash:
        absent = [name for name in _MAY_BE_ABSENT if name in CONTENTS[kind] and not fields.has(name)]
        without = f", without {' and '.join(absent)}," if absent else ""
        fields.refuse(
            f"its fields{without} give the hash 0x{keccak_256(raw).hex()}: one of them is wrong or missing"
        )
    sender = fields.data("from", ADDRESS_BYTES) if states_sender else b""
    to = fields.data("to", ADDRESS_BYTES) if fields.has("to") else None
    named = {**dict(zip(CONTENTS[kind], contents, strict=True)), "s": signature[1]}
    nonce = fields.quantity("nonce")
    transaction = SignedTransaction(fields.place, raw, stated_hash, sender, to, nonce, chain_id, kind, named)
    return _Unproved(transaction, fields, keccak_256(signed), signature, parity)


def _kind(fields: Fields) -> int:
    kind = fields.quantity("type", 256) if fields.has("type") else 0
    if kind not in CONTENTS:
        raise ContentError(f"{fields.place}: {_unknown(kind)}")
    return kind


def _unknown(kind: int) -> str:
    of_ethereum = f"those of Ethereum are 0x0 to {max(CONTENTS):#x}"
    if kind == _DEPOSIT:
        problem = f"it is a deposit of the OP stack (type {kind:#x}), which only nodes of that stack execute"
    else:
        problem = f"type {kind:#x} is not known"
    return f"{problem}; {of_ethereum}: record a block of Ethereum, or write an access trace of this one"


def _number(fields: Fields, name: str) -> bytes:
    return encode_number(fields.quantity(name, _BITS.get(name, 256)))


def _recipient(fields: Fields, name: str) -> bytes:
    return fields.data(name, ADDRESS_BYTES) if fields.has(name) else b""


def _input(fields: Fields, name: str) -> bytes:
    return fields.data(name)


def _hashes(fields: Fields, name: str) -> list[bytes]:
    return [_hash(fields, name, value) for value in fields.array(name)]


def _access_list(fields: Fields, name: str) -> list[list[object]]:
    if not fields.has(name):
        return []
    return [
        [entry.data("address", ADDRESS_BYTES), _hashes(entry, "storageKeys")]
        for entry in fields.items(name, "access list entry")
    ]


def _authorizations(fields: Fields, name: str) -> list[list[bytes]]:
    return [
        [
            _number(entry, "chainId"),
            entry.data("address", ADDRESS_BYTES),
            _number(entry, "nonce"),
            encode_number(entry.quantity("yParity" if entry.has("yParity") else "v", 8)),
            _number(entry, "r"),
            _number(entry, "s"),
        ]
        for entry in fields.items(name, "authorization")
    ]


def _hash(fields: Fields, name: str, value: object) -> bytes:
    try:
        return decode_data(value, HASH_BYTES)
    except ValueError as error:
        fields.refuse(f"field {name} holds {shown(value)}, which is not {error}")


_BITS: Final = {"nonce": 64, "gas": 64}
_MAY_BE_ABSENT: Final = ("to", "accessList")
"""What some nodes leave out, or give as null, where it is empty. That they were read rightly, the hash proves."""
_ENCODERS: Final[dict[str, Callable[[Fields, str], object]]] = {
    "to": _recipient,
    "input": _input,
    "accessList": _access_list,
    "blobVersionedHashes": _hashes,
    "authorizationList": _authorizations,
}
_CALL: Final = ("gas", "to", "value", "input")
_FEE_MARKET: Final = ("chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas", *_CALL, "accessList")
CONTENTS: Final[dict[int, tuple[str, ...]]] = {
    0: ("nonce", "gasPrice", *_CALL),
    1: ("chainId", "nonce", "gasPrice", *_CALL, "accessList"),
    2: _FEE_MARKET,
    3: (*_FEE_MARKET, "maxFeePerBlobGas", "blobVersionedHashes"),
    4: (*_FEE_MARKET, "authorizationList"),
}
"""What is signed, in the order in which it stands in the RLP, by type."""
_DEPOSIT: Final = 0x7E
"""It has no signature, and its sender's ether comes from the chain below (specs.optimism.io, Deposits)."""


def _legacy_parity(fields: Fields, v: int) -> tuple[int, int | None]:
    if v in (27, 28):
        return v - 27, None
    if v < 35:
        fields.refuse(f"field v is {v}; it must be 27, 28, or at least 35 (EIP-155)")
    chain_id = (v - 35) // 2
    if fields.has("chainId") and fields.quantity("chainId", 256) != chain_id:
        fields.refuse(f"field chainId is {shown(fields['chainId'])}, but v is signed for chain {chain_id}")
    return (v - 35) % 2, chain_id


def _typed_parity(fields: Fields) -> int:
    parities = {fields.quantity(name, 256) for name in ("yParity", "v") if fields.has(name)}
    if len(parities) != 1 or not parities <= {0, 1}:
        fields.refuse("fields yParity and v, of which one must be there, are not both 0x0 or both 0x1")
    return parities.pop()
