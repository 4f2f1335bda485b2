"""One BlockchainTest through the product: each block recorded from files, executed, and compared with its header.

The pre-state of a test is whole, so the root of the state is compared, too. The state is carried on from each block
to those that name it as their parent, so that chains that part go on side by side.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from blockstm import Block, BlockstmError, Engine
from blockstm.ethereum.block import EthereumBlock
from blockstm.ethereum.checking.checks import ExecutedBlock
from blockstm.ethereum.checking.finalaccounts import accounts_json
from blockstm.ethereum.node.prestate import Account
from blockstm.ethereum.recording.account_keys import add_account
from blockstm.ethereum.recording.record import read_ethereum
from blockstm.ethereum.rules.forks import FRONTIER
from blockstm.ethereum.state_trie import state_root
from blockstm.ethereum.virtual_machine import executable
from blockstm.results.verify import differences
from tests.blockchain_tests.networks import fork_at, is_dao_fork
from tests.blockchain_tests.nodeanswers import Json, NotABlockError, block_of

HASHES_KEPT = 256
SHOWN_CHARACTERS = 160


class Known(NamedTuple):
    """An executed block: the state after it, the hashes of its ancestors and its own, by number, and its header."""

    accounts: Mapping[bytes, Account]
    hashes: Mapping[int, str]
    header: Json


class Product(NamedTuple):
    """How the product runs a test: the engine, the virtual machine, the test's network, and a folder for files."""

    engine: Engine
    machine: str
    network: str
    folder: Path


class Outcome(NamedTuple):
    """What came of one block.

    Attributes:
        refused: why it was not executed, or which checks differ; None where it is right.
        known: the state after it, where it was executed.
    """

    refused: str | None
    known: Known | None


@dataclass
class Verdict:
    """What came of one test.

    Attributes:
        failure: the first thing that is not as the test says; None for a test that passes.
        blocks: how many valid blocks were executed.
        invalid: what came of each invalid block: `refused`, or `accepted: ` and what the test says of it.
    """

    failure: str | None = None
    blocks: int = 0
    invalid: list[str] = field(default_factory=list)


def run_test(engine: Engine, test: Json, folder: Path, machine: str = "py-evm") -> Verdict:
    """Run a test, up to the first block that is not as it says.

    Arguments:
        engine: executes the blocks; those of several transactions also sequentially.
        test: one entry of a BlockchainTests file.
        folder: an existing folder for the files that the product reads.
        machine: the virtual machine that executes the transactions.
    """
    verdict = Verdict()
    genesis = test["genesisBlockHeader"]
    accounts = accounts_of_test(test["pre"])
    state: dict[bytes, bytes] = {}
    for address, account in accounts.items():
        add_account(state, address, account, FRONTIER, exists=True)
    if state_root(state).hex() != genesis["stateRoot"][2:]:
        verdict.failure = "the state root of the genesis block differs"
        return verdict
    header, _ = block_of(bytes.fromhex(test["genesisRLP"][2:]))
    if header["hash"] != genesis["hash"]:
        verdict.failure = "the hash of the genesis block differs"
        return verdict
    known = {genesis["hash"]: Known(accounts, {0: genesis["hash"]}, header)}
    for index, told in enumerate(test["blocks"]):
        is_invalid = "expectException" in told or "blockHeader" not in told
        try:
            block, uncles = block_of(bytes.fromhex(told["rlp"][2:]))
        except (NotABlockError, ValueError) as error:
            outcome = Outcome(f"no block: {error}", None)
        else:
            parent = known.get(block["parentHash"])
            if parent is None:
                outcome = Outcome("the parent is not known", None)
            else:
                product = Product(engine, machine, test["network"], folder)
                outcome = run_block(product, parent, block, uncles)
        if is_invalid:
            exception = told.get("expectException", "invalid")
            verdict.invalid.append("refused" if outcome.refused else f"accepted: {exception}")
            continue
        if outcome.refused is not None:
            verdict.failure = f"block {index}: {outcome.refused}"
            return verdict
        verdict.blocks += 1
        assert outcome.known is not None
        known[block["hash"]] = outcome.known
    verdict.failure = final_difference(test, known)
    return verdict


def run_block(product: Product, parent: Known, block: Json, uncles: list[Json]) -> Outcome:
    """Run one block of a test on top of its parent."""
    engine = product.engine
    try:
        ethereum = EthereumBlock.of(record(product, parent, block, uncles))
        made = executable(ethereum, product.machine).block
        result = engine.execute(made)
        if len(made) > 1 and (found := differences(result, engine.execute(made, "sequential"))):
            return Outcome(f"differs from sequential: {found[0]}", None)
        executed = ExecutedBlock(ethereum, result)
        executed.check_senders()
        checks = executed.header_checks()
    except BlockstmError as error:
        return Outcome(f"{type(error).__name__}: {shortened(str(error))}", None)
    if differing := [name for name, is_equal in checks.items() if is_equal is False]:
        return Outcome(f"differs from the header: {', '.join(differing)}", None)
    if not (checks["state_root"] and checks["parent"]):
        return Outcome("the state root or the parent was not compared", None)
    number = int(block["number"], 16)
    hashes = {**parent.hashes, number: block["hash"]}
    return Outcome(None, Known(executed.accounts_after, hashes, block))


def record(product: Product, parent: Known, block: Json, uncles: list[Json]) -> Block:
    """The product's block, recorded from files as they come from a node.

    Raises:
        BlockstmError: the product refuses it.
    """
    number = int(block["number"], 16)
    last = {text: parent.hashes[text] for text in sorted(parent.hashes)[-HASHES_KEPT:] if text < number}
    paths = {
        name: product.folder / f"{name}.json" for name in ("block", "prestate", "hashes", "uncles", "parent")
    }
    paths["block"].write_text(json.dumps(block))
    paths["prestate"].write_bytes(accounts_json(parent.accounts))
    paths["hashes"].write_text(json.dumps(last))
    paths["uncles"].write_text(json.dumps(uncles))
    paths["parent"].write_text(json.dumps(parent.header))
    return read_ethereum(
        paths["block"],
        paths["prestate"],
        block_hashes_path=paths["hashes"],
        uncles_path=paths["uncles"],
        parent_path=paths["parent"],
        fork=fork_at(product.network, number, int(block["timestamp"], 16), int(block["difficulty"], 16)),
        whole_state=True,
        dao_fork=is_dao_fork(product.network, number),
    )


def accounts_of_test(told: Json) -> dict[bytes, Account]:
    """The accounts of a test's `pre` or `postState`."""
    return {
        bytes.fromhex(address[2:]): Account(
            balance=int(fields["balance"], 16),
            nonce=int(fields["nonce"], 16),
            code=bytes.fromhex(fields["code"][2:]),
            storage={int(slot, 16): int(value, 16) for slot, value in fields["storage"].items()},
        )
        for address, fields in told.items()
    }


def final_difference(test: Json, known: Mapping[str, Known]) -> str | None:
    """In what the state after the last block of the chain is not the test's; None if it is."""
    last = known.get(test["lastblockhash"])
    if last is None:
        return "the last block is another one"
    if "postState" not in test:
        return None  # a hash stands for it, which is the state root of the last block
    ours, theirs = comparable(last.accounts), comparable(accounts_of_test(test["postState"]))
    differing = sorted(
        address for address in ours.keys() | theirs.keys() if ours.get(address) != theirs.get(address)
    )
    return f"the final state differs at 0x{differing[0].hex()}" if differing else None


def comparable(accounts: Mapping[bytes, Account]) -> dict[bytes, Any]:
    """Accounts without the slots that are zero."""
    return {
        address: (
            account.nonce,
            account.balance,
            account.code,
            {slot: value for slot, value in account.storage.items() if value},
        )
        for address, account in accounts.items()
    }


def shortened(message: str) -> str:
    """A message without what differs from block to block, so that like ones can be counted."""
    return re.sub(r"0x[0-9a-f]+|\d+", "#", message.rpartition(".json: ")[2])[:SHOWN_CHARACTERS]
