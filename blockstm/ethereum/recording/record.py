"""Block files from what an Ethereum node tells about a block."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from blockstm.blocks.block import Block
from blockstm.errors import EthereumInputError, LimitError, ProgramError, UsageError, shown, shown_path
from blockstm.ethereum.block import StateWitness, meta_of
from blockstm.ethereum.node.header import contradiction
from blockstm.ethereum.node.nodejson import named
from blockstm.ethereum.node.parent import parent_header_of, read_parent_header
from blockstm.ethereum.node.prestate import Account, read_accounts, read_prestate
from blockstm.ethereum.node.rpc import NodeBlock, read_block, read_block_hashes, told_block
from blockstm.ethereum.node.uncles import read_uncle_headers
from blockstm.ethereum.node.witness import Witness, read_witness
from blockstm.ethereum.recording.account_keys import add_account
from blockstm.ethereum.recording.from_witness import (
    FIRST_PRECOMPILES,
    accounts_proved,
    hashes_told,
    root_before,
)
from blockstm.ethereum.recording.validity import broken_rule
from blockstm.ethereum.rules.environment import Environment
from blockstm.ethereum.rules.forks import FORKS, SPURIOUS_DRAGON, is_at_least
from blockstm.ethereum.rules.keys import (
    ENVIRONMENT_KEY,
    EXISTS,
    block_hash_key,
    existence_key,
    trie_node_key,
)
from blockstm.ethereum.rules.networks import chain_name, fork_at
from blockstm.ethereum.rules.system import before_transactions, is_dao_fork, move_dao_ether
from blockstm.files.content import ContentError


def record_ethereum(
    block_path: str | os.PathLike[str] | None,
    prestate_path: str | os.PathLike[str] | None,
    output_path: str | os.PathLike[str],
    *,
    witness_path: str | os.PathLike[str] | None = None,
    block_hashes_path: str | os.PathLike[str] | None = None,
    accounts_path: str | os.PathLike[str] | None = None,
    uncles_path: str | os.PathLike[str] | None = None,
    parent_path: str | os.PathLike[str] | None = None,
    fork: str | None = None,
    whole_state: bool = False,
    number: int | None = None,
) -> Block:
    """Make a .block file of what a node tells about a block, whole or not at all, and return the block.

    Arguments:
        block_path: the answer to `eth_getBlockByNumber(number, true)`, or blocks in RLP; the other files are
            JSON. All are plain, or compressed with zstd or gzip, and may have a JSON-RPC envelope. None where the
            witness has the block.
        prestate_path: what geth's `prestateTracer` tells: the state before the block, or before each of its
            transactions (see `blockstm.ethereum.node.prestate`). None for what the witness proves.
        output_path: the .block file; an existing one is replaced.
        witness_path: nodes of the tries of the state before the block (see `blockstm.ethereum.node.witness`), so
            that the root of the state after it can be compared with the header's.
        block_hashes_path: `{"number": "0xhash", ...}`, for the opcode BLOCKHASH; the parent's hash is known
            without.
        accounts_path: accounts that are exactly as this file says, whatever the pre-state says of them, in the
            merged form of a pre-state: an account that is empty exists, and one that is null does not.
        fork: the rules by which the block is executed, one of `blockstm.ethereum.rules.forks.FORKS`; None for
            those that hold on its network (`blockstm.ethereum.rules.networks`) at the block's number and time.
        uncles_path: the headers of the block's uncles (see `blockstm.ethereum.node.uncles`), so that the state
            after the block has what their miners get.
        parent_path: the header of the block's parent (see `blockstm.ethereum.node.parent`), so that what follows
            from it is compared: the base fee, the excess blob gas, and the steps of number, time and gas limit.
        whole_state: the pre-state is the merged form of all accounts of the chain with all their storage, so that
            the root of the state after the block can be compared with the header's. An account that is listed then
            exists, even an empty one, and no other does.
        number: that of the block, where its file holds several.

    Raises:
        EthereumInputError: an input is missing, damaged or bad, or they do not belong together.
        BlockFileError: the block file cannot be written.
        LimitError: the block is larger than a file may be.
        UsageError: the fork is unknown, or the output is one of the inputs.
    """
    block = read_ethereum(
        block_path,
        prestate_path,
        witness_path=witness_path,
        block_hashes_path=block_hashes_path,
        accounts_path=accounts_path,
        uncles_path=uncles_path,
        parent_path=parent_path,
        fork=fork,
        whole_state=whole_state,
        number=number,
    )
    paths = (
        block_path,
        prestate_path,
        witness_path,
        block_hashes_path,
        accounts_path,
        uncles_path,
        parent_path,
    )
    for path in paths:
        if path is not None and os.path.exists(output_path) and os.path.samefile(path, output_path):
            raise UsageError(f"{shown_path(output_path)}: is one of the inputs; name another output file")
    block.save(output_path)
    return block


def read_ethereum(
    block_path: str | os.PathLike[str] | None,
    prestate_path: str | os.PathLike[str] | None,
    *,
    witness_path: str | os.PathLike[str] | None = None,
    block_hashes_path: str | os.PathLike[str] | None = None,
    accounts_path: str | os.PathLike[str] | None = None,
    uncles_path: str | os.PathLike[str] | None = None,
    parent_path: str | os.PathLike[str] | None = None,
    fork: str | None = None,
    whole_state: bool = False,
    dao_fork: bool | None = None,
    number: int | None = None,
) -> Block:
    """Return the block that a node tells about; see `record_ethereum`, which also writes it.

    Arguments beyond those:
        dao_fork: the DAO's ether is moved before the first transaction (EIP-779); None for as on the mainnet.
    """
    check_fork(fork)
    if whole_state and witness_path is not None:
        raise UsageError("a whole state needs no witness; leave one of --whole-state and --witness out")
    witness = None if witness_path is None else read_witness(witness_path)
    block, told_by = _block(block_path, witness_path, witness, number)
    with named(told_by):
        fork = fork_of(block, fork)
    told = {} if prestate_path is None else read_prestate(prestate_path, block, whole_state=whole_state)
    parent_header = None if parent_path is None else read_parent_header(parent_path, block)
    stated = {} if accounts_path is None else read_accounts(accounts_path)
    hashes: dict[int, bytes] = {}
    proof = None
    if witness is not None and witness_path is not None:
        with named(witness_path):
            if parent_header is None and (header := witness.headers.get(block.values["parentHash"])):
                parent_header = parent_header_of(header, block)
            proof = StateWitness(root_before(witness, block, parent_header), witness.nodes)
            environment = Environment.of_header(fork, block.chain_id, block.values)
            stated = accounts_proved(witness, proof.root, block, environment, told) | stated
            hashes = hashes_told(witness, block)
    with named(told_by):
        check_rules(block, told | stated, fork)
    with named(prestate_path or witness_path or told_by):
        check_senders(block, told | stated, fork)
    if block_hashes_path is not None:
        hashes = read_block_hashes(block_hashes_path, block)
    uncle_headers = block.uncle_headers if uncles_path is None else read_uncle_headers(uncles_path, block)
    with named(told_by):
        return make_block(
            block,
            told,
            hashes,
            fork,
            stated=stated,
            uncle_headers=uncle_headers,
            parent_header=parent_header,
            whole_state=whole_state,
            dao_fork=dao_fork,
            witness=proof,
        )


def _block(
    block_path: str | os.PathLike[str] | None,
    witness_path: str | os.PathLike[str] | None,
    witness: Witness | None,
    number: int | None,
) -> tuple[NodeBlock, str | os.PathLike[str]]:
    """Return the block, and the file that tells it."""
    if block_path is not None:
        return read_block(
            block_path, number, None if witness is None else witness.raw_transactions
        ), block_path
    if witness is None or witness_path is None:
        raise UsageError("neither a block nor a witness is given; give --block or --witness")
    with named(witness_path):
        if witness.block is None:
            raise ContentError("the block is not in it; give it, too (--block)")
        return told_block(witness.block, "save the witness again, with its block"), witness_path


def make_block(
    block: NodeBlock,
    accounts: Mapping[bytes, Account],
    block_hashes: Mapping[int, bytes],
    fork: str,
    *,
    stated: Mapping[bytes, Account | None] = MappingProxyType({}),
    uncle_headers: Sequence[Mapping[str, str]] | None = None,
    parent_header: Mapping[str, str] | None = None,
    whole_state: bool = False,
    dao_fork: bool | None = None,
    witness: StateWitness | None = None,
) -> Block:
    """Return a block whose transactions are run by `blockstm.ethereum.program.evm`.

    Its meta is that of `blockstm.ethereum.block.meta_of`.

    Arguments:
        block: header and transactions.
        accounts: the accounts that the block touches, by address, as they stood before it. An empty one is taken
            for absent: geth's tracer lists what does not exist so.
        block_hashes: hashes of earlier blocks, by number; that of the parent is added.
        fork: one of `blockstm.ethereum.rules.forks.FORKS`. Before Spurious Dragon the precompiled contracts 1 to 4
            exist though they are empty, as on the main network, where they were called early.
        stated: accounts that are exactly so, in place of those: an empty one exists, and None does not.
        uncle_headers: as `read_uncle_headers` returns them, None where they are not known.
        parent_header: as `read_parent_header` returns it, None where it is not known.
        whole_state: as for `record_ethereum`.
        dao_fork: as for `read_ethereum`.
        witness: of the state before the block; None where there is none.

    Raises:
        ContentError: a code, a transaction or the header is larger than a block file holds.
    """
    from blockstm.ethereum.program import evm  # takes a second or two

    environment = Environment.of_header(fork, block.chain_id, block.values)
    state = {ENVIRONMENT_KEY: environment.encoded()}
    for address, account in accounts.items():
        if address not in stated:
            add_account(state, address, account, fork, exists=whole_state or not account.empty)
    if not whole_state and not is_at_least(fork, SPURIOUS_DRAGON):
        state.update(
            (existence_key(address), EXISTS) for address in FIRST_PRECOMPILES if address not in stated
        )
    for address, exact in stated.items():
        if exact is not None:
            add_account(state, address, exact, fork, exists=True)
    state.update((block_hash_key(number), block_hash) for number, block_hash in block_hashes.items())
    if block.number:
        state[block_hash_key(block.number - 1)] = block.values["parentHash"]
    if is_dao_fork(environment, block.values["extraData"]) if dao_fork is None else dao_fork:
        move_dao_ether(state)
    before_transactions(environment, block.fields, state)
    if witness is not None:
        state.update((trie_node_key(digest), node) for digest, node in witness.nodes.items())
    root = None if witness is None else witness.root
    meta = meta_of(block, fork, uncle_headers, parent_header, whole_state=whole_state, witness_root=root)
    try:
        return Block(
            [evm.txn(txn.raw, txn.sender) for txn in block.transactions],
            state,
            chain=chain_name(block.chain_id),
            number=block.number,
            meta=meta,
        )
    except (LimitError, ProgramError, UsageError) as error:
        raise ContentError(f"cannot be kept in a block file: {error}") from error


def check_fork(fork: str | None) -> None:
    """Check that a fork that a user names is one.

    Raises:
        UsageError: it is not.
    """
    if fork is not None and fork not in FORKS:
        raise UsageError(f"fork {shown(fork)} is not known; known are {', '.join(FORKS)}")


def fork_of(block: NodeBlock, fork: str | None) -> str:
    """Return the fork whose rules hold for a block: the one that a user names, or its network's at that time.

    Raises:
        ContentError: the network is not known, or the header is not one of that fork.
    """
    if fork is None:
        try:
            fork = fork_at(block.chain_id, block.number, block.number_of("timestamp"))
        except EthereumInputError as error:
            raise ContentError(str(error)) from error
    if (problem := contradiction(block.values, fork)) is not None:
        raise ContentError(
            f"the block: {problem}; name the header's own fork with --fork, or save the node's answer again"
        )
    return fork


def check_rules(block: NodeBlock, accounts: Mapping[bytes, Account | None], fork: str) -> None:
    """Check that no transaction is one that no block of the fork may have.

    Raises:
        ContentError: one is; it is named, and the rule.
    """
    for txn in block.transactions:
        sender = accounts.get(txn.sender)
        problem = broken_rule(txn, fork, block.values, sender.code if sender else b"")
        if problem is not None:
            raise ContentError(
                f"{txn.place}: {problem}, so no block of fork {fork} may have it; choose a valid block, or name "
                "another fork with --fork"
            )


def check_senders(block: NodeBlock, accounts: Mapping[bytes, Account | None], fork: str) -> None:
    """Check that each sender's nonce is that of its first transaction: else the state is that of another block.

    Raises:
        ContentError: one is not; the transaction is named.
    """
    seen: set[bytes] = set()
    delegating = FORKS.index(fork) >= FORKS.index("prague")  # others, too, may raise a nonce: EIP-7702
    for txn in block.transactions:
        account = accounts.get(txn.sender)
        nonce = account.nonce if account else 0
        if txn.sender not in seen and not (nonce == txn.nonce or (delegating and nonce < txn.nonce)):
            has = f"has nonce {nonce}" if account else "is not there"
            raise ContentError(
                f"{txn.place}: its nonce is {txn.nonce}, but in this state its sender, account "
                f"0x{txn.sender.hex()}, {has}; give the state before block {block.number}"
            )
        seen.add(txn.sender)
