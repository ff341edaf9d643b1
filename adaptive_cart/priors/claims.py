"""What the analysis priors say about a design's rules before anybody has been seen.

Two answers that a protocol owes its reader (FDA 2010, Guidance for the Use of Bayesian Statistics
in Medical Device Clinical Trials, section 7.1, on the prior probability of the study claim):

* how probable each rule's claim is under the prior alone: `prior_claims`. It should be far from the
  threshold for success;
* which decisions the priors expect, look by look: `prior_predictive`. What is true of each endpoint
  is drawn from the analysis priors, trials follow from it, and the rules are judged by the very
  code that judges simulated looks. With it comes the probability that the claim of a trial that
  succeeds is wrong, which is true only as far as the priors are.

These are not operating characteristics: the priors serve the analysis, and are no scenario.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from adaptive_cart.conduct.holding import Conduct
from adaptive_cart.conduct.look_analysis import LookAnalysis
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.conduct.standing import RUNNING, Standing
from adaptive_cart.decisions import ENDINGS, NO_SUCCESS, SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.errors import EngineError
from adaptive_cart.models import Posterior
from adaptive_cart.models.binary.beta_binomial import BetaBinomial
from adaptive_cart.nouns.exact_sums import total_of
from adaptive_cart.nouns.records import Floats
from adaptive_cart.nouns.summaries import Summary
from adaptive_cart.priors.drawn_trials import DrawnTrials, unknown_truths
from adaptive_cart.priors.wrong_claims import claims_wrongly, doubt, one_question

if TYPE_CHECKING:
    import pandas as pd

TRIALS = 10_000
_BLOCK = 1_000
_MOST_TABLES = 40_000


@dataclass(frozen=True)
class Claim:
    """A rule's question answered by the prior alone.

    Attributes
    ----------
    target
        Which of the questions of the rule it is.
    words
        The question as a protocol writes it.
    probability
        Under the prior; nan where the prior's integral could not be computed.
    threshold
        The smallest threshold of the rule over its looks; nan where it is still to be calibrated.
    """

    rule: str
    then: str
    target: int
    words: str
    probability: float
    threshold: float
    at_least: bool

    @property
    def settled(self) -> bool:
        """Whether the prior alone reaches the threshold: this would hold without any data."""
        if math.isnan(self.threshold) or math.isnan(self.probability):
            return False
        return self.probability >= self.threshold if self.at_least else (
            self.probability < self.threshold
        )  # fmt: skip


def prior_claims(design: Design, plan: Plan | None = None) -> list[Claim]:
    """Prior probability of what each rule asks, target by target.

    Predictive rules are left out: without data they ask for the whole trial, which is what
    :func:`prior_predictive` answers. So are tests, which have no prior, and models whose prior is
    flat.
    """
    ready = plan or Plan.of(design)
    found = []
    for rule, part in ((own, one) for own in ready.rules for one in own.parts):
        if part.prediction is not None or not ready.bayesian(part) or ready.flat(part):
            continue
        for place, target in enumerate(part.targets):
            words = part.words(design, place)
            found.append(
                Claim(
                    part.name,
                    rule.decision.name,
                    place,
                    words.replace(" | ", " | prior, "),
                    part.asks.before_data(partial(prior_of, design, ready), target),
                    part.easiest,
                    part.at_least,
                )
            )
    return found


def held_by_priors(claims: Sequence[Claim], plan: Plan) -> list[ResolvedRule]:
    """Rules that hold without any data: of some target, all that they ask taken together."""
    found = {(claim.rule, claim.target): claim.settled for claim in claims}

    def holds(rule: ResolvedRule, target: int) -> bool | None:
        whose = rule.condition.whose
        parts = [
            found.get((part.name, whose(number, target))) for number, part in enumerate(rule.parts)
        ]
        return rule.condition.known_of_target(parts)

    return [
        rule
        for rule in plan.rules
        if not rule.least  # silent while there are no data
        and any(holds(rule, target) for target in range(len(rule.condition.targets)))
    ]


def prior_of(design: Design, plan: Plan, endpoint: str) -> Posterior:
    """Posterior of an endpoint when nobody has been seen."""
    analysis, model = plan.fitted[endpoint]
    return analysis.posterior(model, nothing_seen(design, endpoint), None)


def nothing_seen(design: Design, endpoint: str) -> Summary:
    """Data of a trial in which nobody has been seen, for a model to be asked its prior."""
    return design.endpoints[endpoint].nothing_seen(len(design.arm_names), len(design.shares))


@dataclass(frozen=True)
class Expected:
    """Prior-predictive probability that a trial ends at a look for a reason."""

    look: int
    reason: str
    probability: float
    mcse: float


@dataclass(frozen=True)
class PriorPredictive:
    """Decisions that the analysis priors expect.

    Attributes
    ----------
    expected
        By look and reason; together they add up to 1.
    wrong_success
        Probability that the claim of a trial that succeeds is wrong (of several arms or strata, any
        claim), if the priors are right; nan where no trial succeeds, and where success is predicted
        and tables were enumerated.
    trials
        How many were simulated; 0 where all tables were enumerated.
    wrong_success_mcse
        Monte Carlo standard error of it; 0 where tables were enumerated, nan of a single trial.
    failed
        Share of trials in which a posterior could not be computed; its rule then does not hold.
    """

    expected: tuple[Expected, ...]
    wrong_success: float
    trials: int
    wrong_success_mcse: float = 0.0
    failed: float = 0.0

    def probability(self, reason: str) -> float:
        """Probability of an ending at any look."""
        return math.fsum(row.probability for row in self.expected if row.reason == reason)

    @property
    def table(self) -> pd.DataFrame:
        """A row a look and reason, with Monte Carlo standard errors (0 where enumerated)."""
        import pandas as pd

        return pd.DataFrame([vars(row) for row in self.expected])

    def words(self) -> str:
        """Say them in one line."""
        said = []
        for ending in ENDINGS:
            rows = [row for row in self.expected if row.reason == ending.name]
            total = math.fsum(row.probability for row in rows)
            if total == 0.0:
                continue
            shown = f"{ending.words} {total:.3f}"
            if len([row for row in rows if row.probability > 0.0]) > 1:
                looks = ", ".join(f"{row.probability:.3f}" for row in rows)
                shown += f" (by look {looks})"
            said.append(shown)
        if self.failed > 0.0:
            said.append(f"a posterior could not be computed in {self.failed:.4f} of the trials")
        return "; ".join(said)


def prior_predictive(
    design: Design, plan: Plan | None = None, trials: int = TRIALS, seed: int | None = None
) -> PriorPredictive:
    """Decisions that the analysis priors expect, look by look.

    By enumeration of all tables of counts, weighted with their beta-binomial predictive masses,
    where there are two arms of fixed numbers and every rule asks about the primary; else by
    simulation of trials whose truth is drawn from the priors: probabilities, yearly rates, hazards
    between cuts with their ratios, cured fractions. Everybody is infused at once and nobody is
    lost, for no prior speaks of that.

    Parameters
    ----------
    trials
        To be simulated, where enumeration is not possible.
    seed
        Of the simulation; the design's if left out.

    Raises
    ------
    EngineError
        If a rule asks about an endpoint whose truth cannot be drawn from its prior, or its
        threshold is still to be calibrated; all obstacles at once.
    """
    ready = plan or Plan.of(design)
    if can_enumerate(design, ready):
        return _enumerated(design, ready)
    obstacles = unknown_truths(design, ready)
    if obstacles:
        listed = "\n".join(f"  - {reason}" for reason in obstacles)
        raise EngineError(f"trials cannot be drawn from the priors of this design:\n{listed}")
    return _simulated(design, ready, trials, design.simulation.seed if seed is None else seed)


# --- all tables ---------------------------------------------------------------------------------


def can_enumerate(design: Design, plan: Plan) -> bool:
    """Whether every decision of a design is a matter of two counts at fixed numbers."""
    numbers = planned_numbers(design)
    fitted = plan.fitted.get(design.primary)
    return (
        numbers is not None
        and len(design.arms) == 2
        and design.primary_endpoint.binary
        and design.primary_endpoint.known_after() is not None
        and fitted is not None
        and fitted[0].enumerates
        and fitted[0].of_tables
        and all(_about_primary(plan, position) for position in range(len(plan.rules)))
        and not any(completes_trials(plan))
        and math.prod(number + 1 for number in numbers[-1]) <= _MOST_TABLES
    )


def _about_primary(plan: Plan, position: int) -> bool:
    rule = plan.rules[position]
    ends = rule.decision.ends is not None
    calendar = any(
        part.prediction and (part.prediction.enrolled or part.prediction.months)
        for part in rule.parts
    )
    here = all(q.endpoint == plan.design.primary and q.of.about_levels for q in rule.asked)
    known = not any(math.isnan(part.easiest) for part in rule.parts)
    return ends and here and known and not calendar and not rule.every and not rule.least


def planned_numbers(design: Design) -> list[tuple[int, ...]] | None:
    """Numbers analysed in each arm at every look; nothing where they are random."""
    looks = design.looks
    if design.strata is not None or design.adaptive or not looks.counts.when_followed:
        return None
    if not looks.as_stated:
        return None
    at = [*looks.at, design.enrolment.max_n] if looks.final is not None else list(looks.at)
    total = sum(design.allocation)
    found = []
    for number in at:
        if any(int(number) * ratio % total for ratio in design.allocation):
            return None
        found.append(tuple(int(number) * ratio // total for ratio in design.allocation))
    return found


def completes_trials(plan: Plan) -> Iterator[str]:
    """Names of what is predicted by completing the trial, for which participants are needed."""
    for rule in plan.rules:
        for part in rule.parts:
            if (ahead := part.prediction) is None:
                continue
            analysis, _ = plan.fitted[part.question.endpoint]
            if not ahead.summed(analysis, part.question):
                yield part.name


def _enumerated(design: Design, plan: Plan) -> PriorPredictive:
    numbers = planned_numbers(design)
    model = plan.fitted[design.primary][1]
    assert numbers is not None
    mass, before = np.ones((1, 1)), (0, 0)
    expected, wrong, success = [], 0.0, 0.0
    for look, now in enumerate(numbers, start=1):
        moves = [_moves(model, arm, before[arm], now[arm]) for arm in range(2)]
        # einsum and not a matrix product: its sums never depend on the number of threads
        mass = np.einsum("ik,kl->il", np.einsum("ji,jk->ik", moves[0], mass), moves[1])
        standing = _judged_tables(plan, look, (now[0], now[1]), look == len(numbers))
        reason = standing.reason.reshape(mass.shape)
        wrongly = doubt(plan, standing).reshape(mass.shape)
        for ending in ENDINGS:
            here = np.where(reason == ending, mass, 0.0)
            total = total_of(here)
            if total > 0.0 or ending != NO_SUCCESS:
                expected.append(Expected(look, ending.name, total, 0.0))
            if ending == SUCCESS:
                success += total
                wrong += total_of(here * np.where(here > 0.0, wrongly, 0.0))
        mass = np.where(reason == RUNNING, mass, 0.0)
        before = (now[0], now[1])
    known = success > 0.0 and one_question(plan)
    return PriorPredictive(tuple(expected), wrong / success if known else math.nan, 0)


def _moves(model: BetaBinomial, arm: int, before: int, after: int) -> Floats:
    """Predictive probability of the successes later by those now, ``(now, later)``."""
    return np.stack(
        [model.predictive_weights(arm, now, before, after) for now in range(before + 1)]
    )


def _judged_tables(plan: Plan, look: int, numbers: tuple[int, int], last: bool) -> Standing:
    """Every table of a look, each as a trial of its own."""
    control, other = np.divmod(
        np.arange((numbers[0] + 1) * (numbers[1] + 1), dtype=np.int64), numbers[1] + 1
    )
    successes = np.stack([control, other], axis=1)
    totals = np.broadcast_to(np.array(numbers, dtype=np.int64), successes.shape)
    conduct = Conduct(plan, len(successes))
    tables = LookAnalysis.of_tables(plan, plan.design.primary, successes, totals)
    lasts = np.full(len(successes), last)
    conduct.judge(tables, look, np.ones_like(lasts), lasts)
    conduct.standing.finish(lasts)
    return conduct.standing


# --- drawn trials -------------------------------------------------------------------------------


def _simulated(design: Design, plan: Plan, trials: int, seed: int) -> PriorPredictive:
    if trials < 1:
        raise ValueError(f"found {trials} trials; 1 or more is expected")
    looks, reasons, wrongs, failures = [], [], [], []
    by_posterior = one_question(plan)
    for first in range(0, trials, _BLOCK):
        block = DrawnTrials(plan, seed, first, min(_BLOCK, trials - first))
        block.run()
        looks.append(block.ended)
        reasons.append(block.standing.reason)
        failures.append(block.standing.failed)
        wrongs.append(doubt(plan, block.standing) if by_posterior else claims_wrongly(block) * 1.0)
    look, reason, wrong = (np.concatenate(parts) for parts in (looks, reasons, wrongs))
    expected = []
    for number in range(1, plan.schedule.number + 1):
        for ending in ENDINGS:
            share = float(((look == number) & (reason == ending)).mean())
            if share > 0.0 or ending != NO_SUCCESS:
                error = math.sqrt(share * (1.0 - share) / trials)
                expected.append(Expected(number, ending.name, share, error))
    claimed = wrong[reason == SUCCESS]
    number = len(claimed)
    return PriorPredictive(
        tuple(expected),
        float(claimed.mean()) if number else math.nan,
        trials,
        float(claimed.std(ddof=1)) / math.sqrt(number) if number > 1 else math.nan,
        float(np.concatenate(failures).mean()),
    )
