"""What arms borrow from external data, and where these come from, in words."""

from __future__ import annotations

from collections.abc import Iterator

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.models.borrowed import CONFLICT
from adaptive_cart.nouns.balance_words import told_balance

# as of those that an arm is compared with
DRAWN_ANEW = (
    "drawn anew in every simulated trial, so that characteristics are unconditional; what is told "
    "here is as observed"
)


def told_borrowing(design: Design, plan: Plan) -> Iterator[str]:
    """Lines below the priors: how each arm borrows, from what, and what is watched."""
    for arm in plan.borrowing:
        name = arm.name_in(design)
        yield f"  {arm.endpoint}, {name} borrows from external data: {arm.prior.in_words}"
        for source, data in zip(arm.prior.external, arm.prior.seen, strict=True):
            anew = f"; {DRAWN_ANEW}" if data.redrawn else ""
            yield f"    {source}: {data.in_words}{anew} ({data.source})"
            yield from told_balance(source, data)
    for counted in dict.fromkeys(arm.prior.counted for arm in plan.borrowing):
        yield (
            f"    at each look: participants borrowed ({counted}), and a conflict where the prior "
            f"predictive p-value of the arm's own data is below {CONFLICT:g}"
        )
