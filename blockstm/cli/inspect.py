"""``blockstm inspect``: what limits a block, from what its transactions accessed."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from blockstm.analysis.conflicts import independent_transactions
from blockstm.analysis.graphviz import dot_lines, drawn_transactions
from blockstm.analysis.inspection import Inspection, inspect_block
from blockstm.analysis.profile import (
    Profile,
    Weight,
    executed_profile,
    has_recorded_seconds,
    recorded_profile,
)
from blockstm.analysis.rules import Rules
from blockstm.chains import conventions_of
from blockstm.cli.blocks import DISAGREES, LoadedBlock, load_block
from blockstm.cli.inspection_text import print_inspection
from blockstm.cli.options import (
    JsonOption,
    MemoryLimitOption,
    ProgramsOption,
    check_output_path,
    import_programs,
    named_in_errors,
    told_options,
)
from blockstm.cli.progress import Progress
from blockstm.engine import Engine
from blockstm.errors import UsageError, shown
from blockstm.files.content import replace_file
from blockstm.limits import KEY_BYTES_MAX, MEMORY_LIMIT_BYTES_DEFAULT
from blockstm.results.outcomes import Outcomes

__all__ = ["inspect"]

STANDARD_OUTPUT = "-"

BlockArgument = Annotated[Path, typer.Argument(metavar="BLOCK", help="The block file.")]
RulesOption = Annotated[
    Rules, typer.Option(help="The rules of access for conflicts, definitions, hot keys and the graph.")
]
WeightOption = Annotated[
    Weight | None,
    typer.Option(
        help="The weight of a transaction in definitions, hot keys and the graph, which have one figure.",
        show_default="gas if known",
    ),
]
FeeKeyOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="HEX",
        help="The key that fees are added to, for chains where it is not known. May be repeated.",
        show_default=False,
    ),
]
TOP_DEFAULT = 10
TopOption = Annotated[int, typer.Option(min=0, max=1000, metavar="N", help="How many hot keys to name.")]
ExecuteOption = Annotated[
    bool,
    typer.Option(
        "--execute", help="Execute and measure the block even where accesses and times are recorded."
    ),
]
DotOption = Annotated[
    str | None,
    typer.Option(
        "--dot",
        metavar="FILE|-",
        help="Write the graph of dependencies, for Graphviz, to FILE or to standard output.",
        show_default=False,
    ),
]
DotNodesOption = Annotated[
    int, typer.Option(min=1, max=100_000, metavar="N", help="The most transactions that the graph shows.")
]


def inspect(
    block: BlockArgument,
    rules: RulesOption = Rules.CREDITS_COMMUTATIVE,
    weight: WeightOption = None,
    fee_key: FeeKeyOption = None,
    top: TopOption = TOP_DEFAULT,
    execute: ExecuteOption = False,
    dot: DotOption = None,
    dot_nodes: DotNodesOption = 200,
    memory_limit: MemoryLimitOption = MEMORY_LIMIT_BYTES_DEFAULT,
    programs: ProgramsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what limits a block: conflicts, hot keys, chains of dependencies, bounds on the speed-up.

    It takes the recorded accesses; a block without them is executed, one transaction after the other.

    Exit status: 0 done, 1 the result of the block disagrees with its own header, 2 bad usage or bad input.
    """
    fee_keys = frozenset(map(key_of, fee_key or ()))
    if dot == STANDARD_OUTPUT and as_json:
        raise UsageError("--dot - and --json both write to standard output; name a file after --dot")
    if dot not in (None, STANDARD_OUTPUT):
        check_output_path("--dot", Path(dot), [block])
    import_programs(programs or ())
    loaded = load_block(block)
    with named_in_errors(block):
        profile, outcomes = profile_of(loaded, execute=execute, memory_limit=memory_limit)
        inspection = inspect_block(
            loaded.block,
            profile,
            conventions_of(loaded.block.chain),
            fee_keys=fee_keys,
            rules=rules,
            weight=weight,
            top=top,
        )
    if dot is not None and loaded.has_header_equal is not False:
        write_graph(inspection, block.name, dot, dot_nodes)
    if as_json:
        options = told_options(
            fee_key=(fee_key, None),
            top=(top, TOP_DEFAULT),
            execute=(execute, False),
            memory_limit=(memory_limit, MEMORY_LIMIT_BYTES_DEFAULT),
            programs=(programs, None),
        )
        output = inspection.output(
            str(loaded.file),
            outcomes=None if outcomes is None else outcomes.entry(),
            header_checks=loaded.header_checks,
            options=options,
        )
        print(json.dumps(output.as_json()))
    elif dot != STANDARD_OUTPUT:
        print_inspection(block, inspection, outcomes)
    if loaded.has_header_equal is False:
        loaded.print_disagreements()
        raise typer.Exit(DISAGREES)


def key_of(text: str) -> bytes:
    """Return the key that hex digits name, with or without 0x.

    Raises:
        UsageError: they name none.
    """
    if not re.fullmatch(r"(?:0x)?(?:[0-9a-fA-F]{2})*", text, re.ASCII):
        raise UsageError(f"--fee-key {shown(text)}: is not a key; give pairs of hex digits, as in 0x6201ff")
    key = bytes.fromhex(text.removeprefix("0x"))
    if len(key) > KEY_BYTES_MAX:
        raise UsageError(f"--fee-key {shown(text)}: has {len(key)} bytes; a key has at most {KEY_BYTES_MAX}")
    return key


def profile_of(loaded: LoadedBlock, *, execute: bool, memory_limit: int) -> tuple[Profile, Outcomes | None]:
    """Return what was recorded of a block, or what comes of executing it and how its transactions ended."""
    block = loaded.block
    recorded = None if execute else recorded_profile(block)
    if recorded is not None:
        return recorded, None
    name, block = loaded.file.name, loaded.executable.block
    with Engine(1, memory_limit_bytes=memory_limit) as engine, Progress(2) as progress:
        with progress.step(f"{name}: warming up"):
            if execute or not has_recorded_seconds(block):
                # Else the first transactions would weigh what the process does only once, such as imports.
                engine.warm_up(block, "sequential")
        with progress.step(f"{name}: sequential"):
            result = engine.execute(block, "sequential", timed=True)
    loaded.check(result)
    return executed_profile(block, result, measured=execute), loaded.outcomes(result)


def write_graph(inspection: Inspection, name: str, target: str, nodes_max: int) -> None:
    """Write the graph of dependencies, and say on standard error which transactions are not in it."""
    graph, weights = inspection.outcome.graph, inspection.profile.weights[inspection.weight]
    drawn = drawn_transactions(graph, weights, nodes_max)
    dependent = graph.transactions - independent_transactions(graph)
    title = f"{name}, {inspection.rules}: {len(drawn)} of {graph.transactions} transactions"
    text = "\n".join(dot_lines(graph, weights, inspection.weight, drawn, title)) + "\n"
    if target == STANDARD_OUTPUT:
        sys.stdout.write(text)
    else:
        replace_file(target, text.encode(), UsageError)
    if len(drawn) < dependent:
        print(
            f"the graph shows {len(drawn)} of the {dependent} transactions that take part in a dependency: "
            "those on the heaviest chains; --dot-nodes sets how many",
            file=sys.stderr,
        )
