"""Whether rules for success can share a type I error out."""

from __future__ import annotations

from adaptive_cart.decisions import STOPS, SUCCESS
from adaptive_cart.design.checks.pieces import Found, Pieces, unknown
from adaptive_cart.design.shared_success import depending_on
from adaptive_cart.design.validation import path_to, shown
from adaptive_cart.errors import one_of

PATH = "calibration.shares"
ROUNDING = 1e-9


def shared_success(pieces: Pieces) -> Found:
    """Whether every share is one of a rule for success that is to be calibrated, and they sum up.

    Thresholds that differ are found one by one: a rule that depends on another one for success can
    be left out then only if it stops the trial.
    """
    asked = pieces.calibration
    if asked is None or asked.shares is None or None in pieces.rules:
        return
    rules = [*pieces.rules_read.values()]
    success = [rule.name for rule in pieces.success_rules]
    any_asks = any(rule.to_calibrate for rule in pieces.success_rules)
    for name in asked.shares:
        if name not in success:
            own = path_to(PATH, name)
            yield own, unknown(name, "rules that declare success", success), "rules"
    for place, rule in pieces.rules_read.items():
        if rule.decision.ends == SUCCESS and rule.name not in asked.shares:
            yield PATH, f"gives nothing to '{rule.name}', which declares success too", "rules", PATH
        elif any_asks and rule.decision.ends == SUCCESS and rule.threshold != "calibrate":
            found = f"'{rule.name}' has the threshold {shown(rule.threshold)}"
            own = path_to(PATH, rule.name)
            yield own, f'{found}, and another asks for "calibrate"; write it too', place
    if len(success) < 2:
        yield PATH, "is for several rules that declare success, and there is one; leave it out"
    total = sum(asked.shares.values())
    if abs(total - 1.0) > ROUNDING:
        yield PATH, f"sum to {total:.10g}; 1 is expected, the whole of type_one_error", PATH
    yield from _beside(pieces)
    for name in success:
        others = [other for other in success if other != name]
        for dependent in depending_on(rules, others):
            rule = next(one for one in rules if one.name == dependent)
            if rule.name != name and rule.decision.ends not in STOPS:
                yield (
                    PATH,
                    f"the thresholds of {one_of(success)} cannot be found one by one: "
                    f"'{dependent}' predicts or requires one of them, and does not stop the trial, "
                    f"so that without it others succeed differently; leave shares out (one "
                    f"threshold for all), or that rule",
                    "rules",
                )
                return
            if rule.name == name:
                yield (
                    PATH,
                    f"the thresholds of {one_of(success)} cannot be found one by one: '{name}' "
                    f"predicts or requires another of them, so that its false successes hang on "
                    f"that one's threshold; leave shares out (one threshold for all)",
                    "rules",
                )
                return


def _beside(pieces: Pieces) -> Found:
    """Whether nothing else is asked for that is found otherwise."""
    asked = pieces.calibration
    assert asked is not None
    beside = {
        "type_one_error is missing, of which they are shares": asked.type_one_error is None,
        "[claims] shares the error": pieces.claims is not None,
        "spend is for one rule that declares success": asked.spend is not None,
        'held = "by_claim" holds the error of each claim, and not of any': asked.by_claim,
        "arms are compared with external data, over which the error of all together is not looked "
        "for": bool(pieces.external and pieces.comparators_of(pieces.primary or "")),
    }
    for why in (why for why, so in beside.items() if so):
        yield PATH, f"cannot be met together with the rest: {why}; leave one of them out"
    others = [rule for rule in pieces.rules_read.values() if rule.decision.ends != SUCCESS]
    stops = [rule.name for rule in others if rule.threshold == "calibrate"]
    if stops:
        yield PATH, f"is found with stops that are numbers; {one_of(stops)} asks for calibrate"
