# Native programs as a process loads them: from capsules, and from shared libraries.

cdef blockstm_verbs VERBS
fill_table(&VERBS)

cdef dict loaded_programs = {}


cdef class LoadedProgram:
    """A native program whose code is found: what the core needs to run it, and memory that this points to."""

    cdef ProgramEntry entry
    cdef bytes kinds
    cdef tuple calls
    cdef const ProgramEntry** callees

    def __dealloc__(self):
        free(self.callees)


cdef LoadedProgram load(code):
    """Find the code of a native program (a NativeCode), and of those that it calls. What is loaded once stays so.

    Raises:
        ProgramError: there is no such code, or it is compiled for another version of blockstm.
    """
    cdef LoadedProgram loaded = loaded_programs.get(code)
    if loaded is not None:
        return loaded
    loaded = LoadedProgram.__new__(LoadedProgram)
    loaded.kinds = parameter_codes(code.kinds)
    loaded.entry.kinds = <const uint8_t*>loaded.kinds
    loaded.entry.parameter_count = <uint32_t>len(loaded.kinds)
    library = shared_library.split_entry(code.entry)
    if library is None:
        loaded.entry.function = function_of_capsule(code.entry)
    else:
        loaded.entry.foreign = function_of_library(code.entry, library[0], library[1])
        loaded.entry.verbs = &VERBS
        load_callees(loaded, code.calls)
    loaded_programs[code] = loaded
    return loaded


cdef int load_callees(LoadedProgram loaded, tuple codes) except -1:
    cdef LoadedProgram callee
    loaded.calls = tuple([load(code) for code in codes])
    loaded.callees = <const ProgramEntry**>calloc(len(codes) + 1, sizeof(ProgramEntry*))
    if loaded.callees == NULL:
        raise MemoryError
    for callee in loaded.calls:
        loaded.callees[loaded.entry.callee_count] = &callee.entry
        loaded.entry.callee_count += 1
    loaded.entry.callees = loaded.callees
    return 0


cdef Program function_of_capsule(entry) except *:
    """The function that a capsule holds."""
    module, _, attribute = entry.partition(":")
    capsule = getattr(importlib.import_module(module), attribute)
    if not PyCapsule_IsValid(capsule, CAPSULE_NAME):
        raise ProgramError(
            f"{entry} holds no native program for this version of blockstm ({CAPSULE_NAME.decode()}): "
            "compile it again with blockstm.include_directory()"
        )
    return <Program>PyCapsule_GetPointer(capsule, CAPSULE_NAME)


cdef blockstm_function function_of_library(entry, path, symbol) except *:
    """The function that a shared library exports. Only the first bytes of what bears the name are looked at, so that
    anything may bear it."""
    cdef uintptr_t place = shared_library.address_of(path, symbol)
    cdef const blockstm_program* exported = <const blockstm_program*>place
    if exported.magic != BLOCKSTM_MAGIC:
        raise ProgramError(f"{entry} is no blockstm_program: export it with BLOCKSTM_PROGRAM of blockstm.h")
    if exported.abi_version != <uint32_t>BLOCKSTM_ABI_VERSION:
        raise ProgramError(
            f"{entry} is compiled for version {exported.abi_version} of blockstm.h, and this blockstm has "
            f"version {BLOCKSTM_ABI_VERSION}: compile it again with blockstm.include_directory()"
        )
    if exported.verbs_bytes > sizeof(blockstm_verbs):
        raise ProgramError(
            f"{entry} is compiled against a newer blockstm.h, which has more verbs: install that blockstm, or "
            "compile it again with blockstm.include_directory()"
        )
    if exported.run == NULL:
        raise ProgramError(f"{entry} has no function: export it with BLOCKSTM_PROGRAM of blockstm.h")
    return exported.run


cdef LeadingKeys leading_keys(words):
    cdef LeadingKeys leading
    leading.count = 0
    for word in words[:LEADING_KEYS_MAX]:
        leading.words[leading.count] = word
        leading.count += 1
    return leading
