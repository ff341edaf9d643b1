"""The model ``restricted_mean`` in PyMC, written from its statement.

In every arm by itself::

    months    ~ Normal(mean, sd)
    mean      ~ Normal(prior mean, sd / sqrt(worth))
    variance  ~ scaled inverse chi-squared(sd_worth, prior sd squared)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.models.reference import Data, Draws, Fitted, OneTrial, Reference
from adaptive_cart.nouns.completions import PlainCompletions
from adaptive_cart.nouns.external import External
from adaptive_cart.nouns.questions import ALL, Quantity
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import Means, Summary

if TYPE_CHECKING:
    from adaptive_cart.models.restricted_mean.restricted_mean_analysis import RestrictedMeanPrior


@dataclass(frozen=True)
class RestrictedMeanReference(Reference):
    """Normal months with a mean and a spread of each arm, in PyMC."""

    prior: RestrictedMeanPrior
    arms: tuple[str, ...]
    outside: tuple[External, ...] = ()
    completes = True

    @property
    def statement(self) -> str:
        """Likelihood and prior with their numbers."""
        prior = self.prior
        return (
            "in each arm: months ~ Normal(mean, sd)\n"
            f"mean ~ Normal({prior.mean:g}, sd / sqrt({prior.worth:g}))\n"
            f"variance ~ scaled inverse chi-squared({prior.sd_worth:g}, {prior.sd:g} squared)"
        )

    def data_of(self, one: OneTrial) -> Data:
        """Sums by arm, in the strata asked about."""
        summary = one.seen(Means)
        parts = {
            "total": summary.total,
            "squares": summary.squares,
            "number": summary.participants.astype(np.float64),
        }
        own = {name: one.of_strata(part[one.trial]) for name, part in parts.items()}
        for data in self.outside:  # an arm of which a mean and a spread were told
            told = dict.fromkeys(own, 0.0)
            if data.has("mean"):
                n, m, s = (data.total(key) for key in ("participants", "mean", "sd"))
                told = {"total": n * m, "squares": s**2 * (n - 1.0) + m**2 * n, "number": n}
            own = {name: np.append(values, told[name]) for name, values in own.items()}
        return own

    def model(self, data: Data) -> Any:
        """A new model of these data; their likelihood depends on the sums alone."""
        import pymc as pm

        prior = self.prior
        half = prior.sd_worth / 2.0
        with pm.Model(coords={"arm": list(self.arms)}) as model:
            total, squares, number = (
                pm.Data(name, data[name], dims="arm") for name in ("total", "squares", "number")
            )
            variance = pm.InverseGamma("variance", half, half * prior.sd**2, dims="arm")
            mean = pm.Normal("mean", prior.mean, (variance / prior.worth) ** 0.5, dims="arm")
            about = squares - 2.0 * mean * total + number * mean**2
            log = -0.5 * (number * pm.math.log(variance) + about / variance)
            pm.Potential("months", log.sum())
        return model

    def of(self, draws: Draws, quantity: Quantity, open_strata: Booleans | None = None) -> Floats:
        """Mean of an arm."""
        return draws["mean"][..., quantity.arm]

    def completed(
        self, fitted: Fitted, summary: Summary, coming: Any, some: PlainCompletions, apart: bool
    ) -> Means:
        """The months of each participant still to come, by a draw of the mean and the spread."""
        assert isinstance(summary, Means)
        random = some.generator(0)
        total, squares = (
            np.repeat(p, some.number, axis=0) for p in (summary.total, summary.squares)
        )
        number = np.repeat(summary.participants, some.number, axis=0)
        for arm, stratum in np.ndindex(summary.participants.shape[1:]):
            draws = fitted(stratum if apart else ALL)
            mean, sd = draws["mean"][0, :, arm], np.sqrt(draws["variance"][0, :, arm])
            more = int(coming.participants[0, arm, stratum])
            months = random.normal(mean[:, None], sd[:, None], (some.number, more))
            total[:, arm, stratum] += months.sum(axis=1)
            squares[:, arm, stratum] += (months**2).sum(axis=1)
            number[:, arm, stratum] += more
        return Means(total, squares, number)
