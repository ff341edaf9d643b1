"""Events between two visits: the fast posterior against the likelihood of the intervals itself."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.interpolate import CubicSpline

from adaptive_cart.models import ANALYSES
from adaptive_cart.models.hazards.piecewise_exponential import PiecewiseExponential
from adaptive_cart.nouns.attendance import DrawnAttendance
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.summaries import Durations, SeenDurations

PRIOR = {
    "baseline": {"a": 0.1, "b": 1.0},
    "log_hazard_ratio": {"dist": "normal", "mean": 0.0, "sd": 2.0},
}


def trial(rng: Any, number: int, every: float, hazard: float, missed: float) -> dict[str, Any]:
    """Times of one trial, each event with the visits between which it happened."""
    arm = np.arange(number) % 2
    event_at = rng.exponential(1.0 / (hazard * np.where(arm == 1, 0.6, 1.0)))
    attendance = DrawnAttendance(every, every, None, rng.random((1, number)), missed)
    seen = attendance.first_from(event_at[None])
    since = attendance.before(seen)[0]
    until = attendance.last_by(rng.uniform(6.0, 30.0, (1, number)))[0]
    event = seen[0] <= until
    return {
        "arm": arm,
        "event": event,
        "first": np.where(event, since, 0.0),
        "last": np.where(event, seen[0], until),
    }


def as_seen(data: dict[str, Any]) -> SeenDurations:
    number = len(data["arm"])
    everybody = np.ones((1, number), dtype=np.bool_)
    nobody = np.zeros((1, number), dtype=np.int8)
    dated = Durations.of(
        data["last"][None], data["event"][None], everybody, data["arm"][None].astype(np.int8),
        nobody, (2, 1),
    )  # fmt: skip
    return SeenDurations.seen_since(dated, data["first"][None])


def probability_below(model: PiecewiseExponential, data: dict[str, Any], value: float) -> float:
    """P(hazard ratio < value) by summing over a grid of all hazards and the log hazard ratio."""
    return probability_below_in_strata(model, [data], value)


def probability_below_in_strata(
    model: PiecewiseExponential, strata: list[dict[str, Any]], value: float
) -> float:
    """The same of strata that have hazards of their own and share the hazard ratio."""
    mean, sd = model.log_hazard_ratio
    log_ratio = np.linspace(mean - 4.0 * sd, mean + 4.0 * sd, 201)
    found = np.add.reduce([log_likelihood(model, data, log_ratio) for data in strata])
    found = found + stats.norm.logpdf(log_ratio, mean, sd)
    density = CubicSpline(log_ratio, np.exp(found - max(found))).antiderivative()
    below, whole = (density(x) - density(log_ratio[0]) for x in (np.log(value), log_ratio[-1]))
    return float(below / whole)


def log_likelihood(model: PiecewiseExponential, data: dict[str, Any], log_ratio: Any) -> Any:
    """Of log hazard ratios, the hazards summed out over a grid."""
    edges = [0.0, *model.cuts, np.inf]

    def spent(month: Any) -> Any:
        return np.stack([np.clip(month, a, b) - a for a, b in itertools.pairwise(edges)], axis=-1)

    shape, rate = model.baseline
    hazards = np.exp(np.linspace(np.log(1e-4), np.log(2.0), 121 if not model.cuts else 41))
    grid = np.array(list(itertools.product(hazards, repeat=len(edges) - 1)))
    prior = stats.gamma.logpdf(grid, shape, scale=1.0 / rate).sum(-1) + np.log(grid).sum(-1)
    without = spent(np.where(data["event"], data["first"], data["last"]))
    between = (spent(data["last"]) - spent(data["first"]))[data["event"]]
    found = []
    for beta in log_ratio:
        ratio = np.where(data["arm"] == 1, np.exp(beta), 1.0)
        log = prior - (grid @ without.T * ratio).sum(-1)
        log += np.log(-np.expm1(-(grid @ between.T) * ratio[data["event"]])).sum(-1)
        found.append(np.logaddexp.reduce(log))
    return np.array(found)


def fast(cuts: list[float], data: dict[str, Any], intervals: bool, value: float) -> float:
    table = {"model": "piecewise_exponential", "cuts": cuts, "prior": PRIOR}
    analysis = ANALYSES["piecewise_exponential"](**table, intervals=intervals or None)
    fitted = analysis.fitted(("soc", "cart"), (1.0,))
    posterior = analysis.posterior(fitted, analysis.dated(as_seen(data)), None)
    asked = Question("relapse", 1, 0, kind="hazard_ratio", value=value, above=False)
    return float(posterior.probability(asked)[0])


@pytest.mark.parametrize(
    ("number", "every", "hazard", "missed"),
    [(60, 1.0, 0.05, 0.3), (10, 6.0, 0.15, 0.0), (60, 6.0, 0.12, 0.2), (30, 3.0, 0.02, 0.4)],
)
def test_intervals_are_analysed_as_what_they_are(
    number: int, every: float, hazard: float, missed: float
) -> None:
    data = trial(np.random.default_rng(7), number, every, hazard, missed)
    assert data["event"].sum() >= 2
    model = PiecewiseExponential((), (0.1, 1.0), (0.0, 2.0))
    for value in (0.6, 1.0):
        exact = probability_below(model, data, value)
        assert abs(fast([], data, True, value) - exact) < 0.002
    if every == 6.0:  # dated at the visit, events come too late
        assert abs(fast([], data, False, 1.0) - exact) > 0.004


@pytest.mark.parametrize(("every", "missed", "within"), [(1.0, 0.2, 0.002), (3.0, 0.3, 0.02)])
def test_intervals_that_go_over_a_cut(every: float, missed: float, within: float) -> None:
    data = trial(np.random.default_rng(5), 50, every, 0.08, missed)
    over = data["event"] & (data["first"] < 6.0) & (data["last"] > 6.0)
    assert over.any()
    model = PiecewiseExponential((6.0,), (0.1, 1.0), (0.0, 2.0))
    for value in (0.6, 1.0):
        exact = probability_below(model, data, value)
        assert abs(fast([6.0], data, True, value) - exact) < within


def in_strata(strata: list[dict[str, Any]]) -> SeenDurations:
    """All strata side by side."""
    together = {name: np.concatenate([own[name] for own in strata]) for name in strata[0]}
    number = [len(own["arm"]) for own in strata]
    stratum = np.repeat(np.arange(len(strata)), number)[None].astype(np.int8)
    everybody = np.ones(stratum.shape, dtype=np.bool_)
    dated = Durations.of(
        together["last"][None], together["event"][None], everybody,
        together["arm"][None].astype(np.int8), stratum, (2, len(strata)),
    )  # fmt: skip
    return SeenDurations.seen_since(dated, together["first"][None])


STRATA = [(30, 0.04, 3), (40, 0.12, 4)]  # participants, hazard, seed


def two_strata() -> list[dict[str, Any]]:
    return [trial(np.random.default_rng(s), n, 3.0, h, 0.2) for n, h, s in STRATA]


def test_strata_take_intervals_too() -> None:
    strata = two_strata()
    model = PiecewiseExponential((), (0.1, 1.0), (0.0, 2.0))
    found = {}
    for intervals in (None, True):
        table = {"prior": PRIOR, "intervals": intervals}
        name = "stratified_piecewise_exponential"
        analysis = ANALYSES[name](model=name, **table)
        fitted = analysis.fitted(("soc", "cart"), (0.5, 0.5))
        posterior = analysis.posterior(fitted, analysis.dated(in_strata(strata)), None)
        asked = Question("relapse", 1, 0, kind="hazard_ratio", value=0.8, above=False)
        found[intervals] = float(posterior.probability(asked)[0])
    exact = probability_below_in_strata(model, strata, 0.8)
    assert abs(found[True] - exact) < 0.002
    assert abs(found[None] - exact) > 0.004


def test_an_interval_over_a_cut_is_at_risk_on_both_sides() -> None:
    """Half of each part: a hazard that nobody has survived so far would have no bound else."""
    model = PiecewiseExponential((6.0,), (0.1, 1.0), (0.0, 2.0))
    one = np.ones((1, 1), dtype=np.bool_)
    count, time, squares, between = model.split_intervals(
        np.array([[6.0]]), np.array([[3.0]]), one, one
    )
    assert np.array_equal(count, [[0.5, 0.5]])
    assert np.array_equal(time, [[3.0 + 1.5, 1.5]])
    assert np.array_equal(squares, [[9.0, 9.0]])
    assert np.array_equal(between, count)


def test_an_event_of_no_width_is_dated() -> None:
    data = trial(np.random.default_rng(1), 40, 1.0, 0.08, 0.0)
    data["first"] = np.where(data["event"], data["last"], 0.0)
    for cuts in ([], [6.0]):
        assert fast(cuts, data, True, 0.8) == pytest.approx(fast(cuts, data, False, 0.8), abs=1e-9)


@pytest.mark.slow  # a minute
@pytest.mark.reference
def test_pymc_has_the_likelihood_of_the_intervals() -> None:
    from adaptive_cart.models.sampling import Compiled, fitted_carefully, mean_and_error

    data = trial(np.random.default_rng(7), 60, 6.0, 0.12, 0.2)
    table = {"model": "piecewise_exponential", "cuts": [6.0], "prior": PRIOR, "intervals": True}
    analysis = ANALYSES["piecewise_exponential"](**table)
    face = analysis.reference(("soc", "cart"), ("",), (1.0,))
    summary = analysis.dated(as_seen(data))
    question = Question("relapse", 1, 0, kind="hazard_ratio", value=0.7, above=False)
    seen = face.data(summary, 0, None, question)
    assert len(seen["widths"]) == data["event"].sum()
    fit, trouble = fitted_carefully(Compiled(face, seen), seen, seed=3, draws=4_000)
    assert not trouble
    below = face.quantity(fit.draws, question, None) < 0.7
    found, error = mean_and_error(below.astype(np.float64))
    exact = probability_below(PiecewiseExponential((6.0,), (0.1, 1.0), (0.0, 2.0)), data, 0.7)
    assert abs(found - exact) < 4.0 * error + 0.002


@pytest.mark.slow  # a minute
@pytest.mark.reference
def test_pymc_has_the_likelihood_of_the_intervals_in_strata() -> None:
    from adaptive_cart.models.sampling import Compiled, fitted_carefully, mean_and_error

    strata, name = two_strata(), "stratified_piecewise_exponential"
    analysis = ANALYSES[name](model=name, prior=PRIOR, intervals=True)
    face = analysis.reference(("soc", "cart"), ("low", "high"), (0.5, 0.5))
    question = Question("relapse", 1, 0, kind="hazard_ratio", value=0.8, above=False)
    seen = face.data(analysis.dated(in_strata(strata)), 0, None, question)
    assert len(seen["widths"]) == sum(own["event"].sum() for own in strata)
    fit, trouble = fitted_carefully(Compiled(face, seen), seen, seed=3, draws=4_000)
    assert not trouble
    below = face.quantity(fit.draws, question, None) < 0.8
    found, error = mean_and_error(below.astype(np.float64))
    model = PiecewiseExponential((), (0.1, 1.0), (0.0, 2.0))
    assert abs(found - probability_below_in_strata(model, strata, 0.8)) < 4.0 * error + 0.002
