"""Blocks of `blockstm.testing.blocks`: what they are made of, and that they shrink to the least that matters."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from typing import Any, Literal

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from blockstm.blocks.block import Block
from blockstm.errors import UsageError
from blockstm.programs.built_in import trace, transfer
from blockstm.programs.program import PythonProgram, program
from blockstm.testing import blocks
from tests.support.oracle import run_in_order

FEW = settings(max_examples=30, deadline=None, database=None)
MANY = settings(max_examples=2000, deadline=None, database=None, derandomize=True)


@program
def pay(ctx: Any, sender: bytes, receiver: bytes, amount: int) -> None:
    balance = int.from_bytes(ctx.read(sender) or b"", "big")
    if balance < amount:
        ctx.revert("too poor")
    ctx.write(sender, (balance - amount).to_bytes(8, "big"))
    ctx.add(receiver, amount)


@program
def hinted(
    ctx: Any,
    key: bytes,
    several: list[bytes],
    shares: dict[str, int],
    mode: Literal["fast", "slow"],
    pair: tuple[bool, float],
    limit: int | None = None,
    unhinted=7,
    *rest: bytes,
) -> None:
    ctx.read(key)


@program
def bare(ctx, key) -> None:
    ctx.read(key)


@given(blocks([pay, hinted, transfer, trace], max_transactions=5, gas_limit=st.just(10**6)))
@settings(FEW)
def test_arguments_follow_from_type_hints_and_kinds(block: Block) -> None:
    assert 1 <= len(block) <= 5
    assert set(block.state) <= {b"a", b"b", b"c", b"d"}
    for transaction in block.transactions:
        assert transaction.gas_limit == 10**6
        if transaction.program == hinted:
            key, several, shares, mode, pair, limit, unhinted = transaction.arguments
            assert {key, *several} <= {b"a", b"b", b"c", b"d"}  # type: ignore[misc]
            assert isinstance(shares, dict) and all(isinstance(share, int) for share in shares.values())
            assert mode in ("fast", "slow")
            assert [type(part) for part in pair] == [bool, float]  # type: ignore[attr-defined]
            assert limit is None or type(limit) is int
            assert unhinted == 7


@given(
    blocks(
        {bare: {"key": st.just(b"k")}, pay: {"amount": st.integers(5, 6)}},
        state={b"k": b"\1", b"x": st.just(b"\2")},
        keys=[b"x", b"y"],
        min_transactions=2,
        max_transactions=2,
    )
)
@settings(FEW)
def test_what_is_given_is_used(block: Block) -> None:
    assert block.state == {b"k": b"\1", b"x": b"\2"}
    assert len(block) == 2
    for transaction in block.transactions:
        if transaction.program == bare:
            assert transaction.arguments == (b"k",)
        else:
            sender, receiver, amount = transaction.arguments
            assert {sender, receiver} <= {b"x", b"y"}  # type: ignore[comparison-overlap]
            assert amount in (5, 6)


def reverts(block: Block) -> bool:
    return any(outcome.status == "reverted" for outcome in run_in_order(block).outcomes)


def moves_money_twice(block: Block) -> bool:
    """A later transaction spends what an earlier one has paid."""
    outcomes = run_in_order(block).outcomes
    paid = {key for outcome in outcomes[:-1] for key, amount in outcome.adds if amount > 10}
    return bool(outcomes) and any(key in paid and value for key, value in outcomes[-1].writes)


def test_the_least_block_that_reverts_is_one_payment_of_one_from_nothing() -> None:
    least = find(blocks([transfer, pay]), reverts, settings=MANY)
    assert [transaction.arguments[:3] for transaction in least.transactions] == [(b"a", b"a", 1)]
    assert least.state == {}


def test_a_chain_shrinks_to_two_payments() -> None:
    least = find(blocks([pay], max_transactions=3), moves_money_twice, settings=MANY)
    (sender, receiver, amount), (spender, _, spent) = (move.arguments for move in least.transactions)
    assert {sender, receiver} == {b"a", b"b"}
    assert spender == receiver
    assert (amount, spent) == (11, 0)
    assert least.state == {b"a": b"\x0b", b"b": b"\x0b"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: blocks([]), "programs is empty; give at least one program"),
        (lambda: blocks([bare]), r"parameter key has neither a type hint nor a strategy; give one: blocks\("),
        (lambda: blocks({bare: {"kye": st.none(), "key": st.none()}}), "has no parameter 'kye'; it has key"),
        (lambda: blocks([len]), "is not a program; decorate a function with blockstm.program"),  # type: ignore[list-item]
        (lambda: blocks([pay], min_transactions=3, max_transactions=2), "3 to 2 transactions: give 0 <= min"),
        (lambda: blocks([odd()]), r"no strategy follows from key: <class 'object'>; give one"),
        (lambda: blocks([unresolved()]), "type hints of program .* cannot be resolved: name 'Key'"),
    ],
)
def test_a_wrong_use_is_told(make: Callable[[], object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make()


def odd() -> PythonProgram:
    @program
    def odd(ctx: Any, key: object) -> None: ...

    return odd


def unresolved() -> PythonProgram:
    @program
    def unresolved(ctx: Any, key: Key) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    return unresolved


def test_without_hypothesis_all_but_blocks_works(
    run_script: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = run_script(
        "import sys; sys.modules['hypothesis'] = None\n"
        "from blockstm.testing import blocks, check\n"
        "from blockstm import Block, UsageError\n"
        "from blockstm.programs import transfer\n"
        "print(check(Block([transfer.txn(b'a', b'b', 1)]), schedules=10).schedules)\n"
        "try:\n"
        "    blocks([transfer])\n"
        "except UsageError as error:\n"
        "    print(error)\n"
    )
    expected = (
        "blocks() needs hypothesis, which is not installed; "
        "install it in the checkout of blockstm: pip install -e '.[testing]'"
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["10", expected]


def test_state_may_be_a_strategy() -> None:
    states: st.SearchStrategy[Mapping[bytes, bytes]] = st.just({b"q": b"\7"})
    assert find(blocks([pay], state=states), lambda block: True, settings=FEW).state == {b"q": b"\7"}
