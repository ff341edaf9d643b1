"""Whether what a rule predicts can be predicted."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from adaptive_cart.design.checks.pieces import Found, Pieces, unknown
from adaptive_cart.design.validation import path_to
from adaptive_cart.endpoints import KINDS as ENDPOINTS
from adaptive_cart.errors import one_of
from adaptive_cart.models import ANALYSES, DEFAULT_MODEL
from adaptive_cart.nouns.early_law import MOST

if TYPE_CHECKING:
    from adaptive_cart.design.design import EarlyMonths
    from adaptive_cart.design.rule_tables import PredictiveQuestion, Rule


WORTH = (0.000001, 5_000_000)  # beforehand, of a state of a row
NOT_DATED = ("stratum", "whichever", "minimum_in_each_arm")  # of looks: when is not predicted
NONE = "no posterior question; only such"


def predictive(pieces: Pieces, rule: Rule, question: PredictiveQuestion, path: str) -> Found:
    """Whether the rule that is predicted exists, is judged at the last look, and has a model."""
    asked = question.rule
    place = next((path for path, r in pieces.rules_read.items() if r.name == asked), None)
    if place is None:
        if asked not in pieces.rule_names and None not in pieces.rule_names:
            names = [name for name in pieces.rule_names if name is not None and name != rule.name]
            yield f"{path}.rule", unknown(asked, "rules", names)
        return
    target = pieces.rules_read[place]
    if target.decision.at_the_end:
        yield (
            f"{path}.rule",
            f"'{target.name}' is judged when the trial has ended, and so cannot be predicted",
            f"{place}.then",
        )
        return
    if not target.asked or any(part.predictive is not None for part in target.comparisons):
        yield (
            f"{path}.rule",
            f"'{target.name}' asks {NONE} can be predicted",
            f"{place}.posterior",
            f"{place}.predictive",
        )
        return
    if target.from_ is not None:
        yield (
            f"{path}.rule",
            f"'{target.name}' is silent before {target.from_} are analysed (`from`), which is not "
            f"predicted; leave `from` out of it",
            f"{place}.from",
        )
    for each in target.asked if rule.decision.claims else ():
        if not each.kind.claimable:
            yield (
                f"{path}.rule",
                f"'{target.name}' asks for {each.kind.asked_for}, which a rule that "
                f"{rule.decision.does} cannot claim by predicting it",
                f"{place}.posterior",
            )
    last = pieces.number_of_looks
    if last is not None and target.looks and not {last, "final"} & set(target.looks):
        yield (
            f"{path}.rule",
            f"'{target.name}' is not judged at the last look, so nothing is to be predicted",
            f"{place}.looks",
        )
    for each in target.asked:
        for about in pieces.endpoints_of(each.about):
            yield from _to_come(pieces, target.name, about, f"{path}.rule")
    yield from _last_look(pieces, target, f"{path}.rule")
    yield from _never_over(pieces, target, f"{path}.rule")


def _to_come(pieces: Pieces, name: str, about: str, path: str) -> Found:
    """Whether a model can say what is still to come of an endpoint, and until when."""
    analysis = pieces.analysis.get(about)
    endpoint = pieces.endpoints.get(about)
    if analysis is None and (endpoint is None or not endpoint.binary):
        return  # told elsewhere
    model = DEFAULT_MODEL if analysis is None else analysis.model
    if not ANALYSES[model].bayesian:
        if analysis is not None and analysis.ahead is None:
            where = path_to("analysis", about)
            yield (
                path,
                f"'{name}' is analysed by '{model}', a test, which has no posterior from which "
                f"what is to come could be drawn; name one beside it: "
                f"{where}.to_come = {analysis.to_come_example()}",
                f"{where}.to_come",
            )
    elif not ANALYSES[model].predicts():
        yield (
            path,
            f"'{name}' is analysed by '{model}', which cannot say what is still to come; "
            f"predictive probabilities are there for "
            f"{one_of([key for key, each in ANALYSES.items() if each.predicts()])}",
            path_to("analysis", about, "model"),
        )


def _dated_by(pieces: Pieces, target: Rule) -> str | None:
    """The endpoint whose events date the last look, and so how much is seen of what is predicted.

    Nothing where it is asked about itself, or no date matters.
    """
    looks = pieces.looks
    if looks is None or looks.events is None or looks.final is not None:
        return None
    counted = looks.endpoint or pieces.primary
    asked = {name for each in target.asked for name in pieces.endpoints_of(each.about)}
    kinds = [pieces.endpoints.get(name) for name in asked - {counted}]
    by_date = any(kind is not None and kind.seen_by_date for kind in kinds)
    return counted if by_date and counted not in asked else None


def _never_over(pieces: Pieces, target: Rule, path: str) -> Found:
    """Whether a completed trial could wait for ever for the events of its last look."""
    looks = pieces.looks
    if looks is None or looks.events is None or looks.final is not None:
        return
    name = looks.endpoint or pieces.primary or ""
    endpoint, analysis = pieces.endpoints.get(name), pieces.analysis.get(name)
    if endpoint is None or analysis is None or name not in _drawn(pieces, target):
        return
    ahead = analysis.ahead
    if ahead is not None and ahead.cures and endpoint.censors_after() is None:
        yield (
            path,
            f"'{target.name}' is predicted up to the last look, which waits for events of "
            f"'{name}'; by '{ahead.model}' some may never have one, and without a `horizon` that "
            f"look may never come; write one, or let looks be by months, enrolled or observed",
            path_to("endpoints", name, "horizon"),
            path_to("analysis", name, "model"),
        )


def _last_look(pieces: Pieces, target: Rule, path: str) -> Found:
    """Whether it is known when the last look will be, where the trial is completed up to it."""
    looks = pieces.looks
    dating = _dated_by(pieces, target)
    kind = pieces.endpoints.get(dating or "")
    if dating is not None and kind is not None and kind.looks_by_events:
        if dating not in pieces.analysis:
            yield (
                path,
                f"'{target.name}' is predicted up to the last look, which waits for events of "
                f"'{dating}', and that has no analysis from which they could be drawn; write "
                f"[analysis.{dating}], or let looks be by months, enrolled or observed",
                path_to("analysis", dating),
                "looks.events",
            )
        else:
            yield from _to_come(pieces, target.name, dating, path)
    apart = next((key for key in NOT_DATED if getattr(looks, key, None) is not None), "")
    if not apart or summed(pieces, target):
        return  # over final tables, whenever that will be
    summing = one_of([key for key, each in ANALYSES.items() if each.enumerates])
    yield (
        path,
        f"'{target.name}' is predicted by completing the trial, and when its last look will be is "
        f"not predicted with `{apart}` in the looks; predict one question about a level analysed "
        f"by {summing}, or leave `{apart}` out",
        "looks",
    )


def summed(pieces: Pieces, target: Rule) -> bool:
    """Whether a rule is predicted by a sum over final tables, and not by completing the trial."""
    question = target.posterior
    if question is None:
        return False
    analysis = pieces.analysis.get(question.about)
    kind = ANALYSES[DEFAULT_MODEL] if analysis is None else type(analysis)
    return kind.enumerates and question.kind.about_levels and question.kind.name in kind.answers


def _drawn(pieces: Pieces, target: Rule) -> Iterator[str]:
    """Endpoints of which more is drawn where a rule is predicted."""
    for each in target.asked:
        yield from pieces.endpoints_of(each.about)
    dating = _dated_by(pieces, target)
    if dating is not None:
        yield dating


def beside_tests(pieces: Pieces) -> Found:
    """Whether a rule predicts a test that has a posterior beside it, from which to do so."""
    predicted = {
        name
        for rule in pieces.rules_read.values()
        for target in _predicted(pieces, rule)
        for name in _drawn(pieces, target)
    }
    for name, analysis in pieces.analysis.items():
        beside = analysis is not None and analysis.ahead not in (None, analysis)
        if beside and name not in predicted and None not in pieces.rules:
            yield (
                f"{path_to('analysis', name)}.to_come",
                f"what is still to come of '{name}' is drawn from it where a rule predicts "
                f"(`predictive`), and none predicts one about '{name}'; leave it out",
                "rules",
            )


def early_months(pieces: Pieces) -> Found:
    """Whether earlier months can tell, and a rule predicts with them."""
    asked = {
        name
        for rule in pieces.rules_read.values()
        for target in _predicted(pieces, rule)
        for part in target.comparisons
        if part.posterior is not None
        for name in pieces.endpoints_of(part.posterior.about)
    }
    for name, early in pieces.prediction.items():
        path = path_to("prediction", name)
        if name not in pieces.endpoints:
            yield path, unknown(name, "endpoints", pieces.endpoints)
            continue
        endpoint = pieces.endpoints[name]
        if early is None or endpoint is None:
            continue
        if not endpoint.tells_early:
            kinds = one_of([key for key, kind in ENDPOINTS.items() if kind.tells_early])
            yield (
                path,
                f"'{name}' is of type \"{endpoint.type}\"; earlier months tell of type {kinds}",
                path_to("endpoints", name),
            )
            continue
        if pieces.planned_visits and pieces.said_directly(name):
            yield (
                path,
                f"the truth of '{name}' is said directly and says the states at its own months, "
                "and not what visits between them show ([follow_up] visit_every); give the arms a "
                "participant course, or leave one of the two out",
                "follow_up",
            )
            continue
        month = endpoint.known_after()
        if not early.from_:
            yield f"{path}.from", "found no month; at least one is expected"
            continue
        if any(b <= a for a, b in pairwise(early.from_)):
            yield f"{path}.from", f"found {early.from_}; months that increase are expected"
        elif month is not None and early.from_[-1] >= month:
            yield (
                f"{path}.from",
                f"found {early.from_[-1]:g}; '{name}' is analysed at month {month:g}, and months "
                "before that are expected",
                path_to("endpoints", name, "month"),
            )
        for score in endpoint.reads():
            other = pieces.endpoints.get(score)
            taken = () if other is None else other.taken_at()
            lacking = [month for month in early.from_ if month not in taken]
            if taken and lacking:
                yield (
                    f"{path}.from",
                    f"found {lacking[0]:g}; '{name}' reads '{score}', which is taken at months "
                    f"{one_of(f'{month:g}' for month in taken)}: one of those is expected",
                    path_to("endpoints", score, "visits"),
                )
        if endpoint.principal_stratum():
            yield (
                path,
                f"'{name}' analyses the infused only; earlier months tell of everybody",
                path_to("endpoints", name, "strategy"),
            )
        yield from _within_floats(pieces, early, path)
        analysis = pieces.analysis.get(name)
        if analysis is not None and not analysis.enumerates:
            yield (
                path,
                f"'{name}' is analysed by '{analysis.model}'; earlier months are counted in for "
                f"{one_of([key for key, each in ANALYSES.items() if each.enumerates])}",
                path_to("analysis", name, "model"),
            )
        elif name not in asked and not early.in_posterior:
            yield (
                path,
                f"no rule predicts one about '{name}', so it would change nothing; leave it "
                'out, write a rule with `predictive = { rule = "…" }`, or let the posterior at a '
                'look use it with `counts = "all"`',
                "rules",
            )


def _within_floats(pieces: Pieces, early: EarlyMonths, path: str) -> Found:
    """Whether what a state is worth for everybody is a number that a machine can hold."""
    low, high = WORTH
    if not low <= early.prior <= high:
        yield f"{path}.prior", f"found {early.prior:g}; {low:f} to {high:,} are expected"
    if pieces.enrolment is not None and pieces.enrolment.max_n > MOST:
        yield (
            path,
            f"earlier months are counted in for at most {MOST:,} participants, and max_n is "
            f"{pieces.enrolment.max_n:,}; leave it out",
            "enrolment.max_n",
        )


def _predicted(pieces: Pieces, rule: Rule) -> list[Rule]:
    """Rules that a rule predicts."""
    names = {part.predictive.rule for part in rule.comparisons if part.predictive is not None}
    return [other for other in pieces.rules_read.values() if other.name in names]
