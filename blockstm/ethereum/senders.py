"""The senders of transactions: many at once, on all cores, where the native library is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

__all__ = ["senders_confirmed"]


def senders_confirmed(signed: Sequence[tuple[bytes, bytes]]) -> list[bool] | None:
    """Tell of each transaction whether it is signed by whom it is said to be; None where this cannot be told here.

    It knows signatures as they are from Spurious Dragon on, when v came to name the chain (EIP-155).

    Arguments:
        signed: transactions as a block's body holds them (EIP-2718), and the sender of each, 20 bytes.
    """
    if importlib.util.find_spec("blockstm_evm") is None:
        return None
    from blockstm.ethereum.native import recovered_senders

    recovered = recovered_senders([raw for raw, _ in signed])
    return [found == sender for found, (_, sender) in zip(recovered, signed, strict=True)]
