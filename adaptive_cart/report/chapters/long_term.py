"""Long-term follow-up: what years of it will see, and what it means to have seen nothing."""

from __future__ import annotations

import itertools
from dataclasses import replace

from adaptive_cart.design.long_term import LongTermFollowUp
from adaptive_cart.report.document import (
    Block,
    Heading,
    Line,
    Number,
    Reference,
    Row,
    Table,
    cells,
    code,
    line,
    listed,
    paragraph,
    row,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import Kind, given
from adaptive_cart.report.pictures import figures_of
from adaptive_cart.results.long_term import counted

IN_NUMBERS = 70  # number of the item
WIDEST = 8  # columns of a page that stands upright


def long_term(evidence: Evidence) -> list[Block]:
    """A paragraph and a table, where the design has long-term follow-up."""
    asked = evidence.design.long_term_follow_up
    if asked is None:
        return []
    evidence.trace.reported(IN_NUMBERS, "long-term", "t-long-term")
    where = "long_term_follow_up"
    names = [code(name) for name in counted(evidence.design)]
    years: list[Line] = [line(given(f"{year:g}", f"design: {where}")) for year in asked.moments]
    return [
        Heading(text="Long-term follow-up", key="long-term", level=2),
        paragraph(
            "Whoever is infused (in arms without infusion, whoever is randomised) is followed for "
            "{years} years, until death or loss to follow-up, which is {lost} a year; leaving the "
            "trial does not end it. {events} are counted, at the rates of the truth, which stay as "
            "they are. After {told} years, {time} has the participant-years that the simulated "
            "trials lead to, and {events_table} the events. An event that is not seen at all has "
            "a yearly rate below the bound with {sure} confidence: that rate would have been seen "
            "at least once with probability {sure}.",
            years=evidence.setting(f"{asked.years:g}", f"{where}.years"),
            lost=evidence.setting(asked.lost.per_year, f"{where}.lost.per_year"),
            events=listed(list(names)),
            time=Reference("t-long-term"),
            events_table=Reference("t-long-term-events"),
            told=listed(years),
            sure=given("95%", "the bound's definition"),
        ),
        *_tables(evidence, asked),
        *figures_of(evidence, "long_term"),
    ]


def _tables(evidence: Evidence, asked: LongTermFollowUp) -> list[Block]:
    """Participant-years and bounds, then events, both by year."""
    design = evidence.design
    at = [f"{year:g}" for year in asked.moments]
    time: list[Row] = []
    events: list[Row] = []
    for scenario, arm in itertools.product(evidence.scenarios, design.arm_names):

        def shown(measure: str, scenario: str = scenario, arm: str = arm) -> Number:
            found = evidence.cell(scenario, f"long_term_{measure}", arm=arm)
            kind: Kind = "mean" if found.figure.estimate >= 1.0 else "probability"
            return replace(found, kind=kind).number()

        who = (code(scenario), evidence.arm_named(arm))
        both = [(shown(f"years_{y}"), shown(f"bound_{y}")) for y in at]
        time.append(row(*who, *itertools.chain(*both)))
        for name in counted(design):
            seen = [(shown(f"events_{name}_{y}"), shown(f"any_{name}_{y}")) for y in at]
            events.append(row(*who, code(name), *itertools.chain(*seen)))
    return [
        _table("t-long-term", "participant-years, and the bound if none is seen", at, time,
               ("Scenario", "Arm"), ("participant-years", "bound")),
        _table("t-long-term-events", "events expected, and the probability of any", at, events,
               ("Scenario", "Arm", "Event"), ("expected", "any")),
    ]  # fmt: skip


def _table(
    key: str,
    what: str,
    years: list[str],
    rows: list[Row],
    first: tuple[str, ...],
    of_year: tuple[str, str],
) -> Table:
    heads = [
        line("Year ", given(year, "design: long_term_follow_up"), f": {head}")
        for year in years
        for head in of_year
    ]
    return Table(
        key=key,
        title=line(f"Long-term follow-up: {what}"),
        head=(*cells(*first), *heads),
        rows=tuple(rows),
        align=("left",) * len(first) + ("right",) * len(heads),
        widths=(*(1.6 if name != "Event" else 2.8 for name in first), *(1.0,) * len(heads)),
        wide=len(first) + len(heads) > WIDEST,
    )
