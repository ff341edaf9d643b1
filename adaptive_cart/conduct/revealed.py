"""What of one endpoint a trial can have been shown by its end: the numbers behind its likelihood.

Whoever simulated trials at one truth can weigh them for another: by how much likelier all that was
seen of them is there. For outcomes that one has or has not, each with a probability of its arm and
stratum, that is known from two numbers of each: how many can have been seen, and how many of them
respond. Counting somebody who was not looked at is no mistake, and only makes the weights wider.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from adaptive_cart.conduct.look_analysis import LookAnalysis
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.standing import Standing
from adaptive_cart.conduct.trial import EndingsAlone
from adaptive_cart.design.truth import Truth
from adaptive_cart.nouns.participant_set import ParticipantSet
from adaptive_cart.nouns.records import Booleans, Integers, Snapshot
from adaptive_cart.nouns.streams import Latents


class EndingsAndOutcomes(EndingsAlone):
    """Conducts a block of trials of which is asked how they end, and what was seen by then.

    Attributes
    ----------
    ones, others
        ``(trial, arm, stratum)`` who respond, and who do not, of all who can have been looked at.
    """

    def __init__(self, plan: Plan, truth: Truth, latents: Latents, endpoint: str) -> None:
        """Follow participants, of whom nothing has been looked at."""
        super().__init__(replace(plan, estimands=()), truth, (), latents)
        self.endpoint = endpoint
        shape = (latents.trials, self.population.arms, self.population.strata)
        self.ones = np.zeros(shape, dtype=np.int64)
        self.others = np.zeros(shape, dtype=np.int64)

    def ended_at(
        self, analysis: LookAnalysis, look: int, ended: Booleans, *_: Any, **__: Any
    ) -> None:
        """Count what trials that end have been shown."""
        if ended.any():
            self.note(analysis.snapshot, ended)

    def note(self, snapshot: Snapshot, ended: Booleans) -> None:
        """Count what some trials, ``(trial,)``, have been shown by a date."""
        name, population = self.endpoint, self.population
        shown = snapshot.reported(self.plan.delay(name))
        endpoint = self.design.endpoints[name]
        seen = endpoint.revealed(self.prepared[name], shown)
        outcome = np.asarray(population.outcomes[name])
        had = outcome if outcome.dtype == np.bool_ else np.isfinite(outcome)
        ones = population.tally(seen & ParticipantSet.where(had))
        self.ones[ended] = ones[ended]
        self.others[ended] = population.tally(seen)[ended] - ones[ended]


def run_revealing(
    plan: Plan, truth: Truth, latents: Latents, endpoint: str
) -> tuple[Standing, Integers, Integers]:
    """How each of a block of trials ended, and what it was shown of an endpoint's outcomes by then.

    Returns
    -------
    How they ended; ``(trial, arm, stratum)`` who respond, and who do not, of all who can have been
    looked at.
    """
    conduct = EndingsAndOutcomes(plan, truth, latents, endpoint)
    conduct.hold_all()
    left = conduct.standing.running
    if left.any():  # nothing ended it: as if everybody had been seen
        always = np.full(latents.trials, np.inf)
        conduct.note(Snapshot(always, conduct.standing.enrolled, conduct.population), left)
    return conduct.standing, conduct.ones, conduct.others
