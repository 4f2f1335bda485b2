"""Blocks of a dozen transactions to contracts whose code is random but sensible."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from tests.ethereum_synthetic.assembly import (
    CHILD_INIT,
    CHILD_RUNTIME,
    CHILD_SALT,
    FACTORY_CODE,
    asm,
    call,
    create,
    deployer,
    in_memory,
    push,
    unless,
)
from tests.ethereum_synthetic.builder import (
    FIRST_FORK_OF_TYPE,
    BlockBuilder,
    Contract,
    SyntheticBlock,
    authorization,
)
from tests.ethereum_synthetic.chain import (
    COINBASE,
    ETHER,
    GWEI,
    NOBODIES,
    SENDERS,
    address_of,
    create2_address,
    created_address,
    is_since,
    named,
)
from tests.ethereum_synthetic.inputs import P256VERIFY, random_input

TRIES = 16
"""How many transactions are tried; a few of them turn out to be invalid."""
CONTRACTS = 5
SLOTS = 4
PRECOMPILES_TRIED = 18
GAS_MAX = 2**24
"""Of a transaction, from Osaka on (EIP-7825)."""

# Opcodes that push something and take nothing, an address, or a number, with the fork that brought them.
PLAIN = {
    "ADDRESS": "frontier",
    "ORIGIN": "frontier",
    "CALLER": "frontier",
    "CALLVALUE": "frontier",
    "CALLDATASIZE": "frontier",
    "CODESIZE": "frontier",
    "GASPRICE": "frontier",
    "COINBASE": "frontier",
    "TIMESTAMP": "frontier",
    "NUMBER": "frontier",
    "PREVRANDAO": "frontier",
    "GASLIMIT": "frontier",
    "GAS": "frontier",
    "MSIZE": "frontier",
    "PC": "frontier",
    "RETURNDATASIZE": "byzantium",
    "CHAINID": "istanbul",
    "SELFBALANCE": "istanbul",
    "BASEFEE": "london",
    "PUSH0": "shanghai",
    "BLOBBASEFEE": "cancun",
}
OF_ADDRESS = {"BALANCE": "frontier", "EXTCODESIZE": "frontier", "EXTCODEHASH": "constantinople"}
OF_SLOT = {"SLOAD": "frontier", "CALLDATALOAD": "frontier", "TLOAD": "cancun", "BLOBHASH": "cancun"}
OF_ONE = {"NOT": "frontier", "CLZ": "osaka"}
OF_TWO = {
    "ADD": "frontier",
    "MUL": "frontier",
    "SUB": "frontier",
    "SDIV": "frontier",
    "SMOD": "frontier",
    "EXP": "frontier",
    "SIGNEXTEND": "frontier",
    "SLT": "frontier",
    "BYTE": "frontier",
    "SHL": "constantinople",
    "SAR": "constantinople",
}
CALLS = {"CALL": "frontier", "CALLCODE": "frontier", "DELEGATECALL": "homestead", "STATICCALL": "byzantium"}
TOO_NEW_ONE_IN = 60
"""How rarely an opcode is taken that the fork does not have."""


class ProgramWriter:
    """Writes random code in which most of what happens succeeds.

    Arguments:
        rng: where chance comes from.
        fork: whose opcodes to use.
        addresses: which ones the code may call, look at and leave its balance to.
    """

    def __init__(self, rng: random.Random, fork: str, addresses: Sequence[bytes]) -> None:
        self.rng = rng
        self.fork = fork
        self.addresses = addresses
        actions: list[tuple[str, int, Callable[[], bytes]]] = [
            ("frontier", 6, self.store),
            ("frontier", 8, self.call),
            ("frontier", 2, self.log),
            ("frontier", 3, self.create),
            ("frontier", 3, self.sometimes),
            ("frontier", 1, self.copy_code),
            ("frontier", 1, self.look_at_hash),
            ("byzantium", 1, self.copy_returned),
            ("constantinople", 2, self.create2),
            ("cancun", 3, self.store_transient),
            ("cancun", 1, self.copy_memory),
            ("osaka", 3, self.call_with_sense),
        ]
        self.actions = [action for first, _, action in actions if is_since(fork, first)]
        self.weights = [weight for first, weight, _ in actions if is_since(fork, first)]
        self.depth = 0

    def program(self) -> bytes:
        """Code for a contract."""
        self.depth += 1
        count = self.rng.randint(2, 8) if self.depth == 1 else self.rng.randint(1, 2)
        body = b"".join(self.action() for _ in range(count))
        code = body + self.ending()
        self.depth -= 1
        return code

    def init_code(self) -> bytes:
        """Code for a creation, which mostly deploys a contract."""
        kind = self.rng.randrange(10)
        if kind < 4:
            return deployer(self.program(), self.action() if self.rng.random() < 0.3 else b"")
        if kind < 6:
            return deployer(unless(self.value(), self.address() + asm("SELFDESTRUCT")) + self.action())
        return self.rng.choice(
            (
                CHILD_INIT,
                deployer(asm("CALLER SELFDESTRUCT")),
                self.address() + asm("SELFDESTRUCT"),
                asm(3000, 0, "RETURN"),
                deployer(b"\xef\x01"),
                self.action() + asm(0, 0, "REVERT"),
                self.action(),
                b"",
            )
        )

    def action(self) -> bytes:
        """Code that leaves the stack as it is."""
        if self.depth > 3:
            return self.store()
        return self.rng.choices(self.actions, self.weights)[0]()

    def ending(self) -> bytes:
        """Code that ends a program, one way or another."""
        kind = self.rng.randrange(16)
        if kind < 6:
            return b""
        if kind < 9:
            return self.value() + asm(0, "MSTORE", 32, 0, "RETURN")
        if kind < 14:
            # Only when called without data, for something to remain.
            return unless(asm("CALLDATASIZE"), self.address() + asm("SELFDESTRUCT"))
        failure = self.rng.choice(
            (asm(32, 0, "REVERT"), b"\xfe", asm("POP POP"), asm(2**40, "MLOAD"), asm(1, "JUMP"))
        )
        return unless(self.value(), failure)

    # Code that pushes something.

    def opcode(self, table: dict[str, str]) -> bytes:
        """An opcode of a table, of this fork with few exceptions."""
        too_new = self.rng.randrange(TOO_NEW_ONE_IN) == 0
        names = [name for name, first in table.items() if too_new or is_since(self.fork, first)]
        return asm(self.rng.choice(names))

    def value(self) -> bytes:
        kind = self.rng.randrange(10)
        if kind < 3:
            return self.opcode(PLAIN)
        if kind < 5:
            return self.address() + self.opcode(OF_ADDRESS)
        if kind < 7:
            return asm(self.slot()) + self.opcode(OF_SLOT)
        if kind < 8:
            value = asm(self.slot()) + self.opcode(PLAIN) + self.opcode(OF_TWO)
            return value + self.opcode(OF_ONE) if self.rng.random() < 0.5 else value
        return asm(self.rng.choice((0, 1, 2, 255, 2**64, 2**256 - 1)))

    def slot(self) -> int:
        return self.rng.randrange(SLOTS)

    def address(self) -> bytes:
        if self.rng.random() < 0.2:
            return asm(self.rng.choice(("ADDRESS", "CALLER", "ORIGIN", "COINBASE")))
        return push(self.rng.choice(self.addresses))

    def gas(self) -> bytes:
        if is_since(self.fork, "tangerine_whistle") and self.rng.random() < 0.3:
            return asm("GAS")
        return asm(self.rng.choice((0, 2300, 10_000, 30_000, 60_000)))

    def amount(self) -> int:
        return self.rng.choice((0, 0, 0, 0, 1, 10**15, 10**30))

    # Actions.

    def keep(self) -> bytes:
        """Code that takes the top of the stack away."""
        return asm("POP") if self.rng.random() < 0.4 else asm(self.slot(), "SSTORE")

    def store(self) -> bytes:
        return self.value() + asm(self.slot(), "SSTORE")

    def store_transient(self) -> bytes:
        return self.value() + asm(self.slot(), "TSTORE")

    def sometimes(self) -> bytes:
        return unless(self.value(), self.action() + self.action())

    def log(self) -> bytes:
        topics = self.rng.randrange(5)
        pushed = b"".join(self.value() for _ in range(topics))
        return pushed + asm(self.rng.choice((0, 5, 64)), self.slot(), f"LOG{topics}")

    def call(self) -> bytes:
        kinds = [name for name, first in CALLS.items() if is_since(self.fork, first)]
        kind = self.rng.choice(["CALL", *kinds])
        size = self.rng.choice((0, 0, 1, 32, 128))
        return call(self.address(), self.gas(), self.amount(), size, kind) + self.keep()

    def call_with_sense(self) -> bytes:
        """Code that calls a precompiled contract with input that it can do something with."""
        contract, data = random_input(self.rng)
        gas = self.rng.choice((asm("GAS"), asm(10_000), asm(6_900), asm(500)))
        called = in_memory(data) + call(push(contract), gas, input_size=len(data), kind="STATICCALL")
        return called + self.keep() + asm(0, "MLOAD RETURNDATASIZE ADD") + self.keep()

    def create(self) -> bytes:
        self.depth += 1
        code = create(self.init_code(), self.amount()) + self._with_created()
        self.depth -= 1
        return code

    def create2(self) -> bytes:
        self.depth += 1
        code = create(CHILD_INIT, self.amount(), salt=CHILD_SALT) + self._with_created()
        self.depth -= 1
        return code

    def _with_created(self) -> bytes:
        if self.rng.random() < 0.5:
            return self.keep()
        code = b""
        for _ in range(self.rng.randint(1, 2)):
            size = self.rng.choice((0, 32))
            code += (
                asm(0, 0, size, 0, self.rng.choice((0, 1)), "DUP6") + self.gas() + asm("CALL") + self.keep()
            )
        return code + self.keep()

    def copy_code(self) -> bytes:
        return asm(40, 0, 0) + self.address() + asm("EXTCODECOPY", 0, "MLOAD") + self.keep()

    def copy_returned(self) -> bytes:
        return asm(self.rng.choice((0, 0, 1)), 0, 0, "RETURNDATACOPY")

    def copy_memory(self) -> bytes:
        return asm(33, 0, self.slot(), "MCOPY")

    def look_at_hash(self) -> bytes:
        distance = self.rng.choice((0, 1, 2, 3, 100, 255, 256, 257, 10**7))
        return asm(distance, "NUMBER SUB BLOCKHASH") + self.keep()


def random_block(fork: str, seed: int) -> SyntheticBlock:
    """A block of random transactions, the same whenever fork and seed are."""
    rng = random.Random(f"{fork} {seed}")
    names = [named(f"contract {number}") for number in range(CONTRACTS)]
    factory = named("random factory")
    child = create2_address(factory, CHILD_SALT, CHILD_INIT)
    senders = [address_of(key) for key in SENDERS]
    addresses = [
        *names * 8,
        *[factory] * 4,
        *[child] * 6,
        *senders,
        *NOBODIES,
        *(created_address(sender, nonce) for sender in senders for nonce in range(2)),
        *(created_address(name, nonce) for name in names for nonce in (1, 2)),
        *(create2_address(name, CHILD_SALT, CHILD_INIT) for name in names),
        *(number.to_bytes(20, "big") for number in range(1, PRECOMPILES_TRIED)),
        P256VERIFY,
    ]
    writer = ProgramWriter(rng, fork, addresses)
    contracts = [
        Contract(
            name,
            writer.program(),
            balance=rng.choice((0, ETHER)),
            storage={slot: rng.choice((1, 2**255)) for slot in range(SLOTS) if rng.random() < 0.5},
        )
        for name in names
    ]
    contracts.append(Contract(factory, FACTORY_CODE))
    if rng.random() < 0.5:
        contracts.append(Contract(child, CHILD_RUNTIME, rng.choice((0, 7)), storage={0: 3, 2: 5}))
    builder = BlockBuilder(
        fork,
        contracts,
        coinbase=rng.choice((COINBASE, COINBASE, senders[0], names[0], NOBODIES[0])),
        base_fee=rng.choice((0, 7, GWEI)),
        excess_blob_gas=rng.choice((0, 10**7, 8 * 10**7)),
        balances=[rng.choice((ETHER // 100, 100 * ETHER)) for _ in senders],
    )
    for _ in range(TRIES):
        _send_something(rng, builder, writer)
    return builder.finish(
        [(rng.choice(addresses), rng.choice((0, 1, 10**9))) for _ in range(rng.randrange(3))]
    )


def _send_something(rng: random.Random, builder: BlockBuilder, writer: ProgramWriter) -> None:
    """Try to add one random transaction."""
    key = rng.choice(SENDERS)
    kinds = [kind for kind, first in enumerate(FIRST_FORK_OF_TYPE) if is_since(builder.fork, first)]
    kind = rng.choice(kinds)
    creates = kind < 3 and rng.random() < 0.15
    to = None if creates else rng.choice(writer.addresses)
    data = (
        writer.init_code()
        if creates
        else rng.choice((b"", b"", b"\x00" * 32, rng.randbytes(rng.randrange(70))))
    )
    gas = rng.choice((21_000, 60_000, 100_000, 300_000, 1_000_000, 1_000_000))
    if is_since(builder.fork, "osaka") and rng.random() < 0.1:
        gas = rng.choice((GAS_MAX, GAS_MAX + 1))
    tip = rng.choice((0, 1, GWEI))
    value = rng.choice((0, 0, 1, 10**15))
    if rng.random() < 0.05:
        value = max(0, builder.balance(address_of(key)) - gas * (2 * builder.base_fee + tip))
    access_list = [
        (rng.choice(writer.addresses), [writer.slot() for _ in range(rng.randrange(3))])
        for _ in range(rng.randrange(3))
    ]
    authorizations = []
    if kind == 4:
        for _ in range(rng.randint(1, 3)):
            authority = rng.choice(SENDERS)
            nonce = builder.nonce(address_of(authority)) + (authority == key)
            authorizations.append(
                authorization(
                    authority,
                    rng.choice((bytes(20), *writer.addresses)),
                    nonce + rng.choice((0, 0, 0, 0, 1)),
                    rng.choice((0, 1, 1, 1, 2)),
                )
            )
    builder.send(
        key,
        to,
        data,
        value=value,
        gas=gas,
        tip=tip,
        kind=kind,
        access_list=access_list,
        authorizations=authorizations,
        blobs=rng.randint(1, 7 if is_since(builder.fork, "osaka") else 2),
        replay_protection=rng.random() < 0.7,
    )
