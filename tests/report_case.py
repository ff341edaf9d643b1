"""A run of the main design with thresholds that cannot be mistaken for another number."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
import tomlkit

from adaptive_cart.design.design import Design
from adaptive_cart.figures.kinds import Missing
from adaptive_cart.figures.registry import FIGURES
from adaptive_cart.report import chapters
from adaptive_cart.report.build import Source
from adaptive_cart.report.document import (
    Block,
    Equation,
    Figure,
    Heading,
    Listing,
    Report,
    lines_of,
    numbered,
    plain,
)
from adaptive_cart.results.result import Result
from adaptive_cart.running.run import simulate
from checks import raw_design

THRESHOLDS = {
    "safety": 0.90173,
    "efficacy": [0.99437, 0.98861, 0.97713],
    "futility": 0.04911,
}
TRIALS = 120
DRAWN = ("f-F4", "f-F5")  # figures that the tests of formats keep; all of them take a minute


def tables(thresholds: dict[str, Any] | None = None) -> dict[str, Any]:
    """Tables of the design."""
    raw = raw_design("sle_autologous")
    for rule in raw["rules"]:
        key = "below" if "below" in rule else "at_least"
        rule[key] = (thresholds or THRESHOLDS)[rule["name"]]
    return raw


@cache
def result() -> Result:
    """The run; made once in a session of tests."""
    raw = tables()
    folder = Path(mkdtemp(prefix="report_case_")) / "run"
    return simulate(
        Design(**raw), trials=TRIALS, jobs=1, out=folder, design_text=tomlkit.dumps(raw)
    )


@cache
def source() -> Source:
    """The report of the run with few figures, and a handful of trials for each variant."""
    whole = dict(FIGURES)
    try:
        for key in whole.keys() - {"F2", "F3", "F4", "F5"}:
            FIGURES[key] = replace(whole[key], tables=lambda result: Missing("spared", "none"))
        return Source(result(), sensitivity_trials=20)
    finally:
        FIGURES.clear()
        FIGURES.update(whole)


@cache
def full_source() -> Source:
    """The same with all its figures, which take long to draw."""
    return Source(result(), sensitivity_trials=0)


def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """No chapter draws anything."""
    for found in pkgutil.iter_modules(chapters.__path__, f"{chapters.__name__}."):
        module = importlib.import_module(found.name)
        if hasattr(module, "figures_of"):
            monkeypatch.setattr(module, "figures_of", lambda evidence, chapter: [])


def with_few_figures(report: Report) -> Report:
    """The same report with two figures only."""
    kept: list[Block] = [
        block for block in report.blocks if not isinstance(block, Figure) or block.key in DRAWN
    ]
    blocks, labels = numbered(kept)
    return replace(report, blocks=blocks, labels=labels)


def text_of(report: Report) -> str:
    """Everything that a report says, as bare text."""
    told = [report.title, report.subject, report.footer, report.draft]
    for block in report.blocks:
        if isinstance(block, Heading):
            told.append(f"{block.number} {block.text}")
        elif isinstance(block, Listing):
            told.append(block.text)
        elif isinstance(block, Equation):
            told += [block.words, block.source]
        told += [plain(pieces, report.labels) for pieces in lines_of(block)]
        if isinstance(block, Figure):
            told.append(block.alternative)
    return "\n".join(told)
