"""What arms borrow from external data, and where these come from, in words."""

from __future__ import annotations

from collections.abc import Iterator

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.models.borrowed import CONFLICT
from adaptive_cart.nouns.balance_words import told_balance


def told_borrowing(design: Design, plan: Plan) -> Iterator[str]:
    """Lines below the priors: how each arm borrows, from what, and what is watched."""
    for arm in plan.borrowing:
        name = design.arm_names[arm.arm]
        yield f"  {arm.endpoint}, {name} borrows from external data: {arm.prior.in_words}"
        for source in arm.prior.external:
            data = design.external[source]
            yield f"    {source}: {data.in_words} ({data.source})"
            yield from told_balance(source, data)
    for counted in dict.fromkeys(arm.prior.counted for arm in plan.borrowing):
        yield (
            f"    at each look: participants borrowed ({counted}), and a conflict where the prior "
            f"predictive p-value of the arm's own data is below {CONFLICT:g}"
        )
