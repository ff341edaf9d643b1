"""Simulate adaptive trials of CAR-T cells against standard of care in autoimmune disease.

    design file ─► Design ─► scenarios ─► trials ─► looks ─► decisions ─► operating characteristics

>>> import adaptive_cart as ac
>>> design = ac.load_design("designs/hello.toml")
>>> result = ac.simulate(design, trials=10_000, seed=1)
>>> result.operating_characteristics

Names are loaded when first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adaptive_cart.design import Design
    from adaptive_cart.design_file import load_design
    from adaptive_cart.errors import CartError, DesignError, EngineError, ResultsError, RunError
    from adaptive_cart.run import Result, simulate
    from adaptive_cart.walkthrough import example

_HOME = {
    "CartError": "errors",
    "Design": "design",
    "DesignError": "errors",
    "EngineError": "errors",
    "Result": "run",
    "ResultsError": "errors",
    "RunError": "errors",
    "example": "walkthrough",
    "load_design": "design_file",
    "simulate": "run",
}

__all__ = [
    "CartError",
    "Design",
    "DesignError",
    "EngineError",
    "Result",
    "ResultsError",
    "RunError",
    "example",
    "load_design",
    "simulate",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"adaptive_cart.{_HOME[name]}"), name)
    raise AttributeError(f"module 'adaptive_cart' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
