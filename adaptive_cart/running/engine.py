"""Which engine takes a design, and why: enumeration where it is valid and quick, else simulation.

What enumeration costs is known before it starts: the tables of counts of all looks, for each
scenario, and the sums over final tables that predictive rules ask for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from adaptive_cart.conduct.rules import resolve_rules
from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.errors import EngineError

Engine = Literal["auto", "exact", "simulate"]
MOST_TABLES = 1_000_000  # of all looks; about 10 seconds and 350 MB a scenario
MOST_TERMS = 20_000_000_000  # of predictive sums; about 20 seconds
PER_TABLE, PER_TERM = 5e-6, 1e-9  # seconds, on one core of 2024, to say about how long it takes
BYTES = 330  # of memory for a table
WORTH_SAYING = 5.0  # seconds of an enumeration that was asked for


@dataclass(frozen=True)
class Choice:
    """The engine that is taken, and why."""

    engine: Literal["exact", "simulate"]
    why: str

    @property
    def exact(self) -> bool:
        """Whether it enumerates."""
        return self.engine == "exact"


@dataclass(frozen=True)
class Cost:
    """What an enumeration takes.

    Attributes
    ----------
    tables
        Tables of counts of all looks.
    terms
        Products that predictive rules sum.
    seconds
        About how long it takes, over all scenarios.
    """

    tables: int
    terms: int
    seconds: float

    @property
    def small(self) -> bool:
        """Whether ``auto`` enumerates."""
        return self.tables <= MOST_TABLES and self.terms <= MOST_TERMS

    def words(self) -> str:
        """Say it: ``3,506,003 tables, about 40 seconds and 1.2 GB of memory``."""
        number = self.seconds
        long = number >= 120.0
        about = f"{number / 60:.0f} minutes" if long else f"{max(number, 1.0):.0f} seconds"
        memory = self.tables * BYTES / 1e9
        return f"{self.tables:,} tables, about {about} and {max(memory, 0.1):.1f} GB of memory"


def _drawn(design: Design, truths: Mapping[str, Truth]) -> int:
    """How many sets of external data may be drawn with a trial, all scenarios together."""
    if not design.redrawn:
        return 1
    from adaptive_cart.running.external_law import number_of_tables

    return number_of_tables(design, truths.values())


def cost_of(design: Design, scenarios: int, drawn: int = 1) -> Cost:
    """What it takes to enumerate a design for which that is valid.

    Parameters
    ----------
    drawn
        Sets of external data that may be drawn with a trial.
    """
    total = sum(design.allocation)
    by_look = [[n * ratio // total for ratio in design.allocation] for n in analysed_at(design)]
    tables = drawn * sum(math.prod(n + 1 for n in numbers) for numbers in by_look)
    last = [n + 1 for n in design.planned]
    terms = 0
    for rule in design.rules:
        predicted = sum(asked.predictive is not None for asked in rule.comparisons)
        for look in design.judged_at(rule):
            terms += drawn * predicted * _terms(by_look[look - 1], last)
    seconds = tables * PER_TABLE * (1 + scenarios) + terms * PER_TERM
    analysis = design.analysis_of(design.primary) if drawn > 1 else None
    if analysis is not None:  # a prior is made of each set that is drawn
        priors = analysis.borrowed(design.arm_names).values()
        seconds += drawn * sum(prior.seconds for prior in priors)
    return Cost(tables, terms, seconds)


def _terms(now: list[int], last: list[int]) -> int:
    """Products that a predictive rule sums at a look; so many outcomes at the last, by arm."""
    if len(now) == 1:
        return (now[0] + 1) * last[0]
    (control, arm), (first, other) = now, last
    return (arm + 1) * first * (other + control + 1)


def choose_engine(design: Design, truths: Mapping[str, Truth], wanted: Engine) -> Choice:
    """Take the exact engine where it is valid and quick, unless told otherwise.

    Raises
    ------
    EngineError
        If ``exact`` is asked for and not valid; the message says what stands in the way.
    """
    if wanted == "simulate":
        return Choice("simulate", "asked for")
    found = obstacles(design, truths, anew=design.adjusted_estimates is None)
    if not found:
        cost = cost_of(design, len(truths), _drawn(design, truths))
        if wanted == "exact":
            told = f": {cost.words()}" if cost.seconds >= WORTH_SAYING else ""
            return Choice("exact", f"asked for{told}")
        if not cost.small:
            return Choice(
                "simulate", f"exact would enumerate {cost.words()}; --engine exact does it"
            )
        return Choice("exact", "the truth is direct and every look has fixed counts")
    if wanted == "exact":
        listed = "\n".join(f"  - {reason}" for reason in found)
        raise EngineError(
            f"the exact engine is not valid for this design:\n{listed}\n"
            f"Use --engine simulate, or auto."
        )
    return Choice("simulate", found[0])


def is_enumerated(
    wanted: Engine, refusal: str, why_not: Callable[[], Sequence[str]], small: Callable[[], bool]
) -> bool:
    """Whether an error is enumerated: where it can be, and is small unless that is asked for.

    Parameters
    ----------
    refusal
        What an error begins with, where it is asked for and cannot be.
    why_not
        What stands in the way, each reason in words.
    small
        Whether it is done where nobody asks for it.

    Raises
    ------
    EngineError
        If ``exact`` is asked for and not valid.
    """
    if wanted == "simulate":
        return False
    found = why_not()
    if wanted == "exact" and found:
        listed = "\n".join(f"  - {reason}" for reason in found)
        raise EngineError(f"{refusal}:\n{listed}")
    return not found and (wanted == "exact" or small())


def obstacles(
    design: Design, truths: Mapping[str, Truth], anew: bool = False, strata: bool = False
) -> list[str]:
    """What stands in the way of the exact engine, each reason in words; empty if it is valid.

    Parameters
    ----------
    anew
        Whether it sums over all external data that may be drawn with a trial.
    strata
        Whether it sums over the numbers that each arm may have in each stratum.
    """
    found = []
    primary = design.primary_endpoint
    if len(design.arms) > 2:
        found.append(f"the design has {len(design.arms)} arms, and tables of two are enumerated")
    elif design.several:
        found.append(f"each of {len(design.arms)} arms may end by itself, with its own numbers")
    moving = [name for name, arm in design.arms.items() if arm.moments()]
    if moving:
        found.append(f"the numbers in {', '.join(moving)} hang on the calendar")
    if design.first_part is not None:
        found.append("the first part has arms and numbers of its own")
    if design.strata and not strata:
        found.append("within strata the numbers in each arm vary from trial to trial")
    if not primary.binary or primary.known_after() is None:
        found.append(f"the primary endpoint is of type '{primary.type}' and not 'landmark'")
    if any(truth.follow_up is not None for truth in truths.values()):
        found.append("visits and delays of reports are of each participant")
    if design.costs is not None:
        found.append("costs are of everybody randomised, and tables hold those analysed alone")
    others = [name for name in design.endpoints if name != design.primary]
    if others:
        found.append(f"endpoints beside the primary ({', '.join(others)}) need participants")
    for name, truth in truths.items():
        if truth.courses is not None:
            found.append(f"scenario '{name}' gives its truth as a participant course")
        elif truth.has_dropout and (primary.known_after() is None or not primary.dropout_counts()):
            found.append(f"dropout makes the number analysed vary (scenario '{name}')")
        if truth.trends:
            drifting = ", ".join(truth.trends)
            found.append(f"probabilities drift with the calendar ({drifting}, scenario '{name}')")
        if truth.mixture is not None:
            of = ", ".join(truth.mixture.names)
            found.append(f"parts of the participants fare otherwise ({of}, scenario '{name}')")
    if not design.looks.counts.when_followed:
        found.append(f"looks by {design.looks.scale} analyse a number that varies")
    elif design.looks.apart:
        found.append(f"looks with {design.looks.apart} analyse a number that varies")
    lists = design.randomisation.by_lists
    if lists is not None:
        block = lists.block_of(design.allocation)
        for number in analysed_at(design):
            if number % block and not strata:
                found.append(
                    f"a look at {number} cuts a block of {block}, so the numbers in each arm vary"
                )
    else:
        found.append("response-adaptive randomisation makes the numbers in each arm vary")
    analysis = design.analysis_of(design.primary)
    if analysis is None or not analysis.of_tables:
        name = "no model" if analysis is None else analysis.model
        found.append(f"the primary is analysed by {name}, and not by counts alone")
    for name in design.redrawn:
        if not anew:
            found.append(f"'{name}' is drawn anew in every trial (redrawn)")
        elif design.external[name].endpoint != design.primary:
            found.append(f"'{name}' is drawn anew, and is not of the primary")
        elif design.external[name].rows is not None:
            found.append(f"'{name}' is a table whose numbers as observed are not whole")
    for name in design.utility:
        found.append(f"the utility '{name}' is measured, for which participants are needed")
    for rule in design.rules:
        if rule.decision.ends is None:
            found.append(f"rule '{rule.name}' does not end the trial ({rule.then})")
        if any(a.predictive and a.predictive.of_enrolled for a in rule.comparisons):
            found.append(f"rule '{rule.name}' counts those enrolled, which depends on the calendar")
        about = list(
            dict.fromkeys(name for asked in rule.asked for name in design.endpoints_of(asked.about))
        )
        if len(about) > 1:
            found.insert(
                0,
                f"rule '{rule.name}' asks about {' and '.join(about)} together: tables of each "
                f"endpoint by itself do not say how often both hold, so participants are needed",
            )
    for resolved in resolve_rules(design) if analysis is not None else ():
        assert analysis is not None
        ahead = [(part.prediction, part.question) for part in resolved.parts]
        if not all(p is None or p.summed(analysis, question) for p, question in ahead):
            found.append(f"what rule '{resolved.name}' predicts is drawn, and not enumerated")
    return found


def analysed_at(design: Design) -> list[int]:
    """Numbers of participants analysed at the looks of a design by ``observed``."""
    numbers = [int(number) for number in design.looks.at]
    return [*numbers, design.enrolment.max_n] if design.looks.final is not None else numbers


def numbers_at(design: Design) -> list[tuple[int, tuple[int, ...]]]:
    """The same look by look: its number, and the participants of each arm."""
    total = sum(design.allocation)
    return [
        (number, tuple(n * ratio // total for ratio in design.allocation))
        for number, n in enumerate(analysed_at(design), start=1)
    ]
