"""Published early series: who was treated with what, and how many responded, relapsed, had harm.

A series is a row of a table, and stays as it was published. What a row counts for is said apart
(``counts_for``), since reports overlap: nobody is to be counted twice for one outcome. What was
not reported is absent, and never 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from adaptive_cart.evidence.outcomes import OUTCOMES, Outcome


@dataclass(frozen=True)
class Series:
    """A published early series, or a part of it.

    Attributes
    ----------
    name, product, of_class, disease
        Which series it is; class is the kind of product.
    participants, responders, endpoint
        Who was asked and who responded, and to what, in words.
    follow_up_months
        Median or mean, from infusion.
    relapse_participants, relapses
        Responders who were followed, and how many of them relapsed.
    safety_participants, crs3, icans3
        Who was infused, and how many had a cytokine release syndrome, or a neurotoxicity, of
        grade 3 or more.
    counts_for
        Names of the outcomes for which the row is counted.
    not_counted_because
        Why it is not counted for all that it reports.
    grade
        A: abstract, paper or registry; B: company report.
    """

    name: str
    product: str
    of_class: str
    disease: str
    participants: int | None
    responders: int | None
    endpoint: str
    follow_up_months: float | None
    relapse_participants: int | None
    relapses: int | None
    safety_participants: int | None
    crs3: int | None
    icans3: int | None
    counts_for: tuple[str, ...]
    not_counted_because: str
    grade: str
    source: str


@dataclass(frozen=True)
class Record:
    """A table of published series.

    Attributes
    ----------
    source
        Where it was read.
    digest
        SHA-256 of the file.
    """

    series: tuple[Series, ...]
    source: str = "series"
    digest: str = field(default="", compare=False)

    def counted(self, outcome: Outcome) -> tuple[Series, ...]:
        """Series that count for an outcome, in the order of the table."""
        return tuple(row for row in self.series if outcome.name in row.counts_for)

    def outcomes(self) -> Iterator[Outcome]:
        """Outcomes for which any series counts."""
        return (outcome for outcome in OUTCOMES.values() if self.counted(outcome))
