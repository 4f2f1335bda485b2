"""The option ``--accounts``: the accounts after an Ethereum block, as JSON."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from blockstm.cli.blocks import LoadedBlock
from blockstm.cli.options import check_output_path, named_in_errors
from blockstm.errors import UsageError, shown_path
from blockstm.ethereum.block import EthereumBlock, is_ethereum
from blockstm.results.result import Result

__all__ = ["accounts_after_json", "check_accounts_option"]


def check_accounts_option(path: Path, others: Iterable[Path | None], loaded: Sequence[LoadedBlock]) -> None:
    """Check that the accounts of the blocks can be written to a file.

    Arguments:
        path: the file.
        others: the files that are written besides; None for one that is not.
        loaded: the blocks.

    Raises:
        UsageError: there are several blocks, or the block is none of Ethereum, or the file is one of the others.
    """
    check_output_path("--accounts", path, [each.file for each in loaded])
    if any(other is not None and os.path.realpath(other) == os.path.realpath(path) for other in others):
        raise UsageError(
            f"--accounts {shown_path(path)}: is written by another option, too; name another file"
        )
    if len(loaded) != 1:
        raise UsageError(f"--accounts is for one block, and there are {len(loaded)}; replay them one by one")
    if not is_ethereum(loaded[0].block):
        raise UsageError(
            f"--accounts: {shown_path(loaded[0].file)} has no accounts; name a block of 'record ethereum'"
        )


def accounts_after_json(loaded: LoadedBlock, result: Result) -> bytes:
    """Return the accounts after a block in the form of a genesis file's `alloc`; say what they lack, if anything.

    Raises:
        EthereumInputError: the block was not recorded whole.
    """
    from blockstm.ethereum.checks import ExecutedBlock  # its libraries are an extra
    from blockstm.ethereum.finalaccounts import accounts_json

    with named_in_errors(loaded.file):
        executed = ExecutedBlock(EthereumBlock.of(loaded.block), result)
        accounts = executed.accounts_after
    if executed.lacks_uncle_rewards:
        print(
            f"note: {shown_path(loaded.file)}: the accounts lack what the miners of the block's uncles get; "
            "record it with --uncles",
            file=sys.stderr,
        )
    return accounts_json(accounts)
