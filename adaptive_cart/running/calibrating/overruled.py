"""Thresholds where futility is not binding: the futility rules are left out of the search."""

from __future__ import annotations

from dataclasses import replace

from adaptive_cart.decisions import FUTILITY
from adaptive_cart.design.design import Design
from adaptive_cart.results.calibration import Calibrated, fingerprint
from adaptive_cart.results.shared_calibration import AnyCalibration
from adaptive_cart.running.calibrating.search import Effort, Rest, Search
from adaptive_cart.running.region import with_found


class FutilityOverruled(Search):
    """The thresholds of the design without its futility rules."""

    finds = "thresholds that hold also where futility is overruled"
    confirmed = "as the thresholds of the design without its futility rules are"
    log = Calibrated

    def takes(self, design: Design) -> bool:
        """Whether futility is not binding."""
        return design.calibration is not None and not design.calibration.obeys_futility

    def find(self, design: Design, effort: Effort, rest: Rest) -> AnyCalibration:
        """Find them without futility, and say so."""
        return _as_of(design, rest(without_futility(design), effort))


def without_futility(design: Design) -> Design:
    """The design in which no rule declares futility, so that nobody can have overruled one."""
    tables = design.plain()
    tables["rules"] = [r.plain() for r in design.rules if r.decision.ends != FUTILITY]
    tables["calibration"].pop("futility")
    tables["calibration"].pop("false_stop", None)
    return Design(**tables)


def _as_of(design: Design, found: AnyCalibration) -> AnyCalibration:
    """What was found without the futility rules, as that of the design which has them."""
    names = ", ".join(f"'{rule.name}'" for rule in design.rules_ending(FUTILITY))
    note = (
        f"futility is not binding: {names} left out of the search, so that the error holds "
        f"where it is overruled too"
    )
    return replace(
        found,
        notes=(note, *found.notes),
        asked=fingerprint(design, found.scenarios),
        found=fingerprint(with_found(design, found), found.scenarios),
    )
