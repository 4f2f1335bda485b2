"""What no transaction of a block may be: each rule, from both sides, and next to the official specifications."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import rlp
from ethereum.forks.prague.transactions import decode_transaction, validate_transaction
from ethereum_types.bytes import Bytes
from ethereum_types.numeric import U64

from blockstm.errors import EthereumInputError
from blockstm.ethereum.node.rpc import read_block
from blockstm.ethereum.node.transactions import SignedTransaction
from blockstm.ethereum.recording.record import read_ethereum
from blockstm.ethereum.recording.validity import broken_rule
from tests.support.ethereum.node import CONTRACT, account, address, block, transaction

Told = tuple[dict[str, Any], bytes]
Broken = Callable[..., str | None]
PRAGUE_GAS = 21_000 + 10 * 4 * 2
"""The floor of a transaction with the two bytes of input that these have."""


@pytest.fixture
def broken(tmp_path: Path) -> Broken:
    """The rule that a transaction breaks."""

    def find(signed: Told, fork: str = "osaka", sender_code: bytes = b"", **header: str) -> str | None:
        read, values = parsed(tmp_path, signed, **header)
        return broken_rule(read, fork, values, sender_code)

    return find


def parsed(folder: Path, signed: Told, **header: str) -> tuple[SignedTransaction, Mapping[str, bytes]]:
    (folder / "block.json").write_text(json.dumps(block(signed, fork="prague", **header)))
    read = read_block(folder / "block.json")
    return read.transactions[0], read.values


@pytest.mark.parametrize("kind", range(5))
def test_sound_transactions(broken: Broken, kind: int) -> None:
    assert broken(transaction(kind)) is None


@pytest.mark.parametrize(
    ("kind", "since", "before"),
    [(1, "berlin", "istanbul"), (2, "london", "berlin"), (3, "cancun", "shanghai"), (4, "prague", "cancun")],
)
def test_types_came_with_forks(broken: Broken, kind: int, since: str, before: str) -> None:
    signed = transaction(kind)
    assert broken(signed, since) is None
    assert broken(signed, before) == f"it is of type {kind}, which came with fork {since}, after {before}"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"tip": 11, "fee": 10},
            "its priority fee per gas, 11 wei, is above its highest fee, 10 wei (EIP-1559)",
        ),
        ({"tip": 0, "fee": 6}, "it pays 6 wei for gas at most, below the block's base fee, 7 wei (EIP-1559)"),
        ({"kind": 0, "fee": 6}, "below the block's base fee"),
        ({"nonce": 2**64 - 1}, "its nonce is over 18446744073709551614 (EIP-2681)"),
        ({"kind": 3, "to": None}, "it carries blobs and creates a contract (EIP-4844)"),
        ({"kind": 3, "blobs": ()}, "carries none (EIP-4844)"),
        ({"kind": 3, "blobs": (b"\x02" + bytes(31),)}, f"blob hash 0x02{'00' * 31} is not of version 1"),
        ({"kind": 4, "to": None}, "it has authorizations and creates a contract (EIP-7702)"),
        ({"kind": 4, "authorized": False}, "its list of authorizations is empty (EIP-7702)"),
        ({"access": (), "gas": PRAGUE_GAS - 1}, f"below the floor for its input, {PRAGUE_GAS} (EIP-7623)"),
        ({"access": (), "gas": 21_031}, "its gas limit, 21031, is below its intrinsic gas, 21032"),
        (
            {"to": None, "input": bytes(49_153), "gas": 10**7},
            "its init code has 49153 bytes, more than 49152",
        ),
    ],
)
def test_a_rule_that_is_broken(broken: Broken, changes: dict[str, Any], expected: str) -> None:
    found = broken(transaction(**({"kind": 2} | changes)))
    assert found is not None and expected in found


@pytest.mark.parametrize(
    "changes",
    [
        {"tip": 10, "fee": 10},
        {"tip": 0, "fee": 7},
        {"nonce": 2**64 - 2},
        {"access": (), "gas": PRAGUE_GAS},
        {"to": None, "input": bytes(49_152), "gas": 10**7},
    ],
)
def test_a_rule_that_is_just_kept(broken: Broken, changes: dict[str, Any]) -> None:
    assert broken(transaction(**({"kind": 2} | changes))) is None


BLOBS = tuple(b"\x01" + bytes([number]) * 31 for number in range(7))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"gas": 2**24 + 1}, "its gas limit, 16777217, is above 16777216 (EIP-7825)"),
        ({"kind": 3, "blobs": BLOBS}, "it carries 7 blobs, more than 6 (EIP-7594)"),
    ],
)
@pytest.mark.parametrize("fork", ["osaka", "bpo1", "bpo2"])
def test_what_osaka_bounds(broken: Broken, fork: str, changes: dict[str, Any], expected: str) -> None:
    signed = transaction(**({"kind": 2} | changes))
    assert broken(signed, "prague") is None
    assert broken(signed, fork) == expected
    least = {"gas": 2**24} if "gas" in changes else {"kind": 3, "blobs": BLOBS[:6]}
    assert broken(transaction(**({"kind": 2} | least)), fork) is None


@pytest.mark.parametrize("fork", ["cancun", "prague", "osaka", "bpo1", "bpo2"])
def test_blob_gas_is_paid_for(broken: Broken, fork: str) -> None:
    """What these offer is 5 wei; the specifications tell up to which excess that is enough."""
    gas: Any = import_module(f"ethereum.forks.{fork}.vm.gas")
    excess = 0
    while int(gas.calculate_blob_gas_price(U64(excess))) <= 5:
        excess += 2**17
    assert broken(transaction(3), fork, excessBlobGas=hex(excess - 2**17)) is None
    expected = "it pays 5 wei for blob gas at most, below the block's fee, 6 wei (EIP-4844)"
    assert broken(transaction(3), fork, excessBlobGas=hex(excess)) == expected
    assert "below the block's fee" in (broken(transaction(3), fork, excessBlobGas=hex(2**64 - 1)) or "")


@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize("to", [CONTRACT, None])
@pytest.mark.parametrize("data", [b"", b"\x00\x01" * 40])
def test_gas_is_that_of_the_specifications(broken: Broken, kind: int, to: str | None, data: bytes) -> None:
    if to is None and kind > 2:
        return
    _, raw = transaction(kind, to=to, input=data, gas=10**6)
    decoded = decode_transaction(Bytes(raw)) if kind else rlp_decoded(raw)
    needed = max(map(int, validate_transaction(decoded)))
    assert broken(transaction(kind, to=to, input=data, gas=needed)) is None
    found = broken(transaction(kind, to=to, input=data, gas=needed - 1))
    assert found is not None and f"its gas limit, {needed - 1}, is below " in found


def rlp_decoded(raw: bytes) -> Any:
    from ethereum.forks.prague.transactions import LegacyTransaction
    from ethereum_rlp import rlp as spec_rlp

    assert len(rlp.decode(raw)) == 9
    return spec_rlp.decode_to(LegacyTransaction, Bytes(raw))


@pytest.mark.parametrize(
    ("fork", "gas"),
    [("frontier", 21_000 + 136), ("homestead", 53_136), ("istanbul", 53_032), ("shanghai", 53_034)],
)
def test_what_a_creation_costs_changed(broken: Broken, fork: str, gas: int) -> None:
    def signed(gas: int) -> Told:
        return transaction(0, to=None, chain_id=None, gas=gas)

    assert broken(signed(gas), fork) is None
    assert broken(signed(gas - 1), fork) == f"its gas limit, {gas - 1}, is below its intrinsic gas, {gas}"


def test_signatures(broken: Broken) -> None:
    assert broken(transaction(0, chain_id=1), "spurious_dragon") is None
    assert "EIP-155" in (broken(transaction(0, chain_id=1), "homestead") or "")
    high = flipped(transaction(0, chain_id=None))
    assert broken(high, "frontier") is None
    assert "EIP-2" in (broken(high, "homestead") or "")


def flipped(signed: Told) -> Told:
    """The same transaction with the other signature that is right for it."""
    from eth_hash.auto import keccak

    told, raw = signed
    *fields, v, r, s = rlp.decode(raw)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    other = order - int.from_bytes(s, "big")
    raw = rlp.encode([*fields, bytes([55 - v[0]]), r, other.to_bytes(32, "big")])
    return told | {"v": hex(55 - v[0]), "s": hex(other), "hash": f"0x{keccak(raw).hex()}"}, raw


def test_a_sender_with_code(broken: Broken) -> None:
    delegation = b"\xef\x01\x00" + bytes(20)
    assert broken(transaction(2), "prague", delegation) is None
    for fork, code in (("cancun", delegation), ("prague", b"\x60\x00"), ("prague", delegation + b"\x00")):
        assert "has code before the block (EIP-3607)" in (broken(transaction(2), fork, code) or "")


def test_recording_refuses_it(tmp_path: Path) -> None:
    signed = transaction(2, tip=11, fee=10)
    (tmp_path / "block.json").write_text(json.dumps(block(transaction(2, who=1), signed)))
    state = {address(0): account(), address(1): account(), CONTRACT: account(5, 1, "0x6001")}
    (tmp_path / "prestate.json").write_text(json.dumps(state))
    with pytest.raises(EthereumInputError) as caught:
        read_ethereum(tmp_path / "block.json", tmp_path / "prestate.json")
    assert f"block.json: transaction 1 ({signed[0]['hash']}): its priority fee" in str(caught.value)
    assert "so no block of fork cancun may have it" in str(caught.value)
