"""``blockstm prove``: prove what a state holds at some keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from blockstm.cli.blocks import DISAGREES, load_block, load_executable
from blockstm.cli.columns import print_values
from blockstm.cli.keys import key_of
from blockstm.cli.options import (
    EvmOption,
    JsonOption,
    MemoryLimitOption,
    ProgramsOption,
    check_output_path,
    import_programs,
    named_in_errors,
)
from blockstm.cli.progress import Progress
from blockstm.engine import Engine
from blockstm.errors import UsageError, shown_path
from blockstm.limits import MEMORY_LIMIT_BYTES_DEFAULT
from blockstm.schema.proof import ProveOutput
from blockstm.store.environment import is_store
from blockstm.store.state_trees import StoredState
from blockstm.store.store import Store
from blockstm.trees.proof_files import write_proof
from blockstm.trees.proofs import MappingState, ProvableState, prove

__all__ = ["prove_command"]

BlockArgument = Annotated[
    Path, typer.Argument(metavar="BLOCK|STORE", help="The block file, or a store of 'replay --store'.")
]
KeysArgument = Annotated[
    list[str],
    typer.Argument(metavar="KEY", help="Keys: 0x and hex digits, or a text, whose bytes are the key."),
]
OutputOption = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The proof to write.")]
AfterOption = Annotated[
    bool, typer.Option("--after", help="Prove the state after the block, which is executed for that.")
]


def prove_command(
    block: BlockArgument,
    keys: KeysArgument,
    output: OutputOption,
    after: AfterOption = False,
    evm: EvmOption = None,
    memory_limit: MemoryLimitOption = MEMORY_LIMIT_BYTES_DEFAULT,
    programs: ProgramsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove what the state before a block, or of a store, holds at some keys, to whoever knows its state digest.

    Exit status: 0 done, 1 the result of the block disagrees with its own header, 2 bad usage or bad input.
    """
    check_output_path("-o", output, [block])
    wanted = [key_of(key) for key in keys]
    import_programs(programs or ())
    with state_of(block, after=after, evm=evm, memory_limit=memory_limit) as state:
        with named_in_errors(block):
            proof = prove(state, wanted)
        write_proof(proof, output)
    told = ProveOutput(
        file=str(output),
        block=str(block),
        is_store=is_store(block) or None,
        after=after,
        state_root=f"0x{state.root.hex()}",
        keys=len(proof.values),
        absent=[*proof.values.values()].count(None),
        bytes=output.stat().st_size,
    )
    if as_json:
        print(json.dumps(told.as_json()))
    else:
        print_values(
            {
                "proof": shown_path(output),
                "of": shown_path(block),
                "state": "of the store"
                if told.is_store
                else "after the block"
                if after
                else "before the block",
                "state digest": told.state_root,
                "keys": f"{told.keys:,}",
                "absent": f"{told.absent:,}",
                "bytes": f"{told.bytes:,}",
            }
        )


@contextmanager
def state_of(file: Path, *, after: bool, evm: str | None, memory_limit: int) -> Iterator[ProvableState]:
    """Yield the state of a store, or before or after a block."""
    if is_store(file):
        if after:
            raise UsageError(f"--after: {shown_path(file)} is a store, which has one state; leave it out")
        with Store(file) as store:
            yield StoredState(store)
    elif after:
        yield state_after(file, evm, memory_limit)
    else:
        yield MappingState(load_block(file).block.state)


def state_after(file: Path, evm: str | None, memory_limit: int) -> ProvableState:
    """Execute a block, and return the state that it leaves."""
    loaded = load_executable(file, evm)
    with Engine(memory_limit_bytes=memory_limit) as engine, Progress(1) as progress:
        with named_in_errors(file):
            with progress.step(file.name):
                result = engine.execute(loaded.executable.block)
            loaded.check(result)
        if loaded.has_header_equal is False:
            loaded.print_disagreements()
            raise typer.Exit(DISAGREES)
        return MappingState(dict(result.state))
