"""The tries of Ethereum's state against the execution specifications, however changes and parts are cut."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hypothesis import example, given, settings
from hypothesis import strategies as st

from blockstm.ethereum.checking.finalaccounts import accounts_of
from blockstm.ethereum.rules.keys import (
    EXISTS,
    balance_key,
    block_hash_key,
    code_key,
    decode_number,
    encode_number,
    existence_key,
    incarnation_key,
    nonce_key,
    storage_key,
)
from blockstm.ethereum.state_trie import EMPTY_TRIE_ROOT, EthereumStateTree, state_root
from blockstm.native._trees import keccak_256
from blockstm.trees.nodes import MemoryNodes
from tests.blockchain_tests.synthetic import state_root_of
from tests.support.ethereum.oracle import Account

SETTINGS = settings(deadline=None, print_blob=True, max_examples=40)
state_root_of("london", {})  # loading the specifications raises the recursion limit, which no test should
ADDRESSES = [bytes([number]) * 20 for number in range(1, 9)]
Changes = dict[bytes, bytes | None]
State = dict[bytes, bytes]

numbers = st.integers(0, 2) | st.integers(0, 2**256 - 1)
fields = st.tuples(
    st.sampled_from(["nonce", "balance", "code", "slot", "slot", "slot", "wipe", "destroy"]),
    st.sampled_from(ADDRESSES),
    st.integers(0, 5) | st.integers(0, 2**256 - 1),
    numbers,
)
transactions = st.lists(fields, min_size=1, max_size=8)
blocks = st.lists(st.lists(transactions, max_size=4), max_size=5)


def carried_out(state: State, steps: Iterable[tuple[str, bytes, int, int]]) -> Changes:
    """What a transaction changes; `state` is what it is after it."""
    changes: Changes = {}

    def write(key: bytes, value: bytes) -> None:
        changes[key] = value or None
        state.pop(key, None)
        if value:
            state[key] = value

    for kind, address, slot, number in steps:
        incarnation = decode_number(state.get(incarnation_key(address)))
        if kind == "nonce":
            write(nonce_key(address), encode_number(number % 2**64))
        elif kind == "balance":
            write(balance_key(address), encode_number(number))
        elif kind == "code":
            code = encode_number(number)
            write(code_key(address), keccak_256(code) + code if code else b"")
        elif kind == "slot":
            write(storage_key(address, slot, incarnation), encode_number(number))
        else:
            write(incarnation_key(address), encode_number(incarnation + 1))
        if kind == "destroy":
            for key in (nonce_key(address), balance_key(address), code_key(address), existence_key(address)):
                write(key, b"")
        else:
            write(existence_key(address), EXISTS)
    return changes


def specified_root(state: Mapping[bytes, bytes]) -> bytes:
    accounts = {
        address: Account(account.nonce, account.balance, account.code, account.storage)
        for address, account in accounts_of(state).items()
    }
    return state_root_of("london", accounts)


@given(chain=blocks, reopened=st.sets(st.integers(0, 4)), together=st.sets(st.integers(0, 4)))
@SETTINGS
def test_the_root_after_each_block_is_that_of_the_specifications(
    chain: list[list[list[tuple[str, bytes, int, int]]]], reopened: set[int], together: set[int]
) -> None:
    state: State = {block_hash_key(5): b"h" * 32}
    nodes = MemoryNodes()
    tree = EthereumStateTree(nodes)
    for number, block in enumerate(chain):
        if number in reopened:
            tree = EthereumStateTree(nodes, tree.root)
        made = [carried_out(state, steps) for steps in block]
        if number in together:
            made = [{key: value for changes in made for key, value in changes.items()}]
        for changes in made:
            tree.update(changes)
            tree.hash_ahead()
        committed = tree.commit()
        nodes.put(committed.nodes)
        tree.forget()
        assert committed.root == tree.root == specified_root(state) == state_root(state)
    for address, account in accounts_of(state).items():
        code_hash = keccak_256(account.code)
        assert tree.account(address) == (account.nonce, account.balance, code_hash)
        for slot, value in account.storage.items():
            assert tree.slot(address, slot) == value
            assert tree.slots(address)[keccak_256(slot.to_bytes(32, "big"))] == value
    assert all(tree.account(address) is None for address in ADDRESSES if existence_key(address) not in state)


@given(chain=blocks, owner=st.lists(st.integers(0, 2), min_size=16, max_size=16))
@example(chain=[[[("nonce", ADDRESSES[0], 0, 1)]]] * 2, owner=[0] * 16)  # the only part, set to what it is
@SETTINGS
def test_trees_that_each_commit_some_parts_are_joined_to_the_same_root(
    chain: list[list[list[tuple[str, bytes, int, int]]]], owner: list[int]
) -> None:
    """As several processes do: each has the whole tree, and is told the changes of its own parts only."""
    state: State = {}
    nodes = MemoryNodes()
    joining, *others = (EthereumStateTree(nodes) for _ in range(4))
    for block in chain:
        for steps in block:
            changes = carried_out(state, steps)
            nibbles = joining.nibbles(list(changes))
            for number, tree in enumerate(others):
                tree.update(
                    {
                        key: value
                        for (key, value), nibble in zip(changes.items(), nibbles, strict=True)
                        if owner[nibble] == number
                    }
                )
        committed = [tree.commit_parts() for tree in others]
        joined = joining.join({nibble: part for made in committed for nibble, part in made.parts.items()})
        for made in committed:
            nodes.put(made.nodes)
        nodes.put(joined.nodes)
        for tree in (joining, *others):
            tree.forget()
        assert joined.root == joining.root == specified_root(state)
        assert EthereumStateTree(nodes, joined.root).commit().root == joined.root
        for address, account in accounts_of(state).items():
            found = EthereumStateTree(nodes, joined.root).account(address)
            assert found == (account.nonce, account.balance, keccak_256(account.code))


def test_an_empty_state_has_the_root_of_an_empty_trie() -> None:
    assert state_root({}) == EMPTY_TRIE_ROOT == specified_root({})
    assert EthereumStateTree(MemoryNodes()).commit() == (EMPTY_TRIE_ROOT, {})
