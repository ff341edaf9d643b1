"""Which engine takes a design: enumeration where it is valid, simulation otherwise, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from adaptive_cart.conduct.rules import ENDS
from adaptive_cart.design.design import Design, PermutedBlocks
from adaptive_cart.design.truth import Truth
from adaptive_cart.endpoints import Landmark
from adaptive_cart.errors import EngineError
from adaptive_cart.participants.randomisation import smallest_block

Engine = Literal["auto", "exact", "simulate"]


@dataclass(frozen=True)
class Choice:
    """The engine that is taken, and why."""

    engine: Literal["exact", "simulate"]
    why: str


def choose_engine(design: Design, truths: Mapping[str, Truth], wanted: Engine) -> Choice:
    """Take the exact engine where it is valid, unless told otherwise.

    Raises
    ------
    EngineError
        If ``exact`` is asked for and not valid; the message says what stands in the way.
    """
    if wanted == "simulate":
        return Choice("simulate", "asked for")
    found = obstacles(design, truths)
    if not found:
        valid = "the truth is direct and every look has fixed counts"
        return Choice("exact", "asked for" if wanted == "exact" else valid)
    if wanted == "exact":
        listed = "\n".join(f"  - {reason}" for reason in found)
        raise EngineError(
            f"the exact engine is not valid for this design:\n{listed}\n"
            f"Use --engine simulate, or auto."
        )
    return Choice("simulate", found[0])


def obstacles(design: Design, truths: Mapping[str, Truth]) -> list[str]:
    """What stands in the way of the exact engine, each reason in words; empty if it is valid."""
    found = []
    primary = design.primary_endpoint
    if len(design.arms) != 2:
        found.append(f"the design has {len(design.arms)} arms, and tables of two are enumerated")
    if design.strata:
        found.append("within strata the numbers in each arm vary from trial to trial")
    if not isinstance(primary, Landmark):
        found.append(f"the primary endpoint is of type '{primary.type}' and not 'landmark'")
    others = [name for name in design.endpoints if name != design.primary]
    if others:
        found.append(f"endpoints beside the primary ({', '.join(others)}) need participants")
    for name, truth in truths.items():
        if truth.courses is not None:
            found.append(f"scenario '{name}' gives its truth as a participant course")
        elif truth.has_dropout and getattr(primary, "missing", None) != "non_response":
            found.append(f"dropout makes the number analysed vary (scenario '{name}')")
    if design.looks.scale != "observed":
        found.append(f"looks by {design.looks.scale} analyse a number that varies")
    if isinstance(design.randomisation, PermutedBlocks):
        block = design.randomisation.block or smallest_block(design.allocation)
        for number in analysed_at(design):
            if number % block:
                found.append(
                    f"a look at {number} cuts a block of {block}, so the numbers in each arm vary"
                )
    else:
        found.append("response-adaptive randomisation makes the numbers in each arm vary")
    analysis = design.analysis_of(design.primary)
    if analysis is None or analysis.model != "beta_binomial":
        found.append("the primary is not analysed by beta_binomial")
    for rule in design.rules:
        if rule.then not in ENDS:
            found.append(f"rule '{rule.name}' does not end the trial ({rule.then})")
        if rule.predictive is not None and rule.predictive.with_ == "enrolled":
            found.append(f"rule '{rule.name}' counts those enrolled, which depends on the calendar")
    return found


def analysed_at(design: Design) -> list[int]:
    """Numbers of participants analysed at the looks of a design by ``observed``."""
    numbers = [int(number) for number in design.looks.at]
    return [*numbers, design.enrolment.max_n] if design.looks.final is not None else numbers
