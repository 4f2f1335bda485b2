"""All models by the name of their program."""

from __future__ import annotations

from tests.models import books, futures, payments, pools, strategies
from tests.models.world import Program

PROGRAMS: dict[str, Program] = {
    "transfer": payments.transfer,
    "payment": payments.payment,
    "mint": payments.mint,
    "mint_commutative": payments.mint_commutative,
    "swap": pools.swap,
    "add_liquidity": pools.add_liquidity,
    "remove_liquidity": pools.remove_liquidity,
    "place_order": books.place_order,
    "cancel_order": books.cancel_order,
    "perpetual_deposit": futures.deposit,
    "perpetual_withdraw": futures.withdraw,
    "perpetual_trade": futures.trade,
    "perpetual_set_price": futures.set_price,
    "perpetual_fund": futures.fund,
    "perpetual_liquidate": futures.liquidate,
    "option_strategy": strategies.strategy,
    "option_quote": strategies.quote,
    "option_expire": strategies.expire,
    "option_claim": strategies.claim,
}
