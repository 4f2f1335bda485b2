# Which processes are there: locks of bytes far behind the end of the arena's file, each owned by an opened file. The
# system gives them back when that is closed, however its process ends.

LOCKS_AT = 1 << 60
cdef enum:
    ENGINE_LOCK = 0             # held by the engine
    DRAIN_LOCKS = 1             # and on: held by the drain of each slot


cdef bytes lock_of(int kind, int which):
    return struct.pack("hhqqi4x", kind, 0, LOCKS_AT + which, 1, 0)


cdef bint try_lock(int fd, int which) except -1:
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, lock_of(fcntl.F_WRLCK, which))
    except (BlockingIOError, PermissionError):
        return False
    return True


cdef bint is_locked(int fd, int which) except -1:
    """Whether another process or engine holds that lock."""
    found = fcntl.fcntl(fd, fcntl.F_OFD_GETLK, lock_of(fcntl.F_WRLCK, which))
    return struct.unpack_from("h", found)[0] != fcntl.F_UNLCK


cdef void wake_drains_and_engine(Header* header) noexcept:
    """Wake what waits for news of a drain, or of the engine."""
    fetch_add_sc[uint32_t](&header.drain_epoch, 1)
    futex_wake(&header.drain_epoch, 0x7FFFFFFF)
