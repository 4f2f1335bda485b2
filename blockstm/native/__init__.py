"""The core, in Cython, compiled as C++20: everything that runs while a block runs.

Storey by storey, each file after those that it is made of:

- `memory/atomics`: memory-ordered operations, and futexes.
- `memory/layout`: every structure in shared memory, and the limits.
- `memory/layout_checks`: rules for these, in C++, and the version of what native programs rely on.
- `memory/steps`: the kinds of step points.
- `memory/local`: what one worker keeps for itself.
- `memory/allocation`, `memory/buffers`: memory of the arena; growing buffers of one worker.
- `memory/number`: unsigned 256-bit numbers.
- `instruments/mutants`: the steps of the protocol that can be broken on purpose.
- `instruments/costs`, `instruments/invariants`: the kinds of work that have a price; what can be found broken.
- `instruments/virtual_time`: what the work of a virtual worker costs.
- `instruments/timeline`: what each worker did when.
- `instruments/delays`: random delays at step points.
- `instruments/watch`: what is looked for after every step of a controlled run.
- `instruments/state_hash`: the state of a controlled run as a number.
- `versions/key_order`: keys in the order of their bytes, for scans.
- `versions/key_table`: from a key's bytes to its location.
- `versions/multi_version`: for each key, the values that the block's transactions wrote.
- `versions/ranges`: what a scan has found, and whether it would find the same now.
- `versions/validation`: whether a transaction would read now what it has read.
- `verbs/touched`: the keys that the running transaction has touched, and its pending writes.
- `verbs/model`: what a model must say: its table of functions.
- `verbs/reads`, `verbs/adds`: what earlier transactions left at a key; adds.
- `verbs/predicates`, `verbs/scans`: what is asked of a key without its value; which keys of a range have values.
- `verbs/savepoints`: a nested program succeeds whole or leaves nothing.
- `verbs/work`: long work, and giving up what is doomed.
- `verbs/context`: the verbs.
- `programs/layout_checks`: has the compiler check the structures by these rules.
- `blockstm`: the verb interface in C, which native programs in any language are compiled against.
- `programs/verb_table`: its types.
- `programs/native_program`: what a native program is to the core, and the capsule in which it is found.
- `programs/arguments`: its arguments, as they lie in the arena.
- `programs/c_interface`: the functions behind the verb interface in C.
- `programs/transfer`, `programs/trace`: the two programs that are built in.
- `workloads/records`: what the programs of the workloads share.
- `workloads/transfers`, `workloads/counter`, `workloads/amm`, `workloads/orderbook`, `workloads/perpetual`,
  `workloads/options`: the programs of the workloads.
- `models/status`: the status word of a transaction.
- `models/waking`, `models/progress`: waking sleepers; the committed prefix.
- `models/incarnation`, `models/outcome`: running an incarnation; what it leaves for others to look at.
- `models/deaths`: what the death of a worker means for its transaction.
- `models/worker_loop`: the worker loop, which each model includes.
- `models/promises`: accesses that were promised, and what follows others.
- `models/schedule`, `models/ready_set`: the order in which transactions are wanted to run; those that can.
- `models/waiting`: waiting for another transaction, and claiming one.
- `models/in_place`: one current word for each key.
- `models/sequential/in_order`, `models/sequential/model`: sequential execution.
- `models/locks/state`: what locks keep: lanes, and whom transactions wait for.
- `models/locks/conflicts`: finding that out.
- `models/locks/execution`: running a transaction when its locks are free, and making it final in their order.
- `models/locks/model`: all of it as a table of functions.
- `models/snapshot/state`: what batches on a snapshot keep.
- `models/snapshot/reservations`: who of a batch is the first to read, write and add to a key.
- `models/snapshot/execution`: executing a transaction on the snapshot.
- `models/snapshot/collector`: committing a batch.
- `models/snapshot/model`: all of it as a table of functions.
- `models/multi_version/state`: what the models keep that have a version of each write.
- `models/multi_version/scheduler`: which transaction runs or is validated next.
- `models/multi_version/pace`: how many workers take part.
- `models/multi_version/intents`: writes foreseen, and announced before they are made.
- `models/multi_version/guesses`: whether an add stays within its bounds, before that is known.
- `models/multi_version/expectations`: what a transaction is known to touch before it runs.
- `models/multi_version/aborting`: aborting an incarnation.
- `models/multi_version/readers`: readers that are told when what they have read is stale.
- `models/multi_version/publication`: finishing an incarnation.
- `models/multi_version/final_writes`: the writes of what was executed with all its reads final.
- `models/multi_version/collector`: the rolling commit.
- `models/multi_version/at_once`: committing what has read nothing but what is final.
- `models/multi_version/execution`: running an incarnation, and validating one.
- `models/multi_version/tasks`: which task next.
- `models/multi_version/dooming`: the early end of the doomed.
- `models/multi_version/recovery`: what the supervisor does in the name of a dead worker.
- `models/multi_version/invariants`: what must hold after every step.
- `models/multi_version/model`: all of it as tables of functions, one for each model.
- `faces/recursion`: how deep programs may call through C.
- `faces/encoding`: native programs' arguments.
- `faces/slot_rows`: transactions that are objects, read where their parts lie.
- `faces/look_ahead`: fetching into the caches what keys need that are soon to be looked up.
- `faces/columns`, `faces/column_loader`: arguments and state in Arrow's layout; laying them out.
- `faces/msgpack`, `faces/block_content`: reading msgpack; arguments and state of a block file.
- `faces/loader`: laying out a block in the arena.
- `faces/predicates`: predicates as bytes, for the result.
- `faces/run_view`, `faces/kept_view`: a run where it lies in the arena; what is kept of it for the next block.
- `faces/snapshot`: what came of a block, decoded when it is looked at.
- `faces/locks`: which processes are there: locks that end with their process.
- `faces/preparation`: what is known of a block before it starts.
- `faces/regions`, `faces/arena`: the memory of one block, and a block that is laid out there; the arena.
- `faces/drain`: what is committed, read in order while the block runs.
- `faces/programs`: native programs as a process loads them.
- `faces/worker`: a worker, and the context of Python programs.
- `faces/controlled`, `faces/exploration`: virtual workers under a controller; what exploration asks of the core.
- `faces/virtual_clock`, `faces/calibration`: virtual workers in modelled time; what calibration measures.
- `hashing/keccak_lanes`, `hashing/keccak`: Keccak-256 of as many inputs as a vector has lanes; of as many as pay.
- `trees/rlp`, `trees/patricia_node`: RLP; a node of a Merkle Patricia trie, in memory and in RLP.
- `trees/patricia_nodes`, `trees/patricia_changes`, `trees/patricia_tries`: many of them; changes; tries in Python.
- `trees/pages`, `trees/stored_pages`: the binary tree's pages, in memory and as bytes.
- `trees/page_hashes`: the hashes of many pages at a time.
- `trees/paths`, `trees/binary_tree`: paths of keys; the binary tree as Python sees it.
- `_core`, `_workloads`, `_coretest`: the extension modules: the core, the workloads' programs, a face for tests.
- `_trees`: the extension module of what commits to a state.

Native programs of users cimport from here, as from `blockstm.native.verbs.context`; `include_directory` says where
a compiler finds that (docs/how-to/native-programs.md).
"""

from pathlib import Path

__all__ = ["include_directory"]


def include_directory() -> str:
    """Return the directory that holds `blockstm/native`, for the include paths of Cython and of the C compiler."""
    return str(Path(__file__).parents[2])
