"""Completing a trial: the predictive probability of rules whose last tables are not summed over.

Each twin is written from the words of the semantics: those who are not in yet arrive as enrolment
is planned, nobody leaves any more, and what is still to come is drawn from the posterior.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from adaptive_cart.conduct import asking
from adaptive_cart.conduct.completion import STEPS, settled
from adaptive_cart.conduct.look_analysis import LookAnalysis
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import SimulatedConduct
from adaptive_cart.design.design import Design
from adaptive_cart.models.restricted_mean.two_t import below
from adaptive_cart.nouns.completions import DRAWS, Completions, binomial, poisson
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.participants.population import latents_for
from checks import raw_design

ALLOWED = 0.015  # a predictive probability: four of its standard errors near 0.05, two near a half
Table = dict[str, Any]


class Held(SimulatedConduct):
    """A block of trials of which every look is kept."""

    kept: list[LookAnalysis]

    def analysis(self, date: Floats, held: Booleans) -> LookAnalysis:
        found = super().analysis(date, held)
        self.kept.append(found)
        return found


def looks_of(raw: Table, trials: int, scenario: str, looks: int = 1) -> tuple[Held, Plan]:
    """The first looks of some trials of one scenario."""
    design = Design(**raw)
    plan = Plan.of(design)
    unknown = (np.nan,) * len(plan.estimands)  # nobody asks how near estimates come
    conduct = Held(plan, design.truths[scenario], unknown, latents_for(design, 5, 0, trials))
    conduct.kept = []
    for look in range(1, looks + 1):
        conduct.look(look)
    return conduct, plan


def predicting(raw: Table, rule: str, **comparison: Any) -> Table:
    """The design with a rule that predicts another one."""
    wanted = {"name": "ahead", "then": "declare_futility", "predictive": {"rule": rule}}
    return raw | {"rules": [wanted | (comparison or {"below": 0.001}), *raw["rules"]]}


def test_drawn_tables_give_what_all_tables_give(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = raw_design("goldilocks_allogeneic")
    summed = looks_of(raw, 40, "expected")[0].records[0].probabilities
    monkeypatch.setattr(asking, "enumerated", lambda analysis, question: False)
    drawn = looks_of(raw, 40, "expected")[0].records[0].probabilities
    for rule in ("enough", "hopeless"):
        away = np.abs(summed[rule] - drawn[rule])
        assert np.isfinite(away).sum() > 20
        assert np.nanmax(away) < ALLOWED
        assert np.nanmean(away) < 0.005
        assert np.nanmin(summed[rule]) < 0.5
        assert np.nanmax(summed[rule]) > 0.5


def infections() -> Table:
    """Yearly rates in two arms, at calendar months, enrolment at a regular pace."""
    return {
        "name": "infections",
        "arms": {"soc": {"control": True}, "cart": {}},
        "endpoints": {"infection": {"type": "event_rate"}},
        "analysis": {"infection": {"model": "gamma_poisson", "prior": {"a": 0.5, "b": 0.5}}},
        "enrolment": {"max_n": 60, "per_month": 5, "arrivals": "regular"},
        "looks": {"months": [8, 20]},
        "rules": [
            {
                "name": "fewer",
                "then": "declare_success",
                "posterior": {"endpoint": "infection", "arm": "cart", "minus": "soc", "below": 0.0},
                "at_least": 0.95,
            }
        ],
        "scenarios": {"expected": {"infection": {"soc": 1.0, "cart": 0.7}}},
    }


@pytest.mark.parametrize("sample", ["max_n", "enrolled"])
def test_rates_are_predicted_by_the_events_of_the_years_to_come(sample: str) -> None:
    raw = predicting(infections(), "fewer")
    raw["rules"][0]["predictive"]["with"] = sample
    conduct, _ = looks_of(raw, 6, "expected")
    found = conduct.records[0].probabilities["ahead"][:, 0]
    seen = conduct.kept[0].summary("infection")
    # arrivals at 0.2, 0.4, … months: 40 are in at month 8, 20 to come until month 12; with those
    # enrolled the last look is at month 20 all the same
    for trial in range(6):
        events = seen.events[trial, :, 0]
        years = seen.years[trial, :, 0]
        assert years.sum() == pytest.approx(sum(8.0 - k / 5 for k in range(1, 41)) / 12)
        arms = conduct.population.arm[trial]
        to_come = np.array([(arms[:40] == arm).sum() * (20.0 - 8.0) / 12 for arm in (0, 1)])
        if sample == "max_n":
            new = [8.0 + k / 5 for k in range(1, 21)]
            wanted = [30 - int((arms[:40] == arm).sum()) for arm in (0, 1)]
            assert sum(wanted) == 20
            order = sorted(
                [((j + 0.5) / wanted[arm], arm) for arm in (0, 1) for j in range(wanted[arm])]
            )
            for (_, arm), date in zip(order, new, strict=True):
                to_come[arm] += (20.0 - date) / 12
        shape, rate = 0.5 + events, 0.5 + years
        more = np.arange(0, 240)
        mass = []
        for arm in (0, 1):
            # gamma-Poisson: negative binomial
            chance = rate[arm] / (rate[arm] + to_come[arm])
            mass.append(stats.nbinom.pmf(more, shape[arm], chance))
        control, arm_ = np.meshgrid(more, more, indexing="ij")
        a, b = 0.5 + events[1] + arm_, 0.5 + events[0] + control
        r, s = 0.5 + years[1] + to_come[1], 0.5 + years[0] + to_come[0]
        # rate_1 < rate_0, where r rate_1 / (r rate_1 + s rate_0) is Beta(a, b)
        lower = stats.beta.cdf(r / (r + s), a, b)
        expected = float(mass[0] @ (lower >= 0.95) @ mass[1])
        assert found[trial] == pytest.approx(expected, abs=ALLOWED)


def relapses() -> Table:
    """A hazard ratio, looks by events."""
    raw = raw_design("durability_event_driven")
    raw["analysis"]["relapse"]["cuts"] = [6.0]
    raw["enrolment"] = {"max_n": 30, "per_month": 5, "arrivals": "regular"}
    raw["looks"] = {"events": [8, 18]}
    raw["rules"][0]["at_least"] = 0.9
    return predicting(raw, "efficacy")


def test_times_are_predicted_participant_by_participant() -> None:
    conduct, plan = looks_of(relapses(), 2, "expected")
    found = conduct.records[0].probabilities["ahead"][:, 0]
    data = conduct.kept[0].summary("relapse")
    analysis, model = plan.fitted["relapse"]
    question = plan.rules[1].parts[0].question
    drawn = np.random.default_rng(8)
    number = 1500
    for trial in range(2):
        now = float(conduct.kept[0].snapshot.date[trial])
        arms = conduct.population.arm[trial]
        enrolled = int(conduct.kept[0].snapshot.randomised[trial])
        dates = [(k + 1) / 5 for k in range(enrolled)]
        # draws of the log hazard ratio by its density on a fine grid, of hazards given it
        (a, b), (mean, sd) = model.baseline, model.log_hazard_ratio
        events, time = np.zeros((2, 2)), np.zeros((2, 2))
        for k in range(enrolled):
            month, event = data.months[trial, k], data.event[trial, k]
            time[arms[k], 0] += min(month, 6.0)
            time[arms[k], 1] += max(month - 6.0, 0.0)
            events[arms[k], int(month > 6.0)] += event
        grid = np.linspace(-8, 8, 8001)
        log = stats.norm.logpdf(grid, mean, sd) + grid * events[1].sum()
        for j in (0, 1):
            log -= (a + events[:, j].sum()) * np.log(b + time[0, j] + np.exp(grid) * time[1, j])
        beta = drawn.choice(
            grid, size=number, p=np.exp(log - log.max()) / np.exp(log - log.max()).sum()
        )
        months, had, arm_of, hits = [], [], [], 0
        wanted = [15 - int((arms[:enrolled] == arm).sum()) for arm in (0, 1)]
        turn = sorted(
            [((j + 0.5) / wanted[k], k) for k in (0, 1) for j in range(max(wanted[k], 0))]
        )
        everybody = [int(arm) for arm in arms[:enrolled]] + [arm for _, arm in turn]
        began = dates + [now + (k + 1) / 5 for k in range(len(turn))]
        for draw in beta:
            hazard = [
                drawn.gamma(a + events[:, j].sum()) / (b + time[0, j] + math.exp(draw) * time[1, j])
                for j in (0, 1)
            ]
            times = []
            for k, arm in enumerate(everybody):
                start = data.months[trial, k] if k < enrolled else 0.0
                if k < enrolled and (data.event[trial, k] or start < now - began[k] - 1e-6):
                    times.append((start, bool(data.event[trial, k])))  # nothing more is seen
                    continue
                ratio = math.exp(draw) if arm else 1.0
                month, event = start, False
                while not event and month < 36.0:
                    j, end = (0, 6.0) if month < 6.0 else (1, 36.0)
                    wait = drawn.exponential(1.0 / (hazard[j] * ratio))
                    event = month + wait <= end
                    month = month + wait if event else end
                times.append((month, event))
            seen = sorted(began[k] + t for k, (t, event) in enumerate(times) if event)
            cut = seen[17] if len(seen) >= 18 else math.inf
            arm_of.append(everybody)
            months.append([max(min(t, cut - began[k]), 0.0) for k, (t, _) in enumerate(times)])
            had.append([e and began[k] + t <= cut + 1e-9 for k, (t, e) in enumerate(times)])
        flat = np.array(months)
        labels = np.array(arm_of)
        last = type(data).of(flat, np.array(had), flat > 0.0, labels, 0 * labels, (2, 1))
        hits = (analysis.posterior(model, last, None).probability(question) >= 0.9).sum()
        expected = hits / number
        error = math.sqrt(max(expected * (1 - expected), 0.01) / number)
        assert found[trial] == pytest.approx(expected, abs=4 * error + 0.008)


def test_a_completion_never_depends_on_the_trials_beside_it() -> None:
    raw = predicting(infections(), "fewer")
    many = looks_of(raw, 5, "expected")[0].records[0].probabilities["ahead"]
    one = looks_of(raw, 1, "expected")[0].records[0].probabilities["ahead"]
    assert one[0] == many[0]


def test_enough_completions_are_drawn() -> None:
    assert not settled(np.array([64.0]), 128, ())[0]  # 0.044
    assert settled(np.array([0.0]), 128, ())[0]
    assert not settled(np.array([0.0]), 128, (0.02,))[0]  # too near to say
    assert settled(np.array([2048.0]), 4096, ())[0]
    assert sum(STEPS) == 4096


def test_what_is_to_come_of_different_endpoints_is_independent() -> None:
    """Points of one sequence scrambled twice share their first digits, unless put in an order."""
    drawn = [Completions(0, DRAWS, stream).even(4) for stream in range(3)]
    correlation = np.corrcoef(np.concatenate(drawn))
    for first, second in ((0, 1), (0, 2), (1, 2)):
        between = correlation[4 * first : 4 * first + 4, 4 * second : 4 * second + 4]
        assert np.abs(between).max() < 5.0 / np.sqrt(DRAWS)
    assert np.ptp(drawn[1], axis=1).min() > 0.999


def test_counts_to_come_have_their_distribution() -> None:
    uniform = (np.arange(4000) + 0.5) / 4000
    for number, chance in ((7, 0.3), (40, 0.93), (0, 0.5), (3, 0.0), (3, 1.0)):
        expected = stats.binom.ppf(uniform, number, chance)
        found = binomial(uniform, np.array(number), np.array(chance))
        if chance <= 0.5:
            assert (found == np.maximum(expected, 0)).all()
        assert found.mean() == pytest.approx(number * chance, abs=0.01)
        assert found.var() == pytest.approx(number * chance * (1 - chance), abs=0.02)
    for mean in (0.0, 0.4, 12.0, 900.0):
        assert (poisson(uniform, np.array(mean)) == stats.poisson.ppf(uniform, mean)).all()


@pytest.mark.parametrize("word", ["all", "any"])
def test_several_questions_are_predicted_together(word: str) -> None:
    """Endpoints whose posteriors are independent: the product of what each has, exactly."""
    raw = raw_design("goldilocks_allogeneic")
    raw["endpoints"]["other"] = {"type": "landmark", "month": 6}
    raw["scenarios"] = {"expected": {k: {"soc": 0.25, "cart": 0.45} for k in ("dfr", "other")}}
    asked = [
        {
            "posterior": {"endpoint": name, "arm": "cart", "minus": "soc", "above": 0.0},
            "at_least": level,
        }
        for name, level in (("dfr", 0.95), ("other", 0.9))
    ]
    both = {"name": "both", "then": "declare_success", "looks": ["final"], word: asked}
    alone = [
        {"name": f"one{k}", "then": "declare_success", "looks": ["final"], **part}
        for k, part in enumerate(asked)
    ]
    ahead = [
        {
            "name": f"ahead_{named}",
            "then": "declare_futility",
            "predictive": {"rule": named},
            "below": 0.0001,
        }
        for named in ("both", "one0", "one1")
    ]
    raw["rules"] = [*ahead, both, *alone]
    found = looks_of(raw, 20, "expected")[0].records[0].probabilities
    first, second = (found[f"ahead_one{k}"][:, 0] for k in (0, 1))
    expected = first * second if word == "all" else 1.0 - (1.0 - first) * (1.0 - second)
    assert np.nanmax(np.abs(found["ahead_both"][:, 0] - expected)) < ALLOWED
    assert np.isfinite(expected).sum() >= 10


def months_in_remission(missing: str) -> Table:
    """The main design, judged by months in remission, with a rule that looks ahead."""
    raw = raw_design("sle_autologous")
    raw["enrolment"] = {"max_n": 36, "per_month": 2.0}
    raw["endpoints"] = {
        "stay": {"type": "time_in_remission", "horizon": 12.0, "missing": missing, "primary": True}
    }
    prior = {"mean": 3.0, "worth": 1.0, "sd": 4.0, "sd_worth": 2.0}
    raw["analysis"] = {"stay": {"model": "restricted_mean", "prior": prior}}
    raw["looks"] = {"observed": [15, 36]}
    asked = {"endpoint": "stay", "arm": "cart", "minus": "soc", "above": 3.0}
    raw["rules"] = [
        {"name": "ahead", "then": "declare_futility", "predictive": {"rule": "long"},
         "below": 0.001, "looks": [1]},
        {"name": "long", "then": "declare_success", "posterior": asked, "at_least": 0.9},
    ]  # fmt: skip
    raw["scenarios"] = {"expected": raw["scenarios"]["expected"]}
    raw["truth"]["dropout"] = {"per_year": 0.2}
    return raw


@pytest.mark.parametrize("missing", ["not_in_remission", "exclude"])
def test_months_in_remission_are_completed_as_the_model_has_them(missing: str) -> None:
    conduct, plan = looks_of(months_in_remission(missing), 4, "expected")
    found = conduct.records[0].probabilities["ahead"][:, 0]
    prior, random, draws = plan.fitted["stay"][1], np.random.default_rng(1), 3_000
    seen, due = conduct.kept[0].summary("stay"), conduct.kept[0].snapshot.passed(12.0)
    number = conduct.population.tally(due)[:, :, 0]
    for trial in range(4):
        last = []
        for arm, planned in enumerate(plan.design.planned):
            n = int(seen.participants[trial, arm, 0])
            values = float(seen.total[trial, arm, 0]), float(seen.squares[trial, arm, 0])
            freedom, weight = prior.sd_worth + n, prior.worth + n
            middle = (prior.worth * prior.mean + values[0]) / weight
            spread = prior.sd_worth * prior.sd**2 + prior.worth * prior.mean**2 + values[1]
            variance = (spread - weight * middle**2) / random.chisquare(freedom, draws)
            mean = random.normal(middle, np.sqrt(variance / weight))
            more = planned - int(number[trial, arm])
            new = random.normal(mean[:, None], np.sqrt(variance)[:, None], (draws, more))
            n, weight, freedom = n + more, weight + more, freedom + more
            total = values[0] + new.sum(axis=1)
            middle = (prior.worth * prior.mean + total) / weight
            spread = spread + (new**2).sum(axis=1) - weight * middle**2
            scale = np.sqrt(spread / freedom / weight)
            last.append((np.full(draws, float(freedom)), middle, scale))
        answers = 1.0 - below(last[1], last[0], 3.0)  # itself held against an integral
        expected = (answers >= 0.9).mean()
        error = np.sqrt(max(expected * (1.0 - expected), 0.01) / draws)
        assert abs(found[trial] - expected) < ALLOWED + 4.0 * error
    assert (found > 0.02).any()
    assert (found < 0.98).any()
