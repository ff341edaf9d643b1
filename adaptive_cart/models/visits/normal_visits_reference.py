"""The model ``normal_visits`` in PyMC, written from its statement and not from the fast posterior.

It is one multivariate normal distribution of the changes at all visits, by the triangle that makes
them independent (Pourahmadi 1999, Biometrika 86:677). Of who was last seen at an earlier visit the
likelihood is that of the visits until then. Strata are pooled: the data are those of the strata
that a question is about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from adaptive_cart.models.baselines_reference import add_baselines, beyond
from adaptive_cart.models.completed_scores import Law
from adaptive_cart.models.completed_scores import completed as scores_completed
from adaptive_cart.models.reference import Data, Draws, Fitted, OneTrial, Reference
from adaptive_cart.nouns.completions import PlainCompletions
from adaptive_cart.nouns.questions import ALL, Quantity
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import Scores, Summary


@dataclass(frozen=True)
class NormalVisitsReference(Reference):
    """Changes from baseline at all visits, in PyMC."""

    arms: tuple[str, ...]
    completes = True

    @property
    def statement(self) -> str:
        """Likelihood and prior."""
        return (
            "changes at all visits ~ MultivariateNormal(means of the arm + slopes x (baseline - "
            "mean baseline of all), covariance)\n"
            "covariance unstructured, that of: change at a visit ~ Normal(combination of the "
            "changes before it, sd of the visit)\n"
            "means, slopes, coefficients of the combinations and log(sd) flat\n"
            "baselines ~ Normal, mean and log(sd) flat; independent of the changes"
        )

    def data_of(self, one: OneTrial) -> Data:
        """Sums of products of (1, baseline less its mean, changes), by last visit and arm."""
        summary = one.seen(Scores)
        by_stratum = summary.products[one.trial]
        seen = one.of_strata(by_stratum).swapaxes(0, 1)
        first = seen[0].sum(axis=0)
        turn = np.eye(seen.shape[-1])
        turn[1, 0] = -first[0, 1] / max(first[0, 0], 1.0)
        last = []
        for visit in range(len(seen)):
            own = seen[visit] - (seen[visit + 1] if visit + 1 < len(seen) else 0.0)
            change = turn.copy()
            change[2:, 1] = -1.0
            keep = visit + 3  # beyond it nothing was seen of them
            own[:, keep:], own[:, :, keep:] = 0.0, 0.0
            change[keep:] = 0.0
            last.append(change @ own @ change.T)
        return {"sums": np.array(last)}

    def model(self, data: Data) -> Any:
        """A new model of these data; their likelihood depends on the sums alone."""
        import pymc as pm
        from pytensor import tensor as pt

        visits = len(data["sums"])
        below, seen = np.tril_indices(visits, -1), np.tri(visits)  # (last visit, visit)
        names = {"arm": list(self.arms), "visit": np.arange(visits)}
        with pm.Model(coords=names) as model:
            sums = pm.Data("sums", data["sums"])
            mean = pm.Flat("mean", dims=("arm", "visit"))
            slope = pm.Flat("slope", dims="visit")
            log_sd = pm.Flat("log_sd", dims="visit")
            whitened = pt.eye(visits)
            if visits > 1:
                carried = pm.Flat("carried", shape=len(below[0]))
                whitened = pt.set_subtensor(whitened[below], -carried)
            whitened = whitened / pt.exp(log_sd)[:, None]
            # of (1, baseline, changes) what is independent and of unit spread; by visit, arm, value
            away = [
                pt.concatenate([-mean[arm, :, None], -slope[:, None], pt.eye(visits)], axis=1)
                for arm in range(len(self.arms))
            ]
            alone = pt.stack([pt.dot(whitened, own) for own in away], axis=1)
            pairs = alone[:, :, :, None] * alone[:, :, None, :]
            squares = (seen[:, :, None, None, None] * pairs[None] * sums[:, None]).sum()
            number = sums[:, :, 0, 0].sum(axis=1)
            baselines = sums[:, :, :2, :2].sum(axis=(0, 1))
            add_baselines(baselines[0, 0], baselines[1, 1])
            # of an arm of which nobody is seen at a visit: flat, it has no posterior to draw from
            there = (sums[:, :, None, 0, 0] * seen[:, None, :]).sum(axis=0)  # by arm and visit
            pm.Potential("of_nobody", -0.5 * (pt.eq(there, 0.0) * mean**2).sum())
            pm.Potential("changes", -0.5 * squares - (number[:, None] * seen * log_sd).sum())
        return model

    def of(self, draws: Draws, quantity: Quantity, open_strata: Booleans | None = None) -> Floats:
        """Mean change of an arm at the last visit, or the proportion beyond a cut there."""
        mean = draws["mean"][..., quantity.arm, -1]
        if quantity.cut is None:
            return mean
        visits = draws["log_sd"].shape[-1]
        independent = np.broadcast_to(np.eye(visits), (*mean.shape, visits, visits)).copy()
        if visits > 1:
            below = np.tril_indices(visits, -1)
            independent[(..., *below)] = -draws["carried"]
        last = np.linalg.inv(independent)[..., -1, :]  # of the changes, by what each visit adds
        variance = (last**2 * np.exp(2.0 * draws["log_sd"])).sum(axis=-1)
        return beyond(quantity.cut, draws, mean, draws["slope"][..., -1], variance)

    def completed(
        self, fitted: Fitted, summary: Summary, coming: Any, some: PlainCompletions, apart: bool
    ) -> Scores:
        """Scores visit by visit, by a draw of the regression on baseline and scores before."""
        assert isinstance(summary, Scores)
        strata = range(summary.missing.shape[2]) if apart else (ALL,)
        laws = [self._laws(fitted(stratum), summary, stratum) for stratum in strata]
        by_visit = [Law.stacked(own) for own in zip(*laws, strict=True)]
        return scores_completed(summary, coming, some, by_visit)

    def _laws(self, draws: Draws, summary: Scores, stratum: int) -> list[Law]:
        """Draws of the regression of each visit's score, of changes less those expected before."""
        asked = OneTrial(summary, question=self.all_arms(stratum))
        sums = asked.of_strata(summary.products[0, ..., 0, :, :])
        number, total = sums.sum(axis=0)[0, :2]
        centre = total / max(number, 1.0)
        mean, slope = draws["mean"][0], draws["slope"][0]  # (draw, arm, visit), (draw, visit)
        apart = mean - slope[:, None] * centre  # expected change at a baseline of 0
        found = []
        for visit in range(slope.shape[1]):
            first = visit * (visit - 1) // 2  # coefficients come row by row of the triangle
            before = draws["carried"][0][:, first : first + visit] if visit else slope[:, :0]
            intercept = apart[..., visit] - (before[:, None] * apart[..., :visit]).sum(axis=-1)
            steep = 1.0 + slope[:, visit] - (before * (1.0 + slope[:, :visit])).sum(axis=-1)
            weights = np.concatenate([steep[:, None], before], axis=1)
            sd = np.exp(draws["log_sd"][0][:, visit])
            found.append(Law(intercept.T[None, :, None], weights.T[None, :, None], sd[None, None]))
        return found
