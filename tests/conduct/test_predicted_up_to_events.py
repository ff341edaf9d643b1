"""Predictive probability of other endpoints where the last look waits for events of one.

The twin is written from the semantics: the trial is completed participant by participant, the last
look is held at the month at which its last event is known (of too few, when the last has left
follow-up), and of everything else is seen what has come by then.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from adaptive_cart.conduct.completion_by_chains import what_is_ahead
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.nouns.ahead import AtRisk
from adaptive_cart.nouns.completions import Completions
from adaptive_cart.nouns.summaries import Durations
from checks import raw_design
from conduct.test_completion import ALLOWED, Table, looks_of, predicting
from conduct.test_completion_by_chains import assert_the_same, shares

NUMBER = 1200
SLOW = 4.0 * math.sqrt(0.25 / NUMBER)
EVENTS, HORIZON = 18, 36.0
FEWER = {"endpoint": "infection", "arm": "consolidate", "minus": "withdraw_late", "below": 0.0}
LATER = {
    "endpoint": "rescue",
    "arm": "consolidate",
    "hazard_ratio_to": "withdraw_late",
    "below": 1.0,
}


def by_events(asks: Table, **tables: Any) -> Table:
    """Looks at relapses, and a rule about yearly infections or the time to rescue predicted."""
    raw = raw_design("durability_event_driven")
    model = raw["analysis"]["relapse"] | {"cuts": []}
    raw["endpoints"] |= {
        "infection": {"type": "event_rate"},
        "rescue": {"type": "time_to_event", "horizon": 24},
    }
    gamma = {"model": "gamma_poisson", "prior": {"a": 0.5, "b": 0.5}}
    raw["analysis"] = {"relapse": model, "infection": gamma, "rescue": model}
    raw["enrolment"] = {"max_n": 30, "per_month": 5, "arrivals": "regular"}
    raw["looks"] = {"events": [8, EVENTS]}
    raw["rules"] = [{"name": "efficacy", "then": "declare_success", **asks}]
    months = {"withdraw_late": 20.0, "consolidate": 30.0}
    raw["scenarios"] = {
        "expected": raw["scenarios"]["expected"]
        | {
            "infection": {"withdraw_late": 1.0, "consolidate": 0.7},
            "rescue": {arm: {"dist": "exponential", "median": m} for arm, m in months.items()},
        }
    }
    return predicting(raw | tables, "efficacy")


def hazards(data: Any, trial: int, number: int, arms: Any, rng: Any) -> list[tuple[float, float]]:
    """Draws of the hazard of each arm: the log ratio on a fine grid, the baseline given it."""
    time, events = np.zeros(2), np.zeros(2)
    for k in range(number):
        time[arms[k]] += data.months[trial, k]
        events[arms[k]] += data.event[trial, k]
    grid = np.linspace(-8, 8, 4001)
    log = stats.norm.logpdf(grid, 0.0, 2.0) + grid * events[1]
    log -= (0.1 + events.sum()) * np.log(1.0 + time[0] + np.exp(grid) * time[1])
    mass = np.exp(log - log.max())
    found = []
    for ratio in rng.choice(grid, size=NUMBER, p=mass / mass.sum()):
        rate = 1.0 + time[0] + math.exp(ratio) * time[1]
        baseline = rng.gamma(0.1 + events.sum()) / rate
        found.append((baseline, baseline * math.exp(ratio)))
    return found


def people(conduct: Any, trial: int) -> tuple[list[int], list[float], int, float]:
    """Arms and calendar months of randomisation of all who will be in; how many are; now."""
    now = float(conduct.kept[0].snapshot.date[trial])
    number = int(conduct.kept[0].snapshot.randomised[trial])
    arms = [int(arm) for arm in conduct.population.arm[trial, :number]]
    wanted = [15 - arms.count(arm) for arm in (0, 1)]
    turn = sorted([((j + 0.5) / wanted[k], k) for k in (0, 1) for j in range(max(wanted[k], 0))])
    began = [(k + 1) / 5 for k in range(number)] + [now + (k + 1) / 5 for k in range(len(turn))]
    return arms + [arm for _, arm in turn], began, number, now


def times(
    data: Any, trial: int, who: Any, hazard: tuple[float, float], late: float, longest: float,
    rng: Any,
) -> list[tuple[float, bool]]:  # fmt: skip
    """Months to the event or the end of follow-up of everybody, had the trial no last look."""
    arms, began, number, now = who
    found = []
    for k, arm in enumerate(arms):
        start = float(data.months[trial, k]) if k < number else 0.0
        if k < number and (data.event[trial, k] or start < now - late - began[k] - 1e-6):
            found.append((start, bool(data.event[trial, k])))
            continue
        month = start + rng.exponential(1.0 / hazard[arm])
        found.append((min(month, longest), month <= longest))
    return found


def cut(found: list[tuple[float, bool]], began: list[float], date: float) -> Any:
    """The same as seen at a month."""
    months = [max(min(t, date - start), 0.0) for (t, _), start in zip(found, began, strict=True)]
    had = [e and start + t <= date + 1e-9 for (t, e), start in zip(found, began, strict=True)]
    return months, had


def rates_hold(events: Any, years: Any) -> bool:
    """Whether fewer infections in the experimental arm are 0.9 sure, by the beta distribution."""
    r, s = 0.5 + years[1], 0.5 + years[0]
    return bool(stats.beta.cdf(r / (r + s), 0.5 + events[1], 0.5 + events[0]) >= 0.9)


def twin(conduct: Any, plan: Any, trial: int, asked: str, delays: tuple[float, float]) -> float:
    """Share of completed trials in which what is asked holds."""
    rng = np.random.default_rng(11 + trial)
    who = people(conduct, trial)
    arms, began, number, now = who
    relapse = conduct.kept[0].summary("relapse")
    own, other = delays
    drawn = hazards(relapse, trial, number, arms, rng)
    if asked == "rescue":
        data = conduct.kept[0].summary("rescue")
        second = hazards(data, trial, number, arms, rng)
    else:
        seen = conduct.kept[0].summary("infection")
        shape, rate = 0.5 + seen.events[trial, :, 0], 0.5 + seen.years[trial, :, 0]
    hits, late, flat = 0, [], []
    for draw in range(NUMBER):
        found = times(relapse, trial, who, drawn[draw], own, HORIZON, rng)
        known = sorted(start + t for (t, e), start in zip(found, began, strict=True) if e)
        ends = [start + t for (t, _), start in zip(found, began, strict=True)]
        last = max((known[EVENTS - 1] if len(known) >= EVENTS else max(ends)) + own, now)
        if asked == "rescue":
            found = times(data, trial, who, second[draw], other, 24.0, rng)
            months, had = cut(found, began, last - other)
            late.append(months)
            flat.append(had)
            continue
        left = conduct.population.dropout[trial]
        years, rates = np.zeros(2), rng.gamma(shape) / rate
        for k, arm in enumerate(arms):
            if k < number and left[k] <= now - other - began[k]:
                continue
            from_ = max(now - other, began[k])
            years[arm] += max(last - other - from_, 0.0) / 12
        events = seen.events[trial, :, 0] + rng.poisson(rates * years)
        hits += rates_hold(events, seen.years[trial, :, 0] + years)
    if asked == "rescue":
        labels = np.tile(arms, (NUMBER, 1))
        shown = np.array(late)
        complete = Durations.of(shown, np.array(flat), shown > 0.0, labels, 0 * labels, (2, 1))
        analysis, model = plan.fitted["rescue"]
        question = plan.rules[1].parts[0].question
        hits = (analysis.posterior(model, complete, None).probability(question) >= 0.9).sum()
    return hits / NUMBER


@pytest.mark.parametrize("delays", [(0.0, 0.0), (2.0, 0.5)])
@pytest.mark.parametrize(("asked", "posterior"), [("infection", FEWER), ("rescue", LATER)])
def test_what_else_is_seen_by_the_last_event_is_predicted(
    asked: str, posterior: Table, delays: tuple[float, float]
) -> None:
    late = {"reporting_delay": 0.0, "adjudication_delay": {"relapse": delays[0], asked: delays[1]}}
    tables = {"follow_up": late} if any(delays) else {}
    raw = by_events({"posterior": posterior, "at_least": 0.9}, **tables)
    conduct, plan = looks_of(raw, 3, "expected")
    found = conduct.records[0].probabilities["ahead"][:, 0]
    for trial in range(3):
        expected = twin(conduct, plan, trial, asked, delays)
        assert found[trial] == pytest.approx(expected, abs=ALLOWED + SLOW)
    assert np.ptp(found) > 0.1


def test_a_completed_trial_has_one_last_look() -> None:
    """Of relapses, infections and rescue alike, whichever is asked about first."""
    both = [{"posterior": FEWER, "at_least": 0.5}, {"posterior": LATER, "at_least": 0.5}]
    conduct, plan = looks_of(by_events({"all": both}), 2, "expected")
    asks = plan.rules[0].parts[0].prediction
    assert asks is not None
    completion = asks.completion(conduct.kept[0], plan.rules[0].parts[0].targets[0])
    assert completion.waited == "relapse"
    rows, some = np.arange(2), Completions(0, 16)
    last = completion.completed(rows, some)
    seen = {name: last.summary(name) for name in ("infection", "rescue", "relapse")}
    dates = completion.dates(seen["relapse"], rows, some)
    reached = seen["relapse"].events.sum(axis=(1, 2)) == EVENTS
    assert 0 < reached.sum() < 32
    assert np.ptp(dates) > 3.0
    coming = completion.coming("rescue").rows(np.arange(2))
    assert isinstance(coming, AtRisk)
    began = np.repeat(coming.began, 16, axis=0)
    months, event = seen["rescue"].months, seen["rescue"].event
    at_risk = ~event & seen["rescue"].included & np.repeat(coming.open, 16, axis=0)
    until = np.minimum(dates.reshape(-1, 1) - began, 24.0)
    assert np.allclose(months[at_risk], until[at_risk])
    assert (months <= np.maximum(until, 0.0) + 1e-9).all()
    for row, date in enumerate(dates.reshape(-1)):
        trial = row // 16
        _, opens, number, now = people(conduct, trial)
        left = conduct.population.dropout[trial, :number]
        # who has left by now has; nobody else does
        stays = [*np.where(left <= now - np.array(opens[:number]), left, math.inf)]
        stays += [math.inf] * (len(opens) - number)
        years = sum(min(max(date - own, 0.0), end) for own, end in zip(opens, stays, strict=True))
        assert seen["infection"].years[row].sum() * 12.0 == pytest.approx(years)


def test_who_counts_the_events_has_to_say_when_they_come() -> None:
    raw = by_events({"posterior": FEWER, "at_least": 0.9})
    del raw["analysis"]["relapse"]
    with pytest.raises(DesignError) as refused:
        Design(**copy.deepcopy(raw))
    assert "[analysis.relapse]" in str(refused.value)
    raw["analysis"]["relapse"] = {"model": "logrank_test"}
    with pytest.raises(DesignError) as refused:
        Design(**copy.deepcopy(raw))
    assert "analysis.relapse.to_come" in str(refused.value)
    raw["analysis"]["relapse"]["to_come"] = raw["analysis"]["rescue"]
    assert Design(**copy.deepcopy(raw)).looks.events


def test_events_of_another_endpoint_may_date_the_last_look() -> None:
    raw = by_events({"posterior": LATER, "at_least": 0.9})
    here = looks_of(raw, 3, "expected")[0].records[0].probabilities["ahead"]
    other = copy.deepcopy(raw)
    other["endpoints"] = {
        name: raw["endpoints"][name] for name in ("rescue", "relapse", "infection")
    }
    other["looks"] = {"events": {"endpoint": "relapse", "numbers": [8, EVENTS]}}
    there = looks_of(other, 3, "expected")[0].records[0].probabilities["ahead"]
    assert there == pytest.approx(here, abs=2 * ALLOWED)


def test_draws_of_markov_chains_complete_the_trial_up_to_the_same_look() -> None:
    """The draws are those of the conjugate posteriors, so that only the completing differs."""
    conduct, plan = looks_of(by_events({"posterior": FEWER, "at_least": 0.9}), 4, "expected")

    def of_relapse(data: Any, question: Any) -> Any:
        rng = np.random.default_rng(3)
        number = int(data.included[0].sum())
        drawn = np.array(hazards(data, 0, number, data.arm[0], rng)).reshape(4, -1, 2)
        ratio = np.log(drawn[..., 1:] / drawn[..., :1])
        return {"baseline_hazard": drawn[..., :1], "log_hazard_ratio": ratio}

    def of_infection(data: Any, question: Any) -> Any:
        rng = np.random.default_rng(4)
        shape, rate = 0.5 + data.events[0, :, 0], 0.5 + data.years[0, :, 0]
        return {"rate": rng.gamma(shape, size=(4, 2500, 2)) / rate}

    fitted = {"relapse": of_relapse, "infection": of_infection}
    assert_the_same(shares(conduct, plan, fitted))
    part = plan.parts[0]
    assert part.prediction is not None
    ahead = what_is_ahead(part.prediction, conduct.kept[0], part.targets[0])(0)
    assert list(ahead.coming) == ["relapse", "infection"]
    assert ahead.date == conduct.kept[0].snapshot.date[0]


CURED = {"endpoint": "relapse", "arm": "consolidate", "minus": "withdraw_late", "above": 0.0}


@pytest.mark.parametrize("asks", [FEWER, CURED])
def test_a_last_look_that_may_never_come_is_refused(asks: Table) -> None:
    """By a model with a cured fraction the events may never be as many; follow-up has to end."""
    raw = by_events({"posterior": asks, "at_least": 0.9})
    raw["analysis"]["relapse"] = raw_design("sle_autologous")["analysis"]["relapse"]
    assert Design(**copy.deepcopy(raw)).looks.events
    del raw["endpoints"]["relapse"]["horizon"]
    with pytest.raises(DesignError) as refused:
        Design(**copy.deepcopy(raw))
    assert "without a `horizon`" in str(refused.value)
