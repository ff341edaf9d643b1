"""An ordinal endpoint: read off the course one by one, said directly, and its column."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from adaptive_cart.analysis import analyze
from adaptive_cart.conduct.looks import snapshot_at
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.endpoints.landmark import Landmark
from adaptive_cart.errors import DesignError
from adaptive_cart.nouns.questions import Category, Question
from adaptive_cart.nouns.records import Floats, Population
from adaptive_cart.nouns.summaries import Categories
from adaptive_cart.participants.population import latents_for
from adaptive_cart.recorded.file import ParticipantsError, read_participants
from adaptive_cart.recorded.table import participants_table
from adaptive_cart.results.estimand import SobolLatents, true_values
from adaptive_cart.telling.estimands import told_estimands

COURSE = """
name = "Outcome"
[arms.soc]
control = true
[arms.cart]
product = "autologous"
[endpoints.door]
type = "ordinal"
month = 12
categories = ["death", "rescue", "no_remission", "remission_on_drugs", "drug_free_remission"]
[analysis.door]
model = "dirichlet"
[enrolment]
max_n = 60
per_month = 6
[looks]
observed = [30, 60]
[[rules]]
name = "efficacy"
then = "declare_success"
posterior = { endpoint = "door", arm = "cart", better_than = "soc", above = 0.5 }
at_least = 0.99
[crossover]
from = "soc"
to = "cart"
after_month = 6
[truth]
dropout.per_year = 0.3
death.per_year = 0.2
[truth.soc]
remission = { probability = 0.3, onset = { dist = "exponential", median = 4.0 } }
durability.relapse = { dist = "exponential", median = 12.0 }
remission_on_drugs = { probability = 0.4, onset = { dist = "exponential", median = 6.0 } }
rescue.per_year = 0.6
crossover.probability = 0.5
[truth.cart]
remission = { probability = 0.6, onset = { dist = "exponential", median = 3.0 } }
durability.relapse = { dist = "exponential", median = 24.0 }
rescue.per_year = 0.3
[scenarios.expected]
"""
DIRECT = """
name = "Outcome"
[arms.soc]
control = true
[arms.cart]
[strata]
low = 0.5
high = 0.5
[endpoints.door]
type = "ordinal"
month = 6
categories = ["dead", "bad", "good"]
missing = "bad"
[analysis.door]
model = "dirichlet"
[enrolment]
max_n = 40
per_month = 6
[looks]
observed = [20, 40]
[[rules]]
name = "efficacy"
then = "declare_success"
posterior = { endpoint = "door", arm = "cart", minus = "soc", reaches = "good", above = 0.0 }
at_least = 0.99
[truth]
dropout.per_year = 0.4
door.soc = { dead = 0.1, bad = 0.6, good = 0.3 }
door.cart.low = { dead = 0.1, bad = 0.2, good = 0.7 }
door.cart.high = { dead = 0.3, bad = 0.2, good = 0.5 }
[scenarios.expected]
"""
WORST_FIRST = ("death", "rescue", "no_remission", "remission_on_drugs", "drug_free_remission")


def changed(text: str, **more: Any) -> Design:
    raw = tomllib.loads(text)
    raw["endpoints"]["door"] |= more
    return Design(**raw)


def blocks(design: Design) -> tuple[Population, list[Any]]:
    truth = design.truths["expected"]
    block = run_block(
        Plan.of(design), truth, (0.5,), latents_for(design, 3, 0, 30), keep_population=True
    )
    assert block.population is not None
    return block.population, [look for look in block.looks if look.held.all()]


def what_became(people: Population, at: tuple[int, int]) -> str | None:
    """Category of one participant by month 12, as the words say it; nothing where it is missing."""
    course = people.course
    assert course is not None
    assert course.crossed is not None
    end = min(12.0, course.dropout[at])
    happened = [n for n in ("death", "rescue") if getattr(course, n)[at] <= end]
    if happened:
        return happened[0]  # the worse of the two
    if course.crossed[at] < 12.0 and course.crossed[at] <= course.dropout[at]:
        return "no_remission"
    if course.dropout[at] < 12.0:
        return None
    for state in ("drug_free_remission", "remission_on_drugs"):
        for spell in course.spells:
            own = spell.state == state and spell.began[at] <= 12.0 < spell.ended[at]
            if own and not spell.after_crossover:
                return state
    return "no_remission"


@pytest.mark.parametrize("missing", ["exclude", "no_remission"])
def test_a_look_counts_what_became_of_everybody_whose_month_has_passed(missing: str) -> None:
    people, looks = blocks(changed(COURSE, missing=missing))
    met: set[str | None] = set()
    assert len(looks) > 0
    for look in looks:
        seen = look.summaries["door"]
        assert seen.names == WORST_FIRST
        for trial in range(30):
            for arm in range(2):
                due = [
                    what_became(people, (trial, j))
                    for j in range(people.participants)
                    if people.arm[trial, j] == arm
                    and people.arrival[trial, j] + 12.0 <= look.date[trial]
                ]
                met |= set(due)
                lost = due.count(None)
                counts = [due.count(name) for name in WORST_FIRST]
                if missing != "exclude":
                    counts[2] += lost
                assert seen.counts[trial, arm, 0].tolist() == counts
                assert seen.missing[trial, arm, 0] == lost
                score = sum(25.0 * k * n for k, n in enumerate(counts))
                assert seen.columns()["score"][trial, arm, 0] == pytest.approx(score)
    assert met == {*WORST_FIRST, None}


def state_at(people: Population, at: tuple[int, int], month: float) -> str:
    """State of one participant at a month, without what came after a crossover."""
    course = people.course
    assert course is not None
    for state in ("drug_free_remission", "remission_on_drugs"):
        for spell in course.spells:
            own = spell.state == state and spell.began[at] <= month < spell.ended[at]
            if own and not spell.after_crossover:
                return state
    return "none"


def drawn_category(people: Population, at: tuple[int, int], date: float) -> str:
    """The category that is drawn for one missing participant, from those alike, one by one."""
    course = people.course
    assert course is not None
    assert course.crossed is not None
    trial, left = at[0], course.dropout[at]
    known = []
    for j in range(people.participants):
        other = (trial, j)
        ended = min(course.death[other], course.rescue[other], course.crossed[other])
        if (
            people.arm[other] == people.arm[at]
            and people.arrival[other] + 12.0 <= date
            and ended > left
            and state_at(people, other, left) == state_at(people, at, left)
        ):
            became = what_became(people, other)
            known += [] if became is None else [became]
    uniform, reached = people.imputations["door"][at], 0.0
    for name in reversed(WORST_FIRST):  # the best first
        reached += (known.count(name) + 2.0 / 5.0) / (len(known) + 2.0)
        if uniform < reached:
            return name
    return WORST_FIRST[0]


def test_a_missing_category_is_drawn_from_those_who_were_alike() -> None:
    people, looks = blocks(changed(COURSE, missing="impute"))
    drawn: list[str] = []
    for look in looks:
        seen = look.summaries["door"]
        for trial in range(30):
            for arm in range(2):
                found: list[str] = []
                for j in range(people.participants):
                    at, arrived = (trial, j), people.arrival[trial, j]
                    if people.arm[at] != arm or arrived + 12.0 > look.date[trial]:
                        continue
                    became = what_became(people, at)
                    if became is None:
                        became = drawn_category(people, at, look.date[trial])
                        drawn.append(became)
                    found.append(became)
                counts = [found.count(name) for name in WORST_FIRST]
                assert seen.counts[trial, arm, 0].tolist() == counts
                assert seen.analysed[trial, arm, 0] == len(found)
    assert len(drawn) > 100
    assert set(drawn) == set(WORST_FIRST)


def test_two_categories_are_imputed_as_a_landmark_imputes() -> None:
    """Of a direct truth: worth two participants, half a response."""
    raw = tomllib.loads(DIRECT)
    raw["endpoints"]["door"] |= {"categories": ["bad", "good"], "missing": "impute"}
    raw["endpoints"]["door"].pop("scores", None)
    raw["rules"][0]["posterior"]["reaches"] = "good"
    door = {arm: {"bad": 0.4, "good": 0.6} for arm in ("soc", "cart")}
    raw["truth"] = {"dropout": {"per_year": 0.8}, "door": door}
    people, looks = blocks(Design(**raw))
    assert people.dropout is not None
    months = raw["endpoints"]["door"]["month"]
    ordinal = looks[-1].summaries["door"]
    landmark = Landmark.model_validate({"type": "landmark", "month": months, "missing": "impute"})
    same = replace(
        people, outcomes={"door": np.asarray(people.outcomes["door"]) == 1}
    )  # the same uniforms
    date = looks[-1].date
    snapshot = snapshot_at(same, date, np.full(same.trials, same.max_n))
    counts = landmark.summary(landmark.prepare("door", same), snapshot)
    assert counts.missing.sum() > 50
    assert np.array_equal(counts.successes, ordinal.counts[..., 1])
    assert np.array_equal(counts.totals, ordinal.analysed)


@pytest.mark.slow
def test_a_real_trial_averages_over_what_its_missing_categories_may_be() -> None:
    """Against draws from the chances in words, of a direct truth: alike is the arm and stratum."""
    raw = tomllib.loads(DIRECT)
    raw["endpoints"]["door"]["missing"] = "impute"
    raw["truth"]["dropout"]["per_year"] = 1.0
    design = Design(**raw)
    people, _ = blocks(design)
    rows = participants_table(design, people, 0, 12.0, 20)
    found = analyze(design, rows, as_of=12.0, fast=True)
    asked = Question("door", 1, 0, kind="reaches", value=0.0, category=Category(2, "good"))
    names, random = ("dead", "bad", "good"), np.random.default_rng(8)
    counts, chances = np.zeros((2, 2, 3), dtype=int), {}
    lost = np.zeros((2, 2), dtype=int)
    for row in rows:
        at = int(row["arm"] == "cart"), int(row["stratum"] == "high")
        if float(row["randomised_month"]) + 6.0 > 12.0:
            continue
        if row["door"] == "":
            lost[at] += 1
        else:
            counts[(*at, names.index(row["door"]))] += 1
    assert lost.sum() >= 3
    for at in np.ndindex(2, 2):
        chances[at] = (counts[at] + 2.0 / 3.0) / (counts[at].sum() + 2.0)
    answers, none = [], np.zeros((1, 2, 2), dtype=int)
    analysis = design.analysis_of("door")
    assert analysis is not None
    model = analysis.of_categories(analysis.fitted(design.arm_names, design.shares), names)
    for _ in range(400):
        drawn = counts.copy()
        for at in np.ndindex(2, 2):
            drawn[at] += random.multinomial(lost[at], chances[at])
        table = Categories(drawn[None], none, none, names, (0.0, 50.0, 100.0))
        answers.append(analysis.posterior(model, table, None).probability(asked)[0])
    (rule,) = found.rules
    spread = np.std(answers) / np.sqrt(400) + 1e-9
    assert spread > 1e-4
    assert rule.fast == pytest.approx(np.mean(answers), abs=4.0 * np.sqrt(2.0) * spread)


def test_the_worse_of_two_events_is_that_which_the_design_ranks_lower() -> None:
    turned = ["rescue", "death", *WORST_FIRST[2:]]
    people, looks = blocks(changed(COURSE, categories=turned))
    seen = looks[-1].summaries["door"].counts[..., 0, 0].sum()
    both = 0
    course = people.course
    assert course is not None
    for trial in range(30):
        for j in range(people.participants):
            end = min(12.0, course.dropout[trial, j])
            if people.arrival[trial, j] + 12.0 <= looks[-1].date[trial]:
                both += course.rescue[trial, j] <= end
    assert seen == both


def test_truths_are_those_of_many_participants_and_of_the_words() -> None:
    design = changed(DIRECT)
    true = true_values(design, design.truths["expected"])
    stays = np.exp(-0.4 * 6.0 / 12.0)
    soc = np.array([0.1, 0.6, 0.3]) * stays + np.array([0.0, 1.0 - stays, 0.0])
    cart = np.array([0.2, 0.2, 0.6]) * stays + np.array([0.0, 1.0 - stays, 0.0])
    wins = sum(cart[i] * soc[j] * (1.0 if i > j else 0.5) for i in range(3) for j in range(i + 1))
    assert true.quantity(Question("door", 1, 0, kind="better")).value == pytest.approx(wins)
    good = Question("door", 1, 0, kind="reaches", category=Category(2, "good"))
    assert true.quantity(good).value == pytest.approx(cart[2] - soc[2])
    assert true.quantity(Question("door", 0)).value == pytest.approx(50 * soc[1] + 100 * soc[2])


def test_a_true_probability_to_do_better_is_that_among_followed_participants() -> None:
    raw = tomllib.loads(COURSE)
    design = Design(**raw)
    truth = design.truths["expected"]
    true = true_values(design, truth, SobolLatents(scrambles=4, points=2**12))
    better = true.quantity(Question("door", 1, 0, kind="better"))
    assert better is not None
    raw["truth"]["dropout"]["per_year"] = 0.0
    raw["enrolment"] = {"max_n": 4_000, "per_month": 4_000}
    raw["looks"] = {"observed": [4_000]}
    people, _ = blocks(Design(**raw))
    place = {name: k for k, name in enumerate(WORST_FIRST)}
    by_arm: list[list[int]] = [[], []]
    for j in range(4_000):
        word = what_became(people, (0, j))
        assert word is not None
        by_arm[people.arm[0, j]].append(place[word])
    soc, cart = (np.bincount(own, minlength=5) / len(own) for own in by_arm)
    wins = sum(cart[i] * soc[j] * (1.0 if i > j else 0.5) for i in range(5) for j in range(i + 1))
    assert better.value == pytest.approx(wins, abs=4.0 * 0.5 / np.sqrt(1_000))


def test_its_column_is_written_and_read_back() -> None:
    design = changed(DIRECT)
    people, _ = blocks(design)
    rows = participants_table(design, people, 0, 12.0, 40)
    again = read_participants(rows, design)
    names = ("dead", "bad", "good")
    written = [np.nan if row["door"] == "" else names.index(row["door"]) for row in rows]
    np.testing.assert_array_equal(again.outcomes["door"], written)
    assert np.isnan(written).any()
    rows[0]["door"] = "goood"
    with pytest.raises(ParticipantsError, match=r"found 'goood' \(did you mean 'good'\?\); dead, "):
        read_participants(rows, design)


WRONG = {
    "no category of a participant course": ("course", "categories", ["death", "cured", "rescue"]),
    "no 'remission_on_drugs' among the categories; a course gives": (
        "course",
        "categories",
        ["death", "rescue", "no_remission", "drug_free_remission"],
    ),
    "has 'bad' twice": ("direct", "categories", ["bad", "bad", "good"]),
    "'scores' has 2 numbers, and there are 3 categories": ("direct", "scores", [0.0, 1.0]),
    "from the worst category on they must rise": ("direct", "scores", [0.0, 3.0, 1.0]),
    r"endpoints\.door\.missing: found 'god' \(did you mean 'good'\?\); allowed: exclude, ": (
        "direct",
        "missing",
        "god",
    ),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_is_wrong_with_categories_is_told(message: str) -> None:
    base, key, value = WRONG[message]
    with pytest.raises(DesignError, match=message):
        changed(COURSE if base == "course" else DIRECT, **{key: value})


TRUTHS = {
    "the probabilities sum to 0.9; they must sum to 1": {"dead": 0.0, "bad": 0.6, "good": 0.3},
    "no probability of dead": {"bad": 0.6, "good": 0.4},
    r"no category 'god' \(did you mean 'good'\?\); the categories are dead": {"god": 1.0},
}


@pytest.mark.parametrize("message", TRUTHS)
def test_what_is_wrong_with_a_truth_is_told(message: str) -> None:
    raw = tomllib.loads(DIRECT)
    raw["truth"]["door"]["soc"] = TRUTHS[message]
    with pytest.raises(DesignError, match=rf"truth\.door\.soc.*: {message}"):
        Design(**raw)


def test_a_real_trial_is_told_how_few_other_outcomes_turn_a_rule_over() -> None:
    def row(arm: str, j: int, remissions: int) -> dict[str, Any]:
        became = "drug_free_remission" if j < remissions else "no_remission"
        seen = {"randomised_month": 1.0, "last_contact_month": 12.0, "door": became}
        return {"participant": f"{arm}{j}", "arm": arm, **seen}

    rows = [row("soc", j, 2) for j in range(15)] + [row("cart", j, 11) for j in range(15)]
    design = Design(**tomllib.loads(COURSE))
    (rule,) = analyze(design, rows, look=1, as_of=14.0, fast=True).rules
    assert rule.fast is not None
    assert rule.fast >= 0.99
    said = re.fullmatch(
        r"would not hold with (\d+) of (cart|soc) with (\w+) instead of (\w+) \(then ([\d.]+)\)",
        str(rule.changes),
    )
    assert said is not None
    number, arm, to, of = int(said[1]), said[2], said[3], said[4]
    seen = {"soc": [0, 0, 13, 0, 2], "cart": [0, 0, 4, 0, 11]}
    for moved in (number - 1, number):
        after = {name: np.array(own, dtype=float) for name, own in seen.items()}
        after[arm][WORST_FIRST.index(of)] -= moved
        after[arm][WORST_FIRST.index(to)] += moved
        assert (better_by_draws(after["soc"], after["cart"]) < 0.99) == (moved == number)


def better_by_draws(soc: Floats, cart: Floats) -> float:
    """Posterior probability that cart does better more often than not, a prior of 1 each."""
    rng = np.random.default_rng(1)
    theirs, own = (rng.dirichlet(counts + 1.0, 200_000) for counts in (soc, cart))
    worse = np.cumsum(theirs, axis=1) - theirs / 2.0
    return float(((own * worse).sum(axis=1) > 0.5).mean())


def test_its_estimand_is_a_probability_and_no_difference_of_any() -> None:
    design = Design(**tomllib.loads(COURSE))
    told = "\n".join(told_estimands(design, design.truths))
    assert "summary measure: probability to do better (door), cart better than soc" in told


def test_of_participants_of_two_parts_the_true_shares_are_those_of_both() -> None:
    """Parts leave at different rates, and who left is bad: each alone is in closed form."""

    def good(per_year: float, **tables: Any) -> float:
        raw = tomllib.loads(DIRECT)
        raw["truth"]["dropout"] = {"per_year": per_year}
        raw["scenarios"]["expected"] = tables
        one = Design(**raw)
        found = true_values(one, one.truths["expected"], SobolLatents(points=2**12))
        return float(found.categories["door"][2].values[:, 0, 0].mean())

    both = good(0.2, mixture={"new": {"share": 0.3, "dropout": {"per_year": 3.0}}})
    alone, new = good(0.2), good(3.0)
    assert alone == pytest.approx(0.3 * np.exp(-0.2 / 2.0))
    assert both == pytest.approx(0.7 * alone + 0.3 * new, abs=0.003)
