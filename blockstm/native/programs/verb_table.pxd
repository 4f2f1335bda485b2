"""The types of blockstm.h, which native programs in other languages are compiled against (see c_interface)."""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

cdef extern from "blockstm/native/blockstm.h" nogil:
    enum:
        BLOCKSTM_ABI_VERSION
        BLOCKSTM_CALLS_MAX
        BLOCKSTM_EVENT_BYTES_MAX
        BLOCKSTM_KEY_BYTES_MAX
        BLOCKSTM_REASON_BYTES_MAX
        BLOCKSTM_SAVEPOINTS_MAX
        BLOCKSTM_SCAN_KEYS_MAX
        BLOCKSTM_VALUE_BYTES_MAX
        BLOCKSTM_OK
        BLOCKSTM_GIVE_UP
        BLOCKSTM_OUT_OF_BOUNDS
        BLOCKSTM_ABSENT
        BLOCKSTM_REVERTED
        BLOCKSTM_FAILED
    const uint64_t BLOCKSTM_MAGIC
    ctypedef int32_t blockstm_status
    ctypedef uint32_t blockstm_key
    ctypedef struct blockstm_u256:
        uint64_t limb[4]
    ctypedef struct blockstm_context:
        pass
    ctypedef struct blockstm_verbs:
        uint32_t abi_version
        uint32_t struct_bytes
        blockstm_status (*locate)(blockstm_context*, const void*, size_t, blockstm_key*) noexcept nogil
        blockstm_status (*key_bytes)(blockstm_context*, blockstm_key, const uint8_t**, size_t*) noexcept nogil
        blockstm_status (*read)(blockstm_context*, blockstm_key, const uint8_t**, size_t*) noexcept nogil
        blockstm_status (*write)(blockstm_context*, blockstm_key, const void*, size_t) noexcept nogil
        blockstm_status (*erase)(blockstm_context*, blockstm_key) noexcept nogil
        blockstm_status (*add)(
            blockstm_context*, blockstm_key, const blockstm_u256*, int32_t, const blockstm_u256*, const blockstm_u256*
        ) noexcept nogil
        blockstm_status (*emit)(blockstm_context*, const void*, size_t) noexcept nogil
        blockstm_status (*charge)(blockstm_context*, uint64_t) noexcept nogil
        uint64_t (*gas_left)(blockstm_context*) noexcept nogil
        uint64_t (*transaction_index)(blockstm_context*) noexcept nogil
        blockstm_status (*poll)(blockstm_context*) noexcept nogil
        blockstm_status (*revert)(blockstm_context*, const void*, size_t) noexcept nogil
        blockstm_status (*fail)(blockstm_context*, const void*, size_t) noexcept nogil
        blockstm_status (*savepoint_open)(blockstm_context*, uint32_t*) noexcept nogil
        blockstm_status (*savepoint_keep)(blockstm_context*, uint32_t) noexcept nogil
        blockstm_status (*savepoint_roll_back)(blockstm_context*, uint32_t) noexcept nogil
        blockstm_status (*call)(blockstm_context*, uint32_t, const void*, size_t) noexcept nogil
        blockstm_status (*reason)(blockstm_context*, uint8_t*, size_t, size_t*) noexcept nogil
        blockstm_status (*model_work)(blockstm_context*, uint64_t) noexcept nogil
        blockstm_status (*exists)(blockstm_context*, blockstm_key) noexcept nogil
        blockstm_status (*check)(
            blockstm_context*, blockstm_key, const blockstm_u256*, const blockstm_u256*
        ) noexcept nogil
        blockstm_status (*scan)(
            blockstm_context*, const void*, size_t, const void*, size_t, blockstm_key*, size_t, size_t*
        ) noexcept nogil
    ctypedef void (*blockstm_function)(
        const blockstm_verbs*, blockstm_context*, const uint8_t*, size_t
    ) noexcept nogil
    ctypedef struct blockstm_program:
        uint64_t magic
        uint32_t abi_version
        uint32_t verbs_bytes
        blockstm_function run
