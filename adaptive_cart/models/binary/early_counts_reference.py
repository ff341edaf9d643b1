"""The model ``beta_binomial`` in PyMC where earlier months count (``counts = "all"``).

Statement, in every arm by itself::

    those seen to move from a state  ~ Multinomial(row), rows ~ Dirichlet(prior, …)
    responders among those who wait  ~ a binomial for each month and state, by the rows
    probability                      ~ its posterior given the completed counts

The rows know nothing of the probability. PyMC samples them; with each of its draws those who wait
respond, and the probability is drawn given that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from adaptive_cart.models.binary.beta_binomial_reference import BetaBinomialReference
from adaptive_cart.models.reference import Data, Draws, Fitted, OneTrial
from adaptive_cart.nouns.completions import PlainCompletions
from adaptive_cart.nouns.questions import ALL, Quantity
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import Counts, EarlyCounts, Summary

SEED: Final = 1763
BESIDE: Final = 0.4  # less than a half: the whole number is the nearest


@dataclass(frozen=True)
class EarlyBetaBinomialReference(BetaBinomialReference):
    """Independent binomial arms in which earlier months count, in PyMC."""

    worth: float

    @property
    def statement(self) -> str:
        """Likelihood and prior with their numbers."""
        return (
            f"{super().statement}\n"
            f"in each arm: rows of the chain ~ Dirichlet({self.worth:g}, …), from those seen to "
            f"move; responders among those who wait follow from them, and from nothing else"
        )

    def data_of(self, one: OneTrial) -> Data:
        """Counts by arm, those who wait by month and state, and those seen to move."""
        summary: Counts = one.seen(Counts)
        if not isinstance(summary, EarlyCounts):  # a table in which nobody waits
            summary = EarlyCounts.of(summary, EarlyCounts.empty(len(self.arms), 1).early)
        counts = super().data_of(replace(one, summary=summary))
        failed = one.of_strata(summary.failed[one.trial])
        waiting = np.moveaxis(summary.waiting[one.trial], 1, -1)  # (arm, month, state, stratum)
        cells = waiting.reshape(-1, waiting.shape[-1])
        found = one.of_strata(cells).reshape(waiting.shape[:-1])
        return {
            "successes": counts["successes"],
            "totals": counts["totals"] + failed,
            "waiting": found,
            "moved": summary.moved[one.trial],
        }

    def model(self, data: Data) -> Any:
        """A new model of these data."""
        import pymc as pm

        arms, months = data["waiting"].shape[:2]
        with pm.Model(coords={"arm": list(self.arms)}) as model:
            kept = {name: pm.Data(name, data[name]) for name in sorted(data)}
            moved = kept["moved"]
            responds = pm.Beta("responds", self.worth, self.worth, shape=(arms, 2))
            seen = moved[:, -1, :, :2]
            pm.Binomial("last", n=seen.sum(axis=-1), p=responds, observed=seen[..., 1])
            if months > 1:
                # a Dirichlet row is a beta for its first state, and one for the second of the rest
                shape, before = (arms, months - 1, 2), moved[:, :-1]
                first = pm.Beta("first", self.worth, 2.0 * self.worth, shape=shape)
                second = pm.Beta("second", self.worth, self.worth, shape=shape)
                rest = before[..., 1:].sum(axis=-1)
                pm.Binomial("moves", n=before.sum(axis=-1), p=first, observed=before[..., 0])
                pm.Binomial("others", n=rest, p=second, observed=before[..., 1])
            # what those who wait are drawn from, beside a draw: of a constant there is no R-hat
            for name in ("successes", "totals", "waiting"):
                pm.Deterministic(f"seen_{name}", kept[name] + BESIDE * responds.mean())
        return model

    def of(self, draws: Draws, quantity: Quantity, open_strata: Booleans | None = None) -> Floats:
        """Probability of an arm, given who responds of those who wait."""
        return self._drawn(draws, quantity.arm, np.random.default_rng([SEED, quantity.arm]))[1]

    def _drawn(
        self, draws: Draws, arm: int, random: np.random.Generator
    ) -> tuple[npt.NDArray[np.int64], Floats]:
        """Who responds of those who wait in an arm, and its probability given that."""
        had, totals, waiting = (
            np.rint(draws[f"seen_{name}"][:, :, arm]).astype(np.int64)
            for name in ("successes", "totals", "waiting")
        )
        before = had
        chance = draws["responds"][:, :, arm]  # (chain, draw, state)
        months = waiting.shape[2]
        for month in range(months - 1, -1, -1):
            if month < months - 1:
                first, second = (draws[name][:, :, arm, month] for name in ("first", "second"))
                out, in_ = chance[:, :, None, 0], chance[:, :, None, 1]
                chance = first * out + (1.0 - first) * second * in_
            had = had + random.binomial(waiting[:, :, month], np.clip(chance, 0.0, 1.0)).sum(-1)
            totals = totals + waiting[:, :, month].sum(axis=-1)
        prior = self.priors.priors[arm]
        log = np.stack([
            np.log(weight) + _betaln(a + had, b + totals - had) - _betaln(a, b)
            for weight, a, b in zip(prior.weights, prior.a, prior.b, strict=True)
        ])  # fmt: skip
        shares = np.exp(log - log.max(axis=0))
        reached = np.cumsum(shares, axis=0) / shares.sum(axis=0)
        which = (random.random(had.shape) > reached[:-1]).sum(axis=0)
        a, b = (np.array(part)[which] for part in (prior.a, prior.b))
        return had - before, random.beta(a + had, b + totals - had)

    def completed(
        self, fitted: Fitted, summary: Summary, coming: Any, some: PlainCompletions, apart: bool
    ) -> Counts:
        """Who waits responds by the chain, and who is still to come by the probability after it."""
        assert isinstance(summary, EarlyCounts)
        random = some.generator(0)
        here, room = summary.by_earlier_month, summary.waiting.sum(axis=(3, 4))
        new = np.maximum(coming.participants - here, 0)
        responding = np.zeros((some.number, *here.shape[1:]), dtype=np.int64)
        for arm, stratum in np.ndindex(here.shape[1:]):
            if apart or stratum == 0:
                draws = fitted(stratum if apart else ALL)
                left, level = (part[0] for part in self._drawn(draws, arm, random))
            mine = np.minimum(left, room[0, arm, stratum])
            left = left - mine
            responding[:, arm, stratum] = mine + random.binomial(new[0, arm, stratum], level)
        every = np.zeros_like(responding)
        totals, due = (part + here + new + every for part in (summary.totals, summary.due))
        return Counts(summary.successes + responding, totals, summary.missing + every, due)


def _betaln(a: Any, b: Any) -> Any:
    from scipy import special

    return special.betaln(a, b)
