"""Block files of what nodes tell.

- `validity`: what no transaction may be, whatever the state is.
- `record`: block files from files.
- `node`: block files from a node's answers.
- `notes`: what a user is told of a recorded block.
- `recorder`: all of it as the command line's recorder.
"""
