"""How far a prior has to be moved to turn a simulated success over, from the rows of each trial."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from scipy import optimize, stats

import adaptive_cart as ac
from adaptive_cart.analysis import analyze
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.models.prior_tip import PriorTip
from adaptive_cart.participants.population import latents_for
from adaptive_cart.report.chapters.tipping import tipping_priors
from adaptive_cart.report.document import Table, plain
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts
from adaptive_cart.running.prior_moves import PriorMoves, prior_moves
from adaptive_cart.running.success_question import parts_to_move
from checks import raw_design
from running.test_shift_tips import rates, scores

TRIALS = 12


def moves_of(
    design: Design, scenario: str, trials: int
) -> tuple[dict[str, PriorMoves], list[float]]:
    """By what is moved, and the months at which trials ended."""
    truth = design.truths[scenario]
    plan = Plan.of(design).under(truth)
    rule, parts = parts_to_move(plan)
    assert rule is not None
    latents = latents_for(design, design.simulation.seed, 0, trials)
    nothing = tuple(one.question.of.no_effect for one in plan.estimands)
    block = run_block(plan, truth, nothing, latents, keep_population=True)
    found = prior_moves(plan, rule, parts, block)
    return {move.tip.what: move for move in found}, block.months.tolist()


def nearest(
    probability: Callable[[float], float], threshold: float, tip: PriorTip, end: float
) -> float:
    """The value nearest to the design's that turns a rule over: every hundredth of the way."""
    if end == tip.now:
        return np.nan
    now = probability(tip.now) >= threshold
    values = [tip.at(share, end) for share in np.linspace(0.0, 1.0, 101)]
    for near, far in pairwise(values):
        if (probability(far) >= threshold) != now:
            return float(optimize.brentq(lambda v: probability(v) - threshold, near, far))
    return np.nan


def test_the_prior_of_a_rate_is_moved_to_where_its_gamma_distribution_says() -> None:
    design, trials = rates(), 30
    moves, months = moves_of(design, "expected", trials)
    assert set(moves) == {"size", "mean"}
    turned = stands = 0
    for trial in range(trials):
        one = ac.example(design, scenario="expected", trial=trial)
        mine = [r for r in one.participants
                if r["arm"] == "cart" and r["randomised_month"] <= months[trial]]  # fmt: skip
        seen = [min(months[trial] - r["randomised_month"], float(r["withdrawn_month"] or np.inf))
                for r in mine]  # fmt: skip
        years = sum(seen) / 12.0
        events = sum(
            float(month) <= until
            for r, until in zip(mine, seen, strict=True)
            for month in (x for x in str(r["harm"]).split(";") if x)
        )

        def few(a: float, b: float, events: int = events, years: float = years) -> float:
            return float(stats.gamma.cdf(0.8, a + events, scale=1.0 / (b + years)))

        asked = {"size": lambda b: few(0.25 * b, b), "mean": lambda rate: few(2.0 * rate, 2.0)}
        for what, move in moves.items():
            assert move.holds[trial] == (few(0.5, 2.0) >= 0.6)
            for found, end in zip((move.below, move.above), move.tip.reach, strict=True):
                expected = nearest(asked[what], 0.6, move.tip, end)
                assert np.isnan(found[trial]) == np.isnan(expected)
                if not np.isnan(expected):
                    assert found[trial] == pytest.approx(expected, rel=0.1)
                    turned += 1
                else:
                    stands += 1
    assert min(turned, stands) > 10


@pytest.mark.slow
def test_a_hazard_ratio_is_moved_as_where_one_trial_is_analysed() -> None:
    """Trial by trial what ``analyze --tipping`` says of its rows, which has a twin of its own."""
    design = Design(**raw_design("durability_event_driven"))
    moves, months = moves_of(design, "expected", 6)
    turned = 0
    for trial in range(6):
        rows = ac.example(design, scenario="expected", trial=trial).participants
        found = analyze(design, rows, as_of=months[trial] + 1e-9, fast=True, tipping=True)
        assert found.findings.tipping is not None
        for tip in found.findings.tipping.priors:
            move = moves[tip.what]
            assert move.holds[trial] == tip.holds_now
            for mine, theirs in ((move.below, tip.below), (move.above, tip.above)):
                assert np.isnan(mine[trial]) == (theirs is None)
                if theirs is not None:
                    assert mine[trial] == pytest.approx(theirs, rel=0.1)
                    turned += 1
    assert turned > 4


def test_of_several_questions_one_is_moved_where_the_others_hold() -> None:
    """Mean changes with a prior: a tip is told where, and only where, the other score is better."""
    raw = scores().plain()
    for score, mean in (("mgadl", -1.0), ("qmg", -2.0)):
        raw["analysis"][score] = {"model": "normal",
                                  "prior": {"soc": {"mean": mean, "worth": 5.0}}}  # fmt: skip
    design = Design(**raw)
    truth = design.truths["null"]
    plan = Plan.of(design).under(truth)
    rule, parts = parts_to_move(plan)
    assert rule is not None
    latents = latents_for(design, design.simulation.seed, 0, TRIALS)
    nothing = tuple(one.question.of.no_effect for one in plan.estimands)
    block = run_block(plan, truth, nothing, latents, keep_population=True)
    found = {(m.endpoint, m.tip.what): m for m in prior_moves(plan, rule, parts, block)}
    names = [part.question.endpoint for part in rule.parts]
    holds = {name: np.zeros(TRIALS, dtype=bool) for name in names}
    for trial in range(TRIALS):
        rows = ac.example(design, scenario="null", trial=trial).participants
        judged = analyze(design, rows, as_of=float(block.months[trial]) + 1e-9, fast=True)
        own = [one for one in judged.rules if one.rule == rule.name]
        for name, one in zip(names, own, strict=True):
            holds[name][trial] = one.fast >= one.threshold
    told = 0
    for (name, _), move in found.items():
        (other,) = set(holds) - {name}
        some = np.isfinite(move.below) | np.isfinite(move.above)
        assert not (some & ~holds[other]).any()
        assert (move.holds == (holds[name] & holds[other])).all()
        told += int(some.sum())
    assert told > 0
    assert any((~values).any() for values in holds.values())


def test_the_annex_says_in_how_many_trials() -> None:
    design = rates()
    run = ac.simulate(design, trials=30, jobs=1, engine="simulate")
    evidence = Evidence(run, Facts(), 30 * 5)
    blocks = tipping_priors(evidence)
    assert {block.audience for block in blocks} == {"restricted"}
    (table,) = [block for block in blocks if isinstance(block, Table)]
    rows = [[plain(cell) for cell in one.cells] for one in table.rows]
    assert evidence.target is not None
    moves, _ = moves_of(design, evidence.target, 6)  # a fifth of the run's
    size = moves["size"]
    own = next(r for r in rows if r[1].startswith("patient-years that the prior of cart"))
    verdict = own[3] == "success"
    here = size.holds == verdict
    assert own[4] == str(int(here.sum()))
    share = float(np.isfinite(size.above[here]).mean())
    assert float(own[7].split()[0]) == pytest.approx(share, abs=0.006)
    if share:
        middle = float(np.median(size.above[here & np.isfinite(size.above)]))
        assert float(own[8].replace(",", "")) == pytest.approx(middle, rel=0.01)
    assert {f.item.number: f.status for f in evidence.trace.findings()}[65] == "reported"
