"""py-evm's virtual machine with its accounts in the multi-version memory.

What is replaced is what py-evm lets its users replace: the account database, the computation and the transaction
executor of a fork's state class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from eth.abc import MessageAPI, OpcodeAPI, SignedTransactionAPI
from eth.constants import BLANK_ROOT_HASH, MAX_PREV_HEADER_DEPTH
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.frontier import FrontierVM
from eth.vm.opcode import as_opcode
from eth.vm.opcode_values import JUMP
from eth.vm.state import BaseState
from eth_typing import Address, BlockNumber, Hash32
from eth_utils.exceptions import ValidationError

from blockstm.errors import EthereumInputError
from blockstm.ethereum.py_evm.accounts import ContextAccounts, StateContext
from blockstm.ethereum.py_evm.codes import jump_positions
from blockstm.ethereum.py_evm.osaka import osaka_opcodes, osaka_precompiles
from blockstm.ethereum.py_evm.precompiles import Precompile, corrected
from blockstm.ethereum.rules.blobs import blob_base_fee
from blockstm.ethereum.rules.environment import Environment
from blockstm.ethereum.rules.forks import CANCUN, OSAKA, is_at_least, vm_class
from blockstm.ethereum.rules.keys import ENVIRONMENT_KEY, block_hash_key

__all__ = ["Machine", "decode_transaction", "machine_for", "precompiles_of"]

_ENVIRONMENTS_MAX: Final = 64
_TRANSACTIONS_MAX: Final = 4096


class _ContextState:
    """What every fork's state class does differently over a context; mixed in before it."""

    _db: StateContext
    _account_db: ContextAccounts
    block_number: int

    def delta_balance(self, address: Address, delta: int) -> None:
        """Change a balance; a credit does not read it."""
        self._account_db.delta_balance(address, delta)

    def has_code_or_nonce(self, address: Address) -> bool:
        """Tell whether no contract can be created at an address, in all forks also by EIP-7610, unlike py-evm."""
        return self._account_db.is_taken(address)

    def set_system_contracts(self) -> None:
        """Do nothing: the block's state holds the system contracts that there are."""

    def get_ancestor_hash(self, block_number: int) -> Hash32:
        """Return the hash of an earlier block, empty where BLOCKHASH gives zero.

        Raises:
            EthereumInputError: the block's file does not hold it.
        """
        depth = self.block_number - block_number
        if not 0 < depth <= MAX_PREV_HEADER_DEPTH or block_number < 0:
            return Hash32(b"")
        block_hash = self._db.read(block_hash_key(block_number))
        if block_hash is None:
            raise EthereumInputError(
                f"the transaction asks for the hash of block {block_number}, which was not recorded; "
                "record the block with --blockhashes"
            )
        return Hash32(block_hash)


class _CachedComputation:
    """A computation that knows its code's jump positions from earlier ones; mixed in before a fork's own."""

    msg: MessageAPI

    def __init__(self, *arguments: Any) -> None:
        """Begin a computation."""
        super().__init__(*arguments)
        code: Any = self.code  # type: ignore[attr-defined]
        code.valid_positions, code.invalid_positions = jump_positions(code._raw_code_bytes)

    @property
    def is_origin_computation(self) -> bool:
        """Whether this is the outermost computation; to py-evm each is that the sender's own code makes."""
        return self.msg.depth == 0


def _polling(jump: Any) -> OpcodeAPI:
    """Return a jump that ends an execution which is in vain already; every loop has one."""

    def polling_jump(computation: Any) -> None:
        computation.state._db.poll()
        jump.logic_fn(computation)

    return as_opcode(polling_jump, jump.mnemonic, jump.gas_cost)


class _Executor:
    """An executor that leaves signatures to others; mixed in before a fork's own."""

    vm_state: BaseState

    def validate_transaction(self, transaction: SignedTransactionAPI) -> None:
        """Check what depends on the state, and the gas; the signature is checked when the block is recorded."""
        if transaction.gas < transaction.intrinsic_gas:
            raise ValidationError("the gas limit is below the intrinsic gas")
        self.vm_state.validate_transaction(transaction)


def _blob_base_fee(fork: str) -> property:
    """Return what a state tells as the price of blob gas, which in py-evm ends with Prague."""
    return property(lambda state: blob_base_fee(fork, state.execution_context.excess_blob_gas))


def _mixed(mixin: type, base: type, **members: object) -> Any:
    return type(base.__name__, (mixin, base), members)


@lru_cache
def precompiles_of(fork: str) -> Mapping[Address, Precompile]:
    """Return the precompiled contracts of a fork, by address."""
    state: Any = vm_class(fork).get_state_class()
    precompiles = state.computation_class.get_precompiles()
    return corrected(osaka_precompiles(precompiles) if is_at_least(fork, OSAKA) else precompiles)


@lru_cache
def _context_state_class(fork: str) -> type[BaseState]:
    base: Any = vm_class(fork).get_state_class()
    computation = base.computation_class
    opcodes = computation.opcodes
    if is_at_least(fork, OSAKA):
        opcodes = osaka_opcodes(opcodes)
    state_class: type[BaseState] = _mixed(
        _ContextState,
        base,
        **({"blob_base_fee": _blob_base_fee(fork)} if is_at_least(fork, CANCUN) else {}),
        account_db_class=ContextAccounts,
        computation_class=_mixed(
            _CachedComputation,
            computation,
            _precompiles=precompiles_of(fork),
            opcodes={**opcodes, JUMP: _polling(opcodes[JUMP])},
        ),
        transaction_executor_class=_mixed(_Executor, base.transaction_executor_class),
    )
    return state_class


@dataclass(frozen=True, slots=True)
class Machine:
    """A fork's virtual machine, set up for the transactions of one block.

    Arguments:
        vm: the fork's virtual machine.
        state_class: its state class, over contexts.
        block: what transactions see of the block.
    """

    vm: type[FrontierVM]
    state_class: type[BaseState]
    block: ExecutionContext

    def state(self, context: StateContext) -> Any:
        """Return the state for one execution of one transaction."""
        database: Any = context  # it reaches nothing but `ContextAccounts`
        return self.state_class(database, self.block, BLANK_ROOT_HASH)


@lru_cache(maxsize=_ENVIRONMENTS_MAX)
def _machine(encoded: bytes) -> Machine:
    environment = Environment.decoded(encoded)
    block = ExecutionContext(
        coinbase=Address(environment.coinbase),
        timestamp=environment.timestamp,
        block_number=BlockNumber(environment.number),
        difficulty=environment.difficulty,
        mix_hash=Hash32(environment.mix_hash),
        gas_limit=environment.gas_limit,
        prev_hashes=(),
        chain_id=environment.chain_id,
        base_fee_per_gas=environment.base_fee_per_gas,
        excess_blob_gas=environment.excess_blob_gas,
    )
    return Machine(vm_class(environment.fork), _context_state_class(environment.fork), block)


def machine_for(context: StateContext) -> Machine:
    """Return the virtual machine for the block that a transaction belongs to.

    Raises:
        EthereumInputError: the state holds no environment, so it is none that `record ethereum` made.
    """
    encoded = context.read(ENVIRONMENT_KEY)
    if encoded is None:
        raise EthereumInputError(
            "the block's state has no environment; make it with 'blockstm record ethereum'"
        )
    return _machine(encoded)


@lru_cache(maxsize=_TRANSACTIONS_MAX)
def decode_transaction(vm: type[FrontierVM], raw: bytes, sender: bytes) -> SignedTransactionAPI:
    """Return a signed transaction whose sender is known.

    Arguments:
        vm: the virtual machine of the fork.
        raw: the transaction as the block's body holds it (EIP-2718).
        sender: its sender, 20 bytes, as recovered from its signature before.
    """
    transaction: Any = vm.get_transaction_builder().decode(raw)
    transaction.__dict__["sender"] = Address(sender)  # fills its cached property
    decoded: SignedTransactionAPI = transaction
    return decoded
