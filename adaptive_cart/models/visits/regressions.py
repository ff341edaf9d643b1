"""Scores at visits as a sequence of regressions, each with a posterior of its own.

Statement
---------
Of a participant in arm k with the baseline score b, the score at visit j::

    y_j | b, y_1 .. y_(j-1)  ~ Normal(a_jk + c_j b + f_j1 y_1 + .. + f_j(j-1) y_(j-1), s_j)
    p(a_j, c_j, f_j, s_j ** 2) = 1 / s_j ** 2

Arms have intercepts of their own and share slopes and spreads. Over the visits that is a
multivariate normal distribution, the same in all arms but for its means, whose covariance is any
(unstructured): the one of a mixed model for repeated measures (Mallinckrodt et al. 2008, Drug
Information Journal 42:303).

Method
------
Who was seen at a visit was seen at all before it, so the likelihood is a product over the visits:
that of each regression on all who were seen at its visit (Anderson 1957, Journal of the American
Statistical Association 52:200; Little and Rubin, Statistical Analysis with Missing Data, 3rd ed.,
chapter 7). The priors are independent, and so are the posteriors: each a normal-inverse-gamma
distribution, and a combination of the coefficients of one regression has a t distribution. The
prior is the one with which missing values are usually imputed where they are monotone (Rubin 1987,
Multiple Imputation for Nonresponse in Surveys, p. 166).

The degrees of freedom of a regression are those seen at its visit, less the arms that they are in,
less its slopes. It is known where there is one at least; else the trial has no posterior. A value
that does not vary (all baselines are equal) has no slope, and what leaves no residual at all is
taken to be off by the rounding of the sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from adaptive_cart.nouns.records import Booleans, Floats

ROUNDING: Final = 1e-13  # of a sum of squares: what is below it is rounding
SMALLEST: Final = 1e-200  # what is left of scores that are all 0
ALIKE: Final = 1e-10  # of the same: values that differ less are equal


@dataclass(frozen=True)
class Regression:
    """Posterior of the regression of one visit on baseline and the visits before it.

    Attributes
    ----------
    number
        ``(trial, arm)`` participants seen at the visit.
    means
        ``(trial, arm, value)`` their mean baseline, and mean scores up to this visit.
    inverse
        ``(trial, value, value)`` inverse of the lower triangle of the sums of products of baseline
        and earlier visits about the means of the arms.
    slopes
        ``(trial, value)`` of the score on what that triangle makes of them.
    sd
        ``(trial,)`` what the regression leaves, by its degrees of freedom.
    freedom
        ``(trial,)``
    known
        ``(trial,)`` whether it has a posterior. Where not, the numbers are without meaning.
    """

    number: Floats
    means: Floats
    inverse: Floats
    slopes: Floats
    sd: Floats
    freedom: Floats
    known: Booleans

    @property
    def weights(self) -> Floats:
        """Slopes on baseline and the scores of earlier visits, ``(trial, value)``."""
        found: Floats = (self.slopes[:, None, :] @ self.inverse)[:, 0]
        return found

    def rows(self, rows: slice) -> Regression:
        """The same of some trials."""
        return Regression(*(values[rows] for values in vars(self).values()))


def regressions(products: Floats) -> tuple[Regression, ...]:
    """Posterior of the regression of every visit.

    Parameters
    ----------
    products
        ``(trial, arm, visit, value, value)`` as :class:`Scores` has them, strata pooled.
    """
    visits = products.shape[2]
    return tuple(
        _regression(products[:, :, visit, : visit + 3, : visit + 3]) for visit in range(visits)
    )


def _regression(products: Floats) -> Regression:
    """Posterior from the sums of products of those seen at one visit."""
    number = products[..., 0, 0]
    means = products[..., 0, 1:] / np.maximum(number, 1.0)[..., None]
    raw = products[..., 1:, 1:]
    about = (raw - number[..., None, None] * means[..., :, None] * means[..., None, :]).sum(axis=1)
    triangle = _triangle(about, ALIKE * np.diagonal(raw.sum(axis=1), axis1=1, axis2=2))
    before = about.shape[-1] - 1
    slopes = np.isfinite(np.diagonal(triangle, axis1=1, axis2=2)[:, :before]).sum(axis=1)
    freedom = number.sum(axis=1) - (number > 0.0).sum(axis=1) - slopes
    left = about[:, -1, -1] - (triangle[:, -1, :before] ** 2).sum(axis=1)
    left = np.maximum(left, ROUNDING * raw[..., -1, -1].sum(axis=1))
    known = freedom >= 1.0
    return Regression(
        number=number,
        means=means,
        inverse=_inverse(triangle[:, :before, :before]),
        slopes=triangle[:, -1, :before],
        sd=np.sqrt(np.where(known, np.maximum(left, SMALLEST) / np.maximum(freedom, 1.0), 1.0)),
        freedom=np.maximum(freedom, 1.0),
        known=known,
    )


def _triangle(squares: Floats, least: Floats) -> Floats:
    """Lower triangle of a sum of products (Cholesky), ``(trial, value, value)``.

    Its diagonal is infinite where a value does not vary given those before it.

    Parameters
    ----------
    least
        ``(trial, value)`` the least that is left of a sum of squares of a value that varies.
    """
    triangle = np.zeros_like(squares)
    for row in range(squares.shape[-1]):
        for column in range(row):
            rest = (triangle[:, row, :column] * triangle[:, column, :column]).sum(axis=1)
            rest = squares[:, row, column] - rest
            triangle[:, row, column] = rest / triangle[:, column, column]
        own = squares[:, row, row] - (triangle[:, row, :row] ** 2).sum(axis=1)
        triangle[:, row, row] = np.sqrt(np.where(own > least[:, row], own, np.inf))
    return triangle


def _inverse(triangle: Floats) -> Floats:
    """Inverse of a lower triangle, ``(trial, value, value)``."""
    inverse = np.zeros_like(triangle)
    for row in range(triangle.shape[-1]):
        diagonal = triangle[:, row, row]
        inverse[:, row, row] = 1.0 / diagonal
        for column in range(row):
            rest = (triangle[:, row, column:row] * inverse[:, column:row, column]).sum(axis=1)
            inverse[:, row, column] = -rest / diagonal
    return inverse
