"""One signed transaction in py-evm, over a program's context."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eth.constants import CREATE_CONTRACT_ADDRESS

from blockstm.ethereum.py_evm.machine import decode_transaction, machine_for
from blockstm.ethereum.rules.outcome import Outcome

if TYPE_CHECKING:
    from eth.abc import ComputationAPI

    from blockstm.native._core import Context

__all__ = ["execute"]


def execute(ctx: Context, raw: bytes, sender: bytes) -> None:
    """Execute a signed transaction; see `blockstm.ethereum.program.evm`."""
    machine = machine_for(ctx)
    transaction = decode_transaction(machine.vm, raw, sender)
    state = machine.state(ctx)
    computation = state.apply_transaction(transaction)
    state._account_db.flush()
    ctx.charge(machine.vm.finalize_gas_used(transaction, computation))
    is_creation = transaction.to == CREATE_CONTRACT_ADDRESS
    for event in _outcome(computation, is_creation).events():
        ctx.emit(event)


def _outcome(computation: ComputationAPI, is_creation: bool) -> Outcome:
    logs = tuple(
        (address, tuple(topic.to_bytes(32, "big") for topic in topics), data)
        for address, topics, data in computation.get_log_entries()
    )
    return Outcome(
        succeeded=computation.is_success,
        contract_address=computation.msg.storage_address if is_creation else None,
        error=None if computation.is_success else type(computation.error).__name__,
        logs=logs,
    )
