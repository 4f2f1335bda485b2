"""What ``blockstm replay`` shows to a person: a summary of one block, or a table of several."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from blockstm.cli.measure import BlockFigures, Totals
from blockstm.errors import shown_path

__all__ = ["print_summary", "print_table"]

# Stands for a figure that does not exist, such as the speed-up of nothing.
NONE = "-"

# (heading, whether it is a number) of each column of the table.
COLUMNS = (
    ("block", False),
    ("txns", True),
    ("time\nms", True),
    ("sequential\nms", True),
    ("speed-up", True),
    ("exec.\n/ txn", True),
    ("valid.\n/ txn", True),
    ("aborts\n/ txn", True),
    ("commit\np50 ms", True),
    ("\np99 ms", True),
    ("\nmax ms", True),
    ("state root", False),
    ("verified", False),
)

# Further columns where a block has a header of its own to be compared with.
HEADER_COLUMNS = (("Mgas/s", True), ("header", False))


def print_summary(figures: BlockFigures) -> None:
    """Print all about one block: a name and its value on each line."""
    rows = summary(figures)
    width = max(map(len, rows))
    for name, value in rows.items():
        print(f"{name:<{width}}  {value}")


def summary(figures: BlockFigures) -> dict[str, str]:
    """Return what is shown of one block, by name."""
    median = f" (median of {figures.runs})" if figures.runs > 1 else ""
    latency = figures.commit_latency_seconds
    executions, validations, aborts = per_transaction(figures)
    rows = {
        "block": shown_path(figures.file),
        "chain": figures.chain or NONE,
        "number": NONE if figures.number is None else str(figures.number),
        "transactions": f"{figures.transactions:,}",
        "gas": f"{figures.gas_used:,}",
        "model": figures.model,
        "workers": workers(figures),
        "time": duration(figures.wall_seconds) + median,
        "sequential time": duration(figures.sequential_seconds) + median,
        "speed-up": times(figures.speedup),
        "per transaction": f"{executions} executions, {validations} validations, {aborts} aborts",
        "commit latency": ", ".join(f"{name} {duration(value)}" for name, value in latency.items()) or NONE,
        "state root": f"0x{figures.state_root.hex()}",
        "verified": f"{NONE} (ask with --verify)" if figures.verified is None else verdict(figures.verified),
    }
    if figures.header_checks is not None:
        rates = (figures.mgas_per_second, figures.sequential_mgas_per_second)
        rows["gas per second"] = "{} million, sequential {} million".format(*map(rate, rates))
        rows |= {
            f"header {name.replace('_', ' ')}": equality(is_equal)
            for name, is_equal in figures.header_checks.items()
        }
    return rows


def print_table(blocks: Sequence[BlockFigures]) -> None:
    """Print a line for each block, and their totals."""
    first, totals = blocks[0], Totals.of(blocks)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    with_headers = any(figures.header_checks is not None for figures in blocks)
    for heading, is_number in COLUMNS + HEADER_COLUMNS * with_headers:
        table.add_column(heading, justify="right" if is_number else "left", no_wrap=True)
    # Names are enough, if they tell the blocks apart.
    short = len({figures.file.name for figures in blocks}) == len(blocks)
    for figures in blocks:
        name = figures.file.name if short else figures.file
        table.add_row(shown_path(name), *cells(figures), *header_cells(figures) * with_headers)
    table.add_row(f"{len(blocks)} blocks", *totals_cells(totals), style="bold")
    print_wide(table)
    median = f", times are medians of {first.runs} runs" if first.runs > 1 else ""
    print(f"\n{first.model}, {workers(first)} workers{median}")


def cells(figures: BlockFigures) -> list[str]:
    """Return the cells of a block's line, after its name."""
    latency = figures.commit_latency_seconds
    return [
        f"{figures.transactions:,}",
        milliseconds(figures.wall_seconds),
        milliseconds(figures.sequential_seconds),
        times(figures.speedup),
        *per_transaction(figures),
        *(milliseconds(latency.get(name)) for name in ("p50", "p99", "max")),
        f"{figures.state_root[:4].hex()}...",
        verdict(figures.verified),
    ]


def header_cells(figures: BlockFigures) -> list[str]:
    """Return the cells of the columns for a block that has a header."""
    if figures.header_checks is None:
        return [NONE, NONE]
    return [rate(figures.mgas_per_second), equality(figures.has_header_equal)]


def totals_cells(totals: Totals) -> list[str]:
    """Return the cells of the last line, with those empty that cannot be added up."""
    return [
        f"{totals.transactions:,}",
        milliseconds(totals.wall_seconds),
        milliseconds(totals.sequential_seconds),
        times(totals.speedup),
        *per_transaction(totals),
        *("" for _ in ("p50", "p99", "max", "state root")),
        verdict(totals.verified),
    ]


def print_wide(table: Table) -> None:
    """Print a table without cutting anything off, however narrow the terminal is."""
    console = Console(file=sys.stdout, markup=False, highlight=False)
    endless = console.options.update(width=1 << 16)
    console.width = max(console.width, Measurement.get(console, endless, table).maximum)
    console.print(table)


def workers(figures: BlockFigures) -> str:
    """Tell how many workers there were, and how many took part if fewer."""
    if figures.active_workers == figures.workers:
        return str(figures.workers)
    return f"{figures.workers} ({figures.active_workers} active)"


def per_transaction(figures: BlockFigures | Totals) -> list[str]:
    """Return executions, validations and aborts per transaction."""
    counts = (figures.executions, figures.validations, figures.aborts)
    if not figures.transactions:
        return [NONE for _ in counts]
    return [f"{count / figures.transactions:.2f}" for count in counts]


def verdict(verified: bool | None) -> str:
    """Word the outcome of the comparison with sequential execution."""
    return NONE if verified is None else "yes" if verified else "NO"


def equality(is_equal: bool | None) -> str:
    """Word the outcome of a comparison with the header."""
    return NONE if is_equal is None else "equal" if is_equal else "DIFFERS"


def rate(mgas_per_second: float | None) -> str:
    """Write millions of gas a second."""
    return NONE if mgas_per_second is None else f"{mgas_per_second:.1f}"


def times(speedup: float | None) -> str:
    """Write a speed-up."""
    return NONE if speedup is None else f"{speedup:.2f} x"


def milliseconds(seconds: float | None) -> str:
    """Write a time for a column of milliseconds."""
    return NONE if seconds is None else f"{seconds * 1e3:,.2f}"


def duration(seconds: float) -> str:
    """Write a time with a unit that suits it, to four digits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.4g} {unit}"
    return f"{seconds * 1e6:.4g} us"
