"""Whether a threshold can be found for an average over a design prior."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.checks.pieces import Found, Pieces, unknown
from adaptive_cart.design.design_prior import READY_MADE
from adaptive_cart.errors import one_of

if TYPE_CHECKING:
    from adaptive_cart.design.error_tables import Calibration

TARGETS = ("false_discovery", "correct_decision", "expected_loss")
PRIOR = "calibration.design_prior"


def averaged_targets(pieces: Pieces) -> Found:
    """Whether there is something to hold, a design prior to average over, and one rule to set."""
    asked = pieces.calibration
    if asked is None:
        return
    named = [name for name in TARGETS if getattr(asked, name) is not None]
    if not named:
        yield from _nothing_averaged(asked)
        return
    yield from _prior(pieces, asked, named)
    if asked.null_region is not None and asked.type_one_error is None:
        yield (
            "calibration.null_region",
            f"is where a type_one_error is held, and none is asked for; {named[0]} is averaged "
            f"over the design prior: leave it out, or write type_one_error",
        )
    yield from _one_rule(pieces, named[0])


def _nothing_averaged(asked: Calibration) -> Found:
    if asked.type_one_error is None:
        yield (
            "calibration.type_one_error",
            f"missing; write type_one_error = 0.025, or {' or '.join(TARGETS)} with a design_prior",
        )
    if asked.design_prior is not None:
        yield PRIOR, f"has no effect without {' or '.join(TARGETS)}; leave it out"


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


def _one_rule(pieces: Pieces, target: str) -> Found:
    """Whether one rule declares success, about one question of one target."""
    path = f"calibration.{target}"
    if None in pieces.rules:
        return
    rules = [rule for rule in pieces.rules if rule is not None]
    success = [rule for rule in rules if rule.decision.ends == SUCCESS]
    if pieces.claims is not None:
        yield path, "is for a success alone, and [claims] shares the error; leave one of them out"
    elif len(success) > 1:
        names = one_of([rule.name for rule in success])
        yield path, f"is for one rule that declares success; there are {names}", "rules"
    for rule in success:
        if any("each" in (question.arm, question.stratum) for question in rule.asked):
            yield (
                path,
                f"is for one claim, and '{rule.name}' makes one for each arm or stratum: a trial "
                f"may be right in one and wrong in another",
                "rules",
            )
