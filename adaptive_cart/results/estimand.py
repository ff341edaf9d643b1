"""The true value of an estimand in a scenario: what bias and coverage are measured against.

A direct truth gives it in closed form. The truth of a course is integrated over the latent uniforms
by randomised quasi-Monte Carlo: the very code that follows simulated participants is run on
scrambled Sobol points (Owen 1998, J Complexity 14:466), all arms and strata on the same points, and
the spread over independent scrambles is the Monte Carlo standard error that is reported with the
value. SciPy's generator is used because its scrambling and direction numbers are well tried.

A hazard ratio is that of the event times themselves where they are exponential; otherwise hazards
are not proportional, and the estimand is what the analysis model's hazard ratio tends to: the root
of its score (Struthers & Kalbfleisch 1986, Biometrika 73:363) in the data of many trials run to
their last look without stopping, pooled.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from adaptive_cart.conduct.looks import Schedule, snapshot_at
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.endpoints import Landmark
from adaptive_cart.nouns.counters import narrow
from adaptive_cart.nouns.distributions import EventTime, Exponential
from adaptive_cart.nouns.records import Durations, Floats
from adaptive_cart.nouns.streams import Latents
from adaptive_cart.participants.enrolment import Enrolment
from adaptive_cart.participants.population import followed, latents_for, populate

SCRAMBLES = 16
POINTS = 2**16
# the first dimensions of a Sobol sequence are the most even, so the most often decisive come first
PURPOSES = (
    "remission",
    "remission_onset",
    "cured",
    "relapse",
    "dropout",
    "rescue",
    "infusion_failure",
    "infusion_delay",
    "death",
    "remission_on_drugs",
    "remission_on_drugs_onset",
    "crossover",
    "crossover:infusion_failure",
    "crossover:infusion_delay",
    "crossover:remission",
    "crossover:remission_onset",
    "crossover:cured",
    "crossover:relapse",
    "crossover:rescue",
    "crossover:dropout",
    "crossover:death",
)
DIMENSIONS = len(PURPOSES) + 1
SEED = 20_070_917
RATIO_TRIALS = 2_000
RATIO_BATCHES = 20


@dataclass(frozen=True)
class TrueValue:
    """A true value with its Monte Carlo standard error (0 where it is exact)."""

    value: float
    mcse: float


@dataclass(frozen=True)
class TrueValues:
    """True values of a scenario.

    Attributes
    ----------
    by_arm
        By endpoint, then arm: the mean outcome under unlimited follow-up, over all strata.
    difference
        By endpoint, then arm: the same minus the control's, from the same participants.
    by_stratum, difference_by_stratum
        The same by endpoint, arm, stratum.
    hazard_ratio
        By endpoint, then arm: hazard ratio to the control.
    """

    by_arm: Mapping[str, tuple[TrueValue, ...]]
    difference: Mapping[str, tuple[TrueValue, ...]]
    by_stratum: Mapping[str, tuple[tuple[TrueValue, ...], ...]]
    difference_by_stratum: Mapping[str, tuple[tuple[TrueValue, ...], ...]]
    hazard_ratio: Mapping[str, tuple[TrueValue, ...]]


class SobolLatents(Latents):
    """Latent uniforms from scrambled Sobol points: a trial is a scramble, a participant a point."""

    def __init__(self, seed: int = SEED, scrambles: int = SCRAMBLES, points: int = POINTS) -> None:
        super().__init__(seed, 0, scrambles, points)
        self._points: npt.NDArray[np.float64] | None = None

    def dimension(self, purpose: str) -> int:
        """Dimension of a purpose: fixed, so that no value depends on what was asked before."""
        if purpose in PURPOSES:
            return PURPOSES.index(purpose)
        # events and direct outcomes share a dimension: nothing is made of two of them
        return len(PURPOSES) if purpose.startswith(("event:", "outcome:")) else DIMENSIONS

    def of(self, purpose: str, width: int | None = None) -> Floats:
        """Uniforms of every point for one purpose, ``(scramble, point)``, read only."""
        if purpose in self._kept:
            return self._kept[purpose]
        dimension = self.dimension(purpose)
        if dimension >= DIMENSIONS:
            return super().of(purpose)
        if self._points is None:
            from scipy.stats import qmc

            self._points = np.empty((DIMENSIONS, self.trials, self.participants))
            for scramble in range(self.trials):
                sobol = qmc.Sobol(DIMENSIONS, scramble=True, rng=self.seed + scramble)
                self._points[:, scramble, :] = sobol.random(self.participants).T
        # a scrambled point may round to one, which is no uniform in [0, 1)
        values = np.minimum(self._points[dimension], np.nextafter(1.0, 0.0))
        values.setflags(write=False)
        self._kept[purpose] = values
        return values


def true_values(design: Design, truth: Truth, latents: SobolLatents | None = None) -> TrueValues:
    """True mean outcomes of every endpoint by arm, and their differences from the control.

    Parameters
    ----------
    latents
        Points to integrate over; pass the same to several scenarios to draw them once.
    """
    cells: dict[str, npt.NDArray[np.float64]] = {}
    exact = [name for name in truth.direct if _closed_form(design, truth, name)]
    course_fed = [name for name in design.endpoints if name not in exact]
    if any(design.endpoints[name].direct_truth != "time" for name in course_fed):
        points = latents or SobolLatents()
        for counts, world in ((True, truth), (False, truth.without_dropout())):
            names = [n for n in course_fed if design.endpoints[n].dropout_counts() is counts]
            if names:
                cells |= _sampled(design, world, names, points)
    for name in exact:
        cells[name] = _exact(design, truth, name)[None]
    shares = np.array(truth.shares)

    def told(values: Floats) -> TrueValue:
        if len(values) == 1:
            return TrueValue(float(values[0]), 0.0)
        spread = float(values.std(ddof=1)) / math.sqrt(len(values))
        return TrueValue(float(values.mean()), spread)

    def averaged(values: Floats) -> Floats:
        return values[..., 0] if len(shares) == 1 else (values * shares).sum(axis=-1)

    arms, strata = range(len(truth.arms)), range(len(truth.strata))
    return TrueValues(
        by_arm={n: tuple(told(averaged(v)[:, a]) for a in arms) for n, v in cells.items()},
        difference={
            n: tuple(told(averaged(v)[:, a] - averaged(v)[:, 0]) for a in arms)
            for n, v in cells.items()
        },
        by_stratum={
            n: tuple(tuple(told(v[:, a, s]) for s in strata) for a in arms)
            for n, v in cells.items()
        },
        difference_by_stratum={
            n: tuple(tuple(told(v[:, a, s] - v[:, 0, s]) for s in strata) for a in arms)
            for n, v in cells.items()
        },
        hazard_ratio={
            name: _hazard_ratios(design, truth, name)
            for name in truth.direct
            if design.endpoints[name].direct_truth == "time" and name == design.primary
        },
    )


def target_of(plan: Plan, true: TrueValues, place: int) -> TrueValue:
    """True value of one of the plan's estimands."""
    question = plan.estimands[place].question
    unknown = TrueValue(math.nan, math.nan)
    if question.kind == "hazard_ratio":
        ratios = true.hazard_ratio.get(question.endpoint)
        return unknown if ratios is None else ratios[question.arm]
    if question.endpoint not in true.difference:
        return unknown
    if question.stratum >= 0:
        return true.difference_by_stratum[question.endpoint][question.arm][question.stratum]
    return true.difference[question.endpoint][question.arm]


def target_values(plan: Plan, true: TrueValues) -> tuple[float, ...]:
    """True value of each of the plan's estimands."""
    return tuple(target_of(plan, true, place).value for place in range(len(plan.estimands)))


def _closed_form(design: Design, truth: Truth, name: str) -> bool:
    """Whether a direct truth is the true value itself, or that and dropout."""
    endpoint = design.endpoints[name]
    if endpoint.direct_truth == "rate":
        return True
    lost = truth.courses is not None or (truth.has_dropout and not isinstance(endpoint, Landmark))
    return endpoint.direct_truth == "probability" and not lost


def _exact(design: Design, truth: Truth, name: str) -> Floats:
    """Probability (or yearly rate) where the truth is direct, ``(arm, stratum)``."""
    endpoint = design.endpoints[name]
    values = np.array(truth.direct[name], dtype=np.float64)
    if isinstance(endpoint, Landmark) and endpoint.missing == "non_response":
        values = values * np.exp(-np.array(truth.dropout) * endpoint.month)
    return values


def _sampled(
    design: Design, truth: Truth, names: list[str], points: SobolLatents
) -> dict[str, Floats]:
    """By endpoint: the mean outcome of every scramble, ``(scramble, arm, stratum)``."""
    shape = (points.trials, points.participants)
    arrival = np.zeros(shape)
    arms, strata = len(truth.arms), len(truth.strata)
    result: dict[str, Floats] = {}
    for arm in range(arms):
        for stratum in range(strata):
            everybody = np.full(shape, arm, dtype=narrow(arms))
            label = np.full(shape, stratum, dtype=narrow(strata)) if strata > 1 else None
            population = populate(design, truth, points, arrival, everybody, label)
            for name in names:
                values = design.endpoints[name].true_values(name, population)
                if values is None:
                    continue
                cells = result.setdefault(name, np.empty((shape[0], arms, strata)))
                cells[:, arm, stratum] = values
    rates = [n for n in names if design.endpoints[n].direct_truth == "rate"]
    for name in rates:
        assert truth.courses is not None
        yearly = [[group.rates.get(name, 0.0) for group in by] for by in truth.courses]
        result[name] = np.array(yearly)[None]
    return result


# ── hazard ratios ─────────────────────────────────────────────────────────────────────────────
def _hazard_ratios(design: Design, truth: Truth, name: str) -> tuple[TrueValue, ...]:
    """Hazard ratio of every arm to the control; the control's is one."""
    by_arm = truth.direct[name]
    exact = [_exponential_rate(strata) for strata in by_arm]
    if all(rate is not None for rate in exact):
        control = exact[0] or math.nan
        return tuple(TrueValue((rate or math.nan) / control, 0.0) for rate in exact)
    found = [TrueValue(1.0, 0.0)]
    for arm in range(1, len(by_arm)):
        if by_arm[arm] == by_arm[0] and truth.dropout[arm] == truth.dropout[0]:
            found.append(TrueValue(1.0, 0.0))
        else:
            found.append(_limit(design, truth, name, arm))
    return tuple(found)


def _exponential_rate(strata: tuple[EventTime, ...]) -> float | None:
    """Common constant hazard of an arm's strata, if they have one."""
    rates = []
    for time in strata:
        if not isinstance(time, Exponential) or time.cured:
            return None
        rates.append(time.rate if time.rate is not None else math.log(2.0) / (time.median or 1.0))
    return rates[0] if len(set(rates)) == 1 else None


def _limit(design: Design, truth: Truth, name: str, arm: int) -> TrueValue:
    """What the model's hazard ratio tends to, from many trials at their last look."""
    analysis = design.analysis_of(name)
    assert analysis is not None
    split = analysis.fitted(design.arm_names, design.shares).split
    trials = RATIO_TRIALS // RATIO_BATCHES
    batches = []
    for batch in range(RATIO_BATCHES):
        latents = latents_for(design, SEED, batch * trials, trials)
        summary = _last_look(design, truth, latents, name)
        both = [split(summary.months, summary.event, _in_arm(summary, a)) for a in (0, arm)]
        batches.append([[part.sum(axis=0) for part in pair] for pair in both])
    data = np.array(batches, dtype=np.float64)  # (batch, arm, events or time, interval)
    whole = _score_root(data.sum(axis=0))
    # jackknife over batches: leave one out at a time
    left_out = np.array([_score_root(data.sum(axis=0) - data[b]) for b in range(len(data))])
    if not math.isfinite(whole):  # nobody has the event in one of the arms
        return TrueValue(math.exp(whole) if whole < 0.0 else math.inf, 0.0)
    spread = math.sqrt((len(data) - 1) * float(left_out.var()))
    return TrueValue(math.exp(whole), math.exp(whole) * spread)


def _in_arm(summary: Durations, arm: int) -> npt.NDArray[np.bool_]:
    return summary.included & (summary.arm == arm)


def _last_look(design: Design, truth: Truth, latents: Latents, name: str) -> Durations:
    """Data of a block of trials at the last look, nothing having stopped them."""
    population = followed(design, truth, latents, Enrolment(design, latents))
    endpoint = design.endpoints[name]
    prepared = endpoint.prepare(name, population)
    schedule = Schedule.of(design)
    everybody = np.full(latents.trials, design.enrolment.max_n)
    start = np.zeros(latents.trials)
    date, _ = schedule.due(schedule.number, population, prepared, everybody, start)
    summary = endpoint.summary(prepared, snapshot_at(population, date, everybody))
    assert isinstance(summary, Durations)
    return summary


def _score_root(data: Floats) -> float:
    """Log hazard ratio at which the profile score of the piecewise-constant model is zero.

    Parameters
    ----------
    data
        ``(arm, events or time, interval)``, control first.
    """
    (control_events, control_time), (events, time) = data
    if events.sum() == 0.0 or control_events.sum() == 0.0:
        return -math.inf if events.sum() == 0.0 else math.inf
    every = control_events + events

    def score(log_ratio: float) -> float:
        share = math.exp(log_ratio) * time
        at_risk = control_time + share
        known = at_risk > 0.0
        expected = np.where(known, every * share / np.where(known, at_risk, 1.0), 0.0)
        return float(events.sum() - expected.sum())

    from scipy import optimize

    return float(optimize.brentq(score, -20.0, 20.0, xtol=1e-13))
