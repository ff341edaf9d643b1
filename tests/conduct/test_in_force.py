"""Which threshold and which shares are in force, worked out anew from the words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import Block, run_block
from adaptive_cart.decisions import REASONS
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.participants.population import latents_for
from checks import raw_design
from conduct.test_fast_equals_adaptive_twin import compare
from twin import posterior

UNIFORM: posterior.Mixture = ((1.0, 1.0, 1.0),)
SUCCESS, SAFETY = REASONS.index("success"), REASONS.index("safety")


def conducted(raw: dict[str, Any], scenario: str, trials: int) -> Block:
    design = Design(**raw)
    plan = Plan.of(design)
    targets = (0.1,) * len(plan.estimands)
    latents = latents_for(design, 3, 0, trials)
    return run_block(plan, truths_of(design)[scenario], targets, latents, keep_population=True)


# ── a success that is judged again ────────────────────────────────────────────────────────────
THRESHOLDS = [0.99, 0.90, 0.60]


def everybody_in(block: Block, trial: int) -> float:
    """P(cart − soc > 0) from all who were randomised in a trial of the smallest design."""
    population = block.population
    assert population is not None
    number = int(block.randomised[trial].sum())
    arm = population.arm[trial, :number]
    response = np.asarray(population.outcomes["dfr"])[trial, :number].astype(bool)
    soc, cart = (
        posterior.updated(UNIFORM, int(response[arm == a].sum()), int((arm == a).sum()))
        for a in (0, 1)
    )
    return posterior.probability_difference_above(cart, soc, 0.0)


def test_a_success_is_judged_again_at_the_threshold_of_its_own_look() -> None:
    raw = raw_design("hello")
    raw["rules"] = [raw["rules"][0] | {"at_least": THRESHOLDS}]
    raw["scenarios"] = {"weak": {"dfr": {"soc": 0.2, "cart": 0.3}}}
    block = conducted(raw, "weak", 200)
    told_apart = dict.fromkeys((1, 2, 3), 0)
    for trial in np.flatnonzero(block.standing.reason == SUCCESS):
        look = int(block.look[trial])
        again = everybody_in(block, trial)
        reversed_at = [again < threshold for threshold in THRESHOLDS]
        assert block.reversal[trial] == reversed_at[look - 1]
        for other in {1, 2, 3} - {look}:
            told_apart[other] += reversed_at[other - 1] != reversed_at[look - 1]
    # judged at any one look's threshold, some of the successes would have come out otherwise
    assert min(told_apart.values()) >= 3


def test_a_success_between_looks_is_judged_again_at_the_threshold_that_it_met() -> None:
    """Judged at looks 2 and 3 alone, and at every infusion: before look 1 as at look 2."""
    raw = raw_design("sle_autologous")
    harmless = {"endpoint": "crs3", "arm": "cart", "below": 0.2}
    raw["rules"] = [
        {"name": "safe", "then": "declare_success", "posterior": harmless,
         "at_least": [0.95, 0.5], "looks": [2, 3], "every": 1}
    ]  # fmt: skip
    block = compare(raw, "toxic", 20)
    early = block.between & (block.look == 1)
    assert early.sum() >= 10
    assert 1 <= block.reversal[early].sum() < early.sum()


# ── a look that becomes the last early ────────────────────────────────────────────────────────
BY_NUMBER, BY_FINAL = [0.99, 0.80, 0.60], [0.98, 0.70]


def out_of_reach(rule: dict[str, Any]) -> dict[str, Any]:
    """Looks at 6, 18 and 24 events, of which most trials never see the eighteenth."""
    raw = raw_design("durability_event_driven")
    raw["rules"] = [raw["rules"][0] | rule]
    raw["enrolment"]["max_n"] = 30
    raw["endpoints"]["relapse"]["horizon"] = 12
    raw["looks"] = {"events": [6, 18, 24]}
    times = {"dist": "exponential", "median": 12.0}, {"dist": "exponential", "median": 16.0}
    arms = dict(zip(raw["arms"], times, strict=True))
    raw["scenarios"] = {"late": {"relapse": arms}}
    return raw


@pytest.mark.parametrize(
    ("rule", "threshold"),
    [
        ({"at_least": BY_NUMBER}, BY_NUMBER[1]),  # the look has a threshold of its own
        ({"at_least": BY_FINAL, "looks": [1, "final"]}, BY_FINAL[-1]),  # that of the last look
    ],
)
def test_the_threshold_of_a_look_that_is_the_last_because_events_are_out_of_reach(
    rule: dict[str, Any], threshold: float
) -> None:
    compare(out_of_reach(rule), "late", 6)
    block = conducted(out_of_reach(rule), "late", 150)
    (second,) = (record for record in block.looks if record.look == 2)
    events = second.summaries["relapse"].events.sum(axis=(1, 2))
    ended = np.flatnonzero(second.held & (events < 18))
    asked = second.probabilities["efficacy"][ended, 0]
    assert (block.look[ended] == 2).all()
    np.testing.assert_array_equal(block.standing.reason[ended] == SUCCESS, asked >= threshold)
    others = {*BY_NUMBER, *BY_FINAL} - {threshold}
    for other in others:  # each of them would have judged some trial otherwise
        assert ((asked >= other) != (asked >= threshold)).any(), other


# ── between looks that are skipped ────────────────────────────────────────────────────────────
def stopped_early(thresholds: list[float]) -> dict[str, Any]:
    """Enrolment stops at look 1 of 3; every 2nd infusion safety is judged, surely or never."""
    raw = raw_design("sle_autologous")
    safety = raw["rules"][0] | {"every": 2, "at_least": thresholds}
    safety.pop("looks", None)
    efficacy = next(rule for rule in raw["rules"] if rule["then"] == "declare_success")
    enough = efficacy | {"name": "enough", "then": "stop_enrolment", "at_least": 0.0, "looks": [1]}
    raw["rules"] = [enough, safety]
    raw["enrolment"] |= {"max_n": 36, "per_month": 3}
    raw["looks"] = {"enrolled": [12, 24], "final": "all_observed"}
    raw["truth"]["cart"]["infusion"]["delay"] = {"dist": "fixed", "value": 3.0}
    raw["scenarios"] = {"expected": raw["scenarios"]["expected"]}
    return raw


NEVER, SURELY = 1.0, 1e-12


def test_between_looks_nothing_is_judged_for_a_look_that_is_skipped() -> None:
    """Of the skipped look the threshold would hold at once; of the last it never does."""
    block = conducted(stopped_early([NEVER, SURELY, NEVER]), "expected", 20)
    assert (block.standing.reason != SAFETY).all()
    assert (block.look == 3).all()
    assert not any(record.held.any() for record in block.looks if record.look == 2)


def test_between_looks_the_threshold_is_that_of_the_last_look_where_enrolment_has_stopped() -> None:
    """The first 2nd infusion after look 1 of those who are in stops the trial, before look 3."""
    block = conducted(stopped_early([NEVER, NEVER, SURELY]), "expected", 20)
    population = block.population
    assert population is not None
    assert block.between.sum() >= 15
    for trial in np.flatnonzero(block.between):
        look_1 = float(population.arrival[trial, 11])
        infusions = np.sort(population.infusion_date[trial, :12])[1::2]
        assert block.months[trial] == min(date for date in infusions if date > look_1)
        assert block.look[trial] == 3
        assert block.standing.reason[trial] == SAFETY


# ── the burn-in ───────────────────────────────────────────────────────────────────────────────
def best_of_two(first: tuple[int, int], second: tuple[int, int]) -> float:
    """P(the first arm's rate is the larger), by quadrature; (responders, participants)."""
    one, other = (stats.beta(1 + x, 1 + n - x) for x, n in (first, second))
    return float(integrate.quad(lambda p: one.pdf(p) * other.cdf(p), 0.0, 1.0)[0])


@pytest.mark.parametrize(("burn_in", "over"), [(19, True), (20, True), (21, False)])
def test_the_burn_in_is_over_at_the_look_that_has_exactly_so_many(burn_in: int, over: bool) -> None:
    raw = raw_design("hello")
    raw["arms"] = {"soc": {"control": True}, "one": {}, "two": {}}
    raw["randomisation"] = {"method": "response_adaptive", "power": 1.0, "burn_in": burn_in}
    raw["endpoints"]["dfr"]["month"] = 1
    raw["enrolment"] = {"max_n": 40, "per_month": 4}
    raw["looks"] = {"enrolled": [20, 40]}
    question = {"endpoint": "dfr", "arm": "each", "minus": "soc", "above": 0.0}
    rule = {"name": "efficacy", "then": "declare_success", "posterior": question, "at_least": 0.99}
    raw["rules"] = [rule | {"looks": ["final"]}]
    raw["scenarios"] = {"one": {"dfr": {"soc": 0.2, "one": 0.6, "two": 0.3}}}
    first = conducted(raw, "one", 6).looks[0]
    assert first.shares is not None
    counts: Any = first.summaries["dfr"]
    assert (first.randomised.sum(axis=(1, 2)) == 20).all()
    for trial in range(6):
        expected = np.full(3, 1 / 3)
        if over:
            one, two = (
                (int(counts.successes[trial, arm, 0]), int(counts.totals[trial, arm, 0]))
                for arm in (1, 2)
            )
            best = best_of_two(one, two)
            weights = np.array([max(best, 1.0 - best), best, 1.0 - best])
            expected = weights / weights.sum()
            assert abs(expected - 1 / 3).max() > 0.02
        np.testing.assert_allclose(first.shares[trial], expected, atol=1e-9)
