"""Whether thresholds can be found for averages over a design prior."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.checks.pieces import Found, Pieces, unknown
from adaptive_cart.design.design_prior import READY_MADE
from adaptive_cart.design.rule_tables import Rule
from adaptive_cart.design.validation import path_to

if TYPE_CHECKING:
    from adaptive_cart.design.error_tables import Calibration

TARGETS = ("false_discovery", "correct_decision", "expected_loss")
PRIOR = "calibration.design_prior"
WRITTEN = tuple(f"calibration.{name}" for name in TARGETS)  # one that is wrong is no lack of it
BY_RULE = "calibration.averages"


def averaged_targets(pieces: Pieces) -> Found:
    """Whether there is something to hold, a design prior to average over, and rules to set."""
    asked = pieces.calibration
    if asked is None:
        return
    named = asked.of_all.named or ([] if asked.averages is None else ["averages"])
    if not named:
        yield from _nothing_averaged(asked, pieces)
        if asked.null_region is not None and _stops_alone(asked, pieces):
            yield (
                "calibration.null_region",
                "is where a type_one_error is held, and none is asked for; leave it out, or write "
                "type_one_error",
            )
        return
    yield from _prior(pieces, asked, named)
    if asked.null_region is not None and asked.type_one_error is None:
        yield (
            "calibration.null_region",
            f"is where a type_one_error is held, and none is asked for; {named[0]} is averaged "
            f"over the design prior: leave it out, or write type_one_error",
        )
    if pieces.claims is not None:
        yield (
            f"calibration.{named[0]}",
            "is for claims that are held one by one, and [claims] shares the error; leave one of "
            "them out",
        )
    elif None not in pieces.rules:
        yield from _rules([*pieces.rules_read.values()], asked, f"calibration.{named[0]}")


def _nothing_averaged(asked: Calibration, pieces: Pieces) -> Found:
    if asked.type_one_error is None and not _stops_alone(asked, pieces):
        yield (
            "calibration.type_one_error",
            f"missing; write type_one_error = 0.025, or {' or '.join(TARGETS)} with a design_prior",
            *WRITTEN,
        )
    if asked.design_prior is not None:
        yield PRIOR, f"has no effect without {' or '.join(TARGETS)}; leave it out", *WRITTEN


def _stops_alone(asked: Calibration, pieces: Pieces) -> bool:
    """Whether thresholds are sought for their false stops alone, success having its numbers."""
    rules = [rule for rule in pieces.rules_read.values() if rule.to_calibrate]
    stops = asked.false_stop and all(rule.decision.gives_up for rule in rules)
    return bool(stops) and asked.type_one_error is None


def _prior(pieces: Pieces, asked: Calibration, named: list[str]) -> Found:
    known = list(pieces.design_prior)
    if asked.design_prior is None:
        made = f'design_prior = "{(known or list(READY_MADE))[0]}"'
        yield PRIOR, f"missing; {named[0]} is averaged over one: write {made}", "design_prior"
    elif asked.design_prior not in known:
        table = ""
        if asked.design_prior in READY_MADE:
            table = f"; write [design_prior.{asked.design_prior}], an empty table"
        yield (
            PRIOR,
            unknown(asked.design_prior, "design priors", known) + table,
            "design_prior",
        )


def _rules(rules: list[Rule], asked: Calibration, path: str) -> Found:
    """Whether every rule to be calibrated has something to be held to, about one claim."""
    claiming = [rule for rule in rules if rule.decision.claims]
    asking = [rule for rule in claiming if rule.to_calibrate]
    if asked.averages is not None:
        every = [rule.name for rule in claiming]
        yield from _by_rule(asked, every, [rule.name for rule in asking])
    for rule in asking:
        if any("each" in (question.arm, question.stratum) for question in rule.asked):
            yield (
                path if asked.averages is None else path_to(BY_RULE, rule.name),
                f"is for one claim, and '{rule.name}' makes one for each arm or stratum: a trial "
                f"may be right in one and wrong in another; write a rule for each",
                "rules",
            )
    success = [rule.name for rule in asking if rule.decision.ends == SUCCESS]
    if asked.type_one_error is not None and len(success) > 1 and asked.shares is None:
        each = ", ".join(f"{name} = {1 / len(success):.3g}" for name in success)
        yield (
            "calibration.type_one_error",
            f"beside averages of several rules each threshold keeps a share of it: write "
            f"shares = {{ {each} }}, or leave type_one_error out",
            "rules",
        )


def _by_rule(asked: Calibration, claiming: list[str], asking: list[str]) -> Found:
    """Whether the table by rule names the rules that are to be calibrated, each with something."""
    assert asked.averages is not None
    for name in asked.of_all.named:
        yield (
            f"calibration.{name}",
            f"is wanted of every rule to be calibrated, and averages says it rule by rule; write "
            f"it there: averages.{(asking or ['RULE'])[0]}.{name}",
        )
    for name, wanted in asked.averages.items():
        if name not in claiming:
            said = unknown(name, "rules that declare success or claim", claiming)
            yield path_to(BY_RULE, name), said, "rules"
        if not wanted.named:
            own = [path_to(BY_RULE, name, target) for target in TARGETS]
            yield path_to(BY_RULE, name), f"asks for nothing; write {' or '.join(TARGETS)}", *own
    for name in asking:
        if name not in asked.averages:
            yield (
                path_to(BY_RULE, name),
                f"missing; '{name}' asks for \"calibrate\": write averages.{name} = "
                f"{{ false_discovery = 0.05 }}, or a number as its threshold",
                "rules",
            )
