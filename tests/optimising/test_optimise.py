"""The best of many designs: better than chance at the same cost, never better than possible."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.cli import main
from adaptive_cart.errors import DesignError, EngineError
from adaptive_cart.nouns.streams import fresh_seed
from adaptive_cart.optimising import confirming
from adaptive_cart.optimising.aims import Losses
from adaptive_cart.optimising.confirming import confirmed_on_trials
from adaptive_cart.optimising.evaluating import (
    Evaluation,
    OnCounts,
    why_error_simulated,
    why_simulated,
)
from adaptive_cart.optimising.found import Optimum
from adaptive_cart.optimising.freeing import Candidate, freed_of, made, space_of
from adaptive_cart.optimising.on_trials import OnTrials
from adaptive_cart.optimising.pictures import draw_front
from adaptive_cart.optimising.searching import Judged, search
from adaptive_cart.optimising.wanted import Wanted, wanted_of
from adaptive_cart.results.figure import Figure, proportion
from adaptive_cart.results.worst_case import Stated
from adaptive_cart.running.worst_case import worst_case
from adaptive_cart.sweeps.moving_looks import rising

EVEN = {"null": 0.5, "expected": 0.5}


def two_arms(**changes: Any) -> ac.Design:
    """Two arms, three looks, success and futility by the posterior probability of a difference."""
    asked = {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.0}
    return ac.Design(**{
        "name": "two arms", "arms": {"soc": {"control": True}, "cart": {}},
        "endpoints": {"dfr": {"type": "landmark", "month": 6.0}},
        "enrolment": {"max_n": 40, "per_month": 3.0}, "looks": {"observed": [16, 28, 40]},
        "rules": [
            {"name": "efficacy", "then": "declare_success", "posterior": asked, "at_least": 0.97},
            {"name": "futility", "then": "declare_futility", "posterior": asked, "below": 0.2,
             "looks": [1, 2]},
        ],
        "scenarios": {"null": {"role": "null", "dfr": {"soc": 0.2, "cart": 0.2}},
                      "expected": {"role": "alternative", "dfr": {"soc": 0.2, "cart": 0.6}}},
        **changes,
    })  # fmt: skip


def one_arm(**changes: Any) -> ac.Design:
    """One arm against a number, two looks."""
    asked = {"endpoint": "dfr", "arm": "cart", "above": 0.3}
    return ac.Design(**{
        "name": "one arm", "arms": {"cart": {}},
        "endpoints": {"dfr": {"type": "landmark", "month": 6.0}},
        "enrolment": {"max_n": 40, "per_month": 3.0}, "looks": {"observed": [20, 40]},
        "rules": [
            {"name": "efficacy", "then": "declare_success", "posterior": asked, "at_least": 0.975},
            {"name": "futility", "then": "declare_futility", "posterior": asked, "below": 0.5,
             "looks": [1]},
        ],
        "scenarios": {"null": {"role": "null", "dfr": {"cart": 0.3}},
                      "expected": {"role": "alternative", "dfr": {"cart": 0.55}}},
        **changes,
    })  # fmt: skip


def asked_of(design: ac.Design, **changes: Any) -> Wanted:
    """Few participants at an error of 0.05 and a power of 0.8."""
    told = {"aim": "analysed", "also": None, "prior": None, "weights": EVEN, "error": 0.05,
            "power": {"expected": 0.8}, "front": (), "losses": Losses(), **changes}  # fmt: skip
    wanted, problems = wanted_of(design, **told)
    assert wanted is not None, problems
    return wanted


FREE = {
    "rules.efficacy.at_least": (0.94, 0.999),
    "rules.futility.below": (0.01, 0.8),
    "enrolment.max_n": (24, 60),
}


# ── the search ────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("design", [two_arms(), one_arm()], ids=["two arms", "one arm"])
@pytest.mark.parametrize(
    "seeds", [(0,), pytest.param(range(1, 6), marks=pytest.mark.slow)], ids=["one", "more"]
)
def test_no_random_search_of_the_same_cost_is_better_and_no_design_is_below_the_bound(
    design: ac.Design, seeds: Iterable[int]
) -> None:
    space, problems = space_of(design, FREE, (2, 3))
    assert not problems
    wanted = asked_of(design)
    judge_ = OnCounts(design, wanted)
    known: dict[str, Judged] = {}

    def judge(candidate: Candidate) -> Judged:
        if candidate.digest not in known:
            known[candidate.digest] = Judged(candidate, judge_(candidate)[0])
        return known[candidate.digest]

    allowed = 40
    for seed in seeds:
        found = search(space, judge, wanted, allowed, seed)
        assert len({one.candidate.digest for one in found}) == len(found) <= allowed
        best = min(found, key=lambda one: one.order(wanted))
        rng, chance = np.random.default_rng(seed), {}
        while len(chance) < allowed:
            candidate = space.candidate(rng.random(space.dimensions))
            if candidate is not None:
                chance[candidate.digest] = judge(candidate)
        assert best.order(wanted) <= min(one.order(wanted) for one in chance.values())
        assert best.evaluation is not None
        assert best.evaluation.meets(wanted)
        any_ = judge_.any_design(best.candidate.design, wanted)
        assert not isinstance(any_, str)
        bound = any_.best().bound
        assert bound <= best.cost(wanted)
        assert bound > 0.6 * best.cost(wanted)
        assert best.order(wanted) <= Judged(Candidate({}, design), known[
            Candidate({}, design).digest].evaluation).order(wanted)  # fmt: skip


def test_where_few_designs_are_free_all_are_judged_and_the_best_of_all_is_found() -> None:
    design = two_arms()
    thresholds, sizes = [0.97, 0.98], [40, 44]
    found = ac.optimise(
        design,
        {"rules.efficacy.at_least": thresholds, "enrolment.max_n": sizes},
        weights=EVEN,
        error=0.05,
        power={"expected": 0.8},
    )
    assert len(found.rows) == 4
    by_hand = {}
    for size in sizes:
        looks = [round(size * at / 40 / 2 + 1e-9) * 2 for at in (16, 28)]
        for threshold in thresholds:
            changes = {"rules.efficacy.at_least": threshold, "enrolment.max_n": size,
                       "looks.observed": [*looks, size]}  # fmt: skip
            run = ac.simulate(design.replace(changes), engine="exact")
            worst = worst_case(design.replace(changes), points=21).worst.figure.estimate
            power = run.figure("expected", "success").estimate
            if worst <= 0.05 and power >= 0.8:
                means = [run.figure(name, "n_analysed_mean").estimate for name in EVEN]
                by_hand[threshold, size] = sum(means) / 2.0
    best = min(by_hand, key=lambda key: by_hand[key])
    assert found.best is not None
    assert found.best.settings["rules.efficacy.at_least"] == best[0]
    assert found.best.size == best[1]
    assert found.best.evaluation.average["analysed"].estimate == pytest.approx(by_hand[best])
    assert found.confirmed is not None
    assert found.confirmed.holds
    proof = found.confirmed.proof
    assert proof is not None
    assert proof.certificate is not None
    assert found.best.evaluation.error.estimate <= proof.certificate <= 0.05
    assert found.bound is not None
    assert found.bound <= by_hand[best]


@pytest.mark.slow
def test_the_front_holds_the_designs_that_no_other_beats_in_both() -> None:
    found = ac.optimise(
        two_arms(),
        {"rules.efficacy.at_least": (0.95, 0.99), "rules.futility.below": (0.05, 0.7)},
        weights=EVEN,
        error=0.05,
        power={"expected": 0.8},
        candidates=15,
    )
    held = [row for row in found.rows if row.evaluation.error.estimate <= 0.05]

    def both(row: Any) -> tuple[float, float]:
        return -row.evaluation.power(), row.evaluation.average["analysed"].estimate

    front = {row.digest for row in found.front}
    for row in held:
        a, b = both(row)
        beaten = any(
            c <= a and d <= b and (c, d) != (a, b) for c, d in (both(other) for other in held)
        )
        assert (row.digest in front) == (not beaten)
    for row in found.shown:
        assert row.least is not None
        assert row.least <= row.evaluation.average["analysed"].estimate + 1e-9
    # were one of them the design found, it has one mark below it: at the power that is wanted
    row = found.shown[0]
    assert row.least is not None
    best = replace(found, best=replace(row, least=row.least - 1.0))
    (marks,) = [line for line in draw_front(best).axes[0].lines
                if str(line.get_label()).startswith("Best of any design")]  # fmt: skip
    below = [float(y) for y in marks.get_ydata()]  # type: ignore[union-attr]
    assert sorted(below) == sorted(
        one.least - (one.digest == row.digest) for one in found.shown if one.least is not None
    )


# ── what a candidate has ──────────────────────────────────────────────────────────────────────
def test_aims_on_counts_are_those_of_their_words() -> None:
    design = two_arms()
    run = ac.simulate(design, engine="exact")
    losses = Losses(false_success=100.0, missed=30.0)
    values = {}
    for aim in ("exposed", "loss"):
        wanted = asked_of(
            design, aim=aim, weights={"null": 0.3, "expected": 0.7},
            losses=losses if aim == "loss" else Losses(),
        )  # fmt: skip
        values[aim] = OnCounts(design, wanted)(Candidate({}, design))[0].average[aim].estimate
    null, expected = (
        {m: run.figure(name, m).estimate for m in ("success", "n_analysed_mean")}
        for name in ("null", "expected")
    )
    assert values["exposed"] == pytest.approx(0.3 * null["n_analysed_mean"] / 2.0)
    assert values["loss"] == pytest.approx(
        0.3 * (null["n_analysed_mean"] + 100.0 * null["success"])
        + 0.7 * (expected["n_analysed_mean"] + 30.0 * (1.0 - expected["success"]))
    )


def test_a_design_prior_that_draws_is_integrated_over() -> None:
    draw = {"expected.dfr.cart": {"dist": "beta", "a": 12.0, "b": 8.0}}
    prior = {"honest": {"weights": EVEN, "draw": draw}}
    design = two_arms(design_prior=prior)
    wanted = asked_of(design, weights={})
    drawn = OnCounts(design, wanted)(Candidate({}, design))[0].average["analysed"].estimate
    from scipy import integrate, stats

    def mean(rate: float) -> float:
        moved = design.replace({"scenarios.expected.dfr.cart": rate})
        told = OnCounts(moved, asked_of(moved, weights={"expected": 1.0}))(Candidate({}, moved))
        return told[0].average["analysed"].estimate * float(stats.beta.pdf(rate, 12.0, 8.0))

    nodes, weights = np.polynomial.legendre.leggauss(16)
    rates = 0.5 + 0.5 * nodes
    by_quadrature = 0.5 * sum(w * mean(float(r)) for r, w in zip(rates, weights, strict=True))
    null = OnCounts(design, asked_of(design, weights={"null": 1.0}))(Candidate({}, design))
    assert integrate is not None
    expected = 0.5 * by_quadrature + 0.5 * null[0].average["analysed"].estimate
    assert drawn == pytest.approx(expected, rel=1e-6)


def test_thresholds_that_are_calibrated_are_so_for_every_candidate() -> None:
    rules = [dict(rule) for rule in two_arms().plain()["rules"]]
    rules[0]["at_least"] = "calibrate"
    design = two_arms(rules=rules, calibration={"type_one_error": 0.05})
    found = ac.optimise(
        design, {"enrolment.max_n": [36, 40]}, weights=EVEN, power={"expected": 0.5}
    )
    assert [row.evaluation.error.estimate <= 0.05 for row in found.rows] == [True, True]
    told = [row.evaluation.thresholds["efficacy"] for row in found.rows]
    assert told[0] != told[1]
    assert found.found is not None
    assert found.found.rules[0].at_least in told


def test_looks_and_sizes_are_whole_blocks_and_rules_go_with_the_number_of_looks() -> None:
    design = two_arms()
    moved = made(design, {"enrolment.max_n": 55}, [0.01, 0.02, 0.5, 1.0]).design
    assert moved.enrolment.max_n == 56
    assert [int(at) for at in moved.looks.at] == [2, 4, 28, 56]
    assert moved.judged_at(moved.rules[1]) == (1, 2, 3)
    assert made(design, {}).design == design
    assert rising([0, 0, 5], 5) == [1, 2, 5]
    assert rising([5, 5, 5], 5) == [3, 4, 5]
    assert rising([1, 1, 1], 2) == [1, 2]
    # a size that is listed is no whole number of blocks, and the words say what becomes of it
    space, _ = space_of(
        design, {"enrolment.max_n": [39, 55], "rules.efficacy.at_least": [0.9]}, None
    )
    size, threshold = (freed.words() for freed in space.freed)
    assert size == "enrolment.max_n of 39, 55, to the nearest whole allocation block"
    assert threshold == "rules.efficacy.at_least of 0.9"
    wider = made(design, {"arms.cart.allocation": 2}).design
    assert wider.enrolment.max_n % 3 == 0
    assert all(int(at) % 3 == 0 for at in wider.looks.at)


@pytest.mark.slow
def test_looks_by_months_and_before_a_final_one_can_be_free() -> None:
    by_months = two_arms(looks={"months": [12.0, 18.0, 25.5]})
    moved = made(by_months, {}, [0.1, 0.5, 1.0]).design  # of 26 months, to the nearest
    assert list(moved.looks.at) == [3.0, 13.0, 25.5]
    fewer = made(by_months, {}, [0.999, 1.0]).design  # earlier than the last one
    assert list(fewer.looks.at) == [25.0, 25.5]
    assert fewer.judged_at(fewer.rules[1]) == (1,)
    with_final = two_arms(looks={"observed": [16, 28], "final": "all_observed"})
    moved = made(with_final, {"enrolment.max_n": 60}, [0.25, 0.5, 0.75, 1.0]).design
    assert list(moved.looks.at) == [16, 30, 46]
    assert moved.looks.number == 4
    assert moved.judged_at(moved.rules[1]) == (1, 2, 3)
    for design in (by_months, with_final):
        space, problems = space_of(design, {}, (2, 4))
        assert not problems
        at = space.written()
        assert at is not None
        found = space.candidate(at)
        assert found is not None
        assert len(found.design.looks.at) == len(design.looks.at)
    # a search over them: the design found has looks that none of the others could have without it
    found_ = ac.optimise(
        by_months, looks=(2, 3), minimise="months", weights=EVEN, error=0.5,
        power={"expected": 0.1}, candidates=5, trials=30, fresh=40, jobs=1, engine="simulate",
    )  # fmt: skip
    assert {row.looks[-1] for row in found_.rows} == {25.5}
    assert len({row.looks for row in found_.rows}) > 1
    _, (problem, *_) = space_of(
        two_arms(looks={"observed": [16, 40], "months": [9.0, 20.0], "whichever": "later"}), {},
        (2, 3),
    )  # fmt: skip
    assert "looks by observed and months stay as they are" in str(problem)


@pytest.fixture(scope="module")
def simulated() -> Optimum:
    """A search of which everything is simulated."""
    return ac.optimise(
        two_arms(), {"rules.efficacy.at_least": [0.975, 0.985]}, minimise="months", weights=EVEN,
        error=0.1, power={"expected": 0.6}, trials=100, fresh=2_000, jobs=1, also="participants",
        engine="simulate",
    )  # fmt: skip


def test_a_simulated_search_is_judged_afresh_on_other_trials(simulated: Optimum) -> None:
    found = simulated
    assert len(found.rows) == 2
    assert found.best is not None
    assert found.confirmed is not None
    assert found.bound is None
    searched, fresh = found.best.evaluation, found.confirmed.evaluation
    assert fresh.success["expected"].n == 2_000
    # no simulated number without its error, in the text and in the table
    told = found.best.evaluation.average["months"]
    assert f"{told.estimate:.2f} ±{1.96 * told.mcse:.2f}" in found.text()
    (_, first, *_) = csv.DictReader(found.table().splitlines())
    row = found.rows[0].evaluation
    assert float(first["success_expected_mcse"]) == row.success["expected"].mcse > 0.0
    assert float(first["error_mcse"]) == row.error.mcse > 0.0
    for aim in ("months", "participants"):
        gap = abs(searched.average[aim].estimate - fresh.average[aim].estimate)
        assert gap < 4.0 * math.hypot(searched.average[aim].mcse, fresh.average[aim].mcse)
    assert fresh.error.n == 2_000


def test_a_null_region_over_more_than_rates_is_not_enumerated_without_it() -> None:
    plain = two_arms().plain()
    plain["scenarios"]["null"]["enrolment"] = {"per_month": 3.0}
    region = {"soc": [0.1, 0.3], "null.enrolment.per_month": [2.0, 6.0]}
    plain["calibration"] = {"type_one_error": 0.05, "null_region": region}
    design = ac.Design(**plain)
    why = why_simulated(design, asked_of(design))
    assert why == "the null region runs over null.enrolment.per_month from 2 to 6"
    assert why_error_simulated(design) == why
    with pytest.raises(EngineError, match="candidates cannot be enumerated: the null region runs"):
        ac.optimise(design, {"rules.efficacy.at_least": [0.95, 0.97]}, weights=EVEN, engine="exact")


def test_why_the_design_as_written_cannot_be_judged_is_told() -> None:
    told: dict[str, Any] = {"weights": EVEN, "error": 0.05, "power": {"expected": 0.5}, "jobs": 1}
    free = {"rules.efficacy.at_least": [0.95, 0.97]}
    with pytest.raises(DesignError, match="--trials: found 0"):
        ac.optimise(two_arms(), free, trials=0, engine="simulate", **told)


def test_a_design_is_taken_by_bounds_and_told_by_trials_that_chose_nothing(
    simulated: Optimum,
) -> None:
    """Clopper and Pearson by what they are: so few events would be as improbable as is said."""
    confirmed, best = simulated.confirmed, simulated.best
    assert confirmed is not None
    assert best is not None
    shown = confirmed.shown
    assert shown is not None
    assert shown.error is not None
    assert shown.confidence == pytest.approx(0.995)  # 5% over ten designs
    # one bound of ten holds with 95%, and not the error's and the power's together
    assert "so that with 95% none of 10 is taken that lacks what is wanted" in simulated.text()
    told = replace(simulated, confirmed=replace(confirmed, calibrated=True, passed_over=1)).text()
    assert "thresholds were calibrated anew, on trials of their own" in told
    assert "one design judged before this one did not hold there" in told
    fixed = two_arms().replace(best.settings)
    seed = fresh_seed(two_arms().simulation.seed, "optimise")
    run = ac.simulate(fixed, trials=2_000, seed=seed, scenarios=["expected"], engine="simulate")
    events = round(run.figure("expected", "success").estimate * 2_000)
    more = stats.binom.sf(events - 1, 2_000, shown.power["expected"])
    assert float(more) == pytest.approx(0.005, rel=1e-6)
    assert confirmed.holds == (shown.error <= 0.1 and shown.power["expected"] >= 0.6)
    others = ac.simulate(
        fixed,
        trials=2_000,
        seed=fresh_seed(seed, "optimise"),
        scenarios=["expected"],
        engine="simulate",
    ).figure("expected", "success")
    assert confirmed.evaluation.success["expected"] == others != run.figure("expected", "success")


@dataclass
class Coin:
    """Candidates whose trials are coins: each succeeds with the power of its truth."""

    power: float
    trials: int
    seed: int
    jobs: int = 1
    error_enumerated: bool = False
    at: Any = None

    def hardest(self, design: ac.Design, many: int) -> list[str]:
        return []

    def __call__(self, candidate: Candidate) -> tuple[Evaluation, ac.Design]:
        rng = np.random.default_rng([self.seed % 2**32, int(candidate.settings["number"])])
        events = int(rng.binomial(self.trials, self.power))
        figure, wrong = proportion(events, self.trials), proportion(0, self.trials)
        size = Figure(float(candidate.settings["number"]), 0.1, 0.0, 0.0, self.trials)
        return Evaluation({"months": size}, {"expected": figure}, wrong, ""), candidate.design


def test_designs_that_lack_what_is_wanted_are_taken_in_one_search_of_twenty_at_most() -> None:
    design = two_arms()
    wanted = asked_of(design, aim="months")
    taken, shown_often = 0, 0
    for seed in range(150):
        for power, count in ((0.7999, True), (0.83, False)):
            judge: Any = Coin(power, 2_000, seed)
            candidates = [Candidate({"number": k}, design) for k in range(12)]
            held = [Judged(one, Coin(0.81, 2_000, seed + 999)(one)[0]) for one in candidates]
            held = [one for one in held if one.evaluation and one.evaluation.meets(wanted)]
            _, confirmed, _ = confirmed_on_trials(held, wanted, judge, 2_000, lambda *_: None)
            taken += confirmed.holds and count
            shown_often += confirmed.holds and not count
    assert taken <= 150 * 0.05 + 3.0 * math.sqrt(150 * 0.05 * 0.95)
    assert shown_often > 0.95 * 150


@pytest.mark.parametrize("bound", [0.08, 0.12])
def test_a_design_is_confirmed_if_the_bound_of_its_error_is_small_enough(
    bound: float, simulated: Optimum, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert simulated.confirmed is not None
    assert simulated.confirmed.holds
    assert "in the null points alone" in simulated.text()
    stated = Stated(bound, 0.95, 0.07, "soc 0.3000", 100, 400, 1, 20, 0)
    told = SimpleNamespace(stated=stated)
    monkeypatch.setattr(confirming, "worst_case", lambda *asked, **more: told)
    judge = OnTrials(two_arms(), simulated.wanted, 400, 1, 1, lambda *_: None)
    one: Any = None
    _, found, _ = confirming.bounded(
        (one, simulated.confirmed, two_arms()), simulated.wanted, judge, judge.progress, print
    )
    assert found.holds == (bound <= simulated.wanted.error)
    text = replace(simulated, confirmed=found).text()
    assert f"worst case: with 95% confidence the error exceeds {bound:.6f} nowhere" in text
    assert ("not confirmed" in text) != found.holds


@pytest.mark.slow
def test_a_simulated_error_is_bounded_before_a_design_is_confirmed(tmp_path: Path) -> None:
    """Enumerated, the largest error is known: the bound lies above it."""
    found = ac.optimise(
        two_arms(), {"rules.efficacy.at_least": [0.95]}, minimise="months", weights=EVEN,
        error=0.3, trials=2_000, fresh=4_000, engine="simulate", certify=True, out=tmp_path,
    )  # fmt: skip
    assert found.confirmed is not None
    assert found.confirmed.holds
    assert found.confirmed.bounded is not None
    design = two_arms().replace({"rules.efficacy.at_least": 0.95})
    largest = worst_case(design, points=101).worst.figure.estimate
    assert largest < found.confirmed.bounded.bound < 1.5 * largest


def test_an_error_that_can_be_enumerated_is_so_beside_simulated_months() -> None:
    asked = two_arms(adjusted_estimates={"skeptical": {"effect": 0.25}})  # where it is enumerated
    found = ac.optimise(
        asked, {"rules.efficacy.at_least": [0.985]}, minimise="months", weights=EVEN,
        error=0.1, power={"expected": 0.6}, trials=50, fresh=400, jobs=1,
    )  # fmt: skip
    assert found.best is not None
    assert found.confirmed is not None
    proof = found.confirmed.proof
    assert proof is not None
    assert proof.certificate is not None
    design = two_arms().replace(found.best.settings)
    worst = worst_case(design, points=101)
    assert worst.certificate is not None
    assert proof.certificate == worst.certificate.bound
    assert found.best.evaluation.error.n is None
    assert found.best.evaluation.error.estimate == pytest.approx(worst.worst.figure.estimate)
    assert f"certificate: the error exceeds {proof.certificate:.6f} nowhere" in found.text()


def test_drawn_truths_are_averaged_over_in_simulated_trials_as_they_are_integrated() -> None:
    draw = {"expected.dfr.cart": {"dist": "beta", "a": 12.0, "b": 8.0}}
    design = two_arms(design_prior={"honest": {"weights": EVEN, "draw": draw}})
    losses = Losses(false_success=90.0, missed=30.0)
    wanted = asked_of(design, aim="loss", also="analysed", weights={}, losses=losses)
    whole = OnCounts(design, wanted)(Candidate({}, design))[0].average
    judge = OnTrials(design, wanted, 400, 5, 1, lambda *_: None, True)
    told = judge(Candidate({}, design))[0].average
    for aim, figure in told.items():
        assert abs(figure.estimate - whole[aim].estimate) < 4.0 * figure.mcse
    # trial by trial: the truth of each is the quantile of its own uniform, and its loss by hand
    (one,) = (one for one in wanted.mixture.weighed(design) if one.scenario == "expected")
    columns, true = judge._drawn(design, one)
    assert true.all()  # a rate above that of the control, all but surely
    assert 0.0 < (columns["reason"] == "success").mean() < 1.0


# ── what cannot be ────────────────────────────────────────────────────────────────────────────
def test_constraints_that_cannot_be_met_together_are_told_with_why() -> None:
    found = ac.optimise(
        two_arms(), {"rules.efficacy.at_least": [0.9, 0.95, 0.98]}, weights=EVEN, error=0.01,
        power={"expected": 0.95},
    )  # fmt: skip
    assert found.best is None
    assert found.found is None
    told = found.text()
    assert "no design that was judged holds what is wanted" in told
    assert "power 0.95 in expected: the most that was found" in told or "the least that was" in told
    assert "no test of 40 participants" in told


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(DesignError) as caught:
        ac.optimise(
            two_arms(),
            {"rules.eficacy.at_least": (0.9, 0.99), "enrolment.max_n": (60, 40),
             "rules.futility.below": [], "scenarios.null.dfr.soc": (0.1, 0.2),
             "looks.observed[0]": [10, 12]},
            looks=(1, 3), minimise="participant", weights={"null": 0.5, "hoped": 0.6},
            error=1.0, power={"null": 0.8, "expected": 1.0, "nobody": 0.5}, front=[0.0],
            candidates=1,
        )  # fmt: skip
    told = "\n".join(map(str, caught.value.problems))
    for words in (
        "no rule 'eficacy'", "a range without values", "rules.futility.below: has no values",
        "is nobody's to choose", "--looks frees them", "--looks 2:", "did you mean",
        "no scenario 'hoped'", "the weights sum to 1.1", "--error: found 1", "has the role null",
        "expected: found 1; a power", "no scenario 'nobody'", "--front: found 0",
        "--candidates: found 1",
    ):  # fmt: skip
        assert words in told, (words, told)


@pytest.mark.parametrize(
    "free", [{"enrolment.max_n": [40, 80]}, {"rules.efficacy.at_least": (0.9, 0.99)}]
)
def test_where_nothing_that_is_free_is_a_design_that_is_told(
    free: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from adaptive_cart.optimising.freeing import Space

    def refuse(self: Space, at: Any) -> None:
        self.refused["rules: not so"] = self.refused.get("rules: not so", 0) + 1

    monkeypatch.setattr(Space, "candidate", refuse)
    monkeypatch.setattr(Space, "written", lambda self: None)
    with pytest.raises(DesignError, match=r"--free: no combination of .* times: rules: not so"):
        ac.optimise(two_arms(), free, error=0.05, weights=EVEN, candidates=10)


def test_what_is_missing_is_asked_for() -> None:
    with pytest.raises(DesignError) as caught:
        ac.optimise(two_arms())
    told = "\n".join(map(str, caught.value.problems))
    for words in ("--weight SCENARIO=0.5", "--error 0.025", "nothing is free"):
        assert words in told
    with pytest.raises(EngineError, match="calendar"):
        ac.optimise(
            two_arms(), {"enrolment.max_n": [40]}, minimise="months", weights=EVEN, error=0.1,
            engine="exact",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "values"),
    [
        ("a.b=0.1:0.3", (0.1, 0.3)),
        ("a.b=3:5", (3, 5)),
        ("a.b=3:9:3", [3, 6, 9]),
        ("a.b=1,2", [1, 2]),
    ],
)
def test_what_is_typed(typed: str, values: Any) -> None:
    assert freed_of([typed]) == {"a.b": values}


# ── the command ───────────────────────────────────────────────────────────────────────────────
def test_the_command_goes_on_writes_the_design_found_and_nothing_over_what_is_not_its_own(
    tmp_path: Path,
) -> None:
    file, out = tmp_path / "design.toml", tmp_path / "out"
    file.write_text(two_arms().as_toml(), encoding="utf-8")
    words = ["optimise", str(file), "--free", "rules.efficacy.at_least=0.95:0.99",
             "--looks", "2:3", "--weight", "null=0.5", "--weight", "expected=0.5",
             "--error", "0.05", "--power", "expected=0.75", "--candidates", "8",
             "--format", "png", "--out"]  # fmt: skip
    done = CliRunner().invoke(main, [*words, str(out)])
    assert done.exit_code == 0, done.output
    log = json.loads((out / "optimum.json").read_text("utf-8"))
    found = ac.load_design(out / "optimum.toml")
    run = ac.simulate(found, engine="exact")
    mean = sum(run.figure(name, "n_analysed_mean").estimate for name in EVEN) / 2.0
    assert log["value"] == pytest.approx(mean)
    assert log["any_design"] <= mean
    assert run.figure("expected", "success").estimate >= 0.75
    assert f"this design {mean:.2f} participants analysed; best that any design" in done.output
    with (out / "candidates.csv").open(encoding="utf-8") as rows:
        table = list(csv.DictReader(rows))
    assert len(table) == 1 + log["candidates"] <= 9
    assert (out / "front.png").is_file()
    again = CliRunner().invoke(main, [*words, str(out)])
    assert f"{log['candidates']} of the designs were judged before" in again.output
    assert json.loads((out / "optimum.json").read_text("utf-8")) == log
    other = CliRunner().invoke(main, [*words[:-1], "--minimise", "exposed", "--out", str(out)])
    assert other.exit_code == 0, other.output
    assert "participants exposed to a failing product" in other.output
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "optimum.toml").write_text("mine", encoding="utf-8")
    refused = CliRunner().invoke(main, [*words, str(mine)])
    assert refused.exit_code == 2
    assert (mine / "optimum.toml").read_text("utf-8") == "mine"
    assert not (mine / "evaluations.json").exists()
