"""Every design of the project: it is checked, runs, tells a trial, and needs nobody in an arm."""

from __future__ import annotations

import copy
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaptive_cart as ac
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import Block, run_block
from adaptive_cart.design.design import Design
from adaptive_cart.design.file import template
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.participants.population import latents_for
from adaptive_cart.running.region import needs_calibration, with_threshold
from adaptive_cart.telling.check import described
from conduct.test_fast_equals_twin import DESIGNS, raw_design

NAMES = sorted(path.stem for path in DESIGNS.glob("*.toml"))


def ready(raw: dict[str, Any]) -> Design:
    design = Design(**raw)
    return with_threshold(design, 0.98) if needs_calibration(design) else design


def blocks(design: Design, trials: int, sizes: tuple[int, ...]) -> list[Block]:
    plan = Plan.of(design)
    truth = list(truths_of(design).values())[-1]
    targets = (0.1,) * len(plan.estimands)
    found = []
    for size in sizes:
        for first in range(0, trials, size):
            latents = latents_for(design, 7, first, min(size, trials - first))
            found.append(run_block(plan, truth, targets, latents))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_check_says_what_it_means(name: str) -> None:
    text = described(ac.load_design(DESIGNS / f"{name}.toml"))
    for rule in raw_design(name)["rules"]:
        assert f"  {rule['name']}: {rule['then']} if P(" in text


@pytest.mark.parametrize("name", NAMES)
def test_a_starting_design_is_the_design_of_that_name(name: str) -> None:
    assert template(name) == (DESIGNS / f"{name}.toml").read_text(encoding="utf-8")


def test_a_design_with_every_key_runs() -> None:
    """Scenarios ask for endpoints in different orders: their tables have the same columns."""
    design = Design(**tomllib.loads(template("all_keys")))
    result = ac.simulate(design, trials=5, jobs=1)
    assert set(result.looks["scenario"]) == set(design.scenarios)


@pytest.mark.parametrize("name", NAMES)
def test_a_trial_is_told(name: str) -> None:
    story = ac.example(ready(raw_design(name)), trial=3)
    assert "The trial " in story.text
    assert len(story.participants) > 10


@pytest.mark.parametrize("name", NAMES)
def test_blocks_of_any_size_give_the_same_bits(name: str) -> None:
    design = ready(raw_design(name))
    trials = 21
    whole, *parts = blocks(design, trials, (trials, 4, 1))
    four, one = parts[:6], parts[6:]
    for pieces in (four, one):
        for field in ("look", "months", "randomised", "estimate", "covered", "estimate_final"):
            together = np.concatenate([getattr(piece, field) for piece in pieces])
            np.testing.assert_array_equal(together, getattr(whole, field), err_msg=field)
        for field in ("reason", "rule", "probability", "dropped", "closed"):
            together = np.concatenate([getattr(piece.standing, field) for piece in pieces])
            np.testing.assert_array_equal(together, getattr(whole.standing, field), err_msg=field)


@pytest.mark.parametrize("name", ["basket_diseases", "enrichment_biomarker"])
def test_a_stratum_with_nobody_in_it_runs(name: str) -> None:
    raw = copy.deepcopy(raw_design(name))
    first, *others = raw["strata"]
    rest = 1.0 / len(others) * 0.0004
    raw["strata"] = {first: 0.9996} | dict.fromkeys(others, rest)
    (block,) = blocks(ready(raw), 40, (40,))
    assert not block.standing.failed.any()
    assert np.isfinite(block.estimate).all()


def test_an_arm_with_nobody_in_it_runs() -> None:
    raw = copy.deepcopy(raw_design("products_multiarm"))
    raw["randomisation"] |= {"minimum": 0.0, "burn_in": 0, "power": 4.0}
    raw["looks"] = {"months": [0.5, 7.0, 20.0, 60.0]}
    (block,) = blocks(ready(raw), 40, (40,))
    assert (block.looks[0].randomised.sum(axis=2) == 0).any()
    assert not block.standing.failed.any()


def test_calibrate_is_done_by_simulate(tmp_path: Path) -> None:
    raw = copy.deepcopy(raw_design("hello"))
    raw["rules"][0]["at_least"] = "calibrate"
    raw["calibration"] = {"type_one_error": 0.1}
    raw["enrolment"]["max_n"] = 30
    raw["looks"]["observed"] = [15, 21, 30]
    said: list[str] = []
    result = ac.simulate(Design(**raw), jobs=1, out=tmp_path / "out", tell=said.append)
    assert said[0].startswith("calibrating efficacy: the threshold for success")
    assert said[1].startswith("calibrated threshold 0.")
    assert result.figure("null", "success").estimate < 0.12
    assert '"calibrate"' not in (tmp_path / "out" / "design.toml").read_text()
