"""The compiled core as Python sees it: arena, worker, context, snapshot.

The core itself stands in the .pxd files beside this one; they are compiled here, as one unit, so that
the compiler sees through every call between them.
"""

import fcntl
import importlib
import os
import struct
import threading
import weakref
from heapq import heappop, heappush
from types import MappingProxyType, MemberDescriptorType

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_IsValid, PyCapsule_New
from cpython.tuple cimport PyTuple_CheckExact, PyTuple_GET_SIZE
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

from blockstm.native.memory.atomics cimport (
    fetch_add_sc, futex_wait, futex_wake, load_acquire, load_sc, monotonic_ns, prefetch_line, spin_pause, store_sc,
    unlikely_true,
)
from blockstm.native.verbs.context cimport (
    GIVE_UP, OK, OUT_OF_BOUNDS, Savepoint, Value, ctx_add, ctx_charge, ctx_check, ctx_delete, ctx_emit, ctx_exists,
    ctx_read, ctx_scan, ctx_write, decide, poll, savepoint_keep, savepoint_open, savepoint_roll_back,
)
from blockstm.native.instruments.delays cimport DelayState, delay_at_step, delays_open
from blockstm.native.programs.arguments cimport KIND_ADDS, KIND_BYTES, KIND_KEY, KIND_KEYS, KIND_U256, KIND_U64
from blockstm.native.programs.c_interface cimport fill_table, run_entry
from blockstm.native.programs.native_program cimport CAPSULE_NAME, PROGRAM_IDS_MAX, Program, ProgramEntry
from blockstm.native.programs.verb_table cimport (
    BLOCKSTM_ABI_VERSION, BLOCKSTM_MAGIC, blockstm_function, blockstm_program, blockstm_verbs,
)
from blockstm.native.instruments.watch cimport Watch, WatchedTxn
from blockstm.native.versions.key_order cimport set_prefix_range
from blockstm.native.versions.key_table cimport find_or_insert, hash_key, order_keys, table_capacity
from blockstm.native.memory.layout cimport (
    ACCESS_ADD, ACCESS_READ, ACCESS_WRITE, Access, CHUNK_BYTES, DRAINS_MAX, EVENT_BYTES_MAX, FAILURE_NONE, FAILURE_NO_MODEL, HASH_TABLES_MAX, KEY_BYTES_MAX,
    MODEL_OPTIONS_MAX, OUTCOME_FAILED, OUTCOME_REVERTED,
    OUTCOME_SUCCESS, READ_ABSENT, READ_CHECKED_OUTSIDE, READ_CHECKED_WITHIN, READ_OUTSIDE, READ_PRESENT, READ_SCAN,
    READ_SUM, READ_VERSION, READ_WITHIN,
    REASON_BYTES_MAX, SCAN_FOUND, SCAN_KEYS_MAX, SCAN_NO_END, TIMELINE_SHARE, TRANSACTIONS_MAX, VALUE_BYTES_MAX,
    WORD_ADD, WORD_BROKEN, WORD_DELETE, WORD_VALUE, WORKERS_MAX, Bounds, DrainSlot, Header, KeyRange, Location,
    Number, Preparation, Read, ReadSet, Record, Scan, ScanKey, Span, SpanChunk, Txn, WorkerSlot, Write, WriteSet,
)
from blockstm.native.programs.layout_checks cimport check_layout
from blockstm.native.memory.allocation cimport allocate, take_bytes
from blockstm.native.memory.local cimport (
    ABORT_NONE, Bytes, LEADING_KEYS_MAX, LeadingKeys, Local, address, fail_block, local_close, local_open,
    location_at, slot_at, txn_at,
)
from blockstm.native.memory.layout cimport FAILURE_MEMORY_LIMIT as MEMORY_LIMIT
from blockstm.native.memory.layout cimport FAILURE_STATE_SOURCE as STATE_SOURCE
from blockstm.native.memory.layout cimport FAILURE_UNDECLARED as UNDECLARED
from blockstm.native.versions.multi_version cimport (
    BASE_TXN, make_record, pack_word, record_bytes, record_of, tree_levels_for, word_kind,
)
from blockstm.native.versions.ranges cimport scan_keys, scan_of
from blockstm.native.memory.number cimport number_decode, number_encode, number_set
from blockstm.native.models.multi_version.model cimport block_stm_model, promises_model, push_model
from blockstm.native.models.progress cimport txn_at_place
from blockstm.native.models.outcome cimport read_set_items, settled_value, write_set_items
from blockstm.native.models.locks.model cimport locks_model
from blockstm.native.models.sequential.model cimport sequential_model
from blockstm.native.models.snapshot.model cimport snapshot_model
from blockstm.native.verbs.reads cimport read_value
from blockstm.native.models.deaths cimport condemn, count_death, recover
from blockstm.native.models.status cimport NO_TXN
from blockstm.native.models.waking cimport wake_sleepers, wake_to_block
from blockstm.native.verbs.model cimport MODEL_CAPSULE_NAME, Model, model_of, take_up
from blockstm.native.instruments.timeline cimport cause_kind, cause_txn, span_items
from blockstm.native.verbs.touched cimport append
from blockstm.native.instruments.state_hash cimport hash_local, hash_shared, mix
from blockstm.native.programs.trace cimport trace as trace_program
from blockstm.native.programs.transfer cimport transfer as transfer_program
from blockstm.native.instruments.virtual_time cimport (
    COSTS, Clock, Line, Source, VirtualTime, begin_virtually, charge_step, heap_pop, heap_push, is_before, wake_first,
)
from blockstm.native.verbs.work cimport work_for_gas

from blockstm import limits
from blockstm.programs.arguments import decode_arguments
from blockstm.errors import (
    BoundsError, EngineError, LimitError, MemoryLimitError, OutOfGas, ProgramError, ProgramException, Revert,
    UsageError, over_memory_limit, printable, shown, traceback_text, type_shown,
)
from blockstm.limits import U256_MAX
from blockstm.limits import ACCESSES_MAX as ACCESSES_LIMIT, BLOCK_ROW_BYTES_MAX as ROW_LIMIT, BYTES_ARGUMENT_BYTES_MAX as ARGUMENT_LIMIT
from blockstm.programs.parameters import as_integer
from blockstm.files.descriptors import above_standard
from blockstm.native.speculation import SpeculationAborted
from blockstm.programs import shared_library
from blockstm.programs.program import NativeProgram

CALL_DEPTH_MAX = 64
FAILURE_MEMORY_LIMIT = MEMORY_LIMIT
FAILURE_STATE_SOURCE = STATE_SOURCE
FAILURE_UNDECLARED = UNDECLARED
transfer = PyCapsule_New(<void*><Program>transfer_program, CAPSULE_NAME, NULL)
trace = PyCapsule_New(<void*><Program>trace_program, CAPSULE_NAME, NULL)
check_layout()

cdef Model block_stm_table
cdef Model locks_table
cdef Model promises_table
cdef Model push_table
cdef Model sequential_table
cdef Model snapshot_table
block_stm_model(&block_stm_table)
locks_model(&locks_table)
promises_model(&promises_table)
push_model(&push_table)
sequential_model(&sequential_table)
snapshot_model(&snapshot_table)
locks = PyCapsule_New(&locks_table, MODEL_CAPSULE_NAME, NULL)
snapshot = PyCapsule_New(&snapshot_table, MODEL_CAPSULE_NAME, NULL)
promises = PyCapsule_New(&promises_table, MODEL_CAPSULE_NAME, NULL)
push = PyCapsule_New(&push_table, MODEL_CAPSULE_NAME, NULL)
block_stm = PyCapsule_New(&block_stm_table, MODEL_CAPSULE_NAME, NULL)
sequential = PyCapsule_New(&sequential_table, MODEL_CAPSULE_NAME, NULL)

LIMITS = {
    "EVENT_BYTES_MAX": EVENT_BYTES_MAX,
    "KEY_BYTES_MAX": KEY_BYTES_MAX,
    "LEADING_KEYS_MAX": LEADING_KEYS_MAX,
    "REASON_BYTES_MAX": REASON_BYTES_MAX,
    "SCAN_KEYS_MAX": SCAN_KEYS_MAX,
    "TRANSACTIONS_MAX": TRANSACTIONS_MAX,
    "VALUE_BYTES_MAX": VALUE_BYTES_MAX,
    "WORKERS_MAX": WORKERS_MAX,
}
for name, limit in LIMITS.items():
    if getattr(limits, name) != limit:
        raise ImportError(
            f"the core was compiled with {name} = {limit}, but blockstm/limits.py says {getattr(limits, name)}: "
            "let blockstm/native/memory say the same, and compile again"
        )

cdef uint64_t ACCESSES_MAX = ACCESSES_LIMIT
cdef int64_t BLOCK_ROW_BYTES_MAX = ROW_LIMIT
cdef uint64_t BYTES_ARGUMENT_BYTES_MAX = ARGUMENT_LIMIT

include "memory/steps.pxi"
include "instruments/mutants.pxi"
include "instruments/costs.pxi"
include "instruments/invariants.pxi"


cdef dict names_of(kinds, str prefix):
    """The members of one of these lists by the names that users see: STEP_TAKE is take."""
    return {name.removeprefix(prefix).lower(): int(kind) for name, kind in kinds.__members__.items()}


include "faces/encoding.pxi"
include "faces/slot_rows.pxi"
include "faces/look_ahead.pxi"
include "faces/columns.pxi"
include "faces/column_loader.pxi"
include "faces/msgpack.pxi"
include "faces/block_content.pxi"
include "faces/loader.pxi"
include "faces/predicates.pxi"
include "faces/run_view.pxi"
include "faces/kept_view.pxi"
include "faces/snapshot.pxi"
include "faces/locks.pxi"
include "faces/preparation.pxi"
include "faces/regions.pxi"
include "faces/arena.pxi"
include "faces/programs.pxi"
include "faces/drain.pxi"
include "faces/worker.pxi"
include "faces/controlled.pxi"
include "faces/exploration.pxi"
include "faces/virtual_clock.pxi"
include "faces/calibration.pxi"
