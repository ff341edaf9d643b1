"""Assumptions: a register of every number of the truth with its source, and the scenarios."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from adaptive_cart.conduct.claimed_utility import claimed_utility
from adaptive_cart.conduct.plan import Estimand
from adaptive_cart.courses.background import Taper
from adaptive_cart.courses.scores import CourseScore
from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.nouns.distributions import EventTime
from adaptive_cart.nouns.parts import MONTHS_PER_YEAR
from adaptive_cart.nouns.roles import ALTERNATIVE, NULL
from adaptive_cart.report.chapter import Chapter
from adaptive_cart.report.document import (
    Block,
    Heading,
    Items,
    Line,
    Reference,
    Row,
    Table,
    cells,
    code,
    line,
    listed,
    paragraph,
    prose,
    row,
)
from adaptive_cart.report.evidence import Evidence, per_scenario
from adaptive_cart.report.numbers import given
from adaptive_cart.telling.spells import course_events

TRENDS, NOT_CONCURRENT = 32, 68  # numbers of the items
MOST_TRUE = 3  # true effects that have room side by side
HAZARDS = ("rescue", "dropout", "death")
NOT_SIMULATED = (  # the first where nothing changes with the month of randomisation
    ("time trends and drift of {control}", "nothing changes with calendar time"),
    ("learning curve", "early and late participants fare alike"),
    ("sites", "participants are exchangeable between sites"),
    ("manufacturing slots", "infusion waits for nobody else"),
)


# ── every number of a truth, by what it is about ──────────────────────────────────────────────
def numbers_of(evidence: Evidence, scenario: str) -> dict[str, str]:
    """Every number of a scenario's truth in words, by its path."""
    truth = evidence.truths[scenario]
    found = _numbers(evidence, truth)
    if truth.mixture is None:
        return found
    mixture = truth.mixture
    for name, share, part in zip(mixture.names, mixture.shares, mixture.truths, strict=True):
        found[f"mixture.{name}.share"] = share.words()
        differing = _numbers(evidence, part)
        for path, said in differing.items():
            if found.get(path) != said:
                found[f"mixture.{name}.{path}"] = said
    return found


def _numbers(evidence: Evidence, truth: Truth) -> dict[str, str]:
    found: dict[str, str] = {}
    strata = truth.strata or ("",)
    for endpoint, by_arm in truth.direct.items():
        direct = evidence.design.endpoints[endpoint].direct
        assert direct is not None
        for arm, values in zip(truth.arms, by_arm, strict=True):
            _add(found, f"{endpoint}.{arm}", strata, [direct.words(value) for value in values])
    for endpoint, trends in truth.trends.items():
        for arm, trend in zip(truth.arms, trends, strict=True):
            found[f"time_trend.{endpoint}.{arm}"] = "none" if trend is None else trend.words()
    for (endpoint, name), rates in truth.external.items():
        _add(found, f"{endpoint}.{name}", strata, [f"{rate:g}" for rate in rates])
    for (endpoint, name), levels in truth.external_source.items():  # of which data are drawn anew
        own = strata if len(levels) > 1 else ("",)
        _add(found, f"{endpoint}.{name}_source", own, [f"{level:.4g}" for level in levels])
    if truth.courses is not None:
        for arm, courses in zip(truth.arms, truth.courses, strict=True):
            by_stratum = [dict(_leaves(course)) for course in courses]
            for path in by_stratum[0]:
                _add(
                    found, f"{arm}.{path}", strata, [leaves.get(path, "–") for leaves in by_stratum]
                )
    elif truth.has_dropout:
        for arm, hazards in zip(truth.arms, truth.dropout, strict=True):
            _add(found, f"{arm}.dropout", strata, [_words(h, "dropout") for h in hazards])
    return found


def _add(found: dict[str, str], path: str, strata: tuple[str, ...], values: list[str]) -> None:
    if len(set(values)) == 1:
        found[path] = values[0]
        return
    for stratum, value in zip(strata, values, strict=True):
        found[f"{path}.{stratum}"] = value


_NAMES = {
    "own.remission": "remission.probability",
    "own.onset": "remission.onset",
    "own.cured": "durability.cured",
    "own.relapse": "durability.relapse",
    "own.rescue": "rescue",
    "failure": "infusion.failure",
    "delay": "infusion.delay",
    "on_drugs": "remission_on_drugs.probability",
    "on_drugs_onset": "remission_on_drugs.onset",
    "washout": "washout.months",
}
_SKIPPED = ("infused", "disease_of", "never_infused", "from_randomisation")


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            if field.name in _SKIPPED or (not path and field.name == "crossover"):
                continue
            if field.name in ("failure", "delay") and not getattr(value, "infused", True):
                continue
            inner = f"{path}.{field.name}" if path else field.name
            yield from _leaves(getattr(value, field.name), inner)
    elif isinstance(value, Mapping):
        for name, inside in value.items():
            yield f"{path}.{name}", _words(inside, path)
    elif isinstance(value, tuple):  # what may follow a relapse
        for table, sequel in value:
            for key, inside in sequel.values():
                yield f"{table}.{key}", _words(inside, table)
    elif isinstance(value, Taper):
        for key in type(value).model_fields:
            yield f"taper.{key}", _words(getattr(value, key), "taper")
    elif value is not None:
        name = _NAMES.get(path, path)
        yield name, _words(value, name.split(".")[0])


def _words(value: Any, path: str) -> str:
    if isinstance(value, EventTime | CourseScore):
        return value.words()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value.replace("_", " ")
    if path in HAZARDS:
        return f"{value * MONTHS_PER_YEAR:.4g} a year"
    return f"{value:g} a year" if path == "rates" else f"{value:g}"


# ── T2 ────────────────────────────────────────────────────────────────────────────────────────
def _source(evidence: Evidence, scenario: str, path: str) -> tuple[str, str]:
    """Status and source of a number."""
    for key in (f"{scenario}.{path}", path):
        stated = evidence.facts.assumptions.get(key)
        if stated is not None:
            return stated.status, stated.source
    told = evidence.manifest["sources"].get(f"{scenario}.{path}", "file")
    if told.startswith("product"):
        return "inferred", f"{told}: a judgement anchored to published trials of its kind"
    return "assumed", "stated in the design file"


def _conduct(evidence: Evidence, scenario: str) -> dict[str, Any]:
    """What is assumed of enrolment, visits and delays in a scenario, by table and key."""
    plan, truth = evidence.design.enrolment, evidence.truths[scenario]
    accrual = {key: v for key, v in truth.accrual.plain().items() if v not in ({}, [])}
    enrolment = {"max_n": plan.max_n, **accrual, "arrivals": plan.arrivals}
    visits = {} if truth.follow_up is None else truth.follow_up.plain()
    return {f"enrolment.{key}": value for key, value in enrolment.items()} | {
        f"follow_up.{key}": value for key, value in visits.items()
    }


def _in_one(value: Any) -> str:
    """A table in a line, as the file has it."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_in_one(inside)}" for key, inside in value.items())
    if isinstance(value, list):
        return "; ".join(map(_in_one, value))
    return value if isinstance(value, str) else f"{value:g}"


def register_names(evidence: Evidence) -> list[str]:
    """Names of the numbers that the register holds, with and without the scenario before them."""
    base = evidence.target or evidence.scenarios[0]
    names = [
        *numbers_of(evidence, base),
        *_conduct(evidence, base),
    ]
    return [*names, *(f"{base}.{name}" for name in names)]


def _register(evidence: Evidence) -> list[Block]:
    base = evidence.target or evidence.scenarios[0]
    rows: list[Row] = []
    for path, value in numbers_of(evidence, base).items():
        status, source = _source(evidence, base, path)
        rows.append(row(code(path), given(value, f"truth of {base}"), status,
                        given(source, "facts: assumptions")))  # fmt: skip
    for path, value in _conduct(evidence, base).items():
        if isinstance(value, dict | list):
            value = _in_one(value)
        status, source = _source(evidence, base, path)
        table = path.split(".")[0]
        rows.append(row(code(path), given(value, f"design: {table}"), status,
                        given(source, "facts: assumptions")))  # fmt: skip
    if evidence.truths[base].courses is not None:
        control = drifts(evidence.design)
        rows += [
            row(words.format(control=control), "not simulated", "unavailable", why)
            for words, why in NOT_SIMULATED[evidence.truths[base].changes :]
        ]
    statuses = [row_.cells[2][0].text for row_ in rows]  # type: ignore[union-attr]
    evidence.trace.reported(26, "t-register")
    if any(truth.changes for truth in evidence.truths.values()):
        for item in (TRENDS, NOT_CONCURRENT):
            evidence.trace.reported(item, "t-register", "t-scenarios")
    else:
        evidence.trace.missing(TRENDS)
    return [
        Heading(text="Register of assumptions", key="register", level=2),
        paragraph(
            "{table} holds every number of scenario {scenario}, what it rests on and how sure "
            "that is: {assumed} are assumed, {inferred} inferred, {reported} reported, "
            "{unavailable} unavailable. What is assumed or unavailable is a limitation.",
            table=Reference("t-register"),
            scenario=code(base),
            assumed=given(statuses.count("assumed"), "register"),
            inferred=given(statuses.count("inferred"), "register"),
            reported=given(statuses.count("reported"), "register"),
            unavailable=given(statuses.count("unavailable"), "register"),
        ),
        Table(
            key="t-register",
            title=line("Register of assumptions, scenario ", code(base)),
            head=cells("Number", "Value", "Status", "Source"),
            rows=tuple(rows),
            widths=(2.6, 2.0, 1.0, 2.2),
            notes=(
                line("Reported: measured and published. Inferred: judged from published figures. "
                     "Assumed: chosen. Unavailable: not known, and not simulated."),
            ),
        ),
    ]  # fmt: skip


def drifts(design: Design) -> str:
    """What may drift unseen while a trial runs: the control, or where there is none, care."""
    return "standard of care" if design.control is None else "the control"


def _catalogue(evidence: Evidence) -> list[Block]:
    base = evidence.target or evidence.scenarios[0]
    reference = numbers_of(evidence, base)
    rows = []
    for _, names in per_scenario(evidence):
        for name in names:
            own = numbers_of(evidence, name)
            changed = {path: value for path, value in own.items() if reference.get(path) != value}
            gone = [path for path in reference if path not in own and not _split(path, own)]
            told = [f"{path} {value}" for path, value in changed.items()]
            told += [f"{path} none" for path in gone]
            words = "the reference" if name == base else "; ".join(told) or "the same"
            rows.append(
                row(
                    code(name),
                    evidence.role(name),
                    *_true_cells(evidence, name),
                    given(words, f"truth of {name}"),
                )
            )
    heads = _true_heads(evidence)
    roles = [role for role, _ in per_scenario(evidence)]
    evidence.trace.reported(27, "t-scenarios")
    if NULL not in roles or ALTERNATIVE not in roles:
        evidence.trace.missing(27, "a null and an alternative scenario")
    return [
        Heading(text="Scenarios", key="scenarios", level=2),
        paragraph(
            "A scenario is one truth. Nulls ask for the type I error, alternatives for the "
            "power, the others whether the design is robust. In every scenario the same "
            "participants are drawn, so that scenarios are compared in pairs."
        ),
        Table(
            key="t-scenarios",
            title=line("Scenarios, and in what each differs from ", code(base)),
            head=cells("Scenario", "Role", *heads, "What differs"),
            rows=tuple(rows),
            align=("left", "left", *("right",) * len(heads), "left"),
            widths=(1.7, 1.0, *(0.9,) * len(heads), 4.5 - 0.9 * len(heads)),
        ),
        *_conflict(evidence),
    ]


def _split(path: str, own: dict[str, str]) -> bool:
    """Whether a number is said by stratum instead, or for all strata at once."""
    return path.rpartition(".")[0] in own or any(other.startswith(f"{path}.") for other in own)


def _told(evidence: Evidence) -> Sequence[Estimand]:
    """Estimands that have room: of every arm or stratum, or else the first."""
    return evidence.estimands if len(evidence.estimands) <= MOST_TRUE else evidence.estimands[:1]


def _true_heads(evidence: Evidence) -> list[Line]:
    """Of the estimands, and of the utility where success is about that alone."""
    heads: list[Line] = []
    for estimand in _told(evidence):
        label = evidence.estimand_label(estimand)
        head = line(f"True {evidence.estimand_words()}")
        heads.append(line(head, ", ", given(label, "design: arms")) if label else head)
    weighed = claimed_utility(evidence.plan)
    if weighed is not None:
        heads.append(line("True difference in ", code(weighed.name), ", which success claims"))
    return heads or [line(f"True {evidence.estimand_words()}")]


def _true_cells(evidence: Evidence, scenario: str) -> list[Any]:
    found: list[Any] = [
        evidence.cell(scenario, "estimand", arm=one.arm, stratum=one.stratum).number()
        for one in _told(evidence)
    ]
    weighed = evidence.of_claimed_utility(scenario)
    found += [] if weighed is None else [weighed.number()]
    return found or ["–"]


def _conflict(evidence: Evidence) -> list[Block]:
    """Whether the analysis model describes the course that generates the data."""
    if all(truth.courses is None for truth in evidence.truths.values()):
        evidence.trace.missing(
            33, "a truth said as a course: here outcomes come from the analysis model itself"
        )
        return []
    evidence.trace.reported(33, "mismatch")
    return [
        Heading(text="Generating model and analysis model", key="mismatch", level=2),
        _generated(evidence),
        Items(
            lines=tuple(
                prose(
                    "{endpoint} is analysed by {model}{stop}",
                    endpoint=evidence.endpoint_words(name),
                    model=code(analysis.model),
                    stop=";" if place < len(evidence.plan.fitted) else ".",
                )
                for place, (name, (analysis, _)) in enumerate(evidence.plan.fitted.items(), 1)
            )
        ),
    ]


def _generated(evidence: Evidence) -> Block:
    """By what course participants are generated, and what the models know of it."""
    truths, design = evidence.truths.values(), evidence.design
    events = [given(event, "design: truth, crossover") for event in course_events(design, truths)]
    visits = any(truth.follow_up is not None and truth.follow_up.at_visits for truth in truths)
    intervals = any(analysis.by_intervals() for analysis, _ in evidence.plan.fitted.values())
    return paragraph(
        "Participants are generated by a course{seen} whose events are {events}; they are analysed "
        "by models that know nothing of it{but}:",
        seen=", seen at visits," if visits else "",
        events=listed(events),
        but=" but between which visits an event lies" if intervals else "",
    )


CHAPTER = Chapter(
    key="assumptions", title="Assumptions and scenarios", sections=(_catalogue, _register)
)
