"""Block files of what nodes tell.

- `validity`: what no transaction may be, whatever the state is.
- `from_witness`: the state before a block, as its witness proves it.
- `account_keys`: accounts as keys of a block's state.
- `record`: block files from files.
- `node`: block files from a node's answers.
- `notes`: what a user is told of a recorded block.
- `recorder`: all of it as the command line's recorder.
"""
