"""The model ``weibull_cure`` with ``intervals = true`` in PyMC.

Statement, in every arm by itself, with l the last visit in remission and r that at which its loss
is seen, both from where remission began::

    cured, median_months, shape    as without intervals
    P(relapse in (l, r])  = (1 - cured) (exp(-H(l)) - exp(-H(r)))

with H(t) = log(2) (t / median) ^ shape; relapses that are known at their moment and remitters
without one as without intervals.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np

from adaptive_cart.models.between_visits_reference import BetweenVisits
from adaptive_cart.models.durability.weibull_cure_reference import (
    LARGEST,
    SHORTEST,
    WeibullCureReference,
)
from adaptive_cart.models.reference import Data, OneTrial
from adaptive_cart.nouns.summaries import Durations

LEAST: Final = 1e-30  # cumulative hazard of an interval; below it the likelihood would be no number


class IntervalCureReference(BetweenVisits, WeibullCureReference):
    """By arm a cured fraction and Weibull times of relapse between two visits, in PyMC."""

    seen = "a relapse"

    def data_of(self, one: OneTrial) -> Data:
        """Dated relapses and months in remission as without intervals, and each interval."""
        summary = one.seen(Durations)
        half = summary.half_widths()
        half = np.zeros_like(summary.months) if half is None else half
        between = summary.included & summary.event & (half > 0.0)
        dated = replace(summary, included=summary.included & ~between)
        inside = between[one.trial] & one.in_strata(summary.stratum[one.trial])
        ends = (summary.months - half, summary.months + half)
        first, last = (np.maximum(month[one.trial][inside], SHORTEST) for month in ends)
        return {
            **super().data_of(replace(one, summary=dated)),
            "first": first,
            "last": last,
            "interval_arm": summary.arm[one.trial][inside].astype(np.int64),
        }

    def model(self, data: Data) -> Any:
        """A new model of these data."""
        import pymc as pm
        from pytensor import tensor as pt

        with super().model(data) as model:
            arm_of = pm.Data("interval_arm", data["interval_arm"])
            cured, median, shape = (
                model[name][arm_of] for name in ("cured", "median_months", "shape")
            )

            def hazard(month: Any) -> Any:
                by = np.log(np.log(2.0)) + shape * (pt.log(month) - pt.log(median))
                return pt.exp(pt.minimum(by, LARGEST))

            before = hazard(pm.Data("first", data["first"]))
            met = pt.maximum(hazard(pm.Data("last", data["last"])) - before, LEAST)
            chance = pt.log1p(-cured) - before + pt.log(-pt.expm1(-met))
            pm.Potential("between", pt.sum(chance))
        return model
