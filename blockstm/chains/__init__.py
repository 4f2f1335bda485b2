"""What is known of the chains that blocks are of: a registry of chain support, which commands ask by name."""

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
    RecordedBlock,
    Recorder,
    RecorderOption,
)

__all__ = [
    "ChainAccounts",
    "ChainBlock",
    "ChainSupport",
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
