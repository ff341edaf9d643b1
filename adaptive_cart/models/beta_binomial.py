"""Responders in each arm: exact posterior probabilities for whole blocks of looks.

A look at a binary endpoint (drug-free remission at a landmark, an adverse event in its window)
sees in every arm a number of participants and a number of them with the event.  Rules ask how
probable it is that one arm's probability exceeds another's by more than a margin, that it exceeds a
fixed value, that the arm is the best; and, for predictive rules, how many of the participants still
to come will have the event.

Model
-----
In each arm, independently of the others::

    successes | probability ~ Binomial(total, probability)
    probability             ~ sum over k of weight_k Beta(a_k, b_k)

One component is the usual beta prior; several make a mixture, such as the robust meta-analytic
predictive prior (Schmidli et al. 2014, Biometrics 70:1023, doi:10.1111/biom.12242).  The posterior
is a mixture again, each component with a_k + successes and b_k + total - successes, its weight
multiplied by the component's beta-binomial marginal likelihood.

Method
------
With f_C the posterior density of one arm, S_T the survival function of the other and m >= 0::

    P(T - C > m) = integral over c in [0, 1 - m] of f_C(c) S_T(c + m) dc

The end points are algebraic (prior parameters may be far below 1, and S_T ends at c = 1 - m), so c
is written as (1 - m) / (1 + exp(-y)) and y as 2 sinh(t): the integrand becomes analytic in a strip
about the real line and decays double exponentially at both ends, where the trapezoidal rule with
equal steps in t converges geometrically (Trefethen & Weideman 2014, SIAM Review 56:385,
doi:10.1137/130932132, section 5; Takahasi & Mori 1974 for the double exponential map).  The step
follows from the Fourier tail of the product of two normal shapes whose precisions in y are at most
a quarter of the posterior sample sizes; the range from the lightest prior parameter.  For m < 0 the
two arms change roles, P(T - C > m) = 1 - P(C - T > -m).  P(best) is the same integral at m = 0 with
the product of the other arms' distribution functions.

The nodes depend on the priors, the margin and the posterior sample size rounded up to a power of
two, never on the other tables of a block.  Density and survival of each (successes, total) on these
nodes are worked out once; a table of counts then costs one dot product of fixed length.

Error
-----
P(T - C > m) differs by at most 7e-13 from tanh-sinh quadrature with 25 digits (422 random tables,
prior parameters 0.01 to 40, totals 0 to 400, margins 0 to 0.5).  Halving the step and lengthening
the range moves it by less than 4e-13 (prior parameters 0.01 to 2000, totals 0 to 2000, margins 0 to
0.95), so that what remains is rounding: up to 5e-12 where sample sizes reach thousands, from the
logarithm of the beta function.  P(best) agrees with Gauss-Legendre quadrature to 1e-11.
Intervals are solved to 1e-10.  Tests hold all of this to 1e-11 or, for intervals, 1e-9.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

from adaptive_cart.models.memo import Memo

__all__ = ["BetaBinomial", "BetaMixture"]

Table: TypeAlias = npt.NDArray[np.float64]  # (table,)
Counts: TypeAlias = npt.NDArray[np.int64]  # (table,)
TableArm: TypeAlias = npt.NDArray[np.integer[Any]]  # (table, arm)
TableNode: TypeAlias = npt.NDArray[np.float64]  # (table, node)

_MEMO = Memo()

# A table is one integer key of four counts of fifteen bits each; larger counts go unremembered.
_COUNT_BITS = 15
_COUNT_LIMIT = 1 << _COUNT_BITS

_STRETCH = 2.0  # y = _STRETCH * sinh(t); the normal shapes never get narrower than at y = 0
_NORMAL_STEP = 0.8  # step / standard deviation: error 2 exp(-2 (pi / 0.8)^2) = 8e-14
_EDGE_STEP = 0.25  # largest step in y out to the edge of a density near 0 or 1
_NEGLECTED = 32.0  # mass beyond the last nodes: exp(-32) = 1e-14
_DEEP = -600.0  # log probability below which the beta tail is its leading power
_CHUNK = 2**18  # table-node products held at once

# Intervals: every table has margins of its own, so that rows cannot be shared.
_NO_MASS = 1e-19  # a node with less is left out
_SMALLEST_MARGIN, _SMALL_MARGIN = 1e-12, 1e-3  # nearer to 0 is taken for 1e-12; two kinds of grid
_QUANTILE_ERROR = 1e-10
_NEWTON_STEPS = 12  # three or four are usual


@dataclass(frozen=True)
class BetaMixture:
    """Prior of one arm's probability: a mixture of beta distributions.

    Parameters
    ----------
    weights
        Of the components; they add up to 1.
    a, b
        Parameters of each component: prior successes and failures.

    Raises
    ------
    ValueError
        If the lengths differ, a parameter is not positive or the weights do not add up to 1.
    """

    weights: tuple[float, ...]
    a: tuple[float, ...]
    b: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse what is no mixture of beta distributions."""
        if not len(self.weights) == len(self.a) == len(self.b) > 0:
            raise ValueError(
                f"weights, a and b need the same length, at least 1; found "
                f"{len(self.weights)}, {len(self.a)} and {len(self.b)}"
            )
        if not all(0.0 < parameter < math.inf for parameter in self.a + self.b):
            raise ValueError(f"beta parameters must be positive; found a={self.a}, b={self.b}")
        if not (min(self.weights) >= 0.0 and abs(math.fsum(self.weights) - 1.0) < 1e-9):
            raise ValueError(f"weights must be >= 0 and add up to 1; found {self.weights}")

    @staticmethod
    def single(a: float, b: float) -> BetaMixture:
        """Beta(a, b), a mixture of one."""
        return BetaMixture((1.0,), (float(a),), (float(b),))

    def mean(self) -> float:
        """Prior mean of the probability."""
        return math.fsum(
            weight * a / (a + b) for weight, a, b in zip(self.weights, self.a, self.b, strict=True)
        )

    def probability_above(self, value: float) -> float:
        """Prior probability that the arm's probability exceeds `value`."""
        nobody = np.zeros(1, dtype=np.int64)
        return float(_above(self, (nobody, nobody), value)[0])


@dataclass(frozen=True)
class BetaBinomial:
    """Independent binomial arms with beta-mixture priors; settings only.

    Parameters
    ----------
    priors
        Of each arm's probability, in the order of the arms, control first.
    """

    priors: tuple[BetaMixture, ...]

    def mean(self, arm: int, successes: TableArm, totals: TableArm) -> Table:
        """Posterior mean of the arm's probability.

        Parameters
        ----------
        arm
            Index of the arm.
        successes, totals
            (table, arm), over all arms.

        Returns
        -------
            (table,)
        """
        checked = self._counts(successes, totals)
        weights, a, b = _update(self.priors[arm], *_column(checked, arm))
        mean: Table = (weights * (a / (a + b))).sum(axis=-1)
        return mean

    def above(self, arm: int, successes: TableArm, totals: TableArm, value: float) -> Table:
        """Posterior probability that the arm's probability exceeds `value`.

        Parameters
        ----------
        arm
            Index of the arm.
        successes, totals
            (table, arm), over all arms.
        value
            A probability; nothing exceeds 1, and everything exceeds what is below 0.

        Returns
        -------
            (table,)
        """
        checked = self._counts(successes, totals)
        if math.isnan(value):
            raise ValueError("value must be a number; found nan")
        prior = self.priors[arm]
        return _remembered(
            ("above", prior, float(value)),
            _column(checked, arm),
            lambda counts: _above(prior, counts, value),
        )

    def difference_above(
        self, arm: int, minus: int, successes: TableArm, totals: TableArm, margin: float
    ) -> Table:
        """Posterior probability that one arm's probability exceeds another's by more than `margin`.

        Parameters
        ----------
        arm, minus
            Indices of two different arms.
        successes, totals
            (table, arm), over all arms.
        margin
            Risk difference; may be negative.

        Returns
        -------
            (table,)
        """
        checked = self._counts(successes, totals)
        self._distinct((arm, minus))
        if math.isnan(margin):
            raise ValueError("margin must be a number; found nan")
        if margin < 0.0:
            # The difference is continuous, so that "above" and "at least" have one probability.
            return 1.0 - self.difference_above(minus, arm, successes, totals, -margin)
        if margin >= 1.0:
            return np.zeros(checked[0].shape[0])
        upper, lower, margin = self.priors[arm], self.priors[minus], float(margin)
        return _remembered(
            ("difference", upper, lower, margin),
            (*_column(checked, arm), *_column(checked, minus)),
            lambda counts: _difference_above(upper, lower, counts, margin),
        )

    def best(self, arms: tuple[int, ...], successes: TableArm, totals: TableArm) -> Table:
        """Posterior probability of each of some arms that its probability is the largest of them.

        Parameters
        ----------
        arms
            Indices of the arms compared.
        successes, totals
            (table, arm), over all arms.

        Returns
        -------
            (table, len(arms)), in the order of `arms`.
        """
        checked = self._counts(successes, totals)
        self._distinct(arms)
        if len(arms) == 1:
            return np.ones((checked[0].shape[0], 1))
        if len(arms) == 2:
            first = self.difference_above(*arms, successes, totals, 0.0)
            return np.stack([first, 1.0 - first], axis=-1)
        priors = tuple(self.priors[arm] for arm in arms)
        return _best(priors, checked[0][:, list(arms)], checked[1][:, list(arms)])

    def predictive_weights(
        self, arm: int, successes: int, totals: int, final_total: int
    ) -> npt.NDArray[np.float64]:
        """Posterior predictive distribution of the arm's final number of successes.

        Parameters
        ----------
        arm
            Index of the arm.
        successes, totals
            Observed in this arm now.
        final_total
            Participants analysed at the end; when fewer than `totals`, nobody is still to come.

        Returns
        -------
            (max(final_total, totals) + 1,): the probability of 0, 1, 2 … successes in the end.
        """
        checked = _checked(np.array([[successes]]), np.array([[totals]]), 1)
        to_come = max(int(final_total) - int(totals), 0)
        weights, a, b = _update(self.priors[arm], *_column(checked, 0))
        future = np.arange(to_come + 1.0)[:, None]
        with np.errstate(divide="ignore"):
            log_mass = (
                np.log(weights)
                + special.betaln(a + future, b + to_come - future)
                - special.betaln(a, b)
                - special.betaln(1.0 + future, 1.0 + to_come - future)
                - math.log1p(to_come)
            )
        mass = np.zeros(int(totals) + to_come + 1)
        mass[int(successes) : int(successes) + to_come + 1] = np.exp(log_mass).sum(axis=-1)
        return mass

    def interval(
        self,
        arm: int,
        minus: int | None,
        successes: TableArm,
        totals: TableArm,
        level: float = 0.95,
    ) -> npt.NDArray[np.float64]:
        """Equal-tailed credible interval of an arm's probability, or of a risk difference.

        Parameters
        ----------
        arm, minus
            Indices of two different arms; without `minus`, the interval is of the arm alone.
        successes, totals
            (table, arm), over all arms.
        level
            Posterior probability inside the interval.

        Returns
        -------
            (table, 2): lower and upper limit, to 1e-9.
        """
        checked = self._counts(successes, totals)
        if not 0.0 < level < 1.0:
            raise ValueError(f"level must be between 0 and 1; found {level}")
        priors: tuple[BetaMixture, ...] = (self.priors[arm],)
        columns: tuple[Counts, ...] = _column(checked, arm)
        if minus is not None:
            self._distinct((arm, minus))
            priors += (self.priors[minus],)
            columns += _column(checked, minus)

        def limit(probability: float) -> Table:
            return _remembered(
                ("quantile", priors, probability),
                columns,
                lambda counts: _quantile(priors, counts, probability),
            )

        limits = [limit(0.5 - 0.5 * level), limit(0.5 + 0.5 * level)]
        return np.stack(limits, axis=-1)

    def _counts(self, successes: TableArm, totals: TableArm) -> tuple[TableArm, TableArm]:
        return _checked(np.asarray(successes), np.asarray(totals), len(self.priors))

    def _distinct(self, arms: tuple[int, ...]) -> None:
        known = range(len(self.priors))
        if not arms or len(set(arms)) != len(arms) or any(arm not in known for arm in arms):
            raise ValueError(f"arms must be different ones of {list(known)}; found {list(arms)}")


def _checked(
    successes: npt.NDArray[Any], totals: npt.NDArray[Any], arms: int
) -> tuple[TableArm, TableArm]:
    """Refuse impossible counts; the possible ones, (table, arm), are returned as they came."""
    for name, counts in (("successes", successes), ("totals", totals)):
        if counts.ndim != 2 or counts.shape[1] != arms or counts.dtype.kind not in "iu":
            raise ValueError(
                f"{name} must be integers (table, {arms}); found {counts.dtype} {counts.shape}"
            )
    if successes.shape != totals.shape:
        raise ValueError(f"successes are {successes.shape}, totals {totals.shape}")
    if ((successes < 0) | (successes > totals)).any():
        raise ValueError("successes must lie between 0 and the total of their arm")
    return successes, totals


def _column(checked: tuple[TableArm, TableArm], arm: int) -> tuple[Counts, Counts]:
    """Successes and totals of one arm, each (table,)."""
    successes, totals = checked
    return successes[:, arm].astype(np.int64), totals[:, arm].astype(np.int64)


def _remembered(
    what: tuple[Any, ...],
    counts: tuple[Counts, ...],
    work_out: Callable[[tuple[Counts, ...]], npt.NDArray[np.float64]],
) -> npt.NDArray[np.float64]:
    """Answers of a function of two or four counts, each table worked out once per process."""
    if any(count.size and count.max() >= _COUNT_LIMIT for count in counts[1::2]):
        return work_out(counts)
    keys = counts[0]
    for count in counts[1:]:
        keys = (keys << _COUNT_BITS) | count

    def from_keys(distinct: Counts) -> npt.NDArray[np.float64]:
        shifts = range((len(counts) - 1) * _COUNT_BITS, -1, -_COUNT_BITS)
        return work_out(tuple((distinct >> shift) & (_COUNT_LIMIT - 1) for shift in shifts))

    return _MEMO.look_up(what, keys, from_keys)


def _update(prior: BetaMixture, successes: Counts, totals: Counts) -> _Posterior:
    """Posterior mixture of one arm."""
    prior_a, prior_b = np.array(prior.a), np.array(prior.b)
    a: TableNode = prior_a + successes[:, None]
    b: TableNode = prior_b + (totals - successes)[:, None]
    if len(prior.weights) == 1:
        return _Posterior(np.ones_like(a), a, b)
    with np.errstate(divide="ignore"):  # a component may have weight 0
        log_weights = np.log(prior.weights)
    log_weights = log_weights + special.betaln(a, b) - special.betaln(prior_a, prior_b)
    weights = np.exp(log_weights - log_weights.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return _Posterior(weights, a, b)


def _above(prior: BetaMixture, counts: tuple[Counts, ...], value: float) -> Table:
    """P(probability > value), (table,)."""
    weights, a, b = _update(prior, counts[0], counts[1])
    inside = min(max(float(value), 0.0), 1.0)
    above: Table = (weights * special.betaincc(a, b, inside)).sum(axis=-1)
    return np.minimum(above, 1.0)


class _Posterior(NamedTuple):
    """Posterior mixtures of one arm, each (table, component)."""

    weights: npt.NDArray[np.float64]
    a: npt.NDArray[np.float64]
    b: npt.NDArray[np.float64]


class _Grid(NamedTuple):
    """Nodes t = low + step * k, k < number, of the trapezoidal rule; see the module's Method."""

    low: float
    step: float
    number: int


class _Nodes(NamedTuple):
    """What every density and survival function needs to know of the nodes, each (node,)."""

    log_weight: npt.NDArray[np.float64]  # log of step * dy/dt
    u: npt.NDArray[np.float64]  # 1 / (1 + exp(-y))
    v: npt.NDArray[np.float64]  # 1 - u
    log_u: npt.NDArray[np.float64]
    log_v: npt.NDArray[np.float64]


@lru_cache(maxsize=64)
def _nodes(grid: _Grid) -> _Nodes:
    t = grid.low + grid.step * np.arange(grid.number)
    y = _STRETCH * np.sinh(t)
    log_weight = np.log(grid.step * _STRETCH * np.cosh(t))
    log_u, log_v = special.log_expit(y), special.log_expit(-y)
    return _Nodes(log_weight, np.exp(log_u), np.exp(log_v), log_u, log_v)


@lru_cache(maxsize=4096)
def _grid(priors: tuple[BetaMixture, ...], margin: float, size: int) -> _Grid:
    """Nodes for the arms of one comparison whose posterior sample sizes add up to `size` at most.

    A density that goes like u^a near 0, a < 1, and holds a sample size of `size`, has less than
    (size * u)^a of its mass below u; the same near 1.
    """
    # The lightest tail of any arm, whichever is integrated: nodes grow with its logarithm only.
    lightest_a = min(1.0, *(a for prior in priors for a in prior.a))
    lightest_b = min(1.0, *(b for prior in priors for b in prior.b))
    reach = math.log(size)
    low = -math.asinh((reach + _NEGLECTED / lightest_a) / _STRETCH)
    high = math.asinh((reach + _NEGLECTED / lightest_b) / _STRETCH)
    # Densities near 0 and 1 have an edge at |y| = log(size), and the shift by a margin one at
    # log(margin); there the step in y is wider than at y = 0.
    edge = max(reach, -math.log(margin)) if margin > 0.0 else reach
    step = min(
        _NORMAL_STEP * 2.0 / math.sqrt(size) / _STRETCH,
        _EDGE_STEP / math.hypot(_STRETCH, edge),
    )
    return _Grid(low, step, math.ceil((high - low) / step) + 1)


def _by_size(
    priors: tuple[BetaMixture, ...], totals: npt.NDArray[np.int64]
) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """Tables grouped by posterior sample size, rounded up to a power of two.

    Parameters
    ----------
    priors, totals
        Of the arms compared; totals are (table, arm).

    Returns
    -------
        Pairs of a size and the indices of its tables.
    """
    prior_size = sum(max(a + b for a, b in zip(p.a, p.b, strict=True)) for p in priors)
    exponents = np.frexp(totals.sum(axis=-1) + max(prior_size, 8.0))[1]
    for exponent in np.unique(exponents):
        yield 2 ** int(exponent), np.flatnonzero(exponents == exponent)


def _density(
    posterior: _Posterior, nodes: _Nodes, margin: npt.NDArray[np.float64] | float
) -> TableNode:
    """Posterior density at c = (1 - margin) u times dc/dt and the step, (table, node)."""
    # With f(c) dc/dy = c^a (1 - c)^(b - 1) (1 - u) / B(a, b); at margin 0, 1 - u is 1 - c, which
    # may lie closer to 0 than a double can say.
    log_c = np.log1p(-margin) + nodes.log_u
    log_complement, edge = nodes.log_v, nodes.log_weight
    if np.all(margin > 0.0):
        log_complement = np.log(margin + (1.0 - margin) * nodes.v)
        edge = nodes.log_weight + nodes.log_v - log_complement
    weights, a, b = posterior
    density = np.zeros((a.shape[0], nodes.u.size))
    for k in range(a.shape[1]):
        constant = special.betaln(a[:, k], b[:, k])[:, None]
        exponent = a[:, k, None] * log_c + b[:, k, None] * log_complement - constant + edge
        density += weights[:, k, None] * np.exp(exponent)
    return density


def _survival(posterior: _Posterior, nodes: _Nodes, margin: float) -> TableNode:
    """P(probability > c + margin) at the nodes, (table, node)."""
    p, q = margin + (1.0 - margin) * nodes.u, (1.0 - margin) * nodes.v
    weights, a, b = posterior
    survival = np.zeros((a.shape[0], p.size))
    for k in range(a.shape[1]):
        above = _beta_above(a[:, k, None], b[:, k, None], p, q)
        if margin == 0.0:
            _replace_deep_tails(above, a[:, k, None], b[:, k, None], nodes)
        survival += weights[:, k, None] * above
    return survival


def _beta_above(
    a: npt.NDArray[np.float64],
    b: npt.NDArray[np.float64],
    p: npt.NDArray[np.float64],
    q: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """P(Beta(a, b) > p), q being 1 - p, by way of the smaller of the two."""
    near_0 = p < q
    first, second = np.where(near_0, a, b), np.where(near_0, b, a)
    # betainc with swapped parameters is as exact as betaincc here, and ten times as fast.
    tail = special.betainc(first, second, np.minimum(p, q))
    survival: npt.NDArray[np.float64] = np.where(near_0, 1.0 - tail, tail)
    return survival


def _replace_deep_tails(
    above: TableNode, a: npt.NDArray[np.float64], b: npt.NDArray[np.float64], nodes: _Nodes
) -> None:
    """Work out survival anew, in place, where u or 1 - u underflow, by the leading power.

    With Beta(0.01, b) one part in a thousand of the mass lies below the smallest double.
    """
    for deep, value, first in (
        (np.flatnonzero(nodes.log_u < _DEEP), nodes.log_u, a),
        (np.flatnonzero(nodes.log_v < _DEEP), nodes.log_v, b),
    ):
        if deep.size:
            tail = np.exp(first * value[deep] - np.log(first) - special.betaln(a, b))
            above[:, deep] = 1.0 - tail if first is a else tail


def _rows(
    kind: Literal["density", "survival"],
    prior: BetaMixture,
    successes: Counts,
    totals: Counts,
    grid: _Grid,
    margin: float,
) -> TableNode:
    """Density or survival rows of one arm's counts, each worked out once per process."""

    def work_out(counts: tuple[Counts, ...]) -> TableNode:
        posterior = _update(prior, counts[0], counts[1])
        if kind == "density":
            return _density(posterior, _nodes(grid), margin)
        return _survival(posterior, _nodes(grid), margin)

    return _remembered((kind, prior, grid, margin), (successes, totals), work_out)


def _chunks(tables: npt.NDArray[np.int64], grid: _Grid) -> Iterator[npt.NDArray[np.int64]]:
    """Tables in portions whose rows fit into a processor's cache."""
    portion = max(1, _CHUNK // grid.number)
    for start in range(0, tables.size, portion):
        yield tables[start : start + portion]


def _difference_above(
    upper: BetaMixture,
    lower: BetaMixture,
    counts: tuple[Counts, ...],
    margin: float,
) -> Table:
    """P(upper arm - lower arm > margin) for 0 <= margin < 1, (table,)."""
    upper_successes, upper_totals, lower_successes, lower_totals = counts
    answer = np.empty(upper_successes.size)
    totals = np.stack([upper_totals, lower_totals], axis=-1)
    for size, tables in _by_size((upper, lower), totals):
        grid = _grid((upper, lower), margin, size)
        for t in _chunks(tables, grid):
            density = _rows("density", lower, lower_successes[t], lower_totals[t], grid, margin)
            survival = _rows("survival", upper, upper_successes[t], upper_totals[t], grid, margin)
            answer[t] = np.einsum("tk,tk->t", density, survival)
    return np.clip(answer, 0.0, 1.0)


def _best(
    priors: tuple[BetaMixture, ...],
    successes: npt.NDArray[np.integer[Any]],
    totals: npt.NDArray[np.integer[Any]],
) -> npt.NDArray[np.float64]:
    """P(each arm is the best), (table, arm)."""
    answer = np.empty(successes.shape)
    arms = range(len(priors))
    for size, tables in _by_size(priors, totals.astype(np.int64)):
        grid = _grid(priors, 0.0, size)
        for t in _chunks(tables, grid):
            columns = [_column((successes[t], totals[t]), arm) for arm in arms]
            below = [1.0 - _rows("survival", priors[arm], *columns[arm], grid, 0.0) for arm in arms]
            for arm in arms:
                product = _rows("density", priors[arm], *columns[arm], grid, 0.0)
                for other in arms:
                    if other != arm:
                        product *= below[other]
                answer[t, arm] = product.sum(axis=-1)
    return np.clip(answer, 0.0, 1.0)


def _difference_and_density(
    upper: BetaMixture, lower: BetaMixture, counts: tuple[Counts, ...], margin: Table
) -> tuple[Table, Table]:
    """P(upper - lower > margin) and the density there, every table with its own margin, (table,).

    Rows cannot be shared between margins; instead, the survival function is worked out only where
    the other arm has mass.
    """
    above, density = np.empty(margin.size), np.empty(margin.size)
    for negative in (False, True):
        tables = np.flatnonzero((margin < 0.0) == negative)
        priors = (lower, upper) if negative else (upper, lower)
        x_top, n_top, x_bottom, n_bottom = (
            count[tables] for count in (counts[2:] + counts[:2] if negative else counts)
        )
        own = np.clip(np.abs(margin[tables]), _SMALLEST_MARGIN, 1.0 - _SMALLEST_MARGIN)
        # Few distinct grids: one for small margins, one for the others.
        for smallest, chosen in (
            (_SMALLEST_MARGIN, np.flatnonzero(own < _SMALL_MARGIN)),
            (_SMALL_MARGIN, np.flatnonzero(own >= _SMALL_MARGIN)),
        ):
            totals = np.stack([n_top[chosen], n_bottom[chosen]], axis=-1)
            for size, sized in _by_size(priors, totals):
                grid = _grid(priors, smallest, size)
                nodes = _nodes(grid)
                for t in _chunks(chosen[sized], grid):
                    mass = _density(
                        _update(priors[1], x_bottom[t], n_bottom[t]), nodes, own[t, None]
                    )
                    row, node = np.nonzero(mass > _NO_MASS)
                    shift = own[t][row]
                    p, q = shift + (1.0 - shift) * nodes.u[node], (1.0 - shift) * nodes.v[node]
                    log_p, log_q = np.log(p), np.log(q)
                    survival, height = np.zeros_like(mass), np.zeros_like(mass)
                    weights, a, b = _update(priors[0], x_top[t], n_top[t])
                    for k in range(a.shape[1]):
                        w, c, d = weights[row, k], a[row, k], b[row, k]
                        survival[row, node] += w * _beta_above(c, d, p, q)
                        constant = special.betaln(a[:, k], b[:, k])[row]
                        height[row, node] += w * np.exp(
                            (c - 1.0) * log_p + (d - 1.0) * log_q - constant
                        )
                    exceeds = np.einsum("tk,tk->t", mass, survival)
                    above[tables[t]] = 1.0 - exceeds if negative else exceeds
                    density[tables[t]] = np.einsum("tk,tk->t", mass, height)
    return above, density


def _quantile(
    priors: tuple[BetaMixture, ...], counts: tuple[Counts, ...], probability: float
) -> Table:
    """Posterior quantile of a probability (one prior) or of a difference (two priors), (table,)."""
    posteriors = [_update(prior, *counts[2 * k : 2 * k + 2]) for k, prior in enumerate(priors)]
    if len(priors) == 1 and len(priors[0].weights) == 1:
        _, a, b = posteriors[0]
        exact: Table = special.betaincinv(a[:, 0], b[:, 0], probability)
        return exact

    def above_and_density(value: Table, chosen: npt.NDArray[np.int64]) -> tuple[Table, Table]:
        if len(priors) == 2:
            own = tuple(count[chosen] for count in counts)
            return _difference_and_density(priors[0], priors[1], own, value)
        weights, a, b = (part[chosen] for part in posteriors[0])
        p = value[:, None]
        height = np.exp(
            special.xlogy(a - 1.0, p) + special.xlog1py(b - 1.0, -p) - special.betaln(a, b)
        )
        above = (weights * special.betaincc(a, b, p)).sum(axis=-1)
        return above, (weights * height).sum(axis=-1)

    # Newton's method on the probit scale, where the posterior is almost a straight line, from the
    # normal approximation.
    lowest = -1.0 if len(priors) == 2 else 0.0
    quantile: Table
    mean, variance = np.zeros(counts[0].size), np.zeros(counts[0].size)
    for sign, (weights, a, b) in zip((1.0, -1.0), posteriors, strict=False):
        first = (weights * a / (a + b)).sum(axis=-1)
        second = (weights * a * (a + 1.0) / ((a + b) * (a + b + 1.0))).sum(axis=-1)
        mean += sign * first
        variance += np.maximum(second - first**2, 0.0)
    target = special.ndtri(1.0 - probability)
    quantile = np.clip(mean - target * np.sqrt(variance), lowest + 1e-3, 1.0 - 1e-3)
    open_tables = np.arange(quantile.size)
    for _ in range(_NEWTON_STEPS):
        above, density = above_and_density(quantile[open_tables], open_tables)
        probit = special.ndtri(above)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            slope = density * math.sqrt(2.0 * math.pi) * np.exp(0.5 * probit**2)
            step = (probit - target) / slope
        quantile[open_tables] += step
        inside = (quantile[open_tables] > lowest) & (quantile[open_tables] < 1.0)
        lost = ~(inside & np.isfinite(step))
        quantile[open_tables[lost]] = np.nan
        open_tables = open_tables[~lost & (np.abs(step) > _QUANTILE_ERROR)]
        if not open_tables.size:
            break
    unsolved = np.union1d(open_tables, np.flatnonzero(np.isnan(quantile)))
    if unsolved.size:
        # Posteriors heaped at 0 or at 1 are no straight line: halve [lowest, 1].
        low, high = np.full(unsolved.size, lowest), np.ones(unsolved.size)
        while high[0] - low[0] > _QUANTILE_ERROR:
            middle = 0.5 * (low + high)
            too_low = above_and_density(middle, unsolved)[0] > 1.0 - probability
            low, high = np.where(too_low, middle, low), np.where(too_low, high, middle)
        quantile[unsolved] = 0.5 * (low + high)
    return quantile
