"""The Dirichlet model: moments by enumeration, tails by quadrature, ties, draws, PyMC."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

from adaptive_cart.models import ANALYSES
from adaptive_cart.models.base import Posterior, holds, tails, within_tails
from adaptive_cart.models.ordinal.dirichlet_analysis import FARTHEST, DirichletPosterior
from adaptive_cart.models.ordinal.moments import beyond, of_better, of_linear
from adaptive_cart.nouns.ahead import Numbers
from adaptive_cart.nouns.completions import Completions
from adaptive_cart.nouns.questions import Category, Question
from adaptive_cart.nouns.summaries import Categories

ARMS = ("soc", "cart")
NAMES = ("dead", "bad", "fair", "good", "cured")
BETTER = Question("y", 1, 0, value=0.5, kind="better")


def posterior(
    *trials: list[list[int]], prior: Any = None, scores: tuple[float, ...] = ()
) -> DirichletPosterior:
    """Posterior of trials, given the participants by arm and category."""
    counts = np.array(trials)[:, :, None, :]
    names = NAMES[: counts.shape[-1]]
    scores = scores or tuple(float(k) for k in range(len(names)))
    due = counts.sum(axis=-1)
    data = Categories(counts, np.zeros_like(due), due, names, scores)
    analysis = ANALYSES["dirichlet"].model_validate(
        {"model": "dirichlet", "prior": prior or {"each": 1.0}}
    )
    found = analysis.posterior(analysis.fitted(ARMS, (1.0,)), data, None)
    assert isinstance(found, DirichletPosterior)
    return found


def urn(parameters: list[int], drawn: tuple[int, ...]) -> Fraction:
    """Mean of a product of Dirichlet probabilities: an urn, each ball put back with another."""
    balls, chance = list(parameters), Fraction(1)
    for k in drawn:
        chance *= Fraction(balls[k], sum(balls))
        balls[k] += 1
    return chance


def test_moments_are_those_of_an_enumeration() -> None:
    soc, cart, order = [2, 1, 3], [1, 4, 2], 3
    score = {1: Fraction(1), 0: Fraction(1, 2), -1: Fraction(0)}
    exact = sum(
        urn(cart, own) * urn(soc, other) * np.prod([score[np.sign(i - j)] for i, j in pairs])
        for own in product(range(3), repeat=order)
        for other in product(range(3), repeat=order)
        for pairs in [list(zip(own, other, strict=True))]
    )
    found = of_better(np.array([cart], dtype=float), np.array([soc], dtype=float))
    assert found[order, 0] == pytest.approx(float(exact), rel=1e-13)
    weights = np.array([0.0, 0.3, 1.0])
    linear = sum(float(urn(cart, own)) * np.prod(weights[list(own)])
                 for own in product(range(3), repeat=order))  # fmt: skip
    assert of_linear(np.array([cart], dtype=float), weights)[order, 0] == pytest.approx(linear)


NEAR_AND_FAR = [
    ([5, 9], [3, 11], 1.0),
    ([0, 0], [0, 0], 1.0),
    ([1, 30], [0, 12], 1.0),
    ([0, 100], [1, 99], 1.0),
]


@pytest.mark.parametrize(("soc", "cart", "each"), NEAR_AND_FAR)
def test_two_categories_are_two_betas(soc: list[int], cart: list[int], each: float) -> None:
    own = posterior([soc, cart], prior={"each": each})
    b, a = (np.array(counts) + each for counts in (soc, cart))
    x, w = special.roots_jacobi(60, b[0] - 1.0, b[1] - 1.0)
    q, w = 0.5 * (1.0 + x), w / w.sum()
    for value in (0.4, 0.5, 0.6):
        # the probability to do better is 1/2 and half the difference of the better category
        above = special.betainc(a[0], a[1], np.clip(2.0 - 2.0 * value - q, 0.0, 1.0))
        exact = float((w * above).sum())
        found = own.computed(BETTER.at(value))[0]
        assert found == pytest.approx(exact, abs=own.fast_error), value
        other = Question("y", 1, 0, value=2.0 * value - 1.0, kind="reaches")
        reaches = replace(other, category=Category(1, "bad"))
        assert own.computed(reaches)[0] == pytest.approx(exact, abs=1e-4)


def sticks(parameters: np.ndarray, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of an integral over a Dirichlet vector of three, by its two sticks."""
    one, two, three = parameters
    rule = [
        special.roots_jacobi(nodes, b - 1.0, a - 1.0) for a, b in ((three, one + two), (two, one))
    ]
    (x, v), (y, w) = ((0.5 * (1.0 + t), u / u.sum()) for t, u in rule)
    best, middle = np.meshgrid(x, y, indexing="ij")
    q = np.stack([(1 - best) * (1 - middle), (1 - best) * middle, best], axis=-1)
    return q.reshape(-1, 3), np.outer(v, w).ravel()


SKEWED = [([0, 9, 1], [0, 2, 9], 1.0), ([2, 12, 1], [0, 3, 12], 1.0), ([3, 4, 1], [0, 2, 8], 1.0)]


def test_what_is_a_little_skewed_is_answered_by_moments_and_what_is_far_from_a_beta_is_not() -> (
    None
):
    def away(soc: list[int], cart: list[int], each: float) -> float:
        moments = of_better(np.array([cart]) + each, np.array([soc]) + each)
        return float(beyond(moments, moments[1])[1][0])

    assert all(0.02 < away(*table) < FARTHEST for table in SKEWED)
    assert away([0, 0, 0], [0, 0, 0], 0.2) > FARTHEST


@pytest.mark.parametrize(
    ("soc", "cart", "each"),
    [([0, 0, 0], [0, 0, 0], 1.0), ([4, 9, 2], [1, 8, 9], 0.5), ([20, 30, 10], [11, 30, 25], 1.0),
     ([0, 12, 0], [3, 6, 3], 0.5), ([40, 3, 1], [1, 5, 2], 2.0), *SKEWED],
)  # fmt: skip
def test_three_categories_are_those_of_a_quadrature(
    soc: list[int], cart: list[int], each: float
) -> None:
    own = posterior([soc, cart], prior={"each": each})
    a, b = (np.array(counts) + each for counts in (cart, soc))
    q, weight = sticks(b, 24)
    better = np.add.accumulate(q, axis=-1) - 0.5 * q
    # of the arm itself the split of what is not best is a stick of its own, and what is left a tail
    x, w = special.roots_jacobi(24, a[0] - 1.0, a[1] - 1.0)
    middle, w = 0.5 * (1.0 + x), w / w.sum()
    for value in (0.35, 0.5, 0.6, 0.8):
        rest = better[:, :1] * (1 - middle) + better[:, 1:2] * middle
        needed = np.clip((value - rest) / (better[:, 2:] - rest), 0.0, 1.0)
        above = special.betainc(a[0] + a[1], a[2], 1.0 - needed)
        exact = float((weight[:, None] * w * above).sum())
        found = own.computed(BETTER.at(value))[0]
        assert found == pytest.approx(exact, abs=own.fast_error), value
        less = replace(BETTER.at(value), above=False)
        assert own.computed(less)[0] == pytest.approx(1.0 - found)


def drawn_tables(number: int, seed: int) -> DirichletPosterior:
    """Small tables of three categories, most of them far from a beta distribution."""
    rng = np.random.default_rng(seed)
    pairs = [[rng.multinomial(rng.integers(0, 12), rng.dirichlet([0.7] * 3)).tolist()
              for _ in ARMS] for _ in range(number)]  # fmt: skip
    return posterior(*pairs, prior={"each": 0.5})


def test_tails_of_tables_far_from_a_beta_distribution_are_those_of_points() -> None:
    own, far = drawn_tables(60, 7), 0
    moments = of_better(*(own._table(BETTER)[:, arm] for arm in (1, 0)))
    middle = beyond(moments, moments[1])[1]
    for value in (0.15, 0.5, 0.85):
        above, away = beyond(moments, np.full(60, value))
        rows = np.flatnonzero((middle > FARTHEST) & (away <= FARTHEST))
        points = own._over_points(BETTER.at(value), rows) if rows.size else above[rows]
        assert above[rows] == pytest.approx(points, abs=own.fast_error)
        far += len(rows)
    assert far > 10


@pytest.mark.parametrize("question", [BETTER, Question("y", 1), Question("y", 1, 0)])
def test_an_interval_holds_what_its_tails_say(question: Question) -> None:
    own, held = drawn_tables(20, 8), 0
    low, high = (0.0, 1.0) if question.kind == "better" else own._range(question)
    for share in np.linspace(0.04, 0.96, 7):
        asked = question.at(low + share * (high - low))
        probability = own.probability(asked.compared_with(*tails(0.95)))
        sure = np.abs(probability - 0.5) - 0.475  # beyond either tail
        plain = np.abs(sure) > own.fast_error
        inside = own.covers(asked, 0.95)
        assert (inside == within_tails(probability, 0.95))[plain].all()
        held += int(inside.sum())
    assert 18 < held < 128


def test_five_categories_are_those_of_many_random_draws() -> None:
    soc, cart = [1, 5, 9, 3, 2], [1, 2, 7, 2, 9]
    own = posterior([soc, cart], scores=(0.0, 20.0, 60.0, 80.0, 100.0))
    rng, number = np.random.default_rng(4), 400_000
    q, p = (rng.dirichlet(np.array(counts) + 1.0, number) for counts in (soc, cart))
    better = (p * (np.add.accumulate(q, axis=1) - 0.5 * q)).sum(axis=1)
    scores = np.array([0.0, 20.0, 60.0, 80.0, 100.0])
    level = {1: p @ scores, 0: p @ scores - q @ scores}
    within = own.fast_error + 4.0 * 0.5 / np.sqrt(number)
    for value in (0.5, 0.6, 0.7):
        assert own.computed(BETTER.at(value))[0] == pytest.approx(
            (better > value).mean(), abs=within
        )
    assert own.mean(BETTER)[0] == pytest.approx(better.mean(), abs=1e-3)
    for value in (55.0, 70.0):
        found = own.computed(Question("y", 1, value=value))[0]
        assert found == pytest.approx((level[1] > value).mean(), abs=within)
    found = own.computed(Question("y", 1, 0, value=10.0))[0]
    assert found == pytest.approx((level[0] > 10.0).mean(), abs=within)
    assert own.mean(Question("y", 1, 0))[0] == pytest.approx(level[0].mean(), abs=0.2)


def test_arms_that_are_alike_are_each_the_better_with_one_half() -> None:
    same, other = [[3, 1, 4], [3, 1, 4]], [[3, 1, 4], [3, 1, 5]]
    own = posterior(same, other)
    for question in (BETTER, Question("y", 1, 0)):
        asked = question.compared_with(0.5)
        found = own.probability(asked)
        assert found[0] == 0.5
        assert found[1] > 0.5
    for value, answer in ((0.0, 1.0), (1.0, 0.0)):
        assert (own.probability(BETTER.at(value).compared_with(answer)) == answer).all()
    never = own.probability(BETTER.at(0.999).compared_with(0.0, 1.0))
    assert ((never > 0.0) & (never < 1.0)).all()


def test_an_answer_does_not_depend_on_the_tables_beside_it_and_draws_agree() -> None:
    tables = [[[0, 0, 0], [0, 0, 0]], [[3, 1, 4], [9, 0, 1]], [[30, 10, 20], [22, 18, 30]]]
    together = posterior(*tables)
    questions = [
        BETTER,
        Question("y", 1, value=1.2),
        Question("y", 1, 0, value=0.1),
        Question("y", 1, 0, value=0.1, kind="reaches", category=Category(2, "fair")),
    ]
    for question in questions:
        found = together.computed(question)
        drawn = Posterior.computed(together, question)
        assert found == pytest.approx(drawn, abs=together.fast_error + together.drawn_error)
        for place, table in enumerate(tables):
            assert posterior(table).computed(question)[0] == found[place]


def test_tails_of_large_tables_keep_their_digits() -> None:
    big = np.array([[20_000.0, 30_000.0, 10_000.0]])
    moments = of_better(big, big + 1.0)
    for z in (-2.0, 0.0, 1.5):
        mean, sd = moments[1], np.sqrt(moments[2] - moments[1] ** 2)
        assert beyond(moments, mean + z * sd)[0][0] == pytest.approx(stats.norm.sf(z), abs=1e-3)


def test_those_still_to_come_are_dirichlet_multinomial() -> None:
    own = posterior([[4, 1], [2, 6]], [[0, 0], [0, 0]])
    more = np.array([[[7], [7]], [[7], [0]]])
    some = Completions(0, 4_096)
    seen = own.completed(own.data, Numbers(more), some, apart=False)
    drawn = seen.counts.reshape(2, 4_096, 2, 1, 2) - own.data.counts[:, None]
    assert (drawn.sum(axis=-1) == more[:, None]).all()
    assert (seen.due.reshape(2, 4_096, 2, 1) == (own.data.due + more)[:, None]).all()
    for trial, arm, a, b in ((0, 0, 2, 5), (0, 1, 7, 3), (1, 0, 1, 1)):
        found = np.bincount(drawn[trial, :, arm, 0, 1], minlength=8) / 4_096
        assert found == pytest.approx(stats.betabinom.pmf(np.arange(8), 7, a, b), abs=0.01)


@pytest.mark.reference
@pytest.mark.slow
def test_the_same_dirichlet_model_in_pymc_agrees() -> None:
    from adaptive_cart.models.sampling import Compiled, fitted_carefully, mean_and_error

    analysis = ANALYSES["dirichlet"].model_validate(
        {"model": "dirichlet", "prior": {"soc": {"dead": 0.5, "each": 2.0}}}
    )
    face = analysis.reference(ARMS, (), (1.0,))
    own = posterior([[1, 5, 9], [1, 2, 12]], prior={"soc": {"dead": 0.5, "each": 2.0}})
    data = face.data(own.data)
    fit, trouble = fitted_carefully(Compiled(face, data), data, seed=5, draws=2000)
    assert trouble is None
    category = Category(2, "fair")
    for question in (
        BETTER,
        Question("y", 1, 0, value=0.1),
        Question("y", 1, 0, value=0.1, kind="reaches", category=category),
    ):
        chance, error = mean_and_error(holds(question, face.quantity(fit.draws, question)))
        assert chance == pytest.approx(own.probability(question)[0], abs=4.0 * error + 0.005)


def test_the_prior_of_a_category_is_a_beta_worth_all_of_the_table() -> None:
    analysis = ANALYSES["dirichlet"].model_validate(
        {"model": "dirichlet", "prior": {"soc": {"dead": 0.5, "each": 2.0}, "cart": {"each": 1.0}}}
    )
    fitted = analysis.of_categories(analysis.fitted(ARMS, (1.0,)), ("dead", "bad", "good"))
    told = [(p.part, p.numbers.words) for p in analysis.priors(fitted, ARMS)]
    assert told == [
        ("soc.dead", "Beta(0.5, 4)"),
        ("soc.bad", "Beta(2, 2.5)"),
        ("soc.good", "Beta(2, 2.5)"),
        ("cart.dead", "Beta(1, 2)"),
        ("cart.bad", "Beta(1, 2)"),
        ("cart.good", "Beta(1, 2)"),
    ]
    # one less is what all the others are
    rng = np.random.default_rng(3)
    drawn = rng.dirichlet([0.5, 2.0, 2.0], 200_000)[:, 1]
    bad = next(p for p in analysis.priors(fitted, ARMS) if p.part == "soc.bad").numbers
    assert drawn.mean() == pytest.approx(bad.mean, abs=0.002)
    assert np.quantile(drawn, 0.975) == pytest.approx(bad.quantile(0.975), abs=0.004)
