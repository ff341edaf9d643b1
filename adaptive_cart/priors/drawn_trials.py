"""Trials whose true rates are drawn from the analysis priors, a block at a time.

Arrivals, randomisation, looks, rules and adaptation are those of the design; the truth of every
trial is a draw from the priors, and each binary endpoint follows directly from it. Everybody is
infused at once, nobody drops out, and endpoints are independent of each other given their rates.
Rules that are also judged at every so-many-th infusion are judged at looks only.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

from adaptive_cart.conduct import Conduct
from adaptive_cart.design import Design
from adaptive_cart.endpoints import AdverseEvent, Landmark
from adaptive_cart.enrolment import Enrolment
from adaptive_cart.models import AnalysisBase
from adaptive_cart.models.beta_binomial import BetaBinomial
from adaptive_cart.models.logistic_analysis import (
    HierarchicalLogisticAnalysis,
    LogisticAnalysis,
)
from adaptive_cart.plan import Plan
from adaptive_cart.population import latents_for
from adaptive_cart.records import Booleans, Floats, Integers, Population
from adaptive_cart.streams import uniforms


def unknown_truths(design: Design, plan: Plan) -> list[str]:
    """What stands in the way of drawing a design's trials from its priors, in words."""
    found = []
    for name in _asked(plan):
        endpoint = design.endpoints[name]
        fitted = plan.fitted.get(name)
        if not isinstance(endpoint, Landmark | AdverseEvent):
            found.append(f"'{name}' is of type '{endpoint.type}', and not binary")
        elif fitted is None or not _drawable(*fitted):
            model = "no model" if fitted is None else f"'{fitted[0].model}'"
            found.append(f"'{name}' is analysed by {model}")
    for rule in plan.rules:
        if any(np.isnan(value) for value in rule.thresholds.values()):
            found.append(f"the threshold of rule '{rule.name}' is still to be calibrated")
    return found


def _asked(plan: Plan) -> list[str]:
    """Endpoints that decide something: the primary, which dates the looks, and the rules'."""
    asked = [target.endpoint for rule in plan.rules for target in rule.targets]
    return list(dict.fromkeys([plan.design.primary, *asked]))


def _drawable(analysis: AnalysisBase, model: object) -> bool:
    return isinstance(model, BetaBinomial) or isinstance(
        analysis, LogisticAnalysis | HierarchicalLogisticAnalysis
    )


def drawn_rates(
    analysis: AnalysisBase,
    model: object,
    strata: int,
    seed: int,
    first: int,
    trials: int,
    name: str,
) -> Floats:
    """True rates from an analysis prior, ``(trial, arm, stratum)``.

    Parameters
    ----------
    first
        Number of the first trial; each has draws of its own, whatever the block.
    name
        Of the endpoint, which keys the stream.
    """

    def u(purpose: str, width: int) -> Floats:
        drawn = uniforms(seed, f"prior:{name}:{purpose}", first, trials, width)[:, :width]
        return np.clip(drawn, 1e-16, 1.0 - 1e-16)

    if isinstance(model, BetaBinomial):
        arms = len(model.priors)
        which, where = u("component", arms), u("rate", arms)
        rates = np.empty((trials, arms, 1))
        for arm, prior in enumerate(model.priors):
            edges = np.cumsum(prior.weights)[:-1]
            part = np.searchsorted(edges, which[:, arm], side="right")
            a, b = np.array(prior.a)[part], np.array(prior.b)[part]
            rates[:, arm, 0] = special.betaincinv(a, b, where[:, arm])
        # strata are pooled by this model: they share their arm's rate
        return np.broadcast_to(rates, (trials, arms, strata))

    def normal(purpose: str, mean: float, sd: float, width: int = 1) -> Floats:
        return mean + sd * np.asarray(special.ndtri(u(purpose, width)))

    if isinstance(analysis, LogisticAnalysis):
        parts = analysis.prior
        control = normal("intercept", parts.intercept.mean, parts.intercept.sd)
        control = control + normal("stratum", parts.stratum.mean, parts.stratum.sd, strata)
        effect = normal("treatment", parts.treatment.mean, parts.treatment.sd)
        effect = effect + normal(
            "interaction", parts.interaction.mean, parts.interaction.sd, strata
        )
    else:
        assert isinstance(analysis, HierarchicalLogisticAnalysis)
        given = analysis.prior
        control = normal("control", given.control_logit.mean, given.control_logit.sd, strata)
        centre = normal("effect_mean", given.effect_mean.mean, given.effect_mean.sd)
        spread = np.abs(normal("effect_sd", 0.0, given.effect_sd.sd))
        effect = centre + spread * normal("effect", 0.0, 1.0, strata)
    return np.asarray(special.expit(np.stack([control, control + effect], axis=1)))


class DrawnTrials(Conduct):
    """A block of trials, each with a truth of its own.

    Attributes
    ----------
    rates
        By endpoint: ``(trial, arm, stratum)`` the truth.
    ended
        ``(trial,)`` the look that ended the trial.
    """

    def __init__(self, plan: Plan, seed: int, first: int, trials: int) -> None:
        super().__init__(plan, trials)
        self.endpoints = _asked(plan)
        self.latents = latents_for(plan.design, seed, first, trials)
        self.enrolment = Enrolment(plan.design, self.latents)
        self.shares = self.enrolment.shares
        self.rates = {
            name: drawn_rates(
                *plan.fitted[name], len(plan.design.shares), seed, first, trials, name
            )
            for name in self.endpoints
        }
        self.ended = np.zeros(trials, dtype=np.int8)
        self._follow()

    def run(self) -> None:
        """Hold all looks."""
        for look in range(1, self.plan.schedule.number + 1):
            self.look(look)
            if not self.standing.running.any():
                break

    def _follow(self) -> None:
        arrival, arm, stratum = self.enrolment.arrival, self.enrolment.arm, self.enrolment.stratum
        arrival, arm = arrival.copy(), arm.copy()
        stratum = None if stratum is None else stratum.copy()
        direct: dict[str, Floats | Booleans] = {}
        events: dict[str, Floats] = {}
        for name in self.endpoints:
            rate = _own(self.rates[name], arm, stratum)
            u = self.latents.of(f"outcome:{name}")
            endpoint = self.design.endpoints[name]
            if isinstance(endpoint, AdverseEvent):
                events[name] = np.where(u < rate, 0.0, np.inf)
            else:
                direct[name] = u < rate
        self.population = Population(
            arrival=arrival,
            arm=arm,
            stratum=stratum,
            arms=len(self.design.arm_names),
            strata=len(self.design.shares),
            max_n=self.design.enrolment.max_n,
            infused_arms=(False,) * len(self.design.arm_names),
            adverse_events=events,
            direct=direct,
        )
        self.prepared = {
            name: self.design.endpoints[name].prepare(name, self.population)
            for name in self.endpoints
        }

    def hold(self, look: int, date: Floats, held: Booleans, last: Booleans) -> None:  # type: ignore[override]
        """Judge a look; of what is seen, only what the rules ask is worked out."""
        standing = self.standing
        opened, open_arms = standing.open_strata.copy(), standing.open_arms.copy()
        analysis = self.analysis(date, held)
        self.judge(analysis, look, held, last)
        standing.finish(last & held)
        self.ended[held & ~standing.running] = look
        if look < self.plan.schedule.number:
            self._renew(look, analysis, held & standing.running, open_arms, opened)
        self.before = np.where(held, date, self.before)

    def enrol_later(
        self, rows: Integers, date: Floats, strata_before: Booleans, shares: Floats | None
    ) -> None:
        """Enrol later arrivals under what the look decided."""
        standing = self.standing
        self.enrolment.renew(
            rows, date, standing.open_arms, standing.open_strata, strata_before, shares
        )
        self.shares = self.enrolment.shares
        self._follow()


def _own(rates: Floats, arm: npt.NDArray[np.int8], stratum: npt.NDArray[np.int8] | None) -> Floats:
    """Every participant's rate, ``(trial, participant)``."""
    trial = np.arange(len(rates))[:, None]
    where = np.zeros(arm.shape, dtype=np.int8) if stratum is None else stratum
    return rates[trial, arm, where]
