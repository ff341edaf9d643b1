"""Every model, question, decision, way to ask and to borrow is in a design that can be verified.

Each model is there with every kind of question that it can be asked, predicted by completing the
trial, and asked for several things at once. Designs are those of `designs/`, and what they leave
out is in `sims/validation/designs`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.decisions import DECISIONS
from adaptive_cart.design.file import load_design
from adaptive_cart.models import ANALYSES
from adaptive_cart.models.borrowed import Borrowed
from adaptive_cart.models.periods.kinds import ADJUSTED
from adaptive_cart.nouns.questions import KINDS
from adaptive_cart.verification.verified_estimates import (
    ESTIMATE,
    LIMITS,
    MEAN,
    MEDIAN,
    OBSERVED,
    SHARES,
    WEIGHED,
    beside_labels,
)
from adaptive_cart.verification.verified_looks import not_verified

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "designs", ROOT / "sims" / "validation" / "designs")
WAYS = (
    "all", "any", "jointly", "a utility and more at once",
    "predicted with those enrolled", "predicted with max_n",
    "predicted by completing the trial", "predicted from earlier months", "between looks",
    "a test in strata", "after another rule", "each arm", "each stratum", "without a control",
    "against external data", "against external data drawn anew",
)  # fmt: skip
BESIDE = (
    *(f"{ESTIMATE}, {name}" for name in (MEAN, MEDIAN, OBSERVED, *LIMITS)), WEIGHED, SHARES,
)  # fmt: skip
OF_TWO_ARMS = {"logistic", "hierarchical_logistic"}  # there is no best of several
TRENDS = tuple(f"{name}: {model}" for name, kinds in ADJUSTED.items() for model in kinds)
UNEXERCISED: dict[str, str] = {}  # what no design has, and why


def asked_of_models() -> Iterator[str]:
    """By model: each kind of question that it can be asked, and the ways that all of them have."""
    for name, analysis in ANALYSES.items():
        for kind in KINDS.values():
            if analysis.can_be_asked(kind) and not (kind.among_open and name in OF_TWO_ARMS):
                yield f"{name}: {kind.name}"
        if analysis.bayesian:
            yield f"{name}: jointly"
        if analysis.predicts():
            yield f"{name}: predicted by completing the trial"


def models_asked(plan: Plan, part: Comparison) -> Iterator[str]:
    """What a comparison asks of which model."""
    for asked in part.everything:
        for one in asked.of_endpoints:
            analysis = plan.fitted[one.endpoint][0]
            yield f"{analysis.model}: {asked.kind}"
            if part.several:
                yield f"{analysis.model}: jointly"
            ahead = part.prediction
            if ahead is not None and ahead.completes(analysis, one):
                yield f"{analysis.model}: predicted by completing the trial"


def ways_to_borrow(of: type[Borrowed] = Borrowed) -> set[str]:
    """By module and name: every way of every model, whichever registries know it."""
    assert [*ANALYSES.values()]  # loaded, so that their ways are there
    own = of.__subclasses__()
    return {name for each in own for name in ways_to_borrow(each)} if own else {borrows(of)}


def borrows(way: type[Borrowed]) -> str:
    """What a way to borrow is called here: of which numbers, and how."""
    return f"{way.__module__.rpartition('.')[2]}: {way.__name__}"


def of_design(plan: Plan) -> Iterator[tuple[str, str]]:
    """What a design has whatever its rules ask: sort and name."""
    for label in beside_labels(plan):
        yield "beside", next(name for name in BESIDE if label.startswith(name))
    asked = {one.endpoint for part in plan.parts for one in part.everything}
    for endpoint in asked & set(plan.fitted):
        analysis = plan.fitted[endpoint][0]
        for way in analysis.borrowed(plan.design.arm_names).values():
            yield "borrowing", borrows(type(way))
        for name, kinds in ADJUSTED.items():
            if type(analysis) in kinds.values():
                yield "trend", f"{name}: {analysis.model}"


def ways_of(plan: Plan, rule: ResolvedRule) -> Iterator[str]:
    """How a rule asks."""
    words = repr(rule.condition.shape)
    if "every=True" in words:
        yield "all"
    if "every=False" in words:
        yield "any"
    if rule.every:
        yield "between looks"
    if rule.requires:
        yield "after another rule"
    if plan.design.control is None:
        yield "without a control"
    arms = len(plan.design.arm_names)
    for question in (one for part in rule.parts for one in part.everything):
        if question.minus is not None and question.minus >= arms:
            yield "against external data"
            name = plan.design.compared_names[question.minus]
            if plan.design.external[name].redrawn:
                yield "against external data drawn anew"
    for part in rule.parts:
        if plan.design.strata and not plan.bayesian(part):
            yield "a test in strata"
        if len({question.arm for question in part.targets}) > 1:
            yield "each arm"
        if len({question.stratum for question in part.targets}) > 1:
            yield "each stratum"
        if part.several:
            yield "jointly"
        asked = part.asks.every(part.question)
        if len(asked) > 1 and any(one.of.of_several for one in asked):
            yield "a utility and more at once"
        if (ahead := part.prediction) is not None:
            yield f"predicted with {'those enrolled' if ahead.enrolled else 'max_n'}"
            if ahead.completes(plan.fitted[part.question.endpoint][0], part.question):
                yield "predicted by completing the trial"
            elif ahead.months:
                yield "predicted from earlier months"


@cache
def exercised() -> dict[str, dict[str, list[str]]]:
    """By sort and name: the designs that have it where it is verified."""
    found: dict[str, dict[str, list[str]]] = {}
    for path in (path for folder in FOLDERS for path in sorted(folder.glob("*.toml"))):
        plan = Plan.of(load_design(path))
        for sort, name in of_design(plan):
            found.setdefault(sort, {}).setdefault(name, []).append(path.stem)
        for rule in plan.rules:
            if any(not_verified(plan, part) is not None for part in rule.parts):
                continue
            asked = [one for part in rule.parts for one in part.everything]
            own = {
                "model": [
                    plan.fitted[one.endpoint][0].model
                    for one in asked
                    if one.endpoint in plan.fitted
                ],
                "question": [one.kind for one in asked],
                "decision": [plan.design.rules[plan.rules.index(rule)].then],
                "way": list(ways_of(plan, rule)),
                "asked": [one for part in rule.parts for one in models_asked(plan, part)],
            }
            for sort, names in own.items():
                for name in names:
                    designs = found.setdefault(sort, {}).setdefault(name, [])
                    designs += [path.stem] if path.stem not in designs else []
    return found


@pytest.mark.parametrize(
    ("sort", "name"),
    [
        *(("model", name) for name in ANALYSES),
        *(("question", name) for name in KINDS),
        *(("decision", name) for name in DECISIONS),
        *(("way", name) for name in WAYS),
        *(("trend", name) for name in TRENDS),
        *(("borrowing", name) for name in sorted(ways_to_borrow())),
        *(("beside", name) for name in BESIDE),
        *(("asked", name) for name in asked_of_models()),
    ],
)
def test_a_design_exercises_it(sort: str, name: str) -> None:
    designs = exercised()[sort].get(name, [])
    if name in UNEXERCISED:
        assert not designs, f"{name} is exercised by {designs}: no exception any more"
        return
    assert designs, f"no design has the {sort} '{name}'"


@pytest.mark.parametrize("name", ANALYSES)
def test_a_model_of_two_arms_refuses_more(name: str) -> None:
    path = (path for folder in FOLDERS for path in sorted(folder.glob("*.toml")))
    designs = (load_design(one) for one in path if one.stem == exercised()["model"][name][0])
    tables = {own.model: own for design in designs for own in design.analysis.values()}
    told = tables[name].problems(("soc", "auto", "allo", "tce"), ())
    assert any("compares two arms" in why for _, why in told) == (name in OF_TWO_ARMS)


def test_exceptions_exist_and_say_why() -> None:
    known = {*ANALYSES, *KINDS, *DECISIONS, *WAYS, *TRENDS, *ways_to_borrow(), *BESIDE}
    known |= {*asked_of_models()}
    assert set(UNEXERCISED) <= known
    assert all(len(why) > 20 for why in UNEXERCISED.values())
    assert len(UNEXERCISED) <= 3, "few"
