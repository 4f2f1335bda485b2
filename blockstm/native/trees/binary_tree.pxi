"""The binary tree as Python sees it: opened on nodes, changed, hashed."""


cdef struct Visit:
    # A subtree in which changes lie: those from `begin` to `end`, in the order of their paths.
    Child* child
    size_t begin
    size_t end


cdef struct Fresh:
    # A page that has been read, and is not yet known to be what its parent says.
    Child* child
    Page* page


@cython.final
cdef class BinaryPages:
    """See `blockstm.trees.binary`.

    Where nodes fail to be read, the tree is as it was: pages are read, and found to be right, before anything changes.
    """

    cdef Child top
    cdef Batch* batch
    cdef vector[Place] gone
    cdef vector[Hash] paths
    cdef vector[Hash] values
    cdef vector[Order] order
    cdef object nodes
    cdef unsigned int touched
    cdef bint is_busy

    def __cinit__(self, nodes, bytes root not None):
        if len(root) != sizeof(Digest):
            raise UsageError(f"root {shown(root)} is {len(root)} bytes long; a root has 32")
        self.nodes = nodes
        memcpy(self.top.digest, PyBytes_AS_STRING(root), sizeof(Digest))
        self.batch = <Batch*>malloc(sizeof(Batch))
        if self.batch == NULL:
            raise MemoryError
        # At once: where the tree's parts are kept by several processes, it is another one after the next commit.
        self.paths.resize(1)
        self.order.resize(1)
        self.read_pages(1, 0)

    def __dealloc__(self):
        page_free(self.top.page)
        free(self.batch)

    @property
    def root(self):
        """The root as it was last hashed."""
        return PyBytes_FromStringAndSize(<char*>self.top.digest, sizeof(Digest))

    def update(self, list keys not None, list values not None):
        """Give keys values; None: no value. Each key is given once."""
        cdef size_t count = len(keys), place
        self.check_free()
        self.is_busy = True
        try:
            self.take(keys, values, count)
            self.read_pages(count, PATH_NIBBLES)
            for place in range(count):
                self.change(self.order[place].place, values[self.order[place].place] is None)
        finally:
            self.is_busy = False

    cdef check_free(self):
        """Refuse to be called by another thread meanwhile, or by the nodes that are asked."""
        if self.is_busy:
            raise UsageError("this tree is in use; use it in one thread at a time")

    cdef take(self, list keys, list values, size_t count):
        """Hash keys and values, and bring the changes into the order of their paths."""
        cdef vector[const uint8_t*] inputs
        cdef vector[size_t] lengths
        cdef size_t place
        cdef uint64_t start
        inputs.resize(count)
        lengths.resize(count)
        self.paths.resize(count)
        self.values.resize(count)
        self.order.resize(count)
        for place in range(count):
            key = keys[place]
            check_state_key(key)
            inputs[place] = <const uint8_t*>PyBytes_AS_STRING(key)
            lengths[place] = PyBytes_GET_SIZE(key)
        with nogil:
            hash_many(inputs.data(), lengths.data(), count, <Digest*>self.paths.data())
        for place in range(count):
            value = values[place]
            if value is None:
                lengths[place] = 0
                continue
            if not PyBytes_CheckExact(value):
                raise UsageError(f"the value of {shown(keys[place])} is {type_shown(value)}; a value is bytes")
            inputs[place] = <const uint8_t*>PyBytes_AS_STRING(value)
            lengths[place] = PyBytes_GET_SIZE(value)
        with nogil:
            hash_many(inputs.data(), lengths.data(), count, <Digest*>self.values.data())
            for place in range(count):
                memcpy(&start, self.paths[place].bytes, sizeof(start))
                self.order[place].start = byte_swapped(start)
                self.order[place].place = place
            sort(self.order.begin(), self.order.end(), &is_before)

    cdef const uint8_t* path_of(self, size_t place) noexcept nogil:
        """Return the path of a change by its place in the order of paths."""
        return self.paths[self.order[place].place].bytes

    cdef read_pages(self, size_t count, int nibbles_max):
        """Have the pages in memory that the changes' paths lead through, as far as they go, or down to a length."""
        cdef vector[Visit] visits, deeper
        cdef vector[Fresh] fresh
        cdef int nibbles = 0
        cdef size_t index
        if count and (self.top.page != NULL or not is_zero(self.top.digest)):
            visits.push_back(Visit(&self.top, 0, count))
        while not visits.empty() and nibbles <= nibbles_max:
            try:
                for index in range(visits.size()):
                    if visits[index].child.page == NULL:
                        fresh.push_back(Fresh(visits[index].child, NULL))
                        fresh.back().page = self.read_page(visits[index].child, self.path_of(visits[index].begin), nibbles)
                if not fresh.empty():
                    self.check_pages(fresh, visits, nibbles)
            except:
                for index in range(fresh.size()):
                    page_free(fresh[index].page)
                raise
            for index in range(fresh.size()):
                # The order is that of the first bytes: where paths share those, a page may have been read twice.
                page_free(fresh[index].child.page)
                fresh[index].child.page = fresh[index].page
            fresh.clear()
            deeper.clear()
            for index in range(visits.size()):
                self.visit_below(visits[index], nibbles, deeper)
            visits.swap(deeper)
            nibbles += 1

    cdef void visit_below(self, Visit visit, int nibbles, vector[Visit]& deeper):
        """Add the pages below a page in which changes lie."""
        cdef Page* page = visit.child.page
        cdef size_t begin = visit.begin, end
        cdef int nibble
        while begin < visit.end:
            nibble = nibble_at(self.path_of(begin), nibbles)
            end = begin + 1
            while end < visit.end and nibble_at(self.path_of(end), nibbles) == nibble:
                end += 1
            if page.children >> nibble & 1:
                deeper.push_back(Visit(&slot_at(page, nibble).child, begin, end))
            begin = end

    cdef Page* read_page(self, Child* child, const uint8_t* path, int nibbles) except NULL:
        cdef bytes place = place_bytes(path, nibbles)
        stored = self.nodes.get(place, PyBytes_FromStringAndSize(<char*>child.digest, sizeof(Digest)))
        if stored is None:
            raise TreeError(f"{page_name(place)} is not among the nodes; give nodes that are whole")
        if not PyBytes_CheckExact(stored) or not is_page(stored, path, nibbles):
            raise TreeError(f"{page_name(place)} is damaged; restore the nodes, or make them again")
        return page_read(stored, nibbles)

    cdef check_pages(self, vector[Fresh]& fresh, vector[Visit]& visits, int nibbles):
        """Check that pages are what their parents say of them."""
        cdef vector[Page*] pages
        cdef vector[Hash] digests
        cdef size_t index, place
        for index in range(fresh.size()):
            pages.push_back(fresh[index].page)
        digests.resize(pages.size())
        with nogil:
            hash_pages(pages.data(), pages.size(), <Digest*>digests.data(), self.batch)
        for index in range(fresh.size()):
            if memcmp(digests[index].bytes, fresh[index].child.digest, sizeof(Digest)):
                place = 0
                while visits[place].child != fresh[index].child:
                    place += 1
                name = page_name(place_bytes(self.path_of(visits[place].begin), nibbles))
                raise TreeError(
                    f"{name} is not what its parent says: its hash is 0x{digests[index].bytes[:32].hex()}, not "
                    f"0x{fresh[index].child.digest[:32].hex()}; restore the nodes, or make them again"
                )

    cdef change(self, size_t place, bint is_deleted):
        """Make a change; the pages on its path are in memory."""
        cdef const uint8_t* path = <const uint8_t*>&self.paths[place]
        cdef bint has_changed
        if is_deleted:
            has_changed = self.top.page != NULL and leaf_drop(self.top.page, path, &self.gone)
            if has_changed and slot_count(self.top.page) == 0:
                self.remove_top()
        else:
            if self.top.page == NULL:
                self.top.page = page_new(0)
            has_changed = leaf_put(self.top.page, path, self.values[place].bytes)
        if has_changed:
            self.touched |= 1 << nibble_at(path, 0)

    cdef remove_top(self):
        cdef Place whole
        memset(&whole, 0, sizeof(Place))
        if self.top.page.is_known:
            self.gone.push_back(whole)
        page_free(self.top.page)
        self.top.page = NULL
        memset(self.top.digest, 0, sizeof(Digest))

    def hash_from(self, int nibbles):
        """Hash the pages that have changed and whose paths have at least so many nibbles."""
        cdef vector[vector[Child*]] levels
        cdef vector[Page*] pages
        cdef vector[Hash] digests
        cdef int depth
        cdef size_t index
        self.check_free()
        if self.top.page == NULL:
            return
        levels.resize(PATH_NIBBLES)
        self.is_busy = True
        try:
            with nogil:
                collect_changed(&self.top, levels)
                for depth in range(PATH_NIBBLES - 1, nibbles - 1, -1):
                    pages.clear()
                    for index in range(levels[depth].size()):
                        pages.push_back(levels[depth][index].page)
                    digests.resize(pages.size())
                    hash_pages(pages.data(), pages.size(), <Digest*>digests.data(), self.batch)
                    for index in range(pages.size()):
                        memcpy(levels[depth][index].digest, digests[index].bytes, sizeof(Digest))
                        pages[index].is_hashed = True
        finally:
            self.is_busy = False

    def hand_out(self):
        """Return the pages that have changed since the last time, by place; None: gone. All are hashed."""
        cdef dict nodes = {}
        cdef uint8_t path[PATH_BYTES]
        cdef size_t index
        self.check_free()
        for index in range(self.gone.size()):
            nodes[place_bytes(self.gone[index].path, self.gone[index].nibbles)] = None
        self.gone.clear()
        self.touched = 0
        memset(path, 0, sizeof(path))
        if self.top.page != NULL:
            hand_out_page(self.top.page, path, nodes)
        return nodes

    def parts(self):
        """Return what stands below each first nibble that something has changed below since the last `hand_out`.

        An empty subtree is no bytes, a leaf its path and the hash of its value, a page its digest.
        """
        cdef dict found = {}
        cdef int nibble
        cdef Slot* slot
        self.check_free()
        for nibble in range(NIBBLES):
            if not self.touched >> nibble & 1:
                continue
            found[nibble] = b""
            if self.top.page == NULL:
                continue
            slot = slot_at(self.top.page, nibble)
            if self.top.page.leaves >> nibble & 1:
                found[nibble] = PyBytes_FromStringAndSize(<char*>&slot.leaf, sizeof(Leaf))
            elif self.top.page.children >> nibble & 1:
                found[nibble] = PyBytes_FromStringAndSize(<char*>slot.child.digest, sizeof(Digest))
        return found

    def put_parts(self, dict parts not None):
        """Put what `parts` has returned elsewhere below the root's page here; the pages below are not in memory."""
        cdef bytes part
        cdef int nibble
        self.check_free()
        if parts and self.top.page == NULL:
            self.top.page = page_new(0)
        for nibble, part in parts.items():
            self.put_part(nibble, part)
        if parts and slot_count(self.top.page) == 0:
            self.remove_top()

    cdef put_part(self, int nibble, bytes part):
        cdef Page* page = self.top.page
        cdef const uint8_t* begin = <const uint8_t*>PyBytes_AS_STRING(part)
        cdef Slot* slot
        if page.children >> nibble & 1:
            page_free(slot_at(page, nibble).child.page)
        if (page.leaves | page.children) >> nibble & 1:
            slot_close(page, nibble)
        if len(part) == sizeof(Leaf):
            leaf_add(page, begin, begin + PATH_BYTES)
        elif len(part):
            slot = slot_open(page, nibble)
            child_set(slot, NULL)
            memcpy(slot.child.digest, begin, sizeof(Digest))
            page.children |= 1 << nibble
        page_touch(page, nibble)

    def forget(self, int nibbles_kept):
        """Let go of pages that were handed out, but for those whose paths have at most so many nibbles."""
        self.check_free()
        if self.top.page != NULL:
            forget_below(self.top.page, nibbles_kept)


cdef void collect_changed(Child* child, vector[vector[Child*]]& levels) noexcept nogil:
    """Collect the pages that are not hashed, by the length of their paths."""
    cdef int nibble
    cdef Page* page = child.page
    if page.is_hashed:
        return
    levels[page.nibbles].push_back(child)
    for nibble in range(NIBBLES):
        if page.children >> nibble & 1 and slot_at(page, nibble).child.page != NULL:
            collect_changed(&slot_at(page, nibble).child, levels)


cdef hand_out_page(Page* page, uint8_t* path, dict nodes):
    """Add a page, and those below it, if they have changed since they were last handed out."""
    cdef int nibble, half = page.nibbles >> 1
    cdef Page* below
    cdef uint8_t before
    if page.is_handed_out:
        return
    nodes[place_bytes(path, page.nibbles)] = page_bytes(page)
    page.is_handed_out = page.is_known = True
    before = path[half]
    for nibble in range(NIBBLES):
        if page.children >> nibble & 1:
            below = slot_at(page, nibble).child.page
            if below != NULL:
                path[half] = before & 0xF0 | nibble if page.nibbles & 1 else nibble << 4
                hand_out_page(below, path, nodes)
    path[half] = before


cdef str page_name(bytes place):
    cdef int nibbles = place[len(place) - 1]
    return f"the page at path 0x{place.hex()[:nibbles]} of the state tree"


cdef bint is_zero(const uint8_t* digest) noexcept nogil:
    cdef size_t place
    for place in range(sizeof(Digest)):
        if digest[place]:
            return False
    return True
