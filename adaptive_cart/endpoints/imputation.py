"""Who is like a participant whose outcome is missing: from them it is drawn.

Of the same arm and stratum, with nothing settled when the missing one was last seen, and in the
same state then. Nothing that happens later to the missing one is used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from adaptive_cart.nouns.participant_set import ParticipantSet
from adaptive_cart.nouns.records import Booleans, Floats, Integers, Population

# the states of the participants of some trials (a row each) at a month (of each row)
StatesAt = Callable[[Integers, Floats], npt.NDArray[Any]]


@dataclass(frozen=True)
class Imputation:
    """The missing participants of a block, a row each, and those who are like them.

    Attributes
    ----------
    trial, participant
        ``(row,)`` position of the missing participant.
    alike
        Those of the same trial who are like the missing one, a set a row; a look counts those of
        them whose outcome it knows.
    uniform
        ``(row,)`` latent uniform that is compared with the predictive probability.
    """

    trial: Integers
    participant: Integers
    alike: ParticipantSet
    uniform: Floats

    @staticmethod
    def of(
        name: str,
        population: Population,
        missing: Booleans,
        settled: Floats,
        last_seen: Floats,
        states_at: StatesAt | None,
    ) -> Imputation:
        """Find those who are like each missing participant of an endpoint.

        Parameters
        ----------
        missing
            ``(trial, participant)``.
        settled, last_seen
            ``(trial, participant)`` months after randomisation: when the outcome was settled, and
            when each was last seen.
        states_at
            ``(row, participant)`` states, of rows of trials; nothing where there is none.
        """
        trial, participant = np.nonzero(missing & np.isfinite(population.arrival))
        month = last_seen[trial, participant][:, None]
        # who is known and had nothing settled by then was alive and had not dropped out either
        alike: Booleans = settled[trial] > month
        if states_at is not None:
            states = states_at(trial, month)
            alike &= states == states[np.arange(len(trial)), participant][:, None]
        for label in (population.arm, population.stratum):
            if label is not None:
                alike &= label[trial] == label[trial, participant][:, None]
        uniform = population.imputations[name][trial, participant]
        return Imputation(trial, participant, ParticipantSet.where(alike), uniform)

    def known(self, seen: ParticipantSet) -> ParticipantSet:
        """Those alike whose outcome is known, a set a row."""
        return self.alike & ParticipantSet(seen.words[self.trial])

    def drawn(self, population: Population, which: Booleans) -> ParticipantSet:
        """The missing participants of some rows, ``(row,)``, as a set of the block."""
        found = np.zeros((population.trials, population.participants), dtype=np.bool_)
        found[self.trial, self.participant] = which
        return ParticipantSet.where(found)
