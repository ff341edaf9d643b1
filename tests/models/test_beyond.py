"""The proportion of participants whose change lies beyond a value: against plain posterior draws.

The slow twin draws every parameter of the models by least squares on rows of people, and the
baselines of the population by themselves; it shares nothing with the fast draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy import stats

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.models import ANALYSES
from adaptive_cart.nouns.questions import Cut, Question
from adaptive_cart.nouns.summaries import Scores
from adaptive_cart.results.estimand import SobolLatents, true_values
from endpoints.test_continuous import by_state, design

DRAWS = 200_000
Person = tuple[int, list[float]]  # arm; baseline, and the scores seen


def people(rng: np.random.Generator, numbers: Sequence[int], visits: int) -> list[Person]:
    """Everybody seen at the first visit, fewer at each later one."""
    found = []
    for arm, number in enumerate(numbers):
        for _ in range(number):
            values = [rng.normal(9.0, 3.0)]
            for visit in range(visits):
                if visit and rng.random() < 0.15:
                    break
                values.append(0.6 * values[-1] + rng.normal(3.0 - arm, 2.0))
            found.append((arm, values))
    return found


def scores(trials: list[list[Person]], arms: int, visits: int) -> Scores:
    products = np.zeros((len(trials), arms, 1, visits, visits + 2, visits + 2))
    for trial, seen in enumerate(trials):
        for arm, values in seen:
            for visit in range(len(values) - 1):
                vector = np.zeros(visits + 2)
                vector[: visit + 3] = [1.0, *values[: visit + 2]]
                products[trial, arm, 0, visit] += np.outer(vector, vector)
    return Scores(products, np.zeros(products.shape[:3], dtype=np.int64))


def regression(
    rng: np.random.Generator, seen: list[Person], arms: int, place: int
) -> tuple[Any, Any]:
    """Draws of the coefficients (arms, then values before) and of the spread at one visit."""
    rows = [(arm, values) for arm, values in seen if len(values) > place]
    x = np.array([[float(arm == k) for k in range(arms)] + values[:place] for arm, values in rows])
    y = np.array([values[place] for _, values in rows])
    gram = np.linalg.inv(x.T @ x)
    beta, freedom = gram @ x.T @ y, len(y) - x.shape[1]
    left = ((y - x @ beta) ** 2).sum()
    sd = np.sqrt(left / rng.chisquare(freedom, DRAWS))
    away = rng.standard_normal((DRAWS, x.shape[1])) @ np.linalg.cholesky(gram).T
    return beta + sd[:, None] * away, sd


def proportions(rng: np.random.Generator, seen: list[Person], arms: int, cut: Cut) -> Any:
    """Draws of the proportion beyond a cut in every arm, ``(arm, draw)``.

    The values of a participant are put through the drawn regressions, as means and as weights of
    the independent normal deviations that they are made of: of the baseline, then of each visit.
    """
    visits = max(len(values) for _, values in seen) - 1
    baselines = np.array([values[0] for _, values in seen if len(values) > 1])
    squares = ((baselines - baselines.mean()) ** 2).sum()
    sd = np.sqrt(squares / rng.chisquare(len(baselines) - 1, DRAWS))
    mean = baselines.mean() + sd / np.sqrt(len(baselines)) * rng.standard_normal(DRAWS)
    means = [[mean] for _ in range(arms)]
    loads = [np.zeros((visits + 1, DRAWS))]
    loads[0][0] = sd
    for place in range(1, visits + 1):
        beta, spread = regression(rng, seen, arms, place)
        load = sum(beta[:, arms + k] * loads[k] for k in range(place))
        load[place] += spread
        for arm in range(arms):
            carried = sum(beta[:, arms + k] * means[arm][k] for k in range(place))
            means[arm].append(beta[:, arm] + carried)
        loads.append(load)
    wide = np.sqrt(((loads[-1] - loads[0]) ** 2).sum(axis=0))
    changes = [own[-1] - own[0] for own in means]
    return np.array([
        stats.norm.cdf((cut.value - change) / wide * (1.0 if cut.lower else -1.0))
        for change in changes
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("model", "visits"),
    [("normal", 1), ("normal_visits", 1), pytest.param("normal_visits", 3, marks=pytest.mark.slow)],
)
def test_it_is_what_plain_draws_give(model: str, visits: int) -> None:
    rng = np.random.default_rng(8)
    trials = [people(rng, numbers, visits) for numbers in [(40, 35), (9, 8), (60, 12)]]
    analysis = ANALYSES[model].model_validate({"model": model})
    arms = ("soc", "cart")
    fast = analysis.posterior(
        analysis.fitted(arms, (1.0,)), scores(trials, len(arms), visits), None
    )
    for cut in (Cut(-2.0, lower=True), Cut(-4.0, lower=True), Cut(0.5, lower=False)):
        for place, seen in enumerate(trials):
            drawn = proportions(rng, seen, len(arms), cut)
            for minus, own in ((None, drawn[1]), (0, drawn[1] - drawn[0])):
                for value in np.quantile(own, [0.05, 0.5, 0.9]):
                    asked = Question("y", 1, minus, value=float(value), kind="beyond", cut=cut)
                    slow = (own > value).mean()
                    mcse = np.sqrt(0.25 / DRAWS)
                    near = fast.drawn_error + 4.0 * mcse
                    assert fast.probability(asked)[place] == pytest.approx(slow, abs=near)
                    assert fast.error(asked) == fast.drawn_error
                asked = Question("y", 1, minus, kind="beyond", cut=cut)
                near = 0.03 * own.std()
                assert fast.mean(asked)[place] == pytest.approx(own.mean(), abs=near)


def test_one_participant_says_nothing_of_how_baselines_vary() -> None:
    analysis = ANALYSES["normal"].model_validate({
        "model": "normal", "spread": {"sd": 2.0, "worth": 5.0},
        "prior": {arm: {"mean": -1.0, "worth": 3.0} for arm in ("soc", "cart")},
    })  # fmt: skip
    fitted = analysis.fitted(("soc", "cart"), (1.0,))
    one = [(1, [9.0, 8.0])]
    two = [*one, (0, [7.0, 5.0])]
    asked = Question("y", 1, value=0.3, kind="beyond", cut=Cut(-2.0, lower=True))
    found = analysis.posterior(fitted, scores([one, two], 2, 1), None).probability(asked)
    assert np.isnan(found[0])
    assert 0.0 < found[1] < 1.0


# ── what is true, and what is said ───────────────────────────────────────────────────────────
def beyond(value: float, lower: bool = True, minus: int | None = None) -> Question:
    return Question("mgadl", 1, minus, kind="beyond", cut=Cut(value, lower))


@pytest.mark.parametrize("missing", ["at_random", "worst_case", "copy_increments_in_reference"])
def test_the_true_proportion_is_that_of_many_participants(missing: str) -> None:
    settings: dict[str, Any] = {"missing": missing}
    if missing == "worst_case":
        settings["worst"] = 12.0
    one = design(**settings)
    asked = beyond(-2.5)
    true = true_values(one, one.truths["works"], also=[asked])
    found = true.quantity(asked)
    assert found is not None
    generator, number, stays = np.random.default_rng(4), 400_000, np.exp(-0.5 * 6.0 / 12.0)
    shares = []
    for mean, sd, rho in (([9, 7, 6, 5], [3, 2, 2, 2], -0.2), ([12, 11, 10, 9], [2] * 4, 0.5)):
        covariance = np.outer(sd, sd) * (rho + (1 - rho) * np.eye(4))
        values = generator.multivariate_normal(mean, covariance, number)
        change = values[:, 3] - values[:, 0]
        gone = generator.random(number) > stays
        if missing == "worst_case":
            change = np.where(gone, 12.0 - values[:, 0], change)
        if missing == "copy_increments_in_reference":
            leaves = generator.exponential(12.0 / 0.5, number)
            seen = (leaves >= 1.0).astype(int) + (leaves >= 3.0)
            reference = np.array([9, 8.5, 8.2, 8])
            control = np.outer([3, 2, 2.5, 3], [3, 2, 2.5, 3]) * (0.6 + 0.4 * np.eye(4))
            for k in range(3):
                who = (seen == k) & (leaves < 6.0)
                before = slice(0, k + 1)
                slopes = np.linalg.solve(control[before, before], control[before, 3])
                left = control[3, 3] - slopes @ control[before, 3]
                centre = mean[k] + reference[3] - reference[k]
                away = (values[who, : k + 1] - np.array(mean)[before]) @ slopes
                noise = generator.normal(0.0, np.sqrt(left), who.sum())
                change[who] = centre + away + noise - values[who, 0]
        shares.append((change < -2.5).mean())
    assert found.value == pytest.approx(0.4 * shares[0] + 0.6 * shares[1], abs=0.003)


def test_of_participants_of_two_parts_it_is_that_of_both_by_their_shares() -> None:
    """Parts leave at different rates, and who left is not beyond: each alone is in closed form."""
    asked = beyond(-2.5)

    def proportion(per_year: float, **tables: Any) -> float:
        raw = design(missing="worst_case", worst=30.0).plain()
        raw["truth"]["dropout"] = {"per_year": per_year}
        raw["scenarios"]["works"] = tables
        one, points = Design(**raw), SobolLatents(points=2**12)
        found = true_values(one, one.truths["works"], points, also=[asked]).quantity(asked)
        assert found is not None
        return found.value

    both = proportion(0.2, mixture={"new": {"share": 0.3, "dropout": {"per_year": 3.0}}})
    alone, new = proportion(0.2), proportion(3.0)
    assert alone - new > 0.2
    assert both == pytest.approx(0.7 * alone + 0.3 * new, abs=0.003)


@pytest.mark.slow
def test_the_true_proportion_of_a_course_is_integrated() -> None:
    one = Design(**by_state())
    found = true_values(one, one.truths["works"], also=[beyond(-3.0)]).quantity(beyond(-3.0))
    assert found is not None
    level = true_values(one, one.truths["works"]).by_arm["mgadl"][1].value
    # -6 in remission and -1 otherwise, with so small a spread that -3 lies between the two
    assert found.value == pytest.approx((-1.0 - level) / 5.0, abs=0.01)
    assert 0.0 < found.mcse < 0.01


def test_a_rule_asks_it_in_words_and_claims_what_is_so() -> None:
    raw = by_state()
    raw["rules"][0]["posterior"] = {
        "endpoint": "mgadl", "arm": "cart", "minus": "soc", "beyond": 0.0, "above": 0.1,
    }  # fmt: skip
    one = Design(**raw)
    (part,) = Plan.of(one).parts
    assert part.question.cut == Cut(0.0, lower=True)
    assert part.words(one) == "P(cart (change below 0) − soc > 0.10 | mgadl)"
    assert part.prose(one) == (
        "the proportion whose change from baseline is below 0 (mgadl) in cart over all strata "
        "exceeds that in soc by more than 0.10"
    )
