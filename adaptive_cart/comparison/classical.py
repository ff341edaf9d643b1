"""The classical group-sequential design: the same looks, with boundaries by alpha spending.

Made from a design: an ordinary design, which is run and told like any other. Kept are the arms and
their ratio, the participants and how fast they come, the endpoints, the looks, the scenarios, and
when a trial of several experimental arms ends. Replaced are the model with its prior, and every
rule: success is a one-sided test, of the arms as randomised, that reaches the boundary of its look
(:mod:`adaptive_cart.models.classical`). Strata are taken together.

Several experimental arms are each tested against the common control, each with an equal part of the
type I error, by Bonferroni's inequality: what Follmann, Proschan & Geller (1994, Biometrics 50:325)
suggest as the simpler and more flexible of their ways to control the error of the whole trial
strongly. It makes no use of the correlation that the common control causes, and is the more
conservative for it.

There is no boundary for futility unless one is asked for: a value of z below which, at a look
before the last, an arm is given up. It is non-binding: the boundaries of success do not count on
it, so that the type I error is kept whether or not it is followed. What a look spends of the type
II error (beta spending) would need an alternative to be powered for, which a design file need not
name, and is left out.
"""

from __future__ import annotations

import math
from typing import Any, get_args

from scipy.special import ndtr

from adaptive_cart.decisions import SUCCESS
from adaptive_cart.decisions.closing import DROP_ARM
from adaptive_cart.decisions.success import DECLARE_SUCCESS
from adaptive_cart.decisions.without_success import DECLARE_FUTILITY
from adaptive_cart.design.design import Design
from adaptive_cart.design.external import only_named
from adaptive_cart.design.rule_tables import AlphaSpending, Rule
from adaptive_cart.design.spending import fixed_numbers, planned_bounds
from adaptive_cart.errors import DesignError, Problem
from adaptive_cart.models import ANALYSES
from adaptive_cart.models.classical.alpha_spending import SHAPES
from adaptive_cart.models.classical.classical_analysis import ClassicalTest
from adaptive_cart.nouns.questions.kind import QuestionKind
from adaptive_cart.nouns.questions.kinds import KINDS

ERROR = 0.025  # one-sided, unless the design says what it is calibrated for
HIGHEST_FUTILITY = 1.5  # of z; it has to stay below the boundaries of success


def group_sequential(design: Design, futility: float | None = None) -> Design:
    """Return the classical group-sequential design with the same arms and looks.

    Its type I error is that of ``[calibration]``, or else 0.025, one-sided, of the whole trial.

    Parameters
    ----------
    futility
        Value of z below which an arm is given up at a look before the last; nothing for never.

    Raises
    ------
    DesignError
        If its primary endpoint is neither binary nor a time to event with looks by events.
    """
    why = _why_none(design)
    if why is not None:
        raise DesignError([Problem(*why)])
    wanted = None if design.calibration is None else design.calibration.type_one_error
    error = ERROR if wanted is None else wanted
    tables = design.plain()
    tables.pop("calibration", None)
    tables.pop("claims", None)
    tables.pop("utility", None)  # a test has no posterior to be weighed
    if design.randomisation.by_lists is None:
        tables.pop("randomisation")
    test = _test(design)
    assert test is not None
    tables["analysis"] = {
        design.primary: {"model": get_args(test.model_fields["model"].annotation)[0]}
    }
    several = design.several
    asked = _asked(design, "each" if several else design.arm_names[1])
    rules: list[dict[str, Any]] = [
        {
            "name": "efficacy",
            "then": DECLARE_SUCCESS.name,
            "posterior": asked,
            "at_least": {"alpha": error / (len(design.arms) - 1)},
        }
    ]
    if futility is not None and design.looks.number > 1:
        rules.append(
            {
                "name": "futility",
                "then": (DROP_ARM if several else DECLARE_FUTILITY).name,
                "posterior": asked,
                "below": float(ndtr(futility)),
                "looks": list(range(1, design.looks.number)),
            }
        )
    tables["rules"] = rules
    return Design(**only_named(tables))


def _why_none(design: Design) -> tuple[str, str] | None:
    """Why a design has no classical counterpart, and at which path; nothing where it has."""
    endpoint, test = design.primary_endpoint, _test(design)
    kind = f"endpoints.{design.primary}.type"
    if design.control is None:
        return (
            "arms",
            "no arm is the control, with which the test of the group-sequential design "
            "compares the others; leave --with-group-sequential out",
        )
    if test is None:
        return (
            kind,
            f"found {endpoint.type}; the group-sequential design tests proportions or times to "
            f"an event",
        )
    if test.information == "events" and not endpoint.looks_by_events:
        return (
            kind,
            f"found {endpoint.type}, which is of remitters alone; the {_called(design)} of the "
            f"group-sequential design compares the arms as randomised",
        )
    if test.information == "events" and not design.looks.counts.of_events:
        return (
            f"looks.{design.looks.scale}",
            "the group-sequential design of a time to event needs looks by events, since "
            "the last one's number is the whole of its information",
        )
    if design.looks.apart:
        return (
            f"looks.{design.looks.apart}",
            "the group-sequential design spends its error by looks that see just the number stated",
        )
    return None


def _test(design: Design) -> type[ClassicalTest] | None:
    """The test of what the primary endpoint gives; nothing where there is none."""
    reads = design.primary_endpoint.gives.kind
    tests = (kind for kind in ANALYSES.values() if issubclass(kind, ClassicalTest))
    return next((test for test in tests if test.reads == reads), None)


def _called(design: Design) -> str:
    """Name of the test, within a sentence."""
    test = _test(design)
    assert test is not None
    return test.title[0].lower() + test.title[1:]


def _kind(design: Design) -> QuestionKind:
    """The kind of question that the test answers."""
    test = _test(design)
    assert test is not None
    return KINDS[test.answers[0]]


def _asked(design: Design, arm: str) -> dict[str, Any]:
    """What a test of an arm against the control asks, in the direction of success."""
    kind = _kind(design)
    assert kind.other is not None
    side = "above" if _higher_is_better(design) else "below"
    return {
        "endpoint": design.primary,
        "arm": arm,
        kind.other: design.arm_names[0],
        side: kind.no_effect,
    }


def _higher_is_better(design: Design) -> bool:
    for rule in design.rules:
        for asked in rule.asked if rule.decision.ends == SUCCESS else ():
            if asked.about == design.primary:
                about_control = asked.arm == design.arm_names[0]
                return (asked.above is not None) != about_control
    return not _kind(design).lower_is_better


# ── in words ──────────────────────────────────────────────────────────────────────────────────
def words_of_group_sequential(design: Design, futility: float | None) -> str:
    """Say what a classical design is, in one line."""
    rule, several = design.rules[0], design.several
    spending = _spending(rule)
    of_events = design.looks.counts.of_events
    error, test = spending.alpha * (len(design.arms) - 1), _called(design)
    what = f"{test}, {SHAPES[spending.spending]} alpha spending, one-sided {error:g}"
    if several:
        what += f", {spending.alpha:g} for each arm against {design.arm_names[0]}"
    if fixed_numbers(design):
        bounds = ", ".join(
            "none" if math.isinf(bound) else f"{bound:.3f}"
            for bound in planned_bounds(design, rule).values()
        )
        at = f" at {', '.join(f'{number:g}' for number in design.looks.at)} events"
        what += f"; z at least {bounds}{at if of_events else ''}"
        what += " as long as no arm is closed" if several else ""
    else:
        what += "; boundaries at the numbers that each look analyses"
    if len(design.rules) > 1:
        what += f"; futility below {futility:g} before the last look, non-binding"
    return what


def notes_on_group_sequential(first: Design, design: Design, futility: float | None) -> list[str]:
    """Say what was kept of the design file, what was replaced, and what is left out.

    Parameters
    ----------
    first
        The design from which it was made.
    """
    several = design.several
    strata = ", strata taken together" if design.strata else ""
    analysis, kind = design.analysis[design.primary], _kind(design)
    text = (
        f"keeps the arms, participants, endpoints, looks and truths; replaces the model "
        f"with its prior, and all rules, by a {_called(design)} at O'Brien-Fleming-type "
        f"boundaries{strata}. Its estimate is the {analysis.told.estimate}."
    )
    if several:
        number = len(design.arms) - 1
        text += (
            f" Each arm is tested against {design.arm_names[0]} with 1/{number} of the type I "
            f"error (Bonferroni; the whole trial's is at most "
            f"{number * _spending(design.rules[0]).alpha:g})."
        )
    if futility is None:
        text += " No boundary for futility."
    else:
        text += (
            f" Before the last look {'an arm is' if several else 'it is'} given up where z is "
            f"below {futility:g}; non-binding: the boundaries of success do not count on it."
        )
    told = [text]
    claimed = claim(first)
    if claimed is not None and claimed[0] != kind.no_effect:
        sign = "above" if claimed[1] else "below"
        told.append(
            f"tests a {kind.comparison} of {kind.no_effect:g}, whereas the design claims one "
            f"{sign} {claimed[0]:g}; their powers are not for the same claim."
        )
    return told


def _spending(rule: Rule) -> AlphaSpending:
    assert isinstance(rule.at_least, AlphaSpending)
    return rule.at_least


def claim(design: Design) -> tuple[float, bool] | None:
    """What the design's success claims of the primary estimand, and whether it lies above that.

    Nothing where it says nothing.
    """
    for rule in design.rules:
        for asked in rule.asked if rule.decision.ends == SUCCESS else ():
            if asked.about != design.primary or not asked.others:
                continue
            value = asked.above if asked.above is not None else asked.below
            if value is not None:
                return value, asked.above is not None
    return None
