"""Both faces of a model at a look: every probability that its rules ask for, fast and by PyMC.

The two are the same prior and likelihood, computed in two ways that share no code. A predictive
probability is, by the reference, the mean over draws of the binomial mass that a draw gives to
those last tables of counts at which the rule's condition holds; the condition is judged by the fast
posterior, as it will be at the last look.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import numpy as np

from adaptive_cart.conduct.jointly import by_endpoint, product
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.predictive import Condition
from adaptive_cart.conduct.weighing import chance_of_chains
from adaptive_cart.design.design import Design
from adaptive_cart.models.base import AnalysisBase, Reference, holds
from adaptive_cart.models.sampling import Compiled, Fit, fitted_carefully, mean_and_error
from adaptive_cart.nouns.questions import ALL, Question
from adaptive_cart.nouns.records import Floats
from adaptive_cart.nouns.summaries import Counts
from adaptive_cart.verification.verified_looks import Asked, ChosenLook

LARGEST_DIFFERENCE: Final = 0.01  # or the error that the model states, where that is larger
ERRORS: Final = 4.0
DRAWS: Final = 5_000  # of each of four chains, to begin with
MOST_DRAWS: Final = 125_000
# Monte Carlo standard error of a probability; more draws until then. Less where the fast face is
# as good as exact: a difference is then chance, and has to stay small among hundreds.
WANTED_ERROR: Final = 0.0012
WANTED_OF_EXACT: Final = 0.0008
AS_GOOD_AS_EXACT: Final = 1e-5


# by endpoint and data: a fit, and why it is not to be trusted
Fits: TypeAlias = "dict[tuple[str, bytes], tuple[Fit, str | None]]"


@dataclass(frozen=True)
class Row:
    """One probability by both faces.

    Attributes
    ----------
    arm, stratum
        Of the rule's target; blank where it names none.
    fast, reference, difference, mcse
        Probabilities, fast minus reference, and the Monte Carlo standard error of the reference.
    fast_decision, reference_decision
        Whether the rule holds.
    r_hat, ess_bulk, divergences
        Diagnostics of the fit; ``trusted`` whether they are good enough.
    allowed
        Difference that is none of a fault: :func:`allowed_of`.
    """

    scenario: str
    trial: int
    look: int
    rule: str
    arm: str
    stratum: str
    fast: float
    reference: float
    difference: float
    mcse: float
    threshold: float
    fast_decision: bool
    reference_decision: bool
    r_hat: float
    ess_bulk: float
    divergences: int
    trusted: bool
    allowed: float = LARGEST_DIFFERENCE

    @property
    def key(self) -> tuple[str, int, int]:
        """The look."""
        return self.scenario, self.trial, self.look

    @property
    def failed(self) -> bool:
        """Whether the two faces differ by more than they may."""
        away = abs(self.difference)
        return self.trusted and away > self.allowed and away > ERRORS * self.mcse

    @property
    def differs(self) -> bool:
        """Whether the two faces decide otherwise."""
        return self.fast_decision != self.reference_decision

    @property
    def near(self) -> bool:
        """Whether the reference cannot tell on which side of the threshold it lies."""
        return abs(self.reference - self.threshold) <= ERRORS * self.mcse


def allowed_of(error: float) -> float:
    """Difference that is allowed to an answer with this stated error."""
    return max(LARGEST_DIFFERENCE, error)


class Comparison:
    """Fits the reference models of a design to looks; each model is compiled once a process."""

    def __init__(self, design: Design, seed: int) -> None:
        self.plan = Plan.of(design)
        self.seed = seed
        self._references: dict[str, Reference] = {}
        self._compiled: dict[str, Compiled] = {}

    def rows(self, look: ChosenLook) -> list[Row]:
        """Every probability that is asked for at a look, by both faces."""
        fits: Fits = {}
        return [self._row(look, asked, fits) for asked in look.asked]

    def _row(
        self,
        look: ChosenLook,
        asked: Asked,
        fits: Fits,
    ) -> Row:
        question, design = asked.question, self.plan.design
        part = self.plan.parts[asked.part]
        if part.asks.weighs:
            found, probability, error = self._weighed(look, asked, fits)
        else:
            found, probability, error = self._multiplied(look, asked, fits)
        trouble = next((why for _, why in found if why is not None), None)
        stated = self.plan.part_errors[part.name] if part.several else (
            self.plan.fitted[question.endpoint][0].answered_by.error(question)
        )  # fmt: skip
        decisions = part.compared(np.array([asked.fast, probability]), asked.threshold)
        diagnostics = [fit.diagnostics() for fit, _ in found]
        return Row(
            scenario=look.scenario,
            trial=look.trial,
            look=look.look,
            rule=part.name,
            arm=design.arm_names[question.arm],
            stratum=design.stratum_names[question.stratum] if question.stratum >= 0 else "",
            fast=asked.fast,
            reference=probability,
            difference=asked.fast - probability,
            mcse=error,
            threshold=asked.threshold,
            fast_decision=bool(decisions[0]),
            reference_decision=bool(decisions[1]),
            r_hat=max(n.r_hat for n in diagnostics),
            ess_bulk=min(n.ess_bulk for n in diagnostics),
            divergences=sum(n.diverging for n in diagnostics),
            trusted=trouble is None,
            allowed=allowed_of(stated),
        )

    def _multiplied(
        self, look: ChosenLook, asked: Asked, fits: Fits
    ) -> tuple[list[tuple[Fit, str | None]], float, float]:
        """The product over endpoints; with the fits, any trouble, and the error."""
        part, question = self.plan.parts[asked.part], asked.question
        groups = by_endpoint(part.asks.every(question) if part.several else (question,))
        found = [self._answer(look, asked, one, fits) for one in groups]
        probability, error = product([(mean, mcse) for mean, mcse, _, _ in found])
        return [(fit, why) for _, _, fit, why in found], probability, error

    def _weighed(
        self, look: ChosenLook, asked: Asked, fits: Fits
    ) -> tuple[list[tuple[Fit, str | None]], float, float]:
        """That a utility lies beyond a value, from the draws of each endpoint; likewise."""
        draws = DRAWS
        while True:
            found, chains = [], []
            for place, one in enumerate(asked.question.of_endpoints):
                reference = self._reference(one.endpoint)
                data = reference.data(look.summaries[one.endpoint], 0, asked.open_strata, one)
                fit, trouble = self._fit(look, one.endpoint, data, draws, fits, place)
                chains.append([(reference.quantity(fit.draws, one, asked.open_strata), 1.0)])
                found.append((fit, trouble))
            probability, error = chance_of_chains(asked.question, chains)
            troubled = any(why is not None for _, why in found)
            if error <= WANTED_ERROR or draws >= MOST_DRAWS or troubled:
                return found, probability, error
            draws = min(MOST_DRAWS, int(1.1 * draws * (error / WANTED_ERROR) ** 2) + 1)

    def _fit(
        self,
        look: ChosenLook,
        endpoint: str,
        data: Mapping[str, Any],
        draws: int,
        fits: Fits,
        place: int = 0,
    ) -> tuple[Fit, str | None]:
        """A fit with so many draws at least, made anew where there is but a shorter one.

        Parameters
        ----------
        place
            Among endpoints that are weighed: chains of one seed would err together.
        """
        key = endpoint, b"|".join(data[name].tobytes() for name in sorted(data))
        if endpoint not in self._compiled:
            self._compiled[endpoint] = Compiled(self._reference(endpoint), data)
        if key not in fits or draws > fits[key][0].length:
            fits[key] = fitted_carefully(
                self._compiled[endpoint],
                data,
                seed=self._seed(look, place),
                draws=max(draws, DRAWS),
            )
        return fits[key]

    def _answer(
        self,
        look: ChosenLook,
        asked: Asked,
        together: tuple[Question, ...],
        fits: Fits,
    ) -> tuple[float, float, Fit, str | None]:
        """What is asked of one endpoint: the probability, its error, the fit and any trouble."""
        question, endpoint = together[0], together[0].endpoint
        reference = self._reference(endpoint)
        data = reference.data(look.summaries[endpoint], 0, asked.open_strata, question)
        exact = self.plan.fitted[endpoint][0].answered_by.error(question) < AS_GOOD_AS_EXACT
        wanted = WANTED_OF_EXACT if exact else WANTED_ERROR
        draws = 0
        while True:
            fit, trouble = self._fit(look, endpoint, data, draws, fits)
            probability, error = mean_and_error(self._chances(reference, fit, asked, together))
            if error <= wanted or fit.length >= MOST_DRAWS or trouble is not None:
                return probability, error, fit, trouble
            draws = min(MOST_DRAWS, int(1.1 * fit.length * (error / wanted) ** 2) + 1)

    def _chances(
        self, reference: Reference, fit: Fit, asked: Asked, together: tuple[Question, ...]
    ) -> Floats:
        """What is asked for, draw by draw; its mean is the probability."""
        part = self.plan.parts[asked.part]
        if part.prediction is None:
            so = [
                holds(one, reference.quantity(fit.draws, one, asked.open_strata))
                for one in together
            ]
            return np.multiply.reduce(so)
        return self._predicted(reference, fit, part.prediction.condition(together[0]), asked)

    def _reference(self, endpoint: str) -> Reference:
        if endpoint not in self._references:
            design = self.plan.design
            analysis: AnalysisBase = self.plan.fitted[endpoint][0]
            self._references[endpoint] = analysis.reference(
                design.arm_names, design.stratum_names, design.shares
            )
        return self._references[endpoint]

    def _seed(self, look: ChosenLook, of: int = 0) -> int:
        """A seed that belongs to the look, so that no number of processes changes a draw."""
        place = list(self.plan.design.scenarios).index(look.scenario)
        words = [self.seed, place, look.trial, look.look, *([of] if of else [])]
        return int(np.random.SeedSequence(words).generate_state(1)[0])

    def _predicted(
        self, reference: Reference, fit: Fit, condition: Condition, asked: Asked
    ) -> Floats:
        """Chance that the condition holds at the last look, draw by draw."""
        from scipy.stats import binom

        assert asked.to_come is not None
        successes, totals, final = asked.to_come
        question = condition.question
        arms = [question.arm] if question.minus is None else [question.arm, question.minus]
        masses = []
        for arm in arms:
            level = Question(question.endpoint, arm, stratum=question.stratum)
            chance = reference.quantity(fit.draws, level, asked.open_strata)
            more = max(final[arm] - totals[arm], 0)
            masses.append(binom.pmf(np.arange(more + 1), more, chance[..., None]))
        region = self._region(condition, arms, successes, totals, final)
        if len(arms) == 1:
            return masses[0] @ region
        return np.einsum("cdi,cdi->cd", masses[0] @ region, masses[1])

    def _region(
        self,
        condition: Condition,
        arms: Sequence[int],
        successes: Sequence[int],
        totals: Sequence[int],
        final: Sequence[int],
    ) -> Floats:
        """Whether the condition holds at the last look, by responders still to come in its arms."""
        question = replace(condition.question, stratum=ALL)
        analysis, fitted = self.plan.fitted[question.endpoint]
        last = np.maximum(final, totals)
        shape = [int(last[arm] - totals[arm]) + 1 for arm in arms]
        tables = np.tile(np.array(successes), (math.prod(shape), 1))
        for arm, more in zip(arms, np.indices(shape), strict=True):
            tables[:, arm] += more.ravel()
        numbers = np.tile(last, (len(tables), 1))
        counts = Counts(*(part[..., None] for part in (tables, numbers, 0 * numbers, numbers)))
        answer = analysis.posterior(fitted, counts, None).probability(question)
        return condition.holds(answer).astype(np.float64).reshape(shape)
