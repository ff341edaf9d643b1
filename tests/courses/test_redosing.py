"""Infusions after the first, tapers and wash-outs: by hand, and trial by trial by the twin."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import participants.test_crossover as test_crossover
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.errors import DesignError
from adaptive_cart.figures.truths import differ_in_harm_only, numbers_of
from adaptive_cart.participants.population import latents_for
from adaptive_cart.recorded.file import ParticipantsError, read_participants
from adaptive_cart.recorded.table import participants_table
from adaptive_cart.results.estimand import SobolLatents, true_values
from adaptive_cart.results.long_term import infused_share
from adaptive_cart.telling.check import described
from adaptive_cart.telling.without_effect import without_effect
from checks import raw_design
from conduct.test_fast_equals_twin import compare, latents_of_trial
from twin import one_trial

Raw = dict[str, Any]
NEVER = np.inf


# ── by hand ───────────────────────────────────────────────────────────────────────────────────
def fixed(value: float) -> Raw:
    return {"dist": "fixed", "value": value}


def life(gone: float = NEVER, rescue: float = NEVER, taper: Raw | None = None, **keys: Any) -> Raw:
    """Infused at 1, remission from 3 to 8; planned again a month after relapse, infused 0.5 later.

    Uniforms that are no keys of the redosing are 0.1: everything that may happen does.
    """
    uniforms = {key: keys.pop(key) for key in list(keys) if ":" in key}
    disease = {
        "remission": {"probability": 0.5, "onset": fixed(2.0)},
        "durability": {"relapse": fixed(5.0)},
        "redosing": {
            "when": "relapse", "probability": 0.8, "delay": fixed(0.5), "failure": 0.05,
            "remission": {"probability": 0.4},
        } | keys,
    }  # fmt: skip
    if taper:
        disease["taper"] = taper
    if rescue < NEVER:  # so many months outside remission
        disease["rescue"] = {"per_year": 12.0}
        uniforms["rescue"] = -np.expm1(-rescue)
    return one_trial.disease_course(disease, 1.0, lambda name: uniforms.get(name, 0.1), gone)


def told(found: Raw) -> tuple[Any, ...]:
    spells = [(found["remission_month"], found["relapse_month"]), *found["later_remissions"]]
    return spells, found["infused_again"]


def test_by_hand_at_relapse() -> None:
    first, second = (3.0, 8.0), (10.5, 15.5)
    assert told(life()) == ([first, second], [8.5])
    assert told(life(at_most=2)) == ([first, second, (18.0, 23.0)], [8.5, 16.0])
    assert told(life(**{"redosing:1": 0.8})) == ([first], [])
    assert told(life(**{"redosing:1:infusion_failure": 0.04})) == ([first], [])
    assert told(life(**{"redosing:1:remission": 0.4})) == ([first], [8.5])
    assert told(life(remission={"probability": 0.4, "onset": fixed(1.0)})) == (
        [first, (9.5, 14.5)], [8.5],
    )  # fmt: skip
    assert told(life(gone=8.4)) == ([first], [])
    assert told(life(gone=8.6))[1] == [8.5]
    # two months outside remission before the first, half a month before the infusion
    assert told(life(rescue=2.4)) == ([first], [])
    assert told(life(rescue=2.6)) == ([first], [8.5])
    found = life(rescue=4.6)
    assert told(found) == ([first, second], [8.5])
    assert found["rescue_month"] == pytest.approx(15.6)


def test_by_hand_for_want_of_a_remission() -> None:
    late: Raw = {"when": "no_remission", "after_month": 3.0, "remission": {"probability": 0.4}}
    assert told(life(**late)) == ([(3.0, 8.0)], [])
    # due at 2, infused at 2.5, before the remission that was to come at 3
    assert told(life(**late | {"after_month": 1.0})) == ([(4.5, 9.5)], [2.5])
    soon = late | {"after_month": 1.0, "delay": fixed(1.5)}
    assert told(life(**soon)) == ([(3.0, 8.0)], []), "in remission when it would have been infused"
    twice = late | {"after_month": 1.0, "at_most": 2, "redosing:1:remission": 0.5}
    assert told(life(**twice)) == ([(6.0, 11.0)], [2.5, 4.0])


def test_by_hand_a_taper() -> None:
    once = {"months": fixed(4.0)}
    assert told(life(taper=once)) == ([(5.0, 10.0), (12.5, 17.5)], [10.5])
    again = once | {"again": True}
    assert told(life(taper=again)) == ([(5.0, 10.0), (14.5, 19.5)], [10.5])
    assert told(life(taper=once, rescue=3.9))[0] == [(NEVER, NEVER)], "rescue goes on through it"


# ── trial by trial, against the slow twin ─────────────────────────────────────────────────────
def drawn(seed: int) -> Raw:
    """A design with redosing, recurrent remission, taper, wash-out and crossover, at random."""
    rng = np.random.default_rng(seed)
    raw: Raw = copy.deepcopy(raw_design("sle_autologous"))
    raw["rules"] = [rule for rule in raw["rules"] if "predictive" not in rule]
    raw["scenarios"] = {"expected": {}}
    months = rng.uniform(1.0, 6.0, 8).round(2)
    chances = rng.uniform(0.3, 1.0, 12).round(2)

    def exponential(place: int) -> Raw:
        return {"dist": "exponential", "median": float(months[place])}

    for k, arm in enumerate(("soc", "cart")):
        raw["truth"][arm] |= {
            "remission": {"probability": float(chances[k]), "onset": exponential(k)},
            "durability": {"cured": 0.1, "relapse": exponential(2 + k)},
            "rescue": {"per_year": float(rng.choice([0.0, 0.3, 1.0]))},
        }
        if rng.random() < 0.6:
            again = {"probability": float(chances[2 + k]), "at_most": int(rng.integers(1, 3))}
            raw["truth"][arm]["remission"]["again"] = again
        if rng.random() < 0.6:
            taper = {"months": exponential(4), "again": bool(rng.random() < 0.6)}
            raw["truth"][arm]["taper"] = taper
    cart = raw["truth"]["cart"]
    cart["redosing"] = {
        "when": "relapse", "probability": float(chances[4]), "at_most": int(rng.integers(1, 4)),
        "delay": {"dist": "lognormal", "median": 1.0, "sigma": 0.4},
        "remission": {"probability": float(chances[5])},
    }  # fmt: skip
    if rng.random() < 0.5:
        cart["redosing"] |= {"when": "no_remission", "after_month": float(months[5])}
    if rng.random() < 0.5:
        cart["redosing"] |= {"failure": float(1.0 - chances[6])}
    if rng.random() < 0.5:
        cart["redosing"]["remission"]["onset"] = exponential(6)
    for name in ("dfr", "remission_time"):
        if rng.random() < 0.4:
            raw["endpoints"][name]["strategy"] = {"redosing": "composite"}
    if rng.random() < 0.7:  # windows that overlap, too
        raw["endpoints"]["crs3"] |= {"each_infusion": True, "within_months": float(months[0])}
        cart["events"] = {"crs3": float(chances[9] / 2.0)}
        if rng.random() < 0.5:
            cart["redosing"]["events"] = {"crs3": float(chances[10])}
    if rng.random() < 0.4:
        cart["washout"] = {"months": exponential(7)}
    if rng.random() < 0.5:
        strategy = str(rng.choice(["composite", "treatment_policy"]))
        raw |= {"crossover": test_crossover.crossing(strategy)["crossover"]}
        raw["crossover"]["when"] = str(rng.choice(["month", "relapse", "no_remission", "rescue"]))
        raw["truth"]["soc"]["crossover"] = {"probability": float(chances[7])}
    return raw


SEEDS = range(14)


@pytest.mark.parametrize("seed", SEEDS)
def test_trials_are_the_twins(seed: int) -> None:
    compare(drawn(seed), "expected", 1)


@pytest.mark.slow
def test_many_trials_are_the_twins() -> None:
    for seed in range(1_000, 1_200):
        compare(drawn(seed), "expected", 1)


def test_the_compared_trials_hold_what_they_are_to_compare() -> None:
    held: dict[str, int] = {}
    for seed in SEEDS:
        raw = drawn(seed)
        latents = latents_of_trial(Design(**copy.deepcopy(raw)), 0)
        people = one_trial.participants_of(raw, "expected", latents)
        when = raw["truth"]["cart"]["redosing"]["when"]
        for name, number in {
            when: sum(len(person["infused_again"]) > 0 for person in people),
            "twice": sum(len(person["infused_again"]) > 1 for person in people),
            "again": sum(
                len(person["later_remissions"]) > len(person["infused_again"]) for person in people
            ),
            "after crossover": sum(
                len(person["infused_again"]) > 0 and person["arm"] == "soc" for person in people
            ),
            "taper": "taper" in raw["truth"]["cart"],
            "taper again": raw["truth"]["cart"].get("taper", {}).get("again", False),
            "washout": "washout" in raw["truth"]["cart"],
            "an event after another infusion": sum(
                person["crs3"] < NEVER
                and bool(person["infused_again"])
                and person["crs3"] >= person["infused_again"][0]
                for person in people
                if person["arm"] == "cart"
            ),
        }.items():
            held[name] = held.get(name, 0) + number
    assert min(held.values()) >= 2, held


# ── what follows from it ──────────────────────────────────────────────────────────────────────
def redosed(**keys: Any) -> Raw:
    """Most of the arm relapse soon, and most of those are infused again."""
    raw: Raw = copy.deepcopy(raw_design("sle_autologous"))
    raw["scenarios"] = {"expected": {}}
    cart = raw["truth"]["cart"]
    cart["remission"]["probability"] = 0.9
    cart["durability"] = {"relapse": {"dist": "exponential", "median": 3.0}}
    cart["redosing"] = {
        "when": "relapse", "probability": 0.8, "delay": fixed(0.7), "at_most": 2,
        "remission": {"probability": 0.7, "onset": fixed(1.0)},
    } | keys  # fmt: skip
    return raw


def block_of(raw: Raw, trials: int = 20) -> Any:
    design = Design(**copy.deepcopy(raw))
    plan, truth = Plan.of(design), truths_of(design)["expected"]
    zero = (0.0,) * len(plan.estimands)
    return run_block(plan, truth, zero, latents_for(design, 3, 0, trials), keep_population=True)


def test_the_first_remission_is_that_without_it_and_failures_are_as_frequent_as_said() -> None:
    with_it, without = block_of(redosed()), redosed()
    del without["truth"]["cart"]["redosing"]
    first = [
        block.population.state("drug_free_remission").spells[0]
        for block in (with_it, block_of(without))
    ]
    np.testing.assert_array_equal(first[0].began, first[1].began)
    np.testing.assert_array_equal(first[0].ended, first[1].ended)
    course = with_it.population.course
    relapse = course.state("drug_free_remission").spells[0].ended
    due = np.isfinite(relapse) & np.isfinite(course.infused)
    due &= np.minimum(course.gone, course.rescue) > relapse + 0.7
    share, expected = np.isfinite(course.infused_again[0][due]).mean(), 0.8 * (1.0 - 0.05)
    assert abs(share - expected) < 4.0 * np.sqrt(expected * (1.0 - expected) / due.sum())


def test_the_true_rate_is_that_of_the_participants() -> None:
    design = Design(**redosed())
    truth = truths_of(design)["expected"]
    true = true_values(design, truth, SobolLatents(points=2**12)).by_arm["dfr"][1]
    population = block_of(redosed(), 100).population
    cart = (population.arm == 1) & np.isfinite(population.arrival)
    mine = design.endpoints["dfr"].prepare("dfr", population).response
    rate = mine.mask(population.participants)[cart].mean()
    assert abs(rate - true.value) < 4 * np.hypot(np.sqrt(rate * (1 - rate) / cart.sum()), true.mcse)


def test_the_share_that_is_infused_waits_for_the_wash_out() -> None:
    raw = redosed()
    raw["truth"]["cart"]["washout"] = {"months": {"dist": "exponential", "median": 2.0}}
    raw["truth"]["cart"]["dropout"] = {"per_year": 1.2}
    group = truths_of(Design(**copy.deepcopy(raw)))["expected"].courses[1][0]  # type: ignore[index]
    population = block_of(raw, 100).population
    cart = (population.arm == 1) & np.isfinite(population.arrival)
    share = np.isfinite(population.course.infused[cart]).mean()
    assert abs(share - infused_share(group)) < 4 * np.sqrt(0.25 / cart.sum())
    assert infused_share(group) < 0.8


def test_a_table_holds_every_infusion_and_reads_it_back() -> None:
    raw = redosed()
    design, population = Design(**copy.deepcopy(raw)), block_of(raw).population
    rows = participants_table(design, population, 0, 400.0, 60)
    assert any(row["infused_3_month"] != "" for row in rows)
    found = read_participants(rows, design).population(400.0)
    again = participants_table(design, found, 0, 400.0, 60)
    for mine, theirs in zip(rows, again, strict=True):
        assert {n: v for n, v in theirs.items() if n in mine} == mine
    place = next(k for k, row in enumerate(rows) if row["infused_2_month"] != "")
    rows[place]["infused_month"] = ""
    with pytest.raises(ParticipantsError, match=r"infused_2_month: .* infused_month is blank"):
        read_participants(rows, design)
    rows[place]["infused_month"] = rows[place]["infused_2_month"]
    with pytest.raises(ParticipantsError, match=r"infused_2_month: .* no later than the one"):
        read_participants(rows, design)


# ── what the file may say ─────────────────────────────────────────────────────────────────────
def changed(path: str, value: Any, raw: Raw | None = None) -> Raw:
    raw = redosed() if raw is None else raw
    *around, last = path.split(".")
    inner = raw
    for step in around:
        inner = inner.setdefault(step, {})
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return raw


REDOSING = "truth.cart.redosing"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (changed(f"{REDOSING}.when", None), r"redosing\.when: missing"),
        (changed(f"{REDOSING}.delay", None), r"redosing\.delay: missing"),
        (changed(f"{REDOSING}.remission", None), r"redosing\.remission\.probability: missing"),
        (changed(f"{REDOSING}.when", "no_remission"), r"redosing\.after_month: missing"),
        (changed(f"{REDOSING}.after_month", 3.0), r"found 3, and 'when' is .relapse."),
        (changed(f"{REDOSING}.at_most", 11), r"redosing\.at_most: .*10"),
        (changed("truth.soc.redosing", redosed()["truth"]["cart"]["redosing"]),
         r"truth\.soc\.redosing: nobody is infused in arm 'soc'"),
        (changed("truth.soc.washout", {"months": fixed(1.0)}),
         r"truth\.soc\.washout: nobody is infused in arm 'soc'"),
        (changed("truth.cart.washout", {}), r"washout\.months: missing"),
        (changed("truth.soc.taper", {"again": True}), r"truth\.soc\.taper\.months: missing"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(raw: Raw, message: str) -> None:
    with pytest.raises(DesignError, match=message):
        Design(**raw)


def test_an_arm_with_it_is_no_model_of_another_and_lets_nobody_cross() -> None:
    raw = redosed()
    raw["arms"]["late"] = {"product": "autologous"}
    raw["truth"]["late"] = {"same_as": "cart"}
    with pytest.raises(DesignError, match=r"same_as: participants of 'cart' are infused again"):
        Design(**raw)
    raw = redosed()
    raw["crossover"] = {"from": "cart", "to": "soc", "after_month": 6.0}
    raw["truth"]["cart"]["crossover"] = {"probability": 0.5}
    with pytest.raises(DesignError, match=r"redosing: \[crossover\] lets participants of 'cart'"):
        Design(**raw)


def test_check_tells_it_and_warns_of_the_product() -> None:
    told = described(Design(**changed("truth.cart.taper", {"months": fixed(2.0), "again": True})))
    assert (
        "cart.redosing: at a relapse with probability 0.8, months to it fixed (value 0.7), not "
        "given with probability 0.05, 2 at most; remission with probability 0.7, months to its "
        "onset fixed (value 1)"
    ) in told
    assert (
        "cart.taper: background drugs end after the first infusion and after each further" in told
    )
    assert "warning: cart is infused again, and of 'autologous' that is poor: T cells" in told
    assert "warning: cart is" not in described(Design(**changed("arms.cart.product", "in_vivo")))


def test_without_a_control_who_is_never_infused_is_not_infused_again() -> None:
    raw = redosed()
    del raw["arms"]["soc"], raw["truth"]["soc"]
    raw["arms"]["cart"].pop("allocation", None)
    raw["randomisation"] = {}
    raw["endpoints"] = {"dfr": raw["endpoints"]["dfr"]}
    raw["analysis"] = {}
    rule = {"name": "works", "then": "declare_success", "at_least": 0.9}
    raw["rules"] = [rule | {"posterior": {"endpoint": "dfr", "arm": "cart", "above": 0.3}}]
    raw["truth"]["cart"]["infusion"]["failure"] = 0.0
    raw["truth"]["cart"]["dropout"] = {"per_year": 2.0}
    course = block_of(raw).population.course
    assert np.isfinite(course.infused_again[0]).any()
    assert not np.isfinite(course.infused_again[0][~np.isfinite(course.infused)]).any()
    raw["truth"]["cart"]["infusion"]["failure"] = 0.2
    raw["truth"]["not_infused"] = {
        "remission": {"probability": 0.1, "onset": fixed(2.0)}, "durability": {"cured": 1.0},
        "redosing": raw["truth"]["cart"]["redosing"],
    }  # fmt: skip
    with pytest.raises(DesignError, match=r"not_infused\.redosing: nobody is infused there"):
        Design(**raw)


# ── what endpoints make of it ─────────────────────────────────────────────────────────────────
def person(**months: Any) -> Raw:
    """Infused at 1, in remission from 3 to 8, infused again at 9, in remission from 10 on."""
    return {
        "arm": "cart", "stratum": None, "randomised_month": 0.0, "infused_arm": True,
        "infused_month": 1.0, "infused_again": [9.0], "remission_month": 3.0, "relapse_month": 8.0,
        "later_remissions": [(10.0, NEVER)], "rescue_month": NEVER, "death_month": NEVER,
        "dropout_month": NEVER, "after_crossover_counts": False,
    } | months  # fmt: skip


def test_by_hand_another_infusion_that_is_failure() -> None:
    composite = {"strategy": {"redosing": "composite"}}
    landmark = {"type": "landmark", "month": 12.0}
    assert one_trial.landmark_outcome("dfr", landmark, person()) == "success"
    assert one_trial.landmark_outcome("dfr", landmark | composite, person()) == "failure"
    at_six = landmark | composite | {"month": 6.0}
    assert one_trial.landmark_outcome("dfr", at_six, person()) == "success"
    months = {"horizon": 24.0}
    for endpoint, mean in ((months, 5.0 + 14.0), (months | composite, 5.0)):
        assert one_trial.see_time_in_remission(endpoint, [person()], 30.0)["mean_months"] == mean


def test_by_hand_a_window_at_each_infusion() -> None:
    endpoint = {"type": "adverse_event", "within_months": 1.5, "each_infusion": True}

    def seen(event: float, date: float, **months: Any) -> tuple[int, int]:
        found = one_trial.see_adverse_event("crs", endpoint, [person(crs=event, **months)], date)
        return found["events"], found["totals"]

    assert seen(1.2, 2.4) == (0, 0)
    assert seen(1.2, 2.5) == (1, 1)
    assert seen(9.5, 10.0) == (0, 1), "its window has not passed"
    assert seen(9.5, 10.5) == (1, 1)
    assert seen(9.5, 10.5, dropout_month=9.4) == (0, 1)
    assert seen(2.2, 2.5, infused_again=[2.0]) == (1, 1), "the first window that holds it"


def test_a_table_with_windows_at_each_infusion_counts_the_same() -> None:
    raw = redosed(events={"crs3": 0.6})
    raw["endpoints"]["crs3"]["each_infusion"] = True
    design, population = Design(**copy.deepcopy(raw)), block_of(raw).population
    rows = participants_table(design, population, 0, 400.0, 60)
    found = read_participants(rows, design)
    assert not any("crs3" in note for note in found.notes)
    read, endpoint = found.population(400.0), design.endpoints["crs3"]
    events = [
        endpoint.prepare("crs3", people).event.mask(people.participants)[0, :60].sum()
        for people in (population, read)
    ]
    assert events[0] == events[1] > 8
    raw["endpoints"]["crs3"]["each_infusion"] = False
    first = read_participants(rows, Design(**raw))
    assert any(note.startswith("crs3: ") for note in first.notes), "others are left out, and noted"


def test_what_no_endpoint_takes_is_told() -> None:
    design = Design(**redosed(events={"crs3": 0.6}))
    told = [line for line in without_effect(design, truths_of(design)) if "crs3" in line]
    assert told == ["truth.cart.redosing.events.crs3: no endpoint 'crs3' has each_infusion = true"]
    raw = redosed()
    raw["endpoints"]["crs3"]["each_infusion"] = True
    raw["endpoints"]["dfr"]["strategy"] = {"redosing": "composite"}
    design = Design(**copy.deepcopy(raw))
    assert not any("infused again" in line for line in without_effect(design, truths_of(design)))
    del raw["truth"]["cart"]["redosing"]
    design = Design(**raw)
    assert [line for line in without_effect(design, truths_of(design)) if "infused" in line] == [
        "endpoints.dfr.strategy.redosing, endpoints.crs3.each_infusion: nobody is infused again"
    ]


def test_what_is_true_of_it_is_compared_number_by_number() -> None:
    truths = [
        truths_of(Design(**redosed(events={"crs3": chance})))["expected"] for chance in (0.1, 0.6)
    ]
    one, other = map(numbers_of, truths)
    apart = {path for path in one if one[path] != other[path]}
    assert apart == {("cart", "events", "redosing", "crs3")}
    assert one["cart", "own", "redosing", "probability"] == 0.8
    assert differ_in_harm_only(one, other, set())
