"""Calibration of the models that tell calendar periods apart: what is drawn.

Three arms, of which one enters late and one leaves early, three participants an arm and calendar
period. The true level of an arm is averaged over the calendar periods of the comparison. Where
periods end when an arm enters or leaves, there are three of them, of nine, six and nine an arm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from calibration_case import Case, Floats, Generator, Truth

from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.summaries import CalendarCounts, Counts, Summary
from adaptive_cart.nouns.summaries.period_counts import PeriodCounts

OPEN = np.array([[1] * 8, [1] * 5 + [0] * 3, [0] * 3 + [1] * 5], dtype=np.bool_)  # from the opening
ARMS, PERIODS = OPEN.shape
EACH, SD, SCALE = 3, 2.5, 0.4
ASKED = {
    "usual": Question("e", 0, value=0.4),
    "early - usual": Question("e", 1, 0, value=0.0),
    "late - usual": Question("e", 2, 0, value=0.1),
}


def parameters(order: int) -> Callable[[Generator, int], Truth]:
    """Draw from the prior; the drift is counted back from the latest calendar period."""

    def drawn(generator: Generator, number: int) -> Truth:
        intercept = generator.normal(0.0, SD, number)
        of_arm = generator.normal(0.0, SD, (number, ARMS - 1))
        tau = np.abs(generator.normal(0.0, SCALE, number))
        step = generator.normal(0.0, 1.0, (number, PERIODS - 1))
        drift = np.zeros((number, PERIODS))
        for back in range(1, PERIODS):
            around = drift[:, back - 1]
            if order == 2:
                around = 2.0 * around - drift[:, back - 2] if back > 1 else np.zeros(number)
            drift[:, back] = around + tau * step[:, back - 1]
        logit = intercept[:, None, None] + drift[:, None, ::-1]
        logit = logit + np.concatenate([np.zeros((number, 1)), of_arm], axis=1)[:, :, None]
        truth = {"intercept": intercept, "of_arm": of_arm, "tau": tau, "step": step}
        return truth | {"risk": 1.0 / (1.0 + np.exp(-logit))}

    return drawn


def data(generator: Generator, truth: Truth) -> Summary:
    """Responders by arm and calendar period, from the opening on."""
    number = len(truth["tau"])
    seen = np.broadcast_to(EACH * OPEN, (number, ARMS, PERIODS)).astype(np.int64)
    had = generator.binomial(seen, truth["risk"])
    whole = had.sum(axis=2, keepdims=True), seen.sum(axis=2, keepdims=True)
    opened = np.broadcast_to(OPEN, seen.shape)
    calendar = np.tile(np.arange(PERIODS), (number, 1))
    return CalendarCounts(*whole, 0 * whole[0], whole[1], had, seen, opened, calendar)


def true(question: Question, truth: Truth) -> Floats:
    """The difference of two arms while both enrolled, or the level of one while it did."""
    arms = [question.arm] if question.minus is None else [question.arm, question.minus]
    while_open = OPEN[arms].all(axis=0)
    weight = while_open * OPEN.sum(axis=0)
    levels = truth["risk"] @ (weight / weight.sum())
    found: Floats = levels[:, question.arm]
    return found if question.minus is None else found - levels[:, question.minus]


def case(order: int) -> Case:
    """The time machine of an order."""
    trend: dict[str, Any] = {
        "model": "time_machine", "period_months": 3.0, "order": order, "step_scale": SCALE,
    }  # fmt: skip
    drawn = parameters(order), data
    table = {"model": "beta_binomial", "time_trend": trend}
    arms = ("usual", "early", "late")
    return Case(table, arms, (), (1.0,), *drawn, ASKED, beside=("risk",), true=true)


# ── effects of periods ────────────────────────────────────────────────────────────────────────
LONG = np.array([3, 2, 3])  # calendar periods of each period
OPEN_IN = np.array([[1, 1, 1], [1, 1, 0], [0, 1, 1]], dtype=np.bool_)


def effects(generator: Generator, number: int) -> Truth:
    """Draw the intercept, effects of arms and effects of periods from the prior."""
    intercept = generator.normal(0.0, SD, number)
    of_arm = generator.normal(0.0, SD, (number, ARMS - 1))
    of_period = generator.normal(0.0, SD, (number, len(LONG) - 1))
    by_arm, by_period = (np.pad(own, [(0, 0), (1, 0)]) for own in (of_arm, of_period))
    logit = intercept[:, None, None] + by_arm[:, :, None] + by_period[:, None, :]
    truth = {"intercept": intercept, "of_arm": of_arm, "of_period": of_period}
    return truth | {"risk": 1.0 / (1.0 + np.exp(-logit))}


def by_period(generator: Generator, truth: Truth) -> Summary:
    """Responders by arm and period."""
    number = len(truth["risk"])
    seen = np.broadcast_to(EACH * LONG * OPEN_IN, (number, *OPEN_IN.shape)).astype(np.int64)
    had = generator.binomial(seen, truth["risk"])
    whole, of_period = (
        Counts(one, all_of_them, 0 * one, all_of_them)
        for one, all_of_them in (
            (had.sum(axis=2, keepdims=True), seen.sum(axis=2, keepdims=True)),
            (had, seen),
        )
    )
    return PeriodCounts.of(whole, of_period, np.broadcast_to(OPEN_IN, seen.shape))


def true_of_periods(question: Question, truth: Truth) -> Floats:
    """The difference of two arms while both enrolled, or the level of one while it did."""
    arms = [question.arm] if question.minus is None else [question.arm, question.minus]
    weight = OPEN_IN[arms].all(axis=0) * LONG * OPEN_IN.sum(axis=0)
    levels = truth["risk"] @ (weight / weight.sum())
    found: Floats = levels[:, question.arm]
    return found if question.minus is None else found - levels[:, question.minus]


PERIODS_CASE = Case(
    {"model": "beta_binomial", "time_trend": {"model": "periods"}},
    ("usual", "early", "late"),
    (),
    (1.0,),
    effects,
    by_period,
    ASKED,
    beside=("risk",),
    true=true_of_periods,
)
