"""Whether a rule can spend a type I error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.checks.pieces import Found, Pieces
from adaptive_cart.design.rule_tables import AlphaSpending, side_of, together
from adaptive_cart.design.validation import path_to
from adaptive_cart.models import DEFAULT_MODEL

if TYPE_CHECKING:
    from adaptive_cart.design.rule_tables import Comparing, Rule


def spending(pieces: Pieces, rule: Rule, part: Comparing, path: str, place: str) -> Found:
    """Whether a rule can spend a type I error: the p-value of a test, to declare success."""
    if not isinstance(part.threshold, AlphaSpending):
        return
    key = side_of(part)
    told = f"{place}.{key}"
    if together(rule) is not None:
        yield told, "found `alpha`, which is spent by a rule of one question; write a number"
        return
    if rule.decision.ends != SUCCESS or key == "below":
        yield (
            told,
            "found `alpha`; it is for the `at_least` of a rule that declares success; write a "
            "number",
            f"{path}.then",
        )
    if rule.every is not None:
        yield f"{path}.every", "alpha is spent at looks; leave `every` out, or write a number"
    if rule.posterior is None:
        what = "a predictive rule" if rule.jointly is None else "several questions at once"
        yield told, f"found `alpha` for {what}; write a number", f"{path}.predictive"
        return
    if rule.posterior.kind.of_several:
        yield (
            told,
            f"found `alpha` for {rule.posterior.kind.asked_for}, which is asked of posteriors; it "
            f"is spent by the p-value of a test: write a number",
        )
        return
    endpoint = rule.posterior.about
    analysis = pieces.analysis.get(endpoint)
    if endpoint in pieces.endpoints and (analysis is None or analysis.bayesian):
        model = DEFAULT_MODEL if analysis is None else analysis.model
        yield (
            told,
            f"found `alpha`; it is spent by the p-value of a test, and '{model}' of '{endpoint}' "
            f"gives a posterior probability; write a number, or a test as the model",
            path_to("analysis", endpoint, "model"),
        )
    apart = "" if pieces.looks is None else pieces.looks.apart
    if apart:
        yield (
            told,
            f"found `alpha`; it is spent by looks that see just the number stated, and not with "
            f"`{apart}` in the looks; write a number, or leave `{apart}` out",
            "looks",
        )
    spent_by = "" if analysis is None else analysis.information
    by_events = spent_by == "events"
    if by_events and pieces.looks is not None and pieces.looks.events is None:
        yield (
            told,
            "found `alpha`; of times to an event it is spent by looks at `events`, since the last "
            "one's number is the whole of the information",
            "looks",
        )
    if by_events and pieces.primary is not None and endpoint != pieces.primary:
        yield (
            told,
            f"found `alpha` for '{endpoint}'; it is spent by the events that looks count, those of "
            f"the primary '{pieces.primary}'; write a number, or make '{endpoint}' the primary",
            path_to("endpoints", endpoint, "primary"),
        )
    if spent_by == "participants" and pieces.looks is not None and pieces.looks.events is not None:
        yield (
            told,
            f"found `alpha` for '{endpoint}', of which the test counts participants, and looks at "
            f"`events`; write a number, or looks at `observed`, `enrolled` or `months`",
            "looks.events",
        )
