"""What a figure shows where it has no room for all, and what its words say of the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptive_cart.errors import InputError
from adaptive_cart.figures import FIGURES, Missing, figure_of, tables_of
from adaptive_cart.figures.thinning import choose, expected_scenario, harm_only
from adaptive_cart.results.tables import summary
from figures.twelve import HEAD, RULES, run

# figures of scenarios: the table that says which are shown
TABLES = {"F4": "success", "F6": "endings", "F7": "participants", "F8": "duration", "F9": "errors",
          "C4": "remission", "C6": "benefit_risk"}  # fmt: skip


@pytest.fixture(scope="module")
def twelve(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return run(tmp_path_factory.mktemp("twelve"))


def _tables(result: Any, key: str) -> Any:
    tables = tables_of(result, key)
    assert not isinstance(tables, Missing), key
    return tables


def _must(result: Any) -> set[str]:
    """The worst null, the most stops for safety, harm alone and the expected, from the trials."""
    trials = result.trials.assign(scenario=lambda t: t["scenario"].astype(str),
                                  reason=lambda t: t["reason"].astype(str))  # fmt: skip
    shares = trials.groupby("scenario")["reason"].value_counts(normalize=True).unstack().fillna(0.0)
    nulls = shares.loc[[name for name in shares.index if name.startswith("null")], "success"]
    return {nulls.idxmax(), shares["safety"].idxmax(), "toxic_15", "toxic_35", "expected"}


@pytest.mark.parametrize("key", TABLES)
def test_no_figure_leaves_out_what_a_reader_would_miss(twelve: Any, key: str) -> None:
    tables = _tables(twelve, key)
    frame = tables[TABLES[key]]
    shown = set(frame.loc[frame["shown"], "scenario"])
    assert set(frame["scenario"]) == set(twelve.design.scenarios)
    assert _must(twelve) <= shown
    caption = FIGURES[key].caption(tables)
    missing = set(twelve.design.scenarios) - shown
    if missing:
        left = caption.split("Not drawn for want of room")[1]
        assert all(name in left for name in missing), key
        assert "the null with the largest type I error" in left
    else:
        assert "Not drawn" not in caption


def test_figures_keep_the_extremes_of_what_they_show(twelve: Any) -> None:
    trials = twelve.trials.assign(scenario=lambda t: t["scenario"].astype(str))
    months = trials.groupby("scenario")["months"].mean()
    drawn = _tables(twelve, "F8")["months"].set_index("scenario")["shown"]
    assert not drawn.all()
    shown = months[drawn[drawn].index]
    assert (shown.min(), shown.max()) == (months.min(), months.max())
    errors = _tables(twelve, "F9")["errors"]
    whole = errors[errors["look"] == 0].set_index("scenario")
    assert not whole["shown"].all()
    for what in ("bias", "coverage"):
        shown = whole.loc[whole["shown"], what]
        assert (shown.min(), shown.max()) == (whole[what].min(), whole[what].max())


def test_harm_alone_and_the_expected_scenario_are_recognised(twelve: Any) -> None:
    assert harm_only(twelve) == ["toxic_35", "toxic_15"]  # the most stops for safety first
    assert expected_scenario(twelve) == "expected"  # and not the first alternative, better_30


NUMBERS = st.lists(st.floats(-10, 10) | st.just(float("nan")), min_size=1, max_size=30)


@settings(max_examples=150)
@given(NUMBERS, st.integers(1, 12), st.lists(st.integers(0, 29), max_size=3))
def test_a_thinned_table_never_loses_its_extremes(
    numbers: list[float], most: int, first: list[int]
) -> None:
    things = list(range(len(numbers)))
    values = dict(enumerate(numbers))
    first = [thing for thing in dict.fromkeys(first) if thing in things]
    shown = choose(things, most, first, [values], room=most + 5)
    assert shown == sorted(set(shown))
    assert set(first) <= set(shown)
    assert len(shown) == len(things) or most <= len(shown) <= most + 5
    known = [number for number in numbers if number == number]
    if known:
        kept = [numbers[thing] for thing in shown if numbers[thing] == numbers[thing]]
        assert (min(kept), max(kept)) == (min(known), max(known))


def test_what_is_left_over_fills_the_widest_gaps() -> None:
    assert choose(range(9), 3) == [0, 4, 8]
    assert choose(range(9), 4, first=[3]) == [0, 3, 5, 8]
    assert choose("abc", 2, first=["c"], then=["a", "b"]) == ["a", "c"]


# ── stops between looks ───────────────────────────────────────────────────────────────────────
def test_stops_between_looks_have_a_place_of_their_own(twelve: Any) -> None:
    trials = twelve.trials
    frame = _tables(twelve, "F6")["endings"]
    own = trials[trials["scenario"].astype(str) == "toxic_35"]
    rows = frame[(frame["scenario"] == "toxic_35") & (frame["ending"] == "safety")]
    assert list(zip(rows["look"], rows["between"], strict=True)) == [
        (1, True), (1, False), (2, True), (2, False),
    ]  # fmt: skip
    safety = own["reason"].astype(str) == "safety"
    assert own["between"].mean() > 0.5
    for row in rows.to_dict("records"):
        here = safety & (own["look"] == row["look"]) & (own["between"] == row["between"])
        assert row["at_this_look"] == pytest.approx(here.mean(), abs=1e-12)
        gone = (own["look"] < row["look"]) | ((own["look"] == row["look"]) & own["between"])
        before = gone if not row["between"] else own["look"] < row["look"]
        assert row["reached_look"] == pytest.approx(1 - before.mean(), abs=1e-12)
        assert row["trials_that_reached"] == int((~before).sum())
    held = own[~own["between"]]
    assert (held["n_analysed"] >= 30).all()  # who reached look 1 had its 30
    looks = _tables(twelve, "F1")["looks"].set_index("look")
    expected = trials[trials["scenario"].astype(str) == "better_30"]
    ended = (expected["look"] == 1) & expected["between"]
    assert looks.loc[1, "reached"] == pytest.approx(1 - ended.mean(), abs=1e-12)


def test_words_never_tell_a_stop_between_looks_as_a_look(twelve: Any) -> None:
    errors = _tables(twelve, "F9")["errors"]
    own = errors[(errors["scenario"] == "toxic_35") & (errors["look"] == 1)]
    trials = twelve.trials
    here = trials[(trials["scenario"].astype(str) == "toxic_35") & (trials["look"] == 1)]
    assert int(own.loc[own["between"], "n"].sum()) == int(here["between"].sum())
    example = _tables(twelve, "F11f")
    assert bool(example["about"]["between"].iloc[0])
    caption = FIGURES["F11f"].caption(example)
    assert "It ended between looks, before look 1 of 2, in month" in caption
    assert "at look 1" not in caption
    assert "before look 1, icans" in FIGURES["F11f"].alternative_text(example)
    stopping = FIGURES["F6"].caption(_tables(twelve, "F6"))
    assert "Ended at look 1 of 2 and before it, between looks:" in stopping
    seen = _tables(twelve, "F3")["seen"]
    assert {"before look 1", "look 1"} <= set(seen.loc[seen["rule"] == "icans", "when"])


# ── labels ────────────────────────────────────────────────────────────────────────────────────
def test_arms_are_called_by_their_labels(twelve: Any) -> None:
    for key in ("F2", "F4", "F9", "C1", "C2", "C3", "C4"):
        tables = _tables(twelve, key)
        said = FIGURES[key].caption(tables)
        assert "Donor CAR-T cells" in said + FIGURES[key].alternative_text(tables), key
        for name in ("cells", "usual"):  # the name stands beside the label, or not at all
            label = twelve.design.arm_label(name)
            bare = said.replace(f"{label} ({name})", "").replace(label, "")
            assert f" {name}" not in bare.split("scenario")[0], key
    for key in ("C1", "C3"):
        figure = FIGURES[key].draw(_tables(twelve, key))
        words = [text.get_text() for text in figure.findobj(match=lambda a: hasattr(a, "get_text"))]
        assert any("Donor CAR-T cells" in text for text in words), key
        assert "cells" not in words


def test_the_summary_of_long_labels_is_no_wider_than_a_page(twelve: Any) -> None:
    whole = "Drug-free remission without glucocorticoids: Donor CAR-T cells − Usual immunosup"
    for width in (None, 140, 90):
        text = summary(twelve, width)
        assert max(map(len, text.splitlines())) <= (width or 140)
        assert whole.replace(" ", "") in "".join(text.split())  # the notes have it whole
    assert "Drug-free remission without gluco…" in summary(twelve)


# ── the limit of a safety rule ────────────────────────────────────────────────────────────────
def test_the_limit_of_a_difference_is_not_drawn_as_that_of_a_rate(
    twelve: Any, tmp_path: Path
) -> None:
    about = _tables(twelve, "C6")["about"].iloc[0]
    assert (about["harm"], about["limit"], about["less"]) == ("ICANS grade 3 or higher", 0.1, None)
    said = FIGURES["C6"].caption(_tables(twelve, "C6"))
    assert "the limit of the safety rule, 0.1. Other safety rules" in said
    assert "of which no risk is shown: infection." in said
    text = HEAD + RULES + '[scenarios.null]\nrole = "null"\ncells = { same_as = "usual" }\n'
    other = run(tmp_path, text + "[scenarios.expected]\n", trials=20)
    tables = _tables(other, "C6")
    about, rows = tables["about"].iloc[0], tables["benefit_risk"].set_index("scenario")
    assert (about["harm"], about["limit"]) == ("Serious infection", 0.2)
    assert rows.loc["expected", "risk"] == pytest.approx(0.12 - 0.10, abs=1e-12)
    caption = FIGURES["C6"].caption(tables)
    assert "difference to Usual immunosuppression in events a year" in caption


# ── words ─────────────────────────────────────────────────────────────────────────────────────
def test_no_caption_writes_nothing_as_an_interval_or_nan(twelve: Any) -> None:
    for key in ("F4", "F5", "F6", "F8", "F9", "F10", "F12", "C3", "C6"):
        tables = _tables(twelve, key)
        said = FIGURES[key].caption(tables) + FIGURES[key].alternative_text(tables)
        assert " 0.0%" not in said, key
        assert "(0.0%" not in said, key
        assert "nan" not in said, key
        for name, frame in tables.items():
            if name != "about":
                assert "nan" not in frame.to_csv(index=False), key
    assert "0% (at most 6.0%)" in FIGURES["F6"].caption(_tables(twelve, "F6"))


def test_extremes_of_success_are_told_with_where_they_are(twelve: Any) -> None:
    tables = _tables(twelve, "F4")
    own = tables["success"]
    own = own[own["outcome"] == "success"].sort_values("estimate", kind="stable")
    low, high = own.iloc[0], own.iloc[-1]
    said = FIGURES["F4"].alternative_text(tables)
    lowest, highest = said.split(", and highest, ")
    assert f"in {low['scenario']}, where the true effect is {low['true_effect']:.2f}" in lowest
    assert f"in {high['scenario']}, where the true effect is {high['true_effect']:.2f}" in highest


def test_an_unknown_figure_is_never_skipped(twelve: Any) -> None:
    with pytest.raises(InputError, match=r"no figure 'F11' \(did you mean 'F11"):
        figure_of(twelve, "F11")


# ── the scale ─────────────────────────────────────────────────────────────────────────────────
def test_the_scale_shows_what_is_drawn(twelve: Any) -> None:
    errors = FIGURES["F9"].draw(_tables(twelve, "F9"))
    panels = [axes for axes in errors.axes if axes.get_visible() and axes.lines]
    for axes in panels:
        low, high = axes.get_xlim()
        spread = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 2]
        widest = max(float(np.ptp(ends)) for ends in spread)
        assert widest > 0.1 * (high - low)
        assert len([t for t in axes.get_xticks() if low <= t <= high]) >= 3
    remission = _tables(twelve, "C4")
    highest = remission["remission"]["p95"].max()
    top = FIGURES["C4"].draw(remission).axes[0].get_ylim()[1]
    assert highest <= top < max(2.0 * highest, 0.11)
