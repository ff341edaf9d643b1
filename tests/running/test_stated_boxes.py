"""Bounds with confidence over more than one rate, against errors that are enumerated."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomlkit
from click.testing import CliRunner

import adaptive_cart as ac
from adaptive_cart.cli import main
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.rules import resolve_rules
from adaptive_cart.conduct.trial import run_looks
from adaptive_cart.design.design import Design
from adaptive_cart.errors import InputError
from adaptive_cart.figures.worst_case import write_worst_case
from adaptive_cart.participants.population import latents_for
from adaptive_cart.report.chapters.worst_case import WorstCaseExhibit
from adaptive_cart.report.document import Paragraph, plain
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts
from adaptive_cart.results.kept_worst_case import read_worst_case
from adaptive_cart.results.worst_case import WorstCase
from adaptive_cart.running import stated_boxes, weighed
from adaptive_cart.running import worst_case as simulated
from adaptive_cart.running.exact_error import ExactError
from adaptive_cart.running.grounds import Counted, Ground, Spot, events, ground_of_arms
from adaptive_cart.running.margin_grounds import grounds_of_margins
from adaptive_cart.running.pieces import Piece, largest_bound, pieces_of
from adaptive_cart.running.region import calibrated_rules, region_of
from adaptive_cart.running.revealing import Kinds, Numbered, shown_at
from adaptive_cart.running.stated_boxes import Box, Simulation, bound_of, box_of, cut
from adaptive_cart.running.stated_certificate import clopper_pearson
from adaptive_cart.running.weighed import Pieces
from checks import tiny_design

SHARES = {"a": 0.5, "b": 0.5}
NONE = np.zeros(0)  # rates


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
def test_the_rates_of_a_piece_are_no_farther_from_its_middle_than_it_says() -> None:
    """Both arms' rates, which move straight; and an odds ratio, which bends."""
    raw = tiny_design()
    raw["rules"][0]["posterior"] = {
        "endpoint": "dfr", "arm": "cart", "odds_ratio_to": "soc", "above": 2.0,
    }  # fmt: skip
    bent = grounds_of_margins(Design(**raw), region_of(Design(**raw)))[0]
    draw = np.random.default_rng(4)
    for whole in (ground(Design(**tiny_design())), bent):
        sides = len(whole.limits)
        for _ in range(30):
            low = draw.uniform(0.0, 0.9, sides) * (draw.random() < 0.8)
            high = np.minimum(low + draw.uniform(0.01, 0.3, sides), 1.0)
            corners = tuple(map(float, low)), tuple(map(float, high))
            one = pieces_of([Piece(whole, *corners, Counted({}))])
            for part in draw.random((20, sides)):
                rates = whole.drawn(tuple(map(float, low + part * (high - low)))).ravel()
                # of a straight line through the corners, weighed as the place lies between them
                each = np.array([*itertools.product((0, 1), repeat=sides)])
                share = np.where(each, part, 1.0 - part).prod(axis=1)
                straight = one.middle[0] + share @ one.moves[0]
                assert (np.abs(rates - straight) <= one.off[0] + 1e-9).all()
                assert (rates >= one.low[0] - 1e-12).all()
                assert (rates <= one.high[0] + 1e-12).all()
    assert one.off.max() > 0.001


def test_the_largest_bound_is_that_of_a_fine_grid_and_little_more() -> None:
    design = Design(**tiny_design())
    whole = ground(design)
    first = [*box_of(whole, (0.2, 0.0), (0.5, 1.0))]
    simulation = Simulation(design, "dfr", Kinds.of(design, first[0].spot.counted))
    boxes, _ = cut(first, simulation, 100, 400, 6, 0.0, 1, 1, lambda *_: None)
    shown = simulation.at(boxes, 400, 2, 1, 0.0)
    weighed = simulation.weighed(boxes, shown, 400)
    found = largest_bound([box.piece for box in boxes], weighed, simulation.kinds)
    lines = np.linspace(0.2, 0.5, 61), np.linspace(0.0, 0.5, 101)
    rates = np.array([(soc, cart) for soc in lines[0] for cart in lines[1] if cart <= soc])
    upper, _ = weighed.upper(Pieces.points(rates), [0])
    assert upper.max() <= found
    assert found <= 1.01 * upper.max()


def test_successes_of_each_target_are_told_apart() -> None:
    """What counts in a box is looked up by rule and target."""
    raw = tiny_design(arms={"soc": {"control": True}, "low": {}, "high": {}})
    raw["rules"][0]["posterior"]["arm"] = "each"
    raw["rules"].append(raw["rules"][0] | {"name": "again", "at_least": 0.6})
    raw["scenarios"] = {"null": {"dfr": {"soc": 0.3, "low": 0.3, "high": 0.3}}}
    design = Design(**raw)
    kinds = Kinds.of(design, Counted({"efficacy": (), "again": ()}))
    assert kinds.columns(Counted({"efficacy": (1,), "again": (0, 1)})) == [1, 2, 3]
    where = Numbered(design.truths["null"], 50, 300)
    one = shown_at(design, where, endpoint="dfr", kinds=kinds, seed=3)
    for which in ({"efficacy": (0,), "again": ()}, {"efficacy": (1,), "again": (0, 1)}):
        ended = run_looks(Plan.of(design), where.truth, latents_for(design, 3, 50, 300))
        by_rule = zip(("efficacy", "again"), ended.won.values(), strict=True)
        wrong = [(looks[:, list(which[name])] > 0).any(axis=1) for name, looks in by_rule]
        assert one.counting(kinds.columns(Counted(which))) == np.logical_or(*wrong).sum() > 0


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


def test_boxes_cover_every_truth_at_which_a_claim_is_false() -> None:
    design = Design(**tiny_design())
    first = [*box_of(ground(design), (0.0, 0.0), (1.0, 1.0))]
    simulation = Simulation(design, "dfr", Kinds.of(design, first[0].spot.counted))
    boxes, _ = cut(first, simulation, 100, 1_000, 30, 0.0, 1, 1, lambda *_: None)
    assert len(boxes) == 30
    draw = np.random.default_rng(6)
    for rates in draw.random((300, 2)):
        if rates[1] <= rates[0]:
            assert any(_holds(box, rates) for box in boxes)
    for box in boxes:  # what is simulated lies in it
        assert _holds(box, box.inside)
        assert ((box.inside > 0.0) & (box.inside < 1.0)).all()


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
    assert f"at {stated(found).tiles} of them 100 fresh trials were simulated" in said
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


def test_it_is_told_before_the_trials_where_they_cannot_say_anything(quick: None) -> None:
    told: list[str] = []
    found = ac.worst_case(
        Design(**tiny_design()), over="arms", points=2, trials=100, jobs=1, engine="simulate",
        certify_simulated=True, tiles=1, tell=told.append,
    )  # fmt: skip
    assert stated(found).bound == 1.0
    assert told[1] == (
        "1 truths are laid: too few to say anything, it is foreseen: write more --tiles, or "
        "--trials"
    )


def test_every_step_of_a_bound_shows_how_far_it_is_and_says_first_what_it_takes(
    quick: None,
) -> None:
    told: list[str] = []
    shown: dict[str, list[tuple[int, int]]] = {}

    def progress(what: str, done: int, total: int) -> None:
        if told:  # the curve before it has its own
            shown.setdefault(what, []).append((done, total))

    found = ac.worst_case(
        Design(**tiny_design()), over="arms", points=2, trials=200, jobs=1, engine="simulate",
        certify_simulated=True, tiles=12, tell=told.append, progress=progress,
    )  # fmt: skip
    assert [*shown] == ["boxes", "certificate", "pieces", "random truths"]
    for steps in shown.values():
        done = [number for number, _ in steps]
        assert done == sorted(done)
        assert done[-1] == steps[-1][1]
    assert len(shown["pieces"]) > 2
    assert shown["random truths"][-1] == (stated(found).tried, stated(found).tried)
    assert f"{stated_boxes.TRIED} random truths" in told[0]
    assert re.search(r"pieces, will take up to [\d.]+ (seconds|minutes|hours) of one core", told[2])


def test_what_is_foreseen_of_the_bound_is_near_it_and_what_helps_is_told() -> None:
    design = Design(**tiny_design())
    first = [*box_of(ground(design), (0.2, 0.2), (0.4, 0.4))]
    simulation = Simulation(design, "dfr", Kinds.of(design, first[0].spot.counted))
    boxes, foreseen = cut(first, simulation, 400, 4_000, 8, 0.0, 1, 1, lambda *_: None)
    found = bound_of(boxes, simulation.at(boxes, 4_000, 2, 1, 0.0), simulation, 4_000).bound
    assert foreseen.bound == pytest.approx(found, rel=0.3)
    assert stated_boxes._outlook(0.2, 0.1).endswith("; more --tiles or --trials bring it nearer")
    assert stated_boxes._outlook(0.12, 0.1) == "the bound is foreseen to be about 0.12"


def test_a_null_scenario_that_is_a_course_is_counted_beside_the_rates(quick: None) -> None:
    """It has no rate, and trials at it are weighed for no other truth."""
    raw = tiny_design(strata=SHARES)
    course = {
        "remission": {"probability": 0.2, "onset": {"dist": "fixed", "value": 1.0}},
        "durability": {"cured": 1.0},
    }
    raw["scenarios"]["of_course"] = {"role": "null", "soc": course, "cart": course}
    raw["calibration"] = {
        "type_one_error": 0.1, "null_region": {"soc.a": [0.1, 0.3], "soc": [0.1, 0.3]},
    }  # fmt: skip
    found = ac.worst_case(
        Design(**raw), points=2, trials=200, jobs=1, certify_simulated=True, tiles=6,
        engine="simulate",
    )  # fmt: skip
    assert "of_course" in {place.name for place in found.places}
    assert stated(found).tiles == 6


def test_a_single_truth_has_the_bound_of_its_own_trials() -> None:
    design = Design(**tiny_design())
    truth = design.truths["null"]
    count = Counted({"efficacy": (0,)})
    spot = Spot("null", truth, count)
    box = Box(Ground({}, lambda _: ("null", truth), "dfr", lambda _: count), (), (), spot, NONE)
    simulation = Simulation(design, "dfr", Kinds.of(design, count))
    shown = simulation.at([box], 300, 2, 1, 0.0)
    number = events(design, spot, trials=300, seed=2)
    found = bound_of([box], shown, simulation, 300)
    assert found.estimate == number / 300 > 0.0
    assert found.bound == clopper_pearson(number, 300)


def test_a_shrunken_bound_is_found_out(
    quick: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(weighed, "bound", lambda mean, *rest: 0.2 * mean)
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
def test_more_truths_bring_the_bound_near_to_the_largest_error() -> None:
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
        for tiles in (20, 100)
    ]  # fmt: skip
    assert bounds[0] > bounds[1] > largest
    assert bounds[1] < 1.06 * largest
