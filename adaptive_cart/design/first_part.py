"""The table ``[first_part]``: a lead-in or dose-finding part before the randomised comparison.

Its participants are the first to enrol; then enrolment pauses until the first look, which is held
when all of them have been observed. What that look decides (an arm chosen, arms dropped, the trial
stopped) holds for the second part, which has randomisation lists of its own. So the parts are one
trial: who belongs to which follows from the order of enrolment alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Discriminator, Field, Tag

from adaptive_cart.design.follow_up import FollowUp
from adaptive_cart.errors import one_of
from adaptive_cart.nouns.pace import Pace
from adaptive_cart.nouns.participant_set import ParticipantSet
from adaptive_cart.nouns.parts import Count, Months, Part
from adaptive_cart.nouns.records import Floats, Snapshot

if TYPE_CHECKING:
    from adaptive_cart.design.design import Design


class FirstPart(Part):
    """Participants who enrol before the second part opens."""

    participants: Count = Field(
        description="how many, of max_n; the first look is held when all of them are observed"
    )
    control: bool = Field(
        default=False, description="whether the control enrols in the first part too"
    )
    counts: Annotated[
        Annotated[bool, Tag("bool")] | Annotated[list[str], Tag("endpoints")],
        Discriminator(lambda value: "endpoints" if isinstance(value, list | tuple) else "bool"),
    ] = Field(
        default=False,
        description="whether its participants are in the analyses of the second part; or the "
        "endpoints in whose analyses they are",
    )
    pause: Months = Field(
        default=0.0, description="months from the first look until the second part opens"
    )

    def counts_for(self, endpoint: str) -> bool:
        """Whether its participants are in the second part's analyses of an endpoint."""
        return self.counts if isinstance(self.counts, bool) else endpoint in self.counts

    def left_out(self, endpoint: str, snapshot: Snapshot) -> ParticipantSet | None:
        """Whom an analysis leaves out; nothing where everybody counts.

        Those of the first part, as soon as anybody has been randomised to their arm in the second:
        of an arm that did not go on, the first part is all there is.
        """
        people, randomised = snapshot.population, snapshot.randomised
        if self.counts_for(endpoint) or not (randomised > self.participants).any():
            return None
        number = np.full(people.trials, self.participants)
        first = ParticipantSet.first(number, people.participants)
        later = ParticipantSet.first(randomised, people.participants).without(first)
        found = first.without(first)
        for by_stratum in people.groups:
            arm = reduce(or_, by_stratum)
            goes_on = np.where((arm & later).count() > 0, self.participants, 0)
            found |= arm & ParticipantSet.first(goes_on, people.participants)
        return found

    def arms(self, design: Design) -> tuple[int, ...]:
        """Positions of the arms that enrol in it."""
        return tuple(range(len(design.arms))) if self.control else design.experimental

    def in_words(self, control: str | None) -> str:
        """Say who is in it, and what becomes of them."""
        unit = "month" if self.pause == 1.0 else "months"
        pause = f"{self.pause:g} {unit} after the first look" if self.pause else "at the first look"
        if isinstance(self.counts, list):
            counts = f"they count for {one_of(self.counts)} alone"
        else:
            counts = f"they {'count' if self.counts else 'do not count'}"
        without = f", without {control}" if control is not None and not self.control else ""
        return (
            f"the first {self.participants} participants{without}; the second part opens {pause}, "
            f"and in it {counts}"
        )


def wait_of(design: Design, follow_up: FollowUp | None) -> float:
    """Months from the last participant of the first part to the first look."""
    primary = design.primary_endpoint
    later = 0.0 if follow_up is None else follow_up.later(design.primary, primary)
    return float(primary.followed_for() or 0.0) + later


def resumed(design: Design, pace: Pace, operational: Floats, follow_up: FollowUp | None) -> Floats:
    """Expected arrivals by the time of each arrival, the pause counted in.

    Parameters
    ----------
    operational
        ``(trial, participant)`` the same without a pause.
    """
    part = design.first_part
    assert part is not None
    last = operational[:, part.participants - 1]
    opens = pace.date(last) + wait_of(design, follow_up) + part.pause
    found = operational.copy()
    found[:, part.participants :] += (pace.expected(opens) - last)[:, None]
    return found


def expected_months(design: Design, pace: Pace, arms: Sequence[int]) -> Floats:
    """Months at which those are expected who are analysed of some arms at the end, rising."""
    part = design.first_part
    assert part is not None
    numbers = np.arange(1.0, design.enrolment.max_n + 1.0)[None]
    months = pace.date(resumed(design, pace, numbers, design.follow_up))[0]
    there = part.counts_for(design.primary) and all(arm in part.arms(design) for arm in arms)
    months = months if there else months[part.participants :]
    return months[np.isfinite(months)]


def planned_in_parts(design: Design, chosen: int | None = None) -> tuple[int, ...]:
    """Planned number in each arm, by largest remainder within each part; ties to the earlier arm.

    Parameters
    ----------
    chosen
        Position of the one experimental arm that goes on; all do if left out, as no rule acts.
    """
    part = design.first_part
    assert part is not None
    first = _divided(design, part.participants, part.arms(design))
    going_on = [
        arm
        for arm in range(len(design.arms))
        if chosen in (None, arm) or arm not in design.experimental
    ]
    later = _divided(design, design.enrolment.max_n - part.participants, going_on)
    return tuple(a + b for a, b in zip(first, later, strict=True))


def _divided(design: Design, number: int, arms: Sequence[int]) -> list[int]:
    total = sum(design.allocation[arm] for arm in arms)
    found = [0] * len(design.arms)
    remainders = []
    for arm in arms:
        found[arm], left = divmod(number * design.allocation[arm], total)
        remainders.append((-left, arm))
    for _, arm in sorted(remainders)[: number - sum(found)]:
        found[arm] += 1
    return found
