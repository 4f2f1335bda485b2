"""Right and wrong uses of programs. mypy looks at it (see test_typing.py); it is not run.

A line ends in ``# error`` where a type checker must object, and in ``# type: TYPE`` for what it must find there.
"""

from typing import reveal_type

from blockstm import Block, Context, Engine, Running, program
from blockstm.programs import transfer


@program
def buy(ctx: Context, buyer: bytes, amount: int = 1) -> bool:
    return ctx.call(pay, buyer, amount) > 0


@program
def pay(ctx: Context, payer: bytes, amount: int) -> int:
    ctx.add(payer, -amount)
    return amount


@program
def untyped(ctx, anything):  # type: ignore[no-untyped-def]
    ctx.write(anything, b"")


reveal_type(buy)  # type: PythonProgram[[buyer: bytes, amount: int =], bool]
reveal_type(buy.txn(b"a", 3))  # type: Transaction
buy.txn(b"a")
buy.txn(buyer=b"a", amount=2)
buy.txn("a", 3)  # error
buy.txn(b"a", "3")  # error
buy.txn()  # error
buy.txn(b"a", 3, foo=1)  # error
buy.txn(b"a", 3, gas_limit=9)
buy.txn(b"a", 3).replace(gas_limit=9)
buy.txn("a").replace(gas_limit=9)  # error
untyped.txn(3)
transfer.txn(b"a", b"b", 1, gas_limit=9)


def calls(ctx: Context, engine: Engine) -> None:
    reveal_type(ctx.read(b"k"))  # type: bytes | None
    reveal_type(ctx.call(pay, b"a", 1))  # type: int
    reveal_type(ctx.call(transfer, b"a", b"b", 1))  # type: None
    reveal_type(buy(ctx, b"a"))  # type: bool
    buy(ctx, 3)  # error
    ctx.write("k", b"v")  # error
    ctx.write(b"k", 3)  # error
    ctx.add(b"k", 1.5)  # error
    block = Block([buy.txn(b"a")])
    reveal_type(block[0])  # type: Transaction
    reveal_type(block[:2])  # type: tuple[Transaction, ...]
    reveal_type(engine.stream(block))  # type: Running
    result = engine.execute(block)
    reveal_type(result[0].reads)  # type: list[tuple[bytes, bytes | None]]
    reveal_type(result.diff(result))  # type: list[str]
    reveal_type(list(block))  # type: list[Transaction]
    reveal_type(list(engine.stream(block)))  # type: list[Receipt]
    result.receipts[0].events.append(b"")  # error


async def awaits(engine: Engine, running: Running) -> None:
    reveal_type(await engine.execute_async(Block([])))  # type: Result
    async for receipt in running:
        reveal_type(receipt)  # type: Receipt
    print(engine.execute_async(Block([])).stats)  # error
