"""How external participants of a table were weighted, and what that left of them, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from adaptive_cart.nouns.external import External


class Row(NamedTuple):
    """A covariate: its means, and standardised differences from the target."""

    covariate: str
    before: float
    after: float
    target: float
    away: float
    left: float


def balance_rows(data: External) -> tuple[Row, ...]:
    """A row for each covariate; none where the data are no table."""
    found = data.balance
    if found is None or data.target is None:
        return ()
    parts = (found.before, found.after, found.target, found.away, found.left)
    each = zip(data.target, *(map(float, part) for part in parts), strict=True)
    return tuple(Row(*values) for values in each)


def told_balance(name: str, data: External) -> Iterator[str]:
    """Lines below the source: the number in effect, and how the covariates come to balance."""
    found = data.balance
    if found is None:
        return
    yield (
        f"    {name} is weighted by entropy balancing to the participants that the trial expects: "
        f"of {len(found.weights):,} participants {found.effective:.1f} are left in effect"
    )
    for row in balance_rows(data):
        yield (
            f"      {row.covariate}: mean {row.before:.3g}, weighted {row.after:.3g}, target "
            f"{row.target:.3g}; standardised difference {row.away:+.3f}, weighted "
            f"{abs(row.left):.3f}"
        )
