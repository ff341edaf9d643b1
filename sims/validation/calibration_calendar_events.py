"""Calibration of rates and hazards over the calendar: what is drawn.

The arms and calendar periods of ``calibration_calendar.py``, of which a rate has so many years, and
a time so many participants, an arm and calendar period. The true level of an arm is averaged over
the periods of the comparison; a hazard ratio is one number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from calibration_calendar import ARMS, LONG, OPEN, OPEN_IN, PERIODS
from calibration_case import Case, Floats, Generator, Truth

from adaptive_cart.models.periods.adjustment import COEFFICIENT_SD
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.summaries import Durations, Exposure, Summary, over_periods

A, B, SCALE = 1.5, 2.0, 0.3
SD = {"gamma_poisson": COEFFICIENT_SD, "piecewise_exponential": 0.8}  # of log ratios
YEARS, EACH = 4.0, 3  # years, and participants, of an arm in a calendar period
CUTS = (4.0,)
NAMES = ("usual", "early", "late")
RATES = {
    "usual": Question("e", 0, value=0.6),
    "early - usual": Question("e", 1, 0, value=0.0),
    "late / usual": Question("e", 2, 0, value=1.0, kind="ratio"),
}
TIMES = {
    "early / usual": Question("e", 1, 0, value=0.8, kind="hazard_ratio", above=False),
    "late / usual": Question("e", 2, 0, value=1.0, kind="hazard_ratio"),
    "late / early": Question("e", 2, 1, value=1.2, kind="hazard_ratio"),
    "late at month 3": Question("e", 2, value=0.3, kind="remaining", month=3.0),
}


def parameters(walks: bool, intervals: int, sd: float) -> Callable[[Generator, int], Truth]:
    """Draw from the prior; a drift is counted back from the latest calendar period."""

    def drawn(generator: Generator, number: int) -> Truth:
        shape = (number, intervals) if walks else (number, len(LONG), intervals)
        baseline = generator.gamma(A, 1.0 / B, shape)
        log_ratio = generator.normal(0.0, sd, (number, ARMS - 1))
        truth = {"baseline": baseline, "log_ratio": log_ratio}
        times = np.exp(np.pad(log_ratio, [(0, 0), (1, 0)]))[:, :, None, None]
        if not walks:
            return truth | {"rates": times * baseline[:, None]}
        tau = np.abs(generator.normal(0.0, SCALE, number))
        step = generator.normal(0.0, 1.0, (number, PERIODS - 1))
        drift = np.zeros((number, PERIODS))
        for back in range(1, PERIODS):
            line = 2.0 * drift[:, back - 1] - drift[:, back - 2] if back > 1 else 0.0
            drift[:, back] = line + tau * step[:, back - 1]
        by_period = np.exp(drift[:, ::-1])[:, :, None] * baseline[:, None]
        return truth | {"tau": tau, "step": step, "rates": times * by_period[:, None]}

    return drawn


def open_of(walks: bool) -> tuple[Any, Any]:
    """Which arms enrol in each period, and how many calendar periods long it is."""
    return (OPEN, np.ones(PERIODS, dtype=np.int64)) if walks else (OPEN_IN, LONG)


def by_period(whole: Summary, apart: Summary, walks: bool) -> Summary:
    """The same participants, all together and by period."""
    number = len(apart.analysed)
    opened = np.broadcast_to(open_of(walks)[0], (number, *open_of(walks)[0].shape))
    calendar = np.tile(np.arange(PERIODS), (number, 1)) if walks else None
    return over_periods(whole, apart, opened, calendar)


def events_in_years(walks: bool) -> Callable[[Generator, Truth], Summary]:
    """Events of a rate by arm and period."""

    def drawn(generator: Generator, truth: Truth) -> Summary:
        opened, long = open_of(walks)
        rate = truth["rates"][..., 0]
        years = np.broadcast_to(YEARS * long * opened, rate.shape)
        events, people = generator.poisson(rate * years), (years / 2.0).astype(np.int64)
        apart = Exposure(events, years, people)
        whole = Exposure(*(part.sum(axis=2, keepdims=True) for part in (events, years, people)))
        return by_period(whole, apart, walks)

    return drawn


def times_to_events(walks: bool) -> Callable[[Generator, Truth], Summary]:
    """Times by arm and period, whose hazard changes at the cut, followed for up to a year."""

    def drawn(generator: Generator, truth: Truth) -> Summary:
        opened, long = open_of(walks)
        each = (EACH * long * opened).ravel()
        arm, period = (
            np.repeat(part.ravel(), each).astype(np.int8) for part in np.indices(opened.shape)
        )
        hazard = truth["rates"][:, arm, period] / 4.0  # a month
        burden = generator.exponential(size=hazard.shape[:2])
        first = hazard[..., 0] * CUTS[0]
        with np.errstate(divide="ignore"):
            months = np.where(
                burden < first,
                burden / hazard[..., 0],
                CUTS[0] + (burden - first) / hazard[..., 1],
            )
        until = generator.uniform(1.0, 12.0, months.shape)
        seen, had = np.minimum(months, until), months <= until
        there = np.ones(months.shape, dtype=np.bool_)
        arm, period = (np.broadcast_to(part, months.shape) for part in (arm, period))
        apart = Durations.of(seen, had, there, arm, period, opened.shape)
        whole = Durations.of(seen, had, there, arm, np.zeros_like(period), (ARMS, 1))
        return by_period(whole, apart, walks)

    return drawn


def true_of(walks: bool) -> Callable[[Question, Truth], Floats]:
    """True value of what is asked, ``(dataset,)``."""

    def true(question: Question, truth: Truth) -> Floats:
        if question.kind in ("hazard_ratio", "ratio"):
            log_ratio = np.pad(truth["log_ratio"], [(0, 0), (1, 0)])
            assert question.minus is not None
            ratio: Floats = np.exp(log_ratio[:, question.arm] - log_ratio[:, question.minus])
            return ratio
        opened, long = open_of(walks)
        there = opened[list(question.pair)].all(axis=0)
        weight = there * long * opened.sum(axis=0)
        rates, weight = truth["rates"], weight / weight.sum()
        if question.kind == "remaining":
            hazard = rates[:, question.arm] / 4.0
            early = min(question.month, CUTS[0])
            gone = hazard[..., 0] * early + hazard[..., 1] * (question.month - early)
            left: Floats = np.exp(-gone) @ weight
            return left
        level = rates[..., 0] @ weight
        found: Floats = level[:, question.arm]
        return found if question.minus is None else found - level[:, question.minus]

    return true


def case(model: str, walks: bool) -> Case:
    """A model of events and a way to adjust it."""
    trend: dict[str, Any] = {"model": "periods"}
    if walks:
        trend = {"model": "time_machine", "period_months": 3.0, "step_scale": SCALE}
    rates = model == "gamma_poisson"
    prior: dict[str, Any] = {"a": A, "b": B}
    if not rates:  # hazards are a fourth of the rates drawn
        normal = {"dist": "normal", "mean": 0.0, "sd": SD[model]}
        prior = {"baseline": {"a": A, "b": 4.0 * B}, "log_hazard_ratio": normal}
    table = {"model": model, "prior": prior, "time_trend": trend}
    if not rates:
        table["cuts"] = list(CUTS)
    return Case(
        table,
        NAMES,
        (),
        (1.0,),
        parameters(walks, 1 if rates else 1 + len(CUTS), SD[model]),
        events_in_years(walks) if rates else times_to_events(walks),
        RATES if rates else TIMES,
        beside=("rates",) if rates else ("rates", "baseline"),
        true=true_of(walks),
    )
