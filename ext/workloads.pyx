"""The programs of the workloads as capsules, which `blockstm.workloads.programs` names.

They use the verbs of native programs and nothing else of the core, as programs of users do
(docs/native-programs.md). Each stands in a file of its own in ext/workloads/.
"""

from cpython.pycapsule cimport PyCapsule_New

from counter cimport mint as mint_program
from counter cimport mint_commutative as mint_commutative_program
from executor cimport CAPSULE_NAME, Program
from transfers cimport payment as payment_program


cdef object capsule(Program program):
    return PyCapsule_New(<void*>program, CAPSULE_NAME, NULL)


mint = capsule(mint_program)
mint_commutative = capsule(mint_commutative_program)
payment = capsule(payment_program)
