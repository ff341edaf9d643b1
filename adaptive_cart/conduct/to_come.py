"""Who is still to come by the last look, and when that will be: what a prediction looks ahead to.

Only the design and what is known at the date are used: arrivals are those that enrolment plans from
now on, arms and strata are filled up to their planned numbers in turn, and nobody leaves any more.
Where arms enter or leave, each is filled as its share of those who come grows while it is open.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from adaptive_cart.conduct.looks import Schedule
from adaptive_cart.design.design import Design
from adaptive_cart.design.planned import ArmsAhead
from adaptive_cart.nouns.ahead import Ahead, Coming, by_share
from adaptive_cart.nouns.completions import Completions
from adaptive_cart.nouns.records import Booleans, Floats, Integers, Snapshot
from adaptive_cart.nouns.summaries import Summary

if TYPE_CHECKING:
    from adaptive_cart.conduct.plan import Plan


def ahead_of(
    design: Design,
    schedule: Schedule,
    snapshot: Snapshot,
    enrolled: bool,
    apart: bool,
    closed: Floats | None = None,
) -> Ahead:
    """What is ahead of the trials of a snapshot.

    Parameters
    ----------
    enrolled
        With those who are enrolled, or else with the planned number.
    apart
        Whether each stratum has a planned number of its own.
    closed
        ``(trial, arm)`` months at which decisions have closed arms; where arms enter or leave.
    """
    population = snapshot.population
    inside = snapshot.enrolled.mask(population.participants)
    now = snapshot.enrolled_by_group
    shares = np.array(design.shares)
    together = None if apart or enrolled or len(shares) == 1 else shares
    open_ahead: ArmsAhead | None = None
    if enrolled:
        planned, wanted = now, np.zeros_like(now)
    else:
        if design.stays is None:
            planned = _planned(design, len(now), apart)
        else:
            assert closed is not None
            date = np.where(np.isfinite(snapshot.date), snapshot.date, 0.0)
            open_ahead = ArmsAhead.of(design, date, now.sum(axis=2), closed)
            planned = now + by_stratum(open_ahead.planned - now.sum(axis=2), shares, apart)
        missing = planned.sum(axis=2) - now.sum(axis=2)
        wanted = np.maximum(planned - now, 0)
        if together is not None:
            wanted = by_share(np.maximum(missing, 0), shares)
    rank, arm, stratum = _in_turn(wanted, open_ahead)
    pace = design.enrolment.pace
    dates = pace.date(pace.expected(snapshot.date)[:, None] + rank)
    new = np.isfinite(dates)
    last, events = _last(schedule, snapshot, dates, enrolled)
    return Ahead(
        planned,
        together,
        np.concatenate([np.where(inside, population.arrival, np.inf), dates], axis=1),
        np.concatenate([population.arm, arm.astype(population.arm.dtype)], axis=1),
        np.concatenate([population.label, stratum.astype(population.label.dtype)], axis=1),
        np.concatenate([inside, new], axis=1),
        np.concatenate([np.zeros_like(inside), new], axis=1),
        last,
        events,
    )


def waited_for(plan: Plan, endpoints: Sequence[str]) -> str | None:
    """The endpoint that dates the last look, where how much is seen of others hangs on its date.

    Nothing where the last look waits for no events, or nothing hangs on when it is.

    Parameters
    ----------
    endpoints
        Those of which a completed trial is asked.
    """
    schedule, kinds = plan.schedule, plan.design.endpoints
    if not schedule.counts.of_events or schedule.final:
        return None
    others = (name for name in endpoints if name != schedule.counted)
    return schedule.counted if any(kinds[name].seen_by_date for name in others) else None


def also_drawn(plan: Plan, endpoints: Sequence[str]) -> tuple[str, ...]:
    """Endpoints of which more is drawn where a completed trial is asked of some of them.

    First that which dates the last look, where that matters.
    """
    waited = waited_for(plan, endpoints)
    return tuple(dict.fromkeys(endpoints if waited is None else (waited, *endpoints)))


def last_dates(plan: Plan, now: Floats, waited: Coming, last: Summary, some: Completions) -> Floats:
    """Calendar month of the last look of each completion, ``(trial, completion)``.

    Parameters
    ----------
    now
        ``(trial,)`` calendar month.
    waited, last
        What was to come of the endpoint that it waits for, and what has then been seen of it, a row
        a completion.
    """
    delay = plan.delay(plan.schedule.counted)
    return np.maximum(waited.held(last, some) + delay, now[:, None])


def up_to(
    plan: Plan, endpoint: str, coming: Coming, dates: Floats | None, some: Completions
) -> Coming:
    """What is to come of an endpoint up to the last look of each completion.

    Parameters
    ----------
    dates
        ``(trial, completion)`` of that look; nothing where it is known, or nothing hangs on it.
    """
    if dates is None or endpoint == plan.schedule.counted:
        return coming
    return coming.dated(dates - plan.delay(endpoint), some)


def _planned(design: Design, trials: int, apart: bool) -> Integers:
    """Planned numbers, ``(trial, arm, stratum)``."""
    shares = np.array(design.shares)
    whole = np.array(design.planned, dtype=np.int64)
    if apart:
        cells = np.array(
            [[round(n * share) for share in design.shares] for n in whole], dtype=np.int64
        )
    else:
        cells = by_share(whole[None], shares)[0]
    return np.broadcast_to(cells, (trials, *cells.shape))


def by_stratum(numbers: Integers, shares: Floats, apart: bool) -> Integers:
    """Those to come in each arm, ``(trial, arm)``, by stratum, ``(trial, arm, stratum)``.

    Parameters
    ----------
    apart
        Whether each stratum has its share, rounded; else they add up, by largest remainder.
    """
    if apart:
        return np.rint(numbers[:, :, None] * shares).astype(np.int64)
    return by_share(numbers, shares)


def _in_turn(wanted: Integers, open_ahead: ArmsAhead | None) -> tuple[Floats, Integers, Integers]:
    """Those to be enrolled: their place in the order, arm and stratum, ``(trial, column)`` each.

    Every group fills evenly: from now to the last of all, or as those expected in its arm come
    while that is open. Who is not wanted has an infinite place.
    """
    _, arms, strata = wanted.shape
    cells = [(arm, stratum) for arm in range(arms) for stratum in range(strata)]
    keys, arm_of, stratum_of = [], [], []
    for arm, stratum in cells:
        number = wanted[:, arm, stratum][:, None]
        place = np.arange(int(number.max(initial=0)))
        with np.errstate(divide="ignore"):
            part = (place + 0.5) / number
        if open_ahead is not None:
            part = open_ahead.come_when(arm, np.where(place < number, part, 0.0))
        keys.append(np.where(place < number, part, np.inf))
        arm_of += [arm] * len(place)
        stratum_of += [stratum] * len(place)
    key = np.concatenate(keys, axis=1)
    order = np.argsort(key, axis=1, kind="stable")
    comes = np.isfinite(np.take_along_axis(key, order, axis=1))
    rank = np.where(comes, np.arange(1.0, key.shape[1] + 1.0), np.inf)
    return rank, np.array(arm_of, dtype=np.int64)[order], np.array(stratum_of, np.int64)[order]


def _last(
    schedule: Schedule, snapshot: Snapshot, dates: Floats, enrolled: bool
) -> tuple[Floats, int]:
    """Calendar month of the last look, ``(trial,)``, and the events that it waits for."""
    population, now = snapshot.population, snapshot.date
    to_come = np.isfinite(dates).sum(axis=1)
    all_in = snapshot.randomised + to_come
    if schedule.counts.of_events and not schedule.final:
        return np.full(len(now), np.nan), int(schedule.at[-1])
    observed = schedule.final or enrolled or schedule.counts.when_followed
    if schedule.counts.by_calendar and (not observed or schedule.followed_for is None):
        return np.maximum(schedule.at[-1], now), 0
    if observed and schedule.followed_for is None:
        return now, 0
    stated = schedule.counts.of_participants and not (schedule.final or enrolled)
    number = np.minimum(int(schedule.at[-1]), all_in) if stated else all_in
    before = np.take_along_axis(
        population.arrival, np.clip(number, 1, snapshot.randomised.clip(1))[:, None] - 1, axis=1
    )[:, 0]
    if dates.shape[1]:
        place = np.clip(number - snapshot.randomised, 1, np.maximum(to_come, 1))[:, None] - 1
        later = np.take_along_axis(dates, place, axis=1)[:, 0]
        before = np.where(number > snapshot.randomised, later, before)
    after = schedule.followed_for if observed and schedule.followed_for is not None else 0.0
    none: Booleans = all_in == 0
    return np.maximum(np.where(none, now, before + after), now), 0
