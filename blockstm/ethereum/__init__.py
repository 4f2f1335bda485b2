"""Ethereum blocks: made from what a node says about them, and executed by py-evm.

The parts that need more than blockstm itself (py-evm and others) come with the optional dependencies
`blockstm[ethereum]`. Importing this package alone imports none of them.
"""

import importlib.util
import os

if importlib.util.find_spec("sha3") is not None:
    # py-evm hashes with what eth-hash chooses, which by itself is a backend that takes eight times as long.
    os.environ.setdefault("ETH_HASH_BACKEND", "pysha3")
