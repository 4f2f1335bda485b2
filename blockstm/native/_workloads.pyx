"""The programs of the workloads as capsules, which `blockstm.workloads.programs` names.

They use the verbs of native programs and nothing else of the core, as programs of users do
(docs/how-to/native-programs.md). Each stands in a file of its own in native/workloads/.
"""

from cpython.pycapsule cimport PyCapsule_New

from blockstm.native.workloads.amm cimport add_liquidity as add_liquidity_program
from blockstm.native.workloads.amm cimport remove_liquidity as remove_liquidity_program
from blockstm.native.workloads.amm cimport swap as swap_program
from blockstm.native.workloads.counter cimport mint as mint_program
from blockstm.native.workloads.counter cimport mint_commutative as mint_commutative_program
from blockstm.native.programs.native_program cimport CAPSULE_NAME, Program
from blockstm.native.workloads.options cimport option_claim as option_claim_program
from blockstm.native.workloads.options cimport option_expire as option_expire_program
from blockstm.native.workloads.options cimport option_quote as option_quote_program
from blockstm.native.workloads.options cimport option_strategy as option_strategy_program
from blockstm.native.workloads.orderbook cimport cancel_order as cancel_order_program
from blockstm.native.workloads.orderbook cimport place_order as place_order_program
from blockstm.native.workloads.perpetual cimport perpetual_deposit as perpetual_deposit_program
from blockstm.native.workloads.perpetual cimport perpetual_fund as perpetual_fund_program
from blockstm.native.workloads.perpetual cimport perpetual_liquidate as perpetual_liquidate_program
from blockstm.native.workloads.perpetual cimport perpetual_set_price as perpetual_set_price_program
from blockstm.native.workloads.perpetual cimport perpetual_trade as perpetual_trade_program
from blockstm.native.workloads.perpetual cimport perpetual_withdraw as perpetual_withdraw_program
from blockstm.native.workloads.transfers cimport payment as payment_program


cdef object capsule(Program program):
    return PyCapsule_New(<void*>program, CAPSULE_NAME, NULL)


add_liquidity = capsule(add_liquidity_program)
cancel_order = capsule(cancel_order_program)
mint = capsule(mint_program)
mint_commutative = capsule(mint_commutative_program)
option_claim = capsule(option_claim_program)
option_expire = capsule(option_expire_program)
option_quote = capsule(option_quote_program)
option_strategy = capsule(option_strategy_program)
payment = capsule(payment_program)
perpetual_deposit = capsule(perpetual_deposit_program)
perpetual_fund = capsule(perpetual_fund_program)
perpetual_liquidate = capsule(perpetual_liquidate_program)
perpetual_set_price = capsule(perpetual_set_price_program)
perpetual_trade = capsule(perpetual_trade_program)
perpetual_withdraw = capsule(perpetual_withdraw_program)
place_order = capsule(place_order_program)
remove_liquidity = capsule(remove_liquidity_program)
swap = capsule(swap_program)
