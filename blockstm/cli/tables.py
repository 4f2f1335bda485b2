"""What ``blockstm replay`` shows to a person: a summary of one block, or tables of several."""

from __future__ import annotations

from collections.abc import Sequence

from blockstm.chains import network_of
from blockstm.cli.columns import Column, print_columns, print_values, print_wrapped
from blockstm.cli.figures_text import NONE, duration, milliseconds, times
from blockstm.cli.outcomes_text import outcome_values, reason_lines, virtual_machine_values
from blockstm.cli.replay_figures import MeasuredBlock, Totals
from blockstm.errors import shown_path
from blockstm.measure import Measurement

__all__ = ["print_blocks", "print_summary"]

BLOCK = Column("block", is_number=False)
GAIN_COLUMNS = (
    BLOCK, Column("txns"), Column("time\nms"), Column("sequential\nms"), Column("speed-up"), Column("exec.\n/ txn"),
    Column("aborts\n/ txn"),
)  # fmt: skip
OUTCOME_COLUMNS = (
    BLOCK, Column("succeeded"), Column("reverted"), Column("failed"), Column("verified", is_number=False),
)  # fmt: skip
# Further columns where a block has a header of its own to be compared with.
HEADER_COLUMNS = (Column("header", is_number=False), Column("Mgas/s"))


def print_summary(measured: MeasuredBlock) -> None:
    """Print all about one block: a name and its value on each line."""
    print_values(summary(measured))


def summary(measured: MeasuredBlock) -> dict[str, str | Sequence[str]]:
    """Return what is shown of one block, by name."""
    figures = measured.figures
    median = f" (median of {figures.runs})" if figures.runs > 1 else ""
    latency = figures.commit_latency_seconds
    network = network_of(measured.chain)
    executions, validations, aborts = per_transaction(figures)
    rows: dict[str, str | Sequence[str]] = {
        "block": shown_path(measured.file),
        "chain": measured.chain or NONE,
        **({} if network is None else {"network": network}),
        "number": NONE if measured.number is None else str(measured.number),
        "transactions": f"{figures.transactions:,}",
        **outcome_values(figures.outcomes),
        "gas": f"{figures.gas_used:,}",
        **virtual_machine_values(figures.virtual_machine),
        "model": figures.model,
        "workers": workers(figures),
        "time": duration(figures.wall_seconds) + median,
        "sequential time": duration(figures.sequential_seconds) + median,
        "speed-up": times(figures.speedup),
        "per transaction": f"{executions} executions, {validations} validations, {aborts} aborts",
        "commit latency": ", ".join(f"{name} {duration(value)}" for name, value in latency.items()) or NONE,
        # Not "state root": of a block with a header, that would be taken for the one that the header has.
        "state digest": f"0x{measured.state_root.hex()}",
        "verified": f"{NONE} (ask with --verify)" if figures.verified is None else verdict(figures.verified),
    }
    if figures.header_checks is not None:
        rates = (figures.mgas_per_second, figures.sequential_mgas_per_second)
        if measured.stage_seconds:
            rows["beside execution"] = ", ".join(
                f"{name.replace('_', ' ')} {duration(seconds)}"
                for name, seconds in measured.stage_seconds.items()
            )
        rows["gas per second"] = "{} million, sequential {} million".format(*map(rate, rates))
        rows |= {
            f"header {name.replace('_', ' ')}": equality(is_equal)
            for name, is_equal in figures.header_checks.items()
        }
    return rows


def print_blocks(measured: Sequence[MeasuredBlock]) -> None:
    """Print what was gained, and what came of the transactions: a line for each block, and the totals."""
    blocks = [each.figures for each in measured]
    first, totals = blocks[0], Totals.of(blocks)
    # Names are enough, if they tell the blocks apart.
    short = len({each.file.name for each in measured}) == len(measured)
    names = [shown_path(each.file.name if short else each.file) for each in measured]
    names.append(f"{len(blocks)} blocks")
    print_columns(GAIN_COLUMNS, _named(names, [*map(gain_cells, blocks), gain_cells(totals)]))
    print()
    with_headers = any(figures.header_checks is not None for figures in blocks)
    rows = [[*outcome_cells(figures), *(header_cells(figures) if with_headers else ())] for figures in blocks]
    rows.append([*total_outcome_cells(totals), *(("", "") if with_headers else ())])
    print_columns((*OUTCOME_COLUMNS, *(HEADER_COLUMNS if with_headers else ())), _named(names, rows))
    if reasons := reason_lines(figures.outcomes for figures in blocks):
        print()
        for line in reasons:
            print_wrapped(line)
    median = f", times are medians of {first.runs} runs" if first.runs > 1 else ""
    print(f"\n{first.model}, {workers(first)} workers{median}")
    if machines := list(dict.fromkeys(each.virtual_machine for each in blocks if each.virtual_machine)):
        print(f"virtual machine: {', '.join(machines)}")


def _named(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[name, *row] for name, row in zip(names, rows, strict=True)]


def gain_cells(figures: Measurement | Totals) -> list[str]:
    """Return the cells of a line about times, after its name."""
    executions, _, aborts = per_transaction(figures)
    return [
        f"{figures.transactions:,}",
        milliseconds(figures.wall_seconds),
        milliseconds(figures.sequential_seconds),
        times(figures.speedup),
        executions,
        aborts,
    ]


def outcome_cells(figures: Measurement) -> list[str]:
    """Return the cells of a block's line about its transactions, after its name."""
    outcomes = figures.outcomes
    counts = (outcomes.succeeded, outcomes.reverted, outcomes.failed)
    return [*(f"{count:,}" for count in counts), verdict(figures.verified)]


def total_outcome_cells(totals: Totals) -> list[str]:
    """Return the same of the totals."""
    counts = (totals.succeeded, totals.reverted, totals.failed)
    return [*(f"{count:,}" for count in counts), verdict(totals.verified)]


def header_cells(figures: Measurement) -> list[str]:
    """Return the cells of the columns for a block that has a header."""
    if figures.header_checks is None:
        return [NONE, NONE]
    return [equality(figures.has_header_equal), rate(figures.mgas_per_second)]


def workers(figures: Measurement) -> str:
    """Tell how many workers there were, and how many took part if fewer."""
    if figures.active_workers == figures.workers:
        return str(figures.workers)
    return f"{figures.workers} ({figures.active_workers} active)"


def per_transaction(figures: Measurement | Totals) -> list[str]:
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
