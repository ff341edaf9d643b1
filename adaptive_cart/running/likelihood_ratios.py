"""What trials that end somewhere would look like under another true value.

A trial of a scenario says what trials of another true value do as well, if it is weighted by how
much more probable its data are there: by the ratio of two likelihoods. The likelihood of the data
of a trial that has stopped is that of data without any stop, and is taken for normal about the
estimate, with the width of its interval. Trials of all scenarios count together, each weighted by
its likelihood at the value asked for over the mean of those at the true values of the scenarios
(Owen & Zhou 2000, J Am Stat Assoc 95:135, for mixtures). So the probability to end there, given the
estimate, needs no more than to be counted:

    q(x) = trials that ended there with x / trials expected at x, had none stopped

and the mean of the estimates that end there under a true value t is that of x, weighted by
q(x) N(x; t, its error).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from adaptive_cart.nouns.records import Floats, Integers

CELLS = 240  # of the estimates of trials that end at one look for one reason, or more:
WIDEST, MOST_CELLS = 0.25, 2400  # a cell, in standard errors, where no more than so many do for it
BEYOND = 5.0  # standard errors on each side at which q is that of the last cells known
NEEDED = 10.0  # trials expected within half a standard error, had none stopped, for q to be known


@dataclass(frozen=True)
class Seen:
    """Trials of one scenario that ended at one look for one reason.

    Attributes
    ----------
    true
        Their true value.
    trials
        All trials of the scenario.
    estimate, error
        ``(trial,)`` of those that ended there, on a scale on which they are about normal.
    """

    true: float
    trials: int
    estimate: Floats
    error: Floats


@dataclass(frozen=True)
class GivenStop:
    """Bias of the estimates of trials that end at one look for one reason, by the true value.

    Attributes
    ----------
    values, bias
        ``(cell,)`` true values in ascending order, and the bias at each.
    """

    values: Floats
    bias: Floats

    @staticmethod
    def of(scenarios: list[Seen]) -> GivenStop | None:
        """Learn it from the trials of all scenarios; nothing where fewer than two ended there.

        A scenario whose true value has no place on the scale (a ratio of 0) teaches nothing.

        At the true value of a scenario it is what its own trials have (the mean over scenarios
        of one true value); what the likelihood ratios lack there is added in between as well, in
        proportion, and beyond the last scenario in full.
        """
        scenarios = [one for one in scenarios if np.isfinite(one.true)]
        if sum(len(one.estimate) for one in scenarios) < 2:
            return None
        estimate = np.concatenate([one.estimate for one in scenarios])
        error = np.concatenate([one.error for one in scenarios])
        x, errors, q = _ends_by_estimate(scenarios, estimate, error)
        bias = _mean_given(x, errors, q, x) - x
        known = [one for one in scenarios if len(one.estimate)]
        values = np.array([one.true for one in known])
        lacking = np.array([float(one.estimate.mean()) - one.true for one in known])
        lacking -= _mean_given(x, errors, q, values) - values
        weights = np.array([len(one.estimate) for one in known], dtype=np.float64)
        at, place = np.unique(values, return_inverse=True)
        added = np.bincount(place, weights * lacking) / np.bincount(place, weights)
        return GivenStop(x, bias + np.interp(x, at, added))

    def at(self, value: Floats) -> Floats:
        """Bias at some true values; beyond all that is known, that of the last one."""
        return np.interp(value, self.values, self.bias)


def _ends_by_estimate(
    scenarios: list[Seen], estimate: Floats, error: Floats
) -> tuple[Floats, Floats, Floats]:
    """Cells of the estimate with its mean error, and how probable it is to end there so."""
    most, usual = float(error.max()), float(np.median(error))
    low, high = float(estimate.min()) - BEYOND * most, float(estimate.max()) + BEYOND * most
    number = int(np.clip(np.ceil((high - low) / (WIDEST * usual)), CELLS, MOST_CELLS))
    edges = np.linspace(low, high, number + 1)
    middle = (edges[1:] + edges[:-1]) / 2.0
    cell = np.clip(np.searchsorted(edges, estimate, side="right") - 1, 0, number - 1)
    ended = np.bincount(cell, minlength=number).astype(np.float64)
    some = np.flatnonzero(ended)
    errors = np.interp(middle, middle[some], np.bincount(cell, error)[some] / ended[some])
    expected = np.zeros(number)
    for one in scenarios:
        above, below = ((ends - one.true) / errors for ends in (edges[1:], edges[:-1]))
        expected += one.trials * (special.ndtr(above) - special.ndtr(below))
    near = max(int(np.ceil(usual / (2.0 * (edges[1] - edges[0])))), 1)
    around = np.convolve(expected, np.ones(2 * near + 1), mode="same")
    known = np.flatnonzero((around >= NEEDED) & (expected > 0.0))
    if not ended[known].any():  # no scenario's true value is near: q is the same everywhere
        return middle, errors, np.ones(number)
    q = np.zeros(number)
    q[known] = ended[known] / expected[known]

    def together(cells: Integers) -> float:
        return float(ended[cells].sum() / expected[cells].sum())

    q[: known[0]], q[known[-1] + 1 :] = together(known[:near]), together(known[-near:])
    for gap in np.flatnonzero(np.diff(known) > 1):  # between scenarios that lie far apart
        low_end, high_end = known[gap], known[gap + 1]
        before = together(known[max(gap + 1 - near, 0) : gap + 1])
        after = together(known[gap + 1 : gap + 1 + near])
        q[low_end + 1 : high_end] = np.linspace(before, after, high_end - low_end + 1)[1:-1]
    return middle, errors, q


def _mean_given(x: Floats, errors: Floats, q: Floats, true: Floats) -> Floats:
    """Mean of the estimates that end there, at each of some true values."""
    from_each = -0.5 * ((x - true[:, None]) / errors) ** 2 - np.log(errors)
    with np.errstate(divide="ignore"):
        from_each = from_each + np.log(q)
    found = special.softmax(from_each, axis=1) @ x
    return np.asarray(found)
