"""The state before a block as its witness proves it: each account that is looked for exactly, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from blockstm.errors import TreeError, shown
from blockstm.ethereum.block import StateWitness
from blockstm.ethereum.node.prestate import Account
from blockstm.ethereum.node.rpc import NodeBlock
from blockstm.ethereum.node.witness import Witness
from blockstm.ethereum.rules.environment import Environment
from blockstm.ethereum.rules.forks import SPURIOUS_DRAGON, is_at_least
from blockstm.ethereum.rules.system import slots_accessed
from blockstm.ethereum.state_trie import EMPTY_CODE_HASH, EthereumStateTree
from blockstm.files.content import ContentError
from blockstm.native._trees import keccak_256, keccak_256_many

__all__ = ["FIRST_PRECOMPILES", "accounts_proved", "hashes_told", "root_before"]

FIRST_PRECOMPILES: Final = tuple(number.to_bytes(20, "big") for number in range(1, 5))
_FIX: Final = "give a witness of all that the block accesses"
_SLOT_BYTES: Final = 32
_HASHES_MAX: Final = 256
"""How many earlier blocks the opcode BLOCKHASH knows."""


def root_before(witness: Witness, block: NodeBlock, parent: Mapping[str, str] | None) -> bytes:
    """Return the root hash of the state before a block: the parent's, or else what the witness says.

    Arguments:
        witness: of that state.
        block: the block.
        parent: the header of its parent, as `read_parent_header` returns it, where it is known.

    Raises:
        ContentError: it is not known, or the witness is of another state.
    """
    stated = None if parent is None else bytes.fromhex(parent["stateRoot"][2:])
    if stated is None and witness.root is None:
        raise ContentError(
            f"it does not tell the state root before block {block.number}; give the header of the parent (--parent)"
        )
    if None not in (stated, witness.root) and stated != witness.root:
        assert stated is not None and witness.root is not None
        raise ContentError(
            f"it is of the state 0x{witness.root.hex()}, and the parent of block {block.number} has the state root "
            f"0x{stated.hex()}; give the witness of this block"
        )
    root = stated or witness.root
    assert root is not None
    return root


def hashes_told(witness: Witness, block: NodeBlock) -> dict[int, bytes]:
    """Return the hashes of earlier blocks that a witness tells, by number.

    Raises:
        ContentError: that of the parent is another one.
    """
    first = max(block.number - _HASHES_MAX, 0)
    hashes = {number: found for number, found in witness.hashes.items() if first <= number < block.number}
    if hashes.get(block.number - 1, block.values["parentHash"]) != block.values["parentHash"]:
        raise ContentError(
            f"it tells another hash of block {block.number - 1} than block {block.number}; {_FIX}"
        )
    return hashes


def accounts_proved(
    witness: Witness, root: bytes, block: NodeBlock, environment: Environment, told: Mapping[bytes, Account]
) -> dict[bytes, Account | None]:
    """Return the accounts that a block accesses, exactly as a witness proves them; None for one that is not there.

    Of an account's storage, the slots are found whose numbers are known. A code that nothing tells is left out: it
    is that of an account of which only the balance is wanted.

    Arguments:
        witness: of the state before the block.
        root: the root hash of that state.
        block: the block.
        environment: of the block.
        told: accounts that something else tells, which must be what the witness says.

    Raises:
        ContentError: the witness lacks a node, or is damaged, or something else is told than it says.
    """
    of_protocol = slots_accessed(environment)
    slots = witness.slots.union(*of_protocol.values(), *(account.storage for account in told.values()))
    numbers = dict(zip(keccak_256_many(map(_slot_bytes, slots)), slots, strict=True))
    addresses = witness.addresses | told.keys() | of_protocol.keys() | _addresses_of(block)
    codes = witness.codes | {keccak_256(account.code): account.code for account in told.values()}
    proved: dict[bytes, Account | None] = {}
    try:
        tree = EthereumStateTree(StateWitness(root, witness.nodes), root, is_found_by_hash=True)
        for address in sorted(addresses):
            proved[address] = _account(tree, address, numbers, codes)
        for address, account in told.items():
            _check_told(tree, address, account, proved[address])
    except TreeError as error:
        raise ContentError(f"{error}; {_FIX}") from error
    if not is_at_least(environment.fork, SPURIOUS_DRAGON):
        proved |= _if_proved(tree, FIRST_PRECOMPILES, witness)
    return proved


def _slot_bytes(slot: int) -> bytes:
    return slot.to_bytes(_SLOT_BYTES, "big")


def _addresses_of(block: NodeBlock) -> set[bytes]:
    """Return the accounts that a block accesses whatever its transactions do."""
    found = {block.values["miner"]}
    for transaction in block.transactions:
        found |= {transaction.sender, transaction.target}
    return found | {withdrawal.address for withdrawal in block.withdrawals or ()}


def _account(
    tree: EthereumStateTree, address: bytes, numbers: Mapping[bytes, int], codes: Mapping[bytes, bytes]
) -> Account | None:
    found = tree.account(address)
    if found is None:
        return None
    nonce, balance, code_hash = found
    storage = {numbers[path]: value for path, value in sorted(tree.slots(address).items()) if path in numbers}
    return Account(balance, nonce, codes.get(code_hash, b""), storage)


def _if_proved(
    tree: EthereumStateTree, addresses: Iterable[bytes], witness: Witness
) -> dict[bytes, Account | None]:
    proved = {}
    for address in addresses:
        try:
            proved[address] = _account(tree, address, {}, witness.codes)
        except TreeError:
            continue  # no transaction has looked at it
    return proved


def _check_told(tree: EthereumStateTree, address: bytes, told: Account, proved: Account | None) -> None:
    """Check that an account is told as it is proved; one that does not exist may be told as an empty one."""
    has = proved or Account(0, 0, b"")
    found = tree.account(address)
    code_hash = EMPTY_CODE_HASH if found is None else found[2]
    told_code_hash = keccak_256(told.code)
    differing: list[tuple[str, object, object]] = [
        ("nonce", told.nonce, has.nonce),
        ("balance", told.balance, has.balance),
        ("code", f"of the hash 0x{told_code_hash.hex()}", f"of the hash 0x{code_hash.hex()}"),
    ]
    differing += [
        (f"slot {slot:#x}", value, tree.slot(address, slot)) for slot, value in told.storage.items()
    ]
    for name, value, proved_value in differing:
        if value != proved_value:
            raise ContentError(
                f"account 0x{address.hex()}: the pre-state has {name} {shown(value)}, and the witness proves "
                f"{shown(proved_value)}; give both of the same block"
            )
