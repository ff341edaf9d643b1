"""Designs side by side: differences and their errors, the two designs made for it, what is told."""

from __future__ import annotations

import itertools
import math
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.comparison import Comparison, changes, compare
from adaptive_cart.comparison.alternatives import fixed_size
from adaptive_cart.comparison.classical import group_sequential
from adaptive_cart.comparison.pictures import PICTURES, efficient
from adaptive_cart.errors import DesignError, InputError, ResultsError
from adaptive_cart.models.classical.alpha_spending import Spending
from adaptive_cart.results.estimand import SobolLatents
from adaptive_cart.results.result import Result
from checks import DESIGNS, assert_close_in_mcse, raw_design
from judged import enumerated, judged

TRIALS = 400
FULL_TRIALS = 4_000
SPENDING_150 = Spending(0.025, "obrien_fleming", 150)


def altered(**tables: Any) -> ac.Design:
    """The smallest design with some tables exchanged."""
    raw = raw_design("hello")
    return ac.Design(**{**raw, **tables})


def stricter() -> ac.Design:
    raw = raw_design("hello")
    raw["rules"][0]["at_least"] = 0.995
    raw["rules"][1]["below"] = 0.10
    raw["arms"]["cart"]["allocation"] = 1
    return ac.Design(**raw)


def run(design: ac.Design, folder: Path, trials: int = TRIALS, seed: int = 5) -> Result:
    return ac.simulate(design, trials=trials, seed=seed, jobs=1, engine="simulate", out=folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compared")


@pytest.fixture(scope="module")
def base(folder: Path) -> Result:
    return run(altered(), folder / "base")


@pytest.fixture(scope="module")
def other(folder: Path) -> Result:
    return run(stricter(), folder / "other")


@pytest.fixture(scope="module")
def both(base: Result, other: Result) -> Comparison:
    return compare([base, other])


@pytest.fixture(scope="module")
def four(base: Result, other: Result, folder: Path) -> Comparison:
    return compare(
        [base, other], with_fixed=True, with_group_sequential=True, jobs=1, out=folder / "made"
    )


def cell(comparison: Comparison, scenario: str, measure: str, design: str) -> Any:
    table = comparison.table
    rows = table[
        (table["scenario"] == scenario)
        & (table["measure"] == measure)
        & (table["design"] == design)
    ]
    assert len(rows) == 1
    return rows.iloc[0]


# ── the classical design ──────────────────────────────────────────────────────────────────────
def equal(rates: tuple[float, float], looks: list[int]) -> ac.Design:
    """Two equal arms and these looks."""
    return altered(
        arms={"soc": {"control": True}, "cart": {}},
        enrolment={"max_n": looks[-1], "per_month": 20},
        looks={"observed": looks},
        rules=[raw_design("hello")["rules"][0]],
        scenarios={"null": {"dfr": {"soc": rates[0], "cart": rates[1]}}},
    )


def test_enumeration_against_every_path() -> None:
    """Every sequence of outcomes of 4 and 4 participants, weighed and judged one by one."""
    rates, looks = (0.3, 0.6), [4, 8]
    design = equal(rates, looks)
    bounds = Spending(0.025, "obrien_fleming", 8).bounds((4, 8))

    def z(x0: int, x1: int, n: int) -> float:
        together = (x0 + x1) / (2 * n)
        spread = math.sqrt(together * (1 - together) * 2 / n)
        return (x1 - x0) / n / spread if spread > 0 else 0.0

    success = analysed = bias = square = 0.0
    for outcome in itertools.product((0, 1), repeat=8):
        control, experimental = outcome[:4], outcome[4:]
        weight = math.prod(rates[0] if r else 1 - rates[0] for r in control)
        weight *= math.prod(rates[1] if r else 1 - rates[1] for r in experimental)
        for look, (n, bound) in enumerate(zip((2, 4), bounds, strict=True)):
            x0, x1 = sum(control[:n]), sum(experimental[:n])
            holds = z(x0, x1, n) >= bound
            if holds or look == 1:
                error = (x1 - x0) / n - 0.3
                success += weight * holds
                analysed += weight * 2 * n
                bias += weight * error
                square += weight * error**2
                break
    found = enumerated(group_sequential(design), "null")
    assert found["success"] == pytest.approx(success, abs=1e-12)
    assert found["n_analysed_mean"] == pytest.approx(analysed, abs=1e-12)
    assert found["bias"] == pytest.approx(bias, abs=1e-12)
    assert found["rmse"] == pytest.approx(math.sqrt(square), abs=1e-12)
    assert 0.0 < found["success"] < 1.0


def test_type_one_error_of_the_classical_design() -> None:
    """Within 4 standard errors by simulation; enumerated, what the normal law leaves at n = 480."""
    design = group_sequential(equal((0.4, 0.4), [160, 320, 480]))
    exact = enumerated(design, "null")["success"]
    assert exact == pytest.approx(0.025, abs=0.001)
    found = judged(design, "null", seed=11, trials=FULL_TRIALS)
    mcse = math.sqrt(0.025 * 0.975 / FULL_TRIALS)
    assert_close_in_mcse(found.success.mean(), 0.025, mcse, "type I error", z=4.0)
    assert_close_in_mcse(found.success.mean(), exact, mcse, "against enumeration", z=4.0)


def test_simulated_and_enumerated_classical_design_agree() -> None:
    design = group_sequential(ac.load_design(DESIGNS / "hello.toml"))
    exact = enumerated(design, "expected")
    found = judged(design, "expected", seed=3, trials=FULL_TRIALS)
    root = math.sqrt(FULL_TRIALS)
    success = float(found.success.mean())
    assert_close_in_mcse(success, exact["success"], math.sqrt(success * (1 - success)) / root)
    for column, value in (
        (found.analysed, exact["n_analysed_mean"]),
        (found.estimate - 0.25, exact["bias"]),
    ):
        assert_close_in_mcse(column.mean(), value, column.std(ddof=1) / root)


def test_classical_design_judges_the_very_trials_of_the_run(folder: Path) -> None:
    """Every trial goes to its last look here, so its looks tell what the z test would have made."""
    rule = {**raw_design("hello")["rules"][0], "looks": ["final"]}
    design = altered(rules=[rule])
    result = run(design, folder / "to_the_last_look")
    bounds = SPENDING_150.bounds((60, 105, 150))
    comparison = compare([result], with_group_sequential=True)
    for scenario in ("null", "expected"):
        looks = result.looks[result.looks["scenario"] == scenario]
        wide = looks.pivot_table(
            index=["trial", "look"],
            columns="arm",
            values=["dfr_events", "dfr_analysed", "n_randomised", "months"],
            observed=True,
        )
        ended = []
        for trial, part in wide.groupby(level="trial"):
            assert len(part) == 3
            for bound, (_, row) in zip(bounds, part.iterrows(), strict=True):
                x0, x1 = row["dfr_events", "soc"], row["dfr_events", "cart"]
                n0, n1 = row["dfr_analysed", "soc"], row["dfr_analysed", "cart"]
                rate = (x0 + x1) / (n0 + n1)
                spread = math.sqrt(rate * (1 - rate) * (1 / n0 + 1 / n1))
                won = spread > 0 and (x1 / n1 - x0 / n0) / spread >= bound
                if won or n0 + n1 == 150:
                    n = row["n_randomised", "soc"] + row["n_randomised", "cart"]
                    ended.append((trial, won, n, n0 + n1, row["months", "soc"]))
                    break
        told = pd.DataFrame(ended, columns=["trial", "won", "randomised", "analysed", "months"])
        label = "group sequential"
        for measure, column in {
            "success": "won",
            "n_randomised_mean": "randomised",
            "n_analysed_mean": "analysed",
            "months_mean": "months",
        }.items():
            found = cell(comparison, scenario, measure, label)
            assert found["estimate"] == pytest.approx(told[column].mean(), rel=1e-12)
        first = result.trials[result.trials["scenario"] == scenario]
        apart = told["won"].to_numpy(float) - (first["reason"] == "success").to_numpy(float)
        found = cell(comparison, scenario, "success", label)
        assert found["difference"] == pytest.approx(apart.mean(), abs=1e-12)
        expected = apart.std(ddof=1) / math.sqrt(TRIALS)
        assert found["difference_mcse"] == pytest.approx(expected, rel=1e-9)
        assert found["paired"] == "yes"


def test_a_reversed_success_is_one_that_falls_short_in_the_end() -> None:
    design = group_sequential(ac.load_design(DESIGNS / "hello.toml"))
    found = judged(design, "expected", seed=3, trials=1_000)
    assert (found.reversal <= found.success).all()
    last = found.look == 3
    assert not found.reversal[last].any()
    assert found.reversal[~last].any()


def test_numbers_that_vary_have_boundaries_of_their_own() -> None:
    """Looks by participants enrolled: the type I error is kept all the same."""
    design = group_sequential(ac.load_design(DESIGNS / "goldilocks_allogeneic.toml"))
    early = judged(design, "expected", seed=2, trials=100)
    assert len(np.unique(early.analysed)) > 10
    found = judged(design, "null", seed=2, trials=TRIALS)
    assert_close_in_mcse(found.success.mean(), 0.025, math.sqrt(0.025 * 0.975 / TRIALS), z=4.0)


def test_where_less_is_better_the_test_is_turned_round() -> None:
    raw = raw_design("hello")
    raw["rules"][0]["posterior"] = {"endpoint": "dfr", "arm": "cart", "minus": "soc", "below": 0.0}
    design = group_sequential(ac.Design(**raw))
    assert design.rules[0].posterior is not None
    assert design.rules[0].posterior.below == 0.0
    assert judged(design, "expected", seed=3, trials=64).success.mean() == 0.0


@pytest.mark.parametrize("kind", ["time_in_remission", "time_to_relapse"])
def test_where_there_is_no_classical_design(kind: str) -> None:
    raw = raw_design("sle_autologous")
    found = [name for name, part in raw["endpoints"].items() if part["type"] == kind]
    if not found:
        raw["endpoints"]["extra"] = {"type": kind, "horizon": 12}
        found = ["extra"]
    for part in raw["endpoints"].values():
        part.pop("primary", None)
    raw["endpoints"][found[0]]["primary"] = True
    raw["looks"] = {"enrolled": raw["looks"]["observed"]}
    with pytest.raises(DesignError) as caught:
        group_sequential(ac.Design(**raw))
    (problem,) = caught.value.problems
    assert problem.path == f"endpoints.{found[0]}.type"
    assert f"found {kind}" in str(problem)


# ── the fixed-size design ─────────────────────────────────────────────────────────────────────
def test_fixed_size_keeps_the_question_and_drops_the_looks() -> None:
    design = ac.load_design(DESIGNS / "sle_autologous.toml")
    fixed = fixed_size(design)
    assert fixed.looks.at == [90]
    assert [rule.name for rule in fixed.rules] == ["efficacy"]
    assert fixed.rules[0].at_least == 0.975  # of the last look
    assert fixed.rules[0].posterior == design.rules[1].posterior
    assert fixed.arms == design.arms
    assert fixed.scenarios == design.scenarios
    by_events = fixed_size(ac.load_design(DESIGNS / "durability_event_driven.toml"))
    assert by_events.looks.events == [90]


def test_fixed_size_is_right_to_the_last_digit() -> None:
    """By hand: all tables of 50 and 100, success where P(cart > soc) reaches 0.985."""
    design = ac.load_design(DESIGNS / "hello.toml")
    comparison = compare([ac.simulate(design)], with_fixed=True)
    holds = np.zeros((51, 101), dtype=bool)
    for responders in range(51):
        for successes in range(101):
            a0, b0 = 1 + responders, 51 - responders
            a1, b1 = 1 + successes, 101 - successes
            holds[responders, successes] = _beats(a1, b1, a0, b0) >= 0.985
    weight = np.outer(stats.binom.pmf(range(51), 50, 0.10), stats.binom.pmf(range(101), 100, 0.35))
    found = cell(comparison, "expected", "success", "fixed size")
    assert found["estimate"] == pytest.approx(float(weight[holds].sum()), abs=1e-9)
    assert found["difference_mcse"] == 0.0


def _beats(a1: int, b1: int, a0: int, b0: int) -> float:
    """P(beta(a1, b1) > beta(a0, b0)) for whole numbers, by its finite sum."""
    from scipy.special import betaln

    i = np.arange(a1)
    terms = betaln(a0 + i, b0 + b1) - np.log(b1 + i) - betaln(1 + i, b1) - betaln(a0, b0)
    return float(np.exp(terms).sum())


def test_fixed_size_calibrated_keeps_the_type_one_error() -> None:
    with pytest.raises(DesignError, match="type_one_error"):
        fixed_size(altered(), calibrated=True)
    design = altered(calibration={"type_one_error": 0.05})
    result = ac.simulate(design)
    comparison = compare([result], with_fixed=True, calibrate_fixed=True, jobs=1)
    found = cell(comparison, "null", "success", "fixed size")["estimate"]
    plain = compare([result], with_fixed=True, jobs=1)
    at_last_look = cell(plain, "null", "success", "fixed size")["estimate"]
    assert at_last_look < found <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / 10_000)
    assert any("calibrated for a type I error of 0.05" in note for note in comparison.notes)
    assert any("not calibrated anew" in note for note in plain.notes)


# ── differences ───────────────────────────────────────────────────────────────────────────────
def test_numbers_are_those_of_the_runs(both: Comparison, base: Result, other: Result) -> None:
    for result, label in ((base, "base"), (other, "other")):
        for row in both.table[both.table["design"] == label].itertuples():
            figure = result.figure(row.scenario, row.measure, arm=row.arm, stratum=row.stratum)
            assert row.estimate == figure.estimate
            assert row.mcse == figure.mcse
    assert {"success", "stop_futility", "no_success", "reversal", "n_randomised_mean",
            "n_analysed_mean", "months_mean", "bias", "rmse", "coverage"} <= set(
        both.table["measure"]
    )  # fmt: skip


def values(result: Result, scenario: str) -> dict[str, Any]:
    """By measure: what it is in each trial, as a statistician would take it from the table."""
    trials = result.trials[result.trials["scenario"] == scenario].sort_values("trial")
    true = {"null": 0.0, "expected": 0.25}[scenario]
    return {
        "success": (trials["reason"] == "success").to_numpy(float),
        "stop_futility": (trials["reason"] == "futility").to_numpy(float),
        "reversal": trials["reversal"].to_numpy(float),
        "n_randomised_mean": trials["n_randomised"].to_numpy(float),
        "months_mean": trials["months"].to_numpy(float),
        "bias": trials["estimate"].to_numpy(float) - true,
        "coverage": trials["covered"].to_numpy(float),
    }


@pytest.mark.parametrize("scenario", ["null", "expected"])
def test_paired_errors_are_those_of_the_differences_of_the_trials(
    both: Comparison, base: Result, other: Result, scenario: str
) -> None:
    mine, theirs = values(base, scenario), values(other, scenario)
    for measure, column in mine.items():
        apart = theirs[measure] - column
        found = cell(both, scenario, measure, "other")
        assert found["paired"] == "yes"
        assert found["difference"] == pytest.approx(apart.mean(), abs=1e-12)
        expected = apart.std(ddof=1) / math.sqrt(TRIALS)
        assert found["difference_mcse"] == pytest.approx(expected, rel=1e-9)


def test_paired_errors_are_those_of_a_bootstrap_of_trials(
    both: Comparison, base: Result, other: Result
) -> None:
    """Trials drawn anew in pairs, 4,000 times; the bootstrap's own error is about 1.1%."""
    mine, theirs = values(base, "expected"), values(other, "expected")
    drawn = np.random.default_rng(1).integers(0, TRIALS, (4_000, TRIALS))
    for measure, statistic in {
        "success": lambda v, rows: v["success"][rows].mean(axis=1),
        "months_mean": lambda v, rows: v["months_mean"][rows].mean(axis=1),
        "rmse": lambda v, rows: np.sqrt((v["bias"][rows] ** 2).mean(axis=1)),
    }.items():
        spread = (statistic(theirs, drawn) - statistic(mine, drawn)).std(ddof=1)
        found = cell(both, "expected", measure, "other")["difference_mcse"]
        assert found == pytest.approx(spread, rel=0.06), measure


def of_course(cart: float, at_least: float, folder: Path) -> Result:
    """A short trial of a course, whose true values are integrated and have errors of their own."""
    course = {"durability": {"cured": 1.0}, "rescue": {"per_year": 0.3}}
    raw = raw_design("hello")
    raw["rules"] = [raw["rules"][0] | {"at_least": at_least}]
    onset = {"dist": "exponential", "median": 4.0}
    raw["truth"] = {
        arm: course | {"remission": {"probability": rate, "onset": onset}}
        for arm, rate in (("soc", 0.2), ("cart", cart))
    }
    raw["scenarios"] = {"expected": {"role": "alternative"}}
    return run(ac.Design(**raw), folder, trials=200)


def test_paired_errors_hold_those_of_true_values_that_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Estimates share participants; the two true values are found apart, by few points here."""
    monkeypatch.setattr("adaptive_cart.running.run.SobolLatents", lambda: SobolLatents(1, 4, 2**6))
    first = of_course(0.5, 0.985, tmp_path / "first")
    stricter = of_course(0.5, 0.999, tmp_path / "stricter")  # of the same truth
    better = of_course(0.7, 0.985, tmp_path / "better")
    comparison = compare([first, stricter, better])
    estimates = {r.folder.name: r.trials["estimate"].to_numpy(float) for r in (first, better)}
    estimates["stricter"] = stricter.trials["estimate"].to_numpy(float)
    error = {r.folder.name: r.figure("expected", "estimand").mcse for r in (first, better)}
    assert min(error.values()) > 0.002
    for name, of_true_values in (("stricter", 0.0), ("better", math.hypot(*error.values()))):
        apart = estimates[name] - estimates["first"]
        of_trials = apart.std(ddof=1) / math.sqrt(len(apart))
        found = cell(comparison, "expected", "bias", name)
        assert found["paired"] == "yes"
        expected = math.hypot(of_trials, of_true_values)
        assert found["difference_mcse"] == pytest.approx(expected, rel=1e-9), name
        assert of_true_values == 0.0 or expected > 1.05 * of_trials


def test_pairing_makes_a_difference_surer(four: Comparison) -> None:
    found = cell(four, "expected", "success", "group sequential")
    first = cell(four, "expected", "success", "base")
    assert found["paired"] == "yes"
    assert 0.0 < found["difference_mcse"] < 0.8 * math.hypot(found["mcse"], first["mcse"])


def test_a_design_does_not_differ_from_itself(base: Result, folder: Path) -> None:
    again = run(altered(), folder / "again")
    table = compare([base, again]).table
    apart = table[table["design"] == "again"]
    assert len(apart) > 15
    assert (apart["difference"] == 0.0).all()
    assert (apart["difference_mcse"] == 0.0).all()
    assert (apart["paired"] == "yes").all()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"seed": 6}, "seed 6, not 5"),
        ({"trials": TRIALS // 2}, f"{TRIALS // 2} trials, not {TRIALS}"),
    ],
)
def test_other_runs_are_not_paired(
    base: Result, tmp_path: Path, change: dict[str, int], reason: str
) -> None:
    apart = run(altered(), tmp_path / "apart", **change)
    comparison = compare([base, apart])
    assert set(comparison.pairing["apart"].values()) == {reason}
    assert reason in comparison.text(10_000)
    for row in comparison.table[comparison.table["design"] == "apart"].itertuples():
        mine = cell(comparison, row.scenario, row.measure, "base")
        assert row.paired == "no"
        assert row.difference == row.estimate - mine["estimate"]
        assert row.difference_mcse == pytest.approx(math.hypot(row.mcse, mine["mcse"]))


def test_other_sizes_and_exact_results_are_not_paired(
    base: Result, hello_exact: Result, tmp_path: Path
) -> None:
    raw = raw_design("hello")
    raw["enrolment"]["max_n"], raw["looks"]["observed"] = 180, [60, 105, 180]
    larger = run(ac.Design(**raw), tmp_path / "larger")
    comparison = compare([base, larger, hello_exact])
    assert comparison.pairing["larger"]["null"] == "max_n 180, not 150"
    assert comparison.pairing["exact"]["null"] == "exact, without trials"
    (told,) = (line for line in comparison.text(10_000).splitlines() if "Not paired" in line)
    assert told == (
        "Not paired with base: larger (max_n 180, not 150); exact (exact, without trials)."
    )
    found = cell(comparison, "expected", "success", "exact")
    assert found["mcse"] == 0.0
    assert found["difference_mcse"] == cell(comparison, "expected", "success", "base")["mcse"]
    assert abs(found["difference"]) < 5 * found["difference_mcse"]
    assert math.isnan(cell(comparison, "null", "success", "base")["difference"])


# ── what was changed ──────────────────────────────────────────────────────────────────────────
def test_changes_in_words() -> None:
    assert changes(altered(), stricter()) == (
        "arms.cart.allocation 2 → 1",
        "rules[0].at_least 0.985 → 0.995  ('efficacy')",
        "rules[1].below 0.05 → 0.1  ('futility')",
    )
    assert changes(altered(), altered()) == ()


def test_changes_that_add_remove_and_reorder() -> None:
    raw = raw_design("hello")
    raw["rules"] = [raw["rules"][1], raw["rules"][0]]
    raw["calibration"] = {"type_one_error": 0.025}
    raw["scenarios"]["small"] = {"dfr": {"soc": 0.1, "cart": 0.2}}
    told = changes(altered(), ac.Design(**raw))
    assert "calibration = { type_one_error = 0.025 } added" in told
    assert "scenarios.small = { dfr = { soc = 0.1, cart = 0.2 } } added" in told
    assert "rules: order efficacy, futility → futility, efficacy" in told
    fewer = changes(ac.Design(**raw), altered())
    assert "calibration = { type_one_error = 0.025 } removed" in fewer
    raw["rules"] = [raw["rules"][1]]
    (gone,) = (line for line in changes(altered(), ac.Design(**raw)) if "'futility'" in line)
    assert gone.startswith("rules[1] 'futility' removed: { then = \"declare_futility\"")


def test_a_default_that_is_written_is_no_change() -> None:
    raw = raw_design("hello")
    raw["arms"]["soc"]["allocation"] = 1
    raw["enrolment"]["per_month"] = 3.0
    assert changes(altered(), ac.Design(**raw)) == ()


def test_another_enrolment_is_another_design_and_in_a_scenario_another_truth(
    base: Result, tmp_path: Path
) -> None:
    raw = raw_design("hello")
    raw["enrolment"]["per_month"] = 5
    faster = run(ac.Design(**raw), tmp_path / "faster", trials=20)
    assert not any("Not the same truth" in note for note in compare([base, faster]).notes)
    raw["scenarios"]["null"]["enrolment"] = {"per_month": 1.0}
    slower = run(ac.Design(**raw), tmp_path / "slower", trials=20)
    notes = compare([base, slower]).notes
    assert any(note.startswith("Not the same truth in base and slower: null.") for note in notes)


def test_another_truth_of_the_same_name_is_told(base: Result, tmp_path: Path) -> None:
    raw = raw_design("hello")
    raw["scenarios"]["expected"]["dfr"]["cart"] = 0.40
    comparison = compare([base, run(ac.Design(**raw), tmp_path / "hopeful", trials=50)])
    (note,) = comparison.notes
    assert note.startswith("Not the same truth in base and hopeful: expected.")


# ── what people see ───────────────────────────────────────────────────────────────────────────
def test_text_fits_and_says_who_and_how(four: Comparison) -> None:
    text = four.text()
    assert max(map(len, text.splitlines())) <= 100
    for word in ("base", "other", "fixed size", "group sequential", "nulls", "alternatives"):
        assert word in text
    (paired,) = (line for line in text.splitlines() if line.startswith("Paired with base"))
    assert paired.endswith("same participants: other, fixed size, group sequential.")
    assert "Not paired" not in text
    found = cell(four, "expected", "success", "fixed size")
    line = next(
        line
        for line in text[text.index("alternatives") :].splitlines()
        if line.strip().startswith("fixed size")
    )
    assert f"{found['estimate']:.3f}"[:4] in line
    assert f"({found['difference_mcse']:.4f})" in line


def test_the_first_design_shows_its_own_errors_where_others_show_those_of_differences(
    four: Comparison, both: Comparison
) -> None:
    """In its line, below the brackets of the others, and in a table that is no wider for it."""
    for comparison in (both, four):
        lines = comparison.text().splitlines()
        assert max(map(len, lines)) <= 100
        for scenario in ("null", "expected"):
            start = lines.index(f" {scenario}")
            own, other = lines[start + 1], lines[start + 2]
            assert own.split()[0] == "base"
            for measure in ("success", "n_randomised_mean", "months_mean"):
                found = cell(comparison, scenario, measure, "base")
                number = found["mcse"]
                fewest, most = (3, 4) if measure == "success" else (1, 2)
                decimals = min(max(1 - math.floor(math.log10(number)), fewest), most)
                written = f"{found['estimate']:.{decimals}f}"
                assert written in own
                bracket = f"({number:.{decimals}f})"
                at = own.index(bracket, own.index(written))
                assert other[at] == "("  # the column of the differences' errors
                assert "+" not in own
                assert "−" not in own


def test_five_designs_of_all_kinds_fit(
    base: Result, other: Result, hello_exact: Result, tmp_path: Path
) -> None:
    raw = raw_design("hello")
    raw["enrolment"]["max_n"], raw["looks"]["observed"] = 180, [60, 105, 180]
    larger = run(ac.Design(**raw), tmp_path / "a_larger_design_of_long_name", trials=50)
    exact = hello_exact
    seed = run(altered(), tmp_path / "seed", seed=6)
    text = compare([base, other, larger, exact, seed]).text()
    assert max(map(len, text.splitlines())) <= 100
    assert "a_larger_de…_long_name" in text
    first = compare([exact, base]).text()
    assert "base (exact is exact, without trials)" in first
    assert "Monte Carlo standard error, of the difference;" in " ".join(first.split())
    alone = compare([exact], with_group_sequential=True).text()
    assert "(0)" not in alone  # two exact numbers have an exact difference


def test_notebook_shows_table_and_figures(four: Comparison) -> None:
    from matplotlib.figure import Figure

    page = four._repr_html_()
    assert page.count("<table>") == page.count("</table>") == 1
    assert "group sequential" in page
    assert "rules[1].below 0.05 → 0.1" in page
    for kind in PICTURES:
        assert isinstance(four.figure(kind), Figure)
    with pytest.raises(InputError, match="did you mean 'frontier'"):
        four.figure("frontiers")


def test_text_of_figures_is_large_enough(four: Comparison) -> None:
    from matplotlib.text import Text

    for kind in PICTURES:
        figure = four.figure(kind)
        figure.canvas.draw()
        sizes = [text.get_fontsize() for text in figure.findobj(Text) if text.get_text().strip()]
        assert min(sizes) >= 8.0
        assert figure.get_figwidth() <= 9.0
        assert figure.get_figheight() <= 7.0


def test_marks_of_the_frontier_are_the_numbers(four: Comparison) -> None:
    """Every design's power and mean number are drawn where the table has them."""
    (row,) = [name for name, role in four.scenarios.items() if role == "alternative"]
    panel = four.figure().axes[1]
    drawn = {
        (round(float(x), 9), round(float(y), 9))
        for container in panel.containers
        for x, y in [container[0].get_xydata()[0]]
    }
    wanted = {
        (
            round(cell(four, row, "n_randomised_mean", candidate.label)["estimate"], 9),
            round(cell(four, row, "success", candidate.label)["estimate"], 9),
        )
        for candidate in four.candidates
    }
    assert drawn == wanted


def test_frontier_is_of_those_that_none_beats() -> None:
    assert efficient([(1.0, 0.5), (2.0, 0.9), (3.0, 0.8), (2.5, 0.9)]) == [0, 1]
    assert efficient([(1.0, 0.5), (1.0, 0.5)]) == [0, 1]


def test_files(four: Comparison, tmp_path: Path) -> None:
    names = four.write(tmp_path / "comparison", formats=("png", "svg"))
    found = sorted(path.name for path in (tmp_path / "comparison").glob("[!.]*"))
    assert sorted(names) == found
    table = pd.read_csv(tmp_path / "comparison" / "comparison.csv")
    pd.testing.assert_frame_equal(
        table[["estimate", "mcse", "difference", "difference_mcse"]],
        four.table[["estimate", "mcse", "difference", "difference_mcse"]],
        check_exact=True,
    )
    told = (tmp_path / "comparison" / "changes.txt").read_text(encoding="utf-8")
    assert "rules[1].below 0.05 → 0.1" in told
    assert "fixed size, compared with base:" in told
    with pytest.raises(InputError, match="bmp"):
        four.write(tmp_path / "nothing", formats=("bmp",))
    assert not (tmp_path / "nothing").exists()
    four.write(tmp_path / "comparison", formats=("svg",))
    left = {path.name for path in (tmp_path / "comparison").iterdir()}
    assert not any(name.endswith(".png") for name in left)  # nothing old beside the new
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match="is a file"):
        four.write(tmp_path / "file")


def test_the_made_run_is_kept_and_gone_on_with(base: Result, folder: Path, four: Any) -> None:
    kept = folder / "made" / "fixed_size"
    before = (kept / "trials.parquet").stat().st_mtime_ns
    compare([base], with_fixed=True, jobs=1, out=folder / "made")
    assert (kept / "trials.parquet").stat().st_mtime_ns == before
    other = compare([base], with_fixed=True, jobs=1, out=folder / "made", scenarios=["null"])
    assert list(other.scenarios) == ["null"]


# ── what is refused ───────────────────────────────────────────────────────────────────────────
def test_refusals(base: Result, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two are needed, or one and --with-fixed"):
        compare([base])
    with pytest.raises(InputError, match="no result given"):
        compare([], with_fixed=True, with_group_sequential=True)
    with pytest.raises(ResultsError, match="no results here"):
        compare([base, tmp_path / "nowhere"])
    with pytest.raises(ResultsError, match=r"'nulll' is not common.*did you mean 'null'"):
        compare([base, base], scenarios=["nulll"])
    raw = raw_design("hello")
    raw["scenarios"] = {"none": {"role": "null", "dfr": {"soc": 0.1, "cart": 0.1}}}
    strange = run(ac.Design(**raw), tmp_path / "strange", trials=20)
    with pytest.raises(ResultsError, match=r"no scenario is common.*base: null, expected.*none"):
        compare([base, strange])


def test_scenarios_that_not_all_have_are_told(base: Result, tmp_path: Path) -> None:
    only = ac.simulate(
        altered(), trials=50, seed=5, scenarios=["null"], engine="simulate", jobs=1,
        out=tmp_path / "only",
    )  # fmt: skip
    comparison = compare([base, only])
    assert list(comparison.scenarios) == ["null"]
    assert "Left out, since not all designs have them: expected." in comparison.notes


def test_edited_folders_are_refused(base: Result, tmp_path: Path) -> None:
    edited = tmp_path / "edited"
    shutil.copytree(base.folder, edited)
    text = (edited / "design.toml").read_text(encoding="utf-8")
    (edited / "design.toml").write_text(text.replace("0.985", "0.975"), encoding="utf-8")
    with pytest.raises(ResultsError, match="is not the design that was run"):
        compare([base, edited])
    (edited / "design.toml").write_text(text, encoding="utf-8")
    (edited / "trials.parquet").write_bytes((edited / "looks.parquet").read_bytes())
    with pytest.raises(ResultsError, match=r"trials\.parquet"):
        compare([base, edited])


def test_designs_without_safety_rules_say_so_beside_their_numbers(tmp_path: Path) -> None:
    raw = raw_design("sle_autologous")
    made = ac.simulate(ac.Design(**raw), trials=20, seed=1, jobs=1, scenarios=["toxic"],
                       out=tmp_path / "run")  # fmt: skip
    found = compare([made], with_fixed=True, jobs=1)
    assert [candidate.stops_for_safety for candidate in found.candidates] == [True, False]
    told = found.text(120)
    assert re.search(r"\n +fixed size †", told)
    assert "† fixed size has no rule that stops for safety" in " ".join(told.split())
    assert "fixed size †" in found._repr_html_()


def test_nothing_is_marked_where_no_design_has_a_safety_rule(both: Comparison) -> None:
    assert "†" not in both.text(120)
