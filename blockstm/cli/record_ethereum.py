"""``blockstm record ethereum``: block files from what an Ethereum node tells about a block."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from blockstm.cli.columns import print_wrapped
from blockstm.errors import UsageError, install_extra, printable, shown_path

__all__ = ["ethereum"]

_OWN_PACKAGE: Final = "blockstm"


def ethereum(
    block: Annotated[
        Path,
        typer.Option(
            metavar="BLOCK.json", help="What eth_getBlockByNumber(number, true) answers; plain or zstd."
        ),
    ],
    prestate: Annotated[
        Path,
        typer.Option(
            metavar="PRESTATE.json",
            help="What geth's prestateTracer tells: of the whole block, or of each transaction.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT.block", help="The block file to write.")
    ],
    blockhashes: Annotated[
        Path | None,
        typer.Option(metavar="HASHES.json", help='For the opcode BLOCKHASH: {"number": "0xhash", ...}.'),
    ] = None,
    uncles: Annotated[
        Path | None,
        typer.Option(
            metavar="UNCLES.json",
            help="What eth_getUncleByBlockHashAndIndex answers, as a list, for all uncles.",
        ),
    ] = None,
    whole_state: Annotated[
        bool,
        typer.Option(
            "--whole-state",
            help="The pre-state is that of the whole chain, as of a test: compare the state root, too.",
        ),
    ] = False,
    accounts: Annotated[
        Path | None,
        typer.Option(
            metavar="ACCOUNTS.json",
            help="Accounts that are exactly so, empty ones too, whatever the pre-state says; null for none.",
        ),
    ] = None,
    fork: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The rules to execute by; known on mainnet, Sepolia, Holesky and Hoodi."
        ),
    ] = None,
) -> None:
    """Make a block file of a real Ethereum block, whose transactions py-evm executes."""
    try:
        from blockstm.ethereum.notes import notes_of
        from blockstm.ethereum.record import record_ethereum

        made = record_ethereum(
            block,
            prestate,
            output,
            block_hashes_path=blockhashes,
            accounts_path=accounts,
            uncles_path=uncles,
            fork=fork,
            whole_state=whole_state,
        )
        notes = notes_of(made)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == _OWN_PACKAGE:
            raise
        raise UsageError(
            f"record ethereum needs {missing}, which is not installed; {install_extra('ethereum')}"
        ) from error
    print_wrapped(f"{shown_path(output)}: {len(made):,} transactions, {output.stat().st_size:,} bytes")
    for note in notes:
        print(f"note: {printable(note)}")
