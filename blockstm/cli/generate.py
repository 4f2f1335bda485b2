"""``blockstm generate``: make a block file from a scenario."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final

import typer

from blockstm.blocks.block import Block
from blockstm.blocks.block_file import content_digest
from blockstm.cli.columns import print_values
from blockstm.cli.options import check_output_path
from blockstm.errors import ScenarioError, UsageError, shown, shown_path
from blockstm.files.strict_toml import decode_toml
from blockstm.workloads import read_scenario

__all__ = ["generate", "parameter"]

BLOCKS_MAX: Final = 10_000

ScenarioArgument = Annotated[Path, typer.Argument(metavar="SCENARIO", help="The scenario, a TOML file.")]
OutputOption = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="OUT", help="The block file to write; with --blocks a folder."),
]
BlocksOption = Annotated[
    int | None,
    typer.Option(
        "--blocks",
        min=1,
        max=BLOCKS_MAX,
        metavar="N",
        help="Make N blocks that follow each other, for replay --store.",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="Give a field another value, as in transactions=500 or transfers.shape=diem. May be repeated.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")]


def generate(
    scenario: ScenarioArgument,
    output: OutputOption,
    settings: SetOption = None,
    blocks: BlocksOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a block file from a scenario. The same scenario gives the same block on every machine.

    Exit status: 0 done, 2 bad usage or bad input.
    """
    if blocks is None:
        check_output_path("-o", output, [scenario])
    described = read_scenario(scenario)
    if settings:
        try:
            described = described.with_parameters(dict(map(parameter, settings)))
        except ScenarioError as error:
            raise ScenarioError(f"{error} (with --set)") from error
    summary: dict[str, object] = {"scenario": described.name, "workload": described.parameters["workload"]}
    if blocks is None:
        block = described.block()
        block.save(output)
        summary = {
            "file": shown_path(output),
            **summary,
            "transactions": len(block),
            "keys": len(block._packed.keys),
            "bytes": output.stat().st_size,
            "blake3": content_digest(output),
        }
    else:
        files = write_chain(output, described.chain(blocks), blocks)
        summary = {
            "folder": shown_path(output),
            **summary,
            "blocks": blocks,
            "transactions": blocks * described.general.transactions,
            "bytes": sum(file.stat().st_size for file in files),
        }
    if as_json:
        print(json.dumps({"schema": 1, "command": "generate", **summary}))
        return
    print_values(
        {name: f"{value:,}" if isinstance(value, int) else str(value) for name, value in summary.items()}
    )


def write_chain(folder: Path, chain: Iterable[Block], blocks: int) -> list[Path]:
    """Write blocks into a folder, which is made if it is not there; return the files, in their order.

    Raises:
        UsageError: the folder cannot be made, or has block files already.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"-o {shown_path(folder)}: is no folder; with --blocks name one")
    if next(folder.glob("*.block"), None) is not None:
        raise UsageError(f"-o {shown_path(folder)}: has block files already; name another folder")
    check_output_path("-o", folder / "1.block" if folder.is_dir() else folder, [])
    folder.mkdir(exist_ok=True)
    digits = len(str(blocks))
    files = [folder / f"{place + 1:0{digits}}.block" for place in range(blocks)]
    for file, block in zip(files, chain, strict=True):
        block.save(file)
    return files


def parameter(setting: str) -> tuple[str, object]:
    """Return the field and the value of a setting such as `transfers.work=100`; what is not TOML is text.

    Raises:
        UsageError: it is not such a setting.
    """
    name, equals, text = setting.partition("=")
    name, text = name.strip(), text.strip()
    if not (equals and name and text):
        raise UsageError(f"--set {shown(setting)}: give a field and a value, as in --set transactions=500")
    try:
        parsed = decode_toml(f"value = {text}")
    except ValueError:
        return name, text
    return name, parsed["value"] if len(parsed) == 1 else text
