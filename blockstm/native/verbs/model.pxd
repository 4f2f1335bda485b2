"""What a model of execution must say. All else in the core, and all outside of it, is the same for every model.

A model is a table of functions, handed out in a capsule (MODEL_CAPSULE_NAME) whose place, `module:attribute`, stands in the
arena while a block runs; each process looks it up there. So a model needs no entry in any list of the core.

Of shared memory the header keeps what all models have: the transactions, the committed prefix, those who sleep and
are woken. What a model needs besides it lays out in the arena when a block starts (`lay_out`), behind one offset,
`Header.model_state`; what each worker needs for itself stands in `Local.own`. The worker loop is compiled for each model
(models/worker_loop.pxi), so what follows is called where no loop is: by verbs, by the supervisor, by what looks on.
"""

from libc.stdint cimport uint32_t, uint64_t

from blockstm.native.instruments.watch cimport Watch
from blockstm.native.memory.layout cimport Location
from blockstm.native.memory.local cimport Local, Touched, address
from blockstm.native.versions.multi_version cimport Found

cdef extern from "blockstm/native/memory/layout_checks.h" nogil:
    const char* MODEL_CAPSULE_NAME "BLOCKSTM_MODEL_CAPSULE_NAME"

# What is asked of a key, told by how many adds are worth summing.
cdef enum:
    ADDS_EXISTENCE = 0          # whether it has a value, which an add leaves
    ADDS_SCANNED = 1            # the same, of a key in a range that is scanned
    ADDS_GUESSED = 32           # whether an add will stay within bounds, as far as can be seen cheaply
    ADDS_CHECKED = 0xFFFFFFFE   # whether the number lies within bounds
    ADDS_READ = 0xFFFFFFFF      # its value

cdef struct Model:
    # Lay out what the model keeps for all workers of a block, at Header.model_state; False where the arena is full.
    # Called by the supervisor before any worker takes part.
    bint (*lay_out)(Local* local) noexcept nogil
    # The worker loop: take part in the block until it is done or stopped.
    void (*work)(Local* local) noexcept nogil
    # What a key holds for the running transaction; of adds it need not sum more than adds_max (FOUND_TOO_MANY), one of
    # ADDS_READ and the like, which says what is asked.
    void (*find)(Local* local, uint32_t location, uint32_t adds_max, Found* found) noexcept nogil
    # Whether the running transaction may scan ranges; else local.abort says so.
    bint (*may_scan)(Local* local) noexcept nogil
    # Whether an add of the running transaction is to be believed to stay within its bounds, without a look at what is
    # below. The model then checks it, when all below is final, as it does where find says so.
    bint (*believes_add)(Local* local, uint32_t location) noexcept nogil
    # The running transaction has read a key that some transaction has read and then written; or it has met an
    # ESTIMATE at one, and is about to wait.
    void (*expect_write)(Local* local, Touched* touched, bint waits) noexcept nogil
    # Whether an incarnation that has run for a while may go on; else it sets local.abort (see poll).
    bint (*may_go_on)(Local* local) noexcept nogil
    # For the supervisor: whether what a worker runs has read something that is stale by now.
    bint (*is_doomed)(Local* local, uint32_t worker) noexcept nogil
    # The transaction that the dead worker of this slot was running, NO_TXN for none.
    uint32_t (*died_running)(Local* dead) noexcept nogil
    # Bring to an end, or undo, what the dead worker of this slot has begun, while the others go on.
    void (*recover)(Local* dead) noexcept nogil
    # The version word of a key after the block; 0 where no transaction has written it.
    uint64_t (*final_word)(Local* local, Location* location) noexcept nogil
    # What the step since the last look has broken (see watch), HOLDS for nothing; and the same for when every worker
    # is idle or asleep.
    int (*look)(Local* local, Watch* watch) noexcept nogil
    int (*look_at_waiters)(Local* local, Watch* watch) noexcept nogil


cdef inline const Model* model_of(Local* local) noexcept nogil:
    """The model of the block that the worker takes part in, or that the supervisor has started."""
    return <const Model*>local.model


cdef inline void take_up(Local* local, const Model* model) noexcept nogil:
    """Let a view of the arena be that of a block of this model, which has been laid out."""
    local.model = model
    local.model_state = address(local, local.header.model_state)
