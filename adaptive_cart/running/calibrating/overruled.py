"""Thresholds where rules are not binding: what may be overruled is left out of the search."""

from __future__ import annotations

from dataclasses import replace

from adaptive_cart.design.design import Design
from adaptive_cart.design.error_tables import without_stops
from adaptive_cart.results.calibration import Calibrated
from adaptive_cart.results.shared_calibration import AnyCalibration
from adaptive_cart.running.calibrating.search import Effort, Rest, Search
from adaptive_cart.running.region import found_for


class Overruled(Search):
    """The thresholds of the design without the rules that may be overruled."""

    finds = "thresholds that hold also where futility, or another rule that stops, is overruled"
    confirmed = "as the thresholds of the design without these rules are"
    log = Calibrated

    def takes(self, design: Design) -> bool:
        """Whether any rule is not binding."""
        return bool(design.overruled)

    def find(self, design: Design, effort: Effort, rest: Rest) -> AnyCalibration:
        """Find them without these rules, and say so."""
        return _as_of(design, rest(all_binding(design), effort))


def all_binding(design: Design) -> Design:
    """The design as its error is judged: without the rules that may be overruled."""
    if not design.overruled:
        return design
    tables = design.plain()
    tables["rules"] = [rule.plain() for rule in design.rules if rule not in design.overruled]
    without_stops(tables)
    return Design(**tables)


def _as_of(design: Design, found: AnyCalibration) -> AnyCalibration:
    """What was found without these rules, as that of the design which has them."""
    names = ", ".join(f"'{rule.name}'" for rule in design.overruled)
    note = (
        f"{design.overruled_words}: {names} left out of the search, so that the error holds "
        f"where it is overruled too"
    )
    return found_for(design, replace(found, notes=(note, *found.notes)))
