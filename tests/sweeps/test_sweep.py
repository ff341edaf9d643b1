"""A sweep is the runs one would make by hand, laid together, with differences trial by trial."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import adaptive_cart as ac
from adaptive_cart.cli import main
from adaptive_cart.errors import DesignError, InputError, ResultsError
from adaptive_cart.running.calibrate import calibrate
from adaptive_cart.sweeps.pictures import PICTURES
from adaptive_cart.sweeps.varying import variants_of, vary_of

DESIGNS = Path(__file__).parents[2] / "designs"
RULE = "rules.efficacy.at_least"
VARY = {RULE: [0.97, 0.985, 0.99], "rules.futility.below": [0.02, 0.3]}
TRIALS = 120


@pytest.fixture(scope="module")
def design() -> ac.Design:
    return ac.load_design(DESIGNS / "hello.toml")


@pytest.fixture(scope="module")
def swept(design: ac.Design, tmp_path_factory: pytest.TempPathFactory) -> ac.Sweep:
    folder = tmp_path_factory.mktemp("sweep") / "grid"
    return ac.sweep(design, VARY, trials=TRIALS, seed=3, jobs=1, engine="simulate", out=folder)


# ── what is varied ────────────────────────────────────────────────────────────────────────────
def test_values_are_typed_as_ranges_or_one_by_one() -> None:
    read = vary_of(
        ["a=60:120:30", "b=0.1:0.3:0.1", "c=0.975,0.985", "d=[60, 90],[70, 90]", 'e="x,y",z', "f=5",
         "g=3:1:-1", "h=true,false", "i={ a = 1, b = 2 }"]
    )  # fmt: skip
    assert read == {
        "a": [60, 90, 120], "b": [0.1, 0.2, 0.3], "c": [0.975, 0.985], "d": [[60, 90], [70, 90]],
        "e": ["x,y", "z"], "f": [5], "g": [3, 2, 1], "h": [True, False], "i": [{"a": 1, "b": 2}],
    }  # fmt: skip
    assert all(isinstance(value, int) for value in read["a"])


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["a=1:2"], "FROM:TO:STEP"),
        (["a=1:2:0"], "FROM:TO:STEP"),
        (["a=1:2:-1"], "FROM:TO:STEP"),
        (["a=0:1000000:1"], "at most"),
        (["a="], "KEY=VALUE is expected"),
        (["a=1", "a=2"], "given twice"),
        (["a=two words"], "a value as it stands"),
    ],
)
def test_what_is_no_range_and_no_list_is_refused(typed: list[str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        vary_of(typed)


def test_grid_one_at_a_time_and_pairs_are_what_they_say(design: ac.Design) -> None:
    def told(how: Any) -> list[dict[str, Any]]:
        return [dict(one.settings) for one in variants_of(design, VARY, how)]

    first, second = VARY
    grid = [{first: a, second: b} for a, b in itertools.product(VARY[first], VARY[second])]
    assert told("grid") == [{}, *grid]
    # 0.985 is what the design says: as written, and not run twice
    singles = [{first: 0.97}, {first: 0.99}, {second: 0.02}, {second: 0.3}]
    assert told("one_at_a_time") == [{}, *singles]
    beside = [one for one in grid if one[first] != 0.985]
    assert told("pairs") == [{}, *singles, *beside]


def test_every_problem_of_every_variant_is_told_before_anything_is_run(
    design: ac.Design, tmp_path: Path
) -> None:
    wrong = {RULE: [0.98, 1.5], "rules.eficacy.looks": [[1]], "enrolment.max_n": [60, 150]}
    with pytest.raises(DesignError) as caught:
        ac.sweep(design, wrong, how="one_at_a_time", out=tmp_path / "none")
    told = str(caught.value)
    assert "rules.efficacy.at_least: found 1.5" in told
    assert "rules.eficacy.looks: no rule 'eficacy' (did you mean 'efficacy'?)" in told
    assert "looks.observed: found 105, 150, beyond max_n = 60; --looks-in-proportion" in told
    assert not (tmp_path / "none").exists()
    with pytest.raises(InputError, match="nothing is varied"):
        ac.sweep(design, {})
    with pytest.raises(InputError, match="at most 2,000 are run"):
        ac.sweep(design, {RULE: [k / 5000 for k in range(2500, 5000)]})


def test_looks_go_in_proportion_by_the_nearest_block(design: ac.Design) -> None:
    vary = {"enrolment.max_n": [60, 75, 90, 120]}
    made = variants_of(design, vary, "grid", looks_in_proportion=True)
    # 60, 105, 150 of 150, blocks of 3; a half goes up (10.5 blocks of 75's second look: 17.5 to 18)
    assert [one.design.looks.observed for one in made[1:]] == [
        [24, 42, 60], [30, 54, 75], [36, 63, 90], [48, 84, 120],
    ]  # fmt: skip


# ── numbers ───────────────────────────────────────────────────────────────────────────────────
def test_every_variant_is_the_run_of_its_design(design: ac.Design, swept: ac.Sweep) -> None:
    assert len(swept.variants) == 7
    for variant in (swept.variants[1], swept.variants[-1]):
        alone = ac.simulate(
            design.replace(dict(variant.settings)), trials=TRIALS, seed=3, jobs=1, engine="simulate"
        )
        held = ac.open_result(swept.folder / "variants" / variant.digest)
        pd.testing.assert_frame_equal(
            alone.operating_characteristics, held.operating_characteristics
        )
        rows = swept.table[swept.table["variant"] == variant.label]
        mine = rows[(rows["measure"] == "success") & (rows["scenario"] == "expected")]
        assert mine["estimate"].item() == alone.figure("expected", "success").estimate
        assert mine["mcse"].item() == alone.figure("expected", "success").mcse


def test_differences_are_those_of_the_trials(swept: ac.Sweep) -> None:
    """From the stored trials, one by one."""
    results = {
        one.label: ac.open_result(swept.folder / "variants" / one.digest) for one in swept.variants
    }
    frame = swept.table.set_index(["variant", "scenario", "measure"]).sort_index()
    base = results["as written"].trials
    moved = 0
    for label, result in results.items():
        if label == "as written":
            continue
        for scenario in ("null", "expected"):
            for measure, value in (("success", "reason"), ("months_mean", "months")):
                here, there = (t[t["scenario"] == scenario][value] for t in (result.trials, base))
                if measure == "success":
                    here, there = here == "success", there == "success"
                apart = here.to_numpy(float) - there.to_numpy(float)
                row = frame.loc[(label, scenario, measure)]
                assert row["difference"] == pytest.approx(apart.mean(), abs=1e-12)
                error = apart.std(ddof=1) / math.sqrt(TRIALS)
                assert row["difference_mcse"] == pytest.approx(error, abs=1e-12)
                assert row["paired"] == "yes"
                moved += bool(np.any(apart != 0.0))
    assert moved > 6


def test_the_largest_type_one_error_is_over_the_null_scenarios(tmp_path: Path) -> None:
    tables = ac.load_design(DESIGNS / "hello.toml").plain()
    tables["scenarios"]["other_null"] = {"role": "null", "dfr": {"soc": 0.4, "cart": 0.4}}
    found = ac.sweep(ac.Design(**tables), {RULE: [0.9, 0.97]}, out=tmp_path / "a")
    whole = found.table.fillna({"scenario": ""})
    frame = whole.set_index(["variant", "measure", "scenario"]).sort_index()["estimate"]
    for variant in found.variants:
        largest = max(frame[variant.label, "success", n] for n in ("null", "other_null"))
        assert frame[variant.label, "type_one_error", ""] == largest
    worst = found.worst()
    assert worst is not None
    assert worst.variant.settings == {RULE: 0.9}
    least = found.worst("expected")
    assert least is not None
    assert least.variant.settings == {}


def test_the_tables_on_disk_are_the_table(swept: ac.Sweep) -> None:
    assert list(swept.table.columns[1:3]) == list(VARY)
    stored = pd.read_parquet(swept.folder / "sweep.parquet")
    pd.testing.assert_frame_equal(stored, swept.table, check_dtype=False)
    typed = pd.read_csv(swept.folder / "sweep.csv")
    assert typed["estimate"].to_numpy() == pytest.approx(swept.table["estimate"], nan_ok=True)
    written = swept.table[swept.table["variant"] == "as written"]
    assert set(written[RULE]) == {0.985}
    assert set(written["rules.futility.below"]) == {0.05}


def test_a_key_whose_values_are_no_numbers_has_a_column_of_text(design: ac.Design) -> None:
    found = ac.sweep(design, {"rules.futility.looks": [[1], [2]]}, scenarios=["null"])
    assert list(dict.fromkeys(found.table["rules.futility.looks"])) == ["[1, 2]", "[1]", "[2]"]


# ── going on ──────────────────────────────────────────────────────────────────────────────────
def test_what_is_finished_is_not_run_again(design: ac.Design, tmp_path: Path) -> None:
    def times() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in tmp_path.rglob("trials.parquet")}

    def run(values: list[float], **more: Any) -> ac.Sweep:
        return ac.sweep(design, {RULE: values}, trials=20, seed=1, jobs=1, engine="simulate",
                        out=tmp_path, **more)  # fmt: skip

    first = run([0.97])
    before = times()
    told: list[str] = []
    again = run([0.97, 0.99], tell=told.append)
    after = times()
    assert len(after) == 3
    assert {path: after[path] for path in before} == before
    assert "3 runs, the design as written among them" in told[0]
    assert "2 of the runs are there already" in told[0]
    frame = again.table[again.table["variant"] != f"{RULE} = 0.99"].reset_index(drop=True)
    pd.testing.assert_frame_equal(frame, first.table)
    with pytest.raises(ResultsError, match=r"holds another sweep: seed 1 there, 2 now"):
        ac.sweep(design, {RULE: [0.97]}, trials=20, seed=2, jobs=1, engine="simulate", out=tmp_path)
    with pytest.raises(ResultsError, match=r"holds another sweep: digest"):
        ac.sweep(design.replace("enrolment.max_n", 180), {RULE: [0.97]}, seed=1, out=tmp_path)
    (tmp_path / "sweep.csv").write_text("mine", "utf-8")
    with pytest.raises(ResultsError, match=r"sweep\.csv has been changed"):
        run([0.97])
    assert (tmp_path / "sweep.csv").read_text("utf-8") == "mine"


# ── at equal error ────────────────────────────────────────────────────────────────────────────
def test_recalibrated_variants_have_the_thresholds_that_calibrate_finds(
    design: ac.Design, tmp_path: Path
) -> None:
    small = {"calibration.type_one_error": 0.025, "looks.observed": [30, 60], "enrolment.max_n": 60}
    held = design.replace(small)
    futility = "rules.futility.below"
    found = ac.sweep(held, {futility: [0.3]}, recalibrate=True, out=tmp_path)
    frame = found.table[found.table["measure"] == "threshold_efficacy"]
    assert list(frame[futility]) == [0.05, 0.3]
    for value, threshold in zip(frame[futility], frame["estimate"], strict=True):
        alone = calibrate(held.replace({futility: value, RULE: "calibrate"}), jobs=1)
        assert threshold == alone.of_rule("efficacy")
    assert len(set(frame["estimate"])) > 1
    assert "calibrated anew in every variant; type I error wanted: at most 0.025" in found.text()
    with pytest.raises(DesignError, match=r"rules\.efficacy\.at_least: is calibrated anew"):
        ac.sweep(held, {RULE: [0.97]}, recalibrate=True)
    with pytest.raises(DesignError, match=r"calibration: missing; --recalibrate needs"):
        ac.sweep(design, {futility: [0.02]}, recalibrate=True)


# ── what it shows ─────────────────────────────────────────────────────────────────────────────
def test_what_is_wrong_with_every_variant_alike_is_told_once(design: ac.Design) -> None:
    with pytest.raises(DesignError) as caught:
        ac.sweep(design, {"enrolment.per_month": [3.0, 4.0, 5.0]}, recalibrate=True)
    told = [str(problem) for problem in caught.value.problems]
    assert len(told) == len(set(told)), told
    assert sum("--recalibrate needs" in line for line in told) == 1


def test_the_tornado_has_a_bar_for_each_key_alone(swept: ac.Sweep, design: ac.Design) -> None:
    figure = swept.figure("tornado")  # as written is in the grid of one key alone
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["below"]
    cells = [c for c in swept.rows if c.scenario == "expected" and c.key.measure == "success"
             and c.variant.settings.get(RULE) == 0.985]  # fmt: skip
    drawn = sorted(bar.get_width() for bar in figure.axes[1].patches)
    apart = sorted(c.apart.value for c in cells if c.apart is not None)
    assert drawn == [apart[0], apart[-1]]
    assert drawn[0] < 0.0 <= drawn[1]
    one = ac.sweep(design, {RULE: [0.97]})
    with pytest.raises(InputError, match="one key was varied, and two are needed"):
        one.figure("heat_map")
    with pytest.raises(InputError, match="no figure 'tornadoes'"):
        one.figure("tornadoes")


def test_the_heat_map_shows_the_numbers_of_the_table(swept: ac.Sweep) -> None:
    figure = swept.figure("heat_map")
    shown = [text.get_text() for text in figure.axes[1].texts]
    frame = swept.table[
        (swept.table["measure"] == "success") & (swept.table["variant"] != "as written")
    ]
    frame = frame[frame["scenario"] == "expected"].set_index(list(VARY))["estimate"]
    expected = [
        f"{100 * frame[rule, pace]:.3g}%"
        for pace in VARY["rules.futility.below"]
        for rule in VARY[RULE]
    ]
    assert shown == expected
    assert all(kind.caption(swept) and kind.alternative_text(swept) for kind in PICTURES.values())


def test_the_command_tells_runs_and_writes_everything(tmp_path: Path) -> None:
    out = tmp_path / "out"
    typed = ["sweep", str(DESIGNS / "hello.toml"), "--vary", "enrolment.max_n=90:150:30",
             "--vary", f"{RULE}=0.98,0.985", "--looks-in-proportion", "--format", "png",
             "--set", "rules.futility.below=0.1", "--out", str(out)]  # fmt: skip
    done = CliRunner().invoke(main, typed)
    assert done.exit_code == 0, done.output
    assert "6 runs, the design as written among them, in each of 2 scenarios" in done.stderr
    assert "set: rules.futility.below = 0.1 instead of 0.05" in done.stderr
    assert "max_n = 120, at_least = 0.98 " in done.stdout
    assert "Least success in expected" in done.stdout
    for name in ("sweep.json", "sweep.csv", "sweep.parquet", "sweep.txt", "tornado.png",
                 "heat_map.png", "captions.json"):  # fmt: skip
        assert (out / name).is_file()
    told = json.loads((out / "sweep.json").read_text("utf-8"))
    assert told["vary"] == {"enrolment.max_n": [90, 120, 150], RULE: [0.98, 0.985]}
    assert all(ac.open_result(out / one["folder"]) for one in told["variants"])
    refused = CliRunner().invoke(
        main, ["sweep", str(DESIGNS / "hello.toml"), "--vary", "arms.x.y=1"]
    )
    assert refused.exit_code == 2
    assert "no arm 'x'" in refused.output
