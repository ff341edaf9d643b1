"""Missing responses at a landmark, drawn from those who were as the missing one was when last seen.

By hand, the chance of one missing participant beside one other; then that nothing unseen matters;
then whole trials against the slow twin; then that the rate found is that had nobody dropped out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import conduct.test_fast_equals_adaptive_twin as adaptive
import participants.test_crossover as test_crossover
from adaptive_cart.conduct.looks import snapshot_at
from adaptive_cart.conduct.trial import Block
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.endpoints.landmark import Landmark
from adaptive_cart.nouns.records import Floats, Integers, Population
from adaptive_cart.nouns.summaries import Counts
from adaptive_cart.participants.enrolment import Enrolment
from adaptive_cart.participants.population import followed, latents_for
from conduct.test_fast_equals_twin import compare, raw_design, with_strata
from course_months import course_of, months_of
from twin import one_trial

Raw = dict[str, Any]
NEVER = np.inf
MONTH = 12.0
LAST_SEEN = 6.0
NOBODY, NON_RESPONDER, RESPONDER = 1 / 2, 1 / 3, 2 / 3  # the chance beside: (x + 1) / (n + 2)
MONTHS = (
    "infused", "remission", "relapse", "rescue", "death", "dropout", "remission_on_drugs",
    "crossed", "remission_after", "relapse_after",
)  # fmt: skip


# --- By hand: one missing participant and another ---------------------------------------------


def person(**months: Any) -> Raw:
    """A participant of the control to whom nothing happens but what is said."""
    fate: Raw = {f"{name}_month": NEVER for name in MONTHS}
    fate |= {"arm": "soc", "stratum": "high", "randomised_month": 0.0}
    fate |= {"after_crossover_counts": True, "imputation:response": 0.0}
    return fate | {k if k in fate else f"{k}_month": value for k, value in months.items()}


def population_of(people: list[Raw], uniforms: list[float], counts: bool) -> Population:
    """The same people in as many trials as there are uniforms."""

    def block(values: list[Any]) -> Any:
        return np.tile(np.array(values), (len(uniforms), 1))

    months = {name: block([p[f"{name}_month"] for p in people]) for name in MONTHS}
    return Population(
        arrival=block([p["randomised_month"] for p in people]),
        arm=block([int(p["arm"] == "cart") for p in people]).astype(np.int8),
        stratum=block([int(p["stratum"] == "low") for p in people]).astype(np.int8),
        arms=2,
        strata=2,
        max_n=len(people),
        infused_arms=(False, True),
        course=course_of(months),
        dropout=months["dropout"],
        imputations={"response": np.repeat(np.array(uniforms)[:, None], len(people), axis=1)},
        crossover_counts=counts,
    )


def seen_by(population: Population, endpoint: Landmark, date: float) -> tuple[Integers, Integers]:
    """Responders of the control's first stratum, and the missing there, in every trial."""
    dates = np.full(population.trials, date)
    snapshot = snapshot_at(population, dates, np.full(population.trials, population.max_n))
    counts = endpoint.summary(endpoint.prepare("response", population), snapshot)
    return counts.successes[:, 0, 0], counts.missing[:, 0, 0]


def chance(missing: Raw, other: Raw, date: float = NEVER, **says: Any) -> float:
    """Chance that the missing one responds, found by uniforms on either side of one half."""
    counts = says.pop("counts", True)
    table: Raw = {"type": "landmark", "month": MONTH, "missing": "impute", **says}
    uniforms = [0.4, 0.6]
    people = [one | {"after_crossover_counts": counts} for one in (missing, other)]
    known = other["randomised_month"] + MONTH <= date
    counted = known and (other["arm"], other["stratum"]) == ("soc", "high")
    responds = one_trial.landmark_outcome("response", table, people[1]) == "success"
    found, absent = seen_by(population_of(people, uniforms, counts), Landmark(**table), date)
    assert (absent >= 1).all()
    mine = [p for p in people if (p["arm"], p["stratum"]) == ("soc", "high")]
    for u, fast in zip(uniforms, found, strict=True):
        slow = one_trial.see_landmark(
            "response", table, [p | {"imputation:response": u} for p in mine], date
        )
        assert fast == slow["successes"]
    drawn = found.sum() - len(uniforms) * (counted and responds)
    return (NON_RESPONDER, NOBODY, RESPONDER)[int(drawn)]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({}, NON_RESPONDER),
        ({"remission": 6.5}, RESPONDER),  # later, and lasting
        ({"remission": 6.5, "relapse": 11.0}, NON_RESPONDER),
        ({"remission": 1.0, "relapse": 5.0}, NON_RESPONDER),
        ({"remission": 6.0}, NOBODY),  # in remission from that very moment
        ({"remission": 1.0, "relapse": 6.0}, NON_RESPONDER),  # lost at that very moment
        ({"arm": "cart"}, NOBODY),
        ({"stratum": "low"}, NOBODY),
        ({"death": 9.0}, NON_RESPONDER),
        ({"rescue": 9.0}, NON_RESPONDER),
        ({"dropout": 12.5}, NON_RESPONDER),
        # settled or gone by then: the missing one was not
        ({"death": 5.0}, NOBODY),
        ({"death": 6.0}, NOBODY),
        ({"rescue": 5.0}, NOBODY),
        ({"rescue": 5.0, "dropout": 5.5}, NOBODY),
        # after which nothing is seen, whatever the course had come to
        ({"death": 5.0, "remission": 5.5, "relapse": 9.0}, NOBODY),
        ({"death": 5.0, "remission": 1.0, "relapse": 5.5}, NOBODY),
        ({"rescue": 9.0, "dropout": 9.5, "remission": 10.0}, NON_RESPONDER),
    ],
)
def test_beside_one_who_was_out_of_remission(other: Raw, expected: float) -> None:
    assert chance(person(dropout=LAST_SEEN), person(**other)) == expected
    late = person(dropout=LAST_SEEN, remission=8.0)  # what comes after dropout is not seen
    assert chance(late, person(**other)) == expected


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({"remission": 2.0}, RESPONDER),
        ({"remission": 6.0}, RESPONDER),
        ({"remission": 2.0, "relapse": 8.0}, NON_RESPONDER),
        ({"remission": 2.0, "death": 8.0}, NON_RESPONDER),
        ({"remission": 2.0, "relapse": 6.0}, NOBODY),
        ({"remission": 7.0}, NOBODY),
        # dead by then, and in remission when last seen or had death not come
        ({"remission": 2.0, "death": 5.0}, NOBODY),
        ({"remission": 5.5, "death": 5.0}, NOBODY),
        ({}, NOBODY),
    ],
)
def test_beside_one_who_was_in_remission(other: Raw, expected: float) -> None:
    missing = person(dropout=LAST_SEEN, remission=3.0)
    assert chance(missing, person(**other)) == expected
    lost_unseen = person(dropout=LAST_SEEN, remission=3.0, relapse=6.5)
    assert chance(lost_unseen, person(**other)) == expected


def test_remission_on_drugs_is_the_state_where_the_endpoint_is_about_either_kind() -> None:
    missing = person(dropout=LAST_SEEN, remission_on_drugs=2.0)
    on_drugs, drug_free = person(remission_on_drugs=4.0), person(remission=4.0)
    for other, either, alone in (
        (on_drugs, RESPONDER, NON_RESPONDER),
        (drug_free, RESPONDER, NOBODY),
        (person(), NOBODY, NON_RESPONDER),
        (person(remission_on_drugs=7.0), NOBODY, NON_RESPONDER),
        (person(remission_on_drugs=4.0, rescue=5.0), NOBODY, NOBODY),
    ):
        assert chance(missing, other, state="remission") == either
        assert chance(missing, other) == alone


def test_crossover_settles_the_outcome_or_opens_another_remission() -> None:
    missing = person(dropout=LAST_SEEN)
    crossed = {"crossed": 5.0, "remission_after": 7.0}
    assert chance(missing, person(**crossed), counts=True) == RESPONDER
    assert chance(missing, person(**crossed), counts=False) == NOBODY
    assert chance(missing, person(**crossed, dropout=5.5), counts=False) == NOBODY
    later = {"crossed": 9.0, "remission_after": 10.0}
    assert chance(missing, person(**later), counts=True) == RESPONDER
    assert chance(missing, person(**later), counts=False) == NON_RESPONDER
    in_it = {"crossed": 3.0, "remission_after": 4.0}
    assert chance(missing, person(**in_it), counts=True) == NOBODY
    mine = person(dropout=LAST_SEEN, **in_it)
    assert chance(mine, person(**in_it), counts=True) == RESPONDER
    assert chance(mine, person(remission=2.0), counts=True) == RESPONDER
    lost = person(**in_it, relapse_after=9.0)
    assert chance(mine, lost, counts=True) == NON_RESPONDER
    lost_before = person(**in_it, relapse_after=5.0)
    assert chance(mine, lost_before, counts=True) == NOBODY
    assert chance(missing, lost_before, counts=True) == NON_RESPONDER


def test_whose_outcome_is_not_known_at_the_look_counts_for_nobody() -> None:
    missing = person(dropout=LAST_SEEN)
    for later in (person(randomised_month=3.0), person(randomised_month=3.0, death=7.0)):
        assert chance(missing, later, date=14.9) == NOBODY  # though death may be known already
        assert chance(missing, later, date=15.0) == NON_RESPONDER
    assert chance(missing, person(randomised_month=3.0, remission=8.0), date=14.9) == NOBODY
    assert chance(missing, person(randomised_month=3.0, remission=8.0)) == RESPONDER


def test_the_missing_count_for_nobody_else() -> None:
    alone = [person(dropout=LAST_SEEN + k) for k in range(5)]
    population = population_of(alone, [0.49, 0.51], True)
    endpoint = Landmark(type="landmark", month=MONTH, missing="impute")
    found, absent = seen_by(population, endpoint, NEVER)
    assert found.tolist() == [5, 0]
    assert absent.tolist() == [5, 5]


def test_the_same_uniform_decides_at_every_look() -> None:
    people = [person(dropout=LAST_SEEN)] + [person(randomised_month=k) for k in (3.0, 6.0, 9.0)]
    uniforms = [0.19, 0.21, 0.26, 0.34, 0.49, 0.51]
    endpoint = Landmark(type="landmark", month=MONTH, missing="impute")
    population = population_of(people, uniforms, True)
    for date, known in ((12.0, 0), (15.0, 1), (18.0, 2), (21.0, 3), (NEVER, 3)):
        found, _ = seen_by(population, endpoint, date)
        assert found.tolist() == [int(u < 1 / (known + 2)) for u in uniforms]


# --- What is not seen cannot matter -----------------------------------------------------------


def heavy(raw: Raw) -> Raw:
    """Many drop out, die and are rescued."""
    for arm, rescue in (("soc", 0.8), ("cart", 0.6)):
        raw["truth"][arm] |= {
            "dropout": {"per_year": 0.5},
            "death": {"per_year": 0.25},
            "rescue": {"per_year": rescue},
        }
    for name in ("dfr", "remission"):
        raw["endpoints"][name]["missing"] = "impute"
    return raw


def crossing(strategy: str) -> Raw:
    raw = heavy(test_crossover.crossing(strategy))
    raw["endpoints"]["dfr"] |= {"month": 18, "sustained_from": 15}
    return raw


def unseen_redrawn(population: Population, date: Floats) -> Population:
    """The same as far as is seen by a date; what would come later is drawn anew."""
    course, generator = population.course, np.random.default_rng(3)
    assert course is not None
    by_date = date[:, None] - population.arrival
    seen_until = np.minimum(np.minimum(course.death, course.dropout), by_date)
    months: Raw = {}
    known = months_of(course)
    for name in (name for name in MONTHS if name in known):
        month = known[name]
        later = np.maximum(seen_until, 0.0) + generator.exponential(4.0, month.shape)
        later[generator.random(month.shape) < 0.3] = np.inf
        months[name] = np.where(month <= seen_until, month, later)
    # the end of what is seen stays what it was, where it is not the date
    for name, other in (("death", "dropout"), ("dropout", "death")):
        gone = getattr(course, other) <= by_date
        months[name] = np.where(gone & (getattr(course, other) <= months[name]), np.inf,
                                months[name])  # fmt: skip
    replaced = {**vars(population), "course": course_of(months), "dropout": months["dropout"]}
    return Population(**{name: replaced[name] for name in Population.__dataclass_fields__})


@pytest.mark.parametrize("strategy", [None, "composite", "treatment_policy"])
def test_nothing_unseen_matters(strategy: str | None) -> None:
    raw = heavy(raw_design("sle_autologous")) if strategy is None else crossing(strategy)
    design = Design(**raw)
    truth = truths_of(design)["expected"]
    latents = latents_for(design, 8, 0, 60)
    population = followed(design, truth, latents, Enrolment(design, latents))
    everybody = np.full(60, design.enrolment.max_n)
    for number in (30, 60, 90):
        date = np.sort(population.arrival, axis=1)[:, number - 1] + 18.0
        other = unseen_redrawn(population, date)
        for name in ("dfr", "remission"):
            endpoint = design.endpoints[name]
            mine, theirs = (
                endpoint.summary(endpoint.prepare(name, p), snapshot_at(p, date, everybody))
                for p in (population, other)
            )
            assert mine.missing.sum() > 100
            for field in ("missing", "totals", "due", "successes"):
                np.testing.assert_array_equal(getattr(mine, field), getattr(theirs, field))


# --- Whole trials against the slow twin -------------------------------------------------------


def hello() -> Raw:
    raw = raw_design("hello")
    raw["truth"] = {"dropout": {"per_year": 0.4}}
    raw["endpoints"]["dfr"]["missing"] = "impute"
    return raw


def hello_in_strata() -> Raw:
    raw = hello()
    raw["strata"] = {"high": 0.6, "low": 0.4}
    raw["scenarios"]["expected"]["dfr"]["cart"] = {"high": 0.5, "low": 0.1}
    return raw


def sle() -> Raw:
    return heavy(raw_design("sle_autologous"))


def mild() -> Raw:
    raw = raw_design("sle_autologous")
    raw["endpoints"]["dfr"]["missing"] = "impute"
    return raw


def sle_in_strata() -> Raw:
    raw = sle()
    with_strata(raw)
    return raw


def at_the_month_alone_and_a_final_look() -> Raw:
    raw = sle()
    del raw["endpoints"]["dfr"]["sustained_from"]
    raw["looks"]["observed"] = raw["looks"]["observed"][:2]
    raw["looks"]["final"] = "all_observed"
    return raw


def predicted_with_the_enrolled() -> Raw:
    raw = sle()
    for rule in raw["rules"]:
        if "predictive" in rule:
            rule["predictive"]["with"] = "enrolled"
    return raw


def direct_beside_a_course() -> Raw:
    raw = sle()
    for name in ("relapse", "remission_time"):  # the course is that of an adverse event alone
        del raw["endpoints"][name]
        raw["analysis"].pop(name, None)
    for arm in ("soc", "cart"):
        for name in ("remission", "durability", "remission_on_drugs", "rescue", "death"):
            raw["truth"][arm].pop(name, None)
    outcomes = {"dfr": {"soc": 0.2, "cart": 0.5}, "remission": {"soc": 0.3, "cart": 0.5}}
    raw["scenarios"] = {"expected": outcomes}
    return raw


def crossing_composite() -> Raw:
    return crossing("composite")


def crossing_treatment_policy() -> Raw:
    return crossing("treatment_policy")


CASES: list[tuple[Callable[[], Raw], str, int]] = [
    (hello, "null", 6), (hello, "expected", 6), (hello_in_strata, "expected", 6),
    (mild, "expected", 8), (mild, "early_data_do_not_hold_up", 8), (sle, "null", 6),
    (sle, "conditioning_null", 6), (sle, "expected", 8), (sle_in_strata, "expected", 8),
    (at_the_month_alone_and_a_final_look, "rapid_waning", 8),
    (predicted_with_the_enrolled, "early_data_do_not_hold_up", 6),
    (direct_beside_a_course, "expected", 6), (crossing_composite, "expected", 6),
    (crossing_treatment_policy, "expected", 6),
]  # fmt: skip


@pytest.mark.parametrize(("build", "scenario", "trials"), CASES)
def test_trials_are_the_twins(build: Callable[[], Raw], scenario: str, trials: int) -> None:
    compare(build(), scenario, trials)


def multiarm() -> Raw:
    raw = raw_design("products_multiarm")
    raw["endpoints"][one_trial.primary_of(raw)]["missing"] = "impute"
    raw.setdefault("truth", {})["dropout"] = {"per_year": 0.4}
    return raw


def multiarm_in_strata() -> Raw:
    raw = multiarm()
    raw["strata"] = {"young": 0.4, "old": 0.6}
    return raw


@pytest.mark.parametrize("build", [multiarm, multiarm_in_strata])
def test_adaptive_trials_are_the_twins(build: Callable[[], Raw]) -> None:
    block: Block = adaptive.compare(build(), "ordered", 4)
    missing = block.looks[0].summaries[one_trial.primary_of(build())]
    assert isinstance(missing, Counts)
    assert missing.missing.sum() > 10


# --- The rate that is found -------------------------------------------------------------------


def gaps(per_year: float) -> tuple[Floats, float]:
    """Rate found less that had nobody dropped out, ``(trial, arm)``, and the share missing.

    Remission lasts and is as likely to come in whoever is out of it, so that being in it or not is
    all there is to know of the missing; death and rescue are constant hazards. Nobody is infused,
    and so dropout changes nothing else.
    """
    raw = hello()
    raw["enrolment"]["max_n"] = 900
    for arm in ("soc", "cart"):
        raw["truth"][arm] = {
            "remission": {"probability": 0.8, "onset": {"dist": "exponential", "rate": 0.12}},
            "durability": {"cured": 1.0},
            "rescue": {"per_year": per_year},
            "death": {"per_year": per_year / 2},
            "dropout": {"per_year": 0.7},
        }
    raw["truth"]["cart"]["infusion"] = {"failure": 1.0}  # the control's course, then
    raw["scenarios"] = {"expected": {}}
    design = Design(**raw)
    truth = truths_of(design)["expected"]
    trials = 100
    latents = latents_for(design, 4, 0, trials)
    population = followed(design, truth, latents, Enrolment(design, latents))
    endpoint = design.endpoints["dfr"]
    snapshot = snapshot_at(population, np.full(trials, NEVER), np.full(trials, 900))
    counts = endpoint.summary(endpoint.prepare("dfr", population), snapshot)
    assert isinstance(counts, Counts)
    course = population.course
    assert course is not None
    settled = np.minimum(course.rescue, course.death)
    responds = (
        (months_of(course)["remission"] <= MONTH)
        & (settled > MONTH)
        & np.isfinite(population.arrival)
    )
    found = []
    for arm in (0, 1):
        true = (responds & (population.arm == arm)).sum(axis=1)
        found.append((counts.successes[:, arm, 0] - true) / counts.totals[:, arm, 0])
    return np.stack(found, axis=1), float(counts.missing.sum() / counts.totals.sum())


@pytest.mark.slow
def test_the_rate_is_that_had_nobody_dropped_out() -> None:
    """To four Monte Carlo standard errors, and 0.001 for the two participants of the prior."""
    gap, missing = gaps(0.0)
    assert missing > 0.4
    error = gap.std(axis=0, ddof=1) / np.sqrt(len(gap))
    assert (4 * error < 0.012).all()
    assert (np.abs(gap.mean(axis=0)) < 4 * error + 0.001).all()


def test_many_early_failures_pull_the_rate_down_a_little() -> None:
    """Who fails early is known although he would have dropped out later; a responder is not.

    That leaves the rate 0.012 too low where 4 in 10 are missing and half of the others fail early.
    Counting those who had failed when the missing one was last seen makes it 0.030 (out of
    remission, all of them) or 0.055 (in or out by a course that goes on after death).
    """
    gap, missing = gaps(0.7)
    assert missing > 0.35
    error = gap.std(axis=0, ddof=1) / np.sqrt(len(gap))
    assert (gap.mean(axis=0) > -0.012 - 4 * error).all()
    assert (-0.012 - 4 * error > -0.025).all()
