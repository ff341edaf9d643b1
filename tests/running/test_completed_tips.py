"""How few missing categories, or imputed responses, turn a success over, from the rows."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import adaptive_cart as ac
from adaptive_cart.analysis import analyze
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.design import Design
from adaptive_cart.participants.population import latents_for
from adaptive_cart.report.chapters.tipping import tipping
from adaptive_cart.report.document import Paragraph, Table, plain
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.facts import Facts
from adaptive_cart.running.completed_tips import completed_tips, rule_to_complete
from adaptive_cart.running.missing_tips import MissingTips, rule_to_tip
from analysis.test_tipping_categories import NAMES
from analysis.test_tipping_categories import design as of_categories

TRIALS = 6
THRESHOLD = 0.9


def responses() -> Design:
    """Responses, imputed where they are missing, of 16 participants."""
    return Design(
        name="imputed", arms={"usual": {"control": True}, "cells": {"product": "autologous"}},
        endpoints={"outcome": {"type": "landmark", "month": 6, "missing": "impute"}},
        analysis={"outcome": {"model": "beta_binomial"}},
        enrolment={"max_n": 30, "per_month": 6}, looks={"observed": [30]},
        rules=[{"name": "better", "then": "declare_success", "at_least": THRESHOLD,
                "posterior": {"endpoint": "outcome", "arm": "cells", "minus": "usual",
                              "above": 0.0}}],
        truth={"dropout": {"per_year": 0.4}},
        scenarios={"a": {"outcome": {"usual": 0.3, "cells": 0.6}}},
    )  # fmt: skip


def tips_of(design: Design) -> tuple[MissingTips, list[bool]]:
    """And whether each trial succeeded."""
    truth = design.truths["a"]
    plan = Plan.of(design).under(truth)
    rule = rule_to_complete(plan)
    assert rule is not None
    latents = latents_for(design, design.simulation.seed, 0, TRIALS)
    nothing = tuple(one.question.of.no_effect for one in plan.estimands)
    block = run_block(plan, truth, nothing, latents, keep_population=True)
    succeeded = [bool(place >= 0 and plan.rules[place].name == "better")
                 for place in block.standing.rule]  # fmt: skip
    return completed_tips(plan, rule, block), succeeded


slowly = (pytest.param(missing, marks=pytest.mark.slow) for missing in ("exclude", "middling"))


@pytest.mark.parametrize("missing", ["response", "impute", *slowly])
def test_the_fewest_are_those_of_tables_in_which_they_are_typed(missing: str) -> None:
    """Every outcome of the missing written into the rows, and analysed."""
    design = responses() if missing == "response" else of_categories(missing)
    tips, succeeded = tips_of(design)
    best, worst = (1, 0) if missing == "response" else (NAMES[-1], NAMES[0])
    place: dict[Any, float] = {0: 0.0, 1: 1.0, "bad": 0.0, "middling": 0.5, "good": 1.0}
    assert tips.holds.tolist() == succeeded
    assert np.isfinite(tips.fewest).any()
    some = [trial for trial in range(TRIALS) if 1 <= tips.fewest[trial] < np.inf]
    few = min(some, key=lambda trial: tips.missing[trial])
    for trial in (few,):
        rows = ac.example(design, scenario="a", trial=trial).participants
        arms = ("usual", "cells")
        gone = [[k for k, r in enumerate(rows) if r["arm"] == arm and r["outcome"] == ""]
                for arm in arms]  # fmt: skip
        assert tips.missing[trial] == sum(map(len, gone))
        seen = [[place[r["outcome"]] for r in rows if r["arm"] == arm and r["outcome"] != ""]
                for arm in arms]  # fmt: skip
        read_as = [round(len(who) * sum(own) / len(own))
                   for who, own in zip(gone, seen, strict=True)]  # fmt: skip
        fewest = np.inf
        for way in product(*(range(len(who) + 1) for who in gone)):
            typed = [dict(row) for row in rows]
            for who, number in zip(gone, way, strict=True):
                for at, k in enumerate(who):
                    typed[k] |= {"outcome": best if at < number else worst,
                                 "withdrawn_month": "", "last_contact_month": 6.0}  # fmt: skip
            holds = analyze(design, typed, look=1, fast=True).rules[0].fast >= THRESHOLD
            if holds != tips.holds[trial]:
                fewest = min(fewest, sum(abs(a - b) for a, b in zip(way, read_as, strict=True)))
        assert tips.fewest[trial] == fewest


def test_the_report_says_what_is_put_in() -> None:
    design = of_categories("impute")
    assert rule_to_tip(Plan.of(design))[1] == "success is not judged by counts of responders alone"
    run = ac.simulate(design, trials=10, jobs=1)
    blocks = tipping(Evidence(run, Facts(), 10 * 5))
    (table,) = [block for block in blocks if isinstance(block, Table)]
    rows = [[plain(cell) for cell in one.cells] for one in table.rows]
    assert sum(int(row[2]) for row in rows) == 10
    told = " ".join(plain(block.line) for block in blocks if isinstance(block, Paragraph))
    assert "every number was given the best category (good), and the others the worst" in told
    assert "counted from the mean place of the others of their arm" in told
