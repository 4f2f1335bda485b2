"""What the pre-state of a block seems to lack, or to have too much, where the block does not come to its header.

An account that is not there cannot be told from one that was not recorded. So this is a guess, made only where the
header's own fields agree with each other and with what the block shows without being executed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from blockstm.ethereum.checking.checks import HEADER_CHECKS, ExecutedBlock
from blockstm.ethereum.py_evm.dryrun import DryRun, dry_run
from blockstm.ethereum.py_evm.machine import decode_transaction, precompiles_of
from blockstm.ethereum.rules.forks import vm_class
from blockstm.ethereum.rules.keys import STORAGE_WITHOUT_CODE, balance_key, code_key, existence_key
from blockstm.ethereum.rules.outcome import Outcome
from blockstm.ethereum.rules.system import REQUEST_CONTRACTS

__all__ = ["what_lacks"]

_WITH_ACCOUNTS: Final = "record the block again with --accounts FILE that holds"


def what_lacks(executed: ExecutedBlock, checks: Mapping[str, bool | None]) -> str | None:
    """Return a message about what the pre-state seems to lack, None if nothing speaks for that.

    Nothing does where the state is that of the whole chain, where the header is not the chain's by its own hash, or
    where it breaks a rule that needs no execution: such a header is wrong itself. One whose gas used differs while
    the receipts root does not, or the other way round, contradicts itself.

    Arguments:
        executed: the block.
        checks: the comparisons with its header, as `ExecutedBlock.header_checks` returns them.
    """
    differing = {name for name, is_equal in checks.items() if is_equal is False}
    if any(not HEADER_CHECKS[name].depends_on_run for name in differing):
        return None
    if executed.has_whole_state:
        return None
    if differing == {"requests_hash"}:
        return _lacking_system_contract(executed)
    if "gas_used" not in differing or checks["receipts_root"] is True:
        return None
    run = dry_run(executed.block)
    found = _collision(executed, run) or _lacking_code(executed, run)
    if found is None:
        return None
    names = ", ".join(name.replace("_", " ") for name in HEADER_CHECKS if name in differing)
    return f"what came of the block is not what its header says ({names}): either it is invalid, or {found}"


def _lacking_system_contract(executed: ExecutedBlock) -> str | None:
    state = executed.block.state
    missing = [f"0x{contract.hex()}" for _, contract in REQUEST_CONTRACTS if code_key(contract) not in state]
    if not missing:
        return None
    return (
        "the block's requests are not those of its header, and the pre-state lacks the code of what the chain "
        f"calls after the last transaction (EIP-7002, EIP-7251), at {' and '.join(missing)}; "
        f"{_WITH_ACCOUNTS} code and storage of each (slots 0 to 3, and what is queued from slot 4 on)"
    )


def _collision(executed: ExecutedBlock, run: DryRun) -> str | None:
    """Return words for a contract that a transaction creates where the pre-state has one."""
    if not run.collisions:
        return None
    txn_idx, address = run.collisions[0]
    return (
        f"the pre-state has what came later: {executed.name_transaction(txn_idx)} creates a contract at "
        f"0x{address.hex()}, where the pre-state has a nonce or code; trace again with "
        f'{{"tracerConfig": {{"includeEmpty": true}}}}, or {_WITH_ACCOUNTS} {{"0x{address.hex()}": null}}, '
        "which says that nothing was there"
    )


def _lacking_code(executed: ExecutedBlock, run: DryRun) -> str | None:
    """Return words for code that a transaction looks for in vain.

    It is the first account of the strongest sort, and the first transaction that looked for its code:

    1. the account was recorded with storage;
    2. it was not recorded, and the transaction failed, or has input for it;
    3. it was not recorded;
    4. it was recorded, and the transaction failed, or has input for it;
    5. it was not recorded, and is sent ether by the transaction itself, without input;
    6. it was recorded, and a contract calls it without ether.

    Left out are senders, precompiled contracts, and accounts to which the block gives code.
    """
    lacks = list(_lacks(executed, run))
    if not lacks:
        return None
    strength, _, address = min(lacks)
    txn_idx = min(txn_idx for _, txn_idx, other in lacks if other == address)
    return (
        f"its pre-state is not whole: {executed.name_transaction(txn_idx)} looks for code at 0x{address.hex()}, "
        f"{_LACKS[strength]}; if it had code before the block, {_WITH_ACCOUNTS} that account"
    )


_NO_CODE: Final = (None, STORAGE_WITHOUT_CODE)
_LACKS: Final = (
    "whose storage was recorded without its code",
    "of which the pre-state has no account",
    "of which the pre-state has no account",
    "which the pre-state has without code",
    "of which the pre-state has no account",
    "which the pre-state has without code",
)


def _lacks(executed: ExecutedBlock, run: DryRun) -> Iterator[tuple[int, int, bytes]]:
    """Yield vain looks for code: what speaks for a lack, as an index into _LACKS, the transaction, the address.

    The accesses are those of py-evm, whatever has executed the block: it reads the code of what it calls, also
    where no such account exists.
    """
    before, result = executed.block.state, executed.result
    indexes = range(len(executed.block))
    stored = {key[1:21] for key in before if key[:1] == b"s"}
    coded = {key[1:21] for accesses in run.accesses for key in accesses.changed if key[:1] == b"c"}
    left_out = coded | {executed.raw(txn_idx)[1] for txn_idx in indexes}
    vm = vm_class(executed.environment.fork)
    precompiles = precompiles_of(executed.environment.fork)
    for txn_idx, receipt in enumerate(result.receipts):
        txn = decode_transaction(vm, *executed.raw(txn_idx))
        failed = not Outcome.of_events(receipt.events).succeeded
        reads, changed = run.accesses[txn_idx].reads, run.accesses[txn_idx].changed
        for key, value in reads.items():
            address = key[1:]
            if key[:1] != b"c" or value not in _NO_CODE or address in left_out or address in precompiles:
                continue
            is_recorded, is_target = existence_key(address) in before, address == txn.to
            if address in stored:
                yield 0, txn_idx, address
            elif is_target and not txn.data:
                if not is_recorded:
                    yield 4, txn_idx, address
            elif is_recorded:
                if is_target or failed:
                    yield 3, txn_idx, address
                elif existence_key(address) in reads and balance_key(address) not in changed:
                    # Of an account that is called, rather than looked at, the existence is read, too.
                    yield 5, txn_idx, address
            elif is_target or balance_key(address) not in changed:
                yield 1 if is_target or failed else 2, txn_idx, address
