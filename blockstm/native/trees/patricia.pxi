# Merkle Patricia tries that are hashed together (see blockstm/trees/patricia.py).
#
# Nodes have numbers, 0 for none. A change goes down from the root and marks the nodes on its way, whose places are
# noted as gone: `commit` then writes all that have changed, the deepest first, so that each level is hashed at once.
# A removed leaf stays where it is until then, without a value. A collapse of a branch needs the sibling, which a witness
# has only if the branch collapses in the end: a slot that is cleared and set again asks for nothing.

cdef struct Level:
    vector[uint32_t] nodes
    vector[uint32_t] tries
    vector[uint8_t] paths       # `depth` nibbles for each


cdef uint32_t nibbles_of(bytes key, uint8_t* nibbles) except 0xFFFFFFFF:
    cdef uint32_t length = <uint32_t>PyBytes_GET_SIZE(key), place
    cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(key)
    if not 0 < PyBytes_GET_SIZE(key) <= NIBBLES_MAX // 2:
        raise ValueError(f"a key of a trie has 1 to {NIBBLES_MAX // 2} bytes, and this one {PyBytes_GET_SIZE(key)}")
    for place in range(length):
        nibbles[2 * place] = data[place] >> 4
        nibbles[2 * place + 1] = data[place] & 15
    return 2 * length


cdef object path_text(const uint8_t* path, uint32_t depth):
    return "0x" + "".join([f"{path[place]:x}" for place in range(depth)]) if depth else "the root"


cdef class PatriciaTries:
    """Tries whose nodes come from one source; what changes in them is hashed at once.

    Arguments:
        get: returns the RLP of the node at a place with a hash, None where it is not there.
        is_found_by_hash: what `get` returns has that hash for certain, so that need not be checked.
        roots: the hash of each trie before, by its number.
    """

    cdef object _get
    cdef bint _is_found_by_hash
    cdef vector[Node] _nodes
    cdef vector[uint32_t] _free
    cdef list _prefixes, _names, _dead      # of each trie: its places' prefix; what it is called; keys to be removed
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
        self._prefixes, self._names, self._dead, self._changes = [], [], [], {}

    def __dealloc__(self):
        cdef size_t index
        for index in range(self._nodes.size()):
            free(self._nodes[index].value)

    # --- tries ----------------------------------------------------------------------------------

    def open(self, bytes prefix not None, str name not None, bytes root not None):
        """Return the number of a trie with a root hash; `prefix` stands before its nodes' places."""
        cdef uint32_t index = 0
        if root != EMPTY_TRIE_ROOT:
            index = self._unresolved(root, UNRESOLVED)
        return self._opened(prefix, name, index, 0, 0)

    def open_parts(self, bytes prefix not None, str name not None, bytes root not None):
        """Return the numbers of sixteen parts of a trie with a root hash: what lies below each first nibble.

        Their keys are whole, and so are the places of their nodes. `join` makes one trie of them again.
        """
        cdef uint8_t path[NIBBLES_MAX]
        cdef uint32_t index, part
        cdef uint32_t below[16]
        cdef uint8_t place
        memset(below, 0, sizeof(below))
        memset(path, 0, sizeof(path))
        whole = self.open(prefix, name, root)
        index = self._roots[whole]
        if index:
            self._resolve(whole, index, path, 0)
            if self._nodes[index].kind == BRANCH:
                for part in range(16):
                    below[part] = self._nodes[index].children[part]
                self._free_node(index)
            else:
                place = self._nodes[index].path[0]
                below[place] = self._without_first_nibble(index)
            self._roots[whole] = 0
        self.close(whole)
        return [self._opened(prefix, name, below[part], 1, part) for part in range(16)]

    # A leaf or an extension as it is in a branch above it, where there was none.
    cdef uint32_t _without_first_nibble(self, uint32_t index) noexcept:
        cdef uint32_t child = self._nodes[index].children[0]
        cut_path(&self._nodes[index], 1)
        if self._nodes[index].kind == EXTENSION and self._nodes[index].path_length == 0:
            self._free_node(index)
            return child
        self._nodes[index].is_changed = True
        self._nodes[index].is_stored = False
        return index

    def set_part(self, uint32_t part, bytes reference not None):
        """Replace a part by what a branch above it would hold: nothing, a hash, or a node that is shorter."""
        cdef uint8_t path[NIBBLES_MAX]
        memset(path, 0, sizeof(path))
        cdef uint32_t index = self._referenced(part, reference, path)
        self._drop_all(part, self._roots[part], path, 1, False)
        self._dead[part].clear()
        self._roots[part] = index

    def join(self, parts not None, bytes old_root not None):
        """Return the root hash of the trie that sixteen committed parts make up; its nodes are among the changes.

        Arguments:
            parts: their numbers.
            old_root: the root hash when they were last joined, or opened.
        """
        cdef uint8_t path[NIBBLES_MAX]
        cdef uint32_t joined = 0, part, child, count = 0, first = parts[0]
        cdef uint8_t place, last = 0
        cdef vector[Level] levels
        memset(path, 0, sizeof(path))
        if old_root != EMPTY_TRIE_ROOT:
            self._changes[self._place(first, path, 0)] = None
        for place, part in enumerate(parts):
            if self._roots[part]:
                count += 1
                last = place
        if count == 0:
            return EMPTY_TRIE_ROOT
        if count == 1:
            joined = self._only_part(parts[last], last)
        else:
            joined = self._new(BRANCH)
            for place, part in enumerate(parts):
                child = self._referenced(part, self.root(part), path)
                self._nodes[joined].children[place] = child
        levels.resize(NIBBLES_MAX + 1)
        self._collect(first, joined, path, 0, &levels)
        self._hash_level(&levels[0], 0)
        root = PyBytes_FromStringAndSize(<char*>self._nodes[joined].reference, HASH_BYTES)
        self._drop_all(first, joined, path, 0, False)
        return root

    # What a trie begins with that has only this part. A leaf or an extension of the part is then no node of the trie,
    # but becomes one when there are others: so it counts as changed for as long.
    cdef uint32_t _only_part(self, uint32_t part, uint8_t first_nibble) except 0:
        cdef uint32_t index = self._roots[part], joined, child
        cdef vector[uint8_t] written
        self._resolve(part, index, &first_nibble, 1)
        if self._nodes[index].kind == BRANCH:
            joined = self._new(EXTENSION)
            child = self._referenced(part, self.root(part), &first_nibble)
            self._nodes[joined].children[0] = child
        else:
            joined = self._new(LEAF)
            write_node(&written, self._nodes.data(), index)
            self._decode(joined, written.data(), written.size(), self._names[part], &first_nibble, 1)
            self._touch(part, index, &first_nibble, 1)
        if not prepend(&self._nodes[joined], &first_nibble, 1):
            raise TreeError(f"{self._names[part]}: a path has more than {NIBBLES_MAX} nibbles")
        return joined

    # What a branch holds: nothing, a hash, or a node that is shorter.
    cdef uint32_t _referenced(self, uint32_t trie, bytes reference, const uint8_t* path) except? 0xFFFFFFFF:
        cdef Item item
        cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(reference)
        cdef const uint8_t* end = data + PyBytes_GET_SIZE(reference)
        if not read_item(data, end, &item) or item.end != end:
            raise TreeError(f"{self._names[trie]}: {reference!r} is not what a branch holds of a part")
        return self._child(&item, self._names[trie], path, 0)

    cdef object _opened(self, bytes prefix, str name, uint32_t index, uint32_t depth, uint8_t first_nibble):
        self._prefixes.append(prefix)
        self._names.append(name)
        self._dead.append(set())
        self._roots.push_back(index)
        self._depths.push_back(depth)
        self._first_nibbles.push_back(first_nibble)
        return len(self._prefixes) - 1

    def clear(self, uint32_t trie):
        """Forget all that a trie holds: it is empty from there on. Nodes that were not looked at stay in the store."""
        cdef uint8_t path[NIBBLES_MAX]
        path[0] = self._first_nibbles[trie]
        self._drop_all(trie, self._roots[trie], path, self._depths[trie], True)
        self._roots[trie] = 0
        self._dead[trie].clear()

    def close(self, uint32_t trie):
        """Free what a trie takes, whose changes are committed; its number is used no more."""
        cdef uint8_t path[NIBBLES_MAX]
        self._drop_all(trie, self._roots[trie], path, 0, False)
        self._roots[trie] = 0
        self._names[trie] = self._prefixes[trie] = self._dead[trie] = None

    def root(self, uint32_t trie):
        """Return the root hash as of the last commit; of a part, its reference."""
        cdef uint32_t index = self._roots[trie]
        cdef Node* node = &self._nodes[index]
        if index == 0:
            return b"\x80" if self._depths[trie] else EMPTY_TRIE_ROOT
        reference = PyBytes_FromStringAndSize(<char*>node.reference, node.reference_length)
        return b"\xa0" + reference if self._depths[trie] and node.reference_length == HASH_BYTES else reference

    # --- keys -----------------------------------------------------------------------------------

    def get(self, uint32_t trie, bytes key not None):
        """Return the value at a key, None for none."""
        cdef uint8_t nibbles[NIBBLES_MAX]
        cdef uint32_t length = nibbles_of(key, nibbles)
        cdef uint32_t index = self._find(trie, nibbles, length)
        cdef Node* node = &self._nodes[index]
        return None if node.value == NULL else PyBytes_FromStringAndSize(<char*>node.value, node.value_length)

    def put(self, uint32_t trie, bytes key not None, bytes value not None):
        """Set the value at a key; it is not empty."""
        cdef uint8_t nibbles[NIBBLES_MAX]
        cdef uint32_t length = nibbles_of(key, nibbles)
        if not value:
            raise ValueError("a trie holds no empty values")
        self._has_changed = False
        self._roots[trie] = self._put(trie, self._roots[trie], nibbles, length, self._depths[trie], value)

    def remove(self, uint32_t trie, bytes key not None):
        """Remove a key, if it is there."""
        cdef uint8_t nibbles[NIBBLES_MAX]
        cdef uint32_t length = nibbles_of(key, nibbles)
        cdef uint32_t index = self._find(trie, nibbles, length)
        if self._nodes[index].value != NULL:
            free(self._nodes[index].value)
            self._nodes[index].value = NULL
            (<set>self._dead[trie]).add(key)

    def leaves(self, uint32_t trie):
        """Return keys and values, but for those below nodes that are not there."""
        cdef uint8_t path[NIBBLES_MAX]
        cdef list found = []
        path[0] = self._first_nibbles[trie]
        self._gather(trie, self._roots[trie], path, self._depths[trie], found)
        return found

    cdef int _gather(self, uint32_t trie, uint32_t index, uint8_t* path, uint32_t depth, list found) except -1:
        cdef Node node = self._nodes[index]
        cdef uint32_t place
        if index == 0:
            return 0
        if node.kind in (UNRESOLVED, UNRESOLVED_BRANCH):
            digest = PyBytes_FromStringAndSize(<char*>node.reference, HASH_BYTES)
            if self._get(self._place(trie, path, depth), digest) is None:
                return 0
            self._resolve(trie, index, path, depth)
            node = self._nodes[index]
        if node.kind == BRANCH:
            for place in range(16):
                path[depth] = <uint8_t>place
                self._gather(trie, node.children[place], path, depth + 1, found)
            return 0
        memcpy(path + depth, node.path, node.path_length)
        depth += node.path_length
        if node.kind == EXTENSION:
            self._gather(trie, node.children[0], path, depth, found)
        elif node.value != NULL and depth % 2 == 0:
            key = bytes([path[place] << 4 | path[place + 1] for place in range(0, depth, 2)])
            found.append((key, PyBytes_FromStringAndSize(<char*>node.value, node.value_length)))
        return 0

    # The leaf of a key, 0 for none.
    cdef uint32_t _find(self, uint32_t trie, const uint8_t* key, uint32_t length) except? 0xFFFFFFFF:
        cdef uint32_t depth = self._depths[trie], index = self._roots[trie], common
        cdef Node* node
        while index:
            self._resolve(trie, index, key, depth)
            node = &self._nodes[index]
            if node.kind == BRANCH:
                if depth == length:
                    return 0
                index = node.children[key[depth]]
                depth += 1
                continue
            common = common_nibbles(node.path, node.path_length, key + depth, length - depth)
            if common < node.path_length:
                return 0
            depth += common
            if node.kind == LEAF:
                return index if depth == length else 0
            index = node.children[0]
        return 0

    # Returns what stands at the place of node `index` once the key has the value.
    cdef uint32_t _put(
        self, uint32_t trie, uint32_t index, const uint8_t* key, uint32_t length, uint32_t depth, bytes value
    ) except 0:
        cdef Node* node
        cdef uint32_t common, child, whole
        if index == 0:
            return self._leaf(key + depth, length - depth, value)
        self._resolve(trie, index, key, depth)
        node = &self._nodes[index]
        if node.kind == BRANCH:
            if depth == length:
                raise ValueError("a key of a trie begins with another")
            child = self._put(trie, node.children[key[depth]], key, length, depth + 1, value)
            self._nodes[index].children[key[depth]] = child
        else:
            whole = node.path_length
            common = common_nibbles(node.path, whole, key + depth, length - depth)
            if common < whole:
                return self._split(trie, index, common, key, length, depth, value)
            if node.kind == LEAF:
                if depth + common < length:
                    raise ValueError("a key of a trie begins with another")
                self._set_value(node, value)
            else:
                child = self._put(trie, node.children[0], key, length, depth + common, value)
                self._nodes[index].children[0] = child
        if self._has_changed:
            self._touch(trie, index, key, depth)
        return index

    cdef int _set_value(self, Node* node, bytes value) except -1:
        cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(value)
        cdef size_t length = PyBytes_GET_SIZE(value)
        if node.value != NULL and node.value_length == length and memcmp(node.value, data, length) == 0:
            return 0
        if not set_value(node, data, length):
            raise MemoryError()
        self._has_changed = True
        return 0

    # A leaf or an extension whose path the key leaves after `common` nibbles becomes a branch.
    cdef uint32_t _split(
        self, uint32_t trie, uint32_t index, uint32_t common, const uint8_t* key, uint32_t length, uint32_t depth,
        bytes value,
    ) except 0:
        cdef uint32_t branch, leaf, above, below = index
        cdef uint8_t nibble
        cdef Node* node
        if depth + common >= length:
            raise ValueError("a key of a trie begins with another")
        self._touch(trie, index, key, depth)
        leaf = self._leaf(key + depth + common + 1, length - depth - common - 1, value)
        branch = self._new(BRANCH)
        node = &self._nodes[index]
        nibble = node.path[common]
        cut_path(node, common + 1)
        if node.kind == EXTENSION and node.path_length == 0:
            below = node.children[0]
            self._free_node(index)
        self._nodes[branch].children[nibble] = below
        self._nodes[branch].children[key[depth + common]] = leaf
        if common == 0:
            return branch
        above = self._new(EXTENSION)
        node = &self._nodes[above]
        memcpy(node.path, key + depth, common)
        node.path_length = <uint8_t>common
        node.children[0] = branch
        return above

    # Takes a leaf without a value out. Returns what then stands at the place of node `index`, 0 for nothing.
    cdef uint32_t _cut(
        self, uint32_t trie, uint32_t index, uint8_t* key, uint32_t length, uint32_t depth
    ) except? 0xFFFFFFFF:
        cdef Node* node = &self._nodes[index]
        cdef uint32_t child, below
        self._touch(trie, index, key, depth)
        if node.kind == LEAF:
            self._free_node(index)
            return 0
        if node.kind == BRANCH:
            child = self._cut(trie, node.children[key[depth]], key, length, depth + 1)
            self._nodes[index].children[key[depth]] = child
            return index if child else self._collapsed(trie, index, key, depth)
        below = depth + node.path_length
        child = self._cut(trie, node.children[0], key, length, below)
        if child == 0:
            self._free_node(index)
            return 0
        if self._nodes[child].kind in (LEAF, EXTENSION):
            return self._joined(trie, child, self._nodes[index].path, self._nodes[index].path_length, index)
        self._nodes[index].children[0] = child
        return index

    # A branch that lost a child: itself, or what takes its place where only one is left.
    cdef uint32_t _collapsed(self, uint32_t trie, uint32_t index, uint8_t* key, uint32_t depth) except? 0xFFFFFFFF:
        cdef uint32_t count = 0, child
        cdef uint8_t place, last = 0, own
        for place in range(16):
            if self._nodes[index].children[place]:
                count += 1
                last = place
        if count > 1:
            return index
        child = self._nodes[index].children[last]
        if count == 0:
            self._free_node(index)
            return 0
        own, key[depth] = key[depth], last
        if self._nodes[child].kind == UNRESOLVED:
            self._resolve(trie, child, key, depth + 1)
        if self._nodes[child].kind in (LEAF, EXTENSION):
            self._touch(trie, child, key, depth + 1)
            key[depth] = own
            return self._joined(trie, child, &last, 1, index)
        key[depth] = own
        self._nodes[index].kind = EXTENSION
        self._nodes[index].path_length = 1
        self._nodes[index].path[0] = last
        self._nodes[index].children[last] = 0
        self._nodes[index].children[0] = child
        return index

    # A leaf or an extension takes the place of the node above it, `above`, whose nibbles come before its own.
    cdef uint32_t _joined(
        self, uint32_t trie, uint32_t index, const uint8_t* nibbles, uint32_t count, uint32_t above
    ) except 0:
        if not prepend(&self._nodes[index], nibbles, count):
            raise TreeError(f"{self._names[trie]}: a path has more than {NIBBLES_MAX} nibbles")
        self._nodes[index].is_changed = True
        self._free_node(above)
        return index

    # --- nodes ----------------------------------------------------------------------------------

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

    cdef uint32_t _leaf(self, const uint8_t* path, uint32_t length, bytes value) except 0:
        cdef uint32_t index = self._new(LEAF)
        cdef Node* node = &self._nodes[index]
        memcpy(node.path, path, length)
        node.path_length = <uint8_t>length
        self._set_value(node, value)
        return index

    cdef uint32_t _unresolved(self, bytes digest, Kind kind) except 0:
        if PyBytes_GET_SIZE(digest) != HASH_BYTES:
            raise ValueError(f"the hash of a node has {HASH_BYTES} bytes, and this one {len(digest)}")
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

    # --- commit ---------------------------------------------------------------------------------

    def commit(self, tries):
        """Bring the hashes of some tries up to date, in one go. Where it fails, none of them can be used any more."""
        cdef vector[Level] levels
        cdef uint8_t path[NIBBLES_MAX]
        cdef uint32_t trie, length
        cdef size_t depth
        if self._is_broken:
            raise TreeError("the trie is broken, as an earlier commit failed; open it again")
        self._is_broken = True
        for trie in tries:
            for key in self._dead[trie]:
                length = nibbles_of(key, path)
                if self._is_dead(trie, path, length):
                    self._roots[trie] = self._cut(trie, self._roots[trie], path, length, self._depths[trie])
            self._dead[trie].clear()
        levels.resize(NIBBLES_MAX + 1)
        for trie in tries:
            path[0] = self._first_nibbles[trie]
            self._collect(trie, self._roots[trie], path, self._depths[trie], &levels)
        for depth in range(NIBBLES_MAX, -1, -1):
            if levels[depth].nodes.size():
                self._hash_level(&levels[depth], <uint32_t>depth)
        self._is_broken = False

    def hash_ahead(self, tries, uint32_t depth_min):
        """Hash nodes of some tries that lie so deep, but of those in which keys are removed: they may come back."""
        cdef vector[Level] levels
        cdef uint8_t path[NIBBLES_MAX]
        cdef uint32_t trie, depth
        levels.resize(NIBBLES_MAX + 1)
        for trie in tries:
            if not self._dead[trie]:
                path[0] = self._first_nibbles[trie]
                self._collect(trie, self._roots[trie], path, self._depths[trie], &levels)
        for depth in range(NIBBLES_MAX, depth_min, -1):
            self._hash_level(&levels[depth], depth)

    cdef bint _is_dead(self, uint32_t trie, const uint8_t* key, uint32_t length) except -1:
        cdef uint32_t index = self._find(trie, key, length)
        return index != 0 and self._nodes[index].value == NULL

    cdef int _collect(
        self, uint32_t trie, uint32_t index, uint8_t* path, uint32_t depth, vector[Level]* levels
    ) except -1:
        cdef Node* node = &self._nodes[index]
        cdef Level* level
        cdef uint32_t place
        if index == 0 or not node.is_changed:
            return 0
        level = &levels[0][depth]
        level.nodes.push_back(index)
        level.tries.push_back(trie)
        level.paths.insert(level.paths.end(), path, path + depth)
        if node.kind == BRANCH:
            for place in range(16):
                path[depth] = <uint8_t>place
                self._collect(trie, node.children[place], path, depth + 1, levels)
        elif node.kind == EXTENSION:
            memcpy(path + depth, node.path, node.path_length)
            self._collect(trie, node.children[0], path, depth + node.path_length, levels)
        return 0

    # Writes the nodes of one level, whose children are written, and hashes those that are not held by their parents.
    cdef int _hash_level(self, Level* level, uint32_t depth) except -1:
        cdef vector[uint8_t] written
        cdef vector[size_t] ends, lengths
        cdef vector[const uint8_t*] starts
        cdef vector[uint32_t] hashed
        cdef vector[uint8_t] digests
        cdef size_t place, start, length
        cdef Node* node
        ends.push_back(0)
        with nogil:
            for place in range(level.nodes.size()):
                write_node(&written, self._nodes.data(), level.nodes[place])
                ends.push_back(written.size())
            for place in range(level.nodes.size()):
                start = ends[place]
                length = ends[place + 1] - start
                node = &self._nodes[level.nodes[place]]
                node.is_changed = False
                if length >= HASH_BYTES or depth == 0:
                    hashed.push_back(<uint32_t>place)
                    starts.push_back(written.data() + start)
                    lengths.push_back(length)
                else:
                    node.reference_length = <uint8_t>length
                    memcpy(node.reference, written.data() + start, length)
            digests.resize(hashed.size() * HASH_BYTES)
            hash_many(starts.data(), lengths.data(), hashed.size(), <Digest*>digests.data())
        for place in range(hashed.size()):
            node = &self._nodes[level.nodes[hashed[place]]]
            node.reference_length = HASH_BYTES
            node.is_stored = True
            memcpy(node.reference, digests.data() + place * HASH_BYTES, HASH_BYTES)
            self._changes[self._place(level.tries[hashed[place]], level.paths.data() + hashed[place] * depth, depth)] = (
                PyBytes_FromStringAndSize(<char*>starts[place], lengths[place])
            )
        return 0

    def take_changes(self):
        """Return the nodes that have changed since this was last asked for, by place; None for one that is gone."""
        changes, self._changes = self._changes, {}
        return changes

    def forget(self, uint32_t trie, uint32_t depth_kept):
        """Keep of a committed trie only what lies less deep; the rest is read again when it is wanted."""
        self._forget(self._roots[trie], self._depths[trie], depth_kept)

    cdef int _forget(self, uint32_t index, uint32_t depth, uint32_t depth_kept) except -1:
        cdef uint32_t place, below
        cdef uint8_t path[NIBBLES_MAX]
        cdef uint8_t digest[HASH_BYTES]
        cdef Node node
        if index == 0 or self._nodes[index].kind not in (BRANCH, EXTENSION):
            return 0
        node = self._nodes[index]
        below = depth + (1 if node.kind == BRANCH else node.path_length)
        for place in range(16):
            if node.children[place] == 0:
                continue
            if below < depth_kept or self._nodes[node.children[place]].reference_length != HASH_BYTES:
                self._forget(node.children[place], below, depth_kept)
            else:
                memcpy(digest, self._nodes[node.children[place]].reference, HASH_BYTES)
                self._drop_all(0, node.children[place], path, 0, False)
                self._nodes[index].children[place] = self._referred(
                    digest, UNRESOLVED if node.kind == BRANCH else UNRESOLVED_BRANCH
                )
        return 0
