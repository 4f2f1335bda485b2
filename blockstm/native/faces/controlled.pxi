# Virtual workers: the same core under a controller that decides at every step point which goes on.


cdef void hand_over(void* state, uint32_t kind, uint64_t what) noexcept with gil:
    """The step hook of every virtual worker: say what comes next, and wait for one's turn.

    A clean point is no step: it is noted, and the worker goes on.

    Invariant: between two calls no other virtual worker runs, so what comes after a step point is one
    indivisible step of the interleaving.
    """
    (<VirtualWorker>state)._hand_over(kind, what)


cdef class VirtualWorker:
    """A worker that shares its process with others, and runs only when it is resumed.

    Arguments:
        worker: the worker, with its programs set.
        yield_control: called at every step point, in the greenlet of the worker; returns when it may go on.

    `recovering`: its steps are those of a recovery. `remembers`: `history` is kept, a number for what it has seen
    since its last clean point (see state_hash.pxd). `leaves`: it goes on without handing over, to leave a block
    that is stopped.
    """

    cdef Worker worker
    cdef object yield_control
    cdef readonly uint32_t kind
    cdef readonly uint64_t what
    cdef public bint recovering
    cdef public bint remembers
    cdef public bint leaves
    cdef public uint64_t history

    def __cinit__(self, Worker worker not None, yield_control):
        self.worker = worker
        self.yield_control = yield_control

    cdef void _hand_over(self, uint32_t kind, uint64_t what):
        cdef Local* local = &self.worker.local
        if self.leaves:
            return
        if kind == STEP_CLEAN:
            if self.remembers:
                self.history = mix(hash_local(local, kind, what), hash_shared(local))
            return
        self.kind = kind
        self.what = what
        if kind == STEP_IDLE or kind == STEP_SLEEP:   # what follows depends on nothing that was read before (see rest)
            self.history = hash_local(local, kind, what)
        self.yield_control()

    def __repr__(self):
        """Say which worker it is, and what it does next."""
        names = [name for name, kind in STEPS.items() if kind == self.kind]
        return f"<VirtualWorker {self.index}, {f'next {names[0]}' if names else 'at no step'}>"

    @property
    def index(self):
        """Its slot."""
        return self.worker.local.worker

    @property
    def may_wake(self):
        """Whether a sleeper (kind STEP_SLEEP) would be woken by now."""
        return load_sc[uint32_t](&self.worker.local.header.wake_epoch) != <uint32_t>self.what

    @property
    def mutant(self):
        """How the protocol is broken on purpose (mutants.pxd); 0: it is not."""
        return self.worker.local.mutant

    @mutant.setter
    def mutant(self, uint32_t which):
        self.worker.local.mutant = which

    def begin(self):
        """Forget the last block: it stands before its first step."""
        self.kind = 0
        self.what = 0
        self.leaves = False
        self.history = self.worker.local.worker
        self.worker.local.virtual_ns = 1

    def run(self):
        """Take part in the block until it is done or stopped; to be called in a greenlet of its own."""
        cdef Local* local = &self.worker.local
        local.step_hook = hand_over
        local.step_state = <void*>self
        self.worker._take_part(load_sc[uint32_t](&local.slot.run_epoch))
        local.step_hook = NULL

    def recover_and_run(self):
        """Do what the supervisor does once the last worker of this slot is dead, then take its place.

        To be called in a greenlet of its own. Its steps are those of the recovery, then those of the worker.
        """
        cdef Local* dead = &self.worker.arena.dead[self.worker.local.worker]
        dead.step_hook = hand_over
        dead.step_state = <void*>self
        dead.virtual_ns = self.worker.local.virtual_ns
        dead.mutant = self.worker.local.mutant
        self.recovering = True
        self.worker.arena.recover(self.worker.local.worker)
        self.recovering = False
        dead.step_hook = NULL
        dead.virtual_ns = 0
        dead.mutant = 0
        self.worker.arena.activate(self.worker.local.worker)
        self.run()
