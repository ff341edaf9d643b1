"""The model ``piecewise_exponential`` in PyMC.

Statement, for interval j and arm k::

    baseline_hazard_j   ~ Gamma(a, rate b)          per month, independent over intervals,
                          or a mixture of gammas where it borrows and there is one interval
    log_hazard_ratio_k  ~ Normal(mean, sd)          of each experimental arm; 0 in the control
    events_kj           ~ Poisson(baseline_hazard_j exp(log_hazard_ratio_k) months_kj)

The Poisson form has the likelihood of the event times themselves (Holford 1980,
doi:10.2307/2529982). The data are those of the strata that a question is about, pooled. A hazard
ratio is asked of two arms: the other one has the baseline, and arms that are not compared have no
months at risk and so no say. External data with which arms are compared are one more arm, and the
first of them is the control where no arm is. Whatever else is asked is asked of all arms together.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from adaptive_cart.models.rates.gamma_poisson_reference import LEAST_EXPOSURE, adapted
from adaptive_cart.models.reference import Data, Draws, Fitted, OneTrial, Reference
from adaptive_cart.models.reference_curves import area_under, half_gone, next_event
from adaptive_cart.models.reference_scales import log_scale
from adaptive_cart.nouns.ahead import AtRisk, over_completions
from adaptive_cart.nouns.completions import PlainCompletions
from adaptive_cart.nouns.external_draws import seen_beside
from adaptive_cart.nouns.questions import ALL, Quantity, Question
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import Durations, Summary

if TYPE_CHECKING:
    from adaptive_cart.models.hazards.piecewise_exponential import PiecewiseExponential
    from adaptive_cart.models.hazards.piecewise_exponential_analysis import Outside

Place = TypeVar("Place", Question, Quantity)


@dataclass(frozen=True)
class PiecewiseExponentialReference(Reference):
    """Proportional hazards over a baseline that is constant between cuts, in PyMC."""

    prior: PiecewiseExponential
    arms: tuple[str, ...]
    outside: Outside | None = None
    completes = True

    @property
    def _order(self) -> tuple[int, ...]:
        """Positions of arms, and of external data behind them, in the order of the model."""
        if self.outside is None:
            return tuple(range(len(self.arms)))
        return self.outside.order(len(self.arms) - len(self.outside.months))

    def _placed(self, asked: Place) -> Place:
        """A question, or a number of an arm, with places in the order of the model."""
        if self.outside is None:
            return asked
        moved: dict[str, Any] = {
            name: self._order.index(getattr(asked, name))
            for name in ("arm", "minus", "to")
            if getattr(asked, name, None) is not None
        }
        return replace(asked, **moved)

    @property
    def statement(self) -> str:
        """Likelihood and prior with their numbers."""
        mean, sd = self.prior.log_hazard_ratio
        prior = self.prior.of_baseline
        words = prior.words
        if len(prior.weights) == 1:
            words = f"Gamma(shape {prior.a[0]:g}, rate {prior.b[0]:g})"
        return (
            "hazard of the arm compared with (else of the control) = baseline hazard, constant in "
            f"{', '.join(between(self.prior.cuts))}\n"
            "hazard of another arm = baseline hazard x its hazard ratio\n"
            f"each baseline hazard per month ~ {words}\n"
            f"each log hazard ratio ~ Normal({mean:g}, sd {sd:g})" + self._beside_words
        )

    @property
    def _beside_words(self) -> str:
        """Say where external data stand; blank where there are none."""
        if self.outside is None:
            return ""
        own = len(self.arms) - len(self.outside.months)
        named = [name for name, at in zip(self.arms[own:], self.outside.months, strict=True) if at]
        role = "an arm" if self.outside.baseline is None else "an arm, the first as the control"
        return f"\nexternal data ({', '.join(named)}): events and months at risk, as {role}"

    def data_of(self, one: OneTrial) -> Data:
        """Events and months at risk by arm and interval, of the arms that have a say."""
        summary = one.seen(Durations)
        own, question = summary.participants.shape[1], one.question
        arms, effects = effects_of(
            len(self.arms), None if question is None else self._placed(question)
        )
        shape = (len(self.arms), len(self.prior.cuts) + 1)
        events, months = np.zeros(shape, dtype=np.int64), np.zeros(shape)
        strata = one.in_strata(summary.stratum[one.trial])
        included = summary.included[one.trial] & strata
        for arm in arms:
            position = self._order[arm]
            if self.outside is not None and position >= own:
                drawn, place = summary.seen_outside(), position - own
                seen, known = self.outside.seen(place, one.stratum)
                stratum = one.stratum if place in self.outside.by_stratum else ALL
                events[arm] = seen[0]
                if drawn is not None:
                    events[arm] = seen_beside(drawn, place, ("events",), stratum)[one.trial, 0]
                months[arm] = known
                continue
            members = included & (summary.arm[one.trial] == position)
            events[arm], months[arm] = by_interval(one, members, self.prior.cuts)
        found = {
            "events": events,
            "months": np.maximum(months, LEAST_EXPOSURE),
            "effects": effects,
        }
        if self.prior.of_baseline.adapts:
            found["weights"] = adapted(self.prior.of_baseline, events[0].sum(), months[0].sum())
        return found

    def model(self, data: Data) -> Any:
        """A new model of these data."""
        import pymc as pm
        from pytensor import tensor as pt

        mean, sd = self.prior.log_hazard_ratio
        coords = {
            "arm": [self.arms[position] for position in self._order],
            "interval": between(self.prior.cuts),
            "effect": [str(k) for k in range(1, len(self.arms))],
        }
        with pm.Model(coords=coords) as model:
            events = pm.Data("events", data["events"], dims=("arm", "interval"))
            months = pm.Data("months", data["months"], dims=("arm", "interval"))
            effects = pm.Data("effects", data["effects"], dims=("arm", "effect"))
            baseline = self._baseline(data, months, events_at_baseline(events, effects))
            log_ratio = pm.Normal("log_hazard_ratio", mean, sd, dims="effect")
            of_arm = pt.dot(effects, log_ratio)
            hazard = baseline[None, :] * pt.exp(of_arm)[:, None]
            pm.Poisson("occurrence", mu=hazard * months, observed=events, dims=("arm", "interval"))
        return model

    def _baseline(self, data: Data, months: Any, own: Any) -> Any:
        """Baseline hazard of each interval; the component of a mixture is summed out."""
        import pymc as pm
        from pytensor import tensor as pt

        prior = self.prior.of_baseline
        if len(prior.weights) == 1:
            shape, rate = prior.a[0], prior.b[0]
            scale = log_scale(shape, -pt.log(rate + months.sum(axis=0)), own)
            return pm.Gamma("baseline_hazard", alpha=shape, beta=rate, dims="interval", **scale)
        weights = pm.Data("weights", data["weights"]) if prior.adapts else np.array(prior.weights)
        each = pm.Gamma.dist(np.array([prior.a]), np.array([prior.b]))
        return pm.Mixture("baseline_hazard", w=weights, comp_dists=each, dims="interval")

    def of(self, draws: Draws, quantity: Quantity, open_strata: Booleans | None = None) -> Floats:
        """Hazard ratio of two arms, or what is left in an arm at a month, and what follows."""
        log_ratio, quantity = draws["log_hazard_ratio"], self._placed(quantity)
        if quantity.to is not None and quantity.to == quantity.arm:  # beside other arms
            return np.ones(log_ratio.shape[:-1])
        if quantity.to is not None:
            return np.exp(log_ratio[..., effect_of(quantity.arm, quantity.to)])
        own = log_ratio[..., quantity.arm - 1] if quantity.arm else np.zeros(log_ratio.shape[:-1])
        hazard = draws["baseline_hazard"] * np.exp(own[..., None])
        edges = list(itertools.pairwise((0.0, *self.prior.cuts, np.inf)))

        def gone(month: Floats | float) -> Floats:
            found = np.zeros(hazard.shape[:-1])
            for j, (start, end) in enumerate(edges):
                found = found + hazard[..., j] * np.clip(month - start, 0.0, end - start)
            return found

        if quantity.name == "restricted_mean":
            return area_under(lambda month: np.exp(-gone(month)), quantity.month)
        if quantity.name == "median":
            return half_gone(gone, hazard.shape[:-1])
        return np.exp(-gone(quantity.month))

    def completed(
        self, fitted: Fitted, summary: Summary, coming: Any, some: PlainCompletions, apart: bool
    ) -> Durations:
        """Each who is still at risk has the event by a draw of the hazards of the arm."""

        def hazards(stratum: int, arm: int) -> Floats:
            draws = fitted(stratum if apart else ALL)
            effects = effects_of(len(self.arms), self.all_arms(stratum))[1]
            ratio = np.exp(draws["log_hazard_ratio"][0] @ effects[self._order.index(arm)])
            hazard: Floats = draws["baseline_hazard"][0] * ratio[:, None]
            return hazard

        assert isinstance(summary, Durations)
        return followed_by_hazards(summary, coming, some, self.prior.cuts, hazards)


def between(cuts: tuple[float, ...]) -> list[str]:
    """Names of the intervals between cuts."""
    edges = [f"{cut:g}" for cut in (0.0, *cuts)]
    closed = [f"months {a} to {b}" for a, b in itertools.pairwise(edges)]
    return [*closed, f"months from {edges[-1]}"]


def by_interval(
    one: OneTrial, members: Booleans, cuts: tuple[float, ...]
) -> tuple[npt.NDArray[np.int64], Floats]:
    """Events and months at risk of some participants between cuts, ``(interval,)`` each."""
    summary = one.seen(Durations)
    duration, ended = summary.months[one.trial][members], summary.event[one.trial][members]
    events, months = np.zeros(len(cuts) + 1, dtype=np.int64), np.zeros(len(cuts) + 1)
    for interval, (start, end) in enumerate(itertools.pairwise((0.0, *cuts, np.inf))):
        # what ends exactly at a cut ends in the earlier interval
        here = (duration > start) | (interval == 0)
        events[interval] = (ended & here & (duration <= end)).sum()
        months[interval] = np.clip(duration - start, 0.0, end - start).sum()
    return events, months


def effects_of(arms: int, question: Question | None) -> tuple[tuple[int, ...], Floats]:
    """Arms that have a say in a question, and the log hazard ratio of each, ``(arm, effect)``."""
    effects = np.zeros((arms, arms - 1))
    if question is None or (question.of.of_two and question.minus is not None):
        pair = (1, 0) if question is None else question.pair
        # where the second arm is the control the effect keeps the place of its arm
        effects[pair[0], effect_of(*pair)] = 1.0
        return pair, effects
    effects[1:] = np.eye(arms - 1)
    return tuple(range(arms)), effects


def events_at_baseline(events: Any, effects: Any) -> Any:
    """Events of the arms whose hazard is the baseline itself; the first axis is that of arms."""
    from pytensor import tensor as pt

    return pt.tensordot(pt.eq(abs(effects).sum(axis=1), 0.0), events, 1)


def effect_of(arm: int, to: int) -> int:
    """Place of the log hazard ratio of two arms; of two experimental arms it is the first."""
    return arm - 1 if to == 0 else 0


def followed_by_hazards(
    summary: Durations,
    coming: AtRisk,
    some: PlainCompletions,
    cuts: tuple[float, ...],
    hazards: Callable[[int, int], Floats],
) -> Durations:
    """Times of one trial at the last look, a row a draw.

    Parameters
    ----------
    hazards
        Those of a stratum and an arm, ``(draw, interval)``.
    """
    coming = coming.begun(some)
    burden = -np.log1p(-some.plain(coming.arm.shape[-1]))
    lasting = np.full((1, *burden.shape), np.inf)
    since = over_completions(coming.since, lasting.shape)[0]
    for arm, stratum in np.ndindex(summary.participants.shape[1:]):
        mine = (coming.arm[0] == arm) & (coming.stratum[0] == stratum)
        if mine.any():
            lasting[0][:, mine] = next_event(
                hazards(stratum, arm), cuts, since[:, mine], burden[:, mine]
            )
    return summary.followed_on(coming, lasting)
