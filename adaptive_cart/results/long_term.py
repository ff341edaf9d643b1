"""What long-term follow-up will see: participant-years, events, and the chance to see any.

Everybody who is infused is followed from infusion (in arms without one everybody, from
randomisation) until death, loss to follow-up or the last year, whichever comes first; leaving the
trial does not end it. Rates are those of the truth and stay as they are. With hazard h of leaving
and rate r of the event, a participant's time T within y years has

    E T = (1 - exp(-h y)) / h,
    E exp(-r T) = (h + r exp(-(h + r) y)) / (h + r),

so that n participants see no event with probability (E exp(-r T))^n. Nothing is drawn beyond the
number randomised in each trial.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from adaptive_cart.courses.group import GroupCourse
from adaptive_cart.courses.tables import per_month
from adaptive_cart.design.design import Design
from adaptive_cart.design.long_term import LongTermFollowUp
from adaptive_cart.design.truth import Truth
from adaptive_cart.nouns.parts import MONTHS_PER_YEAR
from adaptive_cart.nouns.records import Floats

POINTS = 1_024  # equally probable delays to infusion
WAITS = 128  # and months of a wash-out
UNSEEN = 0.05  # probability with which a rate at the bound would have shown no event


@dataclass(frozen=True)
class OneParticipant:
    """What one participant of an arm, randomised, adds by a year.

    Attributes
    ----------
    infused
        Probability to be followed at all.
    years
        Mean participant-years.
    events
        Mean number of events, by name.
    none
        Probability to show no event, by name.
    """

    infused: float
    years: float
    events: dict[str, float]
    none: dict[str, float]


def counted(design: Design) -> tuple[str, ...]:
    """Names of the rates that are counted: those named, else every one that the truth has."""
    asked = design.long_term_follow_up
    if asked is None:
        return ()
    if asked.events is not None:
        return tuple(asked.events)
    groups = [g for t in design.truths.values() for by in t.courses or () for g in by]
    return tuple(dict.fromkeys(name for group in groups for name in group.rates))


def infused_share(group: GroupCourse) -> float:
    """Probability to be infused: no failure, and neither dropout nor death before it."""
    if not group.infused:
        return 1.0
    if group.delay is None:
        return 1.0 - group.failure
    delays = group.delay.quantile((np.arange(POINTS) + 0.5) / POINTS)
    if group.washout is not None:
        waits = group.washout.quantile((np.arange(WAITS) + 0.5) / WAITS)
        delays = np.maximum.outer(delays, waits)
    there = np.exp(-(group.dropout + group.death) * delays)  # both a month
    return (1.0 - group.failure) * float(there.mean())


def groups_in(design: Design, truth: Truth, arm: int) -> Iterator[tuple[float, GroupCourse]]:
    """Courses in an arm, with the share of its participants that is expected to have each."""
    weights = [1.0]
    if truth.mixture is not None:
        months = design.open_months(truth.accrual.pace, (arm,))
        weights = truth.mixture.weights(months).mean(axis=1).tolist()
    for weight, part in zip(weights, truth.parts, strict=True):
        assert part.courses is not None
        for share, group in zip(truth.shares, part.courses[arm], strict=True):
            yield weight * share, group


def one_participant(
    design: Design, truth: Truth, arm: int, year: float, asked: LongTermFollowUp
) -> OneParticipant:
    """Average over the strata, by their shares."""
    names = counted(design)
    infused, years = 0.0, 0.0
    events, none = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
    for share, group in groups_in(design, truth, arm):
        there = share * infused_share(group)
        leaving = (per_month(asked.lost) + group.death) * MONTHS_PER_YEAR
        time = -math.expm1(-leaving * year) / leaving if leaving > 0.0 else year
        infused += there
        years += there * time
        for name in names:
            rate = group.rates[name]
            both = leaving + rate
            unseen = 1.0
            if both > 0.0:
                unseen = (leaving + rate * math.exp(-both * year)) / both
            events[name] += there * rate * time
            none[name] += (share - there) + there * unseen
    return OneParticipant(infused, years, events, none)


def bound(years: Floats) -> Floats:
    """Upper 95% bound of a yearly rate where no event is seen in so many participant-years.

    The rate that would have shown at least one with probability 0.95, from the Poisson law
    (Hanley & Lippman-Hand 1983, JAMA 249:1743).
    """
    return -math.log(UNSEEN) / years
