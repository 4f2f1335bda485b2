/* How deep programs may call through C, on the one version of Python that does not leave that to sys.setrecursionlimit
   and allows too little.

   Python 3.12 counts calls that take C stack apart from the others, against a limit that is compiled in: 1,500 in
   3.12.0 and 3.12.1, too few for an Ethereum transaction that nests the 1,024 calls that it may, and a multiple of that
   later and in 3.13, where it is 10,000 (https://github.com/python/cpython/issues/112215). The stack is as large in all
   of them, so what is safe in the later versions is in the earlier ones. */

#ifndef BLOCKSTM_RECURSION_H
#define BLOCKSTM_RECURSION_H

#include <Python.h>

#define BLOCKSTM_C_CALLS 10000

#if PY_VERSION_HEX >= 0x030C0000 && PY_VERSION_HEX < 0x030D0000 && !defined(Py_DEBUG)

/* Allow as many nested calls as Python 3.13 does; returns how many were left, for c_calls_restore. */
static inline int c_calls_allow(void)
{
    PyThreadState *state = PyThreadState_Get();
    int left = state->c_recursion_remaining;
    if (left < BLOCKSTM_C_CALLS)
        state->c_recursion_remaining = BLOCKSTM_C_CALLS;
    return left;
}

/* Leave as many as there were: calls are counted on the way in and back, so none is missing. */
static inline void c_calls_restore(int left)
{
    PyThreadState_Get()->c_recursion_remaining = left;
}

#else

static inline int c_calls_allow(void)
{
    return 0;
}

static inline void c_calls_restore(int left)
{
    (void)left;
}

#endif

/* Allow as many nested calls of Python functions as sys.setrecursionlimit does from the bottom; returns how many were
   left, for python_calls_restore. */
#if PY_VERSION_HEX >= 0x030C0000
static inline int python_calls_allow(void)
{
    PyThreadState *state = PyThreadState_Get();
    int left = state->py_recursion_remaining;
    state->py_recursion_remaining = state->py_recursion_limit;
    return left;
}

static inline void python_calls_restore(int left)
{
    PyThreadState_Get()->py_recursion_remaining = left;
}
#else
static inline int python_calls_allow(void)
{
    PyThreadState *state = PyThreadState_Get();
    int left = state->recursion_remaining;
    state->recursion_remaining = state->recursion_limit;
    return left;
}

static inline void python_calls_restore(int left)
{
    PyThreadState_Get()->recursion_remaining = left;
}
#endif

#endif
