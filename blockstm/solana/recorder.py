"""The recorder of Solana: what ``blockstm record solana`` has to be told."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from blockstm.chains.support import RecordedBlock, Recorder, RecorderOption
from blockstm.errors import UsageError, install_extra, shown
from blockstm.solana.record import record_solana

__all__ = ["RECORDER"]

_OPTIONS: Final = (
    RecorderOption(
        "block", Path, "BLOCK.json", "What getBlock answers, with transactionDetails full.", required=True
    ),
    RecorderOption("slot", str, "N", "The block's slot, which the answer does not say."),
    RecorderOption(
        "requested_locks",
        bool,
        "",
        "Lock what messages want to write to, also accounts that validators only let be read.",
    ),
)
_NUMBER: Final = re.compile(r"[0-9]{1,19}")


def _record(output: Path, *, block: Path, slot: str | None, requested_locks: bool) -> RecordedBlock:
    if find_spec("solders") is None:
        raise UsageError(f"record solana needs solders, which is not installed; {install_extra('solana')}")
    if slot is not None and not _NUMBER.fullmatch(slot):
        raise UsageError(f"--slot {shown(slot)} is not that of a block; write it as 254170887")
    return record_solana(
        block, output, slot=None if slot is None else int(slot), as_requested=requested_locks
    )


RECORDER: Final = Recorder(
    "Make a block file of a Solana block: which accounts its transactions lock, and how much they compute.",
    _OPTIONS,
    _record,
)
