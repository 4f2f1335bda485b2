"""Blocks that go through what has been hard to get right, one transaction after the other."""

from __future__ import annotations

from functools import cache

from eth_keys.datatypes import PrivateKey
from ethereum.crypto.hash import keccak256

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
)
from tests.ethereum_synthetic.builder import (
    HISTORY_ADDRESS,
    BlockBuilder,
    Contract,
    Json,
    SyntheticBlock,
    authorization,
)
from tests.ethereum_synthetic.chain import (
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
from tests.ethereum_synthetic.inputs import MODEXP, P256VERIFY, power_input, signature_input


def keep(slot: int) -> bytes:
    """Code that moves the top of the stack into storage."""
    return asm(slot, "SSTORE")


@cache
def scenario_block(fork: str) -> SyntheticBlock:
    """A block with what has been hard to get right, under the rules of a fork.

    Opcodes and types of transactions that the fork does not have yet are tried as well: the first make their
    transaction fail, the others are left out.
    """
    all_gas = asm("GAS") if is_since(fork, "tangerine_whistle") else asm(30_000)
    coinbase_key = SENDERS[4]
    coinbase = address_of(coinbase_key)
    contracts = _scenario_contracts(fork, all_gas)
    builder = BlockBuilder(fork, contracts, coinbase=coinbase)
    first, second, third, fourth, _ = SENDERS
    child = create2_address(named("factory"), CHILD_SALT, CHILD_INIT)
    old_child = create2_address(named("old factory"), CHILD_SALT, CHILD_INIT)
    other_child = create2_address(named("other factory"), CHILD_SALT, CHILD_INIT)

    for gas in (2**24, 2**24 + 1):  # one more than Osaka allows
        builder.send(second, named("friend"), value=1, gas=gas)

    # Storage that is wiped and read later, when the contract is there again.
    builder.send(first, named("factory"))
    builder.send(second, child, b"count")
    builder.send(first, child)
    builder.send(third, named("factory"))
    builder.send(second, child, b"count")
    builder.send(first, old_child, b"count")
    builder.send(first, old_child, value=3)
    builder.send(first, old_child, value=4)
    builder.send(second, named("old factory"))
    builder.send(second, old_child, b"count")
    # The same, with a contract that is gone at the end of the transaction that made it.
    builder.send(first, named("deploys, destroys and deploys"), gas=2_500_000)
    builder.send(second, named("other factory"))
    builder.send(second, other_child, b"count")

    for name in (
        "creates and destroys",
        "touches nobody",
        "survives a failing call",
        "fails after touching",
        "keeps block hashes",
        "transient",
        "transient",
        "creates out of gas",
        "creates in depth",
        "reads others",
        "leaves to nobody",
        "has nothing to leave",
        "leaves to itself",
        "modular powers",
        "counts leading zeros",
        "verifies signatures",
        "creates over storage",
        "touches what has a storage only",
    ):
        builder.send(second, named(name), value=2)
        builder.send(third, named(name), tip=0, replay_protection=False)

    builder.send(second, named("modular powers of long operands"), gas=1_500_000)

    # Storage without code: nothing can be created there (EIP-7610); it goes with an account that is empty.
    builder.send(fourth, None, CHILD_INIT, value=9)
    builder.send(first, named("storage only"), value=1)

    # Contracts made by transactions: one that fits, one that does not, and some that fail.
    for init_code, gas in (
        (CHILD_INIT, 400_000),
        (asm(3000, 0, "RETURN"), 120_000),
        (asm(24_577, 0, "RETURN"), 6_000_000),
        (deployer(b"\xef\x00"), 120_000),
        (asm("ADDRESS SELFDESTRUCT"), 120_000),
        (push(NOBODIES[0]) + asm("SELFDESTRUCT"), 120_000),
        (asm(0, 0, "REVERT"), 120_000),
        (b"\xfe", 120_000),
        (b"", 120_000),
    ):
        builder.send(first, None, init_code, value=9, gas=gas)

    # The coinbase, as recipient, sender and both; fees of zero; everything that one has.
    builder.send(first, coinbase, value=ETHER)
    builder.send(coinbase_key, NOBODIES[1], value=ETHER)
    builder.send(coinbase_key, coinbase, value=1)
    builder.send(first, NOBODIES[2], tip=0, gas=21_000)
    builder.send(first, first_fresh := named("fresh"), value=1, gas=21_000)
    builder.send(third, first_fresh, value=builder.balance(address_of(third)) - 21_000 * GWEI, gas=21_000)
    everything = builder.balance(address_of(fourth)) - 21_000 * (builder.base_fee + GWEI)
    builder.send(fourth, address_of(third), value=everything, gas=21_000)

    # The newer types.
    for kind in (1, 2, 3):
        builder.send(
            first, named("reads others"), kind=kind, access_list=[(named("transient"), [0, 1]), (child, [])]
        )
    for blobs in (7, 6):  # one more than Osaka allows
        builder.send(first, NOBODIES[0], kind=3, blobs=blobs)
    _set_codes(builder)
    builder.send(first, named("reads history"))
    builder.send(first, NOBODIES[0], bytes(500) + b"\x01" * 500, gas=70_000)
    return builder.finish([(coinbase, 5), (named("withdrawn"), 7), (named("nothing"), 0)])


def _set_codes(builder: BlockBuilder) -> None:
    """Transactions of type 4, and calls to the accounts that have got code by them."""
    first, second, third, _, _ = SENDERS
    fresh = PrivateKey(keccak256(b"fresh key"))
    account, other = address_of(second), address_of(fresh)
    nonce = builder.nonce(account)

    def set_code(to: bytes, *authorizations: Json) -> None:
        builder.send(first, to, b"\x01", kind=4, authorizations=authorizations)

    set_code(
        account, authorization(second, named("counts"), nonce), authorization(fresh, named("counts"), 0, 0)
    )
    builder.send(third, account, b"\x01", value=5)
    builder.send(third, named("calls accounts with code"))
    builder.send(second, account)
    builder.send(second, NOBODIES[0], value=1)
    # Wrong: the nonce, the chain, an account with real code.
    set_code(
        account,
        authorization(second, named("transient"), nonce),
        authorization(fresh, named("transient"), 1, 2),
    )
    # To each other; to a precompiled contract; to the sender's own account, in the same transaction.
    set_code(other, authorization(fresh, account, 1))
    set_code(other, authorization(fresh, (4).to_bytes(20, "big"), 2))
    sender_nonce = builder.nonce(address_of(first))
    set_code(address_of(first), authorization(first, named("leaves to itself"), sender_nonce + 1))
    set_code(other, authorization(fresh, named("leaves to nobody"), 3))
    builder.send(third, other, value=3)
    # Sent to itself, an account creates contracts, one of which destroys itself.
    creator = address_of(third)
    set_code(NOBODIES[0], authorization(third, named("creates and destroys"), builder.nonce(creator)))
    builder.send(third, creator, gas=1_000_000)
    # No code any more.
    set_code(other, authorization(fresh, bytes(20), 4))
    builder.send(third, named("calls accounts with code"))


def _scenario_contracts(fork: str, all_gas: bytes) -> list[Contract]:
    child = create2_address(named("other factory"), CHILD_SALT, CHILD_INIT)
    self_destroying = deployer(asm("CALLER SELFDESTRUCT"))
    touching = b"".join(
        call(push(address), asm(5000)) + asm("POP")
        for address in (NOBODIES[0], *(number.to_bytes(20, "big") for number in range(1, 10)))
    )
    creates_and_destroys = (
        create(self_destroying, value=1)
        + asm("DUP1", 0, "SSTORE")
        + b"".join(
            # The address is below what the call needs: copied from there.
            asm(0, 0, 0, 0, value, "DUP6", all_gas, "CALL", slot, "SSTORE")
            for slot, value in ((1, 0), (2, 1))
        )
        + asm("DUP1 BALANCE", 3, "SSTORE", "EXTCODESIZE", 4, "SSTORE")
        + create(create(self_destroying) + asm("POP ADDRESS SELFDESTRUCT"), value=1)
        + keep(5)
    )
    deploys_again = b"".join(
        call(push(address), asm(600_000)) + keep(slot)
        for slot, address in enumerate((named("other factory"), child, named("other factory"), child))
    )
    history = b"".join(
        asm("NUMBER", 1 + distance, "SWAP1 SUB", 0, "MSTORE")
        + call(push(HISTORY_ADDRESS), all_gas, input_size=32)
        + asm("POP", 0, "MLOAD", 1 + distance, "SSTORE")
        for distance in (0, 1, 300)
    )
    others = b"".join(
        asm(push(address), name, 1 + 10 * place + other, "SSTORE")
        for place, address in enumerate((NOBODIES[0], named("transient"), address_of(SENDERS[0]), bytes(20)))
        for other, name in enumerate(
            ("BALANCE", "EXTCODESIZE", "EXTCODEHASH") if is_since(fork, "constantinople") else ("BALANCE",)
        )
    )
    codes = {
        "factory": FACTORY_CODE,
        "old factory": FACTORY_CODE,
        "other factory": FACTORY_CODE,
        "deploys, destroys and deploys": deploys_again,
        "creates and destroys": creates_and_destroys,
        "touches nobody": touching + call(push(NOBODIES[2]), all_gas, value=10**30) + keep(1),
        "survives a failing call": call(push(named("fails after touching")), asm(60_000)) + keep(1),
        "fails after touching": touching + call(push(NOBODIES[1]), all_gas, value=1) + b"\xfe",
        "keeps block hashes": b"".join(
            asm("NUMBER", distance, "SWAP1 SUB BLOCKHASH", 1 + distance, "SSTORE")
            for distance in (0, 1, 2, 255, 256, 257, 2**40)
        ),
        "transient": asm(0, "TLOAD", 1, "ADD", 0, "SSTORE", 5, 0, "TSTORE", 0, "TLOAD", 1, "SSTORE")
        + call(push(named("transient and fails")), all_gas, kind="DELEGATECALL")
        + asm(2, "SSTORE", 0, "TLOAD", 3, "SSTORE"),
        "transient and fails": asm(9, 0, "TSTORE", 0, 0, "REVERT"),
        "creates out of gas": create(asm(3000, 0, "RETURN"), value=1) + keep(1),
        # 0 to the power of 0 modulo 2: no base and no exponent; no base, and an exponent of one zero; then to 1.
        "modular powers": b"".join(
            in_memory(b"".join(length.to_bytes(32, "big") for length in lengths) + operands)
            + call(asm(5), asm(20_000), input_size=96 + len(operands))
            + keep(slot)
            + asm(0, "MLOAD", slot + 10, "SSTORE")
            for slot, (lengths, operands) in enumerate(
                (
                    ((0, 0, 32), bytes(31) + b"\x02"),
                    ((0, 1, 32), bytes(32) + b"\x02"),
                    ((0, 1, 32), b"\x01\xff"),
                )
            )
        ),
        # Of 1023 to 1025 bytes: 3 to the power of zeros, the bound of EIP-7823, and the price of EIP-7883.
        "modular powers of long operands": b"".join(
            in_memory(power_input(b"\x03", bytes(length), b"\x05")[:128])
            + call(push(MODEXP), asm(300_000), input_size=128)
            + keep(slot)
            + asm("GAS", slot + 10, "SSTORE")
            for slot, length in enumerate((1023, 1024, 1025))
        ),
        "counts leading zeros": b"".join(
            asm(value, "CLZ", 1 + slot, "SSTORE")
            for slot, value in enumerate((0, 1, 2**255, 2**256 - 1, 2**64))
        ),
        "verifies signatures": b"".join(
            in_memory(data)
            + call(push(P256VERIFY), asm(gas), input_size=len(data))
            + asm(slot, "SSTORE RETURNDATASIZE", slot + 10, "SSTORE", 0, "MLOAD", slot + 20, "SSTORE")
            for slot, (data, gas) in enumerate(
                (
                    (signature_input(), 6900),
                    (signature_input(), 6899),
                    (signature_input(b"test"), 6900),
                    (signature_input()[:-1], 6900),
                )
            )
        ),
        "creates over storage": create(CHILD_INIT, value=1)
        + keep(1)
        + create(CHILD_INIT)
        + keep(2)
        + create(CHILD_INIT, salt=CHILD_SALT)
        + keep(3),
        "touches what has a storage only": call(push(named("storage only")), all_gas) + keep(1),
        "creates in depth": create(deployer(asm(1, 0, "SSTORE"), create(CHILD_INIT) + keep(2))) + keep(1),
        "reads others": others + asm("GAS", 99, "SSTORE"),
        "leaves to nobody": push(named("heir")) + asm("SELFDESTRUCT"),
        "has nothing to leave": push(named("heir of nothing")) + asm("SELFDESTRUCT"),
        "leaves to itself": asm("ADDRESS SELFDESTRUCT"),
        "counts": asm(0, "SLOAD", 1, "ADD", 0, "SSTORE", "CALLVALUE", 1, "SSTORE"),
        "calls accounts with code": b"".join(
            call(push(address), all_gas)
            + asm(slot, "SSTORE", push(address), "EXTCODESIZE", slot + 10, "SSTORE")
            for slot, address in enumerate(
                (address_of(SENDERS[1]), address_of(PrivateKey(keccak256(b"fresh key"))))
            )
        ),
        "reads history": history,
    }
    empty_handed = ("has nothing to leave", "leaves to itself")
    contracts = [
        Contract(named(name), code, balance=0 if name in empty_handed else ETHER, storage={1: 2, 8: 9})
        for name, code in codes.items()
    ]
    old_child = create2_address(named("old factory"), CHILD_SALT, CHILD_INIT)
    over = named("creates over storage")
    taken = (
        created_address(over, 1),
        create2_address(over, CHILD_SALT, CHILD_INIT),
        created_address(address_of(SENDERS[3]), 0),
    )
    contracts += [Contract(address, b"", balance=1, nonce=0, storage={1: 2}) for address in taken]
    if not is_since(fork, "paris"):  # from there on the specifications know no empty accounts (EIP-7523)
        contracts.append(Contract(named("storage only"), b"", nonce=0, storage={3: 4}))
    return [*contracts, Contract(old_child, CHILD_RUNTIME, balance=1, storage={0: 40, 3: 4})]
