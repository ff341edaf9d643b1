"""Whether a condition is one question with one comparison, or several about the same target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adaptive_cart.design.checks.pieces import Found, Pieces
from adaptive_cart.design.rule_tables import questions, together
from adaptive_cart.design.validation import path_to, shown
from adaptive_cart.errors import one_of
from adaptive_cart.models import ANALYSES, DEFAULT_MODEL

if TYPE_CHECKING:
    from adaptive_cart.design.rule_tables import Comparing, PosteriorQuestion, Rule

ASKED = ("posterior", "predictive", "jointly", "all", "any")
SIDES = ("at_least", "below")


@dataclass(frozen=True)
class Whom:
    """The arm and the stratum that a rule on several questions is about, as written.

    Attributes
    ----------
    arm
        An experimental arm or "each" where any question names one; else the control.
    """

    arm: str | None
    stratum: str | None

    @staticmethod
    def of(rule: Rule, control: str | None) -> Whom:
        """Whom the questions of a rule are about."""
        arms = [asked.arm for asked in rule.asked if asked.arm not in (None, control)]
        strata = [asked.stratum for asked in rule.asked if asked.stratum not in (None, "open")]
        return Whom(
            "each" if "each" in arms else next(iter(arms), control),
            "each" if "each" in strata else next(iter(strata), None),
        )


def asks_once(part: Comparing, path: str) -> Found:
    """Whether a table asks one question and compares it once, or is all or any of several."""
    yield from _exactly_one(part, ASKED, path, "posterior = { endpoint = …, arm = …, above = … }")
    found = together(part)
    if found is None:
        yield from _exactly_one(part, SIDES, path, "at_least = 0.975")
        return
    word, inner = found
    for key in SIDES:
        if getattr(part, key) is not None:
            yield f"{path}.{key}", f"each condition inside `{word}` has its own; write it there"
    if not inner:
        yield (
            f"{path}.{word}",
            f"an empty list; write {word} = [{{ posterior = …, at_least = … }}, …]",
        )
    for place, one in enumerate(inner):
        yield from asks_once(one, f"{path}.{word}[{place}]")


def _exactly_one(part: Comparing, keys: tuple[str, ...], path: str, example: str) -> Found:
    given = [key for key in keys if getattr(part, key) is not None]
    if len(given) != 1:
        found = one_of(given) or ("neither" if len(keys) == 2 else "none")
        advice = "" if given else f", for example `{example}`"
        yield (
            path,
            f"found {found}; exactly one of {one_of(keys)} is needed{advice}",
            *(f"{path}.{key}" for key in keys),
        )


def jointly(pieces: Pieces, part: Comparing, path: str) -> Found:
    """Whether the probability that several things are so at once can be had."""
    asked = part.jointly or []
    if len(asked) < 2:
        yield (
            f"{path}.jointly",
            f"found {len(asked)}; two questions or more are asked at once, [{{ endpoint = …, "
            f"arm = …, above = … }}, …]; one alone is a `posterior`",
        )
    first: dict[str, PosteriorQuestion] = {}
    for number, question in enumerate(asked):
        place = f"{path}.jointly[{number}]"
        if not question.kind.claimable:
            yield place, f"asks for {question.kind.asked_for}, which is asked by itself"
        elif question.kind.among_open:
            yield from _of_the_same_arm(asked, question, place)
        for name in pieces.endpoints_of(question.about):
            other = first.setdefault(name, question)
            beside = f"{path}.jointly[{asked.index(other)}]"
            yield from _answered_beside(pieces, name, (question, other), place, beside)


def _answered_beside(
    pieces: Pieces, name: str, both: tuple[PosteriorQuestion, PosteriorQuestion], place: str,
    beside: str,
) -> Found:  # fmt: skip
    """Whether the model of an endpoint answers a question, and it beside the first about it."""
    question, _ = both
    analysis = pieces.analysis.get(name)
    model = ANALYSES[DEFAULT_MODEL if analysis is None else analysis.model]
    where = path_to("analysis", name, "model")
    if not model.bayesian and not question.kind.of_several:  # else told where it is weighed
        yield place, "is answered by a test, which has no joint probability", where
    strata_apart = not model.by_stratum if analysis is None else analysis.strata_apart
    named = (("stratum", "strata", strata_apart), ("arms", "arms", model.pairs))
    for key, words, apart in named:
        mine, theirs = (_told_of(one, key) for one in both)
        if apart and mine != theirs:
            yield (
                place,
                f"is about other {words} of '{name}' than {beside}, and its model "
                f"answers them one at a time; write `all` with a comparison for each",
                where,
            )


def _of_the_same_arm(
    asked: Sequence[PosteriorQuestion], question: PosteriorQuestion, place: str
) -> Found:
    """Whether all that is asked beside the best arm is about that arm, in the same strata."""
    for other in asked:
        for key in ("arm", "stratum"):
            mine, theirs = getattr(question, key), getattr(other, key)
            if mine != theirs and not (key == "stratum" and theirs is None):
                yield (
                    f"{place}.{key}",
                    f"found {shown(mine)} beside {shown(theirs)}; what is asked at once with "
                    f"{question.kind.asked_for} is about the same {key}",
                    f"{place}.{key}",
                )
                return


def _told_of(question: PosteriorQuestion, key: str) -> object:
    if key == "stratum":
        return question.stratum
    return {question.arm, *(name for _, name in question.others)}


def whom(pieces: Pieces, rule: Rule, path: str) -> Found:
    """Whether the questions of a rule are about one arm and one stratum, or about each."""
    control = pieces.control
    for key, shared in (("arm", (None, control)), ("stratum", (None, "open"))):
        first: str | None = None
        for place, asked in questions(rule, path):
            value = getattr(asked, key)
            if value in shared or value == "each":
                continue
            if first is not None and value != first:
                yield (
                    f"{place}.{key}",
                    f"found {shown(value)} beside {shown(first)}; what follows belongs to one "
                    f'{key}: write "each" in all of them, or a rule for each',
                    f"{place}.{key}",
                )
            first = first or value
