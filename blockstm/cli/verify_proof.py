"""``blockstm verify-proof``: check a proof of what a state holds, and show what it proves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from blockstm.cli.columns import Column, print_columns, print_values
from blockstm.cli.figures_text import NONE
from blockstm.cli.keys import key_text, root_of
from blockstm.cli.options import JsonOption, named_in_errors
from blockstm.errors import shown_path
from blockstm.schema.proof import ProvedEntry, VerifyProofOutput
from blockstm.trees.proof_files import read_proof

__all__ = ["verify_proof"]

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The proof.")]
RootOption = Annotated[
    str, typer.Option(metavar="HEX", help="The state digest that the proof must be of: 64 hex digits.")
]


def verify_proof(file: FileArgument, root: RootOption, as_json: JsonOption = False) -> None:
    """Check a proof without the state, and show what the state holds at its keys.

    Exit status: 0 it is right, 2 it is not, or bad usage or bad input.
    """
    known = root_of(root)
    proof = read_proof(file)
    with named_in_errors(file):
        proof.verify(known)
    if as_json:
        proved = (
            ProvedEntry(f"0x{key.hex()}", None if value is None else f"0x{value.hex()}")
            for key, value in proof.values.items()
        )
        output = VerifyProofOutput(file=str(file), state_root=f"0x{known.hex()}", keys=tuple(proved))
        print(json.dumps(output.as_json()))
        return
    print_values({"proof": shown_path(file), "state digest": f"0x{known.hex()}", "verified": "yes"})
    print()
    print_columns(
        (Column("key", is_number=False), Column("value", is_number=False)),
        (
            (key_text(key), f"{NONE} (absent)" if value is None else f"0x{value.hex()}")
            for key, value in proof.values.items()
        ),
    )
