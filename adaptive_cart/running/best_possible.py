"""The best that any design on counts could do with given looks: a bound for every rule there is.

A design on two arms (or one) with fixed numbers at its looks is, whatever its rules, a decision on
each table of counts: stop with a success, stop without one, or go on. What is wanted of it is a
small expected cost over a mixture of truths, an error of at most so much at every null truth, and
some power. With a price on errors and on success where it is wanted, the cheapest decisions follow
by backward induction from the last look (DeGroot 1970, Optimal Statistical Decisions, chapter 12;
for trials with two errors Eales & Jennison 1992, Biometrika 79:13):

    cost of a table = min(success now, no success now, expected cost of the tables that follow)

Masses of tables go backwards as the counts of fewer participants do, hypergeometric, which is the
same under every truth; so one recursion serves the whole mixture.

For any prices ≥ 0 the cheapest total, less what the constraints let pass at these prices, is a
lower bound of the cost of every design that meets them, randomised ones among them (Lagrange). The
prices that make the bound largest are found by cutting planes: each rule met on the way is one
plane (Kelley 1960). Null truths are a grid, of which those count that bind; leaving truths out
lowers the bound and never makes it wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.running.carrying import binomials, carried, chosen

MOST_PRICE = 1e5  # times the largest cost of a trial; a bound at a capped price is one still
WITHIN = 1e-4  # of the cost: between the bound and what the rules met so far make possible
ROUNDS = 400
FIRST = 5  # null truths that are looked at from the start
OVER = 1e-7  # of error at a null truth that does not count as too large


@dataclass(frozen=True)
class Wish:
    """A truth at which success is wanted with a probability of at least so much."""

    rates: tuple[float, ...]
    least: float


@dataclass(frozen=True)
class Stake:
    """A truth of the mixture, and what a trial costs that ends there.

    Attributes
    ----------
    success, otherwise
        By look: cost of a trial that stops there with a success, and without one.
    """

    weight: float
    rates: tuple[float, ...]
    success: tuple[float, ...]
    otherwise: tuple[float, ...]


@dataclass(frozen=True)
class Decisions:
    """A rule: by look, the tables at which it stops with a success, and at which it goes on."""

    wins: tuple[Booleans, ...]
    goes_on: tuple[Booleans, ...]


@dataclass(frozen=True)
class Best:
    """What any design could do.

    Attributes
    ----------
    bound
        No design costs less; infinite where none meets the constraints.
    attained
        Cost of a mixture of rules that meets them (at the null truths of the grid); infinite where
        none was found.
    prices
        Of errors by null rates, and of success by wish, at which the bound is found.
    """

    bound: float
    attained: float
    error_prices: tuple[tuple[tuple[float, ...], float], ...]
    success_prices: tuple[float, ...]


class AnyDesign:
    """Every rule there could be at given looks.

    Parameters
    ----------
    analysed
        By look, the numbers analysed in each arm.
    stakes
        The mixture over which costs are averaged.
    error
        Largest probability of success at a null truth.
    nulls
        Null truths, ``(truth, arm)``.
    """

    def __init__(
        self,
        analysed: Sequence[tuple[int, ...]],
        stakes: Sequence[Stake],
        error: float,
        nulls: Floats,
        wishes: Sequence[Wish],
    ) -> None:
        self.analysed, self.stakes, self.error = list(analysed), list(stakes), error
        self.nulls, self.wishes = np.asarray(nulls, dtype=np.float64), list(wishes)
        self.active = sorted({int(k) for k in np.linspace(0, len(self.nulls) - 1, FIRST)})
        rates = np.array([stake.rates for stake in stakes])
        wanted = np.array([wish.rates for wish in wishes]).reshape(-1, len(self.analysed[0]))
        self._every = np.concatenate([self.nulls, wanted, rates])

    # ── masses ────────────────────────────────────────────────────────────────────────────
    @cached_property
    def _binomials(self) -> list[list[Floats]]:
        """By look and arm: binomial masses at every truth, ``(truth, responders)``."""
        return [
            [binomials(n, self._every[:, arm]) for arm, n in enumerate(numbers)]
            for numbers in self.analysed
        ]

    def _mass(self, look: int, truths: Sequence[int], factors: Floats) -> Floats:
        """Sum over truths of a factor times the mass of each table, ``(responders, …)``."""
        by_arm = [masses[list(truths)] for masses in self._binomials[look]]
        if len(by_arm) == 1:
            return np.asarray(factors @ by_arm[0])
        return np.asarray((by_arm[0] * factors[:, None]).T @ by_arm[1])

    @cached_property
    def _costs(self) -> list[tuple[Floats, Floats]]:
        """By look: mass of every table times its cost, with a success and without one."""
        first = len(self.nulls) + len(self.wishes)
        places = range(first, first + len(self.stakes))
        found = []
        for look in range(len(self.analysed)):
            won = np.array([s.weight * s.success[look] for s in self.stakes])
            lost = np.array([s.weight * s.otherwise[look] for s in self.stakes])
            found.append((self._mass(look, places, won), self._mass(look, places, lost)))
        return found

    @cached_property
    def _backwards(self) -> list[list[Floats]]:
        """By look but the last, and arm: the counts of those in, given those at the next look."""
        pairs = zip(self.analysed[:-1], self.analysed[1:], strict=True)
        return [
            [chosen(now, then) for now, then in zip(before, after, strict=True)]
            for before, after in pairs
        ]

    # ── at given prices ───────────────────────────────────────────────────────────────────
    def cheapest(self, of_error: Floats, of_success: Floats) -> tuple[float, Decisions]:
        """The least cost at some prices, and the decisions that have it.

        Parameters
        ----------
        of_error
            By active null truth.
        of_success
            By wish: what a success there is worth.
        """
        places = [*self.active, *range(len(self.nulls), len(self.nulls) + len(self.wishes))]
        prices = np.concatenate([of_error, -of_success])
        wins, goes_on = [], []
        then: Floats | None = None
        for look in reversed(range(len(self.analysed))):
            won, lost = self._costs[look]
            won = won + self._mass(look, places, prices)
            stop = np.minimum(won, lost)
            later = np.full(stop.shape, np.inf)
            if then is not None:
                steps = self._backwards[look]
                later = steps[0] @ then
                later = later if len(steps) == 1 else later @ steps[1].T
            going = later < stop
            goes_on.append(going)
            wins.append(~going & (won < lost))
            then = np.where(going, later, stop)
        assert then is not None
        return float(then.sum()), Decisions(tuple(wins[::-1]), tuple(goes_on[::-1]))

    def judged(self, rule: Decisions) -> tuple[float, Floats, Floats]:
        """Cost of a rule, and its probability of success at every null truth and at every wish."""
        arms = len(self.analysed[0])
        running: Floats = np.ones((1,) * arms)
        before: tuple[int, ...] = (0,) * arms
        success, cost = np.zeros(len(self._every)), 0.0
        for look, after in enumerate(self.analysed):
            reached = carried(running, [chosen(b, a) for b, a in zip(before, after, strict=True)])
            wins, stays = rule.wins[look], rule.goes_on[look]
            masses = self._binomials[look]
            won = np.where(wins, reached, 0.0)
            if arms == 1:
                success += masses[0] @ won
            else:
                success += ((masses[0] @ won) * masses[1]).sum(axis=1)
            of_success, otherwise = self._costs[look]
            ended = np.where(stays, 0.0, reached)
            cost += float((np.where(wins, of_success, otherwise) * ended).sum())
            running, before = np.where(stays, reached, 0.0), after
        many = len(self.nulls)
        return cost, success[:many], success[many : many + len(self.wishes)]

    # ── over all prices ───────────────────────────────────────────────────────────────────
    def best(self, within: float = WITHIN) -> Best:
        """The largest bound over all prices, to a share ``within`` of it."""
        planes = [self.judged(self._never())]
        top = np.full(len(self.wishes), self._top)
        planes.append(self.judged(self.cheapest(np.zeros(len(self.active)), top)[1]))
        bound, prices = -np.inf, (np.zeros(len(self.active)), np.zeros(len(self.wishes)))
        for _ in range(ROUNDS):
            master = self._master(planes)
            if master is None:  # the bound so far is one
                break
            value, of_error, of_success, shares = master
            least, rule = self.cheapest(of_error, of_success)
            least -= self.error * float(of_error.sum())
            least += float(of_success @ [wish.least for wish in self.wishes])
            if least > bound:
                bound, prices = least, (of_error, of_success)
            if bound > self._dearest:  # no design costs as much, so that none meets all
                return self._found(np.inf, np.inf, prices)
            if value - least <= within * max(abs(value), 1e-9):
                worst = self._exceeded(shares, planes)
                if worst is None:
                    return self._found(bound, value, prices)
                self.active.append(worst)
                continue
            planes.append(self.judged(rule))
        return self._found(bound, np.inf, prices)

    def _exceeded(
        self, shares: Floats, planes: Sequence[tuple[float, Floats, Floats]]
    ) -> int | None:
        """The null truth at which a mixture of rules has the largest error, if that is too large.

        Nothing where it counts already.
        """
        errors = np.sum([s * p[1] for s, p in zip(shares, planes, strict=True)], axis=0)
        worst = int(errors.argmax())
        over = errors[worst] > self.error + OVER and worst not in self.active
        return worst if over else None

    def _never(self) -> Decisions:
        """The rule that stops at the first look without a success."""
        nowhere = tuple(np.zeros([n + 1 for n in look], dtype=np.bool_) for look in self.analysed)
        return Decisions(nowhere, nowhere)

    @cached_property
    def _dearest(self) -> float:
        """What no design costs more than."""
        return sum(s.weight * max(*s.success, *s.otherwise) for s in self.stakes) + 1e-6

    @cached_property
    def _top(self) -> float:
        """A price, and a cost, that stands for infinity."""
        largest = max(max(map(abs, (*s.success, *s.otherwise))) for s in self.stakes)
        return MOST_PRICE * max(largest, 1.0)

    def _master(
        self, planes: Sequence[tuple[float, Floats, Floats]]
    ) -> tuple[float, Floats, Floats, Floats] | None:
        """Prices at which the least of all planes is largest, that value, and shares of rules.

        Nothing where that linear programme could not be solved.
        """
        from scipy.optimize import linprog

        errors = np.array([plane[1][self.active] for plane in planes]) - self.error
        least = np.array([wish.least for wish in self.wishes])
        lacks = least - np.array([plane[2] for plane in planes]).reshape(len(planes), -1)
        slopes = np.concatenate([errors, lacks], axis=1)
        # as shares of rules: the cheapest mixture of them that meets all constraints
        unit = self._top / MOST_PRICE
        costs = [plane[0] / unit for plane in planes]
        found: Any = linprog(
            costs + [MOST_PRICE] * slopes.shape[1],
            A_ub=np.concatenate([slopes.T, -np.eye(slopes.shape[1])], axis=1),
            b_ub=np.zeros(slopes.shape[1]),
            A_eq=[[1.0] * len(planes) + [0.0] * slopes.shape[1]],
            b_eq=[1.0],
            method="highs",
        )
        if not found.success:
            return None
        prices = np.maximum(-found.ineqlin.marginals, 0.0) * unit
        many = len(self.active)
        return float(found.fun) * unit, prices[:many], prices[many:], found.x[: len(planes)]

    def _found(self, bound: float, attained: float, prices: tuple[Floats, Floats]) -> Best:
        active = [tuple(float(r) for r in self.nulls[place]) for place in self.active]
        named = tuple(zip(active, map(float, prices[0]), strict=False))
        return Best(float(bound), float(attained), named, tuple(map(float, prices[1])))


def most_power(
    analysed: tuple[int, ...], error: float, nulls: Floats, rates: tuple[float, ...]
) -> float:
    """The largest power at a truth that any test of so many participants has, looks or none.

    Parameters
    ----------
    analysed
        Numbers in each arm at the last look; earlier looks cannot add to what is known then.
    """
    stake = Stake(1.0, rates, (-1.0,), (0.0,))
    found = AnyDesign([analysed], [stake], error, nulls, []).best(1e-6)
    return min(-found.bound, 1.0)
