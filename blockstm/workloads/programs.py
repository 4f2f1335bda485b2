"""The programs of the workloads. What each does stands in the file of its workload in ext/workloads/."""

from typing import Final

from blockstm.program import NativeProgram, Parameter

__all__ = ["mint", "mint_commutative", "payment"]


def _program(name: str, *parameters: tuple[str, str]) -> NativeProgram:
    """Return the program of that name in the compiled module."""
    return NativeProgram(
        f"blockstm.workloads.{name}",
        tuple(Parameter(parameter, kind) for parameter, kind in parameters),  # type: ignore[arg-type]
        f"blockstm._workloads:{name}",
    )


payment: Final = _program(
    "payment",
    ("sender", "key"),
    ("receiver", "key"),
    ("sender_counts", "keys"),
    ("receiver_counts", "keys"),
    ("settings", "keys"),
    ("amount", "u64"),
    ("work", "u64"),
)
"""A payment with as many reads and writes as those of a chain."""

mint: Final = _program(
    "mint",
    ("collection", "key"),
    ("minted", "key"),
    ("revenue", "key"),
    ("balance", "key"),
    ("minter", "u64"),
    ("work", "u64"),
)
"""A mint that reads the number of tokens and writes one more."""

mint_commutative: Final = _program(
    "mint_commutative",
    ("collection", "key"),
    ("minted", "key"),
    ("revenue", "key"),
    ("balance", "key"),
    ("token", "key"),
    ("minter", "u64"),
    ("work", "u64"),
)
"""A mint that adds to the number of tokens without reading it."""
