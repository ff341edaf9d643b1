"""The model ``proportional_odds`` in PyMC.

Statement::

    participants by category of an arm  ~ Multinomial(number analysed, probabilities of the arm)
    probabilities of the control        ~ Dirichlet(parameters)
    P(category k or worse) of an arm    = logistic(logit of the control's - log odds ratio)
    log odds ratio of an arm            ~ Normal(mean, sd)

Strata are pooled: the data are the counts of the strata that a question is about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.models.ordinal.dirichlet_reference import (
    asked_of,
    categories_completed,
    counts_of,
)
from adaptive_cart.models.reference import Data, Draws, Fitted, OneTrial, Reference
from adaptive_cart.nouns.completions import PlainCompletions
from adaptive_cart.nouns.questions import Quantity
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import Categories, Summary

if TYPE_CHECKING:
    from adaptive_cart.models.ordinal.proportional_odds_analysis import ProportionalOdds

SMALLEST = 1e-30  # probability whose logarithm is taken


@dataclass(frozen=True)
class ProportionalOddsReference(Reference):
    """Cutpoints that arms share, and a log odds ratio of each arm to the control, in PyMC."""

    priors: ProportionalOdds
    arms: tuple[str, ...]
    completes = True

    @property
    def statement(self) -> str:
        """Likelihood and prior with their numbers."""
        numbers = ", ".join(f"{name} {a:g}" for name, a in self.priors.control)
        mean, sd = self.priors.log_odds_ratio
        return (
            "in each arm: participants by category ~ Multinomial(number, probabilities)\n"
            f"{self.arms[0]}: probabilities ~ Dirichlet({numbers})\n"
            "every other arm: its odds of a category or a better one are those of "
            f"{self.arms[0]} times exp(log odds ratio)\n"
            f"each log odds ratio ~ Normal({mean:g}, sd {sd:g})"
        )

    def data_of(self, one: OneTrial) -> Data:
        """Participants by category in each arm, in the strata asked about; scores and prior."""
        control = self.priors.parameters(one.seen(Categories).names)
        return {**counts_of(one), "prior": control}

    def model(self, data: Data) -> Any:
        """A new model of these data."""
        import pymc as pm
        import pytensor.tensor as pt

        mean, sd = self.priors.log_odds_ratio
        others = list(self.arms[1:])
        places = list(range(1, 1 + data["counts"].shape[1]))
        coords = {"arm": list(self.arms), "other": others, "category": places}
        with pm.Model(coords=coords) as model:
            counts = pm.Data("counts", data["counts"], dims=("arm", "category"))
            scores = pm.Data("scores", data["scores"], dims="category")
            prior = pm.Data("prior", data["prior"], dims="category")
            share = pm.Dirichlet("share", a=prior, dims="category")
            ratio = pm.Normal("log_odds_ratio", mean, sd, dims="other")
            cutpoint = pm.math.logit(pt.cumsum(share)[:-1])
            moved = pt.concatenate([pt.zeros(1), ratio])
            worse = pm.math.sigmoid(cutpoint[None, :] - moved[:, None])
            none = pt.zeros((len(self.arms), 1))
            ends = pt.concatenate([none, worse, none + 1.0], axis=1)
            chance = ends[:, 1:] - ends[:, :-1]
            pm.Deterministic("probability", chance, dims=("arm", "category"))
            pm.Deterministic("score", (chance * scores).sum(axis=-1), dims="arm")
            pm.Potential("seen", (counts * pm.math.log(pm.math.maximum(chance, SMALLEST))).sum())
        return model

    def of(self, draws: Draws, quantity: Quantity, open_strata: Booleans | None = None) -> Floats:
        """An odds ratio, a mean score, or a probability: of a category or better, to do better."""
        if quantity.name != "common_odds_ratio":
            return asked_of(draws["probability"], draws["score"], quantity)
        ratio = draws["log_odds_ratio"]
        none = np.zeros((*ratio.shape[:-1], 1))
        moved = np.concatenate([none, ratio], axis=-1)
        assert quantity.to is not None
        found: Floats = np.exp(moved[..., quantity.arm] - moved[..., quantity.to])
        return found

    def completed(
        self, fitted: Fitted, summary: Summary, coming: Any, some: PlainCompletions, apart: bool
    ) -> Categories:
        """Those still to come have each category with a draw of its probability."""
        return categories_completed(
            lambda stratum: fitted(stratum)["probability"][0], summary, coming, some, apart
        )
