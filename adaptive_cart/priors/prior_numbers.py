"""A prior of the design file in words, with its mean and quantiles: said once, for every page.

Everything is the prior's own, by the special functions of SciPy; a page may draw less of it than
there is, and must not tell the mean of what it draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from adaptive_cart.models.binary.beta_mixture import BetaMixture
from adaptive_cart.models.binary.beta_quantile import quantile_of

EVENLY = 20_000  # quantiles whose mean is taken where there is no formula for a mean


@dataclass(frozen=True)
class PriorNumbers:
    """One prior of one parameter.

    Attributes
    ----------
    words
        As a protocol writes it.
    quantile
        The value below which a share of it lies.
    """

    words: str
    mean: float
    quantile: Callable[[float], float]

    def seen_as(self, scale: Callable[[Any], Any]) -> PriorNumbers:
        """Return the same prior on another scale, which rises with this one."""
        evenly = (np.arange(EVENLY) + 0.5) / EVENLY
        mean = float(scale(np.array([self.quantile(float(share)) for share in evenly])).mean())
        return PriorNumbers(self.words, mean, lambda share: float(scale(self.quantile(share))))


def of_mixture(prior: BetaMixture) -> PriorNumbers:
    """A beta distribution, or a mixture of them."""
    parts = [
        f"Beta({a:g}, {b:g})" if len(prior.weights) == 1 else f"{weight:g} Beta({a:g}, {b:g})"
        for weight, a, b in zip(prior.weights, prior.a, prior.b, strict=True)
    ]
    nobody = np.zeros(1, dtype=np.int64)
    return PriorNumbers(
        " + ".join(parts),
        prior.mean(),
        lambda share: float(quantile_of((prior,), (nobody, nobody), share)[0]),
    )


def of_table(given: Mapping[str, Any]) -> PriorNumbers | None:
    """A prior from its table in the design; nothing where its kind is not known.

    A gamma prior is written by its shape ``a`` and rate ``b`` alone.
    """
    kind = given.get("dist", "gamma")
    if kind == "beta":
        return of_mixture(BetaMixture.single(given["a"], given["b"]))
    if kind == "normal":
        mean, sd = given["mean"], given["sd"]
        return PriorNumbers(
            f"Normal({mean:g}, SD {sd:g})".replace("-", "−"),
            mean,
            lambda share: mean + sd * float(special.ndtri(share)),
        )
    if kind == "half_normal":
        sd = given["sd"]
        return PriorNumbers(
            f"Half-normal(SD {sd:g})",
            sd * math.sqrt(2.0 / math.pi),
            lambda share: sd * float(special.ndtri((1.0 + share) / 2.0)),
        )
    if kind == "lognormal":
        median, sigma = given["median"], given["sigma"]
        return PriorNumbers(
            f"Lognormal(median {median:g}, sigma {sigma:g})",
            median * math.exp(sigma**2 / 2.0),
            lambda share: median * math.exp(sigma * float(special.ndtri(share))),
        )
    if kind == "gamma" and {"a", "b"} <= given.keys():
        a, b = given["a"], given["b"]
        return PriorNumbers(
            f"Gamma({a:g}, rate {b:g})",
            a / b,
            lambda share: float(special.gammaincinv(a, share)) / b,
        )
    return None
