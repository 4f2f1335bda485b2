"""A drain in a process of its own: writes down the changes that it has drained, for tests."""

from __future__ import annotations

import pickle
import sys

from blockstm.state import Drain

if __name__ == "__main__":
    descriptor, path, behaviour = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    with Drain(descriptor) as drain, open(path, "wb", buffering=0) as file:
        for block in drain:
            if behaviour == "hangs":
                next(iter(block))
                sys.stdin.read()
            drained = [(txn_idx, dict(changes)) for txn_idx, changes in block]
            file.write(pickle.dumps((block.number, block.is_complete, drained)))
