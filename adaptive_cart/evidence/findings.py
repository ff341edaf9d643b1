"""What a table of early series says of each outcome, beside what was believed before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from adaptive_cart.errors import DesignError, Problem
from adaptive_cart.evidence.draws import Draws, drawn
from adaptive_cart.evidence.groups import grouped
from adaptive_cart.evidence.integrals import Curve, Posterior, Spread, posterior
from adaptive_cart.evidence.outcomes import Outcome
from adaptive_cart.evidence.series import Record

if TYPE_CHECKING:
    import pandas as pd

DRAWS = 4_000
LEVEL = 0.95
LARGEST_SPREAD = 3.0  # the nodes of wider priors would lie too far apart


@dataclass(frozen=True)
class Row:
    """A quantity after the series and before: median and 95% interval.

    Attributes
    ----------
    kind
        ``centre``, ``sd``, ``group``, ``new_in`` or ``new``.
    name
        Of the level or of the group.
    """

    outcome: str
    kind: str
    name: str
    after: tuple[float, float, float]
    before: tuple[float, float, float]


@dataclass(frozen=True)
class Finding:
    """One outcome: its posterior, and its prior in the same form, of any group."""

    after: Posterior
    before: Posterior

    @property
    def outcome(self) -> Outcome:
        """What it is about."""
        return self.after.outcome

    @cached_property
    def draws(self) -> Draws:
        """Draws of the posterior, for what the integrals are not asked."""
        return drawn(self.after, DRAWS, seed=0)

    def rows(self) -> Iterator[Row]:
        """Every quantity, after and before."""
        name = self.outcome.name
        after, before = self.after, self.before
        yield Row(name, "centre", "", self._natural(after.centre), self._natural(before.centre))
        for level, one, other in zip(
            self.outcome.levels, after.spreads, before.spreads, strict=True
        ):
            yield Row(name, "sd", level.name, _three(one), _three(other))
        (any_group,), (any_new,) = before.groups.values(), before.new_in.values()
        for group in after.groups:
            own = self._natural(after.groups[group])
            yield Row(name, "group", group, own, self._natural(any_group))
        if len(self.outcome.levels) > 1:
            for group in after.new_in:
                own = self._natural(after.new_in[group])
                yield Row(name, "new_in", group, own, self._natural(any_new))
        yield Row(name, "new", "", self._natural(after.new), self._natural(before.new))

    def _natural(self, curve: Curve) -> tuple[float, float, float]:
        low, middle, high = self.outcome.law.natural(np.array(_three(curve)))
        return float(low), float(middle), float(high)

    def surest_order(self) -> tuple[str, str, float] | None:
        """Two groups of the first level whose order is surest, and its probability."""
        groups = self.draws.groups
        found = [
            (one, other, float((groups[one] > groups[other]).mean()))
            for one in groups
            for other in groups
            if one != other
        ]
        return max(found, key=lambda pair: pair[2], default=None)


@dataclass(frozen=True)
class Findings:
    """What a table of early series says, outcome by outcome.

    Attributes
    ----------
    spread
        By what the prior scales of all standard deviations were multiplied.
    """

    record: Record
    found: dict[str, Finding]
    spread: float = 1.0

    @property
    def table(self) -> pd.DataFrame:
        """A row a quantity: medians and 95% intervals, after the series and before."""
        import pandas as pd

        columns = ["outcome", "kind", "name", "low", "median", "high"]
        columns += ["prior_low", "prior_median", "prior_high"]
        rows = [row for finding in self.found.values() for row in finding.rows()]
        return pd.DataFrame(
            [(row.outcome, row.kind, row.name, *row.after, *row.before) for row in rows],
            columns=columns,
        )

    def __str__(self) -> str:
        from adaptive_cart.evidence.telling import told

        return told(self)


def _three(curve: Curve | Spread) -> tuple[float, float, float]:
    tail = 0.5 * (1.0 - LEVEL)
    return curve.quantile(tail), curve.quantile(0.5), curve.quantile(1.0 - tail)


def learn(record: Record, spread: float = 1.0) -> Findings:
    """Return what a table of early series says of every outcome that any of them counts for.

    Parameters
    ----------
    spread
        Multiplies the half-normal prior scales of all standard deviations between groups.

    Raises
    ------
    DesignError
        If the spread is no number above 0.
    """
    if not 0.0 < spread <= LARGEST_SPREAD:
        message = f"found {spread:g}; more than 0 and at most {LARGEST_SPREAD:g} is expected"
        raise DesignError([Problem("--spread", message)])
    found = {}
    for outcome in record.outcomes():
        counts = grouped(record, outcome.spread(spread))
        found[outcome.name] = Finding(posterior(counts), posterior(counts.without_data()))
    return Findings(record, found, spread)
