"""The program `evm`: one transaction of an Ethereum block, executed in py-evm.

Blocks name it whatever executes them, so importing it does not take py-evm; calling it does.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from blockstm.errors import ProgramError, install_extra
from blockstm.programs.program import program

if TYPE_CHECKING:
    from blockstm.native._core import Context

__all__ = ["evm"]

if importlib.util.find_spec("eth") is not None:
    from blockstm.ethereum.py_evm.execution import execute
else:

    def execute(ctx: Context, raw: bytes, sender: bytes) -> None:
        """Refuse."""
        raise ProgramError(f"this program needs py-evm, which is not installed; {install_extra('ethereum')}")


@program
def evm(ctx: Context, raw: bytes, sender: bytes) -> None:
    """Execute a signed transaction; see `Outcome` for what its receipt holds.

    If it raises, the transaction is invalid, which none of a block is: the nonce or the balance of its sender is
    not what it was on the chain, or something was not recorded.

    Arguments:
        ctx: the transaction's context.
        raw: the transaction as the block's body holds it (EIP-2718).
        sender: its sender, 20 bytes, as recovered from its signature.
    """
    execute(ctx, raw, sender)
