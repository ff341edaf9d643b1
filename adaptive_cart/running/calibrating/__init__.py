"""Searches for the thresholds that are ``"calibrate"``: one a file.

A design is taken by the first search that takes it; what that leaves is found by those after it.
"""

from __future__ import annotations

from adaptive_cart.design.design import Design
from adaptive_cart.errors import one_of
from adaptive_cart.results.shared_calibration import AnyCalibration
from adaptive_cart.running.calibrating.averages import Averages
from adaptive_cart.running.calibrating.averages_by_rule import AveragesByRule
from adaptive_cart.running.calibrating.claims import SharedClaims
from adaptive_cart.running.calibrating.overruled import Overruled
from adaptive_cart.running.calibrating.search import TRIALS, Effort, Search
from adaptive_cart.running.calibrating.several import SeveralRules
from adaptive_cart.running.calibrating.spending import Spending
from adaptive_cart.running.calibrating.stops import Stops
from adaptive_cart.running.calibrating.type_one_error import TypeOneError
from adaptive_cart.running.region import asks, needs_calibration

SEARCHES: tuple[Search, ...] = (
    Stops(),
    Overruled(),
    AveragesByRule(),
    SeveralRules(),
    Averages(),
    SharedClaims(),
    Spending(),
    TypeOneError(),
)


def found_by(design: Design, effort: Effort) -> AnyCalibration:
    """Find every threshold of a design that is to be calibrated."""
    return _search_for(design).find(design, effort, found_by)


def announced(design: Design, trials: int | None = None) -> str:
    """Say, before it begins, what is searched for and what that takes: a line a search."""
    number = TRIALS if trials is None else trials
    found, left = [], design
    while needs_calibration(left):
        search, before = _search_for(left), left
        left = search.leaves(left)
        others = {rule.name for rule in left.rules if asks(rule)}
        names = one_of([r.name for r in before.rules if asks(r) and r.name not in others])
        found.append(
            f"calibrating {names}: {search.finds}; where it is simulated, by "
            f"{number:,} trials at each truth; confirmed {search.confirmed}"
        )
    return "\n".join(found)


def _search_for(design: Design) -> Search:
    return next(search for search in SEARCHES if search.takes(design))


__all__ = ["SEARCHES", "Effort", "Search", "announced", "found_by"]
