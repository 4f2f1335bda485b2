# Transactions that are objects, read where their parts lie.

cdef extern from "Python.h":
    PyObject* PyTuple_GET_ITEM(object items, Py_ssize_t place)     # borrowed

    ctypedef struct PyMemberDef:
        Py_ssize_t offset

    ctypedef struct PyMemberDescrObject:
        PyMemberDef* d_member

cdef enum:
    SLOT_PROGRAM = 0
    SLOT_ARGUMENTS = 1
    SLOT_ENCODED = 2
    SLOT_GAS_LIMIT = 3
    SLOTS = 4


cdef class SlotRows:
    """The transactions of a block, as objects of a class with slots. Iterated over, it gives rows as `Arena.lay_out`
    takes them.

    Arguments:
        objects: the transactions.
        kind: their class.
        slots: the descriptors of its slots that hold the program, the arguments, the arguments encoded (or None), and
            the gas limit or None.
        places: the places of programs by name.

    Raises:
        TypeError: an object is not of that class, or a descriptor is none of a slot.
    """

    cdef readonly tuple objects
    cdef dict places
    cdef Py_ssize_t offsets[SLOTS]
    cdef PyObject* last_program
    cdef Py_ssize_t last_place

    def __init__(self, tuple objects not None, type kind not None, tuple slots not None, dict places not None):
        cdef Py_ssize_t index
        if len(slots) != SLOTS:
            raise TypeError(f"{len(slots)} slots, not {SLOTS}")
        for index in range(SLOTS):
            slot = slots[index]
            if type(slot) is not MemberDescriptorType or slot.__objclass__ is not kind:
                raise TypeError(f"{slot!r} is no slot of {kind!r}")
            self.offsets[index] = (<PyMemberDescrObject*><PyObject*>slot).d_member.offset
        for each in objects:
            if type(each) is not kind:
                raise TypeError(f"{each!r} is no {kind!r}")
        self.objects = objects
        self.places = places

    def __len__(self):
        return len(self.objects)

    def __iter__(self):
        cdef Py_ssize_t row
        for row in range(len(self.objects)):
            yield self.place(row), self.arguments(row), self.gas_limit(row)

    cdef inline PyObject* slot(self, Py_ssize_t row, int slot) noexcept:
        """What a slot holds; NULL for nothing."""
        return (<PyObject**>(<uint8_t*>PyTuple_GET_ITEM(self.objects, row) + self.offsets[slot]))[0]

    cdef inline object part(self, Py_ssize_t row, int slot):
        cdef PyObject* part = self.slot(row, slot)
        if part == NULL:
            raise TypeError(f"transaction {row} has not been made to its end")
        return <object>part

    cdef inline Py_ssize_t place(self, Py_ssize_t row) except -1:
        """The place of its program."""
        cdef PyObject* program = self.slot(row, SLOT_PROGRAM)
        if program == NULL or program != self.last_program:
            self.last_place = self.places[self.part(row, SLOT_PROGRAM).name]
            self.last_program = program
        return self.last_place

    cdef inline object arguments(self, Py_ssize_t row):
        cdef object encoded = self.part(row, SLOT_ENCODED)
        return self.part(row, SLOT_ARGUMENTS) if encoded is None else encoded

    cdef inline object gas_limit(self, Py_ssize_t row):
        return self.part(row, SLOT_GAS_LIMIT)
