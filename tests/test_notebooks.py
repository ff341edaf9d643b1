"""The notebooks run from top to bottom, and hold no results of an earlier run."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adaptive_cart.analysis import analyze
from checks import DESIGNS

NOTEBOOKS = sorted((DESIGNS.parent / "sims" / "notebooks").glob("*.ipynb"))
NAMES = [path.stem for path in NOTEBOOKS]


def errors_and_powers(told: str) -> list[tuple[float, float]]:
    found = re.findall(r"type I error (\S+)   power (\S+)", told)
    return [(float(error), float(power)) for error, power in found]


# What each notebook must have found, from its names and from what it printed.
CHECKS: dict[str, Callable[[dict[str, Any], str], bool]] = {
    # pairing is worth something, and what changed is said
    "comparing_designs": lambda names, told: (
        names["paired"] < names["independent"] and "arms.cart.allocation" in told
    ),
    # nearly the same success, hardly any lasting remission; and the rule sees it
    "durability": lambda names, told: (
        names["result"].figure("rapid_waning", "true_relapse", arm="cart").estimate < 0.3
        and names["asked"].figure("rapid_waning", "stop_futility").estimate
        > names["asked"].figure("expected", "stop_futility").estimate
    ),
    # the early result overstates, more among those that go on; no series tells how many work
    "of_twenty_five_protocols": lambda names, told: (
        names["found"].figure("early_overstated", "go").estimate
        > names["found"].figure("early_overstated", "all").estimate
        > 0.0
        and "What no number above can say" in names["told"]
    ),
    # belief buys power with type I error, half of it less
    "from_early_data_to_the_controlled_trial": lambda names, told: (
        sorted(errors_and_powers(told)) == [errors_and_powers(told)[k] for k in (0, 2, 1)]
    ),
}


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


@pytest.mark.slow
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
    told = capsys.readouterr().out
    if path.stem == "analysis_of_a_real_trial":
        assert names["look"].decision.outcome == "futility"
        assert "PyMC is not installed" in told
    else:
        assert CHECKS[path.stem](names, told)


@pytest.mark.slow
@pytest.mark.reference
def test_a_real_trial_is_analysed_with_pymc(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(DESIGNS.parent)
    names = run(NOTEBOOKS[NAMES.index("analysis_of_a_real_trial")])
    assert names["judged"].decision.basis == "reference posterior"
    assert (
        names["judged"].decision.outcome
        == analyze(names["hello"], names["trial"].participants, fast=True).decision.outcome
    )
    assert "reference 0." in capsys.readouterr().out
