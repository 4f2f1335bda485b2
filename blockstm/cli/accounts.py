"""The option ``--accounts``: the accounts after a block, in the form of its chain."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from blockstm.chains import recorders
from blockstm.cli.blocks import LoadedBlock
from blockstm.cli.options import check_output_path, named_in_errors
from blockstm.errors import UsageError, printable, shown_path
from blockstm.results.result import Result

__all__ = ["accounts_after", "check_accounts_option"]


def check_accounts_option(path: Path, others: Iterable[Path | None], loaded: Sequence[LoadedBlock]) -> None:
    """Check that the accounts of the blocks can be written to a file.

    Arguments:
        path: the file.
        others: the files that are written besides; None for one that is not.
        loaded: the blocks.

    Raises:
        UsageError: there are several blocks, or the block's chain knows no accounts, or the file is
            one of the others.
    """
    check_output_path("--accounts", path, [each.file for each in loaded])
    if any(other is not None and os.path.realpath(other) == os.path.realpath(path) for other in others):
        raise UsageError(
            f"--accounts {shown_path(path)}: is written by another option, too; name another file"
        )
    if len(loaded) != 1:
        raise UsageError(f"--accounts is for one block, and there are {len(loaded)}; replay them one by one")
    chain_block = loaded[0].chain_block
    if chain_block is None or not chain_block.has_accounts:
        commands = [f"'record {name}'" for name, recorder in recorders().items() if recorder.has_accounts]
        raise UsageError(
            f"--accounts: {shown_path(loaded[0].file)} has no accounts; name a block of {' or '.join(commands)}"
        )


def accounts_after(loaded: LoadedBlock, result: Result) -> bytes:
    """Return the accounts after a block that `check_accounts_option` has let pass; say what they lack, if anything.

    Raises:
        BlockstmError: the block was not recorded whole.
    """
    assert loaded.chain_block is not None
    with named_in_errors(loaded.file):
        accounts = loaded.chain_block.accounts_after(result)
    if accounts.lacking is not None:
        print(
            f"note: {shown_path(loaded.file)}: the accounts lack {printable(accounts.lacking)}",
            file=sys.stderr,
        )
    return accounts.content
