"""The model ``dirichlet`` in PyMC.

Statement, in every arm by itself::

    participants by category  ~ Multinomial(number analysed, probabilities)
    probabilities             ~ Dirichlet(parameters)

Strata are pooled: the data are the counts of the strata that a question is about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.models.reference import Data, Draws, Fitted, OneTrial, Reference
from adaptive_cart.nouns.completions import PlainCompletions
from adaptive_cart.nouns.questions import ALL, Quantity
from adaptive_cart.nouns.ranked import better, or_better
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import Categories, Summary

if TYPE_CHECKING:
    from adaptive_cart.models.ordinal.dirichlet_analysis import DirichletPriors


def counts_of(one: OneTrial) -> Data:
    """Participants ``(arm, category)`` in the strata asked about, and the scores."""
    summary = one.seen(Categories)
    return {
        "counts": one.of_strata(summary.counts[one.trial]),
        "scores": np.array(summary.scores),
    }


def asked_of(shares: Floats, scores: Floats, quantity: Quantity) -> Floats:
    """A quantity, of draws of the probabilities and of the mean scores of arms.

    Parameters
    ----------
    shares
        ``(chain, draw, arm, category)``.
    scores
        ``(chain, draw, arm)``.
    """
    own = shares[..., quantity.arm, :]
    if quantity.to is not None:
        return better(own, shares[..., quantity.to, :])
    if quantity.category is not None:
        return or_better(own, quantity.category.place)
    return scores[..., quantity.arm]


def categories_completed(
    shares: Callable[[int], Floats],
    summary: Summary,
    coming: Any,
    some: PlainCompletions,
    apart: bool,
) -> Categories:
    """Categories at the last look: multinomial among those still to come, given a draw.

    Parameters
    ----------
    shares
        Draws given the data of a stratum, or of all: ``(draw, arm, category)``.
    """
    assert isinstance(summary, Categories)
    drawn, number = some.generator(0), some.number
    counts = np.repeat(summary.counts, number, axis=0)
    for arm, stratum in np.ndindex(summary.missing.shape[1:]):
        own = shares(stratum if apart else ALL)[:, arm]
        more = coming.participants[0, arm, stratum]
        counts[:, arm, stratum] += drawn.multinomial(more, own / own.sum(axis=1, keepdims=True))
    had = [np.repeat(part, number, axis=0) for part in (summary.missing, summary.due)]
    due = had[1] + np.repeat(coming.participants, number, axis=0)
    return replace(summary, counts=counts, missing=had[0], due=due)


@dataclass(frozen=True)
class DirichletReference(Reference):
    """Independent Dirichlet arms, in PyMC."""

    priors: DirichletPriors
    arms: tuple[str, ...]
    completes = True

    @property
    def statement(self) -> str:
        """Likelihood and prior with their numbers."""
        lines = ["in each arm: participants by category ~ Multinomial(number, probabilities)"]
        for arm, own in zip(self.arms, self.priors.by_arm, strict=True):
            numbers = ", ".join(f"{name} {a:g}" for name, a in own)
            lines.append(f"{arm}: probabilities ~ Dirichlet({numbers})")
        return "\n".join(lines)

    def data_of(self, one: OneTrial) -> Data:
        """Participants by category in each arm, in the strata asked about; scores and priors."""
        prior = self.priors.parameters(one.seen(Categories).names)
        return {**counts_of(one), "prior": prior}

    def model(self, data: Data) -> Any:
        """A new model of these data."""
        import pymc as pm

        places = range(1, 1 + data["counts"].shape[1])
        coords = {"arm": list(self.arms), "category": list(places)}
        with pm.Model(coords=coords) as model:
            counts = pm.Data("counts", data["counts"], dims=("arm", "category"))
            scores = pm.Data("scores", data["scores"], dims="category")
            prior = pm.Data("prior", data["prior"], dims=("arm", "category"))
            shares = pm.Dirichlet("share", a=prior, dims=("arm", "category"))
            pm.Deterministic("score", (shares * scores).sum(axis=-1), dims="arm")
            pm.Potential("seen", (counts * pm.math.log(shares)).sum())
        return model

    def of(self, draws: Draws, quantity: Quantity, open_strata: Booleans | None = None) -> Floats:
        """Mean score, probability of a category or a better one, or probability to do better."""
        return asked_of(draws["share"], draws["score"], quantity)

    def completed(
        self, fitted: Fitted, summary: Summary, coming: Any, some: PlainCompletions, apart: bool
    ) -> Categories:
        """Those still to come have each category with a draw of its probability."""
        return categories_completed(
            lambda stratum: fitted(stratum)["share"][0], summary, coming, some, apart
        )
