"""Which virtual machine executes a block: the native one where it is installed, or py-evm.

A block's file names neither: its transactions are of the program `blockstm.ethereum.program.evm`, that of py-evm.
"""

from __future__ import annotations

import importlib.util
from importlib.metadata import version
from typing import Final

from blockstm.blocks.block import Block
from blockstm.chains.support import Executable
from blockstm.errors import EthereumInputError, UsageError, install_extra, shown
from blockstm.ethereum.block import EthereumBlock

__all__ = ["VIRTUAL_MACHINES", "executable", "has_native", "has_py_evm"]

NATIVE: Final = "native"
PY_EVM: Final = "py-evm"
VIRTUAL_MACHINES: Final = (NATIVE, PY_EVM)

_NOT_NATIVE: Final = frozenset({"constantinople"})
"""Forks that revm leaves out: it has no EIP-1283, which the mainnet never had."""


def has_native() -> bool:
    """Tell whether the native virtual machine is installed."""
    return importlib.util.find_spec("blockstm_evm") is not None


def has_py_evm() -> bool:
    """Tell whether py-evm is installed."""
    return importlib.util.find_spec("eth") is not None


def executable(ethereum: EthereumBlock, wanted: str | None) -> Executable:
    """Return what is executed of a block.

    Arguments:
        ethereum: the block.
        wanted: one of `VIRTUAL_MACHINES`; None for the native one where it is installed and has the block's fork.

    Raises:
        UsageError: there is no such virtual machine, or it is not installed.
        EthereumInputError: it does not have the block's fork, or a code of the state has not its hash.
    """
    if wanted not in (None, *VIRTUAL_MACHINES):
        raise UsageError(f"the EVM {shown(wanted)} is not known; choose one of {', '.join(VIRTUAL_MACHINES)}")
    fork = ethereum.environment.fork
    if wanted == NATIVE and not has_native():
        raise UsageError(
            "the native EVM is not installed; install it in the checkout of blockstm: pip install ./evm "
            "(it needs cargo 1.91 or newer)"
        )
    if wanted == NATIVE and fork in _NOT_NATIVE:
        raise EthereumInputError(f"the native EVM does not have the fork {fork}; choose the EVM {PY_EVM}")
    if wanted == NATIVE or (wanted is None and has_native() and fork not in _NOT_NATIVE):
        return _native(ethereum)
    if not has_py_evm():
        raise UsageError(f"py-evm is not installed; {install_extra('ethereum')}")
    return Executable(ethereum.block, f"py-evm {version('py-evm')}")


def _native(ethereum: EthereumBlock) -> Executable:
    from blockstm.ethereum import native  # it is a package of its own

    block = ethereum.block
    native.check_codes(block.state)
    signed = []
    for transaction in block.transactions:
        raw, sender = transaction.arguments
        assert isinstance(raw, bytes) and isinstance(sender, bytes)
        signed.append((raw, sender))
    transactions = [
        made.replace(
            gas_limit=given.gas_limit,
            recorded=given.recorded,
            declared=given.declared,
            hints=given.hints,
            arrival_nanoseconds=given.arrival_nanoseconds,
        )
        for made, given in zip(
            native.transactions(signed, ethereum.environment.coinbase), block.transactions, strict=True
        )
    ]
    made = Block(
        transactions,
        block.state,
        chain=block.chain,
        number=block.number,
        meta=block.meta,
        access_list=block.access_list,
    )
    return Executable(made, native.NAME)
