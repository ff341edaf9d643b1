"""When rules with a rhythm of their own are judged between looks: at every n-th infusion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.nouns.calendar import short_of, until
from adaptive_cart.nouns.records import Booleans, Floats, Integers, Population


def infusions_of(population: Population, enrolled: Integers) -> Floats:
    """Calendar months of the infusions of those who are enrolled, in order of time.

    Parameters
    ----------
    enrolled
        ``(trial,)`` how many are randomised in all.

    Returns
    -------
    ``(trial, infusion)``, infinite where there are no more.
    """
    inside = np.arange(population.participants) < enrolled[:, None]
    return np.sort(np.where(inside, population.infusion_date, np.inf), axis=1)


def next_dates(
    rules: Sequence[ResolvedRule], infusions: Floats, after: Floats, date: Floats
) -> tuple[Floats, Booleans]:
    """When rules are next judged strictly between two dates, and which.

    Parameters
    ----------
    infusions
        ``(trial, infusion)``, all arms counted, in order of time.
    after, date
        ``(trial,)`` calendar months.

    Returns
    -------
    ``(trial,)`` calendar month, infinite where there is none; ``(trial, rule)`` rules judged then.
    """
    coming = np.full((len(date), len(rules)), np.inf)
    inside = (infusions > until(after)[:, None]) & (infusions < short_of(date)[:, None])
    for place, rule in enumerate(rules):
        if rule.every:
            every = slice(rule.every - 1, None, rule.every)
            dates = np.where(inside[:, every], infusions[:, every], np.inf)
            coming[:, place] = dates.min(axis=1, initial=np.inf)
    at = coming.min(axis=1, initial=np.inf)
    return at, np.isfinite(coming) & (coming <= until(at)[:, None])
