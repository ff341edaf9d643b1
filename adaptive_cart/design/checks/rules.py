"""Whether each rule can be judged, and what follows fits what it asks."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from adaptive_cart.design.checks.conditions import Whom, asks_once, jointly, whom
from adaptive_cart.design.checks.pieces import Found, Pieces, has_control, several
from adaptive_cart.design.checks.predictions import predictive
from adaptive_cart.design.checks.questions import posterior
from adaptive_cart.design.checks.spending import spending
from adaptive_cart.design.rule_tables import leaves, side_of, together
from adaptive_cart.design.validation import shown
from adaptive_cart.errors import one_of

if TYPE_CHECKING:
    from adaptive_cart.design.rule_tables import (
        Comparing,
        PosteriorQuestion,
        Rule,
    )


def rules(pieces: Pieces) -> Found:
    """Whether each rule has one question and one threshold, and can be judged."""
    if not pieces.rules:
        yield "rules", "no rule; write each rule as [[rules]]"
    names: dict[str, str] = {}
    for path, rule in pieces.rules_read.items():
        if rule.name in names and rule.name:
            earlier = names[rule.name]
            yield (
                f"{path}.name",
                f"'{rule.name}' is the name of {earlier} as well",
                f"{earlier}.name",
            )
        names.setdefault(rule.name, path)
        if not rule.name.strip():
            yield f"{path}.name", "an empty name; results call the rule by it"
        yield from asks_once(rule, path)
        yield from _rule_looks(pieces, rule, path)
        yield from _silence(pieces, rule, path)
        yield from _consequence(pieces, rule, path)
        if together(rule) is not None or rule.jointly is not None:
            yield from whom(pieces, rule, path)
        for place, part in leaves(rule, path):
            yield from _number_of_thresholds(pieces, rule, part, path, place)
            yield from spending(pieces, rule, part, path, place)
            if part.posterior is not None:
                yield from posterior(pieces, part.posterior, f"{place}.posterior")
                yield from _claimable(rule, part.posterior, path, f"{place}.posterior")
            for number, one in enumerate(part.jointly or ()):
                yield from posterior(pieces, one, f"{place}.jointly[{number}]")
            if part.jointly is not None:
                yield from jointly(pieces, part, place)
            if part.predictive is not None:
                yield from predictive(pieces, rule, part.predictive, f"{place}.predictive")


def _claimable(rule: Rule, asked: PosteriorQuestion, path: str, place: str) -> Found:
    """Whether what a success claims is so or is not so."""
    kind = asked.kind
    if rule.decision.claims and not kind.claimable:
        yield (
            f"{place}.{kind.asked_by}",
            f"asks for {kind.asked_for}, of which no truth says whether it is so, and the rule "
            f"{rule.decision.does}; write `best` or `among_best`, or `minus` with an arm, or let a "
            f"rule that drops or chooses an arm ask it",
            f"{path}.then",
        )


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


def _silence(pieces: Pieces, rule: Rule, path: str) -> Found:
    """Whether a rule that is silent before a number is ever asked, of whom that can be said."""
    if rule.from_ is None:
        return
    where = f"{path}.from"
    if rule.decision.at_the_end:
        yield (
            where,
            f"found {rule.from_}; a rule that is judged once, when the trial has ended, waits for "
            f"nobody; leave it out",
            f"{path}.then",
        )
    if any(part.predictive is not None for part in rule.comparisons):
        yield (
            where,
            f"found {rule.from_}; what is predicted is about the last look and not about those "
            f"analysed now; leave it out, or give the rule `looks`",
            f"{path}.predictive",
        )
    if pieces.enrolment is not None and rule.from_ > pieces.enrolment.max_n:
        yield (
            where,
            f"found {rule.from_}, beyond max_n = {pieces.enrolment.max_n}: the rule would never "
            f"be asked",
            "enrolment.max_n",
        )


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
    key = side_of(part)
    if isinstance(threshold, list) and len(threshold) != judged:
        yield (
            f"{place}.{key}",
            f"found {several(len(threshold), 'value')}; the rule is judged at "
            f"{several(judged, 'look')}, one value for each (or a single number)",
            f"{place}.{key}",
            f"{path}.looks",
        )


def _consequence(pieces: Pieces, rule: Rule, path: str) -> Found:
    """Whether what is asked fits what follows: nobody drops the control."""
    asked = rule.asked
    if not asked:
        return
    control = pieces.control if has_control(pieces) else None
    strata = ["strata"] if rule.decision.closes_strata else []
    single = rule.posterior is not None
    target = asked[0] if single else Whom.of(rule, control)
    for where, message, *grounds in rule.decision.refuses(target, control, pieces.stratum_names):
        place = where if single else "then"
        yield f"{path}.{place}", message, *strata, *(f"{path}.{ground}" for ground in grounds)
