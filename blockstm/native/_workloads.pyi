"""The capsules of the workload programs; `blockstm.workloads.programs` names them."""

add_liquidity: object
cancel_order: object
mint: object
mint_commutative: object
option_claim: object
option_expire: object
option_quote: object
option_strategy: object
payment: object
perpetual_deposit: object
perpetual_fund: object
perpetual_liquidate: object
perpetual_set_price: object
perpetual_trade: object
perpetual_withdraw: object
place_order: object
remove_liquidity: object
swap: object
