"""States at months before the one analysed, as a look sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from adaptive_cart.nouns.calendar import until
from adaptive_cart.nouns.early_states import EarlyStates
from adaptive_cart.nouns.participant_set import ParticipantSet
from adaptive_cart.nouns.records import Floats, Snapshot, pooled


@dataclass(frozen=True)
class Chain:
    """States at months before the one analysed, and then a response or none.

    Attributes
    ----------
    states
        By month: those not in it, in it, and failed for good; at the last none, and a response.
    fails, ends
        ``(trial, participant)`` calendar month of a failure for good, and of the end of follow-up.
    """

    states: list[list[ParticipantSet]]
    fails: Floats
    ends: Floats

    def seen(self, snapshot: Snapshot, months: Sequence[float], at_once: bool) -> EarlyStates:
        """Who waits at a look, by state, and what became of those who moved on.

        Parameters
        ----------
        months
            Those of the states, the last the one analysed.
        at_once
            Whether a failure for good counts when it happens, and not when a month is reached.
        """
        population, today = snapshot.population, until(snapshot.date)[:, None]
        # an earlier state is what is known by its month; the outcome waits for its visit
        passed = [*(snapshot.passed(month) for month in months[:-1]), snapshot.told_at(months[-1])]
        strata = (population.trials, population.arms, population.strata)
        waiting = np.zeros((*strata, len(months) - 1, 2), dtype=np.int64)
        moved = np.zeros((*strata[:2], len(months) - 1, 2, 3), dtype=np.int64)
        failed = np.zeros(strata, dtype=np.int64)
        if at_once:
            failures = ParticipantSet.where(self.fails <= today) & snapshot.enrolled
            failed += population.tally(failures.without(passed[-1]))
            gone = ParticipantSet.where(self.ends <= today)
        for place, (before, after) in enumerate(pairwise(self.states)):
            here = passed[place].without(passed[place + 1])
            if at_once:
                here = here.without(gone)
            else:
                failed += population.tally(here & before[2])
            for state, members in enumerate(before[:2]):
                waiting[..., place, state] = population.tally(here & members)
                seen = passed[place + 1] & members
                for later, who in enumerate(after):
                    moved[:, :, place, state, later] = pooled(population.tally(seen & who))
        return EarlyStates(waiting, failed, moved)
