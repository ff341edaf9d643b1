"""What is known of a block of trials once everybody who was in has been followed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from adaptive_cart.models import Posterior
from adaptive_cart.nouns.records import Integers, Snapshot
from adaptive_cart.nouns.summaries import Summary


class AtTheEnd(NamedTuple):
    """What has been seen of all trials of a block once their pipelines have been followed up.

    Attributes
    ----------
    snapshot, primary
        When, and what was seen then of the primary endpoint.
    waiting, final
        Trials that had a pipeline, and their posterior of that, if anybody asks for it.
    """

    snapshot: Snapshot
    primary: Summary
    waiting: Integers
    final: Posterior | None

    def of(self, trials: Integers) -> Posterior | None:
        """What is known of the posterior of some trials, if they all had a pipeline."""
        if self.final is None or not len(trials):
            return None
        places = np.searchsorted(self.waiting, trials)
        if places[-1] >= len(self.waiting) or (self.waiting[places] != trials).any():
            return None
        return self.final.of_trials(places)
