# A worker as Python sees it, and what Python programs see of their transaction.

cdef extern from "blockstm/native/faces/recursion.h" nogil:
    int c_calls_allow()
    void c_calls_restore(int left)
    int python_calls_allow()
    void python_calls_restore(int left)

cdef enum:
    SPINS_FOR_BLOCK = 2000


cdef void run_python_program(Local* local, const uint8_t* arguments, uint32_t length) noexcept nogil:
    """The entry of every Python program in the table of programs."""
    with gil:
        (<Worker>local.python)._run(local, arguments, length)
    if unlikely_true(local.virtual_time != NULL):
        work_for_gas(local)


cdef uint64_t ask_python_source(Local* local, uint32_t location) noexcept nogil:
    with gil:
        return (<Worker>local.python)._ask(location)


cdef bytes checked_answer(object source, bytes key):
    """What a source of the state says of a key, if it may be what a key holds."""
    value = source.get(key)
    if value is None:
        return None
    if type(value) is not bytes:
        raise UsageError(f"answered {shown(value)}, {type_shown(value)}; give bytes, or None for an absent key")
    if len(<bytes>value) > VALUE_BYTES_MAX:
        raise UsageError(
            f"answered {len(<bytes>value)} bytes; the limit is {VALUE_BYTES_MAX}: split the value over several keys"
        )
    return value


cdef bytes why_no_answer(bytes key, object error):
    """What a block that asks for that key fails with: the same whichever worker has asked, and when."""
    asked = f"the source of the state, asked for key {shown(key)}, "
    if type(error) is UsageError:
        text = asked + str(error)
    else:
        text = f"{asked}raised {describe(error)}; correct the source, or do not ask for that key"
    return text.encode("utf-8", "backslashreplace")[:REASON_BYTES_MAX]


cdef void decide_text(Local* local, uint32_t outcome, object text) noexcept:
    cdef bytes encoded = text.encode("utf-8", "backslashreplace")
    decide(local, outcome, <const uint8_t*>encoded, <uint32_t>len(encoded))


cdef object describe(object error):
    """An exception as text for a receipt, whatever its class does."""
    name = type(error).__name__
    try:
        text = str(error)
    except BaseException:
        return name
    return f"{name}: {text}" if text else name


cdef void keep_traceback(Local* local, object error) noexcept:
    """Keep where a program failed, in place of its events: of a transaction that failed none are kept.

    Of an execution that is given up nothing is kept at all.
    """
    cdef bytes encoded
    if local.abort != ABORT_NONE:
        return
    local.event_count = 0
    local.events.length = 0
    try:
        encoded = traceback_text(error).encode("utf-8", "backslashreplace")
    except BaseException:  # an exception's class may do anything when it is asked for its text
        return
    append(local, &local.events, <const uint8_t*>encoded, <uint32_t>len(encoded))


cdef object reason_of(object revert):
    """The text of a Revert's reason; empty where it has none that can be had."""
    try:
        return str(revert.reason)
    except BaseException:
        return ""


cdef class Worker:
    """One worker process's end of the arena.

    Arguments:
        arena: the attached arena.
        worker: its slot.
        event_fd: an event descriptor to write to when the block is done or has progressed.
    """

    cdef Arena arena
    cdef Local local
    cdef ProgramEntry* programs
    cdef LeadingKeys* leading_keys
    cdef DelayState delays
    cdef dict functions
    cdef object source
    cdef uint32_t seen_epoch

    def __cinit__(self, Arena arena not None, uint32_t worker, int event_fd):
        self.arena = arena
        self.functions = {}
        self.programs = <ProgramEntry*>calloc(PROGRAM_IDS_MAX, sizeof(ProgramEntry))
        self.leading_keys = <LeadingKeys*>calloc(PROGRAM_IDS_MAX, sizeof(LeadingKeys))
        if self.programs == NULL or self.leading_keys == NULL:
            raise MemoryError
        local_open(&self.local, arena.base, worker, event_fd)
        self.local.programs = self.programs
        self.local.leading_keys = self.leading_keys
        self.local.python = <void*>self

    def __dealloc__(self):
        local_close(&self.local)
        free(self.programs)
        free(self.leading_keys)

    def set_python(self, uint32_t number, function):
        """Make a Python program known under a number: call a function with a context and the arguments."""
        check_program_number(number)
        self.functions[number] = function
        self.programs[number].function = run_python_program

    def set_native(self, uint32_t number, code):
        """Make a native program known under a number.

        Arguments:
            number: the number.
            code: where it is found, and what its parameters are.
        """
        check_program_number(number)
        self.programs[number] = load(code).entry
        self.leading_keys[number] = leading_keys(code.leading_words)

    def set_source(self, source):
        """Ask this StateSource for what keys hold before the block, where the block has a source; None: let it go."""
        self.source = source
        self.local.ask_source = NULL
        if source is not None:
            self.local.ask_source = ask_python_source

    cdef uint64_t _ask(self, uint32_t location) noexcept:
        """The word of what the source says that a key holds (see AskSource).

        It is asked with all the calls that Python allows, however deep the program that reads is nested: what it
        answers depends on the key only.
        """
        cdef Local* local = &self.local
        cdef bytes key = key_at(local, location)
        cdef bytes answer
        cdef uint32_t kind = WORD_VALUE
        cdef uint64_t record
        cdef int calls_left = python_calls_allow()
        try:
            answer = checked_answer(self.source, key)
        except BaseException as error:
            kind = WORD_BROKEN
            answer = why_no_answer(key, error)
        finally:
            python_calls_restore(calls_left)
        if answer is None:
            return pack_word(WORD_DELETE, BASE_TXN, 0)
        record = make_record(local, <const uint8_t*>answer, <uint32_t>len(answer), 0)
        return pack_word(kind, BASE_TXN, record) if record != 0 else 0

    def wait(self):
        """Sleep until this worker is called to a block (True) or the pool shuts down (False)."""
        cdef WorkerSlot* slot = self.local.slot
        cdef uint32_t spins = 0
        cdef uint32_t epoch
        with nogil:
            while True:
                epoch = load_sc[uint32_t](&slot.run_epoch)
                if load_sc[uint32_t](&self.local.header.shutdown) != 0:
                    break
                if epoch != load_sc[uint32_t](&slot.left_epoch):
                    break
                spins += 1
                if spins < SPINS_FOR_BLOCK:
                    spin_pause()
                else:
                    futex_wait(&slot.run_epoch, epoch, <uint64_t>1000000000)
            if self.local.worker != self.local.header.first_worker:    # that one is to begin
                wake_to_block(&self.local)
        self.seen_epoch = epoch
        return self.local.header.shutdown == 0

    def run(self):
        """Take part in the block until it is done or stopped."""
        cdef Local* local = &self.local
        local.step_hook = NULL
        if local.header.delay_seed != 0:
            delays_open(&self.delays, local.header.delay_seed * 1000 + local.worker)
            local.step_hook = delay_at_step
            local.step_state = &self.delays
        self._take_part(self.seen_epoch)

    def run_virtually(self):
        """As run, under the virtual clock, which has set the step hook (see virtual_clock.pxi)."""
        self._take_part(load_sc[uint32_t](&self.local.slot.run_epoch))

    cdef void _take_part(self, uint32_t epoch):
        cdef Local* local = &self.local
        if load_sc[uint32_t](&local.header.done) == 0 and self.take_up_model():
            with nogil:
                model_of(local).work(local)
        store_sc[uint32_t](&local.slot.left_epoch, epoch)

    cdef bint take_up_model(self) noexcept:
        """Find the model of the block that has been started; where it is not to be found, the block fails."""
        try:
            take_up(&self.local, find_model(record_to_bytes(record_at(&self.local, self.local.header.model))))
        except Exception:
            fail_block(&self.local, FAILURE_NO_MODEL)
            return False
        return True

    cdef int _run(self, Local* local, const uint8_t* data, uint32_t length) noexcept:
        """Run a Python program; whatever it raises becomes the outcome."""
        cdef Context context = Context.__new__(Context)
        cdef int c_calls_left = c_calls_allow()
        context.local = local
        context.txn_idx = local.txn_idx
        try:
            try:
                arguments = decode_arguments(PyBytes_FromStringAndSize(<const char*>data, length))
                self.functions[local.txn.program](context, *arguments)
            finally:
                context.local = NULL
        except Revert as revert:
            decide_text(local, OUTCOME_REVERTED, reason_of(revert))
        except BaseException as error:
            decide_text(local, OUTCOME_FAILED, describe(error))
            keep_traceback(local, error)
        finally:
            c_calls_restore(c_calls_left)
        return 0


cdef int check_program_number(uint32_t number) except -1:
    if number >= PROGRAM_IDS_MAX:
        raise LimitError(f"program number {number} is over {PROGRAM_IDS_MAX - 1}: use a new engine")
    return 0


cdef tuple range_of(prefix, start, end):
    """The lowest key with a prefix from `start` on, and the first that does not belong any more, or None."""
    cdef bytes stem
    for what, key in (("a prefix", prefix), ("a start", start), ("an end", end)):
        if type(key) is not bytes and not (key is None and what == "an end"):
            raise TypeError(f"{what} is {type(key).__name__}, not bytes")
        if key is not None and len(<bytes>key) > KEY_BYTES_MAX:
            raise LimitError(f"{what} has {len(<bytes>key)} bytes; a key has at most {KEY_BYTES_MAX}")
    stem = (<bytes>prefix).rstrip(b"\xff")
    if stem:
        after = stem[: len(stem) - 1] + bytes([stem[len(stem) - 1] + 1])
        end = after if end is None or after < end else end
    return max(prefix, start), end


cdef class Context:
    """What a program sees of its transaction. Usable only while the program runs."""

    cdef Local* local
    cdef uint32_t txn_idx

    def __repr__(self):
        """Name the transaction: an address would differ from worker to worker, and stand in receipts."""
        return f"<context of transaction {self.txn_idx}>"

    cdef Local* _open(self) except NULL:
        if self.local == NULL:
            raise EngineError("the context is used after its program has returned: keep no ctx around")
        if self.local.abort != ABORT_NONE:
            raise SpeculationAborted
        return self.local

    cdef int _give_up(self) except -1:
        """A verb said that the program must end: raise what ends it."""
        if self.local.abort == ABORT_NONE:
            raise EngineError("a verb failed without a reason: report this as a bug")
        raise SpeculationAborted

    cdef uint32_t _locate(self, key) except 0:
        cdef Local* local = self._open()
        cdef uint32_t location
        if type(key) is not bytes:
            raise TypeError(f"a key is {type(key).__name__}, not bytes")
        if len(<bytes>key) > KEY_BYTES_MAX:
            raise LimitError(f"a key has {len(<bytes>key)} bytes; the limit is {KEY_BYTES_MAX}: hash it")
        location = find_or_insert(local, <const uint8_t*><bytes>key, <uint32_t>len(<bytes>key))
        if location == 0:
            raise SpeculationAborted
        return location

    @property
    def txn_idx(self):
        """The transaction's place in the preset order."""
        return self._open().txn_idx

    def read(self, key):
        """The value of a key, None where it is absent.

        Raises:
            LimitError: the key is longer than 64 bytes.
        """
        cdef uint32_t location = self._locate(key)
        cdef Value value
        if not poll(self.local) or ctx_read(self.local, location, &value) != OK:
            self._give_up()
        if not value.present:
            return None
        return PyBytes_FromStringAndSize(<const char*>value.data, value.length)

    def exists(self, key):
        """Whether a key has a value, without depending on which.

        Raises:
            LimitError: the key is longer than 64 bytes.
        """
        cdef uint32_t location = self._locate(key)
        cdef int code = ctx_exists(self.local, location) if poll(self.local) else GIVE_UP
        if code == GIVE_UP:
            self._give_up()
        return code == OK

    def check(self, key, minimum=0, maximum=U256_MAX):
        """Whether the number at a key lies within bounds, without depending on which it is.

        Raises:
            LimitError: the key is longer than 64 bytes, or the bounds are none.
            TypeError: a bound is not an int.
        """
        cdef uint32_t location = self._locate(key)
        cdef Bounds bounds
        cdef int code
        bounds_from_objects(minimum, maximum, &bounds)
        code = ctx_check(self.local, location, &bounds) if poll(self.local) else GIVE_UP
        if code == GIVE_UP:
            self._give_up()
        return code == OK

    def scan(self, prefix, limit, start=b"", end=None):
        """Find the first keys that have values, in order.

        Arguments:
            prefix: what the keys begin with.
            limit: how many to find at most, from 1 to 1024.
            start: the lowest that may be found.
            end: the first that may not; None: there is none.

        Raises:
            LimitError: a key is longer than 64 bytes, or the limit is none.
            TypeError: a key is not bytes, or the limit is not an int.
            UsageError: the state before the block is asked of a source.
        """
        cdef Local* local = self._open()
        cdef uint32_t keys[SCAN_KEYS_MAX]
        cdef uint32_t wanted
        cdef uint32_t count = 0
        cdef bytes first, last, up_to
        limit = integer_of(limit, "the limit")
        if not 1 <= limit <= SCAN_KEYS_MAX:
            raise LimitError(f"a limit of {shown(limit)} keys is not within 1..{SCAN_KEYS_MAX}: scan in parts")
        first, last = range_of(prefix, start, end)
        if local.header.has_source:
            raise UsageError(
                "a scan needs a state whose keys are known, but that of this block is asked of a source, which cannot "
                "list them: give the block a mapping"
            )
        wanted = limit
        up_to = b"" if last is None else last
        if not poll(local) or ctx_scan(
            local, <const uint8_t*>first, <uint32_t>len(first), <const uint8_t*>up_to,
            SCAN_NO_END if last is None else <uint32_t>len(last), wanted, keys, &count,
        ) != OK:
            self._give_up()
        return [key_at(local, keys[place]) for place in range(count)]

    def write(self, key, value):
        """Write a value.

        Raises:
            LimitError: the key is longer than 64 bytes, or the value than 64 KiB.
        """
        cdef uint32_t location = self._locate(key)
        if type(value) is not bytes:
            raise TypeError(f"a value is {type(value).__name__}, not bytes")
        if len(<bytes>value) > VALUE_BYTES_MAX:
            raise LimitError(f"a value has {len(<bytes>value)} bytes; the limit is {VALUE_BYTES_MAX}: split it")
        if ctx_write(
            self.local, location, <const uint8_t*><bytes>value, <uint32_t>len(<bytes>value)
        ) != OK:
            self._give_up()

    def delete(self, key):
        """Delete a key; it reads as None from here on."""
        cdef uint32_t location = self._locate(key)
        if ctx_delete(self.local, location) != OK:
            self._give_up()

    def add(self, key, delta, minimum=0, maximum=U256_MAX):
        """Add `delta` (which may be negative) to the number at a key, without reading it.

        Arguments:
            key: where; absent counts as 0.
            delta: what to add, of a magnitude below 2**256.
            minimum, maximum: what the sum must stay within, itself within 0 .. 2**256 - 1.

        Raises:
            BoundsError: the sum would leave the bounds, or the value is not a number; nothing is changed.
            TypeError: something that should be an int is none (a bool is none, nor is a float).
            LimitError: a magnitude is 2**256 or more, or the bounds are none.
        """
        cdef uint32_t location = self._locate(key)
        cdef Number magnitude
        cdef Bounds bounds
        cdef int code
        delta = integer_of(delta, "the delta")
        number_from_object(abs(delta), &magnitude)
        minimum, maximum = bounds_from_objects(minimum, maximum, &bounds)
        code = ctx_add(self.local, location, &magnitude, delta < 0, &bounds)
        if code == OUT_OF_BOUNDS:
            raise BoundsError(f"adding {delta} to {shown(key)} would leave {minimum}..{maximum}")
        if code != OK:
            self._give_up()

    def emit(self, data):
        """Put an event of up to 64 KiB into the receipt."""
        self._open()
        if type(data) is not bytes:
            raise TypeError(f"an event is {type(data).__name__}, not bytes")
        if len(<bytes>data) > EVENT_BYTES_MAX:
            raise LimitError(f"an event has {len(<bytes>data)} bytes; the limit is {EVENT_BYTES_MAX}: split it")
        if ctx_emit(self.local, <const uint8_t*><bytes>data, <uint32_t>len(<bytes>data)) != OK:
            self._give_up()

    def charge(self, gas):
        """Use up gas.

        Raises:
            OutOfGas: the limit is passed; all gas is used up.
            TypeError: the gas is not an int (a bool or a float is not one).
            LimitError: it is negative, or 2**64 or more.
        """
        cdef uint64_t amount
        self._open()
        gas = integer_of(gas, "the gas")
        if not 0 <= gas <= 0xFFFFFFFFFFFFFFFF:
            raise LimitError(f"gas of {shown(gas)} is not within 0..2**64 - 1")
        amount = gas
        if not poll(self.local):
            self._give_up()
        if ctx_charge(self.local, amount) != OK:
            self.local.closed = 0
            self.local.outcome = OUTCOME_SUCCESS
            raise OutOfGas(f"the gas limit of {self.local.gas_limit} is used up")

    def poll(self):
        """End the program here if its work is in vain already: a hint in long work between other verbs."""
        self._open()
        if not poll(self.local):
            self._give_up()

    def revert(self, reason=""):
        """End the program and take back what it wrote; the reason goes into the receipt."""
        self._open()
        raise Revert(reason)

    def call(self, program, *arguments):
        """Run a nested program in a savepoint: it succeeds whole or leaves nothing but its reads and gas.

        Arguments:
            program: a program, Python or native.
            arguments: its arguments.

        Returns: what a Python program returns; None for a native one.

        Raises: what the nested program raises, after its writes and events are taken back; a native
            one that reverts raises Revert, one that fails ProgramException.
        """
        cdef Savepoint savepoint
        cdef Local* local = self._open()
        if local.depth >= CALL_DEPTH_MAX:
            raise LimitError(f"calls are nested deeper than {CALL_DEPTH_MAX}: use a loop")
        savepoint_open(local, &savepoint)
        try:
            if isinstance(program, NativeProgram):
                result = self._call_native(program, program.checked(arguments)[0])
            else:
                result = program(self, *arguments)
        except SpeculationAborted:
            raise
        except BaseException:
            savepoint_roll_back(local, &savepoint)
            raise
        savepoint_keep(local, &savepoint)
        return result

    cdef object _call_native(self, program, arguments):
        cdef Local* local = self.local
        cdef Bytes encoded
        cdef LoadedProgram loaded = load(program.code)
        memset(&encoded, 0, sizeof(Bytes))
        try:
            put_arguments(local, &encoded, loaded.kinds, arguments, NULL)
            run_entry(local, &loaded.entry, encoded.data, <uint32_t>encoded.length, 0)
        finally:
            free(encoded.data)
        if local.abort != ABORT_NONE:
            raise SpeculationAborted
        if local.closed:
            reason = PyBytes_FromStringAndSize(<const char*>local.reason.data, local.reason.length).decode("utf-8", "replace")
            raise Revert(reason) if local.outcome == OUTCOME_REVERTED else ProgramException(reason)
        return None
