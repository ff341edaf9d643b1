"""Simulate adaptive trials of CAR-T cells against standard of care in autoimmune disease.

    design file ─► Design ─► scenarios ─► trials ─► looks ─► decisions ─► operating characteristics

>>> import adaptive_cart as ac
>>> design = ac.load_design("designs/hello.toml")
>>> result = ac.simulate(design, trials=10_000, seed=1)
>>> result.operating_characteristics

Names are loaded when first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` would be most of what it takes to load this

if TYPE_CHECKING:
    from typing import Any

    from adaptive_cart import figures, priors
    from adaptive_cart.analysis import Analysis, analyze
    from adaptive_cart.analysis.durability_curves import durability
    from adaptive_cart.comparison import Comparison, compare
    from adaptive_cart.design.design import Design
    from adaptive_cart.design.file import load_design
    from adaptive_cart.errors import CartError, DesignError, EngineError, ResultsError, RunError
    from adaptive_cart.exhibits import exhibit
    from adaptive_cart.optimising.optimise import optimise
    from adaptive_cart.programmes import load_programme, simulate_programme
    from adaptive_cart.recorded.file import ParticipantsError
    from adaptive_cart.report import write_report
    from adaptive_cart.results.result import Result, open_result
    from adaptive_cart.running.drift import drift
    from adaptive_cart.running.run import simulate
    from adaptive_cart.running.shares import Share, merge
    from adaptive_cart.running.workers import at_work
    from adaptive_cart.running.worst_case import worst_case
    from adaptive_cart.sweeps import Sweep, sweep
    from adaptive_cart.sweeps.sizing import size
    from adaptive_cart.telling.walkthrough import example

_HOME = {
    "Analysis": "analysis",
    "CartError": "errors",
    "Comparison": "comparison",
    "Design": "design.design",
    "DesignError": "errors",
    "EngineError": "errors",
    "ParticipantsError": "recorded.file",
    "Result": "results.result",
    "ResultsError": "errors",
    "RunError": "errors",
    "Share": "running.shares",
    "Sweep": "sweeps",
    "analyze": "analysis",
    "at_work": "running.workers",
    "compare": "comparison",
    "durability": "analysis.durability_curves",
    "example": "telling.walkthrough",
    "exhibit": "exhibits",
    "load_design": "design.file",
    "load_programme": "programmes",
    "merge": "running.shares",
    "open_result": "results.result",
    "optimise": "optimising.optimise",
    "simulate": "running.run",
    "simulate_programme": "programmes",
    "size": "sweeps.sizing",
    "sweep": "sweeps",
    "drift": "running.drift",
    "worst_case": "running.worst_case",
    "write_report": "report",
}

_ROOMS = ("figures", "priors")  # opened as they are: ac.priors.robust_map_prior(…)

__all__ = [
    "Analysis",
    "CartError",
    "Comparison",
    "Design",
    "DesignError",
    "EngineError",
    "ParticipantsError",
    "Result",
    "ResultsError",
    "RunError",
    "Share",
    "Sweep",
    "analyze",
    "at_work",
    "compare",
    "drift",
    "durability",
    "example",
    "exhibit",
    "figures",
    "load_design",
    "load_programme",
    "merge",
    "open_result",
    "optimise",
    "priors",
    "simulate",
    "simulate_programme",
    "size",
    "sweep",
    "worst_case",
    "write_report",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _HOME:
        return getattr(import_module(f"adaptive_cart.{_HOME[name]}"), name)
    if name in _ROOMS:
        return import_module(f"adaptive_cart.{name}")
    raise AttributeError(f"module 'adaptive_cart' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_ROOMS})
