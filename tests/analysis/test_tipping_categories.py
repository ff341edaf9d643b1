"""Which categories of the missing turn a rule over, against tables in which they are typed."""

from __future__ import annotations

from typing import Any

import pytest

import adaptive_cart as ac
from adaptive_cart.analysis import analyze
from adaptive_cart.analysis.text import missing_heading
from adaptive_cart.design.design import Design
from adaptive_cart.models.ordinal.dirichlet_analysis import DirichletAnalysis

NAMES = ["bad", "middling", "good"]


def design(missing: str) -> Design:
    return Design(
        name="ordered", arms={"usual": {"control": True}, "cells": {"product": "autologous"}},
        endpoints={"outcome": {"type": "ordinal", "month": 6, "categories": NAMES,
                               "missing": missing}},
        analysis={"outcome": {"model": "dirichlet", "prior": {"each": 0.5}}},
        enrolment={"max_n": 30, "per_month": 6}, looks={"observed": [30]},
        rules=[{"name": "better", "then": "declare_success", "at_least": 0.9,
                "posterior": {"endpoint": "outcome", "arm": "cells", "better_than": "usual",
                              "above": 0.5}}],
        truth={"dropout": {"per_year": 0.5}},
        scenarios={"a": {"outcome": {"usual": dict(zip(NAMES, (0.4, 0.4, 0.2), strict=True)),
                                     "cells": dict(zip(NAMES, (0.2, 0.3, 0.5), strict=True))}}},
    )  # fmt: skip


@pytest.mark.parametrize("missing", ["exclude", "middling", "impute"])
def test_each_number_with_the_best_and_the_others_with_the_worst_is_judged(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = lambda *_: iter(())  # noqa: E731  # priors, in each imputation, would take long
    monkeypatch.setattr(DirichletAnalysis, "prior_tips", nothing)
    planned = design(missing)
    rows = ac.example(planned, scenario="a", trial=3).participants
    how: dict[str, Any] = {"look": 1, "fast": True}
    found = analyze(planned, rows, tipping=True, **how)
    assert found.findings.tipping is not None
    (tip,) = found.findings.tipping.missing
    gone = {arm: [k for k, row in enumerate(rows) if row["arm"] == arm and row["outcome"] == ""]
            for arm in tip.arms}  # fmt: skip
    assert tip.missing == tuple(len(gone[arm]) for arm in tip.arms)
    assert min(tip.missing) > 0
    a, b = tip.missing
    for ways in ((a, 0), (0, b), (a // 2, 1)):
        typed = [dict(row) for row in rows]
        for arm, best in zip(tip.arms, ways, strict=True):
            for place, k in enumerate(gone[arm]):
                typed[k] |= {"outcome": "good" if place < best else "bad", "withdrawn_month": "",
                             "last_contact_month": 6.0}  # fmt: skip
        probability = analyze(planned, typed, **how).rules[0].fast
        assert tip.probabilities[ways[0]][ways[1]] == pytest.approx(probability, abs=1e-9)
        assert (ways in tip.holds) == (probability >= 0.9)
    seen = {arm: [r["outcome"] for r in rows if r["arm"] == arm and r["outcome"] != ""]
            for arm in tip.arms}  # fmt: skip
    place = {"bad": 0.0, "middling": 0.5, "good": 1.0}
    means = [sum(map(place.__getitem__, seen[arm])) / len(seen[arm]) for arm in tip.arms]
    assert tip.read_as == tuple(round(n * m) for n, m in zip(tip.missing, means, strict=True))
    assert "best: good, the others: bad" in missing_heading(tip)
