"""C11: what a rule about a benefit and a risk accepts, against beta tails table by table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.figures import FIGURES, Missing

DESIGN = """
name = "Benefit and risk"
[arms.soc]
control = true
[arms.cart]
allocation = 2
[endpoints.dfr]
type = "landmark"
month = 3
[endpoints.crs3]
type = "adverse_event"
within_months = 1.0
[analysis.dfr]
model = "beta_binomial"
prior = { a = 1.0, b = 2.0 }
[analysis.crs3]
model = "beta_binomial"
prior = { a = 0.5, b = 1.5 }
[enrolment]
max_n = 60
per_month = 6
[looks]
observed = [30, 60]
[[rules]]
name = "benefit_without_harm"
then = "declare_success"
WAY = [
  { posterior = { endpoint = "crs3", arm = "cart", below = 0.20 }, at_least = [0.95, 0.80] },
  { posterior = { endpoint = "dfr", arm = "cart", minus = "soc", above = 0.10 }, at_least = 0.90 },
]
[scenarios.null]
dfr = { soc = 0.20, cart = 0.20 }
crs3 = { soc = 0.0, cart = 0.10 }
[scenarios.works]
dfr = { soc = 0.20, cart = 0.60 }
crs3 = { soc = 0.0, cart = 0.10 }
[scenarios.toxic]
role = "robustness"
dfr = { soc = 0.20, cart = 0.60 }
crs3 = { soc = 0.0, cart = 0.30 }
[simulation]
trials = 40
seed = 4
"""


def result(way: str, folder: Path) -> Any:
    path = folder / f"{way}.toml"
    path.write_text(DESIGN.replace("WAY", way))
    return ac.simulate(ac.load_design(path), jobs=1, out=folder / way, engine="simulate")


@pytest.mark.parametrize("way", ["all", pytest.param("any", marks=pytest.mark.slow)])
def test_what_is_accepted_is_what_the_posteriors_say_of_each_table(
    way: str, tmp_path: Path
) -> None:
    found = result(way, tmp_path)
    tables = FIGURES["C11"].tables(found)
    assert not isinstance(tables, Missing)
    looks = found.looks
    for scenario in ("null", "works", "toxic"):
        ends = found.trials[found.trials["scenario"] == scenario][["trial", "look"]]
        own = looks[(looks["scenario"] == scenario) & (looks["arm"] == "soc")].merge(ends)
        x0 = round(20 * own["dfr_events"].sum() / own["dfr_analysed"].sum())
        cells = tables["accepted"]
        cells = cells[cells["scenario"] == scenario]
        assert len(cells) == 41 * 41
        control = stats.beta(1 + x0, 2 + 20 - x0)
        points = (np.arange(2_000) + 0.5) / 2_000
        better = [  # P(cart − soc > 0.10), by quadrature over the control's quantiles
            stats.beta(1 + x, 2 + 40 - x).sf(control.ppf(points) + 0.10).mean() for x in range(41)
        ]
        safe = [stats.beta(0.5 + x, 1.5 + 40 - x).cdf(0.20) for x in range(41)]
        put = np.logical_and if way == "all" else np.logical_or
        expected = put(np.array(better)[:, None] >= 0.90, np.array(safe)[None] >= 0.80)
        benefit = np.rint(40 * (cells["benefit"] + x0 / 20)).astype(int)
        risk = np.rint(40 * cells["risk"]).astype(int)
        assert np.array_equal(cells["accepted"], expected[benefit, risk])
        assert 0 < expected.sum() < expected.size
    caption = FIGURES["C11"].caption(tables)
    assert "40 participants of the arm analysed" in caption
    assert "benefit_without_harm holds at the last look" in caption


def test_trials_are_drawn_where_they_ended(tmp_path: Path) -> None:
    found = result("all", tmp_path)
    figure = ac.figures.accepted(found)
    axes = next(own for own in figure.axes if own.get_title("left") == "works")
    drawn = {line.get_marker(): line for line in axes.lines if line.get_marker() in "os"}
    trials = found.trials[found.trials["scenario"] == "works"]
    looks = found.looks[found.looks["scenario"] == "works"]
    for marker, won in (("o", True), ("s", False)):
        expected = set()
        for trial in trials[(trials["reason"] == "success") == won].itertuples():
            at = looks[(looks["trial"] == trial.trial) & (looks["look"] == trial.look)]
            soc, cart = (at[at["arm"] == arm].iloc[0] for arm in ("soc", "cart"))
            rate = [row["dfr_events"] / row["dfr_analysed"] for row in (soc, cart)]
            risk = cart["crs3_events"] / cart["crs3_analysed"]
            expected.add((round(risk, 9), round(rate[1] - rate[0], 9)))
        points = zip(drawn[marker].get_xdata(), drawn[marker].get_ydata(), strict=True)
        assert {(round(x, 9), round(y, 9)) for x, y in points} == expected
        assert expected


def test_a_design_without_such_a_rule_says_what_to_write(tmp_path: Path) -> None:
    design = ac.load_design(Path(__file__).parents[2] / "designs" / "hello.toml")
    run = ac.simulate(design, trials=20, seed=1, jobs=1, engine="simulate", out=tmp_path / "run")
    missing = FIGURES["C11"].tables(run)
    assert isinstance(missing, Missing)
    assert "write a rule with `all`" in str(missing)


def test_external_data_in_the_place_of_a_control_are_not_taken_off(tmp_path: Path) -> None:
    """The arm was taken off itself: every table and every trial stood at a benefit of nought."""
    way = """all = [
  { posterior = { endpoint = "crs3", arm = "cart", below = 0.20 }, at_least = 0.80 },
  { posterior = { endpoint = "dfr", arm = "cart", minus = "old", above = 0.10 }, at_least = 0.90 },
]
[external.old]
source = "a registry"
endpoint = "dfr"
responders = 12
participants = 60
"""
    alone = DESIGN[: DESIGN.index("WAY")].replace(
        "[arms.soc]\ncontrol = true\n[arms.cart]\nallocation = 2\n", "[arms.cart]\n"
    )
    scenarios = DESIGN[DESIGN.index("[scenarios.null]") :]
    scenarios = scenarios.replace("dfr = { soc", "dfr = { old").replace("soc = 0.0, ", "")
    path = tmp_path / "alone.toml"
    path.write_text(alone + way + scenarios)
    run = ac.simulate(ac.load_design(path), jobs=1, out=tmp_path / "run", engine="simulate")
    tables = FIGURES["C11"].tables(run)
    assert not isinstance(tables, Missing)
    means = tables["means"].set_index("scenario")["benefit"]
    assert means["null"] == pytest.approx(0.2, abs=0.05)
    assert means["works"] == pytest.approx(0.6, abs=0.05)
    cells = tables["accepted"][tables["accepted"]["scenario"] == "works"]
    assert len(cells) == 61 * 61
    points = (np.arange(2_000) + 0.5) / 2_000
    outside = stats.beta(1 + 12, 1 + 48).ppf(points) + 0.10
    better = [stats.beta(1 + x, 2 + 60 - x).sf(outside).mean() >= 0.90 for x in range(61)]
    safe = [stats.beta(0.5 + x, 1.5 + 60 - x).cdf(0.20) >= 0.80 for x in range(61)]
    responders, harmed = (np.rint(60 * cells[side]).astype(int) for side in ("benefit", "risk"))
    assert np.array_equal(cells["accepted"], np.array(better)[responders] & np.array(safe)[harmed])
    assert "less the control's" not in ac.figures.accepted(run).get_supylabel()


@pytest.mark.parametrize(
    ("analysis", "why"),
    [
        ('model = "beta_binomial"\ntime_trend = { model = "periods" }', "were randomised"),
        ('model = "proportions_test"', "asks a test"),
    ],
)
def test_what_tables_of_counts_do_not_answer_is_said(
    analysis: str, why: str, tmp_path: Path
) -> None:
    own = DESIGN.replace('model = "beta_binomial"\nprior = { a = 1.0, b = 2.0 }', analysis).replace(
        "WAY", "all"
    )
    path = tmp_path / "design.toml"
    path.write_text(own.replace("max_n = 60", "max_n = 24").replace("[30, 60]", "[12, 24]"))
    run = ac.simulate(ac.load_design(path), trials=4, jobs=1, out=tmp_path / "run")
    missing = FIGURES["C11"].tables(run)
    assert isinstance(missing, Missing)
    assert why in str(missing)
