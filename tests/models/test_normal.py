"""The normal model of changes from baseline: against least squares, a grid, and its edges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

from adaptive_cart.models import ANALYSES
from adaptive_cart.models.base import Posterior
from adaptive_cart.models.normal.normal_analysis import MeansPosterior
from adaptive_cart.nouns.questions import ALL, OPEN, Question
from adaptive_cart.nouns.summaries import Scores

ARMS = ("soc", "low", "high")
Person = tuple[int, int, float, float]  # arm, stratum, baseline, score


def scores(*trials: Sequence[Person], arms: int = 3, strata: int = 1) -> Scores:
    """Sums of products, from the people of each trial."""
    products = np.zeros((len(trials), arms, strata, 1, 3, 3))
    for trial, people in enumerate(trials):
        for arm, stratum, baseline, score in people:
            vector = np.array([1.0, baseline, score])
            products[trial, arm, stratum, 0] += np.outer(vector, vector)
    return Scores(products, np.zeros(products.shape[:3], dtype=np.int64))


def posterior(seen: Scores, arms: tuple[str, ...] = ARMS, **table: Any) -> MeansPosterior:
    analysis = ANALYSES["normal"].model_validate({"model": "normal", **table})
    found = analysis.posterior(analysis.fitted(arms, (1.0,)), seen, None)
    assert isinstance(found, MeansPosterior)
    return found


def people(rng: np.random.Generator, numbers: tuple[int, ...], strata: int = 1) -> list[Person]:
    found = []
    for arm, number in enumerate(numbers):
        for _ in range(number):
            baseline = rng.normal(9.0, 3.0)
            score = baseline + rng.normal(-1.0 - arm - 0.4 * (baseline - 9.0), 2.0)
            found.append((arm, int(rng.integers(strata)), baseline, score))
    return found


def least_squares(
    seen: list[Person], arms: Sequence[int], value: float, prior: dict[int, tuple[float, float]],
    spread: tuple[float, float] = (1.0, 0.0),
) -> tuple[float, float, float]:  # fmt: skip
    """P(mean, or difference, above a value), its centre, and its scale: by rows and one solve.

    A prior of a mean is a row of its own, weighed by its worth; that of the spread adds to the
    residual sum of squares. Degrees of freedom are rows of people, and the spread's worth, less
    parameters without a prior.
    """
    centre = np.mean([baseline for _, _, baseline, _ in seen])
    rows, changes = [], []
    for arm, _, baseline, score in seen:
        rows.append([float(arm == k) for k in range(3)] + [baseline - centre])
        changes.append(score - baseline)
    for arm, (mean, worth) in prior.items():
        rows.append([np.sqrt(worth) * float(arm == k) for k in range(3)] + [0.0])
        changes.append(np.sqrt(worth) * mean)
    x, y = np.array(rows), np.array(changes)
    gram = np.linalg.inv(x.T @ x)
    beta = gram @ x.T @ y
    left = float(((y - x @ beta) ** 2).sum()) + spread[1] * spread[0] ** 2
    freedom = len(seen) + spread[1] - (3 - len(prior)) - 1
    contrast = np.zeros(4)
    contrast[arms[0]] = 1.0
    if len(arms) > 1:
        contrast[arms[1]] = -1.0
    location, scale = contrast @ beta, np.sqrt(left / freedom * contrast @ gram @ contrast)
    return float(stats.t(freedom, location, scale).sf(value)), float(location), float(scale)


PRIORS: dict[str, dict[str, Any]] = {
    "flat": {},
    "control": {"prior": {"soc": {"mean": -1.2, "worth": 15.0}}},
    "spread": {"spread": {"sd": 2.5, "worth": 8.5}},
    "all": {"prior": {arm: {"mean": -1.0, "worth": 0.5} for arm in ARMS},
            "spread": {"sd": 2.0, "worth": 3.0}},
}  # fmt: skip


@pytest.mark.parametrize("case", PRIORS)
def test_it_is_the_analysis_of_covariance_by_least_squares(case: str) -> None:
    table, rng = PRIORS[case], np.random.default_rng(3)
    prior = {ARMS.index(arm): (p["mean"], p["worth"]) for arm, p in table.get("prior", {}).items()}
    spread = (table["spread"]["sd"], table["spread"]["worth"]) if "spread" in table else (1.0, 0.0)
    trials = [people(rng, numbers) for numbers in [(40, 35, 38), (2, 1, 2), (3, 90, 5), (1, 3, 1)]]
    fast = posterior(scores(*trials), **table)
    for arms in ((0,), (2,), (1, 0), (2, 1)):
        minus = arms[1] if len(arms) > 1 else None
        for value in (-2.5, 0.0, 1.3):
            above = Question("y", arms[0], minus, value=value)
            below = Question("y", arms[0], minus, value=value, above=False)
            for place, seen in enumerate(trials):
                slow, centre, scale = least_squares(seen, arms, value, prior, spread)
                assert fast.probability(above)[place] == pytest.approx(slow, abs=1e-9)
                assert fast.probability(below)[place] == pytest.approx(1.0 - slow, abs=1e-9)
                assert fast.mean(above)[place] == pytest.approx(centre, abs=1e-9)
                low = fast.quantile(above, 0.1)[place]
                at = Question("y", arms[0], minus, value=float(low))
                assert fast.probability(at)[place] == pytest.approx(0.9, abs=1e-9)
                assert scale > 0.0


def test_the_posterior_of_a_mean_is_that_of_the_statement_on_a_grid() -> None:
    """One arm, integrated by brute force over mean, slope and spread."""
    seen = [(0, 0, 8.0, 6.0), (0, 0, 10.0, 9.5), (0, 0, 12.0, 9.0), (0, 0, 7.0, 7.5)]
    seen += [(0, 0, 9.0, 8.5), (0, 0, 5.0, 4.0), (0, 0, 11.0, 9.5)]
    centre = np.mean([b for _, _, b, _ in seen])
    mean, slope, log_sd = np.meshgrid(
        np.linspace(-6.0, 4.0, 201), np.linspace(-2.0, 1.5, 51), np.linspace(-1.5, 3.0, 51),
        indexing="ij",
    )  # fmt: skip
    log = np.zeros(mean.shape)  # flat in the logarithm of the spread
    for _, _, baseline, score in seen:
        away = (score - baseline - mean - slope * (baseline - centre)) / np.exp(log_sd)
        log += -log_sd - 0.5 * away**2
    mass = np.exp(log - log.max())
    fast = posterior(scores(seen, arms=1), arms=("soc",))
    for value in (-2.0, -1.5, -0.5):
        share = mass[mean > value + 1e-9].sum() + 0.5 * mass[np.abs(mean - value) < 1e-9].sum()
        slow = share / mass.sum()
        assert fast.probability(Question("y", 0, value=value))[0] == pytest.approx(slow, abs=5e-4)


def test_strata_are_pooled_unless_one_is_named_or_closed() -> None:
    rng = np.random.default_rng(5)
    seen = people(rng, (20, 20, 20), 2)
    whole = posterior(scores(seen, strata=2))
    open_ = whole.where_open(np.array([[False, True]]))
    one = [person for person in seen if person[1] == 1]
    for stratum, asked, slow in ((ALL, whole, seen), (1, whole, one), (OPEN, open_, one)):
        question = Question("y", 2, 0, value=-1.0, stratum=stratum)
        exact, *_ = least_squares(slow, (2, 0), -1.0, {})
        assert asked.probability(question)[0] == pytest.approx(exact, abs=1e-9)


FEW: list[tuple[str, list[Person], bool, bool]] = [
    # what is seen; whether the control's mean is known, and the difference of the others
    ("nobody", [], False, False),
    ("one", [(0, 0, 8.0, 7.0)], False, False),
    ("one in each arm", [(k, 0, 8.0 + k, 7.0) for k in range(3)], False, False),
    ("two of the control", [(0, 0, 8.0, 7.0), (0, 0, 9.0, 5.0)], False, False),
    ("no arm but the control", [(0, 0, b, b / 2 + b % 2) for b in (7.0, 8.0, 9.0, 11.0, 12.0)],
     True, False),
    ("enough", [(k, 0, 8.0 + j + k, 7.0 - j * k) for k in range(3) for j in range(3)], True, True),
]  # fmt: skip


@pytest.mark.parametrize(
    ("seen", "control", "others"), [f[1:] for f in FEW], ids=[f[0] for f in FEW]
)
def test_with_too_few_there_is_no_posterior_and_no_other_answer(
    seen: list[Person], control: bool, others: bool
) -> None:
    full = people(np.random.default_rng(1), (9, 9, 9))
    fast = posterior(scores(seen, full))
    for question, known in ((Question("y", 0), control), (Question("y", 2, 1), others)):
        for answer in (fast.probability(question), fast.mean(question)):
            assert np.isfinite(answer).tolist() == [known, True]
        assert np.isfinite(fast.drawn(question)).all(axis=1).tolist() == [known, True]
        alone = posterior(scores(full)).probability(question)
        assert fast.probability(question)[1] == alone[0], "company changes nothing"
    best = Question("y", 2, kind="best")
    assert np.isfinite(fast.probability(best)).tolist() == [others, True]


def test_a_prior_of_everything_answers_before_anybody_is_seen() -> None:
    fast = posterior(scores([]), **PRIORS["all"])
    tail = stats.t(3.0, -1.0, 2.0 / np.sqrt(0.5)).sf(1.0)
    assert fast.probability(Question("y", 1, value=1.0))[0] == pytest.approx(tail, abs=1e-9)
    assert fast.probability(Question("y", 1, 0, value=0.0))[0] == 0.5


def test_changes_that_leave_no_spread_and_baselines_that_are_equal() -> None:
    """Neither is nan: the spread is that of rounding, the means are not adjusted."""
    alike = [(k, 0, 9.0, 9.0 - 2.0 * k) for k in range(3) for _ in range(4)]
    fast = posterior(scores(alike))
    assert fast.probability(Question("y", 1, 0, value=-2.0))[0] == 0.5
    sure = Question("y", 1, 0, value=-2.1).compared_with(1.0)
    assert 0.999 < fast.probability(sure)[0] < 1.0
    equal = [(k, 0, 9.0, 9.0 - k + 0.5 * j) for k in range(3) for j in range(4)]
    fast, rows = posterior(scores(equal)), np.arange(12).reshape(3, 4)
    changes = np.array([s - b for _, _, b, s in equal])[rows]
    tail = stats.ttest_ind(changes[1], changes[0])  # the pooled spread of three arms is theirs
    pooled = np.sqrt(((changes - changes.mean(axis=1, keepdims=True)) ** 2).sum() / 9.0)
    t = (changes[1].mean() - changes[0].mean()) / (pooled * np.sqrt(0.5))
    assert fast.probability(Question("y", 1, 0))[0] == pytest.approx(special.stdtr(9, t), abs=1e-9)
    assert tail.statistic == pytest.approx(t)


def test_arms_with_the_same_data_are_each_the_lower_one_with_one_half() -> None:
    one = [(0, 0, 8.1, 7.3), (0, 0, 9.7, 6.2), (0, 0, 11.3, 9.9), (0, 0, 6.1, 6.6)]
    seen = [*one, *((1, *rest) for _, *rest in one), *((2, *rest) for _, *rest in one[:3])]
    fast = posterior(scores(seen))
    asked = Question("y", 1, 0).compared_with(0.5)
    assert fast.probability(asked)[0] == 0.5
    far = [(k, 0, b, b - 500.0 * k + 0.001 * b % 1) for k, _, b, _ in seen]
    sure = posterior(scores(far)).probability(Question("y", 1, 0).compared_with(0.0, 1.0))
    assert 0.0 < sure[0] < 1.0, "no data make it certain"


def test_draws_are_the_closed_form() -> None:
    rng = np.random.default_rng(8)
    fast = posterior(scores(*(people(rng, n) for n in [(30, 30, 30), (2, 2, 2), (1, 8, 2)])))
    for question in (Question("y", 1, value=-2.0), Question("y", 2, 0, value=-1.0)):
        drawn = Posterior.computed(fast, question)
        assert drawn == pytest.approx(fast.computed(question), abs=fast.drawn_error)
    wide = rng.normal(size=(200_000, 3))
    fit = fast.fit(ALL)
    for trial in range(3):  # which arm is the best, by random numbers from the statement
        sd = np.sqrt(fit.left[trial] / rng.chisquare(fit.freedom[trial], 200_000))[:, None]
        slope = rng.normal(size=200_000)[:, None] / np.sqrt(fit.steepness[trial])
        means = fit.location[trial] + sd * (
            wide / np.sqrt(fit.weight[trial]) - fit.lean[trial] * slope
        )
        slow = (means[:, 2] > means[:, 1]).mean()
        fast_best = fast.probability(Question("y", 2, kind="best"))[trial]
        assert fast_best == pytest.approx(slow, abs=fast.drawn_error + 0.004)


@pytest.mark.reference
@pytest.mark.slow
@pytest.mark.parametrize("case", PRIORS)
def test_the_same_model_in_pymc_agrees_with_it(case: str) -> None:
    from adaptive_cart.models.base import holds
    from adaptive_cart.models.sampling import Compiled, fitted_carefully, mean_and_error

    seen = scores(people(np.random.default_rng(4), (6, 5, 8)))
    analysis = ANALYSES["normal"].model_validate({"model": "normal", **PRIORS[case]})
    face = analysis.reference(ARMS, (), (1.0,))
    data = face.data(seen)
    fit, trouble = fitted_carefully(Compiled(face, data), data, seed=5, draws=2000)
    assert trouble is None
    fast = posterior(seen, **PRIORS[case])
    for question in (Question("y", 1, value=-2.0), Question("y", 2, 0, value=-1.0)):
        chance, error = mean_and_error(holds(question, face.quantity(fit.draws, question)))
        assert chance == pytest.approx(fast.probability(question)[0], abs=4.0 * error + 0.002)


@pytest.mark.reference
@pytest.mark.slow
def test_the_same_model_in_pymc_is_drawn_where_nobody_of_an_arm_is_known() -> None:
    from adaptive_cart.models.base import holds
    from adaptive_cart.models.sampling import Compiled, fitted_carefully, mean_and_error

    seen = scores(people(np.random.default_rng(4), (6, 0, 8)))
    face = ANALYSES["normal"].model_validate({"model": "normal"}).reference(ARMS, (), (1.0,))
    data = face.data(seen)
    fit, trouble = fitted_carefully(Compiled(face, data), data, seed=5, draws=2000)
    assert trouble is None
    question = Question("y", 2, 0, value=-1.0)
    chance, error = mean_and_error(holds(question, face.quantity(fit.draws, question)))
    fast = posterior(seen).probability(question)[0]
    assert 0.05 < fast < 0.95
    assert chance == pytest.approx(fast, abs=4.0 * error + 0.002)


def test_an_arm_of_which_nobody_is_known_takes_no_degree_of_freedom() -> None:
    seen = people(np.random.default_rng(4), (6, 5))
    beside = posterior(scores(seen))
    alone = posterior(scores(seen, arms=2), arms=ARMS[:2])
    for question in (Question("y", 1, value=-2.0), Question("y", 1, 0, value=-1.0)):
        assert beside.probability(question)[0] == alone.probability(question)[0]
