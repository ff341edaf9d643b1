"""A real trial at a look: its rules, what would change them, the decision, the files."""

from __future__ import annotations

import copy
import csv
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.analysis import analyze, flow
from adaptive_cart.analysis.posteriors import questions_of
from adaptive_cart.analysis.real_trial import IMPUTATIONS
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.models.binary.beta_binomial_analysis import BetaBinomialAnalysis
from adaptive_cart.recorded.table import participants_table
from analysis.test_real_trial_round_trip import as_file, simulated, table
from checks import opened_posterior, raw_design
from test_designs import ready


def test_what_is_answered_from_draws_is_told_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    told = list(questions_of(Plan.of(small())))
    assert {question.kind for question in told} == {"level"}
    monkeypatch.setattr(BetaBinomialAnalysis, "answers", ("best",))  # made of levels, too
    assert list(questions_of(Plan.of(small()))) == told


def test_the_place_of_every_arm_is_told_where_a_rule_asks_which_is_the_best() -> None:
    """1 and the chances of the others to be better, each by integration of two betas."""
    arms = {"soc": {"control": True}} | {
        name: {"product": "autologous"} for name in ("a", "b", "c")
    }
    asked = {"endpoint": "response", "arm": "each", "best": True}
    design = small(
        arms=arms,
        rules=[{"name": "first", "then": "declare_success", "posterior": asked, "at_least": 0.99}],
        scenarios={"null": {"response": dict.fromkeys(arms, 0.3)}},
    )
    had = {"soc": (2, 6), "a": (3, 7), "b": (5, 7), "c": (2, 6)}
    rows = [
        {"participant": f"{arm}{k}", "arm": arm, "randomised_month": 0.25,
         "last_contact_month": 3.0, "response": int(k < yes)}
        for arm, (yes, n) in had.items() for k in range(n)
    ]  # fmt: skip
    found = analyze(design, rows, fast=True)
    told = {q.arm: q for q in found.findings.quantities if q.kind == "rank"}
    assert set(told) == {"a", "b", "c"}
    x = (np.arange(20_000) + 0.5) / 20_000
    betas = {arm: stats.beta(1 + yes, 1 + n - yes) for arm, (yes, n) in had.items()}
    for arm, quantity in told.items():
        others = [betas[other] for other in "abc" if other != arm]
        expected = 1.0 + sum(float(other.sf(betas[arm].ppf(x)).mean()) for other in others)
        assert quantity.fast.mean == pytest.approx(expected, abs=0.02)
        assert 1.0 <= quantity.fast.lower <= quantity.fast.upper <= 3.0
        assert quantity.words == f"{arm}, place among 3 arms (1 has the largest level)"
    assert [q for q in found.text.splitlines() if "place among 3 arms" in q]


# ── which look, and when ──────────────────────────────────────────────────────────────────────
def small(**changes: Any) -> Design:
    raw: dict[str, Any] = {
        "name": "small",
        "arms": {"soc": {"control": True}, "cart": {"product": "autologous"}},
        "endpoints": {"response": {"type": "landmark", "month": 3}},
        "enrolment": {"max_n": 36, "per_month": 3},
        "looks": {"observed": [26, 36]},
        "rules": [
            {"name": "efficacy", "then": "declare_success", "at_least": 0.95,
             "posterior": {"endpoint": "response", "arm": "cart", "minus": "soc", "above": 0.0}},
        ],
        "scenarios": {"null": {"response": {"soc": 0.3, "cart": 0.3}}},
    }  # fmt: skip
    return Design(**(raw | changes))


def responders(cart: tuple[int, int], soc: tuple[int, int], missing: int = 0) -> list[Any]:
    rows = []
    for arm, (successes, total) in (("cart", cart), ("soc", soc)):
        for number in range(total):
            row = {"participant": f"{arm}{number}", "arm": arm, "randomised_month": 0.25}
            rows.append(row | {"last_contact_month": 3.0, "response": int(number < successes)})
    rows += [{"participant": f"lost{number}", "arm": "cart", "randomised_month": 0.25,
              "last_contact_month": 1.0, "response": ""} for number in range(missing)]  # fmt: skip
    return rows


def above(cart: tuple[int, int], soc: tuple[int, int], margin: float = 0.0) -> float:
    """P(cart - soc > margin) with uniform priors, by Gauss-Legendre quadrature of the integral."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    control, weights = (nodes + 1.0) / 2.0, weights / 2.0
    density = stats.beta(soc[0] + 1, soc[1] - soc[0] + 1).pdf(control)
    larger = stats.beta(cart[0] + 1, cart[1] - cart[0] + 1).sf(control + margin)
    return float(weights @ (density * larger))


def test_ten_of_fourteen_against_three_of_twelve() -> None:
    # the only randomised CAR-T result in an autoimmune disease: myasthenia gravis, MG-001
    found = analyze(small(), responders((10, 14), (3, 12)), fast=True)
    (rule,) = found.rules
    assert rule.fast == pytest.approx(above((10, 14), (3, 12)), abs=1e-9)
    assert rule.fast == pytest.approx(0.98935, abs=0.00001)
    assert rule.holds is True
    assert found.decision.outcome == "success"
    assert found.decision.basis == "fast posterior only"


def test_the_smallest_change_is_told_and_no_smaller_one_exists() -> None:
    cart, soc, threshold = (10, 14), (3, 12), 0.95
    (rule,) = analyze(small(), responders(cart, soc), fast=True).rules
    tables = {
        (i, j): above((cart[0] + i, cart[1]), (soc[0] + j, soc[1]))
        for i in range(-3, 4)
        for j in range(-3, 4)
        if abs(i) + abs(j) <= 3
    }
    flips = {step: probability for step, probability in tables.items() if probability < threshold}
    smallest = min(abs(i) + abs(j) for i, j in flips)
    assert smallest == 2
    assert rule.changes is not None
    one = flips[-2, 0]
    assert rule.changes == f"would not hold with 2 fewer responders in cart (then {one:.4f})"


def test_a_change_in_two_arms_is_told_where_none_in_one_will_do() -> None:
    design = small(rules=[{
        "name": "efficacy", "then": "declare_success", "at_least": 0.999,
        "posterior": {"endpoint": "response", "arm": "cart", "minus": "soc", "above": 0.0},
    }])  # fmt: skip
    cart, soc = (13, 14), (5, 12)
    (rule,) = analyze(design, responders(cart, soc), fast=True).rules
    assert rule.fast is not None
    assert rule.fast < 0.999
    best = min(
        (i + j, i)
        for i in range(2)
        for j in range(6)
        if above((cart[0] + i, 14), (soc[0] - j, 12)) >= 0.999
    )[0]
    numbers = [int(word) for word in str(rule.changes).split() if word.isdigit()]
    assert sum(numbers) == best


def test_events_that_would_have_tripped_a_rate_are_counted() -> None:
    design = ready(raw_design("enrichment_biomarker"))
    block = simulated(design, "all", 1)
    found = analyze(design, table(design, block, 0), fast=True)
    rule = next(rule for rule in found.rules if rule.rule == "harm")
    cart = [g.endpoints["infection"] for g in found.findings.numbers if g.arm == "cart"]
    events, years = (sum(part[name] for part in cart) for name in ("events", "years"))

    def above(more: int) -> float:
        return float(stats.gamma(0.5 + events + more, scale=1.0 / (5.0 + years)).sf(0.30))

    assert rule.fast == pytest.approx(above(0), abs=1e-9)
    needed = next(k for k in range(1, 100) if above(k) >= 0.95)
    assert str(rule.changes).startswith(f"would hold with {needed} more events in cart")


def test_events_that_would_have_undone_a_hazard_ratio_do_when_they_are_in_the_table() -> None:
    design = Design(**raw_design("durability_event_driven"))
    block = simulated(design, "expected", 12)
    trial = next(t for t in range(12) if block.look[t] == 1 and block.standing.reason[t] == 0)
    rows = table(design, block, trial)
    month = float(block.months[trial])
    found = analyze(design, rows, look=1, as_of=month, fast=True)
    match = re.search(r"with (\d+) more events? in consolidate, in those followed (\w+) ",
                      str(found.rules[0].changes))  # fmt: skip
    assert match is not None
    number, order = int(match[1]), match[2]
    free = [row for row in rows if row["arm"] == "consolidate" and row["relapse"] == ""]
    free.sort(key=lambda row: row["last_contact_month"], reverse=order == "longest")
    for row in free[: number - 1]:
        row["relapse"] = row["last_contact_month"]
    assert analyze(design, rows, look=1, as_of=month, fast=True).rules[0].holds is True
    free[number - 1]["relapse"] = free[number - 1]["last_contact_month"]
    assert analyze(design, rows, look=1, as_of=month, fast=True).rules[0].holds is False


def test_a_look_that_is_not_due_says_what_it_needs() -> None:
    rows = responders((5, 10), (3, 10))
    with pytest.raises(ac.CartError, match="look 1 is not due: it needs 26 participants observed"):
        analyze(small(), rows, fast=True)
    with pytest.raises(ac.CartError, match="there are 20 randomised, 20 of them past month 3"):
        analyze(small(), rows, look=1, fast=True)
    found = analyze(small(), rows, look=1, as_of=3.25, fast=True)
    assert found.rules[0].fast == pytest.approx(above((5, 10), (3, 10)), abs=1e-9)
    assert "the look is held before it is due" in found.findings.notes


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"look": 3}, "--look: found 3; the design has looks 1 to 2"),
        ({"look": 0}, "--look: found 0"),
        ({"as_of": -1.0}, "--as-of: found -1"),
        ({"as_of": float("nan")}, "--as-of: found nan"),
        ({"as_of": 40.0}, "--as-of: found 40; the data reach month 3.25"),
        ({"window": -1.0}, "--window: found -1"),
        ({"seed": -1}, "--seed: found -1"),
    ],
)
def test_what_cannot_be_asked_for(how: dict[str, Any], message: str) -> None:
    with pytest.raises(ac.CartError, match=message) as caught:
        analyze(small(), responders((10, 14), (3, 12)), fast=True, **how)
    assert caught.value.exit_status == 2


def test_a_threshold_that_is_not_calibrated_yet_is_refused() -> None:
    with pytest.raises(ac.CartError, match="adaptive-cart calibrate DESIGN"):
        analyze(Design(**raw_design("enrichment_biomarker")), [], fast=True)


def test_a_trial_that_went_on_past_its_end_is_judged_as_if_it_had_not_ended() -> None:
    design = Design(**raw_design("hello"))
    block = simulated(design, "expected", 30)
    trial = next(t for t in range(30) if block.look[t] == 1 and block.standing.reason[t] == 0)
    assert block.population is not None
    date = float(block.population.arrival[trial, 104] + 12.0)
    rows = participants_table(design, block.population, trial, date, 120)
    by_default = analyze(design, rows, fast=True)
    assert by_default.findings.look == 1
    assert by_default.decision.outcome == "success"
    second = analyze(design, rows, look=2, fast=True)
    assert second.findings.look == 2
    assert second.findings.date == date
    assert any("By its rules the trial had ended at look 1" in n for n in second.findings.notes)
    assert second.rules[0].fast is not None


def test_counts_of_events_that_can_still_come_leave_a_look_undue() -> None:
    design = Design(**raw_design("durability_event_driven"))
    rows = [
        {"participant": str(n), "arm": ("withdraw_late", "consolidate")[n % 2],
         "randomised_month": n / 8, "last_contact_month": 30.0, "relapse": 2.0 if n < 20 else ""}
        for n in range(160)
    ]  # fmt: skip
    with pytest.raises(ac.CartError, match=r"it needs 30 events; by month .* 20 events"):
        analyze(design, rows, fast=True)
    for row in rows[20:]:
        row["last_contact_month"] = 36.0  # the horizon: nobody is under follow-up any more
    with pytest.raises(ac.CartError, match=r"it needs 30 events; by month .* 20 events"):
        analyze(design, rows[:-1], fast=True)  # one participant may still enrol, and relapse
    found = analyze(design, rows, fast=True)
    assert found.findings.look == 1
    assert found.findings.last
    assert found.decision.outcome in ("success", "no_success")


# ── edges ─────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.slow
def test_an_arm_with_nobody_and_no_events_at_all_are_analysed() -> None:
    alone = analyze(small(), responders((0, 26), (0, 0)), fast=True)
    assert alone.rules[0].fast == pytest.approx(above((0, 26), (0, 0)), abs=1e-9)
    soc = next(group for group in alone.findings.numbers if group.arm == "soc")
    assert soc.randomised == 0
    course = Design(**raw_design("sle_autologous"))
    block = simulated(course, "null", 1)
    rows = table(course, block, 0)
    for row in rows:
        for column in ("infused", "remission", "relapse", "rescue", "death"):
            row[f"{column}_month"] = ""
        row["crs3"] = row["remission_on_drugs_month"] = ""
    found = analyze(course, rows, look=1, fast=True)
    assert all(group.infused == 0 for group in found.findings.numbers)
    assert found.decision.outcome in ("futility", "goes_on")
    assert found.figures().keys() == {"difference", "prior_and_posterior", "swimmer"}


def test_missing_responses_are_imputed_many_times_and_not_once() -> None:
    design = small(endpoints={"response": {"type": "landmark", "month": 3, "missing": "impute"}})
    rows = responders((6, 10), (3, 12), missing=4)
    found = analyze(design, rows, fast=True, seed=5)
    chance = stats.binom(4, 7 / 12).pmf(np.arange(5))  # (6 + 1) / (10 + 2)
    answers = np.array([above((6 + k, 14), (3, 12)) for k in range(5)])
    exact = float(chance @ answers)
    mcse = math.sqrt(float(chance @ (answers - exact) ** 2) / IMPUTATIONS)
    assert found.rules[0].fast == pytest.approx(exact, abs=4 * mcse)
    assert analyze(design, rows, fast=True, seed=5).rules[0].fast == found.rules[0].fast
    assert analyze(design, rows, fast=True, seed=6).rules[0].fast != found.rules[0].fast
    assert any("imputed; probabilities are means over 400" in n for n in found.findings.notes)
    assert found.rules[0].changes is not None


def test_missing_is_non_response_unless_the_design_says_otherwise() -> None:
    rows = responders((6, 10), (3, 12), missing=4)
    counted = analyze(small(), rows, fast=True)
    left_out = analyze(
        small(endpoints={"response": {"type": "landmark", "month": 3, "missing": "exclude"}}),
        rows,
        fast=True,
    )
    assert counted.rules[0].fast == pytest.approx(above((6, 14), (3, 12)), abs=1e-9)
    assert left_out.rules[0].fast == pytest.approx(above((6, 10), (3, 12)), abs=1e-9)


def test_a_visit_a_little_early_counts_where_a_window_is_given() -> None:
    raw = raw_design("sle_autologous")
    design = Design(**raw)
    block = simulated(design, "expected", 1)
    rows = table(design, block, 0)
    for row in rows:
        if row["last_contact_month"] > 11.9:
            row["last_contact_month"] = 11.9
            for column in ("relapse_month", "rescue_month", "remission_month"):
                if row[column] != "" and row[column] > 11.9:
                    row[column] = ""
            row["relapse_month"] = row["relapse_month"] if row["remission_month"] != "" else ""
    reach = max(row["randomised_month"] + row["last_contact_month"] for row in rows)
    how: dict[str, Any] = {"look": 1, "as_of": reach, "fast": True}
    strict = analyze(design, rows, window=0.0, **how)
    lenient = analyze(design, rows, window=0.25, **how)
    by_default = analyze(design, rows, **how)

    def cart(found: Any) -> dict[str, float]:
        numbers = next(g for g in found.findings.numbers if g.arm == "cart").endpoints["dfr"]
        return dict(numbers)

    assert strict.decision.outcome == "withheld"
    assert by_default.decision == lenient.decision
    assert cart(by_default) == cart(lenient)
    assert cart(strict)["events"] == 0.0
    assert cart(strict)["missing"] > 0.0
    assert cart(lenient)["events"] > 5.0
    gone = [
        row
        for row in rows
        if row["arm"] == "cart"
        and row["randomised_month"] + 12.0 <= reach
        and (row["last_contact_month"] < 11.75 or float(row["withdrawn_month"] or 99) < 12.0)
        and row["death_month"] == row["rescue_month"] == ""
    ]
    assert cart(lenient)["missing"] == len(gone) < cart(strict)["missing"]


# ── what is told and written ──────────────────────────────────────────────────────────────────
@pytest.mark.slow
def test_the_folder_of_a_course_holds_what_was_found(tmp_path: Path) -> None:
    design = Design(**raw_design("sle_autologous"))
    block = simulated(design, "expected", 1)
    path = as_file(table(design, block, 0), tmp_path / "data.csv")
    out = tmp_path / "analysis"
    found = analyze(design, path, fast=True, out=out)
    written = json.loads((out / "analysis.json").read_text(encoding="utf-8"))
    assert written["look"] == found.findings.look
    assert written["date"] == found.findings.date == block.months[0]
    assert written["decision"]["outcome"] == "success"
    assert written["data"]["digest"] == found.participants.digest
    rule = next(rule for rule in written["rules"] if rule["rule"] == "efficacy")
    assert rule["fast"] == block.standing.probability[0]
    assert rule["reference"] is None
    assert rule["threshold"] == 0.995
    names = {"difference", "prior_and_posterior", "durability", "swimmer"}
    files = {f"{name}.{kind}" for name in names for kind in ("svg", "png", "csv")}
    assert {file.name for file in (out / "figures").iterdir()} == files
    for text in ((out / "analysis.md").read_text(), (out / "analysis.html").read_text()):
        assert found.decision.words in text
        assert found.rules[1].changes is not None
        assert found.rules[1].changes in text


@pytest.mark.slow
def test_the_same_analysis_writes_the_same_files(tmp_path: Path) -> None:
    analyze(small(), responders((10, 14), (3, 12)), fast=True, out=tmp_path / "one")
    before = {file: file.read_bytes() for file in tmp_path.rglob("[!.]*.*")}
    analyze(small(), responders((10, 14), (3, 12)), fast=True, out=tmp_path / "one")
    assert before == {file: file.read_bytes() for file in tmp_path.rglob("[!.]*.*")}


def test_a_folder_of_counts_holds_what_was_found(tmp_path: Path) -> None:
    out = tmp_path / "one"
    found = analyze(small(), responders((10, 14), (3, 12)), fast=True, out=out)
    written = json.loads((out / "analysis.json").read_text(encoding="utf-8"))
    assert written["decision"]["words"] == found.decision.words
    assert written["rules"][0]["question"] == "P(cart − soc > 0.00 | response)"
    assert written["numbers"][1] == {
        "arm": "cart", "stratum": None, "randomised": 14, "infused": 0, "died": 0, "lost": 0,
        "unseen": 0, "endpoints": {"response": {"events": 10.0, "analysed": 14.0, "missing": 0.0}},
    }  # fmt: skip
    with (out / "figures" / "difference.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    value, density = (np.array([float(row[name]) for row in rows]) for name in ("value", "density"))
    assert density @ np.gradient(value) == pytest.approx(1.0, abs=0.01)
    margin = float(density[value > 0.0] @ np.gradient(value)[value > 0.0])
    assert margin == pytest.approx(found.rules[0].fast, abs=0.01)
    page = (out / "analysis.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 3
    assert "http" not in page.replace('="http://www.w3.org/', "")  # names, not addresses


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    rows = responders((10, 14), (3, 12))
    with pytest.raises(ac.CartError, match="holds something else than an analysis"):
        analyze(small(), rows, fast=True, out=tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_notebook_and_a_terminal_see_the_decision() -> None:
    found = analyze(small(), responders((10, 14), (3, 12)), fast=True)
    assert "<strong>The trial stops for success at look 1.</strong>" in found._repr_html_()
    assert found.text.splitlines()[-2] == (
        "Decision (fast posterior only): The trial stops for success at look 1."
    )
    with pytest.raises(ac.CartError, match="there is no reference posterior"):
        _ = found.posterior


# ── the reference ─────────────────────────────────────────────────────────────────────────────
class FakeFit:
    """Draws that a test makes itself: what the analysis does with them needs no PyMC."""

    def __init__(self, probability: Any) -> None:
        self.draws = {"probability": probability}

    def to_arviz(self) -> Any:
        return self.draws


def with_draws(
    monkeypatch: pytest.MonkeyPatch, shift: float = 0.0, trouble: str | None = None
) -> None:
    from adaptive_cart.analysis import reference
    from adaptive_cart.models import sampling

    def fit(compiled: Any, data: Any, *, seed: int, **settings: Any) -> Any:
        random = np.random.default_rng(seed)
        successes, totals = data["successes"], data["totals"]
        draws = random.beta(successes + 1, totals - successes + 1, (4, 2500, len(totals)))
        draws[..., 0] += shift
        return FakeFit(draws), trouble

    def mean_and_error(values: Any) -> tuple[float, float]:
        return float(values.mean()), float(values.std() / math.sqrt(values.size))

    monkeypatch.setattr(sampling, "Compiled", lambda reference, data: None)
    monkeypatch.setattr(sampling, "fitted_carefully", fit)
    monkeypatch.setattr(sampling, "mean_and_error", mean_and_error)
    monkeypatch.setattr(reference.ReferencePosteriors, "diagnoses", lambda self: ())
    monkeypatch.setattr(flow.util, "find_spec", lambda name: object())


def test_the_reference_decides_where_both_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    with_draws(monkeypatch)
    found = analyze(small(), responders((10, 14), (3, 12)))
    (rule,) = found.rules
    assert found.decision.basis == "reference posterior"
    assert found.decision.outcome == found.decision.reference == "success"
    assert rule.reference is not None
    assert rule.mcse is not None
    assert rule.reference == pytest.approx(rule.fast, abs=5 * rule.mcse)
    assert rule.reference != rule.fast
    assert list(found.posteriors) == ["response"]
    assert found.posteriors["response"] is found.posterior
    assert f"reference {rule.reference:.4f}" in found.text


def test_a_predictive_probability_of_the_draws_is_that_of_the_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_draws(monkeypatch)
    efficacy = small().rules[0].model_dump(by_alias=True, exclude_none=True)
    futility = {"name": "futility", "then": "declare_futility", "below": 0.05, "looks": [1],
                "predictive": {"rule": "efficacy"}}  # fmt: skip
    design = small(rules=[futility, efficacy])
    found = analyze(design, responders((6, 13), (4, 13)))
    rule = found.rules[0]
    assert rule.reference is not None
    assert rule.mcse is not None
    assert 0.05 < rule.reference < 0.95
    assert rule.reference == pytest.approx(rule.fast, abs=5 * rule.mcse)


def test_the_reference_averages_over_the_same_imputations(monkeypatch: pytest.MonkeyPatch) -> None:
    with_draws(monkeypatch)
    design = small(endpoints={"response": {"type": "landmark", "month": 3, "missing": "impute"}})
    found = analyze(design, responders((6, 10), (3, 12), missing=4))
    (rule,) = found.rules
    assert rule.reference is not None
    assert rule.mcse is not None
    assert rule.reference == pytest.approx(rule.fast, abs=5 * rule.mcse)
    for quantity in found.findings.quantities:
        assert quantity.reference is not None
        for mine, theirs in zip(
            vars(quantity.reference).values(), vars(quantity.fast).values(), strict=True
        ):
            assert mine == pytest.approx(theirs, abs=0.01)


def test_a_decision_is_withheld_where_the_chains_are_not_to_be_trusted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_draws(monkeypatch, trouble="R-hat 1.043 > 1.01")
    found = analyze(small(), responders((10, 14), (3, 12)))
    assert found.decision.outcome == found.decision.basis == "withheld"
    assert "R-hat 1.043 > 1.01" in found.decision.reasons[0]
    assert found.decision.fast == "success"
    assert "The decision is withheld." in found.text


def test_a_decision_is_withheld_where_the_two_posteriors_disagree(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_draws(monkeypatch, shift=0.1)
    found = analyze(small(), responders((10, 14), (3, 12)))
    assert found.decision.outcome == "withheld"
    assert "differ by more than Monte Carlo error" in found.decision.reasons[0]


def test_a_threshold_nearer_than_the_chains_can_tell_is_judged_by_the_fast_posterior(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_draws(monkeypatch)
    rows = responders((10, 14), (3, 12))
    rule = analyze(small(), rows).rules[0]
    assert rule.fast is not None
    assert rule.reference is not None
    between = (rule.fast + rule.reference) / 2.0
    written = small().rules[0].model_dump(by_alias=True, exclude_none=True)
    found = analyze(small(rules=[written | {"at_least": between}]), rows)
    assert found.rules[0].fast_holds != found.rules[0].reference_holds
    assert found.rules[0].holds == found.rules[0].fast_holds
    assert found.decision.basis == "fast posterior"
    assert found.decision.outcome == found.decision.fast


def test_without_pymc_the_fast_answer_stands_alone_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flow.util, "find_spec", lambda name: None)
    said: list[str] = []
    found = analyze(small(), responders((10, 14), (3, 12)), tell=said.append)
    assert found.decision.basis == "fast posterior only"
    assert said == [found.findings.notes[-1]]
    assert 'pip install "adaptive_cart[reference]"' in said[0]


@pytest.mark.reference
@pytest.mark.slow
def test_the_reference_is_fitted_kept_and_opened_again(tmp_path: Path) -> None:
    out = tmp_path / "analysis"
    found = analyze(small(), responders((10, 14), (3, 12)), out=out, seed=3)
    (rule,) = found.rules
    (diagnosis,) = found.findings.diagnoses
    assert diagnosis.trouble is None
    assert diagnosis.r_hat <= 1.01
    assert rule.reference is not None
    assert rule.mcse is not None
    assert rule.reference == pytest.approx(rule.fast, abs=4 * rule.mcse + 0.002)
    written = json.loads((out / "analysis.json").read_text(encoding="utf-8"))
    draws = opened_posterior(out / written["posteriors"]["response"])["posterior"]["probability"]
    assert dict(draws.sizes)["chain"] == 4
    mine = found.posterior["posterior"]["probability"]
    np.testing.assert_array_equal(np.asarray(draws), np.asarray(mine))


@pytest.mark.reference
@pytest.mark.slow
def test_every_endpoint_of_a_course_has_its_reference() -> None:
    raw = copy.deepcopy(raw_design("sle_autologous"))
    design = Design(**raw)
    block = simulated(design, "expected", 1)
    found = analyze(design, table(design, block, 0), seed=1)
    assert found.decision.outcome == "success"
    assert found.decision.basis == "reference posterior"
    assert {d.endpoint for d in found.findings.diagnoses} == set(Plan.of(design).fitted)
    assert set(found.posteriors) == set(Plan.of(design).fitted) >= {"dfr", "relapse"}
    for quantity in found.findings.quantities:
        assert quantity.reference is not None
        assert quantity.reference.mean == pytest.approx(quantity.fast.mean, abs=0.015)
