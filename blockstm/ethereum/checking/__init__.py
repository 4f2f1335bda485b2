"""Whether what came of a block is what its header says.

- `closing`: what the protocol itself does after all transactions.
- `finalaccounts`: the accounts that a state holds.
- `roots`: the root of the state after a block.
- `checks`: the comparison with the header.
- `lacks`: what the state before seems to lack, where they differ.
"""
