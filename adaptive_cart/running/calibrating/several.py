"""Thresholds of several rules for success that differ: each for its share of the type I error.

Each rule's is found as that of the design in which no other rule declares success, for its share.
There its false successes are not less frequent than in the design with all of them, whose other
successes would have ended trials before; so that any false success has at most the sum of the
shares (Bonferroni). Other rules that ask for one that is left out (they predict or require it) are
left out with it, which is allowed where they stop the trial: without them no success is less
frequent.
"""

from __future__ import annotations

from dataclasses import replace

from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.design.shared_success import depending_on
from adaptive_cart.results.calibration import Calibrated
from adaptive_cart.results.figure import proportion
from adaptive_cart.results.several_calibration import SeveralCalibration
from adaptive_cart.results.shared_calibration import AnyCalibration
from adaptive_cart.running.calibrating.search import Effort, Rest, Search
from adaptive_cart.running.region import found_for, with_found


class SeveralRules(Search):
    """A threshold of each rule for success."""

    finds = "a threshold of each rule for success, for its share of the type I error"
    confirmed = "each as that of one rule is, and any false success by its worst case"
    log = SeveralCalibration

    def takes(self, design: Design) -> bool:
        """Whether rules for success share the type I error out."""
        return design.calibration is not None and design.calibration.shares is not None

    def find(self, design: Design, effort: Effort, rest: Rest) -> AnyCalibration:
        """Find them one by one, and what they come to together."""
        assert design.calibration is not None
        assert design.calibration.type_one_error is not None
        assert design.calibration.shares is not None
        whole, rules, notes = design.calibration.type_one_error, {}, []
        for name, share in design.calibration.shares.items():
            alone, left = with_one(design, name, share * whole)
            found = rest(alone, effort).of_success
            assert isinstance(found, Calibrated)
            rules[name] = found
            if left:
                named = ", ".join(f"'{one}'" for one in left)
                notes.append(f"{named} left out while the threshold of '{name}' was searched")
        scenarios = tuple(dict.fromkeys(one for found in rules.values() for one in found.scenarios))
        none = proportion(0, 0)
        kept = SeveralCalibration(rules, whole, none, "", tuple(notes), scenarios, "", "")
        return _together(design, kept, effort)


def with_one(design: Design, name: str, error: float) -> tuple[Design, list[str]]:
    """The design in which one rule declares success, and which other rules were left out with it.

    Parameters
    ----------
    error
        Its share of the type I error.
    """
    others = [rule.name for rule in design.rules_ending(SUCCESS) if rule.name != name]
    left = depending_on(design.rules, others)
    gone = {*others, *left}
    tables = design.plain()
    tables["rules"] = [rule.plain() for rule in design.rules if rule.name not in gone]
    tables["calibration"] = tables["calibration"] | {"type_one_error": error}
    tables["calibration"].pop("shares")
    return Design(**tables), left


def _together(design: Design, kept: SeveralCalibration, effort: Effort) -> SeveralCalibration:
    """The same with the largest probability of any false success of the design as it acts."""
    from adaptive_cart.running.worst_case import worst_case  # which knows the searches

    final = with_found(design, kept)
    found = worst_case(
        final, trials=effort.trials, seed=effort.seeds[1], jobs=effort.jobs,
        progress=effort.progress, engine=effort.engine,
    )  # fmt: skip
    family = found.worst.figure if found.fresh is None else found.fresh
    return found_for(design, replace(kept, family=family, family_at=found.worst.name))
