"""Blocks: transactions in their order and the state that they start from; and the files that hold them.

- `access_list`: block-level access lists (EIP-7928).
- `block_header`: what a block says about itself: chain, number, meta.
- `columns`: checks of what stands in one place of many rows at once.
- `sections`, `section_check`: the optional sections of a block: what is said of its accesses and arrivals.
- `packed`, `row_check`: the packed form of a block, and the check of its rows.
- `block_decode`, `file_rows`: block files, decoded strictly; those whose rows the core reads itself.
- `block_file`: block files, read and written.
- `arrow_columns`, `arrow_block`: blocks out of Arrow tables.
- `block_check`: the checks of objects that a block is made of.
- `block`: the block.
- `pickled`: blocks as bytes for another process, with their programs.
- `access_trace`: blocks from access traces, which say what each transaction read, wrote and added.
"""
