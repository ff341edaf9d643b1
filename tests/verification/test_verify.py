"""Fast face against PyMC at simulated looks: which looks, what counts as failed, and resuming."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaptive_cart as ac
from adaptive_cart.conduct import asking
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.errors import DesignError, InputError, ResultsError
from adaptive_cart.models import ANALYSES, sampling
from adaptive_cart.models.binary.beta_binomial_analysis import CountsPosterior
from adaptive_cart.models.classical.classical_analysis import OfProportions
from adaptive_cart.models.reference import OneTrial
from adaptive_cart.models.strata.logistic_analysis import StrataPosterior
from adaptive_cart.nouns.ahead import Numbers
from adaptive_cart.nouns.completions import Completions, PlainCompletions
from adaptive_cart.nouns.owned_folder import OwnedFolder
from adaptive_cart.nouns.questions import OPEN, Question
from adaptive_cart.nouns.summaries import Counts, Means
from adaptive_cart.verification import verified_rows, verify
from adaptive_cart.verification.verified_estimates import not_beside
from adaptive_cart.verification.verified_fits import DRAWS
from adaptive_cart.verification.verified_looks import chosen_looks, not_verified
from adaptive_cart.verification.verified_row import Row, allowed_of
from checks import raw_design
from models.test_draws import TABLES
from models.test_reference_models import durations

LOOKS = 6


def hello() -> Any:
    return ac.Design(**raw_design("hello"))


def looks_of(name: str, number: int, pool: int = 60, seed: int = 3) -> Any:
    design = ac.Design(**raw_design(name))
    plan = Plan.of(design)
    return plan, chosen_looks(plan, dict(truths_of(design)), seed, number, pool)


ROW = Row(
    scenario="null",
    trial=3,
    look=1,
    rule="efficacy",
    arm="cart",
    stratum="",
    fast=0.96,
    reference=0.961,
    difference=-0.001,
    mcse=0.002,
    threshold=0.985,
    fast_decision=False,
    reference_decision=False,
    r_hat=1.001,
    ess_bulk=2000.0,
    divergences=0,
    trusted=True,
)


# ── which looks ───────────────────────────────────────────────────────────────────────────────
def test_half_of_the_looks_are_the_closest_to_a_threshold() -> None:
    plan, everything = looks_of("hello", 10**6)
    _, chosen = looks_of("hello", 12)
    assert len(chosen) == 12
    assert len({look.key for look in chosen}) == 12
    near = {look.key for look in chosen[:6]}
    for part in range(len(plan.parts)):  # in turn: three each
        distances = sorted(
            (asked.distance, look.key)
            for look in everything
            for asked in look.asked
            if asked.part == part
        )
        closest = distances[0][0]
        assert any(key in near for distance, key in distances if distance == closest)
    assert {look.scenario for look in chosen[6:]} == set(hello().scenarios)
    _, again = looks_of("hello", 12)
    assert [look.key for look in again] == [look.key for look in chosen]
    _, other = looks_of("hello", 12, seed=4)
    assert [look.key for look in other] != [look.key for look in chosen]


def test_a_chosen_look_asks_what_the_run_recorded(tmp_path: Path) -> None:
    result = ac.simulate(hello(), trials=60, seed=3, engine="simulate", jobs=1)
    recorded = result.looks
    _, everything = looks_of("hello", 10**6)
    assert len(everything) > 100
    for look in everything[::7]:
        rows = recorded[
            (recorded.scenario == look.scenario)
            & (recorded.trial == look.trial)
            & (recorded.look == look.look)
        ]
        for asked in look.asked:
            column = [
                name for name in rows.columns if name == f"p_{('efficacy', 'futility')[asked.part]}"
            ]
            assert column, list(rows.columns)
            assert rows[column[0]].max() == pytest.approx(asked.fast, abs=1e-12)


def test_strata_are_those_open_when_the_rule_was_asked() -> None:
    plan, everything = looks_of("enrichment_biomarker", 10**6, pool=40)
    closed = 0
    for look in everything:
        for asked in look.asked:
            assert asked.open_strata is not None
            if asked.question.stratum >= 0:
                assert asked.open_strata[asked.question.stratum]
            elif asked.question.stratum == OPEN:
                closed += not asked.open_strata.all()
            # the same question of this trial alone, and of the strata then open, has this answer
            analysis, fitted = plan.fitted[asked.question.endpoint]
            one = analysis.posterior(
                fitted, look.summaries[asked.question.endpoint], asked.open_strata[None]
            )
            assert one.probability(asked.question)[0] == pytest.approx(asked.fast, abs=1e-9)
    assert closed > 0, "no look of this test has a closed stratum"


def safety_between_looks() -> dict[str, Any]:
    raw = raw_design("sle_autologous")
    raw["rules"][0] |= {"every": 5}
    return raw


def test_what_is_judged_between_looks_is_taken_too() -> None:
    design = ac.Design(**safety_between_looks())
    plan = Plan.of(design)
    truths = {"null": design.truths["null"]}
    everything = chosen_looks(plan, truths, 3, 10**6, pool=20)
    assert len({look.key for look in everything}) == len(everything)
    between = [look for look in everything if look.between]
    assert len(between) > 40, "about every fifth of the infusions"
    assert {plan.parts[each.part].name for look in between for each in look.asked} == {"safety"}
    for look in between[::5]:
        (asked,) = look.asked
        analysis, fitted = plan.fitted["crs3"]
        one = analysis.posterior(fitted, look.summaries["crs3"], None)
        assert one.probability(asked.question)[0] == pytest.approx(asked.fast, abs=1e-9)
        assert asked.threshold == 0.90
    # what is asked at looks is what is asked where nobody notes anything between
    first = [look for look in everything if look.look == 1 and not look.between]
    assert {plan.parts[each.part].name for look in first for each in look.asked} >= {"efficacy"}
    # and dates between looks are among the few that are taken
    assert any(look.between for look in chosen_looks(plan, truths, 3, 12, pool=20))


def test_what_pymc_has_no_answer_to_is_named() -> None:
    def whys(raw: dict[str, Any]) -> dict[str, str | None]:
        plan = Plan.of(ac.Design(**raw))
        return {part.name: not_verified(plan, part) for part in plan.parts}

    assert whys(raw_design("hello")) == {"efficacy": None, "futility": None}
    early = raw_design("sle_autologous") | {"prediction": {"dfr": {"from": [6.0]}}}
    assert set(whys(early).values()) == {None}
    in_strata = early | {"strata": {"severe": 0.5, "other": 0.5}}
    assert set(whys(in_strata).values()) == {None}
    assert whys(by_a_test()) == {"efficacy": None}


def by_a_test() -> dict[str, Any]:
    raw = raw_design("hello")
    raw["analysis"] = {"dfr": {"model": "proportions_test"}}
    raw["rules"] = raw["rules"][:1]
    return raw


def test_tests_are_worked_out_anew_without_pymc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling.util, "find_spec", lambda name: None)
    told: list[str] = []
    found = verify.verify(ac.Design(**by_a_test()), looks=20, seed=5, jobs=1, tell=told.append)
    assert not found.failed, found.text()
    assert found.summary["verdict"] == "passed"
    assert found.summary["probabilities"] == found.summary["beside"] == 20
    assert found.summary["by_other_code"] == len(found.rows) == 40
    assert {row.by for row in found.rows} == {"other code"}
    assert max(abs(row.difference) for row in found.rows) < 1e-9
    assert len({row.fast for row in found.rows if row.asked}) > 5
    assert len({row.fast for row in found.rows if row.measure == "as observed"}) > 5
    assert "20 tests at 20 looks are worked out anew, in seconds" in told
    assert "40 of them tests against other code" in found.text()
    assert "chains" not in found.text()

    usual = OfProportions.statistic

    def unpooled(self: Any, question: Any) -> Any:
        return 1.001 * usual(self, question)  # the variance of another test

    monkeypatch.setattr(OfProportions, "statistic", unpooled)
    broken = verify.verify(ac.Design(**by_a_test()), looks=20, seed=5, jobs=1)
    assert broken.failed
    assert "of tests beyond 1e-06" in broken.text()
    monkeypatch.setattr(OfProportions, "statistic", usual)
    observed = OfProportions.mean
    monkeypatch.setattr(OfProportions, "mean", lambda self, asked: 1.001 * observed(self, asked))
    broken = verify.verify(ac.Design(**by_a_test()), looks=20, seed=5, jobs=1)
    assert {row.label for row in broken.rows if row.failed} == {"estimate, as observed"}


def test_a_boundary_that_spends_alpha_is_said_to_be_left_out() -> None:
    raw = by_a_test()
    raw["rules"][0]["at_least"] = {"alpha": 0.025, "spending": "obrien_fleming"}
    left = not_beside(Plan.of(ac.Design(**raw)))
    assert list(left) == ["efficacy, the boundary that it is compared with"]
    assert not_beside(Plan.of(ac.Design(**by_a_test()))) == {}


@pytest.mark.parametrize(("months", "ends"), [((1, 2, 2, 5, 7, 9), "110101"), ((3, 3, 4), "111")])
def test_cox_by_bisection_is_cox_by_newton(months: tuple[int, ...], ends: str) -> None:
    analysis = ANALYSES["logrank_test"].model_validate({"model": "logrank_test"})
    random, found = np.random.default_rng(3), []
    for _ in range(40):
        who = [int(arm) for arm in random.integers(0, 2, len(months))]
        seen = durations(([float(m) for m in months], [int(e) for e in ends], who))
        asked = Question("relapse", 1, 0, kind="hazard_ratio", value=1.0)
        fast = analysis.posterior(analysis.fitted((), ()), seen, None).mean(asked)[0]
        slow = analysis.estimated_anew(OneTrial(seen, question=asked))
        assert slow == pytest.approx(fast, rel=1e-8, nan_ok=True)
        found.append(slow)
    assert len({round(value, 6) for value in found}) > 4
    assert any(map(math.isnan, found)) or 0.0 in found
    assert math.inf in found


def test_what_shares_follow_is_noted_as_it_acted() -> None:
    """At every look but the last, of the arms open then, from so many participants on."""
    plan, everything = looks_of("products_multiarm", 10**6, pool=30)
    rule = plan.design.randomisation
    noted = [look for look in everything if look.shared is not None]
    assert len(noted) > 50
    assert len({look.shared.open_arms for look in noted}) > 1, "arms are dropped"
    for look in noted:
        analysis, fitted = plan.fitted[plan.order.endpoint]
        one = analysis.posterior(fitted, look.summaries[plan.order.endpoint], None)
        is_open = np.zeros((1, len(plan.design.arm_names)), dtype=np.bool_)
        is_open[0, list(look.shared.open_arms)] = True
        best = one.best_of_open(plan.order, is_open)[0, list(look.shared.open_arms)]
        assert look.shared.fast == pytest.approx(best, abs=1e-9)
        assert sum(look.shared.fast) == pytest.approx(1.0, abs=1e-6)
        assert look.summaries[plan.order.endpoint].analysed is not None
        assert look.look < plan.schedule.number
    assert rule.burn_in > 0


def test_months_to_come_are_drawn_one_by_one_as_in_sum() -> None:
    """Both faces of ``restricted_mean`` complete the same trial to the same law."""
    analysis = ANALYSES["restricted_mean"].model_validate(
        {"model": "restricted_mean", **TABLES["restricted_mean"]}
    )
    seen = Means(
        np.array([[[30.0, 22.0], [60.0, 75.0]]]),
        np.array([[[150.0, 90.0], [420.0, 640.0]]]),
        np.array([[[8, 7], [9, 10]]]),
    )
    coming = Numbers(np.array([[[3, 0], [12, 1]]]))
    posterior = analysis.posterior(analysis.fitted(("soc", "cart"), (0.5, 0.5)), seen, None)
    fast = posterior.completed(seen, coming, Completions(0, 4096), apart=False)
    # the posterior of each arm by hand: t of the mean, scaled inverse chi-squared of the variance
    random, number = np.random.default_rng(4), 40_000
    mean, variance = np.empty((1, number, 2)), np.empty((1, number, 2))
    prior = analysis.prior  # type: ignore[attr-defined]
    for arm in range(2):
        freedom, location, scale = (part[0] for part in posterior.t(arm, -1))
        n = seen.participants[0, arm].sum() + prior.worth
        variance[0, :, arm] = scale**2 * n * freedom / random.chisquare(freedom, number)
        mean[0, :, arm] = random.normal(location, np.sqrt(variance[0, :, arm] / n))
    face = analysis.reference(("soc", "cart"), (), ())
    draws = {"mean": mean, "variance": variance}
    some = PlainCompletions(0, number, 0, 7)
    slow = face.completed(lambda stratum: draws, seen, coming, some, apart=False)
    assert isinstance(fast, Means)
    assert isinstance(slow, Means)
    assert np.array_equal(fast.participants[0], slow.participants[0])
    assert slow.participants[0].tolist() == [[11, 7], [21, 11]]
    for part in ("total", "squares"):
        quick, one_by_one = getattr(fast, part), getattr(slow, part)
        away = quick.mean(axis=0) - one_by_one.mean(axis=0)
        spread = one_by_one.std(axis=0)
        assert np.all(np.abs(away) <= 0.06 * spread), part  # 4 standard errors of 4,096 draws
        ratio = quick.std(axis=0)[spread > 0.0] / spread[spread > 0.0]
        assert ratio == pytest.approx(np.ones(len(ratio)), rel=0.12), part


def test_whatever_a_model_predicts_its_pymc_face_completes() -> None:
    arms, strata, shares = ("soc", "cart"), ("a", "b"), (0.5, 0.5)
    found = {}
    for name, kind in ANALYSES.items():
        if kind.predicts():
            analysis = kind.model_validate({"model": name, **TABLES[name]})
            found[name] = analysis.reference(arms, strata, shares).completes
    assert len(found) >= 8
    assert all(found.values()), found
    three, name = ("soc", "cart", "mrna"), "stratified_piecewise_exponential"
    several = ANALYSES[name].model_validate({"model": name, **TABLES[name]})
    assert several.reference(three, strata, shares).completes


# ── what is made of the rows ──────────────────────────────────────────────────────────────────
def test_what_fails() -> None:
    assert not ROW.failed
    assert not replace(ROW, difference=0.009, mcse=0.0).failed
    assert replace(ROW, difference=-0.011, mcse=0.002).failed
    assert not replace(ROW, difference=0.011, mcse=0.003).failed
    assert not replace(ROW, difference=0.5, trusted=False).failed
    # where the model states a larger error, it is that which may not be exceeded
    assert allowed_of(1e-9) == ROW.allowed
    drawn = replace(ROW, mcse=0.0, allowed=allowed_of(StrataPosterior.drawn_error))
    assert not replace(drawn, difference=0.014).failed
    assert replace(drawn, difference=0.016).failed
    assert not replace(ROW, fast=math.nan, difference=math.nan).failed, "counted by itself"
    none = replace(ROW, reference=math.nan, difference=math.nan)
    assert none.failed, "what the reference does not answer is not passed over"
    assert verify.summarised([none, ROW])["differences_too_large"] == 1
    assert replace(ROW, reference=0.98).near
    assert not replace(ROW, reference=0.97).near


def test_the_summary_counts() -> None:
    rows = [replace(ROW, trial=trial) for trial in range(20)]
    good = verify.summarised(rows)
    assert good["failed"] is False
    assert good["largest_difference"] == 0.001
    assert good["looks_verified"] == 20
    rows[4] = replace(ROW, trial=4, reference=0.986, difference=-0.026, reference_decision=True)
    bad = verify.summarised(rows)
    assert bad["failed"] is True
    assert bad["differences_too_large"] == 1
    assert bad["decisions_differing"] == bad["differing_within_4_mcse_of_threshold"] == 1
    assert bad["share_differing"] == 0.05
    # nineteen of -0.5 and one of -13 standard errors
    assert bad["rms_difference_in_mcse"] == pytest.approx(math.sqrt((19 * 0.25 + 169) / 20))
    assert bad["mean_difference_in_mcse"] == pytest.approx(-(19 * 0.5 + 13) / 20)
    assert bad["share_differing_lower"] == pytest.approx(0.0089, abs=1e-4)  # Wilson, by hand
    assert bad["share_differing_upper"] == pytest.approx(0.2361, abs=1e-4)
    untrusted = [replace(row, trusted=trial > 1) for trial, row in enumerate(rows[5:] * 2)]
    assert verify.summarised(untrusted)["failed"] is True, "2 of 30 are more than one in twenty"
    assert verify.summarised(untrusted[1:])["failed"] is False
    assert verify.summarised([replace(ROW, trusted=False)])["failed"] is True
    nothing = replace(ROW, fast=math.nan, difference=math.nan)
    assert verify.summarised([nothing, ROW])["fast_posterior_failed"] == 1
    neither = replace(ROW, trial=99, fast=math.nan, reference=math.nan, difference=math.nan)
    beside = replace(neither, measure="estimate")
    assert verify.summarised([*(replace(ROW, trial=t) for t in range(20)), neither, beside]) == good
    assert good["verdict"] == "passed"
    assert good["compared"] == {"efficacy": 20}
    few = verify.summarised(
        [*rows[5:], *[replace(ROW, rule="harm")] * 4], ["efficacy", "harm", "x"]
    )
    assert few["failed"] is False
    assert few["verdict"] == "passed in part"
    assert few["not_verified"] == {
        "harm": "compared 4 times, 5 are the least",
        "x": "never compared",
    }
    said = verify.Verification((), few, None).text()
    assert "NOT VERIFIED  x: never compared" in said
    assert "passed in part, 2 of 3 NOT VERIFIED" in said
    last = verify.summarised([replace(ROW, completed=True)] * 5, (), {"early": "no PyMC face"})
    assert last["by_rule"] == {"efficacy, at the last look of a completed trial": 0.001}
    assert last["not_verified"] == {"early": "no PyMC face"}
    text = verify.Verification(tuple(rows), bad, None).text()
    assert "FAILED: 1 differences" in text
    assert "largest 0.0260" in text
    assert "the largest: efficacy, look 1 of trial 4 of null" in text
    assert max(map(len, text.splitlines())) <= 120


def test_rows_come_back_from_the_file_as_they_were(tmp_path: Path) -> None:
    rows = [ROW, replace(ROW, stratum="sle", fast=1 / 3, r_hat=math.nan, trusted=False)]
    identity = {"design": "x", "digest": "d", "seed": 1, "looks": 2, "version": "v"}
    folder = verify._Folder(tmp_path / "deep" / "er", identity)
    folder.write(rows, {**identity, "status": "running", "seconds": 12.5})
    assert [repr(row) for row in folder.found()] == [repr(row) for row in rows]
    assert folder.seconds_before == 12.5, "what it has taken is not forgotten when it goes on"
    for name, value in (("digest", "e"), ("seed", 2), ("looks", 3), ("version", "w")):
        with pytest.raises(ResultsError, match=name):
            verify._Folder(folder.path, {**identity, name: value}).found()
    table = folder.path / verify.TABLE
    table.write_text(table.read_text().replace("0.002", "nought"))
    with pytest.raises(ResultsError, match="damaged"):
        folder.found()
    (folder.path / verify.SUMMARY).unlink()
    with pytest.raises(ResultsError, match="says of what"):
        folder.found()


def test_a_verification_that_is_complete_is_read_back(tmp_path: Path) -> None:
    summary = {"design": "x", "digest": "d", "seed": 1, "looks": 2, "version": "v"}
    folder = verify._Folder(tmp_path, summary)
    with pytest.raises(ResultsError, match="can be read"):
        verify.read_verification(tmp_path)
    folder.write([ROW], {**summary, "status": "running"})
    with pytest.raises(ResultsError, match="not complete"):
        verify.read_verification(tmp_path)
    folder.write([ROW], {**summary, "status": "complete", "failed": False})
    found = verify.read_verification(tmp_path)
    assert found.rows == (ROW,)
    assert not found.failed


def test_wrong_numbers_are_all_told() -> None:
    with pytest.raises(DesignError) as caught:
        verify.verify(hello(), looks=0, seed=-1, jobs=0)
    assert [problem.path for problem in caught.value.problems] == ["--looks", "--seed", "--jobs"]


def test_without_pymc_nothing_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sampling.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install"):
        verify.verify(hello(), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


# ── with PyMC ─────────────────────────────────────────────────────────────────────────────────
@pytest.mark.slow
@pytest.mark.reference
def test_both_faces_agree_and_a_broken_one_is_caught(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("pymc", reason="needs the `reference` extra")
    # fewer draws than users want: what is tested is not how sure the reference is
    monkeypatch.setattr(verified_rows, "WANTED_OF_EXACT", 0.003)
    design, shown, told = hello(), [], []
    found = verify.verify(
        design, looks=LOOKS, seed=5, jobs=1, out=tmp_path,
        progress=lambda what, done, total: shown.append((what, done, total)), tell=told.append,
    )  # fmt: skip
    assert not found.failed, found.text()
    assert len({row.key for row in found.rows}) == LOOKS
    assert {row.rule for row in found.rows if row.asked} == {"efficacy", "futility"}
    beside = {row.label for row in found.rows if not row.asked}
    ends = {f"estimate, {name}" for name in ("posterior mean", "2.5% limit", "97.5% limit")}
    assert beside == ends
    assert found.summary["beside"] == 3 * LOOKS
    assert {row.rule for row in found.rows if row.completed} == {"efficacy"}
    own = [("looks verified", done, LOOKS) for done in range(LOOKS + 1)]
    assert shown[-len(own) :] == own, "each is written as soon as it is known"
    assert {what for what, _, _ in shown[: -len(own)]} == {"trials simulated"}
    assert "PyMC fits beta_binomial" in told[-1], "what it costs is told first"
    assert all(row.trusted and row.mcse < 0.005 for row in found.rows)
    summary = json.loads((tmp_path / "verification.json").read_text())
    assert summary["status"] == "complete"
    assert summary["largest_difference"] == max(abs(row.difference) for row in found.rows)
    took = summary["fits_of_pymc"]["beta_binomial"]
    assert took["compiled"] == 1
    assert took["fits"] >= LOOKS
    assert took["draws"] >= 4 * DRAWS * took["fits"]
    assert took["sampling"] > 0.0
    assert f"beta_binomial: {took['fits']} fits in" in found.text()

    # killed after the first look: the same command fits the others only, and ends up the same
    table = tmp_path / "verification.csv"
    whole = table.read_text()
    first = {row.key for row in found.rows[:1]}
    kept = [
        line
        for line, row in zip(whole.splitlines()[1:], found.rows, strict=True)
        if row.key in first
    ]
    written = "\n".join([whole.splitlines()[0], *kept]) + "\n"
    OwnedFolder(tmp_path).write("verification.csv", written)
    fitted: list[Any] = []
    compared = verify._compared

    def counted(design: Any, seed: int, look: Any) -> Any:
        fitted.append(look.key)
        return compared(design, seed, look)

    monkeypatch.setattr(verify, "_compared", counted)
    again = verify.verify(design, looks=LOOKS, seed=5, jobs=1, out=tmp_path)
    assert len(fitted) == LOOKS - 1
    assert not first & set(fitted)
    assert table.read_text() == whole
    assert again.summary["seconds"] >= found.summary["seconds"], "those of both runs"
    both = again.summary["fits_of_pymc"]["beta_binomial"]
    assert both["fits"] > took["fits"]
    assert [repr(row) for row in again.rows] == [repr(row) for row in found.rows]
    with pytest.raises(ResultsError, match="looks 6, not 7"):
        verify.verify(design, looks=LOOKS + 1, seed=5, jobs=1, out=tmp_path)

    usual = CountsPosterior.probability

    def shifted(self: Any, question: Any) -> Any:
        return np.clip(usual(self, question) - 0.05, 0.0, 1.0)

    monkeypatch.setattr(CountsPosterior, "probability", shifted)
    broken = verify.verify(design, looks=LOOKS, seed=5, jobs=1)
    assert broken.failed
    assert broken.summary["differences_too_large"] >= LOOKS - 1
    monkeypatch.setattr(CountsPosterior, "probability", usual)

    mean, limits = CountsPosterior.mean, CountsPosterior.limits

    def wider(self: Any, asked: Any, level: float) -> Any:
        low, high = limits(self, asked, level)
        return low - 0.02, high + 0.02

    monkeypatch.setattr(CountsPosterior, "mean", lambda self, asked: mean(self, asked) + 0.008)
    monkeypatch.setattr(CountsPosterior, "limits", wider)
    broken = verify.verify(design, looks=LOOKS, seed=5, jobs=1)
    assert {row.label for row in broken.rows if row.failed} == ends


@pytest.mark.slow
@pytest.mark.reference
def test_trials_are_completed_by_both_faces_and_a_broken_completion_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Hello's futility by completing the trial, though its last tables could be summed over."""
    pytest.importorskip("pymc", reason="needs the `reference` extra")
    monkeypatch.setattr(verified_rows, "WANTED_OF_EXACT", 0.003)
    monkeypatch.setattr(asking, "enumerated", lambda analysis, question: False)
    raw = raw_design("hello")
    raw["rules"][1]["below"] = 0.30  # where a completion more or less makes a difference
    design = ac.Design(**raw)
    found = verify.verify(design, looks=LOOKS, seed=5, jobs=1)
    assert not found.failed, found.text()
    ahead = [row for row in found.rows if row.rule == "futility"]
    assert len(ahead) >= 3
    assert any(0.05 < row.fast < 0.95 for row in ahead)
    last = [row for row in found.rows if row.completed]
    assert len(last) == len(ahead)
    assert all(row.rule == "efficacy" for row in last)

    usual = Counts.completed

    def too_good(self: Counts, levels: Any, coming: Any, some: Any) -> Counts:
        return usual(self, np.minimum(levels * [[[1.0]], [[1.4]]], 1.0), coming, some)

    monkeypatch.setattr(Counts, "completed", too_good)
    broken = verify.verify(design, looks=LOOKS, seed=5, jobs=1)
    assert broken.failed, broken.text()
    assert all(row.rule == "futility" for row in broken.rows if row.failed)
