"""What became of a participant by a month, in categories from the worst to the best.

Read off a course, whose categories are ``death``, ``rescue``, ``no_remission``,
``remission_on_drugs`` and ``drug_free_remission`` (or ``remission`` for both of the last two), in
the order in which the design ranks them: death or rescue by ``month`` if it happened, the worse of
the two if both did, else the state at ``month``. Crossover before the month is ``no_remission``
where neither happened, unless the design counts what comes after it (``strategy =
"treatment_policy"``). Said directly, the categories have any names.

What comes after dropout is not seen. Who drops out before the month without death, rescue or a
crossover that counts is missing, and ``missing`` says what becomes of that:

* ``exclude``: the participant is left out of the analysis;
* ``impute``: a category is drawn with the predictive probability (x + 2 / K) / (n + 2), where n are
  the participants with a known outcome who are like the missing one (same arm and stratum, the same
  state when the missing one was last seen, and then not yet dead, rescued or crossed over), x of
  them have that category, and there are K: a Dirichlet prior worth two participants. With two
  categories that is how a landmark imputes;
* a category: dropout counts as it (composite).

The estimand of the first two is had nobody dropped out.

Two participants are compared by their categories; questions about a mean use ``scores``, by default
evenly spaced from 0 for the worst to 100 for the best.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from adaptive_cart.endpoints.base import EndpointBase
from adaptive_cart.endpoints.direct import DirectTruth, SharesOf
from adaptive_cart.endpoints.imputation import Imputation, StatesAt
from adaptive_cart.endpoints.intercurrent import Circumstances, Handled
from adaptive_cart.errors import nearest, one_of
from adaptive_cart.nouns.calendar import short_of, until
from adaptive_cart.nouns.counters import Labels
from adaptive_cart.nouns.course import DRUG_FREE, ON_DRUGS
from adaptive_cart.nouns.participant_set import ParticipantSet
from adaptive_cart.nouns.parts import CategoryName, Finite, PositiveMonths
from adaptive_cart.nouns.records import Booleans, Floats, Integers, Population, Snapshot
from adaptive_cart.nouns.summaries import Categories, Summary, SummaryKind
from adaptive_cart.nouns.summaries.categories import OTHERS

DEATH, RESCUE, NEITHER, EITHER = "death", "rescue", "no_remission", "remission"
OF_A_COURSE: Final = (DEATH, RESCUE, NEITHER, ON_DRUGS, DRUG_FREE)
EXCLUDE: Final = "exclude"
IMPUTE: Final = "impute"
WORTH: Final = 2.0  # participants that the prior of an imputed category counts for
MOST: Final = 50  # categories


@dataclass(frozen=True)
class Placed:
    """Who has which category if followed to the month, and who drops out before it.

    Attributes
    ----------
    members
        By category: those who are analysed with it.
    missing
        Those who drop out before the month; nothing where nobody does.
    imputation
        Who is like whom, kept for ``impute``.
    """

    members: tuple[ParticipantSet, ...]
    missing: ParticipantSet | None
    imputation: Imputation | None = None


class Ordinal(EndpointBase):
    """An ordinal endpoint: the category of an outcome at a month (desirability of outcome)."""

    type: Literal["ordinal"] = Field(description="what became of a participant, in categories")
    month: PositiveMonths = Field(description="months after randomisation")
    categories: Annotated[list[CategoryName], Field(min_length=2, max_length=MOST)] = Field(
        description="names, the worst first"
    )
    scores: list[Finite] | None = Field(
        default=None, description="of the categories, for their mean; 0 to 100 if left out"
    )
    missing: str = Field(
        default=EXCLUDE,
        description="dropout is left out (exclude), its category drawn from those alike (impute), "
        "or it counts as this category",
    )

    gives: ClassVar[SummaryKind] = Categories
    direct: ClassVar[DirectTruth | None] = SharesOf()  # type: ignore[assignment]
    from_remission: ClassVar[bool] = True
    told_at_visit: ClassVar[bool] = True
    estimand_kind: ClassVar[str | None] = "better"
    noun: ClassVar[str] = "participant"

    @model_validator(mode="after")
    def _fits(self) -> Ordinal:
        names, scores = self.categories, self.scores
        twice = [name for place, name in enumerate(names) if name in names[:place]]
        if twice:
            raise ValueError(f"'categories' has '{twice[0]}' twice; each category has its own name")
        for name in names:
            if not name.strip() or not name.isprintable() or name in (*OTHERS, EXCLUDE, IMPUTE):
                raise ValueError(
                    f"'categories' has '{name}'; a name needs letters or digits, on one line, and "
                    f"{one_of((*OTHERS, EXCLUDE, IMPUTE))} are taken"
                )
        if scores is not None and len(scores) != len(names):
            raise ValueError(
                f"'scores' has {len(scores)} numbers, and there are {len(names)} categories; one "
                f"for each is expected"
            )
        if scores is not None and (sorted(scores) != scores or scores[0] == scores[-1]):
            raise ValueError(f"'scores' is {scores}; from the worst category on they must rise")
        allowed = (EXCLUDE, IMPUTE, *names)
        if self.missing not in allowed:
            hint = nearest(self.missing, allowed)
            raise ValueError(f"'missing' is '{self.missing}'{hint}; allowed: {one_of(allowed)}")
        return self

    # ── when it is known, and what is seen ────────────────────────────────────────────────
    def category_names(self) -> tuple[str, ...]:
        return tuple(self.categories)

    @property
    def points(self) -> tuple[float, ...]:
        """Scores of the categories, the worst first."""
        if self.scores is not None:
            return tuple(self.scores)
        return tuple(100.0 * k / (len(self.categories) - 1) for k in range(len(self.categories)))

    def known_after(self) -> float:
        return self.month

    def dropout_counts(self) -> bool:
        return self.missing not in (EXCLUDE, IMPUTE)

    def imputes(self) -> bool:
        return self.missing == IMPUTE

    def kept_category(self) -> int | None:
        named = self.dropout_counts()
        return self.categories.index(CategoryName(self.missing)) if named else None

    def counts_on_drugs(self) -> bool:
        return bool({ON_DRUGS, EITHER} & set(self.categories))

    def misfit(self) -> tuple[str, str] | None:
        given = (*OF_A_COURSE[:-2], EITHER) if EITHER in self.categories else OF_A_COURSE
        unknown = [name for name in self.categories if name not in given]
        lacking = [name for name in given if name not in self.categories]
        if not unknown and not lacking:
            return None
        found = f"'{unknown[0]}' is no category of" if unknown else f"no '{lacking[0]}' among"
        hint = nearest(unknown[0], lacking) if unknown else ""
        what = "a participant course" if unknown else "the categories"
        return (
            "categories",
            f"{found} {what}{hint}; a course gives {one_of(given)}, and each of them is needed, in "
            f"the order in which they are ranked",
        )

    def _placed(self, name: str, population: Population) -> tuple[Labels, Booleans | None]:
        """Place of everybody's category had nobody dropped out before the month, and who did."""
        if name in population.outcomes:
            place = np.asarray(population.outcomes[name], dtype=np.float64).astype(np.int16)
            dropout = population.dropout
            left = None if dropout is None else dropout < short_of(self.month)
            visit = population.visit_for(self.month)
            if visit is not None:
                absent = np.isinf(visit)
                left = absent if left is None else left | absent
            return place, left
        return self._from_course(population)

    def _from_course(self, population: Population) -> tuple[Labels, Booleans]:
        course = population.course
        assert course is not None
        rank = {str(name): np.int16(k) for k, name in enumerate(self.categories)}
        on_drugs, off_drugs = (rank[n if n in rank else EITHER] for n in (ON_DRUGS, DRUG_FREE))
        visit = population.visit_for(self.month)
        at = np.array(self.month) if visit is None else visit
        place = np.where(population.state(EITHER).hold_at(at), on_drugs, rank[NEITHER])
        place = np.where(population.state(DRUG_FREE).hold_at(at), off_drugs, place)
        crossed = np.zeros(place.shape, dtype=np.bool_)
        if course.crossed is not None and not population.crossover_counts:
            crossed = (course.crossed < self.month) & (course.crossed <= course.dropout)
            place = np.where(crossed, rank[NEITHER], place)
        end = np.minimum(until(self.month), course.dropout)
        rescued, dead = course.rescue <= end, course.death <= end
        worse = np.minimum(rank[RESCUE], rank[DEATH])
        place = np.where(rescued, rank[RESCUE], place)
        place = np.where(dead, np.where(rescued, worse, rank[DEATH]), place)
        left = course.dropout < short_of(self.month)
        if visit is not None:
            left |= np.isinf(visit)
        left &= ~rescued & ~dead & ~crossed
        return place, left

    def prepare(self, name: str, population: Population) -> Placed:
        place, left = self._placed(name, population)
        if left is None:
            sets = (ParticipantSet.where(place == k) for k in range(len(self.categories)))
            return Placed(tuple(sets), None)
        kept = self.kept_category()
        place = np.where(left, -1 if kept is None else kept, place)
        members = tuple(ParticipantSet.where(place == k) for k in range(len(self.categories)))
        imputation = self._imputation(name, population, left) if self.imputes() else None
        return Placed(members, ParticipantSet.where(left), imputation)

    def _imputation(self, name: str, population: Population, left: Booleans) -> Imputation | None:
        """Who is like those who have left; nothing where nobody has."""
        if not left.any():
            return None
        settled, states_at = np.full(left.shape, np.inf), None
        course = None if name in population.outcomes else population.course
        if course is not None:
            settled, states_at = np.minimum(course.rescue, course.death), _states_at(population)
            if course.crossed is not None and not population.crossover_counts:
                settled = np.minimum(settled, course.crossed)
        dropout = population.dropout if course is None else course.dropout
        last_seen = np.full(left.shape, np.inf) if dropout is None else dropout
        if population.attendance is not None:  # left by a missed visit: seen at the one before
            before = population.attendance.last_by(np.full(left.shape, self.month))
            absent = left & (last_seen >= short_of(self.month))
            last_seen = np.where(absent, np.minimum(last_seen, before), last_seen)
        return Imputation.of(name, population, left, settled, last_seen, states_at)

    def _imputed(
        self, prepared: Placed, known: ParticipantSet, population: Population
    ) -> list[Integers]:
        """The missing by the category that is drawn for them, the best ones by low uniforms."""
        imputation, missing = prepared.imputation, prepared.missing
        if imputation is None or missing is None:
            return []
        like = imputation.known(known.without(missing))
        lost = known & missing
        spread = WORTH / len(self.categories)
        chances = np.stack(
            [
                (like & ParticipantSet(own.words[imputation.trial])).count() + spread
                for own in prepared.members
            ]
        ) / (like.count() + WORTH)
        reached = np.cumsum(chances[::-1], axis=0)[::-1]  # a category or a better one
        place = (imputation.uniform < reached[1:]).sum(axis=0)
        return [
            population.tally(lost & imputation.drawn(population, place == k))
            for k in range(len(self.categories))
        ]

    def summary(self, prepared: Placed, snapshot: Snapshot) -> Categories:
        population, known = snapshot.population, snapshot.told_at(self.month)
        counts = [population.tally(known & members) for members in prepared.members]
        for k, drawn in enumerate(self._imputed(prepared, known, population)):
            counts[k] = counts[k] + drawn
        missing = np.zeros_like(counts[0])
        if prepared.missing is not None:
            missing = population.tally(known & prepared.missing)
        names, points = self.category_names(), self.points
        return Categories(
            np.stack(counts, axis=-1), missing, population.tally(known), names, points
        )

    def nothing_seen(self, arms: int, strata: int) -> Summary:
        return Categories.nobody(arms, strata, self.category_names(), self.points)

    # ── what is true ──────────────────────────────────────────────────────────────────────
    def share(self, name: str, population: Population, place: int) -> Floats:
        found: Floats = (
            self.prepare(name, population).members[place].count() / population.arm.shape[1]
        )
        return found

    def true_values(self, name: str, population: Population) -> Floats:
        members = self.prepare(name, population).members
        shares = np.stack([own.count() for own in members], axis=-1) / population.arm.shape[1]
        found: Floats = shares @ np.array(self.points)
        return found

    def shares(self, values: Any, dropout: Floats, course: bool) -> Floats | None:
        if course:
            return None
        direct = self.direct
        assert direct is not None
        found: Floats = SharesOf().__get__(self, Ordinal).probabilities(values)
        if not self.dropout_counts():
            return found
        stays = np.exp(-dropout * self.month)[..., None]
        kept = np.arange(len(self.categories)) == self.categories.index(CategoryName(self.missing))
        return stays * found + (1.0 - stays) * kept

    def closed_form(self, values: Any, dropout: Floats, course: bool) -> Floats | None:
        shares = self.shares(values, dropout, course)
        return None if shares is None else shares @ np.array(self.points)

    def counts_some(self) -> bool:
        return self.missing == EXCLUDE

    def counted(self, name: str, population: Population) -> Floats:
        """Those not missing."""
        _, left = self._placed(name, population)
        left = None if self.imputes() else left
        return np.ones(population.trials) if left is None else 1.0 - left.mean(axis=1)

    # ── in a participants table ───────────────────────────────────────────────────────────
    def settled(
        self, values: npt.NDArray[Any] | None, months: Mapping[str, Floats]
    ) -> npt.NDArray[np.bool_]:
        """What its own column says stands; a rescue can still be followed by death."""
        if values is None:
            return super().settled(values, months)
        found: npt.NDArray[np.bool_] = np.isfinite(values)
        return found

    # ── in words ──────────────────────────────────────────────────────────────────────────
    def describes(self) -> str:
        return f"{one_of(self.categories)} (worst first), by month {self.month:g}"

    def called(self, name: str, directly: bool) -> str:
        return "" if directly else f"outcome by month {self.month:g}"

    def variable(self, directly: bool) -> str:
        return (
            f"category of the outcome by month {{month}} after randomisation, the worst first: "
            f"{one_of(self.categories)}"
        )

    def true_unit(self) -> str:
        return "mean score"

    def handled(self, circumstances: Circumstances) -> Iterator[Handled]:
        if not circumstances.directly:
            if circumstances.infused:
                means = "part of the strategy of the arm"
                yield Handled("not_infused", "treatment_policy", means)
            yield Handled("rescue", "composite", f"the category {RESCUE}")
            if circumstances.crossover is not None:
                means = f"the category {NEITHER}"
                if circumstances.crossover == "treatment_policy":
                    means = "the state at the month counts, whatever came before"
                yield Handled("crossover", circumstances.crossover, means)
        if not self.dropout_counts():
            means = "left out of the analysis"
            if self.imputes():
                means = "a category is drawn from participants in the same state"
            means = f"{means}; the outcome had nobody dropped out"
            yield Handled("dropout", "hypothetical", means)
        else:
            yield Handled("dropout", "composite", f"the category {self.missing}")
        if not circumstances.directly:
            yield Handled("death", "composite", f"the category {DEATH}")

    def without_effect(self, directly: bool, dropout: bool) -> Iterator[tuple[str, str]]:
        if "missing" in self.model_fields_set and not dropout:
            yield "missing", "nobody drops out in any scenario"


def _states_at(population: Population) -> StatesAt:
    """In drug-free remission (2), in remission on drugs (1) or in none, at a month."""

    def states_at(trial: Integers, month: Floats) -> Integers:
        any_, off = (
            population.state(state).rows(trial).hold_at(month) for state in (EITHER, DRUG_FREE)
        )
        found: Integers = any_.astype(np.int64) + off
        return found

    return states_at
