"""The model ``beta_binomial`` in PyMC.

Statement, in every arm by itself::

    successes    ~ Binomial(total, probability)
    probability  ~ sum over k of weight_k Beta(a_k, b_k)

The component of a mixture is summed out: the sampler sees the density of the probability, which is
smooth, and never has to jump between components.

Strata are pooled: the data are the counts of the strata that a question is about.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from adaptive_cart.models.binary.external_counts import asked_in, outside_of
from adaptive_cart.models.reference import Data, Draws, Fitted, OneTrial, Reference
from adaptive_cart.models.reference_scales import logit_scale
from adaptive_cart.models.strata.reference_strata import counts_completed
from adaptive_cart.nouns.completions import PlainCompletions
from adaptive_cart.nouns.questions import Quantity
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import Counts, Summary

if TYPE_CHECKING:
    from adaptive_cart.models.binary.beta_binomial import BetaBinomial


@dataclass(frozen=True)
class BetaBinomialReference(Reference):
    """Independent binomial arms with beta or beta-mixture priors, in PyMC."""

    priors: BetaBinomial
    arms: tuple[str, ...]
    drawn: tuple[tuple[tuple[int, int], ...], ...] = field(default=(), kw_only=True)
    completes = True

    @property
    def statement(self) -> str:
        """Likelihood and prior with their numbers."""
        lines = ["in each arm: successes ~ Binomial(total, probability)"]
        for arm, prior in zip(self.arms, self.priors.priors, strict=True):
            lines.append(f"{arm}: probability ~ {prior.words}")
        return "\n".join(lines)

    def data_of(self, one: OneTrial) -> Data:
        """Responders and participants analysed by arm, in the strata asked about."""
        summary = one.seen(Counts)
        responders, participants = (
            asked_in(part[one.trial], one.stratum) for part in outside_of(summary, self.drawn)
        )
        data = {
            "successes": np.append(one.of_strata(summary.successes[one.trial]), responders),
            "totals": np.append(one.of_strata(summary.totals[one.trial]), participants),
        }
        own = self._own(summary, one)
        if any(prior.adapts for prior in own.priors):
            data["weights"] = self._weights(own, data["successes"], data["totals"])
        if own is not self.priors:
            weights, a, b = self._components(own)
            mixed = {"weights": weights} if weights.shape[1] > 1 else {}
            data = mixed | {"a": a, "b": b} | data
        return data

    def _own(self, counts: Counts, one: OneTrial) -> BetaBinomial:
        """The priors of one trial and of the stratum asked about."""
        each = self.priors.each(counts.rows(np.array([one.trial])), one.stratum)
        return next(model for model, _ in each)

    def form(self, data: Data) -> object:
        """Where priors are data, how many parts they have, and which of them are so vague."""
        if "a" not in data:
            return None
        return data["a"].shape, np.minimum(data["a"], 1.0).tobytes()

    def model(self, data: Data) -> Any:
        """A new model of these data."""
        import pymc as pm
        from pytensor import tensor as pt

        weights, a, b = self._components(self.priors)
        shapes = data.get("a", a)  # as numbers, by which the scale is chosen
        with pm.Model(coords={"arm": list(self.arms)}) as model:
            successes = pm.Data("successes", data["successes"], dims="arm")
            totals = pm.Data("totals", data["totals"], dims="arm")
            if "a" in data:
                a, b = (pm.Data(name, data[name]) for name in ("a", "b"))
            if shapes.shape[1] == 1:
                scale = logit_scale(shapes[:, 0], -pt.log(b[:, 0] + totals), successes)
                probability = pm.Beta("probability", a[:, 0], b[:, 0], dims="arm", **scale)
            else:
                given = pm.Data("weights", data["weights"]) if "weights" in data else weights
                probability = pm.Mixture(
                    "probability", w=given, comp_dists=pm.Beta.dist(a, b), dims="arm"
                )
            pm.Binomial("response", n=totals, p=probability, observed=successes, dims="arm")
        return model

    @staticmethod
    def _components(model: BetaBinomial) -> tuple[Floats, Floats, Floats]:
        """Weight, a and b of every component, ``(arm, component)``.

        An arm with fewer components than another repeats its own, at shares of their weight.
        """
        priors = model.priors
        most = max(len(prior.weights) for prior in priors)
        rows = []
        for prior in priors:
            number = len(prior.weights)
            which = np.arange(most) % number
            copies = np.bincount(which, minlength=number)[which]
            weight, a, b = (np.array(part)[which] for part in (prior.weights, prior.a, prior.b))
            rows.append((weight / copies, a, b))
        weights, first, second = (np.stack(part) for part in zip(*rows, strict=True))
        return weights, first, second

    def _weights(
        self, model: BetaBinomial, successes: npt.NDArray[Any], totals: npt.NDArray[Any]
    ) -> npt.NDArray[np.float64]:
        """Weights of the components where an arm's own data set them, ``(arm, component)``.

        By the ratio of the two binomial likelihoods, and not by the code of the fast posterior.
        """
        from scipy.special import expit
        from scipy.stats import binom

        weights = self._components(model)[0]
        most = weights.shape[1]
        for arm, prior in enumerate(model.priors):
            if prior.adapts:
                number = len(prior.weights)
                seen = successes[arm], totals[arm]
                same, *others = (binom.logpmf(*seen, rate) for rate in prior.rates)
                informative, vague = expit(same - max(others)), expit(max(others) - same)
                own = [2.0 * informative * weight for weight in prior.weights[:-1]]
                which = np.arange(most) % number
                copies = np.bincount(which, minlength=number)[which]
                weights[arm] = np.array([*own, vague])[which] / copies
        return weights

    def of(self, draws: Draws, quantity: Quantity, open_strata: Booleans | None = None) -> Floats:
        """Probability of an arm."""
        return draws["probability"][..., quantity.arm]

    def completed(
        self, fitted: Fitted, summary: Summary, coming: Any, some: PlainCompletions, apart: bool
    ) -> Counts:
        """Those still to come respond with a draw of the arm's probability."""
        return counts_completed(self, fitted, summary, coming, some, apart)
