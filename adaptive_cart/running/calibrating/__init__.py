"""Searches for the thresholds that are ``"calibrate"``: one a file.

A design is taken by the first search that takes it; what that leaves is found by those after it.
"""

from __future__ import annotations

from adaptive_cart.design.design import Design
from adaptive_cart.results.shared_calibration import AnyCalibration
from adaptive_cart.running.calibrating.averages import Averages
from adaptive_cart.running.calibrating.claims import SharedClaims
from adaptive_cart.running.calibrating.overruled import Overruled
from adaptive_cart.running.calibrating.search import Effort, Search
from adaptive_cart.running.calibrating.several import SeveralRules
from adaptive_cart.running.calibrating.spending import Spending
from adaptive_cart.running.calibrating.stops import Stops
from adaptive_cart.running.calibrating.type_one_error import TypeOneError

SEARCHES: tuple[Search, ...] = (
    Stops(),
    Overruled(),
    SeveralRules(),
    Averages(),
    SharedClaims(),
    Spending(),
    TypeOneError(),
)


def found_by(design: Design, effort: Effort) -> AnyCalibration:
    """Find every threshold of a design that is to be calibrated."""
    search = next(search for search in SEARCHES if search.takes(design))
    return search.find(design, effort, found_by)


__all__ = ["SEARCHES", "Effort", "Search", "found_by"]
