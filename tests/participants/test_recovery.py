"""A simulator gives back the truth that made it: 400 000 participants followed for ever.

Every parameter of the participant course is estimated from the participants as an analyst would,
within five standard errors; what the course says is impossible never happens.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import integrate, stats

from adaptive_cart.conduct.looks import Schedule, snapshot_at
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.nouns.records import Population
from adaptive_cart.nouns.summaries import Counts, Exposure
from adaptive_cart.participants.enrolment import Enrolment
from adaptive_cart.participants.population import followed, latents_for, populate
from checks import (
    assert_close_in_mcse,
    assert_mean,
    assert_quantiles,
    assert_share,
    assert_uncorrelated,
    raw_design,
)
from course_months import months_of

SEED = 4711
TRIALS, MAX_N = 4_000, 100
DISEASE = ("remission", "relapse", "rescue", "dropout", "death", "remission_on_drugs")

Array = npt.NDArray[Any]
Table = dict[str, Any]

WEIBULL_SOC = {"dist": "weibull", "shape": 1.5, "scale": 5.0}
WEIBULL_CART = {"dist": "weibull", "shape": 1.4, "median": 2.5}
DELAY = {"dist": "lognormal", "median": 1.3, "sigma": 0.4}

RAW: Table = {
    "name": "a course in which everything happens often",
    "arms": {
        "soc": {"control": True, "product": "standard_of_care"},
        "cart": {"product": "autologous", "allocation": 2},
    },
    "strata": {"high": 0.6, "low": 0.4},
    "endpoints": {
        "dfr": {"type": "landmark", "month": 12},
        "relapse": {"type": "time_to_relapse", "horizon": 36},
        "crs3": {"type": "adverse_event", "within_months": 1.5},
        "infusion_reaction": {"type": "adverse_event", "within_months": 0.5},
    },
    "enrolment": {"max_n": MAX_N, "per_month": 5},
    "looks": {"observed": [MAX_N]},
    "rules": [
        {
            "name": "efficacy",
            "then": "declare_success",
            "posterior": {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.0},
            "at_least": 0.975,
        }
    ],
    "truth": {
        "soc": {
            "remission": {"probability": 0.25, "onset": WEIBULL_SOC},
            "durability": {"cured": 0.10, "relapse": {"dist": "exponential", "median": 9.0}},
            "remission_on_drugs": {"probability": 0.15, "onset": WEIBULL_SOC},
            "rescue": {"per_year": 0.6},
            "dropout": {"per_year": 0.30},
            "death": {"per_year": 0.10},
            "events": {"crs3": 0.04, "infusion_reaction": 0.0},
            "strata": {"low": {"remission": {"probability": 0.10}, "rescue": {"per_year": 0.9}}},
        },
        "cart": {
            "infusion": {"failure": 0.15, "delay": DELAY},
            "remission": {"probability": 0.65, "onset": WEIBULL_CART},
            "durability": {
                "cured": 0.40,
                "relapse": {"dist": "weibull", "shape": 1.5, "median": 10.0},
            },
            "remission_on_drugs": {
                "probability": 0.30,
                "onset": {"dist": "lognormal", "median": 4.0, "sigma": 0.5},
            },
            "rescue": {"per_year": 0.45},
            "dropout": {"per_year": 0.20},
            "death": {"per_year": 0.15},
            "events": {"crs3": 0.30, "infusion_reaction": 1.0},
            "strata": {
                "low": {
                    "remission": {"probability": 0.35},
                    "dropout": {"per_year": 0.40},
                    "infusion": {"failure": 0.25},
                }
            },
        },
    },
    "scenarios": {
        "rich": {},
        "unrescued": {
            arm: {
                "rescue": {"per_year": 0.0},
                "dropout": {"per_year": 0.0},
                "death": {"per_year": 0.0},
                "strata": {"low": {"rescue": {"per_year": 0.0}, "dropout": {"per_year": 0.0}}},
            }
            for arm in ("soc", "cart")
        },
        "null": {"cart": {"same_as": "soc"}},
    },
}


@dataclass(frozen=True)
class Group:
    """Participants of one arm and stratum, infused or not, with the disease that is theirs.

    Attributes
    ----------
    own, disease
        Tables of the own arm, and of the arm whose disease they have.
    start
        Month from which the disease runs.
    """

    name: str
    months: dict[str, Array]
    own: Table
    disease: Table
    start: Array

    @property
    def last_seen(self) -> Array:
        return np.minimum(self.months["dropout"], self.months["death"])


def resolved(scenario: str, arm: str, stratum: str) -> Table:
    """Merge, by hand, what the tables say of an arm in a stratum."""

    def merge(base: Table, change: Table) -> Table:
        result = dict(base)
        for key, value in change.items():
            both = isinstance(value, dict) and isinstance(base.get(key), dict)
            result[key] = merge(base[key], value) if both and "dist" not in value else value
        return result

    table = merge(RAW["truth"][arm], RAW["scenarios"][scenario].get(arm, {}))
    return merge(table, table.get("strata", {}).get(stratum, {}))


@cache
def population(scenario: str) -> Population:
    design = Design(**copy.deepcopy(RAW))
    latents = latents_for(design, SEED, 0, TRIALS)
    truth = truths_of(design)[scenario]
    return followed(design, truth, latents, Enrolment(design, latents))


@cache
def groups(scenario: str) -> tuple[Group, ...]:
    people = population(scenario)
    assert people.course is not None
    assert people.stratum is not None
    arrived = np.isfinite(people.arrival)
    assert arrived.sum() == TRIALS * MAX_N == 400_000
    infused = np.isfinite(people.course.infused)
    found = []
    for position, arm in enumerate(("soc", "cart")):
        for label, stratum in enumerate(("high", "low")):
            for has in (True, False):
                here = arrived & (people.arm == position) & (people.stratum == label)
                here &= infused == has
                if arm == "soc" and has:
                    assert not here.any(), "nobody is infused under standard of care"
                    continue
                months = {
                    name: months_of(people.course)[name][here] for name in ("infused", *DISEASE)
                }
                onsets = {n: o for n, o in people.outcomes.items() if isinstance(o, np.ndarray)}
                months |= {name: onset[here] for name, onset in onsets.items()}
                own = resolved(scenario, arm, stratum)
                never = has or arm == "soc"
                disease = own if never else resolved(scenario, "soc", stratum)
                start = months["infused"] if has else np.zeros(here.sum())
                word = "infused" if has else "not infused"
                found.append(Group(f"{arm}, {stratum}, {word}", months, own, disease, start))
    return tuple(found)


def every_group(scenario: str) -> Iterator[Group]:
    yield from groups(scenario)


def distribution(table: Table) -> Any:
    """A distribution of a design file as one of SciPy's."""
    if table["dist"] == "weibull":
        scale = table.get("scale")
        if scale is None:
            scale = table["median"] / math.log(2.0) ** (1.0 / table["shape"])
        return stats.weibull_min(table["shape"], scale=scale)
    if table["dist"] == "exponential":
        return stats.expon(scale=table["median"] / math.log(2.0))
    assert table["dist"] == "lognormal"
    return stats.lognorm(table["sigma"], scale=table["median"])


# ── infusion ──────────────────────────────────────────────────────────────────────────────────
def test_infusion_failure_and_delay_where_nobody_is_lost() -> None:
    people = population("unrescued")
    assert people.course is not None
    for label, failure in ((0, 0.15), (1, 0.25)):
        here = np.isfinite(people.arrival) & (people.arm == 1) & (people.stratum == label)
        infused = people.course.infused[here]
        assert_share(np.isinf(infused), failure, f"never infused, stratum {label}")
        delay = infused[np.isfinite(infused)]
        assert_quantiles(delay, distribution(DELAY).ppf, f"delay, stratum {label}")
        logs = np.log(delay)
        assert_mean(logs, math.log(1.3), "median delay, on the log scale")
        assert_mean((logs - math.log(1.3)) ** 2, 0.4**2, "log-scale variance of the delay")


def test_never_infused_after_dropout_or_death() -> None:
    people = population("rich")
    course = people.course
    assert course is not None
    for label, failure, dropout in ((0, 0.15, 0.20), (1, 0.25, 0.40)):
        here = np.isfinite(people.arrival) & (people.arm == 1) & (people.stratum == label)
        infused = np.isfinite(course.infused[here])
        last = np.minimum(course.dropout[here], course.death[here])
        assert (course.infused[here][infused] < last[infused]).all()
        hazard = (dropout + 0.15) / 12.0
        still_there, _ = integrate.quad(
            lambda t, h=hazard: math.exp(-h * t) * distribution(DELAY).pdf(t), 0.0, 30.0
        )
        assert_share(infused, (1.0 - failure) * still_there, f"infused, stratum {label}")


# ── remission and relapse ─────────────────────────────────────────────────────────────────────
def test_remission_probability_and_onset_where_nobody_is_rescued() -> None:
    for group in every_group("unrescued"):
        table = group.disease["remission"]
        began = np.isfinite(group.months["remission"])
        assert_share(began, table["probability"], f"remission, {group.name}")
        onset = group.months["remission"][began] - group.start[began]
        assert (onset >= 0.0).all()
        assert_quantiles(onset, distribution(table["onset"]).ppf, f"onset, {group.name}")


def test_cured_fraction_and_relapse_of_the_others() -> None:
    # rescue before onset precludes remission, and says nothing of what follows it
    for scenario in ("unrescued", "rich"):
        for group in every_group(scenario):
            table = group.disease["durability"]
            began = np.isfinite(group.months["remission"])
            lasts = group.months["relapse"][began] - group.months["remission"][began]
            what = f"{scenario}: {group.name}"
            assert_share(np.isinf(lasts), table["cured"], f"cured, {what}")
            relapsed = lasts[np.isfinite(lasts)]
            assert_quantiles(relapsed, distribution(table["relapse"]).ppf, f"relapse, {what}")
            assert np.isinf(group.months["relapse"][~began]).all(), "nothing to lose"


def test_remission_on_drugs_from_its_own_clock() -> None:
    for group in every_group("rich"):
        # from randomisation and of the own arm, infused or not
        table = group.own["remission_on_drugs"]
        months = group.months["remission_on_drugs"]
        reached = np.isfinite(months)
        assert_share(reached, table["probability"], f"on drugs, {group.name}")
        onset = distribution(table["onset"]).ppf
        assert_quantiles(months[reached], onset, f"onset on drugs, {group.name}")


def test_purposes_are_independent() -> None:
    for group in every_group("unrescued"):
        began = np.isfinite(group.months["remission"])
        onset = (group.months["remission"] - group.start)[began]
        lasts = group.months["relapse"][began] - group.months["remission"][began]
        relapsed = np.isfinite(lasts)
        assert_uncorrelated(onset[relapsed], np.log(lasts[relapsed]), "onset and relapse")
        assert_uncorrelated(onset, relapsed, "onset and cure")
        on_drugs = np.isfinite(group.months["remission_on_drugs"])
        assert_uncorrelated(began, on_drugs, "remission with and without drugs")
        if np.isfinite(group.start).all() and group.start.any():
            assert_uncorrelated(group.start[began], onset, "delay and onset")


# ── rescue ────────────────────────────────────────────────────────────────────────────────────
def at_risk(group: Group, until: Array) -> tuple[Array, Array]:
    """Rescues, and months at risk of one: outside drug-free remission, from the start of its clock.

    ``until`` is the month up to which each participant is watched.
    """
    onset, relapse, rescue = (group.months[name] for name in ("remission", "relapse", "rescue"))
    end = np.minimum(until, rescue)
    before = np.minimum(end, onset) - group.start
    after = np.maximum(end - np.minimum(relapse, 1e9), 0.0)
    return rescue <= until, np.maximum(before, 0.0) + after


def test_rescue_hazard_outside_drug_free_remission() -> None:
    for group in every_group("rich"):
        hazard = group.disease["rescue"]["per_year"] / 12.0
        size = len(group.start)
        # watched as a trial would: to dropout, death or month 36; and in two periods by themselves
        windows = {
            "to month 36": (np.zeros(size), np.minimum(group.last_seen, 36.0)),
            "the first six months": (np.zeros(size), np.minimum(group.last_seen, 6.0)),
            "after them": (np.minimum(group.last_seen, 6.0), np.minimum(group.last_seen, 60.0)),
        }
        for what, (opens, closes) in windows.items():
            events, exposure = at_risk(group, closes)
            earlier_events, earlier = at_risk(group, opens)
            number = int((events & ~earlier_events).sum())
            months = float((exposure - earlier).sum())
            assert number > 500
            # hazard x exposure is the compensator of the count: its variance is its mean
            assert_close_in_mcse(
                number / months, hazard, math.sqrt(hazard / months), f"{what}, {group.name}"
            )


def test_rescue_hazard_after_remission_is_lost() -> None:
    for group in every_group("rich"):
        lost = np.isfinite(group.months["relapse"])
        hazard = group.disease["rescue"]["per_year"] / 12.0
        wait = group.months["rescue"][lost] - group.months["relapse"][lost]
        exponential = stats.expon(scale=1.0 / hazard).ppf
        assert_quantiles(wait, exponential, f"relapse to rescue, {group.name}")


def test_rescue_never_during_remission_nor_before_its_clock() -> None:
    for group in every_group("rich"):
        onset, relapse, rescue = (group.months[n] for n in ("remission", "relapse", "rescue"))
        assert (rescue > group.start).all(), "therapy before infusion is bridging"
        remitted = np.isfinite(onset)
        assert (rescue[remitted] >= relapse[remitted]).all()
        cured = remitted & np.isinf(relapse)
        assert cured.any()
        assert np.isinf(rescue[cured]).all()
        assert (rescue[~remitted] < np.inf).all(), "outside remission it comes sooner or later"


def test_rescue_before_onset_precludes_remission() -> None:
    for group in every_group("rich"):
        table = group.disease["remission"]
        hazard = group.disease["rescue"]["per_year"] / 12.0
        onset = distribution(table["onset"])
        in_time, _ = integrate.quad(
            lambda t, h=hazard, d=onset: math.exp(-h * t) * d.pdf(t), 0.0, 120.0, limit=200
        )
        began = np.isfinite(group.months["remission"])
        assert_share(began, table["probability"] * in_time, f"remission, {group.name}")


# ── dropout and death ─────────────────────────────────────────────────────────────────────────
def test_dropout_and_death_hazards() -> None:
    people = population("rich")
    assert people.course is not None
    arrived = np.isfinite(people.arrival)
    for position, arm in enumerate(("soc", "cart")):
        for label, stratum in enumerate(("high", "low")):
            here = arrived & (people.arm == position) & (people.stratum == label)
            table = resolved("rich", arm, stratum)
            drawn = {}
            for name in ("dropout", "death"):
                months = months_of(people.course)[name][here]
                yearly = table[name]["per_year"]
                watched = np.minimum(months, 24.0)
                events = int((months <= 24.0).sum())
                years = float(watched.sum()) / 12.0
                what = f"{name}, {arm}, {stratum}"
                assert_close_in_mcse(events / years, yearly, math.sqrt(yearly / years), what)
                assert_quantiles(months, stats.expon(scale=12.0 / yearly).ppf, what)
                drawn[name] = months
            assert_uncorrelated(drawn["dropout"], drawn["death"], "dropout and death")


# ── adverse events ────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("event", "window"), [("crs3", 1.5), ("infusion_reaction", 0.5)])
def test_adverse_events_and_their_time_in_the_window(event: str, window: float) -> None:
    for group in every_group("rich"):
        onset = group.months[event]
        if group.name.startswith("cart") and "not infused" in group.name:
            assert np.isinf(onset).all(), "no window without infusion"
            continue
        probability = group.own["events"][event]
        has = np.isfinite(onset)
        assert_share(has, probability, f"{event}, {group.name}")
        if probability:
            elapsed = (onset - group.start)[has]
            assert ((elapsed >= 0.0) & (elapsed <= window)).all()
            assert_quantiles(elapsed / window, lambda level: level, f"time of {event}")


# ── event rates ───────────────────────────────────────────────────────────────────────────────
YEARLY = {"soc": {"high": 0.8, "low": 1.2}, "cart": {"high": 1.5, "low": 1.5}}


@cache
def infections(dropout: float) -> tuple[Design, Population]:
    raw = copy.deepcopy(RAW)
    raw["endpoints"]["infection"] = {"type": "event_rate"}
    raw["scenarios"] = {"rates": {"infection": YEARLY}}
    for arm in ("soc", "cart"):
        raw["truth"][arm]["dropout"] = {"per_year": dropout}
    del raw["truth"]["cart"]["strata"]["low"]["dropout"]
    design = Design(**raw)
    latents = latents_for(design, SEED, 0, 400)
    truth = truths_of(design)["rates"]
    return design, followed(design, truth, latents, Enrolment(design, latents))


def test_event_counts_are_poisson() -> None:
    _, people = infections(0.0)
    events = people.outcomes["infection"]
    number = 0
    while (events.month_of(number)[:, :MAX_N] <= 36.0).any() or number < 8:
        number += 1
    months = np.stack([events.month_of(event) for event in range(number + 1)], axis=2)
    until = np.full(people.arrival.shape, 27.0)
    np.testing.assert_array_equal(events.count(until), (months <= 27.0).sum(axis=2))
    for position, (_, by_stratum) in enumerate(YEARLY.items()):
        for label, (_, yearly) in enumerate(by_stratum.items()):
            here = (people.arm == position) & (people.stratum == label)
            here &= np.isfinite(people.arrival)
            for start, end in ((0.0, 12.0), (3.0, 27.0)):
                inside = (months[here] > start) & (months[here] <= end)
                counts = inside.sum(axis=1)
                mean, n = yearly * (end - start) / 12.0, len(counts)
                assert_close_in_mcse(counts.mean(), mean, math.sqrt(mean / n), "mean")
                spread = math.sqrt((mean + 2.0 * mean**2) / n)
                assert_close_in_mcse(counts.var(), mean, spread, "variance")
                assert_share(counts == 0, math.exp(-mean), "nobody without an event")
            gaps = np.diff(months[here], axis=1, prepend=0.0)[:, :6]
            assert_quantiles(gaps, stats.expon(scale=12.0 / yearly).ppf, "between events")


def test_event_rate_per_patient_year_of_follow_up() -> None:
    """With dropout, death and a look in the middle: events over years at risk, and a martingale."""
    design, people = infections(0.5)
    endpoint = design.endpoints["infection"]
    date = np.full(people.trials, 25.0)
    everybody = np.full(people.trials, MAX_N)
    prepared = endpoint.prepare("infection", people)
    summary = endpoint.summary(prepared, snapshot_at(people, date, everybody))
    assert isinstance(summary, Exposure)
    assert people.course is not None
    followed_for = np.minimum(people.last_seen, np.maximum(25.0 - people.arrival, 0.0))
    for position, by_stratum in enumerate(YEARLY.values()):
        for label, yearly in enumerate(by_stratum.values()):
            events, years = summary.events[:, position, label], summary.years[:, position, label]
            here = (people.arm == position) & (people.stratum == label) & (people.arrival <= 25.0)
            by_hand = np.where(here, followed_for, 0.0).sum(axis=1) / 12.0
            np.testing.assert_allclose(years, by_hand, rtol=1e-12)
            total = float(years.sum())
            rate = float(events.sum()) / total
            assert_close_in_mcse(rate, yearly, math.sqrt(yearly / total), "rate")
            surprise = (events - yearly * years) ** 2 - yearly * years
            assert_mean(surprise, 0.0, "variance of the events in a trial")


# ── two arms that share a course ──────────────────────────────────────────────────────────────
def all_in(scenario: str, arm: int, change: Table | None = None) -> Population:
    """The same participants, all of them put into one arm."""
    raw = copy.deepcopy(RAW)
    if change:
        raw["scenarios"][scenario] = change
    design = Design(**raw)
    latents = latents_for(design, SEED, 0, 300)
    enrolment = Enrolment(design, latents)
    arms = np.full(enrolment.arm.shape, arm, dtype=np.int8)
    truth = truths_of(design)[scenario]
    return populate(design, truth, latents, enrolment.arrival, arms, enrolment.stratum)


def test_never_infused_participants_follow_the_controls_course() -> None:
    control = all_in("rich", 0)
    experimental = all_in("rich", 1)
    assert control.course is not None
    assert experimental.course is not None
    never = np.isinf(experimental.course.infused)
    assert 0.1 < never.mean() < 0.5
    for name in ("remission", "relapse", "rescue"):
        own, other = months_of(experimental.course)[name], months_of(control.course)[name]
        np.testing.assert_array_equal(own[never], other[never], err_msg=name)
        assert (own[~never] != other[~never]).any(), "the infused have a course of their own"
    # dropout and death stay the own arm's: everybody loses somebody sooner or later
    assert (experimental.course.dropout[never] != control.course.dropout[never]).all()
    assert (experimental.course.death[never] < control.course.death[never]).all()


def test_nobody_infused_is_the_controls_disease_with_the_own_dropout() -> None:
    nobody = {
        "cart": {"infusion": {"failure": 1.0}, "strata": {"low": {"infusion": {"failure": 1.0}}}}
    }
    control, experimental = (all_in("rich", arm, nobody) for arm in (0, 1))
    assert control.course is not None
    assert experimental.course is not None
    assert np.isinf(experimental.course.infused).all()
    for name in ("remission", "relapse", "rescue"):
        np.testing.assert_array_equal(
            months_of(experimental.course)[name], months_of(control.course)[name]
        )
    usual = all_in("rich", 1)
    assert usual.course is not None
    for name in ("dropout", "death"):
        np.testing.assert_array_equal(
            months_of(experimental.course)[name], months_of(usual.course)[name]
        )


def test_same_as_is_the_same_disease_to_the_bit() -> None:
    control, experimental = (all_in("null", arm) for arm in (0, 1))
    assert control.course is not None
    assert experimental.course is not None
    for name in DISEASE:
        np.testing.assert_array_equal(
            months_of(experimental.course)[name], months_of(control.course)[name], err_msg=name
        )
    # infusion and adverse events stay the arm's own
    infused = np.isfinite(experimental.course.infused)
    assert 0.5 < infused.mean() < 0.9
    assert np.isinf(control.course.infused).all()
    assert_share(
        np.isfinite(np.asarray(experimental.outcomes["crs3"])[infused]), 0.30, "own adverse events"
    )


def test_same_as_gives_both_arms_one_distribution() -> None:
    people = population("null")
    course = people.course
    assert course is not None
    arrived = np.isfinite(people.arrival)
    lasting = (months_of(course)["remission"] <= 12.0) & (months_of(course)["relapse"] > 12.0)
    response = lasting & (np.minimum(course.death, course.dropout) > 12.0)
    seen = {"response": response}
    for name in DISEASE:
        for month in (3.0, 12.0, 30.0):
            seen[f"{name} by {month:g}"] = months_of(course)[name] <= month
    for what, happened in seen.items():
        rates = [happened[arrived & (people.arm == arm)] for arm in (0, 1)]
        mcse = math.sqrt(sum(rate.var() / rate.size for rate in rates))
        assert mcse > 0.0
        assert_close_in_mcse(rates[1].mean() - rates[0].mean(), 0.0, mcse, what)


# ── truths said both ways ─────────────────────────────────────────────────────────────────────
def test_direct_adverse_event_beside_a_course() -> None:
    raw = copy.deepcopy(RAW)
    for arm in ("soc", "cart"):
        del raw["truth"][arm]["events"]["crs3"]
    raw["scenarios"] = {"direct": {"crs3": {"soc": 0.0, "cart": 0.3}}}
    design = Design(**raw)
    latents = latents_for(design, SEED, 0, 400)
    truth = truths_of(design)["direct"]
    people = followed(design, truth, latents, Enrolment(design, latents))
    endpoint = design.endpoints["crs3"]
    date, everybody = np.full(400, 1e4), np.full(400, MAX_N)
    summary = endpoint.summary(
        endpoint.prepare("crs3", people), snapshot_at(people, date, everybody)
    )
    assert isinstance(summary, Counts)
    assert people.course is not None
    infused = np.isfinite(people.course.infused) & np.isfinite(people.arrival)
    assert summary.totals[:, 1].sum() == infused.sum(), "infused participants are analysed"
    assert summary.successes[:, 0].sum() == 0
    share = summary.successes[:, 1].sum() / infused.sum()
    # some are lost within the window of 1.5 months: at most 0.55 a year of dropout and death
    assert 0.3 * math.exp(-0.55 * 1.5 / 12.0) - 0.02 < share < 0.3 + 0.02


def test_event_rate_in_a_trial_that_waits_for_events() -> None:
    """Looks by events without a horizon: participants are followed for years."""
    raw = raw_design("durability_event_driven")
    del raw["endpoints"]["relapse"]["horizon"], raw["truth"]
    raw["endpoints"]["infection"] = {"type": "event_rate"}
    raw["looks"] = {"events": [30, 150]}
    arms = ("withdraw_late", "consolidate")
    raw["scenarios"] = {
        "slow": {
            "relapse": {arm: {"dist": "exponential", "median": 60.0} for arm in arms},
            "infection": dict.fromkeys(arms, 3.0),
        }
    }
    design = Design(**raw)
    latents = latents_for(design, SEED, 0, 50)
    truth = truths_of(design)["slow"]
    people = followed(design, truth, latents, Enrolment(design, latents))
    primary, infection = (design.endpoints[name] for name in ("relapse", "infection"))
    everybody = np.full(50, design.enrolment.max_n)
    prepared = {"relapse": primary.prepare("relapse", people)}
    date, _ = Schedule.of(design).due(2, people, prepared, everybody, np.zeros(50))
    summary = infection.summary(
        infection.prepare("infection", people), snapshot_at(people, date, everybody)
    )
    assert isinstance(summary, Exposure)
    years = float(summary.years.sum())
    rate = float(summary.events.sum()) / years
    assert_close_in_mcse(rate, 3.0, math.sqrt(3.0 / years), "infections a year")
