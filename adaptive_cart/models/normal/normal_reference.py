"""The model ``normal`` in PyMC, written from its statement and not from the fast posterior.

Strata are pooled: the data are the sums of the strata that a question is about. Behind the arms
stand external data with which arms are compared: their priors have seen them, and nobody of a trial
is there; those that are drawn anew with every trial, or told by stratum, are participants of that
place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.models.baselines_reference import add_baselines, beyond
from adaptive_cart.models.completed_scores import Law
from adaptive_cart.models.completed_scores import completed as scores_completed
from adaptive_cart.models.reference import Data, Draws, Fitted, OneTrial, Reference
from adaptive_cart.nouns.completions import PlainCompletions
from adaptive_cart.nouns.external import External
from adaptive_cart.nouns.external_draws import seen_beside
from adaptive_cart.nouns.questions import ALL, Quantity
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import Scores, Summary

if TYPE_CHECKING:
    from adaptive_cart.models.normal.normal import Normal


@dataclass(frozen=True)
class NormalReference(Reference):
    """Changes from baseline in every arm, in PyMC."""

    prior: Normal
    arms: tuple[str, ...]
    beside: tuple[External, ...] = ()
    completes = True

    @property
    def statement(self) -> str:
        """Likelihood and prior with their numbers."""
        prior = self.prior
        told = [
            "in each arm: change ~ Normal(mean + slope x (baseline - mean baseline of all), sd)",
            "slope and log(sd) flat" if prior.sd_worth == 0.0 else
            f"slope flat; variance ~ scaled inverse chi-squared({prior.sd_worth:g}, "
            f"{prior.sd:g} squared)",
        ]  # fmt: skip
        for arm, mean, worth in zip(self.arms, prior.mean, prior.worth, strict=True):
            known = f"~ Normal({mean:g}, sd / sqrt({worth:g}))" if worth else "flat"
            told.append(f"mean of {arm} {known}")
        told.append("baselines ~ Normal, mean and log(sd) flat; independent of the changes")
        return "\n".join(told)

    def data_of(self, one: OneTrial) -> Data:
        """Sums by arm of the baseline less its mean, and of the change, and of their products."""
        summary = one.seen(Scores)
        sums = one.of_strata(summary.products[one.trial, ..., -1, :, :])
        number = sums[:, 0, 0]
        centre = sums[:, 0, 1].sum() / max(number.sum(), 1.0)
        # (1, baseline, score) to (1, baseline - centre, score - baseline)
        turn = np.zeros((3, sums.shape[-1]))
        turn[0, 0] = turn[1, 1] = turn[2, -1] = 1.0
        turn[1, 0], turn[2, 1] = -centre, -1.0
        turned = turn @ sums @ turn.T
        # behind the arms stand external data: nobody of a trial is in them
        own = len(turned)
        turned = np.pad(turned, [(0, len(self.arms) - own), (0, 0), (0, 0)])
        drawn = summary.seen_outside()
        for place, data in enumerate(self.beside):
            if not (data.differs and data.has("mean")):
                continue  # what they say is in the prior
            stratum = one.stratum if data.strata else ALL
            told = data.asked_in(stratum)
            mean, sd = told.total("mean"), told.total("sd")
            if drawn is not None and data.redrawn:
                mean, sd = seen_beside(drawn, place, ("mean", "sd"), stratum)[one.trial]
            many = told.total("participants")  # who start at the mean baseline
            turned[own + place, 0, 0], turned[own + place, 0, 2] = many, many * mean
            turned[own + place, 2, 2] = (many - 1.0) * sd**2 + many * mean**2
        number = turned[:, 0, 0]
        adapting = self._adapting
        weights = {}
        if adapting is not None:
            before = getattr(self.prior, "weights", ())
            seen = number[adapting.arm], turned[adapting.arm, 0, 2]
            weights["weights"] = adapted(adapting, before, *seen)
        return {
            **weights,
            "number": number,
            "baseline": turned[:, 0, 1],
            "change": turned[:, 0, 2],
            "baselines_squared": turned[:, 1, 1],
            "both": turned[:, 1, 2],
            "changes_squared": turned[:, 2, 2],
        }

    def model(self, data: Data) -> Any:
        """A new model of these data; their likelihood depends on the sums alone."""
        import pymc as pm

        prior = self.prior
        worth = np.array(prior.worth)
        with pm.Model(coords={"arm": list(self.arms)}) as model:
            given = {
                name: pm.Data(name, data[name], dims=None if name == "weights" else "arm")
                for name in data
            }
            mean = pm.Flat("mean", dims="arm")
            slope = pm.Flat("slope")
            log_sd = pm.Flat("log_sd")
            variance = pm.math.exp(2.0 * log_sd)
            squares = (
                given["changes_squared"]
                - 2.0 * mean * given["change"]
                - 2.0 * slope * given["both"]
                + given["number"] * mean**2
                + 2.0 * mean * slope * given["baseline"]
                + slope**2 * given["baselines_squared"]
            )
            seen = len(self.arms) - len(self.beside)  # nobody knows the baselines of the others
            add_baselines(given["number"][:seen].sum(), given["baselines_squared"].sum())
            pm.Potential("changes", (-given["number"] * log_sd - 0.5 * squares / variance).sum())
            parts = getattr(prior, "parts", ())
            if parts:
                logs = [self._of_part(part, mean, log_sd, variance) for part in parts]
                weights = given.get("weights", np.array(getattr(prior, "weights", ())))
                mixed = pm.math.stack(logs) + pm.math.log(weights)
                pm.Potential("of_means", pm.math.logsumexp(mixed))
            elif worth.any():  # a sum of nothing but zeros is never compiled to an end
                away = worth * (mean - np.array(prior.mean)) ** 2
                known = (worth > 0.0).astype(np.float64)
                pm.Potential("of_means", (-known * log_sd - 0.5 * away / variance).sum())
            # of whom nothing is known and nobody is seen: flat, it has no posterior to draw from
            nobody = pm.math.eq(given["number"], 0.0) * (1.0 - self._known)
            pm.Potential("of_nobody", -0.5 * (nobody * mean**2).sum())
            # of the logarithm of the standard deviation, whose prior is otherwise flat
            if prior.sd_worth > 0.0:
                spread = -prior.sd_worth * (log_sd + 0.5 * prior.sd**2 / variance)
                pm.Potential("of_spread", spread)
        return model

    @property
    def _known(self) -> Floats:
        """By arm, 1 where the prior says something of its mean, in any of its components."""
        whole = [self.prior, *getattr(self.prior, "parts", ())]
        return np.any([np.array(one.worth) > 0.0 for one in whole], axis=0).astype(np.float64)

    @staticmethod
    def _of_part(prior: Normal, mean: Any, log_sd: Any, variance: Any) -> Any:
        """Log density of the means in a component, with what components differ by."""
        total: Any = 0.0
        for arm, (middle, worth) in enumerate(zip(prior.mean, prior.worth, strict=True)):
            if worth > 0.0:
                total = total + 0.5 * np.log(worth) - log_sd
                total = total - 0.5 * worth * (mean[arm] - middle) ** 2 / variance
        return total

    @property
    def _adapting(self) -> Any:
        return getattr(self.prior, "adapting", None)

    def of(self, draws: Draws, quantity: Quantity, open_strata: Booleans | None = None) -> Floats:
        """Mean change of an arm, or the proportion beyond a cut."""
        mean = draws["mean"][..., quantity.arm]
        if quantity.cut is None:
            return mean
        return beyond(quantity.cut, draws, mean, draws["slope"], np.exp(2.0 * draws["log_sd"]))

    def completed(
        self, fitted: Fitted, summary: Summary, coming: Any, some: PlainCompletions, apart: bool
    ) -> Scores:
        """Last scores by a draw of the regression on the baseline."""
        assert isinstance(summary, Scores)
        strata = range(summary.missing.shape[2]) if apart else (ALL,)
        laws = []
        last = summary.products[..., -1:, :, :][..., [0, 1, -1], :][..., [0, 1, -1]]
        for stratum in strata:
            draws = {name: values[0] for name, values in fitted(stratum).items()}
            asked = OneTrial(summary, question=self.all_arms(stratum))
            sums = asked.of_strata(last[0, ..., 0, :, :]).sum(axis=0)
            slope = draws["slope"]
            intercept = draws["mean"].T - slope * sums[0, 1] / max(sums[0, 0], 1.0)
            laws.append(
                Law(
                    intercept[None, :, None],
                    1.0 + slope[None, None, None],
                    np.exp(draws["log_sd"])[None, None],
                )
            )
        now = Scores(last, summary.missing)
        return scores_completed(now, coming.last_visit(), some, [Law.stacked(laws)])


def adapted(by: Any, before: tuple[float, ...], number: float, change: float) -> Floats:
    """Weights that an arm's own mean change sets: two normal likelihoods, and not the fast code.

    Parameters
    ----------
    number, change
        Participants, and the sum of their changes.
    """
    from scipy.special import expit
    from scipy.stats import norm

    shares = np.array(before[:-1]) / (1.0 - before[-1])
    if number == 0.0:
        return np.append(0.5 * shares, 0.5)
    law = norm(change / number, by.sd / np.sqrt(number))
    same = law.logpdf(by.mean)
    other = max(law.logpdf(by.mean + by.difference), law.logpdf(by.mean - by.difference))
    return np.append(expit(same - other) * shares, expit(other - same))
