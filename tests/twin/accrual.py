"""How many participants are expected by a month, the slow way, from the page on semantics.

- Each site enrols at its own number a month from its opening until it closes; a ramp rises in a
  straight line from nought. Pieces are numbers a month, each until the next one begins.
- Of those who are screened a fraction is never randomised; the others are randomised a lag later.
  For a distribution of lags stand 256 equally probable ones, the quantiles at 1/512, 3/512, ...
- In a hold nobody is randomised; whoever would have been is lost.
- A scenario's table is laid over the design's. Saying `per_month` it drops the design's sites,
  and saying `sites` it drops the design's `per_month`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

Table = dict[str, Any]
Quantile = Callable[[Table, float], float]


def in_scenario(raw: Table, scenario: str) -> Table:
    """The design with the enrolment of one of its scenarios."""
    own = raw["scenarios"][scenario].get("enrolment")
    if own is None:
        return raw
    plan = {key: value for key, value in raw["enrolment"].items() if key not in own}
    if "per_month" in own and "sites" not in own:
        plan.pop("sites", None)
    if "sites" in own and "sites" not in raw["enrolment"]:
        plan.pop("per_month", None)
    laid = {**plan, **own}
    for key in ("sites", "screening"):
        if key in own and key in raw["enrolment"]:
            laid[key] = {**raw["enrolment"][key], **own[key]}
    return {**raw, "enrolment": laid}


def is_plain(enrolment: Table) -> bool:
    """Whether it is a number a month or a ramp, and nothing more."""
    plain = isinstance(enrolment.get("per_month"), int | float | dict)
    return plain and not {"sites", "holds", "screening"} & set(enrolment)


def of_rate(per_month: Any, since: float) -> float:
    """Participants expected in the first months since somebody began to enrol."""
    if since <= 0.0:
        return 0.0
    if isinstance(per_month, Mapping):
        ramp, plateau = per_month["ramp_months"], per_month["plateau"]
        inside = min(since, ramp)
        return plateau * inside * inside / ramp / 2.0 + plateau * (since - inside)
    if isinstance(per_month, list):
        total = 0.0
        for position, piece in enumerate(per_month):
            last = position + 1 == len(per_month)
            end = since if last else min(since, per_month[position + 1]["from"])
            total += piece["rate"] * max(end - piece["from"], 0.0)
        return total
    return float(per_month) * since


def screened_by(enrolment: Table, month: float) -> float:
    """Participants expected at the doors of all sites by a month."""
    total = of_rate(enrolment["per_month"], month) if "per_month" in enrolment else 0.0
    for site in enrolment.get("sites", {}).values():
        closed = min(month, site.get("closes", math.inf))
        total += of_rate(site["per_month"], closed - site.get("opens", 0.0))
    return total


@cache
def lags_of(distribution: str, quantile: Quantile) -> list[float]:
    """Lags from screening to randomisation, equally probable."""
    lag = json.loads(distribution)
    if lag is None or lag["dist"] == "fixed":
        return [0.0 if lag is None else lag["value"]]
    return [quantile(lag, (2 * k + 1) / 512) for k in range(256)]


def expected_by(enrolment: Table, month: float, quantile: Quantile) -> float:
    """Participants expected to be randomised by a month."""
    screening = enrolment.get("screening", {})
    lags = lags_of(json.dumps(screening.get("lag")), quantile)

    def without_holds(until: float) -> float:
        each = math.fsum(screened_by(enrolment, until - lag) for lag in lags)
        return (1.0 - screening.get("failure", 0.0)) * each / len(lags)

    # months outside every hold, one after the other
    total, at = 0.0, 0.0
    for hold in sorted(enrolment.get("holds", []), key=lambda hold: hold["from"]):
        start, end = min(hold["from"], month), min(hold["until"], month)
        if start > at:
            total += without_holds(start) - without_holds(at)
        at = max(at, end)
    return total + without_holds(month) - without_holds(at) if month > at else total


def month_of(enrolment: Table, number: float, quantile: Quantile) -> float:
    """First month by which so many are expected: halving an interval until it is a point."""
    if not math.isfinite(number):
        return math.inf
    low, high = 0.0, 1.0
    while expected_by(enrolment, high, quantile) < number:
        low, high = high, 2.0 * high
    while True:
        middle = 0.5 * (low + high)
        if middle in (low, high):
            return high
        if expected_by(enrolment, middle, quantile) < number:
            low = middle
        else:
            high = middle
