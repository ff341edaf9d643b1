"""The model ``gamma_poisson`` in PyMC.

Statement, in every arm by itself::

    rate    ~ Gamma(a, rate b)              events per patient-year
    events  ~ Poisson(rate * years)

Strata are pooled: the data are the events and years of the strata that a question is about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from adaptive_cart.models.base import Reference
from adaptive_cart.models.reference_scales import log_scale
from adaptive_cart.models.strata.reference_strata import levels_of, of_strata
from adaptive_cart.nouns.completions import PlainCompletions
from adaptive_cart.nouns.questions import Quantity, Question
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import Exposure, Summary

if TYPE_CHECKING:
    from adaptive_cart.models.rates.gamma_poisson import GammaPoisson

LEAST_EXPOSURE: Final = 1e-9  # months or years that stand for none: a Poisson mean is above 0


@dataclass(frozen=True)
class GammaPoissonReference(Reference):
    """Events by patient-years in each arm, in PyMC."""

    prior: GammaPoisson
    arms: tuple[str, ...]
    completes = True

    @property
    def statement(self) -> str:
        """Likelihood and prior with their numbers."""
        return (
            "in each arm: events ~ Poisson(rate x patient-years)\n"
            f"rate per patient-year ~ Gamma(shape {self.prior.a:g}, rate {self.prior.b:g})"
        )

    def data(
        self,
        summary: Summary,
        trial: int = 0,
        open_strata: Booleans | None = None,
        question: Question | None = None,
    ) -> dict[str, npt.NDArray[Any]]:
        """Events and patient-years by arm, in the strata asked about."""
        assert isinstance(summary, Exposure)
        years = of_strata(summary.years[trial], open_strata, question)
        return {
            "events": of_strata(summary.events[trial], open_strata, question),
            "years": np.maximum(years, LEAST_EXPOSURE),
        }

    def model(self, data: Mapping[str, npt.NDArray[Any]]) -> Any:
        """A new model of these data."""
        import pymc as pm
        from pytensor import tensor as pt

        with pm.Model(coords={"arm": list(self.arms)}) as model:
            events = pm.Data("events", data["events"], dims="arm")
            years = pm.Data("years", data["years"], dims="arm")
            scale = log_scale(self.prior.a, -pt.log(self.prior.b + years))
            rate = pm.Gamma(
                "rate",
                alpha=self.prior.a,
                beta=self.prior.b,
                dims="arm",
                **scale,
            )
            pm.Poisson("occurrence", mu=rate * years, observed=events, dims="arm")
        return model

    def of(
        self,
        draws: Mapping[str, npt.NDArray[np.float64]],
        quantity: Quantity,
        open_strata: Booleans | None = None,
    ) -> Floats:
        """Yearly rate of an arm."""
        return draws["rate"][..., quantity.arm]

    def completed(
        self,
        fitted: Callable[[int], Mapping[str, npt.NDArray[np.float64]]],
        summary: Summary,
        coming: Any,
        some: PlainCompletions,
        apart: bool,
    ) -> Exposure:
        """Events in the years still to come are Poisson, given a draw of the arm's rate."""
        assert isinstance(summary, Exposure)
        rates = levels_of(self, fitted, summary, apart)
        events = summary.events + some.generator(0).poisson(rates * coming.years)
        every = np.zeros(events.shape, dtype=np.int64)
        years = summary.years + coming.years + every
        return Exposure(events, years, summary.participants + coming.participants + every)
