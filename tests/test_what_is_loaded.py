"""A command loads what its design uses: most of the time of a short run is loading."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

DESIGNS = Path(__file__).parents[1] / "designs"
RUN = """
import sys, tempfile
from adaptive_cart.cli import main
words = ["simulate", sys.argv[1], "--trials", "20", "--jobs", "1", "--engine", sys.argv[2], "--out"]
main([*words, tempfile.mkdtemp()], standalone_mode=False)
print(*sys.modules)
"""
OF_LIBRARIES = ("pandas", "scipy.stats", "scipy.optimize", "matplotlib",
                "numpy.f2py.f2py2e", "numpy.ma.core", "numpy.testing._private")  # fmt: skip
OF_OTHER_KINDS = ("models.hazards", "models.classical.classical_analysis", "models.normal",
                  "models.ordinal", "models.rates", "models.strata", "models.visits",
                  "endpoints.continuous", "endpoints.event_rate", "endpoints.ordinal",
                  "endpoints.time_to_event")  # fmt: skip
NOT_ASKED_FOR = ("running.adjusted", "running.calibrating",
                 "report", "figures", "verification", "priors", "comparison")  # fmt: skip


@cache
def loaded(name: str, engine: str = "simulate") -> frozenset[str]:
    command = [sys.executable, "-c", RUN, str(DESIGNS / f"{name}.toml"), engine]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return frozenset(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("engine", ["simulate", "exact"])
@pytest.mark.parametrize("module", OF_LIBRARIES)
def test_a_run_and_its_table_load_no_library_that_is_slow(module: str, engine: str) -> None:
    assert module not in loaded("hello", engine)


@pytest.mark.parametrize("module", [*OF_OTHER_KINDS, *NOT_ASKED_FOR])
def test_a_run_loads_neither_other_kinds_nor_what_is_not_asked_for(module: str) -> None:
    assert f"adaptive_cart.{module}" not in loaded("hello")


def test_what_a_design_uses_is_loaded() -> None:
    used = {"models.binary", "endpoints.landmark"}
    assert {f"adaptive_cart.{module}" for module in used} <= loaded("hello")
