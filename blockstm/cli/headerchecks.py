"""The comparison of a replayed block with its own header, for the chains whose headers are known."""

from __future__ import annotations

from blockstm.errors import EthereumInputError
from blockstm.ethereum.block import EthereumBlock
from blockstm.result import Result

__all__ = ["checks_of"]


def checks_of(
    ethereum: EthereumBlock, result: Result, so_far: dict[str, bool | None] | None = None
) -> dict[str, bool | None]:
    """Compare what came of a block with its header, and join that with what earlier runs of it gave.

    Arguments:
        ethereum: the block.
        result: its run.
        so_far: the outcome for earlier runs.

    Returns:
        by name, whether all runs agree; None for what the header does not have.

    Raises:
        EthereumInputError: the block was not recorded whole.
    """
    from blockstm.ethereum.checks import ExecutedBlock  # its libraries are an extra
    from blockstm.ethereum.lacks import what_lacks

    executed = ExecutedBlock(ethereum, result)
    if so_far is None:
        executed.check_senders()
    checks = executed.header_checks(so_far)
    if False in checks.values() and (lack := what_lacks(executed, checks)) is not None:
        raise EthereumInputError(lack)
    return {name: is_equal and (so_far or checks)[name] for name, is_equal in checks.items()}
