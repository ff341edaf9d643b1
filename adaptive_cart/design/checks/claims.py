"""Whether further claims can be judged: what they require, once, at the end of the trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from adaptive_cart.design.checks.conditions import Whom
from adaptive_cart.design.checks.pieces import Found, Pieces, unknown
from adaptive_cart.design.rule_tables import leaves, questions

if TYPE_CHECKING:
    from adaptive_cart.design.rule_tables import Rule


def claims(pieces: Pieces) -> Found:
    """Whether what claims require is there, and can have held before they are judged."""
    by_name = {rule.name: rule for rule in pieces.rules_read.values()}
    for path, rule in pieces.rules_read.items():
        if rule.decision.at_the_end:
            yield from _once(rule, path)
            yield from _about_open(rule, path)
            yield from _required(pieces, rule, path, by_name)
            continue
        for key in ("requires", "followed_up"):
            if getattr(rule, key) is not None:
                yield (
                    f"{path}.{key}",
                    f"found in a rule that {rule.decision.does}; only a further claim "
                    f'(then = "claim") is judged after others: leave it out',
                    f"{path}.then",
                )


def _once(rule: Rule, path: str) -> Found:
    for key in ("looks", "every"):
        if getattr(rule, key) is not None:
            yield (
                f"{path}.{key}",
                "a claim is judged once, at the look that ends the trial, whichever that is; "
                "leave it out",
            )
    for place, part in leaves(rule, path):
        if part.predictive is not None:
            yield (
                f"{place}.predictive",
                "a claim is judged when the trial has ended, when nothing is to be predicted; "
                "write `posterior`",
            )


def _about_open(rule: Rule, path: str) -> Found:
    """Whether a claim asks about what is open, when what has succeeded enrols no more."""
    when = "a claim is judged when the trial has ended, and what has succeeded is not open then"
    for place, asked in questions(rule, path):
        if asked.stratum == "open":
            yield (
                f"{place}.stratum",
                f'{when}; write a stratum, stratum = "each", or leave it out for all strata',
            )
        if asked.kind.among_open:
            yield (
                f"{place}.{asked.kind.keys[0].name}",
                f"{when}, and arms are compared among those open; write `minus` with the arm that "
                f"it is to be better than, or let a rule that is judged at the looks ask it",
            )


def _required(pieces: Pieces, rule: Rule, path: str, by_name: Mapping[str, Rule]) -> Found:
    own = Whom.of(rule, pieces.control)
    for place, name in enumerate(rule.requires or ()):
        where = f"{path}.requires[{place}]"
        required = by_name.get(name)
        if required is None:
            if name not in pieces.rule_names and None not in pieces.rule_names:
                others = [other for other in pieces.rule_names if other not in (None, rule.name)]
                yield where, unknown(name, "rules", [str(other) for other in others])
            continue
        circle = _circle(rule, name, by_name)
        if circle:
            yield where, f"the claims require each other in a circle: {' → '.join(circle)}"
            continue
        theirs = Whom.of(required, pieces.control)
        for key in ("arm", "stratum"):
            mine, other = getattr(own, key), getattr(theirs, key)
            shared = ("each", "open", None, pieces.control)
            if mine not in shared and other not in shared and mine != other:
                yield (
                    where,
                    f"'{name}' is about {key} '{other}', and this claim about '{mine}', so that it "
                    f"could never be made",
                )


def _circle(rule: Rule, name: str, by_name: Mapping[str, Rule]) -> list[str]:
    """Names from a claim over one that it requires back to it; none where there is no way back."""
    ways, seen = [[rule.name, name]], {name}
    while ways:
        way = ways.pop()
        if way[-1] == rule.name:
            return way
        after = by_name.get(way[-1])
        for following in (after.requires or ()) if after is not None else ():
            if following == rule.name:
                return [*way, following]
            if following not in seen:
                seen.add(following)
                ways.append([*way, following])
    return []
