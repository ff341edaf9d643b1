"""The scores of those who left, drawn from what the participants of the control say of them.

The three ways are those of Carpenter, Roger and Kenward, Journal of Biopharmaceutical Statistics
2013;23:1352-1371 (doi 10.1080/10543406.2013.834911). They differ in where the mean of a participant
lies who was last seen at a visit:

* ``jump_to_reference``: that of the control from there on;
* ``copy_reference``: that of the control from the beginning, so that what the participant had
  gained more than the control counts as chance, and fades as the values of a participant correlate;
* ``copy_increments_in_reference``: that of the own arm up to there, moving on from there as the
  control's does.

A look fits, to those seen at the month that is analysed, the score there on the baseline and on
the scores seen before leaving: every arm and stratum has a mean of its own, and all share the
slopes and the spread. The draw is from the predictive distribution of the control, a t
distribution. To jump to the reference only the baseline is used. To copy its increments the
participant is moved to the control's mean first, by the difference of the arms at each visit
(adjusted for baseline, of all seen there), and back by that of the last visit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from scipy import special

from adaptive_cart.endpoints.direct.scored import SMALLEST, ScoreTruth
from adaptive_cart.nouns.counters import Labels
from adaptive_cart.nouns.questions import Cut
from adaptive_cart.nouns.records import Floats, Integers

Reference = Literal["jump_to_reference", "copy_reference", "copy_increments_in_reference"]
JUMP: Final = "jump_to_reference"
COPY: Final = "copy_reference"
INCREMENTS: Final = "copy_increments_in_reference"
MEANS: Final[dict[str, str]] = {
    JUMP: "from then on as the control",
    COPY: "as the control from the beginning, given what was seen before",
    INCREMENTS: "from then on changing as the control does",
}
ALIKE: Final = 1e-10  # of a sum of squares: values that differ less are equal


@dataclass(frozen=True)
class Leavers:
    """Participants who left, a row each.

    Attributes
    ----------
    trial, arm, stratum
        ``(row,)`` where each belongs.
    seen
        ``(row,)`` visits at which each was seen.
    values
        ``(row, value)`` baseline and scores at the visits; what was not seen does not matter.
    uniform
        ``(row,)`` latent uniform of the draw.
    """

    trial: Integers
    arm: Labels
    stratum: Labels
    seen: Labels
    values: Floats
    uniform: Floats


@dataclass(frozen=True)
class Regression:
    """The score at a month on those before it, as a look sees it.

    Attributes
    ----------
    number
        ``(trial, arm, stratum)`` participants that were seen at the month.
    means
        ``(trial, arm, stratum, value)`` means of the values before it, and of the score itself.
    slopes, precision
        ``(trial, value)`` and ``(trial, value, value)``: of the score on the values before it, and
        the inverse of their sums of products about their means.
    variance, freedom
        ``(trial,)`` of the score about that, and its degrees of freedom.
    """

    number: Floats
    means: Floats
    slopes: Floats
    precision: Floats
    variance: Floats
    freedom: Integers

    @classmethod
    def of(cls, products: Floats, before: Sequence[int], score: int) -> Regression:
        """Fit sums of products.

        Parameters
        ----------
        products
            ``(trial, arm, stratum, place, place)`` of (1, baseline, scores).
        before, score
            Places of the values before it, and of the score.
        """
        own = [*before, score]
        number, total = products[..., 0, 0], products[..., 0, own]
        means = total / np.maximum(number, 1.0)[..., None]
        raw = products[..., own, :][..., own]
        about = (raw - total[..., :, None] * means[..., None, :]).sum(axis=(1, 2))
        squares = np.diagonal(about, axis1=1, axis2=2)
        varied = squares > ALIKE * np.diagonal(raw.sum(axis=(1, 2)), axis1=1, axis2=2)
        size = np.sqrt(np.where(varied, squares, np.inf))[:, :-1]
        correlated = about[:, :-1, :-1] / (size[:, :, None] * size[:, None, :])
        inverse = np.linalg.pinv(correlated, rcond=ALIKE, hermitian=True)
        rank = np.rint(np.trace(inverse @ correlated, axis1=1, axis2=2)).astype(np.int64)
        precision = inverse / (size[:, :, None] * size[:, None, :])
        cross = about[:, :-1, -1]
        slopes = (precision @ cross[..., None])[..., 0]
        groups = (number > 0).sum(axis=(1, 2))
        freedom = np.rint(number.sum(axis=(1, 2))).astype(np.int64) - groups - rank
        left = np.maximum(squares[:, -1] - (slopes * cross).sum(axis=1), 0.0)
        return cls(number, means, slopes, precision, left / np.maximum(freedom, 1), freedom)

    def gaps(self) -> Floats:
        """By how much each arm lies above the control, ``(trial, arm, stratum)``; nan unknown."""
        apart = self.means - self.means[:, :1]
        gap = apart[..., -1] - (apart[..., :-1] * self.slopes[:, None, None]).sum(axis=-1)
        known = (self.number > 0) & (self.number[:, :1] > 0)
        return np.where(known, gap, np.nan)

    def predicted(self, trial: Integers, stratum: Labels, values: Floats) -> Predicted:
        """The score of participants of the control, given the values before it.

        nan where the control has nobody, or nothing is known of the spread.
        """
        number, means = self.number[trial, 0, stratum], self.means[trial, 0, stratum]
        freedom, known = self.freedom[trial], (number > 0) & (self.freedom[trial] > 0)
        away = values - means[:, :-1]
        wide = 1.0 + 1.0 / np.maximum(number, 1.0)
        wide += np.einsum("ri,rij,rj->r", away, self.precision[trial], away)
        score = means[:, -1] + (self.slopes[trial] * away).sum(axis=1)
        scale = np.sqrt(self.variance[trial] * wide)
        none = np.zeros(len(trial))
        return Predicted(np.where(known, score, np.nan), scale, np.maximum(freedom, 1), none)


@dataclass(frozen=True)
class Predicted:
    """t distributions of the scores of some participants, ``(row,)`` each.

    Attributes
    ----------
    centre
        nan where nothing is known.
    scale, freedom
        With so many degrees of freedom.
    back
        What is added to the score.
    """

    centre: Floats
    scale: Floats
    freedom: Integers
    back: Floats

    def at(self, uniform: Floats) -> Floats:
        """The quantiles at some uniforms, ``(row,)``."""
        t = special.stdtrit(self.freedom, np.maximum(uniform, SMALLEST))
        found: Floats = (self.centre + t * self.scale) + self.back
        return found


def drawn(way: str, products: Floats, leavers: Leavers) -> Floats:
    """Draw the score at the last visit of those who left before it, ``(row,)``; nan if unknown.

    Parameters
    ----------
    products
        As for :func:`predicted`.
    """
    return predicted(way, products, leavers).at(leavers.uniform)


def predicted(way: str, products: Floats, leavers: Leavers) -> Predicted:
    """The score at the last visit of those who left before it.

    Parameters
    ----------
    products
        ``(trial, arm, stratum, visit, place, place)`` of those seen at each visit, as a summary of
        scores has them; to jump to the reference, of the last visit alone.
    """
    score, rows = products.shape[-1] - 1, len(leavers.trial)
    centre, scale, freedom = np.full(rows, np.nan), np.ones(rows), np.ones(rows, dtype=np.int64)
    back = np.zeros(rows)
    gaps = []
    if way == INCREMENTS:
        visits = range(products.shape[3] - 1)
        gaps = [Regression.of(products[..., v, :, :], [1], v + 2).gaps() for v in visits]
    for seen in range(products.shape[3]):
        who = np.flatnonzero(leavers.seen == seen)
        if not len(who):
            continue
        own = tuple(label[who] for label in (leavers.trial, leavers.arm, leavers.stratum))
        values = leavers.values[who, : seen + 1].copy()
        for visit, gap in enumerate(gaps[:seen], start=1):
            back[who] = gap[own]
            values[:, visit] -= back[who]
        fit = Regression.of(products[..., -1, :, :], range(1, seen + 2), score)
        mine = fit.predicted(own[0], own[2], values)
        centre[who], scale[who], freedom[who] = mine.centre, mine.scale, mine.freedom
    return Predicted(centre, scale, freedom, back)


@dataclass(frozen=True)
class Changes:
    """A normal distribution of changes from baseline."""

    mean: float
    sd: float

    @classmethod
    def of(cls, own: ScoreTruth, last: int) -> Changes:
        """Those of an arm at a value, counted from the baseline, had nobody left."""
        covariance = own.spread @ own.spread.T
        variance = covariance[0, 0] + covariance[last, last] - 2.0 * covariance[0, last]
        return cls(own.change[last - 1], float(np.sqrt(variance)))

    @classmethod
    def had_left(
        cls, way: str, own: ScoreTruth, control: ScoreTruth, last: int, seen: int
    ) -> Changes:
        """Those of participants of an arm who were last seen so many visits in.

        Where arms differ in their covariance it is the control's that holds after leaving.
        """
        mean, other = np.array(own.means), np.array(control.means)
        here = mean if way == INCREMENTS else other
        after = other[last] + (here - other)[seen]
        covariance, before = control.spread @ control.spread.T, 1 if way == JUMP else seen + 1
        slopes = np.linalg.solve(covariance[:before, :before], covariance[:before, last])
        left = covariance[last, last] - slopes @ covariance[:before, last]
        weights = np.append(slopes[0] - 1.0, slopes[1:])  # of the change on the values before
        varied = own.spread[:before] @ own.spread[:before].T
        return cls(
            float(after + slopes @ (mean - here)[:before] - mean[0]),
            float(np.sqrt(weights @ varied @ weights + left)),
        )

    def beyond(self, cut: Cut) -> float:
        """Share beyond a cut."""
        away = (cut.value - self.mean) / self.sd
        return float(special.ndtr(away if cut.lower else -away))
