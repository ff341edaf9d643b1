"""Policies of keys that take several values, and which of them is the best."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from adaptive_cart.commands.programme import command
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.programmes import load_programme, simulate_programme
from adaptive_cart.programmes.best import Choice, Wanted, confirming_seed, in_order
from adaptive_cart.programmes.policies import Policies, compare_policies, policies_text, table_text
from adaptive_cart.programmes.result import KeptProgramme
from adaptive_cart.programmes.varied import AS_WRITTEN, MOST, combinations_of
from programmes.cases import CONFIRM, written

CANDIDATES = "count = 4\nshare_that_work = 0.5\n"
PRIOR = "prior_from_early = { believe = 0.5 }\n"
BELIEVE, GO = "confirm.prior_from_early.believe", "early.design.rules.go.at_least"
VARY: dict[str, list[Any]] = {"early": [True, False], BELIEVE: [0.5, 1.0], GO: [0.8, 0.99]}
BY_HAND = f"""
[policies.believe]
"{BELIEVE}" = 1.0
[policies.stricter]
"{GO}" = 0.99
[policies.both]
"{BELIEVE}" = 1.0
"{GO}" = 0.99
[policies.straight]
early = false
"""
RUN: dict[str, Any] = {"portfolios": 20, "seed": 2, "jobs": 1}
MOST_HOLD = Wanted("number_hold_up", at_most={"participants": 1e6})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("varied")


@pytest.fixture(scope="module")
def found(folder: Path) -> Policies:
    path = written(folder, CANDIDATES, of_confirm=PRIOR)
    return compare_policies(
        path, **RUN, out=folder / "out", formats=["png"], named=False, vary=VARY, wanted=MOST_HOLD
    )


def _same(one: Policies, name: str, columns: Any) -> None:
    mine = one.results[name].candidates
    assert set(mine) == set(columns)
    for column, values in columns.items():
        np.testing.assert_array_equal(mine[column], values, err_msg=f"{name}: {column}")


def test_varied_policies_are_those_written_by_hand_to_the_last_bit(
    found: Policies, folder: Path
) -> None:
    path = written(folder / "by_hand", CANDIDATES + BY_HAND, of_confirm=PRIOR)
    hand = compare_policies(path, **RUN, out=folder / "by_hand" / "out", formats=["png"])
    # as written is none of the combinations, and what is set of no early trial is left out
    names = list(found.numbers)
    assert len(names) == len(hand.numbers) == 5
    assert names[-1] == "early = false"
    order = [AS_WRITTEN, "stricter", "believe", "both", "straight"]
    for name, other in zip(names, order, strict=True):
        _same(found, name, hand.results[other].candidates)
        for measure in found.measures:
            assert found.difference(name, measure) == hand.difference(other, measure)
        assert names.index(found.dominated(name) or name) == order.index(
            hand.dominated(other) or other
        )


def test_without_early_trial_is_the_file_without_it(found: Policies, folder: Path) -> None:
    plain = load_programme(written(folder / "plain", CANDIDATES, early=None))
    assert plain.digest == found.results["early = false"].programme.digest
    result = simulate_programme(plain, **RUN, out=folder / "plain" / "out")
    _same(found, "early = false", result.candidates)
    assert found.numbers["early = false"]["participants_early"].sum() == 0.0
    assert found.numbers["early = false"]["number_go"].min() == 4.0
    # the same candidates
    mine, theirs = (found.results[n].candidates["works"] for n in (AS_WRITTEN, "early = false"))
    np.testing.assert_array_equal(mine, theirs)


def test_the_best_is_simulated_on_portfolios_of_another_seed(found: Policies, folder: Path) -> None:
    choice = found.choice
    assert choice is not None
    assert choice.afresh is not None
    assert choice.seed == confirming_seed(2) != 2
    best, second = choice.order[:2]
    worth = {name: own["number_hold_up"].mean() for name, own in found.numbers.items()}
    assert worth[best] == max(worth.values())
    programme = found.results[best].programme
    alone = simulate_programme(
        programme, portfolios=20, seed=choice.seed, jobs=1, out=folder / "alone"
    )
    _same(choice.afresh, best, alone.candidates)
    assert (alone.candidates["works"] != found.results[best].candidates["works"]).any()
    assert set(choice.afresh.numbers) == {AS_WRITTEN, best, second}
    told = (folder / "out" / "best.txt").read_text(encoding="utf-8")
    assert told == choice.text()
    fresh = choice.afresh.figure(best, "number_hold_up")
    assert f"on 20 other portfolios (seed {choice.seed}): {fresh.estimate:.3f}" in told


def test_rows_of_the_csv_lead_to_the_results(found: Policies, folder: Path) -> None:
    with (folder / "out" / "policies.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["policy"] for row in rows} == set(found.numbers)
    for row in rows:
        kept = KeptProgramme(folder / "out" / row["folder"])
        assert kept.figure(row["measure"]).estimate == float(row["estimate"])


def test_a_run_goes_on_and_takes_further_values_in(found: Policies, folder: Path) -> None:
    said: list[str] = []
    more = {**VARY, BELIEVE: [0.5, 0.0, 1.0]}
    again = compare_policies(
        folder / "programme.toml", **RUN, out=folder / "out", formats=["png"], named=False,
        vary=more, tell=said.append,
    )  # fmt: skip
    fresh = [line for line in said if "there already" not in line]
    assert len(said) == 7
    assert len(fresh) == 2
    assert all(f"{BELIEVE} = 0.0" in line for line in fresh)
    for name in found.numbers:
        _same(again, name, found.results[name].candidates)


def test_a_whole_design_is_a_value(folder: Path) -> None:
    path = written(folder / "designs", CANDIDATES + BY_HAND, of_confirm=PRIOR)
    larger = {**CONFIRM, "enrolment": {"max_n": 36, "per_month": 3.0}}
    other = Design(**larger).as_toml()
    (path.parent / "larger.toml").write_text(other, encoding="utf-8")
    vary = {"confirm.design": ["confirm.toml", "larger.toml"]}
    found = compare_policies(
        path, **RUN, out=path.parent / "out", formats=["png"], vary=vary, restart=True
    )
    name = 'confirm.design = "larger.toml"'
    assert list(found.numbers)[-2:] == ["straight", name]
    assert found.results[name].programme.confirm.design.enrolment.max_n == 36
    assert "\nstraight (early = false)\n" in policies_text(found)
    assert f"\n{name}\n" in policies_text(found)


# ── the choice, of numbers that are made up ───────────────────────────────────────────────────
def _policies(folder: Path, **numbers: dict[str, list[float]]) -> Policies:
    arrays = {
        name.replace("_", " "): {measure: np.array(of) for measure, of in own.items()}
        for name, own in numbers.items()
    }
    return Policies({}, {name: {} for name in arrays}, arrays, folder)


def _three(folder: Path) -> Policies:
    return _policies(
        folder,
        as_written={"number_hold_up": [2.0, 4.0, 3.0], "participants": [100.0, 120.0, 110.0]},
        more={"number_hold_up": [3.0, 5.0, 5.0], "participants": [200.0, 220.0, 210.0]},
        most={"number_hold_up": [9.0, 9.0, 9.0], "participants": [500.0, 500.0, 500.0]},
    )


def test_the_best_keeps_to_the_bounds_and_is_told_with_the_paired_error(tmp_path: Path) -> None:
    three = _three(tmp_path)
    assert in_order(three, Wanted("number_hold_up")) == ["most", "more", AS_WRITTEN]
    wanted = Wanted("number_hold_up", at_most={"participants": 210.0})
    assert in_order(three, wanted) == ["more", AS_WRITTEN]
    least = Wanted("participants", at_least={"number_hold_up": 3.5})
    assert in_order(three, least) == ["more", "most"]
    choice = Choice(wanted, ["more", AS_WRITTEN], three, three, 5)
    apart = np.array([1.0, 1.0, 2.0])
    ahead = choice.ahead(three, AS_WRITTEN)
    assert ahead.estimate == pytest.approx(apart.mean())
    assert ahead.mcse == pytest.approx(apart.std(ddof=1) / math.sqrt(3))
    told = choice.text()
    assert "Best of 3: most number_hold_up, participants at most 210" in told
    assert "participants at most 210: 210.000 (MCSE 5.774), kept, within its 95% error" in told
    assert "better than the next best by 1.333 (MCSE 0.333): beyond the 95% error" in told
    other_way = Choice(least, ["more", "most"], three, three, 5)
    assert other_way.ahead(three, "most").estimate == pytest.approx(290.0)
    assert other_way.ahead(three, "most").lower > 0.0


def test_a_choice_that_does_not_hold_afresh_is_told(tmp_path: Path) -> None:
    three = _three(tmp_path)
    wanted = Wanted("number_hold_up", at_most={"participants": 210.0})
    worse = {"number_hold_up": [1.0, 3.0, 2.5], "participants": [300.0, 301.0, 302.0]}
    own = {name: {m: list(v) for m, v in of.items()} for name, of in three.numbers.items()}
    afresh = _policies(tmp_path, as_written=own[AS_WRITTEN], more=worse)
    told = Choice(wanted, ["more", AS_WRITTEN], three, afresh, 5).text()
    assert "BROKEN, beyond its 95% error" in told
    assert "the next best is better there, beyond the 95% error" in told
    nothing = Wanted("number_hold_up", at_most={"participants": 50.0})
    assert in_order(three, nothing) == []
    told = Choice(nothing, [], three).text()
    assert "no policy keeps to all bounds" in told
    assert "participants at most 50: 0 of 3 keep to it; the most favourable is as written" in told


def test_rows_of_the_table_are_policies(tmp_path: Path) -> None:
    more = {"number_false_success": [1.0, 1.0, 1.0]}
    three = _three(tmp_path)
    numbers = {
        name: {**of, **{k: np.array(v) for k, v in more.items()}}
        for name, of in three.numbers.items()
    }
    lines = table_text(Policies({}, three.settings, numbers, tmp_path)).splitlines()
    assert lines[3].split()[:3] == ["0", "3.00", "(0.58)"]
    assert lines[4].split()[:3] == ["1", "+1.33", "(0.33)"]
    assert "+0.00 (-)" in lines[4]
    assert lines[-1] == "  2  most"


# ── what is wrong ─────────────────────────────────────────────────────────────────────────────
def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, CANDIDATES, of_confirm=PRIOR)
    vary = {
        "early": ["none"], "candidates.count": [3], "simulation.seed": [1],
        "confirm.design.scenarios.works.dfr.cart": [0.4],
        "early.design.rules.gone.at_least": [0.9, 0.95], BELIEVE: [0.5, 2],
    }  # fmt: skip
    wanted = Wanted("benefit", {"remission_years_gained": 1.0, "cost": 2.0}, {"number_goes": 1.0})
    with pytest.raises(DesignError) as told:
        compare_policies(path, **RUN, out=tmp_path / "out", named=False, vary=vary, wanted=wanted)
    message = str(told.value)
    for said in (
        '--vary: early: found "none"; false is expected',
        "--vary: candidates.count: is of what is true",
        "--vary: simulation.seed: is of the whole run",
        "--vary: confirm.design.scenarios.works.dfr.cart: is of what is true",
        f"{BELIEVE} = 2: confirm.prior_from_early.believe: found 2; at most 1",
        '--best: found "benefit"',
        "--at-most: remission_years_gained: write candidates.benefit",
        "--at-most: cost: is told where both designs have [costs]",
        "--at-least: found \"number_goes\" (did you mean 'number_go'?)",
    ):
        assert said in message
    assert message.count("no rule 'gone'") == 1  # once, and not in each combination
    assert not (tmp_path / "out").exists()
    many = {BELIEVE: [k / 300 for k in range(MOST + 1)]}
    with pytest.raises(DesignError, match=f"201 combinations; at most {MOST}"):
        compare_policies(path, **RUN, out=tmp_path / "out", named=False, vary=many)


def test_keys_of_an_early_trial_that_is_not_there_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, CANDIDATES, of_confirm=PRIOR)
    settings = {"early": False, GO: 0.9, BELIEVE: 1.0}
    with pytest.raises(DesignError) as told:
        load_programme(path, settings)
    assert str(told.value).count("without effect, since early = false") == 2
    plain = written(tmp_path / "plain", CANDIDATES, early=None)
    with pytest.raises(DesignError, match=r"without effect, since the file has no \[early\]"):
        load_programme(plain, {GO: 0.9})
    with pytest.raises(DesignError, match=r"early: found true; the file has no \[early\]"):
        load_programme(plain, {"early": True})
    assert list(combinations_of({"early": [False], GO: [0.8, 0.9]})) == ["early = false"]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["--best", "cost"], "--best: chooses among policies"),
        (["--vary", "early=false", "--at-most", "cost=3"], "give --best MEASURE"),
        (["--vary", "early=false", "--best", "cost", "--at-most", "cost=x"], 'found "cost=x"'),
        (["--vary", "early=false", "--engine", "exact"], "--vary: differences are simulated"),
        (["--vary", "early=false", "--evidence", "no.csv"], "leave out --engine exact and --vary"),
    ],
)
def test_options_that_do_not_go_together(tmp_path: Path, typed: list[str], said: str) -> None:
    path = written(tmp_path, CANDIDATES, of_confirm=PRIOR)
    found = CliRunner().invoke(command, [str(path), *typed])
    assert found.exit_code
    assert said in str(found.exception) + found.output


def test_the_command_names_the_best(tmp_path: Path) -> None:
    path = written(tmp_path, CANDIDATES, of_confirm=PRIOR)
    typed = ["--portfolios", "5", "--jobs", "1", "--format", "png", "--out", str(tmp_path / "out")]
    typed += ["--vary", "early=false,true", "--best", "participants", "--at-least", "number_go=0"]
    found = CliRunner().invoke(command, [str(path), *typed])
    assert found.exit_code == 0, found.output
    assert "  1  early = false\n" in found.output
    assert "Best of 2: least participants, number_go at least 0\n  as written\n" in found.output
