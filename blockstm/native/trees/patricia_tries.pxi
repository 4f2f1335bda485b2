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
        raise UsageError(f"a key of a trie has 1 to {NIBBLES_MAX // 2} bytes, and this one {PyBytes_GET_SIZE(key)}")
    for place in range(length):
        nibbles[2 * place] = data[place] >> 4
        nibbles[2 * place + 1] = data[place] & 15
    return 2 * length


cdef class PatriciaTries(PatriciaChanges):
    """Tries whose nodes come from one source; what changes in them is hashed at once.

    Arguments:
        get: returns the RLP of the node at a place with a hash, None where it is not there.
        is_found_by_hash: what `get` returns has that hash for certain, so that need not be checked.
    """

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
        if reference == self.root(part):
            return  # what is known of it stays known: it may stand at no place (see `_only_part`)
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

    cdef object _opened(self, bytes prefix, str name, uint32_t index, uint32_t depth, uint8_t first_nibble):
        cdef uint32_t trie
        if not self._closed:
            self._closed.append(len(self._names))
            for listed in (self._prefixes, self._names, self._dead):
                listed.append(None)
            self._roots.push_back(0)
            self._depths.push_back(0)
            self._first_nibbles.push_back(0)
        trie = self._closed.pop()
        self._prefixes[trie], self._names[trie], self._dead[trie] = prefix, name, set()
        self._roots[trie], self._depths[trie], self._first_nibbles[trie] = index, depth, first_nibble
        return trie

    def clear(self, uint32_t trie):
        """Forget all that a trie holds: it is empty from there on. Nodes that were not looked at stay in the store."""
        cdef uint8_t path[NIBBLES_MAX]
        path[0] = self._first_nibbles[trie]
        self._drop_all(trie, self._roots[trie], path, self._depths[trie], True)
        self._roots[trie] = 0
        self._dead[trie].clear()

    def close(self, uint32_t trie):
        """Free what a trie takes, whose changes are committed; its number is that of another one later."""
        cdef uint8_t path[NIBBLES_MAX]
        self._drop_all(trie, self._roots[trie], path, 0, False)
        self._roots[trie] = 0
        self._names[trie] = self._prefixes[trie] = self._dead[trie] = None
        self._closed.append(trie)

    def root(self, uint32_t trie):
        """Return the root hash as of the last commit; of a part, its reference."""
        cdef uint32_t index = self._roots[trie]
        cdef Node* node = &self._nodes[index]
        if index == 0:
            return b"\x80" if self._depths[trie] else EMPTY_TRIE_ROOT
        reference = PyBytes_FromStringAndSize(<char*>node.reference, node.reference_length)
        return b"\xa0" + reference if self._depths[trie] and node.reference_length == HASH_BYTES else reference

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
            raise UsageError("a trie holds no empty values")
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
