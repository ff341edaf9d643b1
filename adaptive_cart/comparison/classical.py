"""The classical group-sequential design: the same looks, with boundaries by alpha spending.

It is laid over the very participants that the simulated trials have: the trials are run again with
no rule at all, to their last look, and the classical test is made at each look of each, so that
both designs judge the same data. Where the other design was enumerated, so is this one.

The test is the pooled two-proportion z test, one-sided, of no difference between the two arms, over
all strata together; the boundaries are those of :mod:`adaptive_cart.comparison.alpha_spending`, at
the numbers that a look really analyses. There is no boundary for futility. What is estimated is the
observed difference. Time-to-event endpoints would need the logrank test, and are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from adaptive_cart.comparison.alpha_spending import efficacy_bounds, z_statistic
from adaptive_cart.design import Design
from adaptive_cart.engine import analysed_at
from adaptive_cart.errors import DesignError, Problem
from adaptive_cart.estimand import true_values
from adaptive_cart.plan import Plan
from adaptive_cart.population import latents_for
from adaptive_cart.records import Booleans, Counts, Floats, Integers, Snapshot, any_of
from adaptive_cart.records import pooled as over_strata
from adaptive_cart.run import Progress
from adaptive_cart.stretches import block_size
from adaptive_cart.trial import run_block
from adaptive_cart.truth import Truth

ERROR = 0.025  # one-sided, unless the design says what it is calibrated for


@dataclass(frozen=True)
class Classical:
    """A classical group-sequential design, made from a design.

    Attributes
    ----------
    error
        One-sided type I error of the whole trial.
    higher_is_better
        Whether success is a higher probability in the experimental arm.
    """

    design: Design
    error: float
    higher_is_better: bool

    @property
    def planned(self) -> tuple[int, ...] | None:
        """Participants planned for each look; nothing where they vary from trial to trial."""
        endpoint = self.design.primary_endpoint
        if self.design.looks.scale != "observed" or getattr(endpoint, "missing", "") == "exclude":
            return None
        return tuple(analysed_at(self.design))

    def bounds(self, analysed: tuple[int, ...]) -> tuple[float, ...]:
        """Boundaries of the z statistic at looks that analyse so many participants."""
        return efficacy_bounds(analysed, self.design.enrolment.max_n, self.error)

    def words(self) -> str:
        """Say what it is, in one line."""
        what = f"O'Brien-Fleming-type alpha spending, one-sided {self.error:g}"
        if self.planned is None:
            return f"{what}; z at the numbers that each look analyses"
        bounds = ", ".join(
            "none" if math.isinf(bound) else f"{bound:.3f}" for bound in self.bounds(self.planned)
        )
        return f"{what}; z at least {bounds}"


def classical(design: Design) -> Classical:
    """Return the classical group-sequential design with the same arms and looks.

    Raises
    ------
    DesignError
        If it is not one for two arms and a binary primary endpoint.
    """
    problems = []
    endpoint = design.primary_endpoint
    if endpoint.summary_kind != "counts":
        problems.append(
            Problem(
                f"endpoints.{design.primary}.type",
                f"found {endpoint.type}; the group-sequential design tests two proportions, and no "
                f"logrank test is at hand; leave it out",
            )
        )
    if len(design.arms) != 2:
        problems.append(
            Problem("arms", f"found {len(design.arms)}; the group-sequential design has two")
        )
    if design.randomisation.method != "permuted_blocks":
        problems.append(
            Problem(
                "randomisation.method",
                "found response_adaptive; the group-sequential design has a fixed ratio",
            )
        )
    if problems:
        raise DesignError(problems)
    error = design.calibration.type_one_error if design.calibration else ERROR
    return Classical(design, error, _higher_is_better(design))


def claimed_margin(design: Design) -> float:
    """How far the arms have to lie apart for the design's success; 0 where it says nothing."""
    margins = [
        (rule.posterior.above if rule.posterior.above is not None else rule.posterior.below) or 0.0
        for rule in design.rules
        if rule.then == "declare_success" and rule.posterior is not None and rule.posterior.minus
    ]
    return margins[0] if margins else 0.0


def _higher_is_better(design: Design) -> bool:
    for rule in design.rules:
        asked = rule.posterior
        if (
            rule.then == "declare_success"
            and asked is not None
            and asked.endpoint == design.primary
        ):
            about_control = asked.arm == design.arm_names[0]
            return (asked.above is not None) != about_control
    return True


@dataclass(frozen=True)
class Outcomes:
    """What became of the trials of one scenario, ``(trial,)``.

    Attributes
    ----------
    look
        The look that ended the trial, from 1.
    estimate
        Observed difference at that look, experimental less control.
    reversal
        A success that no longer reaches its boundary once the pipeline has been followed up.
    """

    success: Booleans
    look: Integers
    months: Floats
    randomised: Integers
    analysed: Integers
    infused: Integers
    estimate: Floats
    reversal: Booleans

    def joined(self, other: Outcomes) -> Outcomes:
        """Put further trials behind these."""
        return Outcomes(*(np.concatenate([a, vars(other)[name]]) for name, a in vars(self).items()))


def judged_trials(
    design: Classical,
    truth: Truth,
    seed: int,
    trials: int,
    progress: Progress = lambda what, done, total: None,
) -> Outcomes:
    """Judge the first ``trials`` simulated trials of a seed by the classical test."""
    plan = replace(Plan.of(design.design), rules=(), estimands=())
    size = block_size(design.design)
    found: Outcomes | None = None
    for first in range(0, trials, size):
        progress("group-sequential", first, trials)
        block = _judged_block(design, plan, truth, seed, first, min(size, trials - first))
        found = block if found is None else found.joined(block)
    assert found is not None
    return found


def _judged_block(
    design: Classical, plan: Plan, truth: Truth, seed: int, first: int, trials: int
) -> Outcomes:
    name = plan.design.primary
    latents = latents_for(plan.design, seed, first, trials)
    block = run_block(plan, truth, (), latents, keep_population=True)
    looks = [record for record in block.looks if not record.between]
    counts = [_counts(record.summaries[name]) for record in looks]
    z = np.stack([_z(design, *count) for count in counts])  # (look, trial)
    analysed = np.stack([totals.sum(axis=1) for _, totals in counts])
    bounds = _bounds(design, analysed)
    crossed = z >= bounds
    success = any_of(crossed.T)
    ended = np.where(success, crossed.argmax(axis=0), len(looks) - 1)
    trial = np.arange(trials)
    randomised = np.stack([record.randomised.sum(axis=(1, 2)) for record in looks])[ended, trial]
    months = np.stack([record.date for record in looks])[ended, trial]
    differences = np.stack([_difference(*count) for count in counts])
    population = block.population
    assert population is not None
    endpoint = plan.design.primary_endpoint
    everybody = Snapshot(
        plan.schedule.all_observed(population, randomised, months), randomised, population
    )
    followed = _counts(endpoint.summary(endpoint.prepare(name, population), everybody))
    reversal = success & (_z(design, *followed) < bounds[ended, trial])
    return Outcomes(
        success=success,
        look=ended + 1,
        months=months,
        randomised=randomised,
        analysed=analysed[ended, trial],
        infused=np.stack([record.infused.sum(axis=(1, 2)) for record in looks])[ended, trial],
        estimate=differences[ended, trial],
        reversal=reversal,
    )


def _counts(summary: object) -> tuple[Integers, Integers]:
    """Responders and participants analysed, ``(trial, arm)``."""
    assert isinstance(summary, Counts)
    return over_strata(summary.successes), over_strata(summary.totals)


def _z(design: Classical, successes: Integers, totals: Integers) -> Floats:
    z = z_statistic((successes[:, 0], successes[:, 1]), (totals[:, 0], totals[:, 1]))
    return z if design.higher_is_better else -z


def _difference(successes: Integers, totals: Integers) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        rates: Floats = successes / totals
    return rates[:, 1] - rates[:, 0]


def _bounds(design: Classical, analysed: Integers) -> Floats:
    """Boundaries at the numbers that each trial's looks analyse, ``(look, trial)``."""
    patterns, which = np.unique(analysed.T, axis=0, return_inverse=True)
    by_pattern = [design.bounds(tuple(int(number) for number in row)) for row in patterns]
    return np.array(by_pattern)[which.reshape(-1)].T


# ── without Monte Carlo error ─────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class Enumerated:
    """Operating characteristics by enumeration; bias and rmse are of the observed difference."""

    success: float
    n_analysed: float
    bias: float
    rmse: float
    true: float


def enumerate_classical(design: Classical, truth: Truth) -> Enumerated:
    """Enumerate the design, where every look has fixed counts and the truth is direct."""
    planned = design.planned
    assert planned is not None
    true = true_values(design.design, truth).by_arm[design.design.primary]
    rates = [value.value for value in true]
    allocation = design.design.allocation
    numbers = [
        tuple(number * ratio // sum(allocation) for ratio in allocation) for number in planned
    ]
    bounds = design.bounds(planned)
    mass = np.ones((1, 1))
    success = analysed = bias = square = 0.0
    steps = [(0, 0), *numbers]
    for look, (before, now) in enumerate(pairwise(steps)):
        steps_of = [
            _binomial_steps(old, new, rate)
            for old, new, rate in zip(before, now, rates, strict=True)
        ]
        mass = steps_of[0].T @ mass @ steps_of[1]
        control, other = np.indices(mass.shape).reshape(2, -1)
        counts = np.stack([control, other], axis=1)
        totals = np.broadcast_to(np.array(now), counts.shape)
        wins = (_z(design, counts, totals) >= bounds[look]).reshape(mass.shape)
        ends = wins if look < len(planned) - 1 else np.ones_like(wins)
        errors = _difference(counts, totals).reshape(mass.shape) - (rates[1] - rates[0])
        success += float(mass[wins].sum())
        analysed += float(mass[ends].sum()) * sum(now)
        bias += float((mass * errors)[ends].sum())
        square += float((mass * errors**2)[ends].sum())
        mass = np.where(ends, 0.0, mass)
    return Enumerated(success, analysed, bias, math.sqrt(square), rates[1] - rates[0])


def _binomial_steps(before: int, now: int, rate: float) -> Floats:
    """Probability of each number of responders now, given that before, ``(before, now)``."""
    from scipy.stats import binom

    steps = np.zeros((before + 1, now + 1))
    added = binom.pmf(np.arange(now - before + 1), now - before, rate)
    for successes in range(before + 1):
        steps[successes, successes : successes + len(added)] = added
    return steps
