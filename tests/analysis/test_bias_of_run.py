"""The bias given the stop of a real trial, learned from a simulated run of its design.

The twin weighs every simulated trial by itself, in loops over the tables that the run kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.analysis import Analysis, analyze
from adaptive_cart.cli import main
from adaptive_cart.decisions import ENDINGS, Ending
from adaptive_cart.design.design import Design
from adaptive_cart.errors import ResultsError
from adaptive_cart.results.result import Result
from adaptive_cart.results.true_value import TrueValue
from adaptive_cart.running.adjusted import Scale, Spans
from adaptive_cart.running.adjusted_trials import Ended
from adaptive_cart.running.bias_of_run import GROUPS, BiasOfRun, LearnedBias
from analysis.test_absence import VISITS
from analysis.test_corrected import AT, responders
from running.test_adjusted_trials import of_counts, of_hazards, of_scores, slow_skeptical

Raw = dict[str, Any]
TRIALS = 1500
ORDINARY = Scale(ratio=False, low=-math.inf, high=math.inf)
ERROR = 2.0 * stats.norm.isf(0.025)  # widths of an interval by its standard error


def larger() -> Raw:
    """Scores of forty participants, then eighty; an effect of two points."""
    raw = of_scores()
    raw |= {"enrolment": {"max_n": 80, "per_month": 8}, "looks": {"observed": [40, 80]}}
    raw["scenarios"]["good"]["score"]["cart"]["change"] = [-3.0]
    return raw


def run_of(raw: Raw, folder: Path, trials: int = TRIALS, seed: int = 1, **more: Any) -> Result:
    return ac.simulate(
        Design(**raw), trials=trials, seed=seed, jobs=1, engine="simulate", out=folder, **more
    )


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return run_of(larger(), tmp_path_factory.mktemp("scores") / "run")


@pytest.fixture(scope="module")
def hazards(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return run_of(of_hazards(), tmp_path_factory.mktemp("hazards") / "run", trials=400)


def judged(design: Design, scenario: str, trial: int, folder: Path, **more: Any) -> Analysis:
    """A simulated trial, written as a table and analysed as a real one."""
    file = folder / f"{scenario}{trial}.csv"
    story = ac.example(design, scenario=scenario, trial=trial, seed=1)
    file.write_text(story.participants_csv(), encoding="utf-8")
    return analyze(design, file, fast=True, **more)


def by_name(found: Analysis) -> dict[str, Any]:
    assert found.findings.corrections is not None
    return {one.name: one for one in found.findings.corrections.estimates}


def learned(found: Analysis) -> LearnedBias:
    assert found.findings.corrections is not None
    assert found.findings.corrections.learned is not None
    return found.findings.corrections.learned


# ── the twin ──────────────────────────────────────────────────────────────────────────────────
def density(z: float) -> float:
    return math.exp(-z * z / 2.0)


def slow_bias(run: Result, look: int, reason: str, at: float, ratio: bool = False) -> float:
    """By trials weighed one by one: each by its likelihood over the mean of those of the truths."""
    told: Callable[[float], float] = math.log if ratio else float
    trials = run.trials
    truths = {n: told(run.figure(n, "estimand").estimate) for n in run.manifest["trials"]}
    numbers = {n: int((trials["scenario"] == n).sum()) for n in truths}
    ended = trials[(trials["look"] == look) & (trials["reason"] == reason)]

    def mean_given(true: float) -> float:
        weights, values = [], []
        for one in ended.itertuples():
            low, x, high = (told(v) for v in (one.estimate_lower, one.estimate, one.estimate_upper))
            error = (high - low) / ERROR
            mixed = sum(numbers[n] * density((x - truths[n]) / error) for n in truths)
            weights.append(density((x - true) / error) / mixed)
            values.append(x)
        return float(np.average(values, weights=weights))

    # what it lacks at the truths is put right: nothing there is but the mean over own trials
    places, lacking = [], []
    for name in sorted(truths, key=truths.__getitem__):
        mine = ended[ended["scenario"] == name]
        if len(mine):
            places.append(truths[name])
            own = float(np.mean([told(value) for value in mine["estimate"]]))
            lacking.append(own - mean_given(truths[name]))
    return mean_given(at) - at + float(np.interp(at, places, lacking))


def test_at_a_scenario_it_is_the_mean_error_of_its_own_trials(scores: Result) -> None:
    """And its Monte Carlo error is that of this mean."""
    run = BiasOfRun.of(scores.design, scores.folder)
    seen = 0
    for scenario in scores.manifest["trials"]:
        true = scores.figure(scenario, "estimand").estimate
        for (look, reason), ended in scores.trials.groupby(["look", "reason"], observed=True):
            errors = [one.estimate - true for one in ended.itertuples() if one.scenario == scenario]
            if len(errors) < 200:
                continue
            seen += 1
            found = run.at(look, Ending[reason], true, 1.0)
            assert found.value == pytest.approx(float(np.mean(errors)), abs=0.01)
            own = scores.figure(scenario, "bias_given_stop", look=look, reason=reason)
            assert own.estimate == pytest.approx(float(np.mean(errors)), abs=1e-9)
            assert found.mcse == pytest.approx(np.std(errors) / math.sqrt(len(errors)), rel=0.3)
            assert found.ended == len(ended)
            near = sum(abs(x - true) <= 2.0 for x in ended["estimate"])
            assert (found.near, found.trials) == (near, 2 * TRIALS)
    assert seen >= 3


@pytest.mark.parametrize("value", [-2.0, -1.5, -1.0, -0.5])
def test_between_scenarios_it_is_that_of_trials_weighed_one_by_one(
    scores: Result, value: float
) -> None:
    run = BiasOfRun.of(scores.design, scores.folder)
    for look, reason in ((1, Ending.success), (2, Ending.no_success)):
        slow = slow_bias(scores, look, reason.name, value)
        found = run.at(look, reason, value, 1.0)
        assert abs(slow) > 0.2
        assert abs(found.value - slow) < found.mcse < 0.05


def normal_trials(random: np.random.Generator) -> dict[str, Ended]:
    """One look at normal estimates of error 1, of which those above 1.2 succeed."""
    found = {}
    for true in (0.0, 1.5):
        x = true + random.standard_normal(800)
        spans = Spans(x, x - ERROR / 2.0, x + ERROR / 2.0)
        look, reason = np.ones(800, dtype=np.int64), np.where(x > 1.2, 0, 3)
        found[str(true)] = Ended(TrueValue(true, 0.0), look, reason, spans, np.arange(800), 800)
    return found


@pytest.mark.slow
def test_its_error_is_what_runs_of_other_seeds_differ_by() -> None:
    """At a scenario, between two, and beyond the last."""
    random, found = np.random.default_rng(3), dict[float, list[tuple[float, float]]]()
    for _ in range(40):
        run = BiasOfRun(Path("run"), "DESIGN", ORDINARY, normal_trials(random))
        for value in (0.0, 0.6, 2.0):
            one = run.at(1, Ending.success, value, 1.0)
            found.setdefault(value, []).append((one.value, one.mcse))
    for told in found.values():
        values, errors = np.array(told).T
        assert math.sqrt((errors**2).mean()) == pytest.approx(values.std(ddof=1), rel=0.35)


def test_trials_are_left_out_group_by_group() -> None:
    """The jackknife by a loop that deals trials into groups by their number."""
    ended = normal_trials(np.random.default_rng(5))
    run = BiasOfRun(Path("run"), "DESIGN", ORDINARY, ended)
    without = []
    for group in range(GROUPS):
        left = {}
        for name, one in ended.items():
            kept = np.array([number % GROUPS != group for number in one.number])
            spans = Spans(*(part[kept] for part in one.spans))
            rest = (one.look[kept], one.reason[kept], spans, one.number[kept], int(kept.sum()))
            left[name] = Ended(one.target, *rest)
        other = BiasOfRun(Path("run"), "DESIGN", ORDINARY, left)
        without.append(float(other.bias(1, Ending.success, np.array([0.6]))[0]))
    spread = sum((one - sum(without) / GROUPS) ** 2 for one in without) * (GROUPS - 1) / GROUPS
    assert run.at(1, Ending.success, 0.6, 1.0).mcse == pytest.approx(math.sqrt(spread), rel=1e-9)


# ── a real trial ──────────────────────────────────────────────────────────────────────────────
def stopped(run: Result, scenario: str, look: int, reason: str) -> int:
    trials = run.trials
    here = trials[(trials["scenario"] == scenario) & (trials["look"] == look)]
    return int(here[here["reason"] == reason]["trial"].iloc[0])


@pytest.mark.parametrize(
    ("scenario", "look", "reason"), [("good", 1, "success"), ("null", 2, "no_success")]
)
def test_the_correction_of_a_simulated_trial_is_made_by_hand(
    scores: Result, tmp_path: Path, scenario: str, look: int, reason: str
) -> None:
    trial = stopped(scores, scenario, look, reason)
    found = judged(scores.design, scenario, trial, tmp_path, run=scores.folder)
    (row,) = scores.trials[
        (scores.trials["scenario"] == scenario) & (scores.trials["trial"] == trial)
    ].itertuples()
    told, of = by_name(found), learned(found)
    assert list(told) == ["estimate", "conditional", "skeptical"]
    own = told["estimate"]
    assert (own.value, own.lower, own.upper) == pytest.approx(
        (row.estimate, row.estimate_lower, row.estimate_upper), abs=1e-12
    )
    by_hand = slow_bias(scores, look, reason, row.estimate)
    assert abs(of.value - by_hand) < of.mcse
    moved = told["conditional"]
    assert (moved.value, moved.lower, moved.upper) == pytest.approx(
        tuple(end - of.value for end in (own.value, own.lower, own.upper)), abs=1e-12
    )
    prior = larger()["adjusted_estimates"]["skeptical"]
    slow = slow_skeptical(own.value, own.lower, own.upper, prior, False)
    assert told["skeptical"].value == pytest.approx(slow, abs=1e-9)
    ends = (scores.trials["look"] == look) & (scores.trials["reason"] == reason)
    assert (of.look, of.reason, of.ended) == (look, reason, int(ends.sum()))
    assert not of.ratio
    # where it comes from stands beside it, in words and in numbers
    assert f"{of.ended:,} of its {2 * TRIALS:,} simulated trials ended at look {look} with " in (
        found.text
    )
    assert f"learned from {scores.folder}" in found.text
    assert f"{moved.value:.3f} (MCSE {of.mcse:.2g})" in found.text
    assert found.findings.as_json()["corrections"]["learned"]["mcse"] == of.mcse


def test_a_ratio_is_corrected_on_the_log_scale(hazards: Result, tmp_path: Path) -> None:
    trial = stopped(hazards, "good", 1, "success")
    found = judged(hazards.design, "good", trial, tmp_path, run=hazards.folder)
    told, of = by_name(found), learned(found)
    assert of.ratio
    by_hand = slow_bias(hazards, 1, "success", math.log(told["estimate"].value), ratio=True)
    assert abs(of.value - by_hand) < of.mcse
    assert of.value < -0.1
    moved = told["conditional"]
    factor = math.exp(-of.value)
    assert moved.value == pytest.approx(told["estimate"].value * factor, rel=1e-12)
    assert moved.upper == pytest.approx(told["estimate"].upper * factor, rel=1e-12)
    assert f"{moved.value:.3f} (MCSE {moved.value * of.mcse:.2g})" in found.text
    assert "of the logarithm of the estimate" in found.text


IMPUTED: Raw = {
    **VISITS,
    "endpoints": {"free": {**VISITS["endpoints"]["free"], "missing": "impute"}},
    "truth": {"dropout": {"per_year": 0.1}},
    "scenarios": {
        "expected": {"free": {"usual": 0.2, "cells": 0.5}},
        "large": {"free": {"usual": 0.2, "cells": 0.8}},
    },
    "adjusted_estimates": {"skeptical": {"effect": 0.3}},
}


def test_where_responses_are_imputed_the_mean_over_imputations_is_corrected(tmp_path: Path) -> None:
    run = run_of(IMPUTED, tmp_path / "run", trials=400)
    rows = responders(16, 4)
    for row in rows[1:25:3]:
        row |= {"withdrawn_month": 1.0, "remission_month": "", "last_contact_month": 1.0}
    found = analyze(run.design, rows, run=run.folder, **AT)
    assert found.findings.corrections is not None
    assert found.findings.corrections.why == "missing responses are imputed"
    told, of = by_name(found), learned(found)
    (shown,) = (q.fast for q in found.findings.quantities if q.minus == "usual")
    own = told["estimate"]
    assert (own.value, own.lower, own.upper) == (shown.mean, shown.lower, shown.upper)
    assert told["conditional"].value == pytest.approx(own.value - of.value, abs=1e-12)
    slow = slow_skeptical(own.value, own.lower, own.upper, {"effect": 0.3, "chance": 0.05}, False)
    assert told["skeptical"].value == pytest.approx(slow, abs=1e-9)
    assert (of.look, of.reason) == (1, "success")
    by_hand = slow_bias(run, 1, "success", own.value)
    assert abs(of.value - by_hand) < of.mcse


def test_counts_that_can_be_put_in_order_are_left_as_they_are(tmp_path: Path) -> None:
    design = Design(**VISITS, adjusted_estimates={"skeptical": {"effect": 0.3}})
    run = ac.simulate(design, trials=150, seed=1, jobs=1, engine="simulate", out=tmp_path / "run")
    alone = analyze(design, responders(16, 4), **AT)
    beside = analyze(design, responders(16, 4), run=run.folder, **AT)
    assert beside.findings.corrections == alone.findings.corrections
    assert "--run: not used, since the bias given the stop is enumerated" in beside.text
    goes_on = analyze(design, responders(10, 4), run=run.folder, **AT)
    assert goes_on.findings.corrections is None
    assert "--run: the trial goes on, so that nothing is corrected" in goes_on.text


def test_of_a_trial_that_went_on_no_simulated_trial_tells(tmp_path: Path) -> None:
    run = run_of(IMPUTED, tmp_path / "run", trials=100)
    rows = responders(16, 4)
    later = [row | {"participant": k + 41, "randomised_month": row["randomised_month"] + 10.0}
             for k, row in enumerate(responders(16, 4))]  # fmt: skip
    found = analyze(run.design, [*rows, *later], look=2, fast=True, run=run.folder)
    assert found.findings.corrections is not None
    assert found.findings.corrections.learned is None
    assert "--run: not used, since the trial went on although a rule had ended it" in found.text


def test_without_a_run_it_says_that_one_could_be_named(scores: Result, tmp_path: Path) -> None:
    trial = stopped(scores, "good", 1, "success")
    found = judged(scores.design, "good", trial, tmp_path)
    assert list(by_name(found)) == ["estimate", "skeptical"]
    assert "tells the bias given the look and the reason of the stop: --run FOLDER" in found.text


# ── does it help? ─────────────────────────────────────────────────────────────────────────────
def corrected_errors(run: BiasOfRun, trials: pd.DataFrame, true: float) -> dict[Any, Any]:
    """By look and reason: the errors of fresh trials, raw and less the bias that a run knows."""
    found = {}
    for (look, reason), ended in trials.groupby(["look", "reason"], observed=True):
        own = ended["estimate"].to_numpy()
        bias = run.bias(int(look), Ending[reason], own)
        found[look, reason] = own - true, own - bias - true
    return found


def test_fresh_trials_are_less_biased_for_it(scores: Result, tmp_path: Path) -> None:
    """Of another seed, and of a truth of its own between those of the run, and at a scenario."""
    known = BiasOfRun.of(scores.design, scores.folder)
    raw = larger()
    raw["scenarios"]["middle"] = {
        "score": {**raw["scenarios"]["good"]["score"],
                  "cart": {**raw["scenarios"]["good"]["score"]["cart"], "change": [-2.0]}},
    }  # fmt: skip
    fresh = run_of(raw, tmp_path / "fresh", seed=2, scenarios=["middle", "null"])
    better = 0
    for scenario in ("middle", "null"):
        true = fresh.figure(scenario, "estimand").estimate
        mine = fresh.trials[fresh.trials["scenario"] == scenario]
        for own, corrected in corrected_errors(known, mine, true).values():
            if len(own) < 200:
                continue
            error = math.hypot(*(v.std(ddof=1) / math.sqrt(len(v)) for v in (own, corrected)))
            assert abs(corrected.mean()) < abs(own.mean()) + 2.0 * error
            better += abs(corrected.mean()) < abs(own.mean()) - 2.0 * error
    assert better >= 3


# ── what is refused ───────────────────────────────────────────────────────────────────────────
def typed_in(words: list[Any], status: int) -> str:
    """What a command says, all of it."""
    ended = CliRunner().invoke(main, [str(word) for word in words])
    assert ended.exit_code == status
    return ended.output


def refused(design: Design, folder: Path) -> str:
    with pytest.raises(ResultsError) as told:
        BiasOfRun.of(design, folder, "trial.toml")
    return str(told.value)


def test_a_run_of_another_design_is_refused_with_what_to_type(scores: Result) -> None:
    raw = larger()
    raw["rules"][0]["at_least"] = 0.9
    told = refused(Design(**raw), scores.folder)
    assert "holds a run of another design" in told
    assert "adaptive-cart simulate trial.toml --engine simulate" in told
    # a name is no part of a design
    assert BiasOfRun.of(Design(**{**larger(), "name": "Other"}), scores.folder).ended


def test_every_reason_is_told_at_once(scores: Result, tmp_path: Path) -> None:
    raw = larger()
    del raw["adjusted_estimates"]
    told = refused(Design(**raw), scores.folder).splitlines()
    assert len(told) == 2
    assert all(line.startswith("--run: ") for line in told)
    assert "no table [adjusted_estimates]" in told[0]
    assert "holds a run of another design" in told[1]
    assert "no results here" in refused(Design(**larger()), tmp_path)
    enumerated = ac.simulate(Design(**of_counts()), engine="exact", out=tmp_path / "exact")
    assert "was enumerated" in refused(enumerated.design, enumerated.folder)
    several = larger()
    several["arms"]["other"] = {}
    several["rules"][0]["posterior"]["arm"] = "each"
    for of in several["scenarios"].values():
        of["score"]["other"] = of["score"]["soc"]
    told = refused(Design(**several), scores.folder)
    assert "several estimates decide together" in told


def test_a_run_whose_files_were_changed_is_refused(tmp_path: Path) -> None:
    run = run_of(of_scores(), tmp_path / "run", trials=60)
    file = run.folder / "operating_characteristics.csv"
    file.write_text(file.read_text(encoding="utf-8").replace("null", "nil"), encoding="utf-8")
    assert "has been changed" in refused(run.design, run.folder)


def test_too_few_trials_that_ended_so_are_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    run = run_of(of_scores(), tmp_path / "run", trials=120)
    file, table, out = tmp_path / "trial.toml", tmp_path / "p.csv", tmp_path / "analysis"
    file.write_text(run.design.as_toml(), encoding="utf-8")
    trial = stopped(run, "null", 1, "success")
    story = ac.example(run.design, scenario="null", trial=trial, seed=1)
    table.write_text(story.participants_csv(), encoding="utf-8")
    typed = ["analyze", file, table, "--fast", "--run", run.folder, "--out", out]
    told = typed_in(typed, 2)
    ended = (run.trials["look"] == 1) & (run.trials["reason"] == "success")
    assert f"{int(ended.sum())} of its trials ended at look 1 with success, " in told
    assert "100 are needed: adaptive-cart simulate " in told
    assert "or leave --run out" in told
    assert not out.exists()
    # and with as many as it names they are enough
    words = told.split("--trials ")[1].split()
    run_of(of_scores(), run.folder, trials=int(words[0]))
    assert learned(analyze(run.design, table, fast=True, run=run.folder)).near >= 100
    none = BiasOfRun.of(run.design, run.folder)
    with pytest.raises(ResultsError, match="give the design a scenario in which more of them do"):
        none.at(1, ENDINGS[2], -1.0, 1.0)
