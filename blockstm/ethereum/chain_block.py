"""What Ethereum knows of a block that was executed: whether it can be trusted, and how its transactions ended.

It takes no more than blockstm itself until a block has been executed: then the libraries of the extra `ethereum`
compare it with its header.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from blockstm.blocks.block import Block
from blockstm.chains.support import ChainAccounts, ChainBlock, Executable
from blockstm.errors import EthereumInputError, UsageError, install_extra, one_line
from blockstm.ethereum.block import EthereumBlock
from blockstm.ethereum.rules.outcome import Outcome
from blockstm.ethereum.virtual_machine import executable, has_py_evm
from blockstm.results.result import Receipt, Result, Status

__all__ = ["EthereumChainBlock"]

_REVERT: Final = "Revert"
"""What py-evm calls the failure of code that says itself that it reverts (EIP-140)."""


class EthereumChainBlock(ChainBlock):
    """What Ethereum knows of one of its blocks.

    Arguments:
        block: one for which `is_ethereum` holds.

    Raises:
        EthereumInputError: it is not as `record ethereum` writes it.
    """

    has_accounts: ClassVar[bool] = True
    changes_state_itself: ClassVar[bool] = True

    def __init__(self, block: Block) -> None:
        """Check what the block says of itself."""
        self._ethereum = EthereumBlock.of(block)
        self._stage_seconds: dict[str, float] = {}

    @property
    def stage_seconds(self) -> Mapping[str, float]:
        """How long senders and the roots took, by name, when the header was last compared with."""
        return self._stage_seconds

    def executable(self, block: Block, virtual_machine: str | None = None) -> Executable:
        """Return what is executed of the block; see `blockstm.chains.ChainBlock`.

        Arguments:
            block: the block.
            virtual_machine: `native` or `py-evm`; None for the native one where it is installed.

        Raises:
            UsageError: there is none of that name, or it is not installed.
            EthereumInputError: it does not have the block's fork, or a code of the state has not its hash.
        """
        return executable(self._ethereum, virtual_machine)

    def header_checks(
        self, result: Result, earlier: Mapping[str, bool | None] | None = None
    ) -> dict[str, bool | None] | None:
        """Compare a run with the block's header; see `blockstm.chains.ChainBlock`.

        Where the libraries of the extra `ethereum` are not installed nothing can be compared, as if there were no
        header: None.

        Raises:
            EthereumInputError: a transaction cannot be executed, or the block was not recorded whole.
        """
        if not has_py_evm():
            self._refuse_invalid(result)
            return None
        from blockstm.ethereum.checking.checks import ExecutedBlock  # its libraries are an extra
        from blockstm.ethereum.checking.lacks import what_lacks

        executed = ExecutedBlock(self._ethereum, result)
        if earlier is None:
            executed.check_senders()
        checks = executed.header_checks(earlier)
        self._stage_seconds |= executed.stage_seconds
        if False in checks.values() and (lack := what_lacks(executed, checks)) is not None:
            raise EthereumInputError(lack)
        return {name: is_equal and (earlier or checks)[name] for name, is_equal in checks.items()}

    def _refuse_invalid(self, result: Result) -> None:
        for receipt in result.receipts:
            if receipt.status != "success":
                raise EthereumInputError(
                    f"transaction {receipt.txn_idx} cannot be executed: {one_line(str(receipt.error))}; "
                    f"for more about it, {install_extra('ethereum')}"
                )

    def outcome(self, receipt: Receipt) -> tuple[Status, str | None]:
        """Return how a transaction ended on the chain: one that failed there pays its fee, so the program succeeds.

        Raises:
            ValueError: the receipt is of a transaction that could not be executed.
        """
        if receipt.status != "success":
            raise ValueError(f"transaction {receipt.txn_idx} was not executed: header_checks tells")
        outcome = Outcome.of_events(receipt.events)
        if outcome.succeeded:
            return "success", None
        return "reverted" if outcome.error == _REVERT else "failed", outcome.error

    def receipt_outcome(self, receipt: Receipt) -> Mapping[str, object] | None:
        """Return what came of a transaction in the way of a node's receipt; None where it was not executed."""
        return Outcome.of_events(receipt.events).as_json() if receipt.events else None

    def accounts_after(self, result: Result) -> ChainAccounts:
        """Return the accounts after a block in the form of a genesis file's `alloc`.

        Raises:
            EthereumInputError: the block was not recorded whole.
            UsageError: the libraries of the extra `ethereum` are not installed.
        """
        if not has_py_evm():
            raise UsageError(
                f"the accounts after a block need py-evm, which is not installed; {install_extra('ethereum')}"
            )
        from blockstm.ethereum.checking.checks import ExecutedBlock  # its libraries are an extra
        from blockstm.ethereum.checking.finalaccounts import accounts_json

        executed = ExecutedBlock(self._ethereum, result)
        content = accounts_json(executed.accounts_after)
        if executed.lacks_uncle_rewards:
            return ChainAccounts(
                content, "what the miners of the block's uncles get; record it with --uncles"
            )
        return ChainAccounts(content)
