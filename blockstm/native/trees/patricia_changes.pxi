# What changes in the nodes of a Merkle Patricia trie.

cdef class PatriciaChanges(PatriciaNodes):
    """From one node on down to the leaf of a key, and back up; each returns what then stands at the node's place."""

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
                raise UsageError("a key of a trie begins with another")
            child = self._put(trie, node.children[key[depth]], key, length, depth + 1, value)
            self._nodes[index].children[key[depth]] = child
        else:
            whole = node.path_length
            common = common_nibbles(node.path, whole, key + depth, length - depth)
            if common < whole:
                return self._split(trie, index, common, key, length, depth, value)
            if node.kind == LEAF:
                if depth + common < length:
                    raise UsageError("a key of a trie begins with another")
                self._set_value(node, value)
            else:
                child = self._put(trie, node.children[0], key, length, depth + common, value)
                self._nodes[index].children[0] = child
        if self._has_changed:
            self._touch(trie, index, key, depth)
        return index

    # A leaf or an extension whose path the key leaves after `common` nibbles becomes a branch.
    cdef uint32_t _split(
        self, uint32_t trie, uint32_t index, uint32_t common, const uint8_t* key, uint32_t length, uint32_t depth,
        bytes value,
    ) except 0:
        cdef uint32_t branch, leaf, above, below = index
        cdef uint8_t nibble
        cdef Node* node
        if depth + common >= length:
            raise UsageError("a key of a trie begins with another")
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
