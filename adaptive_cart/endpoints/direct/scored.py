"""A score at baseline and at visits: its mean, its change and its spread, and how values correlate.

The values of a participant, at baseline and at the visits, are drawn together from a multivariate
normal distribution. Its means are the baseline's, and that and the change at each visit; ``sd`` is
that of the values at each visit. One ``correlation`` is that of any two values of a participant; a
matrix says it of each two, baseline first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from pydantic import Discriminator, Field, Tag, model_validator
from scipy import special

from adaptive_cart.endpoints.direct.base import Array, Cell, Contact, DirectTruth, Drawing, Spread
from adaptive_cart.endpoints.direct.response import too_early
from adaptive_cart.nouns.parts import Finite, Part, Positive
from adaptive_cart.nouns.records import Booleans, Floats, Outcome
from adaptive_cart.nouns.scored import Baseline, RecordedScores, Scored, Values
from adaptive_cart.nouns.time_trend import MeanTrend, TimeTrend

SMALLEST = 2.0**-54  # what a uniform of 0 stands for


def _correlation_shape(value: Any) -> str:
    return "matrix" if isinstance(value, list) else "number"


Correlation = Annotated[
    Annotated[Finite, Tag("number")] | Annotated[list[list[Finite]], Tag("matrix")],
    Discriminator(_correlation_shape),
]


class ScoreTruth(Part):
    """Scores of an arm at baseline and at each visit."""

    baseline: Baseline = Field(description="the score before treatment")
    change: list[Finite] = Field(
        min_length=1, description="mean change from baseline at each visit"
    )
    sd: list[Positive] = Field(
        min_length=1, description="standard deviation of the score at each visit"
    )
    correlation: Correlation = Field(
        description="of any two values of a participant, baseline and visits; or a matrix"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.sd) != len(self.change):
            raise ValueError(
                f"'change' has {len(self.change)} and 'sd' has {len(self.sd)} numbers; both need "
                f"one for each visit"
            )
        fault = correlation_fault(self.correlation, 1 + len(self.change))
        if fault:
            raise ValueError(f"'correlation' {fault}")
        return self

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    @property
    def means(self) -> tuple[float, ...]:
        """Of the values, baseline first."""
        return (self.baseline.mean, *(self.baseline.mean + change for change in self.change))

    @property
    def spread(self) -> Floats:
        """Lower triangle that makes independent deviations into those of the values."""
        sd = np.array([self.baseline.sd, *self.sd])
        return sd[:, None] * triangle(self.correlation, len(sd))


def correlation_fault(correlation: float | list[list[float]], values: int) -> str:
    """Say why something cannot be the correlation of so many values; blank where it can."""
    if isinstance(correlation, list):
        if [len(row) for row in correlation] != [values] * values:
            return (
                f"is a matrix of another size; {values} rows of {values} numbers are expected: "
                f"baseline, then each visit"
            )
        matrix = np.array(correlation)
        if not np.array_equal(matrix, matrix.T) or not (np.diag(matrix) == 1.0).all():
            return "is a matrix that is not symmetric with 1 on its diagonal"
        if np.linalg.eigvalsh(matrix)[0] <= 1e-9:
            return "is a matrix that is not positive definite: no values can correlate like that"
        return ""
    least = -1.0 / (values - 1)
    if not least < correlation < 1.0:
        return (
            f"is {correlation:g}; of {values} values (baseline and visits) it is more than "
            f"{least:.3g} and less than 1"
        )
    return ""


def triangle(correlation: float | list[list[float]], values: int) -> Floats:
    """Cholesky factor of the correlation matrix of so many values."""
    if isinstance(correlation, list):
        return np.linalg.cholesky(np.array(correlation))
    matrix = np.full((values, values), correlation)
    np.fill_diagonal(matrix, 1.0)
    return np.linalg.cholesky(matrix)


def deviations(
    spread: Sequence[Sequence[Floats | float]], independent: Callable[[int], Floats]
) -> Values:
    """Draw by how much each value of a participant differs from its mean.

    Parameters
    ----------
    spread
        Lower triangle, a row a value: the weight of each independent deviation, one for everybody
        or ``(trial, participant)``.
    independent
        Normal deviations of a value, ``(trial, participant)``.
    """
    normal = [independent(place) for place in range(len(spread))]
    found = []
    for place, row in enumerate(spread):
        value = row[0] * normal[0]
        for weight, own in zip(row[1 : place + 1], normal[1 : place + 1], strict=True):
            value = value + weight * own
        found.append(value)
    return tuple(found)


class ScoresAtVisits(DirectTruth):
    """Means, changes and spreads; one column holds the baseline, and one each visit."""

    value: ClassVar[Any] = ScoreTruth
    wanted: ClassVar[str] = (
        "a table such as { baseline = { mean = 9.0, sd = 3.0 }, change = [-1.0, -2.0], "
        "sd = [3.0, 3.0], correlation = 0.6 }"
    )
    table: ClassVar[bool] = True
    holds: ClassVar[str] = "the score"
    level: ClassVar[str] = "mean change"

    def by_stratum(self, value: Any, strata: Sequence[str]) -> bool:
        own = isinstance(value, dict) and set(value) & set(ScoreTruth.model_fields)
        return not own and super().by_stratum(value, strata)

    def words(self, value: ScoreTruth) -> str:
        changes = ", ".join(f"{change:g}" for change in value.change)
        spreads = ", ".join(f"{sd:g}" for sd in value.sd)
        plural = "s" if len(value.change) > 1 else ""
        correlation = (
            "a matrix" if isinstance(value.correlation, list) else f"{value.correlation:g}"
        )
        return (
            f"baseline {value.baseline.mean:g} (sd {value.baseline.sd:g}), change{plural} "
            f"{changes} (sd of the score {spreads}), correlation {correlation}"
        )

    def at_level(self, told: Any, level: float) -> dict[str, Any]:
        """The same course to another change at the last visit, every change moved alike."""
        last = float(told["change"][-1])
        return {**told, "change": [change + level - last for change in told["change"]]}

    def fault(self, value: ScoreTruth, endpoint: Any) -> str:
        visits = len(endpoint.visits)
        if len(value.change) == visits:
            return ""
        return (
            f"`change` has {len(value.change)} numbers, and there are {visits} visits; one change "
            f"from baseline for each visit is expected"
        )

    def trend_of(self, value: Any) -> type[TimeTrend] | None:
        return MeanTrend

    def draw(self, drawing: Drawing) -> Outcome:
        expected = _expected(drawing) if drawing.directly else _by_state(drawing)
        spreads = np.array([[_spread(own, drawing) for own in by] for by in drawing.values])
        label = np.int8(0) if drawing.stratum is None else drawing.stratum

        def drawn() -> Values:
            alike = (spreads == spreads[0, 0]).all()
            spread: Sequence[Sequence[Floats | float]] = spreads[0, 0].tolist()
            if not alike:
                places = range(len(expected))
                spread = [[spreads[drawing.arm, label, i, j] for j in places] for i in places]
            return deviations(spread, lambda place: normal_of(drawing, place))

        return Scored(expected, drawn)

    # ── columns of a participants table ───────────────────────────────────────────────────
    def columns(self, name: str, endpoint: Any) -> dict[str, float | None]:
        visits = {f"{name}_month_{month:g}": month for month in endpoint.visits}
        return {f"{name}_baseline": 0.0, **visits}

    def meaning(self, endpoint: Any, since: str) -> str:
        return "the score; blank where there is none"

    def meanings(self, name: str, endpoint: Any, since: str) -> dict[str, str]:
        baseline, *visits = self.columns(name, endpoint)
        told = {
            column: f"the score at month {month:g} (not its change); {since}; blank where it was "
            "not taken, or not yet"
            for column, month in zip(visits, endpoint.visits, strict=True)
        }
        return {baseline: "the score before treatment, which the analysis needs", **told}

    def read(self, cell: Cell) -> float:
        if not cell.text:
            return np.nan
        assert cell.known is not None
        too_early(cell, cell.known)
        try:
            value = float(cell.text)
        except ValueError:
            value = np.nan
        if not np.isfinite(value):
            cell.report(f"found '{cell.text}'; a number or blank is expected")
        return value

    def read_all(self, cells: Sequence[Cell]) -> tuple[float, ...]:
        return tuple(self.read(cell) for cell in cells)

    def recorded(self, values: Array, block: Spread, respond: Booleans) -> Outcome:
        """Of those who are taken to respond the last score that was seen lasts."""
        last, columns = values[:, 0], []
        for column in values.T:
            last = np.where(np.isfinite(column), column, last)
            columns.append(block(np.where(respond, last, column), np.nan))
        return RecordedScores(tuple(columns))

    def written_all(
        self, name: str, endpoint: Any, outcome: Scored, whom: Contact
    ) -> dict[str, Any]:
        def there(month: float | None) -> bool:
            return month == 0.0 or whom.knows(month or 0.0)

        both = zip(self.columns(name, endpoint).items(), outcome.values, strict=True)
        return {
            column: float(value[whom.at]) if there(month) and np.isfinite(value[whom.at]) else ""
            for (column, month), value in both
        }


def _expected(drawing: Drawing) -> Values:
    """Mean of each value, as the scenario says it."""
    label = np.int8(0) if drawing.stratum is None else drawing.stratum
    means = np.array([[own.means for own in by] for by in drawing.values])
    baseline, *later = (means[drawing.arm, label, place] for place in range(means.shape[-1]))
    if drawing.trend:
        shift = drawing.shift()
        later = [mean + shift for mean in later]
    return (baseline, *later)


def _by_state(drawing: Drawing) -> Values:
    """Mean of each value, by whether a participant is in remission at the visit.

    Remission is of either kind; after crossover it is that of the course then followed.
    """
    assert drawing.course is not None
    baseline = drawing.own(lambda own: own.baseline.mean)
    inside = baseline + drawing.own(lambda own: own.in_remission)
    outside = baseline + drawing.own(lambda own: own.otherwise)
    state = drawing.course.state("remission")
    months = drawing.endpoint.visits
    return (baseline, *(np.where(state.hold_at(month), inside, outside) for month in months))


def _spread(own: Any, drawing: Drawing) -> Floats:
    """Lower triangle that makes independent deviations into those of the values."""
    if isinstance(own, ScoreTruth):
        return own.spread
    visits = len(drawing.endpoint.visits)
    sd = np.array([own.baseline.sd, *[own.sd] * visits])
    return sd[:, None] * triangle(own.correlation, 1 + visits)


def normal_of(drawing: Drawing, place: int) -> Floats:
    """Normal deviations of one value of every participant: the baseline, then each visit.

    Where scores correlate they are made of those of all scores that are taken at that time.
    """

    def own(name: str, at: int) -> Floats:
        found: Floats = special.ndtri(
            np.maximum(drawing.latents.of(f"score:{name}:{at}"), SMALLEST)
        )
        return found

    if drawing.correlated is None:
        return own(drawing.name, place)
    month = (0.0, *drawing.visits[drawing.name])[place]
    places = {
        name: (0.0, *drawing.visits[name]).index(month)
        for name in drawing.correlated.names
        if month in (0.0, *drawing.visits[name])
    }
    weights = drawing.correlated.weights(drawing.name, tuple(places))
    found: Floats = np.zeros(drawing.arm.shape)
    for name, weight in weights.items():
        found = found + weight * own(name, places[name])
    return found
