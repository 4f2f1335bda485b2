"""What is known of the chains that blocks are of: a registry of chain support, which commands ask by name.

- `support`: what a chain can know of its blocks; each part has a default.
- `registry`: the chains by name: registered, shipped, or installed beside this package.
- `checked`: a block, what came of its runs, and whether that can be trusted.
"""

from blockstm.chains.registry import (
    chain_block_of,
    conventions_of,
    network_of,
    recorder_of,
    recorders,
    register_chain,
    register_conventions,
    support_of,
)
from blockstm.chains.support import (
    ChainAccounts,
    ChainBlock,
    ChainSupport,
    Executable,
    RecordedBlock,
    Recorder,
    RecorderOption,
)

__all__ = [
    "ChainAccounts",
    "ChainBlock",
    "ChainSupport",
    "Executable",
    "RecordedBlock",
    "Recorder",
    "RecorderOption",
    "chain_block_of",
    "conventions_of",
    "network_of",
    "recorder_of",
    "recorders",
    "register_chain",
    "register_conventions",
    "support_of",
]
