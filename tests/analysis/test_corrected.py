"""Estimates of a real trial that has stopped, corrected for that."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from adaptive_cart.analysis import analyze
from adaptive_cart.design.design import Design
from analysis.test_absence import VISITS, visit_rows

AT: dict[str, Any] = {"look": 1, "as_of": 15.75, "fast": True}


def responders(cells: int, usual: int) -> list[dict[str, Any]]:
    """Twenty in each arm, of whom so many respond."""
    rows = visit_rows()
    for k, row in enumerate(rows):
        row["remission_month"] = 3.1 if k // 2 < (cells if k % 2 else usual) else ""
    return rows


def test_a_stop_at_the_first_look_is_judged_by_what_lies_beyond_it() -> None:
    """Half of all respond, so that the p-value is that of two binomials of one half."""
    prior = {"skeptical": {"effect": 0.3}}
    found = analyze(Design(**VISITS, adjusted_estimates=prior), responders(16, 4), **AT)
    assert found.decision.outcome == "success"
    corrections = found.findings.corrections
    assert corrections is not None
    assert corrections.why is None
    by_name = {one.name: one for one in corrections.estimates}
    assert list(by_name) == ["estimate", "conditional", "skeptical", "median_unbiased"]
    own, median = by_name["estimate"], by_name["median_unbiased"]
    assert own.value == pytest.approx(12 / 22, abs=1e-12)
    assert corrections.margin == 0.0
    mass = stats.binom.pmf(np.arange(21), 20, 0.5)
    beyond = sum(mass[u] * mass[u + 12 :].sum() for u in range(9))
    assert median.p_value == pytest.approx(beyond, abs=1e-12)
    assert median.p_value_at_most == pytest.approx(beyond, abs=1e-9)  # one half is the worst
    assert 0.0 < median.lower < median.value < median.upper < 1.0
    assert 0.0 < by_name["skeptical"].value < own.value
    # the bias of trials that succeed here, where 17 of 22 and 5 of 22 respond
    grid, k = (np.arange(4000) + 0.5) / 4000, np.arange(21)
    density = stats.beta.pdf(grid, 1 + k[:, None], 21 - k[:, None]) / 4000
    stops = density @ (density.cumsum(axis=1) - density / 2).T >= 0.99  # (cells, usual)
    mass = np.outer(stats.binom.pmf(k, 20, 17 / 22), stats.binom.pmf(k, 20, 5 / 22)) * stops
    mean = float((mass * (k[:, None] - k[None, :]) / 22).sum() / mass.sum())
    assert by_name["conditional"].value == pytest.approx(2 * own.value - mean, abs=1e-9)
    assert "Estimates of cells − usual corrected for the stop" in found.text
    assert "median unbiased, by the stage-wise order" in found.text


def test_where_the_trial_goes_on_there_is_nothing_to_correct() -> None:
    found = analyze(Design(**VISITS), responders(10, 4), **AT)
    assert found.decision.outcome == "goes_on"
    assert found.findings.corrections is None
    assert "corrected for the stop" not in found.text


def test_why_ends_cannot_be_put_in_order_is_told() -> None:
    design = Design(**{**VISITS, "strata": {"mild": 0.5, "severe": 0.5}})
    rows = [row | {"stratum": ("mild", "severe")[k // 2 % 2]}
            for k, row in enumerate(responders(16, 4))]  # fmt: skip
    found = analyze(design, rows, **AT)
    assert found.decision.outcome == "success"
    assert found.findings.corrections is not None
    assert found.findings.corrections.why == "the counts of strata are not ordered together"
    assert "the counts of strata are not ordered together" in found.text
    # the skeptical estimate needs no order
    asked = Design(**design.plain(), adjusted_estimates={"skeptical": {"effect": 0.3}})
    also = analyze(asked, rows, **AT).findings.corrections
    assert also is not None
    assert also.why == found.findings.corrections.why
    own, drawn = also.estimates
    assert (own.name, drawn.name) == ("estimate", "skeptical")
    sd = 0.3 / stats.norm.isf(0.05)
    error = (own.upper - own.lower) / (2.0 * stats.norm.isf(0.025))
    assert drawn.value == pytest.approx(own.value * sd**2 / (sd**2 + error**2), abs=1e-12)
    assert drawn.upper - drawn.lower < own.upper - own.lower


def test_where_responses_are_imputed_the_skeptical_mean_is_made_of_that_over_imputations() -> None:
    rows = responders(18, 3)
    for row in rows[1:25:3]:
        row |= {"withdrawn_month": 1.0, "remission_month": "", "last_contact_month": 1.0}
    raw = {
        **VISITS,
        "endpoints": {"free": {**VISITS["endpoints"]["free"], "missing": "impute"}},
        "adjusted_estimates": {"skeptical": {"effect": 0.3}},
    }
    found = analyze(Design(**raw), rows, **AT).findings
    assert found.corrections is not None
    assert found.corrections.why == "missing responses are imputed"
    own, drawn = found.corrections.estimates
    assert (own.name, drawn.name) == ("estimate", "skeptical")
    (told,) = (quantity.fast for quantity in found.quantities if quantity.minus == "usual")
    assert (own.value, own.lower, own.upper) == (told.mean, told.lower, told.upper)
    sd = 0.3 / stats.norm.isf(0.05)
    error = (told.upper - told.lower) / (2.0 * stats.norm.isf(0.025))
    assert drawn.value == pytest.approx(told.mean * sd**2 / (sd**2 + error**2), abs=1e-12)


# ── conditional assurance ─────────────────────────────────────────────────────────────────────
def test_success_at_the_end_is_averaged_over_the_truths_given_the_counts() -> None:
    weights = {"expected": 0.5, "none": 0.5}
    raw = {
        **VISITS,
        "rules": VISITS["rules"][:1],
        "scenarios": {**VISITS["scenarios"], "none": {"free": {"usual": 0.2, "cells": 0.2}}},
        "design_prior": {"even": {"weights": weights}},
    }
    found = analyze(Design(**raw), responders(10, 4), **AT)
    (told,) = found.findings.conditional_assurance
    # the last look's tables, judged by a sum that knows nothing of the program
    grid, k = (np.arange(4000) + 0.5) / 4000, np.arange(41)
    density = stats.beta.pdf(grid, 1 + k[:, None], 41 - k[:, None]) / 4000
    wins = density @ (density.cumsum(axis=1) - density / 2).T >= 0.99
    more, above, below = np.arange(21), 0.0, 0.0
    for cells in (0.5, 0.2):
        seen = 0.5 * stats.binom.pmf(10, 20, cells) * stats.binom.pmf(4, 20, 0.2)
        later = np.outer(stats.binom.pmf(more, 20, cells), stats.binom.pmf(more, 20, 0.2))
        above += seen * float((later * wins[10:31, 4:25]).sum())
        below += seen
    assert told.value == pytest.approx(above / below, abs=1e-9)
    none = stats.binom.pmf(10, 20, 0.2) / sum(stats.binom.pmf(10, 20, p) for p in (0.2, 0.5))
    assert told.scenarios["none"] == pytest.approx(none, abs=1e-12)
    assert "Conditional assurance: success at the end" in found.text
    ended = analyze(Design(**raw), responders(16, 4), **AT)
    assert ended.findings.conditional_assurance == ()
    strata = {**raw, "strata": {"mild": 0.5, "severe": 0.5}}
    rows = [r | {"stratum": ("mild", "severe")[k // 2 % 2]}
            for k, r in enumerate(responders(10, 4))]  # fmt: skip
    (untold,) = analyze(Design(**strata), rows, **AT).findings.conditional_assurance
    assert untold.value is None
    assert "within strata the numbers in each arm vary" in (untold.why or "")
