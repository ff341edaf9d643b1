"""Variants of a design, simulated beside its run on the same participants.

One thing is changed at a time: no looks before the last, futility not followed, enrolment slower
or faster, more dropout, other priors, later looks. The first trials of the run are simulated again
under each variant with the run's seed; since trial i has the same uniforms in both, differences are
paired and their Monte Carlo error is that of the difference.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.decisions import DECISIONS, FUTILITY, SAFETY, SUCCESS
from adaptive_cart.design.accrual import faster
from adaptive_cart.design.design import Design
from adaptive_cart.design.external import only_named
from adaptive_cart.design.truth import Truth
from adaptive_cart.errors import CartError
from adaptive_cart.nouns.roles import ALTERNATIVE
from adaptive_cart.participants.population import latents_for
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.results.figure import Figure, mean, proportion
from adaptive_cart.running.stretches import block_size

FEWER = 5  # how many times fewer trials where a posterior takes long
Tables = dict[str, Any]


@dataclass(frozen=True)
class Variant:
    """A design with one thing changed.

    Attributes
    ----------
    items
        Numbers of the checklist that it supplies.
    truth
        What is changed in a scenario's truth, where it is the truth that is changed.
    """

    key: str
    title: str
    items: tuple[int, ...]
    design: Design
    truth: Callable[[Truth], Truth] | None = None


@dataclass(frozen=True)
class Refused:
    """A change of a design that makes it one that cannot be run.

    Attributes
    ----------
    why
        What is wrong with the design so changed.
    """

    key: str
    title: str
    items: tuple[int, ...]
    why: str


@dataclass(frozen=True)
class Change:
    """What a variant does in a scenario, against the design itself, on the same trials."""

    variant: Variant
    scenario: str
    success: Figure
    change: Figure
    participants: Figure
    months: Figure


def variants(design: Design, truths: dict[str, Truth]) -> Iterator[Variant]:
    """Every variant that makes sense for a design and can be run."""
    yield from (one for one in _changed(design) if isinstance(one, Variant))
    if any(truth.has_dropout for truth in truths.values()):
        yield Variant(
            "dropout", f"twice the dropout{_where(design)}", (30, 57), design, _more_dropout
        )


def refused(design: Design) -> list[Refused]:
    """Variants that would make sense for a design and cannot be run, each with the reason."""
    return [one for one in _changed(design) if isinstance(one, Refused)]


def _changed(design: Design) -> Iterator[Variant | Refused]:
    makers: tuple[tuple[str, str, tuple[int, ...], Callable[[Tables, Design], bool]], ...] = (
        ("fixed", "no look before the last", (4,), _fixed),
        ("no_futility", "futility not followed", (21,), _no_futility),
        ("slower", "enrolment half as fast", (29, 57), lambda t, d: _pace(t, 0.5)),
        ("faster", "enrolment twice as fast", (29, 57), lambda t, d: _pace(t, 2.0)),
        ("later", "looks a tenth later", (57,), _later),
        ("vague", "uniform priors", (56,), lambda t, d: _priors(t, d, "vague")),
        ("sceptical", "experimental arms with the control's prior", (56,),
         lambda t, d: _priors(t, d, "sceptical")),
    )  # fmt: skip
    for key, title, items, change in makers:
        tables = design.plain()
        if not change(tables, design):
            continue
        try:
            yield Variant(key, title, items, Design(**tables))
        except CartError as error:
            yield Refused(key, title, items, "; ".join(str(error).splitlines()))


def _where(design: Design) -> str:
    """In which arm dropout is doubled: the control, or the first where there are several."""
    if design.control is not None:
        return " in the control"
    return f" in {design.arm_names[0]}" if design.several else ""


def _fixed(tables: Tables, design: Design) -> bool:
    if design.looks.number == 1:
        return False
    looks = tables["looks"] = design.looks.the_last()
    of_everybody = design.looks.as_stated and design.looks.counts.of_participants
    if design.looks.final is not None and of_everybody:
        looks[design.looks.scale] = [design.enrolment.max_n]
        del looks["final"]
    kept = []
    for rule in tables["rules"]:
        parts = list(_parts_of(rule))
        predicts = any("predictive" in part for part in parts)
        if predicts or DECISIONS[rule["then"]].ends not in (SUCCESS, SAFETY):
            continue
        judged = rule.pop("looks", None)
        if judged is not None and not {design.looks.number, "final"} & {*judged}:
            continue
        for part, sign in itertools.product(parts, ("at_least", "below")):
            if isinstance(part.get(sign), list):
                part[sign] = part[sign][-1]
        kept.append(rule)
    tables["rules"] = kept
    _predict_nothing(tables)
    tables.pop("claims", None)  # nothing shares the error with success any more
    tables.pop("calibration", None)  # thresholds are numbers, and it names rules that are gone
    return any(DECISIONS[rule["then"]].ends == SUCCESS for rule in kept)


def _parts_of(condition: Tables) -> Iterator[Tables]:
    """A rule and all that it joins by `all` and `any`."""
    yield condition
    for word in ("all", "any"):
        for part in condition.get(word, ()):
            yield from _parts_of(part)


def _predict_nothing(tables: Tables) -> None:
    """Leave out what only a rule that predicts would use."""
    told = tables.get("prediction", {})
    used = {name: one for name, one in told.items() if one.get("counts") == "all"}
    if told:
        tables["prediction"] = used
    for one in tables.get("analysis", {}).values():
        one.pop("to_come", None)


def _no_futility(tables: Tables, design: Design) -> bool:
    kept = [rule for rule in tables["rules"] if DECISIONS[rule["then"]].ends != FUTILITY]
    changed = len(kept) < len(tables["rules"])
    tables["rules"] = kept
    if not any("predictive" in part for rule in kept for part in _parts_of(rule)):
        _predict_nothing(tables)
    tables.pop("calibration", None)
    return changed


def _pace(tables: Tables, factor: float) -> bool:
    tables["enrolment"] = faster(tables["enrolment"], factor)
    for scenario in tables["scenarios"].values():
        if "enrolment" in scenario:
            scenario["enrolment"] = faster(scenario["enrolment"], factor)
    return True


def _later(tables: Tables, design: Design) -> bool:
    at = list(design.looks.at)
    early = at if design.looks.final is not None else at[:-1]
    if not early:
        return False
    whole = not design.looks.counts.by_calendar
    total = sum(design.allocation)
    moved = []
    for value in early:
        later = value * 1.1
        moved.append(math.ceil(later / total) * total if whole else later)
    new = moved if design.looks.final is not None else [*moved, at[-1]]
    if len(set(new)) < len(new) or sorted(new) != new:
        return False
    tables["looks"] = design.looks.written(new)
    return True


def _priors(tables: Tables, design: Design, kind: str) -> bool:
    analysis = design.analysis_of(design.primary)
    if kind == "sceptical" and design.control is None:  # there is no control's prior to take
        return False
    other = None if analysis is None else analysis.with_prior(kind, design.arm_names)
    if other is not None:
        tables.setdefault("analysis", {})[design.primary] = other
        tables.update(only_named(tables))
    return other is not None


def _more_dropout(truth: Truth) -> Truth:
    courses = truth.courses
    if courses is not None:
        control = tuple(replace(group, dropout=2 * group.dropout) for group in courses[0])
        courses = (control, *courses[1:])
    dropout = (tuple(2 * hazard for hazard in truth.dropout[0]), *truth.dropout[1:])
    mixture = truth.mixture
    if mixture is not None:
        mixture = replace(mixture, truths=tuple(map(_more_dropout, mixture.truths)))
    return replace(truth, courses=courses, dropout=dropout, mixture=mixture)


# ── simulating ────────────────────────────────────────────────────────────────────────────────
def scenarios_asked(evidence: Evidence) -> list[str]:
    """The worst null, the target, and the alternative with the least power."""
    asked = [evidence.worst_null, evidence.target]
    others = [n for n in evidence.of_role(ALTERNATIVE) if n != evidence.target]
    if others:
        asked.append(min(others, key=lambda n: evidence.cell(n, "success").figure.estimate))
    return [name for name in dict.fromkeys(asked) if name is not None]


def trials_asked(evidence: Evidence) -> int:
    """Trials of each variant: fewer where a posterior takes long, no more than the run holds."""
    number = evidence.sensitivity_trials
    asked = {q.endpoint for rule in evidence.plan.rules for q in rule.about} | {
        evidence.design.primary
    }
    if any(evidence.plan.fitted[e][0].slow for e in asked if e in evidence.plan.fitted):
        number //= FEWER
    held = max(evidence.manifest["trials"].values())
    return min(number, held) if held else number


def changes(evidence: Evidence) -> list[Change]:
    """Simulate every variant in the scenarios that are asked about."""
    number = trials_asked(evidence)
    if number == 0:
        return []
    found = []
    base = {
        name: _simulated(evidence, evidence.design, evidence.truths[name], number)
        for name in scenarios_asked(evidence)
    }
    for variant in variants(evidence.design, evidence.truths):
        truths = variant.design.truths
        for name in base:
            truth = variant.truth(truths[name]) if variant.truth else truths[name]
            here = _simulated(evidence, variant.design, truth, number)
            there = base[name]
            found.append(
                Change(
                    variant,
                    name,
                    proportion(int(here[0].sum()), number),
                    *(mean(a - b) for a, b in zip(here, there, strict=True)),
                )
            )
    return found


def neutral(plan: Plan) -> tuple[float, ...]:
    """No effect, for each estimand: a value that a posterior can be asked about."""
    return tuple(estimand.question.of.no_effect for estimand in plan.estimands)


def _simulated(evidence: Evidence, design: Design, truth: Truth, number: int) -> Any:
    """Success, participants and months of the first trials, ``(trial,)`` each."""
    plan = Plan.of(design)
    unknown = neutral(plan)  # coverage is not asked for
    seed = int(evidence.manifest["seed"]) or design.simulation.seed
    parts = []
    size = min(block_size(design), number)
    for first in range(0, number, size):
        count = min(size, number - first)
        block = run_block(plan, truth, unknown, latents_for(design, seed, first, count))
        success = block.standing.reason == SUCCESS
        parts.append(
            (success.astype(float), block.randomised.sum(axis=1).astype(float), block.months)
        )
    return tuple(np.concatenate(columns) for columns in zip(*parts, strict=True))
