"""Bounds with confidence over more than one rate, against errors that are enumerated."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomlkit
from click.testing import CliRunner

import adaptive_cart as ac
from adaptive_cart.cli import main
from adaptive_cart.conduct.rules import resolve_rules
from adaptive_cart.design.design import Design
from adaptive_cart.errors import InputError
from adaptive_cart.figures.worst_case import write_worst_case
from adaptive_cart.report.chapters.worst_case import WorstCaseExhibit
from adaptive_cart.report.document import Paragraph, plain
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts
from adaptive_cart.results.kept_worst_case import read_worst_case
from adaptive_cart.results.worst_case import WorstCase
from adaptive_cart.running import stated_boxes
from adaptive_cart.running import worst_case as simulated
from adaptive_cart.running.exact_error import ExactError
from adaptive_cart.running.grounds import Ground, Spot, ground_of_arms
from adaptive_cart.running.region import calibrated_rules, region_of
from adaptive_cart.running.stated_boxes import Box, box_of, cut
from checks import tiny_design

SHARES = {"a": 0.5, "b": 0.5}


def ground(design: Design) -> Ground:
    return ground_of_arms(
        design, region_of(design), calibrated_rules(design, resolve_rules(design))
    )


def exact(design: Design) -> ExactError:
    return ExactError(design, set(), (0.0, 1.0))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few random truths at which the bound is tried, and few fresh trials at the worst."""
    monkeypatch.setattr(stated_boxes, "TRIED", 12)
    monkeypatch.setattr(simulated, "CONFIRMING", 200)


def stated(found: WorstCase) -> Any:
    assert found.stated is not None
    assert found.stated.holds
    return found.stated


# ── one box ───────────────────────────────────────────────────────────────────────────────────
def test_nowhere_in_a_box_is_the_error_above_its_bound() -> None:
    """The error in the middle counts all that is false at some truth of the box."""
    design = Design(**tiny_design())
    error, whole, draw = exact(design), ground(design), np.random.default_rng(4)
    tried = 0
    for _ in range(40):
        low = draw.uniform(0.0, 0.9, 2)
        high = np.minimum(low + draw.uniform(0.01, 0.2, 2), 1.0)
        for box in box_of(whole, tuple(map(float, low)), tuple(map(float, high))):
            seen = float(error.success_at(box.inside[None, :])[0])
            rates = draw.uniform(box.low, box.high, (200, 2))
            assert error.at(rates).max() <= box.bound(seen, 24) * (1.0 + 1e-9)
            tried += 1
    assert tried > 10


def test_what_a_box_leaves_out_is_true() -> None:
    design = Design(**tiny_design())
    whole, draw = ground(design), np.random.default_rng(5)
    for _ in range(20):
        low = draw.uniform(0.0, 0.8, 2)
        high = low + draw.uniform(0.05, 0.2, 2)
        held = whole.shrunk(tuple(map(float, low)), tuple(map(float, high)))
        for soc, cart in draw.uniform(low, high, (50, 2)):
            within = held is not None and all(
                a <= x <= b for a, x, b in zip(held[0], (soc, cart), held[1], strict=True)
            )
            assert within or cart > soc  # success would be right


def test_a_claim_that_is_false_between_the_corners_of_a_box_alone_counts_there() -> None:
    """Far above or far below: at all four corners it is so, and at equal rates it is not."""
    raw = tiny_design()
    asked = {"endpoint": "dfr", "arm": "cart", "minus": "soc"}
    far = [
        {"posterior": asked | side, "at_least": 0.6} for side in ({"above": 0.15}, {"below": -0.15})
    ]
    raw["rules"] = [{"name": "differs", "then": "declare_success", "any": far}]
    whole = ground(Design(**raw))
    assert all(
        whole.counted_between(at, at) is None for at in itertools.product((0.2, 0.4), (0.0, 1.0))
    )
    assert whole.counted_between((0.3, 0.3), (0.3, 0.3)) is not None
    held = whole.shrunk((0.2, 0.0), (0.4, 1.0))
    assert held is not None
    assert held[0][1] <= 0.05
    assert held[1][1] >= 0.55
    assert whole.counted_between((0.2, 0.6), (0.4, 1.0)) is None  # so in all of it


def test_boxes_cover_every_truth_at_which_a_claim_is_false(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    design = Design(**tiny_design())
    error = exact(design)

    def known(design: Design, spot: Spot, *, trials: int, seed: int) -> int:
        rates = np.array(spot.truth.direct["dfr"])[:, 0]
        return round(float(error.success_at(rates[None, :])[0]) * trials)

    monkeypatch.setattr(stated_boxes, "events", known)
    first = [*box_of(ground(design), (0.0, 0.0), (1.0, 1.0))]
    boxes = cut(first, design, 1_000, 10_000, 30, 0.0, 1, 1, lambda *_: None)
    assert len(boxes) == 30
    draw = np.random.default_rng(6)
    for rates in draw.random((300, 2)):
        if rates[1] <= rates[0]:
            assert any(_holds(box, rates) for box in boxes)


def _holds(box: Box, rates: Any) -> bool:
    return all(a <= x <= b for a, x, b in zip(box.low, rates, box.high, strict=True))


# ── as it is asked for ────────────────────────────────────────────────────────────────────────
def test_the_error_of_both_arms_rates_is_bounded_and_told(tmp_path: Path, quick: None) -> None:
    path, out = tmp_path / "tiny.toml", tmp_path / "worst"
    raw = tiny_design()
    raw["calibration"] = {"type_one_error": 0.1, "null_region": {"soc": [0.1, 0.9]}}
    path.write_text(tomlkit.dumps(raw), encoding="utf-8")
    typed = ["worst-case", str(path), "--engine", "simulate", "--certify", "--over", "arms"]
    typed += ["--trials", "100", "--tiles", "8", "--points", "2", "--jobs", "1"]
    done = CliRunner().invoke(main, [*typed, "--format", "svg", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "at most 8 truths, 100 trials each" in done.output  # what it costs, first
    assert (
        "over all rates of soc and cart, those of soc from 0.1 to 0.9, at which a claim is false"
        in done.output
    )
    found = read_worst_case(out)
    assert found.axes == ("soc", "cart")
    assert stated(found).bound > exact(Design(**tiny_design())).worst(np.nan).error
    assert stated(found).tiles <= 8
    run = ac.simulate(ac.load_design(path), trials=20, jobs=1, engine="simulate")
    blocks = WorstCaseExhibit(found).blocks(Evidence(run, Facts(), 0))
    said = " ".join(plain(block.line) for block in blocks if isinstance(block, Paragraph))
    assert f"cut into {stated(found).tiles} boxes" in said
    assert "With confidence 95% the error exceeds" in said


def test_power_is_bounded_from_below(quick: None) -> None:
    design = Design(**tiny_design())
    found = ac.worst_case(
        design, measure="power", effect=0.4, engine="simulate", points=5, trials=400, jobs=1,
        certify_simulated=True, tiles=40,
    )  # fmt: skip
    controls = np.linspace(0.0, 0.6, 101)
    least = exact(design).success_at(np.stack([controls, controls + 0.4], axis=1)).min()
    assert 0.2 < 1.0 - stated(found).bound < least
    assert "it is nowhere below" in found.words()


def test_two_strata_run_by_themselves_and_may_differ(quick: None) -> None:
    raw = tiny_design(strata=SHARES)
    region = {"soc.a": [0.1, 0.4], "soc": [0.1, 0.3], "elsewhere": [-0.1, 0.1]}
    raw["calibration"] = {"type_one_error": 0.1, "null_region": region}
    told: list[str] = []
    asked: dict[str, Any] = {"trials": 200, "jobs": 1, "certify_simulated": True}
    found = ac.worst_case(Design(**raw), points=2, tiles=12, tell=told.append, **asked)
    assert stated(found).tiles == 12
    assert stated(found).bound > stated(found).found
    assert "every choice of other arms and strata" in stated(found).over
    assert "of one core" in told[0]
    with pytest.raises(InputError, match="the region has 3 parts"):
        ac.worst_case(Design(**raw), points=2, tiles=2, **asked)


def test_a_shrunken_bound_is_found_out(
    quick: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(stated_boxes, "tilted", lambda error, *rest: 0.2 * error)
    raw = tiny_design(strata=SHARES)
    found = ac.worst_case(
        Design(**raw), over="strata", points=2, trials=400, jobs=1, certify_simulated=True,
        tiles=20, engine="simulate",
    )  # fmt: skip
    assert found.stated is not None
    assert not found.stated.holds
    assert "BROKEN" in found.words()
    assert found.bound is None
    write_worst_case(found, tmp_path, ("svg",))


@pytest.mark.slow
def test_more_boxes_bring_the_bound_near_to_the_largest_error() -> None:
    """Both arms' rates: enumerated, the largest is known."""
    design = Design(**tiny_design())
    largest = exact(design).worst(np.nan).error
    bounds = [
        stated(
            ac.worst_case(
                design, over="arms", engine="simulate", trials=20_000, certify_simulated=True,
                tiles=tiles,
            )
        ).bound
        for tiles in (40, 400)
    ]  # fmt: skip
    assert bounds[0] > bounds[1] > largest
    assert bounds[1] < 1.35 * largest
