"""The true value of an estimand in a scenario: what bias and coverage are measured against.

A direct truth gives it in closed form. The truth of a course is integrated over the latent uniforms
by randomised quasi-Monte Carlo: the very code that follows simulated participants is run on
scrambled Sobol points (Owen 1998, J Complexity 14:466), all arms and strata on the same points, and
the spread over independent scrambles is the Monte Carlo standard error that is reported with the
value. They are those of SciPy's generator, whose scrambling and direction numbers are well tried.

An average over strata weighs each by its share of the average's own denominator: remitters for a
time to relapse, the infused for an adverse event, those not missing where the missing are left out,
patient-years for a rate of events. A model that averages over strata by their shares of enrolment
(`logistic`, `hierarchical_logistic`) is asked about that average, whatever the denominator.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.design.truth import Truth
from adaptive_cart.nouns.questions import ALL, BETTER, LEVEL, OPEN, Quantity, Question
from adaptive_cart.nouns.ranked import better, common_odds_ratio, or_better
from adaptive_cart.nouns.records import Floats
from adaptive_cart.nouns.sobol_points import BITS, ScrambledSobol
from adaptive_cart.nouns.streams import Latents
from adaptive_cart.results.hazard_ratios import HazardRatios
from adaptive_cart.results.sampled_cells import (
    KnownCells,
    Measured,
    endpoint_cells,
    follow_together,
    sampled_cells,
)
from adaptive_cart.results.true_quantities import (
    Known,
    counted_of,
    exactly_known,
    lasting,
    only_said,
    proportions,
)
from adaptive_cart.results.true_value import Cells, TrueValue, told

SCRAMBLES = 16
POINTS = 2**16
AT_A_TIME = 2**16  # points
# the first dimensions of a Sobol sequence are the most even, so the most often decisive come first
PURPOSES = (
    "remission",
    "remission_onset",
    "cured",
    "relapse",
    "dropout",
    "rescue",
    "infusion_failure",
    "infusion_delay",
    "death",
    "remission_on_drugs",
    "remission_on_drugs_onset",
    "crossover",
    "crossover:infusion_failure",
    "crossover:infusion_delay",
    "crossover:remission",
    "crossover:remission_onset",
    "crossover:cured",
    "crossover:relapse",
    "crossover:rescue",
    "crossover:dropout",
    "crossover:death",
)
DIMENSIONS = len(PURPOSES) + 1
SEED = 20_070_917


@dataclass(frozen=True)
class TrueValues:
    """True values of a scenario.

    Attributes
    ----------
    arms
        How many there are.
    cells
        By endpoint: the mean outcome under unlimited follow-up.
    known
        What questions are made of, averaged as the endpoint's model averages.
    ratios
        By endpoint: hazard ratios of any two arms.
    categories
        By ordinal endpoint: the probability of each category, the worst first.
    allocation
        Participants of each arm, in proportion; where it is left out, of each alike.
    windows
        Where probabilities drift with the calendar, by the arms of a comparison: the true values
        over those randomised while all of them are open. What is said of one arm is over its own.
    """

    arms: int
    cells: Mapping[str, Cells]
    known: Mapping[Known, Cells]
    ratios: Mapping[str, HazardRatios]
    categories: Mapping[str, tuple[Cells, ...]] = field(default_factory=dict)
    allocation: tuple[int, ...] = ()
    windows: Mapping[frozenset[int], TrueValues] = field(default_factory=dict)

    @cached_property
    def by_arm(self) -> dict[str, tuple[TrueValue, ...]]:
        """By endpoint, then arm: the mean outcome over all strata."""
        return {name: tuple(map(of.level, of.arms)) for name, of in self.cells.items()}

    def levels(self, endpoint: str) -> list[float]:
        """Value of the mean outcome over all strata, by arm."""
        return [level.value for level in self.by_arm[endpoint]]

    @cached_property
    def by_stratum(self) -> dict[str, tuple[tuple[TrueValue, ...], ...]]:
        """The same by endpoint, arm, stratum."""
        return {
            name: tuple(tuple(of.level(a, (s,)) for s in range(len(of.shares))) for a in of.arms)
            for name, of in self.cells.items()
        }

    def quantity(
        self, question: Question, open_strata: Sequence[int] | None = None
    ) -> TrueValue | None:
        """True value of what a question is about; nothing where the scenario does not say it.

        Arms are integrated over the same participants.

        Parameters
        ----------
        open_strata
            Positions over which a question about the open strata averages; all if left out.
        """
        if self.windows and question.minus is not None:
            both = self.windows[frozenset((question.arm, question.minus))]
            return both.quantity(question, open_strata)
        strata = None if open_strata is None else tuple(open_strata)
        if question.stratum != OPEN:
            strata = None if question.stratum == ALL else (question.stratum,)
        values = []
        for needed in question.quantities(self.arms):
            if needed.endpoint in self.categories and needed.name != LEVEL:
                values.append(self._of_categories(needed, strata))
                continue
            if needed.to is not None:  # known of two arms together, with an error of its own
                return self._ratio(needed, strata)
            cells = self.known.get((needed.endpoint, needed.name, needed.point))
            if cells is None:
                return None
            values.append(cells.of(needed.arm, strata))
        return told(question.combine(values))

    def _of_categories(self, needed: Quantity, strata: tuple[int, ...] | None) -> Floats:
        """Of an ordinal outcome: of a category or a better one, to do better, an odds ratio."""
        cells = self.categories[needed.endpoint]
        own, other = (
            np.stack([each.of(arm, strata) for each in cells], axis=-1)
            for arm in (needed.arm, needed.arm if needed.to is None else needed.to)
        )
        if needed.category is not None:
            return or_better(own, needed.category.place)
        if needed.name == BETTER:
            return better(own, other)
        parts = self.allocation or (1,) * self.arms
        assert needed.to is not None
        return common_odds_ratio(own, other, (parts[needed.arm], parts[needed.to]))

    def _ratio(self, needed: Quantity, strata: tuple[int, ...] | None) -> TrueValue | None:
        ratios = self.ratios.get(needed.endpoint)
        if ratios is None or needed.to is None:
            return None
        everywhere = range(len(ratios.truth.strata))
        return ratios.of(needed.arm, needed.to, everywhere if strata is None else strata)


class SobolLatents(Latents):
    """Latent uniforms from scrambled Sobol points: a trial is a scramble, a participant a point."""

    def __init__(self, seed: int = SEED, scrambles: int = SCRAMBLES, points: int = POINTS) -> None:
        super().__init__(seed, 0, scrambles, points)
        self.cells = KnownCells()

    def dimension(self, purpose: str) -> int:
        """Dimension of a purpose: fixed, so that no value depends on what was asked before."""
        if purpose in PURPOSES:
            return PURPOSES.index(purpose)
        # events and direct outcomes share a dimension: nothing is made of two of them
        return len(PURPOSES) if purpose.startswith(("event:", "outcome:")) else DIMENSIONS

    def of(self, purpose: str, width: int | None = None) -> Floats:
        """Uniforms of every point for one purpose, ``(scramble, point)``, read only."""
        return self.of_scrambles(purpose, slice(None))

    def of_scrambles(self, purpose: str, chosen: slice) -> Floats:
        """The same of some scrambles."""
        dimension = self.dimension(purpose)
        if dimension < DIMENSIONS:
            values = self.points(dimension, chosen)
        else:  # plain uniforms come in whole lots, and there are as many points as there are
            values = super().of(purpose)[chosen, : self.participants]
        values.setflags(write=False)
        return values

    def points(self, dimension: int, chosen: slice) -> Floats:
        """Points of some scrambles in one dimension, ``(scramble, point)``; none is kept."""
        steps = self._sobol.steps(dimension, chosen, self.participants)
        uniforms: Floats = steps * np.float64(2.0**-BITS)
        return uniforms

    @cached_property
    def _sobol(self) -> ScrambledSobol:
        return ScrambledSobol.of(DIMENSIONS, [self.seed + k for k in range(self.trials)])

    def by_few(self) -> Iterator[FewScrambles]:
        """All scrambles, a few at a time: as many as stay in a processor's cache."""
        few = max(1, AT_A_TIME // self.participants)
        for first in range(0, self.trials, few):
            yield FewScrambles(self, slice(first, min(first + few, self.trials)))


class FewScrambles(Latents):
    """Some of the scrambles of latent uniforms."""

    def __init__(self, whole: SobolLatents, chosen: slice) -> None:
        super().__init__(whole.seed, 0, chosen.stop - chosen.start, whole.participants)
        self.whole = whole
        self.chosen = chosen

    def of(self, purpose: str, width: int | None = None) -> Floats:
        """Uniforms of their points for one purpose, ``(scramble, point)``, read only."""
        if purpose not in self._kept:
            self._kept[purpose] = self.whole.of_scrambles(purpose, self.chosen)
        return self._kept[purpose]


def true_values(
    design: Design,
    truth: Truth,
    latents: SobolLatents | None = None,
    also: Sequence[Question] = (),
    with_ratios: bool = True,
    only_claimed: Plan | None = None,
    plan: Plan | None = None,
) -> TrueValues:
    """True mean outcomes of every endpoint by arm, and their differences from the control.

    Parameters
    ----------
    latents
        Points to integrate over; pass the same to several scenarios to draw them once.
    also
        Questions that are neither estimated nor claimed, and of which it is wanted too.
    with_ratios
        Whether hazard ratios are wanted, which may have to be simulated.
    only_claimed
        The design's plan, where only what it estimates or claims is wanted.
    plan
        The design's plan, if it is known.
    """
    points = latents or SobolLatents()
    if truth.changes:
        return _by_window(design, truth, points, also, with_ratios, only_claimed)
    # of a duration a question is about what lasts, at its own month
    needed = _needed(design, also, only_claimed or plan)
    names = list(design.endpoints)
    if only_claimed is not None:
        asked = {design.primary, *(quantity.endpoint for quantity in needed)}
        names = [name for name in names if name in asked]
    cells = _cells(design, truth, points, names)
    known: dict[Known, Cells] = {}
    for name, found in cells.items():
        analysis = design.analysis_of(name)
        if not design.endpoints[name].gives.lasts:
            by_shares = analysis is not None and analysis.by_stratum
            found = _with_external(design, truth, name, found)
            known[name, LEVEL, math.inf] = found.by_shares() if by_shares else found
    known |= lasting(design, truth, points, needed)
    known |= proportions(design, truth, points, needed)
    categories = _categories(design, truth, points, names)
    ratios = _ratios(design, truth, needed if with_ratios else ())
    return TrueValues(len(truth.arms), cells, known, ratios, categories, design.allocation)


def _by_window(
    design: Design,
    truth: Truth,
    points: SobolLatents,
    also: Sequence[Question],
    with_ratios: bool,
    only_claimed: Plan | None,
) -> TrueValues:
    """True values where probabilities drift, averaged over those randomised while arms are open."""
    arms = range(len(truth.arms))
    known: dict[bytes, TrueValues] = {}  # by months: often those of several windows are the same

    def over(*among: int) -> TrueValues:
        months = design.open_months(truth.accrual.pace, among)
        if months.tobytes() not in known:
            settled = truth.averaged_over(months)
            known[months.tobytes()] = true_values(
                design, settled, points, also, with_ratios, only_claimed
            )
        return known[months.tobytes()]

    own = [over(arm) for arm in arms]

    def of_own(cells: Sequence[Cells]) -> Cells:
        values = np.stack([each.values[:, arm] for arm, each in enumerate(cells)], axis=1)
        return replace(cells[0], values=values)

    pairs = itertools.combinations_with_replacement(arms, 2)
    return replace(
        own[0],
        cells={name: of_own([one.cells[name] for one in own]) for name in own[0].cells},
        known={key: of_own([one.known[key] for one in own]) for key in own[0].known},
        categories={
            key: tuple(of_own(by) for by in zip(*(one.categories[key] for one in own), strict=True))
            for key in own[0].categories
        },
        windows={frozenset(pair): over(*pair) for pair in pairs},
    )


def _with_external(design: Design, truth: Truth, endpoint: str, cells: Cells) -> Cells:
    """The same, and behind the arms the external data that they are compared with."""
    if not design.comparators:
        return cells
    unknown = (math.nan,) * len(truth.shares)
    rates = [truth.external.get((endpoint, name), unknown) for name in design.comparators]
    return cells.with_arms(Cells(np.array(rates)[None], truth.shares))


def _needed(design: Design, also: Sequence[Question], known: Plan | None = None) -> list[Quantity]:
    """What is needed for what is estimated, and for what the success rules ask or predict."""
    plan = Plan.of(design) if known is None else known
    claimed = [q for rule in plan.rules if rule.decision.claims for q in rule.claimed]
    weighed = [utility.question for utility in plan.utilities]
    asked = [estimand.question for estimand in plan.estimands] + claimed + weighed + [*also]
    arms = len(design.arm_names)
    return [needed for question in asked for needed in question.quantities(arms)]


def _ratios(design: Design, truth: Truth, wanted: Sequence[Quantity]) -> dict[str, HazardRatios]:
    """Hazard ratios of the endpoints of which one is wanted."""
    found: dict[str, HazardRatios] = {}
    for needed in wanted:  # what is simulated is simulated here, and not by every worker
        name = needed.endpoint
        fed = truth.courses is not None and design.endpoints[name].from_course
        if design.endpoints[name].category_names():
            continue
        if needed.to is not None and (name in truth.direct or fed):
            ratios = found.setdefault(name, HazardRatios(design, truth, name))
            everywhere = range(len(truth.strata))
            one = [needed.stratum] if needed.stratum >= 0 else everywhere
            ratios.of(needed.arm, needed.to, one)
    return found


# ── ordinal outcomes ──────────────────────────────────────────────────────────────────────────
def _categories(
    design: Design, truth: Truth, points: SobolLatents, names: Sequence[str]
) -> dict[str, tuple[Cells, ...]]:
    """By ordinal endpoint: the probability of each category by arm and stratum."""
    found: dict[str, tuple[Cells, ...]] = {}
    for name in names:
        endpoint = design.endpoints[name]
        places = range(len(endpoint.category_names()))
        if not places:
            continue
        said, course = truth.direct.get(name), truth.courses is not None
        exact = None
        if said is not None and truth.mixture is None:
            exact = endpoint.shares(said, np.array(truth.dropout), course)
        if exact is not None:
            values = {place: exact[None, ..., place] for place in places}
        else:
            world = truth.without(endpoint.absent())
            measured: dict[int, Measured] = {
                place: partial(endpoint.share, name, place=place) for place in places
            }
            values = sampled_cells(design, world, measured, points)
        counted = counted_of(design, truth, [name], points) if len(truth.strata) > 1 else {}
        found[name] = tuple(
            Cells(values[place], truth.shares, counted.get(name)) for place in places
        )
    return found


# ── means over participants ───────────────────────────────────────────────────────────────────
def _cells(
    design: Design, truth: Truth, points: SobolLatents, names: Sequence[str]
) -> dict[str, Cells]:
    """By endpoint: its true mean by arm and stratum, and what each stratum weighs."""
    values: dict[str, Floats] = {}
    exact = {name: v for name, v in exactly_known(design, truth).items() if name in names}
    drawn = [name for name in names if name not in exact]
    for world, measured in _worlds(design, truth, drawn):
        values |= endpoint_cells(design, world, measured, points)
    for name, value in exact.items():
        values[name] = value[None]
    counted = counted_of(design, truth, list(values), points) if len(truth.strata) > 1 else {}
    return {name: Cells(v, truth.shares, counted.get(name)) for name, v in values.items()}


def _worlds(
    design: Design, truth: Truth, drawn: Sequence[str]
) -> Iterator[tuple[Truth, dict[str, Measured]]]:
    """Truths without what is absent for an endpoint, and what is measured in each of them."""
    if all(only_said(design, truth, name) for name in drawn):
        return
    worlds = dict.fromkeys(design.endpoints[name].absent() for name in drawn)
    for absent in sorted(worlds, key=len):
        alike = [name for name in drawn if design.endpoints[name].absent() == absent]
        yield (
            truth.without(absent),
            {name: partial(design.endpoints[name].true_values, name) for name in alike},
        )


def values_of_all(
    design: Design, truths: Mapping[str, Truth], points: SobolLatents
) -> Iterator[tuple[str, TrueValues]]:
    """True values of several scenarios, each lot of points made once for all of them."""
    worlds = []
    for truth in truths.values():
        if not (truth.trends or (truth.mixture is not None and truth.mixture.drifts)):
            exact = exactly_known(design, truth)
            drawn = [name for name in design.endpoints if name not in exact]
            worlds += list(_worlds(design, truth, drawn))
    follow_together(design, worlds, points)
    for name, truth in truths.items():
        yield name, true_values(design, truth, points)


def target_of(plan: Plan, true: TrueValues, place: int) -> TrueValue:
    """True value of one of the plan's estimands."""
    found = true.quantity(plan.estimands[place].question)
    return TrueValue(math.nan, math.nan) if found is None else found


def target_values(plan: Plan, true: TrueValues) -> tuple[float, ...]:
    """True value of each of the plan's estimands."""
    return tuple(target_of(plan, true, place).value for place in range(len(plan.estimands)))


def course_means(
    design: Design, truth: Truth, measured: Measured, points: SobolLatents
) -> tuple[TrueValue, ...]:
    """Mean by arm of what is measured of participants in a scenario that says their course."""
    (values,) = sampled_cells(design, truth, {0: measured}, points).values()
    cells = Cells(values, truth.shares)
    return tuple(map(cells.level, cells.arms))
