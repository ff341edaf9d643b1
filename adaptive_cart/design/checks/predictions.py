"""Whether what a rule predicts can be predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adaptive_cart.design.checks.pieces import Found, Pieces, unknown
from adaptive_cart.design.rule_tables import together
from adaptive_cart.design.validation import path_to
from adaptive_cart.errors import one_of
from adaptive_cart.models import ANALYSES, DEFAULT_MODEL

if TYPE_CHECKING:
    from adaptive_cart.design.rule_tables import PosteriorQuestion, PredictiveQuestion, Rule


NONE = "no posterior question; only such"


def predictive(pieces: Pieces, rule: Rule, question: PredictiveQuestion, path: str) -> Found:
    """Whether the rule that is predicted exists, is judged at the last look, and has a model."""
    asked = question.rule
    position = next(
        (p for p, r in enumerate(pieces.rules) if r is not None and r.name == asked), None
    )
    if position is None:
        if asked not in pieces.rule_names and None not in pieces.rule_names:
            names = [name for name in pieces.rule_names if name is not None and name != rule.name]
            yield f"{path}.rule", unknown(asked, "rules", names)
        return
    target, place = pieces.rules[position], f"rules[{position}]"
    assert target is not None
    if target.decision.at_the_end:
        yield (
            f"{path}.rule",
            f"'{target.name}' is judged when the trial has ended, and so cannot be predicted",
            f"{place}.then",
        )
        return
    if target.posterior is None:
        more = together(target) is not None or target.jointly is not None
        yield (
            f"{path}.rule",
            f"'{target.name}' asks {'several questions; only one' if more else NONE} can be "
            f"predicted",
            f"{place}.posterior",
            f"{place}.predictive",
        )
        return
    last = pieces.number_of_looks
    if last is not None and target.looks and not {last, "final"} & set(target.looks):
        yield (
            f"{path}.rule",
            f"'{target.name}' is not judged at the last look, so nothing is to be predicted",
            f"{place}.looks",
        )
    yield from _to_come(pieces, target.name, target.posterior, f"{path}.rule")


def _to_come(pieces: Pieces, name: str, question: PosteriorQuestion, path: str) -> Found:
    """Whether a model can say what is still to come of an endpoint, and until when."""
    analysis = pieces.analysis.get(question.endpoint)
    endpoint = pieces.endpoints.get(question.endpoint)
    if analysis is None and (endpoint is None or not endpoint.binary):
        return  # told elsewhere
    model = DEFAULT_MODEL if analysis is None else analysis.model
    if not ANALYSES[model].predicts():
        why = (
            "cannot say what is still to come"
            if ANALYSES[model].bayesian
            else "is a test, and has no posterior from which what is to come could be drawn"
        )
        yield (
            path,
            f"'{name}' is analysed by '{model}', which {why}; predictive probabilities are there "
            f"for {one_of([key for key, each in ANALYSES.items() if each.predicts()])}",
            path_to("analysis", question.endpoint, "model"),
        )
    looks = pieces.looks
    waits = looks is not None and looks.events is not None and looks.final is None
    other = question.endpoint != pieces.primary
    if waits and other and endpoint is not None and not endpoint.binary:
        yield (
            path,
            f"'{name}' asks about '{question.endpoint}', and the last look waits for events of "
            f"'{pieces.primary}': when that will be is not predicted with it; predict a rule "
            f"about '{pieces.primary}', or let looks be by months, enrolled or observed",
            "looks.events",
        )
