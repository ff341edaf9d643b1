"""What borrowing costs where it is simulated: against runs of scenarios, and by its promises."""

from __future__ import annotations

import copy
import csv
import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

from adaptive_cart.cli import main
from adaptive_cart.design.design import Design
from adaptive_cart.design.file import load_design
from adaptive_cart.errors import DesignError, InputError, Problem
from adaptive_cart.figures.drift import below, drawn
from adaptive_cart.results.drift import ALONE, EQUAL, WITHOUT, WRITTEN
from adaptive_cart.results.simulated_drift import MEASURES, Simulated, SimulatedDrift
from adaptive_cart.running.drift import drift
from adaptive_cart.running.run import simulate
from adaptive_cart.running.simulated_drift import simulated_drift, without_borrowing
from models.test_borrowed_numbers import borrowing, hazards, means, rates

TRIALS, SEED, POINTS = 120, 5, 3
OBSERVED = 0.6  # external events a year
HOW: dict[str, Any] = {"external": ["registry"], "method": "pooled"}
MAKES = {"rates": rates, "hazards": hazards, "means": means}


@cache
def found(kind: str) -> SimulatedDrift:
    design = Design(**borrowing(MAKES[kind](), HOW))
    return simulated_drift(design, trials=TRIALS, points=POINTS, seed=SEED, jobs=1)


def made() -> SimulatedDrift:
    """A line of three points with numbers of this file."""
    generator = np.random.default_rng(7)
    curves = {
        (name, truth): Simulated(
            {measure: generator.random(POINTS) for measure in MEASURES},
            {measure: 0.01 * generator.random(POINTS) for measure in MEASURES},
        )
        for name in (WRITTEN, WITHOUT, EQUAL, ALONE)
        for truth in ("null", "effect")
    }
    curves[WRITTEN, "effect"].estimate["success"][2] = math.nan  # no room for the effect
    return SimulatedDrift(
        "a design", "inf", ("soc", "cart"), "all count", ("registry: 90 events",), "rate a year",
        True, False, OBSERVED, np.array([0.24, 0.6, 1.5]), 0.0, -0.3, 0.025, TRIALS, curves,  # type: ignore[arg-type]
        (0.99, 0.98), "", (0.31, 0.12),
    )  # fmt: skip


DESIGNS = Path(__file__).parents[2] / "designs"


def told(name: str, level: float, other: float) -> dict[str, Any]:
    """What is true where the control has a level: written here by hand."""
    if name == "rates":
        return {"inf": {"soc": level, "cart": other}}
    if name == "hazards":
        times = {
            arm: {"dist": "exponential", "median": 12.0 * math.log(2.0) / value}
            for arm, value in (("soc", level), ("cart", other))
        }
        return {"fl": times}
    scores = {"baseline": {"mean": 9.0, "sd": 3.0}, "sd": [3.0], "correlation": 0.6}
    of = {"soc": scores | {"change": [level]}, "cart": scores | {"change": [other]}}
    return {"mg": of}


@pytest.mark.slow
@pytest.mark.parametrize("kind", MAKES)
def test_every_point_is_a_scenario_of_the_design(kind: str) -> None:
    """The same trials, in a scenario that is written here by hand."""
    line = found(kind)
    raw = borrowing(MAKES[kind](), HOW)
    for truth, comparison in (("null", line.margin), ("effect", line.effect)):
        for place, level in enumerate(line.levels):
            other = level * comparison if line.ratio else level + comparison
            if kind != "means" and other <= 0.0:
                assert math.isnan(line.curves[WRITTEN, truth].estimate["success"][place])  # type: ignore[index]
                continue
            one = raw | {"scenarios": {"here": told(kind, float(level), float(other))}}
            design = Design(**one)
            for name, own in ((WRITTEN, design), (WITHOUT, _alone(design))):
                run = simulate(own, trials=TRIALS, seed=SEED, jobs=1, engine="simulate")
                rows = run.operating_characteristics
                rows = rows[rows["look"].isna()].set_index("measure")
                curve = line.curves[name, truth]  # type: ignore[index]
                for measure in ("success", "bias", "coverage"):
                    expected = float(rows.loc[measure, "estimate"])
                    assert curve.estimate[measure][place] == pytest.approx(expected, nan_ok=True)
                    error = float(rows.loc[measure, "mcse"])
                    assert curve.mcse[measure][place] == pytest.approx(error, nan_ok=True)


def _alone(design: Design) -> Design:
    from adaptive_cart.conduct.plan import Plan

    (arm,) = Plan.of(design).borrowing
    return without_borrowing(design, arm)


def test_without_borrowing_the_control_has_its_own_prior() -> None:
    for kind, key, own in (
        ("rates", "soc", {"a": 0.5, "b": 0.5}),
        ("hazards", "baseline", {"a": 0.5, "b": 5.0}),
        ("means", "soc", None),
    ):
        tables = _alone(Design(**borrowing(MAKES[kind](), HOW))).plain()
        (analysis,) = tables["analysis"].values()
        assert analysis.get("prior", {}).get(key) == own
        assert not tables.get("external")


@pytest.mark.slow
def test_the_line_has_the_external_level_and_its_bound_is_clopper_pearsons() -> None:
    line = found("rates")
    assert line.observed == pytest.approx(OBSERVED)
    assert line.levels.tolist() == pytest.approx([OBSERVED / 2.5, OBSERVED, OBSERVED * 2.5])
    assert line.drifts.tolist() == pytest.approx([0.4, 1.0, 2.5])
    for name, bound in zip((WRITTEN, WITHOUT), line.bound, strict=True):
        errors = line.curves[name, "null"].estimate["success"]
        had = [round(float(error) * TRIALS) for error in errors]
        upper = [stats.beta(k + 1, TRIALS - k).ppf(1.0 - 0.05 / POINTS) for k in had]
        assert bound == pytest.approx(max(upper))


@pytest.mark.slow
def test_pooling_too_low_a_rate_costs_error_and_gains_nothing_beyond_chance() -> None:
    """A control that does better than the external data makes the other arm look good."""
    line = found("rates")
    level, error, mcse = line.worst(WRITTEN)
    assert level == pytest.approx(OBSERVED / 2.5)
    assert error > line.worst(WITHOUT)[1] + 2.0 * mcse
    assert line.thresholds is not None
    assert line.thresholds[0] > line.thresholds[1] > 0.9
    for name in (EQUAL, ALONE):
        _, error, mcse = line.worst(name)
        assert error <= line.error + 4.0 * max(mcse, math.sqrt(0.025 * 0.975 / TRIALS))


def test_what_is_told_is_what_was_found() -> None:
    line = made()
    words, paragraph = line.words(), line.paragraph()
    level, error, mcse = line.worst(WRITTEN)
    assert f"largest type I error {error:.4f} ({mcse:.4f}), where the soc rate a year is" in words
    assert f"{level:.4g}" in words
    assert f"above {line.bound[0]:.4f} at none of them" in paragraph
    gain, spread = line.gains(EQUAL, ALONE)
    assert ("more power than chance" in words) == (not (gain > 1.96 * spread).any())
    table = list(csv.DictReader(line.csv().splitlines()))
    assert len(table) == 8 * POINTS
    first = next(row for row in table if row["design"] == WRITTEN and row["truth"] == "null")
    assert float(first["success"]) == line.curves[WRITTEN, "null"].estimate["success"][0]
    assert len(line.table().splitlines()) == POINTS + 2
    errors, rows = line.curves[WRITTEN, "null"].estimate["success"], line.table().splitlines()[2:]
    assert all(f"{error:.4f} (" in row for error, row in zip(errors, rows, strict=True))
    without = replace(line, thresholds=None, cannot="no threshold holds it")
    assert "at equal error: no threshold holds it" in without.words()
    assert without.paragraph().endswith("No threshold holds it.")
    drawn(line)
    assert "120 simulated trials at each of 3 points" in below(line)


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("rates", {"region": (0.0, 1.0)}, "above 0"),
        ("rates", {"region": (2.0, 1.0)}, "two rising levels"),
        ("rates", {"trials": 5}, "from 100 to"),
        ("rates", {"points": 2}, "from 3 to"),
        ("rates", {"error": 1.5}, "between 0 and 1"),
    ],
)
def test_what_is_refused(kind: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(DesignError, match=words):
        simulated_drift(Design(**borrowing(MAKES[kind](), HOW)), **options)


@pytest.mark.parametrize("region", [None, (1.0, 2.0)])
@pytest.mark.parametrize("name", ["desirability_of_outcome", "enrichment_biomarker"])
def test_an_endpoint_without_levels_is_refused_in_words(
    name: str, region: tuple[float, float] | None
) -> None:
    design = load_design(DESIGNS / f"{name}.toml")
    with pytest.raises(DesignError, match=f"levels of '{design.primary}' have no line"):
        simulated_drift(design, region=region)


@pytest.mark.parametrize(
    ("name", "found"), [("enrichment_biomarker", "strata"), ("platform_three_products", "arms")]
)
def test_several_strata_or_arms_are_refused_by_their_name(name: str, found: str) -> None:
    told = f"{found}: found several {found}; two arms without strata are expected"
    with pytest.raises(DesignError, match=told):
        simulated_drift(load_design(DESIGNS / f"{name}.toml"))


def test_every_problem_is_told_at_once() -> None:
    raw = copy.deepcopy(rates())
    raw["scenarios"]["expected"]["role"] = "null"
    del raw["external"]
    with pytest.raises(DesignError) as refused:
        drift(Design(**raw), points=2, seed=-1, jobs=0)
    text = str(refused.value)
    assert "does not borrow" in text
    assert "alternative" in text
    for option in ("--points", "--seed", "--jobs"):
        assert option in text


def test_of_external_data_without_events_no_drift_is_told() -> None:
    for make in (rates, hazards):
        raw = borrowing(make(), HOW)
        raw["external"]["registry"] |= {"events": 0}
        for region in (None, (0.2, 0.4)):
            with pytest.raises(DesignError, match="external: the external data that are borrowed"):
                simulated_drift(Design(**raw), region=region, trials=TRIALS, points=POINTS, jobs=1)


def test_a_line_beside_the_external_data_is_not_told_as_theirs() -> None:
    inside = made()
    assert "Where the control is as the external data and" in inside.paragraph()
    beside = replace(inside, observed=3.0).paragraph()
    assert "as the external data" not in beside
    assert "Where the soc rate a year is 1.5 and" in beside


def test_no_points_and_no_trials_are_not_taken_for_as_many_as_usual() -> None:
    with pytest.raises(DesignError) as refused:
        drift(Design(**borrowing(rates(), HOW)), points=0, trials=0)
    assert "--points: found 0" in str(refused.value)
    assert "--trials: found 0" in str(refused.value)


def test_counts_are_enumerated_and_take_no_trials() -> None:
    from running.test_drift import hybrid

    with pytest.raises(InputError, match="of counts everything is enumerated"):
        drift(Design(**hybrid()), trials=500)


def test_scores_are_calibrated_in_null_scenarios() -> None:
    """A null scenario of scores is no number that can be moved to a margin."""
    from adaptive_cart.running.calibrate import calibrate

    raw = means()
    raw.pop("external")
    raw["rules"][0]["at_least"] = "calibrate"
    raw["calibration"] = {"type_one_error": 0.1}
    raw["scenarios"] = {"null": told("means", -1.0, -1.0) | {"role": "null"}}
    threshold = calibrate(Design(**raw), trials=100, jobs=1).of_success
    assert threshold is not None
    assert 0.5 < threshold.threshold < 1.0


def test_what_calibration_says_of_the_search_is_obeyed_at_equal_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from adaptive_cart.running import simulated_drift as module

    raw = borrowing(rates(), HOW)
    raw["rules"].append(
        raw["rules"][0] | {"name": "futility", "then": "declare_futility", "at_least": 0.999}
    )
    raw["rules"][-1]["posterior"] = raw["rules"][0]["posterior"]
    raw["calibration"] = {
        "type_one_error": 0.1, "futility": "not_binding", "confidence": "estimate",
    }  # fmt: skip
    asked: list[Design] = []

    def noted(design: Design, **_: Any) -> Any:
        asked.append(design)
        raise DesignError([Problem("rules", "none")])

    monkeypatch.setattr(module, "calibrate", noted)
    simulated_drift(Design(**raw), trials=100, points=3, seed=1, jobs=1)
    assert [rule.name for rule in asked[0].overruled] == ["futility"]
    assert asked[0].calibration is not None
    assert not asked[0].calibration.by_upper_bound


@pytest.mark.slow
def test_one_command_makes_table_figure_and_paragraph(tmp_path: Path) -> None:
    import tomlkit

    path = tmp_path / "rates.toml"
    path.write_text(tomlkit.dumps(borrowing(rates(), HOW)), encoding="utf-8")
    out = tmp_path / "out"
    asked = ["borrowing", str(path), "--points", "3", "--trials", "100", "--jobs", "1",
             "--format", "svg", "--out", str(out)]  # fmt: skip
    run = CliRunner().invoke(main, asked)
    assert run.exit_code == 0, run.output
    names = {one.name for one in out.iterdir()}
    assert {"borrowing.csv", "borrowing.txt", "protocol_paragraph.txt", "borrowing.svg"} <= names
    assert np.isfinite(float((out / "borrowing.csv").read_text().splitlines()[1].split(",")[2]))


def test_names_keep_their_hyphens_and_numbers_have_a_minus() -> None:
    line = replace(made(), arms=("standard-care", "CAR-T"), levels=np.array([-3.0, -2.0, -1.0]))
    power = {name: line.curves[name, "effect"].estimate["success"] for name in (EQUAL, ALONE)}
    power[EQUAL][:], power[ALONE][:] = [0.9, 0.5, 0.1], [0.1, 0.5, 0.9]
    said = line.words()
    assert "where the standard-care rate a year is −3, most at −3 by +0.800" in said
    assert "; less where the standard-care rate a year is −1, at −1 by −0.800" in said
    assert "standard−care" not in line.paragraph()
