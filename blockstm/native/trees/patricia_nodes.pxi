# The nodes of Merkle Patricia tries, in memory and where they are read from.

cdef object path_text(const uint8_t* path, uint32_t depth):
    return "0x" + "".join([f"{path[place]:x}" for place in range(depth)]) if depth else "the root"


cdef class PatriciaNodes:
    """Nodes have numbers, 0 for none. One that changes is marked, and its place is noted as gone.

    Arguments:
        get: returns the RLP of the node at a place with a hash, None where it is not there.
        is_found_by_hash: what `get` returns has that hash for certain, so that need not be checked.
    """

    cdef object _get
    cdef bint _is_found_by_hash
    cdef vector[Node] _nodes
    cdef vector[uint32_t] _free
    cdef list _prefixes, _names, _dead      # of each trie: its places' prefix; what it is called; keys to be removed
    cdef list _closed                       # numbers of tries that are closed
    cdef vector[uint32_t] _roots
    cdef vector[uint32_t] _depths           # at which each trie begins: 1 for a part
    cdef vector[uint8_t] _first_nibbles     # of a part
    cdef dict _changes
    cdef bint _is_broken                    # a commit has failed midway
    cdef bint _has_changed                  # whether the last `_put` changed anything

    def __init__(self, get, bint is_found_by_hash=False):
        self._get = get
        self._is_found_by_hash = is_found_by_hash
        self._nodes.resize(1)
        self._prefixes, self._names, self._dead, self._closed, self._changes = [], [], [], [], {}

    def __dealloc__(self):
        cdef size_t index
        for index in range(self._nodes.size()):
            free(self._nodes[index].value)

    cdef uint32_t _new(self, Kind kind) except 0:
        cdef uint32_t index
        if self._free.size():
            index = self._free.back()
            self._free.pop_back()
        else:
            index = <uint32_t>self._nodes.size()
            self._nodes.resize(index + 1)
        self._nodes[index].kind = kind
        self._nodes[index].is_changed = True
        return index

    cdef void _free_node(self, uint32_t index) noexcept:
        clear_node(&self._nodes[index])
        self._free.push_back(index)

    cdef int _set_value(self, Node* node, bytes value) except -1:
        cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(value)
        cdef size_t length = PyBytes_GET_SIZE(value)
        if node.value != NULL and node.value_length == length and memcmp(node.value, data, length) == 0:
            return 0
        if not set_value(node, data, length):
            raise MemoryError()
        self._has_changed = True
        return 0

    cdef uint32_t _leaf(self, const uint8_t* path, uint32_t length, bytes value) except 0:
        cdef uint32_t index = self._new(LEAF)
        cdef Node* node = &self._nodes[index]
        memcpy(node.path, path, length)
        node.path_length = <uint8_t>length
        self._set_value(node, value)
        return index

    cdef uint32_t _unresolved(self, bytes digest, Kind kind) except 0:
        if PyBytes_GET_SIZE(digest) != HASH_BYTES:
            raise UsageError(f"the hash of a node has {HASH_BYTES} bytes, and this one {len(digest)}")
        return self._referred(<const uint8_t*>PyBytes_AS_STRING(digest), kind)

    cdef uint32_t _referred(self, const uint8_t* digest, Kind kind) except 0:
        cdef uint32_t index = self._new(kind)
        self._nodes[index].is_changed = False
        self._nodes[index].reference_length = HASH_BYTES
        memcpy(self._nodes[index].reference, digest, HASH_BYTES)
        return index

    cdef bytes _place(self, uint32_t trie, const uint8_t* path, uint32_t depth):
        cdef uint8_t packed[PACKED_BYTES_MAX]
        cdef uint32_t place
        packed[0] = <uint8_t>depth
        for place in range(0, depth, 2):
            packed[1 + place // 2] = path[place] << 4
            if place + 1 < depth:
                packed[1 + place // 2] |= path[place + 1]
        return (<bytes>self._prefixes[trie]) + PyBytes_FromStringAndSize(<char*>packed, 1 + (depth + 1) // 2)

    # Says that a node changes, or goes from its place.
    cdef int _touch(self, uint32_t trie, uint32_t index, const uint8_t* path, uint32_t depth) except -1:
        cdef Node* node = &self._nodes[index]
        if node.is_stored:
            self._changes[self._place(trie, path, depth)] = None
            node.is_stored = False
        node.is_changed = True
        return 0

    # Reads a node of which only the hash is known; `path` leads to it.
    cdef int _resolve(self, uint32_t trie, uint32_t index, const uint8_t* path, uint32_t depth) except -1:
        cdef Node* node = &self._nodes[index]
        cdef Kind kind = node.kind
        cdef Digest found
        cdef const uint8_t* start
        cdef size_t length
        if kind != UNRESOLVED and kind != UNRESOLVED_BRANCH:
            return 0
        digest = PyBytes_FromStringAndSize(<char*>node.reference, HASH_BYTES)
        place = self._place(trie, path, depth)
        cdef bytes data = self._changes.get(place)  # it may be forgotten before it is stored
        if data is None:
            data = self._get(place, digest)
        if data is None:
            raise TreeError(
                f"{self._names[trie]}: the node at path {path_text(path, depth)} is missing, whose hash is 0x{digest.hex()}"
            )
        start = <const uint8_t*>PyBytes_AS_STRING(data)
        length = PyBytes_GET_SIZE(data)
        if not self._is_found_by_hash:
            hash_many(&start, &length, 1, &found)
            if memcmp(found, <const char*>digest, HASH_BYTES) != 0:
                raise TreeError(
                    f"{self._names[trie]}: the node at path {path_text(path, depth)} is not the one whose hash is "
                    f"0x{digest.hex()}"
                )
        self._decode(index, start, length, self._names[trie], path, depth)
        if kind == UNRESOLVED_BRANCH and self._nodes[index].kind != BRANCH:
            self._refuse(self._names[trie], path, depth, "it follows an extension, and is no branch")
        self._nodes[index].is_stored = True
        return 0

    cdef int _refuse(self, str name, const uint8_t* path, uint32_t depth, str why) except -1:
        raise TreeError(f"{name}: the node at path {path_text(path, depth)} is no node of a trie: {why}")

    cdef int _decode(
        self, uint32_t index, const uint8_t* data, size_t length, str name, const uint8_t* path, uint32_t depth
    ) except -1:
        cdef Item whole
        cdef Item items[17]
        cdef uint32_t count = 0, place, child
        cdef Node* node
        cdef const uint8_t* at
        cdef bint is_good = read_item(data, data + length, &whole) and whole.is_list and whole.end == data + length
        at = whole.payload if is_good else NULL
        while is_good and at < whole.end:
            is_good = count < 17 and read_item(at, whole.end, &items[count])
            at = items[count].end if is_good else at
            count += 1
        if not is_good:
            self._refuse(name, path, depth, "its RLP is damaged")
        node = &self._nodes[index]
        if count == 2:
            if items[0].is_list or not unpack_path(items[0].payload, items[0].end - items[0].payload, node):
                self._refuse(name, path, depth, "its path is malformed")
            if depth + node.path_length > NIBBLES_MAX:
                self._refuse(name, path, depth, f"its path leads further than {NIBBLES_MAX} nibbles")
            if node.kind == LEAF:
                if items[1].is_list or items[1].payload == items[1].end:
                    self._refuse(name, path, depth, "it has no value")
                if not set_value(node, items[1].payload, items[1].end - items[1].payload):
                    raise MemoryError()
                return 0
            child = self._child(&items[1], name, path, depth + node.path_length - 1)
            if child == 0 or self._nodes[child].kind not in (UNRESOLVED, BRANCH):
                self._refuse(name, path, depth, "no branch follows its path")
            if self._nodes[child].kind == UNRESOLVED:
                self._nodes[child].kind = UNRESOLVED_BRANCH
            self._nodes[index].children[0] = child
            return 0
        if count != 17 or items[16].is_list or items[16].payload != items[16].end:
            self._refuse(name, path, depth, "it is neither a pair nor a branch without a value")
        if depth >= NIBBLES_MAX:
            self._refuse(name, path, depth, f"it branches after {NIBBLES_MAX} nibbles")
        node.kind = BRANCH
        count = 0
        for place in range(16):
            child = self._child(&items[place], name, path, depth)
            self._nodes[index].children[place] = child
            count += child != 0
        if count < 2:
            self._refuse(name, path, depth, "it is a branch of fewer than two")
        return 0

    # What a node holds of one below it: nothing, its hash, or itself where that is shorter.
    cdef uint32_t _child(self, Item* item, str name, const uint8_t* path, uint32_t depth) except? 0xFFFFFFFF:
        cdef size_t length = item.end - item.payload
        cdef uint32_t index
        if not item.is_list:
            if length == 0:
                return 0
            if length != HASH_BYTES:
                self._refuse(name, path, depth, "what it refers to is no hash")
            return self._referred(item.payload, UNRESOLVED)
        length = item.end - item.start
        if length >= HASH_BYTES and depth:
            self._refuse(name, path, depth, "it holds a node that should stand by its hash")
        index = self._new(LEAF)
        self._decode(index, item.start, length, name, path, depth + 1)
        if length < HASH_BYTES:
            self._nodes[index].is_changed = False
            self._nodes[index].reference_length = <uint8_t>length
            memcpy(self._nodes[index].reference, item.start, length)
        return index

    # What a branch holds: nothing, a hash, or a node that is shorter.
    cdef uint32_t _referenced(self, uint32_t trie, bytes reference, const uint8_t* path) except? 0xFFFFFFFF:
        cdef Item item
        cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(reference)
        cdef const uint8_t* end = data + PyBytes_GET_SIZE(reference)
        if not read_item(data, end, &item) or item.end != end:
            raise TreeError(f"{self._names[trie]}: {reference!r} is not what a branch holds of a part")
        return self._child(&item, self._names[trie], path, 0)

    # Frees a node and all below; `is_gone`: their places are noted.
    cdef int _drop_all(self, uint32_t trie, uint32_t index, uint8_t* path, uint32_t depth, bint is_gone) except -1:
        cdef uint32_t place
        cdef Node node
        if index == 0:
            return 0
        if is_gone:
            if self._nodes[index].kind in (UNRESOLVED, UNRESOLVED_BRANCH):
                self._nodes[index].is_stored = True
            self._touch(trie, index, path, depth)
        node = self._nodes[index]
        if node.kind == BRANCH:
            for place in range(16):
                path[depth] = <uint8_t>place
                self._drop_all(trie, node.children[place], path, depth + 1, is_gone)
        elif node.kind == EXTENSION:
            memcpy(path + depth, node.path, node.path_length)
            self._drop_all(trie, node.children[0], path, depth + node.path_length, is_gone)
        self._free_node(index)
        return 0
