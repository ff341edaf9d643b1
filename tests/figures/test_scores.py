"""The picture of scores by visit: its numbers from tables of participants, and its layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaptive_cart as ac
from adaptive_cart.figures import FIGURES, Missing
from adaptive_cart.figures.source import replay
from adaptive_cart.recorded.table import participants_table
from figures.test_figures import layout_faults

DESIGNS = Path(__file__).resolve().parents[2] / "designs"
TRIALS = 12


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Any:
    design = ac.load_design(DESIGNS / "myasthenia_scores.toml")
    out = tmp_path_factory.mktemp("scores") / "run"
    return ac.simulate(design, trials=TRIALS, seed=7, jobs=1, out=out)


def test_its_means_are_those_of_the_participants_of_every_trial(result: Any) -> None:
    """A trial's participants, all of them followed for years, as a participants table has them."""
    tables = FIGURES["C7"].tables(result)
    assert not isinstance(tables, Missing)
    frame = tables["scores"]
    population = replay(result, "expected").block.population
    for label, score in (("MG-ADL", "mgadl"), ("QMG", "qmg")):
        for arm in ("soc", "cart"):
            means: dict[float, list[float]] = {1.0: [], 5.5: []}
            for trial in range(TRIALS):
                rows = participants_table(result.design, population, trial, 200.0, 70)
                for month, found in means.items():
                    own = [
                        row[f"{score}_month_{month:g}"] - row[f"{score}_baseline"]
                        for row in rows
                        if row["arm"] == arm and row[f"{score}_month_{month:g}"] != ""
                    ]
                    found.append(float(np.mean(own)))
            for month, found in means.items():
                of = frame[(frame["score"] == label) & (frame["arm"] == arm)]
                row = of[of["month"] == month].iloc[0]
                assert row["estimate"] == pytest.approx(np.mean(found))
                assert row["mcse"] == pytest.approx(np.std(found, ddof=1) / np.sqrt(TRIALS))
    assert (frame[frame["month"] == 0.0]["estimate"] == 0.0).all()


def test_it_is_laid_out_soundly_and_said_in_numbers(result: Any) -> None:
    kind = FIGURES["C7"]
    tables = kind.tables(result)
    assert not isinstance(tables, Missing)
    figure = kind.draw(tables)
    assert layout_faults(figure) == []
    assert [axes.get_title(loc="left") or axes.get_title() for axes in figure.axes]
    last = tables["scores"].query("score == 'QMG' and arm == 'cart' and month == 5.5").iloc[0]
    said = f"cart −{abs(last['estimate']):.1f}"
    for words in (kind.caption(tables), kind.alternative_text(tables)):
        assert "QMG at month 5.5: " in words
        assert said in words


def test_visits_that_are_close_leave_out_some_of_their_months(tmp_path: Path) -> None:
    text = (DESIGNS / "myasthenia_scores.toml").read_text(encoding="utf-8")
    text = text.replace("[1.0, 2.0, 3.0, 5.5]", "[0.2, 0.4, 5.2, 5.5]")
    file = tmp_path / "design.toml"
    file.write_text(text, encoding="utf-8")
    close = ac.simulate(ac.load_design(file), trials=4, seed=7, jobs=1, out=tmp_path / "out")
    tables = FIGURES["C7"].tables(close)
    assert not isinstance(tables, Missing)
    figure = FIGURES["C7"].draw(tables)
    assert layout_faults(figure) == []
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels[-1] == "5.5"
    assert "" in labels


def test_a_design_without_scores_says_so(tmp_path: Path) -> None:
    design = ac.load_design(DESIGNS / "hello.toml")
    hello = ac.simulate(design, trials=2, seed=1, jobs=1, engine="simulate", out=tmp_path / "a")
    found = FIGURES["C7"].tables(hello)
    assert isinstance(found, Missing)
    assert "no endpoint of the design is a score" in str(found)
