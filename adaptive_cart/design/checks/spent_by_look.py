"""Whether a type I error can be spent by look: so many amounts as looks, rising to the whole."""

from __future__ import annotations

from itertools import pairwise

from adaptive_cart.design.checks.pieces import Found, Pieces
from adaptive_cart.design.validation import shown

PATH = "calibration.spend"


def spent_by_look(pieces: Pieces) -> Found:
    """Whether what may be spent up to each look fits the error, and the rule for success."""
    asked = pieces.calibration
    if asked is None or asked.spend is None:
        return
    whole = asked.type_one_error
    if whole is None:
        yield PATH, "is spent of a type_one_error, and none is asked for; write it"
    elif abs(asked.spend[-1] - whole) > 1e-12 if asked.spend else True:
        yield (
            PATH,
            f"found {shown(asked.spend)}; the last is what is spent in all, and "
            f"calibration.type_one_error is {whole:g}",
            "calibration.type_one_error",
        )
    if any(later < earlier for earlier, later in pairwise(asked.spend)):
        yield PATH, f"found {shown(asked.spend)}; what is spent up to a look never falls"
    if asked.shape is not None:
        yield PATH, "sets a threshold for each look, and so does shape; leave one of them out"
    if asked.averaged:
        yield PATH, "is for a type_one_error alone; leave it out where averages are wanted"
    yield from _one_rule(pieces, len(asked.spend))


def _one_rule(pieces: Pieces, amounts: int) -> Found:
    """Whether one rule declares success, at as many looks as there are amounts."""
    if None in pieces.rules or pieces.looks is None:
        return
    success = pieces.success_rules
    if pieces.claims is not None or len(success) != 1:
        yield PATH, "is for one rule that declares success, without shares in [claims]", "rules"
        return
    judged = success[0].looks
    looks = pieces.looks.number if judged is None else len(judged)
    if looks != amounts:
        yield (
            PATH,
            f"has {amounts} amount{'s' * (amounts != 1)}; '{success[0].name}' is judged at {looks} "
            f"look{'s' * (looks != 1)}: one each",
            "looks",
        )
