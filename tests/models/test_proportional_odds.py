"""Proportional odds: against sums over a grid of all parameters, edges, true values, PyMC."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import special, stats
from scipy.interpolate import CubicSpline

from adaptive_cart.models import ANALYSES
from adaptive_cart.models.base import Posterior, holds
from adaptive_cart.models.ordinal.proportional_odds_analysis import ProportionalOddsPosterior
from adaptive_cart.nouns.questions import Category, Question
from adaptive_cart.nouns.ranked import common_odds_ratio
from adaptive_cart.nouns.records import Floats
from adaptive_cart.nouns.summaries import Categories

ARMS = ("soc", "cart", "allo")
NAMES = ("dead", "fair", "cured", "like new")
SCORES = (0.0, 40.0, 100.0, 110.0)
PRIOR = {"control": {"each": 1.0}, "log_odds_ratio": {"dist": "normal", "mean": 0.2, "sd": 1.5}}
RATIO = Question("y", 1, 0, value=1.0, kind="common_odds_ratio")
CURED = Question("y", 1, 0, value=0.1, kind="reaches", category=Category(2, "cured"))


def posterior(*trials: list[list[int]], prior: Any = None) -> ProportionalOddsPosterior:
    """Posterior of trials, given the participants by arm and category."""
    counts = np.array(trials)[:, :, None, :]
    due = counts.sum(axis=-1)
    places = counts.shape[-1]
    data = Categories(counts, np.zeros_like(due), due, NAMES[:places], SCORES[:places])
    analysis = ANALYSES["proportional_odds"].model_validate(
        {"model": "proportional_odds", "prior": prior or PRIOR}
    )
    arms = ARMS[: counts.shape[1]]
    found = analysis.posterior(analysis.fitted(arms, (1.0,)), data, None)
    assert isinstance(found, ProportionalOddsPosterior)
    return found


class Grid:
    """The posterior of three categories and two arms, summed over all parameters.

    The control's probabilities are p = (1 - u, u (1 - v), u v); the prior of u and v follows from
    that of p, and the log odds ratio has its normal one.
    """

    def __init__(self, soc: list[int], cart: list[int], each: float, sd: float) -> None:
        part = (np.arange(90) + 0.5) / 90
        u, v = (special.betaincinv(*shape, part) for shape in ((2 * each, each), (each, each)))
        b = 0.2 + sd * special.ndtri((np.arange(400) + 0.5) / 400)
        u, v, b = np.meshgrid(u, v, b, indexing="ij")
        own = np.stack([1.0 - u, u * (1.0 - v), u * v], axis=-1).reshape(-1, 3)
        self.ratio = np.exp(b.ravel())
        worse = np.add.accumulate(own, axis=1)[:, :2]
        moved = worse / (worse + (1.0 - worse) * self.ratio[:, None])
        ends = np.column_stack([np.zeros(len(moved)), moved, np.ones(len(moved))])
        self.shares = [own, np.diff(ends, axis=1)]
        log = (special.xlogy(soc, own) + special.xlogy(cart, self.shares[1])).sum(axis=1)
        self.weight = np.exp(log - log.max())
        self.weight /= self.weight.sum()

    def share(self, so: Floats) -> float:
        return float(self.weight[so.astype(bool)].sum())


@pytest.mark.parametrize(
    ("soc", "cart", "each", "sd"),
    [([1, 1, 3], [0, 12, 0], 0.5, 1.5),
     *(pytest.param(*case, marks=pytest.mark.slow) for case in [
         ([4, 9, 2], [1, 8, 9], 1.0, 1.5),
         ([0, 0, 0], [0, 0, 0], 1.0, 1.5), ([0, 2, 0], [0, 1, 1], 2.0, 1.0),
         ([0, 2, 3], [1, 1, 0], 1.0, 2.5)])],
)  # fmt: skip
def test_three_categories_are_those_of_a_grid(
    soc: list[int], cart: list[int], each: float, sd: float
) -> None:
    own = posterior(
        [soc, cart],
        prior={
            "control": {"each": each},
            "log_odds_ratio": {"dist": "normal", "mean": 0.2, "sd": sd},
        },
    )
    grid = Grid(soc, cart, each, sd)
    for value in (0.5, 1.0, 2.0, 6.0):
        slow = grid.share(grid.ratio > value)
        within = 0.6 * own.fast_error  # some of which is left to the grid's cells
        assert own.computed(RATIO.at(value))[0] == pytest.approx(slow, abs=within), value
        below = replace(RATIO.at(value), above=False)
        assert own.computed(below)[0] == pytest.approx(1.0 - slow, abs=within)
        turned = replace(RATIO.at(1.0 / value), arm=0, minus=1, above=False)
        assert own.computed(turned)[0] == pytest.approx(slow, abs=within)
    control, other = grid.shares
    score = [shares @ np.array(SCORES[:3]) for shares in (control, other)]
    worse = np.add.accumulate(control, axis=1) - 0.5 * control
    slow_answers = {
        Question("y", 1, 0, value=0.55, kind="better"): (other * worse).sum(axis=1) > 0.55,
        CURED: other[:, 2] - control[:, 2] > 0.1,
        Question("y", 1, value=60.0): score[1] > 60.0,
        Question("y", 1, 0, value=5.0, above=False): score[1] - score[0] < 5.0,
    }
    for question, so in slow_answers.items():
        found = own.computed(question)[0]
        assert found == pytest.approx(grid.share(so), abs=own.drawn_error), question


def ratio_below(soc: list[int], cart: list[int], each: float, sd: float) -> tuple[Floats, Floats]:
    """Distribution function of the log odds ratio, its mass by a sum over a fine lattice.

    Written in the cutpoints' own probabilities, u of a category better than the worst and v of the
    best among those, as logits: their density is u (1 - u) v (1 - v) times what it is of u and v.
    """
    u, v = (np.linspace(-17.0, 17.0, 101),) * 2
    beta = 0.2 + sd * np.linspace(-6.0, 6.0, 241)
    first, second = (axis.ravel() for axis in np.meshgrid(u, v, indexing="ij"))
    control = np.stack([
        special.log_expit(-first), special.log_expit(first) + special.log_expit(-second),
        special.log_expit(first) + special.log_expit(second),
    ])  # fmt: skip
    weights = np.array(soc) + each  # of a Dirichlet prior, with the Jacobian of both logits
    log = (weights[:, None] * control).sum(axis=0)
    better, best = special.expit(first), np.exp(control[2])
    mass = np.empty(len(beta))
    for place, b in enumerate(beta):
        odds = np.exp(b)
        moved = [p * odds / (1.0 - p + p * odds) for p in (better, best)]
        shares = np.maximum([1.0 - moved[0], moved[0] - moved[1], moved[1]], 1e-300)
        own = log + (np.array(cart)[:, None] * np.log(shares)).sum(axis=0)
        mass[place] = special.logsumexp(own) - 0.5 * ((b - 0.2) / sd) ** 2
    fine = np.linspace(beta[0], beta[-1], 4001)
    density = np.exp(CubicSpline(beta, mass - mass.max())(fine))
    below = np.cumsum((density[1:] + density[:-1]) / 2.0)
    return fine[1:], below / below[-1]


@pytest.mark.parametrize(
    ("soc", "cart", "each", "sd"),
    [([5, 1, 4], [0, 2, 1], 1.0, 1.5), ([9, 6, 0], [0, 1, 3], 1.0, 2.5),
     ([2, 5, 8], [1, 3, 11], 0.5, 1.0), ([40, 31, 9], [11, 40, 29], 1.0, 1.5),
     ([1, 3, 2], [0, 2, 5], 2.0, 2.0), ([3, 0, 3], [1, 1, 8], 1.0, 3.0)],
)  # fmt: skip
def test_the_error_falls_towards_certainty_as_is_stated(
    soc: list[int], cart: list[int], each: float, sd: float
) -> None:
    own = posterior(
        [soc, cart],
        prior={
            "control": {"each": each},
            "log_odds_ratio": {"dist": "normal", "mean": 0.2, "sd": sd},
        },
    )
    stated = own.by_place(RATIO, own.error(RATIO))
    assert stated.at(0.5) == 0.005
    assert stated.at(0.999) < 0.001
    values, below = ratio_below(soc, cart, each, sd)
    for share in (0.0002, 0.001, 0.005, 0.025, 0.1, 0.4, 0.7, 0.9, 0.975, 0.99, 0.998, 0.9998):
        value = float(np.interp(share, below, values))
        found = own.computed(RATIO.at(math.exp(value)))[0]
        assert abs(found - (1.0 - share)) <= 0.9 * stated.at(found), share


def test_two_categories_are_a_logistic_model() -> None:
    """The odds ratio of two proportions, by quadrature."""
    own = posterior([[7, 3], [2, 9]])
    x, w = special.roots_legendre(400)
    u = 0.5 * (1.0 + x)  # the control's better category
    for value in (1.0, 4.0):
        b = np.linspace(-8.0, 8.4, 2001)
        p = special.expit(special.logit(u)[:, None] + b)
        log = stats.binom.logpmf(3, 10, u)[:, None] + stats.binom.logpmf(9, 11, p)
        mass = w @ np.exp(log) * stats.norm.pdf(b, 0.2, 1.5)
        exact = mass[b > math.log(value)].sum() / mass.sum()
        assert own.computed(RATIO.at(value))[0] == pytest.approx(exact, abs=0.004)


def test_more_arms_share_the_cutpoints_and_any_two_are_compared() -> None:
    table = [[4, 9, 2, 1], [1, 8, 9, 2], [2, 2, 12, 6]]
    own = posterior(table, [[0] * 4] * 3)
    for arm, minus in ((1, 0), (2, 1), (1, 2), (0, 2)):
        question = replace(RATIO, arm=arm, minus=minus)
        for value in (0.6, 1.0, 1.9):
            drawn = Posterior.computed(own, question.at(value))
            found = own.computed(question.at(value))
            assert found == pytest.approx(drawn, abs=own.drawn_error), (arm, minus, value)
        median = own.mean(question)
        for trial in (0, 1):
            above = own.computed(question.at(float(median[trial])))[trial]
            assert above == pytest.approx(0.5, abs=0.003)
    best = [own.computed(Question("y", arm, kind="best")) for arm in (1, 2)]
    assert np.sum(best, axis=0) == pytest.approx(1.0)
    assert best[1][0] > 0.8


def test_nobody_leaves_the_prior_and_company_changes_nothing() -> None:
    tables = [[[0, 0, 0], [0, 0, 0]], [[3, 1, 4], [9, 0, 1]], [[30, 10, 20], [22, 18, 30]]]
    together = posterior(*tables)
    for value in (0.5, 1.0, 3.0):
        prior = stats.norm.sf(math.log(value), 0.2, 1.5)
        assert together.computed(RATIO.at(value))[0] == pytest.approx(prior, abs=2e-4)
    for question in (RATIO, CURED, Question("y", 1, 0, value=0.5, kind="better")):
        found = together.computed(question)
        for place, table in enumerate(tables):
            assert posterior(table).computed(question)[0] == found[place]
    even = {**PRIOR, "log_odds_ratio": {"dist": "normal", "mean": 0.0, "sd": 1.5}}
    untouched = posterior([[3, 1, 4], [0, 0, 0]], prior=even)
    assert untouched.probability(RATIO.compared_with(0.5))[0] == 0.5
    assert together.probability(RATIO.at(0.0).compared_with(1.0)).tolist() == [1.0] * 3
    never = together.probability(RATIO.at(1e9).compared_with(0.0))
    assert (never > 0.0).all()


def test_a_true_odds_ratio_is_that_of_the_odds_or_what_the_likelihood_tends_to() -> None:
    control = np.array([0.1, 0.3, 0.4, 0.2])
    worse = np.add.accumulate(control)[:3]
    moved = worse / (worse + (1.0 - worse) * 2.5)
    arm = np.diff(np.concatenate([[0.0], moved, [1.0]]))
    assert common_odds_ratio(arm, control, (3, 1)) == pytest.approx(2.5, rel=1e-12)
    # where odds are not proportional: as many participants as it takes leave nothing else
    other = np.array([0.1, 0.1, 0.3, 0.5])
    for weights in ((1, 1), (3, 1)):
        number = np.array([[weights[1]], [weights[0]]]) * 200_000
        counts = np.rint(np.stack([control, other]) * number).astype(int)
        median = posterior(counts.tolist()).mean(RATIO)[0]
        found = float(common_odds_ratio(other, control, weights))
        assert median == pytest.approx(found, rel=0.002)
    assert common_odds_ratio(control[::-1], other[::-1], (1, 1)) == pytest.approx(
        common_odds_ratio(other, control, (1, 1)), rel=1e-6
    )
    never, always = np.array([0.5, 0.5, 0.0]), np.array([0.0, 0.0, 1.0])
    assert common_odds_ratio(always, never, (1, 1)) == np.inf
    assert common_odds_ratio(never, always, (1, 1)) == 0.0
    assert common_odds_ratio(always, always, (1, 1)) == 1.0


def test_a_vague_prior_of_the_control_is_said_to_be_less_exact() -> None:
    for each, error in ((1.0, 0.005), (0.3, 0.02)):
        analysis = ANALYSES["proportional_odds"].model_validate(
            {"model": "proportional_odds", "prior": {**PRIOR, "control": {"each": each}}}
        )
        fitted = analysis.fitted(ARMS, (1.0,))
        assert analysis.error(fitted, RATIO, (20, 20, 20)) == error
        assert analysis.error(fitted, CURED, (20, 20, 20)) == 0.015


@pytest.mark.reference
@pytest.mark.slow
def test_the_same_model_in_pymc_agrees() -> None:
    from adaptive_cart.models.sampling import Compiled, fitted_carefully, mean_and_error

    analysis = ANALYSES["proportional_odds"].model_validate(
        {"model": "proportional_odds", "prior": PRIOR}
    )
    face = analysis.reference(ARMS[:2], (), (1.0,))
    own = posterior([[1, 5, 9], [1, 2, 12]])
    data = face.data(own.data)
    fit, trouble = fitted_carefully(Compiled(face, data), data, seed=5, draws=2000)
    assert trouble is None
    for question in (RATIO.at(1.5), CURED, Question("y", 1, 0, value=0.5, kind="better")):
        chance, error = mean_and_error(holds(question, face.quantity(fit.draws, question)))
        assert chance == pytest.approx(own.probability(question)[0], abs=4.0 * error + 0.01)
