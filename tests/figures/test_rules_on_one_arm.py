"""F3 of rules about one arm: from, or up to, how many events they hold, and beside external data.

The twin tries every number of responders, with probabilities summed over quantiles.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.figures import FIGURES, tables_of
from figures.test_figures import layout_faults

DESIGN = """
name = "Beside a registry"
[arms.cart]
label = "CAR-T"
[endpoints.dfr]
type = "landmark"
month = 6
label = "drug-free remission"
[analysis.dfr]
model = "beta_binomial"
[external.old]
source = "a registry"
endpoint = "dfr"
responders = 12
participants = 60
[enrolment]
max_n = 60
per_month = 4
[looks]
observed = [20, 40, 60]
[[rules]]
name = "efficacy"
then = "declare_success"
posterior = { endpoint = "dfr", arm = "cart", minus = "old", above = 0.10 }
at_least = 0.95
[[rules]]
name = "futility"
then = "declare_futility"
posterior = { endpoint = "dfr", arm = "cart", minus = "old", above = 0.10 }
below = 0.10
looks = [1, 2]
[scenarios.null]
dfr = { old = 0.2, cart = 0.3 }
[scenarios.works]
dfr = { old = 0.2, cart = 0.55 }
"""
EXTERNAL = (12, 60)
POINTS = (np.arange(4_000) + 0.5) / 4_000
Found = dict[tuple[str, int], tuple[int, int]]


def slow_edges(events: int, participants: int) -> Found:
    """By rule and look: the fewest (of futility the most) responders at which it holds, of n."""
    outside = stats.beta(1 + events, 1 + participants - events).ppf(POINTS) + 0.10
    found: Found = {}
    for look, n in ((1, 20), (2, 40), (3, 60)):
        p = [float(stats.beta(1 + x, 1 + n - x).sf(outside).mean()) for x in range(n + 1)]
        found["efficacy", look] = min(x for x in range(n + 1) if p[x] >= 0.95), n
        if look < 3:
            found["futility", look] = max(x for x in range(n + 1) if p[x] < 0.10), n
    return found


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("external") / "run"
    design = ac.Design(**tomllib.loads(DESIGN))
    run = ac.simulate(design, trials=4, seed=1, jobs=1, engine="simulate", out=folder)
    return tables_of(run, "F3")


def test_the_difference_to_external_data_is_that_of_every_number_tried(tables: Any) -> None:
    edges = slow_edges(*EXTERNAL)
    frame = tables["differences"]
    assert {(row.rule, row.look) for row in frame.itertuples()} == set(edges)
    for row in frame.itertuples():
        events, n = edges[row.rule, row.look]
        assert (row.analysed, row.external) == (n, "old")
        assert row.external_share == pytest.approx(0.2, abs=1e-12)
        assert row.difference == pytest.approx(events / n - 12 / 60, abs=1e-12)
        assert row.margin == 0.10


def test_a_rule_that_holds_for_few_is_drawn_where_it_ends(tables: Any) -> None:
    """It was drawn at nought, and said to hold from none on."""
    edges = slow_edges(*EXTERNAL)
    figure = FIGURES["F3"].draw(tables)
    triggers, alone = figure.axes
    for axes, of in ((triggers, lambda x, n: x / n - 0.2), (alone, lambda x, n: x)):
        drawn = {
            (round(float(x), 9), round(float(y), 9))
            for line in axes.lines
            if len(line.get_xdata()) > 1 and line.get_marker() != "None"
            for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
        }
        assert drawn == {(n, round(of(x, n), 9)) for x, n in edges.values()}
    texts = {text.get_text() for text in alone.texts}
    for (rule, _), (x, n) in edges.items():
        assert (f"≤ {x}/{n}" if rule == "futility" else f"{x}/{n}") in texts
    assert {"efficacy", "futility"} <= texts
    assert layout_faults(figure) == []
    caption = FIGURES["F3"].caption(tables)
    x, n = edges["futility", 1]
    assert f"futility, look 1: up to {x} of {n} in CAR-T (cart)" in caption
    x, n = edges["efficacy", 3]
    assert f"efficacy, look 3: from {x} of {n} in CAR-T (cart) on" in caption
    assert f"efficacy, look 3: +{x / n - 0.2:.3f} (old: 0.2)" in caption


def test_one_rule_that_holds_for_few_says_so_in_its_title(tmp_path: Path) -> None:
    raw = tomllib.loads(DESIGN)
    raw["rules"] = raw["rules"][1:]
    design = ac.Design(**raw)
    run = ac.simulate(design, trials=4, seed=1, jobs=1, engine="simulate", out=tmp_path / "run")
    titles = [axes.get_title(loc="left") for axes in FIGURES["F3"].draw(tables_of(run, "F3")).axes]
    assert "futility: futility up to\nso many events" in titles


def test_rules_that_held_in_no_trial_are_said_to(tables: Any) -> None:
    """The list of where they held was empty, and the sentence had a hole."""
    row = {"rule": "safety", "when": "look 1", "held_least": np.nan, "held_most": np.nan,
           "shown": True}  # fmt: skip
    seen = type(tables["differences"])([row])
    told = FIGURES["F3"].caption({**tables, "seen": seen})
    assert "simulated trials a scenario: no such rule held in any; between" in told
