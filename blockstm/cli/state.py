"""``blockstm state``: snapshots of stores, stores of snapshots, and what either holds."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Annotated

import typer

from blockstm.cli.blocks import DISAGREES
from blockstm.cli.columns import print_values
from blockstm.cli.figures_text import NONE, duration
from blockstm.cli.options import JsonOption, check_output_path
from blockstm.errors import shown_path
from blockstm.schema.state import StateOutput
from blockstm.store.environment import is_store
from blockstm.store.snapshot import is_sound, restore, take_snapshot
from blockstm.store.snapshot_file import SnapshotHeader, read_header
from blockstm.store.store import Store

__all__ = ["state_app"]

state_app = typer.Typer(
    help="Take snapshots of stores, restore them, and see what is there.",
    add_completion=False,
    pretty_exceptions_enable=False,
)

StoreArgument = Annotated[Path, typer.Argument(metavar="STORE", help="A store of 'replay --store'.")]
SnapshotsArgument = Annotated[
    list[Path],
    typer.Argument(metavar="SNAPSHOT", help="A whole snapshot, and those that follow it, in their order."),
]
SinceOption = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="SNAPSHOT",
        help="Tell only what has changed since this one; repeated for a whole one and those that follow it.",
    ),
]
SnapshotOption = Annotated[
    Path, typer.Option("--output", "-o", metavar="FILE", help="The snapshot to write.")
]
RestoredOption = Annotated[Path, typer.Option("--output", "-o", metavar="STORE", help="The store to make.")]
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A store or a snapshot.")]
VerifyOption = Annotated[
    bool,
    typer.Option(
        "--verify", help="Compute root and tree of a store's values anew, and compare (status 1: differs)."
    ),
]


@state_app.command()
def snapshot(
    store: StoreArgument, output: SnapshotOption, since: SinceOption = None, as_json: JsonOption = False
) -> None:
    """Write all values of a store to a file, or what has changed since other snapshots.

    Exit status: 0 done, 2 bad usage or bad input.
    """
    check_output_path("-o", output, [store, *(since or ())])
    began = time.perf_counter()
    with Store(store) as opened:
        header = take_snapshot(opened, output, since or ())
    show(_told_of_snapshot(output, header, time.perf_counter() - began), as_json)


@state_app.command(name="restore")
def restore_command(
    snapshots: SnapshotsArgument, output: RestoredOption, as_json: JsonOption = False
) -> None:
    """Make a store of snapshots; its root is computed anew, and must be the one that they say.

    Exit status: 0 done, 2 bad usage or bad input.
    """
    check_output_path("-o", output, snapshots)
    began = time.perf_counter()
    with restore(snapshots, output) as store:
        show(_told_of_store(output, store, seconds=time.perf_counter() - began), as_json)


@state_app.command()
def info(file: FileArgument, verify: VerifyOption = False, as_json: JsonOption = False) -> None:
    """Show what a store or a snapshot holds.

    Exit status: 0 done, 1 a store does not hold what it says, 2 bad usage or bad input.
    """
    if not is_store(file):
        show(_told_of_snapshot(file, read_header(file), None), as_json)
        return
    with Store(file) as store:
        began = time.perf_counter()
        verified = is_sound(store) if verify else None
        told = _told_of_store(
            file, store, verified=verified, seconds=time.perf_counter() - began if verify else None
        )
    show(told, as_json)
    if verified is False:
        raise typer.Exit(DISAGREES)


def _told_of_snapshot(file: Path, header: SnapshotHeader, seconds: float | None) -> StateOutput:
    return StateOutput(
        file=str(file),
        kind="snapshot" if header.is_whole else "changes",
        chain=header.chain,
        tree=header.tree,
        head=header.number,
        base=header.base_number,
        state_root=_root(header.root),
        keys=header.keys,
        bytes=os.stat(file).st_size,
        seconds=seconds,
    )


def _told_of_store(
    file: Path, store: Store, *, verified: bool | None = None, seconds: float | None = None
) -> StateOutput:
    first = next(store.blocks(), None)
    sizes = store.sizes_bytes()
    return StateOutput(
        file=str(file),
        kind="store",
        chain=store.chain,
        tree=store.tree,
        first=None if first is None else first.number,
        head=store.head,
        state_root=_root(store.root),
        keys=sum(1 for _ in store.items()),
        bytes=sizes["file"],
        state_bytes=sizes["state"],
        nodes_bytes=sizes["nodes"],
        blocks_bytes=sizes["blocks"],
        verified=verified,
        seconds=seconds,
    )


def _root(root: bytes | None) -> str | None:
    return None if root is None else f"0x{root.hex()}"


def show(told: StateOutput, as_json: bool) -> None:
    """Print what is told of a store or a snapshot, in the form asked for."""
    if as_json:
        print(json.dumps(told.as_json()))
        return
    values = {told.kind: shown_path(told.file), "chain": told.chain or NONE, "tree": told.tree}
    if told.head is None:
        values["blocks"] = NONE
    elif told.kind == "store":
        values["blocks"] = f"{told.first} to {told.head}"
    else:
        values["block"] = str(told.head)
    if told.base is not None:
        values["since block"] = str(told.base)
    values |= {"state root": told.state_root or NONE, "keys": f"{told.keys:,}", "bytes": f"{told.bytes:,}"}
    if told.kind == "store":
        values["of these"] = (
            f"state {told.state_bytes:,}, nodes {told.nodes_bytes:,}, blocks {told.blocks_bytes:,}"
        )
    if told.verified is not None:
        values["verified"] = "yes" if told.verified else "NO"
    if told.seconds is not None:
        values["time"] = duration(told.seconds)
    print_values(values)
