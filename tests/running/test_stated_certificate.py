"""Bounds of simulated errors with stated confidence, against errors that are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomlkit
from click.testing import CliRunner
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.cli import main
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError, InputError
from adaptive_cart.figures.worst_case import write_worst_case
from adaptive_cart.nouns import streams
from adaptive_cart.nouns.streams import fresh_seed
from adaptive_cart.report.chapters.worst_case import WorstCaseExhibit
from adaptive_cart.report.document import Paragraph, plain
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts
from adaptive_cart.results.kept_worst_case import read_worst_case
from adaptive_cart.running import stated_boxes, weighed
from adaptive_cart.running.calibrate import calibrate
from adaptive_cart.running.exact_error import ExactError
from adaptive_cart.running.margin_grounds import where_false
from adaptive_cart.running.stated_bounds import WORST_CASE
from adaptive_cart.running.stated_certificate import (
    POWERS,
    clopper_pearson,
    log_moment,
    tilted,
)
from checks import raw_design, tiny_design


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound far above the error, from few truths, tried at few."""
    monkeypatch.setattr(stated_boxes, "ROOM", 3.0)
    monkeypatch.setattr(stated_boxes, "TRIED", 8)


def exact_error() -> ExactError:
    return ExactError(Design(**tiny_design()), set(), (0.0, 1.0))


# ── between two truths ────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("at", "to"), [(0.3, 0.35), (0.3, 0.0), (0.6, 1.0), (0.02, 0.05)])
def test_the_moment_of_the_likelihood_ratio_is_its_sum_over_all_outcomes(
    at: float, to: float
) -> None:
    n, counts = 12, np.arange(13)
    ratio = stats.binom.pmf(counts, n, to) / stats.binom.pmf(counts, n, at)
    for q in (1.01, 2.0, 7.5):
        whole = float((stats.binom.pmf(counts, n, at) * ratio**q).sum())
        assert n * log_moment(np.array([q]), at, to)[0] == pytest.approx(np.log(whole), rel=1e-9)
    assert (log_moment(POWERS, at, to) >= 0.0).all()


def test_no_error_is_above_the_tilt_from_its_neighbour() -> None:
    error = exact_error()
    draw = np.random.default_rng(3)
    for _ in range(200):
        at = float(draw.uniform(0.001, 0.999))
        low, high = (float(np.clip(at + d * draw.random(), 0.0, 1.0)) for d in (-0.15, 0.15))
        between = np.linspace(low, high, 9)
        errors = error.at(np.stack([between, between], axis=1))
        here = float(error.at(np.array([[at, at]]))[0])
        ends = np.array([[low, low], [high, high]])
        bound = tilted(here, np.array([at, at]), ends, 24)
        assert errors.max() <= bound * (1.0 + 1e-9)


def test_a_bound_is_the_error_itself_where_nothing_moves() -> None:
    inside = np.array([0.3, 0.3])
    assert tilted(0.04, inside, np.stack([inside, inside]), 24) == pytest.approx(0.04, rel=1e-3)


@pytest.mark.parametrize("ends", [(0.0, 0.3339), (0.66667, 1.0), (0.12345, 0.54321), (0.0, 1.0)])
def test_the_line_of_control_rates_goes_to_where_a_claim_is_no_longer_false(
    ends: tuple[float, float],
) -> None:
    def at(control: float) -> Any:
        return control if ends[0] <= control <= ends[1] else None

    found = where_false(at, (0.0, 1.0))
    assert found == pytest.approx(ends, abs=1e-12)
    assert found is not None
    assert ends[0] <= found[0] <= found[1] <= ends[1]


def test_the_upper_bound_is_that_of_clopper_and_pearson() -> None:
    for events in (0, 3, 40):
        bound = clopper_pearson(events, 100)
        assert stats.binom.cdf(events, 100, bound) == pytest.approx(0.05)
    assert clopper_pearson(100, 100) == 1.0


# ── as it is asked for ────────────────────────────────────────────────────────────────────────
def test_the_command_states_it_and_the_report_tells_it(tmp_path: Path, few: None) -> None:
    path, out = tmp_path / "tiny.toml", tmp_path / "worst"
    path.write_text(tomlkit.dumps(tiny_design()), encoding="utf-8")
    typed = ["worst-case", str(path), "--engine", "simulate", "--certify", "--trials", "400"]
    typed += ["--format", "svg"]
    done = CliRunner().invoke(main, [*typed, "--points", "5", "--jobs", "1", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "with confidence 95%" in done.output
    found = read_worst_case(out)
    assert found.stated is not None
    assert found.stated.bound > exact_error().worst(np.nan).error
    assert found.stated.seed == fresh_seed(found.seed, WORST_CASE, times=2)
    run = ac.simulate(ac.load_design(path), trials=20, jobs=1, engine="simulate")
    blocks = WorstCaseExhibit(found).blocks(Evidence(run, Facts(), 0))
    said = " ".join(plain(block.line) for block in blocks if isinstance(block, Paragraph))
    assert "With confidence 95% the error exceeds" in said
    assert f"at {found.stated.tiles} of them 400 fresh trials were simulated" in said


def test_no_trial_by_which_a_threshold_was_found_tells_its_worst_case(
    few: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One seed for both, as of one design file: or the bound is of trials that it was made for."""
    drawn, uniforms = set[int](), streams.uniforms

    def noted(seed: int, *rest: Any) -> Any:
        drawn.add(seed)
        return uniforms(seed, *rest)

    monkeypatch.setattr(streams, "uniforms", noted)
    raw = tiny_design(calibration={"type_one_error": 0.1, "null_region": {"soc": [0.2, 0.4]}})
    to_find = raw | {"rules": [raw["rules"][0] | {"at_least": "calibrate"}]}
    calibrate(Design(**to_find), trials=1_000, seed=3, jobs=1, engine="simulate")
    finding = set(drawn)
    drawn.clear()
    asked: dict[str, Any] = {"trials": 100, "seed": 3, "jobs": 1, "engine": "simulate"}
    ac.worst_case(Design(**raw), points=2, certify_simulated=True, tiles=4, **asked)
    assert len(finding) >= 2
    assert len(drawn) >= 4  # the curve, its worst anew, what foresees, what is told, what is tried
    assert not drawn & finding


def test_it_is_told_that_an_enumerated_error_needs_none(tmp_path: Path) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(tomlkit.dumps(tiny_design()), encoding="utf-8")
    typed = ["worst-case", str(path), "--points", "5", "--format", "svg", "--out", str(tmp_path)]
    of_more = [], ["--certify"], ["--certify", "--tiles", "9"]
    told = [CliRunner().invoke(main, [*typed, *more]).output for more in of_more]
    assert ["changed nothing" in text for text in told] == [False, True, True]
    assert ["--certify and --tiles, of" in text for text in told] == [False, False, True]


@pytest.mark.parametrize("engine", ["auto", "simulate"])
def test_truths_that_nothing_simulates_are_refused(engine: Any) -> None:
    with pytest.raises(DesignError, match=r"--tiles: found 9; it says .* write --certify too"):
        ac.worst_case(Design(**tiny_design()), engine=engine, trials=20, tiles=9)


def test_a_shrunken_bound_is_found_out(
    tmp_path: Path, few: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weighed, "bound", lambda mean, *rest: 0.2 * mean)
    design = Design(**tiny_design())
    found = ac.worst_case(
        design, engine="simulate", points=5, trials=400, jobs=1, certify_simulated=True
    )
    assert found.stated is not None
    assert not found.stated.holds
    assert found.stated.exceeded > 0
    assert "BROKEN" in found.words()
    write_worst_case(found, tmp_path / "worst", ("svg",))
    run = ac.simulate(design, trials=20, jobs=1, engine="simulate")
    blocks = WorstCaseExhibit(read_worst_case(tmp_path / "worst")).blocks(Evidence(run, Facts(), 0))
    said = " ".join(plain(block.line) for block in blocks if isinstance(block, Paragraph))
    assert "must not be used" in said
    assert json.loads((tmp_path / "worst" / "worst_case.json").read_text())["stated"]["exceeded"]


def test_a_design_with_strata_has_a_bound_too(few: None) -> None:
    raw: dict[str, Any] = tiny_design(strata={"a": 0.5, "b": 0.5})
    found = ac.worst_case(Design(**raw), points=5, trials=200, jobs=1, certify_simulated=True)
    assert found.engine == "simulated"
    assert found.stated is not None
    assert found.stated.holds
    assert found.stated.bound > found.stated.found


def test_the_bound_of_claims_at_several_margins_is_above_both_known_errors(few: None) -> None:
    """Two successes, each false at its own margin and below: enumerated at random rates of both."""
    raw = tiny_design()
    (rule,) = (one for one in raw["rules"] if one["then"] == "declare_success")
    asked = rule["posterior"] | {"above": rule["posterior"]["above"] + 0.2}
    raw["rules"].insert(0, rule | {"name": "large", "posterior": asked, "at_least": 0.85})
    design = Design(**raw)
    found = ac.worst_case(
        design, engine="simulate", points=5, trials=400, jobs=1, certify_simulated=True
    )
    assert found.stated is not None
    assert found.stated.holds
    assert found.stated.tried == 8
    error = ExactError(design, set(), (0.0, 1.0))
    controls = np.linspace(0.0, 1.0, 201)
    largest = [
        float(error.at(np.stack([controls, np.minimum(controls + gap, 1.0)], axis=1)).max())
        for gap in (rule["posterior"]["above"], asked["above"])
    ]
    assert max(largest) == pytest.approx(error.worst(np.nan).error, rel=0.02)
    assert largest[1] > 1.5 * largest[0]  # the first margin alone would miss it
    assert max(largest) < found.stated.bound < 1.0
    assert found.stated.found > 1.2 * largest[0]  # at the second margin


def test_what_no_bound_can_be_stated_for_is_refused() -> None:
    course = Design(**raw_design("sle_autologous"))
    with pytest.raises(InputError, match="the truths are scenarios, and nothing lies between"):
        ac.worst_case(course, trials=20, jobs=1, certify_simulated=True)
    drifting = tiny_design(truth={"time_trend": {"dfr": {"per_year": 0.5}}})
    with pytest.raises(InputError, match="rates change with time"):
        ac.worst_case(Design(**drifting), trials=20, jobs=1, certify_simulated=True)
