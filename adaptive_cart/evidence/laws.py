"""How counts arise from a value without limits: the logit of a proportion, the log of a rate."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from adaptive_cart.nouns.records import Floats


class Law:
    """How the events of a series follow from its value.

    ``size`` is what the events are of: participants, or months of follow-up.
    """

    scale: str  # what the value is, in words
    unit: str  # what it is of, in words
    by_months = False  # whether its size is participants times months of follow-up

    def log_likelihood(self, events: float, size: float, at: Floats) -> Floats:
        """Log likelihood at values of the scale, without what does not depend on them."""
        raise NotImplementedError  # abstract: every law supplies it

    def natural(self, at: Floats) -> Floats:
        """Turn values of the scale into proportions or rates."""
        raise NotImplementedError  # abstract: every law supplies it

    def information(self, events: float, size: float) -> float:
        """Largest information about the value that these data can hold."""
        raise NotImplementedError  # abstract: every law supplies it

    def drawn(self, generator: np.random.Generator, size: Floats, at: Floats) -> Floats:
        """Events of series with these values."""
        raise NotImplementedError  # abstract: every law supplies it

    def counted(self, size: Floats) -> npt.NDArray[Any]:
        """Return sizes as the likelihood of PyMC takes them."""
        return size

    def observe(self, size: Any, at: Any, events: Any) -> Any:
        """State the same in PyMC."""
        raise NotImplementedError  # abstract: every law supplies it


class Proportion(Law):
    """Participants with an event: binomial, the value is the logit of the probability."""

    scale = "logit"
    unit = "participants"

    def log_likelihood(self, events: float, size: float, at: Floats) -> Floats:
        """Binomial log likelihood without its coefficient."""
        return np.asarray(events * at - size * np.logaddexp(0.0, at))

    def natural(self, at: Floats) -> Floats:
        """Return probabilities."""
        return np.asarray(special.expit(at))

    def information(self, events: float, size: float) -> float:
        """Return n/4, reached at a probability of one half."""
        return 0.25 * size

    def drawn(self, generator: np.random.Generator, size: Floats, at: Floats) -> Floats:
        """Draw binomial counts."""
        return generator.binomial(size.astype(np.int64), self.natural(at)).astype(np.float64)

    def counted(self, size: Floats) -> npt.NDArray[Any]:
        """Return whole numbers."""
        return size.astype(np.int64)

    def observe(self, size: Any, at: Any, events: Any) -> Any:
        """State the binomial likelihood in PyMC."""
        import pymc as pm

        return pm.Binomial("seen", n=size, logit_p=at, observed=events)


class Rate(Law):
    """Events in months of follow-up: Poisson, the value is the logarithm of the monthly rate."""

    scale = "log"
    unit = "participant-months"
    by_months = True

    def log_likelihood(self, events: float, size: float, at: Floats) -> Floats:
        """Poisson log likelihood without its constant."""
        return np.asarray(events * at - size * np.exp(at))

    def natural(self, at: Floats) -> Floats:
        """Return rates a month."""
        return np.asarray(np.exp(at))

    def information(self, events: float, size: float) -> float:
        """Return the number of events, and one more where there is none."""
        return events + 1.0

    def drawn(self, generator: np.random.Generator, size: Floats, at: Floats) -> Floats:
        """Draw Poisson counts."""
        return generator.poisson(size * self.natural(at)).astype(np.float64)

    def observe(self, size: Any, at: Any, events: Any) -> Any:
        """State the Poisson likelihood in PyMC."""
        import pymc as pm

        return pm.Poisson("seen", mu=size * pm.math.exp(at), observed=events)
