"""The notebooks run from top to bottom, and hold no results of an earlier run."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from adaptive_cart.analysis import analyze
from checks import DESIGNS

NOTEBOOKS = sorted((DESIGNS.parent / "sims" / "notebooks").glob("*.ipynb"))
NAMES = [path.stem for path in NOTEBOOKS]


def cells(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return found


def run(path: Path) -> dict[str, Any]:
    """Run the code cells one after the other, as a fresh kernel would."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(cells(path)):
        if cell["cell_type"] == "code":
            source = "".join(cell["source"])
            exec(compile(source, f"{path.name}, cell {number}", "exec"), names)
    return names


def test_there_are_notebooks() -> None:
    assert "analysis_of_a_real_trial" in NAMES


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_notebooks_hold_no_results(path: Path) -> None:
    for cell in cells(path):
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_notebooks_run_without_pymc(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(DESIGNS.parent)
    there = importlib.util.find_spec
    hidden = ("pymc", "arviz", "nutpie")
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name in hidden else there(name)
    )
    names = run(path)
    assert names["look"].decision.outcome == "futility"
    assert "PyMC is not installed" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_notebooks_run_with_pymc(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(DESIGNS.parent)
    names = run(path)
    assert names["judged"].decision.basis == "reference posterior"
    assert (
        names["judged"].decision.outcome
        == analyze(names["hello"], names["trial"].participants, fast=True).decision.outcome
    )
    assert "reference 0." in capsys.readouterr().out
