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

from adaptive_cart.nouns.records import Floats

CELLS = 240  # of the estimates of trials that end at one look for one reason
BEYOND = 5.0  # standard errors on each side at which q is that of the last cell known
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

        At the true value of a scenario it is what its own trials have (the mean over scenarios
        of one true value); what the likelihood ratios lack there is added in between as well, in
        proportion, and beyond the last scenario in full.
        """
        estimate = np.concatenate([one.estimate for one in scenarios])
        error = np.concatenate([one.error for one in scenarios])
        if len(estimate) < 2:
            return None
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
    most = float(error.max())
    low, high = float(estimate.min()) - BEYOND * most, float(estimate.max()) + BEYOND * most
    edges = np.linspace(low, high, CELLS + 1)
    middle = (edges[1:] + edges[:-1]) / 2.0
    cell = np.clip(np.searchsorted(edges, estimate, side="right") - 1, 0, CELLS - 1)
    ended = np.bincount(cell, minlength=CELLS).astype(np.float64)
    some = np.flatnonzero(ended)
    errors = np.interp(middle, middle[some], np.bincount(cell, error)[some] / ended[some])
    expected = np.zeros(CELLS)
    for one in scenarios:
        below = special.ndtr((edges[:, None] - one.true) / errors)  # edge, error of a cell
        cells = np.arange(CELLS)
        expected += one.trials * (below[cells + 1, cells] - below[cells, cells])
    near = max(int(np.ceil(float(np.median(error)) / (2.0 * (edges[1] - edges[0])))), 1)
    around = np.convolve(expected, np.ones(2 * near + 1), mode="same")
    known = np.flatnonzero(around >= NEEDED)
    if not ended[known].any():  # no scenario's true value is near: q is the same everywhere
        return middle, errors, np.ones(CELLS)
    q = np.zeros(CELLS)
    q[known] = ended[known] / expected[known]
    first, last = known[0], known[-1]
    for beyond, cells in ((slice(0, first), known[:near]), (slice(last + 1, None), known[-near:])):
        q[beyond] = ended[cells].sum() / expected[cells].sum()
    return middle, errors, q


def _mean_given(x: Floats, errors: Floats, q: Floats, true: Floats) -> Floats:
    """Mean of the estimates that end there, at each of some true values."""
    from_each = -0.5 * ((x - true[:, None]) / errors) ** 2 - np.log(errors)
    with np.errstate(divide="ignore"):
        from_each = from_each + np.log(q)
    found = special.softmax(from_each, axis=1) @ x
    return np.asarray(found)
