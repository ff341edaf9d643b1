"""Trials weighed for truths at which they were not simulated, against slow twins."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.revealed import EndingsAndOutcomes, run_revealing
from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.nouns.calendar import until
from adaptive_cart.participants.population import latents_for
from adaptive_cart.running.exact_error import ExactError
from adaptive_cart.running.simulated_error import endings
from adaptive_cart.running.weighed import Pieces, Shown, Weighed, bound
from checks import assert_close_in_mcse, tiny_design

TRUTHS = np.array([[0.2, 0.3], [0.4, 0.3], [0.3, 0.6]])
N, TRIALS = 7, 30


def shown() -> Shown:
    """Every table that seven participants in two arms can show, with numbers of no meaning."""
    rows = [
        (x, y, n - x, N - n - y)
        for n in range(N + 1)
        for x in range(n + 1)
        for y in range(N - n + 1)
    ]
    seen = np.array(rows)
    kinds = np.stack([seen[:, 1] > seen[:, 0], seen[:, 0] > 3], axis=1)
    number = np.arange(len(seen)) % 3 + 1
    return Shown.of(kinds, seen, number)


def weighed() -> Weighed:
    return Weighed(TRUTHS, shown(), 3 * TRIALS, N)


def likelihood(record: Any, rates: Any) -> float:
    """Of one record, participant by participant."""
    cells, found = len(rates), 1.0
    for cell, rate in enumerate(rates):
        for _ in range(int(record[cell])):
            found *= rate
        for _ in range(int(record[cells + cell])):
            found *= 1.0 - rate
    return found


def weight(record: Any, rates: Any) -> float:
    """Z of one trial in which the event happened."""
    mean = sum(likelihood(record, truth) for truth in TRUTHS) / len(TRUTHS)
    return likelihood(record, rates) / mean


def slow_means(rates: Any, kinds: tuple[int, ...]) -> tuple[float, float]:
    """Means of Z and of its square over all trials, one record after the other."""
    total, squares, one = 0.0, 0.0, shown()
    for happened, record, number in zip(one.kinds, one.seen, one.number, strict=True):
        if any(happened[kind] for kind in kinds):
            z = weight(record, rates)
            total += number * z
            squares += number * z * z
    return total / (3 * TRIALS), squares / (3 * TRIALS)


def box_pieces(low: Any, high: Any) -> Pieces:
    """A box of two rates as one piece."""
    low, high = np.array(low), np.array(high)
    half = (high - low) / 2.0
    moves = np.array([*itertools.product((-1.0, 1.0), repeat=len(low))]) * half
    return Pieces(((low + high) / 2.0)[None], low[None], high[None], moves[None], 0.0 * half[None])


@pytest.mark.parametrize("kinds", [(0,), (1,), (0, 1)])
def test_means_are_those_of_every_trial_by_itself(kinds: tuple[int, ...]) -> None:
    draw = np.random.default_rng(1)
    rates = np.concatenate([draw.random((5, 2)), TRUTHS])
    mean, square = weighed().means(Pieces.points(rates), kinds)
    for row, one, two in zip(rates, mean, square, strict=True):
        assert (one, two) == pytest.approx(slow_means(row, kinds), rel=1e-10)


def test_alike_trials_are_put_together_and_those_that_count_for_nothing_left_out() -> None:
    one = shown()
    again = Shown.together([one, one])
    assert len(again.seen) == len(one.seen)
    assert (again.number == 2 * one.number).all()
    assert one.kinds.any(axis=1).all()
    assert one.counting([0]) == one.number[one.kinds[:, 0]].sum()


def test_no_truth_of_a_piece_has_larger_means_or_weights_than_the_piece() -> None:
    """In straight pieces; also where a rate reaches 0 or 1."""
    draw, one = np.random.default_rng(2), weighed()
    for number in range(16):
        low = draw.uniform(0.0, 0.8, 2) * (number % 4 > 0)
        high = np.minimum(low + draw.uniform(0.01, 0.3, 2), 1.0)
        piece = box_pieces(low, high)
        mean, square = (float(found[0]) for found in one.means(piece, (0, 1)))
        most = float(one.most(piece)[0])
        for rates in [*draw.uniform(low, high, (6, 2)), low, high]:
            here, squared = slow_means(rates, (0, 1))
            assert here <= mean * (1.0 + 1e-9)
            assert squared <= square * (1.0 + 1e-9)
            largest = max(weight(record, rates) for record in one.shown.seen)
            assert largest <= most * (1.0 + 1e-9)


def test_means_of_a_small_piece_are_hardly_more_than_those_at_its_middle() -> None:
    middle, half = np.array([0.35, 0.4]), 0.005
    piece = box_pieces(middle - half, middle + half)
    mean, _ = weighed().means(piece, (0,))
    at_corners = [
        slow_means(middle + half * np.array(signs), (0,))[0]
        for signs in itertools.product((-1.0, 1.0), repeat=2)
    ]
    assert mean[0] <= max(at_corners) * 1.002


def test_no_trial_weighs_more_than_is_said_and_one_nearly_so_much() -> None:
    """Fewer participants than the most are allowed for: any table that so many can show."""
    one = weighed()
    for rates in ([0.3, 0.4], [0.2, 0.3], [0.25, 0.5]):
        most = float(one.most(Pieces.points(np.array([rates])))[0])
        tables = [table for table in itertools.product(range(N + 1), repeat=4) if sum(table) <= N]
        largest = max(weight(table, rates) for table in tables)
        assert largest <= most * (1.0 + 1e-9)
        assert most <= 2.0 * largest


def test_what_is_off_a_straight_line_is_allowed_for() -> None:
    """One number that spans the piece; one rate follows it in a bow."""
    one, at = weighed(), np.linspace(-1.0, 1.0, 21)
    first, second = 0.3 + 0.1 * at, 0.4 + 0.1 * at - 0.02 * at**2
    middle = np.array([[0.3, 0.39]])  # of a bow that is 0.02 deep, the middle of what it can be
    moves = np.array([[[-0.1, -0.1], [0.1, 0.1]]])
    rates = np.stack([first, second], axis=1)
    piece = Pieces(
        middle, rates.min(axis=0)[None], rates.max(axis=0)[None], moves, np.array([[0.0, 0.01]])
    )
    mean, square = one.means(piece, (0,))
    for row in rates:
        here, squared = slow_means(row, (0,))
        assert here <= float(mean[0])
        assert squared <= float(square[0])
    straight, _ = one.means(replace(piece, off=0.0 * piece.off), (0,))
    assert straight[0] < mean[0]


# ── the confidence ────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("chance", [0.001, 0.02, 0.07, 0.4])
@pytest.mark.parametrize("size", [1.0, 6.0])
def test_a_bound_of_a_mean_holds_as_often_as_it_says(chance: float, size: float) -> None:
    """Of numbers that are 0 or a constant, by the binomial distribution itself."""
    trials = 2_000
    events = np.arange(trials + 1)
    upper = bound(
        size * events / trials,
        size**2 * events / trials**2,
        np.full(len(events), size / trials),
    )
    missed = float(stats.binom.pmf(events, trials, chance)[upper < min(size * chance, 1.0)].sum())
    assert missed <= 0.05


def test_the_bound_is_what_its_two_inequalities_give() -> None:
    mean, square, most, trials = 0.07, 0.1, 4.0, 500
    squares = (
        math.sqrt(square + most**2 * math.log(1 / 0.005) / (2 * trials))
        + most * math.sqrt(math.log(1 / 0.005) / (2 * trials))
    ) ** 2
    by_hand = mean + math.sqrt(2 * math.log(1 / 0.045) * squares / trials)
    found = bound(*(np.array([one]) for one in (mean, square / trials, most / trials)))
    assert found[0] == pytest.approx(by_hand, rel=1e-12)
    assert bound(np.array([0.1]), np.array([0.1]), np.array([np.inf]))[0] == 1.0


# ── what was shown ────────────────────────────────────────────────────────────────────────────
def _dropping() -> dict[str, Any]:
    arms = {"soc": {"control": True}, "cart": {}, "more": {}}
    rates = {"null": {"dfr": {"soc": 0.3, "cart": 0.3, "more": 0.3}}}
    raw = tiny_design(arms=arms, scenarios=rates)
    raw["enrolment"] = {"max_n": 36, "per_month": 3}
    raw["looks"] = {"observed": [12, 24, 36]}
    asked = {"endpoint": "dfr", "arm": "each", "minus": "soc", "above": 0.0}
    raw["rules"] = [
        {"name": "efficacy", "then": "declare_success", "posterior": asked, "at_least": 0.95},
        {"name": "drop", "then": "drop_arm", "posterior": asked, "below": 0.3},
    ]
    return raw


def _of_events() -> dict[str, Any]:
    """Claims fewer adverse events after an infusion that some never have."""
    raw = tiny_design(endpoints={"sae": {"type": "adverse_event", "within_months": 1.0}})
    raw["arms"] = {
        "soc": {"control": True, "product": "standard_of_care"},
        "cart": {"product": "autologous"},
    }
    raw["truth"] = {
        "cart": {"infusion": {"failure": 0.4, "delay": {"dist": "fixed", "value": 1.0}}}
    }
    raw["looks"] = {"months": [6, 12]}
    asked = {"endpoint": "sae", "arm": "cart", "minus": "soc", "below": 0.0}
    raw["rules"] = [raw["rules"][0] | {"posterior": asked, "at_least": 0.9}]
    raw["scenarios"] = {"null": {"role": "null", "sae": {"soc": 0.3, "cart": 0.3}}}
    return raw


DESIGNS: dict[str, dict[str, Any]] = {
    "two looks": tiny_design(),
    "strata": tiny_design(strata={"a": 0.4, "b": 0.6}),
    "arms that are dropped": _dropping(),
    "dropout that counts": tiny_design(truth={"dropout": {"per_year": 0.6}}),
    "dropout left out": tiny_design(
        endpoints={"dfr": {"type": "landmark", "month": 4, "missing": "exclude"}},
        truth={"dropout": {"per_year": 0.6}},
    ),
    "dropout imputed": tiny_design(
        endpoints={"dfr": {"type": "landmark", "month": 4, "missing": "impute"}},
        truth={"dropout": {"per_year": 0.6}},
    ),
    "visits that are missed": tiny_design(
        follow_up={"visit_every": 1.0, "window": 1.0, "missed": 0.2, "reporting_delay": 0.5}
    ),
    "adverse events of the infused": _of_events(),
}


@pytest.mark.parametrize("name", DESIGNS)
def test_trials_of_one_truth_tell_how_others_end(name: str) -> None:
    """Weights are 1 on average, and the weighed successes those simulated at the other truth."""
    design, trials = Design(**DESIGNS[name]), 6_000
    base = design.truths["null"]
    arms, strata = len(base.arms), len(base.strata)
    here = np.full((arms, strata), 0.3)
    there = 0.3 + 0.06 * np.arange(arms * strata).reshape(arms, strata) / (arms * strata)
    there[0] -= 0.05

    def at(rates: Any) -> Any:
        return base.with_direct(design.primary, tuple(tuple(map(float, row)) for row in rates))

    latents = latents_for(design, 5, 0, trials)
    ended, ones, others = run_revealing(Plan.of(design), at(here), latents, design.primary)
    weights = np.exp(
        (ones * np.log(there / here) + others * np.log((1 - there) / (1 - here))).sum(axis=(1, 2))
    )
    off = float(weights.std()) / math.sqrt(trials)
    assert_close_in_mcse(float(weights.mean()), 1.0, off)
    success = (ended.reason == SUCCESS).astype(float) * weights
    direct = endings(design, at(there), SUCCESS, 4 * trials, 6) / (4 * trials)
    off = math.hypot(float(success.std()) / trials**0.5, (direct / (4 * trials)) ** 0.5)
    assert_close_in_mcse(float(success.mean()), direct, off)


def test_what_a_trial_was_shown_is_counted_participant_by_participant() -> None:
    """Of a design in which outcomes take a month to be told, and some drop out."""
    raw = tiny_design(truth={"dropout": {"per_year": 0.6}})
    raw["follow_up"] = {"reporting_delay": 1.0}
    design = Design(**raw)
    latents = latents_for(design, 7, 0, 200)
    conduct = EndingsAndOutcomes(Plan.of(design), design.truths["null"], latents, "dfr")
    conduct.hold_all()
    people = conduct.population
    assert people.dropout is not None
    dates = {int(look): record.date for look, record in enumerate(conduct.records, start=1)}
    for trial in range(200):
        last = max(look for look in dates if conduct.records[look - 1].held[trial])
        date = dates[last][trial]
        counted = np.zeros((2, 2), dtype=int)  # by arm: who respond, who do not
        for j in range(people.participants):
            if people.arrival[trial, j] + 4.0 > until(date - 1.0):
                continue
            if people.dropout[trial, j] < 4.0:
                continue
            counted[people.arm[trial, j], int(not people.outcomes["dfr"][trial, j])] += 1
        assert (conduct.ones[trial, :, 0] == counted[:, 0]).all()
        assert (conduct.others[trial, :, 0] == counted[:, 1]).all()


def test_weighed_trials_of_a_few_truths_estimate_the_enumerated_error() -> None:
    design, trials = Design(**tiny_design()), 4_000
    base, truths = design.truths["null"], np.array([[0.2, 0.2], [0.35, 0.35], [0.5, 0.45]])
    parts = []
    for place, (soc, cart) in enumerate(truths):
        latents = latents_for(design, 9, place * trials, trials)
        truth = base.with_direct("dfr", ((float(soc),), (float(cart),)))
        ended, ones, others = run_revealing(Plan.of(design), truth, latents, "dfr")
        seen = np.concatenate([ones[:, :, 0], others[:, :, 0]], axis=1)
        success = (ended.reason == SUCCESS)[:, None]
        parts.append(Shown.of(success, seen, np.ones(trials, dtype=np.int64)))
    one = Weighed(truths, Shown.together(parts), 3 * trials, 24)
    rates = np.array([[0.3, 0.3], [0.42, 0.4], [0.25, 0.3]])
    upper, mean = one.upper(Pieces.points(rates), [0])
    _, square = one.means(Pieces.points(rates), [0])
    known = ExactError(design, set(), (0.0, 1.0)).success_at(rates)
    for found, true, squared, above in zip(mean, known, square, upper, strict=True):
        assert_close_in_mcse(float(found), float(true), math.sqrt(float(squared) / (3 * trials)))
        assert true < above < 1.5 * true


def test_nobody_responds_where_the_rate_is_0() -> None:
    """So that trials in which somebody did weigh nothing there, and others what they should."""
    truths, rates = np.array([[0.2, 0.3], [0.0, 1.0]]), np.array([0.0, 0.7])
    found, _ = Weighed(truths, shown(), 60, N).means(Pieces.points(rates[None]), (0,))
    by_hand = 0.0
    for happened, record, number in zip(shown().kinds, shown().seen, shown().number, strict=True):
        if happened[0] and record[0] == 0:
            mean = (likelihood(record, truths[0]) + likelihood(record, truths[1])) / 2.0
            by_hand += number * likelihood(record, rates) / mean / 60
    assert found[0] == pytest.approx(by_hand, rel=1e-9)
