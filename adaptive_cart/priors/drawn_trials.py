"""Trials whose truth is drawn from the analysis priors, a block at a time.

Arrivals, randomisation, looks, rules and adaptation are those of the design; the truth of every
trial is a draw from the priors (:mod:`adaptive_cart.nouns.prior_truths`), and each endpoint
follows directly from it: a response, a time to event (censored at the look and at the horizon), or
the events in each participant's follow-up. Everybody is infused at once, nobody drops out whatever
the scenarios say, since no prior speaks of dropout, and endpoints are independent of each other.
Rules that are also judged at every so-many-th infusion are judged at looks only.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from adaptive_cart.conduct.holding import Conduct
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.models import AnalysisBase
from adaptive_cart.nouns.counters import narrow
from adaptive_cart.nouns.prior_truths import PriorTruth, PriorUniforms
from adaptive_cart.nouns.records import Booleans, Floats, Integers, Outcome, Population
from adaptive_cart.participants.enrolment import Enrolment
from adaptive_cart.participants.population import latents_for
from adaptive_cart.participants.seen import as_seen
from adaptive_cart.participants.shares import Shares
from adaptive_cart.priors.drawn_events import DrawnEvents


def unknown_truths(design: Design, plan: Plan) -> list[str]:
    """What stands in the way of drawing a design's trials from its priors, in words."""
    return [*_unknown_outcomes(design, plan), *_unknown_rules(plan)]


def _unknown_outcomes(design: Design, plan: Plan) -> Iterator[str]:
    endless = plan.schedule.counts.of_events and plan.schedule.followed_for is None
    by_stratum = {arm.endpoint for arm in plan.borrowing if arm.stratum >= 0}
    for name in _asked(plan):
        endpoint = design.endpoints[name]
        fitted = plan.fitted.get(name)
        if fitted is None:
            yield f"'{name}' is of type '{endpoint.type}' and analysed by no model: it has no prior"
        elif endpoint.direct is None:
            yield (
                f"'{name}' is of type '{endpoint.type}': its prior says how long remissions last, "
                "and no prior says how many begin, and when"
            )
        elif name in design.prediction:
            yield (
                f"[prediction.{name}] reads states at earlier months, and no prior says what "
                "they are"
            )
        elif name in by_stratum:
            yield (
                f"'{name}' has another prior in each stratum, of what is borrowed there, than in "
                "all of them together, and truths are drawn of one"
            )
        elif fitted[0].beside_control and any(
            design.external[one].endpoint == name for one in design.comparators
        ):
            yield (
                f"'{name}' is compared with external data, of whose hazard those of the arms are "
                "multiples, and truths are drawn of the arms alone"
            )
        elif drawn_truth(*fitted, design, PriorUniforms(0, 0, 1, name)) is None:
            over = " over the calendar" if fitted[0].by_period else ""
            model = f"'{fitted[0].model}'{over}"
            yield f"'{name}' is analysed by {model}, whose prior is not drawn from"
        elif endpoint.counts_time() and endless:
            yield (
                f"'{name}' is of type '{endpoint.type}', and looks by events have no last date: "
                f"give '{design.primary}' a horizon"
            )
        elif name == design.primary and endless and fitted[0].cures:
            yield (
                f"'{name}' has a cured fraction, and looks by events could wait for ever: give it "
                "a horizon"
            )


def _unknown_rules(plan: Plan) -> Iterator[str]:
    names = plan.design.arm_names
    for rule in plan.rules:
        if any(np.isnan(part.easiest) for part in rule.parts):
            yield (
                f"the threshold of rule '{rule.name}' is still to be calibrated "
                "(`adaptive-cart calibrate` finds it)"
            )
        needed = [q for target in rule.asked for q in target.quantities(len(names))]
        ratios = [q for q in needed if q.to and q.to < len(names)]  # the others are told above
        for arm, to in ((names[q.arm], names[q.to or 0]) for q in ratios):
            yield (
                f"rule '{rule.name}' asks for the hazard ratio of '{arm}' to '{to}': the prior of "
                f"hazard ratios to the control, '{names[0]}', implies another for it"
            )


def drawn_truth(
    analysis: AnalysisBase, fitted: Any, design: Design, draws: PriorUniforms
) -> PriorTruth | None:
    """What is true of an endpoint in every trial of a block; nothing where no prior says it.

    Parameters
    ----------
    fitted
        The analysis with its priors in arm order, as the plan has it.
    """
    return analysis.prior_truths(fitted, len(design.arms), len(design.shares), draws)


def _asked(plan: Plan) -> list[str]:
    """Endpoints that decide something: the primary, what looks count, and the rules'."""
    asked = [target.endpoint for rule in plan.rules for target in rule.about]
    return list(dict.fromkeys([plan.design.primary, plan.schedule.counted, *asked]))


class DrawnTrials(Conduct):
    """A block of trials, each with a truth of its own.

    Attributes
    ----------
    truths
        By endpoint, every array with the trial first.
    ended
        ``(trial,)`` the look that ended the trial.
    """

    def __init__(self, plan: Plan, seed: int, first: int, trials: int) -> None:
        super().__init__(plan, trials)
        self.endpoints = _asked(plan)
        self.latents = latents_for(plan.design, seed, first, trials)
        self.enrolment = Enrolment(plan.design, self.latents, follow_up=plan.follow_up)
        self.shares = self.enrolment.shares
        self.truths: dict[str, PriorTruth] = {}
        for name in self.endpoints:
            draws = PriorUniforms(seed, first, trials, name)
            truth = drawn_truth(*plan.fitted[name], plan.design, draws)
            assert truth is not None, "told by unknown_truths"
            self.truths[name] = truth
        self.ended = np.zeros(trials, dtype=narrow(plan.schedule.number))
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
        outcomes: dict[str, Outcome] = {}
        for name, truth in self.truths.items():
            direct = self.design.endpoints[name].direct
            assert direct is not None
            outcomes[name] = truth.outcomes(
                arm,
                stratum,
                self.latents.of(f"outcome:{name}"),
                partial(direct.drawn, self.latents, name, events=DrawnEvents),
            )
        everybody = Population(
            arrival=arrival,
            arm=arm,
            stratum=stratum,
            arms=len(self.design.arm_names),
            strata=len(self.design.shares),
            max_n=self.design.enrolment.max_n,
            infused_arms=(False,) * len(self.design.arm_names),
            outcomes=outcomes,
            windows=self.enrolment.windows if self.design.by_period else None,
        )
        self.population = as_seen(everybody, self.design, self.plan.follow_up, self.latents)
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
        standing.note_closed(date, held)
        if look < self.plan.schedule.number:
            self._renew(look, analysis, held & standing.running, open_arms, opened)
        self.before = np.where(held, date, self.before)

    def enrol_later(
        self, rows: Integers, date: Floats, strata_before: Booleans, shares: Shares | None
    ) -> None:
        """Enrol later arrivals under what the look decided."""
        standing = self.standing
        self.enrolment.renew(
            rows, date, standing.open_arms, standing.open_strata, strata_before, shares,
            standing.closed_at,
        )  # fmt: skip
        self.shares = self.enrolment.shares
        self._follow()
