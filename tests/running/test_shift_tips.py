"""How far what is missing has to be moved to turn a simulated success over, from the rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.analysis import analyze
from adaptive_cart.analysis.findings import ShiftTip
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.participants.population import latents_for
from adaptive_cart.report.chapters.tipping import tipping
from adaptive_cart.report.document import Paragraph, Table, plain
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts
from adaptive_cart.running.shift_tips import FOLDS, ShiftTips, shift_tips
from adaptive_cart.running.success_question import parts_to_shift
from analysis.test_tipping_months import design as months_design
from checks import raw_design, tiny_design

TRIALS = 12


def tips_of(
    design: Design, scenario: str, trials: int = TRIALS
) -> tuple[dict[Any, ShiftTips], list[float]]:
    """By endpoint and arms, and the months at which trials ended."""
    truth = design.truths[scenario]
    plan = Plan.of(design).under(truth)
    rule, parts, why = parts_to_shift(plan)
    assert rule is not None, why
    latents = latents_for(design, design.simulation.seed, 0, trials)
    nothing = tuple(one.question.of.no_effect for one in plan.estimands)
    block = run_block(plan, truth, nothing, latents, keep_population=True)
    found = shift_tips(plan, rule, parts, block)
    return {(tip.endpoint, tip.arms): tip for tip in found}, block.months.tolist()


def beside_its_rows(
    design: Design, endpoint: str, trials: int
) -> Iterator[tuple[int, ShiftTips, ShiftTip]]:
    """Of each trial what is told over all of them, and what ``analyze --tipping`` says of its rows.

    The latter has a twin of its own.
    """
    tips, months = tips_of(design, "expected", trials)
    for trial in range(trials):
        rows = ac.example(design, scenario="expected", trial=trial).participants
        found = analyze(design, rows, as_of=months[trial] + 1e-9, fast=True, tipping=True)
        assert found.findings.tipping is not None
        for one in found.findings.tipping.shifts:
            tip = tips[endpoint, tuple(design.arm_names.index(arm) for arm in one.arms)]
            assert tip.missing[trial] == sum(one.missing)
            yield trial, tip, one


# ── scores ────────────────────────────────────────────────────────────────────────────────────
def scores() -> Design:
    raw = raw_design("myasthenia_scores")
    raw["truth"]["dropout"] = {"per_year": 0.8}
    raw["analysis"]["qmg"] = {"model": "normal"}  # by least squares, as the other
    raw["rules"] = [{**raw["rules"][0]}]
    raw["rules"][0]["all"] = [
        {**one, "at_least": limit}
        for one, limit in zip(raw["rules"][0]["all"], (0.8, 0.9), strict=True)
    ]
    return Design(**raw)


def by_least_squares(rows: list[dict[str, Any]], name: str, month: float) -> dict[str, Any]:
    """Difference of mean changes given the baseline, its standard error, and who is missing."""
    due = [r for r in rows if r["randomised_month"] + 5.5 <= month]
    seen = [r for r in due if r["withdrawn_month"] == "" or r["withdrawn_month"] >= 5.5]
    arm = np.array([r["arm"] == "cart" for r in seen], dtype=float)
    baseline = np.array([r[f"{name}_baseline"] for r in seen])
    change = np.array([r[f"{name}_month_5.5"] for r in seen]) - baseline
    x = np.stack([1.0 - arm, arm, baseline], axis=1)
    found, left, *_ = np.linalg.lstsq(x, change, rcond=None)
    freedom, contrast = len(seen) - 3, np.array([-1.0, 1.0, 0.0])
    error = np.sqrt(left[0] / freedom * contrast @ np.linalg.inv(x.T @ x) @ contrast)
    missing = [sum(r["arm"] == a and r not in seen for r in due) for a in ("soc", "cart")]
    of = [sum(r["arm"] == a for r in due) for a in ("soc", "cart")]
    return {"mean": float(contrast @ found), "error": float(error), "freedom": freedom,
            "missing": missing, "share": [m / n for m, n in zip(missing, of, strict=True)],
            "spread": float(change.std())}  # fmt: skip


def test_means_of_the_missing_are_moved_to_where_a_students_distribution_says() -> None:
    """Both scores have to hold: moving those of one matters where the other's question does."""
    design = scores()
    tips, months = tips_of(design, "expected")
    assert {arms for _, arms in tips} == {(0,), (1,), (0, 1)}
    limits = {"mgadl": 0.8, "qmg": 0.9}
    turned = stands = 0
    for trial in range(TRIALS):
        one = ac.example(design, scenario="expected", trial=trial)
        fits = {name: by_least_squares(one.participants, name, months[trial]) for name in limits}
        held = {
            name: stats.t.cdf(-fit["mean"] / fit["error"], fit["freedom"]) >= limits[name]
            for name, fit in fits.items()
        }
        for name, fit in fits.items():
            line = -stats.t.ppf(limits[name], fit["freedom"]) * fit["error"]  # of the difference
            raise_by = line - fit["mean"]
            (other,) = set(limits) - {name}
            for arms, sign in (((0,), -fit["share"][0]), ((1,), fit["share"][1]),
                               ((0, 1), fit["share"][1] - fit["share"][0])):  # fmt: skip
                tip = tips[name, arms]
                assert tip.holds[trial] == all(held.values())
                assert tip.missing[trial] == sum(fit["missing"][arm] for arm in arms)
                move = raise_by / sign if sign else np.inf
                if not held[other] or abs(move) > 5.0 * fit["spread"]:
                    assert np.isinf(tip.size[trial])
                    stands += 1
                    continue
                assert tip.amount[trial] == pytest.approx(move, rel=2e-3, abs=1e-3)
                assert tip.size[trial] == pytest.approx(abs(move) / fit["spread"], rel=2e-3)
                turned += 1
    assert min(turned, stands) > 10


def test_a_proportion_beyond_a_value_is_moved_as_where_one_trial_is_analysed() -> None:
    raw = scores().plain()
    asked = {"endpoint": "mgadl", "arm": "cart", "minus": "soc", "beyond": -2.0, "above": 0.1}
    raw["rules"] = [{"name": "many", "then": "declare_success", "at_least": 0.7,
                     "posterior": asked}]  # fmt: skip
    design = Design(**raw)
    turned = 0
    for trial, tip, one in beside_its_rows(design, "mgadl", 2):
        ends = [end for end in (one.below, one.above) if end is not None]
        if not ends:
            assert np.isinf(tip.size[trial])
            continue
        nearest = min(ends, key=abs)
        spread = one.reach[1] / 5.0
        assert tip.amount[trial] == pytest.approx(nearest, abs=0.02 * spread)
        assert tip.size[trial] == pytest.approx(abs(nearest) / spread, abs=0.03)
        turned += 1
    assert turned > 1


def test_scores_that_are_given_are_moved_as_where_one_trial_is_analysed() -> None:
    raw = scores().plain()
    raw["endpoints"]["mgadl"] |= {"missing": "worst_case", "worst": 24.0}
    raw["rules"] = [{**raw["rules"][0]["all"][0], "name": "less", "then": "declare_success"}]
    design = Design(**raw)
    turned = 0
    for trial, tip, one in beside_its_rows(design, "mgadl", 4):
        nearest = min((end for end in (one.below, one.above) if end is not None),
                      key=abs, default=np.inf)  # fmt: skip
        spread = one.reach[1] / 5.0
        if np.isinf(nearest):
            assert np.isinf(tip.size[trial])
            continue
        assert tip.amount[trial] == pytest.approx(nearest, abs=0.05 * spread)
        turned += 1
    assert turned


# ── months in remission ───────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("missing", ["not_in_remission", "exclude"])
def test_months_not_seen_are_counted_as_where_one_trial_is_analysed(missing: str) -> None:
    """Trial by trial what ``analyze --tipping`` says of its rows, which has a twin of its own."""
    design = months_design(missing)
    tips, months = tips_of(design, "expected", 3)
    ((_, arms),) = tips
    tip = tips["months", arms]
    turned = 0
    for trial in range(3):
        rows = ac.example(design, scenario="expected", trial=trial).participants
        found = analyze(design, rows, as_of=months[trial] + 1e-9, fast=True, tipping=True)
        assert found.findings.tipping is not None
        (one,) = found.findings.tipping.shifts
        assert tip.holds[trial] == one.holds_now
        assert tip.missing[trial] == one.missing[0]
        ends = [abs(end - one.start) for end in (one.below, one.above) if end is not None]
        least = min(ends, default=np.inf)
        assert tip.size[trial] == pytest.approx(least, abs=2e-3)
        turned += np.isfinite(least)
    assert turned


def test_a_report_tells_the_share_of_the_months_not_seen() -> None:
    run = ac.simulate(months_design("exclude"), trials=20, jobs=1)
    blocks = tipping(Evidence(run, Facts(), 20 * 5))
    (table,) = [block for block in blocks if isinstance(block, Table)]
    assert plain(table.title) == (
        "Trials in which success hangs on the months in remission of those who left, months"
    )
    heads = [plain(cell) for cell in table.head]
    assert heads[5:9] == [f"Within {part:g} of the months" for part in (0.1, 0.25, 0.5, 1.0)]
    told = " ".join(plain(block.line) for block in blocks if isinstance(block, Paragraph))
    assert "where the design leaves them out they are put in" in told
    assert "standard deviations" not in told


# ── rates ─────────────────────────────────────────────────────────────────────────────────────
def rates() -> Design:
    raw = tiny_design(
        endpoints={"dfr": {"type": "landmark", "month": 4}, "harm": {"type": "event_rate"}},
        analysis={"harm": {"model": "gamma_poisson", "prior": {"a": 0.5, "b": 2.0}}},
        scenarios={"null": {"dfr": {"soc": 0.2, "cart": 0.2}, "harm": {"soc": 0.9, "cart": 0.9}},
                   "expected": {"dfr": {"soc": 0.2, "cart": 0.2},
                                "harm": {"soc": 0.9, "cart": 0.5}}},
        truth={"dropout": {"per_year": 2.0}},
    )  # fmt: skip
    raw["rules"] = [{"name": "few", "then": "declare_success", "at_least": 0.6,
                     "posterior": {"endpoint": "harm", "arm": "cart", "below": 0.8}}]  # fmt: skip
    return Design(**raw)


def test_rates_in_the_time_not_seen_are_multiplied_as_every_number_of_events_says() -> None:
    design, trials = rates(), 60
    tips, months = tips_of(design, "expected", trials)
    (tip,) = tips.values()
    close = agreed = moved = 0
    for trial in range(trials):
        one = ac.example(design, scenario="expected", trial=trial)
        mine = [r for r in one.participants
                if r["arm"] == "cart" and r["randomised_month"] <= months[trial]]  # fmt: skip
        followed = np.array([months[trial] - r["randomised_month"] for r in mine])
        left = np.array([float(r["withdrawn_month"] or np.inf) for r in mine])
        years = float(np.minimum(followed, left).sum()) / 12.0
        lost = float(np.maximum(followed - left, 0.0).sum()) / 12.0
        events = sum(
            float(month) <= min(f, w)
            for r, f, w in zip(mine, followed, left, strict=True)
            for month in (x for x in str(r["harm"]).split(";") if x)
        )
        a, b = 0.5 + events, 2.0 + years
        more = np.arange(400)

        def completed(factor: float, a: float = a, b: float = b, lost: float = lost) -> float:
            mass = stats.nbinom.pmf(more, a, b / (b + factor * lost))  # noqa: B023
            return float(mass @ stats.gamma.cdf(0.8, a + more, scale=1.0 / (b + lost)))  # noqa: B023

        now = float(stats.gamma.cdf(0.8, a, scale=1.0 / b))
        assert tip.holds[trial] == (now >= 0.6)
        expected, near = np.inf, False
        for fold in FOLDS[::-1]:
            for factor in (fold, 1.0 / fold):
                at = now + completed(factor) - completed(1.0)
                near = near or abs(at - 0.6) < 0.03
                if (at >= 0.6) != (now >= 0.6):
                    expected = fold
        close += near
        agreed += not near and tip.size[trial] == expected
        moved += not near and np.isfinite(expected)
    assert agreed == trials - close
    assert close < trials / 2
    assert moved > 3


@pytest.mark.slow
def test_hazards_are_multiplied_as_where_one_trial_is_analysed() -> None:
    design = Design(**raw_design("durability_event_driven")).replace("truth.dropout.per_year", 0.6)
    turned, beside = 0, 0
    for trial, tip, one in beside_its_rows(design, "relapse", 25):
        folds = [max(v, 1.0 / v) if v else np.inf for v in (one.below, one.above) if v is not None]
        least = min(folds, default=np.inf)
        expected = next((fold for fold in FOLDS if fold >= least), np.inf)
        places = [*FOLDS, np.inf]
        gap = abs(places.index(tip.size[trial]) - places.index(expected))
        assert gap <= 1
        beside += gap  # where fewer completions have decided
        turned += np.isfinite(least)
    assert beside <= 3
    assert turned > 20


# ── what is told ──────────────────────────────────────────────────────────────────────────────
def test_the_report_says_in_how_many_trials_and_why_it_says_nothing() -> None:
    design = rates()
    run = ac.simulate(design, trials=30, jobs=1, engine="simulate")
    evidence = Evidence(run, Facts(), 30 * 5)
    blocks = tipping(evidence)
    (table,) = [block for block in blocks if isinstance(block, Table)]
    rows = [[plain(cell) for cell in one.cells] for one in table.rows]
    tip = tips_of(design, "expected", 30)[0]["harm", (1,)]
    place = next(k for k, one in enumerate(rows) if one[0] == "expected")
    assert rows[place][1:3] == ["success", str(int(tip.holds.sum()))]
    shares = [float(cell.split()[0]) for cell in rows[place][5:]]
    own = [float((tip.size[tip.holds] <= fold).mean()) for fold in FOLDS]
    assert shares == pytest.approx(own, abs=0.051)
    assert {f.item.number: f.status for f in evidence.trace.findings()}[65] == "reported"
    assert "one question about one arm" in parts_to_shift(
        Plan.of(Design(**raw_design("products_multiarm")))
    )[2]  # fmt: skip
