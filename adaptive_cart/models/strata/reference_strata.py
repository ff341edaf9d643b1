"""Which strata a question is about, and counts by arm and stratum, in the PyMC face of a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from adaptive_cart.models.reference import Data, Draws, Fitted, OneTrial, Reference
from adaptive_cart.nouns.completions import PlainCompletions
from adaptive_cart.nouns.questions import ALL, LEVEL, OPEN, Quantity
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import Counts, Summary


def levels_of(
    face: Reference,
    fitted: Fitted,
    summary: Summary,
    apart: bool,
) -> Floats:
    """Draws of the level of every arm in every stratum, ``(draw, arm, stratum)``.

    Parameters
    ----------
    fitted, apart
        As for :meth:`Reference.completed`.
    """
    arms, strata = summary.analysed.shape[1:]
    places = [stratum if apart else ALL for stratum in range(strata)]
    found = [
        [face.of(fitted(place), Quantity("", LEVEL, arm, None, place))[0] for place in places]
        for arm in range(arms)
    ]
    return np.moveaxis(np.array(found), -1, 0)


def counts_completed(
    face: Reference,
    fitted: Fitted,
    summary: Summary,
    coming: Any,
    some: PlainCompletions,
    apart: bool,
) -> Counts:
    """Responders at the last look: binomial among those still to come, given a draw."""
    assert isinstance(summary, Counts)
    levels = levels_of(face, fitted, summary, apart)
    more = np.broadcast_to(coming.participants, levels.shape)
    successes = summary.successes + some.generator(0).binomial(more, levels)
    nothing = np.zeros_like(more)
    return Counts(successes, summary.totals + more, summary.missing + nothing, summary.due + more)


def named_strata(strata: tuple[str, ...]) -> list[str]:
    """Names of the strata; one for everybody where a design has none."""
    return list(strata) or ["all"]


@dataclass(frozen=True)
class StrataReference(Reference):
    """Responders of one control and one experimental arm, by stratum: binomial on the logit.

    A model says the priors of the logits; all else is the same.
    """

    arms: tuple[str, ...]
    strata: tuple[str, ...]
    shares: tuple[float, ...]
    completes = True

    def completed(
        self, fitted: Fitted, summary: Summary, coming: Any, some: PlainCompletions, apart: bool
    ) -> Counts:
        """Those still to come respond with a draw of the arm's probability."""
        return counts_completed(self, fitted, summary, coming, some, apart)

    def logits(self) -> tuple[Any, Any]:
        """Give the control's and the experimental arm's logits, by stratum, with their priors.

        Called inside the new model.
        """
        raise NotImplementedError  # abstract: both models supply it

    def data_of(self, one: OneTrial) -> Data:
        """Responders and participants analysed, by arm and stratum, whatever the question."""
        summary = one.seen(Counts)
        return {"successes": summary.successes[one.trial], "totals": summary.totals[one.trial]}

    def model(self, data: Data) -> Any:
        """A new model of these data."""
        import pymc as pm
        from pytensor import tensor as pt

        cells = ("arm", "stratum")
        coords = {"arm": list(self.arms), "stratum": named_strata(self.strata)}
        with pm.Model(coords=coords) as model:
            successes = pm.Data("successes", data["successes"], dims=cells)
            totals = pm.Data("totals", data["totals"], dims=cells)
            logit = pt.stack(self.logits())
            pm.Deterministic("probability", pt.sigmoid(logit), dims=cells)
            pm.Binomial("response", n=totals, logit_p=logit, observed=successes, dims=cells)
        return model

    def of(self, draws: Draws, quantity: Quantity, open_strata: Booleans | None = None) -> Floats:
        """Risk of an arm in a stratum, or averaged over strata by their shares of enrolment.

        Over all strata where none is open.
        """
        weights = np.array(self.shares, dtype=np.float64)
        if quantity.stratum >= 0:
            weights = np.zeros_like(weights)
            weights[quantity.stratum] = 1.0
        elif quantity.stratum == OPEN and open_strata is not None and open_strata.any():
            weights = np.where(open_strata, weights, 0.0)
            weights /= weights.sum()
        average: Floats = draws["probability"][..., quantity.arm, :] @ weights
        return average
