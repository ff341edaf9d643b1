"""Bars of categories: the true probabilities, wherever an endpoint has categories."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import adaptive_cart as ac
from adaptive_cart.figures import FIGURES, Missing, tables_of
from checks import raw_design
from figures.test_figures import layout_faults

DESIGN = """
name = "Categories"
[arms.soc]
control = true
[arms.cart]
label = "CAR-T"
[endpoints.door]
type = "ordinal"
month = 6
categories = ["dead", "bad", "good"]
[analysis.door]
model = "dirichlet"
[enrolment]
max_n = 20
per_month = 4
[looks]
observed = [20]
[[rules]]
name = "efficacy"
then = "declare_success"
posterior = { endpoint = "door", arm = "cart", better_than = "soc", above = 0.5 }
at_least = 0.9
[truth]
door.soc = { dead = 0.1, bad = 0.5, good = 0.4 }
[scenarios.works]
door.cart = { dead = 0.2, bad = 0.1, good = 0.7 }
[scenarios.null]
door.cart = { dead = 0.1, bad = 0.5, good = 0.4 }
"""


def test_a_bar_is_as_long_as_the_probability_that_the_design_says(tmp_path: Path) -> None:
    design = ac.Design(**tomllib.loads(DESIGN))
    result = ac.simulate(design, trials=4, seed=1, jobs=1, out=tmp_path / "run")
    figure = ac.figures.categories(result)
    bars = [bar for bar in figure.axes[0].patches if bar.get_height() > 0.5]
    drawn = [round(bar.get_width(), 12) for bar in bars]
    order = tables_of(result, "C9")["categories"]["scenario"].unique().tolist()
    control, works = [0.1, 0.5, 0.4], [0.2, 0.1, 0.7]
    own = {"works": [*control, *works], "null": [*control, *control]}
    assert drawn == [share for name in order for share in own[name]]
    starts = [round(bar.get_x(), 12) for bar in bars][:3]
    assert starts == [0.0, 0.1, 0.6], "the worst on the left"
    assert layout_faults(figure) == []
    caption = FIGURES["C9"].caption(tables_of(result, "C9"))
    # a good outcome beats 0.6 worse ones and ties with 0.4; and so on
    better = 0.7 * (0.6 + 0.2) + 0.1 * (0.1 + 0.25) + 0.2 * 0.05
    assert f"works, CAR-T {better:.3f}" in caption
    assert "in per cent (exact)" in caption


def test_thin_bars_are_what_was_seen_when_the_trials_ended(tmp_path: Path) -> None:
    raw = tomllib.loads(DESIGN) | {"looks": {"observed": [10, 20]}}
    result = ac.simulate(ac.Design(**raw), trials=30, seed=1, jobs=1, out=tmp_path / "run")
    frame = tables_of(result, "C9")["categories"]
    ends = {(one.scenario, one.trial): one.look for one in result.trials.itertuples()}
    assert set(ends.values()) == {1, 2}
    wanted = []
    for row in frame.itertuples():
        seen = analysed = 0
        for one in result.looks.itertuples():
            last = one.look == ends[one.scenario, one.trial]
            if last and (one.scenario, one.arm) == (row.scenario, row.arm):
                seen += getattr(one, f"door_{row.category}")
                analysed += one.door_analysed
        assert row.seen == pytest.approx(seen / analysed, abs=1e-12)
        wanted.append(round(seen / analysed, 9))
    figure = FIGURES["C9"].draw(tables_of(result, "C9"))
    thin = [bar for bar in figure.axes[0].patches if bar.get_height() < 0.5]
    assert [round(bar.get_width(), 9) for bar in thin] == [share for share in wanted if share]
    assert "thin: as seen when the trial ended" in figure.axes[0].get_xlabel()
    assert layout_faults(figure) == []


@pytest.mark.slow
def test_the_course_gives_bars_too_and_many_scenarios_leave_some_out(tmp_path: Path) -> None:
    raw = raw_design("desirability_of_outcome")
    for place in range(12):
        raw["scenarios"][f"death_{place}"] = {"cart": {"death": {"per_year": 0.02 * (1 + place)}}}
    result = ac.simulate(ac.Design(**raw), trials=2, seed=1, jobs=1, out=tmp_path / "run")
    tables = tables_of(result, "C9")
    assert not isinstance(tables, Missing)
    frame = tables["categories"]
    total = frame.groupby(["scenario", "arm"])["probability"].sum()
    assert total.to_numpy() == pytest.approx(1.0)
    assert frame.loc[frame["shown"], "scenario"].nunique() == 12
    figure = FIGURES["C9"].draw(tables)
    assert layout_faults(figure) == []
    assert "Not drawn for want of room" in FIGURES["C9"].caption(tables)


def test_a_design_without_categories_says_so(tmp_path: Path) -> None:
    design = ac.load_design(Path(__file__).parents[2] / "designs" / "hello.toml")
    result = ac.simulate(design, trials=2, seed=1, jobs=1, out=tmp_path / "run")
    missing = tables_of(result, "C9")
    assert isinstance(missing, Missing)
    assert "ordinal" in missing.remedy
