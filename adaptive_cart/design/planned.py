"""What is planned where arms enter and leave: when, and how many participants each has.

Planned is what happens if participants come when they are expected and no rule acts. Only of an arm
that never leaves by itself, and that another waits for, something else has to be supposed: that it
stops enrolling at the middle one of the looks at which a rule may close it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.decisions import SUCCESS
from adaptive_cart.nouns.calendar import until
from adaptive_cart.nouns.pace import Pace
from adaptive_cart.nouns.records import Floats, Integers
from adaptive_cart.nouns.windows import Stay, Stays, Windows

if TYPE_CHECKING:
    from adaptive_cart.design.design import Design


def stays_of(arms: Mapping[str, Any], names: Sequence[str]) -> Stays | None:
    """The plan of every arm; nothing where all enrol from the opening to the end.

    Parameters
    ----------
    names
        In the order of arrays.
    """
    stays = tuple(_stay(arms[name], names) for name in names)
    return None if all(stay.always for stay in stays) else Stays(stays)


def _stay(arm: Any, names: Sequence[str]) -> Stay:
    told: dict[str, Any] = {}
    for key in ("enters", "leaves"):
        moment = getattr(arm, key)
        if moment is None:
            continue
        if isinstance(moment, float | int):
            told[key] = float(moment)
        else:
            told[f"{key}_after"] = list(names).index(moment.after)
    return Stay(**told)


def said_moment(moment: Any) -> str:
    """Say when an arm enters or leaves: ``at month 18``, ``when auto stops enrolling``."""
    if isinstance(moment, float | int):
        return f"at month {moment:g}"
    return f"when {moment.after} stops enrolling"


def may_close(rule: Any, arm: str, rules: Sequence[Any]) -> bool:
    """Whether a rule may close an arm, by what it asks or by what a rule asks that it predicts."""
    closes = rule.decision.drops_arms or rule.decision.ends == SUCCESS
    predicted = {part.predictive.rule for part in rule.comparisons if part.predictive is not None}
    about = [one for one in rules if one is rule or one.name in predicted]
    return closes and any(asked.arm in (arm, "each") for one in about for asked in one.asked)


def closing_looks(design: Design, arm: str) -> list[int]:
    """Numbers of the looks, but the last, at which a rule may close an arm."""
    closing = [rule for rule in design.rules if may_close(rule, arm, design.rules)]
    looks = {look for rule in closing for look in design.judged_at(rule)}
    return sorted(look for look in looks if look < design.looks.number)


def month_of_look(design: Design, look: int, pace: Pace) -> float:
    """Month at which a look is expected; infinite where that hangs on events."""
    looks = design.looks
    if looks.counts.by_calendar:
        return float(looks.at[look - 1])
    if not looks.counts.of_participants:
        return float("inf")
    waits = design.primary_endpoint.followed_for() if looks.counts.when_followed else 0.0
    return pace.month_of(looks.at[look - 1]) + float(waits or 0.0)


def planned_windows(design: Design, pace: Pace | None = None) -> Windows:
    """When each arm is planned to open and close, as one trial.

    Parameters
    ----------
    pace
        How fast participants come; as the design plans it if left out.
    """
    opening = np.zeros(1), np.full((1, len(design.arms)), np.inf)
    return windows_ahead(design, *opening, pace)


def windows_ahead(
    design: Design, date: Floats, closed: Floats, pace: Pace | None = None
) -> Windows:
    """When arms open and close if from a date on, ``(trial,)``, no rule acts any more.

    An arm that others wait for, and that does not leave by itself, stops at the middle one of the
    looks planned after the date, and after it has opened, at which a rule may close it.

    Parameters
    ----------
    closed
        ``(trial, arm)`` months at which decisions have closed arms, infinite for not.
    pace
        By which looks are planned; as the design has it if left out.
    """
    pace = design.enrolment.pace if pace is None else pace
    assert design.stays is not None
    stays, closed = design.stays.arms, closed.copy()
    waited = {arm for stay in stays for arm in (stay.enters_after, stay.leaves_after)} - {None}
    for _ in stays:  # an arm that is waited for may itself wait for another
        windows = design.stays.windows(closed)
        for arm in waited:
            assert arm is not None
            opens = windows.opens[:, arm]
            may = np.isinf(windows.closes[:, arm]) & np.isfinite(opens)
            looks = closing_looks(design, design.arm_names[arm])
            months = np.array(sorted(month_of_look(design, look, pace) for look in looks))
            ahead = (months > until(np.maximum(opens, date))[:, None]).sum(axis=1)
            place = len(months) - ahead + ahead // 2
            middle = np.append(months, np.inf)[place]
            closed[:, arm] = np.where(may, middle, closed[:, arm])
    return design.stays.windows(closed)


def planned_by_period(design: Design) -> tuple[int, ...]:
    """Planned number in each arm: its share of those expected while it is open.

    By largest remainder; ties go to the earlier arm.
    """
    nobody = np.zeros((1, len(design.arms)), dtype=np.int64)
    whole = planned_ahead(design, np.zeros(1), nobody, np.full(nobody.shape, np.inf))[0]
    return tuple(int(number) for number in whole)


def planned_among(design: Design, number: float) -> Floats:
    """Of the first so many participants, those expected in each arm by period, ``(arm, period)``.

    As :func:`planned_by_period` has it, but not rounded.
    """
    nobody = np.zeros((1, len(design.arms)), dtype=np.int64)
    ahead = ArmsAhead.of(design, np.zeros(1), nobody, np.full(nobody.shape, np.inf))
    steps = np.diff(np.minimum(ahead.come[0], number), prepend=0.0)
    found: Floats = ahead.shares[0] * steps
    return found


def rounded_among(parts: Floats) -> tuple[int, ...]:
    """Numbers ``(arm,)`` as whole ones with the same total, by largest remainder."""
    whole = np.floor(parts + 1e-9).astype(int)
    left = round(float(parts.sum())) - int(whole.sum())
    order = np.argsort(np.round(whole - parts, 9), kind="stable")
    whole[order[:left]] += 1
    return tuple(int(number) for number in whole)


def planned_ahead(design: Design, date: Floats, randomised: Integers, closed: Floats) -> Integers:
    """Numbers in each arm once everybody is in, as expected at a date, ``(trial, arm)``.

    Parameters
    ----------
    date, randomised, closed
        ``(trial,)``, ``(trial, arm)`` so far, and as in :func:`windows_ahead`.
    """
    return ArmsAhead.of(design, date, randomised, closed).planned


@dataclass(frozen=True)
class ArmsAhead:
    """How those to come divide among the arms: by allocation among those open in each period ahead.

    Attributes
    ----------
    planned
        ``(trial, arm)`` once everybody is in: those randomised, and of those to come the arm's
        share, at the pace of the design; by largest remainder, ties to the earlier arm.
    come
        ``(trial, period)`` how many of those to come are expected by the end of each period.
    shares
        ``(trial, arm, period)`` of those who come in a period.
    """

    planned: Integers
    come: Floats
    shares: Floats

    @classmethod
    def of(cls, design: Design, date: Floats, randomised: Integers, closed: Floats) -> ArmsAhead:
        """What is ahead of trials at a date; the parameters are those of :func:`planned_ahead`."""
        pace = design.enrolment.pace
        windows = windows_ahead(design, date, closed)
        rest = np.maximum(design.enrolment.max_n - randomised.sum(axis=1), 0)
        already = pace.expected(np.maximum(date, 0.0))
        quotas, before = np.zeros(randomised.shape), np.zeros(len(date))
        come, shares = [], []
        for period in range(windows.periods):
            ends = windows.bounds[:, period] if period < windows.periods - 1 else np.inf + date
            finite = np.where(np.isfinite(ends), np.maximum(ends, date), 0.0)
            by_then = np.where(np.isfinite(ends), pace.expected(finite) - already, np.inf)
            by_then = np.clip(by_then, before, rest)
            ratio = windows.open_in[:, :, period] * np.array(design.allocation)
            parts = np.maximum(ratio.sum(axis=1, keepdims=True), 1)
            quotas += (by_then - before)[:, None] * ratio / parts
            before = by_then
            come.append(by_then)
            shares.append(ratio / parts)
        whole = np.floor(quotas + 1e-9).astype(np.int64)
        left = rest - whole.sum(axis=1)
        order = np.argsort(np.round(whole - quotas, 9), axis=1, kind="stable")
        rank = np.argsort(order, axis=1, kind="stable")
        more: Integers = randomised + whole + (rank < left[:, None])
        return cls(more, np.stack(come, axis=1), np.stack(shares, axis=2))

    def come_when(self, arm: int, part: Floats) -> Floats:
        """How many of all to come are expected to have, when such a part of an arm's own have.

        Parameters
        ----------
        part
            ``(trial, column)`` of those expected in the arm, between 0 and 1.

        Returns
        -------
        ``(trial, column)``; infinite where nobody is expected in it.
        """
        steps = np.diff(self.come, axis=1, prepend=0.0)
        grown = np.cumsum(steps * self.shares[:, arm], axis=1)
        wanted = part * grown[:, -1:]
        found = np.where(grown[:, -1:] > 0.0, self.come[:, -1:], np.inf) + np.zeros_like(part)
        for period in reversed(range(grown.shape[1])):
            share = self.shares[:, arm, period][:, None]
            short = grown[:, period][:, None] - wanted
            within = (short >= 0.0) & (share > 0.0)
            at = self.come[:, period][:, None] - short / np.where(share > 0.0, share, 1.0)
            found = np.where(within, at, found)
        return found
