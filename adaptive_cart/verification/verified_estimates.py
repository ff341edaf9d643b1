"""What no rule asks for and is compared all the same: estimates, intervals, and what shares follow.

At the end of a trial, and at every look at which a rule asks about the primary, the estimand's
posterior mean (its median where a mean may not exist) and both ends of its credible interval are
worked out by the fast posterior. Means are compared in posterior standard deviations. A quantile is
compared by how much of the posterior PyMC finds below it. What an end of an interval is wrong by is
then a probability whatever its unit, and may be no more than the model states of limits, or of
probabilities there. Of a utility the means that its benefit and harm are made of are compared at
the end. Response-adaptive shares follow the probabilities of the open arms to be the best, which
are compared as a rule's are. A test's estimate is worked out anew by other code; its interval holds
what the test does not reject.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from adaptive_cart.conduct.plan import LEVEL, Plan, compared_with
from adaptive_cart.conduct.weighing_arms import OF_BEST, WeighingArms
from adaptive_cart.models.base import (
    AnalysisBase,
    OneTrial,
    Posterior,
    Reference,
    holds,
    tails,
)
from adaptive_cart.models.sampling import Fit, mean_and_error
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Floats
from adaptive_cart.verification.verified_fits import MOST_DRAWS
from adaptive_cart.verification.verified_looks import ChosenLook, Shared
from adaptive_cart.verification.verified_row import (
    LARGEST_OF_TEST,
    OTHER_CODE,
    Row,
    allowed_of,
    label_of,
)

if TYPE_CHECKING:
    from adaptive_cart.verification.verified_fits import Fits
    from adaptive_cart.verification.verified_rows import Comparison

LARGEST_OF_MEAN: Final = 0.03  # posterior standard deviations
# Monte Carlo standard errors; more draws until then, to the most that there may be
WANTED_OF_MEAN: Final = 0.007  # posterior standard deviations
WANTED_OF_LIMIT: Final = 0.0008
WANTED_OF_MEDIAN: Final = 0.0012  # of the probability below it, which may be off by more
WANTED_OF_BEST: Final = 0.0012

ESTIMATE, WEIGHED, SHARES = "estimate", "utility", "shares"
MEAN, MEDIAN, OBSERVED = "posterior mean", "posterior median", "as observed"
BEST: Final = "probability to be the best"
LIMITS: Final = tuple(f"{100 * tail:g}% limit" for tail in tails(LEVEL))

Values = Callable[[Reference, Fit], Floats]  # what is compared, draw by draw


def beside_labels(plan: Plan) -> Iterator[str]:
    """What is compared of a design beside what its rules ask."""
    if plan.estimands:
        analysis, question = plan.fitted[plan.design.primary][0], plan.estimands[0].question
        if analysis.bayesian:
            yield label_of(ESTIMATE, measure=MEDIAN if question.of.heavy else MEAN)
            yield from (label_of(ESTIMATE, measure=limit) for limit in LIMITS)
        else:
            yield label_of(ESTIMATE, measure=OBSERVED)
    for name in plan.weighed:
        yield label_of(f"{WEIGHED} of {name}", measure=MEAN)
    if plan.shares_follow:
        yield label_of(SHARES, measure=BEST)


def not_beside(plan: Plan) -> dict[str, str]:
    """What a design works out and nothing is held against, and why."""
    return {
        f"{part.name}, the boundary that it is compared with": "the test is worked out anew, and "
        "the boundary that spends its alpha is not"
        for part in plan.parts
        if part.spending is not None
    }


def beside(comparison: Comparison, look: ChosenLook, fits: Fits) -> list[Row]:
    """All that is compared at a look beside what rules ask, by both faces."""
    own = _Beside(comparison, look, fits)
    return [*own.estimates(), *own.weighed(), *own.shares()]


class _Beside:
    """Estimates and shares at one look."""

    def __init__(self, comparison: Comparison, look: ChosenLook, fits: Fits) -> None:
        self.comparison, self.look, self.fits = comparison, look, fits
        self.plan = comparison.plan

    def estimates(self) -> Iterator[Row]:
        """The estimands, where the primary is looked at."""
        primary = self.plan.design.primary
        if primary not in self.look.summaries or not self.plan.estimands:
            return
        analysis, model = self.plan.fitted[primary]
        posterior = self._posterior(primary)
        for estimand in self.plan.estimands:
            question = estimand.question
            if analysis.flat(model) and np.isnan(posterior.mean(question)[0]):
                continue  # of too few a flat prior leaves no posterior
            if not analysis.bayesian:
                yield self._anew(analysis, posterior, question)
                continue
            if question.of.heavy:
                middle = posterior.quantile(question, 0.5)
                yield self._quantile(posterior, question, MEDIAN, 0.5, float(middle[0]))
            else:
                yield self._mean(ESTIMATE, posterior, question)
            ends = zip(LIMITS, tails(LEVEL), posterior.limits(question, LEVEL), strict=True)
            for name, tail, end in ends:
                yield self._quantile(posterior, question, name, tail, float(end[0]))

    def weighed(self) -> Iterator[Row]:
        """Means that the benefit and the harm of a utility are made of, at the end of a trial."""
        other = compared_with(self.plan.design)
        if not self.plan.weighed or not set(self.plan.weighed) <= set(self.look.summaries):
            return
        for name in self.plan.weighed:
            posterior = self._posterior(name)
            for arm in self.plan.design.experimental:
                yield self._mean(f"{WEIGHED} of {name}", posterior, Question(name, arm, other))

    def shares(self) -> Iterator[Row]:
        """The probability of each open arm to be the best, which shares follow."""
        shared = self.look.shared
        for arm, fast in () if shared is None else zip(shared.open_arms, shared.fast, strict=True):
            assert shared is not None
            question = replace(self.plan.order, arm=arm, among=shared.open_arms)
            best = self._best_weighed if question.of.of_several else self._best
            yield best(question, fast, shared)

    def _posterior(self, endpoint: str) -> Posterior:
        analysis, model = self.plan.fitted[endpoint]
        return analysis.posterior(model, self.look.summaries[endpoint], None)

    # ── rows ──────────────────────────────────────────────────────────────────────────────
    def _mean(self, of: str, posterior: Posterior, question: Question) -> Row:
        fast = float(posterior.mean(question)[0])

        def values(reference: Reference, fit: Fit) -> Floats:
            return reference.quantity(fit.draws, question)

        fit, drawn = self._fit(question, None, values, WANTED_OF_MEAN, of_spread=True)
        mean, error = mean_and_error(drawn)
        spread = float(drawn.std())
        return self._row(
            of, MEAN, question, fast, mean, error, fit, LARGEST_OF_MEAN, spread if spread else 1.0
        )

    def _quantile(
        self, posterior: Posterior, question: Question, name: str, tail: float, fast: float
    ) -> Row:
        """The share of the posterior below what should have ``tail`` of it below."""

        def below(reference: Reference, fit: Fit) -> Floats:
            return (reference.quantity(fit.draws, question) < fast).astype(np.float64)

        wanted = WANTED_OF_MEDIAN if tail == 0.5 else WANTED_OF_LIMIT
        fit, so = self._fit(question, None, below, wanted)
        share, error = mean_and_error(so)
        reference = self.comparison.reference(question.endpoint)
        there = float((reference.quantity(fit[0].draws, question) == fast).mean())
        share = min(max(tail, share), share + there)  # a value that has a part of it to itself
        stated = posterior.by_place(question, posterior.error(question)).at(tail)
        allowed = allowed_of(stated) if tail == 0.5 else max(posterior.limit_error, stated)
        told = math.nan if math.isnan(fast) else tail
        return self._row(ESTIMATE, name, question, told, share, error, fit, allowed)

    def _best(self, question: Question, fast: float, shared: Shared) -> Row:
        def best(reference: Reference, fit: Fit) -> Floats:
            if not question.by.ties:
                own = reference.quantity(fit.draws, question, shared.open_strata)
                return holds(question, own)
            needed = question.quantities(len(self.plan.design.arm_names))
            each = np.stack([reference.of(fit.draws, q, shared.open_strata) for q in needed])
            top = each == (each.min(axis=0) if question.lowest else each.max(axis=0))
            return top[shared.open_arms.index(question.arm)] / top.sum(axis=0)

        fit, so = self._fit(question, shared.open_strata, best, WANTED_OF_BEST)
        chance, error = mean_and_error(so)
        analysis: AnalysisBase = self.plan.fitted[question.endpoint][0]
        allowed = allowed_of(analysis.answered_by.drawn_error)
        return self._row(SHARES, BEST, question, fast, chance, error, fit, allowed)

    def _best_weighed(self, question: Question, fast: float, shared: Shared) -> Row:
        """The same by a utility."""
        found = self.comparison.weighed(
            self.look, question, WeighingArms(), shared.open_strata, self.fits
        )
        allowed = allowed_of(OF_BEST)
        return self._row(
            SHARES, BEST, question, fast, found.probability, found.error, found.fits[0], allowed
        )

    def _anew(self, analysis: AnalysisBase, tested: Posterior, question: Question) -> Row:
        """A test's estimate by other code."""
        fast = float(tested.mean(question)[0])
        seen = self.look.summaries[question.endpoint]
        again = analysis.estimated_anew(OneTrial(seen, question=question))
        row = self._row(ESTIMATE, OBSERVED, question, fast, again, 0.0, None, LARGEST_OF_TEST)
        return replace(row, by=OTHER_CODE, difference=0.0 if fast == again else fast - again)

    def _fit(
        self,
        question: Question,
        open_strata: Any,
        values: Values,
        wanted: float,
        of_spread: bool = False,
    ) -> tuple[tuple[Fit, str | None], Floats]:
        """A fit long enough that the mean of some values is known so well, and the values.

        Parameters
        ----------
        wanted
            Monte Carlo standard error; of their spread where ``of_spread`` is set.
        """
        comparison, name = self.comparison, question.endpoint
        reference = comparison.reference(name)
        data = reference.data(self.look.summaries[name], 0, open_strata, question)
        draws = 0
        while True:
            fit = comparison.fit(self.look, name, reference, data, draws, self.fits)
            found = values(reference, fit[0])
            _, error = mean_and_error(found)
            least = wanted * (float(found.std()) if of_spread else 1.0)
            if error <= least or fit[1] is not None or fit[0].length >= MOST_DRAWS:
                return fit, found
            longer = int(1.1 * fit[0].length * (error / least) ** 2) + 1
            draws = min(MOST_DRAWS, longer)

    def _row(
        self,
        of: str,
        measure: str,
        question: Question,
        fast: float,
        reference: float,
        error: float,
        fit: tuple[Fit, str | None] | None,
        allowed: float,
        unit: float = 1.0,
    ) -> Row:
        design, look = self.plan.design, self.look
        told = None if fit is None else fit[0].diagnostics()
        return Row(
            scenario=look.scenario,
            trial=look.trial,
            look=look.look,
            rule=of,
            arm=design.arm_names[question.arm],
            stratum=design.stratum_names[question.stratum] if question.stratum >= 0 else "",
            fast=fast,
            reference=reference,
            difference=fast - reference,
            mcse=error,
            threshold=math.nan,
            fast_decision=False,
            reference_decision=False,
            r_hat=math.nan if told is None else told.r_hat,
            ess_bulk=math.nan if told is None else told.ess_bulk,
            divergences=0 if told is None else told.diverging,
            trusted=fit is None or fit[1] is None,
            allowed=allowed,
            between=look.between,
            measure=measure,
            unit=unit,
        )
