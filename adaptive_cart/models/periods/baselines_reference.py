"""Events over the calendar with gamma baselines and arms that are ratios, in PyMC.

Statement, of arm k, period s and interval j of follow-up (one of a rate)::

    baseline_sj  ~ Gamma(a, rate b)                            each period its own, or
    baseline_j   ~ Gamma(a, rate b)                            that of the latest calendar period
    log_ratio_k  ~ Normal(mean, sd)                            of the control 0
    drift_s      the walk of ``time_machine_reference.py``     0 where there is none
    events_ksj   ~ Poisson(baseline exp(log_ratio_k + drift_s) exposure_ksj)
    level_k      = sum over s of share_s baseline_s exp(log_ratio_k + drift_s)     of a rate
    remaining_k  = sum over s of share_s exp(- cumulative hazard_ks)               of a hazard
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from adaptive_cart.models.periods.adjustment import arms_of
from adaptive_cart.models.periods.baselines_posterior import CalendarBaselines
from adaptive_cart.models.periods.periods_reference import OverPeriods
from adaptive_cart.models.periods.time_machine_reference import around, drift
from adaptive_cart.models.rates.gamma_poisson_reference import LEAST_EXPOSURE
from adaptive_cart.models.reference import Data, Draws, OneTrial
from adaptive_cart.models.reference_curves import area_under, half_gone
from adaptive_cart.models.reference_scales import log_scale
from adaptive_cart.nouns.questions import LEVEL, Quantity
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import ByPeriod, Durations, Exposure, OverCalendar, Summary


@dataclass(frozen=True)
class BaselinesReference(OverPeriods):
    """Rates or hazards by arm and period, in PyMC."""

    prior: CalendarBaselines
    arms: tuple[str, ...]

    rate: ClassVar[str]
    exposure: ClassVar[str]
    averaged: ClassVar[str]

    @property
    def statement(self) -> str:
        """Likelihood and prior with their numbers."""
        prior = self.prior
        cuts = f", constant between months {', '.join(f'{c:g}' for c in (0.0, *prior.cuts))}"
        shared = "effect of the arm" + ("" if prior.walk is None else " + drift of the period")
        each = "of each period" if prior.walk is None else "of the latest calendar period"
        said = (
            f"in each arm and period: events ~ Poisson({self.rate} x {self.exposure})\n"
            f"log({self.rate}) = log(baseline) + {shared}; that of the control is 0\n"
            f"baseline {each}{cuts if prior.cuts else ''} ~ Gamma(shape {prior.a:g}, rate "
            f"{prior.b:g})\n"
            f"effects of the other arms ~ Normal({prior.centre:g}, sd {prior.sd:g})"
        )
        if prior.walk is not None:
            said += (
                f"\ncalendar periods of {prior.walk.period_months:g} months; the drift of the "
                f"latest is 0; each earlier one ~ Normal({around(prior.walk)}, tau)\n"
                f"tau ~ Half-normal({prior.walk.step_scale:g})"
            )
        return f"{said}\n{self.averaged}"

    def counted(self, seen: Summary, trial: int) -> tuple[Floats, Floats]:
        """Events and exposure of one trial, ``(arm, period, interval)``."""
        raise NotImplementedError  # abstract: each supplies it

    def data_of(self, one: OneTrial) -> Data:
        """Events and exposure by arm and period, and the share of each period in what is asked."""
        summary = one.summary
        assert isinstance(summary, ByPeriod)
        events, exposure = self.counted(summary.split(), one.trial)
        shares = summary.shares(arms_of(one.question))[one.trial]
        if isinstance(summary, OverCalendar):
            latest, calendar = int(summary.latest[one.trial]), summary.calendar[one.trial]
            events, exposure = (
                np.stack(
                    [part[:, calendar == latest - back].sum(axis=1) for back in range(latest + 1)],
                    axis=1,
                )
                for part in (events, exposure)
            )
            shares = shares[: latest + 1]
        return {
            "events": events.astype(np.int64),
            "exposure": np.maximum(exposure, LEAST_EXPOSURE),
            "shares": shares,
        }

    def form(self, data: Data) -> object:
        """How many periods there are."""
        return data["events"].shape

    def model(self, data: Data) -> Any:
        """A new model of these data."""
        import pymc as pm
        from pytensor import tensor as pt

        prior, walk = self.prior, self.prior.walk
        arms, periods, intervals = data["events"].shape
        with pm.Model(coords={"arm": list(self.arms)}) as model:
            events = pm.Data("events", data["events"])
            exposure = pm.Data("exposure", data["exposure"])
            if walk is None:
                own, there = events[0], exposure.sum(axis=0)
            else:
                own, there = events[0].sum(axis=0), exposure.sum(axis=(0, 1))
            scale = log_scale(prior.a, -pt.log(prior.b + there), own)
            shape = (periods, intervals) if walk is None else (intervals,)
            baseline = pm.Gamma("baseline", alpha=prior.a, beta=prior.b, shape=shape, **scale)
            effect = pm.Normal("log_ratio", prior.centre, prior.sd, shape=arms - 1)
            log_ratio = pt.concatenate([np.zeros(1), effect])
            over_time = np.zeros(periods)
            if walk is not None and periods > 1:
                over_time = pt.concatenate([np.zeros(1), drift(walk, periods - 1)])
            by_period = baseline if walk is None else baseline[None, :] * pt.ones((periods, 1))
            times = pt.exp(log_ratio[:, None] + over_time[None, :])
            rate = times[:, :, None] * by_period[None]
            pm.Poisson("occurrence", mu=rate * exposure, observed=events)
            pm.Deterministic("rate", rate)
            pm.Deterministic("log_ratios", log_ratio, dims="arm")
        return model

    def of(self, draws: Draws, quantity: Quantity, open_strata: Booleans | None = None) -> Floats:
        """Ratio of two arms; or a rate, or what remains, over the periods of the comparison."""
        if quantity.to is not None:
            ratios = draws["log_ratios"]
            return np.exp(ratios[..., quantity.arm] - ratios[..., quantity.to])
        rate, share = draws["rate"][..., quantity.arm, :, :], draws["shares"]
        if quantity.name == LEVEL:
            found: Floats = (rate[..., 0] * share).sum(axis=-1)
            return found
        edges = list(itertools.pairwise((0.0, *self.prior.cuts, np.inf)))

        def remaining(month: Floats | float) -> Floats:
            month = np.asarray(month)[..., None]
            gone = np.zeros(rate.shape[:-1])
            for j, (start, end) in enumerate(edges):
                gone = gone + rate[..., j] * np.clip(month - start, 0.0, end - start)
            left: Floats = (share * np.exp(-gone)).sum(axis=-1)
            return left

        if quantity.name == "restricted_mean":
            return area_under(remaining, quantity.month)
        if quantity.name == "median":
            with np.errstate(divide="ignore"):
                return half_gone(lambda month: -np.log(remaining(month)), rate.shape[:-2])
        return remaining(quantity.month)


class RatesReference(BaselinesReference):
    """Yearly rates by arm and period, in PyMC."""

    rate: ClassVar[str] = "rate"
    exposure: ClassVar[str] = "patient-years"
    averaged: ClassVar[str] = (
        "the rate of an arm: averaged over the periods of the comparison, by their shares of those "
        "analysed"
    )

    def counted(self, seen: Summary, trial: int) -> tuple[Floats, Floats]:
        """Events and years of one trial, in one interval."""
        assert isinstance(seen, Exposure)
        return seen.events[trial][..., None], seen.years[trial][..., None]


class HazardsReference(BaselinesReference):
    """Hazards by arm and period, in PyMC."""

    rate: ClassVar[str] = "hazard"
    exposure: ClassVar[str] = "months at risk"
    averaged: ClassVar[str] = (
        "the fraction of an arm that remains: averaged over the periods of the comparison, by "
        "their shares of those analysed"
    )

    def counted(self, seen: Summary, trial: int) -> tuple[Floats, Floats]:
        """Events and months at risk of one trial, participant by participant."""
        assert isinstance(seen, Durations)
        edges = (0.0, *self.prior.cuts, np.inf)
        shape = (*seen.participants.shape[1:], len(edges) - 1)
        events, months = np.zeros(shape), np.zeros(shape)
        for place in np.flatnonzero(seen.included[trial]):
            arm, period = int(seen.arm[trial, place]), int(seen.stratum[trial, place])
            duration, ended = float(seen.months[trial, place]), bool(seen.event[trial, place])
            for interval, (start, end) in enumerate(itertools.pairwise(edges)):
                # what ends exactly at a cut ends in the earlier interval
                here = (duration > start or interval == 0) and duration <= end
                events[arm, period, interval] += ended and here
                months[arm, period, interval] += min(max(duration - start, 0.0), end - start)
        return events, months
