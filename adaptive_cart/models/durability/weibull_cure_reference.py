"""The model ``weibull_cure`` in PyMC.

Statement, in every arm by itself::

    a remitter is cured with probability ``cured`` and never relapses;
    the others relapse at a Weibull time with median ``median_months`` and shape ``shape``
    cured ~ Beta;  median_months ~ lognormal;  shape ~ lognormal

Who is cured is not seen and is summed out: the mixture cure model of Berkson and Gage (1952,
doi:10.1080/01621459.1952.10501187). With H(t) = log(2) (t / median) ^ shape, a remitter who has not
relapsed by month t contributes cured + (1 - cured) exp(-H(t)), and one who relapsed then
(1 - cured) exp(-H(t)) shape H(t) / t. The data are those of the strata that a question is about,
pooled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from adaptive_cart.models.reference import Data, Draws, Fitted, OneTrial, Reference
from adaptive_cart.models.reference_curves import area_under
from adaptive_cart.nouns.ahead import over_completions
from adaptive_cart.nouns.completions import PlainCompletions
from adaptive_cart.nouns.parts import ONE_DAY
from adaptive_cart.nouns.questions import ALL, Quantity
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import Durations, Summary

if TYPE_CHECKING:
    from adaptive_cart.models.durability.weibull_cure import WeibullCure

SHORTEST: Final = 1e-6  # months; a relapse at 0 has no density, and counts as one after a day
LARGEST: Final = 30.0  # log cumulative hazard beyond which nobody uncured is left


@dataclass(frozen=True)
class WeibullCureReference(Reference):
    """By arm a cured fraction and a Weibull relapse time for the rest, in PyMC."""

    prior: WeibullCure
    arms: tuple[str, ...]
    completes = True

    @property
    def statement(self) -> str:
        """Likelihood and prior with their numbers."""
        prior = self.prior
        return (
            "in each arm, of those in remission: a cured fraction stays there;\n"
            "the others relapse at a Weibull(median, shape) time, right-censored\n"
            f"cured ~ Beta({prior.cured[0]:g}, {prior.cured[1]:g})\n"
            f"median ~ lognormal(median {prior.median_months[0]:g} months, "
            f"sigma {prior.median_months[1]:g})\n"
            f"shape ~ lognormal(median {prior.shape[0]:g}, sigma {prior.shape[1]:g})"
        )

    def data_of(self, one: OneTrial) -> Data:
        """Months in remission, whether they ended in relapse, and the arm, remitter by remitter."""
        summary = one.seen(Durations)
        inside = summary.included[one.trial] & one.in_strata(summary.stratum[one.trial])
        months, relapsed = summary.months[one.trial][inside], summary.event[one.trial][inside]
        soon = relapsed & (months <= SHORTEST)
        return {
            "months": np.where(soon, ONE_DAY, np.maximum(months, SHORTEST)),
            "relapsed": relapsed.astype(np.float64),
            "arm_of": summary.arm[one.trial][inside].astype(np.int64),
        }

    def model(self, data: Data) -> Any:
        """A new model of these data."""
        import pymc as pm
        from pytensor import tensor as pt

        prior = self.prior
        with pm.Model(coords={"arm": list(self.arms)}) as model:
            months = pm.Data("months", data["months"])
            relapsed = pm.Data("relapsed", data["relapsed"])
            arm_of = pm.Data("arm_of", data["arm_of"])
            cured = pm.Beta("cured", *prior.cured, dims="arm")
            median = pm.LogNormal(
                "median_months", np.log(prior.median_months[0]), prior.median_months[1], dims="arm"
            )
            shape = pm.LogNormal("shape", np.log(prior.shape[0]), prior.shape[1], dims="arm")
            log_hazard = pt.minimum(
                np.log(np.log(2.0)) + shape[arm_of] * (pt.log(months) - pt.log(median)[arm_of]),
                LARGEST,
            )
            log_uncured = pt.log1p(-cured)[arm_of] - pt.exp(log_hazard)
            log_remaining = pt.logaddexp(pt.log(cured)[arm_of], log_uncured)
            log_density = log_uncured + pt.log(shape)[arm_of] + log_hazard - pt.log(months)
            pm.Potential(
                "likelihood", pt.sum(relapsed * log_density + (1.0 - relapsed) * log_remaining)
            )
        return model

    def of(self, draws: Draws, quantity: Quantity, open_strata: Booleans | None = None) -> Floats:
        """Fraction of an arm's remitters still in remission at a month, or for ever.

        Or their median months in it, or the mean of so many months by Simpson's rule.
        """
        cured, median, shape = (
            draws[name][..., quantity.arm] for name in ("cured", "median_months", "shape")
        )

        def remaining(month: float) -> Floats:
            with np.errstate(over="ignore"):
                hazard = np.log(2.0) * (month / median) ** shape
            return cured + (1.0 - cured) * np.exp(-hazard)

        if quantity.name == "median":
            later = np.where(cured < 0.5, (0.5 - cured) / (1.0 - cured), 0.0)
            with np.errstate(divide="ignore"):
                return median * (-np.log(later) / np.log(2.0)) ** (1.0 / shape)
        if quantity.name == "restricted_mean":
            return area_under(remaining, quantity.month)
        return remaining(quantity.month)

    def completed(
        self, fitted: Fitted, summary: Summary, coming: Any, some: PlainCompletions, apart: bool
    ) -> Durations:
        """Each remitter relapses by a draw of the arm, given the months without: or never."""
        assert isinstance(summary, Durations)
        coming = coming.begun(some)
        uniform = some.plain(coming.arm.shape[-1])
        lasting = np.full((1, *uniform.shape), np.inf)
        since = over_completions(coming.since, lasting.shape)[0]
        for arm, stratum in np.ndindex(summary.participants.shape[1:]):
            mine = (coming.arm[0] == arm) & (coming.stratum[0] == stratum)
            draws = fitted(stratum if apart else ALL)
            cured, median, shape = (
                draws[name][0, :, arm, None] for name in ("cured", "median_months", "shape")
            )
            with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
                uncured = (1.0 - cured) * 2.0 ** -((since[:, mine] / median) ** shape)
                # a share of those who remain now is left at the relapse
                left = (cured + uncured) * uniform[:, mine] - cured
                month = median * np.log2((1.0 - cured) / left) ** (1.0 / shape)
            lasting[0][:, mine] = np.where(left > 0.0, np.maximum(month, since[:, mine]), np.inf)
        return summary.followed_on(coming, lasting)
