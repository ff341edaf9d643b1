"""Programmes that are nothing but their parts: the same numbers, to the last bit or by products."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest

import adaptive_cart as ac
from adaptive_cart.design.file import load_design
from adaptive_cart.priors.early_data import believed_prior, response_prior
from adaptive_cart.programmes import simulate_programme
from adaptive_cart.programmes.result import ProgrammeResult
from adaptive_cart.programmes.stages import early_seed
from checks import DESIGNS, raw_design
from programmes.cases import CONFIRM, EARLY, programme

OF_TRIALS = {"months": "months", "randomised": "n_randomised", "exposed": "n_cart",
             "infused": "n_infused", "reversal": "reversal", "later_estimate": "estimate",
             "reason": "reason", "look": "look"}  # fmt: skip


def same_trials(found: ProgrammeResult, result: ac.Result) -> None:
    for mine, theirs in OF_TRIALS.items():
        there = result.trials[theirs]
        np.testing.assert_array_equal(
            np.asarray(found.candidates[mine]), np.asarray(there), err_msg=mine
        )


def test_one_candidate_and_no_go_rule_are_the_controlled_trial(tmp_path: Path) -> None:
    raw = raw_design("sle_autologous")
    one = programme(tmp_path, "count = 1\n", early=None, confirm=raw)
    found = simulate_programme(one, portfolios=40, seed=5, jobs=1, out=tmp_path / "out")
    design = load_design(DESIGNS / "sle_autologous.toml")
    result = ac.simulate(design, scenarios=["expected"], trials=40, seed=5, jobs=1)
    same_trials(found, result)
    assert (
        found.figure("P(succeed)", "all").estimate == result.figure("expected", "success").estimate
    )


def test_a_go_rule_that_always_goes_changes_nothing(tmp_path: Path) -> None:
    early = copy.deepcopy(EARLY)
    early["rules"][0]["at_least"] = 0.0
    one = programme(tmp_path, "count = 1\n", early=early)
    found = simulate_programme(one, portfolios=60, seed=5, jobs=1, out=tmp_path / "out")
    assert found.figure("P(go)", "all").estimate == 1.0
    result = ac.simulate(ac.Design(**CONFIRM), trials=60, seed=5, jobs=1, engine="simulate")
    same_trials(found, result)
    # and the early trials are those of the early design, with a seed of their own
    alone = ac.simulate(
        ac.Design(**early), scenarios=["works"], trials=60, seed=early_seed(5), jobs=1,
        engine="simulate",
    )  # fmt: skip
    np.testing.assert_array_equal(found.candidates["early_mean"], alone.trials["estimate"])


def test_a_candidate_that_does_not_work_is_as_its_control(tmp_path: Path) -> None:
    raw = raw_design("sle_autologous")
    none = programme(tmp_path, "count = 2\nshare_that_work = 0.0\n", early=None, confirm=raw)
    found = simulate_programme(none, portfolios=15, seed=5, jobs=1, out=tmp_path / "out")
    design = load_design(DESIGNS / "sle_autologous.toml")
    result = ac.simulate(design, scenarios=["null"], trials=30, seed=5, jobs=1)
    same_trials(found, result)
    assert not found.candidates["works"].any()
    assert found.figure("number_hold_up").estimate == 0.0


def test_independent_candidates_have_products_of_probabilities(tmp_path: Path) -> None:
    pair = programme(tmp_path, "count = 2\nshare_that_work = 0.5\n")
    found = simulate_programme(pair, portfolios=3_000, seed=2, jobs=1, out=tmp_path / "out")
    go = found.figure("P(go)", "all").estimate
    both = found.distributions["go"][2]
    assert both.estimate == pytest.approx(go**2, abs=5.0 * both.mcse)
    works = found.candidates["works"].reshape(-1, 2)
    assert abs(np.corrcoef(works.T)[0, 1]) < 5.0 / np.sqrt(len(works))
    # a share that is drawn for the portfolio is shared by its candidates
    share = 'count = 2\nshare_that_work = { dist = "beta", a = 0.5, b = 0.5 }\n'
    drawn = programme(tmp_path / "b", share)
    shared = simulate_programme(drawn, portfolios=3_000, seed=2, jobs=1, out=tmp_path / "out_b")
    together = np.corrcoef(shared.candidates["works"].reshape(-1, 2).T)[0, 1]
    assert together == pytest.approx(0.5, abs=0.08)  # 1 / (a + b + 1)


def test_early_counts_are_believed_as_prior_makes_them() -> None:
    assert believed_prior(9, 10, 1.0) == response_prior(9, 10, 0.0)
    assert believed_prior(9, 10, 0.0) == response_prior(9, 10, 1.0)
    half = believed_prior(9, 10, 0.5)
    assert (half.a, half.b) == ((5.5,), (1.5,))


def test_controls_are_the_same_persons_in_all_trials_of_a_platform(tmp_path: Path) -> None:
    """Of a portfolio: the same control results wherever two trials end at the same look."""
    shared = programme(
        tmp_path, 'count = 3\ncontrol = "common"\nshare_that_work = 0.5\n', early=None
    )
    found = simulate_programme(shared, portfolios=80, seed=4, jobs=1, out=tmp_path / "out")
    of = {name: values.reshape(-1, 3) for name, values in found.candidates.items()}
    together = 0
    for first, second in ((0, 1), (0, 2), (1, 2)):
        same = of["look"][:, first] == of["look"][:, second]
        for name in ("later_control_responders", "later_control_participants", "months"):
            np.testing.assert_array_equal(of[name][same, first], of[name][same, second])
        together += same.sum()
        own = of["later_responders"]
        assert (own[same, first] != own[same, second]).any()
    assert together > 50
    # the first candidate's participants are those of a trial with its own controls
    apart = programme(tmp_path / "b", "count = 3\nshare_that_work = 0.5\n", early=None)
    separate = simulate_programme(apart, portfolios=80, seed=4, jobs=1, out=tmp_path / "out_b")
    np.testing.assert_array_equal(
        of["later_estimate"][:, 0], separate.candidates["later_estimate"].reshape(-1, 3)[:, 0]
    )
    controls = of["randomised"] - of["exposed"]
    once = of["exposed"].sum(axis=1) + controls.max(axis=1)
    assert found.figure("participants").estimate == pytest.approx(once.mean())
    assert found.figure("participants").estimate < separate.figure("participants").estimate


def test_a_signal_stops_the_trials_of_its_class_by_counting_events(tmp_path: Path) -> None:
    """By events that are drawn one by one, on a fine grid of months, from the same trials."""
    plain = "count = 2\nclasses = { a = 1, b = 1 }\n"
    signal = 'class_signal = { event = "malignancy", per_year = 0.03, stop_at = 2 }\n'
    without = programme(tmp_path, plain, early=None)
    free = simulate_programme(without, portfolios=400, seed=4, jobs=1, out=tmp_path / "out")
    counted = programme(tmp_path / "b", plain + signal, early=None)
    found = simulate_programme(counted, portfolios=400, seed=4, jobs=1, out=tmp_path / "out_b")
    of = free.candidates
    rng, stopped = np.random.default_rng(9), []
    for months, treated in zip(of["months"], of["treated"], strict=True):
        infused = rng.uniform(0.0, months, size=int(treated))
        events = np.sort(infused + rng.exponential(12.0 / 0.03, size=int(treated)))
        stopped.append(len(events) > 1 and events[1] < months)
    there = found.candidates["class_stopped"]
    error = np.sqrt(2.0 * there.mean() * (1.0 - there.mean()) / len(there))
    assert 0.02 < there.mean() < 0.6
    assert there.mean() == pytest.approx(np.mean(stopped), abs=4.0 * error)
    np.testing.assert_array_equal(found.candidates["success"], of["success"] & ~there)
    assert (found.candidates["months"][there] < of["months"][there]).all()
    # what a stopped trial would have seen later is in no number
    now = found.candidates
    assert np.isnan(now["later_estimate"][there]).all()
    assert not now["later_participants"][there].any()
    assert of["later_participants"][there].all()
    assert (now["reason"][there] == "class_stopped").all()
    np.testing.assert_array_equal(now["reason"][~there], of["reason"][~there])
    ended = now["later_estimate"][now["go"] & ~now["success"] & ~there]
    told = found.figure("later_estimate", "go_and_fail").estimate
    assert told == pytest.approx(ended.mean(), abs=1e-12)
    lost = (there & of["success"]).reshape(-1, 2).sum(axis=1)
    assert found.figure("working_lost_to_signal").estimate == lost.mean()
