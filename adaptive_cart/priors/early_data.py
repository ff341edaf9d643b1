"""Participants of an early, usually single-arm trial as priors for the next trial's arm.

A response seen in r of n early participants is worth Beta(1 + r, 1 + n - r) to who believes it.
Who does not quite mixes it with a Beta(1, 1) of weight ``skeptical``, so that the next trial's own
data can overrule it (a robust prior, Schmidli et al. 2014, Biometrics 70:1023).  For durability,
where a design file holds no mixtures, the early likelihood is discounted instead
(`durability_prior`).

Early trials have often promised more than later ones kept: they are small, from few centres,
without control, and their best arm is the one that goes on.  A prior without any discount is for
who has reason to think that this one is different.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError, Problem, nearest, one_of
from adaptive_cart.models.binary.beta_binomial import BetaBinomial, BetaMixture
from adaptive_cart.models.binary.beta_mixture_fit import rounded
from adaptive_cart.models.binary.effective_sample_size import effective_sample_sizes
from adaptive_cart.models.durability.weibull_cure_analysis import WeibullCureAnalysis
from adaptive_cart.models.rates.gamma_poisson_analysis import GammaPoissonAnalysis
from adaptive_cart.nouns.counters import Labels
from adaptive_cart.nouns.records import Snapshot
from adaptive_cart.nouns.summaries import Counts, Durations, Exposure
from adaptive_cart.priors.durability_prior import VAGUE, DurabilityPriors, durability_priors
from adaptive_cart.priors.texts import beta_lines, comment, durability_lines
from adaptive_cart.recorded.dates import Day, cut_at, opening
from adaptive_cart.recorded.file import read_participants

VAGUE_RATE = (0.5, 0.1)  # half an event in a tenth of a patient-year


@dataclass(frozen=True)
class EarlyResponse:
    """The prior of a binary endpoint.

    Attributes
    ----------
    responders, participants
        In the early data, analysed as the design analyses the endpoint.
    prior
        As it is written to the design file, rounded.
    planned
        Participants planned in the arm.
    """

    endpoint: str
    arm: str
    responders: int
    participants: int
    prior: BetaMixture
    planned: int

    def lines(self) -> list[str]:
        """The table of the design file, with what it rests on."""
        worth = effective_sample_sizes(self.prior, self.planned).words()
        seen = f"{self.responders} of {self.participants} in '{self.arm}'"
        said = f"{self.endpoint}: {seen}; worth {worth}"
        return [
            *comment(said),
            f"[analysis.{self.endpoint}]",
            'model = "beta_binomial"',
            *beta_lines(self.prior, f"prior.{self.arm}"),
        ]


@dataclass(frozen=True)
class EarlyDurability:
    """The priors of ``weibull_cure``.

    Attributes
    ----------
    remitters, relapses, months
        Seen, and months in remission altogether.
    """

    endpoint: str
    arm: str
    remitters: int
    relapses: int
    months: float
    priors: DurabilityPriors

    def lines(self) -> list[str]:
        """The table of the design file, with what it rests on."""
        said = (
            f"{self.endpoint}: {self.relapses} relapses in {self.remitters} remitters of "
            f"'{self.arm}', followed {self.months:.1f} months altogether. In a design these priors "
            "are those of every arm."
        )
        return [
            *comment(said),
            f"[analysis.{self.endpoint}]",
            'model = "weibull_cure"',
            *durability_lines(self.priors),
        ]


@dataclass(frozen=True)
class EarlyRate:
    """The gamma prior of a yearly rate.

    Attributes
    ----------
    events, years
        Seen, and patient-years of follow-up.
    a, b
        Shape and rate of the prior: so many events in so many patient-years.
    """

    endpoint: str
    arm: str
    events: int
    years: float
    a: float
    b: float

    def lines(self) -> list[str]:
        """The table of the design file, with what it rests on."""
        said = (
            f"{self.endpoint}: {self.events} events in {self.years:.1f} patient-years of "
            f"'{self.arm}'; worth {self.b:.1f} patient-years. In a design this prior is that of "
            "every arm."
        )
        return [
            *comment(said),
            f"[analysis.{self.endpoint}]",
            'model = "gamma_poisson"',
            *beta_lines(BetaMixture.single(self.a, self.b), "prior"),
        ]


@dataclass(frozen=True)
class EarlyPriors:
    """Priors for the next trial from the participants of an early one.

    Attributes
    ----------
    left_out
        Endpoints that no prior is made for, each with the reason.
    unseen
        How many in the arm are under follow-up and were last seen before the date.
    """

    source: str
    arm: str
    participants: int
    date: float
    skeptical: float
    responses: tuple[EarlyResponse, ...]
    durability: tuple[EarlyDurability, ...]
    rates: tuple[EarlyRate, ...]
    left_out: tuple[str, ...]
    unseen: int = 0

    def toml(self) -> str:
        """The lines for a design file, as text; comments say what they rest on."""
        return "\n".join(self._lines()) + "\n"

    def __str__(self) -> str:
        return self.toml()

    def _lines(self) -> Iterator[str]:
        discount = (
            f"discounted by skeptical = {self.skeptical:g}: a Beta(1, 1) of that weight is mixed "
            "in, and of relapse times and yearly rates that share is not believed"
            if self.skeptical
            else "not discounted"
        )
        yield from comment(
            f"Priors from {self.source}: {self.participants} participants in '{self.arm}', as "
            f"known at month {self.date:.1f}; {discount}."
        )
        if self.unseen:
            yield from comment(
                f"{self.unseen} of them have not withdrawn and were last seen before that month: "
                "their follow-up ends there, and an outcome that was due later is missing."
            )
        for response in self.responses:
            yield from ("", *response.lines())
        for durability in self.durability:
            yield from ("", *durability.lines())
        for rate in self.rates:
            yield from ("", *rate.lines())
        if self.left_out:
            yield ""
            yield from comment("Without a prior from these data: " + "; ".join(self.left_out) + ".")


def early_priors(
    design: Design,
    source: Any,
    *,
    arm: str | None = None,
    date: float | str | None = None,
    opened: Day | None = None,
    skeptical: float = 0.0,
) -> EarlyPriors:
    """Turn early participants into priors for an arm of a design.

    Parameters
    ----------
    source
        A participants table: a CSV file, a data frame, or a list with a dictionary a participant.
        Its arms are arms of the design.
    arm
        The arm whose participants are used; needed where the table holds several.
    date
        Calendar month, or date, at which the early trial is looked at; the end of the table if left
        out.
    opened
        The day on which that trial opened; needed where the table has dates.
    skeptical
        How much of the early data is not believed, from 0 to 1.

    Raises
    ------
    InputError
        With every problem of the table, or of the other arguments.
    """
    problems = []
    if not 0.0 <= skeptical <= 1.0:
        problems.append(Problem("--skeptical", f"found {skeptical:g}; from 0 to 1 is expected"))
    if arm is not None and arm not in design.arm_names:
        problems.append(
            Problem(
                "--arm",
                f"no arm '{arm}' in the design{nearest(arm, design.arm_names)}; "
                f"the arms are {one_of(design.arm_names)}",
            )
        )
    if problems:
        raise DesignError(problems)
    day = opening(opened)
    participants = read_participants(source, design, opened=day)
    position = _arm(design, participants.arm, arm)
    cut = cut_at(date, day)
    when = participants.reach if cut is None else cut
    population = participants.population(when)
    entered = int((participants.randomised <= when).sum())
    if entered == 0:
        raise DesignError([Problem("--as-of", f"nobody is randomised by month {when:g}")])
    snapshot = Snapshot(np.array([when]), np.array([entered]), population)
    plan = Plan.of(design)
    responses, durability, rates, left_out = [], [], [], []
    for name, endpoint in design.endpoints.items():
        fitted = plan.fitted.get(name)
        if fitted is None:
            left_out.append(f"{name} (described only)")
            continue
        analysis, model = fitted
        known = WeibullCureAnalysis | GammaPoissonAnalysis
        if not (isinstance(model, BetaBinomial) or isinstance(analysis, known)):
            left_out.append(f"{name} ({analysis.model})")
            continue
        summary = endpoint.summary(endpoint.prepare(name, population), snapshot)
        if isinstance(model, BetaBinomial):
            assert isinstance(summary, Counts)
            seen = int(summary.totals[0, position].sum())
            events = int(summary.successes[0, position].sum())
            if seen == 0:
                left_out.append(f"{name} (nobody has passed its month)")
                continue
            prior = response_prior(events, seen, skeptical)
            planned = design.planned[position]
            responses.append(
                EarlyResponse(name, design.arm_names[position], events, seen, prior, planned)
            )
        elif isinstance(analysis, WeibullCureAnalysis):
            assert isinstance(summary, Durations)
            durability.append(
                _durability(name, design.arm_names[position], summary, position, skeptical)
            )
        else:
            assert isinstance(summary, Exposure)
            seen = int(summary.events[0, position].sum())
            years = float(summary.years[0, position].sum())
            a, b = rate_prior(seen, years, skeptical)
            rates.append(EarlyRate(name, design.arm_names[position], seen, years, a, b))
    return EarlyPriors(
        participants.source,
        design.arm_names[position],
        int((participants.arm[participants.randomised <= when] == position).sum()),
        when,
        skeptical,
        tuple(responses),
        tuple(durability),
        tuple(rates),
        tuple(left_out),
        int((participants.unseen(when) & (participants.arm == position)).sum()),
    )


def response_prior(responders: int, participants: int, skeptical: float) -> BetaMixture:
    """Prior of a response seen in some of the early participants, as a design file holds it."""
    if not 0 <= responders <= participants:
        raise ValueError(f"{responders} responders of {participants} participants")
    a, b = 1.0 + responders, 1.0 + participants - responders
    if skeptical == 0.0:
        return rounded(BetaMixture.single(a, b))
    if skeptical == 1.0:
        return BetaMixture.single(1.0, 1.0)
    return rounded(BetaMixture((1.0 - skeptical, skeptical), (a, 1.0), (b, 1.0)))


def believed_prior(responders: int, participants: int, believe: float) -> BetaMixture:
    """Prior from early counts that are multiplied by how far they are believed.

    One beta, Beta(1 + believe r, 1 + believe (n - r)), rounded as a design file holds it: believed
    wholly it is that of :func:`response_prior`, and not at all it is flat.
    """
    if not 0 <= responders <= participants:
        raise ValueError(f"{responders} responders of {participants} participants")
    if not 0.0 <= believe <= 1.0:
        raise ValueError(f"believe is {believe:g}; from 0 to 1 is expected")
    failures = participants - responders
    return rounded(BetaMixture.single(1.0 + believe * responders, 1.0 + believe * failures))


def takes_counts(design: Design) -> bool:
    """Whether counts of the primary endpoint may be a prior of the design's model of it."""
    fitted = Plan.of(design).fitted.get(design.primary)
    return fitted is not None and isinstance(fitted[1], BetaBinomial)


def rate_prior(events: int, years: float, skeptical: float) -> tuple[float, float]:
    """Shape and rate of the gamma prior of a yearly rate seen in early patient-years."""
    if events < 0 or not years >= 0.0:
        raise ValueError(f"{events} events in {years} patient-years")
    believed = 1.0 - skeptical
    return VAGUE_RATE[0] + believed * events, VAGUE_RATE[1] + believed * years


def _durability(
    name: str, arm: str, summary: Durations, position: int, skeptical: float
) -> EarlyDurability:
    mine = summary.included[0] & (summary.arm[0] == position)
    months, relapsed = summary.months[0][mine], summary.event[0][mine]
    return EarlyDurability(
        name,
        arm,
        len(months),
        int(relapsed.sum()),
        float(months.sum()),
        durability_priors(months, relapsed, skeptical, VAGUE),
    )


def _arm(design: Design, arms: Labels, arm: str | None) -> int:
    """Position of the arm whose participants are used."""
    there = [design.arm_names[k] for k in np.unique(arms)]
    if arm is None:
        if len(there) > 1:
            message = f"the table holds the arms {one_of(there)}; say which one is meant"
            raise DesignError([Problem("--arm", message)])
        return design.arm_names.index(there[0])
    if arm not in there:
        message = f"nobody in the table is in arm '{arm}'; its arms are {one_of(there)}"
        raise DesignError([Problem("--arm", message)])
    return design.arm_names.index(arm)
