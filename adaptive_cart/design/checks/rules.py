"""Whether each rule can be judged, and what follows fits what it asks."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from adaptive_cart.design.checks.conditions import Whom, asks_once, whom
from adaptive_cart.design.checks.pieces import Found, Pieces, has_control, several, unknown
from adaptive_cart.design.checks.questions import posterior
from adaptive_cart.design.checks.spending import spending
from adaptive_cart.design.rule_tables import leaves, together
from adaptive_cart.design.validation import path_to, shown
from adaptive_cart.errors import one_of
from adaptive_cart.models import ANALYSES, DEFAULT_MODEL

if TYPE_CHECKING:
    from adaptive_cart.design.rule_tables import (
        Comparing,
        PosteriorQuestion,
        PredictiveQuestion,
        Rule,
    )


def rules(pieces: Pieces) -> Found:
    """Whether each rule has one question and one threshold, and can be judged."""
    if not pieces.rules:
        yield "rules", "no rule; write each rule as [[rules]]"
    names: dict[str, int] = {}
    for position, rule in enumerate(pieces.rules):
        if rule is None:
            continue
        path = f"rules[{position}]"
        if rule.name in names and rule.name:
            earlier = f"rules[{names[rule.name]}]"
            yield (
                f"{path}.name",
                f"'{rule.name}' is the name of {earlier} as well",
                f"{earlier}.name",
            )
        names.setdefault(rule.name, position)
        if not rule.name.strip():
            yield f"{path}.name", "an empty name; results call the rule by it"
        yield from asks_once(rule, path)
        yield from _rule_looks(pieces, rule, path)
        yield from _consequence(pieces, rule, path)
        if together(rule) is not None:
            yield from whom(pieces, rule, path)
        for place, part in leaves(rule, path):
            yield from _number_of_thresholds(pieces, rule, part, path, place)
            yield from spending(pieces, rule, part, path, place)
            if part.posterior is not None:
                yield from posterior(pieces, part.posterior, f"{place}.posterior")
                yield from _largest_harm(pieces, rule, part.posterior, f"{place}.posterior")
            if part.predictive is not None:
                yield from _predictive(pieces, rule, part.predictive, f"{place}.predictive")


def _rule_looks(pieces: Pieces, rule: Rule, path: str) -> Found:
    if rule.looks is not None and not rule.looks:
        yield f"{path}.looks", "an empty list; leave it out for all looks", f"{path}.looks"
    number = pieces.number_of_looks
    if number is None:
        return
    if rule.looks:
        order = [number if look == "final" else int(look) for look in rule.looks]
        wrong = [look for look in order if look > number]
        if wrong:
            found = one_of(map(str, wrong))
            yield f"{path}.looks", f"found {found}; the design has {several(number, 'look')}"
        if any(later <= earlier for earlier, later in pairwise(order)):
            yield f"{path}.looks", f"found {shown(rule.looks)}; the looks must be increasing"


def _number_of_thresholds(
    pieces: Pieces, rule: Rule, part: Comparing, path: str, place: str
) -> Found:
    """Whether there is one threshold, or one a look."""
    number = pieces.number_of_looks
    if number is None:
        return
    judged = number
    if rule.looks:
        judged = len({number if look == "final" else int(look) for look in rule.looks})
    threshold = part.threshold
    key = "at_least" if part.at_least is not None else "below"
    if isinstance(threshold, list) and len(threshold) != judged:
        yield (
            f"{place}.{key}",
            f"found {several(len(threshold), 'value')}; the rule is judged at "
            f"{several(judged, 'look')}, one value for each (or a single number)",
            f"{place}.{key}",
            f"{path}.looks",
        )


def _largest_harm(pieces: Pieces, rule: Rule, question: PosteriorQuestion, path: str) -> Found:
    """Whether a rule claims that an arm does the most harm."""
    endpoint = pieces.endpoints.get(question.endpoint)
    if rule.decision.claims and question.kind.among_open and endpoint is not None and endpoint.harm:
        yield (
            f"{path}.{question.kind.asked_by}",
            f"asks which arm has the largest {endpoint.gives.parameter}, and '{question.endpoint}' "
            f'of type "{endpoint.type}" is a harm; write `minus` and `below = 0.0` to ask for less '
            f"than another arm has",
            f"{path}.endpoint",
        )


def _consequence(pieces: Pieces, rule: Rule, path: str) -> Found:
    """Whether what is asked fits what follows: nobody drops the control."""
    asked = rule.asked
    if not asked:
        return
    control = pieces.arm_names[0] if has_control(pieces) else None
    strata = ["strata"] if rule.decision.closes_strata else []
    target = asked[0] if together(rule) is None else Whom.of(rule, control)
    for where, message, *grounds in rule.decision.refuses(target, control, pieces.stratum_names):
        place = where if together(rule) is None else "then"
        yield f"{path}.{place}", message, *strata, *(f"{path}.{ground}" for ground in grounds)


def _predictive(pieces: Pieces, rule: Rule, predictive: PredictiveQuestion, path: str) -> Found:
    asked = predictive.rule
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
    if target.posterior is None:
        yield (
            f"{path}.rule",
            f"'{target.name}' asks {'several questions' if together(target) else 'no posterior '}"
            f"{'; only one' if together(target) else 'question; only such'} can be predicted",
            f"{place}.posterior",
            f"{place}.predictive",
        )
        return
    kind, analysis = target.posterior.kind, pieces.analysis.get(target.posterior.endpoint)
    model = ANALYSES[DEFAULT_MODEL if analysis is None else analysis.model]
    drawn = model.can_be_asked(kind) and kind.name not in model.answers
    if kind.among_open or drawn:
        yield (
            f"{path}.rule",
            f"'{target.name}' asks for {kind.asked_for}; predictive probabilities are there for "
            f"levels and differences",
            f"{place}.posterior",
        )
    last = pieces.number_of_looks
    if last is not None and target.looks and not {last, "final"} & set(target.looks):
        yield (
            f"{path}.rule",
            f"'{target.name}' is not judged at the last look, so nothing is to be predicted",
            f"{place}.looks",
        )
    if analysis is not None and not analysis.predicts:
        yield (
            f"{path}.rule",
            f"'{target.name}' is analysed by '{analysis.model}'; predictive probabilities are "
            f"there for beta_binomial",
            path_to("analysis", target.posterior.endpoint, "model"),
        )
