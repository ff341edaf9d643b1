"""Estimates corrected for the stop, of designs whose tables are enumerated.

Those of simulated trials are in :mod:`adaptive_cart.running.adjusted_trials`. Three, beside the
estimate itself (its posterior mean):

=================== ================================================================================
`median_unbiased`   the middle between the values at which what was seen, or anything more
                    favourable, has probability one half, and at which what was seen, or anything
                    less favourable, has; in the stage-wise order of
                    :mod:`adaptive_cart.running.stagewise`. Its interval is that of Clopper and
                    Pearson in this order: each tail 0.025 (Jung & Kim 2004, Stat Med 23:881, and
                    Koyama & Chen 2008, Stat Med 27:3145, for one arm)
`conditional`       the estimate less its bias among trials that end at the same look for the same
                    reason, that bias at the posterior means of the rates: one step of Whitehead's
                    correction (1986, Biometrika 73:573; Guo & Liu 2005, J Biopharm Stat 15:773),
                    given the stop as in Fan, DeMets & Lan (2004, J Biopharm Stat 14:505). The
                    credible interval moves with it
`skeptical`         the mean of the estimate and of no effect, by their precisions: a normal prior
                    about no effect, by which an effect as large as the one named has the chance
                    named (Spiegelhalter, Freedman & Parmar 1994, JRSS A 157:357), on top of the
                    posterior, which is taken for normal with the width of its interval
=================== ================================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy import special

from adaptive_cart.conduct.plan import LEVEL, Plan
from adaptive_cart.decisions import STOPS, SUCCESS, Ending
from adaptive_cart.design.adjusted_estimates import SkepticalPrior
from adaptive_cart.design.design import Design
from adaptive_cart.models import Posterior
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.results.best_arm import lower_is_better
from adaptive_cart.running.calibrating.overruled import all_binding
from adaptive_cart.running.engine import Choice
from adaptive_cart.running.exact import JudgedLook, judged_look
from adaptive_cart.running.stagewise import (
    RUNS_ON,
    STOPS_WITHOUT,
    SUCCEEDS,
    Outcomes,
    StageWise,
    restricted,
)

HALF, TAIL = 0.5, (1.0 - LEVEL) / 2.0
ZOOMS, POINTS = 3, 201  # of the control rates at which a tail is looked at
TIGHT = 1e-9  # of an estimate
MEDIAN_UNBIASED, CONDITIONAL, SKEPTICAL = "median_unbiased", "conditional", "skeptical"
Z = float(special.ndtri(1.0 - TAIL))


class Spans(NamedTuple):
    """Estimates with both ends of their intervals, ``(outcome,)`` each."""

    value: Floats
    lower: Floats
    upper: Floats


def refused(design: Design, choice: Choice) -> str:
    """Why measures of corrected estimates, asked for, cannot be had; blank where they can."""
    asked = design.adjusted_estimates
    if asked is None:
        return ""
    if not choice.exact:
        found = why_not_simulated(design)
        return f"adjusted_estimates{found}" if found else ""
    reasons = why_not(design)
    instead = "leave the table out, or add --engine simulate"
    return f"adjusted_estimates: {'; '.join(reasons)}; {instead}" if reasons else ""


def why_not_simulated(design: Design) -> str:
    """Why simulated trials give no corrected estimate, from the key that is wrong; blank if not."""
    estimands, asked = Plan.of(design).estimands, design.adjusted_estimates
    prior = None if asked is None else asked.skeptical
    if not estimands:
        return ": nothing is estimated of the primary; leave the table out"
    if prior is None and stopped_by(design) is None:
        return (
            ": several estimates decide together, so that the bias given the stop is of no one of "
            "them; add skeptical = { effect = … }, or leave the table out"
        )
    if prior is not None and Scale.of(design, estimands[0].question).ratio:
        for key, value in (("no_effect", prior.no_effect), ("effect", prior.effect)):
            if value <= 0.0:
                instead = "no_effect = 1.0 is no effect" if key == "no_effect" else "0.6, say"
                return (
                    f".skeptical.{key}: found {value:g}; a ratio is estimated, so that more than 0 "
                    f"is expected: {instead}"
                )
    return ""


def stopped_by(design: Design) -> int | None:
    """Place of the estimate on which the stop hangs: the only one over all strata, or nothing."""
    over_all = [
        place
        for place, estimand in enumerate(Plan.of(design).estimands)
        if estimand.stratum is None
    ]
    return over_all[0] if len(over_all) == 1 else None


def why_not(design: Design) -> list[str]:
    """Why estimates of a design are not corrected for the stop, each reason in words."""
    found = []
    primary, analysis = design.primary_endpoint, design.analysis_of(design.primary)
    plan = Plan.of(design)
    if len(design.arms) > 2 or design.several:
        found.append("more than two arms are compared")
    if design.strata:
        found.append("the counts of strata are not ordered together")
    if design.adaptive or any(arm.moments() for arm in design.arms.values()):
        found.append("the numbers in each arm hang on what was seen")
    if not primary.binary or analysis is None or not analysis.of_tables:
        found.append("the primary is not analysed by counts of responders alone")
    if design.primary in design.prediction:
        found.append("more than counts at the month analysed decides ([prediction])")
    if not plan.estimands:
        found.append("nothing is estimated of the primary")
    elif not _on_rates(plan.estimands[0].question, len(design.arms)):
        found.append("what is estimated is neither a rate nor a difference of two")
    for rule in plan.rules:
        if rule.decision.ends is None or rule.every:
            found.append(f"rule '{rule.name}' does not end the trial at a look")
        elif {name for asked in rule.asked for name in asked.endpoints} != {design.primary}:
            found.append(f"rule '{rule.name}' asks about another endpoint than the primary")
        elif any(part.spending is not None for part in rule.parts):
            found.append(f"the threshold of rule '{rule.name}' follows from the numbers seen")
        elif any(part.prediction is not None and part.prediction.enrolled for part in rule.parts):
            found.append(f"rule '{rule.name}' counts those enrolled, which depends on the calendar")
        elif analysis is not None and not all(
            part.prediction is None or part.prediction.summed(analysis, part.question)
            for part in rule.parts
        ):
            found.append(f"what rule '{rule.name}' predicts is drawn")
    return found


def _on_rates(question: Question, arms: int) -> bool:
    """Whether a question is about the rate of an arm, or the difference of two randomised ones."""
    return not question.of.asking and (question.minus is None or question.minus < arms)


@dataclass(frozen=True)
class Corrected:
    """What corrects the estimates of the trials of a design, up to the last look that is needed.

    Attributes
    ----------
    looks
        With every table judged by the rules of the design.
    orders
        Their stages, by which ends are put in order: without rules that do not bind.
    stages
        Their stages as the trial is conducted.
    last
        Number of the last look, at which the estimate decides.
    """

    plan: Plan
    looks: tuple[JudgedLook, ...]
    orders: StageWise
    stages: StageWise
    last: int

    @staticmethod
    def of(plan: Plan, looks: Sequence[JudgedLook], last: int | None = None) -> Corrected:
        """Put the ends at some looks, which need not be all, in order.

        Parameters
        ----------
        last
            Number of the trial's last look; the design's if left out.
        """
        last = plan.schedule.number if last is None else last
        stages = _staged(plan, looks, last)
        orders, design = stages, plan.design
        if design.overruled:
            free = Plan.of(all_binding(design))
            judged = [judged_look(free, look.number, look.analysed) for look in looks]
            orders = _staged(plan, judged, last)
        return Corrected(plan, tuple(looks), orders, stages, last)

    @cached_property
    def turn(self) -> float:
        """-1 where a low value of what is estimated is favourable."""
        return -1.0 if lower_is_better(self.plan.design) else 1.0

    @property
    def question(self) -> Question:
        """What is estimated."""
        return self.plan.estimands[0].question

    @property
    def of_difference(self) -> bool:
        """Whether that is a difference of two rates."""
        return self.question.minus is not None

    def ends(self, look: int, ending: Ending, chosen: Booleans) -> Outcomes:
        """Tables that end a trial at one look (by its place) for one reason."""
        orders = self.orders.stages[look]
        side = SUCCEEDS if ending == SUCCESS else STOPS_WITHOUT
        last = orders.number == self.last
        # where a stop is overruled its tables run on, and are put in order by the estimate
        if ending not in STOPS or last or not (orders.side[chosen] == side).all():
            side = RUNS_ON
        return Outcomes(look, side, orders.favour[chosen], orders.successes[chosen])

    # ── median unbiased ───────────────────────────────────────────────────────────────────
    def beyond(self, ends: Outcomes, value: Floats, itself: bool) -> Floats:
        """Probability of something more favourable where the truth is so, ``(outcome,)``."""
        analysed = self.orders.stages[ends.stage].analysed
        arm, minus = self.question.arm, self.question.minus
        if minus is None:
            return self.orders.beyond(ends, np.clip(value, 0.0, 1.0)[:, None], itself)
        return self.orders.beyond(
            ends, restricted(ends.successes, analysed, value, arm, minus), itself
        )

    def median_unbiased(self, ends: Outcomes) -> Floats:
        """Middle of the two values at which either tail, with what was seen, is one half."""
        return (self._where(ends, HALF, True) + self._where(ends, HALF, False)) / 2.0

    def interval(self, ends: Outcomes) -> tuple[Floats, Floats]:
        """Both ends of the interval by the stage-wise order."""
        found = (self._where(ends, TAIL, True), self._where(ends, 1.0 - TAIL, False))
        return found if self.turn > 0.0 else found[::-1]

    def covers(self, ends: Outcomes, value: float) -> Booleans:
        """Whether that interval holds a value, ``(outcome,)``."""
        values = np.full(len(ends.favour), value)
        above = self.beyond(ends, values, itself=True) >= TAIL
        return above & (1.0 - self.beyond(ends, values, itself=False) >= TAIL)

    def p_values(self, ends: Outcomes, value: float) -> tuple[float, float]:
        """Probability of what was seen or more at a margin: plugged in, and at any control's rate.

        Of one end; the second is the first where nothing is compared with a control.
        """
        at_margin = float(self.beyond(ends, np.array([value]), itself=True)[0])
        arm, minus = self.question.arm, self.question.minus
        if minus is None:
            return at_margin, at_margin
        low, high = max(0.0, -value), min(1.0, 1.0 - value)
        largest = at_margin
        for _ in range(ZOOMS):
            control = np.linspace(low, high, POINTS)
            rates = np.empty((POINTS, 2))
            rates[:, minus], rates[:, arm] = control, np.clip(control + value, 0.0, 1.0)
            tails = self.orders.beyond(ends.rows(np.zeros(POINTS, dtype=np.int64)), rates, True)
            best = int(tails.argmax())
            largest = max(largest, float(tails[best]))
            low, high = control[max(best - 1, 0)], control[min(best + 1, POINTS - 1)]
        return at_margin, largest

    def _where(self, ends: Outcomes, level: float, itself: bool) -> Floats:
        """Value at which the favourable tail has so much probability; the end where none has."""
        low, high = (-1.0 if self.of_difference else 0.0), 1.0
        number = len(ends.favour)

        def short(value: Floats, which: Floats) -> Floats:
            some = ends.rows(which.astype(np.int64))
            return self.beyond(some, self.turn * value, itself) - level

        # of what is favourable: the tail rises with it
        start, stop = sorted((self.turn * low, self.turn * high))
        which = np.arange(number, dtype=np.float64)
        first, last = (short(np.full(number, end), which) for end in (start, stop))
        found = np.where(first >= 0.0, start, stop)
        inside = np.flatnonzero((first < 0.0) & (last > 0.0)).astype(np.float64)
        if len(inside):
            from scipy.optimize import elementwise  # slow to import

            edges = (np.full(len(inside), start), np.full(len(inside), stop))
            root = elementwise.find_root(
                short, edges, args=(inside,), tolerances={"xatol": TIGHT, "xrtol": 0.0}
            )
            found[inside.astype(np.int64)] = root.x
        return np.asarray(self.turn * found)

    # ── given the stop ────────────────────────────────────────────────────────────────────
    def conditional_bias(self, look: int, ending: Ending, chosen: Booleans) -> Floats:
        """Bias among the trials that end there so, at the rates that each table makes probable."""
        judged, stage = self.looks[look], self.stages.stages[look]
        posterior, arms = self._posterior(judged, chosen), range(len(judged.analysed))
        level = replace(self.question, minus=None)
        rates = np.stack([posterior.mean(replace(level, arm=arm)) for arm in arms], axis=1)
        inside = ended_so(judged, ending).astype(np.float64)
        probability = stage.mass(rates, inside)
        expected = stage.mass(rates, inside * judged.estimate)
        with np.errstate(divide="ignore", invalid="ignore"):
            expected = expected / probability
        own = judged.estimate[chosen]
        return np.where(probability > 0.0, expected - own, 0.0)

    def estimates(self, look: int, ending: Ending, chosen: Booleans) -> dict[str, Spans]:
        """The estimate and those corrected by its posterior, with their intervals."""
        judged = self.looks[look]
        own = judged.estimate[chosen]
        posterior = self._posterior(judged, chosen)
        lower, upper = posterior.limits(self.question, LEVEL)
        bias = self.conditional_bias(look, ending, chosen)
        scale = Scale.of(self.plan.design, self.question)
        moved = Spans(*(values - bias for values in (own, lower, upper)))
        found = {"": Spans(own, lower, upper), CONDITIONAL: scale.back(moved)}
        asked = self.plan.design.adjusted_estimates
        if asked is not None and asked.skeptical is not None:
            found[SKEPTICAL] = skeptical(asked.skeptical, found[""], scale)
        return found

    def _posterior(self, judged: JudgedLook, chosen: Booleans) -> Posterior:
        analysis, model = self.plan.fitted[self.plan.design.primary]
        return analysis.posterior(model, judged.counts.rows(np.flatnonzero(chosen)), None)


@dataclass(frozen=True)
class Scale:
    """The scale on which an estimate is about normal: its logarithm for a ratio, else itself.

    Attributes
    ----------
    low, high
        Between which values it lies, on its own scale.
    """

    ratio: bool
    low: float
    high: float

    @staticmethod
    def of(design: Design, question: Question) -> Scale:
        """Of what a question is about."""
        level = design.endpoints[question.endpoint].gives.bounds
        low, high = question.of.range(level, question.minus is not None, question.month)
        return Scale(question.of.ratio and question.minus is not None, low, high)

    def number(self, value: Floats) -> Floats:
        """A value on that scale."""
        if not self.ratio:
            return value
        with np.errstate(divide="ignore"):
            return np.log(value)

    def told(self, seen: Spans) -> Spans:
        """Estimates and their intervals on that scale."""
        return Spans(*(self.number(values) for values in seen))

    def back(self, found: Spans) -> Spans:
        """Estimates on that scale as they are told, where they can lie."""
        own = found if not self.ratio else Spans(*(np.exp(values) for values in found))
        return Spans(*(np.clip(values, self.low, self.high) for values in own))

    def error(self, seen: Spans) -> Floats:
        """Their standard errors, by the width of the intervals."""
        return (seen.upper - seen.lower) / (2.0 * Z)


def skeptical(prior: SkepticalPrior, seen: Spans, scale: Scale) -> Spans:
    """The estimate under a skeptical prior, by precisions."""
    own = scale.told(seen)
    spread = scale.error(own)
    about, sd = prior.on(scale.ratio)
    precision = 1.0 / spread**2 + 1.0 / sd**2
    mean = (own.value / spread**2 + about / sd**2) / precision
    half = Z / np.sqrt(precision)
    return scale.back(Spans(mean, mean - half, mean + half))


def ended_so(judged: JudgedLook, ending: Ending) -> Booleans:
    """Tables that end the trial for a reason, where none went before."""
    if ending in STOPS:
        return judged.ends[ending]
    return ~judged.stops


def _staged(plan: Plan, looks: Sequence[JudgedLook], last: int) -> StageWise:
    turn = -1.0 if lower_is_better(plan.design) else 1.0
    staged = []
    for look in looks:
        side = look.sides if look.number < last else np.full(len(look.successes), RUNS_ON)
        staged.append((look.number, look.analysed, look.successes, turn * look.estimate, side))
    return StageWise.of(staged)
