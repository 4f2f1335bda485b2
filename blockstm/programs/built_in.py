"""The two native programs that every worker has."""

from typing import Final

from blockstm.programs.parameters import Parameter
from blockstm.programs.program import NativeProgram

__all__ = ["trace", "transfer"]

transfer: Final = NativeProgram(
    "transfer",
    (
        Parameter("sender", "key"),
        Parameter("receiver", "key"),
        Parameter("amount", "u256"),
        Parameter("work", "u64", 0),
    ),
    "blockstm.native._core:transfer",
)
"""Moves an amount from one balance to another; insufficient funds revert.

Arguments of `transfer.txn`:
    sender, receiver: keys of the balances.
    amount: how much, an unsigned 256-bit number.
    work: rounds of a 64-bit mixing function to do as well, about 1 ns each.
"""

trace: Final = NativeProgram(
    "trace",
    (
        Parameter("reads", "keys"),
        Parameter("writes", "keys"),
        Parameter("adds", "adds"),
        Parameter("gas", "u64"),
    ),
    "blockstm.native._core:trace",
)
"""Replays a recorded access set: what it writes depends on every value that it reads.

Arguments of `trace.txn`:
    reads: keys that it reads, in this order.
    writes: keys to which it writes 32 bytes each.
    adds: unsigned 256-bit amounts that it adds, by key.
    gas: recorded gas; the work that it does is in proportion to it.
"""
