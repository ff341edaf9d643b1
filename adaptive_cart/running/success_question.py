"""What a success hangs on, where its tipping points are asked for."""

from __future__ import annotations

from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.moved_missing import why_not_moved
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.decisions import SUCCESS
from adaptive_cart.nouns.summaries import SUMMARIES

ABOUT_ONE = "success does not hang on one question about one arm"


def success_rule(plan: Plan) -> tuple[ResolvedRule | None, str]:
    """The one rule for success about one arm; or why there is none."""
    rules = [rule for rule in plan.rules if rule.decision.ends == SUCCESS]
    if len(rules) != 1 or len(rules[0].targets) != 1:
        return None, ABOUT_ONE
    return rules[0], ""


def parts_to_shift(plan: Plan) -> tuple[ResolvedRule | None, list[Comparison], str]:
    """The rule for success, and its questions of which what is missing may be moved; or why none.

    Where several questions have to hold together, each is about an endpoint of its own.
    """
    rule, why = success_rule(plan)
    if rule is None:
        return None, [], why
    endpoints = [part.question.endpoint for part in rule.parts]
    if not rule.condition.all_are_needed or len(set(endpoints)) < len(endpoints):
        return None, [], ABOUT_ONE
    found, reasons = [], []
    for part in rule.parts:
        none = _why_not(plan, part)
        found += [part] if none is None else []
        reasons += [none] if none else []
    return (rule, found, "") if found else (None, [], "; ".join(dict.fromkeys(reasons)))


def parts_to_move(plan: Plan) -> tuple[ResolvedRule | None, list[Comparison]]:
    """The rule for success, and its questions of which priors may be moved; nothing of none.

    Where several questions have to hold together, each is about an endpoint of its own.
    """
    rule, _ = success_rule(plan)
    if rule is None or not rule.condition.all_are_needed:
        return None, []
    endpoints = [part.question.endpoint for part in rule.parts]
    if len(set(endpoints)) < len(endpoints):
        return None, []
    found = [
        part
        for part in rule.parts
        if asks_one(part)
        and not part.question.of.among_open
        and part.spending is None
        and part.prediction is None
        and plan.bayesian(part)
    ]
    return (rule, found) if found else (None, [])


def asks_one(part: Comparison) -> bool:
    """Whether it asks for one probability of one endpoint."""
    question = part.question
    return not (question.of.of_several or part.several or part.asks.hangs_on(question) > 1)


def _why_not(plan: Plan, part: Comparison) -> str | None:
    """Why what is missing is not moved in a question; blank where none of it could be."""
    question = part.question
    if not asks_one(part):
        return "success does not hang on one posterior probability of one endpoint"
    shift = SUMMARIES[plan.fitted[question.endpoint][0].reads].missing_shift
    if shift is None:
        return ""
    if question.of.among_open or question.about_open:
        return "success hangs on what is open at a look"
    if part.spending is not None:
        return "its threshold follows from the numbers analysed"
    return why_not_moved(plan, part, question, shift)
