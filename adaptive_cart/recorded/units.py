"""Whether a participants table is in months, or in days or weeks.

Nothing in a number says its unit. The design does: how long it takes to enrol so many, for how long
they are followed, when they are infused. A trial may well be slower than planned, so that one sign
alone must be strong; numbers that are all whole are a second sign, since months rarely are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adaptive_cart.design.design import Design
from adaptive_cart.nouns.records import Floats

DAYS, WEEKS = 365.25 / 12.0, 365.25 / 84.0  # in a month
LATEST = 1e9  # as a number of any unit
LONGEST_DAYS = 36_525.0  # a century; larger numbers are dates that were written as numbers
FEW = 5  # participants below which the pace of enrolment says little
USUAL = 12.0  # months of follow-up where no endpoint has an end
HALF: Floats = np.array([0.5])


@dataclass(frozen=True)
class Signs:
    """How many times larger the numbers are than months would be, by the design.

    Attributes
    ----------
    number, planned, took, reach
        Participants, months in which the design enrols so many, and the numbers at which the last
        of them was randomised and the last contact was made.
    pace
        Time to enrol those in the table; nan where they are few.
    length
        Time from the opening to the last contact.
    delay
        Median time to infusion; nan where nobody is infused.
    whole
        Whether all of many numbers are whole.
    """

    number: int
    planned: float
    took: float
    reach: float
    pace: float
    length: float
    delay: float
    whole: bool

    @property
    def days(self) -> bool:
        """Whether the numbers can only be days."""
        if self.took > LONGEST_DAYS:
            return False
        if self.length >= 15.0 and self.reach >= 120.0:  # ten years, and 15 times the plan
            return True
        slow, long = (6.0, 5.0) if self.whole else (10.0, 7.0)
        apart = max(_or(self.pace, 0.0), _or(self.delay, 0.0)) >= slow
        return apart and self.length >= long and _or(self.delay, slow) >= long

    @property
    def weeks(self) -> bool:
        """Whether the numbers can only be weeks."""
        return self.whole and 3.0 <= self.delay < 6.0 and max(_or(self.pace, 0.0), self.length) >= 2

    @property
    def maybe_weeks(self) -> bool:
        """Whether they may be weeks, and may be months of a slow trial."""
        alone = self.whole and np.isnan(self.delay)
        slow = 3.0 <= self.pace < 6.0 and self.length >= 2.0
        return slow and (alone or self.delay >= 3.0)

    def words(self) -> str:
        """What gives the unit away."""
        said = []
        if self.pace > 2.0:
            said.append(
                f"{self.number} participants were randomised by {self.took:g}, where the design "
                f"enrols so many in {self.planned:.0f} months"
            )
        if self.delay > 2.0:
            said.append(f"infusions come {self.delay:.0f} times as late as in the design")
        if self.length > 2.0:
            said.append(f"the last contact is {self.length:.0f} times as late as planned")
        if self.whole:
            said.append("all numbers are whole")
        return "; ".join(said)


def _times(numbers: Sequence[float]) -> Floats:
    """As an array, nan where a number is beyond any time in any unit."""
    found = np.array(numbers, dtype=np.float64)
    return np.where(abs(found) < LATEST, found, np.nan)


def signs(
    design: Design, randomised: Sequence[float], last: Sequence[float], infused: Sequence[float],
    others: Sequence[float],
) -> Signs:  # fmt: skip
    """Compare the numbers of a table with what its design would make of months.

    Parameters
    ----------
    randomised, last, infused, others
        As they stand in the table, nan where a cell is no number; those infused alone.
    """
    arrivals, ends = _times(randomised), _times(last)
    took = float(np.nanmax(arrivals, initial=0.0))
    planned = planned_months(design, len(arrivals))
    longest = max((e.followed_for() or 0.0 for e in design.endpoints.values()), default=0.0)
    reach = float(np.nanmax(arrivals + ends, initial=0.0))
    values = _times([*randomised, *last, *infused, *others])
    values = values[np.isfinite(values)]
    expected = infusion_median(design)
    delays = _times([month for month in infused if abs(month) < LATEST])
    known = expected is not None and expected > 0.0 and len(delays) >= FEW
    return Signs(
        number=len(arrivals),
        planned=planned,
        took=took,
        reach=reach,
        pace=took / planned if len(arrivals) >= FEW else float("nan"),
        length=reach / (planned + (longest or USUAL)),
        delay=float(np.median(delays)) / float(expected or 1.0) if known else float("nan"),
        whole=len(np.unique(values)) >= 2 * FEW and bool((values == np.round(values)).all()),
    )


def planned_months(design: Design, number: int) -> float:
    """Months in which a design expects so many participants."""
    return design.enrolment.pace.month_of(number)


def infusion_median(design: Design) -> float | None:
    """The longest median time to infusion in any arm and scenario, where anybody is infused."""
    found = [
        float(group.delay.quantile(HALF)[0])
        for truth in design.truths.values()
        for strata in truth.courses or ()
        for group in strata
        if group.infused and group.delay is not None
    ]
    return max(found, default=None)


def _or(value: float, other: float) -> float:
    return other if np.isnan(value) else value
