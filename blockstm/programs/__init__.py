"""What transactions run: programs, their parameters and arguments, and the two that are built in.

- `arguments`: the values that a Python program takes, and how they are written as bytes.
- `parameters`: the kinds of parameters that native programs have, and the checks of their values.
- `declared`: what is said of a transaction's accesses before it runs: declared accesses, a promise; hints, a guess.
- `transaction`: a run of a program with its arguments, and what was recorded of one.
- `shared_library`: shared libraries that hold native programs.
- `program`: Python programs and native programs.
- `built_in`: `trace` and `transfer`, the native programs that every worker has.
- `table`: which programs blocks use, and under which numbers workers know them.
"""

from blockstm.programs.built_in import trace, transfer

__all__ = ["trace", "transfer"]
