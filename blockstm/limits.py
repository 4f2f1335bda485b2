"""The limits of blocks, files and engines. Sizes are in bytes unless the name says otherwise."""

from typing import Final

U64_MAX: Final = (1 << 64) - 1
U256_MAX: Final = (1 << 256) - 1

# What the core keeps, too (blockstm/native/memory/layout.pxd): it compares both when it is imported.
KEY_BYTES_MAX: Final = 64
VALUE_BYTES_MAX: Final = 65_536
TRANSACTIONS_MAX: Final = 1_000_000
WORKERS_MAX: Final = 256
SCAN_KEYS_MAX: Final = 1024
"""Keys that one scan may ask for."""
REASON_BYTES_MAX: Final = 4096
"""Of a longer reason the receipt keeps the beginning."""
EVENT_BYTES_MAX: Final = 65_536

KEYS_MAX: Final = 1 << 23
"""Distinct keys that one block may name."""
ACCESSES_MAX: Final = 1 << 20
"""Entries of one list of keys, or of one mapping of adds, of one transaction."""
BYTES_ARGUMENT_BYTES_MAX: Final = 1 << 20
"""One argument of kind `bytes` of a native program; an Ethereum transaction takes up to 128 KiB in its raw form."""

MEMORY_LIMIT_BYTES_DEFAULT: Final = 1 << 30
MEMORY_LIMIT_BYTES_MIN: Final = 1 << 20
MEMORY_LIMIT_BYTES_EXPLORED: Final = 64 << 20
"""Of a block that is explored or checked, whose memory is used again for thousands of schedules."""

PROGRAMS_MAX: Final = 1024
"""Different programs in one block."""
PROGRAM_NAME_BYTES_MAX: Final = 512
LEADING_KEYS_MAX: Final = 8
"""Keys of a native program that are announced before it reads them; the core keeps it, too (memory/local.pxd)."""
ARGUMENTS_BYTES_MAX: Final = 1 << 20
"""Encoded arguments of one Python program's transaction."""
ARGUMENTS_DEPTH_MAX: Final = 32
"""How deep lists and dicts may be nested in arguments and in a block's meta."""
CHAIN_NAME_BYTES_MAX: Final = 256

BLOCK_FILE_BYTES_MAX: Final = 1 << 30
"""A block file's content, decompressed."""
BLOCK_HEADER_BYTES_MAX: Final = 1 << 20
"""The first object of a block file: names of programs and free-form meta."""
BLOCK_META_BYTES_MAX: Final = 1 << 18
BLOCK_ROW_BYTES_MAX: Final = 16 << 20
"""One transaction in a block file, as msgpack."""

SNAPSHOT_BYTES_MAX: Final = 1 << 36
"""The content of a snapshot, decompressed."""
SNAPSHOT_HEADER_BYTES_MAX: Final = 1 << 20

ACCESS_TRACE_BYTES_MAX: Final = 1 << 30
"""An access trace's text, decompressed."""
ACCESS_TRACE_LINE_BYTES_MAX: Final = 16 << 20

SOLANA_JSON_BYTES_MAX: Final = 1 << 28
"""What getBlock answers, decompressed."""
ETHEREUM_JSON_BYTES_MAX: Final = 1 << 28
"""The text of one file of a node's answers, decompressed, or of one answer over the network."""
ETHEREUM_NODES_MAX: Final = 1 << 20
"""Nodes of tries in one witness."""
ETHEREUM_NODE_BYTES_MAX: Final = 576
"""One node of a trie of Ethereum's state: a branch has 532 bytes, the leaf of an account at most 150."""
ETHEREUM_EXPORT_BYTES_MAX: Final = 1 << 30
"""A file of blocks in RLP, decompressed."""
ETHEREUM_RLP_BLOCK_BYTES_MAX: Final = 1 << 25
"""One block in RLP; since EIP-7934, none of Ethereum has more than 10 MiB."""

PROOF_KEYS_MAX: Final = 1 << 16
"""Keys of one proof."""
PROOF_BYTES_MAX: Final = 1 << 28
"""A file of one proof."""
