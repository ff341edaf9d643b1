"""Calibration of the proportion whose change lies beyond a value (``beyond``): what is drawn.

The proportion is one of a population, so that here baselines are drawn anew in every data set, and
their mean and spread with the other parameters. All priors are flat, of which nothing can be drawn:
parameters are drawn from the posterior of some first participants, by least squares on their rows,
and the data are those and new ones. A posterior of all of them is then as calibrated as under a
proper prior.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
from calibration_case import Case, Floats, Generator, Truth

from adaptive_cart.nouns.questions import Cut, Question
from adaptive_cart.nouns.summaries import Scores, Summary

CENTRE = 9.0  # near which baselines lie
ARMS = 2
# of each arm: how many first ones, and how many of the new ones, have been seen at each visit
FIRST = {1: (7,), 3: (7, 7, 6)}
NEW = {1: ((9, 6),), 3: ((9, 8), (6, 5), (3, 4))}


class People:
    """Arms of everybody, how many visits of each have been seen, and the first ones' scores."""

    def __init__(self, visits: int) -> None:
        self.visits = visits
        seen = [[sum(k < number for number in FIRST[visits]) for k in range(FIRST[visits][0])]] * 2
        new = [[sum(k < number[arm] for number in NEW[visits]) for k in range(NEW[visits][0][arm])]
               for arm in range(ARMS)]  # fmt: skip
        self.first = sum(map(len, seen))
        every = [*seen, *new]
        arm = [[place % ARMS] * len(own) for place, own in enumerate(every)]
        self.arm: npt.NDArray[np.int64] = np.concatenate(arm).astype(np.int64)
        self.seen: npt.NDArray[np.int64] = np.concatenate(every).astype(np.int64)
        generator = np.random.default_rng([7, visits])
        self.baseline: Floats = generator.normal(CENTRE, 3.0, self.first)
        change = generator.multivariate_normal(
            np.linspace(-1.0, -2.5, visits), 4.0 * (0.4 * np.eye(visits) + 0.6), self.first
        )
        self.change: Floats = change - 0.3 * (self.baseline[:, None] - CENTRE)

    def parameters(self, generator: Generator, number: int) -> Truth:
        """Parameters given the first participants, and baselines of the new ones."""
        n, own = self.first, self.baseline
        squares = ((own - own.mean()) ** 2).sum()
        sd = np.sqrt(squares / generator.chisquare(n - 1, number))
        middle = own.mean() + sd / np.sqrt(n) * generator.standard_normal(number)
        new = generator.normal(middle[:, None], sd[:, None], (number, len(self.arm) - n))
        baseline = np.concatenate([np.broadcast_to(own, (number, n)), new], axis=1)
        average = baseline[:, self.seen > 0].mean(axis=1)
        mean, slope = np.zeros((number, ARMS, self.visits)), np.zeros((number, self.visits))
        log_sd, carried = np.zeros((number, self.visits)), []
        for visit in range(self.visits):
            who = self.seen[:n] > visit
            x = np.column_stack(
                [np.eye(ARMS)[self.arm[:n][who]], own[who] - CENTRE, self.change[who, :visit]]
            )
            y = self.change[who, visit]
            inverse = np.linalg.inv(x.T @ x)
            found = inverse @ x.T @ y
            left = ((y - x @ found) ** 2).sum()
            spread = np.sqrt(left / generator.chisquare(len(y) - x.shape[1], number))
            away = generator.multivariate_normal(np.zeros(len(found)), inverse, number)
            drawn = found + spread[:, None] * away
            log_sd[:, visit] = np.log(spread)
            carried += list(drawn[:, ARMS + 1 :].T)
            before = drawn[:, ARMS + 1 :]
            mean[..., visit] = drawn[:, :ARMS] + np.einsum("nj,nkj->nk", before, mean[..., :visit])
            slope[:, visit] = drawn[:, ARMS] + (before * slope[:, :visit]).sum(axis=1)
        # of those who start at the mean baseline of all who are analysed
        mean += (slope * (average - CENTRE)[:, None])[:, None]
        truth = {"mean": mean, "slope": slope, "log_sd": log_sd}
        if self.visits == 1:
            truth = {name: values[..., 0] for name, values in truth.items()}
        else:
            truth["carried"] = np.stack(carried, axis=1)
        truth |= {"baseline_mean": middle - average, "baseline_sd": sd}
        return truth | {"baseline": baseline, "average": average}

    def data(self, generator: Generator, truth: Truth) -> Summary:
        """The first participants as they were, and new ones from the multivariate normal."""
        number, visits = len(truth["average"]), self.visits
        products = np.zeros((number, ARMS, 1, visits, visits + 2, visits + 2))
        for row in range(number):
            triangle = np.eye(visits)
            if visits > 1:
                triangle[np.tril_indices(visits, -1)] = -truth["carried"][row]
            spread = np.linalg.inv(triangle) * np.exp(truth["log_sd"][row])
            mean, slope = truth["mean"][row].reshape(ARMS, visits), truth["slope"][row]
            baseline = truth["baseline"][row]
            away = baseline[:, None] - truth["average"][row]
            changes = mean[self.arm] + away * slope
            changes = changes + generator.normal(size=changes.shape) @ spread.T
            changes[: self.first] = self.change
            scores = np.column_stack([np.ones(len(away)), baseline, baseline[:, None] + changes])
            for arm, visit in itertools.product(range(ARMS), range(visits)):
                own = scores[(self.arm == arm) & (self.seen > visit), : visit + 3]
                products[row, arm, 0, visit, : visit + 3, : visit + 3] = own.T @ own
        return Scores(products, np.zeros((number, ARMS, 1), dtype=np.int64))


def _case(model: str, visits: int) -> Case:
    people, cut = People(visits), Cut(-2.0, lower=True)
    asked = {
        "cart, change below -2": Question("e", 1, value=0.5, kind="beyond", cut=cut),
        "cart - soc, change below -2": Question("e", 1, 0, value=0.1, kind="beyond", cut=cut),
        "soc, change below -4": Question("e", 0, value=0.2, kind="beyond", cut=Cut(-4.0, True)),
    }
    beside = ("baseline", "average")
    drawn = people.parameters, people.data
    return Case({"model": model}, ("soc", "cart"), (), (1.0,), *drawn, asked, beside)


NORMAL = _case("normal", 1)
VISITS = _case("normal_visits", 3)
