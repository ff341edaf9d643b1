"""The model of all visits: against its regressions one participant at a time, and integrals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import special, stats

from adaptive_cart.models import ANALYSES
from adaptive_cart.models.base import Posterior, holds
from adaptive_cart.models.draws import LOG_DRAWS, ranks
from adaptive_cart.models.visits.composition import (
    Composition,
    Contrast,
    axes_of,
    composed,
    drawn,
    expected,
    t_below,
)
from adaptive_cart.models.visits.regressions import regressions
from adaptive_cart.nouns.questions import ALL, OPEN, Cut, Question
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import Scores

Person = tuple[int, list[float]]  # the arm; baseline, and the scores of the visits that were seen
DIFFERENCE = np.array([-1.0, 1.0])


def people(
    seen: Sequence[tuple[int, int]], seed: int = 1, correlation: float = 0.6
) -> list[Person]:
    """Participants of two arms, so many of each with scores at the first, second, ... visit."""
    rng = np.random.default_rng(seed)
    values = len(seen) + 1
    spread = np.full((values, values), correlation) + (1.0 - correlation) * np.eye(values)
    found = []
    for arm in (0, 1):
        for place in range(seen[0][arm]):
            own = rng.multivariate_normal(np.zeros(values), spread) * 3.0 + 9.0
            own[1:] -= (1.0 + arm) * np.arange(1, values) / 2.0
            visits = sum(place < number[arm] for number in seen)
            found.append((arm, own[: visits + 1].tolist()))
    return found


def products(visits: int, arms: int, *trials: list[Person]) -> Floats:
    """Sums of products by visit, as their definition has them."""
    sums = np.zeros((len(trials), arms, visits, visits + 2, visits + 2))
    for trial, own in enumerate(trials):
        for arm, values in own:
            for visit in range(len(values) - 1):
                vector = np.zeros(visits + 2)
                vector[: visit + 3] = [1.0, *values[: visit + 2]]
                sums[trial, arm, visit] += np.outer(vector, vector)
    return sums


class LeastSquares:
    """The regression of a visit by the textbook, under a flat prior, participant by participant."""

    def __init__(self, own: list[Person], visit: int) -> None:
        rows = [(arm, values) for arm, values in own if len(values) >= visit + 2]
        x = np.array([[arm == 0, arm == 1, *v[: visit + 1]] for arm, v in rows], dtype=float)
        y = np.array([values[visit + 1] for _, values in rows])
        self.coefficients, *_ = np.linalg.lstsq(x, y, rcond=None)
        self.freedom = len(y) - x.shape[1]
        self.inverse = np.linalg.inv(x.T @ x)
        self.variance = ((y - x @ self.coefficients) ** 2).sum() / self.freedom

    def difference(self, *before: Floats | float) -> tuple[int, Floats, Floats]:
        """Degrees of freedom, location and scale of a difference, given those before it."""
        asked = np.stack(np.broadcast_arrays(-1.0, 1.0, 0.0, *before), axis=-1)
        size = ((asked @ self.inverse) * asked).sum(axis=-1)
        return self.freedom, asked @ self.coefficients, np.sqrt(self.variance * size)


def posterior(visits: int, *trials: list[Person]) -> Composition:
    fits = regressions(products(visits, 2, *trials))
    return composed(fits, Contrast(DIFFERENCE, np.zeros(len(trials))))


def center(visits: int, *trials: list[Person]) -> Floats:
    fits = regressions(products(visits, 2, *trials))
    return expected(fits, Contrast(DIFFERENCE, np.zeros(len(trials))))


TWO_VISITS = {
    "all seen": [(12, 12), (12, 12)],
    "half seen": [(20, 18), (9, 10)],
    "three degrees of freedom": [(8, 8), (4, 3)],
    "one degree of freedom": [(8, 8), (3, 2)],
}


@pytest.mark.parametrize("case", TWO_VISITS)
@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.99])
def test_two_visits_are_the_integral_over_the_first(case: str, correlation: float) -> None:
    own = people(TWO_VISITS[case], seed=3, correlation=correlation)
    middles = special.expit(np.linspace(-30.0, 30.0, 4001))
    weights = middles * (1.0 - middles) * 60.0 / 4000.0
    freedom, location, scale = LeastSquares(own, 0).difference()
    first = location + scale * special.stdtrit(freedom, middles)
    freedom, location, scale = LeastSquares(own, 1).difference(first)
    middle = center(2, own)[0]
    for value in (middle - 3.0, middle - 0.5, middle, middle + 1.0):
        slow = (weights * special.stdtr(freedom, (location - value) / scale)).sum()
        assert posterior(2, own).above(value)[0] == pytest.approx(slow, abs=2e-4)


@pytest.mark.parametrize("visits", [1, 2, 4])
def test_complete_data_have_the_mean_of_the_last_visit_alone_and_hardly_more_spread(
    visits: int,
) -> None:
    own = people([(20, 22)] * visits)
    alone = [(arm, [values[0], values[-1]]) for arm, values in own]
    freedom, location, scale = LeastSquares(alone, 0).difference()
    assert center(visits, own)[0] == pytest.approx(location, abs=1e-9)
    for chance in (0.025, 0.2, 0.8, 0.975):
        away = stats.t.isf(chance, freedom)
        found = posterior(visits, own).above(float(location + scale * away))[0]
        wider = away / stats.t.isf(found, freedom)
        assert 1.0 - 1e-9 <= wider <= 1.0 + 1e-9 + 1.2 * (visits - 1) / freedom


def test_four_visits_are_composed_of_their_regressions() -> None:
    own = people([(14, 15), (11, 12), (9, 9), (6, 5)])
    rng = np.random.default_rng(4)
    values: list[Floats] = []
    for visit in range(4):
        freedom, location, scale = LeastSquares(own, visit).difference(*values)
        values.append(location + scale * rng.standard_t(freedom, 40_000))
    last = values[-1]
    fast = posterior(4, own)
    for value in np.quantile(last, [0.05, 0.5, 0.9]):
        slow = np.mean(last > value)
        error = np.sqrt(slow * (1.0 - slow) / last.size)
        assert fast.above(float(value))[0] == pytest.approx(slow, abs=4.0 * error + 0.001)


def test_draws_of_all_arms_have_the_same_differences_and_levels() -> None:
    own = [people([(14, 15), (11, 12), (9, 9)], seed) for seed in (1, 2)]
    fits = regressions(products(3, 2, *own))
    baseline = np.array([9.0, 10.0])
    values = drawn(fits, baseline, ranks(axes_of(3, 2), LOG_DRAWS))
    for weights in (DIFFERENCE, np.array([0.0, 1.0])):
        contrast = Contrast(weights, baseline * weights.sum())
        combined = np.einsum("k,tkd->td", weights, values)
        for value in expected(fits, contrast) + 0.4:
            fast = composed(fits, contrast).above(float(value))
            np.testing.assert_allclose((combined > value).mean(axis=1), fast, atol=0.012)


def test_who_was_seen_early_counts_as_far_as_the_early_visit_tells() -> None:
    """Scores correlate firmly, and not with baseline: the spread falls as the algebra has it."""
    own = people([(60, 60), (15, 15)], correlation=0.95)
    own = [(arm, [float(place % 7), *values[1:]]) for place, (arm, values) in enumerate(own)]
    late = [person for person in own if len(person[1]) == 3]

    def spread(seen: list[Person]) -> float:
        low, high = (posterior(2, seen).quantile(share)[0] for share in (0.16, 0.84))
        assert posterior(2, seen).above(float(low))[0] == pytest.approx(0.84)
        return float(high - low)

    told = np.sqrt((0.95**2 / 60 + (1.0 - 0.95**2) / 15) * 15)
    assert spread(own) / spread(late) == pytest.approx(told, rel=0.3)


def test_too_few_leave_no_posterior_and_company_changes_nothing() -> None:
    enough = people([(8, 8), (3, 2)])
    too_few = people([(8, 8), (2, 2)])  # 4 at month 2: two intercepts, two slopes, nothing left
    one_arm = people([(8, 8), (6, 0)])
    nobody = list[Person]()
    together = posterior(2, enough, too_few, one_arm, nobody).above(-1.0)
    assert np.isnan(together).tolist() == [False, True, True, True]
    assert together[0] == posterior(2, enough).above(-1.0)[0]
    assert np.isnan(center(2, enough, too_few, one_arm, nobody)).tolist() == [
        False,
        True,
        True,
        True,
    ]
    fits = regressions(products(2, 2, one_arm))
    alone = composed(fits, Contrast(np.array([1.0, 0.0]), np.array([9.0]))).above(8.0)
    assert 0.0 < alone[0] < 1.0, "of the arm that was seen something is known"
    values = drawn(fits, np.array([9.0]), ranks(axes_of(2, 2), LOG_DRAWS))
    assert np.isfinite(values[0, 0]).all()
    assert np.isnan(values[0, 1]).all()


def test_values_that_do_not_vary_have_no_slope() -> None:
    own = [(arm, [9.0, *values[1:]]) for arm, values in people([(10, 10)])]
    control, cells = ([values[1] for arm, values in own if arm == k] for k in (0, 1))
    found = stats.ttest_ind(cells, control)
    assert posterior(1, own).above(0.0)[0] == pytest.approx(
        stats.t.sf(-found.statistic, 18), abs=1e-9
    )
    still = [(arm, [values[0], 4.0 + arm]) for arm, values in own]
    assert posterior(1, still).above(0.999)[0] == pytest.approx(1.0)
    assert posterior(1, still).above(1.001)[0] == pytest.approx(0.0)


@pytest.mark.parametrize("freedom", [1.0, 2.0, 3.0, 4.0, 7.0, 30.0, 200.0])
def test_student_s_t(freedom: float) -> None:
    t = np.linspace(-40.0, 40.0, 4001)[None]
    exact = stats.t.cdf(t, freedom)
    np.testing.assert_allclose(t_below(t, np.array([freedom])), exact, atol=1.2e-5)


# ── as a model ────────────────────────────────────────────────────────────────────────────────
ARMS = ("soc", "cart")


def scores(sums: Floats) -> Scores:
    return Scores(sums, np.zeros(sums.shape[:3], dtype=np.int64))


def of_model(name: str, sums: Floats, open_strata: Booleans | None = None) -> Posterior:
    """Posterior of a model; sums by trial, arm, stratum and visit."""
    analysis = ANALYSES[name].model_validate({"model": name})
    return analysis.posterior(analysis.fitted(ARMS, (1.0,)), scores(sums), open_strata)


def test_one_visit_is_the_model_normal() -> None:
    sums = products(1, 2, people([(12, 9)]), people([(5, 5)], 2))[:, :, None]
    own, normal = (of_model(name, sums) for name in ("normal_visits", "normal"))
    for arm, minus in ((1, 0), (0, 1), (0, None), (1, None)):
        for value in (-1.3, 0.0):
            question = Question("y", arm, minus, value=value)
            assert own.probability(question) == pytest.approx(normal.probability(question))
            assert own.mean(question) == pytest.approx(normal.mean(question))
            assert own.quantile(question, 0.2) == pytest.approx(normal.quantile(question, 0.2))


def test_complete_data_have_the_means_of_the_model_normal() -> None:
    sums = products(3, 2, people([(12, 14)] * 3))[:, :, None]
    own, normal = (of_model(name, sums) for name in ("normal_visits", "normal"))
    for arm, minus in ((1, 0), (0, None), (1, None)):
        question = Question("y", arm, minus)
        assert own.mean(question) == pytest.approx(normal.mean(question), abs=1e-9)


def test_strata_are_pooled_unless_one_is_asked_about() -> None:
    apart = [products(2, 2, people([(9, 8), (6, 6)], seed)) for seed in (1, 2)]
    sums = np.stack(apart, axis=2)
    is_open = np.array([[False, True]])
    for stratum, alone in ((ALL, sum(apart)), (0, apart[0]), (1, apart[1]), (OPEN, apart[1])):
        asked = Question("y", 1, 0, value=-1.0, stratum=stratum)
        found = of_model("normal_visits", sums, is_open)
        pooled = of_model("normal_visits", np.asarray(alone)[:, :, None])
        question = Question("y", 1, 0, value=-1.0)
        assert found.probability(asked) == pytest.approx(pooled.probability(question), abs=1e-12)
        assert found.mean(asked) == pytest.approx(pooled.mean(question), abs=1e-12)
        best = Question("y", 1, stratum=stratum, kind="best", among=(0, 1))
        assert found.probability(best)[0] == pytest.approx(
            pooled.probability(Question("y", 1, 0))[0], abs=0.015
        )


def test_equal_data_leave_either_arm_the_better_with_one_half() -> None:
    control = [person for person in people([(7, 7), (5, 5)]) if person[0] == 0]
    both = control + [(1, values) for _, values in control]
    own = of_model("normal_visits", products(2, 2, both)[:, :, None])
    for arm, minus in ((1, 0), (0, 1)):
        question = Question("y", arm, minus).compared_with(0.5)
        assert own.probability(question)[0] == 0.5


def test_an_answer_does_not_depend_on_the_trials_beside_it() -> None:
    many = products(3, 2, *(people([(8, 8), (7, 6), (5, 5)], seed) for seed in range(70)))
    question = Question("y", 1, 0, value=-1.0)
    together = of_model("normal_visits", many[:, :, None])
    for trial in (0, 31, 32, 69):
        alone = of_model("normal_visits", many[trial : trial + 1, :, None])
        assert together.probability(question)[trial] == alone.probability(question)[0]
        assert together.mean(question)[trial] == alone.mean(question)[0]


@pytest.mark.reference
@pytest.mark.slow
def test_the_multivariate_normal_distribution_in_pymc_agrees() -> None:
    from adaptive_cart.models.sampling import Compiled, fitted_carefully, mean_and_error

    sums = products(3, 2, people([(14, 15), (11, 10), (7, 6)]))[:, :, None]
    face = ANALYSES["normal_visits"].model_validate({"model": "normal_visits"})
    reference, fast = face.reference(ARMS, (), (1.0,)), of_model("normal_visits", sums)
    data = reference.data(scores(sums))
    fit, trouble = fitted_carefully(Compiled(reference, data), data, seed=5, draws=2000)
    assert trouble is None
    cut = Cut(-2.0, lower=True)
    for question in (
        *(
            Question("y", arm, minus, value=value)
            for arm, minus, value in ((1, 0, -0.5), (1, 0, 0.0), (1, None, -2.0), (0, None, -2.0))
        ),
        Question("y", 1, value=0.4, kind="beyond", cut=cut),
        Question("y", 1, 0, value=0.1, kind="beyond", cut=cut),
    ):
        quantity = reference.quantity(fit.draws, question)
        chance, error = mean_and_error(holds(question, quantity))
        near = 4.0 * error + max(0.001, fast.error(question))
        assert chance == pytest.approx(fast.probability(question)[0], abs=near)
        middle, error = mean_and_error(quantity)
        assert middle == pytest.approx(fast.mean(question)[0], abs=4.0 * error + 0.002)


@pytest.mark.reference
def test_the_density_in_pymc_is_that_of_every_participant() -> None:
    """Against the multivariate normal density of the visits at which each was seen."""
    import pytensor

    own, rng = people([(7, 6), (5, 5), (3, 2)]), np.random.default_rng(2)
    sums = products(3, 2, own)[:, :, None]
    reference = ANALYSES["normal_visits"].model_validate({"model": "normal_visits"})
    face = reference.reference(ARMS, (), (1.0,))
    model = face.model(face.data(scores(sums)))
    density = pytensor.function(model.value_vars, model.logp(), mode="FAST_COMPILE")
    centre = np.mean([values[0] for _, values in own])
    for _ in range(3):
        mean, slope, log_sd, carried = (rng.normal(size=size) for size in ((2, 3), 3, 3, 3))
        triangle = np.eye(3)
        triangle[np.tril_indices(3, -1)] = -carried
        spread = np.linalg.inv(triangle) * np.exp(log_sd)
        slow = 0.0
        for arm, (baseline, *seen) in own:
            upto = slice(0, len(seen))
            middle = mean[arm, upto] + slope[upto] * (baseline - centre)
            covariance = (spread @ spread.T)[upto, upto]
            changes = np.array(seen) - baseline
            slow += stats.multivariate_normal.logpdf(changes, middle, covariance)
            slow += 0.5 * len(seen) * np.log(2.0 * np.pi)
        # baselines: a chi-squared variable, on its logarithm, and a normal one
        log_squares, away = rng.normal(size=2)
        slow += stats.chi2(len(own) - 1).logpdf(np.exp(log_squares)) + log_squares
        slow += stats.norm.logpdf(away)
        given = {"mean": mean, "slope": slope, "log_sd": log_sd, "carried": carried}
        given |= {"baseline_squares_log__": log_squares, "baseline_away": away}
        fast = density(*(given[value.name] for value in model.value_vars))
        assert fast == pytest.approx(slow, rel=1e-9)
