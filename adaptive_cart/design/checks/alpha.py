"""Whether claims can share the family-wise error, and have a threshold for all they may hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.alpha_graph import MOST, AlphaGraph, same_amount
from adaptive_cart.design.checks.pieces import Found, Pieces, several, unknown
from adaptive_cart.design.rule_tables import ByAlpha, leaves, side_of
from adaptive_cart.design.validation import path_to, shown
from adaptive_cart.errors import one_of

if TYPE_CHECKING:
    from adaptive_cart.design.rule_tables import Rule

ALPHA, PASSES = "claims.alpha", "claims.passes_to"


def shared(pieces: Pieces) -> Found:
    """Whether the shares and what is passed on are about claims, and add up."""
    table = pieces.claims
    if table is None:
        return
    claiming = _claiming(pieces)
    for name in table.alpha:
        yield from _claims(pieces, path_to(ALPHA, name), name)
    for giver, weights in table.passes_to.items():
        own = path_to(PASSES, giver)
        yield from _claims(pieces, own, giver)
        for taker in weights:
            yield from _takes(pieces, path_to(own, taker), giver, taker)
        total = sum(weights.values())
        if total > 1.0 and not same_amount(total, 1.0):
            yield own, f"the parts sum to {total:g}; at most the whole, 1, can be passed on"
    yield from _sum(pieces, table.alpha)
    if pieces.rules and not any(rule.decision.at_the_end for _, rule in claiming):
        yield "claims", 'nothing to share the error with: no rule has then = "claim"; leave it out'
    if len(claiming) > MOST:
        yield "claims", f"found {len(claiming)} rules that claim; at most {MOST} share an error"
    for place, rule in claiming:
        yield from _single(rule, place)
    graph = _graph(pieces)
    if graph is None:
        return
    for place, rule in claiming:
        claim = graph.names.index(rule.name)
        if rule.decision.ends == SUCCESS and not graph.alpha[claim]:
            yield (
                path_to(ALPHA, rule.name),
                f"missing; '{rule.name}' declares success before any claim has passed on "
                f"anything, so that it needs a share of its own",
                place,
            )
        elif rule.decision.at_the_end and not graph.amounts(claim):
            yield (
                path_to(ALPHA, rule.name),
                f"missing; '{rule.name}' has no share of its own, and none is passed on to it by "
                f"what can have held before, so that it could never be claimed",
                place,
            )


def _claiming(pieces: Pieces) -> list[tuple[str, Rule]]:
    """Rules that declare success or claim, with their paths."""
    return [(path, rule) for path, rule in pieces.rules_read.items() if rule.decision.claims]


def _claims(pieces: Pieces, path: str, name: str) -> Found:
    """Whether a name is that of a rule that claims."""
    names = [rule.name for _, rule in _claiming(pieces)]
    if name in names or None in pieces.rule_names:
        return
    if name in pieces.rule_names:
        rule = next(rule for rule in pieces.rules_read.values() if rule.name == name)
        yield (
            path,
            f"'{name}' {rule.decision.does}, and claims nothing; the rules that declare success "
            f"or claim are {one_of(names)}",
            "rules",
        )
    else:
        yield path, unknown(name, "rules that declare success or claim", names), "rules"


def _takes(pieces: Pieces, path: str, giver: str, taker: str) -> Found:
    """Whether alpha can be passed on to a rule."""
    rule = next((rule for _, rule in _claiming(pieces) if rule.name == taker), None)
    if rule is None:
        yield from _claims(pieces, path, taker)
    elif giver == taker:
        yield path, "a claim that has held needs nothing more; name another one"
    elif rule.decision.ends == SUCCESS:
        yield (
            path,
            f"'{taker}' declares success at the looks, before any claim is judged, and other "
            f'successes pass on to claims only; name a rule with then = "claim"',
            "rules",
        )


def _sum(pieces: Pieces, alpha: Mapping[str, float]) -> Found:
    """Whether the shares make up the family-wise error."""
    total = sum(alpha.values())
    wanted = None if pieces.calibration is None else pieces.calibration.type_one_error
    if total <= 0.0:
        yield ALPHA, "the shares sum to 0; write what each claim holds, { efficacy = 0.025 }"
    elif total >= 1.0:
        yield ALPHA, f"the shares sum to {total:g}; a family-wise error is below 1"
    elif wanted is not None and not same_amount(total, wanted):
        yield (
            ALPHA,
            f"the shares sum to {total:g}, and calibration.type_one_error is {wanted:g}; they are "
            f"shares of it, and sum to it",
            "calibration",
        )


def _single(rule: Rule, path: str) -> Found:
    """Whether a rule claims one thing, of one arm and stratum."""
    asked = [(key, getattr(one, key)) for one in rule.asked for key in ("arm", "stratum")]
    for key in dict.fromkeys(key for key, value in asked if value == "each"):
        yield (
            path,
            f'asks of "each" {key}; where claims share the error each is a claim of its own: write '
            f"a rule for each {key} by name",
        )


def _graph(pieces: Pieces) -> AlphaGraph | None:
    """The graph; nothing where the tables do not make one."""
    table, claiming = pieces.claims, _claiming(pieces)
    names = [rule.name for _, rule in claiming]
    if table is None or len(set(names)) != len(names) or len(names) > MOST:
        return None
    if None in pieces.rules or pieces.faults.touch("claims"):
        return None
    if any(sum(weights.values()) > 1.0 + 1e-9 for weights in table.passes_to.values()):
        return None
    if any(giver in weights for giver, weights in table.passes_to.items()):
        return None
    requires = {rule.name: rule.requires or () for _, rule in claiming}
    return AlphaGraph.of(names, table.alpha, table.passes_to, requires)


def thresholds(pieces: Pieces) -> Found:
    """Whether each claim has a threshold for every amount of alpha that it can come to hold."""
    graph = _graph(pieces)
    for place, rule in pieces.rules_read.items():
        for inner, part in leaves(rule, place):
            if isinstance(part.threshold, ByAlpha):
                path = f"{inner}.{side_of(part)}"
                yield from _by_alpha(pieces, rule, path, inner == place)
                yield from _rising(part.threshold, path)
        if graph is not None and rule.name in graph.names and rule.decision.at_the_end:
            amounts = graph.amounts(graph.names.index(rule.name))
            yield from _for_each(rule, place, amounts)


def _by_alpha(pieces: Pieces, rule: Rule, path: str, alone: bool) -> Found:
    """Whether thresholds by amounts of alpha stand where a claim shares the error."""
    found = "found a threshold for each amount of alpha"
    if pieces.claims is None and not pieces.faults.touch("claims"):
        yield path, f"{found}, and no [claims] says what is shared; write [claims] alpha = {{ … }}"
    elif not rule.decision.at_the_end:
        yield path, f"{found}; only a further claim comes to hold more: write a number", "rules"
    elif not alone or path.endswith(".below"):
        yield path, f"{found}; it is for the `at_least` of a claim that asks one question"


def _rising(table: ByAlpha, path: str) -> Found:
    """Whether there is a threshold for each amount, lower where the amount is larger."""
    alpha, values = table.alpha, table.threshold
    if len(alpha) != len(values) or not alpha:
        yield (
            path,
            f"found {several(len(alpha), 'amount')} and {several(len(values), 'threshold')}; a "
            f"threshold for each amount is expected",
        )
    elif sorted(set(alpha)) != alpha:
        yield f"{path}.alpha", f"found {shown(alpha)}; rising amounts are expected"
    elif sorted(values, reverse=True) != values:
        yield (
            f"{path}.threshold",
            f"found {shown(values)}; who holds more alpha has no higher threshold",
        )


def _for_each(rule: Rule, path: str, amounts: Sequence[float]) -> Found:
    """Whether a claim has a threshold for what it can come to hold, and for nothing else."""
    key = side_of(rule)
    written, told = rule.threshold, ", ".join(f"{amount:.10g}" for amount in amounts)
    if written == "calibrate" or not amounts:
        return
    if isinstance(written, ByAlpha):
        if len(written.alpha) != len(written.threshold):
            return
        missing = [a for a in amounts if not any(same_amount(a, b) for b in written.alpha)]
        beside = [b for b in written.alpha if not any(same_amount(a, b) for a in amounts)]
        if missing or beside:
            what = f"no threshold for {', '.join(f'{a:.10g}' for a in missing)}" if missing else ""
            more = f"{', '.join(f'{b:g}' for b in beside)} is never held" if beside else ""
            yield (
                f"{path}.{key}.alpha",
                f"{'; '.join(part for part in (what, more) if part)}; '{rule.name}' can come to "
                f"hold {told}",
                "claims",
            )
    elif len(amounts) > 1:
        numbers = ", ".join("…" for _ in amounts)
        yield (
            f"{path}.{key}" if written is not None else path,
            f"one threshold for several amounts of alpha; '{rule.name}' can come to hold {told}: "
            f"write at_least = {{ alpha = [{told}], threshold = [{numbers}] }}",
            "claims",
        )
