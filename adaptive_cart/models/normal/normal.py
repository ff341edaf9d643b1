"""What changes from baseline say about their means, for many trials at once: exactly.

Statement
---------
Of participant i in arm k, with baseline b and score y at the month that is analysed::

    y_i - b_i  ~ Normal(mean_k + slope * (b_i - centre), sd)

``centre`` is the mean baseline of all who are analysed, so that ``mean_k`` is the mean change of an
arm whose participants start there. All arms share slope and standard deviation. By default
p(means, slope, sd ** 2) is proportional to 1 / sd ** 2; what may be known before is ::

    mean_k   ~ Normal(m_k, sd / sqrt(w_k))              worth w_k participants
    sd ** 2  ~ scaled inverse chi-squared(v, s ** 2)    worth v participants

Method
------
This is conjugate (Gelman et al., Bayesian Data Analysis, 3rd ed., sections 14.2 and 14.8). With n_k
participants of arm k, N_k = n_k + w_k, sums of the baseline about the centre and of the change, the
mean, the slope and the residual sum of squares have the closed forms below, and every mean, and
every difference of two, is a t distribution whose degrees of freedom are n + v, less one for each
arm without a prior of which somebody is seen, less one for the slope. By default the posterior
probability of a difference is one less the one-sided p-value of the analysis of covariance.

Without a prior of its own an arm is known from its first participant on, and anything at all from
the first degree of freedom on; before that there is no posterior (nan). Where the baselines of no
arm differ nothing is known of the slope: it is left out, and the means are not adjusted. Where the
changes leave no residual at all, as where all are equal, the spread is taken to be the rounding of
the sums.

Error
-----
That of ``scipy.special.stdtr``, and of sums of squares: ``tests/models/test_normal.py`` holds
answers to 1e-9 of the same by least squares.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from scipy import special

from adaptive_cart.models.baselines import Baselines
from adaptive_cart.nouns.records import Booleans, Floats

ROUNDING: Final = 1e-13  # of a sum of squares: what is below it is rounding
ALIKE: Final = 1e-10  # of the same: baselines that differ less are equal


@dataclass(frozen=True)
class KnownAnew:
    """What external data say of some means, and of the spread, where they differ between trials.

    Attributes
    ----------
    places, mean
        Which means, and what is known of each, ``(trial, place)``; their worth is the prior's.
    squares
        ``(trial,)`` what is known of the spread altogether, as the prior's ``sd_worth * sd ** 2``.
    """

    places: tuple[int, ...]
    mean: Floats
    squares: Floats


@dataclass(frozen=True)
class Normal:
    """Priors by arm: a mean and its worth (0 for none), and those of the standard deviation.

    Parameters
    ----------
    by_stratum
        The same in each stratum, where external data are told by stratum.
    """

    mean: tuple[float, ...]
    worth: tuple[float, ...]
    sd: float = 1.0
    sd_worth: float = 0.0
    by_stratum: tuple[Normal, ...] = field(default=(), kw_only=True)

    def in_stratum(self, stratum: int) -> Normal:
        """The priors of a question about one stratum; of all together where it is below 0."""
        return self.by_stratum[stratum] if self.by_stratum and stratum >= 0 else self

    @property
    def proper(self) -> bool:
        """Whether means are known before any data."""
        return self.sd_worth > 0.0 and all(worth > 0.0 for worth in self.worth)

    def fit(self, products: Floats, anew: KnownAnew | None = None) -> Fit:
        """Posterior of the means of all arms.

        Parameters
        ----------
        products
            ``(trial, arm, 3, 3)`` sums of products of (1, baseline, score) of those analysed.
        anew
            What is known otherwise in each of these trials.
        """
        number, b, y = (products[..., 0, place] for place in range(3))
        bb, by, yy = products[..., 1, 1], products[..., 1, 2], products[..., 2, 2]
        d, bd, dd = y - b, by - bb, yy - 2.0 * by + bb
        everybody = number.sum(axis=1, keepdims=True)
        centre = b.sum(axis=1, keepdims=True) / np.maximum(everybody, 1.0)
        about = b - number * centre
        about_squared = np.maximum(bb - 2.0 * centre * b + number * centre**2, 0.0)
        about_change = bd - centre * d
        mean, worth = np.array(self.mean), np.array(self.worth)
        known_squares: float | Floats = self.sd_worth * self.sd**2
        if anew is not None:
            mean = np.tile(mean, (len(products), 1))
            mean[:, anew.places] = anew.mean
            known_squares = anew.squares
        weight, total = number + worth, d + worth * mean
        each = np.where(weight > 0.0, weight, np.nan)
        own = np.where(weight > 0.0, weight, 1.0)  # of an arm with nobody all sums are 0
        varied = np.maximum((about_squared - about**2 / own).sum(axis=1), 0.0)
        known = varied > ALIKE * bb.sum(axis=1)
        steepness = np.where(known, varied, np.inf)
        cross = (about_change - about * total / own).sum(axis=1)
        slope = cross / steepness
        squares = (dd + worth * mean**2).sum(axis=1)
        left = squares - (total**2 / own).sum(axis=1) - slope * cross
        left = np.maximum(left, ROUNDING * squares) + known_squares
        # nobody's mean is not estimated: external data of other endpoints have a place here too
        flat = ((worth == 0.0) & (number > 0.0)).sum(axis=1)
        freedom = everybody[:, 0] + self.sd_worth - flat - known
        return Fit(
            location=(total - slope[:, None] * about) / each,
            weight=each,
            lean=about / own,
            steepness=steepness,
            slope=slope,
            left=np.maximum(left, np.finfo(np.float64).tiny),
            freedom=np.where(freedom > 0.0, freedom, np.nan),
            baselines=Baselines.of(products.sum(axis=1)),
        )


@dataclass(frozen=True)
class Fit:
    """A posterior in every trial; nan where there is none.

    Attributes
    ----------
    location, weight, lean
        ``(trial, arm)`` centre of the mean, participants behind it (its prior's among them), and
        by how much their mean baseline lies above the centre.
    steepness, slope
        ``(trial,)`` sum of squares of baselines about the means of their arms, infinite where
        nothing is known of the slope, and the centre of the slope.
    left, freedom
        ``(trial,)`` residual sum of squares, the prior's part among it, and degrees of freedom.
    baselines
        Of all who are analysed.
    """

    location: Floats
    weight: Floats
    lean: Floats
    steepness: Floats
    slope: Floats
    left: Floats
    freedom: Floats
    baselines: Baselines

    def of(self, arm: int, minus: int | None) -> tuple[Floats, Floats]:
        """Centre and scale of the t distribution of a mean, or of a difference, ``(trial,)``."""
        location, lean = self.location[:, arm], self.lean[:, arm]
        size = 1.0 / self.weight[:, arm]
        if minus is not None:
            location = location - self.location[:, minus]
            lean = lean - self.lean[:, minus]
            size = size + 1.0 / self.weight[:, minus]
        size = size + lean**2 / self.steepness
        return location, np.sqrt(self.left / self.freedom * size)

    def below(self, arm: int, minus: int | None, value: float | Floats) -> Floats:
        """Probability that a mean, or a difference, lies below a value, ``(trial,)``."""
        location, scale = self.of(arm, minus)
        return t_below(self.freedom, (value - location) / scale)

    def quantile(self, arm: int, minus: int | None, probability: float) -> Floats:
        """Value below which a mean, or a difference, lies with this probability."""
        location, scale = self.of(arm, minus)
        away = special.stdtrit(np.where(self.unknown, 1.0, self.freedom), probability)
        found: Floats = location + scale * np.where(self.unknown, np.nan, away)
        return found

    @property
    def unknown(self) -> Booleans:
        """Trials without a posterior of anything, ``(trial,)``."""
        return np.isnan(self.freedom)

    def draws(self, arm: int, scores: Floats, away: tuple[Floats, Floats]) -> Floats:
        """Draws of the mean of an arm, ``(trial, draw)``.

        Parameters
        ----------
        scores
            ``(trial, draw)`` draws of the standard deviation.
        away
            ``(draw,)`` standard normal deviations of the arm's own mean and of the slope.
        """
        own, slope = away
        lean = (self.lean[:, arm] / np.sqrt(self.steepness))[:, None]
        size = (1.0 / np.sqrt(self.weight[:, arm]))[:, None]
        return self.location[:, arm, None] + scores * (size * own - lean * slope)

    def slopes(self, scores: Floats, away: Floats) -> Floats:
        """Draws of the slope, ``(trial, draw)``; parameters as for :meth:`draws`."""
        return self.slope[:, None] + scores * away / np.sqrt(self.steepness)[:, None]


def t_below(freedom: Floats, t: Floats) -> Floats:
    """Distribution function of Student's t; nan where the degrees of freedom are."""
    with np.errstate(invalid="ignore"):
        below: Floats = special.stdtr(freedom, t)
    return below
