"""The model ``gamma_poisson`` in PyMC.

Statement, in every arm by itself::

    rate    ~ sum over k of weight_k Gamma(a_k, rate b_k)       events per patient-year
    events  ~ Poisson(rate * years)

The component of a mixture is summed out. Behind the arms stand external data with which arms are
compared: their priors have seen them, and nobody of a trial is there; those that are drawn anew
with every trial, or told by stratum, are the data of that place.
Strata are pooled: the data are the events and years of the strata that a question is about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from adaptive_cart.models.reference import Data, Draws, Fitted, OneTrial, Reference
from adaptive_cart.models.reference_scales import log_scale
from adaptive_cart.models.strata.reference_strata import levels_of
from adaptive_cart.nouns.completions import PlainCompletions
from adaptive_cart.nouns.external import MONTHS, External
from adaptive_cart.nouns.external_draws import seen_beside
from adaptive_cart.nouns.questions import ALL, Quantity
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import Exposure, Summary
from adaptive_cart.nouns.summaries.base import by_row

if TYPE_CHECKING:
    from adaptive_cart.models.rates.arm_rates import ArmRates

LEAST_EXPOSURE: Final = 1e-9  # months or years that stand for none: a Poisson mean is above 0


@dataclass(frozen=True)
class GammaPoissonReference(Reference):
    """Events by patient-years in each arm, in PyMC."""

    prior: ArmRates
    arms: tuple[str, ...]
    beside: tuple[External, ...] = ()
    completes = True

    @property
    def statement(self) -> str:
        """Likelihood and prior with their numbers."""
        words = {prior.words for prior in self.prior.priors}
        return "in each arm: events ~ Poisson(rate x patient-years)\n" + (
            f"rate per patient-year ~ {words.pop()}"
            if len(words) == 1
            else "\n".join(
                f"{arm}: rate per patient-year ~ {prior.words}"
                for arm, prior in zip(self.arms, self.prior.priors, strict=True)
            )
        )

    def data_of(self, one: OneTrial) -> Data:
        """Events and patient-years by arm, in the strata asked about."""
        summary = one.seen(Exposure)
        events = one.of_strata(summary.events[one.trial])
        years = one.of_strata(summary.years[one.trial])
        arms = len(years)
        behind = (0, len(self.arms) - arms)
        events, years = np.pad(events, behind), np.pad(years, behind)
        drawn = summary.seen_outside()
        for place, known in enumerate(self.beside):
            if known.differs and known.has("events"):
                stratum = one.stratum if known.strata else ALL
                told = known.asked_in(stratum)
                there = told.total("events")
                if drawn is not None and known.redrawn:
                    there = seen_beside(drawn, place, ("events",), stratum)[one.trial, 0]
                events[arms + place] = int(there)
                years[arms + place] = told.total("months") / MONTHS
        found = {"events": events, "years": np.maximum(years, LEAST_EXPOSURE)}
        if any(prior.adapts for prior in self.prior.priors):
            found["weights"] = self._components()[0]
            for arm, prior in enumerate(self.prior.priors):
                if prior.adapts:
                    own = adapted(prior, found["events"][arm], found["years"][arm])
                    found["weights"][arm, : len(own)] = own
        return found

    def model(self, data: Data) -> Any:
        """A new model of these data."""
        import pymc as pm

        with pm.Model(coords={"arm": list(self.arms)}) as model:
            events = pm.Data("events", data["events"], dims="arm")
            years = pm.Data("years", data["years"], dims="arm")
            given = pm.Data("weights", data["weights"]) if "weights" in data else None
            rate = self._rate(years, events, given)
            pm.Poisson("occurrence", mu=rate * years, observed=events, dims="arm")
        return model

    def _rate(self, years: Any, events: Any, given: Any) -> Any:
        import pymc as pm
        from pytensor import tensor as pt

        weights, a, b = self._components()
        weights = weights if given is None else given
        if a.shape[1] > 1:
            return pm.Mixture("rate", w=weights, comp_dists=pm.Gamma.dist(a, b), dims="arm")
        scale = log_scale(a[:, 0], -pt.log(b[:, 0] + years), events)
        return pm.Gamma("rate", alpha=a[:, 0], beta=b[:, 0], dims="arm", **scale)

    def _components(self) -> tuple[Floats, Floats, Floats]:
        """Weight, a and b of every component, ``(arm, component)``.

        An arm with fewer components than another repeats its first, without weight.
        """
        most = max(len(prior.weights) for prior in self.prior.priors)
        weights, a, b = np.zeros((3, len(self.arms), most))
        for arm, prior in enumerate(self.prior.priors):
            number = len(prior.weights)
            a[arm], b[arm] = prior.a[0], prior.b[0]
            weights[arm, :number], a[arm, :number], b[arm, :number] = (
                prior.weights, prior.a, prior.b,
            )  # fmt: skip
        return weights, a, b

    def of(self, draws: Draws, quantity: Quantity, open_strata: Booleans | None = None) -> Floats:
        """Yearly rate of an arm."""
        return draws["rate"][..., quantity.arm]

    def completed(
        self, fitted: Fitted, summary: Summary, coming: Any, some: PlainCompletions, apart: bool
    ) -> Exposure:
        """Events in the years still to come are Poisson, given a draw of the arm's rate."""
        assert isinstance(summary, Exposure)
        rates = levels_of(self, fitted, summary, apart)
        extra, more = (by_row(part) for part in coming.each(some.number))
        events = summary.events + some.generator(0).poisson(rates * extra)
        return Exposure(events, summary.years + extra, summary.participants + more)


def adapted(prior: Any, events: float, exposure: float) -> Floats:
    """Weights of the components that an arm's own data set, ``(component,)``.

    By the ratio of two Poisson likelihoods, and not by the code of the fast posterior.
    """
    from scipy.special import expit
    from scipy.stats import poisson

    same, *others = (poisson.logpmf(events, rate * exposure) for rate in prior.rates)
    informative, vague = expit(same - max(others)), expit(max(others) - same)
    return np.array([*(2.0 * informative * weight for weight in prior.weights[:-1]), vague])
