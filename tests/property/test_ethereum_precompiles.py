"""Precompiled contracts against those of the execution specifications, with whatever input."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace

import coincurve
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("eth", reason="py-evm is not installed: pip install -e '.[ethereum]'")

import ckzg
from eth.vm.message import Message
from eth_typing import Address
from ethereum_types.bytes import Bytes
from ethereum_types.numeric import Uint

from blockstm.ethereum.py_evm.machine import machine_for
from blockstm.ethereum.py_evm.mappingcontext import MappingContext
from blockstm.ethereum.rules.environment import Environment
from blockstm.ethereum.rules.keys import ENVIRONMENT_KEY

FIRST_FORKS = {1: "frontier", 5: "byzantium", 9: "istanbul", 10: "cancun", 11: "prague", 0x100: "osaka"}
"""With which fork the contracts from a number on came."""
FORKS = (
    "frontier",
    "byzantium",
    "petersburg",
    "istanbul",
    "berlin",
    "paris",
    "cancun",
    "prague",
    "osaka",
    "bpo2",
)
CALLER = Address(b"\x11" * 20)
SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

SPECIFIED = {
    fork: (
        import_module(f"ethereum.forks.{name}.vm.precompiled_contracts.mapping").PRE_COMPILED_CONTRACTS,
        import_module(f"ethereum.forks.{name}.vm.exceptions").ExceptionalHalt,
    )
    for fork in FORKS
    for name in ({"petersburg": "constantinople"}.get(fork, fork),)
}
"""By fork: the contracts of the specifications by their addresses, and what they raise when they fail."""

Outcome = tuple[int, bytes] | None
"""The gas that is left and the output; None for a failure, which takes all gas."""


def ours(fork: str, number: int, data: bytes, gas: int) -> Outcome:
    environment = Environment(fork, 1, 1, bytes(20), 1, 0, bytes(32), 30_000_000, 7, 0)
    context = MappingContext({ENVIRONMENT_KEY: environment.encoded()})
    state = machine_for(context).state(context)
    message = Message(
        gas=gas, to=Address(number.to_bytes(20, "big")), sender=CALLER, value=0, data=data, code=b""
    )
    transaction = state.get_transaction_context_class()(gas_price=0, origin=CALLER)
    computation = state.computation_class.apply_message(state, message, transaction)
    if computation.is_error:
        return None
    return computation.get_gas_remaining(), bytes(computation.output)


def specified(fork: str, number: int, data: bytes, gas: int) -> Outcome:
    contracts, failure = SPECIFIED[fork]
    by_number = {int.from_bytes(address, "big"): contract for address, contract in contracts.items()}
    frame = SimpleNamespace(message=SimpleNamespace(data=Bytes(data)), gas_left=Uint(gas), output=b"")
    try:
        by_number[number](frame)
    except failure:
        return None
    return int(frame.gas_left), bytes(frame.output)


def forks_of(number: int) -> tuple[str, ...]:
    first = max(start for start in FIRST_FORKS if start <= number)
    return FORKS[FORKS.index(FIRST_FORKS[first]) :]


def assert_same(fork: str, number: int, data: bytes, gas: int) -> None:
    expected = specified(fork, number, data, gas)
    assert ours(fork, number, data, gas) == expected


def word(value: int, size: int = 32) -> bytes:
    return (value % (1 << 8 * size)).to_bytes(size, "big")


def operand(size: int) -> st.SearchStrategy[bytes]:
    shown = min(size, 200)
    return st.one_of(
        st.just(bytes(shown)), st.just(word(1, shown) if shown else b""), st.binary(max_size=shown)
    )


@st.composite
def powers(draw: st.DrawFn) -> bytes:
    """Input of MODEXP: lengths of any relation to what follows, operands of zeros, ones and others."""
    length = st.sampled_from((0, 0, 1, 2, 31, 32, 33, 64, 65, 1024, 1025)) | st.integers(0, 100)
    lengths = [draw(length) for _ in range(3)]
    if draw(st.integers(0, 9)) == 0:
        lengths[draw(st.integers(0, 2))] = 2**64
    data = b"".join(map(word, lengths)) + b"".join(draw(operand(size)) for size in lengths)
    return data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(forks_of(5)), powers(), st.sampled_from((200, 500, 3000, 10**6)))
def test_modular_powers_are_those_of_the_specifications(fork: str, data: bytes, gas: int) -> None:
    assert_same(fork, 5, data, gas)


@pytest.mark.parametrize("fork", forks_of(5))
@pytest.mark.parametrize(
    ("lengths", "operands", "expected"),
    [
        ((0, 0, 1), b"\x02", b"\x01"),  # 0 to the power of 0 is 1
        ((0, 0, 3), b"\x00\x00\x02", b"\x00\x00\x01"),
        ((0, 1, 1), b"\x00\x02", b"\x01"),
        ((0, 1, 1), b"\x01\x02", b"\x00"),
        ((0, 0, 1), b"\x01", b"\x00"),  # modulo 1
        ((0, 0, 2), b"", b"\x00\x00"),  # modulo 0
        ((0, 0, 2), b"\x01", b"\x00\x01"),  # modulo 0x0100
        ((0, 0, 0), b"", b""),
        ((1, 0, 1), b"\x05\x07", b"\x01"),
    ],
)
def test_empty_operands_are_zero(
    fork: str, lengths: tuple[int, int, int], operands: bytes, expected: bytes
) -> None:
    data = b"".join(map(word, lengths)) + operands
    outcome = ours(fork, 5, data, 10_000)
    assert outcome is not None and outcome[1] == expected
    assert outcome == specified(fork, 5, data, 10_000)


@pytest.mark.parametrize("fork", ["prague", "osaka", "bpo2"])
@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("length", [1024, 1025])
def test_operands_are_bounded_from_osaka_on(fork: str, place: int, length: int) -> None:
    lengths = [1, 1, 1]
    lengths[place] = length
    data = b"".join(map(word, lengths)) + b"\x03" * sum(lengths)
    outcome = ours(fork, 5, data, 10**7)
    assert (outcome is None) == (fork != "prague" and length == 1025)
    assert outcome == specified(fork, 5, data, 10**7)


P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P256_FIELD = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF


@st.composite
def p256_inputs(draw: st.DrawFn) -> bytes:
    """Input of P256VERIFY: right signatures, and such in which one word or the length is wrong."""
    from cryptography.hazmat.primitives.asymmetric import ec, utils
    from cryptography.hazmat.primitives.hashes import SHA256

    key = ec.derive_private_key(draw(st.integers(1, 2**128)), ec.SECP256R1())
    digest = draw(st.binary(min_size=32, max_size=32))
    signature = key.sign(digest, ec.ECDSA(utils.Prehashed(SHA256())))
    r, s = utils.decode_dss_signature(signature)
    point = key.public_key().public_numbers()
    words = [int.from_bytes(digest, "big"), r, draw(st.sampled_from((s, P256_ORDER - s))), point.x, point.y]
    edges = (0, 1, P256_ORDER - 1, P256_ORDER, P256_FIELD - 1, P256_FIELD, 2**256 - 1)
    match draw(st.integers(0, 3)):
        case 0:
            words[draw(st.integers(0, 4))] = draw(st.sampled_from(edges))
        case 1:
            words[3:] = draw(
                st.sampled_from(((0, 0), (0, 1), (point.x, P256_FIELD - point.y), (point.y, point.x)))
            )
    data = b"".join(map(word, words))
    return draw(st.sampled_from((data, data, data, data[:-1], data + b"\0", b"")))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(forks_of(0x100)), p256_inputs(), st.sampled_from((6899, 6900, 10_000)))
def test_signatures_on_p256_are_those_of_the_specifications(fork: str, data: bytes, gas: int) -> None:
    assert_same(fork, 0x100, data, gas)


def test_a_right_signature_on_p256_is_verified() -> None:
    # RFC 6979, A.2.5: the key, and the signature of "sample" with SHA-256.
    key = (
        0x60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6,
        0x7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299,
    )
    r = 0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716
    s = 0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8
    data = hashlib.sha256(b"sample").digest() + b"".join(map(word, (r, s, *key)))
    assert ours("osaka", 0x100, data, 6900) == (0, word(1))
    assert ours("osaka", 0x100, hashlib.sha256(b"test").digest() + data[32:], 6900) == (0, b"")
    assert ours("prague", 0x100, data, 6900) == (6900, b"")  # nobody is there


@settings(max_examples=60, deadline=None)
@given(st.sampled_from((2, 3, 4)), st.sampled_from(FORKS), st.binary(max_size=200), st.integers(0, 1000))
def test_hashes_are_those_of_the_specifications(number: int, fork: str, data: bytes, gas: int) -> None:
    assert_same(fork, number, data, gas)


def test_ripemd160_does_not_take_openssl(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = specified("frontier", 3, b"what OpenSSL 3.0.2 cannot do", 10_000)

    def unsupported(name: str, *_: object, **__: object) -> None:
        raise ValueError(f"unsupported hash type {name}")

    monkeypatch.setattr(hashlib, "new", unsupported)
    assert ours("frontier", 3, b"what OpenSSL 3.0.2 cannot do", 10_000) == expected


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(FORKS),
    st.binary(min_size=32, max_size=32),
    st.sampled_from((0, 1, 26, 27, 27, 28, 28, 29, 27 + (1 << 200))),
    *[
        st.sampled_from((0, 1, 5, SECP256K1_ORDER - 1, SECP256K1_ORDER, 2**256 - 1))
        | st.integers(0, SECP256K1_ORDER)
    ]
    * 2,
    st.integers(0, 140),
)
def test_recovered_signers_are_those_of_the_specifications(
    fork: str, digest: bytes, v: int, r: int, s: int, size: int
) -> None:
    data = digest + word(v) + word(r) + word(s)
    assert_same(fork, 1, data if size > len(data) else data[:size], 10_000)


def test_a_signature_of_the_point_at_infinity_has_no_signer() -> None:
    point = coincurve.PrivateKey.from_int(12_345).public_key.format(compressed=False)
    r, s = int.from_bytes(point[1:33], "big"), 777
    data = word(12_345 * s % SECP256K1_ORDER) + word(27 + point[-1] % 2) + word(r) + word(s)
    assert ours("cancun", 1, data, 10_000) == specified("cancun", 1, data, 10_000) == (7_000, b"")


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(forks_of(9)),
    st.sampled_from((0, 1, 12, 100)),
    st.binary(min_size=208, max_size=208),
    st.sampled_from((0, 1, 1, 2)),
    st.integers(-3, 1),
)
def test_blake2_is_that_of_the_specifications(
    fork: str, rounds: int, data: bytes, final: int, more: int
) -> None:
    whole = word(rounds, 4) + data + bytes([final])
    assert_same(fork, 9, whole[:more] if more < 0 else whole + bytes(more), 50)


INFINITY = b"\xc0" + bytes(47)
VERSIONED = b"\x01" + hashlib.sha256(INFINITY).digest()[1:]


@pytest.mark.parametrize(
    ("data", "gas"),
    [
        (VERSIONED + bytes(64) + 2 * INFINITY, 50_000),  # the zero polynomial is 0 everywhere
        (VERSIONED + bytes(64) + 2 * INFINITY, 49_999),
        (VERSIONED + bytes(63) + b"\x01" + 2 * INFINITY, 50_000),  # and not 1
        (VERSIONED + b"\xff" * 32 + bytes(32) + 2 * INFINITY, 50_000),  # no number of the field
        (VERSIONED + bytes(64) + INFINITY + bytes(48), 50_000),  # no point
        (bytes(64 + 32) + 2 * INFINITY, 50_000),  # another commitment's hash
        (VERSIONED + bytes(64) + 2 * INFINITY + b"\x00", 50_000),
        (b"", 50_000),
    ],
)
def test_point_evaluations_are_those_of_the_specifications(data: bytes, gas: int) -> None:
    assert_same("cancun", 10, data, gas)


def test_the_trusted_setup_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    data = VERSIONED + bytes(64) + 2 * INFINITY
    ours("cancun", 10, data, 50_000)

    def again(*_: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(ckzg, "load_trusted_setup", again)
    assert ours("cancun", 10, data, 50_000) is not None


def curve_inputs(number: int, chance: random.Random) -> bytes:
    """Input of a contract on curves: points of the curve, at infinity and elsewhere, cut or whole."""
    from py_ecc import optimized_bls12_381 as bls
    from py_ecc import optimized_bn128 as bn

    curve, size = (bn, 32) if number < 9 else (bls, 64)

    def coordinate() -> int:
        edges = (0, 1, 2, curve.field_modulus - 1, curve.field_modulus, 2 ** (8 * size) - 1)
        return chance.choice((*edges, chance.randrange(curve.field_modulus)))

    def point(generator: object, coordinates: int) -> bytes:
        if chance.random() < 0.2:
            return bytes(coordinates * size)
        if chance.random() < 0.1:
            return b"".join(word(coordinate(), size) for _ in range(coordinates))
        at = curve.normalize(curve.multiply(generator, chance.choice((1, 2, 3, curve.curve_order - 1))))
        if coordinates == 2:
            return b"".join(word(int(part), size) for part in at)
        order = (1, 0) if curve is bn else (0, 1)
        return b"".join(word(int(part.coeffs[place]), size) for part in at for place in order)

    def first() -> bytes:
        return point(curve.G1, 2)

    def second() -> bytes:
        return point(curve.G2, 4)

    def factor() -> bytes:
        return word(chance.choice((0, 1, 2, curve.curve_order, 2**256 - 1, chance.randrange(2**256))))

    make: dict[int, Callable[[], bytes]] = {
        6: lambda: first() + first(),
        7: lambda: first() + factor(),
        8: lambda: b"".join(first() + second() for _ in range(chance.randrange(3))),
        11: lambda: first() + first(),
        12: lambda: b"".join(first() + factor() for _ in range(chance.randrange(3))),
        13: lambda: second() + second(),
        14: lambda: b"".join(second() + factor() for _ in range(chance.randrange(2))),
        15: lambda: b"".join(first() + second() for _ in range(chance.randrange(2))),
        16: lambda: word(coordinate(), 64),
        17: lambda: word(coordinate(), 64) + word(coordinate(), 64),
    }
    data = make[number]()
    if chance.random() < 0.2:
        return data[: chance.randrange(len(data) + 1)]
    return data + bytes(chance.randrange(40)) if chance.random() < 0.1 else data


@pytest.mark.parametrize("number", [6, 7, 8, 11, 12, 13, 14, 15, 16, 17])
def test_points_are_those_of_the_specifications(number: int) -> None:
    chance = random.Random(number)
    for _ in range(2 if number in (8, 14, 15, 17) else 8):
        gas = chance.choice((10**6, 10**6, 10**6, 400))
        assert_same(chance.choice(forks_of(number)), number, curve_inputs(number, chance), gas)
