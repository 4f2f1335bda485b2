"""The programs of the workloads as capsules, which `blockstm.workloads.programs` names.

They use the verbs of native programs and nothing else of the core, as programs of users do
(docs/native-programs.md). Each stands in a file of its own in ext/workloads/.
"""

from cpython.pycapsule cimport PyCapsule_New

from amm cimport add_liquidity as add_liquidity_program
from amm cimport remove_liquidity as remove_liquidity_program
from amm cimport swap as swap_program
from counter cimport mint as mint_program
from counter cimport mint_commutative as mint_commutative_program
from executor cimport CAPSULE_NAME, Program
from orderbook cimport cancel_order as cancel_order_program
from orderbook cimport place_order as place_order_program
from transfers cimport payment as payment_program


cdef object capsule(Program program):
    return PyCapsule_New(<void*>program, CAPSULE_NAME, NULL)


add_liquidity = capsule(add_liquidity_program)
cancel_order = capsule(cancel_order_program)
mint = capsule(mint_program)
mint_commutative = capsule(mint_commutative_program)
payment = capsule(payment_program)
place_order = capsule(place_order_program)
remove_liquidity = capsule(remove_liquidity_program)
swap = capsule(swap_program)
