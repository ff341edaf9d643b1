"""External data and goals that arms are compared with, and what is assumed without a control."""

from __future__ import annotations

from collections.abc import Iterator

from adaptive_cart.conduct.comparison import wording_of
from adaptive_cart.conduct.plan import estimand_of
from adaptive_cart.conduct.rules import ResolvedRule, resolve_rules
from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.nouns.balance_words import told_balance
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.questions.words import value_words

# what a randomised control would have made unnecessary to assume, in a word and a sentence
ASSUMED = (
    (
        "no concurrent control",
        "what these participants would have done without the product is not seen; whatever else "
        "changes while the trial runs (care, season, assessors who know the treatment) is counted "
        "as an effect of the product",
    ),
    (
        "selection",
        "participants are taken to be like those with whom they are compared; if those who are "
        "enrolled would have fared better (or worse) anyway, the whole of that difference is "
        "taken for effect",
    ),
    (
        "known standard of care",
        "the number is taken to be what standard of care achieves today, without error of its "
        "own; its uncertainty enters neither the type I error nor any interval",
    ),
)


def goals(design: Design) -> tuple[Question, ...]:
    """Questions of the rules for success that compare an arm with a number alone."""
    asked = (
        question
        for rule in resolve_rules(design)
        if rule.decision.ends == SUCCESS
        for question in rule.claimed
        if question.minus is None and question.of.has_value
    )
    return tuple(dict.fromkeys(asked))


def kind_of_trial(design: Design) -> str:
    """What a design without a control is: ``single-arm trial against a performance goal``."""
    arms = len(design.arms)
    parts = ["a performance goal"] if goals(design) else []
    parts += ["an external control"] if design.comparators else []
    against = f" against {' and '.join(parts)}" if parts else ""
    if arms == 1:
        return f"single-arm trial{against}"
    return f"trial of {arms} experimental arms without a control{against and ', each' + against}"


def goal_words(design: Design, goal: Question) -> str:
    """Say what an arm is compared with: ``probability of dfr in cart: more than 0.40``."""
    wording = wording_of(design, goal.endpoint)
    noun = goal.of.noun(goal, wording.endpoint, wording.parameter).removeprefix("the ")
    side = "more than" if goal.above else "less than"
    value = value_words(goal, wording.parameter)
    return f"{noun} in {wording.arms[goal.arm]}: {side} {value}"


def outside(design: Design) -> Iterator[str]:
    """Say with which external data an arm is compared, what was seen there, and its source."""
    for name in design.comparators:
        data = design.external[name]
        how = (
            "drawn anew in every trial, so that characteristics are unconditional"
            if data.redrawn
            else "as observed in every trial, so that characteristics are conditional on them"
        )
        yield f"{name}, {data.in_words}, {how} ({data.source})"


def assumed(design: Design) -> tuple[tuple[str, str], ...]:
    """What is assumed in the place of randomisation: a word and a sentence each."""
    concurrent, selection, standard = ASSUMED
    if not design.comparators:
        return concurrent, selection, standard
    both = "" if not goals(design) else f"; where it is a number, {standard[1]}"
    transported = (
        "the external data are taken to be of participants like these, treated as these would be "
        f"today, with outcomes measured alike; only their sampling error is counted{both}"
    )
    return concurrent, selection, (standard[0], transported)


def only_as_observed(design: Design, rule: ResolvedRule) -> str:
    """Say where the numbers of a rule are those beside external data as they were observed.

    Blank where no such data are drawn anew.
    """
    outside = {
        design.compared_names[question.minus]
        for part in rule.parts
        for question in part.about
        if question.minus is not None
    }
    drawn = [n for n in design.comparators if n in outside and design.external[n].redrawn]
    if not drawn:
        return ""
    return f"beside {' and '.join(drawn)} as observed; where it is drawn anew there are others"


def unlike_mixes(design: Design) -> Iterator[str]:
    """Warn of questions over all strata about external data with another mix of unlike strata."""
    estimand = estimand_of(design)
    for position, name in enumerate(design.comparators, start=len(design.arm_names)):
        data = design.external[name]
        if data.strata is None or design.strata is None:
            continue
        level = design.endpoints[data.endpoint].gives.external_form(data).level
        seen, here = data.observed_as(level), data.mixed_as(design.strata, level)
        if f"{seen:.3g}" == f"{here:.3g}":
            continue
        asked = [
            f"'{rule.name}'"
            for rule in resolve_rules(design)
            if any(
                question.minus == position and question.stratum < 0
                for part in rule.parts
                for question in part.about
            )
        ]
        if estimand is not None and estimand.minus == position:
            asked.append(f"the estimate of {estimand.endpoint}")
        if asked:
            shares = ", ".join(f"{s} {share:.3g}" for s, share in design.strata.items())
            theirs = ", ".join(f"{s} {data.mix[s]:.3g}" for s in design.strata)
            side = "high" if seen > here else "low"
            analysis = design.analysis_of(data.endpoint)
            able = analysis is not None and analysis.external_by_stratum
            apart = "; in one stratum they are not" if able else ""
            yield (
                f"the mix of strata in {name} ({theirs}) is not this trial's ({shares}); "
                f"{seen:.3g} was seen there, and with the trial's shares it would be {here:.3g}. "
                f"Over all strata ({', '.join(asked)}) arms are compared with a number that is "
                f"{abs(seen - here):.3g} too {side}{apart}"
            )


def told_comparator(design: Design) -> Iterator[str]:
    """State what replaces a randomised control, or with what arms are compared beside one."""
    controlled = design.control is not None
    if controlled and not design.comparators:
        return
    yield (
        "Comparison with external data, beside the control"
        if controlled
        else f"Comparison: {kind_of_trial(design)}; no arm is the control"
    )
    if not controlled:
        yield from (f"  performance goal: {goal_words(design, goal)}" for goal in goals(design))
    for name, words in zip(design.comparators, outside(design), strict=True):
        yield f"  external {'data' if controlled else 'control'}: {words}"
        yield from told_balance(name, design.external[name])
    yield from (f"  biased over all strata: {words}" for words in unlike_mixes(design))
    if controlled:
        return
    yield "  assumed in the place of randomisation:"
    yield from (f"    {named}: {why}" for named, why in assumed(design))
