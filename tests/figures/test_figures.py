"""Every figure of every design draws, is laid out soundly, and shows the run's own numbers."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

import adaptive_cart as ac
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.errors import InputError, ResultsError
from adaptive_cart.figures import (
    FIGURES,
    Missing,
    figure_of,
    rendered,
    tables_of,
    write_figures,
)
from adaptive_cart.figures.source import replay, trials_of
from adaptive_cart.figures.style import (
    RC,
    broken,
    legend_columns,
    percent_axis,
    sheet,
    short,
    spread,
    width_of,
)
from adaptive_cart.figures.truths import lines_of
from adaptive_cart.results.result import Result, open_result
from checks import raw_design, tiny_design

DESIGNS = Path(__file__).resolve().parents[2] / "designs"
SMALLEST = 9.0  # points
TALLEST = 9.41  # inches: what a page leaves
TRIALS = 60
COURSE = {"C1", "C2", "C3", "C4", "C5", "C10"}
# what each design cannot show with so few trials, and nothing else may be missing
CANNOT = {
    "hello": {"F10", "F11f", "C6", "C7", "C8"} | COURSE,
    "sle_autologous": {"C7", "C8", "C10"},
    "products_multiarm": {"F10", "F11f", "C6", "C7", "C8"} | COURSE,
    "basket_diseases": {"F10", "F11a", "F11e", "F11f", "C6", "C7", "C8"} | COURSE,
}
# none of them has an ordinal endpoint, or a rule about a benefit and a risk
CANNOT = {name: cannot | {"C9", "C11"} for name, cannot in CANNOT.items()}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run of a design, made when first asked for."""
    found: dict[str, Result] = {}

    def result(name: str) -> Result:
        if name not in found:
            design = ac.load_design(DESIGNS / f"{name}.toml")
            folder = tmp_path_factory.mktemp("results") / name
            found[name] = ac.simulate(design, trials=TRIALS, seed=7, jobs=1, out=folder)
        return found[name]

    return result


# ── how figures are laid out ──────────────────────────────────────────────────────────────────
def _texts(figure: Any) -> Iterator[Any]:
    """Every text that is seen."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        hidden = text.axes is not None and not text.axes.get_visible()
        if text.get_text().strip() and text.get_visible() and not hidden:
            yield text


def layout_faults(figure: Any) -> list[str]:
    """What a careful person would not sign: small text, text cut off, text over text."""
    from matplotlib.axis import Axis
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    width, height = canvas.get_width_height()
    faults, boxes = [], []
    ticks: set[int] = set()
    unseen: set[int] = set()
    for axes in figure.findobj(Axis):
        low, high = sorted(axes.get_view_interval())
        for tick in axes.get_major_ticks():
            for label in (tick.label1, tick.label2):
                ticks.add(id(label))
                if not low - 1e-9 <= tick.get_loc() <= high + 1e-9 or not axes.axes.axison:
                    unseen.add(id(label))
    for text in _texts(figure):
        if id(text) in unseen:
            continue
        if text.get_fontsize() < SMALLEST:
            faults.append(f"{text.get_text()!r} has {text.get_fontsize():g} points")
        box = text.get_window_extent(renderer)
        if box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1:
            faults.append(f"{text.get_text()!r} is cut off")
        boxes.append((text.get_text(), box))
    for place, (words, box) in enumerate(boxes):
        for others, other in boxes[place + 1 :]:
            across = min(box.x1, other.x1) - max(box.x0, other.x0)
            down = min(box.y1, other.y1) - max(box.y0, other.y0)
            if across > 1.0 and down > 2.0:
                faults.append(f"{words!r} lies over {others!r}")
    return faults + _outside_boxes(figure, boxes, renderer) + _on_curves(figure, renderer)


def _on_curves(figure: Any, renderer: Any) -> list[str]:
    """Legends that lie on the panel that they belong to."""
    faults = []
    for axes in figure.findobj(lambda artist: hasattr(artist, "get_legend")):
        legend = axes.get_legend()
        if legend is None or not axes.axison or not axes.get_visible():
            continue
        own, panel = legend.get_window_extent(renderer), axes.get_window_extent(renderer)
        across = min(own.x1, panel.x1) - max(own.x0, panel.x0)
        down = min(own.y1, panel.y1) - max(own.y0, panel.y0)
        if across > 2.0 and down > 6.0:
            faults.append(f"a legend lies on its panel by {down:.0f} dots")
    return faults


def _outside_boxes(figure: Any, boxes: list[tuple[str, Any]], renderer: Any) -> list[str]:
    """Texts that are written into a box of a flow chart and do not fit into it."""
    from matplotlib.patches import FancyBboxPatch

    faults = []
    for patch in figure.findobj(FancyBboxPatch):
        if patch.axes is None:
            continue  # the frame of a legend or of the text itself
        box = patch.get_window_extent(renderer)
        for words, own in boxes:
            inside = box.x0 < (own.x0 + own.x1) / 2 < box.x1
            inside &= box.y0 < (own.y0 + own.y1) / 2 < box.y1
            fits = own.x0 > box.x0 and own.x1 < box.x1 and own.y0 > box.y0 and own.y1 < box.y1
            if inside and not fits:
                faults.append(f"{words!r} does not fit into its box")
    return faults


def test_every_figure_draws_and_is_laid_out_soundly(results: Any) -> None:
    only = set(FIGURES) - {"F11b", "F11c", "F11d", "F11e", "F9", "F8"}  # these only if slow
    _draws(results("hello"), CANNOT["hello"], only)


def test_figures_of_a_course_draw_and_are_laid_out_soundly(results: Any) -> None:
    only = {"F10", "C1", "C2", "C3", "C6"}  # the others where slow tests run
    _draws(results("sle_autologous"), set(), only)


@pytest.mark.slow
@pytest.mark.parametrize("name", CANNOT)
def test_every_figure_of_the_main_designs_draws(results: Any, name: str) -> None:
    _draws(results(name), CANNOT[name])


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["durability_event_driven", "enrichment_biomarker", "goldilocks_allogeneic"]
)
def test_every_figure_of_the_other_designs_draws(name: str, tmp_path: Path) -> None:
    # a threshold is given, since finding it takes longer than all the rest
    text = (DESIGNS / f"{name}.toml").read_text(encoding="utf-8")
    file = tmp_path / "design.toml"
    file.write_text(text.replace('at_least = "calibrate"', "at_least = 0.99"), encoding="utf-8")
    design = ac.load_design(file)
    _draws(ac.simulate(design, trials=TRIALS, seed=7, jobs=1, out=tmp_path / "out"), None)


def _draws(result: Result, cannot: set[str] | None, only: set[str] | None = None) -> None:
    missing = set()
    for key, kind in FIGURES.items():
        if only is not None and key not in only:
            continue
        tables = kind.tables(result)
        if isinstance(tables, Missing):
            assert tables.reason
            assert tables.remedy
            missing.add(key)
            continue
        figure = kind.draw(tables)
        assert figure.get_figwidth() == (9.0 if kind.landscape else 6.5)
        assert figure.get_figheight() <= TALLEST, key
        assert layout_faults(figure) == [], key
        assert len(kind.caption(tables)) > 60
        assert kind.alternative_text(tables)
    if cannot is not None:
        assert missing == cannot


def test_a_prior_of_many_parts_below_a_long_heading_has_room() -> None:
    many = [{"weight": 0.125, "a": 1.0 + k, "b": 20.0 + 8.0 * k} for k in range(8)]
    raw = tiny_design(
        endpoints={"dfr": {"type": "landmark", "month": 4, "label": "Remission in month four"}},
        analysis={"dfr": {"model": "beta_binomial", "prior": {"soc": {"mixture": many}}}},
    )
    raw["arms"]["soc"]["label"] = "Standard of care"
    _draws(ac.simulate(ac.Design(**raw), trials=4, jobs=1, engine="simulate"), None, {"F2"})


def test_layout_faults_are_seen() -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3, 2))
    figure.text(0.5, 0.5, "one thing", fontsize=10)
    assert layout_faults(figure) == []
    figure.text(0.52, 0.51, "upon another", fontsize=10)
    figure.text(0.9, 0.1, "longer than what is left", fontsize=6)
    axes = figure.add_axes((0.1, 0.6, 0.3, 0.3))
    axes.plot([0, 1], [0, 1], label="curve")
    axes.legend()
    faults = " ".join(layout_faults(figure))
    assert "'one thing' lies over 'upon another'" in faults
    assert "is cut off" in faults
    assert "has 6 points" in faults
    assert "a legend lies on its panel" in faults


def test_a_text_that_does_not_fit_into_its_box_is_seen() -> None:
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyBboxPatch

    figure = Figure(figsize=(3, 2))
    axes = figure.subplots()
    axes.set_axis_off()
    axes.add_patch(FancyBboxPatch((0.2, 0.4), 0.6, 0.2, boxstyle="round,pad=0"))
    axes.text(0.5, 0.5, "short", fontsize=9, ha="center", va="center")
    assert layout_faults(figure) == []
    axes.texts[0].set_text("longer than the box is wide")
    assert layout_faults(figure) == ["'longer than the box is wide' does not fit into its box"]


# ── awkward designs ───────────────────────────────────────────────────────────────────────────
LONG = {
    "soc": "standard_of_care_with_background_therapy",
    "cart": "anti_cd19_autologous_car_t_cells_flat_dose",
    "expected": "expected_with_slow_accrual_and_high_dropout_in_both_arms",
    "efficacy": "efficacy_of_the_primary_endpoint_at_the_look",
    "futility": "futility_by_predictive_probability_at_the_look",
    "toxic": "more_severe_cytokine_release_than_in_early_trials",
}


def _text(name: str) -> str:
    return (DESIGNS / f"{name}.toml").read_text(encoding="utf-8")


def _with_long_names(text: str) -> str:
    for name, longer in LONG.items():
        text = re.sub(rf"(?<![\w-]){name}(?![\w-])", longer, text)
    return text


def _with_ten_looks(text: str) -> str:
    looks = "observed = [30, 45, 60, 75, 90, 105, 120, 130, 140, 150]"
    text = text.replace("observed = [60, 105, 150]", looks)
    return text.replace("looks = [1, 2]", "looks = [1, 2, 3, 4, 5, 6, 7, 8, 9]")


def _with_scenarios(text: str, rates: dict[str, tuple[str, float, float]]) -> str:
    parts = [
        f'[scenarios.{name}]\nrole = "{role}"\ndfr = {{ soc = {control}, cart = {cart} }}'
        for name, (role, control, cart) in rates.items()
    ]
    return "\n".join([text.split("[scenarios.")[0], *parts]) + "\n"


def _many() -> dict[str, tuple[str, float, float]]:
    found = {}
    for k in range(26):
        control = round(0.05 + 0.03 * (k % 5), 3)
        role = "null" if k < 3 else ("robustness" if k % 4 == 0 else "alternative")
        cart = control if k < 3 else round(control + 0.02 + k / 26 * (0.93 - control), 3)
        found[f"scenario_number_{k}_of_a_long_list_with_control_{k % 5}"] = (role, control, cart)
    return found


AWKWARD = {
    "long names": _with_long_names(_text("hello")),
    "one scenario": _with_scenarios(_text("hello"), {"only": ("alternative", 0.1, 0.35)}),
    "nothing and everything": _with_scenarios(
        _text("hello"),
        {"null": ("null", 0.0, 0.0), "all": ("alternative", 0.0, 1.0), "ones": ("null", 1.0, 1.0)},
    ),
    "many scenarios": _with_long_names(_with_scenarios(_text("hello"), _many())),
}
AWKWARD_AND_SLOW = {
    "ten looks": _with_long_names(_with_ten_looks(_text("hello"))),
    "a course with long names": _with_long_names(_text("sle_autologous")),
    "a course with many scenarios": _text("sle_autologous")
    + "".join(
        f"""
[scenarios.scenario_{k}_with_a_name_that_goes_on]
role = "{("null", "robustness", "alternative")[k % 3]}"
cart.remission.probability = {0.1 + 0.05 * k:.2f}
cart.events.crs3 = {min(0.01 + 0.03 * k, 0.4):.2f}
"""
        for k in range(8)
    ),
    "several arms and many scenarios": _text("products_multiarm")
    + "".join(
        f"""
[scenarios.one_more_scenario_of_several_{k}]
dfr = {{ soc = 0.1, auto = {0.1 + 0.1 * k:.2f}, allo = 0.3, treg = 0.2, tce = {0.9 - 0.1 * k:.2f} }}
"""
        for k in range(6)
    ),
}


def _awkward(text: str, folder: Path, only: set[str] | None = None, engine: str = "auto") -> None:
    file = folder / "design.toml"
    file.write_text(text, encoding="utf-8")
    design = ac.load_design(file)
    result = ac.simulate(design, trials=TRIALS, seed=7, jobs=1, out=folder / "out", engine=engine)
    _draws(result, None, only)


@pytest.mark.parametrize(
    ("name", "only"),
    [
        ("long names", {"F4"}),
        ("one scenario", {"F4", "F6"}),
        ("nothing and everything", {"F4", "F5", "F6", "F12"}),
        ("many scenarios", {"F5"}),
    ],
)
def test_awkward_designs_are_laid_out_soundly(name: str, only: set[str], tmp_path: Path) -> None:
    _awkward(AWKWARD[name], tmp_path, only)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*AWKWARD, *AWKWARD_AND_SLOW])
def test_every_figure_of_awkward_designs_is_laid_out_soundly(name: str, tmp_path: Path) -> None:
    _awkward((AWKWARD | AWKWARD_AND_SLOW)[name], tmp_path, engine="simulate")


def test_remission_is_not_shown_of_a_time_from_randomisation(tmp_path: Path) -> None:
    """A time that is said directly beside a course, without a horizon, has no end to draw to."""
    raw = raw_design("sle_autologous")
    raw["endpoints"] = {
        "dfr": next(e for e in raw["endpoints"].values() if e["type"] == "landmark"),
        "flare": {"type": "time_to_event"},
    }
    raw["analysis"] = {"flare": {"model": "weibull_cure", "prior": {
        "cured": {"dist": "beta", "a": 2.0, "b": 2.0},
        "median_months": {"dist": "lognormal", "median": 12.0, "sigma": 0.7},
        "shape": {"dist": "lognormal", "median": 1.2, "sigma": 0.3},
    }}}  # fmt: skip
    asked = {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.0}
    raw["rules"] = [{"name": "efficacy", "then": "declare_success", "posterior": asked,
                     "at_least": 0.95}]  # fmt: skip
    for arm in ("soc", "cart"):
        raw["truth"][arm].pop("events", None)
        raw["truth"][arm].pop("rates", None)
    flare = {"dist": "exponential", "median": 20.0}
    raw["scenarios"] = {"expected": {"flare": {"soc": flare, "cart": flare}}}
    raw.pop("calibration", None)
    result = ac.simulate(ac.Design(**raw), trials=4, seed=1, jobs=1, out=tmp_path / "run")
    missing = tables_of(result, "C5")
    assert isinstance(missing, Missing)
    assert "time_to_relapse" in missing.remedy


def test_flat_priors_have_no_densities_to_show(tmp_path: Path) -> None:
    raw = raw_design("myasthenia_scores")
    raw["analysis"] = {name: {"model": "normal"} for name in raw["endpoints"]}
    result = ac.simulate(ac.Design(**raw), trials=2, seed=1, jobs=1, out=tmp_path / "run")
    missing = tables_of(result, "F2")
    assert isinstance(missing, Missing)
    assert "flat" in missing.reason


@pytest.mark.parametrize(
    ("key", "part"),
    [
        ("C1", "flow"),
        ("C6", "benefit_risk"),
        pytest.param("C3", "share", marks=pytest.mark.slow),
        pytest.param("C5", "durability", marks=pytest.mark.slow),
    ],
)
def test_five_arms_fit_on_a_page(results: Any, key: str, part: str) -> None:
    """The table of one arm, five times: as many as the largest platform that we have."""
    import pandas as pd

    names = [f"{LONG['cart']}_{k}" for k in range(5)]
    tables = tables_of(results("sle_autologous"), key)
    assert not isinstance(tables, Missing)
    if key == "C6":  # two scenarios of five arms: as many points as the table lets be drawn
        frame = tables[part]
        tables = tables | {part: frame[frame["scenario"].isin(["null", "toxic"])]}
    more = dict(tables)
    for name in {part, "months", "true"} & set(tables):
        own = tables[name][tables[name]["arm"] == "cart"]
        more[name] = pd.concat([own.assign(arm=arm) for arm in names], ignore_index=True)
    figure = FIGURES[key].draw(more)
    assert figure.get_figheight() <= TALLEST
    assert layout_faults(figure) == []


@pytest.mark.parametrize(
    ("name", "scenario"),
    [
        ("sle_autologous", "expected"),
        pytest.param("products_multiarm", "ordered", marks=pytest.mark.slow),
        pytest.param("basket_diseases", "all_work", marks=pytest.mark.slow),
    ],
)
def test_pictures_of_a_real_trial_are_laid_out_soundly(
    results: Any, name: str, scenario: str
) -> None:
    import pandas as pd

    from adaptive_cart.analysis.pictures import figures_of
    from adaptive_cart.recorded.table import participants_table

    result = results(name)
    block = replay(result, scenario).block
    trial = int(np.argmax(block.months))
    number = int(block.randomised[trial].sum())
    rows = participants_table(
        result.design, block.population, trial, float(block.months[trial]), number
    )
    frame = pd.DataFrame(rows)
    analysis = ac.analyze(result.design, frame, look=int(block.look[trial]), fast=True)
    pictures = figures_of(analysis)
    assert {"difference", "prior_and_posterior", "swimmer"} <= set(pictures)
    for key, picture in pictures.items():
        assert layout_faults(picture.figure) == [], key
        assert picture.figure.get_figheight() <= TALLEST
        assert len(picture.caption) > 30
    # the interval that is drawn and said is the one that was found
    panel = pictures["difference"].figure.axes[0]
    title = panel.get_title(loc="left")
    primary = [q for q in analysis.findings.quantities if q.endpoint == result.design.primary]
    (found,) = [q for q in primary if title.startswith(f"{q.words}:")]
    interval = [line for line in panel.lines if len(line.get_xdata()) == 2][-1]
    assert list(interval.get_xdata()) == [found.fast.lower, found.fast.upper]


# ── what is marked ────────────────────────────────────────────────────────────────────────────
def test_margins_and_targets_are_marked_where_they_are(results: Any) -> None:
    result = results("sle_autologous")
    margin = 0.15
    rules = figure_of(result, "F3")
    triggers = next(a for a in rules.axes if a.get_title(loc="left") == "difference that triggers")
    level = [line for line in triggers.lines if set(line.get_ydata()) == {margin}]
    assert len(level) == 1
    safety = next(a for a in rules.axes if a.get_title(loc="left").startswith("safety"))
    assert any(list(line.get_xdata()) == [0.15, 0.15] for line in safety.lines)
    assert "dashed: limit 0.15" in safety.get_xlabel()
    success = figure_of(result, "F4").axes[0]
    (between,) = [text for text in success.texts if text.get_text() == "margin\n0.15"]
    labels = [label.get_text() for label in success.get_yticklabels()]
    above = [float(label.split("(")[1].rstrip(")").replace("−", "-")) for label in labels]
    at = between.get_position()[1]
    assert all((effect <= margin) == (row < at) for row, effect in enumerate(above))
    example = figure_of(result, "F11a").axes[1]
    assert any(set(line.get_ydata()) == {margin} for line in example.lines)
    assert {"true value", "margin 0.15"} <= {text.get_text() for text in example.texts}


def test_marks_at_the_edge_of_an_axis_are_whole(results: Any) -> None:
    axes = figure_of(results("sle_autologous"), "F5").axes[0]
    dots = [line for line in axes.lines if list(line.get_xdata()) == [0.0]]
    assert dots
    assert not any(line.get_clip_on() for line in dots)


@pytest.mark.slow
def test_strata_are_not_marked_as_arms_are(results: Any) -> None:
    figure = figure_of(results("basket_diseases"), "F11d")
    arms = {name: shape for name, shape in _legend(figure.legends[0]) if name in ("soc", "cart")}
    strata = dict(_legend(figure.axes[1].get_legend()))
    assert set(arms) == {"soc", "cart"}
    assert set(strata) == {"all", "sle", "ssc", "iim"}
    assert not set(arms.values()) & set(strata.values())


def _legend(legend: Any) -> list[tuple[str, Any]]:
    pairs = zip(legend.get_texts(), legend.legend_handles, strict=True)
    return [(text.get_text(), handle.get_marker()) for text, handle in pairs]


def test_what_a_prior_is_worth_is_the_information_in_its_density(results: Any) -> None:
    """Curvature of the log density against that of one participant, averaged, by differences."""
    tables = tables_of(results("sle_autologous"), "F2")
    assert not isinstance(tables, Missing)
    prior = tables["priors"].set_index(["endpoint", "parameter"])
    p = special.expit(np.linspace(-80.0, 16.0, 200_001))
    density = sum(w * stats.beta.pdf(p, a, b) for w, a, b in ((0.8, 1.2, 38.8), (0.2, 1.0, 1.0)))
    curvature = -np.gradient(np.gradient(np.log(density), p), p)
    worth = np.trapezoid(density * curvature * p * (1.0 - p), p)
    shown = prior.loc[("dfr", "soc"), "effective_sample_size"]
    assert shown == pytest.approx(worth, rel=0.01)


# ── the numbers are the run's ─────────────────────────────────────────────────────────────────
def test_power_and_type_one_error_are_the_measures_of_the_run(results: Any) -> None:
    result = results("sle_autologous")
    tables = tables_of(result, "F4")
    assert not isinstance(tables, Missing)
    measures = {"success": "success", "futility": "stop_futility", "safety": "stop_safety"}
    rows = tables["success"].to_dict("records")
    assert {row["scenario"] for row in rows} == set(result.design.scenarios)
    for row in rows:
        if row["outcome"] in measures:
            figure = result.figure(row["scenario"], measures[row["outcome"]])
        else:  # success before the last look, counted in the trials themselves
            trials = result.trials
            own = trials[trials["scenario"] == row["scenario"]]
            early = (own["reason"].astype(str) == "success") & (own["look"] < 3)
            assert row["estimate"] == pytest.approx(early.mean(), abs=1e-12)
            continue
        assert [row[name] for name in ("estimate", "mcse", "lower", "upper")] == [
            figure.estimate, figure.mcse, figure.lower, figure.upper,
        ]  # fmt: skip
    nulls = tables_of(result, "F5")
    assert not isinstance(nulls, Missing)
    for row in nulls["type_one_error"].to_dict("records"):
        assert row["estimate"] == result.figure(row["scenario"], "success").estimate


def test_shares_that_ended_add_up_to_one_at_every_look(results: Any) -> None:
    tables = tables_of(results("sle_autologous"), "F6")
    assert not isinstance(tables, Missing)
    trials = results("sle_autologous").trials
    for (name, look), part in tables["endings"].groupby(["scenario", "look"]):
        assert part["by_now"].sum() == pytest.approx(1.0, abs=1e-12)
        own = trials[trials["scenario"] == name]
        goes_on = part.loc[part["ending"] == "continuing", "by_now"].iloc[0]
        assert goes_on == pytest.approx((own["look"] > look).mean(), abs=1e-12)


def test_csv_files_hold_the_tables_in_full(results: Any, tmp_path: Path) -> None:
    result = results("hello")
    written = write_figures(result, tmp_path, ("svg",), ("F4", "F7"))
    assert set(written.drawn) == {"F4", "F7"}
    with (tmp_path / "F04_power.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    success = {row["scenario"]: row for row in rows if row["outcome"] == "success"}
    for name in result.design.scenarios:
        assert float(success[name]["estimate"]) == result.figure(name, "success").estimate


def test_captions_say_the_numbers_of_the_cells(results: Any) -> None:
    result = results("sle_autologous")
    for key, column in (("F5", "type_one_error"), ("F4", "success")):
        tables = tables_of(result, key)
        assert not isinstance(tables, Missing)
        before = FIGURES[key].caption(tables)
        changed = {name: frame.copy() for name, frame in tables.items()}
        changed[column]["estimate"] = 0.12345
        after = FIGURES[key].caption(changed)
        assert "12.3%" in after
        assert before != after
    tables = tables_of(result, "F7")
    assert not isinstance(tables, Missing)
    mean = result.figure("null", "n_randomised_mean").estimate
    assert f"null {mean:.1f} (" in FIGURES["F7"].caption(tables)


def test_replayed_trials_are_those_of_the_run(results: Any) -> None:
    result = results("sle_autologous")
    trials = result.trials
    own = trials[trials["scenario"] == "rapid_waning"].reset_index(drop=True)
    block = replay(result, "rapid_waning").block
    assert len(block.look) == TRIALS
    assert np.array_equal(block.months, own["months"])
    assert np.array_equal(block.randomised.sum(axis=1), own["n_randomised"])
    alone = replay(result, "rapid_waning", first=41, trials=1).block
    assert alone.months[0] == own["months"][41]


def test_differences_from_the_base_are_paired(results: Any) -> None:
    result = results("sle_autologous")
    tables = tables_of(result, "F10")
    assert not isinstance(tables, Missing)
    frame = tables["changes"]
    row = frame[(frame["scenario"] == "toxic") & (frame["what"] == "success")].iloc[0]
    trials = result.trials
    ended = {
        name: (trials.loc[trials["scenario"] == name, "reason"].astype(str) == "success").to_numpy()
        for name in ("toxic", "expected")
    }
    differences = [float(a) - float(b) for a, b in zip(*ended.values(), strict=True)]
    average = sum(differences) / TRIALS
    variance = sum((d - average) ** 2 for d in differences) / (TRIALS - 1)
    assert row["estimate"] == pytest.approx(average, abs=1e-12)
    assert row["mcse"] == pytest.approx((variance / TRIALS) ** 0.5, rel=1e-12)


def test_bayesian_characteristics_by_counting_worlds(results: Any) -> None:
    """Among a million worlds, half with a benefit, count what a success means."""
    result = results("hello")
    tables = tables_of(result, "F12")
    assert not isinstance(tables, Missing)
    even = tables["bayesian"][tables["bayesian"]["prior"] == 0.5].iloc[0]
    error, power = (result.figure(name, "success").estimate for name in ("null", "expected"))
    false, true = 500_000 * error, 500_000 * power
    assert even["false_discovery"] == pytest.approx(false / (false + true), rel=1e-12)
    missed, rightly_not = 500_000 - true, 500_000 - false
    assert even["false_omission"] == pytest.approx(missed / (missed + rightly_not), rel=1e-12)
    assert even["assurance"] == pytest.approx((false + true) / 1_000_000, rel=1e-12)


def test_flow_adds_up(results: Any) -> None:
    tables = tables_of(results("sle_autologous"), "C1")
    assert not isinstance(tables, Missing)
    flow = tables["flow"]
    cart = flow[flow["arm"] == "cart"].set_index("step")["mean"]
    outside = sum(value for step, value in cart.items() if step.startswith("not infused"))
    assert cart["infused"] + outside == pytest.approx(cart["randomised"], abs=1e-9)
    ends = ("relapsed", "in remission, followed", "in remission when lost or died")
    assert sum(cart[step] for step in ends) == pytest.approx(cart["remission"], abs=1e-9)
    arms = flow[flow["step"] == "randomised"]["mean"].sum()
    trials = results("sle_autologous").trials
    own = trials[trials["scenario"] == "expected"]
    assert arms == pytest.approx(own["n_randomised"].mean(), abs=1e-9)
    assert cart["infused"] == pytest.approx(own["n_infused"].mean(), abs=1e-9)


def test_boundaries_are_those_of_the_run(results: Any) -> None:
    result = results("hello")
    tables = tables_of(result, "F3")
    assert not isinstance(tables, Missing)
    with (result.folder / "boundaries.csv").open(encoding="utf-8", newline="") as file:
        expected = [
            (row["rule"], int(row["look"]), row["arm_responders_at_which_it_holds"])
            for row in csv.DictReader(file)
        ]
    found = tables["boundaries"]
    assert list(zip(found["rule"], found["look"], found["holds_at"], strict=True)) == expected


def test_examples_are_picked_by_their_rule(results: Any) -> None:
    result = results("sle_autologous")
    tables = tables_of(result, "F11d")
    assert not isinstance(tables, Missing)
    about = tables["about"].iloc[0]
    trials = result.trials
    ended = trials[trials["reason"].astype(str) == "no_success"]
    scenario = ended["scenario"].astype(str).value_counts().idxmax()
    own = ended[ended["scenario"] == scenario].sort_values(["n_randomised", "months", "trial"])
    assert about["scenario"] == scenario
    assert about["months"] == own["months"].iloc[(len(own) - 1) // 2]
    assert about["trial"] == own["trial"].iloc[(len(own) - 1) // 2]
    assert (tables["effects"]["lower"] < tables["effects"]["mean"]).all()
    assert (tables["effects"]["mean"] < tables["effects"]["upper"]).all()


def test_intervals_of_an_example_hold_95_percent(results: Any) -> None:
    """The interval's ends, put to the posterior as questions."""
    result = results("basket_diseases")
    tables = tables_of(result, "F11d")
    assert not isinstance(tables, Missing)
    about = tables["about"].iloc[0]
    found = replay(result, about["scenario"], first=int(about["trial"]), trials=1)
    record = found.block.looks[-1]
    analysis, model = found.plan.fitted["dfr"]
    posterior = analysis.posterior(model, record.summaries["dfr"].rows(np.array([0])), None)
    last = tables["effects"][tables["effects"]["look"] == record.look]
    for row, estimand in zip(last.to_dict("records"), found.plan.estimands, strict=True):
        above = [
            float(posterior.probability(estimand.question.at(row[end]))[0])
            for end in ("lower", "upper")
        ]
        assert above == pytest.approx([0.975, 0.025], abs=1e-4)  # ends are found to 1e-6


# ── what is missing, refused, or the same every time ──────────────────────────────────────────
def test_what_is_missing_is_said_with_what_would_give_it(results: Any, tmp_path: Path) -> None:
    result = results("hello")
    written = write_figures(result, tmp_path, ("svg",), ("F10", "C1", "F5"))
    assert set(written.missing) == {"F10", "C1"}
    assert 'role = "robustness"' in written.missing["F10"].remedy
    assert "simulate again" in written.missing["C1"].remedy
    words = write_figures(result, tmp_path, ("svg",), ("C1", "C2", "F11f")).words()
    assert "not drawn:\nC1, C2: the truth of 'expected' gives outcomes directly" in words
    assert "F11f: the design has no rule that stops for safety; there is none to show" in words
    with pytest.raises(InputError, match=r"F10 \(.*\) cannot be drawn: no scenario"):
        figure_of(result, "F10")
    with pytest.raises(InputError, match=r"no figure 'F99' \(did you mean 'F"):
        figure_of(result, "F99")


def test_wrong_formats_are_refused_before_anything_is_written(results: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--format: found 'emf'; some of pdf, svg, png"):
        write_figures(results("hello"), tmp_path / "out", ("emf", "pdf"))
    with pytest.raises(InputError, match="no figure 'F99'"):
        write_figures(results("hello"), tmp_path / "out", ("pdf",), ("F4", "F99"))
    assert not (tmp_path / "out").exists()


def test_files_are_the_same_every_time(results: Any, tmp_path: Path) -> None:
    result = results("hello")
    for folder in ("one", "two"):
        write_figures(open_result(result.folder), tmp_path / folder, ("pdf", "svg"), only=("F6",))
    names = sorted(path.name for path in (tmp_path / "one").glob("[!.]*"))
    assert "F06_stopping.pdf" in names
    for name in names:
        one, two = ((tmp_path / folder / name).read_bytes() for folder in ("one", "two"))
        assert one == two, name
    pdf = (tmp_path / "one" / "F06_stopping.pdf").read_bytes()
    assert b"CreationDate" not in pdf
    assert b"FontFile2" in pdf  # the font is there, as text that can be searched


def test_a_second_call_leaves_nothing_old_behind(results: Any, tmp_path: Path) -> None:
    result = results("hello")
    write_figures(result, tmp_path, ("svg", "png"), ("F4", "F5"))
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    write_figures(result, tmp_path, ("svg",), ("F5",))
    names = {path.name for path in tmp_path.iterdir()}
    assert "F05_type_one_error.png" not in names
    assert {"F04_power.png", "F05_type_one_error.svg", "notes.txt", "captions.json"} <= names
    said = json.loads((tmp_path / "captions.json").read_text(encoding="utf-8"))
    assert list(said) == ["F4", "F5"]
    assert said["F5"]["audience"] == "open"


def test_results_of_another_design_or_changed_by_hand_are_refused(
    results: Any, tmp_path: Path
) -> None:
    with pytest.raises(ResultsError, match="no results here"):
        open_result(tmp_path)
    copy = tmp_path / "copy"
    shutil.copytree(results("sle_autologous").folder, copy)
    assert open_result(copy).manifest["status"] == "complete"
    design = (copy / "design.toml").read_text(encoding="utf-8")
    (copy / "design.toml").write_text(re.sub(r"max_n = 90", "max_n = 91", design), encoding="utf-8")
    with pytest.raises(ResultsError, match="is not the design that was run"):
        open_result(copy)
    (copy / "design.toml").write_text(design, encoding="utf-8")
    (copy / "trials.parquet").write_bytes(b"PAR1")
    with pytest.raises(ResultsError):
        open_result(copy)


def test_a_results_folder_with_figures_can_be_gone_on_with(tmp_path: Path) -> None:
    design = ac.load_design(DESIGNS / "goldilocks_allogeneic.toml")
    result = ac.simulate(design, trials=20, seed=3, jobs=1, out=tmp_path / "out")
    written = write_figures(result, None, ("svg",), ("F5",))
    assert written.folder == result.folder / "figures"
    again = ac.simulate(design, trials=30, seed=3, jobs=1, out=tmp_path / "out")
    assert again.manifest["trials"]["null"] == 30


def test_drawing_leaves_the_callers_settings_alone(results: Any) -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    with matplotlib.rc_context({"font.size": 30, "axes.grid": True}):
        figure = ac.figures.stopping(results("hello"))
        assert matplotlib.rcParams["font.size"] == 30
    assert dict(matplotlib.rcParams) == before
    assert max(text.get_fontsize() for text in _texts(figure)) == RC["font.size"]
    assert rendered(figure, "png")[:4] == b"\x89PNG"


def test_an_exact_run_is_shown_with_trials_drawn_beside_it(results: Any) -> None:
    result = results("hello")
    assert result.manifest["engine"] == "exact"
    assert result.trials.empty
    drawn = trials_of(result)
    assert drawn["scenario"].astype(str).value_counts().to_dict() == {
        "null": 1_000,
        "expected": 1_000,
    }
    for name in result.design.scenarios:  # the enumeration within four standard errors of them
        expected = result.figure(name, "success").estimate
        share = (drawn[drawn["scenario"] == name]["reason"].astype(str) == "success").mean()
        assert abs(share - expected) < 4 * (expected * (1 - expected) / 1_000) ** 0.5
    tables = tables_of(result, "F9")
    assert not isinstance(tables, Missing)
    assert "beside the enumeration" in FIGURES["F9"].caption(tables)


# ── parts ─────────────────────────────────────────────────────────────────────────────────────
def test_labels_are_moved_apart_no_further_than_needed() -> None:
    assert spread([0.1, 0.5, 0.9], 0.2, 0.0, 1.0) == pytest.approx([0.1, 0.5, 0.9])
    assert spread([0.5, 0.5], 0.2, 0.0, 1.0) == pytest.approx([0.4, 0.6])
    assert spread([0.9, 0.0, 0.0], 0.1, 0.0, 1.0) == pytest.approx([0.9, 0.0, 0.1])
    moved = spread([0.99, 0.98, 0.97], 0.3, 0.0, 1.0)
    assert sorted(moved) == pytest.approx([0.4, 0.7, 1.0])
    assert spread([], 0.1, 0.0, 1.0) == []


def test_names_are_broken_into_even_lines_that_fit() -> None:
    name = "expected_with_slow_accrual_and_high_dropout_in_both_arms"
    for room in (0.8, 1.4, 2.5, 9.0):
        lines = broken(name, room).split("\n")
        assert "".join(lines) == name
        assert max(width_of(line) for line in lines) <= room
    two = broken("early_data_do_not_hold_up", 1.5).split("\n")
    assert len(two) == 2
    assert min(len(line) for line in two) > 8  # no word alone on the second line
    assert broken("x" * 80, 1.0).endswith("…")
    assert width_of(short("x" * 80, 1.0)) <= 1.0
    assert short("x", 1.0) == "x"


def test_a_legend_takes_as_few_rows_as_fit() -> None:
    assert legend_columns(["a", "b", "c"], 6.5) == 3
    wide = ["a name of twenty-five letters"] * 4
    assert legend_columns(wide, 6.5) == 2
    assert legend_columns(wide, 1.0) == 1


def test_a_line_joins_scenarios_that_differ_in_one_number_only() -> None:
    tables = ac.load_design(DESIGNS / "hello.toml").model_dump(by_alias=True, exclude_none=True)
    tables["scenarios"] = {
        f"{control}_{cart}": {"role": "alternative", "dfr": {"soc": control, "cart": cart}}
        for control, cart in ((0.1, 0.3), (0.1, 0.2), (0.1, 0.4), (0.2, 0.3), (0.2, 0.5))
    }
    lines = lines_of(truths_of(ac.Design(**tables)))
    assert [line.scenarios for line in lines] == [("0.1_0.2", "0.1_0.3", "0.1_0.4")]
    assert lines[0].path == ("cart", "dfr")
    course = truths_of(ac.load_design(DESIGNS / "sle_autologous.toml"))
    assert lines_of(course) == []


def test_a_grid_of_effects_is_drawn_as_curves(tmp_path: Path) -> None:
    tables = ac.load_design(DESIGNS / "hello.toml").model_dump(by_alias=True, exclude_none=True)
    tables["scenarios"] = {
        f"{control}_{effect}": {
            "role": "alternative" if effect else "null",
            "dfr": {"soc": control, "cart": round(control + effect, 2)},
        }
        for control in (0.05, 0.1, 0.2)
        for effect in (0.0, 0.1, 0.2, 0.3)
    }
    result = ac.simulate(ac.Design(**tables), out=tmp_path / "out")
    for key in ("F4", "F5", "F7"):
        drawn = tables_of(result, key)
        assert not isinstance(drawn, Missing)
        assert layout_faults(FIGURES[key].draw(drawn)) == []
    power = figure_of(result, "F4")
    assert [axes.get_title(loc="left")[-4:] for axes in power.axes] == ["0.05", "0.10", "0.20"]
    curve = power.axes[0].lines[0]
    expected = [result.figure(f"0.05_{e}", "success").estimate for e in (0.0, 0.1, 0.2, 0.3)]
    assert list(curve.get_ydata()) == expected
    assert list(curve.get_xdata()) == pytest.approx([0.0, 0.1, 0.2, 0.3])
    error = tables_of(result, "F5")
    assert not isinstance(error, Missing)
    assert bool(error["about"]["curve"].iloc[0])


def test_figures_load_matplotlib_late_and_pyplot_never(results: Any) -> None:
    import subprocess
    import sys

    code = (
        "import sys, adaptive_cart.figures as figures\n"
        "print([m for m in ('matplotlib', 'pandas', 'pymc', 'arviz') if m in sys.modules])\n"
        "from adaptive_cart.results.result import open_result\n"
        "result = open_result(sys.argv[1])\n"
        "figures.rendered(figures.power_curve(result), 'pdf')\n"
        "print('matplotlib.figure' in sys.modules, 'matplotlib.pyplot' in sys.modules)\n"
    )
    command = [sys.executable, "-c", code, str(results("hello").folder)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.split("\n")[:2] == ["[]", "True False"]


def test_a_tick_between_whole_per_cents_is_not_rounded_to_one() -> None:
    figure = sheet(2.0)
    axes = figure.subplots()
    axes.set_xlim(0.70, 0.93)
    axes.set_xticks([0.7, 0.725, 0.9])
    percent_axis(axes, "x")
    figure.canvas.draw()
    assert [label.get_text() for label in axes.get_xticklabels()] == ["70%", "72.5%", "90%"]
